//! The market as the engine was told of it, event by event: books of maps, searched where something is asked.

use std::collections::{BTreeMap, HashMap};

use feeds::event::{EventKind, INSTRUMENT_ALL, MarketEvent, Side, TradingStatus, flags};
use feeds::units::PRICE_NONE;

/// Best bid and best offer.
pub type Quote = (Option<i64>, Option<i64>);

/// What one venue has said.
#[derive(Clone, Default)]
struct Told {
    /// Symbol, whether it buys, price and quantity of a displayed order.
    orders: HashMap<u64, (usize, bool, i64, u64)>,
    /// Displayed quantity by symbol and side (bids first), by price.
    levels: Vec<[BTreeMap<i64, u64>; 2]>,
    status: Option<u64>,
    statuses: Vec<Option<u64>>,
    all_stale: bool,
    stale: Vec<bool>,
    /// Receive time and exchange time of the last message.
    heard: Option<(u64, u64)>,
}

/// See the module's text.
#[derive(Clone, Default)]
pub struct Market {
    venues: Vec<Told>,
    /// Price and time of the last trade.
    trades: Vec<Option<(i64, u64)>>,
}

impl Market {
    pub fn new(venues: usize, symbols: usize) -> Self {
        let told = Told {
            levels: vec![Default::default(); symbols],
            statuses: vec![None; symbols],
            stale: vec![false; symbols],
            ..Told::default()
        };
        Self { venues: vec![told; venues], trades: vec![None; symbols] }
    }

    /// An event. Gives the symbol whose price is to be looked at, where there is one.
    pub fn on_event(&mut self, event: &MarketEvent, now_ns: u64) -> Option<usize> {
        let venue = usize::from(event.venue);
        let symbol = event.instrument as usize;
        let was_stale = self.is_stale(venue, symbol);
        let told = &mut self.venues[venue];
        told.heard = Some((event.receive_ns, event.exchange_ns));
        let fits = told.apply(event);
        if let Some(price) = fits?.filter(|_| symbol < self.trades.len()) {
            self.trades[symbol] = Some((price, now_ns));
        }
        let is_whole = event.flags & flags::LAST_OF_EVENT != 0;
        let counts = is_whole && (!was_stale || event.kind == EventKind::Recovered);
        (counts && symbol < self.trades.len()).then_some(symbol)
    }

    fn is_stale(&self, venue: usize, symbol: usize) -> bool {
        let told = &self.venues[venue];
        told.all_stale || told.stale.get(symbol).is_some_and(|&stale| stale)
    }

    /// Best prices of a venue as displayed, whether they may be traded on or not.
    fn touch(&self, venue: usize, symbol: usize) -> Quote {
        let [bids, offers] = &self.venues[venue].levels[symbol];
        (bids.last_key_value().map(|level| *level.0), offers.first_key_value().map(|level| *level.0))
    }

    fn trades_at(&self, venue: usize, symbol: usize) -> bool {
        let told = &self.venues[venue];
        let open = |status: Option<u64>| status.is_none_or(|status| status == TradingStatus::Trading as u64);
        open(told.status) && open(told.statuses[symbol])
    }

    /// What is to be seen of it at this moment.
    pub fn seen(&self) -> Seen {
        let symbols = 0..self.trades.len();
        let at = |venue: usize, symbol: usize| SeenBook {
            touch: self.touch(venue, symbol),
            trades: self.trades_at(venue, symbol),
            is_current: !self.is_stale(venue, symbol),
        };
        let books = |venue: usize| symbols.clone().map(|symbol| at(venue, symbol)).collect();
        Seen {
            books: (0..self.venues.len()).map(books).collect(),
            heard: self.venues.iter().map(|told| told.heard).collect(),
            trades: self.trades.clone(),
        }
    }

    /// Mid of the national best prices.
    pub fn mid(&self, symbol: usize) -> Option<i64> {
        let (bid, offer) = self.seen().national_without(None, symbol);
        Some((bid? + offer?) / 2)
    }
}

/// One book at a moment.
#[derive(Clone, Copy)]
pub struct SeenBook {
    /// Best prices as displayed, whether they may be traded on or not.
    pub touch: Quote,
    /// The symbol is in continuous trading at the venue.
    pub trades: bool,
    /// Nothing of it is missing.
    pub is_current: bool,
}

/// The market at a moment.
#[derive(Clone)]
pub struct Seen {
    books: Vec<Vec<SeenBook>>,
    heard: Vec<Option<(u64, u64)>>,
    trades: Vec<Option<(i64, u64)>>,
}

impl Seen {
    pub fn book(&self, venue: usize, symbol: usize) -> SeenBook {
        self.books[venue][symbol]
    }

    /// Best prices over the venues that trade the symbol and whose book is current, one of them left out perhaps.
    pub fn national_without(&self, left_out: Option<usize>, symbol: usize) -> Quote {
        let venues = (0..self.books.len()).filter(|&venue| Some(venue) != left_out);
        let books = venues.map(|venue| self.books[venue][symbol]);
        let quotes = books.filter(|book| book.trades && book.is_current).map(|book| book.touch);
        let (bids, offers): (Vec<_>, Vec<_>) = quotes.unzip();
        (bids.into_iter().flatten().max(), offers.into_iter().flatten().min())
    }

    /// Price and time of the last trade.
    pub fn last_trade(&self, symbol: usize) -> Option<(i64, u64)> {
        self.trades[symbol]
    }

    /// Receive time and exchange time of the venue's last message.
    pub fn heard(&self, venue: usize) -> Option<(u64, u64)> {
        self.heard[venue]
    }
}

impl Told {
    /// `None`: it fits nothing, and nothing has changed. Else the price at which something traded, if it did.
    fn apply(&mut self, event: &MarketEvent) -> Option<Option<i64>> {
        let symbol = event.instrument as usize;
        match event.kind {
            EventKind::OrderAdd => {
                self.add(event.order_id, (symbol, event.side == Side::Buy, event.price, event.quantity))?;
            }
            EventKind::OrderReplace => {
                let (old, buy, ..) = *self.orders.get(&event.order_id).filter(|order| order.0 == symbol)?;
                if event.second_id != event.order_id && self.orders.contains_key(&event.second_id) {
                    return None;
                }
                self.take(event.order_id, u64::MAX);
                self.add(event.second_id, (old, buy, event.price, event.quantity))?;
            }
            EventKind::OrderReduce | EventKind::OrderExecute => {
                let order = *self.orders.get(&event.order_id).filter(|order| order.0 == symbol)?;
                if event.quantity > order.3 {
                    return None;
                }
                self.take(event.order_id, event.quantity);
                if event.kind == EventKind::OrderExecute {
                    return Some(Some(if event.price == PRICE_NONE { order.2 } else { event.price }));
                }
            }
            EventKind::OrderDelete => {
                let _ = self.orders.get(&event.order_id).filter(|order| order.0 == symbol)?;
                self.take(event.order_id, u64::MAX);
            }
            EventKind::Trade => return Some(Some(event.price)),
            EventKind::TradingStatus if event.instrument == INSTRUMENT_ALL => {
                self.status = Some(event.quantity);
            }
            EventKind::TradingStatus => *self.statuses.get_mut(symbol)? = Some(event.quantity),
            EventKind::Clear => {
                let all = event.instrument == INSTRUMENT_ALL;
                self.orders.retain(|_, order| !all && order.0 != symbol);
                for (_, sides) in self.levels.iter_mut().enumerate().filter(|(at, _)| all || *at == symbol) {
                    *sides = Default::default();
                }
            }
            EventKind::Gap | EventKind::Recovered => {
                let is_gap = event.kind == EventKind::Gap;
                if event.instrument == INSTRUMENT_ALL {
                    self.all_stale = is_gap;
                    self.stale.iter_mut().for_each(|stale| *stale &= is_gap);
                } else if let Some(stale) = self.stale.get_mut(symbol) {
                    *stale = is_gap;
                }
            }
            EventKind::LevelSet | EventKind::OrderModify => panic!("no feed of the simulator says {event:?}"),
        }
        Some(None)
    }

    fn add(&mut self, id: u64, order: (usize, bool, i64, u64)) -> Option<()> {
        let (symbol, buy, price, quantity) = order;
        if self.orders.contains_key(&id) || quantity == 0 {
            return None;
        }
        *self.levels.get_mut(symbol)?[usize::from(!buy)].entry(price).or_default() += quantity;
        self.orders.insert(id, order);
        Some(())
    }

    /// Takes up to so much off an order.
    fn take(&mut self, id: u64, quantity: u64) {
        let Some(order) = self.orders.get_mut(&id) else { return };
        let (symbol, buy, price, held) = *order;
        let taken = quantity.min(held);
        order.3 -= taken;
        if order.3 == 0 {
            self.orders.remove(&id);
        }
        let side = &mut self.levels[symbol][usize::from(!buy)];
        if let Some(level) = side.get_mut(&price) {
            *level -= taken;
            if *level == 0 {
                side.remove(&price);
            }
        }
    }
}
