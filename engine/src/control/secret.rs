//! Secrets: passwords and keys, from the environment or a file descriptor, never from a configuration file.
//!
//! A [`Secret`] is wiped when it is dropped and shows nothing of itself. Read at start; allocates then. What it is turned
//! into (a key of *ring*) lives as long as the session and is not wiped.

use std::fmt;
use std::io::Read;
use std::os::fd::FromRawFd;

use zeroize::Zeroizing;

/// Longest secret: an Ed25519 key as PEM has 119 bytes, a password in FIX fits any message.
pub const SECRET_BYTES_MAX: usize = 4096;

/// Bytes that are never shown.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl From<&[u8]> for Secret {
    fn from(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.to_vec()))
    }
}

impl From<Vec<u8>> for Secret {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl Secret {
    /// The bytes, to be used and not to be kept.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Whether these bytes are the secret, in a time that depends on the lengths alone.
    #[must_use]
    pub fn equals(&self, other: &[u8]) -> bool {
        let differences = self.0.iter().zip(other).fold(0, |all: u8, (one, other)| all | (one ^ other));
        std::hint::black_box(differences) == 0 && self.0.len() == other.len()
    }

    /// The value of an environment variable.
    ///
    /// # Errors
    /// The variable is not set, or empty.
    pub fn from_environment(variable: &str) -> Result<Self, String> {
        use std::os::unix::ffi::OsStringExt;
        let value = std::env::var_os(variable).ok_or_else(|| {
            format!("the environment variable {variable} is not set: export it before the start")
        })?;
        Self::checked(value.into_vec()).map_err(|what| format!("the environment variable {variable} {what}"))
    }

    /// What a descriptor gives up to its end, without a line feed at the end. The descriptor is closed. 3 and above:
    /// the first three are the terminal's.
    ///
    /// # Errors
    /// The descriptor cannot be read, or gives nothing or too much.
    pub fn from_descriptor(descriptor: i32) -> Result<Self, String> {
        let failed = |error: std::io::Error| {
            format!(
                "file descriptor {descriptor}: {error}: start with {descriptor}<FILE or {descriptor}<<<TEXT"
            )
        };
        if descriptor < 3 {
            return Err(format!("file descriptor {descriptor}: give 3 or above"));
        }
        // SAFETY: `fcntl` with F_GETFD reads a flag of a descriptor number and touches no memory.
        if unsafe { libc::fcntl(descriptor, libc::F_GETFD) } < 0 {
            return Err(failed(std::io::Error::last_os_error()));
        }
        // SAFETY: the descriptor is open (asked above), and was passed to this process for this purpose: nothing else in it
        // reads or closes it.
        let file = unsafe { std::fs::File::from_raw_fd(descriptor) };
        // Room for all of it: a buffer that grows leaves copies behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(SECRET_BYTES_MAX + 2));
        file.take(SECRET_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
        Self::checked(std::mem::take(&mut *bytes))
            .map_err(|what| format!("file descriptor {descriptor} {what}"))
    }

    fn checked(bytes: Vec<u8>) -> Result<Self, String> {
        let mut bytes = Zeroizing::new(bytes);
        while matches!(bytes.last(), Some(b'\n' | b'\r')) {
            bytes.pop();
        }
        match bytes.len() {
            0 => Err("is empty".to_owned()),
            length if length > SECRET_BYTES_MAX => Err(format!("is longer than {SECRET_BYTES_MAX} bytes")),
            _ => Ok(Self(bytes)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Seek, Write};
    use std::os::fd::IntoRawFd;

    fn descriptor_of(text: &[u8]) -> i32 {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(text).expect("writable");
        file.rewind().expect("seekable");
        file.into_raw_fd()
    }

    #[test]
    fn secrets_come_from_descriptors_and_are_not_shown() {
        let secret = Secret::from_descriptor(descriptor_of(b"hunter2\n")).expect("it is there");
        assert_eq!(secret.expose(), b"hunter2");
        assert_eq!(format!("{secret:?} {:?}", Some(secret.clone())), "[secret] Some([secret])");
    }

    #[test]
    fn secrets_are_compared_whole() {
        let secret = Secret::from(&b"hunter2"[..]);
        assert!(secret.equals(b"hunter2"));
        for other in [&b"hunter"[..], b"hunter22", b"", b"Hunter2", b"hunter3"] {
            assert!(!secret.equals(other));
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        for (given, said) in [
            (
                Secret::from_environment("WARPTICK_TEST_NO_SUCH_VARIABLE"),
                "WARPTICK_TEST_NO_SUCH_VARIABLE is not set",
            ),
            (Secret::from_descriptor(descriptor_of(b"\n")), "is empty"),
            (Secret::from_descriptor(descriptor_of(&[b'x'; SECRET_BYTES_MAX + 1])), "longer"),
            (Secret::from_descriptor(1_000_000), "1000000"),
            (Secret::from_descriptor(0), "3 or above"),
        ] {
            let error = given.expect_err(said);
            assert!(error.contains(said), "{error}");
        }
        // PATH is set wherever tests run.
        assert!(Secret::from_environment("PATH").is_ok());
    }
}
