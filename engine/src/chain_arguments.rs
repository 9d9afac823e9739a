//! The command line of `warptick chain`.

use clap::Args;
use engine::control::config::VenueConfig;
use engine::control::failure::Failure;
use engine::control::inputs::{CaptureArgument, Inputs};
use engine::control::listed_chain::ListedChain;
use engine::control::wide_config::WideConfig;
use engine::control::wide_kinds::{ExerciseConfig, PlaceConfig};

/// What is printed of a configuration: all that a replay of the captures needs, and that differs from the defaults or may have
/// to be corrected.
#[derive(serde::Serialize)]
struct Printed {
    date: String,
    venues: Vec<PrintedVenue>,
    wide: WideConfig,
}

#[derive(serde::Serialize)]
struct PrintedVenue {
    name: String,
    taker_fee_e9: i64,
}

impl PrintedVenue {
    fn named(name: &str) -> Self {
        let VenueConfig { name, taker_fee_e9, .. } = VenueConfig::named(name);
        Self { name, taker_fee_e9 }
    }
}

/// What is printed above it, as comments.
const NOTES: &str = "\
# Assumed: interest, dividends, exercise and contract size as given; years are days from the session / 365.
# taker_fee_e9 is what taking one quantity unit (a share, a contract) costs, 1e-9 of the currency: correct it.
# No [[instruments]] are named: the default market maker quotes what the first capture trades most. Name some to choose.
";

/// What `warptick chain` takes.
#[derive(Args)]
pub struct ChainArguments {
    /// Captures, one a venue: with the options, and with the underlying.
    #[arg(required = true, value_name = "FILE[@VENUE]")]
    captures: Vec<CaptureArgument>,
    /// What the options are on.
    #[arg(long, value_name = "SYMBOL@VENUE", value_parser = parse_place)]
    underlying: PlaceConfig,
    /// Root of the options' symbols; else the underlying's symbol.
    #[arg(long)]
    root: Option<String>,
    /// The underlying is a future.
    #[arg(long)]
    future: bool,
    /// american or european.
    #[arg(long, default_value = "american", value_parser = parse_exercise)]
    exercise: ExerciseConfig,
    /// Units of the underlying that a contract is about.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    contract_size: u64,
    /// Interest a year, continuously compounded: 0.02 is 2 %.
    #[arg(long)]
    rate: f64,
    /// Dividends a year, continuously compounded; 0 says that none are paid.
    #[arg(long, default_value_t = 0.0)]
    dividend_yield: f64,
    /// Distance of two fits of the volatilities, ms.
    #[arg(long, default_value_t = 60_000)]
    fit_interval_ms: u64,
    /// Session date, YYYY-MM-DD; else that in the first file's name.
    #[arg(long)]
    date: Option<String>,
}

fn parse_place(text: &str) -> Result<PlaceConfig, String> {
    let (symbol, venue) = text.split_once('@').ok_or("write SYMBOL@VENUE")?;
    Ok(PlaceConfig { venue: venue.to_owned(), symbol: symbol.to_owned() })
}

fn parse_exercise(text: &str) -> Result<ExerciseConfig, String> {
    match text {
        "american" => Ok(ExerciseConfig::American),
        "european" => Ok(ExerciseConfig::European),
        _ => Err("american or european".to_owned()),
    }
}

impl ChainArguments {
    /// A configuration for a replay of the captures, as TOML.
    pub fn run(&self) -> Result<String, Failure> {
        let inputs = Inputs::open(&self.captures, self.date.as_deref())?;
        let chain = ListedChain {
            underlying: self.underlying.clone(),
            root: self.root.clone(),
            is_on_future: self.future,
            exercise: self.exercise,
            contract_size: self.contract_size,
            rate: self.rate,
            dividend_yield: self.dividend_yield,
            volatility: 0.3,
            fit_interval_ms: self.fit_interval_ms,
        };
        let printed = Printed {
            date: inputs.date.to_string(),
            venues: inputs.venues.iter().map(|input| PrintedVenue::named(&input.venue)).collect(),
            wide: chain.wide(&inputs)?,
        };
        let text = toml::to_string(&printed).map_err(|error| Failure::Input(format!("chain: {error}")))?;
        Ok(format!("{NOTES}{text}"))
    }
}
