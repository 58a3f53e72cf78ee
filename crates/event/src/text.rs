use std::borrow::{Borrow, Cow};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

/// The text of a [`Value`](crate::Value).
///
/// In a batch it is a part of the one buffer that holds all texts of its column: nothing is
/// allocated for it, and reading a column reads memory in order. A clone has its own memory, so
/// that what is taken out of a batch does not keep the batch.
pub struct Text(Repr);

enum Repr {
    Own(Box<str>),
    Part {
        buffer: Arc<String>,
        start: u32,
        end: u32,
    },
    /// A part of a buffer that is still being written; see [`Texts`].
    Promised {
        start: u32,
        end: u32,
    },
}

impl Deref for Text {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        match &self.0 {
            Repr::Own(text) => text,
            Repr::Part { buffer, start, end } => &buffer[*start as usize..*end as usize],
            Repr::Promised { .. } => unreachable!("a promised text stays in its builder"),
        }
    }
}

impl Clone for Text {
    fn clone(&self) -> Self {
        Text::from(&**self)
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Text {}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, out)
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        self
    }
}

impl Borrow<str> for Text {
    fn borrow(&self) -> &str {
        self
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Text(Repr::Own(text.into()))
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        match text.0 {
            Repr::Own(text) => text.into(),
            _ => (*text).to_owned(),
        }
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Text(Repr::Own(text.into()))
    }
}

/// A longer text has its own memory: copying it costs more than an allocation, and a buffer of
/// such texts would double its size in large steps.
const SHARED_BYTES_MAX: usize = 512;

/// The texts of a column under construction.
#[derive(Default)]
pub(crate) struct Texts {
    buffer: String,
}

impl Texts {
    /// Adds a text. What is returned can be read by [`Texts::get`] only, until it has
    /// its [`place`].
    pub fn push(&mut self, text: Cow<'_, str>) -> Text {
        let start = self.buffer.len();
        let (Ok(first), Ok(last)) = (u32::try_from(start), u32::try_from(start + text.len()))
        else {
            return Text::from(text.into_owned());
        };
        if text.len() > SHARED_BYTES_MAX {
            return Text::from(text.into_owned());
        }
        self.buffer.push_str(&text);
        Text(Repr::Promised {
            start: first,
            end: last,
        })
    }

    pub fn get<'a>(&'a self, text: &'a Text) -> &'a str {
        match text.0 {
            Repr::Promised { start, end } => &self.buffer[start as usize..end as usize],
            _ => text,
        }
    }

    /// No more texts are pushed; [`place`] gives them the buffer.
    pub fn finish(self) -> Arc<String> {
        Arc::new(self.buffer)
    }
}

/// Gives a text that was pushed to the buffer its place there; `false` for any other text.
pub(crate) fn place(text: &mut Text, buffer: &Arc<String>) -> bool {
    let Repr::Promised { start, end } = text.0 else {
        return false;
    };
    let buffer = buffer.clone();
    text.0 = Repr::Part { buffer, start, end };
    true
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn texts_come_back_whatever_their_length() {
        let long = "ұ".repeat(SHARED_BYTES_MAX);
        let given = ["", "сақшы", &long, "a"];
        let mut texts = Texts::default();
        let mut pushed = given.map(|text| texts.push(text.into()));
        for (text, given) in pushed.iter().zip(given) {
            assert_eq!(texts.get(text), given);
        }
        let buffer = texts.finish();
        let placed = pushed.each_mut().map(|text| place(text, &buffer));
        assert_eq!(placed, [true, true, false, true]);
        assert_eq!(*buffer, "сақшыa");
        let cloned = pushed.clone();
        for (text, given) in pushed.iter().chain(&cloned).zip(given.iter().cycle()) {
            assert_eq!(&**text, *given);
        }
        assert_eq!(size_of::<Text>(), 24);
        assert_eq!(size_of::<crate::Value>(), 24);
    }

    #[test]
    fn where_a_text_stands_does_not_show() {
        let mut texts = Texts::default();
        let mut pushed = ["a", "сақшы", "a"].map(|text| texts.push(text.into()));
        let buffer = texts.finish();
        for text in &mut pushed {
            place(text, &buffer);
        }
        let [part, other, again] = pushed;
        let own = Text::from("a");
        assert!(part == own && part == again && part != other);
        let seen: HashSet<Text> = [part, own, again, other].into();
        assert_eq!(seen.len(), 2);
        assert!(seen.contains("a") && seen.contains("сақшы"));
    }
}
