//! DBN framing: the metadata in front, then records, each with its length in its first byte.
//!
//! [`Layout::detect`] reads the metadata once, before the first record, and allocates what is in it. Walking the
//! records allocates nothing and decodes nothing: where the receive time lies is known by record type.

use std::fmt;

use dbn::decode::dbn::fsm::{DbnFsm, ProcessResult};
use dbn::{Metadata, SType, rtype};

use crate::symbol::Symbol;
use crate::units::TIME_NONE;

/// Bytes in front of the metadata: `DBN`, version, length.
const PRELUDE_LENGTH: usize = 8;

/// Shortest record: its header.
const RECORD_LENGTH_MIN: usize = 16;

/// Longest metadata that is believed; a day's symbols of the largest dataset are a few MiB.
const METADATA_LENGTH_MAX: usize = 256 << 20;

/// Records that must follow each other for a file without metadata to count as DBN.
const FRAGMENT_RECORDS_MIN: usize = 16;

/// Newest version that is understood.
pub const VERSION_MAX: u8 = 3;

/// Why bytes that are DBN cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LayoutError {
    /// The older DBZ format.
    Dbz,
    /// A version that is not understood.
    Version(u8),
    /// The metadata is cut: bytes that it needs, bytes that are there.
    Truncated(usize, usize),
    /// The metadata does not decode; the crate's text.
    Metadata(String),
}

impl fmt::Display for LayoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dbz => f.write_str(
                "the file is DBZ, the format before DBN; convert it with Databento's `dbn` tool or download it again",
            ),
            Self::Version(version) => {
                write!(f, "DBN version {version} is not supported: 1 to {VERSION_MAX} are")
            }
            Self::Truncated(needed, found) => {
                write!(f, "the DBN metadata needs {needed} bytes and has {found}")
            }
            Self::Metadata(text) => write!(f, "the DBN metadata is damaged: {text}"),
        }
    }
}

/// How a DBN file's bytes are laid out, and what its metadata says.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Byte offset of the first record.
    pub records_at: usize,
    /// DBN version; `None` for a fragment without metadata, where the records themselves tell.
    pub version: Option<u8>,
    /// Whether a send time follows each record.
    pub ts_out: bool,
    /// Dataset, such as `GLBX.MDP3`; empty for a fragment.
    pub dataset: String,
    /// Whether the file can hold status records: those of several schemas (live recordings) and of that schema do.
    pub may_hold_status: bool,
    /// Instrument ids with their symbols.
    pub symbols: Vec<(u32, Symbol)>,
}

impl Layout {
    /// The layout of bytes that are DBN; `None` for bytes that are something else.
    ///
    /// # Errors
    /// [`LayoutError`] for DBN or DBZ that cannot be read.
    pub fn detect(bytes: &[u8]) -> Option<Result<Self, LayoutError>> {
        // DBZ is a zstd skippable frame with metadata in it, behind which the records are one more frame.
        if bytes
            .first_chunk::<4>()
            .is_some_and(|magic| (0x184d_2a50..=0x184d_2a5f).contains(&u32::from_le_bytes(*magic)))
        {
            return Some(Err(LayoutError::Dbz));
        }
        match bytes.first_chunk::<PRELUDE_LENGTH>() {
            Some(&[b'D', b'B', b'N', version, length @ ..]) => {
                Some(Self::with_metadata(bytes, version, length))
            }
            _ => Self::is_fragment(bytes).then(|| Ok(Self::fragment())),
        }
    }

    fn with_metadata(bytes: &[u8], version: u8, length: [u8; 4]) -> Result<Self, LayoutError> {
        if !(1..=VERSION_MAX).contains(&version) {
            return Err(LayoutError::Version(version));
        }
        let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
        let records_at = PRELUDE_LENGTH.saturating_add(length);
        let Some(front) = bytes.get(..records_at).filter(|_| length <= METADATA_LENGTH_MAX) else {
            return Err(LayoutError::Truncated(records_at, bytes.len()));
        };
        let mut machine = DbnFsm::new(records_at, 0);
        machine.write_all(front);
        match machine.process() {
            ProcessResult::Metadata(metadata) => Ok(Self {
                records_at,
                version: Some(version),
                ts_out: metadata.ts_out,
                may_hold_status: metadata.schema.is_none_or(|schema| schema == dbn::Schema::Status),
                symbols: symbols(&metadata),
                dataset: metadata.dataset,
            }),
            ProcessResult::Err(error) => Err(LayoutError::Metadata(error.to_string())),
            ProcessResult::ReadMore(_) | ProcessResult::Record(()) => {
                Err(LayoutError::Metadata("it contradicts its own length".to_owned()))
            }
        }
    }

    fn fragment() -> Self {
        Self {
            records_at: 0,
            version: None,
            ts_out: false,
            dataset: String::new(),
            may_hold_status: true,
            symbols: Vec::new(),
        }
    }

    /// Whether records without metadata start here: a chain of them, of known types with the lengths of their types.
    fn is_fragment(bytes: &[u8]) -> bool {
        let mut at = 0;
        for _ in 0..FRAGMENT_RECORDS_MIN {
            let Some(record) = record_at(bytes, at) else { return false };
            if !length_fits(record.rtype, record.bytes.len()) {
                return false;
            }
            at += record.bytes.len();
            if at == bytes.len() {
                return true;
            }
        }
        true
    }
}

/// Whether a record type has this length in some version, with or without the send time.
fn length_fits(rtype: u8, length: usize) -> bool {
    let lengths: &[usize] = match rtype {
        rtype::MBO => &[56],
        rtype::MBP_0 => &[48],
        rtype::MBP_1 => &[80],
        rtype::MBP_10 => &[368],
        rtype::STATUS => &[40],
        rtype::INSTRUMENT_DEF => &[360, 400, 520],
        rtype::SYMBOL_MAPPING => &[80, 176],
        rtype::SYSTEM => &[80, 320],
        _ => return false,
    };
    lengths.iter().any(|&expected| length == expected || length == expected + 8)
}

fn symbols(metadata: &Metadata) -> Vec<(u32, Symbol)> {
    let by_id = metadata.stype_out == SType::InstrumentId;
    let mut symbols = Vec::new();
    for mapping in &metadata.mappings {
        for interval in &mapping.intervals {
            let (id, name) = if by_id {
                (&interval.symbol, &mapping.raw_symbol)
            } else {
                (&mapping.raw_symbol, &interval.symbol)
            };
            if let (Ok(id), Some(symbol)) = (id.parse(), symbol_of(name)) {
                symbols.push((id, symbol));
            }
        }
    }
    // One symbol an id, the first: a file is of one day, or its ids do not change.
    symbols.sort_by_key(|&(id, _)| id);
    symbols.dedup_by_key(|&mut (id, _)| id);
    symbols
}

/// A symbol of DBN as a listing's: without the spaces that option symbols are padded with inside.
pub(super) fn symbol_of(name: &str) -> Option<Symbol> {
    if name.contains(' ') {
        return Symbol::new(&name.replace(' ', "")).ok();
    }
    Symbol::new(name).ok()
}

/// A record's bytes, not decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Header and content.
    pub bytes: &'a [u8],
    /// Record type.
    pub rtype: u8,
}

impl Record<'_> {
    /// When Databento's capture server received it, UTC ns; its event time where the type has no receive time.
    #[must_use]
    pub fn receive_ns(&self) -> u64 {
        let at = match self.rtype {
            rtype::MBO => 40,
            rtype::MBP_0 | rtype::MBP_1 | rtype::MBP_10 | rtype::CMBP_1 | rtype::TCBBO => 32,
            rtype::STATUS | rtype::INSTRUMENT_DEF | rtype::IMBALANCE | rtype::STATISTICS => 16,
            _ => 8,
        };
        let time = self.bytes.get(at..).and_then(|rest| rest.first_chunk::<8>());
        time.map_or(TIME_NONE, |time| u64::from_le_bytes(*time))
    }
}

/// The record at `at`; `None` when it is cut, or says that it is shorter than its header.
#[inline]
#[must_use]
pub fn record_at(bytes: &[u8], at: usize) -> Option<Record<'_>> {
    let rest = bytes.get(at..)?;
    let length = usize::from(*rest.first()?) * 4;
    let bytes = rest.get(..length).filter(|_| length >= RECORD_LENGTH_MIN)?;
    Some(Record { bytes, rtype: bytes[1] })
}

/// Bytes that the record at `at` needs: at least a header.
#[must_use]
pub fn needed_at(bytes: &[u8], at: usize) -> usize {
    bytes.get(at).map_or(RECORD_LENGTH_MIN, |&words| (usize::from(words) * 4).max(RECORD_LENGTH_MIN))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::offset_of;

    #[test]
    fn receive_times_lie_where_the_crate_has_them() {
        assert_eq!(offset_of!(dbn::MboMsg, ts_recv), 40);
        assert_eq!(offset_of!(dbn::TradeMsg, ts_recv), 32);
        assert_eq!(offset_of!(dbn::Mbp1Msg, ts_recv), 32);
        assert_eq!(offset_of!(dbn::Mbp10Msg, ts_recv), 32);
        assert_eq!(offset_of!(dbn::StatusMsg, ts_recv), 16);
        assert_eq!(offset_of!(dbn::InstrumentDefMsg, ts_recv), 16);
        assert_eq!(offset_of!(dbn::v1::InstrumentDefMsg, ts_recv), 16);
        assert_eq!(offset_of!(dbn::v2::InstrumentDefMsg, ts_recv), 16);
        assert_eq!(offset_of!(dbn::StatMsg, ts_recv), 16);
        assert_eq!(offset_of!(dbn::ImbalanceMsg, ts_recv), 16);
    }

    #[test]
    fn other_bytes_are_not_dbn() {
        assert!(Layout::detect(b"").is_none());
        assert!(Layout::detect(b"DB").is_none());
        assert!(Layout::detect(&[0, 12, b'S', 0, 0]).is_none());
        assert!(Layout::detect(b"1723161256172216566 {}\n").is_none());
        assert_eq!(Layout::detect(b"DBN\x04\0\0\0\0").unwrap().unwrap_err(), LayoutError::Version(4));
        let cut = Layout::detect(b"DBN\x03\xff\0\0\0").unwrap().unwrap_err();
        assert_eq!(cut, LayoutError::Truncated(263, 8));
        assert!(matches!(Layout::detect(b"DBN\x03\0\0\0\0"), Some(Err(_))));
    }
}
