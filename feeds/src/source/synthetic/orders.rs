//! What happens to single orders: each function changes the book and returns the message that tells of it.

use super::book::BID;
use super::session::Session;
use crate::itch::messages::{
    AddOrder, AddOrderMpid, Message, OrderCancel, OrderDelete, OrderExecuted, OrderExecutedWithPrice,
    OrderReplace,
};

/// Market participants that attribute their orders.
const PARTICIPANTS: [[u8; 4]; 4] = [*b"WTKA", *b"WTKB", *b"WTKC", *b"WTKD"];

impl Session {
    fn next_reference(&mut self, venue: u8) -> u64 {
        // Sparse, as each venue numbers its non-displayed orders too.
        let step = 1 + u64::from(self.prng.geometric(105_000));
        let numbers = &mut self.numbers[usize::from(venue)];
        numbers.reference += step;
        numbers.reference
    }

    pub(super) fn next_match_number(&mut self, venue: u8) -> u64 {
        let numbers = &mut self.numbers[usize::from(venue)];
        numbers.match_number += 1;
        numbers.match_number
    }

    /// `A` or `F`: a new order rests.
    pub(super) fn add_order(
        &mut self,
        listing: usize,
        side: usize,
        price: i32,
        shares: u32,
        attributed: bool,
    ) -> Message {
        let reference = self.next_reference(self.listings[listing].venue);
        self.listings[listing].book.add(&mut self.orders, reference, side, price, shares);
        let header = self.header(listing);
        let stock = self.symbols[self.listings[listing].symbol as usize].name;
        let price = self.price4(listing, price);
        let side = if side == BID { b'B' } else { b'S' };
        if attributed {
            let attribution = PARTICIPANTS[self.prng.below(4) as usize];
            Message::AddOrderMpid(AddOrderMpid { header, reference, side, shares, stock, price, attribution })
        } else {
            Message::AddOrder(AddOrder { header, reference, side, shares, stock, price })
        }
    }

    /// `D`: the order goes.
    pub(super) fn delete_order(&mut self, listing: usize, slot: u32) -> Message {
        let order = *self.orders.get(slot);
        self.listings[listing].book.reduce(&mut self.orders, slot, order.shares);
        Message::OrderDelete(OrderDelete { header: self.header(listing), reference: order.reference })
    }

    /// `X`: some of its shares go.
    pub(super) fn cancel_shares(&mut self, listing: usize, slot: u32, shares: u32) -> Message {
        let reference = self.orders.get(slot).reference;
        self.listings[listing].book.reduce(&mut self.orders, slot, shares);
        Message::OrderCancel(OrderCancel { header: self.header(listing), reference, shares })
    }

    /// `U`: the order goes, another of the same side comes.
    pub(super) fn replace_order(&mut self, listing: usize, slot: u32, price: i32, shares: u32) -> Message {
        let order = *self.orders.get(slot);
        let new_reference = self.next_reference(self.listings[listing].venue);
        let book = &mut self.listings[listing].book;
        book.reduce(&mut self.orders, slot, order.shares);
        book.add(&mut self.orders, new_reference, order.side as usize, price, shares);
        Message::OrderReplace(OrderReplace {
            header: self.header(listing),
            reference: order.reference,
            new_reference,
            shares,
            price: self.price4(listing, price),
        })
    }

    /// `E`, or now and then `C`: at most `wanted` shares of the order that is first at the best price of `side`.
    /// Returns the shares too. The side is not empty and the listing trades.
    pub(super) fn execute_head(
        &mut self,
        listing: usize,
        side: usize,
        wanted: u32,
    ) -> Option<(Message, u32)> {
        let &level = self.listings[listing].book.best(side)?;
        let order = *self.orders.get(level.head);
        let shares = wanted.min(order.shares);
        let header = self.header(listing);
        let match_number = self.next_match_number(self.listings[listing].venue);
        let message = if self.prng.chance(20) {
            // Price improvement of one tick where the spread leaves room for it.
            let better = if side == BID { level.price + 1 } else { level.price - 1 };
            let free = self.listings[listing].book.best_price(1 - side).is_some_and(|other| other != better);
            let price = self.price4(listing, if free { better } else { level.price });
            let reference = order.reference;
            let printable = b'Y';
            Message::OrderExecutedWithPrice(OrderExecutedWithPrice {
                header,
                reference,
                shares,
                match_number,
                printable,
                price,
            })
        } else {
            Message::OrderExecuted(OrderExecuted { header, reference: order.reference, shares, match_number })
        };
        self.listings[listing].book.reduce(&mut self.orders, level.head, shares);
        Some((message, shares))
    }
}
