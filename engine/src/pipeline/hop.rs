//! What crosses the rings of a paced or live `split`: an event, an approved order, an execution, each in two cache lines.
//!
//! The rings are `slot_ring`s: measured against rtrb with these items, the hop is 15 to 35 % shorter, and a full stream
//! costs less than two thirds (`bench/METHOD.md`, `ring_hop`). Nothing here allocates.

use feeds::event::MarketEvent;

use crate::order::Execution;
use crate::pipeline::lockstep::OrderItem;
use crate::pipeline::slot_ring::{Item, LINE_BYTES};
use crate::pipeline::stamps::PathStamps;

/// An item of the market ring.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarketHop {
    /// The next event; `None` when nothing follows.
    pub event: Option<MarketEvent>,
    /// The stamps of its path.
    pub stamps: PathStamps,
}

impl MarketHop {
    /// The last item: nothing follows.
    #[must_use]
    pub fn end() -> Self {
        Self { event: None, stamps: PathStamps::begin_at(0, false) }
    }
}

// SAFETY: the stamps are its last field, and what lies behind them is padding.
unsafe impl Item for MarketHop {
    const BYTES: usize = std::mem::offset_of!(Self, stamps) + size_of::<PathStamps>();
}

// SAFETY: all of its bytes travel.
unsafe impl Item for OrderItem {}

// SAFETY: all of its bytes travel.
unsafe impl Item for Execution {}

/// A third line would cost what the ring saves.
const _: () = assert!(
    MarketHop::BYTES <= 2 * LINE_BYTES
        && <OrderItem as Item>::BYTES <= 2 * LINE_BYTES
        && <Execution as Item>::BYTES <= 2 * LINE_BYTES
);
