//! What must hold of the bytes between engine and venues, of the journals, and of both together.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;

use engine::control::journal::{DecideReader, DecideRecord, JournalReader, JournalThread, RecordKind};
use engine::control::journal_replay;
use engine::order::{Order, OrderAction};

use crate::proxy::Connection;

/// A FIX message taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    fields: Vec<(u32, Vec<u8>)>,
}

impl Message {
    fn read(bytes: &[u8]) -> Self {
        let fields = bytes.split(|&byte| byte == 1).filter(|field| !field.is_empty());
        let fields = fields.map(|field| {
            let at = field.iter().position(|&byte| byte == b'=').expect("tag=value");
            let tag = std::str::from_utf8(&field[..at]).expect("digits");
            (tag.parse().expect("a tag"), field[at + 1..].to_vec())
        });
        Self { fields: fields.collect() }
    }

    /// The value of a tag.
    pub fn get(&self, tag: u32) -> Option<&[u8]> {
        self.fields.iter().find(|field| field.0 == tag).map(|field| field.1.as_slice())
    }

    /// The value of a tag as a number.
    pub fn number(&self, tag: u32) -> Option<u64> {
        std::str::from_utf8(self.get(tag)?).ok()?.parse().ok()
    }

    fn is_order(&self) -> bool {
        matches!(self.get(35), Some(b"D" | b"F" | b"G"))
    }

    fn is_possible_duplicate(&self) -> bool {
        self.get(43) == Some(b"Y")
    }

    /// Everything but what belongs to this one sending of it.
    fn body(&self) -> Vec<(u32, Vec<u8>)> {
        let of_sending = [8, 9, 10, 34, 43, 52, 97, 122];
        self.fields.iter().filter(|field| !of_sending.contains(&field.0)).cloned().collect()
    }
}

/// The whole messages at the start of `bytes`, with their own bytes.
pub fn messages(mut bytes: &[u8]) -> Vec<(Message, Vec<u8>)> {
    let mut found = Vec::new();
    while let Some((message, rest)) = split(bytes) {
        found.push((Message::read(message), message.to_vec()));
        bytes = rest;
    }
    found
}

fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let digits = bytes.windows(3).position(|window| window == b"\x019=")? + 3;
    let end = bytes[digits..].iter().position(|&byte| byte == 1)? + digits;
    let length: usize = std::str::from_utf8(&bytes[digits..end]).ok()?.parse().ok()?;
    bytes.split_at_checked(end + 1 + length + 7)
}

/// The journal replays to what the run did, if its run had begun.
pub fn replay(journal: &Path) {
    match journal_replay::replay(journal) {
        Ok(outcome) => assert!(outcome.is_reproduced(), "{}: {outcome}", journal.display()),
        Err(failure) if failure.to_string().contains("before it had taken over") => {}
        Err(failure) => panic!("{}: {failure}", journal.display()),
    }
}

/// What the journals and the wire have said so far of one day.
#[derive(Default)]
pub struct Checks {
    /// Messages in order entry's journals, by venue.
    journalled: HashSet<(usize, Vec<u8>)>,
    /// ClOrdIDs of the decisions on record.
    decided: BTreeSet<u64>,
    by_cl_ord_id: BTreeMap<u64, Message>,
    by_sequence: BTreeMap<(usize, u64), Message>,
    /// Messages of ours on the wire.
    pub messages: u64,
    /// Orders among them, replaces and cancels too.
    pub orders: u64,
    /// Side, and what has filled by the venue's last word, by venue and OrderID(37).
    fills: BTreeMap<(usize, Vec<u8>), Filled>,
}

/// What a venue last said of an order.
#[derive(Clone, Debug)]
struct Filled {
    symbol: Vec<u8>,
    is_buy: bool,
    quantity: i64,
    is_open: bool,
}

impl Checks {
    /// A run has ended: takes its journal.
    pub fn take_journal(&mut self, journal: &Path) {
        if let Ok(mut reader) = JournalReader::open(journal, JournalThread::OrderEntry) {
            while let Some(record) = reader.next_record().unwrap_or_else(|error| panic!("{error}")) {
                if record.kind == RecordKind::Sent {
                    let venue = usize::from(record.session);
                    self.journalled
                        .extend(messages(record.payload).into_iter().map(|(_, bytes)| (venue, bytes)));
                }
            }
        }
        let Ok(reader) = DecideReader::open(journal) else { return };
        for record in reader {
            if let DecideRecord::Action(Order { action, cl_ord_id, .. }) =
                record.unwrap_or_else(|error| panic!("{error}")).record
            {
                let is_new = action == OrderAction::Status || self.decided.insert(cl_ord_id);
                assert!(is_new, "{}: ClOrdID {cl_ord_id} was decided twice", journal.display());
            }
        }
    }

    /// A connection has ended: its bytes against everything known.
    pub fn take_connection(&mut self, connection: &Connection) {
        let venue = connection.venue;
        for (message, bytes) in messages(&connection.sent) {
            let text = String::from_utf8_lossy(&bytes).replace('\x01', "|");
            self.messages += 1;
            assert!(
                self.journalled.contains(&(venue, bytes)),
                "venue {venue} saw what is in no journal: {text}"
            );
            let sequence = message.number(34).expect("a MsgSeqNum");
            if message.is_order() {
                self.orders += 1;
                let id = message.number(11).expect("a ClOrdID");
                assert!(self.decided.contains(&id), "venue {venue} saw an order that nobody decided: {text}");
                if let Some(former) = self.by_cl_ord_id.insert(id, message.clone()) {
                    assert!(
                        message.is_possible_duplicate() && former.body() == message.body(),
                        "venue {venue}: ClOrdID {id} twice: {text}"
                    );
                }
            }
            match self.by_sequence.get(&(venue, sequence)) {
                // What is sent again, or a gap fill that stands for it.
                Some(_) if message.is_possible_duplicate() => {}
                Some(former) => {
                    assert_eq!(
                        former.body(),
                        message.body(),
                        "venue {venue}: MsgSeqNum {sequence} was used again"
                    );
                }
                None => drop(self.by_sequence.insert((venue, sequence), message)),
            }
        }
        for (report, _) in messages(&connection.said) {
            if report.get(35) != Some(b"8") || report.get(37) == Some(b"NONE") {
                continue;
            }
            let (Some(order), Some(symbol)) = (report.get(37), report.get(55)) else { continue };
            let filled = Filled {
                symbol: symbol.to_vec(),
                is_buy: report.get(54) == Some(b"1"),
                quantity: report.number(14).unwrap_or(0) as i64,
                is_open: report.number(151).unwrap_or(0) > 0,
            };
            self.fills.insert((venue, order.to_vec()), filled);
        }
    }

    /// Net quantity by symbol, by the venues' last words; those that are flat left out.
    pub fn positions(&self) -> BTreeMap<Vec<u8>, i64> {
        let mut positions = BTreeMap::new();
        for filled in self.fills.values() {
            let sign = if filled.is_buy { 1 } else { -1 };
            *positions.entry(filled.symbol.clone()).or_default() += sign * filled.quantity;
        }
        positions.retain(|_, position| *position != 0);
        positions
    }

    /// Orders of which a venue's last word was that they are open.
    pub fn open(&self) -> usize {
        self.fills.values().filter(|filled| filled.is_open).count()
    }
}
