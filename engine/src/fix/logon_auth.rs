//! Who we are, said in a Logon: nothing, Username(553) and Password(554), or a signature over parts of the header.
//!
//! [`LogonAuth`] is the client's side, [`LogonVerifier`] the simulated venue's. A signature is HMAC-SHA256, HMAC-SHA512 or
//! Ed25519, put into RawData(96) or Password(554) as base64 or hexadecimal, over a text that the configuration describes
//! ([`signed_text`]): what a venue wants signed is data, not code. Both are made once, at start, and allocate then only;
//! signing works on the stack. Secrets are not shown, not logged, and hidden in the journal ([`super::redact`]); a key
//! inside *ring* is not wiped at the end. It refuses encrypted passwords (1402) and anything that needs an answer first.
//!
//! Venues, from their public documentation:
//!
//! | venue | signed text | signature |
//! |---|---|---|
//! | Binance | `{35}␁{49}␁{56}␁{34}␁{52}` | Ed25519, 96; API key in 553 |
//! | Coinbase | `{52}{35}{34}{9407}{56}{554}` | HMAC-SHA256, 96; API key in 9407, passphrase in 554 |
//! | Kraken | `35={35}␁34={34}␁49={49}␁56={56}␁553={553}␁{nonce}` | HMAC-SHA512 of its SHA-256, 554; nonce in 5025 |
//! | Kraken Prime | `{52}␁{34}␁{49}␁{56}` | HMAC-SHA256, 96; API key in 554 |
//! | Bitvavo, Bybit | of `{time_ms}` and others | HMAC-SHA256 as hexadecimal, 554 |

pub mod signed_text;
mod verifier;

use std::fmt;

use ring::hmac;
use ring::signature::Ed25519KeyPair;
use zeroize::Zeroize;

pub use signed_text::SignedText;
pub use verifier::{LogonVerifier, VerifyingKey};

use super::byte_text::ByteText;
use super::codec::Encoder;
use super::field::{Field, Text};
use super::fix44;
use super::identity::SessionIds;
use super::number::write_unsigned;
use crate::control::secret::Secret;

/// Longest Username(553), and longest Password(554).
pub const CREDENTIAL_BYTES_MAX: usize = 512;

/// Longest text that is signed.
pub const SIGNED_BYTES_MAX: usize = 2048;

/// Base64 of 64 bytes has 88, hexadecimal 128.
const SIGNATURE_TEXT_BYTES: usize = 128;

/// What is known of a Logon when it is signed: its header, exactly as it is written.
#[derive(Clone, Copy, Debug)]
pub struct LogonHeader<'a> {
    /// BeginString(8), SenderCompID(49), TargetCompID(56).
    pub ids: &'a SessionIds,
    /// MsgSeqNum(34).
    pub sequence: u32,
    /// SendingTime(52) as it is written.
    pub sending_time: &'a [u8],
    /// The same, UTC ns: the nonce is made of it.
    pub sending_time_ns: u64,
}

/// What is signed instead of the text itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Prehash {
    /// The text.
    #[default]
    None,
    /// Its SHA-256, 32 bytes.
    Sha256,
}

/// How a signature is made and where it goes; the same for both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureTerms {
    /// What is signed.
    pub text: SignedText,
    /// Whether that, or a digest of it.
    pub prehash: Prehash,
    /// Where the signature goes: 96 or 554.
    pub signature_tag: u32,
    /// How it is written.
    pub encoding: ByteText,
    /// Where the nonce goes, ms since the Unix epoch; 0 for none.
    pub nonce_tag: u32,
}

/// The key of a signature.
pub enum SigningKey {
    /// HMAC, with its digest.
    Hmac(hmac::Key),
    /// Ed25519.
    Ed25519(Box<Ed25519KeyPair>),
}

impl SigningKey {
    /// HMAC-SHA256 (RFC 2104, RFC 4231).
    #[must_use]
    pub fn hmac_sha256(key: &[u8]) -> Self {
        Self::Hmac(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// HMAC-SHA512.
    #[must_use]
    pub fn hmac_sha512(key: &[u8]) -> Self {
        Self::Hmac(hmac::Key::new(hmac::HMAC_SHA512, key))
    }

    /// Ed25519 (RFC 8032) from PKCS#8, with or without the public key in it.
    ///
    /// # Errors
    /// It is no such key.
    pub fn ed25519_pkcs8(der: &[u8]) -> Result<Self, String> {
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der);
        pair.map(|pair| Self::Ed25519(Box::new(pair)))
            .map_err(|error| format!("no Ed25519 key in PKCS#8: {error}"))
    }

    /// Ed25519 from the 32 bytes of the private key.
    ///
    /// # Errors
    /// They are not 32 bytes.
    pub fn ed25519_seed(seed: &[u8]) -> Result<Self, String> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed);
        pair.map(|pair| Self::Ed25519(Box::new(pair)))
            .map_err(|_| format!("an Ed25519 private key has 32 bytes, not {}", seed.len()))
    }

    /// Signs into `out`, which takes 64 bytes; says how many it wrote.
    fn sign(&self, bytes: &[u8], out: &mut [u8; 64]) -> usize {
        let copy = |signature: &[u8], out: &mut [u8; 64]| {
            out[..signature.len()].copy_from_slice(signature);
            signature.len()
        };
        match self {
            Self::Hmac(key) => copy(hmac::sign(key, bytes).as_ref(), out),
            Self::Ed25519(pair) => copy(pair.sign(bytes).as_ref(), out),
        }
    }
}

/// The client's side; see the module's text. The default says nothing.
#[derive(Default)]
pub struct LogonAuth {
    /// Tag of the user name, or API key, and its value.
    pub(super) username: Option<(u32, Box<str>)>,
    pub(super) password: Option<Secret>,
    pub(super) signature: Option<(SigningKey, SignatureTerms)>,
}

impl fmt::Debug for LogonAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogonAuth")
            .field("username", &self.username.as_ref().map(|(tag, _)| tag))
            .field("password", &self.password)
            .field("signature", &self.signature.as_ref().map(|(_, terms)| terms))
            .finish()
    }
}

impl LogonAuth {
    /// What a Logon says: a user name under its tag (553 as a rule), a password, a signature; each may be left out.
    ///
    /// # Errors
    /// A credential that FIX cannot carry; a signature that would take the password's place; a signed text that names what
    /// is not given, or is too long.
    pub fn new(
        username: Option<(u32, &str)>,
        password: Option<Secret>,
        signature: Option<(SigningKey, SignatureTerms)>,
    ) -> Result<Self, String> {
        let can_be_sent = |bytes: &[u8]| {
            (1..=CREDENTIAL_BYTES_MAX).contains(&bytes.len())
                && bytes.iter().all(|byte| (b' '..=b'~').contains(byte))
        };
        let bound = format!("1 to {CREDENTIAL_BYTES_MAX} printable ASCII bytes");
        if username.is_some_and(|(_, name)| !can_be_sent(name.as_bytes())) {
            return Err(format!("the user name has {bound}"));
        }
        if password.as_ref().is_some_and(|password| !can_be_sent(password.expose())) {
            return Err(format!("the password has {bound}"));
        }
        if let Some((_, terms)) = &signature {
            if terms.signature_tag == 554 && password.is_some() {
                return Err("the signature goes into Password(554): leave the password out".to_owned());
            }
            terms.text.check(terms, username.map(|(tag, _)| tag), password.is_some())?;
        }
        let username = username.map(|(tag, name)| (tag, name.into()));
        Ok(Self { username, password, signature })
    }

    /// Appends to a Logon whose header is written what proves who we are.
    pub fn set(&self, header: &LogonHeader<'_>, encoder: &mut Encoder<'_>) {
        if let Some((tag, name)) = &self.username {
            encoder.set(text_field(*tag), name.as_bytes());
        }
        if let Some(password) = &self.password {
            encoder.set(fix44::PASSWORD, password.expose());
        }
        let Some((key, terms)) = &self.signature else { return };
        let nonce = Digits::of(header.sending_time_ns / 1_000_000);
        if terms.nonce_tag != 0 {
            encoder.set(text_field(terms.nonce_tag), nonce.text());
        }
        let sequence = Digits::of(u64::from(header.sequence));
        let mut signed = [0; SIGNED_BYTES_MAX];
        let length = terms.text.write(
            |part| match part {
                signed_text::NONCE => Some(nonce.text()),
                8 => Some(header.ids.begin_string().as_bytes()),
                34 => Some(sequence.text()),
                35 => Some(b"A"),
                49 => Some(header.ids.sender_comp_id().as_bytes()),
                52 => Some(header.sending_time),
                56 => Some(header.ids.target_comp_id().as_bytes()),
                554 => self.password.as_ref().map(Secret::expose),
                tag => self.username.as_ref().filter(|(of, _)| *of == tag).map(|(_, name)| name.as_bytes()),
            },
            &mut signed,
        );
        let mut signature = [0; 64];
        let mut text = [0; SIGNATURE_TEXT_BYTES];
        let signed_bytes = length.map(|length| match terms.prehash {
            Prehash::None => key.sign(&signed[..length], &mut signature),
            Prehash::Sha256 => key.sign(sha256(&signed[..length]).as_ref(), &mut signature),
        });
        let written = signed_bytes.and_then(|bytes| terms.encoding.encode(&signature[..bytes], &mut text));
        // Nothing to write is a value that no field can have: the encoder refuses the message. The lengths were checked
        // when this was made.
        encoder.set(text_field(terms.signature_tag), &text[..written.unwrap_or(0)]);
        signed.zeroize();
    }
}

/// The tags that are configured have no constant; a data field's length is written by the encoder all the same.
const fn text_field(tag: u32) -> Field<Text> {
    Field::new(tag, "of the logon")
}

fn sha256(bytes: &[u8]) -> ring::digest::Digest {
    ring::digest::digest(&ring::digest::SHA256, bytes)
}

/// A number as text.
struct Digits {
    text: [u8; 20],
    length: usize,
}

impl Digits {
    fn of(number: u64) -> Self {
        let mut text = [0; 20];
        let length = write_unsigned(number, &mut text).unwrap_or(0);
        Self { text, length }
    }

    fn text(&self) -> &[u8] {
        &self.text[..self.length]
    }
}

#[cfg(test)]
mod tests;
