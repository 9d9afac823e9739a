//! `[venues.logon]`: how we prove who we are at a venue. It names where a secret is, never the secret.

use feeds::soupbintcp::{Credentials, text_field};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde::{Deserialize, Serialize};

use crate::control::secret::Secret;
use crate::fix::byte_text::ByteText;
use crate::fix::logon_auth::{
    LogonAuth, LogonVerifier, Prehash, SignatureTerms, SignedText, SigningKey, VerifyingKey,
};

/// Keys that would hold a secret, if they existed; refused before the parser can quote their values.
const FORBIDDEN: [&str; 8] = [
    "password",
    "passphrase",
    "secret",
    "api_secret",
    "private_key",
    "secret_key",
    "hmac_key",
    "signing_key",
];

/// What proves it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogonMethod {
    /// Nothing beyond the CompIDs.
    #[default]
    None,
    /// Username(553) and Password(554).
    Password,
    /// A signature by HMAC-SHA256.
    HmacSha256,
    /// A signature by HMAC-SHA512.
    HmacSha512,
    /// A signature by Ed25519.
    Ed25519,
}

/// How the secret of a signature is written where it comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretText {
    /// Ed25519: PEM (PKCS#8). HMAC: the bytes themselves.
    #[default]
    Plain,
    /// Base64 of the bytes.
    Base64,
    /// Hexadecimal digits of the bytes.
    Hex,
}

/// See the module's text, and [`crate::fix::logon_auth`] for what venues want.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogonConfig {
    /// What proves it.
    pub method: LogonMethod,
    /// User name or API key; not a secret.
    pub username: String,
    /// Environment variable that holds it instead.
    pub username_env: String,
    /// Where it goes.
    pub username_tag: u32,
    /// Environment variable that holds Password(554).
    pub password_env: String,
    /// File descriptor that gives it instead. It is read once: where the built-in venue of the same process checks the same
    /// secret, use the environment.
    pub password_fd: Option<i32>,
    /// Environment variable that holds the key of the signature.
    pub secret_env: String,
    /// File descriptor that gives it instead, once.
    pub secret_fd: Option<i32>,
    /// How that key is written there.
    pub secret_text: SecretText,
    /// What is signed: text with `{TAG}`, `{nonce}`, `{time_ms}`.
    pub signed_text: String,
    /// Whether that itself is signed or a digest of it.
    pub prehash: Prehash,
    /// Where the signature goes: 96 or 554.
    pub signature_tag: u32,
    /// How it is written.
    pub signature_text: ByteText,
    /// Where the nonce goes, ms since the Unix epoch; 0: nowhere.
    pub nonce_tag: u32,
    /// The built-in venue: the client's Ed25519 public key, 64 hexadecimal digits; not a secret.
    pub public_key: String,
}

impl Default for LogonConfig {
    fn default() -> Self {
        Self {
            method: LogonMethod::None,
            username: String::new(),
            username_env: String::new(),
            username_tag: 553,
            password_env: String::new(),
            password_fd: None,
            secret_env: String::new(),
            secret_fd: None,
            secret_text: SecretText::Plain,
            signed_text: String::new(),
            prehash: Prehash::None,
            signature_tag: 96,
            signature_text: ByteText::Base64,
            nonce_tag: 0,
            public_key: String::new(),
        }
    }
}

/// Refuses a configuration that holds a secret, without saying it: `table` is the whole file.
///
/// # Errors
/// The key's path, and where a secret belongs.
pub fn refuse_secrets(table: &toml::Table) -> Result<(), String> {
    fn search(value: &toml::Value, path: &str) -> Result<(), String> {
        match value {
            toml::Value::Table(table) => table.iter().try_for_each(|(key, value)| {
                if FORBIDDEN.contains(&key.as_str()) {
                    return Err(format!(
                        "{path}{key}: a secret does not belong into a file that is copied, journalled and committed: put it \
                         into an environment variable or a file descriptor and name that (password_env, password_fd, \
                         secret_env, secret_fd)"
                    ));
                }
                search(value, &format!("{path}{key}."))
            }),
            toml::Value::Array(values) => values.iter().try_for_each(|value| search(value, path)),
            _ => Ok(()),
        }
    }
    table.iter().try_for_each(|(key, value)| search(value, &format!("{key}.")))
}

impl LogonConfig {
    const fn is_signed(&self) -> bool {
        matches!(self.method, LogonMethod::HmacSha256 | LogonMethod::HmacSha512 | LogonMethod::Ed25519)
    }

    /// What only a venue over SoupBinTCP asks: a login has a user name and a password and nothing else.
    ///
    /// # Errors
    /// A method that proves it otherwise; a name that is too long.
    pub fn check_soup(&self) -> Result<(), String> {
        if self.is_signed() {
            return Err("protocol \"ouch\" logs in by SoupBinTCP: logon.method is \"none\" or \"password\""
                .to_owned());
        }
        if self.username.len() > 6 {
            return Err("protocol \"ouch\": logon.username has at most 6 characters".to_owned());
        }
        Ok(())
    }

    /// User name and password as SoupBinTCP has them, padded; `None` where the method is none. Reads the secrets.
    ///
    /// # Errors
    /// A secret that is not there or does not fit; never its value.
    pub fn soup_login(&self) -> Result<Option<Credentials>, String> {
        if self.method == LogonMethod::None {
            return Ok(None);
        }
        let (username, password) = (self.username()?.unwrap_or_default(), self.password()?);
        let password = password.ok_or("logon: a login by SoupBinTCP needs a password")?;
        if username.len() > 6 || password.expose().len() > 10 {
            return Err(
                "logon: SoupBinTCP has room for 6 characters of user name and 10 of password".to_owned()
            );
        }
        Ok(Some((text_field(username.as_bytes()), text_field(password.expose()))))
    }

    const fn has_password(&self) -> bool {
        !self.password_env.is_empty() || self.password_fd.is_some()
    }

    /// Checks what the types cannot; secrets are read later.
    ///
    /// # Errors
    /// What is missing or contradicts, and what to do.
    pub fn check(&self) -> Result<(), String> {
        if !self.username.is_empty() && !self.username_env.is_empty() {
            return Err("logon: username and username_env exclude each other: leave one out".to_owned());
        }
        for (name, variable, descriptor) in
            [("password", &self.password_env, self.password_fd), ("secret", &self.secret_env, self.secret_fd)]
        {
            if !variable.is_empty() && descriptor.is_some() {
                return Err(format!("logon: {name}_env and {name}_fd exclude each other: leave one out"));
            }
        }
        if self.method == LogonMethod::Password && !self.has_password() {
            return Err("logon: method \"password\" needs password_env or password_fd".to_owned());
        }
        if self.is_signed() {
            if self.secret_env.is_empty() && self.secret_fd.is_none() && self.public_key.is_empty() {
                return Err("logon: a signature needs a key: give secret_env or secret_fd".to_owned());
            }
            SignedText::parse(&self.signed_text).map_err(|error| format!("logon.{error}"))?;
            if !self.public_key.is_empty() && self.public_key().is_none() {
                return Err("logon: public_key is 64 hexadecimal digits".to_owned());
            }
        }
        if self.method == LogonMethod::None && *self != Self::default() {
            return Err("logon: method \"none\" takes nothing else: name the method".to_owned());
        }
        Ok(())
    }

    fn public_key(&self) -> Option<[u8; 32]> {
        ByteText::Hex.decode(self.public_key.as_bytes())?.try_into().ok()
    }

    fn username(&self) -> Result<Option<String>, String> {
        if self.username_env.is_empty() {
            return Ok((!self.username.is_empty()).then(|| self.username.clone()));
        }
        let name = Secret::from_environment(&self.username_env)?;
        let name = String::from_utf8(name.expose().to_vec());
        name.map(Some).map_err(|_| format!("the environment variable {} is not text", self.username_env))
    }

    fn password(&self) -> Result<Option<Secret>, String> {
        if !self.has_password() { Ok(None) } else { read(&self.password_env, self.password_fd).map(Some) }
    }

    fn terms(&self) -> Result<SignatureTerms, String> {
        Ok(SignatureTerms {
            text: SignedText::parse(&self.signed_text)?,
            prehash: self.prehash,
            signature_tag: self.signature_tag,
            encoding: self.signature_text,
            nonce_tag: self.nonce_tag,
        })
    }

    /// The bytes of the signature's key.
    fn key(&self) -> Result<Secret, String> {
        let secret = read(&self.secret_env, self.secret_fd)?;
        let form = match self.secret_text {
            SecretText::Plain => return Ok(secret),
            SecretText::Base64 => ByteText::Base64,
            SecretText::Hex => ByteText::Hex,
        };
        // What it is not is said, what it is never.
        let bytes = form.decode(secret.expose());
        bytes
            .map(Secret::from)
            .ok_or_else(|| format!("the key of the logon's signature is no {form:?}").to_lowercase())
    }

    fn ed25519(&self) -> Result<SigningKey, String> {
        let key = self.key()?;
        if self.secret_text != SecretText::Plain {
            return SigningKey::ed25519_seed(key.expose());
        }
        let der = PrivatePkcs8KeyDer::from_pem_slice(key.expose()).map_err(|_| {
            "the key of the logon's signature is no PEM (-----BEGIN PRIVATE KEY-----)".to_owned()
        })?;
        SigningKey::ed25519_pkcs8(der.secret_pkcs8_der())
    }

    /// The client's side. Reads the secrets: once for all sessions, before the hot threads start.
    ///
    /// # Errors
    /// A secret that is not there, or of another kind; never its value.
    pub fn client(&self) -> Result<LogonAuth, String> {
        let signature = match self.method {
            LogonMethod::None | LogonMethod::Password => None,
            LogonMethod::HmacSha256 => Some(SigningKey::hmac_sha256(self.key()?.expose())),
            LogonMethod::HmacSha512 => Some(SigningKey::hmac_sha512(self.key()?.expose())),
            LogonMethod::Ed25519 => Some(self.ed25519()?),
        };
        let signature = signature.map(|key| self.terms().map(|terms| (key, terms))).transpose()?;
        let username = self.username()?;
        let username = username.as_deref().map(|name| (self.username_tag, name));
        LogonAuth::new(username, self.password()?, signature)
    }

    /// The venue's side.
    ///
    /// # Errors
    /// As for [`Self::client`]; Ed25519 without a public key.
    pub fn venue(&self) -> Result<LogonVerifier, String> {
        let hmac = |algorithm| {
            self.key().map(|key| VerifyingKey::Hmac(ring::hmac::Key::new(algorithm, key.expose())))
        };
        let signature = match self.method {
            LogonMethod::None | LogonMethod::Password => None,
            LogonMethod::HmacSha256 => Some(hmac(ring::hmac::HMAC_SHA256)?),
            LogonMethod::HmacSha512 => Some(hmac(ring::hmac::HMAC_SHA512)?),
            LogonMethod::Ed25519 => Some(VerifyingKey::Ed25519(self.public_key().ok_or_else(|| {
                "the built-in venue needs the client's logon.public_key to check Ed25519".to_owned()
            })?)),
        };
        let signature = signature.map(|key| self.terms().map(|terms| (key, terms))).transpose()?;
        let username = self.username()?;
        let username = username.as_deref().map(|name| (self.username_tag, name));
        LogonVerifier::new(username, self.password()?, signature)
    }
}

fn read(variable: &str, descriptor: Option<i32>) -> Result<Secret, String> {
    match descriptor {
        Some(descriptor) => Secret::from_descriptor(descriptor),
        None => Secret::from_environment(variable),
    }
}
