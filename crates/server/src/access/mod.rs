//! Who may do what: accounts, sessions, roles.
//!
//! Every operation of the API names one [`Permission`] where it is registered; what is not named
//! is refused. Which role holds which permission is data (`roles.toml`).

mod accounts;
mod feeds;
mod password;
mod roles;
mod sessions;
mod throttle;

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use saqshy_casework::{Migration, Store};

pub use accounts::{Account, AccountError, AccountPatch, Accounts, FirstAccount, NewAccount};
pub use feeds::Feeds;
pub use roles::{Permission, Role, RoleError, Roles};
pub use sessions::{SESSION_COOKIE, Sessions, Who};
pub use throttle::Throttle;

const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "accounts and sessions",
        sql: include_str!("../../migrations/0001_access.sql"),
    },
    Migration {
        version: 2,
        name: "calendar feeds",
        sql: include_str!("../../migrations/0002_calendar_feed.sql"),
    },
];

/// A session without a request for this long ends.
pub const SESSION_IDLE: SignedDuration = SignedDuration::from_hours(1);
/// A session ends after this long in any case.
pub const SESSION_TOTAL: SignedDuration = SignedDuration::from_hours(12);

/// Accounts, sessions, roles and the brake on guessing, as one.
pub struct Access {
    pub roles: Roles,
    pub accounts: Accounts,
    pub sessions: Sessions,
    pub feeds: Feeds,
    pub throttle: Throttle,
}

impl Access {
    /// Brings the tables up to date.
    pub async fn open(store: &Store) -> Result<Self, AccountError> {
        store.migrate("access", MIGRATIONS).await?;
        Ok(Self {
            roles: Roles::embedded(),
            accounts: Accounts::new(store.clone()),
            sessions: Sessions::new(store.clone()),
            feeds: Feeds::new(store.clone()),
            throttle: Throttle::default(),
        })
    }
}

/// Sets a new password in the data folder of a server, running or not, and ends the sessions.
///
/// # Errors
/// `NotFound`, or `Invalid` for a password that is too weak; otherwise the database.
pub async fn set_password(
    data_dir: &Path,
    login: &str,
    password: &str,
    now: Timestamp,
) -> anyhow::Result<()> {
    let paths = crate::runtime::Paths::of(data_dir);
    anyhow::ensure!(
        paths.database.exists(),
        "`{}` is no data folder",
        data_dir.display()
    );
    let store = Store::open(&paths.database).await?;
    let access = Access::open(&store).await?;
    let all = access.accounts.all().await?;
    let account = all.iter().find(|account| account.login == login);
    let account = account.ok_or_else(|| AccountError::NotFound(login.to_owned()))?;
    let patch = AccountPatch {
        password: Some(password.to_owned()),
        ..Default::default()
    };
    let actor = saqshy_casework::Actor::system();
    access
        .accounts
        .change(&access.roles, &actor, now, &account.id, &patch)
        .await?;
    store.close().await;
    Ok(())
}

/// Makes an account in the data folder of a server, running or not: the command line's way in.
///
/// # Errors
/// `Taken`, `Invalid`, `Roles` say what is wrong with the request; otherwise the database.
pub async fn add_user(
    data_dir: &Path,
    login: &str,
    password: &str,
    roles: &[String],
    now: Timestamp,
) -> anyhow::Result<Account> {
    let paths = crate::runtime::Paths::of(data_dir);
    crate::runtime::make_data_dir(&paths)?;
    let store = Store::open(&paths.database).await?;
    let access = Access::open(&store).await?;
    let new = NewAccount {
        login: login.to_owned(),
        name: login.to_owned(),
        password: password.to_owned(),
        roles: roles.to_vec(),
        language: "kk".to_owned(),
        combined: true,
    };
    let actor = saqshy_casework::Actor::system();
    let account = access
        .accounts
        .create(&access.roles, &actor, now, &new)
        .await?;
    store.close().await;
    Ok(account)
}
