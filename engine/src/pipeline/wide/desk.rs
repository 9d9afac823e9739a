//! The deciding stage's part of wide work: tells the backend, fetches answers, has them digested, counts.
//!
//! In lockstep an answer takes effect a configured virtual time after its request, whoever computes it and however long that
//! takes. Live and paced it is taken as soon as it is there. Owned by the thread that decides; allocates at construction
//! only.

use super::{Answered, ComputedBy, Patience, WideAnswered, WideBackend, WideRequest, WideWatch};
use crate::control::digest::{DigestAbandoned, DigestSender, canonical_end, canonical_item};
use feeds::event::{INSTRUMENT_ALL, MarketEvent};
use hdrhistogram::Histogram;
use kernels::cpu::book::VenueBooks;

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
            note: None,
        };
        Self { backend, latency_ns, digest, report }
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
        for request in watch.requests() {
            self.report.requests += 1;
            self.backend.request(request, books);
        }
        self.backend.settle(books, watch.listings());
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
        WideReport { has_waited, differences, note: self.backend.note(), ..self.report.clone() }
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
