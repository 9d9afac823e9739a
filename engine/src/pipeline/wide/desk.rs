//! The deciding stage's part of wide work: tells the backend, fetches answers, has them digested, counts.
//!
//! In lockstep an answer takes effect a configured virtual time after its request, whoever computes it and however long that
//! takes. Live and paced it is taken as soon as it is there. Owned by the thread that decides; allocates at construction
//! only.

use super::{
    Answered, ComputedBy, Patience, SurfaceDesk, SurfaceFitted, SurfaceJob, SurfaceReport, WideAnswered,
    WideBackend, WideRequest, WideWatch,
};
use crate::control::digest::{DigestAbandoned, DigestSender, canonical_end, canonical_item};
use feeds::event::{INSTRUMENT_ALL, MarketEvent};
use hdrhistogram::Histogram;
use kernels::cpu::book::VenueBooks;
use kernels::cpu::nbbo::Nbbo;

/// Longest computation that the histograms tell apart, ticks: some seconds.
const TICKS_MAX: u64 = 1 << 34;

/// What a run's wide work came to.
#[derive(Clone, Debug)]
pub struct WideReport {
    /// Who was to compute.
    pub computes_by: ComputedBy,
    /// Requests of the core.
    pub requests: u64,
    /// Some changes had to wait until an answer made room.
    pub has_waited: bool,
    /// Answers that entered, in the order of [`ComputedBy::ALL`].
    pub answers: [u64; ComputedBy::ALL.len()],
    /// Items of these answers.
    pub items: u64,
    /// Answers of somebody who was not to compute.
    pub fallbacks: u64,
    /// Answers that were held against the CPU's and are others, or whose books are.
    pub differences: u64,
    /// Time is virtual: no answer may be a fallback's then.
    pub is_virtual: bool,
    /// Ticks that the relations of a request took.
    pub scan_ticks: Histogram<u64>,
    /// Ticks that the options of a request took.
    pub price_ticks: Histogram<u64>,
    /// What the fits of surfaces came to, where there are any.
    pub surface: Option<SurfaceReport>,
    /// What the backend says.
    pub note: Option<String>,
}

impl WideReport {
    fn count(&mut self, answered: &Answered<'_>) {
        self.answers[answered.computed_by as usize - 1] += 1;
        self.items += answered.items.len() as u64;
        self.fallbacks += u64::from(answered.is_fallback);
        let stages =
            [(answered.scan_ticks, &mut self.scan_ticks), (answered.price_ticks, &mut self.price_ticks)];
        for (ticks, histogram) in stages.into_iter().filter(|(ticks, _)| *ticks > 0) {
            histogram.saturating_record(ticks);
        }
    }
}

/// See the module's text.
pub struct WideDesk {
    backend: Box<dyn WideBackend>,
    /// From a request to its answer's taking effect, where time is virtual.
    latency_ns: Option<u64>,
    digest: DigestSender,
    surface: Option<SurfaceDesk>,
    report: WideReport,
}

impl WideDesk {
    /// A desk whose answers take effect `latency_ns` after their requests, or with `None` once they are there.
    ///
    /// # Panics
    /// Never: the histograms' bounds are constants.
    #[must_use]
    pub fn new(backend: Box<dyn WideBackend>, latency_ns: Option<u64>, digest: DigestSender) -> Self {
        let ticks = || Histogram::new_with_bounds(1, TICKS_MAX, 3).expect("bounds in range");
        let report = WideReport {
            computes_by: backend.computes_by(),
            requests: 0,
            has_waited: false,
            answers: [0; ComputedBy::ALL.len()],
            items: 0,
            fallbacks: 0,
            differences: 0,
            is_virtual: latency_ns.is_some(),
            scan_ticks: ticks(),
            price_ticks: ticks(),
            surface: None,
            note: None,
        };
        Self { backend, latency_ns, digest, surface: None, report }
    }

    /// The same with surfaces that are fitted on the way.
    #[must_use]
    pub fn with_surface(self, surface: Option<SurfaceDesk>) -> Self {
        Self { surface, ..self }
    }

    /// Whether surfaces have something to do at this time.
    #[inline]
    #[must_use]
    pub fn has_surface_work(&self, now_ns: u64) -> bool {
        self.surface.as_ref().is_some_and(|surface| surface.has_work(now_ns))
    }

    /// When the next surface is fitted in lockstep; [`u64::MAX`]: none is due.
    #[must_use]
    pub fn next_surface_ns(&self) -> u64 {
        match (&self.surface, self.is_virtual()) {
            (Some(surface), true) => surface.due_ns(),
            _ => u64::MAX,
        }
    }

    /// Goes on with surfaces, in lockstep by a whole chain: whether there was anything to do, and a fit that is an input
    /// now.
    pub(in crate::pipeline) fn fit(&mut self, nbbo: &Nbbo, now_ns: u64) -> (bool, Option<Box<SurfaceJob>>) {
        let is_virtual = self.is_virtual();
        match &mut self.surface {
            Some(surface) if is_virtual => (true, surface.fit_now(nbbo)),
            Some(surface) => surface.step(nbbo, now_ns),
            None => (false, None),
        }
    }

    /// A job as the input that it is.
    pub(in crate::pipeline) fn fitted<'a>(&self, job: &'a SurfaceJob, time_ns: u64) -> SurfaceFitted<'a> {
        let (fit, listing) =
            self.surface.as_ref().map_or((0, 0), |surface| (surface.last_fit(), surface.listing_of(job)));
        SurfaceFitted { time_ns, fit, listing, vols: &job.vols }
    }

    /// The core has consumed a fit: the backend takes it over, and is asked for what depends on it.
    pub(in crate::pipeline) fn take_over(
        &mut self,
        job: Box<SurfaceJob>,
        watch: &WideWatch,
        books: &[VenueBooks],
    ) {
        self.backend.volatilities_changed(&job.vols);
        self.request(watch, books);
        if let Some(surface) = &mut self.surface {
            surface.put_back(job);
        }
    }

    fn request(&mut self, watch: &WideWatch, books: &[VenueBooks]) {
        for request in watch.requests() {
            self.report.requests += 1;
            self.backend.request(request, books);
        }
        self.backend.settle(books, watch.listings());
    }

    /// Whether answers take effect at a virtual time.
    #[must_use]
    pub const fn is_virtual(&self) -> bool {
        self.latency_ns.is_some()
    }

    /// When the answer to a request takes effect, where that is known.
    #[must_use]
    pub fn due_ns(&self, request: &WideRequest) -> Option<u64> {
        self.latency_ns.map(|latency_ns| request.time_ns.saturating_add(latency_ns))
    }

    /// The core has consumed `event`.
    pub(in crate::pipeline) fn market(
        &mut self,
        event: &MarketEvent,
        watch: &WideWatch,
        books: &[VenueBooks],
    ) {
        if watch.has_applied() {
            self.book_changed(event, watch, books);
        }
        for change in watch.changes() {
            self.backend.touch_changed(change);
        }
        self.request(watch, books);
        if let Some(surface) = &mut self.surface {
            surface.market(event.receive_ns);
        }
    }

    fn book_changed(&mut self, event: &MarketEvent, watch: &WideWatch, books: &[VenueBooks]) {
        if event.instrument == INSTRUMENT_ALL {
            for (number, _) in (0..).zip(watch.listings()).filter(|(_, one)| one.venue == event.venue) {
                self.backend.book_changed(number, event, books);
            }
        } else if let Some(number) = watch.number(event.venue, event.instrument) {
            self.backend.book_changed(number, event, books);
        }
    }

    /// Fetches the answer to the oldest request, has it consumed as an input at `time_ns`, and digests it; waits for it
    /// where time is virtual. `None`: it is not there.
    pub(in crate::pipeline) fn answer<E: From<DigestAbandoned>>(
        &mut self,
        request: &WideRequest,
        time_ns: u64,
        consume: impl FnOnce(&WideAnswered<'_>) -> Result<(), E>,
    ) -> Option<Result<(), E>> {
        let patience = if self.is_virtual() { Patience::Wait } else { Patience::Look };
        let Self { backend, digest, report, .. } = self;
        let answered = backend.answer(request, patience)?;
        report.count(&answered);
        let Answered { computed_by, items, .. } = answered;
        let (request, listing) = (request.id, request.listing);
        let answer = WideAnswered { time_ns, request, listing, computed_by, items };
        Some(consume(&answer).and_then(|()| push(digest, &answer).map_err(E::from)))
    }

    /// What it came to.
    #[must_use]
    pub fn report(&self, watch: Option<&WideWatch>) -> WideReport {
        let has_waited = watch.is_some_and(WideWatch::has_waited);
        let differences = self.backend.differences();
        let surface = self.surface.as_ref().map(SurfaceDesk::report);
        WideReport { has_waited, differences, surface, note: self.backend.note(), ..self.report.clone() }
    }
}

/// Digests an answer: a record an item, and one for the end.
fn push(ring: &mut DigestSender, answer: &WideAnswered<'_>) -> Result<(), DigestAbandoned> {
    for item in answer.items {
        ring.push_canonical(canonical_item(answer.request, answer.listing, item))?;
    }
    ring.push_canonical(canonical_end(answer.request, answer.listing, answer.items.len()))
}

#[cfg(test)]
#[path = "desk_tests.rs"]
mod tests;
