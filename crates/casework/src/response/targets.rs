//! What an action may be aimed at: the list of what is never blocked, and reference sets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::actions::named_value;
use crate::tx::{Columns, Note};
use crate::{Ctx, Error, NAME_BYTES_MAX, Result, Store, TITLE_BYTES_MAX, Tx, check_text, time};

/// An address, or a network with its prefix length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Reads `192.0.2.7`, `192.0.2.0/24`, `2001:db8::/32`. Bits beyond the prefix must be zero.
    pub fn parse(text: &str) -> Option<Network> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok()?,
            Some(_) => return None,
            None => bits,
        };
        let network = Network { address, prefix };
        (prefix <= bits && network.masked(network.number()) == network.number()).then_some(network)
    }

    /// The address bits, left-aligned in 128 bits.
    fn number(&self) -> u128 {
        match self.address {
            IpAddr::V4(v4) => u128::from(v4.to_bits()) << 96,
            IpAddr::V6(v6) => v6.to_bits(),
        }
    }

    fn masked(&self, number: u128) -> u128 {
        match self.prefix {
            0 => 0,
            prefix => number & (u128::MAX << (128 - u32::from(prefix))),
        }
    }

    /// Whether some address is in both.
    pub fn overlaps(&self, other: &Network) -> bool {
        let wider = if self.prefix <= other.prefix {
            self
        } else {
            other
        };
        self.address.is_ipv4() == other.address.is_ipv4()
            && wider.masked(self.number()) == wider.masked(other.number())
    }
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.address, self.prefix) {
            (IpAddr::V4(address), 32) => write!(f, "{address}"),
            (IpAddr::V6(address), 128) => write!(f, "{address}"),
            (address, prefix) => write!(f, "{address}/{prefix}"),
        }
    }
}

/// Addresses that are never blocked, whatever the list says: loopback, unspecified, multicast,
/// broadcast, link-local.
fn always_protected(network: &Network) -> bool {
    let v4 = |a: [u8; 4], prefix| Network {
        address: Ipv4Addr::from(a).into(),
        prefix,
    };
    let v6 = |a: u128, prefix| Network {
        address: Ipv6Addr::from(a).into(),
        prefix,
    };
    [
        v4([0, 0, 0, 0], 8),
        v4([127, 0, 0, 0], 8),
        v4([169, 254, 0, 0], 16),
        v4([224, 0, 0, 0], 3),
        v6(0, 127),
        v6(0xfe80 << 112, 10),
        v6(0xff00 << 112, 8),
        v6(0xffff << 32, 96),
    ]
    .iter()
    .any(|protected| protected.overlaps(network))
}

/// Something that no action is aimed at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProtectedTarget {
    pub target: String,
    pub reason: String,
    pub added_at: Timestamp,
    pub added_by: String,
}

/// A value of a reference set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReferenceItem {
    pub set: String,
    pub value: String,
    pub added_at: Timestamp,
    pub added_by: String,
}

/// Checks what an action is aimed at and returns it as it will be used.
///
/// # Errors
/// `Invalid` for a target of the wrong form, and for one that is protected.
pub(super) fn check_target(
    driver: &str,
    target: &str,
    protected: &[ProtectedTarget],
) -> Result<String> {
    check_text("target", target, NAME_BYTES_MAX)?;
    let target = target.trim();
    let refuse = |message: String| Err(Error::invalid("target", message));
    // What the action touches: the whole target, or the value behind the name of a webhook.
    let touched = match (driver, named_value(target)) {
        ("add_to_set", None) => return refuse("write `set=value`".into()),
        ("call_webhook", None) => return refuse("write `webhook=value`".into()),
        ("call_webhook", Some((_, value))) => value,
        _ => target,
    };
    if let Some(one) = protected.iter().find(|one| one.names(touched)) {
        return refuse(format!("`{touched}` is never touched: {}", one.reason));
    }
    let network = Network::parse(touched);
    if let Some(network) = network.filter(|_| matches!(driver, "block_address" | "call_webhook")) {
        let hit = protected
            .iter()
            .find(|one| Network::parse(&one.target).is_some_and(|known| known.overlaps(&network)));
        if let Some(one) = hit {
            return refuse(format!(
                "`{touched}` touches `{}`, which is never blocked: {}",
                one.target, one.reason
            ));
        }
    }
    match (driver, network) {
        ("block_address", None) => refuse(format!("`{target}` is no address and no network")),
        ("block_address", Some(network)) => {
            let widest = if network.address.is_ipv4() { 16 } else { 32 };
            if network.prefix < widest {
                return refuse(format!("`{target}` is wider than /{widest}"));
            }
            if always_protected(&network) {
                return refuse(format!("`{target}` is never blocked"));
            }
            Ok(network.to_string())
        }
        ("disable_account", _)
            if target
                .chars()
                .any(|c| c.is_control() || "*()\\".contains(c)) =>
        {
            refuse(format!("`{target}` is no name of an account"))
        }
        _ => Ok(target.to_owned()),
    }
}

/// Whether two targets of one driver touch each other.
pub(super) fn same_target(driver: &str, a: &str, b: &str) -> bool {
    match (driver, Network::parse(a), Network::parse(b)) {
        ("block_address", Some(a), Some(b)) => a.overlaps(&b),
        _ => a.to_lowercase() == b.to_lowercase(),
    }
}

impl ProtectedTarget {
    /// Whether it is this name; accounts and hosts do not tell capital letters apart.
    pub fn names(&self, target: &str) -> bool {
        self.target.to_lowercase() == target.to_lowercase()
    }
}

impl Tx {
    /// Puts something on the list of what is never blocked.
    pub async fn protect_target(
        &mut self,
        ctx: &Ctx<'_>,
        target: &str,
        reason: &str,
    ) -> Result<()> {
        check_text("target", target, NAME_BYTES_MAX)?;
        check_text("reason", reason, TITLE_BYTES_MAX)?;
        sqlx::query(
            "INSERT INTO protected_target (target, reason, added_us, added_by) \
             VALUES ($1, $2, $3, $4) ON CONFLICT (target) DO UPDATE SET \
             reason = excluded.reason, added_us = excluded.added_us, \
             added_by = excluded.added_by, removed_us = NULL, removed_by = NULL",
        )
        .bind(target.trim())
        .bind(reason)
        .bind(time::to_us(ctx.now))
        .bind(&ctx.actor.id)
        .execute(self.conn())
        .await?;
        self.target_note(ctx, target, "protected_target.added", reason)
            .await
    }

    /// Takes something off that list.
    pub async fn unprotect_target(
        &mut self,
        ctx: &Ctx<'_>,
        target: &str,
        reason: &str,
    ) -> Result<()> {
        check_text("reason", reason, TITLE_BYTES_MAX)?;
        let done = sqlx::query(
            "UPDATE protected_target SET removed_us = $2, removed_by = $3 \
             WHERE target = $1 AND removed_us IS NULL",
        )
        .bind(target)
        .bind(time::to_us(ctx.now))
        .bind(&ctx.actor.id)
        .execute(self.conn())
        .await?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found("protected_target", target));
        }
        self.target_note(ctx, target, "protected_target.removed", reason)
            .await
    }

    async fn target_note(
        &mut self,
        ctx: &Ctx<'_>,
        target: &str,
        action: &str,
        reason: &str,
    ) -> Result<()> {
        let note = Note {
            action,
            object: ("protected_target", target.trim()),
            change: json!({}),
            reason: Some(reason),
            ..Note::default()
        };
        self.note(&ctx.actor.id, ctx.now, note).await?;
        Ok(())
    }

    /// Adds a value to a named set, or takes it out again.
    pub async fn set_reference(
        &mut self,
        ctx: &Ctx<'_>,
        set: &str,
        value: &str,
        present: bool,
        action: Option<&str>,
    ) -> Result<()> {
        check_text("set", set, NAME_BYTES_MAX)?;
        check_text("value", value, NAME_BYTES_MAX)?;
        let sql = match present {
            true => {
                "INSERT INTO reference_item (set_name, value, added_us, added_by, action_id) \
                 VALUES ($1, $2, $3, $4, $5) ON CONFLICT (set_name, value) DO UPDATE SET \
                 added_us = excluded.added_us, added_by = excluded.added_by, \
                 action_id = excluded.action_id, removed_us = NULL"
            }
            false => {
                "UPDATE reference_item SET removed_us = $3 WHERE set_name = $1 AND value = $2 \
                 AND $4 IS NOT NULL AND ($5 IS NULL OR action_id = $5)"
            }
        };
        sqlx::query(sql)
            .bind(set)
            .bind(value)
            .bind(time::to_us(ctx.now))
            .bind(&ctx.actor.id)
            .bind(action)
            .execute(self.conn())
            .await?;
        let note = Note {
            action: if present {
                "reference_set.added"
            } else {
                "reference_set.removed"
            },
            object: ("reference_set", set),
            change: json!({"value": value, "response_action": action}),
            ..Note::default()
        };
        self.note(&ctx.actor.id, ctx.now, note).await?;
        Ok(())
    }
}

impl Store {
    /// What is never blocked.
    pub async fn protected_targets(&self) -> Result<Vec<ProtectedTarget>> {
        protected_now(&mut *self.pool().acquire().await?).await
    }

    /// The values of every reference set.
    pub async fn reference_items(&self) -> Result<Vec<ReferenceItem>> {
        let rows = sqlx::query(
            "SELECT * FROM reference_item WHERE removed_us IS NULL ORDER BY set_name, value",
        )
        .fetch_all(self.pool())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(ReferenceItem {
                    set: row.text("set_name")?,
                    value: row.text("value")?,
                    added_at: row.time("added_us")?,
                    added_by: row.text("added_by")?,
                })
            })
            .collect()
    }
}

pub(super) async fn protected_now(conn: &mut SqliteConnection) -> Result<Vec<ProtectedTarget>> {
    let rows =
        sqlx::query("SELECT * FROM protected_target WHERE removed_us IS NULL ORDER BY target")
            .fetch_all(conn)
            .await?;
    rows.iter().map(protected_of).collect()
}

fn protected_of(row: &SqliteRow) -> Result<ProtectedTarget> {
    Ok(ProtectedTarget {
        target: row.text("target")?,
        reason: row.text("reason")?,
        added_at: row.time("added_us")?,
        added_by: row.text("added_by")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_must_not_be_blocked_is_not() {
        let list = [ProtectedTarget {
            target: "198.51.100.0/24".into(),
            reason: "өз желіміз".into(),
            added_at: Timestamp::UNIX_EPOCH,
            added_by: "x".into(),
        }];
        for wrong in [
            "127.0.0.1",
            "::1",
            "0.0.0.0/0",
            "10.0.0.0/8",
            "224.0.0.1",
            "255.255.255.255",
            "169.254.0.1",
            "fe80::1",
            "::ffff:127.0.0.1",
            "198.51.100.7",
            "198.51.0.0/16",
            "203.0.113.7/24",
            "1.2.3.4; rm",
            "example.kz",
            "1.2.3.4/+8",
            "",
        ] {
            assert!(
                check_target("block_address", wrong, &list).is_err(),
                "{wrong}"
            );
        }
        for right in [
            "203.0.113.7",
            "203.0.113.0/24",
            "2001:db8::/32",
            "2001:db8::7",
        ] {
            assert_eq!(check_target("block_address", right, &list).unwrap(), right);
        }
    }

    #[test]
    fn an_account_and_the_value_of_a_webhook_are_protected_too() {
        let list = ["Svc-Backup", "198.51.100.0/24"].map(|target| ProtectedTarget {
            target: target.into(),
            reason: "қажет".into(),
            added_at: Timestamp::UNIX_EPOCH,
            added_by: "x".into(),
        });
        for (driver, wrong) in [
            ("disable_account", "svc-backup"),
            ("disable_account", "*"),
            ("disable_account", "a)(uid=*"),
            ("call_webhook", "isolate=SVC-BACKUP"),
            ("call_webhook", "isolate=198.51.100.9"),
            ("call_webhook", "isolate"),
            ("call_webhook", "=x"),
            ("add_to_set", "x"),
        ] {
            assert!(check_target(driver, wrong, &list).is_err(), "{wrong}");
        }
        for (driver, right) in [
            ("disable_account", "a.serikov"),
            ("call_webhook", "isolate=WS-17"),
            ("add_to_set", "own=198.51.100.9"),
        ] {
            assert_eq!(check_target(driver, right, &list).unwrap(), right);
        }
    }

    proptest! {
        #[test]
        fn networks_overlap_as_their_addresses_say(a: u32, b: u32, p in 8u8..=32, q in 8u8..=32) {
            // Near each other, so that both answers come up.
            let b = (a & 0xffff_0000) | (b & 0xffff);
            let network = |number: u32, prefix: u8| {
                let mask = u32::MAX << (32 - u32::from(prefix));
                (number & mask, prefix, Network::parse(&format!("{}/{prefix}", Ipv4Addr::from_bits(number & mask))).unwrap())
            };
            let (x, p, one) = network(a, p);
            let (y, q, two) = network(b, q);
            let last = |start: u32, prefix: u8| start | (u32::MAX.checked_shr(u32::from(prefix)).unwrap_or(0));
            let meet = x <= last(y, q) && y <= last(x, p);
            prop_assert_eq!(one.overlaps(&two), meet);
            prop_assert_eq!(two.overlaps(&one), meet);
        }
    }
}
