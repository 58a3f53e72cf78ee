use std::str::FromStr;

use anyhow::bail;
use jiff::Timestamp;

/// What a rule does in service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Its hits raise alerts.
    Enabled,
    /// It matches and its hits are counted; they raise no alert.
    Test,
    /// It is not compiled.
    Disabled,
}

impl Mode {
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::Enabled => "enabled",
            Mode::Test => "test",
            Mode::Disabled => "disabled",
        }
    }
}

impl FromStr for Mode {
    type Err = anyhow::Error;

    fn from_str(word: &str) -> anyhow::Result<Self> {
        Ok(match word {
            "enabled" => Mode::Enabled,
            "test" => Mode::Test,
            "disabled" => Mode::Disabled,
            other => bail!("`{other}` is no mode of a rule: use enabled, test, disabled"),
        })
    }
}

/// The mode that somebody gave to one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub mode: Mode,
    pub reason: String,
    pub at: Timestamp,
    pub by: String,
}
