//! Times as logs write them, and which of them to believe.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

/// What an event says about the time at which it happened.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) enum Claim {
    /// Nothing.
    #[default]
    None,
    At(Timestamp),
    /// Something that is no time.
    Unreadable(String),
}

/// A sender's clock may run ahead of ours by this much before it is not believed.
const AHEAD_MAX: SignedDuration = SignedDuration::from_hours(1);
/// 1990-01-01. Before that no log of ours was written: clocks without battery, zeroed fields.
const EARLIEST: Timestamp = Timestamp::constant(631_152_000, 0);

/// Whether an event received at `received` can have happened at `at`.
pub(crate) fn believable(at: Timestamp, received: Timestamp) -> bool {
    at >= EARLIEST && at.duration_since(received) <= AHEAD_MAX
}

/// An ISO 8601 / RFC 3339 time; one without an offset is taken in `zone`.
pub(crate) fn iso(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let plausible = bytes.len() >= 10
        && bytes.len() <= 64
        && bytes[4] == b'-'
        && bytes[..4].iter().all(u8::is_ascii_digit);
    if !plausible || text.contains('[') {
        return None;
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time);
    }
    // rsyslog and log4j write a comma before the fraction or a space before the offset.
    let tidy = text.replacen(',', ".", 1);
    if let Ok(time) = tidy.parse::<Timestamp>() {
        return Some(time);
    }
    if let Some((time, "UTC" | "GMT")) = tidy.rsplit_once(' ') {
        return civil(time, &TimeZone::UTC);
    }
    if let Some((time, offset)) = tidy.rsplit_once(' ')
        && offset.starts_with(['+', '-'])
    {
        return format!("{time}{offset}").parse().ok();
    }
    civil(&tidy, zone)
}

fn civil(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    in_zone(text.parse::<DateTime>().ok()?, zone)
}

pub(crate) fn in_zone(time: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    zone.to_ambiguous_timestamp(time).compatible().ok()
}

/// Seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by size.
pub(crate) fn epoch(number: f64) -> Option<Timestamp> {
    if !number.is_finite() {
        return None;
    }
    let size = number.abs();
    let micros = match size {
        _ if size < 1e11 => number * 1e6,
        _ if size < 1e14 => number * 1e3,
        _ if size < 1e17 => number,
        _ => number / 1e3,
    };
    Timestamp::from_microsecond(micros.round() as i64).ok()
}

/// Decimal text as [`epoch`], without losing digits to floating point.
pub(crate) fn epoch_text(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let plain = !whole.is_empty() && whole.len() <= 19 && digits(whole) && digits(fraction);
    if !plain {
        return None;
    }
    let whole: i64 = whole.parse().ok()?;
    match whole {
        0..100_000_000_000 => {
            let mut nanos = 0;
            for at in 0..9 {
                nanos = nanos * 10
                    + fraction
                        .as_bytes()
                        .get(at)
                        .map_or(0, |digit| i32::from(digit - b'0'));
            }
            Timestamp::new(whole, nanos).ok()
        }
        100_000_000_000..100_000_000_000_000 => Timestamp::from_millisecond(whole).ok(),
        100_000_000_000_000..100_000_000_000_000_000 => Timestamp::from_microsecond(whole).ok(),
        _ => Timestamp::from_nanosecond(i128::from(whole)).ok(),
    }
}

pub(crate) fn month(name: &str) -> Option<i8> {
    const MONTHS: [&str; 12] = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ];
    let name = name.as_bytes().first_chunk::<3>()?;
    let at = MONTHS
        .iter()
        .position(|month| month.as_bytes().eq_ignore_ascii_case(name))?;
    i8::try_from(at + 1).ok()
}

/// `hh:mm:ss` with an optional fraction after `.` or `,`.
pub(crate) fn clock(text: &str) -> Option<jiff::civil::Time> {
    let bytes = text.as_bytes();
    if bytes.len() < 8 || bytes[2] != b':' || bytes[5] != b':' {
        return None;
    }
    let two = |at: usize| -> Option<i8> {
        let (tens, ones) = (bytes[at], bytes[at + 1]);
        (tens.is_ascii_digit() && ones.is_ascii_digit())
            .then(|| ((tens - b'0') * 10 + (ones - b'0')) as i8)
    };
    let mut nanos = 0;
    if let Some((mark, fraction)) = bytes[8..].split_first() {
        let digits = matches!(mark, b'.' | b',')
            && (1..=9).contains(&fraction.len())
            && fraction.iter().all(u8::is_ascii_digit);
        if !digits {
            return None;
        }
        for at in 0..9 {
            nanos = nanos * 10 + fraction.get(at).map_or(0, |digit| i32::from(digit - b'0'));
        }
    }
    let second = two(6)?;
    // A leap second is written as 60.
    jiff::civil::Time::new(
        two(0)?,
        two(3)?,
        if second == 60 { 59 } else { second },
        nanos,
    )
    .ok()
}

/// A time without a year (RFC 3164 section 4.1.2), given the one at which it was received.
///
/// The year is the latest that puts it at most a week after receipt: a line of 31 December
/// received in January belongs to the old year, a clock that runs ahead over New Year to the new.
pub(crate) fn without_year(
    month: i8,
    day: i8,
    clock: jiff::civil::Time,
    received: Timestamp,
    zone: &TimeZone,
) -> Option<Timestamp> {
    let this_year = received.to_zoned(zone.clone()).year();
    let latest = received.checked_add((7 * 24).hours()).ok()?;
    // Nine years reach a leap day from anywhere, even over 2100.
    (this_year.saturating_sub(8)..=this_year.saturating_add(1))
        .rev()
        .find_map(|year| {
            let date = Date::new(year, month, day).ok()?;
            let time = in_zone(date.to_datetime(clock), zone)?;
            (time <= latest).then_some(time)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn iso_times_in_the_ways_logs_write_them() {
        let almaty = TimeZone::get("Asia/Almaty").unwrap();
        for (text, expected) in [
            ("2026-03-20T13:10:00Z", "2026-03-20T13:10:00Z"),
            ("2026-03-20T18:10:00.25+05:00", "2026-03-20T13:10:00.25Z"),
            ("2026-03-20T18:10:00+0500", "2026-03-20T13:10:00Z"),
            ("2026-03-20 18:10:00,250", "2026-03-20T13:10:00.25Z"),
            ("2026-03-20 13:10:00 UTC", "2026-03-20T13:10:00Z"),
            ("2026-03-20 18:10:00 +0500", "2026-03-20T13:10:00Z"),
            // Almaty was six hours ahead until 2024-03-01.
            ("2024-02-20T19:10:00", "2024-02-20T13:10:00Z"),
        ] {
            assert_eq!(iso(text, &almaty), Some(at(expected)), "{text}");
        }
        for text in [
            "",
            "2026",
            "2026-13-40T00:00:00Z",
            "20260320",
            "не время вообще",
            "1-1-1T",
        ] {
            assert_eq!(iso(text, &almaty), None, "{text}");
        }
    }

    #[test]
    fn the_year_of_a_time_without_one_follows_receipt() {
        let noon = jiff::civil::time(12, 0, 0, 0);
        for (month, day, received, expected) in [
            (12, 31, "2026-01-01T00:00:05Z", Some("2025-12-31T12:00:00Z")),
            (1, 1, "2025-12-31T23:59:00Z", Some("2026-01-01T12:00:00Z")),
            (3, 20, "2026-03-20T13:00:00Z", Some("2026-03-20T12:00:00Z")),
            (3, 22, "2026-03-20T13:00:00Z", Some("2026-03-22T12:00:00Z")),
            (9, 22, "2026-03-20T13:00:00Z", Some("2025-09-22T12:00:00Z")),
            (2, 29, "2026-03-20T13:00:00Z", Some("2024-02-29T12:00:00Z")),
            (2, 30, "2026-03-20T13:00:00Z", None),
        ] {
            let got = without_year(month, day, noon, at(received), &TimeZone::UTC);
            assert_eq!(got, expected.map(at), "{month}-{day}");
        }
    }

    #[test]
    fn epochs_are_told_apart_by_size() {
        let expected = Some(at("2026-03-20T13:10:00.5Z"));
        assert_eq!(epoch(1_774_012_200.5), expected);
        assert_eq!(epoch(1_774_012_200_500.0), expected);
        assert_eq!(epoch_text("1774012200.5"), expected);
        assert_eq!(epoch_text("1774012200500"), expected);
        assert_eq!(epoch_text("1774012200500000000"), expected);
        assert_eq!(epoch(f64::NAN), None);
        assert_eq!(epoch_text("-1"), None);
        assert_eq!(epoch_text("1.x"), None);
    }

    #[test]
    fn times_before_1990_and_more_than_an_hour_ahead_are_not_believed() {
        let received = at("2026-03-20T13:10:00Z");
        assert!(believable(at("2013-01-01T00:00:00Z"), received));
        assert!(believable(at("2026-03-20T14:00:00Z"), received));
        assert!(!believable(at("2026-03-20T14:10:01Z"), received));
        assert!(!believable(at("1970-01-01T00:00:00Z"), received));
        assert!(!believable(at("1601-01-01T00:00:00Z"), received));
    }
}
