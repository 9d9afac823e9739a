//! The scripted parts of the day: directory, orders before the opening, the opening cross, halts, the close.

use super::book::{ASK, BID};
use super::config::{MARKET_OPEN_NS, SYSTEM_EVENTS};
use super::flow::{Pace, order_shares};
use super::session::{BX, Session, Task, UNLISTED};
use crate::itch::messages::{CrossTrade, Message, StockDirectory, StockTradingAction};
use crate::units::NS_PER_S;

/// Where the day is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// In this part of [`OPENING`], at this message of it.
    Opening(usize, usize),
    /// Continuous trading.
    Continuous,
    /// In this part of [`CLOSING`], at this message of it.
    Closing(usize, usize),
}

impl Phase {
    pub(super) const fn start() -> Self {
        Self::Opening(0, 0)
    }
}

/// A run of messages of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// This system event at both venues.
    Event(u8),
    /// `R` of every listing.
    Directory,
    /// `H` of every listing: trading.
    TradingStates,
    /// Orders that rest before the opening.
    Orders,
    /// `Q` of every NASDAQ listing.
    Crosses,
}

const OPENING: [Part; 7] = [
    Part::Event(b'O'),
    Part::Directory,
    Part::TradingStates,
    Part::Event(b'S'),
    Part::Orders,
    Part::Event(b'Q'),
    Part::Crosses,
];

const CLOSING: [Part; 3] = [Part::Event(b'M'), Part::Event(b'E'), Part::Event(b'C')];

/// The opening script starts at most this long before 09:30, ns.
const OPENING_SPAN_MAX_NS: u64 = 5 * 3600 * NS_PER_S;

/// A halt lasts at most this long, ns.
const HALT_MAX_NS: u64 = 300 * NS_PER_S;

/// Time between the events that close the day, ns.
const CLOSING_GAP_NS: u64 = 1_000_000;

impl Session {
    /// Sets the times of the day.
    pub(super) fn plan_day(&mut self) {
        self.close_ns = MARKET_OPEN_NS + self.config.market_span_ns();
        self.now_ns = MARKET_OPEN_NS - self.opening_gap_ns() * self.opening_messages();
    }

    /// Orders that rest before the opening.
    fn opening_orders(&self) -> usize {
        let wanted = (self.listings.len() as u64).saturating_mul(u64::from(self.config.opening_orders));
        usize::try_from(wanted.min(self.config.messages / 16)).unwrap_or(usize::MAX)
    }

    /// Messages before 09:30.
    fn opening_messages(&self) -> u64 {
        (2 * self.listings.len() + self.opening_orders()) as u64 + 4
    }

    /// Spacing before 09:30: that of the session's average, so that a replay in real time does not wait.
    fn opening_gap_ns(&self) -> u64 {
        let average = self.config.market_span_ns() / self.config.messages;
        average.min(OPENING_SPAN_MAX_NS / self.opening_messages()).max(1)
    }

    fn part_length(&self, part: Part) -> usize {
        match part {
            Part::Event(_) => 2,
            Part::Directory | Part::TradingStates => self.listings.len(),
            Part::Orders => self.opening_orders(),
            Part::Crosses => self.symbols.len(),
        }
    }

    /// The next message of opening or close; goes over to continuous trading between them.
    pub(super) fn scripted(&mut self) -> Option<(u8, Message)> {
        loop {
            match self.phase {
                Phase::Opening(part, index) => {
                    let Some(&kind) = OPENING.get(part) else {
                        self.begin_trading();
                        return Some(self.trade());
                    };
                    if index < self.part_length(kind) {
                        self.phase = Phase::Opening(part, index + 1);
                        self.advance_opening(kind);
                        return Some(self.scripted_message(kind, index));
                    }
                    self.phase = Phase::Opening(part + 1, 0);
                }
                Phase::Closing(part, index) => {
                    let &kind = CLOSING.get(part)?;
                    if index < self.part_length(kind) {
                        self.phase = Phase::Closing(part, index + 1);
                        return Some(self.scripted_message(kind, index));
                    }
                    self.phase = Phase::Closing(part + 1, 0);
                    self.now_ns += CLOSING_GAP_NS;
                }
                Phase::Continuous => return Some(self.trade()),
            }
        }
    }

    fn advance_opening(&mut self, kind: Part) {
        let gap = self.opening_gap_ns();
        self.now_ns = match kind {
            Part::Event(b'Q') => MARKET_OPEN_NS,
            Part::Crosses => self.now_ns + u64::from(self.prng.below(4000)),
            _ => {
                // The n-th message falls into the n-th gap, at a random point of it.
                let before = MARKET_OPEN_NS - gap * self.opening_messages() + gap * self.emitted;
                before + u64::from(self.prng.below(u32::try_from(gap).unwrap_or(u32::MAX)))
            }
        };
    }

    fn scripted_message(&mut self, kind: Part, index: usize) -> (u8, Message) {
        match kind {
            Part::Event(code) => (u8::from(index == 1), self.system_event(code)),
            Part::Directory => (self.listings[index].venue, self.directory(index)),
            Part::TradingStates => (self.listings[index].venue, self.trading_action(index, b'T', *b"    ")),
            Part::Orders => self.opening_order(index),
            Part::Crosses => (0, self.opening_cross(index)),
        }
    }

    fn directory(&self, listing: usize) -> Message {
        let market_category = if self.listings[listing].symbol.is_multiple_of(3) { b'N' } else { b'Q' };
        let stock = self.symbols[self.listings[listing].symbol as usize].name;
        Message::StockDirectory(StockDirectory {
            market_category,
            ..StockDirectory::common_share(self.header(listing), stock)
        })
    }

    pub(super) fn trading_action(&self, listing: usize, trading_state: u8, reason: [u8; 4]) -> Message {
        Message::StockTradingAction(StockTradingAction {
            header: self.header(listing),
            stock: self.symbols[self.listings[listing].symbol as usize].name,
            trading_state,
            reserved: b' ',
            reason,
        })
    }

    /// First a bid and an offer in every book, then where the activity is.
    fn opening_order(&mut self, index: usize) -> (u8, Message) {
        let listings = self.listings.len();
        let (listing, side) = if index < 2 * listings {
            (index % listings, if index < listings { BID } else { ASK })
        } else {
            let symbol = self.activity.draw(&mut self.prng);
            (self.draw_venue(symbol), if self.prng.chance(500) { BID } else { ASK })
        };
        let price = if index < 2 * listings {
            self.target_price(listing, side)
        } else {
            self.resting_price(listing, side, true)
        };
        let shares = order_shares(&mut self.prng);
        (self.listings[listing].venue, self.add_order(listing, side, price, shares, false))
    }

    /// The bulk print of orders that were never displayed; a symbol in five has none and prints 0 shares.
    fn opening_cross(&mut self, symbol: usize) -> Message {
        let matched = if self.prng.chance(800) { 100 * (1 + self.prng.geometric(40 << 16)) } else { 0 };
        let price = self.target_price(symbol, BID);
        Message::CrossTrade(CrossTrade {
            header: self.header(symbol),
            shares: u64::from(matched),
            stock: self.symbols[symbol].name,
            price: if matched == 0 { 0 } else { self.price4(symbol, price) },
            match_number: self.next_match_number(0),
            cross_type: b'O',
        })
    }

    fn begin_trading(&mut self) {
        let left = self.config.messages - self.emitted - SYSTEM_EVENTS / 2;
        self.phase = Phase::Continuous;
        self.pace = Pace::new(self.now_ns, self.close_ns, left);
        self.background_due_ns = self.now_ns;
        for symbol in 0..self.symbols.len() {
            self.watch(symbol, true);
        }
        self.plan_halts();
    }

    /// Halts of active symbols that both venues list, spread over the first three quarters of the session.
    fn plan_halts(&mut self) {
        let span = self.close_ns.saturating_sub(self.now_ns);
        let length = (span / 8).min(HALT_MAX_NS);
        let halts = u64::from(self.config.halts);
        let mut halted: Vec<usize> = Vec::new();
        for _ in 0..64 * halts {
            let symbol = self.activity.draw(&mut self.prng);
            let on_bx = self.symbols[symbol].listings[1] != UNLISTED;
            if halted.len() as u64 == halts || !on_bx || halted.contains(&symbol) {
                continue;
            }
            let from = self.now_ns + span / 8 + span / 2 / halts * halted.len() as u64;
            for listing in self.symbols[symbol].listings {
                // BX learns of it from the tape.
                let late = if self.listings[listing as usize].venue == BX { 80_000 } else { 0 };
                let late = late + u64::from(self.prng.below(40_000));
                let listing = listing as usize;
                self.schedule(from + late, listing, Task::Halt);
                self.schedule(from + late + length * 4 / 5, listing, Task::QuoteOnly);
                self.schedule(from + late + length, listing, Task::Resume);
            }
            halted.push(symbol);
        }
    }

    /// Ends continuous trading: what is on the agenda does not happen any more.
    pub(super) fn begin_close(&mut self) {
        self.now_ns = self.now_ns.max(self.close_ns);
        for symbol in 0..self.symbols.len() {
            self.watch(symbol, false);
        }
        self.phase = Phase::Closing(0, 0);
    }
}
