//! An account of a directory is disabled over LDAP (RFC 4511), and enabled again.
//!
//! Undoing restores the value that was there before, and only if nobody has changed it since: the
//! old value is named in the modification, so that the directory itself compares it.

use std::collections::HashSet;
use std::sync::Arc;

use futures::future::BoxFuture;
use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, Mod, Scope, SearchEntry, SearchOptions};
use saqshy_casework::ProtectedTarget;
use saqshy_dispatch::tls_trusting;
use serde::{Deserialize, Serialize};

use super::{CALL_MAX, Driver, Job, Outcome};
use crate::config::{DirectoryPeer, Disable};

/// The bit ACCOUNTDISABLE of `userAccountControl`.
const ACCOUNT_DISABLED: i64 = 2;
/// Attributes by which an account may be known, besides the one it is looked for by.
const NAMES: [&str; 5] = ["uid", "sAMAccountName", "userPrincipalName", "cn", "mail"];

/// Disables accounts of one directory.
#[derive(Clone)]
pub(super) struct Directory {
    peer: Arc<DirectoryPeer>,
}

/// What is kept with the action before anything changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Former {
    /// The value that was there.
    was: Option<String>,
    /// The value that disables.
    set: String,
}

/// An account as it was found.
#[derive(Debug)]
struct Account {
    dn: String,
    names: Vec<String>,
    value: Option<String>,
}

impl Disable {
    fn attribute(self) -> &'static str {
        match self {
            Disable::ActiveDirectory => "userAccountControl",
            Disable::Ppolicy => "pwdAccountLockedTime",
            Disable::ShadowExpire => "shadowExpire",
        }
    }

    /// The value that disables an account which has `value` now.
    fn disabled(self, value: Option<&str>) -> Result<String, String> {
        match self {
            Disable::ActiveDirectory => flags(value).map(|f| (f | ACCOUNT_DISABLED).to_string()),
            Disable::Ppolicy => Ok("000001010000Z".to_owned()),
            Disable::ShadowExpire => Ok("1".to_owned()),
        }
    }

    /// What the value becomes when it is undone; `None` when somebody else has changed it since,
    /// so that it is left alone. Of flags only the one that was set here is taken back.
    fn restored(
        self,
        former: &Former,
        now: Option<&str>,
    ) -> Result<Option<Option<String>>, String> {
        if self != Disable::ActiveDirectory {
            return Ok((now == Some(&former.set)).then(|| former.was.clone()));
        }
        let (was, now) = (flags(former.was.as_deref())?, flags(now)?);
        let enabled = was & ACCOUNT_DISABLED == 0 && now & ACCOUNT_DISABLED != 0;
        Ok(enabled.then(|| Some((now & !ACCOUNT_DISABLED).to_string())))
    }
}

fn flags(value: Option<&str>) -> Result<i64, String> {
    let value = value.ok_or("the account has no userAccountControl")?;
    let wrong = |_| format!("userAccountControl `{value}` is no number");
    value.parse().map_err(wrong)
}

impl Directory {
    pub(super) fn new(peer: DirectoryPeer) -> Self {
        Self {
            peer: Arc::new(peer),
        }
    }

    /// Does `work` on a connection, apart from the caller: an answer that nobody can read must not
    /// take the action down with it.
    async fn with<F, W>(&self, work: F) -> Outcome
    where
        F: FnOnce(Self, Ldap) -> W + Send + 'static,
        W: Future<Output = Outcome> + Send,
    {
        let this = self.clone();
        let talk = tokio::spawn(async move {
            let mut ldap = this.connect().await?;
            let said = work(this, ldap.clone()).await;
            // The directory closes an abandoned connection too.
            let _ = ldap.unbind().await;
            said
        });
        let abort = talk.abort_handle();
        match tokio::time::timeout(CALL_MAX, talk).await {
            Ok(Ok(said)) => said,
            Ok(Err(_)) => Err(format!("{}: an answer that cannot be read", self.peer.url)),
            Err(_) => {
                abort.abort();
                let seconds = CALL_MAX.as_secs();
                Err(format!("{}: no answer within {seconds} s", self.peer.url))
            }
        }
    }

    async fn connect(&self) -> Result<Ldap, String> {
        let peer = &self.peer;
        let read = |file: &std::path::Path| {
            std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))
        };
        let ca_pem = peer.ca_file.as_deref().map(read).transpose()?;
        let settings = LdapConnSettings::new()
            .set_conn_timeout(CALL_MAX)
            .set_starttls(peer.start_tls)
            .set_config(Arc::new(tls_trusting(ca_pem.as_deref())?));
        let away = |error: ldap3::LdapError| format!("{}: {error}", peer.url);
        let (connection, mut ldap) = LdapConnAsync::with_settings(settings, &peer.url)
            .await
            .map_err(away)?;
        let url = peer.url.clone();
        tokio::spawn(async move {
            if let Err(error) = connection.drive().await {
                tracing::debug!("connection to {url}: {error}");
            }
        });
        let password = read(&peer.password_file)?;
        let password = password.trim_end_matches(['\r', '\n']);
        // RFC 4513, 5.1.2: a name without a password would bind as nobody.
        if password.is_empty() {
            return Err(format!("{} is empty", peer.password_file.display()));
        }
        ldap.simple_bind(&peer.bind_dn, password)
            .await
            .and_then(ldap3::LdapResult::success)
            .map_err(|error| format!("bind as {}: {error}", peer.bind_dn))?;
        Ok(ldap)
    }

    /// Finds the one account of that name, and refuses one that is protected under any of its
    /// names, or is our own.
    async fn find(
        &self,
        ldap: &mut Ldap,
        name: &str,
        protected: &[ProtectedTarget],
    ) -> Result<Account, String> {
        let peer = &self.peer;
        let filter = format!("({}={})", peer.account_attribute, ldap3::ldap_escape(name));
        let mut attributes = NAMES.to_vec();
        attributes.extend([&*peer.account_attribute, peer.disable.attribute()]);
        let options = SearchOptions::new().sizelimit(2);
        let (entries, _) = ldap
            .with_search_options(options)
            .search(&peer.base, Scope::Subtree, &filter, attributes)
            .await
            .and_then(ldap3::SearchResult::success)
            .map_err(|error| format!("search for {filter} under {}: {error}", peer.base))?;
        let mut found = entries
            .into_iter()
            .filter(|entry| !entry.is_ref() && !entry.is_intermediate())
            .map(SearchEntry::construct);
        let account = match (found.next(), found.next()) {
            (Some(entry), None) => account_of(entry, peer),
            (None, _) => return Err(format!("no account `{name}` under {}", peer.base)),
            _ => return Err(format!("`{name}` names more than one account")),
        };
        let hit = protected
            .iter()
            .find(|one| account.names.iter().any(|name| one.names(name)));
        if let Some(one) = hit {
            let (target, reason) = (&one.target, &one.reason);
            return Err(format!(
                "{} is `{target}`, never touched: {reason}",
                account.dn
            ));
        }
        if account
            .names
            .iter()
            .any(|name| same_name(name, &peer.bind_dn))
        {
            return Err(format!("{} is this program's own account", account.dn));
        }
        Ok(account)
    }

    /// Writes `to` where `from` stands; the directory refuses if something else stands there.
    async fn replace(
        &self,
        ldap: &mut Ldap,
        account: &Account,
        to: Option<&str>,
    ) -> Result<(), String> {
        let attribute = self.peer.disable.attribute();
        let value = |text: &str| HashSet::from([text.to_owned()]);
        let mut changes = Vec::new();
        if let Some(from) = &account.value {
            changes.push(Mod::Delete(attribute.to_owned(), value(from)));
        }
        if let Some(to) = to {
            changes.push(Mod::Add(attribute.to_owned(), value(to)));
        }
        if changes.is_empty() {
            return Ok(());
        }
        let done = ldap.modify(&account.dn, changes).await;
        done.and_then(ldap3::LdapResult::success)
            .map_err(|error| format!("{}: {attribute}: {error}", account.dn))?;
        Ok(())
    }

    fn said(&self, account: &Account, from: Option<&str>, to: Option<&str>) -> String {
        let attribute = self.peer.disable.attribute();
        let (from, to) = (from.unwrap_or("–"), to.unwrap_or("–"));
        format!("{}: {attribute} {from} → {to}", account.dn)
    }
}

fn account_of(entry: SearchEntry, peer: &DirectoryPeer) -> Account {
    let mut names = vec![entry.dn.clone()];
    let mut value = None;
    for (attribute, values) in entry.attrs {
        let is = |name: &str| attribute.eq_ignore_ascii_case(name);
        if is(peer.disable.attribute()) {
            value = values.first().cloned();
        }
        if is(&peer.account_attribute) || NAMES.iter().any(|name| is(name)) {
            names.extend(values);
        }
    }
    Account {
        dn: entry.dn,
        names,
        value,
    }
}

/// Whether two names are the same: capital letters and spaces around the commas of a distinguished
/// name do not count.
fn same_name(a: &str, b: &str) -> bool {
    let plain = |name: &str| {
        let parts: Vec<String> = name
            .split(',')
            .map(|part| part.trim().to_lowercase())
            .collect();
        parts.join(",")
    };
    plain(a) == plain(b)
}

async fn protected_of(job: Job<'_>) -> Result<Vec<ProtectedTarget>, String> {
    let listed = job.app.store.protected_targets().await;
    listed.map_err(|error| error.to_string())
}

impl Driver for Directory {
    fn rehearse<'a>(&'a self, job: Job<'a>) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let (name, protected) = (job.action.target.clone(), protected_of(job).await?);
            self.with(async move |this: Directory, mut ldap: Ldap| {
                let account = this.find(&mut ldap, &name, &protected).await?;
                let now = account.value.as_deref();
                let to = this.peer.disable.disabled(now)?;
                Ok(this.said(&account, now, Some(&to)))
            })
            .await
        })
    }

    fn former<'a>(&'a self, job: Job<'a>) -> BoxFuture<'a, Result<Option<String>, String>> {
        Box::pin(async move {
            let (name, protected) = (job.action.target.clone(), protected_of(job).await?);
            let former = self.with(async move |this: Directory, mut ldap: Ldap| {
                let account = this.find(&mut ldap, &name, &protected).await?;
                let set = this.peer.disable.disabled(account.value.as_deref())?;
                let former = Former {
                    was: account.value,
                    set,
                };
                serde_json::to_string(&former).map_err(|error| error.to_string())
            });
            former.await.map(Some)
        })
    }

    fn apply<'a>(&'a self, job: Job<'a>) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let (name, protected) = (job.action.target.clone(), protected_of(job).await?);
            let former = former_of(job)?;
            self.with(async move |this: Directory, mut ldap: Ldap| {
                let account = this.find(&mut ldap, &name, &protected).await?;
                let said = this.said(&account, former.was.as_deref(), Some(&former.set));
                if account.value.as_deref() == Some(&former.set) {
                    return Ok(said);
                }
                if account.value != former.was {
                    return Err(format!("{} has changed meanwhile; ask again", account.dn));
                }
                this.replace(&mut ldap, &account, Some(&former.set)).await?;
                Ok(said)
            })
            .await
        })
    }

    fn undo<'a>(&'a self, job: Job<'a>) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let (name, former) = (job.action.target.clone(), former_of(job)?);
            self.with(async move |this: Directory, mut ldap: Ldap| {
                // What became protected since is enabled all the same.
                let account = this.find(&mut ldap, &name, &[]).await?;
                let now = account.value.as_deref();
                match this.peer.disable.restored(&former, now)? {
                    Some(to) if to.as_deref() != now => {
                        this.replace(&mut ldap, &account, to.as_deref()).await?;
                        Ok(this.said(&account, now, to.as_deref()))
                    }
                    _ => Ok(format!("{}, left as it is", this.said(&account, now, now))),
                }
            })
            .await
        })
    }
}

fn former_of(job: Job<'_>) -> Result<Former, String> {
    let kept = job.action.former.as_deref();
    let kept = kept.ok_or("nothing was changed: the former value was never read")?;
    serde_json::from_str(kept).map_err(|error| format!("the former value `{kept}`: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Active Directory keeps many flags in one number; others may change while one is ours.
    #[test]
    fn only_the_flag_that_was_set_here_is_taken_back() {
        let way = Disable::ActiveDirectory;
        assert_eq!(way.disabled(Some("512")), Ok("514".to_owned()));
        assert_eq!(way.disabled(Some("66050")), Ok("66050".to_owned()));
        assert!(way.disabled(None).is_err() && way.disabled(Some("x")).is_err());
        let former = |was: &str| Former {
            was: Some(was.to_owned()),
            set: way.disabled(Some(was)).unwrap(),
        };
        let back = |was, now| way.restored(&former(was), Some(now)).unwrap();
        assert_eq!(back("512", "514"), Some(Some("512".to_owned())));
        // Somebody set DONT_EXPIRE_PASSWORD meanwhile.
        assert_eq!(back("512", "66050"), Some(Some("66048".to_owned())));
        // Disabled before, or enabled by somebody else.
        assert_eq!(back("514", "514"), None);
        assert_eq!(back("512", "512"), None);
    }

    #[test]
    fn a_lock_that_somebody_else_set_stays() {
        let former = Former {
            was: None,
            set: "000001010000Z".to_owned(),
        };
        let back = |now| Disable::Ppolicy.restored(&former, now).unwrap();
        assert_eq!(back(Some("000001010000Z")), Some(None));
        assert_eq!(back(Some("20260316091200Z")), None);
        assert_eq!(back(None), None);
    }

    #[test]
    fn names_are_compared_as_a_directory_does() {
        assert!(same_name(
            "CN=Saqshy, DC=example,DC=kz",
            "cn=saqshy,dc=example,dc=kz"
        ));
        assert!(!same_name("cn=saqshy,dc=example,dc=kz", "cn=saqshy,dc=kz"));
    }
}
