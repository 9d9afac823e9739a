//! Options in bulk on a device: prices, sensitivities and volatilities under each model, of a chain that shares a market or of
//! options that each have their own. The same inputs as [`crate::cpu::pricing::loops`] and [`crate::cpu::pricing::implied`]
//! take, the same bits.
//!
//! One cold thread owns an [`OptionsBatch`], which takes all its memory when it is made: 136 bytes an option, pinned and of the
//! device each. Every call copies its columns to the device, runs one kernel, copies the results back and waits. It refuses what
//! the CPU refuses, columns that are too short and more options than it was made for; a refusal writes no result.

use super::error::BatchError;
use super::queue::{Image, Place, Queue, Shape, Spent, stride_of};
use crate::cpu::pricing::implied::{Invertible, NoVolatility, Volatilities};
use crate::cpu::pricing::lognormal::LognormalTerms;
use crate::cpu::pricing::loops::{AllGreeks, Greeks, Markets, Options, refuse_unsound};
use crate::cpu::pricing::markets::{MarketOnForward, MarketsOnForward, OnForward, SpotMarket, SpotMarkets};
use crate::cpu::pricing::normal::NormalTerms;
use crate::cpu::pricing::{Isa, Values};
use crate::device::images;
use crate::device::properties::DeviceProperties;
use cudarc::driver::sys;
use std::ffi::{CStr, c_void};
use std::ptr::from_mut;

/// Threads of a CTA; `OPTION_THREADS` of `options.cu`.
const THREADS: u32 = 128;

/// Columns in: three of the option, up to four of its market, a price. Columns out: price and eight sensitivities.
const INPUTS: usize = 8;
const RESULTS: usize = 9;

/// A model's number in the table of kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionModel {
    /// Black-Scholes-Merton, on a spot.
    Spot,
    /// Black-76, on a forward.
    Forward,
    /// Bachelier's, on a forward that may be below zero.
    Normal,
}

/// Kernels by what they do and by model.
const KERNELS: [[&CStr; 3]; 4] = [
    [c"price_chain_spot", c"price_chain_forward", c"price_chain_normal"],
    [c"price_each_spot", c"price_each_forward", c"price_each_normal"],
    [c"implied_chain_spot", c"implied_chain_forward", c"implied_chain_normal"],
    [c"implied_each_spot", c"implied_each_forward", c"implied_each_normal"],
];

#[derive(Clone, Copy)]
enum Task {
    PriceChain,
    PriceEach,
    ImpliedChain,
    ImpliedEach,
}

/// One market for a chain.
pub trait BatchMarket {
    /// Under which model.
    const MODEL: OptionModel;

    /// Its numbers in the order of the kernel's structure.
    fn numbers(&self) -> [f64; 4];
}

impl BatchMarket for SpotMarket {
    const MODEL: OptionModel = OptionModel::Spot;

    fn numbers(&self) -> [f64; 4] {
        [self.spot, self.rate, self.underlying_yield, self.years]
    }
}

/// A model on a forward that the kernel knows.
pub trait OnDevice: OnForward + Invertible {
    /// Which one.
    const MODEL: OptionModel;
}

impl OnDevice for LognormalTerms {
    const MODEL: OptionModel = OptionModel::Forward;
}

impl OnDevice for NormalTerms {
    const MODEL: OptionModel = OptionModel::Normal;
}

impl<M: OnDevice> BatchMarket for MarketOnForward<M> {
    const MODEL: OptionModel = M::MODEL;

    fn numbers(&self) -> [f64; 4] {
        [self.forward, self.rate, self.years, 0.0]
    }
}

/// A column of input and what it is called in an error.
type Column<'a> = (&'static str, &'a [f64]);

/// Markets of options, one an option.
pub trait BatchMarkets: Markets<Model: Invertible> {
    /// Under which model.
    const MODEL: OptionModel;

    /// Their columns in the order of the kernel's structure.
    fn columns(&self) -> Vec<(&'static str, &[f64])>;
}

impl BatchMarkets for SpotMarkets<'_> {
    const MODEL: OptionModel = OptionModel::Spot;

    fn columns(&self) -> Vec<(&'static str, &[f64])> {
        let Self { spot, rate, underlying_yield, years } = *self;
        vec![("spot", spot), ("rate", rate), ("underlying_yield", underlying_yield), ("years", years)]
    }
}

impl<M: OnDevice> BatchMarkets for MarketsOnForward<'_, M> {
    const MODEL: OptionModel = M::MODEL;

    fn columns(&self) -> Vec<(&'static str, &[f64])> {
        vec![("forward", self.forward), ("rate", self.rate), ("years", self.years)]
    }
}

/// See the module's page.
#[derive(Debug)]
pub struct OptionsBatch {
    queue: Queue,
    kernels: [[sys::CUfunction; 3]; 4],
    options_max: usize,
    isa: Isa,
}

impl OptionsBatch {
    /// Loads the kernels and takes memory for so many options; the device's context is current on the calling thread afterwards.
    ///
    /// # Errors
    /// No driver, no device, no such kernels, no memory.
    pub fn new(place: &Place, options_max: usize) -> Result<Self, BatchError> {
        let image = Image { native: images::OPTIONS_FATBIN, ptx: images::OPTIONS_PTX };
        let stride = stride_of(options_max);
        let queue = Queue::new(place, &image, INPUTS * stride, RESULTS * stride)?;
        let mut kernels = [[std::ptr::null_mut(); 3]; 4];
        for (kernels, names) in kernels.iter_mut().zip(KERNELS) {
            for (kernel, name) in kernels.iter_mut().zip(names) {
                *kernel = queue.function(name)?;
            }
        }
        Ok(Self { queue, kernels, options_max, isa: Isa::detect() })
    }

    /// The device.
    #[must_use]
    pub const fn properties(&self) -> &DeviceProperties {
        self.queue.properties()
    }

    /// Prices the options of one market: as many as the results are long. Inputs out of range give numbers without meaning, as on
    /// the CPU.
    ///
    /// # Errors
    /// What a batch refuses, or the driver's.
    pub fn price_chain<M: BatchMarket>(
        &mut self,
        market: &M,
        options: &Options<'_>,
        out: AllGreeks<'_>,
    ) -> Result<Spent, BatchError> {
        let mut numbers = market.numbers();
        let columns = option_columns(options);
        self.fill(&columns, out.greeks.values.price.len())?;
        let market = from_mut(&mut numbers).cast::<c_void>();
        self.price(Task::PriceChain, M::MODEL, market, columns.len(), out)
    }

    /// Prices options that each have a market: as many as the results are long.
    ///
    /// # Errors
    /// The first option of which something is out of range, what a batch refuses, or the driver's.
    pub fn price_each<M: BatchMarkets>(
        &mut self,
        markets: &M,
        options: &Options<'_>,
        out: AllGreeks<'_>,
    ) -> Result<Spent, BatchError> {
        let len = out.greeks.values.price.len();
        let columns = [option_columns(options), markets.columns()].concat();
        self.fill(&columns, len)?;
        refuse_unsound(self.isa, markets, options, len)?;
        let mut addresses = self.market_addresses(&columns, len);
        let market = from_mut(&mut addresses).cast::<c_void>();
        self.price(Task::PriceEach, M::MODEL, market, columns.len(), out)
    }

    /// Volatilities of one market's options, whose `volatility` is the start, by their prices: as many as `out.volatility` is
    /// long.
    ///
    /// # Errors
    /// What a batch refuses, or the driver's; why an option has no volatility stands beside it.
    pub fn implied_volatility<M: BatchMarket>(
        &mut self,
        market: &M,
        options: &Options<'_>,
        prices: &[f64],
        steps: u32,
        out: Volatilities<'_>,
    ) -> Result<Spent, BatchError> {
        let mut numbers = market.numbers();
        let columns = [option_columns(options), vec![("prices", prices)]].concat();
        self.fill(&columns, out.volatility.len())?;
        let market = from_mut(&mut numbers).cast::<c_void>();
        self.invert(Task::ImpliedChain, M::MODEL, market, columns.len(), steps, out)
    }

    /// Volatilities of options that each have a market.
    ///
    /// # Errors
    /// As [`Self::implied_volatility`].
    pub fn implied_volatility_of_each<M: BatchMarkets>(
        &mut self,
        markets: &M,
        options: &Options<'_>,
        prices: &[f64],
        steps: u32,
        out: Volatilities<'_>,
    ) -> Result<Spent, BatchError> {
        let len = out.volatility.len();
        let columns = [option_columns(options), markets.columns(), vec![("prices", prices)]].concat();
        self.fill(&columns, len)?;
        let mut addresses = self.market_addresses(&columns, len);
        let market = from_mut(&mut addresses).cast::<c_void>();
        self.invert(Task::ImpliedEach, M::MODEL, market, columns.len(), steps, out)
    }

    /// Takes the columns in, or says why not.
    fn fill(&mut self, columns: &[Column<'_>], len: usize) -> Result<(), BatchError> {
        if len > self.options_max {
            return Err(BatchError::TooMany { asked: len, room: self.options_max });
        }
        columns.iter().try_for_each(|(column, numbers)| long_enough(column, numbers.len(), len))?;
        let numbers: Vec<&[f64]> = columns.iter().map(|(_, numbers)| *numbers).collect();
        self.queue.put_columns(&numbers, len);
        Ok(())
    }

    /// Addresses of the market's columns, which follow those of the option; what is behind them is not looked at.
    fn market_addresses(&self, columns: &[Column<'_>], len: usize) -> [u64; 4] {
        let stride = stride_of(len);
        std::array::from_fn(|at| self.queue.input_address((3 + at).min(columns.len() - 1) * stride))
    }

    fn shape(&self, task: Task, model: OptionModel, len: usize) -> Shape {
        let function = self.kernels[task as usize][model as usize];
        Shape { function, threads: THREADS, items: len, strides: true }
    }

    /// Runs a kernel whose first argument is the market, and whose second one the option's columns; then come `others`.
    fn run(
        &mut self,
        shape: &Shape,
        market: *mut c_void,
        others: &[*mut c_void],
        [inputs, results]: [usize; 2],
    ) -> Result<Spent, BatchError> {
        let stride = stride_of(shape.items);
        let mut options: [u64; 3] = std::array::from_fn(|at| self.queue.input_address(at * stride));
        let mut len = shape.items as u64;
        let mut arguments = vec![market, from_mut(&mut options).cast()];
        arguments.extend_from_slice(others);
        arguments.push(from_mut(&mut len).cast());
        // SAFETY: the arguments are those of the kernels of `options.cu` in their order, each at least as large as the kernel's;
        // the addresses are of columns of `len` numbers inside of what is copied.
        let spent = unsafe { self.queue.run(shape, &mut arguments, [inputs * stride, results * stride]) }?;
        Ok(spent)
    }

    fn price(
        &mut self,
        task: Task,
        model: OptionModel,
        market: *mut c_void,
        inputs: usize,
        out: AllGreeks<'_>,
    ) -> Result<Spent, BatchError> {
        let columns = result_columns(out);
        let len = columns[0].1.len();
        columns.iter().try_for_each(|(column, numbers)| long_enough(column, numbers.len(), len))?;
        if len == 0 {
            return Ok(Spent::default());
        }
        let stride = stride_of(len);
        let mut results: [u64; RESULTS] = std::array::from_fn(|at| self.queue.output_address(at * stride));
        let others = [from_mut(&mut results).cast::<c_void>()];
        let shape = self.shape(task, model, len);
        let spent = self.run(&shape, market, &others, [inputs, RESULTS])?;
        for ((_, numbers), words) in columns.into_iter().zip(self.queue.output().chunks(stride)) {
            numbers.iter_mut().zip(words).take(len).for_each(|(to, word)| *to = f64::from_bits(*word));
        }
        Ok(spent)
    }

    fn invert(
        &mut self,
        task: Task,
        model: OptionModel,
        market: *mut c_void,
        inputs: usize,
        mut steps: u32,
        out: Volatilities<'_>,
    ) -> Result<Spent, BatchError> {
        let Volatilities { volatility, refused } = out;
        let len = volatility.len();
        long_enough("refused", refused.len(), len)?;
        if len == 0 {
            return Ok(Spent::default());
        }
        let stride = stride_of(len);
        // The prices are the last column.
        let mut prices = self.queue.input_address((inputs - 1) * stride);
        let mut results = [self.queue.output_address(0), self.queue.output_address(stride)];
        let others = [
            from_mut(&mut prices).cast::<c_void>(),
            from_mut(&mut steps).cast(),
            from_mut(&mut results).cast(),
        ];
        let shape = self.shape(task, model, len);
        let spent = self.run(&shape, market, &others, [inputs, 2])?;
        let words = self.queue.output();
        for (i, (volatility, refused)) in volatility.iter_mut().zip(refused).enumerate() {
            *volatility = f64::from_bits(words[i]);
            *refused = NoVolatility::numbered(words[stride + i]);
        }
        Ok(spent)
    }
}

pub(super) const fn long_enough(column: &'static str, len: usize, wanted: usize) -> Result<(), BatchError> {
    if len < wanted { Err(BatchError::TooShort { column, len, wanted }) } else { Ok(()) }
}

fn option_columns<'a>(options: &Options<'a>) -> Vec<Column<'a>> {
    vec![("strike", options.strike), ("volatility", options.volatility), ("sign", options.sign)]
}

/// In the kernel's order.
fn result_columns(out: AllGreeks<'_>) -> [(&'static str, &mut [f64]); RESULTS] {
    let AllGreeks { greeks, vanna, volga, charm } = out;
    let Greeks { values: Values { price, delta, vega }, gamma, theta, rho } = greeks;
    [
        ("price", price),
        ("delta", delta),
        ("gamma", gamma),
        ("vega", vega),
        ("theta", theta),
        ("rho", rho),
        ("vanna", vanna),
        ("volga", volga),
        ("charm", charm),
    ]
}
