//! The kernels of `options.cu`.

use super::super::draws::{Draws, GreekColumns, OptionColumns, Reach};
use super::super::error::BatchError;
use super::super::option_markets::{BatchMarket, BatchMarkets, ForwardModel, OptionModel};
use super::super::options::OptionsBatch;
use super::super::queue::Place;
use super::{KernelCompared, ValuationCheck};
use crate::cpu::pricing::implied::{
    Invertible, NoVolatility, Volatilities, implied_volatility, implied_volatility_of_each,
};
use crate::cpu::pricing::lognormal::LognormalTerms;
use crate::cpu::pricing::loops::{price_chain, price_each};
use crate::cpu::pricing::markets::{ForwardMarket, MarketOnForward, NormalMarket, SpotMarket};
use crate::cpu::pricing::range::OutOfRange;
use crate::cpu::pricing::{Isa, PerIsa};

/// Steps of a search for a volatility.
const STEPS: u32 = 3;

/// Spoilt inputs of a model that have to be refused.
const SPOILT: usize = 40;

/// Chains that the full width is split into.
const CHAINS: usize = 8;

const FIELDS: [&str; 9] = ["price", "delta", "gamma", "vega", "theta", "rho", "vanna", "volga", "charm"];

/// A chain's market that is made of drawn numbers, and what the CPU makes of it.
trait Chained: BatchMarket + Sized {
    type Terms: Invertible;

    /// Of price of the underlying, interest rate, yield and years.
    fn of(numbers: [f64; 4]) -> Result<Self, OutOfRange>;

    fn terms(&self, isa: Isa) -> Self::Terms;
}

impl Chained for SpotMarket {
    type Terms = LognormalTerms;

    fn of([spot, rate, underlying_yield, years]: [f64; 4]) -> Result<Self, OutOfRange> {
        Self::new(spot, rate, underlying_yield, years)
    }

    fn terms(&self, isa: Isa) -> LognormalTerms {
        LognormalTerms::black_scholes_merton(isa, self)
    }
}

impl<M: ForwardModel> Chained for MarketOnForward<M> {
    type Terms = M;

    fn of([forward, rate, _, years]: [f64; 4]) -> Result<Self, OutOfRange> {
        Self::new(forward, rate, years)
    }

    fn terms(&self, isa: Isa) -> M {
        isa.run(TermsOf(self))
    }
}

/// Terms on an instruction set.
struct TermsOf<'a, M>(&'a MarketOnForward<M>);

impl<M: ForwardModel> PerIsa for TermsOf<'_, M> {
    type Output = M;

    #[inline(always)]
    fn run(self) -> M {
        M::of_market(self.0)
    }
}

const KERNELS: [[&str; 4]; 3] = [
    ["price_chain_spot", "price_each_spot", "implied_chain_spot", "implied_each_spot"],
    ["price_chain_forward", "price_each_forward", "implied_chain_forward", "implied_each_forward"],
    ["price_chain_normal", "price_each_normal", "implied_chain_normal", "implied_each_normal"],
];

/// All twelve of them.
pub(super) fn compare(check: &ValuationCheck, place: &Place) -> Result<Vec<KernelCompared>, BatchError> {
    let full = check.options | 1;
    let batch = OptionsBatch::new(place, full.max(super::TAILS[super::TAILS.len() - 1]))?;
    let mut side = BySide { batch, isa: Isa::detect(), draws: Draws::new(check.seed), full };
    let mut compared = Vec::new();
    for model in [OptionModel::Spot, OptionModel::Forward, OptionModel::Normal] {
        compared.extend(side.model(model)?);
    }
    Ok(compared)
}

/// Both sides, and where the markets come from.
struct BySide {
    batch: OptionsBatch,
    isa: Isa,
    draws: Draws,
    full: usize,
}

impl BySide {
    fn columns(&mut self, model: OptionModel, len: usize) -> OptionColumns {
        match model {
            OptionModel::Normal => self.draws.normal_options(len, Reach::Edges),
            OptionModel::Spot | OptionModel::Forward => self.draws.options(len, Reach::Edges),
        }
    }

    fn model(&mut self, model: OptionModel) -> Result<[KernelCompared; 4], BatchError> {
        let [mut chain, mut each, mut implied_chain, mut implied_each] =
            KERNELS[model as usize].map(KernelCompared::new);
        for len in ValuationCheck::widths(self.full) {
            let columns = self.columns(model, len);
            let kernels = [&mut each, &mut implied_each];
            match model {
                OptionModel::Spot => self.each(kernels, &columns, &columns.spots())?,
                OptionModel::Forward => self.each(kernels, &columns, &columns.forwards())?,
                OptionModel::Normal => self.each(kernels, &columns, &columns.normals())?,
            }
        }
        let part = self.full.div_ceil(CHAINS);
        for len in ValuationCheck::widths(part).chain([part; CHAINS - 1]) {
            let columns = self.columns(model, len);
            let kernels = [&mut chain, &mut implied_chain];
            match model {
                OptionModel::Spot => self.chain::<SpotMarket>(kernels, &columns)?,
                OptionModel::Forward => self.chain::<ForwardMarket>(kernels, &columns)?,
                OptionModel::Normal => self.chain::<NormalMarket>(kernels, &columns)?,
            }
        }
        self.refusals(&mut each, model);
        Ok([chain, each, implied_chain, implied_each])
    }

    /// Options that each have a market: prices, then volatilities by these prices.
    fn each<M: BatchMarkets>(
        &mut self,
        [prices, volatilities]: [&mut KernelCompared; 2],
        columns: &OptionColumns,
        markets: &M,
    ) -> Result<(), BatchError> {
        let len = columns.len();
        let (mut cpu, mut device) = (GreekColumns::new(len), GreekColumns::new(len));
        price_each(self.isa, markets, &columns.options(), cpu.first(len))?;
        self.batch.price_each(markets, &columns.options(), device.first(len))?;
        greeks(prices, columns, &cpu, &device);
        let (starts, asked) = (self.starts(columns), self.asked(&cpu));
        let (mut cpu, mut device) = (Found::new(len), Found::new(len));
        implied_volatility_of_each(self.isa, markets, &starts.options(), &asked, STEPS, cpu.room());
        self.batch.implied_volatility_of_each(markets, &starts.options(), &asked, STEPS, device.room())?;
        found(volatilities, &starts, &asked, [&cpu, &device]);
        Ok(())
    }

    /// The same of a chain.
    fn chain<M: Chained>(
        &mut self,
        [prices, volatilities]: [&mut KernelCompared; 2],
        columns: &OptionColumns,
    ) -> Result<(), BatchError> {
        let len = columns.len();
        let numbers = self.draws.market(Reach::Edges);
        let market = M::of(numbers)?;
        // Reports show the market that was priced.
        let columns = &columns.in_market(numbers);
        let terms = market.terms(self.isa);
        let (mut cpu, mut device) = (GreekColumns::new(len), GreekColumns::new(len));
        price_chain(self.isa, &terms, &columns.options(), cpu.first(len));
        self.batch.price_chain(&market, &columns.options(), device.first(len))?;
        greeks(prices, columns, &cpu, &device);
        let (starts, asked) = (self.starts(columns), self.asked(&cpu));
        let (mut cpu, mut device) = (Found::new(len), Found::new(len));
        implied_volatility(self.isa, &terms, &starts.options(), &asked, STEPS, cpu.room());
        self.batch.implied_volatility(&market, &starts.options(), &asked, STEPS, device.room())?;
        found(volatilities, &starts, &asked, [&cpu, &device]);
        Ok(())
    }

    /// The same options with starts that are off, some of no use.
    fn starts(&mut self, columns: &OptionColumns) -> OptionColumns {
        let mut starts = columns.clone();
        starts.move_volatilities(|volatility| {
            *volatility *= match self.draws.below(8) {
                0 => 0.0,
                1 => f64::NAN,
                2 => 1e-3,
                _ => self.draws.between(0.9, 1.1),
            }
        });
        starts
    }

    /// The prices, some of them impossible.
    fn asked(&mut self, priced: &GreekColumns) -> Vec<f64> {
        let spoil = |price: &f64| match self.draws.below(12) {
            0 => f64::NAN,
            1 => f64::INFINITY,
            2 => -price,
            3 => 1e9 * price,
            _ => *price,
        };
        priced.prices().iter().map(spoil).collect()
    }

    /// An input out of range is refused, and the CPU says the same of it.
    fn refusals(&mut self, compared: &mut KernelCompared, model: OptionModel) {
        for _ in 0..SPOILT {
            let mut columns = self.columns(model, 7);
            let bad = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e300];
            let bad = bad[self.draws.below(bad.len() as u64) as usize];
            // Without the yield, which not every model has.
            let column = [0, 1, 2, 3, 4, 6][self.draws.below(6) as usize];
            let index = self.draws.below(7) as usize;
            columns.columns_mut()[column][index] = bad;
            let [cpu, device] = match model {
                OptionModel::Spot => self.refused(&columns, &columns.spots()),
                OptionModel::Forward => self.refused(&columns, &columns.forwards()),
                OptionModel::Normal => self.refused(&columns, &columns.normals()),
            };
            compared.refusal(index, cpu, device);
        }
    }

    fn refused<M: BatchMarkets>(&mut self, columns: &OptionColumns, markets: &M) -> [Option<BatchError>; 2] {
        let mut room = GreekColumns::new(columns.len());
        let cpu = price_each(self.isa, markets, &columns.options(), room.first(columns.len()));
        let device = self.batch.price_each(markets, &columns.options(), room.first(columns.len()));
        [cpu.err().map(BatchError::from), device.err()]
    }
}

fn greeks(compared: &mut KernelCompared, columns: &OptionColumns, cpu: &GreekColumns, device: &GreekColumns) {
    for (field, (cpu, device)) in cpu.0.iter().zip(&device.0).enumerate() {
        for (i, (cpu, device)) in cpu.iter().zip(device).enumerate() {
            compared.telling += u64::from(*cpu != 0.0);
            compared.value(i, *cpu, *device, || format!("{}: {}", FIELDS[field], columns.shown(i)));
        }
    }
}

/// Room for volatilities.
struct Found {
    volatility: Vec<f64>,
    refused: Vec<Option<NoVolatility>>,
}

impl Found {
    fn new(len: usize) -> Self {
        Self { volatility: vec![0.0; len], refused: vec![None; len] }
    }

    fn room(&mut self) -> Volatilities<'_> {
        Volatilities { volatility: &mut self.volatility, refused: &mut self.refused }
    }
}

fn found(compared: &mut KernelCompared, starts: &OptionColumns, asked: &[f64], [cpu, device]: [&Found; 2]) {
    let number = |refused: Option<NoVolatility>| refused.map_or(0, |why| why as u64);
    for (i, price) in asked.iter().enumerate() {
        let inputs = || format!("price {price:?}, started from {}", starts.shown(i));
        compared.telling += u64::from(cpu.refused[i].is_none());
        compared.value(i, cpu.volatility[i], device.volatility[i], inputs);
        compared.bits(i, [number(cpu.refused[i]), number(device.refused[i])], || {
            format!("why there is no volatility: {}", inputs())
        });
    }
}
