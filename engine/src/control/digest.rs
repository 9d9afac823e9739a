//! The order digest: SHA-256 over one canonical 64-byte record for each approved action, the value by which two
//! runs are compared.
//!
//! It covers what was decided, never the session's bytes: same input and configuration, same digest, in every
//! topology, on every backend, at any machine speed. [`OrderDigest`] computes it in place. [`digest_ring`] splits the
//! work: the decide thread owns the [`DigestSender`], which copies 64 bytes into a ring allocated at start and makes
//! no system call; the housekeeping thread owns the [`DigestReceiver`], which hashes. No action is ever left out: with
//! the ring full the sender waits, and counts that it did.
//!
//! Answers of wide work are digested the same way beside it, a ring and a digest of their own ([`canonical_item`]), so that
//! backends can be compared where no order came of it.

use crate::order::Order;
use kernels::abi::WideItem;
use rtrb::{Consumer, Producer, PushError, RingBuffer};
use sha2::{Digest, Sha256};

/// Bytes of a canonical record.
pub const CANONICAL_BYTES: usize = 64;

/// The canonical record of an approved action. Little-endian:
///
/// | offset | field |
/// |---|---|
/// | 0 | decision sequence u64 |
/// | 8 | ClOrdID(11) u64 |
/// | 16 | OrigClOrdID(41) u64 |
/// | 24 | price i64, 1e-9 |
/// | 32 | quantity u64 |
/// | 40 | instrument u32 |
/// | 44 | venue u8 |
/// | 45 | action u8 |
/// | 46 | side u8 |
/// | 47 | time in force u8 |
/// | 48 | zero |
///
/// Time and strategy number are left out: they do not change what a venue is asked to do.
#[inline]
#[must_use]
pub fn canonical(order: &Order) -> [u8; CANONICAL_BYTES] {
    let mut out = [0; CANONICAL_BYTES];
    out[0..8].copy_from_slice(&order.decision.to_le_bytes());
    out[8..16].copy_from_slice(&order.cl_ord_id.to_le_bytes());
    out[16..24].copy_from_slice(&order.orig_cl_ord_id.to_le_bytes());
    out[24..32].copy_from_slice(&order.price.to_le_bytes());
    out[32..40].copy_from_slice(&order.quantity.to_le_bytes());
    out[40..44].copy_from_slice(&order.instrument.to_le_bytes());
    out[44] = order.venue;
    out[45] = order.action as u8;
    out[46] = order.side as u8;
    out[47] = order.time_in_force as u8;
    out
}

/// The canonical record of an item of a wide-work answer. Little-endian:
///
/// | offset | field |
/// |---|---|
/// | 0 | number of the request u64 |
/// | 8 | wide listing u32 |
/// | 12 | kind of the item u32; 0 in the record that ends an answer |
/// | 16 | number of the item u32; in the end's record how many items there were |
/// | 20 | zero |
/// | 24 | five values i64; zero in the end's record |
///
/// Who computed the answer is left out, and when it took effect too: answers of different backends are to be compared.
#[inline]
#[must_use]
pub fn canonical_item(request: u64, listing: u32, item: &WideItem) -> [u8; CANONICAL_BYTES] {
    let mut out = canonical_answer(request, listing, item.key.kind as u32, item.key.index);
    for (place, value) in out[24..].chunks_exact_mut(8).zip(item.values) {
        place.copy_from_slice(&value.to_le_bytes());
    }
    out
}

/// The canonical record of the end of a wide-work answer; see [`canonical_item`].
#[inline]
#[must_use]
pub fn canonical_end(request: u64, listing: u32, items: usize) -> [u8; CANONICAL_BYTES] {
    canonical_answer(request, listing, 0, u32::try_from(items).unwrap_or(u32::MAX))
}

#[inline]
fn canonical_answer(request: u64, listing: u32, kind: u32, number: u32) -> [u8; CANONICAL_BYTES] {
    let mut out = [0; CANONICAL_BYTES];
    out[0..8].copy_from_slice(&request.to_le_bytes());
    out[8..12].copy_from_slice(&listing.to_le_bytes());
    out[12..16].copy_from_slice(&kind.to_le_bytes());
    out[16..20].copy_from_slice(&number.to_le_bytes());
    out
}

/// The digest of a stream of actions.
#[derive(Clone, Default)]
pub struct OrderDigest {
    hash: Sha256,
    actions: u64,
}

impl OrderDigest {
    /// The digest of no action.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one approved action. Allocates nothing.
    pub fn push(&mut self, order: &Order) {
        self.push_canonical(&canonical(order));
    }

    /// Adds one canonical record.
    pub fn push_canonical(&mut self, record: &[u8; CANONICAL_BYTES]) {
        self.hash.update(record);
        self.actions += 1;
    }

    /// Actions added.
    #[must_use]
    pub fn actions(&self) -> u64 {
        self.actions
    }

    /// The digest.
    #[must_use]
    pub fn finish(self) -> [u8; 32] {
        self.hash.finalize().into()
    }
}

/// A digest as reports print it: 64 lower-case hexadecimal digits.
#[must_use]
pub fn hex(digest: &[u8; 32]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A ring of `capacity` canonical records between the decide thread and the housekeeping thread; every page of it is
/// touched here, none later (an untouched one costs the decide thread a fault of 2 us every 64 orders).
#[must_use]
pub fn digest_ring(capacity: usize) -> (DigestSender, DigestReceiver) {
    let (mut ring, mut out) = RingBuffer::new(capacity);
    while ring.push([0; CANONICAL_BYTES]).is_ok() {}
    while out.pop().is_ok() {}
    (DigestSender { ring, waits: 0 }, DigestReceiver { ring: out, digest: OrderDigest::new() })
}

/// The receiver is gone, so the digest would not hold the action. Stop trading: the run cannot be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DigestAbandoned;

/// The decide thread's end of a digest ring.
pub struct DigestSender {
    ring: Producer<[u8; CANONICAL_BYTES]>,
    waits: u64,
}

impl DigestSender {
    /// Sends one approved action. With the ring full it spins until the receiver has made room, and counts one wait;
    /// a thread that also owns the receiver must use [`DigestSender::try_push`] and drain it.
    ///
    /// # Errors
    /// [`DigestAbandoned`] when the ring is full and there is no receiver any more.
    #[inline]
    pub fn push(&mut self, order: &Order) -> Result<(), DigestAbandoned> {
        self.push_canonical(canonical(order))
    }

    /// Sends one canonical record, as [`Self::push`] does.
    ///
    /// # Errors
    /// As [`Self::push`].
    #[inline]
    pub fn push_canonical(&mut self, record: [u8; CANONICAL_BYTES]) -> Result<(), DigestAbandoned> {
        match self.ring.push(record) {
            Ok(()) => Ok(()),
            Err(PushError::Full(record)) => self.wait_and_push(record),
        }
    }

    /// Sends one approved action if the ring has room, and says whether it had.
    #[inline]
    #[must_use]
    pub fn try_push(&mut self, order: &Order) -> bool {
        self.ring.push(canonical(order)).is_ok()
    }

    /// How often [`DigestSender::push`] found the ring full.
    #[must_use]
    pub fn waits(&self) -> u64 {
        self.waits
    }

    #[cold]
    #[inline(never)]
    fn wait_and_push(&mut self, mut record: [u8; CANONICAL_BYTES]) -> Result<(), DigestAbandoned> {
        self.waits += 1;
        while let Err(PushError::Full(back)) = self.ring.push(record) {
            if self.ring.is_abandoned() {
                return Err(DigestAbandoned);
            }
            record = back;
            std::hint::spin_loop();
        }
        Ok(())
    }
}

/// The housekeeping thread's end of a digest ring.
pub struct DigestReceiver {
    ring: Consumer<[u8; CANONICAL_BYTES]>,
    digest: OrderDigest,
}

impl DigestReceiver {
    /// Records that are there now, and how many there is room for.
    #[must_use]
    pub fn fill(&self) -> (usize, usize) {
        (self.ring.slots(), self.ring.buffer().capacity())
    }

    /// Hashes what is in the ring, at most one ring's worth, and returns how many actions that were.
    pub fn poll(&mut self) -> usize {
        let waiting = self.ring.slots();
        for _ in 0..waiting {
            if let Ok(record) = self.ring.pop() {
                self.digest.push_canonical(&record);
            }
        }
        waiting
    }

    /// The digest of what was hashed so far; more may be in the ring.
    #[must_use]
    pub fn so_far(&self) -> OrderDigest {
        self.digest.clone()
    }

    /// Takes the oldest record without hashing it: of a rehearsal, whose digest nobody asks for.
    #[inline]
    pub(crate) fn take(&mut self) -> Option<[u8; CANONICAL_BYTES]> {
        self.ring.pop().ok()
    }

    /// Hashes the rest and returns the digest.
    ///
    /// # Errors
    /// The receiver comes back while the sender still exists, since more actions can come: join its thread first.
    pub fn finish(mut self) -> Result<OrderDigest, Box<Self>> {
        // Looked at before the last drain: after it nothing can be pushed any more.
        if !self.ring.is_abandoned() {
            return Err(Box::new(self));
        }
        self.poll();
        Ok(self.digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::{OrderAction, TimeInForce};
    use feeds::event::Side;

    fn order(decision: u64) -> Order {
        Order {
            decision,
            time_ns: 99,
            cl_ord_id: 2_012_062_100_000_000 + decision,
            orig_cl_ord_id: 0,
            price: 585_330_000_000,
            quantity: 100,
            instrument: 3,
            venue: 1,
            action: OrderAction::New,
            side: Side::Buy,
            time_in_force: TimeInForce::Day,
            strategy: 5,
            sells_short: false,
            reserved: [0; 5],
        }
    }

    fn cancel() -> Order {
        Order {
            orig_cl_ord_id: 2_012_062_100_000_001,
            price: -1,
            quantity: u64::MAX,
            instrument: 0x0102_0304,
            venue: 255,
            action: OrderAction::Cancel,
            side: Side::Sell,
            time_in_force: TimeInForce::ImmediateOrCancel,
            ..order(2)
        }
    }

    /// Known answer: the two records written out by hand as the table on [`canonical`] says, hashed by `sha256sum`
    /// (coreutils): `printf '%s%s' A B | xxd -r -p | sha256sum`.
    #[test]
    fn layout_and_hash_are_the_known_ones() {
        let first = "0100000000000000\
                     018dbcb6f5250700\
                     0000000000000000\
                     8000634888000000\
                     6400000000000000\
                     03000000\
                     01010100\
                     00000000000000000000000000000000";
        let second = "0200000000000000\
                      028dbcb6f5250700\
                      018dbcb6f5250700\
                      ffffffffffffffff\
                      ffffffffffffffff\
                      04030201\
                      ff030203\
                      00000000000000000000000000000000";
        let digits = |bytes: [u8; 64]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(digits(canonical(&order(1))), first);
        assert_eq!(digits(canonical(&cancel())), second);
        let mut digest = OrderDigest::new();
        digest.push(&order(1));
        digest.push(&cancel());
        assert_eq!(digest.actions(), 2);
        assert_eq!(hex(&digest.finish()), "ecb01eb385763ddbf7a90f2b299ffeadbaf2e8056a61231dc64d72539f772774");
    }

    #[test]
    fn an_answer_lies_where_its_table_says() {
        use kernels::abi::{ItemKey, ItemKind};
        let key = ItemKey { kind: ItemKind::Option, index: 0x0102_0304 };
        let record = canonical_item(5, 6, &WideItem { key, values: [1, -1, 2, 3, i64::MIN] });
        let digits = |bytes: [u8; 64]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let expected = "0500000000000000\
                        06000000\
                        02000000\
                        04030201\
                        00000000\
                        0100000000000000\
                        ffffffffffffffff\
                        0200000000000000\
                        0300000000000000\
                        0000000000000080";
        assert_eq!(digits(record), expected);
        let end = digits(canonical_end(5, 6, 7));
        assert_eq!(end, format!("0500000000000000{}{}", "060000000000000007000000", "0".repeat(88)));
    }

    #[test]
    fn time_and_strategy_do_not_count() {
        let later = Order { time_ns: 1, strategy: 2, ..order(1) };
        assert_eq!(canonical(&later), canonical(&order(1)));
    }

    #[test]
    fn the_ring_gives_the_digest_of_the_stream() {
        let (mut sender, mut receiver) = digest_ring(8);
        let mut direct = OrderDigest::new();
        let orders: Vec<_> = (1..=20_000).map(order).collect();
        orders.iter().for_each(|order| direct.push(order));
        let hot = std::thread::spawn(move || {
            orders.iter().for_each(|order| sender.push(order).unwrap());
            sender.waits()
        });
        while !hot.is_finished() {
            receiver.poll();
        }
        let waits = hot.join().unwrap();
        assert!(waits > 0, "a ring of 8 is full at times");
        let through_ring = receiver.finish().unwrap_or_else(|_| panic!("the sender is gone"));
        assert_eq!(through_ring.actions(), 20_000);
        assert_eq!(through_ring.finish(), direct.finish());
    }

    #[test]
    fn a_full_ring_refuses_waits_or_says_that_nobody_listens() {
        let (mut sender, receiver) = digest_ring(1);
        assert!(sender.try_push(&order(1)));
        assert!(!sender.try_push(&order(2)));
        let receiver = receiver.finish().err().expect("the sender is alive");
        drop(receiver);
        assert_eq!(sender.push(&order(2)), Err(DigestAbandoned));
        assert_eq!(sender.waits(), 1);
    }
}
