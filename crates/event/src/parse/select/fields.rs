//! Which fields a reader of batches asks for.

use std::collections::BTreeSet;

/// Names of fields, and prefixes below which every field is meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldSet {
    names: BTreeSet<Box<str>>,
    below: BTreeSet<Box<str>>,
}

impl FieldSet {
    /// Adds the field `name`.
    pub fn insert(&mut self, name: &str) {
        if !self.contains(name) {
            self.names.insert(name.into());
        }
    }

    /// Adds every field whose name begins with `prefix`, which ends with a dot.
    pub fn insert_below(&mut self, prefix: &str) {
        self.below.insert(prefix.into());
    }

    pub fn contains(&self, name: &str) -> bool {
        self.names.contains(name) || self.below.iter().any(|prefix| name.starts_with(&**prefix))
    }

    /// The names that stand for themselves.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| &**name)
    }

    /// The prefixes.
    pub fn prefixes(&self) -> impl Iterator<Item = &str> {
        self.below.iter().map(|prefix| &**prefix)
    }
}

impl<'a> Extend<&'a str> for FieldSet {
    fn extend<T: IntoIterator<Item = &'a str>>(&mut self, names: T) {
        names.into_iter().for_each(|name| self.insert(name));
    }
}
