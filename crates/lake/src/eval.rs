//! A query against Arrow columns.
//!
//! A query is compiled for the columns that a source has: a field that is not there makes its
//! condition constant, and whole files fall away without being read. A condition on a text column
//! is decided once per distinct value, then looked up per row.

use std::collections::BTreeSet;
use std::sync::Arc;

use deltalake::arrow::array::{Array, ArrayRef, AsArray, MapArray, RecordBatch, StringArray};
use deltalake::arrow::buffer::BooleanBuffer;
use deltalake::arrow::datatypes::{
    DataType, Float64Type, Int32Type, Int64Type, Schema, TimestampMicrosecondType,
};
use saqshy_event::{EcsType, ecs_type};

use crate::error::LakeError;
use crate::query::{FieldName, Leaf, Matcher, Node, Query, Test, name_fits};
use crate::schema::{COLUMN_DATASET, COLUMN_OVERFLOW, is_raw};
use crate::stored::{any_item, parse_stored_time};

/// A query made ready for one source.
pub(crate) struct Program {
    node: Step,
}

enum Step {
    Always(bool),
    And(Vec<Step>),
    Or(Vec<Step>),
    Not(Box<Step>),
    Column(ColumnTest),
    Overflow(OverflowTest),
}

struct ColumnTest {
    name: Arc<str>,
    matcher: Matcher,
    exists: bool,
    /// Verdicts for the dictionary that was seen last.
    remembered: Option<(ArrayRef, Vec<bool>)>,
}

/// A condition on the overflow map, for the names that `wanted` picks.
struct OverflowTest {
    wanted: Wanted,
    test: Test,
    /// For free text and for one exact name, ready; for a pattern made per name.
    matcher: Option<Matcher>,
}

enum Wanted {
    Every,
    Exact(String),
    Pattern(crate::query::Glob),
}

impl Program {
    /// Compiles `query` for a source with these columns and this dataset. `overflow_names` are
    /// all the names in its overflow maps, if known.
    pub(crate) fn new(
        query: &Query,
        schema: &Schema,
        dataset: &str,
        overflow_names: Option<&BTreeSet<String>>,
    ) -> Self {
        let source = About {
            schema,
            dataset,
            overflow_names,
        };
        Program {
            node: compile(&query.root, &source),
        }
    }

    /// Whether a row can match, as far as the values of its columns tell; `values` gives all
    /// values of a column, or `None` where that would mean reading the rows.
    pub(crate) fn may_match(&mut self, values: &mut Values<'_>) -> Result<bool, LakeError> {
        possible(&mut self.node, values)
    }

    /// Whether no row of the source can match.
    pub(crate) fn is_never(&self) -> bool {
        matches!(self.node, Step::Always(false))
    }

    /// Splits into steps that must all hold, cheap ones first, each with the columns it reads.
    pub(crate) fn into_stages(self) -> Vec<Stage> {
        let mut steps = match self.node {
            Step::Always(true) => Vec::new(),
            Step::And(steps) => steps,
            other => vec![other],
        };
        steps.sort_by_key(cost);
        // Steps of equal cost that read columns already read would read them again: keep those
        // of one column together.
        let mut stages: Vec<Stage> = Vec::new();
        for step in steps {
            let mut columns = Vec::new();
            collect_columns(&step, &mut columns);
            columns.sort_unstable();
            columns.dedup();
            match stages.last_mut() {
                Some(stage) if stage.columns == columns => stage.steps.push(step),
                _ => stages.push(Stage {
                    columns,
                    steps: vec![step],
                }),
            }
        }
        stages
    }
}

/// All values of a column.
pub(crate) type Values<'a> = dyn FnMut(&str) -> Result<Option<ArrayRef>, LakeError> + 'a;

/// What is known of a source before it is read.
struct About<'a> {
    schema: &'a Schema,
    dataset: &'a str,
    overflow_names: Option<&'a BTreeSet<String>>,
}

/// Conditions on the same columns.
pub(crate) struct Stage {
    pub columns: Vec<String>,
    steps: Vec<Step>,
}

impl Stage {
    /// Which rows pass.
    pub(crate) fn eval(&mut self, batch: &RecordBatch) -> BooleanBuffer {
        all(&mut self.steps, batch)
    }
}

fn compile(node: &Node, source: &About<'_>) -> Step {
    match node {
        Node::All => Step::Always(true),
        Node::And(nodes) => join(nodes.iter().map(|inner| compile(inner, source)), false),
        Node::Or(nodes) => join(nodes.iter().map(|inner| compile(inner, source)), true),
        Node::Not(inner) => match compile(inner, source) {
            Step::Always(yes) => Step::Always(!yes),
            Step::Not(inner) => *inner,
            step => Step::Not(Box::new(step)),
        },
        Node::Leaf(leaf) => compile_leaf(leaf, source),
    }
}

/// `or` or `and` of steps, constants folded.
fn join(steps: impl Iterator<Item = Step>, or: bool) -> Step {
    let mut kept = Vec::new();
    for step in steps {
        match step {
            Step::Always(yes) if yes == or => return Step::Always(or),
            Step::Always(_) => {}
            Step::Or(inner) if or => kept.extend(inner),
            Step::And(inner) if !or => kept.extend(inner),
            step => kept.push(step),
        }
    }
    match kept.len() {
        0 => Step::Always(!or),
        1 => kept.remove(0),
        _ if or => Step::Or(kept),
        _ => Step::And(kept),
    }
}

fn compile_leaf(leaf: &Leaf, source: &About<'_>) -> Step {
    let mut steps = Vec::new();
    let wanted = match &leaf.field {
        None => Wanted::Every,
        Some(FieldName::Exact(name)) => Wanted::Exact(name.clone()),
        Some(FieldName::Pattern(glob)) => Wanted::Pattern(glob.clone()),
    };
    let test_of = |kind| match leaf.field {
        None => Matcher::of_text(&leaf.test),
        Some(_) => Matcher::of_field(&leaf.test, kind),
    };
    if wanted.wants(COLUMN_DATASET) {
        steps.push(Step::Always(test_of(EcsType::Keyword).text(source.dataset)));
    }
    for field in source.schema.fields() {
        let name = field.name();
        if name == COLUMN_OVERFLOW || !wanted.wants(name) {
            continue;
        }
        let kind = match field.data_type() {
            DataType::Utf8 | DataType::Dictionary(..) => match ecs_type(name) {
                EcsType::Ip => EcsType::Ip,
                _ => EcsType::Keyword,
            },
            DataType::Int64 => EcsType::Long,
            DataType::Float64 => EcsType::Double,
            DataType::Boolean => EcsType::Boolean,
            DataType::Timestamp(..) => EcsType::Date,
            _ => continue,
        };
        if leaf.field.is_none() && !matches!(kind, EcsType::Keyword | EcsType::Ip) {
            continue;
        }
        steps.push(Step::Column(ColumnTest {
            name: name.as_str().into(),
            matcher: test_of(kind),
            exists: leaf.test == Test::Exists,
            remembered: None,
        }));
    }
    let overflows = source.schema.field_with_name(COLUMN_OVERFLOW).is_ok()
        && source
            .overflow_names
            .is_none_or(|names| names.iter().any(|name| wanted.wants(name)));
    if overflows {
        let matcher = match &wanted {
            Wanted::Every => Some(Matcher::of_text(&leaf.test)),
            Wanted::Exact(name) => Some(Matcher::of_field(&leaf.test, ecs_type(name))),
            Wanted::Pattern(_) => None,
        };
        steps.push(Step::Overflow(OverflowTest {
            wanted,
            test: leaf.test.clone(),
            matcher,
        }));
    }
    join(steps.into_iter(), true)
}

impl Wanted {
    fn wants(&self, name: &str) -> bool {
        match self {
            Wanted::Every => true,
            Wanted::Exact(wanted) => wanted == name,
            Wanted::Pattern(glob) => name_fits(name, glob),
        }
    }
}

/// Whether [`possible`] could say no.
fn can_rule_out(step: &Step) -> bool {
    match step {
        Step::Always(yes) => !yes,
        Step::Column(test) => !test.exists && !is_raw(&test.name),
        Step::Overflow(_) | Step::Not(_) => false,
        Step::And(steps) => steps.iter().any(can_rule_out),
        Step::Or(steps) => steps.iter().all(can_rule_out),
    }
}

fn possible(step: &mut Step, values: &mut Values<'_>) -> Result<bool, LakeError> {
    if !can_rule_out(step) {
        return Ok(true);
    }
    match step {
        Step::Always(yes) => Ok(*yes),
        Step::Overflow(_) | Step::Not(_) => Ok(true),
        Step::And(steps) => {
            for step in steps {
                if !possible(step, values)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        Step::Or(steps) => {
            for step in steps {
                if possible(step, values)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Step::Column(test) => Ok(match values(&test.name)? {
            Some(values) => verdicts(&mut test.remembered, &values, &test.matcher).contains(&true),
            None => true,
        }),
    }
}

fn cost(step: &Step) -> u32 {
    match step {
        Step::Always(_) => 0,
        Step::Column(test) if is_raw(&test.name) => 1000,
        Step::Column(_) => 1,
        Step::Overflow(_) => 50,
        Step::Not(inner) => cost(inner),
        Step::And(steps) | Step::Or(steps) => steps.iter().map(cost).sum(),
    }
}

fn collect_columns(step: &Step, into: &mut Vec<String>) {
    match step {
        Step::Always(_) => {}
        Step::Column(test) => into.push(test.name.to_string()),
        Step::Overflow(_) => into.push(COLUMN_OVERFLOW.into()),
        Step::Not(inner) => collect_columns(inner, into),
        Step::And(steps) | Step::Or(steps) => {
            steps.iter().for_each(|step| collect_columns(step, into));
        }
    }
}

fn all(steps: &mut [Step], batch: &RecordBatch) -> BooleanBuffer {
    let mut rows = BooleanBuffer::new_set(batch.num_rows());
    for step in steps {
        rows = &rows & &eval(step, batch);
    }
    rows
}

fn eval(step: &mut Step, batch: &RecordBatch) -> BooleanBuffer {
    let rows = batch.num_rows();
    match step {
        Step::Always(true) => BooleanBuffer::new_set(rows),
        Step::Always(false) => BooleanBuffer::new_unset(rows),
        Step::And(steps) => all(steps, batch),
        Step::Or(steps) => {
            // Cheap columns first; a row decided there is not looked at again in the dear ones.
            steps.sort_by_key(cost);
            let mut found = BooleanBuffer::new_unset(rows);
            for step in steps {
                found = match step {
                    Step::Column(test) => &found | &test.eval(batch, Some(&found)),
                    step => &found | &eval(step, batch),
                };
            }
            found
        }
        Step::Not(inner) => !&eval(inner, batch),
        Step::Column(test) => test.eval(batch, None),
        Step::Overflow(test) => test.eval(batch),
    }
}

impl ColumnTest {
    /// Which rows pass; rows set in `decided` need no answer.
    fn eval(&mut self, batch: &RecordBatch, decided: Option<&BooleanBuffer>) -> BooleanBuffer {
        let rows = batch.num_rows();
        let Some(array) = batch.column_by_name(&self.name) else {
            return BooleanBuffer::new_unset(rows);
        };
        if self.exists {
            return match array.nulls() {
                Some(nulls) => nulls.inner().clone(),
                None => BooleanBuffer::new_set(rows),
            };
        }
        let open = |row: usize| array.is_valid(row) && decided.is_none_or(|done| !done.value(row));
        let matcher = &self.matcher;
        match array.data_type() {
            DataType::Dictionary(..) => {
                let Some(array) = array.as_dictionary_opt::<Int32Type>() else {
                    return BooleanBuffer::new_unset(rows);
                };
                let verdicts = verdicts(&mut self.remembered, array.values(), matcher);
                if !verdicts.contains(&true) {
                    return BooleanBuffer::new_unset(rows);
                }
                let keys = array.keys();
                BooleanBuffer::collect_bool(rows, |row| {
                    keys.is_valid(row) && verdicts[keys.value(row) as usize]
                })
            }
            DataType::Utf8 => {
                let texts = array.as_string::<i32>();
                BooleanBuffer::collect_bool(rows, |row| {
                    open(row) && any_item(texts.value(row), |item| matcher.text(item))
                })
            }
            DataType::Int64 => {
                let numbers = array.as_primitive::<Int64Type>();
                BooleanBuffer::collect_bool(rows, |row| {
                    open(row) && matcher.long(numbers.value(row))
                })
            }
            DataType::Float64 => {
                let numbers = array.as_primitive::<Float64Type>();
                BooleanBuffer::collect_bool(rows, |row| {
                    open(row) && matcher.double(numbers.value(row))
                })
            }
            DataType::Boolean => {
                let values = array.as_boolean();
                BooleanBuffer::collect_bool(rows, |row| {
                    open(row) && matcher.bool(values.value(row))
                })
            }
            DataType::Timestamp(..) => match array.as_primitive_opt::<TimestampMicrosecondType>() {
                Some(times) => BooleanBuffer::collect_bool(rows, |row| {
                    open(row) && matcher.time(times.value(row))
                }),
                None => BooleanBuffer::new_unset(rows),
            },
            _ => BooleanBuffer::new_unset(rows),
        }
    }
}

/// The verdict per value of a dictionary, remembered while the same dictionary comes again.
fn verdicts<'a>(
    remembered: &'a mut Option<(ArrayRef, Vec<bool>)>,
    values: &ArrayRef,
    matcher: &Matcher,
) -> &'a [bool] {
    let same = remembered
        .as_ref()
        .is_some_and(|(seen, _)| same_array(seen, values));
    if !same {
        let verdicts = match values.as_string_opt::<i32>() {
            Some(texts) => texts
                .iter()
                .map(|text| text.is_some_and(|text| any_item(text, |item| matcher.text(item))))
                .collect(),
            None => vec![false; values.len()],
        };
        *remembered = Some((values.clone(), verdicts));
    }
    remembered.as_ref().map_or(&[], |(_, verdicts)| verdicts)
}

fn same_array(a: &ArrayRef, b: &ArrayRef) -> bool {
    if Arc::ptr_eq(a, b) {
        return true;
    }
    match (a.as_string_opt::<i32>(), b.as_string_opt::<i32>()) {
        (Some(a), Some(b)) => {
            a.len() == b.len()
                && a.values().as_ptr() == b.values().as_ptr()
                && a.offsets().inner().as_ptr() == b.offsets().inner().as_ptr()
        }
        _ => false,
    }
}

impl OverflowTest {
    fn eval(&self, batch: &RecordBatch) -> BooleanBuffer {
        let rows = batch.num_rows();
        let entries = batch.column_by_name(COLUMN_OVERFLOW).and_then(Entries::of);
        let Some(entries) = entries else {
            return BooleanBuffer::new_unset(rows);
        };
        BooleanBuffer::collect_bool(rows, |row| {
            entries
                .of_row(row)
                .any(|(name, text)| self.wanted.wants(name) && self.holds(name, text))
        })
    }

    fn holds(&self, name: &str, text: &str) -> bool {
        let kind = ecs_type(name);
        let made;
        let matcher = match &self.matcher {
            Some(matcher) => matcher,
            None => {
                made = Matcher::of_field(&self.test, kind);
                &made
            }
        };
        any_item(text, |item| {
            // Several times in one field: each is still a time, and no text.
            match parse_stored_time(item).filter(|_| kind == EcsType::Date) {
                Some(time) => !matches!(self.wanted, Wanted::Every) && matcher.time(time),
                None => matcher.text(item),
            }
        })
    }
}

/// The overflow map's column.
pub(crate) struct Entries<'a> {
    map: &'a MapArray,
    names: &'a StringArray,
    texts: &'a StringArray,
}

impl<'a> Entries<'a> {
    pub(crate) fn of(array: &'a ArrayRef) -> Option<Self> {
        let map = array.as_map_opt()?;
        let names = map.keys().as_string_opt::<i32>()?;
        let texts = map.values().as_string_opt::<i32>()?;
        Some(Entries { map, names, texts })
    }

    /// Name and text of each entry of a row.
    pub(crate) fn of_row(&self, row: usize) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let (names, texts) = (self.names, self.texts);
        let range = if self.map.is_valid(row) {
            let offsets = self.map.value_offsets();
            offsets[row] as usize..offsets[row + 1] as usize
        } else {
            0..0
        };
        range
            .filter(move |&at| texts.is_valid(at))
            .map(move |at| (names.value(at), texts.value(at)))
    }
}
