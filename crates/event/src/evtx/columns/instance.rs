//! Instances of templates: their values, and whether these are sound.

use std::ops::Range;

use super::plan::Plan;
use super::system::Optional;
use super::values::Raw;
use crate::evtx::binxml::{self, Cursor, Unusual, Values};
use crate::evtx::value::{self, ARRAY, BIN_XML, NULL, STRING, STRING_ARRAY};

/// A text without anything in it.
pub(super) const EMPTY: Raw<'static> = Raw {
    kind: STRING,
    bytes: &[],
};

/// Reads the values of a document that is an instance of one template; where that is defined.
pub(super) fn document(
    chunk: &[u8],
    place: Range<usize>,
    values: &mut Values,
) -> Result<u32, Unusual> {
    if place.end > chunk.len() {
        return Err(Unusual);
    }
    let mut cursor = Cursor {
        bytes: chunk,
        at: place.start,
    };
    let mut definition = None;
    while cursor.at < place.end {
        match cursor.u8()? {
            0x00 => break,
            0x0f => cursor.skip(3)?,
            0x0c if definition.is_none() => {
                definition = Some(binxml::instance(&mut cursor, values)?);
            }
            _ => return Err(Unusual),
        }
    }
    definition.ok_or(Unusual)
}

/// Whether the plain way reads all these values as well.
pub(super) fn check(chunk: &[u8], plan: &Plan, values: &Values) -> Result<(), Unusual> {
    if values.len() < plan.values {
        return Err(Unusual);
    }
    for (slot, (kind, place)) in values.iter().enumerate() {
        let bytes = &chunk[place.start as usize..place.end as usize];
        let sound = match *kind {
            STRING | NULL => true,
            BIN_XML => plan.embedded.is_some_and(|(it, _)| usize::from(it) == slot),
            STRING_ARRAY => {
                let units = bytes.as_chunks::<2>();
                let slot = u16::try_from(slot);
                slot.is_ok_and(|slot| plan.lists.binary_search(&slot).is_ok())
                    && units.1.is_empty()
                    && units.0.last().is_none_or(|unit| *unit == [0, 0])
            }
            kind => kind & ARRAY == 0 && value::is_sound(kind, bytes),
        };
        if !sound {
            return Err(Unusual);
        }
    }
    Ok(())
}

/// The texts of a list, each of which ends with NUL.
pub(super) fn items(bytes: &[u8]) -> impl Iterator<Item = Raw<'_>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let mut units = rest.as_chunks::<2>().0.iter();
        let end = 2 * units.position(|unit| *unit == [0, 0])?;
        let item = Raw {
            kind: STRING,
            bytes: &rest[..end],
        };
        rest = &rest[end + 2..];
        Some(item)
    })
}

pub(super) fn kind_of(values: &Values, slot: u16) -> u8 {
    values
        .get(usize::from(slot))
        .map_or(NULL, |(kind, _)| *kind)
}

/// Whether a value without which something is not there is missing.
pub(super) fn is_null(values: &Values, slot: Option<u16>) -> bool {
    slot.is_some_and(|slot| kind_of(values, slot) == NULL)
}

pub(super) fn raw<'c>(chunk: &'c [u8], values: &Values, slot: u16) -> Result<Raw<'c>, Unusual> {
    let (kind, place) = values.get(usize::from(slot)).ok_or(Unusual)?;
    Ok(Raw {
        kind: *kind,
        bytes: &chunk[place.start as usize..place.end as usize],
    })
}

pub(super) fn taken<'c>(
    chunk: &'c [u8],
    part: Option<Optional>,
    values: &Values,
) -> Result<Option<Raw<'c>>, Unusual> {
    match part {
        Some(part) if !is_null(values, part.dependency) => raw(chunk, values, part.slot).map(Some),
        _ => Ok(None),
    }
}
