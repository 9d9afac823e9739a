//! The bytes that a market event came in: looked up in the capture or recording by venue and sequence number.

use feeds::moldudp64;
use feeds::source::file::Capture;
use feeds::source::protocol::Protocol;
use feeds::{iex, mdp3};

use crate::control::recorded_lines::RecordedLines;
use crate::pipeline::recording::LineRole;

/// What brought a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found<'a> {
    /// The whole packet, or the record or line of a file that has no packets.
    pub(super) bytes: &'a [u8],
    /// Its byte offset in the uncompressed file.
    pub(super) offset: u64,
    /// Where in it the message lies, if it holds several.
    pub(super) message: Option<std::ops::Range<usize>>,
    /// The line that it was sent to, of several.
    pub(super) line: Option<u8>,
}

/// Finds the packet with message `sequence`: of several lines the first that brought it. `None` where it is not, or the
/// capture is damaged before it.
pub(super) fn find<'a>(
    capture: &'a Capture,
    lines: Option<&RecordedLines>,
    sequence: u64,
) -> Option<Found<'a>> {
    let mut cursor = capture.packets();
    match capture.protocol() {
        Protocol::Dbn => {
            while let Ok(Some((record, offset))) = cursor.next_record(capture) {
                if cursor.messages() == sequence {
                    return Some(Found { bytes: record.bytes, offset, message: None, line: None });
                }
            }
            None
        }
        Protocol::Binance => {
            while let Ok(Some((bytes, offset))) = cursor.next_line(capture) {
                if cursor.messages() == sequence {
                    return Some(Found { bytes, offset, message: None, line: None });
                }
            }
            None
        }
        Protocol::Itch | Protocol::IexTp | Protocol::Mdp3 => {
            in_datagrams(capture, lines, sequence).or_else(|| in_binary_file(capture, sequence))
        }
    }
}

fn in_binary_file(capture: &Capture, sequence: u64) -> Option<Found<'_>> {
    let mut cursor = capture.packets();
    while let Ok(Some(packet)) = cursor.next(capture) {
        if packet.first_sequence == sequence && packet.message_count == 1 {
            let message = 2.min(packet.blocks.len())..packet.blocks.len();
            return Some(Found {
                bytes: packet.blocks,
                offset: packet.offset,
                message: Some(message),
                line: None,
            });
        }
    }
    None
}

fn in_datagrams<'a>(capture: &'a Capture, lines: Option<&RecordedLines>, sequence: u64) -> Option<Found<'a>> {
    let mut cursor = capture.packets();
    while let Ok(Some(datagram)) = cursor.next_datagram(capture) {
        let role = lines.and_then(|lines| lines.roles.get(usize::from(datagram.line)));
        if role == Some(&LineRole::Snapshots) {
            continue;
        }
        if let Some(message) = message_in(capture.protocol(), datagram.payload, sequence) {
            return Some(Found {
                bytes: datagram.payload,
                offset: datagram.offset,
                message,
                line: lines.map(|_| datagram.line),
            });
        }
    }
    None
}

/// Where message `sequence` lies in a packet: `None` when it is not there, `Some(None)` where a packet is one message.
fn message_in(protocol: Protocol, payload: &[u8], sequence: u64) -> Option<Option<std::ops::Range<usize>>> {
    let (first, count, mut at) = match protocol {
        Protocol::Itch => {
            let (header, _) = moldudp64::decode(payload).ok()?;
            (header.sequence, u64::from(header.count), moldudp64::HEADER_LENGTH)
        }
        Protocol::IexTp => {
            let (header, messages) = iex::transport::decode(payload).ok()?;
            (header.first_sequence, u64::from(header.message_count), payload.len() - messages.len())
        }
        _ => {
            let (header, _) = mdp3::packet::decode(payload).ok()?;
            return (u64::from(header.sequence) == sequence).then_some(None);
        }
    };
    let ahead = sequence.checked_sub(first).filter(|&ahead| ahead < count)?;
    // Both protocols put a 16-bit length before each message: ITCH big-endian, IEX little-endian.
    for number in 0..=ahead {
        let prefix: [u8; 2] = payload.get(at..at + 2)?.try_into().ok()?;
        let length = match protocol {
            Protocol::Itch => u16::from_be_bytes(prefix),
            _ => u16::from_le_bytes(prefix),
        };
        let body = at + 2..at + 2 + usize::from(length);
        if number == ahead {
            return Some(Some(body));
        }
        at = body.end;
    }
    None
}
