//! The venue's side: whether a Logon proves who it says it is.

use std::fmt;

use ring::hmac;
use ring::signature::{ED25519, UnparsedPublicKey};
use zeroize::Zeroize;

use super::{Prehash, SIGNED_BYTES_MAX, SignatureTerms, sha256, signed_text};
use crate::control::secret::Secret;
use crate::fix::codec::Message;
use crate::fix::fix44;

/// What a signature is checked with.
pub enum VerifyingKey {
    /// The same key that signed.
    Hmac(hmac::Key),
    /// The public key, 32 bytes.
    Ed25519([u8; 32]),
}

/// The acceptor's side of [`super::LogonAuth`]: what the configuration names must be in the Logon, and right. Comparisons
/// take the same time wherever the difference is. It keeps no record of nonces: a Logon that is played back within the
/// tolerance of SendingTime(52) is taken.
pub struct LogonVerifier {
    username: Option<(u32, Box<str>)>,
    password: Option<Secret>,
    signature: Option<(VerifyingKey, SignatureTerms)>,
    /// Key under which secrets are compared: two digests differ or do not, which says nothing of where.
    comparing: hmac::Key,
}

impl fmt::Debug for LogonVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogonVerifier")
            .field("username", &self.username.as_ref().map(|(tag, _)| tag))
            .field("password", &self.password)
            .field("signature", &self.signature.as_ref().map(|(_, terms)| terms))
            .finish()
    }
}

impl LogonVerifier {
    /// A verifier of what is given; of nothing, it takes every Logon.
    ///
    /// # Errors
    /// A signed text that names what is not given.
    pub fn new(
        username: Option<(u32, &str)>,
        password: Option<Secret>,
        signature: Option<(VerifyingKey, SignatureTerms)>,
    ) -> Result<Self, String> {
        if let Some((_, terms)) = &signature {
            terms.text.check(terms, username.map(|(tag, _)| tag), password.is_some())?;
        }
        let username = username.map(|(tag, name)| (tag, name.into()));
        // Any key will do: the digests never leave.
        let comparing = hmac::Key::new(hmac::HMAC_SHA256, b"two secrets are compared by their digests");
        Ok(Self { username, password, signature, comparing })
    }

    /// Whether a Logon has all that is asked for.
    #[must_use]
    pub fn verify(&self, message: &Message<'_>) -> bool {
        // All three are looked at whatever the first ones say.
        let username =
            self.username.as_ref().is_none_or(|(tag, name)| self.is_same(message.raw(*tag), name.as_bytes()));
        let password = self
            .password
            .as_ref()
            .is_none_or(|password| self.is_same(message.raw(fix44::PASSWORD.tag()), password.expose()));
        let signature = self.signature.as_ref().is_none_or(|(key, terms)| is_signed(key, terms, message));
        username & password & signature
    }

    fn is_same(&self, given: Option<&[u8]>, expected: &[u8]) -> bool {
        let expected = hmac::sign(&self.comparing, expected);
        hmac::verify(&self.comparing, given.unwrap_or_default(), expected.as_ref()).is_ok()
    }
}

fn is_signed(key: &VerifyingKey, terms: &SignatureTerms, message: &Message<'_>) -> bool {
    let Some(signature) = message.raw(terms.signature_tag).and_then(|text| terms.encoding.decode(text))
    else {
        return false;
    };
    let mut milliseconds = [0; 20];
    let nonce = match terms.nonce_tag {
        0 => {
            let sent = message.get(fix44::SENDING_TIME).ok().flatten();
            let sent_ms = sent.map(|sent_ns| sent_ns / 1_000_000);
            let length = sent_ms.and_then(|ms| crate::fix::number::write_unsigned(ms, &mut milliseconds));
            length.map(|length| &milliseconds[..length])
        }
        tag => message.raw(tag),
    };
    let value = |part| if part == signed_text::NONCE { nonce } else { message.raw(part) };
    let mut signed = [0; SIGNED_BYTES_MAX];
    let Some(length) = terms.text.write(value, &mut signed) else { return false };
    let check = |bytes: &[u8]| match key {
        VerifyingKey::Hmac(key) => hmac::verify(key, bytes, &signature).is_ok(),
        VerifyingKey::Ed25519(key) => UnparsedPublicKey::new(&ED25519, key).verify(bytes, &signature).is_ok(),
    };
    let is_right = match terms.prehash {
        Prehash::None => check(&signed[..length]),
        Prehash::Sha256 => check(sha256(&signed[..length]).as_ref()),
    };
    signed.zeroize();
    is_right
}
