//! Times as the lake keeps them: microseconds since 1970-01-01T00:00:00Z.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

/// A point in time as RFC 3339 in UTC, without trailing zeros.
pub(crate) fn format_micros(micros: i64) -> String {
    match Timestamp::from_microsecond(micros) {
        Ok(time) => time.to_string(),
        Err(_) => micros.to_string(),
    }
}

/// The period that a written date means, in µs, end excluded: a year, a month, a day, a minute
/// (all UTC), or the one microsecond of a full timestamp (UTC where no offset is given).
pub(crate) fn parse_period(text: &str) -> Option<(i64, i64)> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(instant(time));
    }
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    match text.split('-').collect::<Vec<_>>()[..] {
        [year] if year.len() == 4 && digits(year) => {
            let start = Date::new(year.parse().ok()?, 1, 1).ok()?;
            return period(start, Span::new().years(1));
        }
        [year, month] if year.len() == 4 && month.len() == 2 && digits(year) && digits(month) => {
            let start = Date::new(year.parse().ok()?, month.parse().ok()?, 1).ok()?;
            return period(start, Span::new().months(1));
        }
        [year, month, day] if year.len() == 4 && month.len() == 2 && day.len() == 2 => {
            return period(text.parse::<Date>().ok()?, Span::new().days(1));
        }
        _ => {}
    }
    if !text.contains(['T', 't', ' ']) {
        return None;
    }
    let time = utc(text.parse::<DateTime>().ok()?)?;
    if text.matches(':').count() == 1 {
        let start = time.as_microsecond();
        return Some((start, start.checked_add(60_000_000)?));
    }
    Some(instant(time))
}

/// The day (UTC) of a time, in days since 1970-01-01, kept within what every reader of the table
/// can hold: 1970 to 9998.
pub(crate) fn day_of(time: Timestamp) -> i32 {
    const LAST: i64 = 2_932_530; // 9998-12-31
    let day = time.as_second().div_euclid(86_400).clamp(0, LAST);
    i32::try_from(day).unwrap_or(0)
}

/// `2026-03-20` of days since 1970-01-01.
pub(crate) fn format_day(day: i32) -> String {
    Timestamp::from_second(i64::from(day) * 86_400)
        .map(|time| time.to_zoned(TimeZone::UTC).date().to_string())
        .unwrap_or_else(|_| day.to_string())
}

/// Days since 1970-01-01 of `2026-03-20`.
pub(crate) fn parse_day(text: &str) -> Option<i32> {
    let time = utc(text.parse::<Date>().ok()?.at(0, 0, 0, 0))?;
    i32::try_from(time.as_second().div_euclid(86_400)).ok()
}

fn instant(time: Timestamp) -> (i64, i64) {
    let start = time.as_microsecond();
    (start, start.saturating_add(1))
}

fn period(start: Date, length: Span) -> Option<(i64, i64)> {
    let begin = utc(start.at(0, 0, 0, 0))?.as_microsecond();
    let end = match start.checked_add(length) {
        Ok(end) => utc(end.at(0, 0, 0, 0))?.as_microsecond(),
        Err(_) => i64::MAX,
    };
    Some((begin, end))
}

fn utc(time: DateTime) -> Option<Timestamp> {
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_date_means_its_whole_period() {
        let hour = 3_600_000_000;
        let day = 24 * hour;
        assert_eq!(parse_period("1970"), Some((0, 365 * day)));
        assert_eq!(parse_period("1970-01"), Some((0, 31 * day)));
        assert_eq!(parse_period("1970-01-02"), Some((day, 2 * day)));
        assert_eq!(
            parse_period("1970-01-01T01:00"),
            Some((hour, hour + 60_000_000))
        );
        assert_eq!(
            parse_period("1970-01-01T06:00:00+05:00"),
            Some((hour, hour + 1))
        );
        assert_eq!(parse_period("1970-01-01 01:00:00"), Some((hour, hour + 1)));
        for wrong in [
            "",
            "70",
            "1970-13",
            "1970-02-30",
            "yesterday",
            "10.0.0.1",
            "-1",
        ] {
            assert_eq!(parse_period(wrong), None, "{wrong}");
        }
        assert_eq!(format_day(parse_day("2026-03-20").unwrap()), "2026-03-20");
    }
}
