//! One pass over a capture before it is replayed: which symbols it lists, how active each is, and when.
//!
//! Cold: runs before start, allocates its tables (about 1.5 MiB for ITCH, 10 MiB for others) and returns them. What it found before a damaged
//! part is returned beside the error.

use super::file::Capture;
use super::protocol::Protocol;
use super::stream::{EventStream, StreamConfig};
use crate::binance::feed::BookSource;
use crate::directory::{Directory, DirectoryError};
use crate::error::CaptureError;
use crate::event::{EventKind, INSTRUMENT_NONE, MarketEvent};
use crate::itch::decode::decode;
use crate::itch::messages::Message;
use crate::symbol::Symbol;
use crate::units::{ITCH_PRICE4_UNIT, PRICE_NONE, TIME_NONE};

/// Locates of one venue: every `u16`.
const LOCATES: usize = 1 << 16;

/// A symbol under its venue's locate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Stock locate.
    pub locate: u16,
    /// Symbol.
    pub symbol: Symbol,
    /// Shares in a round lot, where a directory message `R` gave it.
    pub round_lot_qty: Option<u32>,
    /// Orders added in the capture (modifies, which may add, included).
    pub order_adds: u64,
    /// Levels set in the capture, by L2 feeds.
    pub level_sets: u64,
    /// Greatest common divisor of its prices, 1e-9; ITCH: its price unit. 0 without prices.
    pub price_tick: i64,
}

impl Listing {
    /// The measure of activity: orders added and levels set.
    #[must_use]
    pub fn activity(&self) -> u64 {
        self.order_adds.saturating_add(self.level_sets)
    }
}

/// What one pass over a capture found.
#[derive(Clone, Debug)]
pub struct Prescan {
    /// The venue that the capture is of.
    pub venue: u8,
    /// The capture's protocol.
    pub protocol: Protocol,
    /// Price units (1e-9) of one book tick that every price of the capture is a multiple of.
    pub price_tick: i64,
    /// What the decoder of a protocol other than ITCH is to be made from.
    pub stream: StreamConfig,
    /// Symbols by ascending locate: from directory messages (`R`), else from messages that name their symbol.
    pub listings: Vec<Listing>,
    /// Messages that decoded.
    pub messages: u64,
    /// ITCH: time stamp of the first message, ns since midnight; [`TIME_NONE`] without messages.
    pub first_timestamp_ns: u64,
    /// ITCH: time stamp of the last message, ns since midnight; [`TIME_NONE`] without messages.
    pub last_timestamp_ns: u64,
    /// Receive time of the first packet, UTC ns; [`TIME_NONE`] where the format has none.
    pub first_receive_ns: u64,
    /// Whether any system event (`S`; other protocols: a status of the venue) is there: without one the venue's status never becomes «trading».
    pub has_system_event: bool,
    /// Frames passed over because they hold neither UDP nor TCP.
    pub skipped_frames: u64,
}

impl Prescan {
    /// Lists everything found in `directory`.
    ///
    /// # Errors
    /// The directory's, at the first listing that it refuses.
    pub fn list_into(&self, directory: &mut Directory) -> Result<(), DirectoryError> {
        for listing in &self.listings {
            directory.list(self.venue, listing.locate, listing.symbol)?;
            if let Some(quantity) = listing.round_lot_qty {
                directory.set_round_lot(self.venue, listing.locate, quantity);
            }
        }
        Ok(())
    }

    /// The most active listings, most active first; equal ones by locate.
    #[must_use]
    pub fn most_active(&self, count: usize) -> Vec<Listing> {
        let mut listings = self.listings.clone();
        listings.sort_by_key(|listing| (std::cmp::Reverse(listing.activity()), listing.locate));
        listings.truncate(count);
        listings
    }
}

/// The tables of a running pass, by locate.
struct Tables {
    symbols: Vec<Option<Symbol>>,
    round_lots: Vec<Option<u32>>,
    order_adds: Vec<u64>,
}

impl Tables {
    /// A message that is not a directory message names its symbol.
    fn mention(&mut self, locate: u16, symbol: Symbol) {
        self.symbols[usize::from(locate)].get_or_insert(symbol);
    }

    fn add(&mut self, locate: u16, symbol: Symbol) {
        self.mention(locate, symbol);
        self.order_adds[usize::from(locate)] += 1;
    }
}

/// Reads `capture` of `venue` once. The error, if there is one, is where a replay will stop too; what comes before
/// it has been counted.
#[must_use]
pub fn prescan(capture: &Capture, venue: u8) -> (Prescan, Option<CaptureError>) {
    let mut scan = Prescan {
        venue,
        protocol: capture.protocol(),
        price_tick: ITCH_PRICE4_UNIT,
        stream: StreamConfig::unknown(venue),
        listings: Vec::new(),
        messages: 0,
        first_timestamp_ns: TIME_NONE,
        last_timestamp_ns: TIME_NONE,
        first_receive_ns: TIME_NONE,
        has_system_event: false,
        skipped_frames: 0,
    };
    if capture.protocol() != Protocol::Itch {
        let error = scan_stream(capture, &mut scan).err();
        return (scan, error);
    }
    let mut tables = Tables {
        symbols: vec![None; LOCATES],
        round_lots: vec![None; LOCATES],
        order_adds: vec![0; LOCATES],
    };
    let error = scan_packets(capture, &mut scan, &mut tables).err();
    let Tables { symbols, round_lots, order_adds } = tables;
    scan.listings = (0..=u16::MAX)
        .zip(symbols)
        .filter_map(|(locate, symbol)| {
            Some(Listing {
                locate,
                symbol: symbol?,
                round_lot_qty: round_lots[usize::from(locate)],
                order_adds: order_adds[usize::from(locate)],
                level_sets: 0,
                price_tick: ITCH_PRICE4_UNIT,
            })
        })
        .collect();
    (scan, error)
}

fn scan_packets(capture: &Capture, scan: &mut Prescan, tables: &mut Tables) -> Result<(), CaptureError> {
    let mut cursor = capture.packets();
    let (mut first, mut end) = (u64::MAX, 0u64);
    loop {
        let packet = cursor.next(capture);
        scan.skipped_frames = cursor.skipped_frames();
        let Some(packet) = packet? else {
            if !capture.lines().is_empty() {
                // Every line brought them.
                scan.messages = end.saturating_sub(first);
            }
            return Ok(());
        };
        first = first.min(packet.first_sequence);
        end = end.max(packet.first_sequence.saturating_add(packet.message_count.into()));
        if scan.first_receive_ns == TIME_NONE {
            scan.first_receive_ns = packet.receive_ns;
        }
        for (body, offset) in packet.messages() {
            let message =
                decode(body).map_err(|error| capture.message_error(error, offset, scan.messages))?;
            scan.messages += 1;
            let header = message.header();
            if scan.first_timestamp_ns == TIME_NONE {
                scan.first_timestamp_ns = header.timestamp_ns;
            }
            scan.last_timestamp_ns = header.timestamp_ns;
            let locate = header.locate;
            match message {
                Message::AddOrder(add) => tables.add(locate, add.stock),
                Message::AddOrderMpid(add) => tables.add(locate, add.stock),
                Message::Trade(trade) => tables.mention(locate, trade.stock),
                Message::CrossTrade(cross) => tables.mention(locate, cross.stock),
                Message::StockTradingAction(action) => tables.mention(locate, action.stock),
                Message::StockDirectory(stock) => {
                    tables.symbols[usize::from(locate)] = Some(stock.stock);
                    tables.round_lots[usize::from(locate)] = Some(stock.round_lot_size);
                }
                Message::SystemEvent(_) => scan.has_system_event = true,
                _ => {}
            }
        }
    }
}

/// [`scan_packets`] of the other protocols. That tickers make the books is known at the end of a pass only: their prices are
/// seen in a second one.
fn scan_stream(capture: &Capture, scan: &mut Prescan) -> Result<(), CaptureError> {
    let outcome = scan_events(capture, scan);
    if scan.stream.binance_source != BookSource::Ticker {
        return outcome;
    }
    scan.stream = StreamConfig { binance_source: BookSource::Ticker, ..StreamConfig::unknown(scan.venue) };
    scan_events(capture, scan)
}

/// Decodes the whole capture into a directory of its own.
fn scan_events(capture: &Capture, scan: &mut Prescan) -> Result<(), CaptureError> {
    // Cannot fail: there are no symbols yet.
    let Ok(mut directory) = Directory::new(Vec::new(), LOCATES) else { return Ok(()) };
    let mut tallies: Vec<Listing> = Vec::new();
    let mut line_bytes_max = 0;
    let Some(mut stream) = EventStream::new(capture, scan.stream.clone())? else { return Ok(()) };
    let mut events = Vec::new();
    let outcome = loop {
        let Some(time_ns) = stream.next_time_ns() else { break Ok(()) };
        if scan.first_receive_ns == TIME_NONE && time_ns != 0 {
            scan.first_receive_ns = time_ns;
        }
        line_bytes_max = line_bytes_max.max(stream.head_bytes());
        events.clear();
        let decoded = stream.decode(&mut directory, &mut events);
        tally(&events, &directory, &mut tallies, scan);
        scan.messages = stream.messages();
        let advanced = decoded.and_then(|()| stream.advance());
        scan.skipped_frames = stream.skipped_frames();
        if advanced.is_err() {
            break advanced;
        }
    };
    // An instrument without events (a definition alone) is listed too.
    extend(&mut tallies, &directory, directory.len());
    let ticks = tallies.iter().map(|listing| listing.price_tick);
    scan.price_tick = match ticks.fold(0, greatest_common_divisor) {
        0 => ITCH_PRICE4_UNIT,
        tick => tick,
    };
    scan.listings = tallies
        .into_iter()
        .filter(|listing| directory.instrument_at(scan.venue, listing.locate) != INSTRUMENT_NONE)
        .collect();
    scan.stream = StreamConfig { line_bytes_max, ..stream.into_config() };
    outcome
}

/// Instruments of a directory that began empty are numbered in the order of first sight, as their locates are.
fn extend(tallies: &mut Vec<Listing>, directory: &Directory, length: usize) {
    while tallies.len() < length {
        let Ok(number) = u16::try_from(tallies.len()) else { return };
        let Some(symbol) = directory.symbol(number.into()) else { return };
        tallies.push(Listing {
            locate: number,
            symbol,
            round_lot_qty: None,
            order_adds: 0,
            level_sets: 0,
            price_tick: 0,
        });
    }
}

fn tally(events: &[MarketEvent], directory: &Directory, tallies: &mut Vec<Listing>, scan: &mut Prescan) {
    for event in events {
        let Ok(instrument) = usize::try_from(event.instrument) else { continue };
        if event.kind == EventKind::TradingStatus && instrument >= directory.len() {
            scan.has_system_event = true;
        }
        if instrument >= directory.len() {
            continue;
        }
        extend(tallies, directory, directory.len());
        let Some(listing) = tallies.get_mut(instrument) else { continue };
        match event.kind {
            EventKind::OrderAdd | EventKind::OrderModify | EventKind::OrderReplace => listing.order_adds += 1,
            EventKind::LevelSet => listing.level_sets += 1,
            _ => {}
        }
        let in_book = !matches!(event.kind, EventKind::Trade | EventKind::OrderExecute);
        if in_book && event.price != PRICE_NONE {
            listing.price_tick = greatest_common_divisor(listing.price_tick, event.price);
        }
    }
}

/// Of absolute values; 0 counts as divisible by everything.
#[must_use]
pub fn greatest_common_divisor(a: i64, b: i64) -> i64 {
    let (mut a, mut b) = (a.unsigned_abs(), b.unsigned_abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    i64::try_from(a).unwrap_or(i64::MAX)
}
