//! From names to numbers: listings in the order of the configuration, and what is refused.

use engine::control::config::{Config, InstrumentConfig};
use engine::control::inputs::Inputs;
use engine::control::startup;
use engine::control::universe::Universe;
use engine::control::wide_backend::{self, BackendKind};
use engine::control::wide_plan::WidePlan;
use feeds::source::synthetic::SyntheticConfig;
use kernels::abi::Leg;
use warptick_tests::captures::{generated, inputs};

/// Three symbols at two venues.
fn day() -> (Inputs, Vec<String>) {
    let settings = SyntheticConfig {
        messages: 2_000,
        symbols: 3,
        bx_listed_permille: 1_000,
        ..SyntheticConfig::default()
    };
    let inputs = inputs(generated(&settings), settings.date);
    let directory = inputs.directory().expect("symbols");
    let symbols = (0..3).map(|number| directory.symbol(number).expect("a symbol").to_string()).collect();
    (inputs, symbols)
}

/// A configuration with this `[wide]`, in which `{0}` to `{2}` are the symbols.
fn config(inputs: &Inputs, symbols: &[String], wide: &str) -> Config {
    let named =
        |text: String, (number, symbol): (usize, &String)| text.replace(&format!("<{number}>"), symbol);
    let text = symbols.iter().enumerate().fold(format!("[wide]\n{wide}"), named);
    let mut config = Config::parse("plan", &text).expect("good settings");
    let first =
        InstrumentConfig { symbol: symbols[0].clone(), limits: None, market_maker: None, arbitrage: None };
    config.instruments = vec![first];
    startup::complete(inputs, config).expect("a configuration for the captures")
}

#[test]
fn listings_are_numbered_as_they_are_named() {
    let (inputs, symbols) = day();
    let text = r#"
        pairs = [{ symbols = ["<1>"] }]
        [[relations]]
        legs = [
            { venue = "BX", symbol = "<2>", side = "buy" },
            { venue = "NASDAQ", symbol = "<1>", side = "sell" },
        ]
        amount_max_e9 = 7
    "#
    .replace("[[relations]]", "[[wide.relations]]");
    let plan = WidePlan::new(&inputs, &config(&inputs, &symbols, &text)).expect("a plan").expect("wide work");
    let listings: Vec<_> = plan.listings.iter().map(|one| (one.venue, one.instrument)).collect();
    assert_eq!(listings, [(1, 2), (0, 1), (1, 1)]);
    let legs: Vec<_> = plan.tables.relations().iter().map(|relation| relation.legs[..2].to_vec()).collect();
    let (buy, sell) = (Leg::buy, Leg::sell);
    assert_eq!(legs, [vec![buy(0), sell(1)], vec![buy(1), sell(2)], vec![buy(2), sell(1)]]);
    assert_eq!(plan.tables.relations()[0].amount_max, 7);
    let fees: Vec<_> = plan.tables.listings().iter().map(|terms| terms.fee_unit_e9).collect();
    assert_eq!(fees, [500_000, 3_000_000, 500_000], "the venues' own");
}

#[test]
fn what_is_not_there_is_named() {
    let (inputs, symbols) = day();
    let refused = |wide: &str| {
        let plan = WidePlan::new(&inputs, &config(&inputs, &symbols, wide));
        plan.expect_err(wide).to_string()
    };
    let leg = |venue: &str, symbol: &str| {
        format!("{{ venue = \"{venue}\", symbol = \"{symbol}\", side = \"buy\" }}")
    };
    let relation = |venue: &str, symbol: &str| {
        format!("relations = [{{ legs = [{}, {}] }}]", leg("BX", "<0>"), leg(venue, symbol))
    };
    let error = refused(&relation("ARCA", "<0>"));
    assert!(error.contains("wide: relations[0]: venue ARCA"), "{error}");
    let error = refused(&relation("NASDAQ", "NONE"));
    assert!(error.contains("wide: relations[0]: instrument NONE"), "{error}");
    let error = refused(&format!(
        "{}\nlistings = [{{ venue = \"BX\", symbol = \"<2>\" }}]",
        relation("NASDAQ", "<0>")
    ));
    assert!(
        error.contains("wide: listings[0]") && error.contains("is in no relation of any kind, pair or chain"),
        "{error}"
    );
}

#[test]
fn a_taker_trades_what_the_configuration_lets_it_trade() {
    let (inputs, symbols) = day();
    let strategies = |wide: &str| startup::strategies(&inputs, &config(&inputs, &symbols, wide));
    assert_eq!(strategies("pairs = [{ symbols = [\"<0>\"] }]").expect("none").len(), 0);
    assert_eq!(strategies("pairs = [{ symbols = [\"<0>\"] }]\ntaker = {}").expect("one").len(), 1);
    let error = strategies("pairs = [{ symbols = [\"<0>\", \"<1>\"] }]\ntaker = {}");
    let error = error.map(|_| ()).expect_err("not tradable").to_string();
    assert!(error.contains(&format!("{} is a leg and may not be traded", symbols[1])), "{error}");
}

#[test]
fn a_backend_is_made_or_refused_by_name() {
    let (inputs, symbols) = day();
    let config = config(&inputs, &symbols, "pairs = [{ symbols = [\"<0>\"] }]");
    // On a machine with a GPU there is one.
    if let Err(error) = wide_backend::desk_of(&inputs, &config, BackendKind::Cuda, true).map(drop) {
        assert!(error.to_string().contains("backend cuda: "), "{error}");
    }
    let (desk, _) =
        wide_backend::desk_of(&inputs, &config, BackendKind::Emulated, true).expect("always there");
    assert!(desk.is_some());
    let (desk, digest) = wide_backend::desk_of(&inputs, &config, BackendKind::Auto, true).expect("the CPU");
    assert!(desk.is_some_and(|desk| desk.is_virtual()) && digest.is_some());
    let plain = Config { wide: None, ..config };
    let (desk, digest) = wide_backend::desk_of(&inputs, &plain, BackendKind::Auto, true).expect("nothing");
    assert!(desk.is_none() && digest.is_none());
}
