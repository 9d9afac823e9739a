//! Options on the ES future of March 2020 on 2020-01-06: 104 American contracts of one expiry. On a future Black's formula is
//! used, at interest of 1.5 % a year. What an American option on a future owes the future is not compiled, so that
//! boxes, verticals and butterflies are scanned.

use engine::control::listed_chain::ListedChain;
use engine::control::wide_kinds::{ExerciseConfig, PlaceConfig};

use crate::day::{Day, permille, told};

const OPTIONS: &str = "futureoption_cme_minute_es_202003_20200106_quote_american.zip";
const FUTURES: &str = "future_cme_minute_es_20200106_quote.zip";

fn play(fit_interval_ms: u64, every: u64) {
    let chain = ListedChain {
        underlying: PlaceConfig { venue: "FUTURES".to_owned(), symbol: "ES202003".to_owned() },
        root: Some("ES".to_owned()),
        is_on_future: true,
        exercise: ExerciseConfig::American,
        contract_size: 50,
        rate: 0.015,
        dividend_yield: 0.0,
        volatility: 0.15,
        fit_interval_ms,
    };
    let Some(day) = Day::open([(OPTIONS, "OPTIONS"), (FUTURES, "FUTURES")], &chain, |_| ()) else { return };
    assert_eq!(day.plan.tables.options().len(), 104);
    let (outcome, mut seen) = day.run(every);
    println!("ES 2020-01-06: {} relations; {}", day.plan.tables.linears().len(), told(&outcome, &mut seen));
    assert!(outcome.messages > 111_789);
    assert_eq!(seen.priced.len(), 104);
    let error = permille(&mut seen.vol_errors, 500);
    assert!(error < 0.005 && seen.vol_errors.len() > 1_000, "{error}");
    assert!(seen.compared.0 > 5);
}

#[test]
fn the_es_chain_is_priced_fitted_and_scanned() {
    play(1_800_000, 30);
}

#[test]
#[ignore = "a minute: a fit and a brute force each minute"]
fn the_es_chain_is_priced_fitted_and_scanned_wide() {
    play(60_000, 1);
}
