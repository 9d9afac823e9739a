//! What a run takes over from one that ended before it: open orders, positions, and where the numbers go on.
//!
//! Plain data. A resumed run writes it to its own journal first, so that the journal alone replays it. Books are not in
//! it: the feeds build them anew. Strategies keep no state of orders; they read the order table.

use crate::pipeline::order_table::LiveOrder;

/// See the module's text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CarriedState {
    /// Inputs that the former runs have numbered: requests for an order's state are told apart by it.
    pub decision: u64,
    /// Core time of the last input, UTC ns.
    pub time_ns: u64,
    /// Counter of the next ClOrdID.
    pub next_counter: u64,
    /// SHA-256 of the former run's header.
    pub former_run: [u8; 32],
    /// Open orders, strategy by strategy, oldest first.
    pub orders: Vec<LiveOrder>,
    /// Instruments with their positions, those that are not flat, by instrument.
    pub positions: Vec<(u32, i64)>,
}

/// Why a state cannot be taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResumeError {
    /// More open orders, ClOrdIDs, strategies or instruments than this run has room for.
    NoRoom {
        /// What there are too many of.
        what: &'static str,
    },
    /// An order contradicts itself or has the ClOrdID of another day.
    Order {
        /// Its ClOrdID(11).
        cl_ord_id: u64,
    },
}

impl std::fmt::Display for ResumeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoRoom { what } => {
                write!(f, "this run has no room for the former run's {what}: give it the former run's sizes")
            }
            Self::Order { cl_ord_id } => {
                write!(f, "open order {cl_ord_id} contradicts itself or is of another session date")
            }
        }
    }
}

impl std::error::Error for ResumeError {}
