//! Binary XML (MS-EVEN6 section 2.2.12) of a chunk, walked straight into an event.
//!
//! A record is nearly always an instance of a template: the template says which elements there
//! are, the record holds the values. A chunk's templates are read once and kept as trees; a
//! record is then one walk over its tree, without any XML text in between. What is rare in logs
//! (entity references, arrays of other things than text, foreign character sets) is [`Unusual`]:
//! the caller reads such a record through XML instead.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use foldhash::fast::RandomState;

pub(super) use super::cursor::Cursor;
use super::value::{self, ARRAY, BIN_XML, NULL, STRING, STRING_ARRAY};
use crate::WindowsEvent;
use crate::windows::{Assembler, Attributes};

/// The record needs the slow reader, which also tells what is wrong with it, if anything is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unusual;

type Result<T> = std::result::Result<T, Unusual>;

/// Streams and elements inside each other.
const NESTING_MAX: usize = 32;
const DEPTH_MAX: usize = 60;
/// Elements that one record may expand to, and values that one template may take.
const ELEMENTS_MAX: usize = 10_000;
const VALUES_MAX: u32 = 4_096;

/// Content of an element or attribute.
pub(super) enum Part {
    Text(String),
    /// The number of a value of the instance.
    Slot(u16),
}

/// The content of an attribute, nearly always one part.
type Parts = smallvec::SmallVec<[Part; 1]>;

pub(super) enum Child {
    Part(Part),
    Element(Element),
}

pub(super) struct Element {
    pub name: Rc<str>,
    /// The value without which the element is not there.
    pub dependency: Option<u16>,
    pub attributes: Vec<(Rc<str>, Parts)>,
    pub children: Vec<Child>,
    /// Slots among the children.
    slots: usize,
}

/// The values of one template instance: their types and where they lie in the chunk.
pub(super) type Values = smallvec::SmallVec<[(u8, Range<u32>); 32]>;

/// Reader of the records of one chunk.
pub(super) struct Records<'c> {
    chunk: &'c [u8],
    templates: HashMap<u32, Rc<Element>, RandomState>,
    names: HashMap<u32, Rc<str>, RandomState>,
    elements: usize,
    /// Left by the template that is read.
    marks: Vec<Mark>,
    text: String,
}

/// A place in a template whose bytes are not the same in every chunk.
pub(super) struct Mark {
    pub place: Range<usize>,
    /// It is a name, or else a size.
    pub is_name: bool,
}

/// A template as it stands in a chunk.
pub(super) struct ReadTemplate {
    pub root: Rc<Element>,
    pub marks: Vec<Mark>,
    /// Behind its mark of the end, if it has one.
    pub end: Option<usize>,
}

impl<'c> Records<'c> {
    pub(super) fn new(chunk: &'c [u8]) -> Self {
        Records {
            chunk,
            templates: HashMap::default(),
            names: HashMap::default(),
            elements: 0,
            marks: Vec::new(),
            text: String::new(),
        }
    }

    pub(super) fn chunk(&self) -> &'c [u8] {
        self.chunk
    }

    /// The event of the record whose BinXML is at `place`. What is left in `out` when there is
    /// none is of no use.
    pub(super) fn event(
        &mut self,
        place: Range<usize>,
        out: &mut Assembler,
    ) -> Result<WindowsEvent> {
        self.elements = 0;
        self.stream(place, out, 0)?;
        if !out.is_done() || !out.has_system() {
            return Err(Unusual);
        }
        Ok(out.finish())
    }

    /// Walks one element of a template into `out`.
    pub(super) fn element_of(
        &mut self,
        element: &Element,
        values: &Values,
        out: &mut Assembler,
    ) -> Result<()> {
        self.elements = 0;
        self.walk(element, values, out, 0)
    }

    fn stream(&mut self, place: Range<usize>, out: &mut Assembler, nesting: usize) -> Result<()> {
        if nesting > NESTING_MAX || place.end > self.chunk.len() {
            return Err(Unusual);
        }
        let mut cursor = Cursor {
            bytes: self.chunk,
            at: place.start,
        };
        while cursor.at < place.end {
            match cursor.u8()? {
                0x00 => break,
                0x0f => cursor.skip(3)?,
                0x0c => {
                    let mut values = Values::new();
                    let definition = instance(&mut cursor, &mut values)?;
                    let template = self.template(definition)?;
                    self.walk(&template, &values, out, nesting)?;
                }
                token @ (0x01 | 0x41) => {
                    let element = self.element(&mut cursor, token, false, 0)?;
                    self.walk(&element, &Values::new(), out, nesting)?;
                }
                _ => return Err(Unusual),
            }
        }
        Ok(())
    }

    fn template(&mut self, offset: u32) -> Result<Rc<Element>> {
        if let Some(template) = self.templates.get(&offset) {
            return Ok(template.clone());
        }
        let root = self.read_template(offset)?.root;
        self.templates.insert(offset, root.clone());
        Ok(root)
    }

    pub(super) fn read_template(&mut self, offset: u32) -> Result<ReadTemplate> {
        let mut cursor = Cursor {
            bytes: self.chunk,
            at: offset as usize,
        };
        cursor.skip(20)?;
        let size = cursor.u32()? as usize;
        let end = cursor
            .at
            .checked_add(size)
            .filter(|end| *end <= self.chunk.len());
        let end = end.ok_or(Unusual)?;
        let (mut root, mut ended) = (None, None);
        self.marks.clear();
        while cursor.at < end && ended.is_none() {
            match cursor.u8()? {
                0x00 => ended = Some(cursor.at),
                0x0f => cursor.skip(3)?,
                token @ (0x01 | 0x41) if root.is_none() => {
                    root = Some(self.element(&mut cursor, token, true, 0)?);
                }
                _ => return Err(Unusual),
            }
        }
        Ok(ReadTemplate {
            root: Rc::new(root.ok_or(Unusual)?),
            marks: std::mem::take(&mut self.marks),
            end: ended,
        })
    }

    /// Reads an element behind its token up to its end. In a template (`defines`) it names its
    /// dependency.
    fn element(
        &mut self,
        cursor: &mut Cursor<'c>,
        token: u8,
        defines: bool,
        depth: usize,
    ) -> Result<Element> {
        if depth > DEPTH_MAX {
            return Err(Unusual);
        }
        let dependency = if defines {
            Some(cursor.u16()?).filter(|&id| id != 0xffff)
        } else {
            None
        };
        self.size(cursor)?;
        let mut element = Element {
            name: self.name(cursor)?,
            dependency,
            attributes: Vec::new(),
            children: Vec::new(),
            slots: 0,
        };
        if token & 0x40 != 0 {
            self.size(cursor)?;
        }
        let mut open = false;
        loop {
            let part = match cursor.u8()? {
                0x02 if !open => {
                    open = true;
                    continue;
                }
                0x03 if !open => break,
                0x04 if open => break,
                0x06 | 0x46 if !open => {
                    let name = self.name(cursor)?;
                    element.attributes.push((name, Parts::new()));
                    continue;
                }
                token @ (0x01 | 0x41) if open => {
                    let child = self.element(cursor, token, defines, depth + 1)?;
                    element.children.push(Child::Element(child));
                    continue;
                }
                0x05 | 0x45 if cursor.u8()? == STRING => {
                    let units = cursor.u16()?;
                    let mut text = String::new();
                    value::utf16(&mut text, cursor.take(2 * usize::from(units))?);
                    Part::Text(text)
                }
                // Optional or not: an empty value leaves no text either way.
                0x0d | 0x0e if defines => {
                    let id = cursor.u16()?;
                    cursor.skip(1)?;
                    Part::Slot(id)
                }
                _ => return Err(Unusual),
            };
            if open {
                element.slots += usize::from(matches!(part, Part::Slot(_)));
                element.children.push(Child::Part(part));
            } else {
                element.attributes.last_mut().ok_or(Unusual)?.1.push(part);
            }
        }
        Ok(element)
    }

    /// Steps over the size of something.
    fn size(&mut self, cursor: &mut Cursor<'c>) -> Result<()> {
        let start = cursor.at;
        cursor.skip(4)?;
        self.marks.push(Mark {
            place: start..cursor.at,
            is_name: false,
        });
        Ok(())
    }

    fn name(&mut self, cursor: &mut Cursor<'c>) -> Result<Rc<str>> {
        let start = cursor.at;
        let offset = { *cursor }.u32()?;
        let written = cursor.name()?;
        self.marks.push(Mark {
            place: start..cursor.at,
            is_name: true,
        });
        if let Some(name) = self.names.get(&offset) {
            return Ok(name.clone());
        }
        if !value::may_name(written) {
            return Err(Unusual);
        }
        self.text.clear();
        value::utf16(&mut self.text, written);
        let name: Rc<str> = self.text.as_str().into();
        self.names.insert(offset, name.clone());
        Ok(name)
    }

    fn walk(
        &mut self,
        element: &Element,
        values: &Values,
        out: &mut Assembler,
        nesting: usize,
    ) -> Result<()> {
        self.elements += 1;
        if self.elements > ELEMENTS_MAX {
            return Err(Unusual);
        }
        let view = View {
            chunk: self.chunk,
            attributes: &element.attributes,
            values,
            failed: Cell::new(false),
        };
        if element.slots > 0
            && let Some(items) = self.items(element, values)?
        {
            // A list repeats the element that holds it (MS-EVEN6 section 3.1.4.7.5).
            for item in items {
                view.open(element, out)?;
                out.text().push_str(&item);
                out.close();
            }
            return Ok(());
        }
        view.open(element, out)?;
        for child in &element.children {
            match child {
                Child::Part(Part::Text(text)) => out.text().push_str(text),
                Child::Part(Part::Slot(id)) => {
                    let (kind, place) = values.get(usize::from(*id)).ok_or(Unusual)?;
                    let place = place.start as usize..place.end as usize;
                    match *kind {
                        BIN_XML => self.stream(place, out, nesting + 1)?,
                        kind => value::write(out.text(), kind, &self.chunk[place])?,
                    }
                }
                Child::Element(child) => {
                    let absent = child.dependency.is_some_and(|id| {
                        values
                            .get(usize::from(id))
                            .is_some_and(|(kind, _)| *kind == NULL)
                    });
                    if !absent {
                        self.walk(child, values, out, nesting)?;
                    }
                }
            }
        }
        out.close();
        Ok(())
    }

    /// The items of a list of texts that is all that `element` holds; `None` if it holds none.
    fn items(&self, element: &Element, values: &Values) -> Result<Option<Vec<String>>> {
        let is_list = |child: &Child| match child {
            Child::Part(Part::Slot(id)) => values
                .get(usize::from(*id))
                .is_some_and(|(kind, _)| kind & ARRAY != 0),
            _ => false,
        };
        if !element.children.iter().any(is_list) {
            return Ok(None);
        }
        let [Child::Part(Part::Slot(id))] = element.children.as_slice() else {
            return Err(Unusual);
        };
        let (kind, place) = values.get(usize::from(*id)).ok_or(Unusual)?;
        let mut bytes = &self.chunk[place.start as usize..place.end as usize];
        if *kind != STRING_ARRAY || !bytes.len().is_multiple_of(2) {
            return Err(Unusual);
        }
        let mut items = Vec::new();
        while !bytes.is_empty() {
            let end = bytes
                .as_chunks::<2>()
                .0
                .iter()
                .position(|unit| *unit == [0, 0]);
            let end = 2 * end.ok_or(Unusual)?;
            let mut item = String::new();
            value::utf16(&mut item, &bytes[..end]);
            items.push(item);
            bytes = &bytes[end + 2..];
        }
        // One item or none leaves one element.
        if items.is_empty() {
            items.push(String::new());
        }
        Ok(Some(items))
    }
}

/// Reads a template instance behind its token: where its template is defined, and its values.
pub(super) fn instance(cursor: &mut Cursor<'_>, values: &mut Values) -> Result<u32> {
    cursor.skip(5)?;
    let definition = cursor.u32()?;
    // The definition stands where it is first used.
    if cursor.at == definition as usize {
        cursor.skip(20)?;
        let size = cursor.u32()?;
        cursor.skip(size as usize)?;
    }
    let count = cursor.u32()?;
    if count > VALUES_MAX {
        return Err(Unusual);
    }
    let table = cursor.take(4 * count as usize)?;
    values.reserve(count as usize);
    for [low, high, kind, _] in table.as_chunks::<4>().0 {
        let start = cursor.at as u32;
        cursor.skip(usize::from(u16::from_le_bytes([*low, *high])))?;
        let empty_document = *kind == BIN_XML && cursor.at as u32 == start;
        let kind = if empty_document { NULL } else { *kind };
        values.push((kind, start..cursor.at as u32));
    }
    Ok(definition)
}

/// The attributes of an element with the values of its instance.
struct View<'a> {
    chunk: &'a [u8],
    attributes: &'a [(Rc<str>, Parts)],
    values: &'a Values,
    /// A value could not be read.
    failed: Cell<bool>,
}

impl View<'_> {
    fn open(&self, element: &Element, out: &mut Assembler) -> Result<()> {
        out.open(&element.name, self).map_err(|_| Unusual)?;
        if self.failed.get() {
            Err(Unusual)
        } else {
            Ok(())
        }
    }

    fn text_of<'b>(&self, parts: &'b [Part]) -> Result<Cow<'b, str>> {
        if let [Part::Text(text)] = parts {
            return Ok(Cow::Borrowed(text));
        }
        let mut out = String::new();
        for part in parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Slot(id) => {
                    let (kind, place) = self.values.get(usize::from(*id)).ok_or(Unusual)?;
                    let bytes = &self.chunk[place.start as usize..place.end as usize];
                    value::write(&mut out, *kind, bytes)?;
                }
            }
        }
        Ok(out.into())
    }
}

impl Attributes for View<'_> {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        let (_, parts) = self.attributes.iter().find(|(known, _)| **known == *name)?;
        let text = self.text_of(parts);
        self.failed.set(self.failed.get() || text.is_err());
        text.ok()
    }
}
