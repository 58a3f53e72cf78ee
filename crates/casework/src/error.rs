/// What went wrong, by what the caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such object. `object` is `kind:id`.
    #[error("`{object}` does not exist")]
    NotFound { object: String },
    /// Somebody else changed the object meanwhile: read it again and decide again.
    #[error("`{object}` has version {current}, the request was made against version {expected}")]
    Conflict {
        object: String,
        expected: i64,
        current: i64,
    },
    /// The request breaks a rule of the object. `field` names the part at fault.
    #[error("`{field}`: {message}")]
    Invalid {
        field: &'static str,
        message: String,
    },
    /// The database refused or is damaged. Nothing of the transaction is kept unless it was
    /// committed before.
    #[error("casework database")]
    Storage(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// Nothing of that kind has the id, or the caller must not know that it has.
    pub fn not_found(kind: &str, id: &str) -> Self {
        Self::NotFound {
            object: format!("{kind}:{id}"),
        }
    }

    pub(crate) fn invalid(field: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid {
            field,
            message: message.into(),
        }
    }

    pub(crate) fn corrupt(message: impl Into<String>) -> Self {
        Self::Storage(message.into().into())
    }
}

impl From<sqlx::Error> for Error {
    fn from(source: sqlx::Error) -> Self {
        Self::Storage(Box::new(source))
    }
}

impl From<serde_json::Error> for Error {
    fn from(source: serde_json::Error) -> Self {
        Self::Storage(Box::new(source))
    }
}
