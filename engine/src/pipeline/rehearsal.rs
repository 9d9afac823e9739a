//! A rehearsal: an engine in miniature beside the real one, on which the path of an order is walked when there is nothing to
//! do, so that the real path finds its instructions, its branches and its translations warm.
//!
//! It has a decide stage, a book, risk, a market maker, sessions and a journal of its own, so that nothing of it can reach
//! a venue, a book or the digest; but their code is the engine's, the very same instructions ([`Decide::market`] is
//! never inlined for that reason). Each [`Rehearsal::turn`] moves its market, whereupon its market maker replaces both
//! quotes, and its venue accepts. What is warm afterwards is code; data are those of the miniature, not those of the
//! instrument that moves next.
//!
//! [`crate::control::rehearsing`] makes it and allocates everything; the thread of `inline` owns it. A turn allocates nothing,
//! makes no system call and takes a microsecond or two, for which a message that comes meanwhile waits: the owner
//! turns it only when nothing is due.

use feeds::event::{EventKind, MarketEvent, Side, TradingStatus, flags};
use feeds::units::PRICE_NONE;

use crate::control::digest::{CANONICAL_BYTES, DigestReceiver};
use crate::control::journal::ScratchSegments;
use crate::order::{Execution, ExecutionKind, OrderAction};
use crate::pipeline::decide::Decide;
use crate::pipeline::socket_entry::SocketEntry;
use crate::pipeline::stamps::{PathStamps, StampReader};
use crate::pipeline::tsc;

/// Turns after which its quotes are pulled and its ClOrdIDs begin again.
const TURNS_A_ROUND: u64 = 1_000;

/// ClOrdIDs and cancels that a round needs at most.
pub const MESSAGES_A_ROUND: usize = 4 * TURNS_A_ROUND as usize;

/// Core time of a turn, ns: slower than any limit on rates.
const STEP_NS: u64 = 1_000_000;

/// Core time of a turn while its market maker learns the volatility, ns.
const LEARNING_STEP_NS: u64 = 250_000_000;

/// Turns until it knows it.
const LEARNING_TURNS: u64 = 200;

/// Turns before trading begins: until the median no longer falls on the machines that it was tried on.
const WARM_TURNS: u64 = 20_000;

/// Turns of which the first and the last median are taken.
const MEDIAN_TURNS: usize = 256;

/// Where its quotes are: the prices of its market, in price ticks.
const BID_TICKS: i64 = 9_990;
const ASK_TICKS: i64 = 10_010;
const BETTER_BID_TICKS: i64 = 9_998;

/// What a rehearsal is made of.
pub(crate) struct RehearsalParts {
    /// With one market maker, in instrument 0.
    pub decide: Decide,
    /// The other end of its digest's ring.
    pub digest: DigestReceiver,
    /// Logged on everywhere.
    pub entry: SocketEntry,
    /// The other end of its stamps' ring.
    pub stamps: StampReader,
    /// Segments of its journals.
    pub segments: [ScratchSegments; 2],
    /// The venue that is quoted at.
    pub venue: u8,
    /// Price increment, 1e-9.
    pub price_tick: i64,
    /// Core time at the start, UTC ns.
    pub time_ns: u64,
}

/// What warming up has come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Warmed {
    /// Turns.
    pub turns: u64,
    /// Order messages that were encoded.
    pub orders: u64,
    /// Median of the first 256 turns, ticks of the clock.
    pub first_ticks: u64,
    /// Median of the last 256.
    pub last_ticks: u64,
}

/// See the module's text.
pub struct Rehearsal {
    parts: RehearsalParts,
    turns: u64,
    orders: u64,
    next_order_id: u64,
    /// The better bid, while it is there.
    better_bid: Option<u64>,
    /// Something went wrong: it does nothing any more.
    is_over: bool,
}

impl Rehearsal {
    /// A rehearsal with a market of two orders, whose market maker has learnt its volatility.
    #[must_use]
    pub(crate) fn new(parts: RehearsalParts) -> Self {
        let mut this =
            Self { parts, turns: 0, orders: 0, next_order_id: 1, better_bid: None, is_over: false };
        this.add(Side::Buy, BID_TICKS);
        this.add(Side::Sell, ASK_TICKS);
        for _ in 0..LEARNING_TURNS {
            this.step(LEARNING_STEP_NS);
        }
        this.turns = 0;
        this.orders = 0;
        this
    }

    /// Walks the path once.
    #[inline(never)]
    pub fn turn(&mut self) {
        if self.is_over {
            return;
        }
        self.turns += 1;
        if self.turns.is_multiple_of(TURNS_A_ROUND) {
            self.begin_again();
        }
        self.step(STEP_NS);
    }

    /// Walks it until it is warm: before trading begins, on the thread that will trade.
    pub fn warm(&mut self) -> Warmed {
        let (turns, orders) = (self.turns, self.orders);
        let mut ticks = Vec::with_capacity(WARM_TURNS as usize);
        for _ in 0..WARM_TURNS {
            let start = tsc::now();
            self.turn();
            ticks.push(tsc::now().saturating_sub(start));
        }
        let (first, last) = (median(&ticks[..MEDIAN_TURNS]), median(&ticks[ticks.len() - MEDIAN_TURNS..]));
        Warmed {
            turns: self.turns - turns,
            orders: self.orders - orders,
            first_ticks: first,
            last_ticks: last,
        }
    }

    /// The market moves up, or back.
    fn step(&mut self, step_ns: u64) {
        self.parts.time_ns += step_ns;
        match self.better_bid.take() {
            None => self.better_bid = Some(self.add(Side::Buy, BETTER_BID_TICKS)),
            Some(order_id) => {
                let event = MarketEvent { order_id, ..self.event(EventKind::OrderDelete, Side::Buy, 0) };
                self.market(&event);
            }
        }
    }

    /// Its quotes are pulled, whereupon ClOrdIDs and sequence numbers can begin again.
    #[cold]
    fn begin_again(&mut self) {
        self.set_status(TradingStatus::Halted);
        if self.parts.decide.core().orders().live() > 0 {
            self.is_over = true;
            return;
        }
        self.parts.decide.restart_ids();
        self.parts.entry.discard(true);
        self.set_status(TradingStatus::Trading);
    }

    fn set_status(&mut self, status: TradingStatus) {
        self.parts.time_ns += STEP_NS;
        let event = self.event(EventKind::TradingStatus, Side::None, status as u64);
        self.market(&event);
    }

    fn add(&mut self, side: Side, ticks: i64) -> u64 {
        let order_id = self.next_order_id;
        self.next_order_id += 1;
        let price = ticks * self.parts.price_tick;
        let event = MarketEvent { order_id, price, ..self.event(EventKind::OrderAdd, side, 500) };
        self.market(&event);
        order_id
    }

    fn event(&self, kind: EventKind, side: Side, quantity: u64) -> MarketEvent {
        MarketEvent {
            exchange_ns: self.parts.time_ns,
            receive_ns: self.parts.time_ns,
            sequence: self.turns,
            order_id: 0,
            second_id: 0,
            price: PRICE_NONE,
            quantity,
            instrument: 0,
            venue: self.parts.venue,
            kind,
            side,
            flags: flags::LAST_OF_EVENT,
        }
    }

    fn market(&mut self, event: &MarketEvent) {
        let RehearsalParts { decide, entry, .. } = &mut self.parts;
        self.is_over |= decide.market(event, &mut PathStamps::begin(false), entry).is_err();
        self.accept();
    }

    /// Its venue accepts what was sent.
    fn accept(&mut self) {
        let RehearsalParts { decide, entry, digest, stamps, segments, time_ns, .. } = &mut self.parts;
        while let Some(record) = digest.take() {
            self.orders += 1;
            let Some(execution) = acceptance(&record, *time_ns) else { continue };
            self.is_over |=
                decide.execution(&execution, &mut PathStamps::begin_answer(false), entry).is_err();
        }
        entry.discard(false);
        while stamps.pop().is_some() {}
        segments.iter_mut().for_each(ScratchSegments::recycle);
    }
}

/// When a loop turns its rehearsal, if it has one.
#[derive(Default)]
pub struct Warmer {
    rehearsal: Option<Box<Rehearsal>>,
    /// After every system call, and not only when nothing is due.
    is_eager: bool,
}

impl Warmer {
    /// With a rehearsal; an eager one is turned after every system call, even when messages wait.
    #[must_use]
    pub fn new(rehearsal: Rehearsal, is_eager: bool) -> Self {
        Self { rehearsal: Some(Box::new(rehearsal)), is_eager }
    }

    /// Before trading begins; `None` without a rehearsal.
    pub fn warm(&mut self) -> Option<Warmed> {
        self.rehearsal.as_mut().map(|rehearsal| rehearsal.warm())
    }

    /// The loop has just come back from a system call; `is_idle`: nothing is due.
    #[inline(always)]
    pub fn after_call(&mut self, is_idle: bool) {
        if let Some(rehearsal) = &mut self.rehearsal
            && (is_idle || self.is_eager)
        {
            rehearsal.turn();
        }
    }
}

/// The venue's answer to the order message of a canonical record.
fn acceptance(record: &[u8; CANONICAL_BYTES], time_ns: u64) -> Option<Execution> {
    let word = |at: usize| record[at..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let kind = match record[45] {
        action if action == OrderAction::New as u8 => ExecutionKind::New,
        action if action == OrderAction::Replace as u8 => ExecutionKind::Replaced,
        action if action == OrderAction::Cancel as u8 => ExecutionKind::Canceled,
        _ => return None,
    };
    Some(Execution { orig_cl_ord_id: word(16), ..Execution::of(record[44], kind, word(8), time_ns) })
}

fn median(ticks: &[u64]) -> u64 {
    let mut sorted = ticks.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or(0)
}
