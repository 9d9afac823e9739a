//! Volatility surfaces as inputs: when a chain's quotes are looked at, who fits them, and what a finished fit says.
//!
//! ```text
//!  books -> SurfaceDesk -> SurfaceJob -> SurfaceFitter (here, or on a cold thread) -> SurfaceDesk
//!                                                                                         |
//!  decision core <- Input::Surface, one total order, journalled whole <-------------------+
//! ```
//!
//! A fit comes from a library that uses the machine's own logarithms, so that nothing of it is computed twice: it becomes
//! one volatility a contract, rounded to 1e-9, and these enter as a record. Whoever computes wide work takes them over at
//! that sequence number, and a replay of the journal takes them from there.
//!
//! A market event makes the next multiple of the interval the time at which every chain is fitted, one after the other. In
//! lockstep that is a virtual time and the fit is made in place, however long it takes. Live and paced the quotes are read a
//! few at a time, between other work, and a cold thread fits them; the result counts once it is there. One job travels
//! between the two, made at start: the hot thread allocates nothing.
//!
//! An expiry whose quotes make no good fit is refused and counted, and keeps its volatilities.

mod desk;

use super::WideListing;
pub use desk::SurfaceDesk;
use feeds::units::PRICE_NONE;
use kernels::cpu::american::PremiumTable;

/// 1e-9 in a unit.
const UNIT_E9: f64 = 1e9;

/// What a fit says of one option.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SurfaceVol {
    /// Number of the option in the tables.
    pub option: u32,
    /// Annual volatility, 1e-9.
    pub volatility_e9: i64,
    /// What early exercise is worth beside the European price, wherever the underlying is before the next fit; none for a
    /// European option.
    pub premium: PremiumTable,
}

impl SurfaceVol {
    /// The volatility as pricing takes it: one rounding of an integer, the same everywhere.
    #[must_use]
    pub fn volatility(&self) -> f64 {
        self.volatility_e9 as f64 / UNIT_E9
    }

    /// Whether it says something else than what was told last: by `least_e9` at least.
    fn is_news_after(&self, told: &Self, least_e9: u64) -> bool {
        told.volatility_e9.abs_diff(self.volatility_e9) >= least_e9
            || told.premium.differs_from(&self.premium, least_e9)
    }
}

/// A finished fit of one chain as an input of the core: what has changed of its options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SurfaceFitted<'a> {
    /// Core time at which it takes effect, UTC ns.
    pub time_ns: u64,
    /// Its number in this run, from 1.
    pub fit: u64,
    /// The underlying: number of the wide listing.
    pub listing: u32,
    /// In ascending order of the options.
    pub vols: &'a [SurfaceVol],
}

/// Why an expiry keeps the volatilities that it has.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FitRefused {
    /// The underlying has no mid, or the expiry no time left.
    NoForward = 0,
    /// Fewer usable quotes than a fit needs.
    TooFewQuotes = 1,
    /// The fit did not come to an end.
    NotConverged = 2,
    /// It is further from the quotes than allowed.
    TooFar = 3,
    /// A butterfly of it would cost less than nothing.
    Butterfly = 4,
    /// Less total variance than a shorter expiry.
    Calendar = 5,
    /// A volatility beyond what is priced with.
    OutOfRange = 6,
}

impl FitRefused {
    /// Every reason, by number.
    pub const ALL: [Self; 7] = [
        Self::NoForward,
        Self::TooFewQuotes,
        Self::NotConverged,
        Self::TooFar,
        Self::Butterfly,
        Self::Calendar,
        Self::OutOfRange,
    ];

    /// The reason in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoForward => "no forward",
            Self::TooFewQuotes => "too few quotes",
            Self::NotConverged => "not converged",
            Self::TooFar => "too far from its quotes",
            Self::Butterfly => "butterfly arbitrage",
            Self::Calendar => "calendar arbitrage",
            Self::OutOfRange => "volatility out of range",
        }
    }
}

/// An option that is quoted somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotedOption {
    /// Number in the tables.
    pub option: u32,
    /// Where its quotes are.
    pub at: WideListing,
}

/// A chain whose surface is fitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SurfaceChain {
    /// The underlying: number of the wide listing.
    pub listing: u32,
    /// Where the underlying's price is.
    pub at: WideListing,
    /// Its quoted options, ascending.
    pub quoted: Box<[QuotedOption]>,
    /// All of its options.
    pub options: std::ops::Range<u32>,
}

/// The quote of an option when its chain was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenQuote {
    /// Number in the tables.
    pub option: u32,
    /// Best bid, 1e-9.
    pub bid_px: i64,
    /// Best offer, 1e-9.
    pub ask_px: i64,
}

/// The quotes of a chain on their way to a fit, and what came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SurfaceJob {
    /// Number of the chain.
    pub chain: usize,
    /// Mid of the underlying, 1e-9, or [`PRICE_NONE`].
    pub mid_e9: i64,
    /// Two-sided quotes, ascending.
    pub quotes: Vec<SeenQuote>,
    /// Volatilities of the expiries that were fitted, ascending by option.
    pub vols: Vec<SurfaceVol>,
    /// Expiries that were fitted.
    pub fitted: u32,
    /// Expiries that were not, by [`FitRefused`].
    pub refused: [u32; FitRefused::ALL.len()],
    /// Quotes that were left out of a fit because they lie apart from all others.
    pub left_out: u32,
}

impl SurfaceJob {
    /// One with room for the largest chain.
    #[must_use]
    pub fn with_room(chains: &[SurfaceChain]) -> Self {
        let quotes = chains.iter().map(|chain| chain.quoted.len()).max().unwrap_or(0);
        let options = chains.iter().map(|chain| chain.options.len()).max().unwrap_or(0);
        Self {
            quotes: Vec::with_capacity(quotes),
            vols: Vec::with_capacity(options),
            mid_e9: PRICE_NONE,
            ..Self::default()
        }
    }

    fn begin(&mut self, chain: usize) {
        (self.chain, self.mid_e9) = (chain, PRICE_NONE);
        self.quotes.clear();
        self.vols.clear();
        (self.fitted, self.refused, self.left_out) = (0, Default::default(), 0);
    }

    /// An expiry keeps what it has.
    pub fn refuse(&mut self, reason: FitRefused) {
        self.refused[reason as usize] += 1;
    }
}

/// Who fits: in place where time is virtual, on a cold thread otherwise. It has one job at a time.
pub trait SurfaceFitter: Send {
    /// Takes the job.
    fn submit(&mut self, job: Box<SurfaceJob>);

    /// Gives it back, once it is done.
    fn poll(&mut self) -> Option<Box<SurfaceJob>>;
}

/// What a run's fits came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SurfaceReport {
    /// Fits of a chain that changed something and entered as inputs.
    pub inputs: u64,
    /// Volatilities in them.
    pub volatilities: u64,
    /// Expiries that were fitted.
    pub fitted: u64,
    /// Expiries that were not, by [`FitRefused`].
    pub refused: [u64; FitRefused::ALL.len()],
    /// Quotes that were left out.
    pub left_out: u64,
}

impl SurfaceReport {
    fn count(&mut self, job: &SurfaceJob) {
        self.fitted += u64::from(job.fitted);
        self.left_out += u64::from(job.left_out);
        for (sum, refused) in self.refused.iter_mut().zip(job.refused) {
            *sum += u64::from(refused);
        }
    }
}

impl std::fmt::Display for SurfaceReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { inputs, volatilities, fitted, left_out, .. } = self;
        write!(f, "{inputs} surfaces with {volatilities} volatilities, {fitted} expiries fitted")?;
        for (reason, count) in FitRefused::ALL.iter().zip(self.refused).filter(|(_, count)| *count > 0) {
            write!(f, ", {count} refused: {}", reason.name())?;
        }
        if *left_out > 0 {
            write!(f, ", {left_out} quotes left out")?;
        }
        Ok(())
    }
}
