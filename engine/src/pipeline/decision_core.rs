//! The decision core: a pure function of one totally ordered sequence of inputs.
//!
//! It owns the books, the NBBO, the order table, positions and risk, and the strategies. It reads no clock (core time
//! is the time of the input), does no I/O, holds no randomness and allocates nothing after construction: same inputs,
//! same actions, bit for bit, live, in replay and from a journal.
//!
//! Work is bounded: one input makes at most [`Actions::capacity`] actions, and a kill sweeps a fixed number of orders
//! an input until none is left.

mod actions;
mod approvals;
mod counters;
mod feed_clocks;
mod memory;
mod sweeps;

pub use actions::Actions;
pub use counters::CoreCounters;
pub use memory::{CoreMemory, MemoryError};

use crate::control::planted_delay;
use crate::order::{Execution, ExecutionKind, Intent, TimeInForce};
use crate::pipeline::carried_state::{CarriedState, ResumeError};
use crate::pipeline::features::FeatureBoard;
use crate::pipeline::operator::{Command, KillCause, Scope};
use crate::pipeline::order_table::OrderTable;
use crate::pipeline::pairs::Pairs;
use crate::pipeline::risk::{Reference, Risk, Stamp, Target};
use crate::pipeline::settlement::{Applied, Settled, settle};
use crate::pipeline::staleness::Staleness;
use crate::pipeline::stamps::Stage;
use crate::pipeline::wide::{SurfaceFitted, WideAnswered, WideWatch};
use crate::strategy::{Intents, Strategy, View};
use feed_clocks::FeedClocks;
use feeds::event::{EventKind, INSTRUMENT_ALL, MarketEvent, flags};
use feeds::units::PRICE_NONE;
use kernels::cpu::book::{BookError, VenueBooks};
use kernels::cpu::nbbo::Nbbo;
use sweeps::SWEEP_MAX;

/// ClOrdIDs that an open order keeps for its cancels: without them the session's last orders could not be cancelled.
const CANCEL_IDS: u64 = 2;

/// One input of the total order.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// A market event.
    Market(&'a MarketEvent),
    /// An answer of a venue or of order entry.
    Execution(&'a Execution),
    /// The timer, due at this core time.
    Timer {
        /// UTC ns.
        due_ns: u64,
    },
    /// The answer to the oldest request for wide work.
    Answer(&'a WideAnswered<'a>),
    /// A finished fit of a chain's volatilities.
    Surface(&'a SurfaceFitted<'a>),
    /// A command of a person or a watchdog at this core time.
    Command {
        /// UTC ns.
        time_ns: u64,
        /// What to do.
        command: Command,
    },
}

/// An intent on its way into risk.
#[derive(Clone, Copy)]
pub struct Examined<'a> {
    /// Risk, before it judges.
    pub risk: &'a Risk,
    /// What is wanted.
    pub intent: &'a Intent,
    /// The market it is held against.
    pub reference: &'a Reference,
    /// The order that it is about.
    pub target: Option<Target>,
    /// What does not come from the strategy.
    pub stamp: &'a Stamp,
}

/// Watches the core at work: where time goes, and what came of what. Nothing of it influences the core; replay from a
/// journal uses [`NoProbe`].
pub trait Probe {
    /// The stage has just ended.
    fn mark(&mut self, stage: Stage);

    /// A strategy has just decided `intents`, from what `view` shows; risk has not seen them yet.
    #[inline(always)]
    fn decided(&mut self, strategy: &dyn Strategy, view: &View<'_>, intents: &Intents) {
        let _ = (strategy, view, intents);
    }

    /// Risk is about to judge an intent.
    #[inline(always)]
    fn examined(&mut self, examined: &Examined<'_>) {
        let _ = examined;
    }
}

/// Marks nothing.
pub struct NoProbe;

impl Probe for NoProbe {
    #[inline(always)]
    fn mark(&mut self, _stage: Stage) {}
}

/// Sizes of the core's tables, fixed at start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoreSizes {
    /// Session date, `YYYYMMDD`.
    pub date: u32,
    /// Instruments, late listings included.
    pub instruments_max: usize,
    /// Open orders of ours.
    pub orders_max: usize,
    /// ClOrdIDs of the session.
    pub messages_max: usize,
}

/// See the module's text.
pub struct DecisionCore {
    decision: u64,
    time_ns: u64,
    books: Vec<VenueBooks>,
    stale: Staleness,
    nbbo: Nbbo,
    orders: OrderTable,
    risk: Risk,
    strategies: Vec<Box<dyn Strategy>>,
    /// Start and end in `subscribers`, by instrument.
    subscriptions: Box<[(u32, u32)]>,
    subscribers: Box<[u16]>,
    /// Strategies that want the answers of wide work.
    wide_subscribers: Box<[u16]>,
    /// What wide work there is.
    wide: Option<Box<WideWatch>>,
    /// Features of books that strategies look at.
    features: Option<Box<FeatureBoard>>,
    intents: Intents,
    pairs: Pairs,
    feeds: FeedClocks,
    /// Orders may have to be cancelled that are blocked or stale.
    sweep_is_due: bool,
    /// Where the look for messages without an answer goes on.
    answer_slot: u32,
    counters: CoreCounters,
}

impl DecisionCore {
    /// A core over one book table a venue.
    ///
    /// # Panics
    /// When there are more than 65,535 strategies: a start-up error.
    #[must_use]
    pub fn new(
        sizes: CoreSizes,
        books: Vec<VenueBooks>,
        risk: Risk,
        strategies: Vec<Box<dyn Strategy>>,
    ) -> Self {
        let (subscriptions, subscribers) = subscribe(&strategies, sizes.instruments_max);
        let wide_subscribers = (0..).zip(&strategies).filter(|(_, strategy)| strategy.wants_wide());
        let wide_subscribers = wide_subscribers.map(|(number, _)| number).collect();
        Self {
            decision: 0,
            time_ns: 0,
            stale: Staleness::new(sizes.instruments_max),
            nbbo: Nbbo::new(sizes.instruments_max, books.len()),
            orders: OrderTable::new(
                sizes.date,
                sizes.orders_max,
                sizes.messages_max,
                strategies.len(),
                sizes.instruments_max,
            ),
            feeds: FeedClocks::new(books.len()),
            books,
            risk,
            strategies,
            subscriptions,
            subscribers,
            wide_subscribers,
            wide: None,
            features: None,
            intents: Intents::new(),
            pairs: Pairs::new(),
            sweep_is_due: false,
            answer_slot: 0,
            counters: CoreCounters::default(),
        }
    }

    /// The same with wide work to ask for.
    #[must_use]
    pub fn with_wide(self, watch: WideWatch) -> Self {
        Self { wide: Some(Box::new(watch)), ..self }
    }

    /// The same with features of books, for [`View::features`].
    #[must_use]
    pub fn with_features(self, features: FeatureBoard) -> Self {
        Self { features: Some(Box::new(features)), ..self }
    }

    /// What wide work there is, and what of it is asked for.
    #[must_use]
    pub fn wide(&self) -> Option<&WideWatch> {
        self.wide.as_deref()
    }

    /// Takes over what a former run of the same day left, before the first input. The venues are asked about its open orders
    /// once their sessions are up ([`ExecutionKind::InDoubt`]); until they have answered, the exposure stays reserved.
    ///
    /// # Errors
    /// What does not fit; the core is of no use then.
    pub fn resume(&mut self, carried: &CarriedState) -> Result<(), ResumeError> {
        self.orders.resume(carried)?;
        let last_cl_ord_id = self.orders.last_cl_ord_id();
        self.risk.resume(carried, last_cl_ord_id)?;
        for (number, strategy) in (0..).zip(&mut self.strategies) {
            strategy.take_over(carried, number);
        }
        doom_blocked(&mut self.orders, &self.risk);
        self.decision = carried.decision;
        self.time_ns = carried.time_ns;
        self.sweep_is_due = self.risk.blocks().any();
        Ok(())
    }

    /// What another run would take over now; `former_run` is this one's id.
    #[must_use]
    pub fn carried(&self, former_run: [u8; 32]) -> CarriedState {
        let mut carried = CarriedState {
            decision: self.decision,
            time_ns: self.time_ns,
            next_counter: self.orders.next_counter(),
            former_run,
            orders: self.orders.open_orders(),
            ..CarriedState::default()
        };
        self.risk.carry(&mut carried);
        carried
    }

    /// Most actions that one input can lead to: a status of a whole venue reaches every strategy.
    #[must_use]
    pub fn actions_max(&self) -> usize {
        self.strategies.len() * crate::strategy::INTENTS_MAX + SWEEP_MAX
    }

    /// Instruments that a strategy wants to hear of.
    pub fn subscribed(&self) -> impl Iterator<Item = u32> + '_ {
        (0..).zip(&self.subscriptions).filter(|(_, (from, to))| from != to).map(|(number, _)| number)
    }

    /// Sequence number of the last input.
    #[must_use]
    pub const fn decision(&self) -> u64 {
        self.decision
    }

    /// Core time: that of the latest input so far, UTC ns.
    #[must_use]
    pub const fn time_ns(&self) -> u64 {
        self.time_ns
    }

    /// What was counted so far.
    #[must_use]
    pub const fn counters(&self) -> &CoreCounters {
        &self.counters
    }

    /// The books, one table a venue.
    #[must_use]
    pub fn books(&self) -> &[VenueBooks] {
        &self.books
    }

    /// The best bid and offer over all venues.
    #[must_use]
    pub const fn nbbo(&self) -> &Nbbo {
        &self.nbbo
    }

    /// Which books are stale.
    #[must_use]
    pub const fn stale(&self) -> &Staleness {
        &self.stale
    }

    /// The order table.
    #[must_use]
    pub const fn orders(&self) -> &OrderTable {
        &self.orders
    }

    /// Positions, limits, the kill switch.
    #[must_use]
    pub const fn risk(&self) -> &Risk {
        &self.risk
    }

    /// What its strategies have counted, for the report of the run.
    pub fn reports(&self) -> impl Iterator<Item = String> + '_ {
        self.strategies.iter().filter_map(|strategy| strategy.report())
    }

    /// Begins with the first ClOrdID again; of a rehearsal only, when no order is open.
    pub(super) fn restart_ids(&mut self) {
        self.orders.restart_ids();
        self.risk.restart_ids();
    }

    /// One hash over all books of all venues.
    #[must_use]
    pub fn book_hash(&self) -> u64 {
        book_hash(&self.books)
    }

    /// Consumes one input; approved orders are in `actions` afterwards (it is emptied first).
    ///
    /// # Errors
    /// A market event that does not fit its book. The book is unchanged, nothing was decided, and the input still has
    /// its number in the total order.
    pub fn on_input(
        &mut self,
        input: Input<'_>,
        probe: &mut impl Probe,
        actions: &mut Actions,
    ) -> Result<(), BookError> {
        actions.orders.clear();
        self.risk.begin_input();
        if let Some(wide) = &mut self.wide {
            wide.begin_input();
        }
        self.decision += 1;
        self.counters.inputs += 1;
        match input {
            Input::Market(event) => self.on_market(event, probe, actions)?,
            Input::Execution(execution) => self.on_execution(execution, probe, actions),
            Input::Timer { due_ns } => {
                self.advance(due_ns);
                for strategy in 0..self.strategies.len() {
                    self.consult(strategy, probe, actions, |strategy, view, intents| {
                        strategy.on_timer(view, intents);
                    });
                }
                self.look_for_unanswered();
            }
            Input::Answer(answer) => self.on_answer(answer, probe, actions),
            Input::Surface(fitted) => self.on_surface(fitted, probe, actions),
            Input::Command { time_ns, command } => {
                self.advance(time_ns);
                self.on_command(command);
            }
        }
        if !self.risk.blocks().fresh().is_empty() {
            doom_blocked(&mut self.orders, &self.risk);
        }
        if self.sweep_is_due && self.orders.live() > 0 {
            self.sweep_orders(probe, actions);
            probe.mark(Stage::Risk);
        }
        if self.orders.to_ask() > 0 {
            self.ask_for_status(actions);
            probe.mark(Stage::Risk);
        }
        Ok(())
    }

    #[cold]
    fn on_command(&mut self, command: Command) {
        self.counters.commands += 1;
        self.risk.command(command);
        self.sweep_is_due = true;
    }

    /// Stops a scope and has its orders cancelled.
    #[cold]
    fn block(&mut self, scope: Scope, cause: KillCause) {
        self.risk.block(scope, cause);
        self.sweep_is_due = true;
    }

    /// Whether open orders wait to be cancelled because they are blocked or stale: the next input goes on with it.
    #[must_use]
    pub const fn sweep_is_due(&self) -> bool {
        self.sweep_is_due && self.orders.live() > 0
    }

    fn advance(&mut self, time_ns: u64) {
        self.time_ns = self.time_ns.max(time_ns);
    }

    fn on_market(
        &mut self,
        event: &MarketEvent,
        probe: &mut impl Probe,
        actions: &mut Actions,
    ) -> Result<(), BookError> {
        self.advance(event.receive_ns);
        self.counters.events += 1;
        self.feeds.heard(event);
        let books = self
            .books
            .get_mut(usize::from(event.venue))
            .ok_or(BookError::InstrumentOutOfRange(event.instrument))?;
        let was_stale = self.stale.is_stale(event.venue, event.instrument);
        planted_delay::spend(Stage::Book);
        let applied = match books.apply(event) {
            Ok(applied) => applied,
            // What refers to a missing message cannot fit, and that the book is wrong is known.
            Err(_) if was_stale => {
                self.counters.stale_book_errors += 1;
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        if let Some(features) = &mut self.features {
            features.update(self.time_ns, event, &applied, books);
        }
        self.counters.stale_events += u64::from(was_stale);
        if let Some(wide) = &mut self.wide {
            wide.applied();
        }
        match event.kind {
            EventKind::TradingStatus | EventKind::Clear => self.refresh_all(event),
            EventKind::Gap => {
                self.counters.gaps = self.counters.gaps.saturating_add(event.quantity);
                self.counters.gap_events += 1;
                self.stale.mark(event.venue, event.instrument);
                self.sweep_is_due = true;
                self.refresh_all(event);
            }
            EventKind::Recovered => {
                self.counters.recoveries += 1;
                self.stale.lift(event.venue, event.instrument);
                self.refresh_all(event);
            }
            _ if applied.bbo_changed => self.refresh_nbbo(event.venue, event.instrument),
            _ => {}
        }
        if matches!(event.kind, EventKind::Trade | EventKind::OrderExecute) {
            let price = if event.price == PRICE_NONE { applied.price } else { event.price };
            self.risk.traded(event.instrument, price, self.time_ns);
        }
        probe.mark(Stage::Book);
        if event.flags & flags::LAST_OF_EVENT == 0 {
            return Ok(());
        }
        if let Some(wide) = &mut self.wide {
            wide.end_event(self.decision, self.time_ns);
        }
        if was_stale && event.kind != EventKind::Recovered {
            return Ok(());
        }
        if event.instrument == INSTRUMENT_ALL {
            for strategy in 0..self.strategies.len() {
                self.consult(strategy, probe, actions, |s, view, intents| s.on_market(view, event, intents));
            }
        } else if let Some(&(from, to)) = self.subscriptions.get(event.instrument as usize) {
            if from != to {
                self.mark(event.instrument);
            }
            for at in from..to {
                let strategy = usize::from(self.subscribers[at as usize]);
                self.consult(strategy, probe, actions, |s, view, intents| s.on_market(view, event, intents));
            }
        }
        Ok(())
    }

    /// Values our position at the national mid; what that leads to may have to be swept.
    #[inline]
    fn mark(&mut self, instrument: u32) {
        let quote = self.nbbo.quote(instrument);
        if quote.bid_px != PRICE_NONE && quote.ask_px != PRICE_NONE {
            let mid = quote.bid_px.midpoint(quote.ask_px);
            self.risk.mark(instrument, mid, self.time_ns);
            self.sweep_is_due |= self.risk.is_killed();
        }
    }

    /// The event's instrument, or all of its venue.
    fn refresh_all(&mut self, event: &MarketEvent) {
        if event.instrument == INSTRUMENT_ALL {
            for instrument in 0..self.subscriptions.len() as u32 {
                self.refresh_nbbo(event.venue, instrument);
            }
        } else {
            self.refresh_nbbo(event.venue, event.instrument);
        }
    }

    fn refresh_nbbo(&mut self, venue: u8, instrument: u32) {
        let books = &self.books[usize::from(venue)];
        let eligible = books.is_continuous(instrument) && !self.stale.is_stale(venue, instrument);
        let bbo = books.bbo(instrument);
        self.nbbo.update(instrument, venue, &bbo, eligible);
        if let Some(wide) = &mut self.wide {
            wide.touched(venue, instrument, &bbo, eligible);
        }
    }

    fn on_answer(&mut self, answer: &WideAnswered<'_>, probe: &mut impl Probe, actions: &mut Actions) {
        self.advance(answer.time_ns);
        if !self.wide.as_mut().is_some_and(|wide| wide.answered(answer)) {
            self.counters.wide_answers_refused += 1;
            return;
        }
        self.counters.wide_answers += 1;
        self.counters.wide_items += answer.items.len() as u64;
        for at in 0..self.wide_subscribers.len() {
            let strategy = usize::from(self.wide_subscribers[at]);
            self.consult(strategy, probe, actions, |s, view, intents| s.on_wide(view, answer, intents));
        }
    }

    /// The options of a chain have other volatilities: it is asked about again, and whoever quotes hears of it.
    fn on_surface(&mut self, fitted: &SurfaceFitted<'_>, probe: &mut impl Probe, actions: &mut Actions) {
        self.advance(fitted.time_ns);
        let Some(wide) = self.wide.as_mut() else { return };
        if !wide.refitted(fitted.listing) {
            return;
        }
        self.counters.surfaces += 1;
        wide.end_event(self.decision, self.time_ns);
        for at in 0..self.wide_subscribers.len() {
            let strategy = usize::from(self.wide_subscribers[at]);
            self.consult(strategy, probe, actions, |s, view, intents| s.on_surface(view, fitted, intents));
        }
    }

    fn on_execution(&mut self, execution: &Execution, probe: &mut impl Probe, actions: &mut Actions) {
        self.advance(execution.time_ns);
        if execution.kind == ExecutionKind::InDoubt {
            self.counters.doubts += 1;
            self.orders.doubt(execution.venue);
            return;
        }
        // An answer may leave an order open that is blocked or stale.
        self.sweep_is_due |= self.risk.blocks().any() || self.stale.any();
        let settled = match settle(&mut self.orders, &mut self.risk, execution, self.time_ns) {
            Settled::Late => {
                self.counters.executions_late += 1;
                return;
            }
            Settled::Refused => {
                self.counters.executions_refused += 1;
                self.sweep_is_due |= self.risk.blocks().any();
                return;
            }
            Settled::OfDone => {
                self.counters.trades_changed += 1;
                self.sweep_is_due |= self.risk.blocks().any();
                return;
            }
            Settled::Applied(applied) => applied,
        };
        let Applied { order, filled, closed, is_priced } = settled;
        self.sweep_is_due |= self.risk.blocks().any() || order.doomed;
        if filled > 0 {
            self.counters.fills_without_price += u64::from(!is_priced);
            self.counters.fills += 1;
            self.counters.filled_quantity += filled;
            if order.time_in_force == TimeInForce::ImmediateOrCancel {
                self.counters.aggressive_fills += 1;
                self.counters.pairs_filled += u64::from(self.pairs.fill(order.cl_ord_id));
            }
        }
        let kind = execution.kind;
        let changed = matches!(kind, ExecutionKind::TradeCancel | ExecutionKind::TradeCorrect);
        self.counters.trades_changed += u64::from(changed);
        self.counters.orders_not_received += u64::from(kind == ExecutionKind::StatusUnknown);
        let rejected = matches!(kind, ExecutionKind::Rejected | ExecutionKind::CancelRejected);
        self.counters.venue_rejects += u64::from(rejected);
        self.consult(usize::from(order.strategy), probe, actions, |s, view, intents| {
            s.on_execution(view, execution, &order, closed, intents);
        });
    }

    fn consult(
        &mut self,
        strategy: usize,
        probe: &mut impl Probe,
        actions: &mut Actions,
        ask: impl FnOnce(&mut dyn Strategy, &View<'_>, &mut Intents),
    ) {
        let number = strategy as u16;
        let view = View {
            time_ns: self.time_ns,
            strategy: number,
            books: &self.books,
            stale: &self.stale,
            nbbo: &self.nbbo,
            features: self.features.as_deref(),
            orders: &self.orders,
            risk: &self.risk,
        };
        planted_delay::spend(Stage::Decide);
        ask(self.strategies[strategy].as_mut(), &view, &mut self.intents);
        probe.mark(Stage::Decide);
        if self.intents.is_empty() {
            self.counters.intents_dropped += self.intents.clear();
            return;
        }
        probe.decided(self.strategies[strategy].as_ref(), &view, &self.intents);
        self.approve_all(number, probe, actions);
        self.counters.intents_dropped += self.intents.clear();
        probe.mark(Stage::Risk);
    }
}

/// Whatever is blocked now is to be cancelled, in whatever state it is: an order whose acknowledgement comes after the
/// reset must not live on. New orders of what is blocked are refused, so that none has to be added before the next block.
#[cold]
pub(crate) fn doom_blocked(orders: &mut OrderTable, risk: &Risk) {
    let blocks = risk.blocks();
    orders.doom(|order| blocks.cover(order.instrument, order.venue, order.side, order.strategy));
}

/// One hash over the books of all venues, in venue order.
#[must_use]
pub fn book_hash(books: &[VenueBooks]) -> u64 {
    books.iter().fold(0, |hash: u64, books| hash.rotate_left(17) ^ books.book_hash())
}

type Subscriptions = (Box<[(u32, u32)]>, Box<[u16]>);

fn subscribe(strategies: &[Box<dyn Strategy>], instruments_max: usize) -> Subscriptions {
    let mut by_instrument: Vec<Vec<u16>> = vec![Vec::new(); instruments_max];
    for (number, strategy) in strategies.iter().enumerate() {
        let number = u16::try_from(number).expect("at most 65,535 strategies");
        for &instrument in strategy.instruments() {
            if let Some(list) = by_instrument.get_mut(instrument as usize) {
                list.push(number);
            }
        }
    }
    let mut ranges = Vec::with_capacity(instruments_max);
    let mut flat = Vec::new();
    for list in by_instrument {
        let from = flat.len() as u32;
        flat.extend(list);
        ranges.push((from, flat.len() as u32));
    }
    (ranges.into_boxed_slice(), flat.into_boxed_slice())
}

#[cfg(test)]
pub(crate) use tests::account_tests;
#[cfg(test)]
#[path = "decision_core_tests.rs"]
mod tests;
