//! Bytes of a segment: its header and the frame of a record. All integers are little-endian.
//!
//! Segment header, 128 bytes:
//!
//! | offset | field |
//! |---|---|
//! | 0 | magic `WTJOURNL`; its first four bytes are stored last: zero in a segment that no writer has started |
//! | 8 | format version u32 |
//! | 12 | thread code u32 |
//! | 16 | segment number u64, from 1 |
//! | 24 | segment bytes u64: the file is at most this long |
//! | 32 | run id: SHA-256 of the run header |
//! | 64 | sequence number of the first record u64 |
//! | 72 | sequence number of the last record of the previous segment u64, 0 in the first |
//! | 80 | CRC chain u32: CRC-32C of the previous segment's header CRC and last record CRC, 0 in the first |
//! | 84 | zero |
//! | 124 | CRC-32C of bytes 0..124 |
//!
//! Record, 8-aligned, 32 bytes and the payload, padded with zeros to a multiple of 8:
//!
//! | offset | field |
//! |---|---|
//! | 0 | length u32: 32 + payload bytes, without padding; stored last, 0 = no record yet |
//! | 4 | CRC-32C u32 of everything from offset 8 to the end of the padding, started from the length |
//! | 8 | sequence number u64, one more than the record before |
//! | 16 | time u64, UTC ns, core time |
//! | 24 | kind u8 |
//! | 25 | zero |
//! | 26 | session number u16 (order entry's bytes), else 0 |
//! | 28 | zero |
//! | 32 | payload |

/// First bytes of every segment in use.
pub const SEGMENT_MAGIC: [u8; 8] = *b"WTJOURNL";

/// Version of this layout; a reader takes no other.
pub const FORMAT_VERSION: u32 = 1;

/// Bytes of a segment header.
pub const SEGMENT_HEADER_BYTES: usize = 128;

/// Bytes of a record before its payload.
pub const RECORD_HEADER_BYTES: usize = 32;

/// Longest payload: one UDP datagram of the largest size.
pub const PAYLOAD_MAX_BYTES: usize = 65_536;

/// Smallest segment: one page.
pub const SEGMENT_MIN_BYTES: u64 = 4_096;

/// Records start at multiples of this.
pub(super) const RECORD_ALIGN: usize = 8;

const _: () = assert!(
    SEGMENT_HEADER_BYTES.is_multiple_of(RECORD_ALIGN) && RECORD_HEADER_BYTES.is_multiple_of(RECORD_ALIGN)
);

const HEADER_CRC_AT: usize = 124;

/// A segment header's fields (the magic and the version are implied).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    /// Code of the thread, a `JournalThread` when valid.
    pub thread: u32,
    /// Segment number, from 1.
    pub number: u64,
    /// Size of the mapped file; it may have been cut shorter.
    pub segment_bytes: u64,
    /// SHA-256 of the run header.
    pub run_id: [u8; 32],
    /// Sequence number of the first record.
    pub first_sequence: u64,
    /// Sequence number of the last record of the previous segment.
    pub previous_sequence: u64,
    /// [`chain`] of the previous segment.
    pub previous_chain: u32,
}

/// Why a header was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeaderDefect {
    /// No writer has started this segment.
    Unused,
    /// Wrong magic number.
    Magic,
    /// Another format version.
    Version(u32),
    /// The CRC does not match, or the header is cut.
    Crc,
}

impl SegmentHeader {
    /// The header's bytes, magic and CRC included.
    pub fn encode(&self) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut out = [0; SEGMENT_HEADER_BYTES];
        out[0..8].copy_from_slice(&SEGMENT_MAGIC);
        out[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        out[12..16].copy_from_slice(&self.thread.to_le_bytes());
        out[16..24].copy_from_slice(&self.number.to_le_bytes());
        out[24..32].copy_from_slice(&self.segment_bytes.to_le_bytes());
        out[32..64].copy_from_slice(&self.run_id);
        out[64..72].copy_from_slice(&self.first_sequence.to_le_bytes());
        out[72..80].copy_from_slice(&self.previous_sequence.to_le_bytes());
        out[80..84].copy_from_slice(&self.previous_chain.to_le_bytes());
        let crc = crc32c::crc32c(&out[..HEADER_CRC_AT]);
        out[HEADER_CRC_AT..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// Reads the header at the start of a segment's bytes; the header's own CRC comes with it, for the chain.
    pub fn decode(segment: &[u8]) -> Result<(Self, u32), HeaderDefect> {
        if segment.iter().take(4).all(|&byte| byte == 0) {
            return Err(HeaderDefect::Unused);
        }
        let Some(bytes) = segment.first_chunk::<SEGMENT_HEADER_BYTES>() else {
            let known = segment.len().min(SEGMENT_MAGIC.len());
            let magic_fits = segment[..known] == SEGMENT_MAGIC[..known];
            return Err(if magic_fits { HeaderDefect::Crc } else { HeaderDefect::Magic });
        };
        if bytes[0..8] != SEGMENT_MAGIC {
            return Err(HeaderDefect::Magic);
        }
        let version = u32_at(bytes, 8);
        if version != FORMAT_VERSION {
            return Err(HeaderDefect::Version(version));
        }
        let crc = u32_at(bytes, HEADER_CRC_AT);
        if crc != crc32c::crc32c(&bytes[..HEADER_CRC_AT]) {
            return Err(HeaderDefect::Crc);
        }
        let mut run_id = [0; 32];
        run_id.copy_from_slice(&bytes[32..64]);
        let header = Self {
            thread: u32_at(bytes, 12),
            number: u64_at(bytes, 16),
            segment_bytes: u64_at(bytes, 24),
            run_id,
            first_sequence: u64_at(bytes, 64),
            previous_sequence: u64_at(bytes, 72),
            previous_chain: u32_at(bytes, 80),
        };
        Ok((header, crc))
    }
}

/// The link from one segment to the next: any change to a header or to the last record of an earlier segment
/// changes every later link.
pub(super) fn chain(header_crc: u32, last_record_crc: u32) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&header_crc.to_le_bytes()), &last_record_crc.to_le_bytes())
}

/// Bytes that a record of `payload_bytes` takes in a segment.
pub(super) const fn padded_record_bytes(payload_bytes: usize) -> usize {
    (RECORD_HEADER_BYTES + payload_bytes).next_multiple_of(RECORD_ALIGN)
}

/// CRC of a record: `covered` runs from the sequence number to the end of the padding. The length starts the
/// register, so that it is covered without being stored before everything else is.
#[inline]
pub(super) fn record_crc(length: u32, covered: &[u8]) -> u32 {
    crc32c::crc32c_append(length, covered)
}

/// A whole record as it lies in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub sequence: u64,
    pub time_ns: u64,
    pub kind: u8,
    pub session: u16,
    pub payload: &'a [u8],
    pub crc: u32,
    /// Where the next record starts.
    pub next_offset: usize,
}

/// What lies at a record's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrameState<'a> {
    /// A record with a matching CRC.
    Whole(Frame<'a>),
    /// Its length word is zero, or the segment ends here.
    Empty,
    /// A length that cannot be, a record that the file cuts, or a CRC that does not match.
    Broken,
}

/// Reads the record at `offset`.
pub(super) fn frame_at(segment: &[u8], offset: usize) -> FrameState<'_> {
    let rest = segment.get(offset..).unwrap_or_default();
    let Some(head) = rest.first_chunk::<RECORD_HEADER_BYTES>() else {
        let empty = rest.iter().take(4).all(|&byte| byte == 0);
        return if empty { FrameState::Empty } else { FrameState::Broken };
    };
    let length = u32_at(head, 0);
    if length == 0 {
        return FrameState::Empty;
    }
    let payload_bytes = (length as usize).checked_sub(RECORD_HEADER_BYTES);
    let Some(payload_bytes) = payload_bytes.filter(|&bytes| bytes <= PAYLOAD_MAX_BYTES) else {
        return FrameState::Broken;
    };
    let Some(record) = rest.get(..padded_record_bytes(payload_bytes)) else {
        return FrameState::Broken;
    };
    let crc = u32_at(head, 4);
    if crc != record_crc(length, &record[8..]) {
        return FrameState::Broken;
    }
    FrameState::Whole(Frame {
        sequence: u64_at(head, 8),
        time_ns: u64_at(head, 16),
        kind: head[24],
        session: u16::from_le_bytes([head[26], head[27]]),
        payload: &record[RECORD_HEADER_BYTES..RECORD_HEADER_BYTES + payload_bytes],
        crc,
        next_offset: offset + record.len(),
    })
}

/// The first whole record at or after `from` whose sequence number could belong there: at least `sequence_min`, and
/// no further on than the bytes left could hold.
pub(super) fn find_frame(segment: &[u8], from: usize, sequence_min: u64) -> Option<usize> {
    let reach = (segment.len() / RECORD_HEADER_BYTES) as u64;
    let sequence_max = sequence_min.saturating_add(reach);
    (from..segment.len()).step_by(RECORD_ALIGN).find(|&offset| {
        let Some(head) = segment.get(offset..).and_then(|rest| rest.first_chunk::<16>()) else {
            return false;
        };
        // The sequence number is looked at before the CRC, so that a scan over garbage stays linear.
        (sequence_min..=sequence_max).contains(&u64_at(head, 8))
            && matches!(frame_at(segment, offset), FrameState::Whole(_))
    })
}

/// Reads a `u32` at a place known to be inside the array.
#[inline]
pub(super) fn u32_at<const N: usize>(bytes: &[u8; N], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Reads a `u64` at a place known to be inside the array.
#[inline]
pub(super) fn u64_at<const N: usize>(bytes: &[u8; N], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

/// Reads an `i64` at a place known to be inside the array.
#[inline]
pub(super) fn i64_at<const N: usize>(bytes: &[u8; N], at: usize) -> i64 {
    i64::from_le_bytes(u64_at(bytes, at).to_le_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> SegmentHeader {
        SegmentHeader {
            thread: 2,
            number: 7,
            segment_bytes: 1 << 20,
            run_id: [0xab; 32],
            first_sequence: 1_000,
            previous_sequence: 999,
            previous_chain: 0x1234_5678,
        }
    }

    #[test]
    fn header_bytes_are_where_the_table_says() {
        let bytes = header().encode();
        assert_eq!(&bytes[0..8], b"WTJOURNL");
        assert_eq!(bytes[8..16], [1, 0, 0, 0, 2, 0, 0, 0]);
        assert_eq!(bytes[16..24], 7u64.to_le_bytes());
        assert_eq!(bytes[24..32], (1u64 << 20).to_le_bytes());
        assert_eq!(bytes[32..64], [0xab; 32]);
        assert_eq!(bytes[64..72], 1_000u64.to_le_bytes());
        assert_eq!(bytes[72..80], 999u64.to_le_bytes());
        assert_eq!(bytes[80..84], 0x1234_5678u32.to_le_bytes());
        assert_eq!(bytes[84..124], [0; 40]);
        assert_eq!(SegmentHeader::decode(&bytes).map(|(header, _)| header), Ok(header()));
    }

    #[test]
    fn every_flipped_bit_of_a_header_is_seen() {
        let bytes = header().encode();
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(SegmentHeader::decode(&damaged).is_err(), "bit {bit}");
        }
        for cut in 0..bytes.len() {
            assert!(SegmentHeader::decode(&bytes[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn crc_is_castagnoli() {
        // The check value of CRC-32C for "123456789", RFC 3720 appendix B.4 family.
        assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283);
    }
}
