//! Accounts: people who sign in. Never deleted, so that the journal's names keep their meaning.

use std::sync::Arc;

use jiff::Timestamp;
use saqshy_casework::{Actor, Error as StoreError, Store, Tx};
use saqshy_journal::Leaf;
use serde_json::{Value, json};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use tokio::sync::Semaphore;

use super::password::{self, PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN};
use super::roles::{RoleError, Roles};

/// Somebody who may sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub id: String,
    /// Never changes; the journal names people by it.
    pub login: String,
    pub name: String,
    pub roles: Vec<String>,
    /// `kk`, `ru` or `en`.
    pub language: String,
    pub enabled: bool,
    pub created_at: Timestamp,
    pub last_sign_in: Option<Timestamp>,
}

/// An account to be made.
#[derive(Debug, Clone)]
pub struct NewAccount {
    pub login: String,
    pub name: String,
    pub password: String,
    pub roles: Vec<String>,
    pub language: String,
    /// Roles that should be apart may be held together: the operator of the machine decides.
    pub combined: bool,
}

/// New values; `None` leaves a value as it is.
#[derive(Debug, Clone, Default)]
pub struct AccountPatch {
    pub roles: Option<Vec<String>>,
    pub enabled: Option<bool>,
    pub password: Option<String>,
    pub name: Option<String>,
    pub language: Option<String>,
}

/// The account that a fresh server makes, to be shown once.
#[derive(Debug, Clone)]
pub struct FirstAccount {
    pub login: String,
    pub password: String,
}

/// Why an account could not be made or changed.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    #[error("`{field}`: {message}")]
    Invalid {
        field: &'static str,
        message: String,
    },
    #[error("an account with the login `{0}` exists")]
    Taken(String),
    #[error("there is no account `{0}`")]
    NotFound(String),
    #[error(transparent)]
    Roles(#[from] RoleError),
    #[error("the password is wrong")]
    WrongPassword,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("accounts")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<sqlx::Error> for AccountError {
    fn from(error: sqlx::Error) -> Self {
        Self::Internal(Box::new(error))
    }
}

fn internal(error: impl std::error::Error + Send + Sync + 'static) -> AccountError {
    AccountError::Internal(Box::new(error))
}

fn invalid(field: &'static str, message: impl Into<String>) -> AccountError {
    AccountError::Invalid {
        field,
        message: message.into(),
    }
}

/// The table of accounts.
#[derive(Clone)]
pub struct Accounts {
    store: Store,
    /// Passwords that are hashed at once: each takes 19 MiB, and strangers can ask for it.
    hashing: Arc<Semaphore>,
}

/// Passwords that are hashed at once.
const HASHING_MAX: usize = 4;

const COLUMNS: &str =
    "id, login, name, roles, language, enabled, created_at_us, last_sign_in_us, password_hash";

impl Accounts {
    pub(super) fn new(store: Store) -> Self {
        let hashing = Arc::new(Semaphore::new(HASHING_MAX));
        Self { store, hashing }
    }

    async fn hash(&self, password: &str) -> Result<String, AccountError> {
        let _turn = self.hashing.acquire().await.map_err(internal)?;
        let password = password.to_owned();
        let hashed = tokio::task::spawn_blocking(move || password::hash(&password)).await;
        hashed.map_err(internal)?.map_err(internal)
    }

    async fn verify(&self, password: &str, hash: Option<String>) -> Result<bool, AccountError> {
        if password.len() > PASSWORD_BYTES_MAX {
            return Ok(false);
        }
        let _turn = self.hashing.acquire().await.map_err(internal)?;
        let password = password.to_owned();
        let verified =
            tokio::task::spawn_blocking(move || password::verify(&password, hash.as_deref())).await;
        verified.map_err(internal)
    }

    /// All accounts by login.
    pub async fn all(&self) -> Result<Vec<Account>, AccountError> {
        let sql = format!("SELECT {COLUMNS} FROM account ORDER BY login");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .fetch_all(self.store.pool())
            .await?;
        rows.iter().map(|row| Ok(account(row)?.0)).collect()
    }

    /// The account with this id.
    pub async fn get(&self, id: &str) -> Result<Account, AccountError> {
        let sql = format!("SELECT {COLUMNS} FROM account WHERE id = $1");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(id)
            .fetch_optional(self.store.pool());
        let row = row
            .await?
            .ok_or_else(|| AccountError::NotFound(id.to_owned()))?;
        Ok(account(&row)?.0)
    }

    /// The enabled account that has this login and password. Takes the same time for an unknown
    /// login.
    pub async fn check(
        &self,
        login: &str,
        password: &str,
    ) -> Result<Option<Account>, AccountError> {
        let sql = format!("SELECT {COLUMNS} FROM account WHERE login = $1");
        let login = login.trim().to_lowercase();
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(login)
            .fetch_optional(self.store.pool());
        let found = row.await?.map(|row| account(&row)).transpose()?;
        let hash = found.as_ref().map(|(_, hash)| hash.clone());
        let fits = self.verify(password, hash).await?;
        Ok(found
            .map(|(account, _)| account)
            .filter(|account| fits && account.enabled))
    }

    /// Makes an account and its leaf.
    pub async fn create(
        &self,
        roles: &Roles,
        by: &Actor,
        now: Timestamp,
        new: &NewAccount,
    ) -> Result<Account, AccountError> {
        let login = check_login(&new.login)?;
        check_name(&new.name)?;
        check_language(&new.language)?;
        check_password(&new.password)?;
        roles.check(&new.roles, new.combined)?;
        let hash = self.hash(&new.password).await?;
        let mut tx = self.store.begin().await?;
        let taken = sqlx::query("SELECT 1 FROM account WHERE login = $1").bind(&login);
        if taken.fetch_optional(tx.conn()).await?.is_some() {
            return Err(AccountError::Taken(login));
        }
        let account = Account {
            id: format!("user-{}", &tx.new_id("account").await?[..12]),
            login,
            name: new.name.trim().to_owned(),
            roles: new.roles.clone(),
            language: new.language.clone(),
            enabled: true,
            created_at: now,
            last_sign_in: None,
        };
        sqlx::query(
            "INSERT INTO account (id, login, name, password_hash, roles, language, enabled, created_at_us) \
             VALUES ($1, $2, $3, $4, $5, $6, 1, $7)",
        )
        .bind(&account.id)
        .bind(&account.login)
        .bind(&account.name)
        .bind(hash)
        .bind(serde_json::to_string(&account.roles).map_err(internal)?)
        .bind(&account.language)
        .bind(now.as_microsecond())
        .execute(tx.conn())
        .await?;
        let change = json!({"login": account.login, "name": account.name, "roles": account.roles});
        note(&mut tx, by, now, "user.created", &account.id, change).await?;
        tx.commit().await?;
        Ok(account)
    }

    /// Changes an account. A new password, new roles and switching off end its sessions.
    ///
    /// # Errors
    /// `Invalid` when somebody would change the own roles or switch the own account off.
    pub async fn change(
        &self,
        roles: &Roles,
        by: &Actor,
        now: Timestamp,
        id: &str,
        patch: &AccountPatch,
    ) -> Result<Account, AccountError> {
        let mut account = self.get(id).await?;
        let own = account.login == by.id;
        let mut change = serde_json::Map::new();
        if let Some(new) = patch.roles.as_ref().filter(|new| **new != account.roles) {
            if own {
                return Err(invalid("roles", "nobody changes the own roles"));
            }
            roles.check(new, false)?;
            change.insert("roles".into(), json!(new));
            account.roles.clone_from(new);
        }
        if let Some(enabled) = patch.enabled.filter(|enabled| *enabled != account.enabled) {
            if own {
                return Err(invalid("enabled", "nobody switches the own account off"));
            }
            change.insert("enabled".into(), json!(enabled));
            account.enabled = enabled;
        }
        let end_sessions = !change.is_empty() || patch.password.is_some();
        if let Some(name) = &patch.name {
            check_name(name)?;
            change.insert("name".into(), json!(name.trim()));
            account.name = name.trim().to_owned();
        }
        if let Some(language) = &patch.language {
            check_language(language)?;
            change.insert("language".into(), json!(language));
            account.language.clone_from(language);
        }
        let mut hashed = None;
        if let Some(password) = &patch.password {
            check_password(password)?;
            hashed = Some(self.hash(password).await?);
            change.insert("password".into(), json!("changed"));
        }
        if change.is_empty() {
            return Err(invalid("patch", "nothing would change"));
        }
        let mut tx = self.store.begin().await?;
        sqlx::query(
            "UPDATE account SET name = $1, roles = $2, language = $3, enabled = $4, \
             password_hash = COALESCE($5, password_hash) WHERE id = $6",
        )
        .bind(&account.name)
        .bind(serde_json::to_string(&account.roles).map_err(internal)?)
        .bind(&account.language)
        .bind(i64::from(account.enabled))
        .bind(hashed)
        .bind(id)
        .execute(tx.conn())
        .await?;
        if end_sessions {
            let sql = "DELETE FROM session WHERE account_id = $1";
            sqlx::query(sql).bind(id).execute(tx.conn()).await?;
        }
        note(&mut tx, by, now, "user.changed", id, Value::Object(change)).await?;
        tx.commit().await?;
        Ok(account)
    }

    /// Changes the own password; the session named by `keep` stays, the others end.
    pub async fn change_password(
        &self,
        by: &Actor,
        now: Timestamp,
        old: &str,
        new: &str,
        keep: &str,
    ) -> Result<(), AccountError> {
        let account = self
            .check(&by.id, old)
            .await?
            .ok_or(AccountError::WrongPassword)?;
        check_password(new)?;
        if old == new {
            return Err(invalid("new", "is the old password"));
        }
        let hash = self.hash(new).await?;
        let mut tx = self.store.begin().await?;
        sqlx::query("UPDATE account SET password_hash = $1 WHERE id = $2")
            .bind(hash)
            .bind(&account.id)
            .execute(tx.conn())
            .await?;
        sqlx::query("DELETE FROM session WHERE account_id = $1 AND token_sha256 <> $2")
            .bind(&account.id)
            .bind(keep)
            .execute(tx.conn())
            .await?;
        let change = json!({"password": "changed"});
        note(&mut tx, by, now, "user.changed", &account.id, change).await?;
        Ok(tx.commit().await?)
    }

    /// On a server without accounts, makes `login` with a random password.
    pub async fn make_first(
        &self,
        roles: &Roles,
        now: Timestamp,
        login: &str,
        holds: &[&str],
    ) -> Result<Option<FirstAccount>, AccountError> {
        let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM account")
            .fetch_one(self.store.pool())
            .await?;
        if count > 0 {
            return Ok(None);
        }
        let password =
            password::random().map_err(|error| AccountError::Internal(error.to_string().into()))?;
        let new = NewAccount {
            login: login.to_owned(),
            name: login.to_owned(),
            password: password.clone(),
            roles: holds.iter().map(|role| (*role).to_owned()).collect(),
            language: "kk".to_owned(),
            combined: true,
        };
        let account = self.create(roles, &Actor::system(), now, &new).await?;
        Ok(Some(FirstAccount {
            login: account.login,
            password,
        }))
    }
}

/// An account and its password hash.
fn account(row: &SqliteRow) -> Result<(Account, String), AccountError> {
    let time = |us: i64| Timestamp::from_microsecond(us).map_err(internal);
    let roles: String = row.try_get("roles")?;
    let last: Option<i64> = row.try_get("last_sign_in_us")?;
    let account = Account {
        id: row.try_get("id")?,
        login: row.try_get("login")?,
        name: row.try_get("name")?,
        roles: serde_json::from_str(&roles).map_err(internal)?,
        language: row.try_get("language")?,
        enabled: row.try_get::<i64, _>("enabled")? != 0,
        created_at: time(row.try_get("created_at_us")?)?,
        last_sign_in: last.map(time).transpose()?,
    };
    Ok((account, row.try_get("password_hash")?))
}

/// Logins are lower-case, 2 to 64 letters, digits, `.`, `-`, `_` or `@`; `system` is the program.
fn check_login(login: &str) -> Result<String, AccountError> {
    let login = login.trim().to_lowercase();
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '@');
    if !(2..=64).contains(&login.chars().count()) || !login.chars().all(fits) {
        return Err(invalid(
            "login",
            "use 2 to 64 letters, digits, `.`, `-`, `_` or `@`",
        ));
    }
    if login == "system" {
        return Err(AccountError::Taken(login));
    }
    Ok(login)
}

fn check_name(name: &str) -> Result<(), AccountError> {
    let name = name.trim();
    if name.is_empty() || name.len() > 256 || name.chars().any(char::is_control) {
        return Err(invalid(
            "name",
            "use 1 to 256 bytes without control characters",
        ));
    }
    Ok(())
}

fn check_language(language: &str) -> Result<(), AccountError> {
    match language {
        "kk" | "ru" | "en" => Ok(()),
        other => Err(invalid(
            "language",
            format!("`{other}` is not `kk`, `ru` or `en`"),
        )),
    }
}

fn check_password(password: &str) -> Result<(), AccountError> {
    if password.chars().count() < PASSWORD_CHARS_MIN {
        let message = format!("use at least {PASSWORD_CHARS_MIN} characters");
        return Err(invalid("password", message));
    }
    if password.len() > PASSWORD_BYTES_MAX {
        return Err(invalid(
            "password",
            format!("use at most {PASSWORD_BYTES_MAX} bytes"),
        ));
    }
    Ok(())
}

pub(super) async fn note(
    tx: &mut Tx,
    by: &Actor,
    at: Timestamp,
    action: &str,
    account: &str,
    change: Value,
) -> Result<(), AccountError> {
    tx.leaf(&Leaf {
        at,
        actor: by.id.clone(),
        action: action.to_owned(),
        object: format!("user:{account}"),
        change,
        reason: None,
        edition: None,
    })
    .await?;
    Ok(())
}
