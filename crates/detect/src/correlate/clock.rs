use jiff::{SignedDuration, Timestamp};
use saqshy_event::{Batch, Value};

/// How far the events have come, and from it the watermark.
///
/// The clock shows the latest `@timestamp` seen, but never one after the receipt of its event, so
/// a sender with a wrong clock cannot make everybody else late.
#[derive(Debug, Clone)]
pub struct EventClock {
    latest: Option<Timestamp>,
    lateness: SignedDuration,
}

impl EventClock {
    /// A clock that allows events to arrive `lateness` after later ones. `latest` is where a
    /// stored clock stood.
    pub fn new(lateness: SignedDuration, latest: Option<Timestamp>) -> Self {
        EventClock { latest, lateness }
    }

    /// Takes the event at `row` into account.
    pub fn observe(&mut self, batch: &Batch, row: usize) {
        let event = batch.event(row);
        let time = |field| match event.get(field) {
            Some(Value::Time(at)) => Some(*at),
            _ => None,
        };
        let Some(at) = time("@timestamp") else {
            return;
        };
        let at = time("event.ingested").map_or(at, |received| at.min(received));
        self.latest = self.latest.max(Some(at));
    }

    /// The latest time seen.
    pub fn latest(&self) -> Option<Timestamp> {
        self.latest
    }

    /// No event that happened before this is expected any more. `idle` is for how long no event
    /// has come: while nothing comes the clock goes on at its own pace.
    pub fn watermark(&self, idle: SignedDuration) -> Option<Timestamp> {
        let moved = self.latest?.checked_add(idle).ok()?;
        moved.checked_sub(self.lateness).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use saqshy_event::BatchBuilder;

    #[test]
    fn the_clock_follows_events_and_never_runs_ahead_of_their_receipt() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut builder = BatchBuilder::default();
        for (happened, received) in [(100, 101), (90, 102), (5_000, 103)] {
            builder.set("@timestamp", at(happened));
            builder.set("event.ingested", at(received));
            builder.end_event();
        }
        let batch = builder.finish();
        let mut clock = EventClock::new(SignedDuration::from_secs(10), None);
        assert_eq!(clock.watermark(SignedDuration::ZERO), None);
        let seen: Vec<_> = (0..3)
            .map(|row| {
                clock.observe(&batch, row);
                clock.watermark(SignedDuration::ZERO).unwrap()
            })
            .collect();
        assert_eq!(seen, [at(90), at(90), at(93)]);
        assert_eq!(
            clock.watermark(SignedDuration::from_secs(20)),
            Some(at(113))
        );
    }
}
