//! The places of a document, one after the other.

use std::collections::HashMap;

use super::cursor::{Cursor, Kind, Unusual};
use super::shape::{DATA, How, Shape, UTC_TIME};
use super::{NONE, Node, Selector, Use};
use crate::{ABSENT, BatchBuilder};

/// Levels of objects that are followed.
const DEPTH_MAX: usize = 16;
/// Bytes of a field's name.
const NAME_BYTES_MAX: usize = 400;
/// Distinct places in the documents of one batch.
const NODES_MAX: usize = 10_000;
/// Up to so many places, objects are followed in which nothing is wanted.
const FOLLOWED_MAX: usize = 500;

/// How often a value that nobody wants is seen to be the same before it is taken as text between
/// two others.
pub(super) const STEADY: u8 = 16;

impl<'a> Selector<'a> {
    /// Steps from the end of the value at `place` to the next value and gives its place; [`NONE`]
    /// at the end of the document. What stands between two values follows from their places, so
    /// it is compared in one piece with what stood there last time.
    pub(super) fn next(
        &mut self,
        out: &mut BatchBuilder,
        shape: Shape,
        cursor: &mut Cursor<'a>,
        place: u32,
    ) -> Result<u32, Unusual> {
        let Node {
            parent, glue, to, ..
        } = self.nodes[place as usize];
        let start = cursor.position()?;
        if cursor.known(glue)? {
            return Ok(self.leap(cursor, place, start, to));
        }
        let next = match parent {
            NONE => self.next_below(out, shape, cursor, place)?,
            parent => self.next_in(out, shape, cursor, parent, place)?,
        };
        let node = &mut self.nodes[place as usize];
        (node.glue, node.to) = (cursor.since(start), next);
        Ok(next)
    }

    /// Goes on from `to`, to which the text since `start` led from `place`, if nobody wants the
    /// value there and it is always the same: next time it is compared together with what stands
    /// before it.
    fn leap(&mut self, cursor: &mut Cursor<'a>, place: u32, start: usize, to: u32) -> u32 {
        let Some(skipped) = self.nodes.get(to as usize) else {
            return to;
        };
        let steady = skipped.steady == STEADY && !skipped.glue.is_empty();
        if !steady || !cursor.known_both(skipped.last, skipped.glue) {
            return to;
        }
        let to = skipped.to;
        let node = &mut self.nodes[place as usize];
        (node.glue, node.to) = (cursor.since(start), to);
        to
    }

    /// Steps into the object at `place`.
    pub(super) fn next_below(
        &mut self,
        out: &mut BatchBuilder,
        shape: Shape,
        cursor: &mut Cursor<'a>,
        place: u32,
    ) -> Result<u32, Unusual> {
        cursor.expect(b'{')?;
        self.next_in(out, shape, cursor, place, NONE)
    }

    /// Steps on in the object at `parent` from behind the value at `before`, or from its brace.
    fn next_in(
        &mut self,
        out: &mut BatchBuilder,
        shape: Shape,
        cursor: &mut Cursor<'a>,
        mut parent: u32,
        mut before: u32,
    ) -> Result<u32, Unusual> {
        loop {
            let ends = match before {
                NONE => cursor.take(b'}')?,
                _ if cursor.take(b',')? => false,
                _ => cursor.expect(b'}').map(|()| true)?,
            };
            if ends {
                before = parent;
                parent = self.nodes[parent as usize].parent;
                if parent == NONE {
                    return Ok(NONE);
                }
                continue;
            }
            let child = self.child(out, shape, cursor, parent, before)?;
            let node = &self.nodes[child as usize];
            if node.foreign {
                return Err(Unusual);
            }
            if !(cursor.kind()? == Kind::Object && node.open) {
                return Ok(child);
            }
            cursor.expect(b'{')?;
            (parent, before) = (child, NONE);
        }
    }

    /// The place of the next key below `parent`, where it most likely is or by its name. The key
    /// and its colon are consumed.
    fn child(
        &mut self,
        out: &mut BatchBuilder,
        shape: Shape,
        cursor: &mut Cursor<'a>,
        parent: u32,
        before: u32,
    ) -> Result<u32, Unusual> {
        let guess = match before {
            NONE => self.nodes[parent as usize].first,
            before => self.nodes[before as usize].after,
        };
        if guess != NONE && cursor.known_key(self.nodes[guess as usize].key)? {
            return Ok(guess);
        }
        let key = cursor.key()?;
        let child = match self.nodes[parent as usize].children.get(key) {
            Some(&child) => child,
            None => self.grow(out, shape, parent, key)?,
        };
        match before {
            NONE => self.nodes[parent as usize].first = child,
            before => self.nodes[before as usize].after = child,
        }
        Ok(child)
    }

    fn grow(
        &mut self,
        out: &mut BatchBuilder,
        shape: Shape,
        parent: u32,
        key: &'a [u8],
    ) -> Result<u32, Unusual> {
        let text = std::str::from_utf8(key).map_err(|_| Unusual)?;
        let Node { name, depth, .. } = &self.nodes[parent as usize];
        let (above, depth) = (name, depth + 1);
        if self.nodes.len() >= NODES_MAX
            || above.len() + key.len() > NAME_BYTES_MAX
            || depth > DEPTH_MAX
        {
            return Err(Unusual);
        }
        let name = match above.as_str() {
            "" => text.to_owned(),
            above => format!("{above}.{text}"),
        };
        let value = self.purpose(out, shape, &name);
        // What is not wanted is followed, too, while there are few places: most of it is known.
        let leads = self.leads(shape, &format!("{name}."));
        let open = leads || self.nodes.len() < FOLLOWED_MAX;
        let foreign = shape == Shape::Flat
            && (matches!(&*name, "winlog.event_id" | "winlog.channel")
                || name.starts_with("Event.System."));
        let child = self.nodes.len() as u32;
        self.nodes.push(Node {
            key,
            name,
            children: HashMap::default(),
            parent,
            depth,
            after: NONE,
            first: NONE,
            glue: "",
            to: NONE,
            value,
            last: "",
            last_key: ABSENT,
            steady: 0,
            leads,
            open,
            foreign,
        });
        self.nodes[parent as usize].children.insert(key, child);
        Ok(child)
    }

    fn purpose(&mut self, out: &mut BatchBuilder, shape: Shape, name: &str) -> Use {
        let names = shape.names();
        let kept = names.kept().into_iter().flatten();
        let slot = kept
            .zip(0u8..)
            .find_map(|(known, slot)| (*known == name).then_some(slot));
        let dropped = names.dropped.contains(&name);
        if dropped || (slot.is_some() && name != UTC_TIME) {
            return Use { slot, column: None };
        }
        let (field, how) = match shape {
            Shape::Flat => (format!("{}{name}", DATA[0]), How::Data),
            Shape::Beat if DATA.iter().any(|prefix| name.starts_with(prefix)) => {
                (name.to_owned(), How::Data)
            }
            Shape::Beat => (name.to_owned(), How::Own),
        };
        // Of what else a document holds, only names that the normaliser does not use are taken.
        let taken = matches!(how, How::Data)
            || !name.contains('.')
            || (name.starts_with("winlog.") && self.fields.contains(name));
        let column = (taken && self.fields.contains(&field)).then(|| self.target(out, &field, how));
        Use { slot, column }
    }

    /// Whether a wanted name may begin with `prefix`, which ends with a dot.
    fn leads(&self, shape: Shape, prefix: &str) -> bool {
        let names = shape.names();
        let kept = names.kept().into_iter().flatten();
        let full = match shape {
            Shape::Beat => prefix.to_owned(),
            Shape::Flat => format!("{}{prefix}", DATA[0]),
        };
        kept.chain(names.dropped).any(|name| name.starts_with(prefix))
            || self.fields.names().any(|name| name.starts_with(&full))
            || self
                .fields
                .prefixes()
                .any(|wanted| wanted.starts_with(&full) || full.starts_with(wanted))
            // The other shapes must be noticed.
            || (shape == Shape::Flat && matches!(prefix, "winlog." | "Event." | "Event.System."))
    }
}
