//! Archives of quotes as QuantConnect's LEAN keeps them: a ZIP file with one CSV file an instrument, read as DBN `mbp-1`
//! records, so that behind the opening of a capture they are DBN like any other.
//!
//! Source: LEAN's repository, the pages on data formats of its `Data` folders (`option`, `equity`, `future`). A row is
//! `ms,bid open,high,low,close,size,ask open,high,low,close,size`; `ms` is when the bar begins, since midnight. Taken are
//! both sides' closes and sizes, at the time when the bar ends: nobody knew them before. What happened within a bar is not
//! told, nor are levels behind the best. A side without a price or a size is empty.
//!
//! What is told by convention, since no row says it:
//! - Prices of US equities and of options on them are ten-thousandths of a dollar, times are New York's. Where any price of
//!   the archive has a decimal point, prices are what they say, and times are UTC, as the data of CME, CBOT, NYMEX and COMEX is.
//! - An equity's symbol is its ticker in capitals; an option's is [`crate::option_symbol`]'s; a future's is the root and
//!   the month of delivery, `ES202003`.
//! - The day is the one in the name of the CSV file.
//!
//! Cold: it runs when a capture is opened, and allocates some three times what the rows take. An archive is read whole or
//! refused, with the file in it, the row, and the reason. Refused: bars longer than a minute, trades, ticks, prices below
//! zero, strikes finer than a thousandth, more than [`BYTES_MAX`] unpacked.

mod archive;
mod entry;
mod row;

pub use archive::{ArchiveError, BYTES_MAX, DATASET, Unpacked, is_archive, unpack};
