//! How a command ends when it does not end well: a text for the user, and the exit code that scripts rely on.

use std::fmt;

/// Why a command failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// A check failed or runs diverged: exit code 1.
    Check(String),
    /// Bad input or usage: exit code 2.
    Input(String),
    /// Stopped by risk, the kill switch or the user: exit code 3.
    Stopped(String),
}

impl Failure {
    /// The process's exit code.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Check(_) => 1,
            Self::Input(_) => 2,
            Self::Stopped(_) => 3,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Check(text) | Self::Input(text) | Self::Stopped(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Failure {}

impl From<feeds::error::CaptureError> for Failure {
    fn from(error: feeds::error::CaptureError) -> Self {
        Self::Input(error.to_string())
    }
}
