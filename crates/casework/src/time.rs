//! Times and counters as the database holds them: signed 64-bit integers, times in microseconds.

use jiff::{RoundMode, Timestamp, TimestampRound, Unit};

use crate::{Error, Result};

/// `at` as the database keeps it: whole microseconds, rounded towards the past.
pub(crate) fn whole(at: Timestamp) -> Timestamp {
    at.round(
        TimestampRound::new()
            .smallest(Unit::Microsecond)
            .mode(RoundMode::Floor),
    )
    .unwrap_or(at)
}

pub(crate) fn to_us(at: Timestamp) -> i64 {
    whole(at).as_microsecond()
}

pub(crate) fn opt_us(at: Option<Timestamp>) -> Option<i64> {
    at.map(to_us)
}

pub(crate) fn from_us(us: i64) -> Result<Timestamp> {
    Timestamp::from_microsecond(us).map_err(|error| Error::Storage(Box::new(error)))
}

pub(crate) fn opt_from_us(us: Option<i64>) -> Result<Option<Timestamp>> {
    us.map(from_us).transpose()
}

/// A counter read from the database.
pub(crate) fn count(value: i64) -> Result<u64> {
    u64::try_from(value).map_err(|_| Error::corrupt(format!("negative counter {value}")))
}

/// A counter on its way to the database.
pub(crate) fn signed(value: u64) -> Result<i64> {
    i64::try_from(value).map_err(|_| Error::corrupt(format!("counter {value} is too large")))
}
