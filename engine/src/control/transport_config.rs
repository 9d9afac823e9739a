//! How a venue's order entry is reached: `transport`, `[venues.tls]` and `[reconnect]` of the configuration.

use serde::{Deserialize, Serialize};

use crate::fix::byte_text::ByteText;
use crate::transport::reconnect::BackOffConfig;

/// Longest wait that may be configured, ms.
const WAIT_MS_MAX: u64 = 3_600_000;

/// Which system calls move the bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TransportKind {
    /// Non-blocking `write` and `read`: the fastest for one socket.
    #[default]
    Tcp,
    /// `io_uring`.
    Uring,
}

/// TLS with one venue. Files are PEM.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsConfig {
    /// The name that the venue's certificate must have, and that is asked for (SNI); empty: the host of `address`.
    pub server_name: String,
    /// Authorities that may have signed the venue's certificate.
    pub ca_file: String,
    /// SHA-256 of the one certificate to trust instead (its DER form), 64 hexadecimal digits.
    pub pinned_sha256: String,
    /// Our certificate, for a venue that demands one.
    pub client_certificate_file: String,
    /// Its private key.
    pub client_key_file: String,
    /// The built-in venue: its certificate.
    pub certificate_file: String,
    /// The built-in venue: its private key.
    pub key_file: String,
    /// The built-in venue: authorities that must have signed the client's certificate; empty: none is demanded.
    pub client_ca_file: String,
}

impl TlsConfig {
    /// The fingerprint that is trusted, where one is given.
    #[must_use]
    pub fn pin(&self) -> Option<[u8; 32]> {
        ByteText::Hex.decode(self.pinned_sha256.as_bytes())?.try_into().ok()
    }

    /// Checks what the types cannot; files are read later.
    ///
    /// # Errors
    /// What is missing or contradicts, and what to do.
    pub fn check(&self) -> Result<(), String> {
        let is_client = !self.ca_file.is_empty() || !self.pinned_sha256.is_empty();
        if !is_client && self.certificate_file.is_empty() {
            return Err("tls: whom to trust? give ca_file or pinned_sha256".to_owned());
        }
        if !self.ca_file.is_empty() && !self.pinned_sha256.is_empty() {
            return Err("tls: ca_file and pinned_sha256 exclude each other: leave one out".to_owned());
        }
        if !self.pinned_sha256.is_empty() && self.pin().is_none() {
            return Err(
                "tls: pinned_sha256 is 64 hexadecimal digits (openssl x509 -outform der | sha256sum)"
                    .to_owned(),
            );
        }
        for (name, certificate, key) in [
            (
                "client_certificate_file and client_key_file",
                &self.client_certificate_file,
                &self.client_key_file,
            ),
            ("certificate_file and key_file", &self.certificate_file, &self.key_file),
        ] {
            if certificate.is_empty() != key.is_empty() {
                return Err(format!("tls: {name} belong together: give both"));
            }
        }
        Ok(())
    }
}

/// How a live run comes back to a venue that it lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReconnectConfig {
    /// Whether it tries at all.
    pub enabled: bool,
    /// Longest wait before the first try, ms. Each wait is drawn from its upper half, and doubles.
    pub first_ms: u64,
    /// Longest wait before any try, ms.
    pub max_ms: u64,
    /// How long a logon must have held for the next loss to be a first one, ms.
    pub held_ms: u64,
    /// Of the draws, with the venue's number.
    pub seed: u64,
}

impl Default for ReconnectConfig {
    /// At once for a cut line, half a minute for a venue that is down.
    fn default() -> Self {
        Self { enabled: true, first_ms: 100, max_ms: 30_000, held_ms: 10_000, seed: 1 }
    }
}

impl ReconnectConfig {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// The range.
    pub fn check(&self) -> Result<(), String> {
        let range = 1..=WAIT_MS_MAX;
        if !range.contains(&self.first_ms) || !range.contains(&self.max_ms) || self.first_ms > self.max_ms {
            return Err(format!(
                "reconnect: first_ms is at least 1, max_ms at least first_ms and at most {WAIT_MS_MAX}"
            ));
        }
        if self.held_ms > WAIT_MS_MAX {
            return Err(format!("reconnect.held_ms is at most {WAIT_MS_MAX}"));
        }
        Ok(())
    }

    /// The same for the state machine.
    #[must_use]
    pub const fn back_off(&self) -> BackOffConfig {
        BackOffConfig {
            first_ns: self.first_ms * 1_000_000,
            max_ns: self.max_ms * 1_000_000,
            held_ns: self.held_ms * 1_000_000,
        }
    }
}
