//! Who talks to whom: BeginString(8), SenderCompID(49), TargetCompID(56) of one session.

use std::fmt;

use super::dictionary::Version;

/// Longest CompID that is accepted, in bytes: it keeps every template inside its fixed buffer.
pub const COMP_ID_BYTES_MAX: usize = 32;

/// The identity of a session, checked once; from this side's view (we are the sender).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionIds {
    version: Version,
    sender_comp_id: Box<str>,
    target_comp_id: Box<str>,
}

/// Why an identity is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityError {
    /// BeginString is neither `FIX.4.2` nor `FIX.4.4`, the versions whose messages are written here.
    BeginString,
    /// SenderCompID is empty, longer than [`COMP_ID_BYTES_MAX`], or has bytes that are not printable ASCII.
    SenderCompId,
    /// The same of TargetCompID.
    TargetCompId,
}

impl fmt::Display for IdentityError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BeginString => formatter.write_str("BeginString(8) must be FIX.4.2 or FIX.4.4"),
            Self::SenderCompId => {
                write!(formatter, "SenderCompID(49): 1 to {COMP_ID_BYTES_MAX} printable ASCII bytes")
            }
            Self::TargetCompId => {
                write!(formatter, "TargetCompID(56): 1 to {COMP_ID_BYTES_MAX} printable ASCII bytes")
            }
        }
    }
}

impl std::error::Error for IdentityError {}

impl SessionIds {
    /// Checks and keeps the three.
    ///
    /// # Errors
    /// The first that is refused.
    pub fn new(
        begin_string: &str,
        sender_comp_id: &str,
        target_comp_id: &str,
    ) -> Result<Self, IdentityError> {
        let printable = |text: &str| {
            (1..=COMP_ID_BYTES_MAX).contains(&text.len())
                && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        };
        let version = Version::of_begin_string(begin_string.as_bytes()).ok_or(IdentityError::BeginString)?;
        if !printable(sender_comp_id) {
            return Err(IdentityError::SenderCompId);
        }
        if !printable(target_comp_id) {
            return Err(IdentityError::TargetCompId);
        }
        Ok(Self { version, sender_comp_id: sender_comp_id.into(), target_comp_id: target_comp_id.into() })
    }

    /// The same session seen from the other side.
    #[must_use]
    pub fn reversed(&self) -> Self {
        Self {
            version: self.version,
            sender_comp_id: self.target_comp_id.clone(),
            target_comp_id: self.sender_comp_id.clone(),
        }
    }

    /// BeginString(8).
    #[must_use]
    pub fn begin_string(&self) -> &'static str {
        self.version.dictionary().begin_string()
    }

    /// The version that BeginString(8) names.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// SenderCompID(49) of what we send.
    #[must_use]
    pub fn sender_comp_id(&self) -> &str {
        &self.sender_comp_id
    }

    /// TargetCompID(56) of what we send.
    #[must_use]
    pub fn target_comp_id(&self) -> &str {
        &self.target_comp_id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_are_checked() {
        assert!(SessionIds::new("FIX.4.4", "WARPTICK", "VENUE").is_ok());
        assert!(SessionIds::new("FIX.4.2", "WARPTICK", "VENUE").is_ok());
        assert_eq!(SessionIds::new("FIX.4.3", "A", "B"), Err(IdentityError::BeginString));
        assert_eq!(SessionIds::new("FIX.4.4", "", "B"), Err(IdentityError::SenderCompId));
        assert_eq!(SessionIds::new("FIX.4.4", "A\u{1}9=1", "B"), Err(IdentityError::SenderCompId));
        assert_eq!(SessionIds::new("FIX.4.4", "A", &"B".repeat(33)), Err(IdentityError::TargetCompId));
    }
}
