//! What a bad line does to the bytes that go over it, and when they arrive; seeded, in the caller's time, without a socket.

use std::collections::VecDeque;
use std::fmt;

use warptick_tests::chatter::Dice;

const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MS;

/// One thing that a bad line does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    DropBytes,
    DuplicateBytes,
    Truncate,
    Delay,
    /// Longer than the peer's silence is borne.
    Stall,
    DropMessage,
    DuplicateMessage,
    SplitAtEveryByte,
    Reset,
}

const FAULTS: [Fault; 9] = [
    Fault::DropBytes,
    Fault::DuplicateBytes,
    Fault::Truncate,
    Fault::Delay,
    Fault::Stall,
    Fault::DropMessage,
    Fault::DuplicateMessage,
    Fault::SplitAtEveryByte,
    Fault::Reset,
];

/// How often each was done.
#[derive(Clone, Copy, Debug, Default)]
pub struct FaultCounts([u64; FAULTS.len()]);

impl FaultCounts {
    pub fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(count, more)| *count += more);
    }

    /// Whether each was done at least once.
    pub fn has_all(&self) -> bool {
        self.0.iter().all(|&count| count > 0)
    }

    fn count(&mut self, fault: Fault) {
        self.0[fault as usize] += 1;
    }
}

impl fmt::Display for FaultCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (fault, count) in FAULTS.iter().zip(self.0) {
            write!(f, "{separator}{fault:?} {count}")?;
            separator = ", ";
        }
        Ok(())
    }
}

/// What a line has to do its faults with.
pub struct Trouble {
    pub dice: Dice,
    pub counts: FaultCounts,
    /// A piece of a message suffers each fault once in this many.
    one_in: u64,
}

impl Trouble {
    pub fn new(dice: Dice, one_in: u64) -> Self {
        Self { dice, counts: FaultCounts::default(), one_in }
    }
}

/// One direction of a connection: pieces and when they arrive.
#[derive(Default)]
pub struct Wire {
    pieces: VecDeque<(u64, Vec<u8>)>,
    last_ns: u64,
}

impl Wire {
    /// Takes bytes in and does to them what a bad line does; `false` where it resets the connection.
    pub fn send(&mut self, now_ns: u64, bytes: &[u8], trouble: Option<&mut Trouble>) -> bool {
        let Some(trouble) = trouble else {
            self.push(now_ns + 50_000, bytes.to_vec());
            return true;
        };
        for message in messages(bytes) {
            let fault = match trouble.dice.below(trouble.one_in) {
                0 => Some(Fault::DropMessage),
                1 => Some(Fault::DuplicateMessage),
                2 | 3 => Some(Fault::SplitAtEveryByte),
                _ => None,
            };
            fault.into_iter().for_each(|fault| trouble.counts.count(fault));
            match fault {
                Some(Fault::DropMessage) => {}
                Some(Fault::SplitAtEveryByte) => {
                    let due_ns = now_ns + 10_000;
                    (0u64..).zip(message).for_each(|(at, &byte)| self.push(due_ns + 1_000 * at, vec![byte]));
                }
                fault => {
                    let times = if fault.is_some() { 2 } else { 1 };
                    for _ in 0..times {
                        if !self.send_message(now_ns, message, trouble) {
                            return false;
                        }
                    }
                }
            }
        }
        true
    }

    fn send_message(&mut self, now_ns: u64, mut bytes: &[u8], trouble: &mut Trouble) -> bool {
        let Trouble { dice, counts, one_in } = trouble;
        while !bytes.is_empty() {
            // Whole, or split anywhere, down to single bytes.
            let length = match dice.below(4) {
                0 => 1 + dice.below(bytes.len() as u64) as usize,
                1 => 1 + dice.below(8.min(bytes.len() as u64)) as usize,
                _ => bytes.len(),
            };
            let (piece, rest) = bytes.split_at(length);
            bytes = rest;
            let due_ns = now_ns + 10_000 + dice.below(2 * MS);
            let fault = match dice.below(*one_in) {
                0 => Fault::DropBytes,
                1 => Fault::DuplicateBytes,
                2 => Fault::Truncate,
                3 => Fault::Delay,
                4 if dice.below(3) == 0 => Fault::Reset,
                5 if dice.below(8) == 0 => Fault::Stall,
                _ => {
                    self.push(due_ns, piece.to_vec());
                    continue;
                }
            };
            counts.count(fault);
            match fault {
                Fault::DuplicateBytes => {
                    self.push(due_ns, piece.to_vec());
                    self.push(due_ns, piece.to_vec());
                }
                Fault::Truncate => {
                    self.push(due_ns, piece[..dice.below(piece.len() as u64) as usize].to_vec());
                }
                Fault::Delay => self.push(due_ns + dice.below(3 * SECOND), piece.to_vec()),
                Fault::Stall => self.push(due_ns + 3 * SECOND + dice.below(6 * SECOND), piece.to_vec()),
                Fault::Reset => return false,
                _ => {}
            }
        }
        true
    }

    /// Bytes of a stream do not overtake each other.
    fn push(&mut self, due_ns: u64, bytes: Vec<u8>) {
        self.last_ns = self.last_ns.max(due_ns);
        self.pieces.push_back((self.last_ns, bytes));
    }

    /// When the next piece arrives; never, where none is on its way.
    pub fn due_ns(&self) -> u64 {
        self.pieces.front().map_or(u64::MAX, |piece| piece.0)
    }

    /// Takes the next piece out.
    pub fn take(&mut self) -> Option<Vec<u8>> {
        self.pieces.pop_front().map(|piece| piece.1)
    }

    /// Puts back what of a piece found no room.
    pub fn put_back(&mut self, bytes: Vec<u8>) {
        self.pieces.push_front((0, bytes));
    }
}

/// FIX messages in a stream, each to the end of its CheckSum(10); what is none goes with the one behind it, or is the last.
fn messages(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let trailer = bytes.windows(4).position(|window| window == b"\x0110=");
        let length = trailer.map_or(bytes.len(), |at| (at + 8).min(bytes.len()));
        let (message, rest) = bytes.split_at(length);
        bytes = rest;
        Some(message)
    })
}
