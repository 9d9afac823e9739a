//! What both sides of the PCIe bus read: the lines of the rings, and the tables that wide work is compiled into.
//!
//! Every struct here is plain old data with fixed size, alignment and offsets; `kernels/cuda/abi.cuh` holds the same
//! with `static_assert`s, and the tests hold the two together. Nothing here allocates or computes prices.
//!
//! **Wide work** is what a change of one listing's best bid or offer fans out into: the relations that the listing is
//! a leg of, and the option chains that it is the underlying of. One request, one answer: the items whose rounded
//! values are not those of the item's last answer, in ascending order of [`ItemKey`]. Whoever computes, CPU or device,
//! answers the same bits.

mod lines;
mod tables;

pub use lines::{
    EpochEnd, LINE_PAYLOAD_WORDS, LINE_WORDS, Line, SignalKind, SignalLine, TickKind, TickLine, tick_flags,
};
pub use tables::{
    AMOUNT_MAX, Expiry, LEGS_MAX, LINEAR_LEGS_MAX, LISTING_NONE, Leg, LinearLeg, LinearRelation,
    ListingTerms, OptionTerms, Relation, Touch, option_flags,
};

/// What an item is about.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ItemKind {
    /// A [`Relation`]: `values` are the quantities of legs 0 to 3 and the profit, 1e-9 of the first leg's currency; all
    /// zero when there is nothing to take. Numbers behind the last of those are [`LinearRelation`]s: copies, what goes
    /// into a copy, what comes out of it, zero, and the profit of all copies.
    Relation = 1,
    /// An option: `values` are our bid and our offer, 1e-9 (the offer at least one tick;
    /// [`feeds::units::PRICE_NONE`] where we do not quote, and on both sides beyond 2^62), the
    /// theoretical price, delta, and vega for a change of the volatility by 1, each rounded to 1e-9. It counts as
    /// changed when bid or offer is.
    Option = 2,
}

impl ItemKind {
    /// The kind of a code, or `None` for a code that has none.
    #[must_use]
    pub const fn from_code(code: u32) -> Option<Self> {
        match code {
            1 => Some(Self::Relation),
            2 => Some(Self::Option),
            _ => None,
        }
    }
}

/// Which item, in the order of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ItemKey {
    /// What it is about.
    pub kind: ItemKind,
    /// Number in the compiled table of its kind.
    pub index: u32,
}

/// One changed item of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WideItem {
    /// Which one.
    pub key: ItemKey,
    /// Its new values; see [`ItemKind`].
    pub values: [i64; 5],
}

/// FNV-1a's offset basis: where a book's hash starts.
const HASH_START: u64 = 0xCBF2_9CE4_8422_2325;

/// What one price level adds to the hash of its book. A book's hash is [`book_hash_of_empty`] plus this for each of its
/// levels, modulo 2^64: it does not depend on the order of changes, and one change is one subtraction and one addition.
///
/// `price`: 1e-9. `sell`: whether it is an offer.
#[must_use]
pub const fn level_hash(price: i64, sell: bool, quantity: u64) -> u64 {
    let place = mix((price as u64) << 1 | sell as u64);
    mix(place ^ quantity.wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

/// What one resting order adds to the hash of its book, where the book is fed by orders.
#[must_use]
pub const fn order_hash(order_id: u64, price: i64, sell: bool, quantity: u64) -> u64 {
    mix(order_id.wrapping_add(HASH_START) ^ level_hash(price, sell, quantity))
}

/// Hash of the book of a listing without levels.
#[must_use]
pub const fn book_hash_of_empty(listing: u32) -> u64 {
    mix(HASH_START ^ listing as u64)
}

/// SplitMix64's finaliser (Steele, Lea, Flood 2014): every bit of the input reaches every bit of the result.
const fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_come_back_from_their_codes() {
        for code in 0..=1000 {
            assert!(ItemKind::from_code(code).is_none_or(|kind| kind as u32 == code));
        }
        assert_eq!(ItemKind::from_code(ItemKind::Option as u32), Some(ItemKind::Option));
    }

    #[test]
    fn hashes_tell_sides_prices_quantities_and_orders_apart() {
        let hashes = [
            level_hash(100, false, 5),
            level_hash(100, true, 5),
            level_hash(101, false, 5),
            level_hash(100, false, 6),
            order_hash(1, 100, false, 5),
            order_hash(2, 100, false, 5),
            book_hash_of_empty(0),
            book_hash_of_empty(1),
        ];
        for (at, hash) in hashes.iter().enumerate() {
            assert!(!hashes[..at].contains(hash), "hash {at}");
        }
    }
}
