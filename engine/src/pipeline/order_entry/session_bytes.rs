//! Bytes of a session on their way into the journal, as many records as they need.

use crate::control::journal::{AppendError, PAYLOAD_MAX_BYTES, RecordKind, SegmentWriter};

/// How a FIX message starts, behind the end of the one before it.
const NEXT_MESSAGE: &[u8] = b"\x018=FIX";

/// Appends bytes of venue `venue`'s session. A turn can answer a burst with more than a record holds: then there are several,
/// each of whole messages where they are FIX, since who reads them back counts messages.
///
/// # Errors
/// [`AppendError`]; some of the records may be there.
#[inline]
pub(super) fn append(
    journal: &mut SegmentWriter,
    kind: RecordKind,
    venue: u8,
    now_ns: u64,
    mut bytes: &[u8],
) -> Result<(), AppendError> {
    while bytes.len() > PAYLOAD_MAX_BYTES {
        let (part, rest) = bytes.split_at(part_length(bytes));
        journal.append_session(kind, u16::from(venue), now_ns, part)?;
        bytes = rest;
    }
    journal.append_session(kind, u16::from(venue), now_ns, bytes).map(|_| ())
}

/// The length of the first record's part of `bytes`, of which there are more than one holds.
#[cold]
fn part_length(bytes: &[u8]) -> usize {
    // One byte more: a message may start just behind.
    let head = bytes.get(..PAYLOAD_MAX_BYTES + NEXT_MESSAGE.len() - 1).unwrap_or(bytes);
    let start = head.windows(NEXT_MESSAGE.len()).rposition(|window| window == NEXT_MESSAGE);
    start.map_or(PAYLOAD_MAX_BYTES, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::super::OrderEntry;
    use super::*;
    use crate::control::journal::{self, JournalKeeper, JournalOptions, JournalReader, JournalThread};
    use crate::control::session_store;
    use crate::fix::identity::SessionIds;
    use crate::fix::session::{Session, SessionConfig};
    use crate::fix::templates::TemplateFormat;
    use crate::order::{Order, OrderAction, TimeInForce};
    use crate::pipeline::risk::RiskApproved;
    use feeds::event::Side;
    use feeds::send_buffer::SendBuffer;
    use feeds::symbol::Symbol;

    const NOW_NS: u64 = 1_767_623_400_000_000_000;

    #[test]
    fn parts_end_where_a_message_does() {
        let message = b"8=FIX.4.4\x019=10\x0135=0\x0134=7\x0110=171\x01";
        let many = message.repeat(3_000);
        let length = part_length(&many);
        assert!(length <= PAYLOAD_MAX_BYTES && length > PAYLOAD_MAX_BYTES - message.len());
        assert_eq!(length % message.len(), 0);
        // A whole number of messages fills a record to the last byte.
        let mut exact = vec![b'x'; PAYLOAD_MAX_BYTES - 1];
        exact.push(1);
        exact.extend_from_slice(message);
        assert_eq!(part_length(&exact), PAYLOAD_MAX_BYTES);
        assert_eq!(part_length(&vec![7; 100_000]), PAYLOAD_MAX_BYTES);
    }

    /// Order entry with a journal of its own, logged on to a venue.
    struct Rig {
        directory: tempfile::TempDir,
        _keeper: JournalKeeper,
        entry: OrderEntry,
        config: SessionConfig,
    }

    impl Rig {
        fn new(options: JournalOptions) -> Self {
            let directory = tempfile::tempdir().unwrap();
            let (keeper, mut writers) =
                journal::create(directory.path(), &[JournalThread::OrderEntry], options, b"a test").unwrap();
            let ids = SessionIds::new("FIX.4.4", "W", "V").unwrap();
            let config = SessionConfig::initiator(ids.clone(), 30);
            let (sessions, symbols) = (vec![(config.clone(), ids.clone())], [Symbol::new("ONE").unwrap()]);
            let mut entry =
                OrderEntry::new(sessions, &symbols, TemplateFormat::default(), writers.pop()).unwrap();
            let mut venue = Session::new(SessionConfig::acceptor(ids.reversed()));
            let mut out = SendBuffer::with_capacity(1 << 16);
            entry.connected(0, NOW_NS);
            let _ = venue.on_connect(NOW_NS, &mut out);
            let _ = venue.on_bytes(NOW_NS, entry.pending(0), &mut out, &mut |_, _, _| Ok(()));
            entry.receive(0, NOW_NS, out.pending(), &mut |_| {});
            assert!(entry.is_logged_on(0));
            Self { directory, _keeper: keeper, entry, config }
        }
    }

    /// A journal without room: what it does not have does not leave, and the connection is to be closed.
    #[test]
    fn nothing_leaves_that_the_journal_has_no_room_for() {
        let options = JournalOptions { segment_bytes: 4_096, segments_ahead: 1, ..JournalOptions::default() };
        let Rig { directory, mut entry, .. } = Rig::new(options);
        let mut sent = Vec::new();
        let mut take = |entry: &mut OrderEntry| {
            sent.extend_from_slice(entry.pending(0));
            entry.consume(0, entry.pending(0).len());
        };
        let order = |number| Order {
            decision: number,
            time_ns: NOW_NS,
            cl_ord_id: 2_026_010_500_000_000 + number,
            orig_cl_ord_id: 0,
            price: 10_000_000_000,
            quantity: 100,
            instrument: 0,
            venue: 0,
            action: OrderAction::New,
            side: Side::Buy,
            time_in_force: TimeInForce::Day,
            strategy: 0,
            sells_short: false,
            reserved: [0; 5],
        };
        // The Logon, which the rig has answered.
        take(&mut entry);
        let mut orders = 0;
        while entry.encode_ahead(&RiskApproved::for_test(order(orders + 1)), NOW_NS).is_ok() {
            assert!(entry.pending(0).is_empty(), "what is not journalled yet cannot be sent");
            entry.journal_encoded(0, NOW_NS);
            orders += u64::from(!entry.journal_full());
            take(&mut entry);
        }
        assert!((10..100).contains(&orders), "two segments of 4 KiB hold {orders}");
        assert!(entry.journal_full() && entry.wants_close(0) && entry.pending(0).is_empty());
        // Neither does anything of the session's own.
        entry.on_timer(NOW_NS + 60_000_000_000);
        entry.logout(NOW_NS);
        assert!(entry.pending(0).is_empty());
        take(&mut entry);
        let mut journalled = Vec::new();
        let mut reader = JournalReader::open(directory.path(), JournalThread::OrderEntry).unwrap();
        while let Some(record) = reader.next_record().unwrap() {
            if record.kind == RecordKind::Sent {
                journalled.extend_from_slice(record.payload);
            }
        }
        assert_eq!(sent, journalled);
    }

    /// Of one read: what a venue that was stalled for a while sends at once.
    #[test]
    fn a_burst_is_answered_and_all_of_it_is_in_the_journal() {
        let options = JournalOptions { segment_bytes: 1 << 20, ..JournalOptions::default() };
        let Rig { directory, mut entry, config, .. } = Rig::new(options);
        let mut burst = Vec::new();
        for sequence in 2..802 {
            let body = format!(
                "35=1\x0134={sequence}\x0149=V\x0152=20260105-14:30:00\x0156=W\x01112={:0200}\x01",
                sequence
            );
            let message = format!("8=FIX.4.4\x019={}\x01{body}", body.len());
            let sum = message.bytes().fold(0_u8, u8::wrapping_add);
            burst.extend_from_slice(format!("{message}10={sum:03}\x01").as_bytes());
        }
        assert!(burst.len() > 3 * PAYLOAD_MAX_BYTES);
        entry.receive(0, NOW_NS, &burst, &mut |_| {});
        let answers = entry.pending(0).to_vec();
        assert!(answers.len() > 3 * PAYLOAD_MAX_BYTES && !entry.wants_close(0));
        assert!(!entry.journal_full(), "a burst is no reason to stop trading");
        assert_eq!(entry.sequence_numbers(0), Some((802, 802)));
        let stored = session_store::read(directory.path(), 0, &config, 0).unwrap().unwrap();
        assert_eq!((stored.next_outgoing, stored.next_incoming), (802, 802));
        let (mut sent, mut received) = (Vec::new(), Vec::new());
        let mut reader = JournalReader::open(directory.path(), JournalThread::OrderEntry).unwrap();
        while let Some(record) = reader.next_record().unwrap() {
            match record.kind {
                RecordKind::Sent => sent.extend_from_slice(record.payload),
                RecordKind::Received => received.extend_from_slice(record.payload),
                _ => {}
            }
        }
        assert!(sent.ends_with(&answers) && received.ends_with(&burst));
    }
}
