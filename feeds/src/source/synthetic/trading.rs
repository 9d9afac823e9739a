//! Continuous trading: the background flow, and quotes that follow the efficient price, each venue with its own lag.
//!
//! A book never locks or crosses inside its venue: prices of new orders stop short of the other side, and quotes that
//! the price has run over are executed or withdrawn before better ones come.

use super::book::{ASK, BID};
use super::flow::{Action, order_shares};
use super::price::TICK;
use super::prng::Prng;
use super::session::{NASDAQ, Session, Task, UNLISTED};
use crate::itch::messages::{Message, Trade};

/// Listings keep this many orders a side before any are deleted or executed.
const SIDE_ORDERS_MIN: usize = 3;

/// Share of the steps of a burst that stay on the symbol, in 1/1000; with the quote moves it makes half of all
/// messages follow one of the same symbol.
const STAY_PERMILLE: u32 = 620;

/// Fast and slow quoters: fixed and mean random lag behind the price, ns.
const FAST_LAG_NS: (u64, u64) = (15_000, 60_000);
const SLOW_LAG_NS: (u64, u64) = (60_000, 700_000);
/// No quoter is later than this, ns.
const LAG_MAX_NS: u64 = 4_000_000;

/// How far a price is on the good side of the book: greater is a better bid, or a better offer.
fn goodness(side: usize, price: i32) -> i64 {
    if side == BID { i64::from(price) } else { -i64::from(price) }
}

impl Session {
    /// The next message of continuous trading.
    pub(super) fn trade(&mut self) -> (u8, Message) {
        loop {
            let (listing, message) = if self.agenda_due_ns() <= self.background_due_ns {
                let Some((due_ns, listing, task)) = self.pop_agenda() else { continue };
                self.now_ns = self.now_ns.max(due_ns);
                (listing, self.perform(listing, task))
            } else {
                self.now_ns = self.now_ns.max(self.background_due_ns);
                self.background()
            };
            if let Some(message) = message {
                self.watch(self.listings[listing].symbol as usize, true);
                return (self.listings[listing].venue, message);
            }
        }
    }

    fn perform(&mut self, listing: usize, task: Task) -> Option<Message> {
        let (state, reason) = match task {
            Task::Quote => return self.quote(listing),
            Task::Sweep => return self.sweep(listing),
            Task::Halt => (b'H', *b"T1  "),
            Task::QuoteOnly => (b'Q', *b"T3  "),
            Task::Resume => (b'T', *b"T3  "),
        };
        self.listings[listing].state = state;
        Some(self.trading_action(listing, state, reason))
    }

    /// The listing of this symbol that the next message of the flow goes to.
    pub(super) fn draw_venue(&mut self, symbol: usize) -> usize {
        let [nasdaq, bx] = self.symbols[symbol].listings;
        let on_bx = bx != UNLISTED && self.prng.chance(self.config.bx_flow_permille);
        if on_bx { bx as usize } else { nasdaq as usize }
    }

    /// One step of the background flow.
    fn background(&mut self) -> (usize, Option<Message>) {
        let (gap, burst) = self.pace.next_gap(&mut self.prng, self.now_ns);
        self.background_due_ns = self.now_ns + gap;
        let symbol = self.focus.0;
        let listing = self.focus.1;
        // The focus of the step after this one.
        if !burst || !self.prng.chance(STAY_PERMILLE) {
            self.focus.0 = self.activity.draw(&mut self.prng);
        }
        self.focus.1 = self.draw_venue(self.focus.0);
        if self.symbols[symbol].price.step(&mut self.prng) {
            self.schedule_quotes(symbol);
        }
        let message = self.act(listing);
        (listing, message)
    }

    fn act(&mut self, listing: usize) -> Option<Message> {
        let book = &self.listings[listing].book;
        let thin = book.count(BID).min(book.count(ASK)) < SIDE_ORDERS_MIN;
        let trading = self.listings[listing].state == b'T';
        let action = self.mix.draw(&mut self.prng);
        Some(match action {
            Action::AddAttributed => self.add(listing, true),
            Action::Delete if !thin => {
                let slot = self.pick(listing);
                self.delete_order(listing, slot)
            }
            Action::Replace if !thin => self.replace(listing),
            Action::Cancel if !thin => {
                let slot = self.pick(listing);
                let shares = self.orders.get(slot).shares;
                if shares < 2 {
                    return None;
                }
                let shares = 1 + self.prng.below(shares - 1);
                self.cancel_shares(listing, slot, shares)
            }
            Action::Execute if !thin && trading => self.aggress(listing)?,
            Action::HiddenTrade if !thin && trading => self.hidden_trade(listing),
            _ => self.add(listing, false),
        })
    }

    /// A live order of the listing, mostly a recent one. The listing has some.
    fn pick(&mut self, listing: usize) -> u32 {
        let live = &self.listings[listing].book.live;
        let count = u32::try_from(live.len()).unwrap_or(u32::MAX);
        let back = if self.prng.chance(720) { self.prng.geometric(12 << 16) } else { u32::MAX };
        let index = if back < count { count - 1 - back } else { self.prng.below(count) };
        live[index as usize]
    }

    fn add(&mut self, listing: usize, attributed: bool) -> Message {
        let book = &self.listings[listing].book;
        let fewer_bids = book.count(BID) < book.count(ASK);
        // The thinner side draws orders.
        let side = if self.prng.chance(580) == fewer_bids { BID } else { ASK };
        let price = self.resting_price(listing, side, false);
        let shares = order_shares(&mut self.prng);
        self.add_order(listing, side, price, shares, attributed)
    }

    fn replace(&mut self, listing: usize) -> Message {
        let slot = self.pick(listing);
        let order = *self.orders.get(slot);
        let price = self.resting_price(listing, order.side as usize, false);
        let shares = if self.prng.chance(700) { order.shares } else { order_shares(&mut self.prng) };
        self.replace_order(listing, slot, price, shares)
    }

    /// A marketable order: takes the head of the best level, and goes on from [`Task::Sweep`] while shares and level
    /// last. Its side follows the trend.
    fn aggress(&mut self, listing: usize) -> Option<Message> {
        let buyers_permille = match self.price_of(listing).trend {
            1 => 680,
            -1 => 320,
            _ => 500,
        };
        let side = if self.prng.chance(buyers_permille) { ASK } else { BID };
        let wanted = order_shares(&mut self.prng);
        let price = self.listings[listing].book.best_price(side)?;
        let (message, taken) = self.execute_head(listing, side, wanted)?;
        if taken < wanted && self.listings[listing].sweep_shares == 0 {
            self.listings[listing].sweep_shares = wanted - taken;
            self.listings[listing].sweep_price = if side == BID { price } else { -price };
            self.schedule_sweep(listing);
        }
        Some(message)
    }

    fn schedule_sweep(&mut self, listing: usize) {
        let due = self.now_ns + u64::from(self.prng.below(400));
        self.schedule(due, listing, Task::Sweep);
    }

    /// The next execution of the aggressor at work. The sign of its price says the side it takes from.
    fn sweep(&mut self, listing: usize) -> Option<Message> {
        let state = &mut self.listings[listing];
        let wanted = std::mem::take(&mut state.sweep_shares);
        let side = if state.sweep_price > 0 { BID } else { ASK };
        let at_limit = state.book.best_price(side) == Some(state.sweep_price.abs());
        if state.state != b'T' || !at_limit || state.book.count(side) < SIDE_ORDERS_MIN {
            return None;
        }
        let (message, taken) = self.execute_head(listing, side, wanted)?;
        if taken < wanted {
            self.listings[listing].sweep_shares = wanted - taken;
            self.schedule_sweep(listing);
        }
        Some(message)
    }

    /// `P`: an execution between the displayed quotes.
    fn hidden_trade(&mut self, listing: usize) -> Message {
        let state = &self.listings[listing];
        let (venue, symbol) = (state.venue, state.symbol as usize);
        let bid = self.price4(listing, state.book.best_price(BID).unwrap_or(1));
        let ask = self.price4(listing, state.book.best_price(ASK).unwrap_or(1));
        Message::Trade(Trade {
            header: self.header(listing),
            reference: 0,
            side: b'B',
            shares: order_shares(&mut self.prng),
            stock: self.symbols[symbol].name,
            price: bid.midpoint(ask),
            match_number: self.next_match_number(venue),
        })
    }

    /// The anchor moved: each venue's quoters follow after their own lag. Mostly NASDAQ's are the faster ones.
    fn schedule_quotes(&mut self, symbol: usize) {
        let nasdaq_leads = self.prng.chance(850);
        for listing in self.symbols[symbol].listings {
            if listing != UNLISTED {
                self.schedule_quote(listing as usize, nasdaq_leads);
            }
        }
    }

    fn schedule_quote(&mut self, listing: usize, nasdaq_leads: bool) {
        if self.listings[listing].quotes_due {
            return;
        }
        self.listings[listing].quotes_due = true;
        let fast = (self.listings[listing].venue == NASDAQ) == nasdaq_leads;
        let (fixed, mean) = if fast { FAST_LAG_NS } else { SLOW_LAG_NS };
        let lag = (fixed + self.prng.exponential(mean)).min(LAG_MAX_NS);
        self.schedule(self.now_ns + lag, listing, Task::Quote);
    }

    /// One message of a quote move: first what the price has run over goes, then new quotes come.
    fn quote(&mut self, listing: usize) -> Option<Message> {
        let anchor = self.price_of(listing).anchor;
        let refill = u8::from(self.prng.chance(500)) + u8::from(self.prng.chance(500));
        let state = &mut self.listings[listing];
        if !state.quoting {
            state.quoting = true;
            state.belief = anchor;
            state.refill = 2 + refill;
        }
        let message = self.withdraw_stale(listing).or_else(|| self.refill(listing));
        if message.is_some() {
            let gap = 300 + self.prng.exponential(1_500);
            self.schedule(self.now_ns + gap, listing, Task::Quote);
            return message;
        }
        self.listings[listing].quoting = false;
        self.listings[listing].quotes_due = false;
        if self.listings[listing].belief != anchor {
            self.schedule_quote(listing, true);
        }
        None
    }

    /// Executes, moves or deletes the first order of a best level that is beyond the believed price.
    fn withdraw_stale(&mut self, listing: usize) -> Option<Message> {
        for side in [BID, ASK] {
            let Some(&level) = self.listings[listing].book.best(side) else { continue };
            if goodness(side, level.price) <= self.goodness_limit(listing, side) {
                continue;
            }
            let trading = self.listings[listing].state == b'T';
            return match self.prng.below(100) {
                0..12 if trading => self.execute_head(listing, side, u32::MAX).map(|(message, _)| message),
                12..34 => {
                    let price = self.resting_price(listing, side, false);
                    let shares = self.orders.get(level.head).shares;
                    Some(self.replace_order(listing, level.head, price, shares))
                }
                _ => Some(self.delete_order(listing, level.head)),
            };
        }
        None
    }

    /// Adds at the target price on the side that is furthest behind it.
    fn refill(&mut self, listing: usize) -> Option<Message> {
        if self.listings[listing].refill == 0 {
            return None;
        }
        self.listings[listing].refill -= 1;
        let behind = |session: &Self, side| {
            let target = goodness(side, session.target_price(listing, side));
            session.listings[listing]
                .book
                .best_price(side)
                .map_or(i64::MAX, |best| target - goodness(side, best))
        };
        let (bid, ask) = (behind(self, BID), behind(self, ASK));
        if bid.max(ask) <= 0 {
            return None;
        }
        let side = if bid >= ask { BID } else { ASK };
        let price = self.target_price(listing, side);
        let shares = order_shares(&mut self.prng);
        Some(self.add_order(listing, side, price, shares, false))
    }

    /// The price that a patient quoter asks for: half a spread from what the venue believes, rounded outwards, and
    /// never through the other side.
    pub(super) fn target_price(&self, listing: usize, side: usize) -> i32 {
        let belief = self.listings[listing].belief;
        let half_spread = self.price_of(listing).half_spread;
        let signed = if side == BID { belief } else { -belief };
        self.price_of_goodness(listing, side, (signed - half_spread) >> 16)
    }

    /// Quotes better than this are stale: the believed price has run over them.
    fn goodness_limit(&self, listing: usize, side: usize) -> i64 {
        let belief = self.listings[listing].belief;
        let signed = if side == BID { belief } else { -belief };
        (signed - self.price_of(listing).half_spread / 4) >> 16
    }

    /// The price as good as wanted, within what does not cross the other side nor leaves the range of prices.
    fn price_of_goodness(&self, listing: usize, side: usize, wanted: i64) -> i32 {
        let other = self.listings[listing].book.best_price(1 - side);
        let bound = other.map_or(i64::MAX, |other| goodness(side, other) - 1);
        let goodness = wanted.min(bound);
        let price = if side == BID { goodness } else { -goodness };
        // A price below 1 dollar has its own tick, so offers of such a symbol stay below it.
        let highest = if self.price_of(listing).tick == 1 { 9_999 } else { 20_000_000 };
        i32::try_from(price.clamp(1, highest)).expect("clamped")
    }

    /// The price of an order that is to rest: at the touch, a tick better, or deeper.
    pub(super) fn resting_price(&mut self, listing: usize, side: usize, opening: bool) -> i32 {
        let target = goodness(side, self.target_price(listing, side));
        let touch = self.listings[listing].book.best_price(side).map_or(target, |best| goodness(side, best));
        let unit = (self.price_of(listing).half_spread / (2 * TICK)).max(1);
        let depth = |prng: &mut Prng, mean: u32| unit * (1 + i64::from(prng.geometric(mean << 15)));
        let behind = match self.prng.below(1000) {
            _ if opening => depth(&mut self.prng, 24),
            0..300 => 0,
            300..480 if touch < target => -1,
            300..950 => depth(&mut self.prng, 7),
            950..996 => unit * i64::from(self.prng.below(120)),
            _ => self.listings[listing].belief / TICK / 4 + i64::from(self.prng.below(50)),
        };
        let limit = self.goodness_limit(listing, side).max(target);
        self.price_of_goodness(listing, side, (touch - behind).min(limit))
    }
}
