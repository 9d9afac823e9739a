//! What a run takes over from one that ended before it: open orders, accounts, limits and blocks, and where the numbers go
//! on.
//!
//! Plain data. A resumed run writes it to its own journal first, so that the journal alone replays it. Books are not in
//! it: the feeds build them anew. Strategies keep no state of orders; they read the order table. What is not taken over: what
//! message rates have saved up, and which fills were within the sliding windows of the strategies.

use crate::pipeline::operator::{Command, KillCause, LimitChange, Scope};
use crate::pipeline::order_table::LiveOrder;
use crate::pipeline::risk::fills::BookedFill;

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
    /// Messages of the day, cancels among them.
    pub messages: u64,
    /// Fills of the day.
    pub trades: u64,
    /// Best that the day's profit stood at, 1e-9 of the currency.
    pub best_worth: i128,
    /// How the account stood within the loss window: time and worth, oldest first.
    pub worths: Vec<(u64, i128)>,
    /// Open orders, strategy by strategy, oldest first.
    pub orders: Vec<LiveOrder>,
    /// Instruments that were traded, by instrument.
    pub accounts: Vec<CarriedAccount>,
    /// Positions of strategies, those that are not flat, by instrument.
    pub holdings: Vec<CarriedHolding>,
    /// Fills of the day by ExecID(17), oldest first.
    pub fills: Vec<BookedFill>,
    /// What is blocked.
    pub blocks: Vec<(Scope, KillCause)>,
    /// Limits that were changed since the start of the day.
    pub limits: Vec<LimitChange>,
}

impl CarriedState {
    /// Blocks and limits as the commands that set them.
    pub fn standing(&self) -> impl Iterator<Item = Command> + '_ {
        let limits = self.limits.iter().map(|&change| Command::SetLimit(change));
        limits.chain(self.blocks.iter().map(|&(scope, cause)| Command::Kill { scope, cause }))
    }

    /// The same without what market data tells, which the records of decide have to within a step only
    /// ([`crate::pipeline::risk::Valuation`]): the prices that positions are valued at, and how the account stood.
    #[must_use]
    pub fn without_market(mut self) -> Self {
        self.accounts.iter_mut().for_each(|account| account.mark = 0);
        self.best_worth = 0;
        self.worths.clear();
        self
    }

    /// Takes one of them in.
    pub fn stand(&mut self, command: Command) {
        match command {
            Command::SetLimit(change) => self.limits.push(change),
            Command::Kill { scope, cause } => self.blocks.push((scope, cause)),
            Command::Reset { .. } | Command::Reconcile { .. } => {}
        }
    }
}

/// What trading in one instrument has come to; see [`crate::pipeline::risk::Account`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CarriedAccount {
    /// Dense instrument number.
    pub instrument: u32,
    /// Net filled quantity, positive long.
    pub position: i64,
    /// What it is valued at, 1e-9.
    pub mark: i64,
    /// What it was bought for, 1e-9 of the currency.
    pub cost: i128,
    /// Profit of what was closed.
    pub realised: i128,
    /// Fees paid.
    pub fees: i128,
}

/// The position of one strategy in one instrument.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CarriedHolding {
    /// Dense instrument number.
    pub instrument: u32,
    /// Number of the strategy.
    pub strategy: u16,
    /// Net filled quantity, positive long.
    pub position: i64,
}

/// Why a state cannot be taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResumeError {
    /// More open orders, ClOrdIDs, strategies, instruments or fills than this run has room for.
    NoRoom {
        /// What there are too many of.
        what: &'static str,
    },
    /// An order contradicts itself or has the ClOrdID of another day.
    Order {
        /// Its ClOrdID(11).
        cl_ord_id: u64,
    },
    /// A position beyond what any limit allows.
    Account {
        /// Dense instrument number.
        instrument: u32,
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
            Self::Account { instrument } => {
                write!(f, "the position of instrument {instrument} is beyond what arithmetic can bear")
            }
        }
    }
}

impl std::error::Error for ResumeError {}
