//! One pass over a capture before it is replayed: which symbols it lists, how active each is, and when.
//!
//! Cold: runs before start, allocates its tables (about 1.5 MiB) and returns them. What it found before a damaged
//! part is returned beside the error.

use super::file::Capture;
use crate::directory::{Directory, DirectoryError};
use crate::error::CaptureError;
use crate::itch::decode::decode;
use crate::itch::messages::Message;
use crate::symbol::Symbol;
use crate::units::TIME_NONE;

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
    /// Orders added in the capture: the measure of activity.
    pub order_adds: u64,
}

/// What one pass over a capture found.
#[derive(Clone, Debug)]
pub struct Prescan {
    /// The venue that the capture is of.
    pub venue: u8,
    /// Symbols by ascending locate: from directory messages (`R`), else from messages that name their symbol.
    pub listings: Vec<Listing>,
    /// Messages that decoded.
    pub messages: u64,
    /// Time stamp of the first message, ns since midnight; [`TIME_NONE`] without messages.
    pub first_timestamp_ns: u64,
    /// Time stamp of the last message, ns since midnight; [`TIME_NONE`] without messages.
    pub last_timestamp_ns: u64,
    /// Receive time of the first packet, UTC ns; [`TIME_NONE`] where the format has none.
    pub first_receive_ns: u64,
    /// Whether any system event (`S`) is there: without one the venue's status never becomes «trading».
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

    /// The listings with the most order adds, most active first; equal ones by locate.
    #[must_use]
    pub fn most_active(&self, count: usize) -> Vec<Listing> {
        let mut listings = self.listings.clone();
        listings.sort_by_key(|listing| (std::cmp::Reverse(listing.order_adds), listing.locate));
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
        listings: Vec::new(),
        messages: 0,
        first_timestamp_ns: TIME_NONE,
        last_timestamp_ns: TIME_NONE,
        first_receive_ns: TIME_NONE,
        has_system_event: false,
        skipped_frames: 0,
    };
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
            })
        })
        .collect();
    (scan, error)
}

fn scan_packets(capture: &Capture, scan: &mut Prescan, tables: &mut Tables) -> Result<(), CaptureError> {
    let mut cursor = capture.packets();
    loop {
        let packet = cursor.next(capture);
        scan.skipped_frames = cursor.skipped_frames();
        let Some(packet) = packet? else { return Ok(()) };
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
