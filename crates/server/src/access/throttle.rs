//! Slows down guessing: after five failures for one login from one address, each further failure
//! doubles the wait, up to fifteen minutes. A login alone is never locked, so that an outsider
//! cannot lock a person out; an address alone is limited at fifty failures.

use std::collections::HashMap;
use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;

const FREE_FAILURES: u32 = 5;
const FREE_FAILURES_ADDRESS: u32 = 50;
const WAIT_MAX: SignedDuration = SignedDuration::from_mins(15);
const FORGET_AFTER: SignedDuration = SignedDuration::from_hours(1);
const KEYS_MAX: usize = 10_000;

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: Timestamp,
}

#[derive(PartialEq, Eq, Hash)]
enum Key {
    LoginAt(String, IpAddr),
    Address(IpAddr),
}

/// Failed sign-ins, in memory.
#[derive(Default)]
pub struct Throttle {
    failures: Mutex<HashMap<Key, Failures>>,
}

impl Throttle {
    /// How long `login` at `ip` must still wait, `None` when it may try.
    pub fn wait(&self, login: &str, ip: IpAddr, now: Timestamp) -> Option<SignedDuration> {
        let failures = self.failures.lock();
        let wait = |key: &Key, free: u32| {
            let known = failures.get(key)?;
            let over = known.count.checked_sub(free)?;
            let seconds = 1i64.checked_shl(over.min(20)).unwrap_or(i64::MAX);
            let wait = SignedDuration::from_secs(seconds).min(WAIT_MAX);
            let left = wait - now.duration_since(known.last);
            left.is_positive().then_some(left)
        };
        let pair = wait(&Key::LoginAt(login.to_lowercase(), ip), FREE_FAILURES);
        pair.max(wait(&Key::Address(ip), FREE_FAILURES_ADDRESS))
    }

    /// Notes a refused sign-in.
    pub fn failed(&self, login: &str, ip: IpAddr, now: Timestamp) {
        let mut failures = self.failures.lock();
        if failures.len() >= KEYS_MAX {
            failures.retain(|_, known| now.duration_since(known.last) < FORGET_AFTER);
        }
        if failures.len() >= KEYS_MAX {
            failures.clear();
        }
        for key in [Key::LoginAt(login.to_lowercase(), ip), Key::Address(ip)] {
            let known = failures.entry(key).or_insert(Failures {
                count: 0,
                last: now,
            });
            if now.duration_since(known.last) >= FORGET_AFTER {
                known.count = 0;
            }
            known.count = known.count.saturating_add(1);
            known.last = now;
        }
    }

    /// Forgets the failures of a login that has now signed in.
    pub fn succeeded(&self, login: &str, ip: IpAddr) {
        self.failures
            .lock()
            .remove(&Key::LoginAt(login.to_lowercase(), ip));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end_and_do_not_touch_others() {
        let throttle = Throttle::default();
        let ip: IpAddr = "10.0.0.1".parse().unwrap();
        let other: IpAddr = "10.0.0.2".parse().unwrap();
        let mut now = Timestamp::UNIX_EPOCH;
        for _ in 0..FREE_FAILURES {
            assert_eq!(throttle.wait("Aigerim", ip, now), None);
            throttle.failed("aigerim", ip, now);
        }
        assert_eq!(
            throttle.wait("AIGERIM", ip, now),
            Some(SignedDuration::from_secs(1))
        );
        assert_eq!(throttle.wait("aigerim", other, now), None);
        assert_eq!(throttle.wait("berik", ip, now), None);
        now += SignedDuration::from_secs(1);
        assert_eq!(throttle.wait("aigerim", ip, now), None);
        throttle.failed("aigerim", ip, now);
        assert_eq!(
            throttle.wait("aigerim", ip, now),
            Some(SignedDuration::from_secs(2))
        );
        for _ in 0..40 {
            throttle.failed("aigerim", ip, now);
        }
        assert_eq!(throttle.wait("aigerim", ip, now), Some(WAIT_MAX));
        throttle.succeeded("aigerim", ip);
        assert_eq!(throttle.wait("aigerim", ip, now), None);
    }

    #[test]
    fn one_address_cannot_try_every_login() {
        let throttle = Throttle::default();
        let ip: IpAddr = "10.0.0.1".parse().unwrap();
        let now = Timestamp::UNIX_EPOCH;
        for number in 0..FREE_FAILURES_ADDRESS {
            throttle.failed(&format!("user{number}"), ip, now);
        }
        assert!(throttle.wait("somebody-new", ip, now).is_some());
    }
}
