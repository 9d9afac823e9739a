//! What a batch reads and gives: lists of changes, and the books after them.

use crate::abi::{TickKind, TickLine};
use feeds::event::Side;

/// A change of a book as it lies in the device's memory; `ChangeRecord` of `batch.cu`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookChange {
    kind: u32,
    sells: u32,
    reserved: u64,
    price: i64,
    quantity: u64,
    order_id: u64,
    second_id: u64,
}

const _: () = assert!(size_of::<BookChange>() == 48 && align_of::<BookChange>() == 8);

impl BookChange {
    /// What a tick line says to the book of its listing; `None` for a line that changes no book.
    #[must_use]
    pub const fn of(line: &TickLine) -> Option<Self> {
        match line.kind {
            TickKind::Level
            | TickKind::OrderAdd
            | TickKind::OrderReduce
            | TickKind::OrderReplace
            | TickKind::Clear
            | TickKind::Eligible => Some(Self {
                kind: line.kind as u32,
                sells: matches!(line.side, Side::Sell) as u32,
                reserved: 0,
                price: line.price,
                quantity: line.quantity,
                order_id: line.order_id,
                second_id: line.second_id,
            }),
            TickKind::Volatility | TickKind::Nothing | TickKind::EpochEnd => None,
        }
    }
}

/// The changes of all listings, one listing's behind the other's, each in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangeLists {
    pub(super) starts: Vec<u64>,
    pub(super) changes: Vec<BookChange>,
}

impl ChangeLists {
    /// One list a listing.
    #[must_use]
    pub fn of(lists: &[Vec<BookChange>]) -> Self {
        let mut starts = vec![0];
        let mut end = 0;
        for list in lists {
            end += list.len() as u64;
            starts.push(end);
        }
        Self { starts, changes: lists.concat() }
    }

    /// Changes of all lists.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

/// A book as the device has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookTop {
    /// See [`crate::abi::level_hash`].
    pub hash: u64,
    /// Best bid, 1e-9, or [`feeds::units::PRICE_NONE`]; none where the book does not count.
    pub bid_price: i64,
    /// Quantity there.
    pub bid_quantity: u64,
    /// Best offer, as the bid.
    pub ask_price: i64,
    /// Quantity there.
    pub ask_quantity: u64,
}

impl BookTop {
    /// From the words of the device's record.
    pub(super) const fn of(words: &[u64; 8]) -> Self {
        Self {
            hash: words[0],
            bid_quantity: words[1],
            ask_quantity: words[2],
            bid_price: words[3] as i64,
            ask_price: words[4] as i64,
        }
    }
}

/// A change that a book could not take: the rest of its list was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplayFault {
    /// Whose book.
    pub listing: u32,
    /// Place of the change in the listing's list, modulo 2^32.
    pub change: u32,
    /// What: 1 levels full, 2 orders full, 3 order unknown.
    pub fault: u32,
}

impl ReplayFault {
    /// The first of the words that the kernel leaves for each listing which is not zero.
    pub(super) fn first(words: &[u64]) -> Option<Self> {
        let listing = words.iter().position(|word| *word != 0)?;
        let word = words[listing];
        Some(Self { listing: listing as u32, change: word as u32, fault: (word >> 32) as u32 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_lie_behind_each_other() {
        let change = |price| {
            BookChange::of(&TickLine { kind: TickKind::Level, price, ..TickLine::NOTHING }).expect("a book's")
        };
        let lists = ChangeLists::of(&[vec![change(1), change(2)], vec![], vec![change(3)]]);
        assert_eq!(lists.starts, [0, 2, 2, 3]);
        assert_eq!(lists.changes, [change(1), change(2), change(3)]);
        assert_eq!(BookChange::of(&TickLine::NOTHING), None);
    }

    #[test]
    fn the_first_fault_is_found() {
        assert_eq!(ReplayFault::first(&[0, 0]), None);
        let fault = ReplayFault { listing: 1, change: 7, fault: 3 };
        assert_eq!(ReplayFault::first(&[0, 3 << 32 | 7, 1 << 32]), Some(fault));
    }
}
