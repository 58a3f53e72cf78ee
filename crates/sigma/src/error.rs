use std::path::PathBuf;

/// Why a document was refused: where it stands and what is wrong.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{}:{line}: {reason}", file.display())]
pub struct RuleError {
    /// The file the document came from, as the caller named it.
    pub file: PathBuf,
    /// Line in the file, counted from 1.
    pub line: usize,
    /// Title of the rule, where it could be read.
    pub title: Option<String>,
    pub reason: Box<Reason>,
}

/// What is wrong with a document.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Reason {
    #[error("not YAML: {0}")]
    Yaml(String),
    #[error("key `{0}` occurs twice in one mapping")]
    DuplicateKey(String),
    #[error("{what} exceeds the limit of {limit}")]
    TooLarge { what: &'static str, limit: usize },
    #[error("`{0}` is missing")]
    Missing(&'static str),
    #[error("`{key}` must be {expected}")]
    WrongType { key: String, expected: &'static str },
    #[error("unknown {key} `{}`", cut(value))]
    UnknownWord { key: &'static str, value: String },
    #[error("unknown modifier `{modifier}` on field `{field}`")]
    UnknownModifier { field: String, modifier: String },
    #[error("modifier `{modifier}` on field `{field}`: {}", cut(problem))]
    Modifier {
        field: String,
        modifier: String,
        problem: String,
    },
    #[error(
        "regular expression `{}` on field `{field}`: {}",
        cut(pattern),
        cut(problem)
    )]
    Regex {
        field: String,
        pattern: String,
        problem: String,
    },
    #[error("condition `{}`: {}", cut(condition), cut(problem))]
    Condition { condition: String, problem: String },
    /// A correlation whose rules cannot be found, or that refers to itself.
    #[error("{0}")]
    Reference(String),
    /// A processing pipeline refused the rule.
    #[error("processing pipeline: {0}")]
    Pipeline(String),
    #[error("{0}")]
    Unsupported(String),
}

/// The text, or its first 200 characters: a message quotes what is wrong and not a whole file.
fn cut(text: &str) -> std::borrow::Cow<'_, str> {
    match text.char_indices().nth(200) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

/// A [`Reason`] with its line, on the way to becoming a [`RuleError`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Flaw {
    pub line: usize,
    pub reason: Reason,
}

impl Flaw {
    pub fn new(line: usize, reason: Reason) -> Self {
        Flaw { line, reason }
    }

    pub fn too_large(line: usize, what: &'static str, limit: usize) -> Self {
        Flaw::new(line, Reason::TooLarge { what, limit })
    }
}
