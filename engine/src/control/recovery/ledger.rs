//! The state of orders and accounts by the records of decide alone: no books, no strategies, no checks.
//!
//! What was approved was approved: an action reserves and is entered as its approval did, an execution is settled as the
//! decision core settles it, so that orders, accounts and fills end as the core's do. What market data tells is
//! known to within a step, as the core put it on record: the prices that positions are valued at, and the best that the day stood
//! at. What the core blocked for them is on record too.

use crate::control::config::Config;
use crate::control::failure::Failure;
use crate::control::journal::{CarriedBuilder, DecideRecord, Sequenced};
use crate::control::live_run::LiveUniverse;
use crate::control::session_date::SessionDate;
use crate::control::startup;
use crate::order::{Execution, ExecutionKind, Order, OrderAction};
use crate::pipeline::carried_state::{CarriedState, ResumeError};
use crate::pipeline::decision_core::doom_blocked;
use crate::pipeline::operator::Command;
use crate::pipeline::order_table::{OrderTable, OrderTableError};
use crate::pipeline::risk::{Risk, Target};
use crate::pipeline::settlement::settle;

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

/// How many executions of each venue decide has on record since its run began. Order entry's journal may have more: those
/// were on their way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard(Vec<u64>);

impl Heard {
    /// Those of the venue.
    #[must_use]
    pub fn of(&self, venue: u8) -> u64 {
        self.0.get(usize::from(venue)).copied().unwrap_or(0)
    }

    /// By venue.
    #[must_use]
    pub fn as_slice(&self) -> &[u64] {
        &self.0
    }

    fn count(&mut self, execution: &Execution) {
        let venue = usize::from(execution.venue);
        if execution.kind.is_of_venue() {
            self.0.resize(self.0.len().max(venue + 1), 0);
            self.0[venue] += 1;
        }
    }
}

impl From<Vec<u64>> for Heard {
    fn from(by_venue: Vec<u64>) -> Self {
        Self(by_venue)
    }
}

/// See the module's text.
pub struct Ledger {
    orders: OrderTable,
    risk: Risk,
    decision: u64,
    time_ns: u64,
    /// Number of the last record applied.
    sequence: u64,
    heard: Heard,
    /// What a resumed run takes over, until its first input.
    taking_over: CarriedBuilder,
}

impl Ledger {
    /// The state before the first record; `risk` is that of the run, as it started.
    #[must_use]
    pub fn new(sizes: LedgerSizes, risk: Risk) -> Self {
        let LedgerSizes { date, orders_max, messages_max, strategies_max } = sizes;
        // Nobody asks here whom an order could trade against.
        let orders = OrderTable::new(date, orders_max, messages_max, strategies_max, 0);
        Self {
            orders,
            risk: risk.following(),
            decision: 0,
            time_ns: 0,
            sequence: 0,
            heard: Heard::default(),
            taking_over: CarriedBuilder::default(),
        }
    }

    /// The state before the first record of a live run under `config`.
    ///
    /// # Errors
    /// A configuration that makes no run.
    pub fn of(config: &Config) -> Result<Self, Failure> {
        let universe = LiveUniverse::new(config)?;
        let strategies = startup::strategies(&universe, config)?;
        let declared: Vec<_> = strategies.iter().map(|strategy| strategy.instruments()).collect();
        Ok(Self::new(LedgerSizes::of(config)?, startup::risk(&universe, config, &declared)?))
    }

    /// The same with the state that a snapshot saved.
    ///
    /// # Errors
    /// [`LedgerError::Resume`]: it does not fit these sizes, or contradicts itself.
    pub fn restored(mut self, state: &CarriedState, heard: &Heard) -> Result<Self, LedgerError> {
        self.orders.restore(state)?;
        self.take(state)?;
        self.heard = heard.clone();
        Ok(self)
    }

    /// Everything of a state but its orders.
    fn take(&mut self, state: &CarriedState) -> Result<(), LedgerError> {
        self.risk.resume(state, self.orders.last_cl_ord_id())?;
        doom_blocked(&mut self.orders, &self.risk);
        self.decision = state.decision;
        self.time_ns = state.time_ns;
        Ok(())
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
            DecideRecord::Answer(_) | DecideRecord::Surface(_) => self.inputs(1, *time_ns),
            DecideRecord::Command(command) => {
                self.inputs(1, *time_ns);
                self.risk.command(*command);
                doom_blocked(&mut self.orders, &self.risk);
            }
            DecideRecord::Blocked(Command::Kill { scope, cause }) => {
                self.risk.block(*scope, *cause);
                doom_blocked(&mut self.orders, &self.risk);
            }
            DecideRecord::Valued(valuation) => self.risk.valued(valuation, *time_ns),
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
            self.take(&state)?;
        }
        Ok(())
    }

    fn inputs(&mut self, count: u64, time_ns: u64) {
        self.decision += count;
        self.time_ns = self.time_ns.max(time_ns);
    }

    fn execution(&mut self, execution: &Execution) {
        self.heard.count(execution);
        match execution.kind {
            ExecutionKind::InDoubt => self.orders.doubt(execution.venue),
            // What is refused changes nothing.
            _ => drop(settle(&mut self.orders, &mut self.risk, execution, self.time_ns)),
        }
    }

    fn action(&mut self, sequence: u64, order: &Order) -> Result<(), LedgerError> {
        if order.decision != self.decision {
            return Err(LedgerError::Decision { sequence, named: order.decision, last: self.decision });
        }
        let entered = if order.action == OrderAction::Status {
            // An order whose message nobody answers is doubted at a timer: only the request is on record of it.
            self.orders.doubt_order(order.cl_ord_id);
            self.orders.asked(order.cl_ord_id, order.decision)
        } else {
            let target = self.orders.get(order.orig_cl_ord_id).map(Target::of);
            let reserved = self.risk.follow(order, target);
            self.orders.enter(order, reserved)
        };
        if order.action == OrderAction::New && self.risk.blocks().any() {
            // What one input approved first and then blocked: its actions are on record behind its blocks.
            doom_blocked(&mut self.orders, &self.risk);
        }
        entered.map_err(|error| LedgerError::Action { sequence, cl_ord_id: order.cl_ord_id, error })
    }

    /// Takes what the venues had said when the process died and decide had not heard, behind the last record: each venue's
    /// executions in their order.
    ///
    /// # Errors
    /// [`LedgerError::Resume`]: what the last records take over does not fit.
    pub fn hear(&mut self, unheard: &[Execution]) -> Result<(), LedgerError> {
        self.settle()?;
        for execution in unheard {
            self.time_ns = self.time_ns.max(execution.time_ns);
            self.execution(execution);
        }
        Ok(())
    }

    /// What it has heard of the venues.
    #[must_use]
    pub const fn heard(&self) -> &Heard {
        &self.heard
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
        let mut carried = CarriedState {
            decision: self.decision,
            time_ns: self.time_ns,
            next_counter: self.orders.next_counter(),
            former_run,
            orders: self.orders.open_orders(),
            ..CarriedState::default()
        };
        self.risk.carry(&mut carried);
        Ok(carried)
    }
}
