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

use super::WideListing;
use feeds::units::PRICE_NONE;
use kernels::cpu::american::PremiumTable;
use kernels::cpu::book::Bbo;
use kernels::cpu::nbbo::Nbbo;
use kernels::cpu::option_quote::mid_of;

/// Quotes that a live run reads between other work.
const PORTION: usize = 32;

/// A time that never comes.
const NEVER: u64 = u64::MAX;

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

/// Where a live run's look at a chain stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// Nothing is being done.
    Idle,
    /// So many of the chain's quotes have been read.
    Reading(usize),
    /// The fitter has the job.
    Fitting,
}

/// See the module's text. Owned by the thread that decides.
pub struct SurfaceDesk {
    chains: Box<[SurfaceChain]>,
    fitter: Box<dyn SurfaceFitter>,
    interval_ns: u64,
    /// A volatility or premium that moves by less is not told, 1e-9.
    change_min_e9: u64,
    /// When the next chain is due, UTC ns; [`NEVER`] until a market event comes.
    due_ns: u64,
    next_chain: usize,
    look: Look,
    /// Away while it is being fitted.
    job: Option<Box<SurfaceJob>>,
    /// What was told last, by option.
    told: Box<[SurfaceVol]>,
    report: SurfaceReport,
}

impl SurfaceDesk {
    /// A desk that fits every `interval_ns`; `options` is how many the tables have.
    ///
    /// # Panics
    /// Without an interval: a start-up error.
    #[must_use]
    pub fn new(
        chains: Vec<SurfaceChain>,
        options: usize,
        interval_ns: u64,
        change_min_e9: u64,
        fitter: Box<dyn SurfaceFitter>,
    ) -> Self {
        assert!(interval_ns > 0, "surfaces without an interval");
        // No volatility is below zero, so that the first fit tells all.
        let untold = SurfaceVol { volatility_e9: i64::MIN / 2, ..SurfaceVol::default() };
        Self {
            job: Some(Box::new(SurfaceJob::with_room(&chains))),
            chains: chains.into(),
            fitter,
            interval_ns,
            change_min_e9,
            due_ns: NEVER,
            next_chain: 0,
            look: Look::Idle,
            told: vec![untold; options].into(),
            report: SurfaceReport::default(),
        }
    }

    /// A market event passed at this time.
    #[inline]
    pub fn market(&mut self, time_ns: u64) {
        if self.due_ns == NEVER && !self.chains.is_empty() {
            self.due_ns = (time_ns / self.interval_ns).saturating_add(1).saturating_mul(self.interval_ns);
        }
    }

    /// When the next chain is fitted; [`u64::MAX`]: not before another market event.
    #[must_use]
    pub const fn due_ns(&self) -> u64 {
        self.due_ns
    }

    /// Whether a chain is being looked at, or is due at this time.
    #[inline]
    #[must_use]
    pub fn has_work(&self, now_ns: u64) -> bool {
        now_ns >= self.due_ns || self.look != Look::Idle
    }

    /// What it came to.
    #[must_use]
    pub const fn report(&self) -> SurfaceReport {
        self.report
    }

    /// The chain that is due, fitted in place, in lockstep; `None` where nothing of it has changed.
    pub fn fit_now(&mut self, nbbo: &Nbbo) -> Option<Box<SurfaceJob>> {
        let mut job = self.job.take()?;
        job.begin(self.next_chain);
        self.read(nbbo, &mut job, 0, usize::MAX);
        self.fitter.submit(job);
        self.advance();
        self.take_back()
    }

    /// A step of a live run's fits: whether there was anything to do, and a chain whose fit has come back changed.
    pub fn step(&mut self, nbbo: &Nbbo, now_ns: u64) -> (bool, Option<Box<SurfaceJob>>) {
        match self.look {
            Look::Idle if now_ns >= self.due_ns => {
                if let Some(job) = &mut self.job {
                    job.begin(self.next_chain);
                }
                self.look = Look::Reading(0);
                (true, None)
            }
            Look::Idle => (false, None),
            Look::Reading(from) => {
                self.read_portion(nbbo, from);
                (true, None)
            }
            Look::Fitting => {
                let back = self.take_back();
                if self.job.is_some() || back.is_some() {
                    self.look = Look::Idle;
                    self.advance();
                }
                (back.is_some(), back)
            }
        }
    }

    fn read_portion(&mut self, nbbo: &Nbbo, from: usize) {
        let Some(mut job) = self.job.take() else { return };
        if self.read(nbbo, &mut job, from, PORTION) {
            self.look = Look::Fitting;
            self.fitter.submit(job);
        } else {
            self.look = Look::Reading(from + PORTION);
            self.job = Some(job);
        }
    }

    /// Puts back what [`Self::fit_now`] or [`Self::step`] gave.
    pub fn put_back(&mut self, job: Box<SurfaceJob>) {
        self.job = Some(job);
    }

    /// The underlying of a job's chain.
    #[must_use]
    pub fn listing_of(&self, job: &SurfaceJob) -> u32 {
        self.chains[job.chain].listing
    }

    /// Number of the fit that was given last.
    #[must_use]
    pub const fn last_fit(&self) -> u64 {
        self.report.inputs
    }

    /// Reads some quotes of a chain; whether these were the last. A venue that is not in continuous trading, or stale, has none.
    fn read(&self, nbbo: &Nbbo, job: &mut SurfaceJob, from: usize, count: usize) -> bool {
        let chain = &self.chains[job.chain];
        let bbo = |at: WideListing| -> Bbo { nbbo.venue_quote(at.instrument, at.venue) };
        if from == 0 {
            job.mid_e9 = mid_of(&bbo(chain.at));
        }
        for quoted in chain.quoted.iter().skip(from).take(count) {
            let seen = bbo(quoted.at);
            if mid_of(&seen) != PRICE_NONE {
                let Bbo { bid_px, ask_px, .. } = seen;
                job.quotes.push(SeenQuote { option: quoted.option, bid_px, ask_px });
            }
        }
        from.saturating_add(count) >= chain.quoted.len()
    }

    /// On to the next chain; behind the last one it waits for a market event.
    fn advance(&mut self) {
        self.next_chain += 1;
        if self.next_chain >= self.chains.len() {
            (self.next_chain, self.due_ns) = (0, NEVER);
        }
    }

    /// What the fitter gives back, if anything of it has changed; else the job is put back.
    fn take_back(&mut self) -> Option<Box<SurfaceJob>> {
        let mut job = self.fitter.poll()?;
        self.report.count(&job);
        let (told, least) = (&mut self.told, self.change_min_e9.max(1));
        job.vols.retain(|vol| {
            let Some(last) = told.get_mut(vol.option as usize) else { return false };
            let is_news = vol.is_news_after(last, least);
            if is_news {
                *last = *vol;
            }
            is_news
        });
        if job.vols.is_empty() {
            self.job = Some(job);
            return None;
        }
        self.report.inputs += 1;
        self.report.volatilities += job.vols.len() as u64;
        Some(job)
    }
}

#[cfg(test)]
#[path = "surface_tests.rs"]
mod tests;
