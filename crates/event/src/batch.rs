//! Events in memory: columns with dictionaries.
//!
//! A batch holds one column per field that occurs in it. A column holds its values once and, per
//! row, the key of the value. What is done per value (folding case, searching patterns, writing
//! Parquet dictionaries) is then done once per distinct value, not once per event.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::RandomState;
use jiff::Timestamp;

use crate::Value;
use crate::text::{self, Texts};

/// Key of a row that does not have the field.
pub const ABSENT: u32 = u32::MAX;

/// One field over all rows of a batch.
#[derive(Debug, Clone)]
pub struct Column {
    name: Arc<str>,
    values: Vec<Value>,
    keys: Vec<u32>,
    /// The short texts among the values, one after the other, and the keys of all else.
    texts: Arc<String>,
    others: Vec<u32>,
}

impl Column {
    /// The field's dotted name, for example `source.ip`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The dictionary. Equal keys mean equal values. Equal values nearly always share a key; a
    /// column whose values hardly repeat (`event.original`) stops looking for equals.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// The short texts of the dictionary, one after the other in one piece, and the keys of all
    /// other values: for those who ask something of all texts at once.
    pub fn short_texts(&self) -> (&str, &[u32]) {
        (&self.texts, &self.others)
    }

    /// One key per row, an index into [`Column::values`] or [`ABSENT`].
    pub fn keys(&self) -> &[u32] {
        &self.keys
    }

    /// The value at `row`, `None` where the event lacks the field.
    pub fn get(&self, row: usize) -> Option<&Value> {
        match self.keys[row] {
            ABSENT => None,
            key => Some(&self.values[key as usize]),
        }
    }
}

/// Events as columns. Immutable; made by [`BatchBuilder`].
#[derive(Debug, Clone, Default)]
pub struct Batch {
    rows: usize,
    columns: Vec<Column>,
    index: HashMap<Arc<str>, usize, RandomState>,
}

impl Batch {
    /// Number of events.
    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// All columns, in the order in which their fields were first seen.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The column of `field`, if any event of the batch has it.
    pub fn column(&self, field: &str) -> Option<&Column> {
        self.index.get(field).map(|&at| &self.columns[at])
    }

    /// The event at `row`.
    ///
    /// # Panics
    /// If `row` is not below [`Batch::rows`].
    pub fn event(&self, row: usize) -> EventRef<'_> {
        assert!(row < self.rows, "row {row} of a batch of {}", self.rows);
        EventRef { batch: self, row }
    }

    /// All events in order.
    pub fn events(&self) -> impl Iterator<Item = EventRef<'_>> {
        (0..self.rows).map(|row| EventRef { batch: self, row })
    }
}

/// One event of a batch.
#[derive(Clone, Copy)]
pub struct EventRef<'a> {
    batch: &'a Batch,
    row: usize,
}

impl<'a> EventRef<'a> {
    /// The value of `field`, `None` where the event lacks it.
    pub fn get(&self, field: &str) -> Option<&'a Value> {
        self.batch.column(field)?.get(self.row)
    }

    /// The text of `field`; `None` where it is absent or not text.
    pub fn str(&self, field: &str) -> Option<&'a str> {
        self.get(field)?.as_str()
    }

    /// Every field the event has, with its value.
    pub fn fields(&self) -> impl Iterator<Item = (&'a str, &'a Value)> + use<'a> {
        let row = self.row;
        self.batch
            .columns
            .iter()
            .filter_map(move |column| Some((column.name(), column.get(row)?)))
    }

    /// The row within its batch.
    pub fn row(&self) -> usize {
        self.row
    }

    /// As a flat JSON object with dotted names, fields in the batch's order.
    pub fn to_json(&self) -> serde_json::Map<String, serde_json::Value> {
        self.fields()
            .map(|(name, value)| (name.to_owned(), value.to_json()))
            .collect()
    }
}

/// Collects events row by row into a [`Batch`].
///
/// ```
/// use saqshy_event::BatchBuilder;
/// let mut builder = BatchBuilder::default();
/// builder.set("user.name", "aigerim");
/// builder.set("source.port", 52_144i64);
/// builder.end_event();
/// let batch = builder.finish();
/// assert_eq!(batch.event(0).str("user.name"), Some("aigerim"));
/// ```
#[derive(Default)]
pub struct BatchBuilder {
    rows: usize,
    /// Rows to come, as far as is known.
    expected: usize,
    columns: Vec<ColumnBuilder>,
    index: HashMap<Arc<str>, usize, RandomState>,
    hasher: RandomState,
}

/// A value that is given to a builder.
#[derive(Debug, Clone)]
pub enum Given<'a> {
    /// Text that is copied if it is kept.
    Text(Cow<'a, str>),
    /// Anything else.
    Value(Value),
}

impl Given<'_> {
    /// The value by itself.
    pub fn into_value(self) -> Value {
        match self {
            Given::Text(text) => text.into_owned().into(),
            Given::Value(value) => value,
        }
    }
}

impl<'a> From<&'a str> for Given<'a> {
    fn from(text: &'a str) -> Self {
        Given::Text(text.into())
    }
}

impl From<String> for Given<'_> {
    fn from(text: String) -> Self {
        Given::Text(text.into())
    }
}

impl<'a> From<Cow<'a, str>> for Given<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        Given::Text(text)
    }
}

impl From<Value> for Given<'_> {
    fn from(value: Value) -> Self {
        match value {
            Value::Str(text) => Given::Text(String::from(text).into()),
            other => Given::Value(other),
        }
    }
}

impl From<i64> for Given<'_> {
    fn from(number: i64) -> Self {
        Given::Value(number.into())
    }
}

impl From<bool> for Given<'_> {
    fn from(yes: bool) -> Self {
        Given::Value(yes.into())
    }
}

impl From<Timestamp> for Given<'_> {
    fn from(time: Timestamp) -> Self {
        Given::Value(time.into())
    }
}

struct ColumnBuilder {
    name: Arc<str>,
    values: Vec<Value>,
    texts: Texts,
    keys: Vec<u32>,
    /// Hash of a value → its key. A second value with the same hash is simply stored again.
    seen: HashMap<u64, u32, RandomState>,
    interning: bool,
}

/// Columns that are made as long as the batch will be.
const EXPECTED_COLUMNS_MAX: usize = 200;

/// After this many values a column in which nine of ten are new stops interning.
const INTERN_TRIAL: usize = 256;

impl BatchBuilder {
    /// A builder for about `rows` events.
    pub(crate) fn expecting(rows: usize) -> Self {
        BatchBuilder {
            expected: rows,
            ..BatchBuilder::default()
        }
    }

    /// Events finished so far.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Fields seen so far.
    pub fn columns(&self) -> usize {
        self.columns.len()
    }

    /// Sets `field` of the event under construction; a second `set` replaces the first.
    pub fn set<'v>(&mut self, field: &str, value: impl Into<Given<'v>>) {
        let at = self.column_at(field);
        self.put(at, value);
    }

    /// Adds one more value to `field` of the event under construction: the first becomes the
    /// value, further ones make it a list.
    pub fn add<'v>(&mut self, field: &str, value: impl Into<Given<'v>>) {
        let value = value.into();
        let merged = match self.current(field) {
            None => value,
            Some(Value::List(items)) => {
                let mut items = items.into_vec();
                items.push(value.into_value());
                Value::List(items.into()).into()
            }
            Some(first) => Value::List([first, value.into_value()].into()).into(),
        };
        self.set(field, merged);
    }

    /// What the event under construction holds in `field`.
    pub fn current(&self, field: &str) -> Option<Value> {
        let column = &self.columns[*self.index.get(field)?];
        match column.keys.get(self.rows) {
            None | Some(&ABSENT) => None,
            Some(&key) => Some(match column.text(key) {
                Some(text) => text.into(),
                None => column.values[key as usize].clone(),
            }),
        }
    }

    /// Whether the event under construction has `field`.
    pub fn has(&self, field: &str) -> bool {
        self.index.get(field).is_some_and(|&at| self.is_set(at))
    }

    /// The place of the column `field`, which is added if it is new.
    pub(crate) fn column_at(&mut self, field: &str) -> usize {
        if let Some(&at) = self.index.get(field) {
            return at;
        }
        let name: Arc<str> = field.into();
        self.index.insert(name.clone(), self.columns.len());
        // Of an unforeseen number of columns most are sparse.
        let expected = match self.columns.len() {
            ..EXPECTED_COLUMNS_MAX => self.expected,
            _ => 0,
        };
        self.columns.push(ColumnBuilder::new(name, expected));
        self.columns.len() - 1
    }

    /// Whether the event under construction has the field of the column at `at`.
    #[inline]
    pub(crate) fn is_set(&self, at: usize) -> bool {
        let key = self.columns[at].keys.get(self.rows);
        key.is_some_and(|&key| key != ABSENT)
    }

    /// Sets the column at `at` to a value that it holds.
    #[inline]
    pub(crate) fn put_key(&mut self, at: usize, key: u32) {
        let column = &mut self.columns[at];
        debug_assert!((key as usize) < column.values.len());
        column.reach(self.rows);
        column.keys.push(key);
    }

    /// Adds a value to the column at `at` without looking for an equal one; gives its key.
    pub(crate) fn push_value<'v>(&mut self, at: usize, value: impl Into<Given<'v>>) -> u32 {
        self.columns[at].push(value.into())
    }

    /// The key of `value` in the column at `at`, where it is added if it is new.
    pub(crate) fn intern<'v>(&mut self, at: usize, value: impl Into<Given<'v>>) -> u32 {
        let value = value.into();
        let hash = hash_of(&self.hasher, &value);
        self.columns[at].key_of(value, Some(hash))
    }

    /// Sets the column at `at`, as [`BatchBuilder::set`] does by name.
    pub(crate) fn put<'v>(&mut self, at: usize, value: impl Into<Given<'v>>) {
        let value = value.into();
        let hash = self.columns[at]
            .interning
            .then(|| hash_of(&self.hasher, &value));
        self.columns[at].put(self.rows, value, hash);
    }

    /// Ends the event under construction; the next `set` begins a new one.
    pub fn end_event(&mut self) {
        self.rows += 1;
    }

    /// Forgets what was set since the last [`BatchBuilder::end_event`].
    pub fn discard_event(&mut self) {
        for column in &mut self.columns {
            column.keys.truncate(self.rows);
        }
    }

    /// The batch. Fields set after the last `end_event` are dropped.
    pub fn finish(mut self) -> Batch {
        self.discard_event();
        let rows = self.rows;
        let mut columns = Vec::with_capacity(self.columns.len());
        let mut index = HashMap::default();
        for mut column in self.columns {
            if column.keys.iter().all(|&key| key == ABSENT) {
                continue;
            }
            column.keys.resize(rows, ABSENT);
            let texts = column.texts.finish();
            let mut others = Vec::new();
            for (value, key) in column.values.iter_mut().zip(0..) {
                let is_short = match value {
                    Value::Str(text) => text::place(text, &texts),
                    _ => false,
                };
                if !is_short {
                    others.push(key);
                }
            }
            index.insert(column.name.clone(), columns.len());
            columns.push(Column {
                name: column.name,
                values: column.values,
                keys: column.keys,
                texts,
                others,
            });
        }
        Batch {
            rows,
            columns,
            index,
        }
    }
}

impl ColumnBuilder {
    fn new(name: Arc<str>, rows: usize) -> Self {
        ColumnBuilder {
            name,
            values: Vec::new(),
            texts: Texts::default(),
            keys: Vec::with_capacity(rows),
            seen: HashMap::default(),
            interning: true,
        }
    }

    fn put(&mut self, row: usize, value: Given<'_>, hash: Option<u64>) {
        let key = self.key_of(value, hash);
        self.reach(row);
        self.keys.push(key);
    }

    /// Ends the keys before `row`.
    #[inline]
    fn reach(&mut self, row: usize) {
        if self.keys.len() != row {
            self.keys.resize(row, ABSENT);
        }
    }

    fn key_of(&mut self, value: Given<'_>, hash: Option<u64>) -> u32 {
        if let Some(hash) = hash {
            let new = self.values.len() as u32;
            match self.seen.get(&hash) {
                Some(&key) if self.is_equal(key, &value) => return key,
                Some(_) => {}
                None => {
                    self.seen.insert(hash, new);
                }
            }
        }
        let new = self.push(value);
        if self.interning
            && self.keys.len() >= INTERN_TRIAL
            && self.values.len() * 10 > self.keys.len() * 9
        {
            self.interning = false;
            self.seen = HashMap::default();
        }
        new
    }

    fn push(&mut self, value: Given<'_>) -> u32 {
        let new = u32::try_from(self.values.len()).expect("a batch has fewer than 2^32 rows");
        let value = match value {
            Given::Text(text) => Value::Str(self.texts.push(text)),
            Given::Value(value) => value,
        };
        self.values.push(value);
        new
    }

    /// The text with this key; `None` if the value is something else.
    #[inline]
    fn text(&self, key: u32) -> Option<&str> {
        match &self.values[key as usize] {
            Value::Str(text) => Some(self.texts.get(text)),
            _ => None,
        }
    }

    #[inline]
    fn is_equal(&self, key: u32, value: &Given<'_>) -> bool {
        match value {
            Given::Text(text) => self.text(key) == Some(text),
            Given::Value(value) => self.text(key).is_none() && self.values[key as usize] == *value,
        }
    }
}

fn hash_of(hasher: &RandomState, value: &Given<'_>) -> u64 {
    match value {
        Given::Text(text) => hasher.hash_one(text),
        Given::Value(value) => hasher.hash_one(Hashed(value)),
    }
}

struct Hashed<'a>(&'a Value);

impl std::hash::Hash for Hashed<'_> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self.0).hash(state);
        match self.0 {
            Value::Null => {}
            Value::Bool(yes) => yes.hash(state),
            Value::Int(number) => number.hash(state),
            Value::Float(number) => number.to_bits().hash(state),
            Value::Time(time) => time.hash(state),
            Value::Str(text) => text.hash(state),
            Value::List(items) => items.iter().for_each(|item| Hashed(item).hash(state)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    #[derive(Debug, Clone)]
    enum Step {
        Set(&'static str, Value),
        Add(&'static str, Value),
        End,
        Discard,
        /// So many events with the number of each as text, taken modulo the second.
        Many(usize, usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        let field = || select(vec!["a", "b", "c"]);
        let single = prop_oneof![
            4 => "[aё]{0,3}".prop_map(Value::from),
            2 => (0..300usize).prop_map(|number| Value::from(number.to_string())),
            1 => select(vec![511, 512, 513, 2_000]).prop_map(|length| Value::from("x".repeat(length))),
            1 => (0..3i64).prop_map(Value::from),
            1 => select(vec![0.0, -0.0, 1.5]).prop_map(Value::Float),
            1 => any::<bool>().prop_map(Value::from),
            1 => Just(Value::Null),
        ];
        let list = prop::collection::vec(single.clone(), 0..3);
        let value = prop_oneof![6 => single, 1 => list.prop_map(|items| Value::List(items.into()))];
        prop_oneof![
            6 => (field(), value.clone()).prop_map(|(field, value)| Step::Set(field, value)),
            3 => (field(), value).prop_map(|(field, value)| Step::Add(field, value)),
            5 => Just(Step::End),
            1 => Just(Step::Discard),
            1 => (250..300usize, 1..400usize).prop_map(|(count, of)| Step::Many(count, of)),
        ]
    }

    type Fields = BTreeMap<String, Value>;

    fn add(fields: &mut Fields, field: &str, value: Value) {
        let merged = match fields.remove(field) {
            None => value,
            Some(Value::List(items)) => Value::List(items.into_iter().chain([value]).collect()),
            Some(first) => Value::List([first, value].into()),
        };
        fields.insert(field.to_owned(), merged);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn a_batch_holds_what_was_set(steps in prop::collection::vec(step(), 0..60)) {
            let mut builder = BatchBuilder::expecting(10);
            let (mut rows, mut now) = (Vec::<Fields>::new(), Fields::new());
            for step in steps {
                match step {
                    Step::Set(field, value) => {
                        builder.set(field, value.clone());
                        now.insert(field.to_owned(), value);
                    }
                    Step::Add(field, value) => {
                        builder.add(field, value.clone());
                        add(&mut now, field, value);
                    }
                    Step::End => {
                        builder.end_event();
                        rows.push(std::mem::take(&mut now));
                    }
                    Step::Discard => {
                        builder.discard_event();
                        now.clear();
                    }
                    Step::Many(count, of) => {
                        for number in 0..count {
                            let text = (number % of).to_string();
                            builder.set("a", text.as_str());
                            builder.end_event();
                            now.insert("a".to_owned(), text.into());
                            rows.push(std::mem::take(&mut now));
                        }
                    }
                }
                for field in ["a", "b", "c"] {
                    prop_assert_eq!(builder.current(field), now.get(field).cloned());
                    prop_assert_eq!(builder.has(field), now.contains_key(field));
                }
            }
            let batch = builder.finish();
            // What is cloned does not need the batch.
            let copy = batch.clone();
            for batch in [batch, copy] {
                for column in batch.columns() {
                    let (texts, others) = column.short_texts();
                    let is_other = |(_, key): &(&Value, u32)| others.contains(key);
                    let short = column.values().iter().zip(0..).filter(|it| !is_other(it));
                    let short: Vec<_> = short.map(|(value, _)| value.as_str().unwrap()).collect();
                    prop_assert_eq!(short.concat(), texts);
                }
                let mut held = Vec::new();
                for event in batch.events() {
                    let fields = event.fields();
                    let owned = fields.map(|(name, value)| (name.to_owned(), value.clone()));
                    held.push(owned.collect::<Fields>());
                }
                drop(batch);
                prop_assert_eq!(&held, &rows);
            }
        }
    }

    #[test]
    fn equal_values_share_a_key_and_absent_rows_stay_absent() {
        let mut builder = BatchBuilder::default();
        for row in 0..4 {
            if row != 2 {
                builder.set("host.name", "portal");
            }
            builder.set("event.id", format!("n-{row}"));
            builder.end_event();
        }
        let batch = builder.finish();
        let host = batch.column("host.name").unwrap();
        assert_eq!(host.values().len(), 1);
        assert_eq!(host.keys(), [0, 0, ABSENT, 0]);
        assert_eq!(batch.event(2).get("host.name"), None);
    }

    #[test]
    fn a_second_value_makes_a_list_and_a_discarded_event_leaves_nothing() {
        let mut builder = BatchBuilder::default();
        builder.add("related.ip", "10.0.0.1");
        builder.add("related.ip", "10.0.0.2");
        builder.end_event();
        builder.set("only.here", true);
        builder.discard_event();
        let batch = builder.finish();
        assert_eq!(batch.rows(), 1);
        assert_eq!(batch.event(0).get("related.ip").unwrap().items().len(), 2);
        assert!(batch.column("only.here").is_none());
    }
}
