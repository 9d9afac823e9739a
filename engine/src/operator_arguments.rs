//! Arguments of the commands that talk to a running engine, and the one request that each of them makes.

use std::path::PathBuf;

use clap::Args;
use engine::control::config::Config;
use engine::control::failure::Failure;
use engine::control::operator_client::OperatorClient;
use serde_json::{Value, json};

/// Reads a configuration.
type ReadConfig<'a> = &'a dyn Fn(Option<&PathBuf>) -> Result<Config, Failure>;

/// The name that this session was logged in with.
fn user() -> String {
    std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_default()
}

/// Which engine.
#[derive(Args)]
pub struct PortArguments {
    /// The configuration that the engine runs with: it says where its operator port is.
    #[arg(long)]
    config: PathBuf,
    /// Environment variable that holds the token; else operator.token_env of the configuration.
    #[arg(long, value_name = "VARIABLE")]
    token_env: Option<String>,
}

/// Who asks, and why: for the journal.
#[derive(Args)]
pub struct PersonArguments {
    /// Who asks.
    #[arg(long, default_value_t = user())]
    who: String,
    /// Why.
    #[arg(long, default_value = "by hand")]
    why: String,
}

/// `kill` and `reset`.
#[derive(Args)]
pub struct ScopeArguments {
    #[command(flatten)]
    port: PortArguments,
    /// all, side:buy, side:sell, venue:NAME, symbol:SYMBOL, strategy:NUMBER or strategy:SYMBOL/market_maker.
    #[arg(default_value = "all")]
    scope: String,
    #[command(flatten)]
    person: PersonArguments,
}

/// `limits`.
#[derive(Args)]
pub struct LimitsArguments {
    #[command(flatten)]
    port: PortArguments,
    /// The new limits file.
    #[arg(required_unless_present = "confirm", conflicts_with = "confirm")]
    file: Option<PathBuf>,
    /// Put what this proposal loosens in force.
    #[arg(long, value_name = "ID")]
    confirm: Option<u32>,
    #[command(flatten)]
    person: PersonArguments,
}

/// `reconcile`.
#[derive(Args)]
pub struct ReconcileArguments {
    #[command(flatten)]
    port: PortArguments,
    /// The instrument.
    symbol: String,
    /// Its net quantity as the other keeper has it, negative short.
    #[arg(allow_negative_numbers = true)]
    position: i64,
    #[command(flatten)]
    person: PersonArguments,
}

impl PortArguments {
    fn ask(
        &self,
        read_config: ReadConfig<'_>,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<String, Failure> {
        let config = read_config(Some(&self.config))?;
        let answer = OperatorClient::new(&config, self.token_env.as_deref())?.ask(method, path, body)?;
        let text =
            serde_json::to_string_pretty(&answer).map_err(|error| Failure::Input(error.to_string()))?;
        if answer.get("carried_out") == Some(&Value::Bool(false)) {
            return Err(Failure::Check(text));
        }
        Ok(format!("{text}\n"))
    }

    /// Asks how it stands.
    ///
    /// # Errors
    /// The engine is not there, or refuses.
    pub fn status(&self, read_config: ReadConfig<'_>) -> Result<String, Failure> {
        self.ask(read_config, "GET", "/status", None)
    }
}

impl ScopeArguments {
    /// Asks `path` for the scope.
    ///
    /// # Errors
    /// The engine is not there, refuses, or has not carried it out.
    pub fn ask(&self, read_config: ReadConfig<'_>, path: &str) -> Result<String, Failure> {
        let PersonArguments { who, why } = &self.person;
        let body = json!({ "scope": self.scope, "who": who, "why": why });
        self.port.ask(read_config, "POST", path, Some(&body))
    }
}

impl LimitsArguments {
    /// Sends the file, or confirms.
    ///
    /// # Errors
    /// A file that cannot be read; the engine is not there, refuses, or has not carried it out.
    pub fn ask(&self, read_config: ReadConfig<'_>) -> Result<String, Failure> {
        let PersonArguments { who, why } = &self.person;
        let Some(file) = &self.file else {
            let body = json!({ "id": self.confirm, "who": who, "why": why });
            return self.port.ask(read_config, "POST", "/limits/confirm", Some(&body));
        };
        let text = std::fs::read_to_string(file)
            .map_err(|error| Failure::Input(format!("{}: {error}", file.display())))?;
        let body = json!({ "text": text, "who": who, "why": why });
        self.port.ask(read_config, "POST", "/limits", Some(&body))
    }
}

impl ReconcileArguments {
    /// Sends the position.
    ///
    /// # Errors
    /// The engine is not there, refuses, or has not carried it out.
    pub fn ask(&self, read_config: ReadConfig<'_>) -> Result<String, Failure> {
        let PersonArguments { who, why } = &self.person;
        let body = json!({ "symbol": self.symbol, "position": self.position, "who": who, "why": why });
        self.port.ask(read_config, "POST", "/reconcile", Some(&body))
    }
}
