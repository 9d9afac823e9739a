//! The state of orders and positions by the records of decide alone: no books, no strategies, no risk checks.
//!
//! What was approved was approved: an action is entered into an [`OrderTable`] with the reservation that risk gave it, an
//! execution is applied as the decision core applies it, so that the table ends as the core's does. All calls to it
//! are in this file.

use std::collections::BTreeMap;

use feeds::event::Side;

use crate::control::config::Config;
use crate::control::failure::Failure;
use crate::control::journal::{CarriedBuilder, DecideRecord, Sequenced};
use crate::control::session_date::SessionDate;
use crate::order::{Execution, ExecutionKind, Order, OrderAction};
use crate::pipeline::carried_state::{CarriedState, ResumeError};
use crate::pipeline::order_table::{OrderTable, OrderTableError};

/// Sizes of the tables: those of the run whose journal is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerSizes {
    /// Session date, `YYYYMMDD`.
    pub date: u32,
    /// Open orders.
    pub orders_max: usize,
    /// ClOrdIDs of the session.
    pub messages_max: usize,
    /// Strategies: records name them by number.
    pub strategies_max: usize,
}

impl LedgerSizes {
    /// Those of a run under `config`.
    ///
    /// # Errors
    /// A configuration without a date, or with none that is one.
    pub fn of(config: &Config) -> Result<Self, Failure> {
        let date = config.date.as_deref().unwrap_or_default();
        let date: SessionDate = date.parse().map_err(Failure::Input)?;
        let (orders_max, messages_max) = (config.pipeline.open_orders_max, config.pipeline.messages_max);
        // As many as a run can have: those that tests add are in no configuration.
        let strategies_max = usize::from(u16::MAX);
        Ok(Self { date: date.yyyymmdd(), orders_max, messages_max, strategies_max })
    }
}

/// Records that contradict each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LedgerError {
    /// What was taken over from a former run does not fit.
    Resume(ResumeError),
    /// Something was taken over, but no run is named that it came from, or that came too late.
    NotResumed {
        /// Number of the record.
        sequence: u64,
    },
    /// The run was killed before all that it takes over was written.
    NotTakenOver,
    /// An action that the state does not allow.
    Action {
        /// Number of the record.
        sequence: u64,
        /// Its ClOrdID(11).
        cl_ord_id: u64,
        /// What the order table says.
        error: OrderTableError,
    },
    /// An action of another input than the last one.
    Decision {
        /// Number of the record.
        sequence: u64,
        /// The input that it names.
        named: u64,
        /// The last input.
        last: u64,
    },
}

impl std::fmt::Display for LedgerError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if *self == Self::NotTakenOver {
            return f.write_str(
                "the run was killed before it had taken over what a former run left: resume from that one",
            );
        }
        write!(f, "the journal contradicts itself: ")?;
        match self {
            Self::NotTakenOver => Ok(()),
            Self::Resume(error) => error.fmt(f),
            Self::NotResumed { sequence } => {
                write!(f, "record {sequence} takes over what belongs to no former run")
            }
            Self::Action { sequence, cl_ord_id, error } => {
                write!(f, "record {sequence}: action {cl_ord_id} does not fit the orders: {error:?}")
            }
            Self::Decision { sequence, named, last } => {
                write!(f, "record {sequence}: an action of input {named} behind input {last}")
            }
        }
    }
}

impl std::error::Error for LedgerError {}

impl From<ResumeError> for LedgerError {
    fn from(error: ResumeError) -> Self {
        Self::Resume(error)
    }
}

/// See the module's text.
pub struct Ledger {
    orders: OrderTable,
    positions: BTreeMap<u32, i64>,
    decision: u64,
    time_ns: u64,
    /// Number of the last record applied.
    sequence: u64,
    /// What a resumed run takes over, until its first input.
    taking_over: CarriedBuilder,
}

impl Ledger {
    /// The state before the first record.
    #[must_use]
    pub fn new(sizes: LedgerSizes) -> Self {
        Self {
            orders: OrderTable::new(sizes.date, sizes.orders_max, sizes.messages_max, sizes.strategies_max),
            positions: BTreeMap::new(),
            decision: 0,
            time_ns: 0,
            sequence: 0,
            taking_over: CarriedBuilder::default(),
        }
    }

    /// The state that a snapshot saved.
    ///
    /// # Errors
    /// [`LedgerError::Resume`]: it does not fit these sizes, or contradicts itself.
    pub fn restore(sizes: LedgerSizes, state: &CarriedState) -> Result<Self, LedgerError> {
        let mut ledger = Self::new(sizes);
        ledger.orders.restore(state)?;
        ledger.take(state);
        Ok(ledger)
    }

    /// Everything of a state but its orders.
    fn take(&mut self, state: &CarriedState) {
        self.positions = state.positions.iter().copied().collect();
        self.decision = state.decision;
        self.time_ns = state.time_ns;
    }

    /// Applies the next record.
    ///
    /// # Errors
    /// [`LedgerError`]; the ledger is of no use then.
    pub fn apply(&mut self, record: &Sequenced) -> Result<(), LedgerError> {
        let Sequenced { sequence, time_ns, record } = record;
        self.sequence = *sequence;
        if self.taking_over.push(record).map_err(|_| LedgerError::NotResumed { sequence: *sequence })? {
            return Ok(());
        }
        self.settle()?;
        match record {
            DecideRecord::MarketRun(run) => self.inputs(run.count, *time_ns),
            DecideRecord::MarketEvent(event) => self.inputs(1, event.receive_ns),
            DecideRecord::Timer(timer) => self.inputs(1, timer.due_ns),
            DecideRecord::Command(_) => self.inputs(1, *time_ns),
            DecideRecord::Execution(execution) => {
                self.inputs(1, execution.time_ns);
                self.execution(execution);
            }
            DecideRecord::Action(order) => self.action(*sequence, order)?,
            _ => {}
        }
        Ok(())
    }

    /// A resumed run begins with what it took over, all its orders in doubt.
    fn settle(&mut self) -> Result<(), LedgerError> {
        let taken = self.taking_over.take().map_err(|_| LedgerError::NotTakenOver)?;
        if let Some(state) = taken {
            self.orders.resume(&state)?;
            self.take(&state);
        }
        Ok(())
    }

    fn inputs(&mut self, count: u64, time_ns: u64) {
        self.decision += count;
        self.time_ns = self.time_ns.max(time_ns);
    }

    /// As [`crate::pipeline::decision_core::DecisionCore`] does: what the table refuses changes nothing.
    fn execution(&mut self, execution: &Execution) {
        if execution.kind == ExecutionKind::InDoubt {
            return self.orders.doubt(execution.venue);
        }
        let Ok(transition) = self.orders.apply(execution) else { return };
        let filled = i64::try_from(transition.filled).unwrap_or(i64::MAX);
        let position = self.positions.entry(transition.order.instrument).or_default();
        *position = match transition.order.side {
            Side::Buy => position.saturating_add(filled),
            Side::Sell => position.saturating_sub(filled),
            Side::None => *position,
        };
    }

    /// Enters an action with the exposure that risk reserved for it: what can fill under the old terms or the new
    /// ones, whichever is more.
    fn action(&mut self, sequence: u64, order: &Order) -> Result<(), LedgerError> {
        if order.decision != self.decision {
            return Err(LedgerError::Decision { sequence, named: order.decision, last: self.decision });
        }
        let held =
            self.orders.get(order.orig_cl_ord_id).map_or((0, 0), |held| (held.cumulative, held.reserved));
        let entered = match order.action {
            OrderAction::New => self.orders.enter(order, order.quantity),
            OrderAction::Replace => {
                self.orders.enter(order, order.quantity.saturating_sub(held.0).max(held.1))
            }
            OrderAction::Cancel => self.orders.enter(order, held.1),
            OrderAction::Status => self.orders.asked(order.cl_ord_id, order.decision),
        };
        entered.map_err(|error| LedgerError::Action { sequence, cl_ord_id: order.cl_ord_id, error })
    }

    /// Number of the last record applied, 0 before the first.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The state behind the last record; `former_run` is the id of the run whose records these are.
    ///
    /// # Errors
    /// [`LedgerError::Resume`]: what the last records take over does not fit.
    pub fn carried(&mut self, former_run: [u8; 32]) -> Result<CarriedState, LedgerError> {
        self.settle()?;
        let positions = self.positions.iter().map(|(&instrument, &position)| (instrument, position));
        Ok(CarriedState {
            decision: self.decision,
            time_ns: self.time_ns,
            next_counter: self.orders.next_counter(),
            former_run,
            orders: self.orders.open_orders(),
            positions: positions.filter(|&(_, position)| position != 0).collect(),
        })
    }
}
