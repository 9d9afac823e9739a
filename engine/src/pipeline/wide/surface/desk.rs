//! When the chains' quotes are read and handed to a fitter, and what of a finished fit is told. Owned by the thread that
//! decides; allocates at construction only.

use super::super::WideListing;
use super::{SeenQuote, SurfaceChain, SurfaceFitter, SurfaceJob, SurfaceReport, SurfaceVol};
use feeds::units::PRICE_NONE;
use kernels::cpu::book::Bbo;
use kernels::cpu::nbbo::Nbbo;
use kernels::cpu::option_quote::mid_of;

/// Quotes that a live run reads between other work.
const PORTION: usize = 32;

/// A time that never comes.
const NEVER: u64 = u64::MAX;

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

/// See the module's text.
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
#[path = "desk_tests.rs"]
mod tests;
