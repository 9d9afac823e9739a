//! The core in the middle of a day, beyond what a resumed run takes over: enough that a scene of a few inputs comes to the same
//! decisions as the run did (`control/slowest`). Books are built before it from adds ([`DecisionCore::preload`]).
//!
//! Cold: it allocates and is used by replays only.

use serde::{Deserialize, Serialize};

use super::DecisionCore;
use crate::pipeline::carried_state::{CarriedState, ResumeError};
use crate::pipeline::order_table::Doubt;
use crate::pipeline::risk::RiskMemory;
use feeds::event::{EventKind, MarketEvent};
use kernels::cpu::book::BookError;

/// See the module's text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoreMemory {
    /// By venue: receive and exchange time of its last message.
    feeds: Vec<(u64, u64)>,
    sweep_is_due: bool,
    answer_slot: u32,
    risk: RiskMemory,
    /// By strategy, as [`crate::strategy::Strategy::save`] gave it.
    strategies: Vec<Vec<u64>>,
}

/// Why there is no memory of a core, or it cannot be taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryError {
    /// The strategy of this number does not save its state, or cannot read it.
    Strategy(usize),
    /// A book is stale: messages are missing, so that no adds rebuild it.
    Stale,
    /// Open orders are in doubt: a session was lost.
    InDoubt,
    /// Wide work is under way.
    Wide,
    /// Features of books look back over more than a scene tells.
    Features,
    /// The memory is of a core with other venues, instruments or strategies.
    Sizes,
    /// What a resumed run takes over does not fit.
    Resume(ResumeError),
}

impl std::fmt::Display for MemoryError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Strategy(number) => write!(f, "strategy {number} does not save its state"),
            Self::Stale => f.write_str("a book is stale: messages of its feed are missing"),
            Self::InDoubt => f.write_str("open orders are in doubt"),
            Self::Wide => f.write_str("the run has wide work"),
            Self::Features => f.write_str("the run keeps features of books"),
            Self::Sizes => f.write_str("the memory is of other venues, instruments or strategies"),
            Self::Resume(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for MemoryError {}

impl DecisionCore {
    /// What [`Self::recall`] takes over.
    ///
    /// # Errors
    /// [`MemoryError`]: a core of which not all can be told.
    pub fn memory(&self) -> Result<CoreMemory, MemoryError> {
        if self.stale.any() {
            return Err(MemoryError::Stale);
        }
        if self.orders.in_doubt() > 0 {
            return Err(MemoryError::InDoubt);
        }
        if self.wide.is_some() {
            return Err(MemoryError::Wide);
        }
        if self.features.is_some() {
            return Err(MemoryError::Features);
        }
        let saved = self.strategies.iter().enumerate();
        let saved = saved.map(|(number, strategy)| strategy.save().ok_or(MemoryError::Strategy(number)));
        Ok(CoreMemory {
            feeds: self.feeds.times().collect(),
            sweep_is_due: self.sweep_is_due,
            answer_slot: self.answer_slot,
            risk: self.risk.memory(self.time_ns),
            strategies: saved.collect::<Result<_, _>>()?,
        })
    }

    /// Takes over what [`Self::carried`] and [`Self::memory`] gave: nothing is asked about, since nothing was lost. Of a fresh
    /// core whose books have been preloaded.
    ///
    /// # Errors
    /// What does not fit; the core is of no use then.
    pub fn recall(&mut self, carried: &CarriedState, memory: &CoreMemory) -> Result<(), MemoryError> {
        // Read from a journal they are in doubt, which none was.
        let mut carried = carried.clone();
        carried.orders.iter_mut().for_each(|order| (order.doubt, order.request) = (Doubt::None, 0));
        let carried = &carried;
        self.orders.restore(carried).map_err(MemoryError::Resume)?;
        let last_cl_ord_id = self.orders.last_cl_ord_id();
        self.risk.resume(carried, last_cl_ord_id).map_err(MemoryError::Resume)?;
        let fits = self.feeds.set_times(&memory.feeds) && self.risk.recall(&memory.risk);
        if !fits || memory.strategies.len() != self.strategies.len() {
            return Err(MemoryError::Sizes);
        }
        for (number, (strategy, saved)) in self.strategies.iter_mut().zip(&memory.strategies).enumerate() {
            if !strategy.restore(saved) {
                return Err(MemoryError::Strategy(number));
            }
        }
        self.decision = carried.decision;
        self.time_ns = carried.time_ns;
        (self.sweep_is_due, self.answer_slot) = (memory.sweep_is_due, memory.answer_slot);
        Ok(())
    }

    /// Applies an event to its book and to the national quote, and asks nobody: a book is being built as it stood.
    ///
    /// # Errors
    /// It does not fit its book.
    pub fn preload(&mut self, event: &MarketEvent) -> Result<(), BookError> {
        let books = self.books.get_mut(usize::from(event.venue));
        let books = books.ok_or(BookError::InstrumentOutOfRange(event.instrument))?;
        let applied = books.apply(event)?;
        match event.kind {
            EventKind::TradingStatus | EventKind::Clear => self.refresh_all(event),
            _ if applied.bbo_changed => self.refresh_nbbo(event.venue, event.instrument),
            _ => {}
        }
        Ok(())
    }
}
