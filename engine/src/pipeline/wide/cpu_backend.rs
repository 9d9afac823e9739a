//! The CPU as a backend: it computes at once, when it is asked, and keeps the answer until it is fetched.
//!
//! Room for as many answers as requests may be without one is taken at construction; nothing is allocated after that. The
//! ticks of a request are those of `scan` where only relations depend on its listing, and those of `price` where options
//! do, their listing's relations included.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Answered, ComputedBy, Patience, SurfaceVol, TouchChange, WideBackend, WideRequest};
use crate::pipeline::tsc;
use kernels::cpu::book::VenueBooks;
use kernels::cpu::wide::{WideAnswer, WideState, WideTables};

/// An answer that waits to be fetched.
struct Kept {
    answer: WideAnswer,
    ticks: u64,
    has_options: bool,
}

/// See the module's text.
pub struct CpuBackend {
    tables: Arc<WideTables>,
    state: WideState,
    /// Answered requests whose answers were not fetched, oldest first.
    ready: VecDeque<Kept>,
    /// Room for further answers; that of the one fetched last is last.
    free: Vec<Kept>,
    /// Why no device computes.
    note: Option<String>,
}

impl CpuBackend {
    /// A backend with a fresh state; at most `unanswered_max` answers wait at once.
    #[must_use]
    pub fn new(tables: &Arc<WideTables>, unanswered_max: usize) -> Self {
        let kept = || Kept { answer: WideAnswer::new(tables), ticks: 0, has_options: false };
        Self {
            tables: Arc::clone(tables),
            state: WideState::new(tables),
            ready: VecDeque::with_capacity(unanswered_max),
            free: (0..unanswered_max).map(|_| kept()).collect(),
            note: None,
        }
    }

    /// The same, with a few words for the report.
    #[must_use]
    pub fn noted(self, note: Option<String>) -> Self {
        Self { note, ..self }
    }
}

impl WideBackend for CpuBackend {
    fn computes_by(&self) -> ComputedBy {
        ComputedBy::Cpu
    }

    fn touch_changed(&mut self, change: &TouchChange) {
        self.state.set_touch(change.listing, &change.bbo, change.is_eligible);
    }

    fn volatilities_changed(&mut self, vols: &[SurfaceVol]) {
        for vol in vols {
            // Whoever fits keeps to what pricing takes; what it refuses would change nothing.
            let _ = self.state.set_volatility(vol.option, vol.volatility());
        }
    }

    fn request(&mut self, request: &WideRequest, _books: &[VenueBooks]) {
        let mut kept = self.free.pop().expect("the core asks for no more than may be without an answer");
        let start = tsc::now();
        self.state.compute(request.listing, false, &mut kept.answer);
        kept.ticks = tsc::now().saturating_sub(start).max(1);
        kept.has_options = !self.tables.options_of(request.listing).is_empty();
        self.ready.push_back(kept);
    }

    fn answer(&mut self, _request: &WideRequest, _patience: Patience) -> Option<Answered<'_>> {
        self.free.push(self.ready.pop_front()?);
        let Kept { answer, ticks, has_options } = self.free.last()?;
        let (scan_ticks, price_ticks) = if *has_options { (0, *ticks) } else { (*ticks, 0) };
        let items = answer.items();
        Some(Answered { computed_by: ComputedBy::Cpu, is_fallback: false, scan_ticks, price_ticks, items })
    }

    fn note(&self) -> Option<String> {
        self.note.clone()
    }
}
