//! What an American option costs, beside the accuracy of the very code that is timed.
//!
//! Load: the options of `kernels/tests/reference/american.csv` around 100, one call after the other on one thread,
//! closed loop, one sample a call: the full grid of 960 (300 of them never exercised early: two kernels' work less) and
//! its equity subset (rate 5 %, yield 3 %, up to a year: 200). Andersen, Lake and Offengenden on every instruction set of
//! the machine but the portable one, from nothing to the price; a Leisen-Reimer tree of 201 steps; then, the boundary
//! being solved, another spot; then a table of premiums, made for a spot 0.7 % away, with the European price given, as it
//! is made and as it is read. All of them take turns, a round each. Every price is held against QuantLib's high-precision one: the errors are in the line.

use std::hint::black_box;

use engine::pipeline::tsc::{self, Calibration};
use kernels::cpu::american::{AmericanOption, EarlyExercise, PremiumTable, WorthE9, leisen_reimer};
use kernels::cpu::pricing::Isa;

use crate::line::Line;
use crate::timing::Samples;

const ROUNDS: usize = 12;
const WARM_UP: usize = 2;
const SPOT: f64 = 100.0;
/// Where the underlying was when the tables were made.
const SPOT_THEN: f64 = 100.7;
const TREE_STEPS: usize = 201;
const GRID_ROWS: usize = 480;

/// Runs it.
///
/// # Errors
/// A price that is refused or too far off, or nothing to price.
pub fn run() -> Result<Vec<Line>, String> {
    let grid = reference()?;
    let equity: Vec<Reference> = grid.iter().filter(|reference| reference.equity).copied().collect();
    let calibration = Calibration::measure();
    let mut lines = Vec::new();
    for (name, options, rmse_max, max) in
        [("equity subset", equity, 2e-5, 2e-3), ("full grid", grid, 2e-4, 2e-3)]
    {
        lines.extend(measure(&calibration, name, &options, rmse_max, max)?);
    }
    Ok(lines)
}

#[derive(Clone, Copy)]
struct Reference {
    option: AmericanOption,
    price: f64,
    equity: bool,
}

fn reference() -> Result<Vec<Reference>, String> {
    let rows = include_str!("../../kernels/tests/reference/american.csv").lines().skip(1).take(GRID_ROWS);
    let mut all = Vec::new();
    for row in rows {
        let fields: Result<Vec<f64>, _> = row.split(',').map(str::parse).collect();
        let fields = fields.map_err(|error| format!("{row}: {error}"))?;
        let [strike, days, volatility, rate, dividend_yield, call, put] =
            fields.try_into().map_err(|_| format!("{row}: seven numbers are wanted"))?;
        let equity = rate == 0.05 && dividend_yield == 0.03 && days <= 365.0;
        for (put, price) in [(false, call), (true, put)] {
            let option =
                AmericanOption { put, strike, rate, dividend_yield, volatility, years: days / 365.0 };
            all.push(Reference { option, price, equity });
        }
    }
    Ok(all)
}

/// One way to a price.
enum Way {
    Solve(Isa),
    Tree,
    Reprice(Isa),
    MakeTable(Isa),
    Table(Isa),
}

fn in_e9(price: f64) -> WorthE9 {
    WorthE9 { price_e9: (price * 1e9).round() as i64, delta_e9: 0 }
}

fn american(table: &PremiumTable, option: &AmericanOption, european: WorthE9) -> f64 {
    let worth = table.american(european, in_e9(option.strike).price_e9, option.put, in_e9(SPOT).price_e9);
    worth.price_e9 as f64 / 1e9
}

/// A way, prepared for the options, and what it found.
struct Contender {
    way: Way,
    solved: Vec<EarlyExercise>,
    tables: Vec<PremiumTable>,
    /// European prices at [`SPOT`].
    europeans: Vec<WorthE9>,
    samples: Samples,
    squares: f64,
    max: f64,
}

impl Contender {
    fn new(way: Way, options: &[Reference]) -> Result<Self, String> {
        let refused = |refusal: kernels::cpu::american::Refusal| refusal.to_string();
        let options = options.iter().map(|reference| &reference.option);
        let (mut solved, mut tables) = (Vec::new(), Vec::new());
        let european = |option: &AmericanOption| in_e9(option.european(Isa::detect(), SPOT));
        let europeans = options.clone().map(european).collect();
        match way {
            Way::Reprice(isa) => {
                let all: Result<_, _> = options.map(|option| EarlyExercise::solve(isa, option)).collect();
                solved = all.map_err(refused)?;
            }
            Way::Table(isa) => {
                let table = |option: &AmericanOption| PremiumTable::fit(isa, option, SPOT_THEN);
                tables = options.map(table).collect::<Result<_, _>>().map_err(refused)?;
            }
            Way::Solve(_) | Way::Tree | Way::MakeTable(_) => {}
        }
        Ok(Self { way, solved, tables, europeans, samples: Samples::single(0), squares: 0.0, max: 0.0 })
    }

    fn name(&self) -> String {
        match self.way {
            Way::Solve(isa) => format!("Andersen-Lake-Offengenden, {}", isa.name()),
            Way::Tree => format!("Leisen-Reimer {TREE_STEPS}"),
            Way::Reprice(isa) => format!("another spot, boundary solved, {}", isa.name()),
            Way::MakeTable(isa) => format!("table of premiums, made, {}", isa.name()),
            Way::Table(isa) => format!("table of premiums, European price given, {}", isa.name()),
        }
    }

    fn price(&self, at: usize, option: &AmericanOption) -> f64 {
        match self.way {
            Way::Solve(isa) => option.price(isa, SPOT).unwrap_or(f64::NAN),
            Way::Tree => leisen_reimer(option, SPOT, TREE_STEPS),
            Way::Reprice(isa) => self.solved[at].price(isa, SPOT).unwrap_or(f64::NAN),
            Way::MakeTable(isa) => PremiumTable::fit(isa, option, SPOT_THEN)
                .map_or(f64::NAN, |table| american(&table, option, self.europeans[at])),
            Way::Table(_) => american(&self.tables[at], option, self.europeans[at]),
        }
    }

    fn round(&mut self, options: &[Reference]) {
        (self.squares, self.max) = (0.0, 0.0);
        for (at, reference) in options.iter().enumerate() {
            let start = tsc::now();
            let price = black_box(self.price(at, black_box(&reference.option)));
            self.samples.add(tsc::now() - start);
            let error = (price - reference.price).abs();
            self.squares += error * error;
            // A price that is no number is larger than any bound.
            self.max = if error <= self.max { self.max } else { error };
        }
    }
}

fn measure(
    calibration: &Calibration,
    name: &str,
    options: &[Reference],
    rmse_max: f64,
    max: f64,
) -> Result<Vec<Line>, String> {
    let ways = Isa::all().skip(1).flat_map(|isa| [Way::Solve(isa), Way::Reprice(isa)]);
    let ways = ways.chain([Way::MakeTable(Isa::detect()), Way::Table(Isa::detect()), Way::Tree]);
    let mut contenders: Vec<Contender> =
        ways.map(|way| Contender::new(way, options)).collect::<Result<_, _>>()?;
    for round in 0..WARM_UP + ROUNDS {
        if round == WARM_UP {
            contenders.iter_mut().for_each(|contender| contender.samples.clear());
        }
        contenders.iter_mut().for_each(|contender| contender.round(options));
    }
    let load = "closed loop, one thread: one option after the other, each way a round in turn";
    let warm_up = format!("{WARM_UP} of {} rounds", WARM_UP + ROUNDS);
    contenders
        .into_iter()
        .map(|contender| {
            let rmse = (contender.squares / options.len() as f64).sqrt();
            let variant = format!("{name}, {}", contender.name());
            let bounds = if matches!(contender.way, Way::Tree) { (1e-2, 0.1) } else { (rmse_max, max) };
            if !(rmse <= bounds.0 && contender.max <= bounds.1) {
                return Err(format!("{variant}: RMSE {rmse:e}, largest error {:e}", contender.max));
            }
            Ok(Line::new("american", &variant, load, &warm_up)
                .figures(contender.samples.figures(calibration, 1.0))
                .given([format!("{:?}", options.iter().map(|o| o.option).collect::<Vec<_>>())])
                .with("options", options.len())
                .with("rmse", rmse)
                .with("max_error", contender.max)
                .checked("every price is within its bounds of QuantLib's"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_way_is_within_its_bounds() {
        let lines = super::run().expect("prices");
        assert!(lines.len() >= 4);
    }
}
