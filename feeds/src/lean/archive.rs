//! The archive as a whole: unpacked, checked, put in order of time, written as records.

use std::fmt;
use std::io::{self, Cursor, Read};

use dbn::{BidAskPair, FlagSet, Mbp1Msg, RecordHeader, UNDEF_PRICE, flags, rtype};
use zip::ZipArchive;

use super::entry::Entry;
use super::row::{Row, Side, has_decimal_point};
use crate::databento::records::Layout;
use crate::symbol::Symbol;
use crate::units::NS_PER_S;

/// What the records' metadata gives as their dataset.
pub const DATASET: &str = "LEAN";

/// Most bytes that an archive's files unpack to.
pub const BYTES_MAX: u64 = 1 << 30;

/// DBN's version of the records.
const VERSION: u8 = 3;

/// Why an archive is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArchiveError {
    /// The ZIP file is damaged or of a form that is not read; the unpacker's text.
    Zip(String),
    /// Its files unpack to more than [`BYTES_MAX`].
    TooLarge,
    /// A file in it is none of quotes.
    File {
        /// Its name.
        file: String,
        /// What about the name.
        what: &'static str,
    },
    /// A row is none of quotes.
    Row {
        /// The file.
        file: String,
        /// The row, from 1.
        row: usize,
        /// What about it.
        what: &'static str,
    },
}

impl fmt::Display for ArchiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zip(text) => write!(f, "the ZIP archive cannot be unpacked: {text}"),
            Self::TooLarge => write!(f, "the ZIP archive unpacks to more than {BYTES_MAX} bytes"),
            Self::File { file, what } => {
                write!(f, "{file} in the ZIP archive is no LEAN file of quotes: {what}")
            }
            Self::Row { file, row, what } => {
                write!(f, "{file} in the ZIP archive, row {row}, is no LEAN row of quotes: {what}")
            }
        }
    }
}

impl std::error::Error for ArchiveError {}

/// What an archive holds.
pub struct Unpacked {
    /// DBN `mbp-1` records, in order of time, then of symbol.
    pub records: Vec<u8>,
    /// How they lie, and what instruments are called.
    pub layout: Layout,
}

/// One file's text.
struct File {
    name: String,
    entry: Entry,
    text: String,
}

/// A row with its time and its instrument's number.
struct Quote {
    ends_ns: u64,
    instrument: u32,
    bid: Side,
    ask: Side,
}

/// Whether the bytes are a ZIP file with something in it.
#[must_use]
pub fn is_archive(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04")
}

/// Reads a whole archive.
///
/// # Errors
/// [`ArchiveError`], at the first thing that is refused.
pub fn unpack(bytes: &[u8]) -> Result<Unpacked, ArchiveError> {
    let mut files = files(bytes)?;
    files.sort_by_key(|file| file.entry.symbol);
    let is_decimal = files.iter().any(|file| file.text.lines().any(has_decimal_point));
    let (mut symbols, mut quotes): (Vec<(u32, Symbol)>, Vec<Quote>) = (Vec::new(), Vec::new());
    for file in &files {
        if symbols.last().is_none_or(|(_, last)| *last != file.entry.symbol) {
            // From 1; a ZIP file has fewer files than a u32 has numbers.
            symbols.push((u32::try_from(symbols.len() + 1).unwrap_or(u32::MAX), file.entry.symbol));
        }
        let instrument = symbols.last().map_or(0, |(number, _)| *number);
        read(file, instrument, is_decimal, &mut quotes)?;
    }
    // What is of one time stays in the order of symbols, and of one file's rows.
    quotes.sort_by_key(|quote| (quote.ends_ns, quote.instrument));
    let mut records = Vec::with_capacity(quotes.len() * size_of::<Mbp1Msg>());
    quotes.iter().for_each(|quote| records.extend_from_slice(record(quote).as_ref()));
    let layout = Layout {
        records_at: 0,
        version: Some(VERSION),
        ts_out: false,
        dataset: DATASET.to_owned(),
        may_hold_status: false,
        symbols,
    };
    Ok(Unpacked { records, layout })
}

fn files(bytes: &[u8]) -> Result<Vec<File>, ArchiveError> {
    let damaged = |error: io::Error| ArchiveError::Zip(error.to_string());
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| damaged(error.into()))?;
    let (mut files, mut left) = (Vec::new(), BYTES_MAX);
    for number in 0..archive.len() {
        let file = archive.by_index(number).map_err(|error| damaged(error.into()))?;
        let name = file.name().to_owned();
        if name.ends_with('/') {
            continue;
        }
        let entry = Entry::of(&name).map_err(|what| ArchiveError::File { file: name.clone(), what })?;
        let mut text = String::new();
        let read = file.take(left + 1).read_to_string(&mut text).map_err(damaged)?;
        left = left.checked_sub(read as u64).ok_or(ArchiveError::TooLarge)?;
        files.push(File { name, entry, text });
    }
    Ok(files)
}

fn read(file: &File, instrument: u32, is_decimal: bool, quotes: &mut Vec<Quote>) -> Result<(), ArchiveError> {
    let midnight_ns = file.entry.midnight_ns(!is_decimal);
    for (number, text) in file.text.lines().enumerate() {
        let refused = |what| ArchiveError::Row { file: file.name.clone(), row: number + 1, what };
        let Row { begins_ms, bid, ask } = Row::of(text, is_decimal).map_err(refused)?;
        let ends_ns = midnight_ns + begins_ms * (NS_PER_S / 1_000) + file.entry.bar_ns;
        quotes.push(Quote { ends_ns, instrument, bid, ask });
    }
    Ok(())
}

fn record(quote: &Quote) -> Mbp1Msg {
    let price = |(price, quantity): Side| if quantity == 0 { UNDEF_PRICE } else { price };
    Mbp1Msg {
        hd: RecordHeader::new::<Mbp1Msg>(rtype::MBP_1, 0, quote.instrument, quote.ends_ns),
        flags: FlagSet::new(flags::LAST),
        ts_recv: quote.ends_ns,
        levels: [BidAskPair {
            bid_px: price(quote.bid),
            ask_px: price(quote.ask),
            bid_sz: quote.bid.1,
            ask_sz: quote.ask.1,
            bid_ct: 0,
            ask_ct: 0,
        }],
        ..Mbp1Msg::default()
    }
}
