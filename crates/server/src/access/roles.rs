//! Permissions, and the roles that bundle them.

use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;

use crate::api::wire::Text3;

macro_rules! permissions {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// The right to one kind of operation.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Permission { $($(#[$doc])* $variant,)* }

        impl Permission {
            /// Every permission there is.
            pub const ALL: &[Permission] = &[$(Permission::$variant,)*];

            /// The name in `roles.toml`, in the API document and in refusals.
            pub const fn name(self) -> &'static str {
                match self { $(Permission::$variant => $name,)* }
            }
        }
    };
}

permissions! {
    OverviewRead = "overview.read",
    /// Contents of events.
    SearchRead = "search.read",
    /// Contents of events through SQL; each statement is journalled.
    SqlRead = "sql.read",
    /// Contents of events in bulk; each export is journalled.
    ExportRead = "export.read",
    AlertsRead = "alerts.read",
    AlertsTriage = "alerts.triage",
    IncidentsRead = "incidents.read",
    IncidentsWrite = "incidents.write",
    /// The organisation's own table of events, classes and priorities.
    IncidentTableWrite = "incident_table.write",
    ShiftsWrite = "shifts.write",
    EvidenceRead = "evidence.read",
    EvidenceWrite = "evidence.write",
    /// Sealed exports of files; each is in the chain of custody.
    EvidenceExport = "evidence.export",
    /// Legal hold.
    EvidenceHold = "evidence.hold",
    /// After the term, with a second person.
    EvidenceDelete = "evidence.delete",
    /// A compartment: the person it is about is refused whatever they hold.
    InvestigationsRead = "investigations.read",
    InvestigationsWrite = "investigations.write",
    PlaybooksRead = "playbooks.read",
    PlaybooksWrite = "playbooks.write",
    PlaybooksApprove = "playbooks.approve",
    /// Asking for actions on other systems, and undoing them.
    ResponseRequest = "response.request",
    /// Approving them; stopping business processes; what is never blocked.
    ResponseApprove = "response.approve",
    ContactsRead = "contacts.read",
    ContactsWrite = "contacts.write",
    NoticesDraft = "notices.draft",
    NoticesApprove = "notices.approve",
    NoticesSend = "notices.send",
    TemplatesWrite = "templates.write",
    ReportsRead = "reports.read",
    ReportsWrite = "reports.write",
    /// A whole case, to be handed out; each export is journalled.
    DossierExport = "dossier.export",
    SourcesRead = "sources.read",
    SourcesWrite = "sources.write",
    JournalRead = "journal.read",
    JournalExport = "journal.export",
    RulesRead = "rules.read",
    RulesWrite = "rules.write",
    /// Matching a rule against stored events, whose contents it shows.
    RulesBacktest = "rules.backtest",
    ExceptionsPropose = "exceptions.propose",
    /// Never on one's own proposal.
    ExceptionsApprove = "exceptions.approve",
    /// Names of the people with an account; belongs to whoever reads alerts or incidents.
    PeopleRead = "people.read",
    UsersRead = "users.read",
    UsersWrite = "users.write",
    LawRead = "law.read",
    /// Recording what was done outside of cases.
    LawRecord = "law.record",
    MetricsRead = "metrics.read",
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A named bundle of permissions.
#[derive(Debug, Clone)]
pub struct Role {
    pub id: String,
    pub title: Text3,
    pub permissions: BTreeSet<Permission>,
    /// May not be held together with any other role.
    pub alone: bool,
    /// Roles that the same person should not hold.
    pub apart_from: Vec<String>,
}

/// Why a role file or a set of roles is refused.
#[derive(Debug, thiserror::Error)]
pub enum RoleError {
    #[error("the role file is no valid TOML")]
    Toml(#[from] toml::de::Error),
    #[error("role `{role}` names the unknown permission `{permission}`")]
    UnknownPermission { role: String, permission: String },
    #[error("there is no role `{0}`")]
    Unknown(String),
    #[error("an account needs at least one role")]
    None,
    #[error("role `{0}` cannot be held together with another role")]
    Alone(String),
    #[error("roles `{0}` and `{1}` cannot be held by one person")]
    Apart(String, String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRoles {
    role: Vec<RawRole>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRole {
    id: String,
    title: Text3,
    #[serde(default)]
    alone: bool,
    #[serde(default)]
    apart_from: Vec<String>,
    permissions: Vec<String>,
}

/// All roles of this server.
#[derive(Debug, Clone)]
pub struct Roles {
    roles: Vec<Role>,
}

impl Roles {
    /// The roles that ship with the program.
    ///
    /// # Panics
    /// Never: a test loads the embedded file.
    pub fn embedded() -> Self {
        let roles = Self::parse(include_str!("../../roles.toml"));
        roles.expect("the embedded role file is tested")
    }

    /// Reads a role file.
    pub fn parse(toml: &str) -> Result<Self, RoleError> {
        let raw: RawRoles = toml::from_str(toml)?;
        let mut roles = Vec::with_capacity(raw.role.len());
        for role in raw.role {
            let mut permissions = BTreeSet::new();
            for name in role.permissions {
                let found = Permission::ALL.iter().find(|known| known.name() == name);
                permissions.insert(*found.ok_or_else(|| RoleError::UnknownPermission {
                    role: role.id.clone(),
                    permission: name.clone(),
                })?);
            }
            roles.push(Role {
                id: role.id,
                title: role.title,
                permissions,
                alone: role.alone,
                apart_from: role.apart_from,
            });
        }
        let known: BTreeSet<&str> = roles.iter().map(|role| role.id.as_str()).collect();
        for other in roles.iter().flat_map(|role| &role.apart_from) {
            if !known.contains(other.as_str()) {
                return Err(RoleError::Unknown(other.clone()));
            }
        }
        Ok(Self { roles })
    }

    /// Every role, in the file's order.
    pub fn all(&self) -> &[Role] {
        &self.roles
    }

    fn get(&self, id: &str) -> Option<&Role> {
        self.roles.iter().find(|role| role.id == id)
    }

    /// What a person with these roles may do. A role that no longer exists grants nothing.
    pub fn permissions<'a>(
        &self,
        roles: impl IntoIterator<Item = &'a str>,
    ) -> BTreeSet<Permission> {
        roles
            .into_iter()
            .filter_map(|id| self.get(id))
            .flat_map(|role| role.permissions.iter().copied())
            .collect()
    }

    /// Checks that one person may hold these roles together. `combined` lets roles be joined that
    /// should be apart, for an organisation so small that one person must do both; a role that
    /// must be held alone never joins another.
    pub fn check(&self, ids: &[String], combined: bool) -> Result<(), RoleError> {
        if ids.is_empty() {
            return Err(RoleError::None);
        }
        for id in ids {
            let role = self.get(id).ok_or_else(|| RoleError::Unknown(id.clone()))?;
            let mut others = ids.iter().filter(|other| *other != id);
            if role.alone && others.clone().next().is_some() {
                return Err(RoleError::Alone(id.clone()));
            }
            if combined {
                continue;
            }
            if let Some(other) = others.find(|other| role.apart_from.contains(other)) {
                return Err(RoleError::Apart(id.clone(), other.clone()));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(list: &[&str]) -> Vec<String> {
        list.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn the_embedded_roles_load_and_every_permission_belongs_to_somebody() {
        let roles = Roles::embedded();
        for permission in Permission::ALL {
            let held = roles
                .all()
                .iter()
                .any(|role| role.permissions.contains(permission));
            assert!(held, "nobody holds {permission}");
        }
    }

    #[test]
    fn duties_are_separated() {
        let roles = Roles::embedded();
        let usual = ids(&["administrator", "analyst"]);
        assert!(roles.check(&usual, false).is_ok());
        let both = ids(&["administrator", "incident_coordinator"]);
        assert!(matches!(
            roles.check(&both, false),
            Err(RoleError::Apart(..))
        ));
        assert!(roles.check(&both, true).is_ok());
        let auditor = ids(&["auditor", "analyst"]);
        for combined in [false, true] {
            assert!(matches!(
                roles.check(&auditor, combined),
                Err(RoleError::Alone(_))
            ));
        }
        assert!(matches!(roles.check(&[], false), Err(RoleError::None)));
        assert!(matches!(
            roles.check(&ids(&["root"]), false),
            Err(RoleError::Unknown(_))
        ));
    }

    #[test]
    fn an_auditor_changes_nothing() {
        let roles = Roles::embedded();
        for permission in roles.permissions(["auditor"]) {
            let name = permission.name();
            assert!(
                name.ends_with(".read") || name.ends_with(".export"),
                "{name}"
            );
        }
        assert!(roles.permissions(["no_such_role"]).is_empty());
    }

    #[test]
    fn who_reads_alerts_or_incidents_knows_people_by_name() {
        for role in Roles::embedded().all() {
            let held = |permission| role.permissions.contains(&permission);
            assert_eq!(
                held(Permission::AlertsRead) || held(Permission::IncidentsRead),
                held(Permission::PeopleRead),
                "{}",
                role.id
            );
        }
    }

    #[test]
    fn a_misspelt_permission_is_refused() {
        let toml = r#"
            [[role]]
            id = "x"
            title = { kk = "", ru = "", en = "" }
            permissions = ["alerts.raed"]
        "#;
        assert!(matches!(
            Roles::parse(toml),
            Err(RoleError::UnknownPermission { .. })
        ));
    }
}
