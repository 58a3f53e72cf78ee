//! Steps that change values.

use std::collections::BTreeMap;

use regex::Regex;

use crate::detection::{Item, Test};
use crate::glob::{DASHES, Glob, Part};
use crate::matcher::{Flags, Matcher, Number, Op, Pattern};

use super::condition::plain;
use super::{Line, Tree};

/// Most values that one value may become.
const FORMS_MAX: usize = 10_000;
/// Most values of one line after a step.
const LINE_VALUES_MAX: usize = 50_000;

#[derive(Debug, Clone)]
pub(super) enum ValueStep {
    Replace {
        regex: Regex,
        /// In the syntax of the regex library.
        replacement: String,
        skip_special: bool,
        interpret_special: bool,
    },
    Map(BTreeMap<String, Vec<String>>),
    /// The matchers of the new value.
    Set(Test),
    ToText,
    ToNumber,
    Case(Case),
    Regex(Method),
    Placeholders {
        names: Names,
        filler: Filler,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    Lower,
    Upper,
    Snake,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Plain,
    IgnoreCaseFlag,
    IgnoreCaseBrackets,
}

/// Which placeholders a step is about.
#[derive(Debug, Clone)]
pub(super) enum Names {
    All,
    Only(Vec<String>),
    Except(Vec<String>),
}

impl Names {
    fn hold(&self, name: &String) -> bool {
        match self {
            Names::All => true,
            Names::Only(names) => names.contains(name),
            Names::Except(names) => !names.contains(name),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filler {
    /// The values of the variable of the same name.
    Values,
    /// `*`.
    Wildcard,
}

impl ValueStep {
    pub fn apply(
        &self,
        item: &mut Item,
        vars: &BTreeMap<String, Vec<String>>,
    ) -> Result<(), String> {
        if let ValueStep::Set(test) = self {
            item.values = vec![test.clone()];
            return Ok(());
        }
        let mut made = 0;
        for test in &mut item.values {
            let mut changed = Vec::with_capacity(test.any_of.len());
            for matcher in std::mem::take(&mut test.any_of) {
                self.one(matcher, vars, &mut changed)?;
                if changed.len() > FORMS_MAX {
                    return Err(format!("a value becomes more than {FORMS_MAX} values"));
                }
            }
            made += changed.len();
            if made > LINE_VALUES_MAX {
                let key = &item.key;
                return Err(format!("`{key}` has more than {LINE_VALUES_MAX} values"));
            }
            test.any_of = changed;
        }
        Ok(())
    }

    fn one(
        &self,
        matcher: Matcher,
        vars: &BTreeMap<String, Vec<String>>,
        out: &mut Vec<Matcher>,
    ) -> Result<(), String> {
        let (glob, cased) = match &matcher {
            Matcher::Text { glob, cased } => (glob, *cased),
            Matcher::Compare {
                part: None,
                op: Op::Equal,
                number,
            } if matches!(self, ValueStep::ToText) => {
                out.push(text(Glob::literal(number.to_string()), false));
                return Ok(());
            }
            _ => {
                out.push(matcher);
                return Ok(());
            }
        };
        match self {
            ValueStep::Replace {
                regex,
                replacement,
                skip_special,
                interpret_special,
            } => {
                let dashes = glob.parts().contains(&Part::Dash);
                let new = if *skip_special || dashes {
                    replace_parts(glob, regex, replacement, *interpret_special)
                } else {
                    let old = plain(glob);
                    let new = regex.replace_all(&old, replacement.as_str());
                    placeholders_of(Glob::parse(&escape_backslashes(&new)), glob)
                };
                out.push(text(new, cased));
            }
            ValueStep::Map(mapping) => match mapping.get(&plain(glob)) {
                Some(new) => out.extend(new.iter().map(|new| text(Glob::parse(new), cased))),
                None => out.push(matcher),
            },
            ValueStep::ToNumber => {
                let number = glob.as_literal().and_then(Number::parse);
                let number =
                    number.ok_or_else(|| format!("value `{}` is not a number", plain(glob)))?;
                out.push(Matcher::Compare {
                    part: None,
                    op: Op::Equal,
                    number,
                });
            }
            ValueStep::Case(case) => {
                let change = |text: &str| Ok::<_, String>(case.of(text));
                out.push(text(glob.clone().map_text(change)?, cased));
            }
            ValueStep::Regex(method) if !glob.parts().is_empty() => {
                out.push(Matcher::Regex(method.pattern(glob)?));
            }
            ValueStep::Placeholders { names, filler } => {
                for glob in fill(glob, names, *filler, vars)? {
                    out.push(text(glob, cased));
                }
            }
            ValueStep::Regex(_) | ValueStep::Set(_) | ValueStep::ToText => out.push(matcher),
        }
        Ok(())
    }
}

fn text(glob: Glob, cased: bool) -> Matcher {
    Matcher::Text { glob, cased }
}

fn replace_parts(glob: &Glob, regex: &Regex, replacement: &str, interpret: bool) -> Glob {
    let mut new = Glob::default();
    for part in glob.parts() {
        match part {
            Part::Text(text) => {
                let text = regex.replace_all(text, replacement).into_owned();
                match interpret {
                    true => {
                        let parsed = Glob::parse(&escape_backslashes(&text));
                        parsed.parts().iter().for_each(|it| new.push(it.clone()));
                    }
                    false => new.push(Part::Text(text)),
                }
            }
            other => new.push(other.clone()),
        }
    }
    new
}

/// A backslash that escapes no wildcard stands for itself.
fn escape_backslashes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        out.push(c);
        if c == '\\' && !matches!(chars.peek(), Some('*' | '?')) {
            out.push('\\');
        }
    }
    out
}

/// The placeholders of `old` where `new` still has their names.
fn placeholders_of(new: Glob, old: &Glob) -> Glob {
    let names: Vec<&String> = old
        .parts()
        .iter()
        .filter_map(|part| match part {
            Part::Placeholder(name) => Some(name),
            _ => None,
        })
        .collect();
    if names.is_empty() {
        return new;
    }
    let mut out = Glob::default();
    for part in new.parts() {
        let Part::Text(text) = part else {
            out.push(part.clone());
            continue;
        };
        let mut rest = text.as_str();
        while let Some((at, name)) = names
            .iter()
            .filter_map(|name| Some((rest.find(&format!("%{name}%"))?, *name)))
            .min()
        {
            out.push(Part::Text(rest[..at].to_owned()));
            out.push(Part::Placeholder(name.clone()));
            rest = &rest[at + name.len() + 2..];
        }
        out.push(Part::Text(rest.to_owned()));
    }
    out
}

impl Case {
    fn of(self, text: &str) -> String {
        match self {
            Case::Lower => text.to_lowercase(),
            Case::Upper => text.to_uppercase(),
            Case::Snake => {
                let mut out = String::with_capacity(text.len() + 8);
                let mut before: Option<char> = None;
                for c in text.chars() {
                    let starts = c.is_uppercase()
                        && before.is_some_and(|it| it.is_lowercase() || it.is_ascii_digit());
                    if starts {
                        out.push('_');
                    }
                    out.extend(c.to_lowercase());
                    before = Some(c);
                }
                out
            }
        }
    }
}

impl Method {
    /// An expression that the whole text must meet, as the value had to.
    fn pattern(self, glob: &Glob) -> Result<Pattern, String> {
        let mut source = String::from(r"\A(?:");
        for part in glob.parts() {
            match part {
                Part::Text(text) if self == Method::IgnoreCaseBrackets => {
                    for c in text.chars() {
                        let (lower, upper) = (c.to_lowercase(), c.to_uppercase());
                        match c.is_alphabetic() {
                            true => source.push_str(&format!("[{lower}{upper}]")),
                            false => source.push_str(&regex::escape(&c.to_string())),
                        }
                    }
                }
                Part::Text(text) => source.push_str(&regex::escape(text)),
                Part::Any => source.push_str(".*"),
                Part::One => source.push('.'),
                Part::Dash => {
                    let dashes: Vec<String> = DASHES
                        .iter()
                        .map(|it| regex::escape(&it.to_string()))
                        .collect();
                    source.push_str(&format!("(?:{})", dashes.join("|")));
                }
                Part::Placeholder(name) => {
                    return Err(format!(
                        "placeholder `%{name}%` cannot become a regular expression; fill it first"
                    ));
                }
            }
        }
        source.push_str(r")\z");
        Pattern::new(
            source,
            Flags {
                insensitive: self == Method::IgnoreCaseFlag,
                multi_line: false,
                dot_all: true,
            },
        )
    }
}

/// The value with every combination of what its placeholders stand for.
fn fill(
    glob: &Glob,
    names: &Names,
    filler: Filler,
    vars: &BTreeMap<String, Vec<String>>,
) -> Result<Vec<Glob>, String> {
    let mut forms = vec![Glob::default()];
    for part in glob.parts() {
        let name = match part {
            Part::Placeholder(name) if names.hold(name) => name,
            other => {
                forms.iter_mut().for_each(|form| form.push(other.clone()));
                continue;
            }
        };
        if filler == Filler::Wildcard {
            forms.iter_mut().for_each(|form| form.push(Part::Any));
            continue;
        }
        let values = vars
            .get(name)
            .ok_or_else(|| format!("the pipeline has no variable `{name}` for `%{name}%`"))?;
        if forms.len().saturating_mul(values.len()) > FORMS_MAX {
            return Err(format!(
                "placeholder `%{name}%` gives more than {FORMS_MAX} values"
            ));
        }
        let values: Vec<Glob> = values.iter().map(|value| Glob::parse(value)).collect();
        forms = forms
            .iter()
            .flat_map(|form| {
                values.iter().map(|value| {
                    let mut form = form.clone();
                    let parts = value.parts().iter();
                    parts.for_each(|part| form.push(part.clone()));
                    form
                })
            })
            .collect();
    }
    Ok(forms)
}

/// `Hashes: [MD5=…, SHA1=…]` as a line for each kind of hash, any of which must hold.
pub(super) fn hashes(
    line: &Line,
    algorithms: &[String],
    prefix: &str,
    drop_algorithm: bool,
) -> Result<Tree, String> {
    let mut fields: BTreeMap<String, Vec<Test>> = BTreeMap::new();
    for test in &line.item.values {
        for matcher in &test.any_of {
            let Matcher::Text { glob, cased } = matcher else {
                return Ok(Tree::Item(line.clone()));
            };
            let plain = plain(glob);
            let separator = if plain.contains('|') { '|' } else { '=' };
            let (algorithm, value) = match plain.split_once(separator) {
                Some((algorithm, value)) if !value.contains(separator) => {
                    let name = algorithm.trim_start_matches('*').to_uppercase();
                    (name, value.to_owned())
                }
                _ => {
                    let name = match plain.len() {
                        32 => "MD5",
                        40 => "SHA1",
                        64 => "SHA256",
                        128 => "SHA512",
                        _ => "",
                    };
                    (name.to_owned(), plain.clone())
                }
            };
            if !algorithms.contains(&algorithm) {
                continue;
            }
            let field = match drop_algorithm {
                true => prefix.to_owned(),
                false => format!("{prefix}{algorithm}"),
            };
            fields.entry(field).or_default().push(Test {
                written: test.written.clone(),
                any_of: vec![text(Glob::parse(&value), *cased)],
            });
        }
    }
    if fields.is_empty() {
        return Err(format!(
            "no hash of {} in `{}`",
            algorithms.join(", "),
            line.item.key
        ));
    }
    let lines = fields.into_iter().map(|(field, values)| {
        let mut line = line.clone();
        line.item.field = Some(field);
        line.item.all = false;
        line.item.values = values;
        Tree::Item(line)
    });
    let lines: Vec<Tree> = lines.collect();
    Ok(match line.item.negated {
        true => Tree::All(lines),
        false => Tree::Any(lines),
    })
}
