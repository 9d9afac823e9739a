//! The simulated exchange, sans-I/O: market events and order requests in, execution reports out.
//!
//! [`VenueCore`] keeps its own copy of the replayed book, applies every market event to it exactly as the feed says,
//! and decides what the clients' orders would have got. The replayed book is never altered: there is no market
//! impact. In lockstep the engine calls it directly; behind the FIX acceptor the same core answers over TCP.
//!
//! All memory is taken by [`VenueCore::new`]; nothing is allocated after it. One thread owns a core (the decision
//! thread in lockstep, the acceptor's own thread else). It reads no clock and holds no randomness: equal calls give
//! equal reports. It simulates books of orders (L3) and books of levels (L2); it knows limit orders only, runs no
//! auction, and publishes nothing.
//!
//! # The rules
//!
//! *Better* means nearer to the market: higher for a buy order, lower for a sell order. *Displayed* orders are those
//! of the feed. Times of reports are the venue's: [`MarketEvent::exchange_ns`], or the time given with a request.
//!
//! **Resting.**
//! - An order that comes to rest at price `p` goes behind every displayed order of its side and price; the sum of
//!   their quantities is its *queue ahead*. It falls by what is executed, reduced, deleted or replaced away of displayed
//!   orders that were there before. A displayed order that is replaced is a new order, and behind.
//! - When a displayed order is executed, every client order that was before it (a better price, or the same price and
//!   in place before it) fills first, up to the executed quantity. An execution ahead only shortens the queue.
//! - When a displayed order enters (added, or the new one of a replace) at a price that locks or crosses client
//!   orders of the other side, those fill up to its quantity, and that much of it is *used*, as if they had taken it.
//! - A print without a displayed order (a hidden one) fills client orders that it trades *through*: buys above its
//!   price and sells below it. The printed side is not looked at; buys come first, should both be eligible. Cross
//!   (auction) prints, and executions that are part of a cross, fill nobody; the latter do shorten queues.
//! - The quantity of one market event is shared once over all client orders: best price first, at one price the
//!   one longest in place first. Each fills at its own limit price.
//! - Nothing fills unless the instrument is in continuous trading (its own status and the venue's both
//!   [`feeds::event::TradingStatus::Trading`], or never told). What was locked or crossed meanwhile is not made up for.
//!
//! **Taking.** An order whose limit locks or crosses the displayed book takes what is displayed, level by level from
//! the best and oldest first in a level, with one fill a level, at the level's price.
//! - What clients used of a displayed order stays used, for all clients, until that order goes; it is capped at what
//!   the order still displays. A replaced order takes its used part along, capped at the new quantity: its owner
//!   would not have the rest if we had really traded.
//! - What an immediate-or-cancel order cannot take is cancelled. A day order rests with what is left, even at a price
//!   that still crosses displayed, used quantity.
//! - Two bounds keep the work of one request bounded: an order that has gone through [`TAKE_LEVELS_MAX`] displayed
//!   levels, or that needs displayed quantity when no further displayed order's use can be remembered
//!   ([`VenueConfig::used_orders_max`]), takes no more and its remainder is cancelled, day order or not. With that memory full,
//!   entering displayed orders fill nobody either.
//!
//! # Books of levels
//!
//! An instrument whose feed sets levels ([`feeds::event::EventKind::LevelSet`]) and shows no orders has a *book of
//! levels*, until an order is added to it. The rules above hold, with these in the place of what they say of single
//! displayed orders. Where a feed of levels does not tell, the rules decide against the clients.
//!
//! **What may stand at a price.** What the level displays. Where none is displayed: nothing, if the side displays a
//! worse price, since the feed shows that far; else it is *unseen*. A feed of best prices alone, or of ten levels, takes
//! a level away when better ones push it out and brings it back later: it was there all the time.
//!
//! **Resting.**
//! - The queue ahead of an order that comes to rest is what may stand at its price. It falls by what prints at the price,
//!   and is never more than what may stand there after a level set of its side. So what is cancelled went from behind
//!   us, until the level is smaller than the queue ahead. An order at an unseen price fills by no print at it, and has
//!   ahead what the level displays when it comes into sight.
//! - A print fills client orders of the side that it hit: all at better prices, up to its quantity; at its price each
//!   up to what the print has beyond its queue ahead. A print without a side hit every side whose other side displays
//!   nothing at its price or better. A hidden print, and a cross, do what they do in a book of orders, and shorten
//!   no queue.
//! - When a level is set to more, at a price that locks or crosses client orders of the other side, those fill up to
//!   what is new: displayed now, and neither displayed before nor used. That much of it is used.
//! - A feed that lowers a level before it prints the trade shortens a queue twice, if less is behind us than traded.
//!
//! **Taking.** What clients used of a level stays used, for all clients, as long as something may stand there: a level
//! set to less caps it, one set to more adds what can be taken, one that is gone forgets it, and one that went out of
//! sight and comes back displays it still, used.
//!
//! **When the feed loses its thread.** After a gap, what may stand at their price is ahead of client orders; after a
//! clear all prices are unseen. A level that comes with a snapshot is all ahead, and fills nobody.
//!
//! # All books
//!
//! Client orders never match each other, of one session or of two: they do not see each other at all. A buy and a
//! sell that cross both rest.
//!
//! **Replace.** OrderQty is the new total. A total at or below CumQty cancels the remainder (the report says Canceled).
//! A lower total at the same price keeps the place, and so does one that changes nothing; a new price or a higher
//! total loses it: the order is entered again as if new, and may take. The time in force stays that of the order. The
//! new ClOrdID becomes the order's name; under the old one it can no longer be reached.
//!
//! **Refused.** Every refused new order is a Rejected report, every refused replace or cancel a CancelRejected one. In
//! this order:
//! 1. [`RejectReason::Other`]: no ClOrdID. [`RejectReason::DuplicateClOrdId`]: the session used the id before today,
//!    in any request, refused ones too. `Other`: a new order or replace when [`VenueConfig::cl_ord_ids_max`] ids are stored.
//! 2. New: [`RejectReason::UnknownSymbol`] for an instrument number out of range, `Other` without a side. Replace and
//!    cancel: [`RejectReason::UnknownOrder`] when OrigClOrdID never named an accepted order of the session,
//!    [`RejectReason::TooLate`] when that order is done or goes by another name now, `Other` when instrument or side are
//!    not the order's.
//! 3. New and replace: [`RejectReason::Closed`] outside continuous trading; [`RejectReason::Quantity`] for zero or more
//!    than [`VenueConfig::quantity_max`]; [`RejectReason::Price`] for a price not above zero or off the tick.
//! 4. New: `Other` when [`VenueConfig::orders_max`] orders live.
//!
//! A cancel is served in a halt and after the close, and also when no further id can be stored: no order can be named
//! any more by then, so that the names of orders stay unique.
//!
//! **Order of reports.** A new order answers New, then its fills, then Canceled if a remainder goes. A replace answers
//! Replaced, then the same. Whoever disconnects has all live orders cancelled, oldest first. When the venue closes, all
//! orders are cancelled, oldest first; when one instrument does, its orders.
//!
//! **When the feed loses its thread.** After a clear, client orders stay, with nothing ahead of them. After a gap they
//! stay, and all that is displayed at their price counts as ahead. A displayed order that comes with a snapshot goes
//! ahead of client orders at its price and fills nobody, since nobody knows when it entered. An event that does not
//! fit the book (an unknown order, say) is counted, see [`VenueCore::book_errors`], and has no other effect.

mod config;
pub mod desk;
pub mod echo;
mod entry;
pub mod feed_server;
pub mod front;
pub mod gateway;
pub mod hours;
pub mod in_memory;
mod levels;
mod matching;
mod names;
mod orders;
pub mod ouch_gateway;
pub mod publisher;
pub mod report;
pub mod request;
#[cfg(test)]
mod scenarios;
pub mod server;
mod used;
mod used_levels;

use feeds::event::{EventKind, INSTRUMENT_ALL, MarketEvent, Side, TradingStatus};
use feeds::units::PRICE_NONE;
use kernels::cpu::book::VenueBooks;

use crate::order::{ExecutionKind, RejectReason, TimeInForce};
pub use config::{CAPACITY_LIMIT, VenueConfig, VenueConfigError};
use names::NameTable;
use orders::{NO_SLOT, Orders};
pub use report::{OrderStatus, Reports, VenueReport};
pub use request::{ClOrdIdText, OrderRequest};
use used::UsedTable;
use used_levels::UsedLevels;

/// Displayed levels that one order goes through at most.
pub const TAKE_LEVELS_MAX: usize = 64;

/// A fill that the venue busts or corrects; session 0 has the order. The venue does so when whoever drives it says so, as it
/// does with the faults of its lines, and never of its own accord: the simulator of `tests/` puts it into its days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TradeChange {
    /// ExecID(17) of the fill: ExecRefID(19) of the report.
    pub exec_id: u64,
    /// OrderID(37) of its order.
    pub order_id: u64,
    /// ClOrdID(11) of an order that is done; one that lives goes by its own.
    pub cl_ord_id: ClOrdIdText,
    /// The order's instrument.
    pub instrument: u32,
    /// The order's side.
    pub side: Side,
    /// LastQty(32) of the fill.
    pub quantity: u64,
    /// LastPx(31) of the fill, 1e-9.
    pub price: i64,
    /// Quantity and price that it was in truth; `None`: it was none.
    pub corrected: Option<(u64, i64)>,
}

/// The simulated exchange; the module's page has its rules.
pub struct VenueCore {
    config: VenueConfig,
    books: VenueBooks,
    orders: Orders,
    names: NameTable,
    used: UsedTable,
    used_levels: UsedLevels,
    /// Whether each instrument has a book of levels.
    of_levels: Vec<bool>,
    /// How many have: zero spares a venue of orders every look at `of_levels`.
    level_books: usize,
    /// Price increment of each instrument, 1e-9.
    price_ticks: Vec<i64>,
    exec_ids: u64,
    book_errors: u64,
}

impl VenueCore {
    /// Takes all memory for `config`.
    ///
    /// # Errors
    /// A capacity out of bounds, a tick that is not positive, a largest quantity of zero.
    pub fn new(config: VenueConfig) -> Result<Self, VenueConfigError> {
        config.check()?;
        let instruments = config.books.instruments_max;
        Ok(Self {
            books: VenueBooks::new(config.books).map_err(VenueConfigError::Books)?,
            orders: Orders::new(config.orders_max, config.cl_ord_ids_max, instruments),
            names: NameTable::new(config.cl_ord_ids_max),
            used: UsedTable::new(config.used_orders_max),
            used_levels: UsedLevels::new(config.used_orders_max, instruments),
            of_levels: vec![false; instruments],
            level_books: 0,
            price_ticks: vec![config.price_tick; instruments],
            exec_ids: 0,
            book_errors: 0,
            config,
        })
    }

    /// Sets one instrument's price increment, 1e-9, for requests from now on. Says whether it could: the instrument
    /// is in range and the tick positive.
    pub fn set_price_tick(&mut self, instrument: u32, tick: i64) -> bool {
        match self.price_ticks.get_mut(instrument as usize) {
            Some(place) if tick > 0 => {
                *place = tick;
                true
            }
            _ => false,
        }
    }

    /// Reports that one call can write at most: what a [`Reports`] that is cleared between calls must hold.
    #[must_use]
    pub fn reports_max(&self) -> usize {
        // A market event or a disconnect reports on each live order once; a request is answered, then fills once a
        // level, then may lose its remainder.
        self.config.orders_max.max(TAKE_LEVELS_MAX + 2)
    }

    /// One event of the replayed feed. Events of other venues are ignored.
    #[inline]
    pub fn on_market(&mut self, event: &MarketEvent, out: &mut Reports) {
        if event.venue != self.config.venue {
            return;
        }
        if event.kind == EventKind::LevelSet {
            self.on_level_set(event, out);
            return;
        }
        let Ok(applied) = self.books.apply(event) else {
            self.book_errors += 1;
            return;
        };
        match event.kind {
            EventKind::OrderAdd => {
                if self.level_books > 0 {
                    self.turn_book(event, false);
                }
                self.on_displayed(event, event.order_id, event.side, out);
            }
            EventKind::OrderReplace => {
                self.used.rename(event.order_id, event.second_id, event.instrument, event.quantity);
                self.shorten_queues(event.instrument, &applied);
                self.on_displayed(event, event.second_id, applied.side, out);
            }
            EventKind::OrderReduce | EventKind::OrderDelete => {
                self.used.reduce(event.order_id, applied.quantity);
                self.shorten_queues(event.instrument, &applied);
            }
            EventKind::OrderExecute => {
                self.used.reduce(event.order_id, applied.quantity);
                self.on_execute(event, &applied, out);
            }
            EventKind::Trade => self.on_print(event, out),
            EventKind::TradingStatus => self.on_status(event, out),
            EventKind::Gap => self.on_gap(event),
            EventKind::Clear => self.on_clear(event),
            EventKind::LevelSet | EventKind::OrderModify | EventKind::Recovered => {}
        }
    }

    /// The session is gone: all its live orders are cancelled. Its ClOrdIDs stay used.
    pub fn on_disconnect(&mut self, session: u16, time_ns: u64, out: &mut Reports) {
        self.cancel_where(time_ns, out, |order| order.session == session);
    }

    /// The venue takes a fill back, or says that it was another one: CumQty(14) of its order changes, and an order that lives
    /// works on with what it then has left. Says whether there is such an order with so much filled.
    pub fn change_trade(&mut self, time_ns: u64, change: &TradeChange, out: &mut Reports) -> bool {
        let (quantity, price) = change.corrected.unwrap_or((0, 0));
        let signed = |quantity: u64| i64::try_from(quantity).unwrap_or(i64::MAX);
        let value =
            i128::from(price) * i128::from(quantity) - i128::from(change.price) * i128::from(change.quantity);
        let by = signed(quantity) - signed(change.quantity);
        if !self.orders.change_fill(change.order_id, by, value) {
            return false;
        }
        let kind = if quantity > 0 { ExecutionKind::TradeCorrect } else { ExecutionKind::TradeCancel };
        let is_correction = kind == ExecutionKind::TradeCorrect;
        let mut report = if let Some(slot) = self.orders.slot_of(change.order_id) {
            self.report_on(slot, kind, time_ns)
        } else {
            self.exec_ids += 1;
            let number = u32::try_from(change.order_id).unwrap_or(0);
            let (cum_qty, cum_value) = self.orders.filled_of(number);
            VenueReport {
                time_ns,
                order_id: change.order_id,
                exec_id: self.exec_ids,
                price: PRICE_NONE,
                order_qty: cum_qty,
                last_px: PRICE_NONE,
                last_qty: 0,
                leaves_qty: 0,
                cum_qty,
                cum_value,
                instrument: change.instrument,
                session: 0,
                cl_ord_id: change.cl_ord_id,
                orig_cl_ord_id: ClOrdIdText::NONE,
                kind,
                status: self.orders.status_of(number),
                reason: RejectReason::None,
                response_to: None,
                side: change.side,
                time_in_force: TimeInForce::Day,
            }
        };
        report.orig_cl_ord_id = ClOrdIdText::from_number(change.exec_id);
        if is_correction {
            (report.last_px, report.last_qty) = (price, quantity);
        }
        out.push(report);
        true
    }

    /// Displayed quantity ahead of a resting client order, by OrderID(37); `None` when it is done or never was;
    /// [`u64::MAX`] at an unseen price of a book of levels.
    #[must_use]
    pub fn queue_ahead(&self, order_id: u64) -> Option<u64> {
        self.orders.slot_of(order_id).map(|slot| self.orders[slot].queue_ahead)
    }

    /// Every ClOrdID that any session has used today, in requests of every kind, refused ones too; in no particular
    /// order.
    pub fn cl_ord_ids(&self) -> impl Iterator<Item = &ClOrdIdText> {
        self.names.iter().map(|(_, id)| id)
    }

    /// What is on record of the order that a session's ClOrdID(11) names or named: its status and what of it has filled.
    #[must_use]
    pub fn order_of(&self, session: u16, cl_ord_id: &ClOrdIdText) -> Option<(OrderStatus, u64)> {
        let number = self.names.order(self.names.find(session, cl_ord_id)?);
        if number == names::NO_ORDER {
            return None;
        }
        let filled = match self.orders.slot_of(u64::from(number)) {
            Some(slot) => self.orders[slot].cum_qty,
            None => self.orders.filled_of(number).0,
        };
        Some((self.orders.status_of(number), filled))
    }

    /// Client orders that live now.
    #[must_use]
    pub fn live_orders(&self) -> usize {
        self.orders.live()
    }

    /// Market events that did not fit the book and had no effect.
    #[must_use]
    pub fn book_errors(&self) -> u64 {
        self.book_errors
    }

    /// The replayed book as the venue sees it.
    #[must_use]
    pub fn books(&self) -> &VenueBooks {
        &self.books
    }

    /// At the close of the venue or of one instrument its orders are cancelled.
    fn on_status(&mut self, event: &MarketEvent, out: &mut Reports) {
        if event.quantity == TradingStatus::Closed as u64 {
            self.cancel_where(event.exchange_ns, out, |order| {
                event.instrument == INSTRUMENT_ALL || order.instrument == event.instrument
            });
        }
    }

    /// Cancels, oldest first, the live orders that are picked.
    fn cancel_where(&mut self, time_ns: u64, out: &mut Reports, picked: impl Fn(&orders::Order) -> bool) {
        let mut slot = self.orders.oldest();
        while slot != NO_SLOT {
            let younger = self.orders[slot].younger;
            if picked(&self.orders[slot]) {
                self.cancel(slot, time_ns, out);
            }
            slot = younger;
        }
    }

    /// Cancels a live order that nobody asked to cancel.
    fn cancel(&mut self, slot: u32, time_ns: u64, out: &mut Reports) {
        let mut report = self.report_on(slot, ExecutionKind::Canceled, time_ns);
        report.leaves_qty = 0;
        report.status = OrderStatus::Canceled;
        out.push(report);
        self.orders.finish(slot, OrderStatus::Canceled);
    }

    /// An execution report on a live order as it is now, with the next ExecID.
    fn report_on(&mut self, slot: u32, kind: ExecutionKind, time_ns: u64) -> VenueReport {
        self.exec_ids += 1;
        let order = &self.orders[slot];
        VenueReport {
            time_ns,
            order_id: u64::from(order.number),
            exec_id: self.exec_ids,
            price: order.price,
            order_qty: order.order_qty,
            last_px: PRICE_NONE,
            last_qty: 0,
            leaves_qty: order.leaves_qty(),
            cum_qty: order.cum_qty,
            cum_value: order.cum_value,
            instrument: order.instrument,
            session: order.session,
            cl_ord_id: order.cl_ord_id,
            orig_cl_ord_id: ClOrdIdText::NONE,
            kind,
            status: order.status(),
            reason: RejectReason::None,
            response_to: None,
            side: order.side,
            time_in_force: order.time_in_force,
        }
    }
}
