//! The configurations that an options day is written with: of a desk that takes what the day's relations find, and of an
//! options maker. Both hold every chain of the day with its listings.
//!
//! Texts and not `Config` values: a reader changes them, and what is not said is the default.

use std::fmt::Write as _;

use kernels::cpu::pricing::Isa;

use super::contracts::{Contract, MULTIPLIER};
use super::files::{E9_A_CENT, VENUES};
use super::session::OptionsDay;
use super::surface::Slice;
use super::{OptionsDayConfig, Underlying};
use crate::control::config::PipelineConfig;
use crate::notation::Price;

/// Limits, rates and fees of both desks. Orders are at most what is shown: 50 contracts, 5,000 shares.
const TERMS: &str = "
[[venues]]
name = \"NASDAQ\"
taker_fee_e9 = 3000000

[[venues]]
name = \"BX\"
taker_fee_e9 = 500000

# An option of a few cents is a whole mid away from its other side.
[limits]
order_qty_max = 5000
order_notional_max = 5000000
position_max = 1000000
collar_bp = 20000

[risk]
messages_per_s = 100000
messages_burst = 100000
";

/// What relations take, and from when on they are worth it.
const WORTH: &str = "amount_max_e9 = 10000000000000000\nprofit_min_e9 = 100000000\n";

/// Fits and quotes of the maker. Quotes of the day are three to four cents around their values; these are within them.
const MAKER: &str = "
[wide.surface]
fit_interval_ms = 250
points_min = 6

[wide.options_maker]
contract_size = 100
half_width_min_e9 = 10000000
half_width_max_e9 = 30000000
width_vega_e9 = 200000
width_delta_e9 = 5000000
skew_delta_e9 = 5000
skew_vega_e12 = 10000
";

/// A desk that looks for every relation of the day and takes what it finds.
pub(super) fn taker(day: &OptionsDay, config: &OptionsDayConfig) -> String {
    let mut toml =
        head(day, config, "what its relations find is taken; mispricings.csv has what is to be found");
    let symbols: Vec<String> = day.underlyings().iter().map(|of| format!("\"{}\"", of.symbol)).collect();
    let _ = write!(toml, "\n[[wide.pairs]]\nsymbols = [{}]\n{WORTH}", symbols.join(", "));
    for number in 0..day.underlyings().len() {
        spreads(day, number, &mut toml);
    }
    for number in 0..day.underlyings().len() {
        chain(day, number, &mut toml);
    }
    toml.push_str("\n[wide.taker]\ncool_down_ns = 1000000\nflatten = \"cross\"\nslippage_max_ticks = 5\n");
    toml
}

/// An options maker that fits the day's surfaces.
pub(super) fn options_maker(day: &OptionsDay, config: &OptionsDayConfig) -> String {
    let mut toml = head(day, config, "its surfaces are fitted, and all of its options are quoted by them");
    // Two quotes an option, and as many more that may be on their way out.
    let open_orders =
        (4 * day.contracts().len()).next_power_of_two().max(PipelineConfig::default().open_orders_max);
    let _ = write!(toml, "\n[pipeline]\nopen_orders_max = {open_orders}\n");
    for number in 0..day.underlyings().len() {
        chain(day, number, &mut toml);
    }
    toml.push_str(MAKER);
    toml
}

fn head(day: &OptionsDay, config: &OptionsDayConfig, what: &str) -> String {
    let mut toml = format!(
        "# An options day of seed {}: {what}.\n# Volatilities are those of the opening.\ndate = \"{}\"\ninstruments = [\n",
        config.seed, config.date
    );
    let underlyings = day.underlyings().iter().map(|of| of.symbol);
    let options = day.contracts().iter().map(|contract| contract.symbol(day.expiries()));
    for symbol in underlyings.chain(options) {
        let _ = writeln!(toml, "    {{ symbol = \"{symbol}\" }},");
    }
    toml + "]\n" + TERMS
}

fn contracts_of(day: &OptionsDay, underlying: usize) -> impl Iterator<Item = &Contract> {
    day.contracts().iter().filter(move |contract| contract.underlying == underlying)
}

/// What the options of one underlying owe each other and it, neighbours with each other.
fn spreads(day: &OptionsDay, number: usize, toml: &mut String) {
    let underlying = day.underlyings()[number].symbol;
    let _ = write!(
        toml,
        "\n[[wide.spreads]]\nvenue = \"{}\"\nexercise = \"european\"\nunit_e9 = {}\n\
         underlying = {{ venue = \"{}\", symbol = \"{underlying}\" }}\n{WORTH}expiries = [\n",
        VENUES[0],
        u64::from(MULTIPLIER) * 1_000_000_000,
        VENUES[0],
    );
    for expiry in day.expiries() {
        let e9 = expiry.discount_e9;
        let _ =
            writeln!(toml, "    {{ discount = {{ receive_e9 = {e9}, pay_e9 = {e9} }} }}, # {}", expiry.date);
    }
    toml.push_str("]\noptions = [\n");
    for contract in contracts_of(day, number) {
        let _ = writeln!(toml, "    {{ {} }},", named(day, contract));
    }
    toml.push_str("]\n");
}

fn chain(day: &OptionsDay, number: usize, toml: &mut String) {
    let Underlying { symbol, opening_cents, .. } = &day.underlyings()[number];
    let _ = write!(
        toml,
        "\n# {symbol} opens at {}.\n[[wide.chains]]\nvenue = \"{}\"\nsymbol = \"{symbol}\"\nexpiries = [\n",
        Price(opening_cents * E9_A_CENT),
        VENUES[0],
    );
    for expiry in day.expiries() {
        let (years, carry, discount) = (expiry.years, expiry.carry(), expiry.discount());
        let _ = writeln!(toml, "    {{ years = {years:?}, carry = {carry:?}, discount = {discount:?} }},");
    }
    toml.push_str("]\noptions = [\n");
    for contract in contracts_of(day, number) {
        let volatility = opening_volatility(day, contract);
        let _ = writeln!(toml, "    {{ {}, volatility = {volatility:?} }},", named(day, contract));
    }
    toml.push_str("]\n");
}

/// An option as both lists name it.
fn named(day: &OptionsDay, contract: &Contract) -> String {
    let Contract { expiry, strike_e9, right, .. } = contract;
    let symbol = contract.symbol(day.expiries());
    format!("symbol = \"{symbol}\", expiry = {expiry}, strike_e9 = {strike_e9}, kind = \"{}\"", right.name())
}

/// The surface's volatility at the opening's mid.
pub(super) fn opening_volatility(day: &OptionsDay, contract: &Contract) -> f64 {
    let underlying = &day.underlyings()[contract.underlying];
    let expiry = &day.expiries()[contract.expiry];
    Slice::new(Isa::detect(), &underlying.surface, expiry, underlying.opening_cents).volatility(contract)
}
