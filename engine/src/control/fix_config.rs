//! `[venues.fix]` of the configuration: what a venue's FIX session is like.

use serde::{Deserialize, Serialize};

use crate::fix::session::{Reset, SessionConfig};
use crate::fix::templates::NumberStyle;

/// Most messages that one ResendRequest may be configured to ask for.
const RESEND_CHUNK_MAX: u32 = 1_000_000;

/// BeginString(8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum FixVersion {
    /// FIX.4.2
    #[serde(rename = "4.2")]
    Fix42,
    /// FIX.4.4
    #[default]
    #[serde(rename = "4.4")]
    Fix44,
}

/// Which logons start both sequences at 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResetConfig {
    /// The first of a run; a session that was lost, or is resumed with its run, goes on where it was.
    #[default]
    First,
    /// Every one.
    Every,
    /// None.
    Never,
}

/// How orders write their numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NumbersConfig {
    /// With leading zeros, at fixed places: the fastest.
    #[default]
    Fixed,
    /// Without leading zeros, for venues that refuse them.
    Compact,
}

/// See the module's text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FixConfig {
    /// The version spoken.
    pub version: FixVersion,
    /// ResetSeqNumFlag(141).
    pub reset: ResetConfig,
    /// Whether Logons carry NextExpectedMsgSeqNum(789); FIX 4.4 only.
    pub next_expected: bool,
    /// Most messages that one ResendRequest asks for; 0: all that are missing.
    pub resend_chunk: u32,
    /// EndSeqNo(16) of a request for all that is missing: 0, or 999999 for venues that keep to FIX 4.1.
    pub end_seq_no_open: u32,
    /// How orders write their numbers.
    pub numbers: NumbersConfig,
}

impl Default for FixConfig {
    fn default() -> Self {
        Self {
            version: FixVersion::Fix44,
            reset: ResetConfig::First,
            next_expected: false,
            resend_chunk: 0,
            end_seq_no_open: 0,
            numbers: NumbersConfig::Fixed,
        }
    }
}

impl FixConfig {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// What is out of bounds or contradicts, and what to do.
    pub fn check(&self) -> Result<(), String> {
        if self.next_expected && self.version == FixVersion::Fix42 {
            return Err(
                "fix: FIX 4.2 has no NextExpectedMsgSeqNum(789): set next_expected = false".to_owned()
            );
        }
        if self.resend_chunk > RESEND_CHUNK_MAX {
            return Err(format!("fix: resend_chunk = {}: 0 to {RESEND_CHUNK_MAX}", self.resend_chunk));
        }
        if !matches!(self.end_seq_no_open, 0 | 999_999) {
            return Err(format!("fix: end_seq_no_open = {}: 0 or 999999", self.end_seq_no_open));
        }
        Ok(())
    }

    /// BeginString(8).
    #[must_use]
    pub const fn begin_string(&self) -> &'static str {
        match self.version {
            FixVersion::Fix42 => "FIX.4.2",
            FixVersion::Fix44 => "FIX.4.4",
        }
    }

    /// How order templates write their numbers.
    #[must_use]
    pub const fn number_style(&self) -> NumberStyle {
        match self.numbers {
            NumbersConfig::Fixed => NumberStyle::FixedWidth,
            NumbersConfig::Compact => NumberStyle::Compact,
        }
    }

    /// The initiator's session with these settings.
    #[must_use]
    pub fn initiator(&self, session: SessionConfig) -> SessionConfig {
        SessionConfig {
            reset: match self.reset {
                ResetConfig::First => Reset::FirstLogon,
                ResetConfig::Every => Reset::EveryLogon,
                ResetConfig::Never => Reset::Never,
            },
            next_expected: self.next_expected,
            resend_chunk: self.resend_chunk,
            end_seq_no_open: self.end_seq_no_open,
            ..session
        }
    }

    /// The acceptor's: the built-in venue follows what the client wants.
    #[must_use]
    pub fn acceptor(&self, session: SessionConfig) -> SessionConfig {
        SessionConfig { next_expected: self.next_expected, ..session }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_checked() {
        let parsed: FixConfig =
            toml::from_str("version = \"4.2\"\nreset = \"every\"\nnumbers = \"compact\"").unwrap();
        assert_eq!((parsed.begin_string(), parsed.number_style()), ("FIX.4.2", NumberStyle::Compact));
        assert!(parsed.check().is_ok() && FixConfig::default().check().is_ok());
        for bad in
            ["version = \"4.2\"\nnext_expected = true", "resend_chunk = 1000001", "end_seq_no_open = 7"]
        {
            let parsed: FixConfig = toml::from_str(bad).unwrap();
            assert!(parsed.check().unwrap_err().starts_with("fix: "), "{bad}");
        }
        assert!(toml::from_str::<FixConfig>("version = \"4.3\"").is_err());
        assert!(toml::from_str::<FixConfig>("versoin = \"4.4\"").is_err());
    }
}
