//! A test model: one venue as its stream describes it, with maps of queues.

use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::itch::messages::Message;

/// Price to queue of references.
pub(super) type Side = BTreeMap<u32, VecDeque<u64>>;

#[derive(Clone, Copy)]
pub(super) struct Resting {
    pub(super) locate: u16,
    pub(super) buy: bool,
    pub(super) price: u32,
    pub(super) shares: u32,
}

#[derive(Default)]
pub(super) struct NaiveBook {
    pub(super) bids: Side,
    pub(super) offers: Side,
    pub(super) trading: bool,
}

/// One venue as its stream describes it; panics at anything that no venue would publish.
#[derive(Default)]
pub(super) struct NaiveVenue {
    pub(super) orders: HashMap<u64, Resting>,
    pub(super) books: HashMap<u16, NaiveBook>,
    pub(super) open: bool,
    last_reference: u64,
    last_match: u64,
    last_ns: u64,
    pub(super) events: Vec<u8>,
    pub(super) counts: HashMap<u8, u64>,
}

impl NaiveVenue {
    fn queue(&mut self, order: Resting) -> &mut VecDeque<u64> {
        let book = self.books.get_mut(&order.locate).expect("listed");
        let side = if order.buy { &mut book.bids } else { &mut book.offers };
        side.entry(order.price).or_default()
    }

    pub(super) fn add(&mut self, reference: u64, order: Resting) {
        assert!(reference > self.last_reference, "references ascend");
        self.last_reference = reference;
        assert!(order.shares > 0 && order.price > 0);
        let tick_ok = order.price < 10_000 || order.price.is_multiple_of(100);
        assert!(tick_ok, "{} is no price", order.price);
        assert!(self.orders.insert(reference, order).is_none());
        self.queue(order).push_back(reference);
        let (bid, ask) = self.top(order.locate);
        assert!(bid == 0 || ask == 0 || bid < ask, "locate {}: {bid} / {ask}", order.locate);
    }

    fn reduce(&mut self, locate: u16, reference: u64, shares: u32) -> Resting {
        let order = self.orders.get_mut(&reference).expect("known reference");
        assert_eq!(order.locate, locate);
        assert!(shares > 0 && shares <= order.shares, "at most what rests");
        order.shares -= shares;
        let order = *order;
        if order.shares == 0 {
            self.orders.remove(&reference);
            let queue = self.queue(order);
            let at = queue.iter().position(|&r| r == reference).unwrap();
            queue.remove(at);
            if queue.is_empty() {
                let book = self.books.get_mut(&locate).unwrap();
                if order.buy {
                    book.bids.remove(&order.price)
                } else {
                    book.offers.remove(&order.price)
                };
            }
        }
        order
    }

    /// Best bid and offer, 0 for none.
    pub(super) fn top(&self, locate: u16) -> (u32, u32) {
        self.books.get(&locate).map_or((0, 0), |book| {
            let bid = book.bids.last_key_value().map_or(0, |(&price, _)| price);
            (bid, book.offers.first_key_value().map_or(0, |(&price, _)| price))
        })
    }

    fn execute(&mut self, locate: u16, reference: u64, shares: u32, match_number: u64) {
        self.check_match(locate, match_number);
        let order = self.orders[&reference];
        let (bid, ask) = self.top(locate);
        assert_eq!(order.price, if order.buy { bid } else { ask }, "executed at the best price");
        assert_eq!(self.queue(order).front(), Some(&reference), "executed at the queue's head");
        self.reduce(locate, reference, shares);
    }

    fn check_match(&mut self, locate: u16, match_number: u64) {
        assert!(self.open, "trades only in market hours");
        assert!(self.books[&locate].trading, "nothing trades while halted");
        assert!(match_number > self.last_match);
        self.last_match = match_number;
    }

    pub(super) fn apply(&mut self, message: &Message) {
        let header = *message.header();
        let locate = header.locate;
        assert!(header.timestamp_ns >= self.last_ns, "time goes on");
        self.last_ns = header.timestamp_ns;
        *self.counts.entry(message.message_type()).or_default() += 1;
        match *message {
            Message::SystemEvent(m) => {
                self.events.push(m.event_code);
                self.open = m.event_code == b'Q';
            }
            Message::StockDirectory(_) => {
                assert!(locate > 0 && self.books.insert(locate, NaiveBook::default()).is_none());
            }
            Message::StockTradingAction(m) => {
                self.books.get_mut(&locate).unwrap().trading = m.trading_state == b'T';
            }
            Message::AddOrder(m) => self
                .add(m.reference, Resting { locate, buy: m.side == b'B', price: m.price, shares: m.shares }),
            Message::AddOrderMpid(m) => self
                .add(m.reference, Resting { locate, buy: m.side == b'B', price: m.price, shares: m.shares }),
            Message::OrderExecuted(m) => self.execute(locate, m.reference, m.shares, m.match_number),
            Message::OrderExecutedWithPrice(m) => {
                self.execute(locate, m.reference, m.shares, m.match_number);
            }
            Message::OrderCancel(m) => {
                assert!(self.reduce(locate, m.reference, m.shares).shares > 0, "a partial cancel");
            }
            Message::OrderDelete(m) => {
                let shares = self.orders[&m.reference].shares;
                self.reduce(locate, m.reference, shares);
            }
            Message::OrderReplace(m) => {
                let order = self.orders[&m.reference];
                self.reduce(locate, m.reference, order.shares);
                self.add(m.new_reference, Resting { price: m.price, shares: m.shares, ..order });
            }
            Message::Trade(m) => {
                self.check_match(locate, m.match_number);
                let (bid, ask) = self.top(locate);
                assert!(bid <= m.price && m.price <= ask);
            }
            Message::CrossTrade(m) => self.check_match(locate, m.match_number),
            _ => panic!("not generated: {message:?}"),
        }
    }

    pub(super) fn bbo_checksum(&self) -> u64 {
        let mut sum = 0u64;
        for (&locate, book) in &self.books {
            let (bid, ask) = self.top(locate);
            let shares = |side: &Side, price: u32| -> u64 {
                side.get(&price).map_or(0, |q| q.iter().map(|r| u64::from(self.orders[r].shares)).sum())
            };
            let value = 3 * u64::from(bid)
                + 5 * shares(&book.bids, bid)
                + 7 * u64::from(ask)
                + 11 * shares(&book.offers, ask);
            sum = sum.wrapping_add(value.wrapping_mul(u64::from(locate)));
        }
        sum
    }
}
