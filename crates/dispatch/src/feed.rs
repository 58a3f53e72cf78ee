//! Deadlines as an iCalendar feed (RFC 5545), for the calendar that a person looks at anyway.

use icalendar::{Calendar, Component, Event, EventStatus, Property};
use jiff::{Timestamp, tz::TimeZone};

/// One deadline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedEntry {
    /// Stays the same as long as it is the same deadline.
    pub uid: String,
    pub due: Timestamp,
    /// When it was computed.
    pub changed: Timestamp,
    pub summary: String,
    pub description: String,
    /// Page of the console that shows it.
    pub url: Option<String>,
    /// The calendar of a year involved is not published yet.
    pub provisional: bool,
}

/// The feed under the name `name`. The same entries give the same text.
pub fn calendar_feed(name: &str, entries: &[FeedEntry]) -> String {
    let mut calendar = Calendar::empty();
    for (key, value) in [
        ("VERSION", "2.0"),
        ("PRODID", "-//Saqshy//Deadlines//EN"),
        ("CALSCALE", "GREGORIAN"),
        ("METHOD", "PUBLISH"),
        ("REFRESH-INTERVAL;VALUE=DURATION", "PT15M"),
        ("X-PUBLISHED-TTL", "PT15M"),
    ] {
        calendar.append_property(Property::new(key, value));
    }
    calendar.name(&plain(name));
    for entry in entries {
        let mut event = Event::new();
        event
            .uid(&plain(&entry.uid))
            .add_property("DTSTAMP", utc(entry.changed))
            .add_property("DTSTART", utc(entry.due))
            .add_property("TRANSP", "TRANSPARENT")
            .summary(&plain(&entry.summary))
            .description(&plain(&entry.description))
            .status(match entry.provisional {
                true => EventStatus::Tentative,
                false => EventStatus::Confirmed,
            });
        if let Some(url) = &entry.url {
            event.url(url);
        }
        calendar.push(event.done());
    }
    calendar.to_string()
}

/// Form 2 of RFC 5545 section 3.3.5: a moment in UTC.
fn utc(at: Timestamp) -> String {
    let at = at.to_zoned(TimeZone::UTC);
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// Without control characters other than line feeds, which the format escapes.
fn plain(text: &str) -> String {
    crate::fonts::printable(text).replace(['\r', '\t'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> FeedEntry {
        FeedEntry {
            uid: "5f2a:o199.notify-nsc@saqshy".into(),
            due: "2026-03-16T12:05:12Z".parse().unwrap(),
            changed: "2026-03-16T09:05:12Z".parse().unwrap(),
            summary: "INC-2026-0001: ҚР ҰҚК-ны хабардар ету; «Бюджет», DC-01".into(),
            description: "1-қадам\nАнықталған сәті + 3 сағат".repeat(4),
            url: Some("https://soc.example.kz/incidents/5f2a".into()),
            provisional: false,
        }
    }

    #[test]
    fn lines_are_folded_escaped_and_the_same_every_time() {
        let text = calendar_feed("Saqshy: мерзімдер", &[entry()]);
        assert_eq!(text, calendar_feed("Saqshy: мерзімдер", &[entry()]));
        assert!(text.starts_with("BEGIN:VCALENDAR\r\n") && text.ends_with("END:VCALENDAR\r\n"));
        for line in text.split("\r\n") {
            assert!(line.len() <= 75, "{} octets: {line}", line.len());
            assert!(!line.contains('\n'));
        }
        let unfolded = text.replace("\r\n ", "");
        for part in [
            "DTSTART:20260316T120512Z\r\n",
            "DTSTAMP:20260316T090512Z\r\n",
            "UID:5f2a:o199.notify-nsc@saqshy\r\n",
            "SUMMARY:INC-2026-0001: ҚР ҰҚК-ны хабардар ету\\; «Бюджет»\\, DC-01\r\n",
            "DESCRIPTION:1-қадам\\nАнықталған сәті + 3 сағат",
            "STATUS:CONFIRMED\r\n",
            "URL:https://soc.example.kz/incidents/5f2a\r\n",
        ] {
            assert!(unfolded.contains(part), "`{part}` is not in\n{unfolded}");
        }
    }

    #[test]
    fn a_title_cannot_add_lines_of_its_own() {
        let sly = FeedEntry {
            summary: "x\r\nEND:VEVENT\r\nBEGIN:VALARM".into(),
            ..entry()
        };
        let text = calendar_feed("n", &[sly]);
        assert_eq!(text.matches("\r\nEND:VEVENT").count(), 1);
        assert!(!text.contains("\r\nBEGIN:VALARM"));
    }
}
