//! `[operator]`: the port for people, and when the engine stops itself for want of a heartbeat, a feed or a session.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::control::secret::Secret;

/// Longest time that a limit of this table may have: a day.
const MS_MAX: u64 = 86_400_000;

/// What happens when a lost session is up again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SessionResume {
    /// Its venue trades again once no order there is in doubt.
    #[default]
    Auto,
    /// A person resets the venue.
    Manual,
}

/// Who may confirm what somebody has proposed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConfirmBy {
    /// Anybody but who proposed it.
    #[default]
    Another,
    /// The same person too.
    Anyone,
}

/// Somebody with a token of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonConfig {
    /// The name in the journal.
    pub name: String,
    /// Environment variable that holds the token.
    pub token_env: String,
}

/// See the module's text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OperatorConfig {
    /// `127.0.0.1:PORT` or `[::1]:PORT` of the HTTP port; empty: none. Nothing but loopback is allowed.
    pub address: String,
    /// Environment variable that holds the bearer token; who has it may say who they are. Empty: only `people` have one.
    pub token_env: String,
    /// Who may loosen what somebody has proposed.
    pub confirm_by: ConfirmBy,
    /// A proposal is forgotten after this, s.
    pub confirm_within_s: u64,
    /// Longest silence of a hot thread, ms; 0: not watched. Not given: 100 where each has an isolated core to itself, else 1,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heartbeat_ms: Option<u64>,
    /// Longest silence of a feed that was heard before, ms; 0: not watched.
    pub feed_silence_ms: u64,
    /// How long a session may be lost before its venue is stopped, ms.
    pub session_loss_ms: u64,
    /// What happens when it is back.
    pub session_resume: SessionResume,
    /// Trade at venues that do not cancel our orders when the session is gone.
    pub accept_no_cancel_on_disconnect: bool,
    /// People with tokens of their own: the journal has their names, whatever they say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<PersonConfig>,
}

impl Default for OperatorConfig {
    fn default() -> Self {
        Self {
            address: String::new(),
            token_env: "WARPTICK_OPERATOR_TOKEN".to_owned(),
            confirm_by: ConfirmBy::Another,
            confirm_within_s: 600,
            heartbeat_ms: None,
            feed_silence_ms: 5_000,
            session_loss_ms: 0,
            session_resume: SessionResume::Auto,
            accept_no_cancel_on_disconnect: false,
            people: Vec::new(),
        }
    }
}

/// A token and whose it is; no name: whoever they say.
#[derive(Clone, Debug)]
pub struct Token {
    /// Whose.
    pub name: Option<String>,
    /// The token.
    pub token: Secret,
}

impl OperatorConfig {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// The first value that cannot be, and what could.
    pub fn check(&self) -> Result<(), String> {
        self.socket_address()?;
        for (name, ms) in [
            ("heartbeat_ms", self.heartbeat_ms.unwrap_or(0)),
            ("feed_silence_ms", self.feed_silence_ms),
            ("session_loss_ms", self.session_loss_ms),
            ("confirm_within_s", self.confirm_within_s),
        ] {
            if ms > MS_MAX {
                return Err(format!("operator: {name} is at most {MS_MAX}"));
            }
        }
        if self.heartbeat_ms.is_some_and(|ms| (1..10).contains(&ms)) {
            return Err("operator: heartbeat_ms is 0 (not watched) or at least 10: the watchdog looks every 200 us, and a loop \
                        waits for its core now and then"
                .to_owned());
        }
        if self.people.iter().any(|person| person.name.trim().is_empty() || person.token_env.is_empty()) {
            return Err("operator: people: each has a name and a token_env".to_owned());
        }
        Ok(())
    }

    /// Where the port is; none where there is none.
    ///
    /// # Errors
    /// An address that is none, or not this machine's own.
    pub fn socket_address(&self) -> Result<Option<SocketAddr>, String> {
        if self.address.is_empty() {
            return Ok(None);
        }
        let address: SocketAddr = self.address.parse().map_err(|_| {
            format!("operator: address {:?} is no IP:PORT, for example 127.0.0.1:7070", self.address)
        })?;
        if !address.ip().is_loopback() {
            return Err(format!(
                "operator: address {address} is not of this machine alone: bind 127.0.0.1 and come through ssh -L"
            ));
        }
        Ok(Some(address))
    }

    /// The tokens, from the environment.
    ///
    /// # Errors
    /// A variable that is not set; none configured; two people with one token.
    pub fn tokens(&self) -> Result<Vec<Token>, String> {
        let mut tokens = Vec::new();
        if !self.token_env.is_empty()
            && (self.people.is_empty() || std::env::var_os(&self.token_env).is_some())
        {
            tokens.push(Token { name: None, token: Secret::from_environment(&self.token_env)? });
        }
        for person in &self.people {
            let token = Secret::from_environment(&person.token_env)?;
            tokens.push(Token { name: Some(person.name.clone()), token });
        }
        if tokens.is_empty() {
            return Err("operator: the port needs token_env or people: nobody could use it".to_owned());
        }
        for (at, one) in tokens.iter().enumerate() {
            if tokens[..at].iter().any(|other| other.token.equals(one.token.expose())) {
                return Err("operator: two of the tokens are the same: who is who?".to_owned());
            }
        }
        Ok(tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<OperatorConfig, String> {
        let config: OperatorConfig = toml::from_str(text).map_err(|error| error.to_string())?;
        config.check()?;
        Ok(config)
    }

    #[test]
    fn only_this_machine_is_listened_to() {
        for address in ["127.0.0.1:7070", "[::1]:1", "127.8.9.1:80"] {
            let config = parsed(&format!("address = \"{address}\"")).expect(address);
            assert_eq!(config.socket_address(), Ok(Some(address.parse().expect("an address"))));
        }
        for (address, said) in [
            ("0.0.0.0:7070", "not of this machine"),
            ("10.0.0.1:80", "not of this machine"),
            ("localhost:80", "IP:PORT"),
            ("127.0.0.1", "IP:PORT"),
        ] {
            let error = parsed(&format!("address = \"{address}\"")).expect_err(address);
            assert!(error.contains(said), "{error}");
        }
        assert_eq!(parsed("").expect("defaults").socket_address(), Ok(None));
    }

    #[test]
    fn what_cannot_be_is_named() {
        for (text, said) in [
            ("heartbeat_ms = 5", "at least 10"),
            ("feed_silence_ms = 100000000", "feed_silence_ms"),
            ("[[people]]\nname = \" \"\ntoken_env = \"X\"", "people"),
            ("session_resume = \"never\"", "session_resume"),
        ] {
            let error = parsed(text).expect_err(text);
            assert!(error.contains(said), "{error}");
        }
        assert!(parsed("heartbeat_ms = 0").is_ok());
    }
}
