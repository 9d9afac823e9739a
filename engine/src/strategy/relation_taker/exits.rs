//! What the relation taker is to trade back: by listing, what filled beyond what the other legs support.
//!
//! It is no part of an attempt any more: while nothing can be done about it, other relations are taken. What an attempt leaves
//! of a listing in one direction and a later one in the other cancels out. It allocates at construction only.

use feeds::event::Side;

/// Something to be traded back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Exit {
    pub(super) listing: u32,
    /// Of the orders that trade it back.
    pub(super) side: Side,
    pub(super) quantity: u64,
    /// An order for it is in flight.
    pub(super) is_asked: bool,
}

/// All of it, the oldest first.
pub(super) struct Exits(Vec<Exit>);

impl Exits {
    /// Room for one of each listing.
    pub(super) fn new(listings: usize) -> Self {
        Self(Vec::with_capacity(listings))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Exit> {
        self.0.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Exit> {
        self.0.iter_mut()
    }

    /// `quantity` more is to be traded back on `side`.
    pub(super) fn add(&mut self, listing: u32, side: Side, quantity: u64) {
        match self.0.iter_mut().find(|exit| exit.listing == listing) {
            Some(exit) if exit.side == side => exit.quantity = exit.quantity.saturating_add(quantity),
            Some(exit) => {
                let turns = quantity > exit.quantity;
                exit.quantity = exit.quantity.abs_diff(quantity);
                exit.side = if turns { side } else { exit.side };
            }
            // One of each listing: there is room.
            None => self.0.push(Exit { listing, side, quantity, is_asked: false }),
        }
        self.drop_done();
    }

    /// Nothing is left of those that are done.
    pub(super) fn drop_done(&mut self) {
        self.0.retain(|exit| exit.quantity > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_bought_and_sold_of_one_listing_cancels_out() {
        let mut exits = Exits::new(2);
        exits.add(7, Side::Sell, 30);
        exits.add(9, Side::Buy, 5);
        exits.add(7, Side::Sell, 10);
        exits.add(7, Side::Buy, 15);
        let seen = |exits: &Exits| exits.iter().map(|e| (e.listing, e.side, e.quantity)).collect::<Vec<_>>();
        assert_eq!(seen(&exits), [(7, Side::Sell, 25), (9, Side::Buy, 5)]);
        exits.add(7, Side::Buy, 32);
        exits.add(9, Side::Sell, 5);
        assert_eq!(seen(&exits), [(7, Side::Buy, 7)]);
        exits.add(7, Side::Buy, 0);
        assert_eq!(seen(&exits), [(7, Side::Buy, 7)]);
    }
}
