//! Known smiles are found again from quoted prices, and bad quotes make no fit.

use super::*;
use kernels::abi::ListingTerms;
use kernels::cpu::pricing::{Contract, ForwardTerms, Isa, ln, value_one};
use kernels::cpu::wide::{ExpirySpec, OptionSpec, WideSpec};

/// a, b, rho, m, sigma of an expiry's raw SVI, of total variance.
type Svi = [f64; 5];

/// Total variance at the money of each expiry.
const THETAS: [f64; 3] = [0.006, 0.012, 0.024];

/// The SSVI surface with rho -0.4, eta 0.4 and gamma 0.5 at an expiry, as a raw smile: one that both forms fit.
fn svi(expiry: usize) -> Svi {
    let (rho, theta) = (-0.4f64, THETAS[expiry]);
    let phi = 0.4 / theta.sqrt();
    let rest = (1.0 - rho * rho).sqrt();
    [0.5 * theta * rest * rest, 0.5 * theta * phi, rho, -rho / phi, rest / phi]
}

const YEARS: [f64; 3] = [0.1, 0.25, 0.5];

const SPOT_E9: i64 = 100_000_000_000;

/// The price in 1e-9 that quotes are multiples of.
const TICK_E9: i64 = 1_000;

fn smile_vol(svi: &Svi, years: f64, forward: f64, strike: f64) -> f64 {
    let [a, b, rho, m, sigma] = *svi;
    let k = (strike / forward).ln() - m;
    ((a + b * (rho * k + (k * k + sigma * sigma).sqrt())) / years).sqrt()
}

/// 13 strikes in three expiries, specified last expiry first: the tables' order is theirs.
fn tables() -> Arc<WideTables> {
    let expiries =
        YEARS.map(|years| ExpirySpec { carry: 1.0 + 0.02 * years, discount: 1.0 - 0.03 * years, years });
    let options = (0..3u32).rev().flat_map(|expiry| {
        (0..13).flat_map(move |at| {
            [false, true].map(|put| OptionSpec {
                underlying: 0,
                expiry,
                put,
                strike: 82.0 + 3.0 * f64::from(at),
                volatility: 0.3,
                width_vega: 0.01,
                half_width_min_e9: 1,
                tick_e9: 1,
            })
        })
    });
    let listing = ListingTerms { unit_e9: 1_000_000_000, lot: 1, fee_ppb: 0, fee_unit_e9: 0 };
    let spec = WideSpec {
        listings: vec![listing],
        relations: Vec::new(),
        expiries: expiries.to_vec(),
        options: options.collect(),
        ..WideSpec::default()
    };
    Arc::new(WideTables::compile(&spec).expect("good options"))
}

/// The volatility that an option has by the known smiles.
fn truth(tables: &WideTables, option: u32) -> f64 {
    let terms = &tables.options()[option as usize];
    let expiry = terms.expiry as usize;
    let forward = SPOT_E9 as f64 / 1e9 * tables.expiries()[expiry].carry;
    smile_vol(&svi(expiry), YEARS[expiry], forward, terms.strike)
}

/// Every option quoted around what it is worth by the known smiles, half a tick either way.
fn job(tables: &WideTables) -> SurfaceJob {
    let quote = |option: u32| {
        let terms = &tables.options()[option as usize];
        let expiry = &tables.expiries()[terms.expiry as usize];
        let forward = ForwardTerms::new(Isa::detect(), expiry, SPOT_E9 as f64 / 1e9);
        let sign = if terms.flags & option_flags::PUT == 0 { 1.0 } else { -1.0 };
        let volatility = truth(tables, option);
        let contract = Contract { strike: terms.strike, ln_strike: ln(terms.strike), volatility, sign };
        let worth = (value_one(&forward, &contract).price * 1e9).round() as i64;
        SeenQuote { option, bid_px: (worth - TICK_E9).max(1), ask_px: worth + TICK_E9 }
    };
    let quotes = (0..tables.options().len() as u32).map(quote).collect();
    SurfaceJob { mid_e9: SPOT_E9, quotes, ..SurfaceJob::default() }
}

fn fitted(config: SurfaceConfig, change: impl FnOnce(&mut SurfaceJob)) -> (Arc<WideTables>, SurfaceJob) {
    let tables = tables();
    let mut job = job(&tables);
    change(&mut job);
    ChainFit::new(&tables, 0, &[false; 78], config).fit(&mut job);
    (tables, job)
}

/// Largest distance from the known smiles.
fn worst(tables: &WideTables, job: &SurfaceJob) -> f64 {
    let apart = |vol: &SurfaceVol| (vol.volatility() - truth(tables, vol.option)).abs();
    job.vols.iter().map(apart).fold(0.0, f64::max)
}

/// The quote of the option out of the money at this strike of an expiry.
fn quote_at<'a>(tables: &WideTables, job: &'a mut SurfaceJob, expiry: u32, strike: f64) -> &'a mut SeenQuote {
    let is_it = |quote: &&mut SeenQuote| {
        let terms = &tables.options()[quote.option as usize];
        let is_put = terms.flags & option_flags::PUT != 0;
        terms.expiry == expiry && terms.strike == strike && is_put == (strike < 100.0)
    };
    job.quotes.iter_mut().find(is_it).expect("an option")
}

#[test]
fn known_smiles_are_found_again() {
    let (tables, job) = fitted(SurfaceConfig::default(), |_| {});
    assert_eq!((job.fitted, job.refused, job.left_out), (3, [0; FitRefused::ALL.len()], 0));
    assert_eq!(job.vols.len(), tables.options().len(), "every option, calls and puts");
    assert!(job.vols.windows(2).all(|pair| pair[0].option < pair[1].option));
    let worst = worst(&tables, &job);
    println!("worst distance from the known smiles {worst:.2e}");
    assert!(worst < 2e-4, "{worst}");
}

#[test]
fn one_surface_over_all_expiries_is_near_the_quotes() {
    let config = SurfaceConfig { model: SurfaceModel::Ssvi, rms_max: 0.01, ..SurfaceConfig::default() };
    let (tables, job) = fitted(config, |_| {});
    println!("SSVI: fitted {}, refused {:?}, worst {:.2e}", job.fitted, job.refused, worst(&tables, &job));
    assert_eq!(job.fitted, 3, "{:?}", job.refused);
    assert!(worst(&tables, &job) < 0.02);
}

#[test]
fn the_next_fit_begins_at_the_last_one() {
    let tables = tables();
    let mut chain = ChainFit::new(&tables, 0, &[false; 78], SurfaceConfig::default());
    for round in 0..3 {
        let mut job = job(&tables);
        chain.fit(&mut job);
        assert_eq!(job.fitted, 3, "round {round}: {:?}", job.refused);
        assert!(worst(&tables, &job) < 2e-4, "round {round}");
    }
}

#[test]
fn a_quote_apart_from_the_others_is_left_out() {
    let known = tables();
    let (tables, job) = fitted(SurfaceConfig::default(), |job| {
        let quote = quote_at(&known, job, 1, 97.0);
        // Half as dear again: several points of volatility.
        (quote.bid_px, quote.ask_px) = (quote.bid_px * 3 / 2, quote.ask_px * 3 / 2);
    });
    assert_eq!((job.fitted, job.left_out), (3, 1), "{:?}", job.refused);
    assert!(worst(&tables, &job) < 1e-3, "{}", worst(&tables, &job));
}

#[test]
fn bad_quotes_make_no_fit_and_the_last_one_stays() {
    let tables = tables();
    let of_first = |job: &SurfaceJob| {
        let first = job.vols.iter().filter(|vol| tables.options()[vol.option as usize].expiry == 0);
        first.count()
    };
    let refused = |change: &dyn Fn(&mut SurfaceJob)| {
        let mut chain = ChainFit::new(&tables, 0, &[false; 78], SurfaceConfig::default());
        let mut good = job(&tables);
        chain.fit(&mut good);
        assert_eq!(good.fitted, 3);
        let mut bad = job(&tables);
        change(&mut bad);
        chain.fit(&mut bad);
        let mut again = job(&tables);
        chain.fit(&mut again);
        assert_eq!(again.fitted, 3, "what was bad has left nothing behind");
        bad
    };
    let none = refused(&|job| job.quotes.clear());
    assert_eq!((none.fitted, none.refused[FitRefused::TooFewQuotes as usize]), (0, 3));
    let no_mid = refused(&|job| job.mid_e9 = PRICE_NONE);
    assert_eq!((no_mid.fitted, no_mid.refused[FitRefused::NoForward as usize]), (0, 3));
    let is_of_first = |quote: &SeenQuote| tables.options()[quote.option as usize].expiry == 0;
    let few = refused(&|job| {
        let mut left = 5;
        job.quotes.retain(|quote| {
            left -= i32::from(is_of_first(quote));
            !is_of_first(quote) || left >= 0
        });
    });
    assert_eq!((few.fitted, few.refused[FitRefused::TooFewQuotes as usize], of_first(&few)), (2, 1, 0));
    // Every second strike of the first expiry at three times its price: no smile goes through.
    let torn = refused(&|job| {
        for quote in job.quotes.iter_mut().filter(|quote| is_of_first(quote)) {
            if (tables.options()[quote.option as usize].strike as i64 / 3) % 2 == 0 {
                (quote.bid_px, quote.ask_px) = (quote.bid_px * 3, quote.ask_px * 3);
            }
        }
    });
    assert_eq!((torn.fitted, of_first(&torn)), (2, 0), "{:?}", torn.refused);
    // The first expiry as dear as the last one: it would hold more variance than the second.
    let crossing = refused(&|job| {
        for at in 0..job.quotes.len() {
            let terms = tables.options()[job.quotes[at].option as usize];
            if terms.expiry == 0 {
                let same = |quote: &&SeenQuote| {
                    let other = &tables.options()[quote.option as usize];
                    (other.expiry, other.strike, other.flags) == (2, terms.strike, terms.flags)
                };
                let dear = *job.quotes.iter().find(same).expect("the same option later");
                (job.quotes[at].bid_px, job.quotes[at].ask_px) = (dear.bid_px, dear.ask_px);
            }
        }
    });
    assert!(crossing.refused[FitRefused::Calendar as usize] > 0, "{:?}", crossing.refused);
}

#[test]
fn wide_quotes_are_not_used() {
    let (_, job) = fitted(SurfaceConfig::default(), |job| {
        job.quotes.iter_mut().for_each(|quote| quote.bid_px = quote.ask_px / 3);
    });
    assert_eq!((job.fitted, job.refused[FitRefused::TooFewQuotes as usize]), (0, 3));
}

/// Quotes of American options: the European price by the known smile, and the premium at it.
#[test]
fn american_quotes_give_the_same_smiles_and_their_premiums() {
    let tables = tables();
    let mut chain = ChainFit::new(&tables, 0, &[true; 78], SurfaceConfig::default());
    let spot = SPOT_E9 as f64 / 1e9;
    let premium = |option: u32| {
        let terms = &tables.options()[option as usize];
        let expiry = &tables.expiries()[terms.expiry as usize];
        let forward = forward_of(expiry, SPOT_E9).expect("a forward");
        let is_put = terms.flags & option_flags::PUT != 0;
        let premiums = premiums(&forward, spot, terms.strike, is_put, truth(&tables, option));
        premiums.expect("a premium").premium(SPOT_E9).price_e9
    };
    let american = |mut job: SurfaceJob| {
        for quote in &mut job.quotes {
            let premium = premium(quote.option);
            (quote.bid_px, quote.ask_px) = (quote.bid_px + premium, quote.ask_px + premium);
        }
        job
    };
    let mut last = SurfaceJob::default();
    for _ in 0..4 {
        last = american(job(&tables));
        chain.fit(&mut last);
        assert_eq!(last.fitted, 3, "{:?}", last.refused);
    }
    println!("worst distance from the known smiles {:.2e}", worst(&tables, &last));
    assert!(worst(&tables, &last) < 1e-3);
    let found = |vol: &SurfaceVol| vol.premium.premium(SPOT_E9).price_e9;
    let apart = last.vols.iter().map(|vol| (found(vol) - premium(vol.option)).abs()).max();
    assert!(apart.is_some_and(|apart| apart < 2_000_000), "{apart:?}");
    assert!(last.vols.iter().any(|vol| found(vol) > 10_000_000), "some are worth exercising");
}
