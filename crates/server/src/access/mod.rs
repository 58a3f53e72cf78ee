//! Who may do what: accounts, sessions, roles.
//!
//! Every operation of the API names one [`Permission`] where it is registered; what is not named
//! is refused. Which role holds which permission is data (`roles.toml`).

mod password;
mod roles;
mod throttle;

pub use roles::{Permission, Role, RoleError, Roles};
pub use throttle::Throttle;

/// Who makes a request.
#[derive(Debug, Clone)]
pub struct Who {
    pub permissions: std::collections::BTreeSet<Permission>,
}
