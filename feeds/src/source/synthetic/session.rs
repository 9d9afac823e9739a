//! The state of a session: symbols, listings, books, clock, agenda; and the steps that every part of the day shares.
//!
//! One owner, one thread. It allocates at the start and where books grow.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::book::{ASK, BID, Book, Orders};
use super::config::{SYSTEM_EVENTS, SyntheticConfig, SyntheticConfigError};
use super::flow::{Mix, Pace};
use super::opening::Phase;
use super::price::PriceProcess;
use super::prng::{Prng, WeightedIndex};
use super::stats::{Relation, SyntheticStats, Watch};
use crate::itch::messages::{Header, Message, SystemEvent};
use crate::symbol::Symbol;

/// Venue number of NASDAQ in [`Session::next_message`].
pub const NASDAQ: u8 = 0;
/// Venue number of BX in [`Session::next_message`].
pub const BX: u8 = 1;

/// No listing: the symbol is not on BX.
pub(super) const UNLISTED: u32 = u32::MAX;

/// One symbol, whatever its venues.
#[derive(Debug)]
pub(super) struct SymbolState {
    pub(super) name: Symbol,
    pub(super) price: PriceProcess,
    /// Its index in [`Session::listings`] per venue.
    pub(super) listings: [u32; 2],
    watch: Watch,
}

/// One symbol at one venue.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) symbol: u32,
    pub(super) venue: u8,
    pub(super) locate: u16,
    /// Trading state as in `H`: `T`, `H` or `Q`.
    pub(super) state: u8,
    /// A quote move is on the agenda or under way.
    pub(super) quotes_due: bool,
    /// A quote move is under way.
    pub(super) quoting: bool,
    /// New quotes that the quote move still adds.
    pub(super) refill: u8,
    /// The price that quotes at this venue are made around, Q16 ticks: the anchor, as late as the venue's quoters.
    pub(super) belief: i64,
    /// Shares that the aggressor at work still wants, and its limit in ticks.
    pub(super) sweep_shares: u32,
    pub(super) sweep_price: i32,
    pub(super) book: Book,
}

/// What the agenda holds for a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// Move the quotes.
    Quote,
    /// Execute more for the same aggressor.
    Sweep,
    /// Trading halt.
    Halt,
    /// Quotation only.
    QuoteOnly,
    /// Trading again.
    Resume,
}

const TASKS: [Task; 5] = [Task::Quote, Task::Sweep, Task::Halt, Task::QuoteOnly, Task::Resume];

/// Counters that a venue numbers things with.
#[derive(Debug)]
pub(super) struct Numbers {
    pub(super) reference: u64,
    pub(super) match_number: u64,
}

/// A synthetic day, message by message. See the module for what it models.
#[derive(Debug)]
pub struct Session {
    pub(super) config: SyntheticConfig,
    pub(super) prng: Prng,
    pub(super) symbols: Vec<SymbolState>,
    /// NASDAQ's in the order of the symbols, then BX's.
    pub(super) listings: Vec<Listing>,
    pub(super) orders: Orders,
    /// Draws a symbol by its activity.
    pub(super) activity: WeightedIndex,
    pub(super) mix: Mix,
    pub(super) pace: Pace,
    /// `(time, listing and task)`; at most one entry per listing and task.
    agenda: BinaryHeap<Reverse<(u64, u64)>>,
    pub(super) numbers: [Numbers; 2],
    pub(super) phase: Phase,
    pub(super) now_ns: u64,
    pub(super) close_ns: u64,
    pub(super) background_due_ns: u64,
    /// Symbol and listing of the last background step.
    pub(super) focus: (usize, usize),
    pub(super) emitted: u64,
    stats: SyntheticStats,
}

impl Session {
    /// Prepares the session: draws symbols, prices, listings.
    ///
    /// # Errors
    /// [`SyntheticConfigError`] names the value that is out of range.
    pub fn new(config: &SyntheticConfig) -> Result<Self, SyntheticConfigError> {
        config.validate()?;
        let mut prng = Prng::new(config.seed ^ u64::from(config.date).wrapping_mul(0xD134_2543_DE82_EF95));
        let ranks = shuffled(&mut prng, config.symbols);
        let mut symbols = Vec::with_capacity(config.symbols);
        let mut weights = Vec::with_capacity(config.symbols);
        for (index, &rank) in ranks.iter().enumerate() {
            weights.push((1u64 << 32) / (u64::from(rank) + 8));
            symbols.push(SymbolState {
                name: symbol_name(index, config.symbols),
                price: PriceProcess::new(&mut prng, rank as usize),
                listings: [UNLISTED; 2],
                watch: Watch::default(),
            });
        }
        let listings = draw_listings(&mut prng, &mut symbols, config.bx_listed_permille);
        let minimum = config.minimum_messages(listings.len() - symbols.len());
        if config.messages < minimum {
            return Err(SyntheticConfigError::Messages { found: config.messages, minimum });
        }
        let mut session = Self {
            prng,
            symbols,
            listings,
            orders: Orders::default(),
            activity: WeightedIndex::new(&weights),
            mix: Mix::new(),
            pace: Pace::new(0, 1, 1),
            agenda: BinaryHeap::new(),
            numbers: [0, 1].map(|venue| Numbers { reference: 1000 + 37 * venue, match_number: 100 * venue }),
            phase: Phase::start(),
            now_ns: 0,
            close_ns: 0,
            background_due_ns: 0,
            focus: (0, 0),
            emitted: 0,
            stats: SyntheticStats::default(),
            config: config.clone(),
        };
        session.plan_day();
        Ok(session)
    }

    /// The next message and its venue ([`NASDAQ`] or [`BX`]), in non-decreasing time; `None` at the day's end.
    pub fn next_message(&mut self) -> Option<(u8, Message)> {
        let (venue, message) = match self.phase {
            Phase::Continuous => self.trade(),
            _ => self.scripted()?,
        };
        self.emitted += 1;
        self.stats.venues[usize::from(venue)].record(&message);
        if self.phase == Phase::Continuous {
            self.mix.count(message.message_type());
            self.pace.count();
            if self.emitted + SYSTEM_EVENTS / 2 >= self.config.messages {
                self.begin_close();
            }
        }
        Some((venue, message))
    }

    /// What was produced so far; live orders and checksums are those of this moment. Walks all listings.
    #[must_use]
    pub fn stats(&self) -> SyntheticStats {
        let mut stats = self.stats;
        for listing in &self.listings {
            let tick = u64::from(self.symbols[listing.symbol as usize].price.tick);
            let top = |side| {
                listing.book.best(side).map_or((0, 0), |level| (level.price.unsigned_abs(), level.shares))
            };
            let ((bid_px, bid_qty), (ask_px, ask_qty)) = (top(BID), top(ASK));
            let venue = &mut stats.venues[usize::from(listing.venue)];
            venue.live_orders += listing.book.live.len() as u64;
            let sum = (u64::from(bid_px) * tick * 3)
                .wrapping_add(bid_qty * 5)
                .wrapping_add(u64::from(ask_px) * tick * 7)
                .wrapping_add(ask_qty * 11);
            venue.bbo_checksum = venue.bbo_checksum.wrapping_add(sum.wrapping_mul(u64::from(listing.locate)));
        }
        stats
    }

    pub(super) fn schedule(&mut self, time_ns: u64, listing: usize, task: Task) {
        self.agenda.push(Reverse((time_ns, (listing as u64) << 3 | task as u64)));
    }

    /// The time of the agenda's first entry, `u64::MAX` when it is empty.
    pub(super) fn agenda_due_ns(&self) -> u64 {
        self.agenda.peek().map_or(u64::MAX, |&Reverse((time_ns, _))| time_ns)
    }

    /// Takes the first entry off the agenda.
    pub(super) fn pop_agenda(&mut self) -> Option<(u64, usize, Task)> {
        let Reverse((time_ns, key)) = self.agenda.pop()?;
        let listing = usize::try_from(key >> 3).ok()?;
        TASKS.get(usize::try_from(key & 7).ok()?).map(|&task| (time_ns, listing, task))
    }

    /// The header of a message about this listing now.
    pub(super) fn header(&self, listing: usize) -> Header {
        Header { locate: self.listings[listing].locate, tracking: 0, timestamp_ns: self.now_ns }
    }

    pub(super) fn system_event(&self, event_code: u8) -> Message {
        Message::SystemEvent(SystemEvent {
            header: Header { locate: 0, tracking: 0, timestamp_ns: self.now_ns },
            event_code,
        })
    }

    /// The listing's price process.
    pub(super) fn price_of(&self, listing: usize) -> &PriceProcess {
        &self.symbols[self.listings[listing].symbol as usize].price
    }

    /// Price(4) of this many ticks of the listing's symbol.
    pub(super) fn price4(&self, listing: usize, ticks: i32) -> u32 {
        ticks.unsigned_abs() * self.price_of(listing).tick
    }

    /// Notes how the books of a symbol's two venues stand to each other now.
    pub(super) fn watch(&mut self, symbol: usize, open: bool) {
        let state = &mut self.symbols[symbol];
        let [nasdaq, bx] = state.listings;
        if bx == UNLISTED {
            return;
        }
        let (nasdaq, bx) = (&self.listings[nasdaq as usize], &self.listings[bx as usize]);
        let gap =
            |bids: &Listing, offers: &Listing| match (bids.book.best_price(BID), offers.book.best_price(ASK))
            {
                (Some(bid), Some(ask)) => bid - ask,
                _ => -1,
            };
        let relation = if !open || nasdaq.state != b'T' || bx.state != b'T' {
            Relation::Normal
        } else {
            match gap(nasdaq, bx).max(gap(bx, nasdaq)) {
                1.. => Relation::Crossed,
                0 => Relation::Locked,
                _ => Relation::Normal,
            }
        };
        state.watch.update(relation, self.now_ns, &mut self.stats);
    }
}

/// `0..count` in random order.
fn shuffled(prng: &mut Prng, count: usize) -> Vec<u32> {
    let mut items: Vec<u32> = (0..).take(count).collect();
    for (last, bound) in (1..count).zip(2u32..) {
        items.swap(last, prng.below(bound) as usize);
    }
    items
}

/// Four letters, ascending with the index, spread over the alphabet.
fn symbol_name(index: usize, count: usize) -> Symbol {
    const LETTERS: &[u8; 26] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let mut code = index * (26usize.pow(4) / count);
    let mut name = *b"        ";
    for letter in name[..4].iter_mut().rev() {
        *letter = LETTERS[code % 26];
        code /= 26;
    }
    Symbol::from_wire8(name)
}

/// NASDAQ lists all symbols under ascending locates; BX a part of them, under locates in random order.
fn draw_listings(prng: &mut Prng, symbols: &mut [SymbolState], bx_permille: u32) -> Vec<Listing> {
    let listing = |symbol: u32, venue, locate: u32, belief| Listing {
        symbol,
        venue,
        locate: u16::try_from(locate).expect("SYMBOLS_MAX fits 16 bits"),
        state: b'T',
        quotes_due: false,
        quoting: false,
        refill: 0,
        belief,
        sweep_shares: 0,
        sweep_price: 0,
        book: Book::default(),
    };
    let mut listings = Vec::with_capacity(2 * symbols.len());
    for (index, symbol) in (0u32..).zip(symbols.iter_mut()) {
        symbol.listings[0] = index;
        listings.push(listing(index, NASDAQ, index + 1, symbol.price.anchor));
    }
    let on_bx: Vec<u32> = (0..).take(symbols.len()).filter(|_| prng.chance(bx_permille)).collect();
    let locates = shuffled(prng, on_bx.len());
    for (&symbol, &locate) in on_bx.iter().zip(&locates) {
        let state = &mut symbols[symbol as usize];
        state.listings[1] = u32::try_from(listings.len()).expect("fewer than 2^32 listings");
        listings.push(listing(symbol, BX, locate + 1, state.price.anchor));
    }
    listings
}
