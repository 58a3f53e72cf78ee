//! The values of fields that a rule does not test but something else asks for, found in an event
//! as the rule's own fields would be.

use saqshy_event::{EventRef, FieldSet, Value};

use crate::engine::holds_for_windows;
use crate::glob::Glob;
use crate::oracle::held_values;
use crate::pipeline::{Names, Pipeline};
use crate::rule::LogSource;

/// Reads fields of the events of one log source under the names that a pipeline gives them.
#[derive(Debug)]
pub struct FieldReader {
    /// What is read of a Windows event.
    windows: FieldSet,
    targets: Vec<(Vec<CompiledGate>, Vec<Names>)>,
}

#[derive(Debug)]
struct CompiledGate {
    field: String,
    values: Vec<Glob>,
}

impl FieldReader {
    /// A reader of `fields`, named as rules of `source` name them.
    pub fn new(pipeline: &Pipeline, source: &LogSource, fields: &[String]) -> Self {
        let (targets, _) = pipeline.targets(source);
        let mut windows = FieldSet::default();
        for target in &targets {
            if !target.when.iter().all(holds_for_windows) {
                continue;
            }
            windows.extend(target.when.iter().map(|gate| gate.field.as_str()));
            for field in fields {
                if let Names::First(names) | Names::Every(names) = target.fields.names(field) {
                    windows.extend(names.iter().map(String::as_str));
                }
            }
        }
        let targets = targets
            .into_iter()
            .map(|target| {
                let gates = target.when.iter().map(|gate| CompiledGate {
                    field: gate.field.clone(),
                    values: gate.globs(),
                });
                let names = fields.iter().map(|field| target.fields.names(field));
                (gates.collect(), names.collect())
            })
            .collect();
        FieldReader { windows, targets }
    }

    /// What is read of a Windows event, for a parser that gives no more.
    pub fn windows_fields(&self) -> &FieldSet {
        &self.windows
    }

    /// The first value of each field that is neither null nor an empty text; `None` where the
    /// event has none.
    pub fn read<'e>(&self, event: EventRef<'e>) -> Vec<Option<&'e Value>> {
        let holds = |gate: &CompiledGate| {
            let values = event.get(&gate.field).map_or(&[][..], Value::items);
            values
                .iter()
                .filter_map(Value::to_text)
                .any(|text| gate.values.iter().any(|glob| glob.matches(&text, false)))
        };
        let fitting = self
            .targets
            .iter()
            .find(|(gates, _)| gates.iter().all(holds));
        // An event that no target fits comes from elsewhere; the first names are as good as any.
        let Some((_, fields)) = fitting.or(self.targets.first()) else {
            return Vec::new();
        };
        let first = |names: &Names| {
            let values = held_values(names, event);
            let mut items = values.into_iter().flat_map(Value::items);
            items.find(|item| item.to_text().is_some_and(|text| !text.is_empty()))
        };
        fields.iter().map(first).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use saqshy_event::BatchBuilder;

    #[test]
    fn a_field_is_read_where_the_log_holds_it() {
        let source = LogSource {
            product: Some("windows".into()),
            category: Some("process_creation".into()),
            service: None,
        };
        let fields = ["Image".to_owned(), "host.name".to_owned(), "No".to_owned()];
        let reader = FieldReader::new(&Pipeline::default(), &source, &fields);
        let mut batch = BatchBuilder::default();
        batch.set("winlog.channel", "Security");
        batch.set("winlog.event_id", "4688");
        batch.set("winlog.event_data.NewProcessName", "a.exe");
        batch.set("host.name", "h");
        batch.end_event();
        let batch = batch.finish();
        let read = reader.read(batch.event(0));
        assert_eq!(
            read,
            [Some(&Value::from("a.exe")), Some(&Value::from("h")), None]
        );
    }
}
