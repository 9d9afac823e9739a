//! The hash of a book that a device's replica has to have; see [`crate::abi::level_hash`].
//!
//! It walks the whole book: for checks and fresh starts.

use super::book::{DepthLevel, VenueBooks};
use crate::abi::{book_hash_of_empty, level_hash, order_hash};
use feeds::event::Side;

/// The hash of an instrument's book at a venue, as the replica numbers it. `depth` has room for a side's levels; what does not
/// fit it is left out.
#[must_use]
pub fn replica_hash(books: &VenueBooks, instrument: u32, listing: u32, depth: &mut [DepthLevel]) -> u64 {
    let mut hash = book_hash_of_empty(listing);
    for side in [Side::Buy, Side::Sell] {
        let levels = books.depth(instrument, side, depth);
        let sells = side == Side::Sell;
        for level in &depth[..levels] {
            hash = hash.wrapping_add(level_hash(level.price, sells, level.quantity));
            for order in books.queue(instrument, side, level.price).filter(|_| level.orders > 0) {
                hash = hash.wrapping_add(order_hash(order.order_id, order.price, sells, order.quantity));
            }
        }
    }
    hash
}
