//! Tables as text: a header, then a row an event (RFC 4180, with other delimiters as well).

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use serde_json::{Map, Value as Json};

use crate::parse::stamp;

const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
const COLUMNS_MAX: usize = 1_000;

/// How a table is to be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    delimiter: u8,
    columns: Vec<String>,
    /// Column of the time of the event and the name it is given.
    time: Option<(usize, &'static str)>,
    /// In dates with slashes or points the day stands first.
    day_first: bool,
}

/// Columns by their lower-case letters and digits.
const TIMES: [&str; 17] = [
    "timestamp",
    "time",
    "datetime",
    "dateandtime",
    "date",
    "timecreated",
    "systemtime",
    "utctime",
    "eventtime",
    "timegenerated",
    "generated",
    "createddatetime",
    "creationdate",
    "starttime",
    "ts",
    "logtime",
    "датаивремя",
];

fn plain(name: &str) -> String {
    let letters = name.chars().filter(|character| character.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

impl Table {
    /// Recognises a table by its first bytes, which hold whole rows if `complete`.
    pub(super) fn of(head: &[u8], complete: bool) -> Option<Table> {
        let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
        // `Export-Csv` writes a line about types first; it is no header.
        if head.starts_with(b"#TYPE") {
            return None;
        }
        DELIMITERS
            .iter()
            .filter_map(|&delimiter| Table::with(delimiter, head, complete))
            .max_by_key(|table| table.columns.len())
    }

    fn with(delimiter: u8, head: &[u8], complete: bool) -> Option<Table> {
        let mut table = Table {
            delimiter,
            columns: Vec::new(),
            time: None,
            day_first: false,
        };
        let mut rows = Vec::new();
        let mut rest = head;
        while rows.len() < 20 {
            let end = match table.row_end(rest) {
                Some(end) => end,
                None if complete && !rest.is_empty() => rest.len(),
                None => break,
            };
            let row = table.cells(&rest[..end]);
            if row.len() > 1 || !row.first().is_none_or(|cell| cell.trim().is_empty()) {
                rows.push(row);
            }
            rest = &rest[end..];
        }
        let (header, rows) = rows.split_first()?;
        let width = header.len();
        let named = header.iter().all(|name| {
            let name = name.trim();
            !name.is_empty()
                && name.chars().count() <= 64
                && name.starts_with(|first: char| first.is_alphabetic() || "_@#".contains(first))
                && name
                    .chars()
                    .all(|it| it.is_alphanumeric() || " _@#./()-:%".contains(it))
        });
        let even = rows.iter().filter(|row| row.len() == width).count();
        if !named || !(2..=COLUMNS_MAX).contains(&width) || rows.is_empty() || 2 * even < rows.len()
        {
            return None;
        }
        table.columns = header.iter().map(|name| name.trim().to_owned()).collect();
        table.name_windows_columns();
        table.find_time(rows);
        Some(table)
    }

    /// The table says when something happened.
    pub(super) fn has_time(&self) -> bool {
        self.time.is_some()
    }

    /// Windows' own exports name columns in their way.
    fn name_windows_columns(&mut self) {
        let has = |name: &str| self.columns.iter().any(|column| column == name);
        let names: &[(&str, &str)] = if has("LogName") && has("ProviderName") && has("Id") {
            &[
                ("Id", "EventID"),
                ("LogName", "Channel"),
                ("RecordId", "RecordID"),
            ]
        } else if has("Event ID") && has("Source") {
            &[("Event ID", "EventID"), ("Source", "ProviderName")]
        } else {
            &[]
        };
        for column in &mut self.columns {
            if let Some((_, ours)) = names.iter().find(|(theirs, _)| theirs == column) {
                *column = (*ours).to_owned();
            }
        }
    }

    fn find_time(&mut self, rows: &[Vec<String>]) {
        let cells = |at: usize| {
            let cells = rows.iter().filter_map(move |row| row.get(at));
            cells.filter(|cell| !cell.trim().is_empty())
        };
        let holds_times = |at: usize| {
            let read = |cell: &String| read_time(cell, true).or(read_time(cell, false)).is_some();
            cells(at).next().is_some() && cells(at).all(read)
        };
        let known = |at: &usize| TIMES.contains(&plain(&self.columns[*at]).as_str());
        let dated = |at: &usize| cells(*at).all(|cell| cell.contains(['-', '/', '.', ':']));
        let mut all = 0..self.columns.len();
        let named = all.clone().filter(known).find(|&at| holds_times(at));
        let Some(at) = named.or_else(|| all.find(|at| dated(at) && holds_times(*at))) else {
            return;
        };
        self.day_first = cells(at).any(|cell| read_time(cell, false).is_none())
            || cells(at).all(|cell| cell.contains('.'));
        let windows = self.columns.iter().any(|column| column == "EventID");
        self.time = Some((at, if windows { "EventTime" } else { "timestamp" }));
    }

    /// Length of the row that begins `bytes`, its line end included.
    pub(super) fn row_end(&self, bytes: &[u8]) -> Option<usize> {
        let mut from = 0;
        let mut open = false;
        loop {
            let at = from + memchr::memchr2(b'"', b'\n', &bytes[from..])?;
            match bytes[at] {
                b'"' => open = !open,
                _ if !open => return Some(at + 1),
                _ => {}
            }
            from = at + 1;
        }
    }

    pub(super) fn quotes_are_even(&self, bytes: &[u8]) -> bool {
        memchr::memchr_iter(b'"', bytes).count().is_multiple_of(2)
    }

    /// The cells of one row.
    fn cells(&self, row: &[u8]) -> Vec<String> {
        let text = String::from_utf8_lossy(row);
        let text = text
            .trim_end_matches(['\r', '\n'])
            .trim_start_matches('\u{feff}');
        let delimiter = char::from(self.delimiter);
        let mut cells = vec![String::new()];
        let mut quoted = false;
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            let cell = cells.last_mut().expect("there is one from the start");
            match character {
                '"' if quoted && characters.peek() == Some(&'"') => {
                    characters.next();
                    cell.push('"');
                }
                '"' if quoted || cell.is_empty() => quoted = !quoted,
                other if other == delimiter && !quoted => {
                    if cells.len() > COLUMNS_MAX {
                        break;
                    }
                    cells.push(String::new());
                }
                other => cell.push(other),
            }
        }
        cells
    }

    /// The row as a JSON object of its columns; `None` for an empty one.
    pub(super) fn json(&self, row: &[u8]) -> Option<String> {
        let cells = self.cells(row);
        if cells.iter().all(|cell| cell.trim().is_empty()) {
            return None;
        }
        let mut object = Map::new();
        if let Some((at, name)) = self.time
            && let Some(cell) = cells.get(at)
        {
            let time = read_time(cell, self.day_first).unwrap_or_else(|| cell.clone());
            object.insert(name.to_owned(), time.into());
        }
        for (name, cell) in self.columns.iter().zip(&cells) {
            if !cell.is_empty() && !object.contains_key(name) {
                object.insert(name.clone(), cell.as_str().into());
            }
        }
        for (at, cell) in cells.iter().enumerate().skip(self.columns.len()) {
            object.insert(format!("column_{}", at + 1), cell.as_str().into());
        }
        Some(Json::from(object).to_string())
    }
}

/// A time in the ways tables write it, as ISO 8601; without an offset where it has none.
fn read_time(text: &str, day_first: bool) -> Option<String> {
    let text = text.trim();
    if stamp::iso(text, &TimeZone::UTC).is_some() {
        return Some(text.to_owned());
    }
    if text.len() >= 10
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
        && let Some(time) = stamp::epoch_text(text)
    {
        return Some(time.to_string());
    }
    // Kibana: `Mar 20, 2026 @ 13:02:11.123`.
    let spaced = text.replace(['@', ','], " ");
    let mut words = spaced.split_whitespace();
    let first = words.next()?;
    let date = match stamp::month(first) {
        Some(month) if first.chars().all(char::is_alphabetic) => {
            let day = words.next()?.parse().ok()?;
            Date::new(words.next()?.parse().ok()?, month, day).ok()?
        }
        _ => slashed(first, day_first)?,
    };
    let clock = match words.next() {
        Some(clock) => clock_of(clock, words.next())?,
        None => Time::midnight(),
    };
    Some(DateTime::from_parts(date, clock).to_string())
}

/// `3/20/2026`, `20.03.2026`, `20/03/2026`.
fn slashed(text: &str, day_first: bool) -> Option<Date> {
    let mut parts = text.split(['/', '.']).map(|part| part.parse::<i16>().ok());
    let (one, two, year) = (parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some() {
        return None;
    }
    let year = if year < 100 { year + 2_000 } else { year };
    let (day, month) = if day_first { (one, two) } else { (two, one) };
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

/// `9:05:07 PM`, `21:05`.
fn clock_of(text: &str, half: Option<&str>) -> Option<Time> {
    let (hours, rest) = text.split_once(':')?;
    let mut hour: i8 = hours.parse().ok()?;
    match half.map(str::to_ascii_uppercase).as_deref() {
        Some("PM") if hour < 12 => hour += 12,
        Some("AM") if hour == 12 => hour = 0,
        _ => {}
    }
    let rest = if rest.contains(':') {
        rest.to_owned()
    } else {
        format!("{rest}:00")
    };
    stamp::clock(&format!("{hour:02}:{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<Json> {
        let table = Table::of(text.as_bytes(), true).unwrap();
        let mut rest = text.as_bytes();
        let mut rows = Vec::new();
        while !rest.is_empty() {
            let end = table.row_end(rest).unwrap_or(rest.len());
            rows.extend(table.json(&rest[..end]));
            rest = &rest[end..];
        }
        rows.iter()
            .skip(1)
            .map(|row| serde_json::from_str(row).unwrap())
            .collect()
    }

    #[test]
    fn delimiters_quotes_and_times_are_recognised() {
        let got = rows("time;user;note\r\n2026-03-20 13:02:11;aigerim;\"a;b \"\"c\"\"\nd\"\r\n");
        let expected = serde_json::json!({"timestamp": "2026-03-20 13:02:11", "time": "2026-03-20 13:02:11", "user": "aigerim", "note": "a;b \"c\"\nd"});
        assert_eq!(got, [expected]);
        let got = rows(
            "Level,Date and Time,Source,Event ID,Task Category\nInformation,3/20/2026 1:02:11 PM,Service Control Manager,7045,None\n",
        );
        assert_eq!(got[0]["EventTime"], "2026-03-20T13:02:11");
        assert_eq!(
            (&got[0]["EventID"], &got[0]["ProviderName"]),
            (&"7045".into(), &"Service Control Manager".into())
        );
        let got = rows("\"@timestamp\",\"host.name\"\n\"Mar 20, 2026 @ 13:02:11.123\",dc-1\n");
        assert_eq!(got[0]["timestamp"], "2026-03-20T13:02:11.123");
        let got = rows("Дата и время\tУзел\n20.03.2026 13:02\tdc-1\n");
        assert_eq!(got[0]["timestamp"], "2026-03-20T13:02:00");
        let got = rows("when,who\n20/03/2026 13:02:11,a\n01/02/2026 00:00:00,b\n");
        assert_eq!(got[1]["timestamp"], "2026-02-01T00:00:00");
        assert_eq!(
            read_time("1774012200", false).unwrap(),
            "2026-03-20T13:10:00Z"
        );
    }

    #[test]
    fn prose_and_logs_are_no_tables() {
        for text in [
            "Dear all, this is a letter\nwith, commas\n",
            "Mar 20 13:02:11 gate sshd[811]: Failed password, again\nMar 20 13:02:12 gate sshd[811]: x, y\n",
            "one\ntwo\n",
            "1,2,3\n4,5,6\n",
        ] {
            assert!(
                Table::of(text.as_bytes(), true).is_none_or(|table| !table.has_time()),
                "{text}"
            );
        }
    }
}
