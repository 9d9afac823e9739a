//! `warptick kill`, `reset`, `limits`, `reconcile` and `status`: one request to the operator port of a running engine.
//!
//! HTTP/1.1, one request a connection, read to its end. Blocks; allocates.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::control::config::Config;
use crate::control::failure::Failure;
use crate::control::secret::Secret;

/// Longest wait for the engine: it answers within a second or says that decide does not.
const PATIENCE: Duration = Duration::from_secs(5);

/// The port of a running engine, as its configuration names it.
pub struct OperatorClient {
    address: SocketAddr,
    token: Secret,
}

impl OperatorClient {
    /// The port of a configuration; the token is in the environment variable that it names, or in `token_env`.
    ///
    /// # Errors
    /// No port is configured, or the variable is not set.
    pub fn new(config: &Config, token_env: Option<&str>) -> Result<Self, Failure> {
        let address = config.operator.socket_address().map_err(Failure::Input)?;
        let address = address.ok_or_else(|| {
            Failure::Input(
                "operator: the configuration gives the engine no port: operator.address is empty (kill -USR1 PID stops it)"
                    .to_owned(),
            )
        })?;
        let variable = token_env.unwrap_or(&config.operator.token_env);
        let token = Secret::from_environment(variable).map_err(Failure::Input)?;
        Ok(Self { address, token })
    }

    /// The same with a token at hand.
    #[must_use]
    pub const fn with_token(address: SocketAddr, token: Secret) -> Self {
        Self { address, token }
    }

    /// Asks; the answer's JSON.
    ///
    /// # Errors
    /// The engine is not there, or refuses: its words.
    pub fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        let address = self.address;
        let unreachable = |error: std::io::Error| {
            Failure::Input(format!(
                "operator port {address}: {error}: does the engine run with this configuration?"
            ))
        };
        let (status, text) = self.exchange(method, path, body).map_err(unreachable)?;
        let value: Value = serde_json::from_str(&text).map_err(|_| {
            Failure::Input(format!("operator port {address}: no answer of an engine: {text:?}"))
        })?;
        if status == 200 {
            return Ok(value);
        }
        let what = value.get("error").and_then(Value::as_str).unwrap_or("refused");
        Err(Failure::Check(format!("refused ({status}): {what}")))
    }

    fn exchange(&self, method: &str, path: &str, body: Option<&Value>) -> std::io::Result<(u16, String)> {
        let mut stream = TcpStream::connect_timeout(&self.address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let body = body.map_or_else(String::new, Value::to_string);
        let token = String::from_utf8_lossy(self.token.expose());
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.address,
            body.len()
        );
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        let text = answer.split_once("\r\n\r\n").map(|(_, text)| text.to_owned()).unwrap_or_default();
        Ok((status, text))
    }
}
