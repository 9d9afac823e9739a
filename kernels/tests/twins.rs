//! The CUDA twins against the Rust ones, bit for bit, 10^5 random cases a function, ordinary and extreme: `cuda/*.cuh`
//! compiled for the host by g++ (skipped loudly where there is none), and the PTX that nvcc makes of them, interpreted.
//!
//! A failure prints function, seed and case.

use emulator::{Module, RunOptions, Shape};
use feeds::units::PRICE_NONE;
use kernels::abi::{
    AMOUNT_MAX, Expiry, Leg, LinearLeg, LinearRelation, ListingTerms, OptionTerms, Relation, Touch,
};
use kernels::cpu::arbitrage::{NO_HIT, evaluate, fold, fold_inverse};
use kernels::cpu::book::Bbo;
use kernels::cpu::linear::evaluate_linear;
use kernels::cpu::option_quote::{mid_in_currency_units, mid_of, quote};
use kernels::cpu::pricing::implied::{NoVolatility, implied_volatility_one};
use kernels::cpu::pricing::lognormal::LognormalTerms;
use kernels::cpu::pricing::loops::{Sensitivities, sensitivities_one};
use kernels::cpu::pricing::markets::{ForwardMarket, NormalMarket, SpotMarket};
use kernels::cpu::pricing::normal::NormalTerms;
use kernels::cpu::pricing::{Contract, ForwardTerms, Isa, Value, ln, value_one};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const CASES: usize = 100_000;
const SEED: u64 = 0x7175_1CE5;

struct Random(u64);

impl Random {
    fn word(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.word() % bound
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * (self.word() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn power_of_ten(&mut self, low: f64, high: f64) -> f64 {
        10f64.powf(self.between(low, high))
    }

    /// 1 to `max`: of any size, small, or at the edge.
    fn amount(&mut self, max: u64) -> u64 {
        match self.below(6) {
            0 => max,
            1 => 1,
            2 => 1 + self.below(1_000).min(max - 1),
            3 => (1u64 << self.below(62)).min(max),
            _ => 1 + self.word() % max,
        }
    }

    fn terms(&mut self) -> ListingTerms {
        let signed = |random: &mut Self, max: u64| {
            let magnitude = random.amount(max) as i64;
            if random.below(2) == 0 { magnitude } else { -magnitude }
        };
        let ordinary = self.below(2) == 0;
        ListingTerms {
            unit_e9: if ordinary { 10u64.pow(self.below(10) as u32) } else { self.amount(AMOUNT_MAX) },
            lot: if ordinary { 1 + self.below(10) } else { self.amount(u64::MAX - 1) },
            fee_ppb: if self.below(3) == 0 { 0 } else { signed(self, 1_000_000_000) },
            fee_unit_e9: if ordinary { signed(self, 5_000_000) } else { signed(self, AMOUNT_MAX - 1) },
        }
    }

    /// A price around 100, or any.
    fn price(&mut self) -> i64 {
        match self.below(8) {
            0 => PRICE_NONE,
            1 => self.word() as i64,
            2 => self.amount(i64::MAX as u64) as i64,
            _ => 99_000_000_000 + self.below(2_000_000_000) as i64,
        }
    }

    fn bbo(&mut self) -> Bbo {
        let (bid_px, ask_px) = (self.price(), self.price());
        let quantity = |random: &mut Self| if random.below(8) == 0 { 0 } else { random.amount(u64::MAX) };
        Bbo { bid_px, bid_qty: quantity(self), ask_px, ask_qty: quantity(self) }
    }

    fn expiry(&mut self) -> Expiry {
        let ordinary = self.below(3) > 0;
        let factor = |random: &mut Self| {
            if ordinary { random.between(0.8, 1.2) } else { random.power_of_ten(-6.0, 6.0) }
        };
        let years = match self.below(6) {
            0 => 0.0,
            1 => self.power_of_ten(-12.0, 3.0),
            _ => self.between(0.0, 3.0),
        };
        Expiry { carry: factor(self), discount: factor(self), years, sqrt_years: years.sqrt() }
    }

    fn option(&mut self, mid: f64) -> OptionTerms {
        let strike = match self.below(6) {
            0 => self.power_of_ten(-9.0, 10.0),
            1 => mid.clamp(1e-9, 1e10),
            _ => (mid * self.between(0.5, 2.0)).clamp(1e-9, 1e10),
        };
        let volatility = match self.below(8) {
            0 => 0.0,
            1 => self.power_of_ten(-300.0, 3.0),
            _ => self.between(0.01, 1.5),
        };
        let ordinary = self.below(3) > 0;
        OptionTerms {
            strike,
            ln_strike: ln(strike),
            volatility,
            width_vega: if ordinary { self.between(0.0, 0.02) } else { self.power_of_ten(-12.0, 9.0) },
            half_width_min_e9: if ordinary { 5_000_000 } else { self.amount(AMOUNT_MAX) as i64 - 1 },
            tick_e9: if ordinary { 10_000_000 } else { self.amount(AMOUNT_MAX) as i64 },
            expiry: 0,
            flags: self.below(2) as u32,
            underlying: 0,
            reserved: 0,
        }
    }
}

fn of_terms(t: &ListingTerms) -> [u64; 4] {
    [t.unit_e9, t.lot, t.fee_ppb as u64, t.fee_unit_e9 as u64]
}

fn of_touch(t: &Touch) -> [u64; 4] {
    [t.cost, t.cost_quantity, t.proceeds, t.proceeds_quantity]
}

fn of_bbo(bbo: &Bbo) -> [u64; 4] {
    [bbo.bid_px as u64, bbo.bid_qty, bbo.ask_px as u64, bbo.ask_qty]
}

fn of_option(o: &OptionTerms) -> [u64; 8] {
    let [strike, ln_strike] = [o.strike, o.ln_strike].map(f64::to_bits);
    let [volatility, width_vega] = [o.volatility, o.width_vega].map(f64::to_bits);
    let packed = u64::from(o.expiry) | u64::from(o.flags) << 32;
    let (half, tick) = (o.half_width_min_e9 as u64, o.tick_e9 as u64);
    [strike, ln_strike, volatility, width_vega, half, tick, packed, u64::from(o.underlying)]
}

fn of_values(values: [i64; 5]) -> Vec<u64> {
    values.iter().map(|value| *value as u64).collect()
}

/// A function with a twin: its number in `twins/cases.cuh`, and one case, as its words and the words of its result.
struct Function {
    name: &'static str,
    kind: u32,
    /// The kernel of `twins/device.cu` that computes it, and words of a result.
    kernel: &'static str,
    outputs: usize,
    case: fn(&mut Random) -> (Vec<u64>, Vec<u64>),
    /// Whether a result shows that something happened; at least a tenth of the cases must.
    eventful: fn(&[u64]) -> bool,
}

const FUNCTIONS: [Function; 10] = [
    Function {
        name: "fold",
        kind: 0,
        kernel: "fold_cases",
        outputs: 4,
        case: fold_case,
        eventful: |out| out[0] > 0 && out[2] > 0,
    },
    Function {
        name: "evaluate",
        kind: 1,
        kernel: "evaluate_cases",
        outputs: 5,
        case: evaluate_case,
        eventful: |out| out != of_values(NO_HIT),
    },
    Function {
        name: "option",
        kind: 2,
        kernel: "option_cases",
        outputs: 8,
        case: option_case,
        eventful: |out| out[0] as i64 > 0,
    },
    Function {
        name: "quote",
        kind: 3,
        kernel: "quote_cases",
        outputs: 5,
        case: quote_case,
        eventful: |out| out[0] as i64 > 0,
    },
    Function {
        name: "mid_of",
        kind: 4,
        kernel: "mid_cases",
        outputs: 1,
        case: mid_case,
        eventful: |out| out[0] as i64 != PRICE_NONE,
    },
    Function {
        name: "sensitivities, lognormal",
        kind: 5,
        kernel: "lognormal_cases",
        outputs: 9,
        case: lognormal_case,
        eventful: |out| f64::from_bits(out[2]) > 1e-9,
    },
    Function {
        name: "sensitivities, normal",
        kind: 6,
        kernel: "normal_cases",
        outputs: 9,
        case: normal_case,
        eventful: |out| f64::from_bits(out[2]) > 1e-9,
    },
    Function {
        name: "implied_volatility",
        kind: 7,
        kernel: "implied_cases",
        outputs: 2,
        case: implied_case,
        eventful: |out| out[1] == 0,
    },
    Function {
        name: "evaluate_linear",
        kind: 8,
        kernel: "linear_cases",
        outputs: 5,
        case: linear_case,
        eventful: |out| out != of_values(NO_HIT),
    },
    Function {
        name: "fold_inverse",
        kind: 9,
        kernel: "inverse_cases",
        outputs: 4,
        case: inverse_case,
        eventful: |out| out[0] > 0 && out[2] > 0,
    },
];

fn fold_case(random: &mut Random) -> (Vec<u64>, Vec<u64>) {
    let (terms, bbo) = (random.terms(), random.bbo());
    ([of_terms(&terms), of_bbo(&bbo)].concat(), of_touch(&fold(&bbo, &terms)).to_vec())
}

fn inverse_case(random: &mut Random) -> (Vec<u64>, Vec<u64>) {
    let (terms, bbo) = (random.terms(), random.bbo());
    ([of_terms(&terms), of_bbo(&bbo)].concat(), of_touch(&fold_inverse(&bbo, &terms)).to_vec())
}

/// One to six legs at six listings: spreads of ordinary prices that hit and miss by little, and numbers of any size.
fn linear_case(random: &mut Random) -> (Vec<u64>, Vec<u64>) {
    const RATIO_MAX: u64 = (1 << 63) / 6;
    let ordinary = random.below(4) > 0;
    let legs_len = 1 + random.below(6) as usize;
    let legs: [LinearLeg; 6] = std::array::from_fn(|listing| {
        let leg = match (listing + random.below(2) as usize) % 2 {
            0 => Leg::buy(listing as u32),
            _ => Leg::sell(listing as u32),
        };
        let weight = if ordinary { 1 + random.below(4) } else { random.amount(AMOUNT_MAX) };
        let factor = 1_000_000_000 - random.below(2) * random.below(20_000_000);
        let ratio_e9 = if ordinary { weight * factor } else { random.amount(RATIO_MAX) };
        LinearLeg { leg, reserved: 0, weight, ratio_e9 }
    });
    let touches: [Touch; 6] = std::array::from_fn(|_| {
        let amount = |random: &mut Random| match ordinary {
            true => 990_000_000 + random.below(20_000_000),
            false => random.amount(AMOUNT_MAX),
        };
        let quantity =
            |random: &mut Random| if ordinary { 1 + random.below(1_000) } else { random.amount(u64::MAX) };
        Touch {
            cost: amount(random),
            cost_quantity: quantity(random),
            proceeds: amount(random),
            proceeds_quantity: if random.below(20) == 0 { 0 } else { quantity(random) },
        }
    });
    let balance = |leg: &LinearLeg| if leg.leg.sells() { -(leg.weight as i64) } else { leg.weight as i64 };
    let payoff_e9 = if ordinary {
        let fair = legs[..legs_len].iter().map(balance).sum::<i64>() * 1_000_000_000;
        fair + random.below(40_000_000) as i64 - 20_000_000
    } else {
        (random.word() as i64) >> (1 + random.below(60))
    };
    let relation = LinearRelation {
        first_leg: 0,
        legs_len: legs_len as u32,
        step: if random.below(3) == 0 { random.amount(10) } else { 1 },
        payoff_e9,
        amount_max: if random.below(2) == 0 { AMOUNT_MAX } else { random.amount(AMOUNT_MAX) },
        profit_min: if random.below(2) == 0 { 1 } else { random.amount(1_000_000_000) },
    };
    let LinearRelation { step, amount_max, profit_min, .. } = relation;
    let mut words = vec![legs_len as u64, step, payoff_e9 as u64, amount_max, profit_min];
    words.extend(legs.iter().flat_map(|leg| [u64::from(leg.leg.0), leg.weight, leg.ratio_e9]));
    words.extend(touches.iter().flat_map(of_touch));
    (words, of_values(evaluate_linear(&relation, &legs[..legs_len], &touches)))
}

/// Cycles whose prices multiply to about one as often as not: they hit and miss by little.
fn evaluate_case(random: &mut Random) -> (Vec<u64>, Vec<u64>) {
    let legs_len = 2 + random.below(3) as usize;
    let legs = std::array::from_fn(|i| match i {
        _ if i >= legs_len => Leg(0),
        _ if random.below(2) == 0 => Leg::buy(random.below(4) as u32),
        _ => Leg::sell(random.below(4) as u32),
    });
    let ordinary = random.below(4) > 0;
    let terms: [ListingTerms; 4] = std::array::from_fn(|_| {
        let terms = random.terms();
        if ordinary {
            ListingTerms { unit_e9: 1_000_000_000, lot: 1 + random.below(5), ..terms }
        } else {
            terms
        }
    });
    let touches: [Touch; 4] = std::array::from_fn(|_| {
        let amount = |random: &mut Random| match ordinary {
            true => 990_000_000 + random.below(20_000_000),
            false => random.amount(AMOUNT_MAX),
        };
        let quantity =
            |random: &mut Random| if ordinary { 1 + random.below(1_000) } else { random.amount(u64::MAX) };
        Touch {
            cost: amount(random),
            cost_quantity: quantity(random),
            proceeds: amount(random),
            proceeds_quantity: if random.below(20) == 0 { 0 } else { quantity(random) },
        }
    });
    let amount_max = if random.below(2) == 0 { AMOUNT_MAX } else { random.amount(AMOUNT_MAX) };
    let profit_min = if random.below(2) == 0 { 1 } else { random.amount(1_000_000_000) };
    let relation = Relation { legs, legs_len: legs_len as u32, reserved: 0, amount_max, profit_min };
    let packed = |i: usize| u64::from(legs[i].0) | u64::from(legs[i + 1].0) << 32;
    let mut words = vec![packed(0), packed(2), legs_len as u64, amount_max, profit_min];
    words.extend(terms.iter().flat_map(of_terms));
    words.extend(touches.iter().flat_map(of_touch));
    (words, of_values(evaluate(&relation, &terms, &touches)))
}

fn option_case(random: &mut Random) -> (Vec<u64>, Vec<u64>) {
    let mid_e9 = match random.below(4) {
        0 => random.amount(i64::MAX as u64) as i64,
        _ => 50_000_000_000 + random.below(100_000_000_000) as i64,
    };
    let mid = mid_in_currency_units(mid_e9);
    let (option, expiry) = (random.option(mid), random.expiry());
    let sign = if option.flags == 0 { 1.0 } else { -1.0 };
    let OptionTerms { strike, ln_strike, volatility, .. } = option;
    let contract = Contract { strike, ln_strike, volatility, sign };
    let value = value_one(&ForwardTerms::new(Isa::detect(), &expiry, mid), &contract);
    let mut words = of_option(&option).to_vec();
    words.extend([expiry.carry, expiry.discount, expiry.years, expiry.sqrt_years].map(f64::to_bits));
    words.push(mid_e9 as u64);
    let mut result = of_values(quote(&value, &option));
    result.extend([value.price, value.delta, value.vega].map(f64::to_bits));
    (words, result)
}

fn quote_case(random: &mut Random) -> (Vec<u64>, Vec<u64>) {
    let option = random.option(100.0);
    let number = |random: &mut Random| match random.below(5) {
        0 => f64::from_bits(random.word()).abs(),
        1 => random.below(1_000_000) as f64 * 0.5e-9,
        2 => random.power_of_ten(-12.0, 12.0),
        _ => random.between(0.0, 50.0),
    };
    let value = Value { price: number(random), delta: -number(random), vega: number(random) };
    let mut words = of_option(&option).to_vec();
    words.extend([value.price, value.delta, value.vega].map(f64::to_bits));
    (words, of_values(quote(&value, &option)))
}

fn mid_case(random: &mut Random) -> (Vec<u64>, Vec<u64>) {
    let bbo = random.bbo();
    (of_bbo(&bbo).to_vec(), vec![mid_of(&bbo) as u64])
}

fn words_of(s: &Sensitivities) -> Vec<u64> {
    [s.price, s.delta, s.gamma, s.vega, s.theta, s.rho, s.vanna, s.volga, s.charm].map(f64::to_bits).to_vec()
}

/// A market that is within limits, of one of three kinds, and its words: kind, and four numbers.
fn lognormal_terms(random: &mut Random) -> (LognormalTerms, [f64; 4], Vec<u64>) {
    let (isa, kind) = (Isa::detect(), random.below(3));
    let expiry = random.expiry();
    let underlying =
        if random.below(4) == 0 { random.power_of_ten(-9.0, 9.9) } else { random.between(50.0, 200.0) };
    let years = if random.below(8) == 0 { random.power_of_ten(-300.0, 2.0) } else { expiry.years.min(3.0) };
    let limit = if random.below(3) == 0 { 2.0 } else { 0.1 };
    let limit = if years > 3.0 { 6.0 / years } else { limit };
    let (rate, underlying_yield) = (random.between(-limit, limit), random.between(-limit, limit));
    let (terms, numbers) = match kind {
        0 => {
            let market = SpotMarket::new(underlying, rate, underlying_yield, years).expect("in range");
            (LognormalTerms::black_scholes_merton(isa, &market), [underlying, rate, underlying_yield, years])
        }
        1 => {
            let market = ForwardMarket::new(underlying, rate, years).expect("in range");
            (LognormalTerms::black_76(isa, &market), [underlying, rate, 0.0, years])
        }
        _ => {
            let Expiry { carry, discount, years, .. } = expiry;
            (LognormalTerms::of_expiry(isa, &expiry, underlying), [underlying, carry, discount, years])
        }
    };
    let words = [kind].into_iter().chain(numbers.map(f64::to_bits)).collect();
    (terms, numbers, words)
}

fn normal_terms(random: &mut Random) -> (NormalTerms, [f64; 3], Vec<u64>) {
    let forward =
        if random.below(4) == 0 { -random.power_of_ten(-9.0, 9.9) } else { random.between(-50.0, 200.0) };
    let numbers = [forward, random.between(-0.1, 0.1), random.expiry().years.min(100.0)];
    let market = NormalMarket::new(numbers[0], numbers[1], numbers[2]).expect("in range");
    (NormalTerms::bachelier(Isa::detect(), &market), numbers, numbers.map(f64::to_bits).to_vec())
}

/// A contract near a price, or any; and its words: strike, volatility, sign.
fn contract(random: &mut Random, near: f64, negative: bool) -> (Contract, [u64; 3]) {
    let option = random.option(near.abs());
    let strike = if negative && random.below(2) == 0 { -option.strike } else { option.strike };
    let sign = if option.flags == 0 { 1.0 } else { -1.0 };
    let volatility = option.volatility * if negative { 100.0 } else { 1.0 };
    let ln_strike = if strike > 0.0 { ln(strike) } else { 0.0 };
    (Contract { strike, ln_strike, volatility, sign }, [strike, volatility, sign].map(f64::to_bits))
}

fn lognormal_case(random: &mut Random) -> (Vec<u64>, Vec<u64>) {
    let (terms, numbers, mut words) = lognormal_terms(random);
    let (contract, more) = contract(random, numbers[0], false);
    words.extend(more);
    (words, words_of(&sensitivities_one(Isa::detect(), &terms, &contract)))
}

fn normal_case(random: &mut Random) -> (Vec<u64>, Vec<u64>) {
    let (terms, numbers, mut words) = normal_terms(random);
    let (contract, more) = contract(random, numbers[0], true);
    words.extend(more);
    (words, words_of(&sensitivities_one(Isa::detect(), &terms, &contract)))
}

/// The price of a contract or any other, from a start that is near or of no use.
fn implied_case(random: &mut Random) -> (Vec<u64>, Vec<u64>) {
    let isa = Isa::detect();
    let steps = random.below(5) as u32;
    let off = [0.0, f64::NAN, 0.3, 4.0, random.between(0.9, 1.1), random.between(0.9, 1.1)];
    let off = off[random.below(6) as usize];
    let spoilt = |random: &mut Random, price: f64| match random.below(12) {
        0 => f64::from_bits(random.word()),
        1 => -price,
        _ => price,
    };
    let (mut words, contract, price, found) = if random.below(3) == 0 {
        let (terms, numbers, words) = normal_terms(random);
        let (contract, _) = contract(random, numbers[0], true);
        let price = sensitivities_one(isa, &terms, &contract).price;
        let (price, start) =
            (spoilt(random, price), Contract { volatility: contract.volatility * off, ..contract });
        let words = [3].into_iter().chain(words).chain([0]).collect();
        (words, start, price, implied_volatility_one(isa, &terms, &start, price, steps))
    } else {
        let (terms, numbers, words): (_, _, Vec<u64>) = lognormal_terms(random);
        let (contract, _) = contract(random, numbers[0], false);
        let price = sensitivities_one(isa, &terms, &contract).price;
        let (price, start) =
            (spoilt(random, price), Contract { volatility: contract.volatility * off, ..contract });
        (words, start, price, implied_volatility_one(isa, &terms, &start, price, steps))
    };
    words.extend([contract.strike, contract.volatility, contract.sign, price].map(f64::to_bits));
    words.push(u64::from(steps));
    let number = |why: NoVolatility| u64::from(why as u32);
    (
        words,
        match found {
            Ok(volatility) => vec![volatility.to_bits(), 0],
            Err(why) => vec![0, number(why)],
        },
    )
}

/// Compiles the host's program; `None` where there is no g++.
fn host_program(name: &str, flags: &[&str]) -> Option<PathBuf> {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/twins/host.cpp");
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}_{}", std::process::id()));
    let mut command = Command::new("g++");
    command.args(["-std=c++17", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror"]).args(flags);
    command.arg(source).arg("-o").arg(&program).stdin(Stdio::null());
    let output = match command.output() {
        Err(_) => {
            println!("SKIPPED: g++ is absent, the CUDA twins are not compared");
            return None;
        }
        Ok(output) => output,
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(program)
}

fn run(program: &Path, kind: u32, words: &[u64]) -> Vec<u64> {
    let [cases, results] = ["cases", "results"].map(|end| program.with_extension(format!("{kind}.{end}")));
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
    std::fs::write(&cases, bytes).expect("a target directory that can be written");
    let status = Command::new(program).arg(kind.to_string()).args([&cases, &results]).status();
    assert!(status.expect("it was compiled a moment ago").success());
    let bytes = std::fs::read(&results).expect("the results");
    let _ = (std::fs::remove_file(cases), std::fs::remove_file(results));
    bytes.as_chunks().0.iter().map(|word| u64::from_ne_bytes(*word)).collect()
}

/// All cases of all functions, with what the Rust side answers.
fn compare(run: impl Fn(&Function, &[u64]) -> Vec<u64>) {
    for function in &FUNCTIONS {
        let mut random = Random(SEED ^ u64::from(function.kind));
        let cases: Vec<_> = (0..CASES).map(|_| (function.case)(&mut random)).collect();
        let words: Vec<u64> = cases.iter().flat_map(|(words, _)| words.iter().copied()).collect();
        let results = run(function, &words);
        assert_eq!(results.len(), CASES * function.outputs, "{}", function.name);
        for (at, ((words, expected), result)) in
            cases.iter().zip(results.chunks(function.outputs)).enumerate()
        {
            assert_eq!(result, expected, "{} seed {SEED:#x} case {at}: {words:#x?}", function.name);
        }
        let eventful = cases.iter().filter(|(_, expected)| (function.eventful)(expected)).count();
        println!("{}: {CASES} cases equal, {eventful} of them eventful", function.name);
        assert!(eventful > CASES / 10, "{}: too little happened", function.name);
    }
}

#[test]
fn the_headers_compute_the_same_bits_unoptimised() {
    if let Some(program) = host_program("twins_plain", &["-O0"]) {
        compare(|function, words| run(&program, function.kind, words));
        let _ = std::fs::remove_file(program);
    }
}

#[test]
fn the_headers_compute_the_same_bits_optimised() {
    #[cfg(target_arch = "x86_64")]
    let fused = is_x86_feature_detected!("fma").then_some("-mfma");
    #[cfg(not(target_arch = "x86_64"))]
    let fused = None;
    let flags: Vec<&str> = ["-O3"].into_iter().chain(fused).collect();
    if let Some(program) = host_program("twins_fused", &flags) {
        compare(|function, words| run(&program, function.kind, words));
        let _ = std::fs::remove_file(program);
    }
}

#[test]
fn the_ptx_computes_the_same_bits() {
    const THREADS: u32 = 128;
    let module = Module::load(include_str!("twins/device.ptx")).unwrap_or_else(|error| panic!("{error}"));
    compare(|function, words| {
        let kernel = module.kernel(function.kernel).expect("the kernel is in the module");
        let mut results = vec![0u64; CASES * function.outputs];
        let addresses = [words.as_ptr() as u64, results.as_mut_ptr() as u64].map(u64::to_le_bytes);
        let count = (CASES as u32).to_le_bytes();
        let shape = Shape::linear((CASES as u32).div_ceil(THREADS), THREADS);
        // SAFETY: the kernel reads the words of that many cases and writes as many results; both outlive the call.
        unsafe { kernel.run(shape, &[&addresses[0], &addresses[1], &count], &RunOptions::default()) }
            .unwrap_or_else(|fault| panic!("{fault}"));
        results
    });
}
