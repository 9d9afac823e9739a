//! A single-producer, single-consumer ring whose slots carry their own sequence numbers: a hop between two cores costs
//! the transfer of the item's cache lines and of nothing else.
//!
//! A ring with an index word moves two things one after the other: the consumer sees the index line change, and only
//! then asks for the item's lines. Here each cache line holds 60 bytes of the item and the item's number, and the
//! consumer polls the very lines that it waits for, all lines of an item at once, so that their transfers overlap. How
//! much has been taken the consumer publishes only after a sixteenth of the slots, or when it finds the ring empty, on
//! a line that the producer reads only when it knows of no free slot or is asked how many there are.
//!
//! [`ring()`] allocates the slots and touches them; after it nothing here allocates, blocks, or calls the system. One
//! thread owns the [`Producer`], one the [`Consumer`]. Refused at compile time: items that need dropping (what is left
//! in the ring at the end is forgotten) and items of more than [`LINES_MAX`] lines. A full ring gives the item back.
//!
//! Its loom model: `RUSTFLAGS="--cfg loom" cargo test --release -p warptick-engine --lib slot_ring --target-dir
//! target/loom` (a build of its own, then about a minute).

use std::marker::PhantomData;
use std::mem::MaybeUninit;

#[cfg(not(loom))]
use std::sync::{
    Arc,
    atomic::{AtomicU32, AtomicU64, Ordering},
};

#[cfg(loom)]
use loom::sync::{
    Arc,
    atomic::{AtomicU32, AtomicU64, Ordering},
};

/// Bytes of an item in one cache line; the other four are the item's number.
pub const LINE_BYTES: usize = 60;

/// Lines of the largest item.
pub const LINES_MAX: usize = 4;

/// What can travel in a ring: plain data whose bytes are copied into lines and out again.
///
/// # Safety
/// Bytes of `Self` from [`Item::BYTES`] on are padding: a value is whole without them.
pub unsafe trait Item: Send + Sized {
    /// Bytes that have to travel.
    const BYTES: usize = size_of::<Self>();
}

// SAFETY: all of its bytes travel.
unsafe impl Item for u64 {}

type Payload = [MaybeUninit<u8>; LINE_BYTES];

/// One cache line of a slot.
#[repr(C, align(64))]
struct Line {
    payload: cell::Cell<Payload>,
    /// Number of the item that is here, from 1, modulo 2^32; 0 before the first. Between two items of one slot the
    /// numbers grow by the number of slots, at most 2^31, so that an old one never passes for the one that is awaited.
    number: AtomicU32,
}

/// What the consumer publishes, on lines of its own.
#[repr(C, align(128))]
struct Taken {
    items: AtomicU64,
}

struct Ring<T> {
    /// `LINES` a slot, a power of two of slots.
    lines: Box<[Line]>,
    taken: Taken,
    /// Slots that may be filled at a time; at most those that there are.
    capacity: u64,
    slot_mask: u64,
    item: PhantomData<T>,
}

// SAFETY: the payload of a line is written by the one producer and read by the one consumer (neither end is `Clone`),
// never both at once: the consumer reads it only after it has seen its number (Acquire, pairs with the producer's
// Release), the producer writes it again only after it has seen that the item was taken (Acquire, pairs with the
// consumer's Release). Items move from one thread to the other, hence `T: Item`, which is `Send`.
unsafe impl<T: Item> Sync for Ring<T> {}
// SAFETY: as above; the ring itself belongs to no thread.
unsafe impl<T: Item> Send for Ring<T> {}

impl<T: Item> Ring<T> {
    /// Cache lines of one item.
    const LINES: usize = {
        assert!(!std::mem::needs_drop::<T>(), "items that are left at the end are forgotten");
        assert!(T::BYTES <= size_of::<T>(), "an item has no bytes beyond its size");
        let lines = T::BYTES.div_ceil(LINE_BYTES);
        assert!(lines <= LINES_MAX, "an item has at most LINES_MAX lines");
        if lines == 0 { 1 } else { lines }
    };

    /// The lines in which item `number` (from 0) travels.
    #[inline(always)]
    fn slot(&self, number: u64) -> &[Line] {
        let at = (number & self.slot_mask) as usize * Self::LINES;
        debug_assert!(at + Self::LINES <= self.lines.len());
        // SAFETY: there are `slot_mask + 1` times `LINES` lines, and `number & slot_mask` is at most `slot_mask`.
        unsafe { self.lines.get_unchecked(at..at + Self::LINES) }
    }

    /// Items that were pushed and not yet published as taken. The slots from the oldest on are filled without a hole, so that
    /// a few of them tell: doubling steps, then halving ones.
    fn waiting(&self) -> usize {
        // Relaxed: only numbers are looked at, no payload.
        let taken = self.taken.items.load(Ordering::Relaxed);
        let is_filled = |item: u64| {
            let wanted = (taken.wrapping_add(item) as u32).wrapping_add(1);
            let found = self.slot(taken.wrapping_add(item))[0].number.load(Ordering::Relaxed);
            // A later number: meanwhile the item was taken and the slot filled again.
            found.wrapping_sub(wanted) as i32 >= 0
        };
        let mut step = 1;
        while step <= self.capacity && is_filled(step - 1) {
            step *= 2;
        }
        // Filled below `from`, and not at `to`, or beyond the end.
        let (mut from, mut to) = (step / 2, (step - 1).min(self.capacity));
        while from < to {
            let middle = from + (to - from) / 2;
            if is_filled(middle) { from = middle + 1 } else { to = middle }
        }
        from as usize
    }

    /// Bytes of the item in its line `line`: all but the last are full.
    const fn bytes_in(line: usize) -> usize {
        let left = T::BYTES.saturating_sub(line * LINE_BYTES);
        if left < LINE_BYTES { left } else { LINE_BYTES }
    }
}

/// The ring was full; here is the item back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full<T>(pub T);

/// The sending end.
pub struct Producer<T> {
    ring: Arc<Ring<T>>,
    /// Items pushed so far.
    pushed: u64,
    /// How many may be pushed in all before the consumer's count has to be read again.
    free_until: u64,
}

/// A third thread's look at how full a ring is. It writes nothing, and the two ends do nothing for it: it reads the lines' numbers as the
/// consumer does, a handful of them, so that now and then a line comes to its owner from one core more.
pub struct Gauge {
    waiting: Box<dyn Fn() -> usize>,
    capacity: usize,
}

impl Gauge {
    /// Items in the ring, by the consumer's last publication: up to a sixteenth of the slots too many. While it moves, a
    /// little off.
    #[must_use]
    pub fn waiting(&self) -> usize {
        (self.waiting)()
    }

    /// Slots that there are.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }
}

impl std::fmt::Debug for Gauge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gauge").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

/// The receiving end.
pub struct Consumer<T> {
    ring: Arc<Ring<T>>,
    /// Items taken so far.
    taken: u64,
    /// Items taken when the count was last published.
    published: u64,
    /// Items between two publications.
    publish_every: u64,
}

impl<T> std::fmt::Debug for Producer<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Producer").field("pushed", &self.pushed).finish_non_exhaustive()
    }
}

impl<T> std::fmt::Debug for Consumer<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Consumer").field("taken", &self.taken).finish_non_exhaustive()
    }
}

/// A ring of `capacity` slots, all memory touched. Slots are allocated in a power of two, `capacity` of them are used.
///
/// # Panics
/// `capacity` is 0 or above 2^31.
#[must_use]
pub fn ring<T: Item>(capacity: usize) -> (Producer<T>, Consumer<T>) {
    ring_from(capacity, 0)
}

/// A ring that has already carried `items`, for tests of what happens when the numbers wrap.
fn ring_from<T: Item>(capacity: usize, items: u64) -> (Producer<T>, Consumer<T>) {
    assert!((1..=1 << 31).contains(&capacity), "a ring has 1 to 2^31 slots");
    let slots = capacity.next_power_of_two();
    let empty = || Line {
        payload: cell::Cell::new([MaybeUninit::uninit(); LINE_BYTES]),
        // The last number but the one that every slot awaits first; 0 where nothing was carried.
        number: AtomicU32::new(items as u32),
    };
    let ring = Arc::new(Ring {
        lines: std::iter::repeat_with(empty).take(slots * Ring::<T>::LINES).collect(),
        taken: Taken { items: AtomicU64::new(items) },
        capacity: capacity as u64,
        slot_mask: slots as u64 - 1,
        item: PhantomData,
    });
    let publish_every = (capacity as u64 / 16).max(1);
    let consumer = Consumer { ring: Arc::clone(&ring), taken: items, published: items, publish_every };
    (Producer { ring, pushed: items, free_until: items + capacity as u64 }, consumer)
}

impl<T: Item> Producer<T> {
    /// Pushes an item.
    ///
    /// # Errors
    /// The ring is full; the item comes back.
    #[inline]
    pub fn push(&mut self, item: T) -> Result<(), Full<T>> {
        if self.is_full() {
            return Err(Full(item));
        }
        let item = MaybeUninit::new(item);
        let bytes = item.as_ptr().cast::<MaybeUninit<u8>>();
        let number = (self.pushed as u32).wrapping_add(1);
        for (index, line) in self.ring.slot(self.pushed).iter().enumerate() {
            line.payload.with_mut(|payload| {
                // SAFETY: the source is inside `item`, `bytes_in` ends with it; the target is a line that the
                // consumer is done with: `is_full` has seen (Acquire) that it took the item that was here before,
                // and it does not look again before it sees the new number.
                unsafe {
                    let from = bytes.add(index * LINE_BYTES);
                    std::ptr::copy_nonoverlapping(from, payload.cast(), Ring::<T>::bytes_in(index));
                }
            });
            // Release: pairs with the Acquire in `Consumer::is_there`; who sees the number sees the payload.
            line.number.store(number, Ordering::Release);
        }
        self.pushed += 1;
        Ok(())
    }

    /// Whether no slot is free. The consumer's count is read only when the last known one leaves no room.
    #[inline]
    pub fn is_full(&mut self) -> bool {
        if self.pushed < self.free_until {
            return false;
        }
        self.free_until = self.pushed + self.slots() as u64;
        self.pushed == self.free_until
    }

    /// Slots that are free, by the consumer's last publication: up to a sixteenth of the slots more may be.
    #[inline]
    #[must_use]
    pub fn slots(&self) -> usize {
        // Acquire: pairs with the Release in `Consumer::publish`; what was taken will not be read any more.
        let taken = self.ring.taken.items.load(Ordering::Acquire);
        (self.ring.capacity - (self.pushed - taken)) as usize
    }

    /// Slots that there are.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.ring.capacity as usize
    }

    /// A look at the ring for a third thread.
    #[must_use]
    pub fn gauge(&self) -> Gauge
    where
        T: 'static,
    {
        let ring = Arc::clone(&self.ring);
        Gauge { waiting: Box::new(move || ring.waiting()), capacity: self.capacity() }
    }

    /// Whether everything that was pushed has been taken, by the consumer's last publication; it publishes when it
    /// finds nothing.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.slots() == self.capacity()
    }
}

impl<T: Item> Consumer<T> {
    /// Takes the oldest item; `None` when there is none just now.
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        if self.is_empty() {
            if self.published < self.taken {
                self.publish();
            }
            return None;
        }
        let mut item = MaybeUninit::<T>::uninit();
        let bytes = item.as_mut_ptr().cast::<MaybeUninit<u8>>();
        for (index, line) in self.ring.slot(self.taken).iter().enumerate() {
            line.payload.with(|payload| {
                // SAFETY: the target is inside `item`; the source was written whole before its number, which
                // `is_empty` has seen (Acquire), and is not written again before this item's being taken is published.
                unsafe {
                    let to = bytes.add(index * LINE_BYTES);
                    std::ptr::copy_nonoverlapping(payload.cast(), to, Ring::<T>::bytes_in(index));
                }
            });
        }
        self.taken += 1;
        if self.taken - self.published >= self.publish_every {
            self.publish();
        }
        // SAFETY: every byte of it that is not padding was copied from an item that was moved into `push`, and it is
        // handed out once.
        Some(unsafe { item.assume_init() })
    }

    /// Whether nothing is there to take just now.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let wanted = (self.taken as u32).wrapping_add(1);
        // All lines are looked at, with no branch between: their transfers from the other core overlap.
        // Acquire: pairs with the Release in `Producer::push`.
        let differs = |line: &Line| line.number.load(Ordering::Acquire) ^ wanted;
        self.ring.slot(self.taken).iter().map(differs).fold(0, std::ops::BitOr::bitor) != 0
    }

    #[inline]
    fn publish(&mut self) {
        self.published = self.taken;
        // Release: pairs with the Acquire in `Producer::slots`; the payloads have been read by then.
        self.ring.taken.items.store(self.taken, Ordering::Release);
    }
}

/// The payload's cell: the plain one, or the one in which loom sees every access.
#[cfg(not(loom))]
mod cell {
    use std::cell::UnsafeCell;

    pub(super) struct Cell<T>(UnsafeCell<T>);

    impl<T> Cell<T> {
        pub(super) const fn new(value: T) -> Self {
            Self(UnsafeCell::new(value))
        }

        #[inline(always)]
        pub(super) fn with<R>(&self, read: impl FnOnce(*const T) -> R) -> R {
            read(self.0.get())
        }

        #[inline(always)]
        pub(super) fn with_mut<R>(&self, write: impl FnOnce(*mut T) -> R) -> R {
            write(self.0.get())
        }
    }
}

#[cfg(loom)]
mod cell {
    pub(super) use loom::cell::UnsafeCell as Cell;
}

#[cfg(all(test, not(loom)))]
#[path = "slot_ring_tests.rs"]
mod tests;

#[cfg(all(test, loom))]
#[path = "slot_ring_model.rs"]
mod model;
