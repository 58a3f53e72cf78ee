//! The columns of a batch, and what became of a binary value before: equal ones are read once.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};

use foldhash::fast::RandomState;

use crate::evtx::binxml::Unusual;
use crate::evtx::value;
use crate::parse::AsIs;
use crate::windows::{integer, tidy};
use crate::{ABSENT, BatchBuilder, Given};

/// After this many values a column in which nine of ten are new stops remembering.
const TRIAL: u32 = 128;

/// How the value of a field is made of the text of a part of the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// Windows data: text, tidied.
    Data,
    /// A whole number other than zero, in decimal or hexadecimal.
    Number,
    /// Text, if there is any.
    Text,
    /// The same, without blanks around it.
    Trimmed,
    /// The same, tidied.
    Tidy,
}

/// A binary value as it stands in the chunk: its type and its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Raw<'c> {
    pub kind: u8,
    pub bytes: &'c [u8],
}

/// A column that is wanted.
struct Target<'c> {
    column: usize,
    how: How,
    /// The last value and its key.
    last: Option<(Raw<'c>, u32)>,
    asked: u32,
    new: u32,
}

/// A value that a column was set from.
struct Known<'c> {
    raw: Raw<'c>,
    target: u32,
    key: u32,
}

/// The columns of one batch that are set from single values.
#[derive(Default)]
pub(super) struct Targets<'c> {
    list: Vec<Target<'c>>,
    /// By the hash of all that is in it but the key, for all columns.
    known: HashMap<u64, Known<'c>, BuildHasherDefault<AsIs>>,
    hasher: RandomState,
    text: String,
}

impl<'c> Targets<'c> {
    /// A target for `column`. A column has one target only.
    pub fn add(&mut self, column: usize, how: How) -> u32 {
        self.list.push(Target {
            column,
            how,
            last: None,
            asked: 0,
            new: 0,
        });
        (self.list.len() - 1) as u32
    }

    /// Sets the column from a value of the record. A column that is set already needs more care.
    pub fn put(
        &mut self,
        out: &mut BatchBuilder,
        target: u32,
        raw: Raw<'c>,
    ) -> Result<(), Unusual> {
        let Target { column, last, .. } = self.list[target as usize];
        let key = match last {
            Some((last, key)) if last == raw => key,
            _ => self.key(out, target, raw)?,
        };
        set(out, column, key)
    }

    /// Sets the column to what [`Targets::constant`] gave.
    pub fn put_key(&self, out: &mut BatchBuilder, target: u32, key: u32) -> Result<(), Unusual> {
        set(out, self.list[target as usize].column, key)
    }

    /// The key of a text that stands in a template.
    pub fn constant(&mut self, out: &mut BatchBuilder, target: u32, text: &str) -> u32 {
        let Target { column, how, .. } = self.list[target as usize];
        made(how, text).map_or(ABSENT, |value| out.intern(column, value))
    }

    fn key(&mut self, out: &mut BatchBuilder, target: u32, raw: Raw<'c>) -> Result<u32, Unusual> {
        let it = &mut self.list[target as usize];
        it.asked += 1;
        let remembers = it.new <= TRIAL || u64::from(it.new) * 10 <= u64::from(it.asked) * 9;
        let mut hasher = self.hasher.build_hasher();
        if remembers {
            hasher.write(raw.bytes);
            hasher.write_u64(u64::from(target) << 8 | u64::from(raw.kind));
            if let Some(known) = self.known.get(&hasher.finish())
                && known.raw == raw
                && known.target == target
            {
                it.last = Some((raw, known.key));
                return Ok(known.key);
            }
        }
        it.new += 1;
        self.text.clear();
        value::write(&mut self.text, raw.kind, raw.bytes)?;
        let key = made(it.how, &self.text).map_or(ABSENT, |value| out.push_value(it.column, value));
        it.last = Some((raw, key));
        if remembers {
            let known = Known { raw, target, key };
            self.known.insert(hasher.finish(), known);
        }
        Ok(key)
    }
}

fn set(out: &mut BatchBuilder, column: usize, key: u32) -> Result<(), Unusual> {
    if out.is_set(column) {
        return Err(Unusual);
    }
    if key != ABSENT {
        out.put_key(column, key);
    }
    Ok(())
}

/// The value that a text stands for; `None` if it says nothing.
fn made(how: How, text: &str) -> Option<Given<'_>> {
    match how {
        How::Data => Some(tidy(text).into()),
        How::Number => integer(text).filter(|number| *number != 0).map(Given::from),
        How::Text => filled(text).map(Given::from),
        How::Trimmed => filled(text.trim()).map(Given::from),
        How::Tidy => {
            let text = tidy(text);
            (!text.is_empty()).then(|| text.into())
        }
    }
}

fn filled(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}
