//! Templates that were seen in the chunks of a batch. A log writes the same ones into each of its
//! chunks: they are known again by their bytes, and their plans are made once.

use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use foldhash::fast::RandomState;

use super::plan::{Context, Plan};
use crate::evtx::binxml::{Cursor, Element, Mark, ReadTemplate, Unusual};

/// Templates of one GUID that are told apart; further ones are read in each chunk.
const SAME_GUID_MAX: usize = 8;
/// From the start of a definition: where its GUID stands, and where its elements begin.
const GUID: Range<usize> = 4..20;
const ELEMENTS: usize = 24;

#[derive(Default)]
pub(super) struct Templates {
    list: Vec<Template>,
    by_guid: HashMap<[u8; 16], Vec<usize>, RandomState>,
}

/// A template with its plans.
pub(super) struct Template {
    pub root: Rc<Element>,
    /// Where they are made: by [`Context`].
    pub plans: [Option<Option<Rc<Plan>>>; 3],
    /// Bytes of the pieces, one behind the other.
    bytes: Vec<u8>,
    pieces: Vec<Piece>,
}

/// A part of the bytes of a template.
enum Piece {
    /// They are the same in every chunk.
    Same(Range<usize>),
    /// The size of something, which depends on whether it holds names.
    Size,
    /// A reference to a name, or the name itself where it is first used.
    Name(Range<usize>),
}

impl Templates {
    /// The place of the template that is defined at `definition` of the chunk, if it is known.
    pub fn find(&self, chunk: &[u8], definition: u32) -> Option<usize> {
        let at = definition as usize;
        let known = self.by_guid.get(&guid(chunk, at)?)?;
        let mut known = known.iter().copied();
        known.find(|known| self.list[*known].stands_at(chunk, at).is_ok())
    }

    pub fn get(&mut self, at: usize) -> &mut Template {
        &mut self.list[at]
    }

    /// Keeps a template that was read at `definition`.
    pub fn keep(
        &mut self,
        chunk: &[u8],
        definition: u32,
        read: &ReadTemplate,
        context: Context,
        plan: &Option<Rc<Plan>>,
    ) {
        let at = definition as usize;
        let (Some(guid), Some(end)) = (guid(chunk, at), read.end) else {
            return;
        };
        let known = self.by_guid.entry(guid).or_default();
        if known.len() >= SAME_GUID_MAX {
            return;
        }
        let Some((bytes, pieces)) = pieces(chunk, at + ELEMENTS..end, &read.marks) else {
            return;
        };
        let mut plans = [const { None }; 3];
        plans[context as usize] = Some(plan.clone());
        let root = read.root.clone();
        known.push(self.list.len());
        self.list.push(Template {
            root,
            plans,
            bytes,
            pieces,
        });
    }
}

impl Template {
    /// Fails if another template is defined at `at`.
    fn stands_at(&self, chunk: &[u8], at: usize) -> Result<(), Unusual> {
        let mut cursor = Cursor { bytes: chunk, at };
        cursor.skip(ELEMENTS - 4)?;
        let size = cursor.u32()? as usize;
        let end = cursor.at.checked_add(size).ok_or(Unusual)?;
        if end > chunk.len() {
            return Err(Unusual);
        }
        for piece in &self.pieces {
            let (known, found) = match piece {
                Piece::Size => {
                    cursor.skip(4)?;
                    continue;
                }
                Piece::Same(known) => (known, cursor.take(known.len())?),
                Piece::Name(known) => (known, cursor.name()?),
            };
            if self.bytes[known.clone()] != *found {
                return Err(Unusual);
            }
        }
        if cursor.at > end {
            return Err(Unusual);
        }
        Ok(())
    }
}

fn guid(chunk: &[u8], at: usize) -> Option<[u8; 16]> {
    let definition = chunk.get(at..)?;
    definition.get(GUID)?.try_into().ok()
}

/// The bytes at `place` with what differs between chunks, by the marks that were left there.
fn pieces(chunk: &[u8], place: Range<usize>, marks: &[Mark]) -> Option<(Vec<u8>, Vec<Piece>)> {
    let (mut bytes, mut pieces) = (Vec::new(), Vec::new());
    let mut add = |found: &[u8]| {
        let start = bytes.len();
        bytes.extend_from_slice(found);
        start..bytes.len()
    };
    let mut at = place.start;
    for mark in marks {
        pieces.push(Piece::Same(add(chunk.get(at..mark.place.start)?)));
        pieces.push(match mark.is_name {
            true => {
                let mut cursor = Cursor {
                    bytes: chunk,
                    at: mark.place.start,
                };
                Piece::Name(add(cursor.name().ok()?))
            }
            false => Piece::Size,
        });
        at = mark.place.end;
    }
    pieces.push(Piece::Same(add(chunk.get(at..place.end)?)));
    Some((bytes, pieces))
}
