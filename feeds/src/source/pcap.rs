//! pcap and pcapng captures of a UDP feed: frames, their time stamps, and the packets in them.
//!
//! Sources: «PCAP Capture File Format» and «PCAP Now Generic (pcapng) Capture File Format» (IETF opsawg drafts).
//! An own parser rather than a library's: every error and every journalled message needs its byte offset in the
//! file, and the walk must borrow the file's memory. Both byte orders, microseconds and nanoseconds, any pcapng
//! time resolution, several sections and interfaces. Sections are indexed when the capture is opened; the walk
//! allocates nothing.
//!
//! Frames without UDP or TCP are passed over and counted. TCP, and UDP that is not the protocol of the capture's first
//! datagram, is an error: the capture is of something else, or not filtered to one feed.

use std::net::SocketAddr;

use super::file::{Capture, Packet, PacketCursor};
use super::network::{self, Content};
use crate::error::{CaptureError, CaptureErrorKind};
use crate::moldudp64;
use crate::units::{NS_PER_S, TIME_NONE};

/// First four bytes of a pcapng file, the same in both byte orders.
pub(super) const SECTION_HEADER_BLOCK: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

const PCAP_HEADER_LENGTH: usize = 24;
const PCAP_RECORD_HEADER_LENGTH: usize = 16;

/// Smallest pcapng block: type, length, length again.
const BLOCK_LENGTH_MIN: usize = 12;

/// A captured frame.
pub(super) struct Frame<'a> {
    link_type: u16,
    /// Byte offset of `bytes` in the file.
    at: usize,
    bytes: &'a [u8],
    /// UTC ns, or [`TIME_NONE`].
    time_ns: u64,
    /// Position of the next record.
    end: usize,
}

/// Reads integers in a capture's byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ByteOrder {
    Little,
    Big,
}

impl ByteOrder {
    fn u16_at(self, bytes: &[u8], at: usize) -> Option<u16> {
        let value = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Little => u16::from_le_bytes(value),
            Self::Big => u16::from_be_bytes(value),
        })
    }

    fn u32_at(self, bytes: &[u8], at: usize) -> Option<u32> {
        let value = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Little => u32::from_le_bytes(value),
            Self::Big => u32::from_be_bytes(value),
        })
    }

    fn length_at(self, bytes: &[u8], at: usize) -> Option<usize> {
        usize::try_from(self.u32_at(bytes, at)?).ok()
    }
}

/// The UDP payload of a captured frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// The payload.
    pub payload: &'a [u8],
    /// Byte offset of the payload in the uncompressed file.
    pub offset: u64,
    /// The capture's time stamp, UTC ns; [`TIME_NONE`] for frames without one.
    pub receive_ns: u64,
    /// Which line it was sent to: its place among [`Capture::lines`]; 0 when no lines are told apart.
    pub line: u8,
}

/// An address that datagrams of a capture were sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The address.
    pub address: SocketAddr,
    /// MoldUDP64 session of the first datagram; `None` when that is no MoldUDP64 packet.
    pub session: Option<[u8; 10]>,
}

/// The next MoldUDP64 packet.
pub(super) fn next_packet<'a>(
    cursor: &mut PacketCursor,
    capture: &'a Capture,
    mut next_frame: impl FnMut(&mut PacketCursor) -> Result<Option<Frame<'a>>, CaptureError>,
) -> Result<Option<Packet<'a>>, CaptureError> {
    let (datagram, header, blocks) = loop {
        let before = cursor.position;
        let Some(datagram) = next_datagram(cursor, capture, &mut next_frame)? else { return Ok(None) };
        match moldudp64::decode(datagram.payload) {
            Ok((header, blocks)) => break (datagram, header, blocks),
            // Whoever puts several lines in order counts it; the other line has it whole.
            Err(_) if !capture.lines().is_empty() => {}
            Err(error) => {
                cursor.position = before;
                let kind = CaptureErrorKind::NotMold(error);
                return Err(capture.error_at(datagram.offset, cursor.messages, kind));
            }
        }
    };
    cursor.messages += u64::from(header.message_count());
    Ok(Some(Packet {
        blocks,
        offset: datagram.offset + moldudp64::HEADER_LENGTH as u64,
        first_sequence: header.sequence,
        receive_ns: datagram.receive_ns,
        message_count: header.message_count(),
    }))
}

/// See [`Capture::destinations`].
pub(super) fn destinations(capture: &Capture, most: usize) -> Vec<Destination> {
    let mut found: Vec<Destination> = Vec::new();
    let mut cursor = capture.packets();
    while let Ok(Some(frame)) = capture.next_frame(&mut cursor) {
        cursor.position = frame.end;
        if let Content::Udp { to, payload, .. } = network::content(frame.link_type, frame.bytes)
            && !found.iter().any(|known| known.address == to)
        {
            let session = moldudp64::decode(payload).ok().map(|(header, _)| header.session);
            found.push(Destination { address: to, session });
            if found.len() >= most {
                break;
            }
        }
    }
    found
}

/// The next UDP payload: takes frames from `next_frame` until one holds UDP.
pub(super) fn next_datagram<'a>(
    cursor: &mut PacketCursor,
    capture: &'a Capture,
    mut next_frame: impl FnMut(&mut PacketCursor) -> Result<Option<Frame<'a>>, CaptureError>,
) -> Result<Option<Datagram<'a>>, CaptureError> {
    while let Some(frame) = next_frame(cursor)? {
        let kind = match network::content(frame.link_type, frame.bytes) {
            Content::Udp { at, payload, to } => {
                cursor.position = frame.end;
                let Some(line) = capture.line_of(to) else { continue };
                let offset = (frame.at + at) as u64;
                return Ok(Some(Datagram { payload, offset, receive_ns: frame.time_ns, line }));
            }
            Content::Other => {
                cursor.position = frame.end;
                cursor.skipped_frames += 1;
                continue;
            }
            Content::OtherProtocol(what) => CaptureErrorKind::OtherProtocol(what),
            Content::Damaged(what) => CaptureErrorKind::Frame(what),
        };
        return Err(capture.error(frame.at, cursor.messages, kind));
    }
    Ok(None)
}

/// What a pcap file's magic number says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PcapForm {
    order: ByteOrder,
    /// Nanoseconds in the unit of the second half of a time stamp.
    unit_ns: u64,
}

impl PcapForm {
    /// The form of a file that starts with a pcap magic number.
    pub(super) fn detect(bytes: &[u8]) -> Option<Self> {
        let (order, unit_ns) = match *bytes.first_chunk::<4>()? {
            [0xa1, 0xb2, 0xc3, 0xd4] => (ByteOrder::Big, 1000),
            [0xd4, 0xc3, 0xb2, 0xa1] => (ByteOrder::Little, 1000),
            [0xa1, 0xb2, 0x3c, 0x4d] => (ByteOrder::Big, 1),
            [0x4d, 0x3c, 0xb2, 0xa1] => (ByteOrder::Little, 1),
            _ => return None,
        };
        Some(Self { order, unit_ns })
    }

    /// The frame at the cursor; the cursor moves only over the file's header.
    pub(super) fn next_frame<'a>(
        &self,
        cursor: &mut PacketCursor,
        capture: &'a Capture,
    ) -> Result<Option<Frame<'a>>, CaptureError> {
        let bytes = capture.bytes();
        if cursor.position == 0 {
            if bytes.len() < PCAP_HEADER_LENGTH {
                return Err(capture.short(cursor, "pcap header", PCAP_HEADER_LENGTH));
            }
            cursor.position = PCAP_HEADER_LENGTH;
        }
        let order = self.order;
        // The upper half of the field tells of frame check sequences, which the IP length cuts off anyway.
        let link_type = order.u32_at(bytes, 20).map_or(0, low_half);
        let record = bytes.get(cursor.position..).unwrap_or_default();
        let (Some(seconds), Some(fraction), Some(length), true) = (
            order.u32_at(record, 0),
            order.u32_at(record, 4),
            order.length_at(record, 8),
            record.len() >= PCAP_RECORD_HEADER_LENGTH,
        ) else {
            return capture.end(cursor, "pcap record header", PCAP_RECORD_HEADER_LENGTH).map(|()| None);
        };
        let Some(frame) = record[PCAP_RECORD_HEADER_LENGTH..].get(..length) else {
            return Err(capture.short(
                cursor,
                "pcap record",
                PCAP_RECORD_HEADER_LENGTH.saturating_add(length),
            ));
        };
        let at = cursor.position + PCAP_RECORD_HEADER_LENGTH;
        Ok(Some(Frame {
            link_type,
            at,
            bytes: frame,
            time_ns: u64::from(seconds) * NS_PER_S + u64::from(fraction) * self.unit_ns,
            end: at + length,
        }))
    }
}

/// The low 16 bits.
fn low_half(value: u32) -> u16 {
    let [_, _, high, low] = value.to_be_bytes();
    u16::from_be_bytes([high, low])
}

/// A pcapng interface: how its frames are to be read.
#[derive(Clone, Copy, Debug)]
struct Interface {
    link_type: u16,
    /// Longest captured frame, 0 for no limit; bounds the frames of simple packet blocks.
    snap_length: usize,
    /// Units of a time stamp in one second.
    units_per_s: u128,
    /// Seconds to add to a time stamp.
    offset_s: i64,
}

impl Interface {
    /// Time stamp in units to UTC ns; [`TIME_NONE`] for a time that 64 bits of ns do not hold.
    fn time_ns(&self, high: u32, low: u32) -> u64 {
        let units = u128::from(high) << 32 | u128::from(low);
        let ns = units * u128::from(NS_PER_S) / self.units_per_s;
        i128::try_from(ns)
            .ok()
            .and_then(|ns| ns.checked_add(i128::from(self.offset_s) * i128::from(NS_PER_S)))
            .and_then(|ns| u64::try_from(ns).ok())
            .unwrap_or(TIME_NONE)
    }
}

/// A pcapng section: its byte order and its interfaces. Interface numbers start anew in each section.
pub(super) struct Section {
    /// Byte offset of its section header block.
    at: usize,
    order: ByteOrder,
    interfaces: Vec<Interface>,
}

/// A whole pcapng block.
struct Block<'a> {
    kind: u32,
    /// From behind the first length field to before the second.
    body: &'a [u8],
    length: usize,
}

/// Why there is no whole block.
enum BlockError {
    Short { part: &'static str, needed: usize },
    Damaged(&'static str),
}

fn section_order(block: &[u8]) -> Option<ByteOrder> {
    match block.get(8..12)? {
        [0x1a, 0x2b, 0x3c, 0x4d] => Some(ByteOrder::Big),
        [0x4d, 0x3c, 0x2b, 0x1a] => Some(ByteOrder::Little),
        _ => None,
    }
}

/// The block at the start of `rest`.
fn block_at(rest: &[u8], order: ByteOrder) -> Result<Block<'_>, BlockError> {
    let (Some(kind), Some(length), true) =
        (order.u32_at(rest, 0), order.length_at(rest, 4), rest.len() >= BLOCK_LENGTH_MIN)
    else {
        return Err(BlockError::Short { part: "pcapng block header", needed: BLOCK_LENGTH_MIN });
    };
    if length < BLOCK_LENGTH_MIN || length % 4 != 0 {
        return Err(BlockError::Damaged("a pcapng block's length is not a multiple of 4 from 12"));
    }
    let Some(block) = rest.get(..length) else {
        return Err(BlockError::Short { part: "pcapng block", needed: length });
    };
    if order.length_at(block, length - 4) != Some(length) {
        return Err(BlockError::Damaged("a pcapng block's two lengths differ"));
    }
    Ok(Block { kind, body: &block[8..length - 4], length })
}

const BLOCK_INTERFACE: u32 = 1;
const BLOCK_PACKET_OBSOLETE: u32 = 2;
const BLOCK_SIMPLE_PACKET: u32 = 3;
const BLOCK_ENHANCED_PACKET: u32 = 6;

/// All sections up to the first damaged block, where the walk will stop with an error too.
pub(super) fn index_sections(bytes: &[u8]) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let mut position = 0;
    while let Some(rest) = bytes.get(position..) {
        if rest.starts_with(&SECTION_HEADER_BLOCK) {
            let Some(order) = section_order(rest) else { break };
            sections.push(Section { at: position, order, interfaces: Vec::new() });
        }
        let Some(section) = sections.last_mut() else { break };
        let Ok(block) = block_at(rest, section.order) else { break };
        if block.kind == BLOCK_INTERFACE {
            let Some(interface) = interface(block.body, section.order) else { break };
            section.interfaces.push(interface);
        }
        position += block.length;
    }
    sections
}

/// An interface description block's body; `None` when it is cut or its time resolution is absurd.
fn interface(body: &[u8], order: ByteOrder) -> Option<Interface> {
    const OPTION_END: u16 = 0;
    const OPTION_TIME_RESOLUTION: u16 = 9;
    const OPTION_TIME_OFFSET: u16 = 14;
    let mut interface = Interface {
        link_type: order.u16_at(body, 0)?,
        snap_length: order.length_at(body, 4)?,
        units_per_s: 1_000_000,
        offset_s: 0,
    };
    let mut options = body.get(8..)?;
    while let (Some(code), Some(length)) = (order.u16_at(options, 0), order.u16_at(options, 2)) {
        let length = usize::from(length);
        let value = options.get(4..)?.get(..length)?;
        match code {
            OPTION_END => break,
            OPTION_TIME_RESOLUTION => {
                let resolution = *value.first()?;
                let exponent = u32::from(resolution & 0x7f);
                interface.units_per_s = if resolution & 0x80 != 0 {
                    1u128.checked_shl(exponent).filter(|_| exponent < 64)?
                } else {
                    10u128.checked_pow(exponent).filter(|_| exponent < 20)?
                };
            }
            OPTION_TIME_OFFSET => {
                let value = *value.first_chunk()?;
                interface.offset_s = match order {
                    ByteOrder::Little => i64::from_le_bytes(value),
                    ByteOrder::Big => i64::from_be_bytes(value),
                };
            }
            _ => {}
        }
        options = options.get(4 + length.next_multiple_of(4)..).unwrap_or_default();
    }
    Some(interface)
}

/// The next frame of a pcapng file. The cursor moves over blocks that hold none.
pub(super) fn next_pcapng_frame<'a>(
    cursor: &mut PacketCursor,
    capture: &'a Capture,
    sections: &[Section],
) -> Result<Option<Frame<'a>>, CaptureError> {
    loop {
        let position = cursor.position;
        let damaged = |what| Err(capture.error(position, cursor.messages, CaptureErrorKind::Container(what)));
        let rest = capture.bytes().get(position..).unwrap_or_default();
        if rest.len() < BLOCK_LENGTH_MIN {
            return capture.end(cursor, "pcapng block header", BLOCK_LENGTH_MIN).map(|()| None);
        }
        if rest.starts_with(&SECTION_HEADER_BLOCK) {
            let Ok(section) = sections.binary_search_by_key(&position, |section| section.at) else {
                return damaged("a pcapng section header has no byte-order magic");
            };
            cursor.section = section;
        }
        let Some(section) = sections.get(cursor.section) else {
            return damaged("a pcapng file has no section header");
        };
        let block = match block_at(rest, section.order) {
            Ok(block) => block,
            Err(BlockError::Short { part, needed }) => return Err(capture.short(cursor, part, needed)),
            Err(BlockError::Damaged(what)) => return damaged(what),
        };
        let end = position + block.length;
        match block.kind {
            BLOCK_ENHANCED_PACKET | BLOCK_PACKET_OBSOLETE | BLOCK_SIMPLE_PACKET => {
                return match frame_in(&block, section, position + 8, end) {
                    Ok(frame) => Ok(Some(frame)),
                    Err(what) => damaged(what),
                };
            }
            BLOCK_INTERFACE if interface(block.body, section.order).is_none() => {
                return damaged(
                    "a pcapng interface description is cut, or its time resolution is out of range",
                );
            }
            _ => cursor.position = end,
        }
    }
}

/// The frame in a packet block, whose body is at `body_at` in the file.
fn frame_in<'a>(
    block: &Block<'a>,
    section: &Section,
    body_at: usize,
    end: usize,
) -> Result<Frame<'a>, &'static str> {
    const CUT: &str = "a pcapng packet block is shorter than the frame in it";
    let Section { order, interfaces, .. } = section;
    let body = block.body;
    let interface_number = match block.kind {
        BLOCK_SIMPLE_PACKET => 0,
        BLOCK_PACKET_OBSOLETE => usize::from(order.u16_at(body, 0).ok_or(CUT)?),
        _ => order.length_at(body, 0).ok_or(CUT)?,
    };
    let interface = interfaces
        .get(interface_number)
        .ok_or("a pcapng packet block names an interface that is not described")?;
    let (data_at, length, time_ns) = if block.kind == BLOCK_SIMPLE_PACKET {
        let original = order.length_at(body, 0).ok_or(CUT)?;
        let limit = if interface.snap_length == 0 { usize::MAX } else { interface.snap_length };
        (4, original.min(limit), TIME_NONE)
    } else {
        let high = order.u32_at(body, 4).ok_or(CUT)?;
        let low = order.u32_at(body, 8).ok_or(CUT)?;
        (20, order.length_at(body, 12).ok_or(CUT)?, interface.time_ns(high, low))
    };
    let bytes = body.get(data_at..).and_then(|data| data.get(..length)).ok_or(CUT)?;
    Ok(Frame { link_type: interface.link_type, at: body_at + data_at, bytes, time_ns, end })
}
