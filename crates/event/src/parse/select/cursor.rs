//! JSON text piece by piece, without copying. Stricter than it must be: whatever is rare (control
//! characters in strings, halves of surrogate pairs, deep nesting) ends the walk, and the careful
//! reader of `parse/json.rs` takes the document instead.

/// Levels of ignored values that are followed.
const DEPTH_MAX: usize = 32;
/// Longest number, in bytes.
const NUMBER_MAX: usize = 32;

/// The text is not plain enough for this reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unusual;

type Step<T> = Result<T, Unusual>;

/// What a value is, by its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Object,
    Array,
    Scalar,
}

#[derive(Debug)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub fn new(text: &'a str) -> Self {
        Cursor {
            text,
            bytes: text.as_bytes(),
            at: 0,
        }
    }

    /// The next byte that is no blank, not consumed.
    pub fn peek(&mut self) -> Step<u8> {
        loop {
            match self.bytes.get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                Some(&byte) => return Ok(byte),
                None => return Err(Unusual),
            }
        }
    }

    pub fn expect(&mut self, byte: u8) -> Step<()> {
        if self.peek()? != byte {
            return Err(Unusual);
        }
        self.at += 1;
        Ok(())
    }

    /// Whether the next byte is `byte`; consumed if so.
    pub fn take(&mut self, byte: u8) -> Step<bool> {
        let found = self.peek()? == byte;
        self.at += usize::from(found);
        Ok(found)
    }

    /// Nothing but blanks is left.
    pub fn at_end(&mut self) -> bool {
        self.peek().is_err()
    }

    pub fn kind(&mut self) -> Step<Kind> {
        Ok(match self.peek()? {
            b'{' => Kind::Object,
            b'[' => Kind::Array,
            _ => Kind::Scalar,
        })
    }

    /// Steps over `known` if it stands here. A string, object or array ends where its text ends,
    /// so equal text is the whole value.
    pub fn known(&mut self, known: &str) -> Step<bool> {
        self.peek()?;
        let found = !known.is_empty() && self.bytes[self.at..].starts_with(known.as_bytes());
        if found {
            self.at += known.len();
        }
        Ok(found)
    }

    /// Steps over `first` and `second` behind it, if both stand here.
    pub fn known_both(&mut self, first: &str, second: &str) -> bool {
        let rest = self.bytes[self.at..].strip_prefix(first.as_bytes());
        let found = rest.is_some_and(|rest| rest.starts_with(second.as_bytes()));
        if found {
            self.at += first.len() + second.len();
        }
        found
    }

    /// Steps over the key `key` and its colon, written without blanks, if it stands here.
    pub fn known_key(&mut self, key: &[u8]) -> Step<bool> {
        self.peek()?;
        let rest = &self.bytes[self.at..];
        let end = key.len() + 1;
        let found = rest.len() > end + 1
            && rest[0] == b'"'
            && rest[end] == b'"'
            && rest[end + 1] == b':'
            && rest[1..end] == *key;
        if found {
            self.at += end + 2;
        }
        Ok(found)
    }

    /// What was read since `start`, a position that [`Cursor::position`] gave.
    pub fn since(&self, start: usize) -> &'a str {
        &self.text[start..self.at]
    }

    /// Where the next value begins.
    pub fn position(&mut self) -> Step<usize> {
        self.peek()?;
        Ok(self.at)
    }

    /// A key without escapes.
    pub fn key(&mut self) -> Step<&'a [u8]> {
        self.expect(b'"')?;
        let start = self.at;
        let escaped = self.string_body()?;
        let key = &self.bytes[start..self.at - 1];
        if escaped || key.is_empty() || key[0] == b'$' {
            return Err(Unusual);
        }
        self.expect(b':')?;
        Ok(key)
    }

    /// A string, number, `true`, `false` or `null` as it is written.
    pub fn scalar(&mut self) -> Step<&'a str> {
        let first = self.peek()?;
        let start = self.at;
        match first {
            b'"' => {
                self.at += 1;
                self.string_body()?;
            }
            b'-' | b'0'..=b'9' => self.number()?,
            b't' => self.word(b"true")?,
            b'f' => self.word(b"false")?,
            b'n' => self.word(b"null")?,
            _ => return Err(Unusual),
        }
        Ok(&self.text[start..self.at])
    }

    /// An array of scalars as it is written.
    pub fn flat_array(&mut self, items_max: usize) -> Step<&'a str> {
        self.expect(b'[')?;
        let start = self.at - 1;
        if !self.take(b']')? {
            let mut items = 0;
            loop {
                self.scalar()?;
                items += 1;
                if items > items_max {
                    return Err(Unusual);
                }
                if !self.take(b',')? {
                    self.expect(b']')?;
                    break;
                }
            }
        }
        Ok(&self.text[start..self.at])
    }

    /// Steps over any value.
    pub fn skip(&mut self, depth: usize) -> Step<()> {
        if depth > DEPTH_MAX {
            return Err(Unusual);
        }
        match self.kind()? {
            Kind::Scalar => {
                self.scalar()?;
            }
            Kind::Object => {
                self.at += 1;
                if self.take(b'}')? {
                    return Ok(());
                }
                loop {
                    self.key()?;
                    self.skip(depth + 1)?;
                    if !self.take(b',')? {
                        return self.expect(b'}');
                    }
                }
            }
            Kind::Array => {
                self.at += 1;
                if self.take(b']')? {
                    return Ok(());
                }
                loop {
                    self.skip(depth + 1)?;
                    if !self.take(b',')? {
                        return self.expect(b']');
                    }
                }
            }
        }
        Ok(())
    }

    /// From behind the opening quote to behind the closing one; whether there was an escape.
    fn string_body(&mut self) -> Step<bool> {
        let mut escaped = false;
        loop {
            self.at += plain_bytes(&self.bytes[self.at..]);
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(escaped);
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                _ => return Err(Unusual),
            }
        }
    }

    fn escape(&mut self) -> Step<()> {
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let digits = self.bytes.get(self.at + 2..self.at + 6).ok_or(Unusual)?;
                let hex = digits.iter().all(u8::is_ascii_hexdigit);
                let surrogate = matches!(digits[0], b'd' | b'D') && digits[1] > b'7';
                if !hex || surrogate {
                    return Err(Unusual);
                }
                self.at += 6;
            }
            _ => return Err(Unusual),
        }
        Ok(())
    }

    fn number(&mut self) -> Step<()> {
        let start = self.at;
        let mut rest = self.bytes[self.at..].iter().copied();
        let mut byte = rest.next();
        if byte == Some(b'-') {
            byte = rest.next();
        }
        let digits = |byte: &mut Option<u8>, rest: &mut dyn Iterator<Item = u8>| {
            let mut count = 0;
            while byte.is_some_and(|byte| byte.is_ascii_digit()) {
                *byte = rest.next();
                count += 1;
            }
            count
        };
        let leading_zero = byte == Some(b'0');
        let whole = digits(&mut byte, &mut rest);
        if whole == 0 || (leading_zero && whole > 1) {
            return Err(Unusual);
        }
        if byte == Some(b'.') {
            byte = rest.next();
            if digits(&mut byte, &mut rest) == 0 {
                return Err(Unusual);
            }
        }
        // An exponent may be beyond what a float holds.
        if matches!(byte, Some(b'e' | b'E')) {
            return Err(Unusual);
        }
        self.at = self.bytes.len() - rest.len() - usize::from(byte.is_some());
        if self.at - start > NUMBER_MAX {
            return Err(Unusual);
        }
        Ok(())
    }

    fn word(&mut self, word: &[u8]) -> Step<()> {
        if !self.bytes[self.at..].starts_with(word) {
            return Err(Unusual);
        }
        self.at += word.len();
        Ok(())
    }
}

/// Bytes before the first quote, backslash or control character, sixteen at a time.
#[inline]
fn plain_bytes(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<16>()) {
        // Written so that the compiler compares all sixteen at once.
        let ends = chunk.map(|byte| match is_plain(byte) {
            true => 0,
            false => u8::MAX,
        });
        let found = u128::from_le_bytes(ends);
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 16;
    }
    let rest = &bytes[at..];
    let end = rest.iter().position(|byte| !is_plain(*byte));
    at + end.unwrap_or(rest.len())
}

fn is_plain(byte: u8) -> bool {
    (byte != b'"') & (byte != b'\\') & (byte >= 0x20)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn skipped(text: &str) -> bool {
        let mut cursor = Cursor::new(text);
        cursor.skip(0).is_ok() && cursor.at_end()
    }

    proptest! {
        /// What this reader takes, the careful one takes.
        #[test]
        fn only_json_is_taken(text in r#"[\[\]{}:,"a\\u0019dD8.e\n tf-]{0,16}"#) {
            if skipped(&text) {
                prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
            }
        }

        #[test]
        fn plain_json_is_taken(text in "[a-zA-Z0-9 \\\\\"/\n\u{400}-\u{420}]{0,40}", number: i64, float in -1e6f64..1e6) {
            let value = serde_json::json!({"a": [text, number, null], "b": {"c": float, "d": true}});
            prop_assert!(skipped(&value.to_string()));
        }

        #[test]
        fn plain_bytes_end_where_they_should(bytes in prop::collection::vec(prop_oneof![Just(b'a'), Just(0x80u8), any::<u8>()], 0..40)) {
            let end = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
            prop_assert_eq!(plain_bytes(&bytes), end.unwrap_or(bytes.len()));
        }
    }
}
