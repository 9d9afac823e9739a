//! What passed between a venue and us about one order: order entry's bytes, message by message.

use std::path::Path;

use crate::control::config::OrderProtocol;
use crate::control::failure::Failure;
use crate::control::journal::{JournalReader, JournalThread, RecordKind};
use crate::control::session_store::messages;
use crate::fix::number::parse_unsigned;
use crate::notation::{FixText, Hex};
use crate::order::{CL_ORD_ID_COUNTER_MAX, ClOrdId};

/// One message.
#[derive(Debug)]
pub(super) struct Message {
    /// The record of order entry's journal that ends it.
    pub(super) record: u64,
    pub(super) time_ns: u64,
    pub(super) was_sent: bool,
    pub(super) text: String,
}

/// Bytes of one direction that are no whole message yet.
#[derive(Default)]
struct Stream(Vec<u8>);

impl Stream {
    /// Takes bytes in and hands every whole message out.
    fn push(&mut self, protocol: OrderProtocol, bytes: &[u8], mut sink: impl FnMut(&[u8])) {
        self.0.extend_from_slice(bytes);
        let mut done = 0;
        if protocol == OrderProtocol::Ouch {
            // SoupBinTCP: a big-endian length, then the packet's type and its body.
            while let Some((prefix, behind)) = self.0[done..].split_first_chunk::<2>()
                && let Some(packet) = behind.get(..usize::from(u16::from_be_bytes(*prefix)))
            {
                sink(packet);
                done += 2 + packet.len();
            }
        } else {
            for message in messages(&self.0) {
                sink(message);
                done += message.len();
            }
        }
        self.0.drain(..done);
    }
}

/// Everything of the session with venue `venue` that names `cl_ord_id`.
///
/// # Errors
/// A journal that cannot be read.
pub(super) fn read(
    dir: &Path,
    venue: u8,
    protocol: OrderProtocol,
    cl_ord_id: ClOrdId,
) -> Result<Vec<Message>, Failure> {
    let broken = |error: crate::control::journal::JournalError| Failure::Input(error.to_string());
    let mut reader = JournalReader::open(dir, JournalThread::OrderEntry).map_err(broken)?;
    let (mut sent, mut received) = (Stream::default(), Stream::default());
    let mut found = Vec::new();
    while let Some(record) = reader.next_record().map_err(broken)? {
        if record.session != u16::from(venue) {
            continue;
        }
        let (was_sent, stream) = match record.kind {
            RecordKind::Sent => (true, &mut sent),
            RecordKind::Received => (false, &mut received),
            RecordKind::Connected => {
                // What the connection before left unfinished will not be finished.
                (sent, received) = (Stream::default(), Stream::default());
                continue;
            }
            _ => continue,
        };
        stream.push(protocol, record.payload, |message| {
            let text = match protocol {
                OrderProtocol::Ouch => ouch(message, was_sent, cl_ord_id),
                _ => fix(message, cl_ord_id),
            };
            if let Some(text) = text {
                found.push(Message { record: record.sequence, time_ns: record.time_ns, was_sent, text });
            }
        });
    }
    Ok(found)
}

/// A FIX message, if ClOrdID(11) or OrigClOrdID(41) is this one.
fn fix(message: &[u8], cl_ord_id: ClOrdId) -> Option<String> {
    let is_about = message.split(|&byte| byte == 1).any(|field| {
        let id = field.strip_prefix(b"11=").or_else(|| field.strip_prefix(b"41="));
        id.and_then(parse_unsigned) == Some(cl_ord_id)
    });
    is_about.then(|| FixText(message).to_string())
}

/// An OUCH 5.0 message, if its UserRefNum is the counter of this ClOrdID.
fn ouch(packet: &[u8], was_sent: bool, cl_ord_id: ClOrdId) -> Option<String> {
    let (&kind, body) = packet.split_first()?;
    if kind != if was_sent { b'U' } else { b'S' } {
        return None;
    }
    let message_type = *body.first()?;
    // Behind the type, and from the venue behind its time stamp; a replace names the old number before the new one.
    let at = if was_sent { 1 } else { 9 };
    let numbers = if message_type == b'U' { 2 } else { 1 };
    let counter = cl_ord_id % (CL_ORD_ID_COUNTER_MAX + 1);
    let is_about = (0..numbers).any(|number| {
        let bytes = body.get(at + 4 * number..).and_then(|rest| rest.first_chunk::<4>());
        bytes.map(|bytes| u64::from(u32::from_be_bytes(*bytes))) == Some(counter)
    });
    is_about.then(|| format!("OUCH '{}' {}", char::from(message_type), Hex(body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_that_are_cut_by_records_are_put_together() {
        let message = b"8=FIX.4.4\x019=25\x0135=8\x0111=2026010500000007\x0110=000\x01";
        let other = b"8=FIX.4.4\x019=25\x0135=8\x0111=2026010500000008\x0110=000\x01";
        let both = [&message[..], other, message].concat();
        for cut in 0..both.len() {
            let mut stream = Stream::default();
            let mut seen = Vec::new();
            let (head, tail) = both.split_at(cut);
            stream.push(OrderProtocol::Fix, head, |message| seen.push(message.to_vec()));
            stream.push(OrderProtocol::Fix, tail, |message| seen.push(message.to_vec()));
            assert_eq!(seen, [message.to_vec(), other.to_vec(), message.to_vec()], "cut at {cut}");
            let id = 2_026_010_500_000_007;
            assert_eq!(seen.iter().filter(|message| fix(message, id).is_some()).count(), 2);
        }
    }

    #[test]
    fn ouch_messages_are_known_by_their_user_reference_number() {
        let id = 2_026_010_500_000_007;
        let enter = b"UO\x00\x00\x00\x07rest";
        let replaced = [b"SU".as_slice(), &[0; 8], &[0, 0, 0, 7], &[0, 0, 0, 9]].concat();
        let executed = [b"SE".as_slice(), &[0; 8], &[0, 0, 0, 9], &[0, 0, 0, 7]].concat();
        assert_eq!(ouch(enter, true, id).as_deref(), Some("OUCH 'O' 4f0000000772657374"));
        assert_eq!(ouch(enter, false, id), None);
        assert!(ouch(&replaced, false, id).is_some());
        assert_eq!(ouch(&executed, false, id), None);
        assert_eq!(ouch(b"R", true, id), None);
    }
}
