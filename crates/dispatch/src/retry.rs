use jiff::SignedDuration;

/// How long to wait after failed attempt number `attempt` (from 1) before the next, or `None` when
/// it is time to ask a person.
///
/// Five quick tries fit into the 30 minutes that O199-10-3-7a leaves, then the waits grow to an
/// hour; after about two days it ends.
pub fn retry_delay(attempt: u64) -> Option<SignedDuration> {
    let minutes = match attempt {
        0 | 1 => 1,
        2 => 2,
        3 => 4,
        4 => 8,
        5 => 15,
        6 => 30,
        7..=54 => 60,
        _ => return None,
    };
    Some(SignedDuration::from_mins(minutes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end() {
        let waits: Vec<i64> = (1..)
            .map_while(retry_delay)
            .map(|wait| wait.as_mins())
            .collect();
        assert!(waits.is_sorted());
        assert!(
            waits[..4].iter().sum::<i64>() < 30,
            "five tries within half an hour"
        );
        let total: i64 = waits.iter().sum();
        assert!((48 * 60..72 * 60).contains(&total), "{total}");
        assert_eq!(retry_delay(u64::MAX), None);
    }
}
