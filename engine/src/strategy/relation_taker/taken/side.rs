//! One side of a listing's quote: which of what it shows we have asked for.

use feeds::event::Side;
use kernels::cpu::book::VenueBooks;

/// Displayed orders of a side that are remembered by name; what an order of ours goes through beyond them, and all of a feed
/// without orders, is remembered by price and size.
pub(super) const ORDERS_MAX: usize = 4;

/// A displayed order of which something was asked for.
#[derive(Clone, Copy, Debug, Default)]
struct TakenOrder {
    order_id: u64,
    price: i64,
    /// As it was shown last.
    shown: u64,
    /// Of `shown`, what is not there.
    taken: u64,
    /// Of `taken`, what our order in flight asks for.
    asked: u64,
}

/// What was asked for of a price that shows a size.
#[derive(Clone, Copy, Debug, Default)]
struct TakenLevel {
    price: i64,
    shown: u64,
    taken: u64,
    /// Of `taken`, what our order in flight asks for.
    asked: u64,
}

/// See the module's text.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TakenSide {
    level: TakenLevel,
    orders: [TakenOrder; ORDERS_MAX],
    orders_len: usize,
    /// Price and size that our order in flight was sent for.
    asked_at: (i64, u64),
    /// What it asked for of them; 0: none is in flight.
    asked: u64,
    /// Core time until which the display may still fall by what we took, UTC ns.
    unseen_until_ns: u64,
}

impl TakenSide {
    pub(super) const fn is_empty(&self) -> bool {
        self.orders_len == 0 && self.level.taken == 0
    }

    /// What is there of a price that shows a size.
    pub(super) fn left(&self, price: i64, shown: u64) -> u64 {
        let level = if (self.level.price, self.level.shown) == (price, shown) { self.level.taken } else { 0 };
        let at_price = self.orders[..self.orders_len].iter().filter(|order| order.price == price);
        let taken = at_price.fold(level, |sum, order| sum.saturating_add(order.taken));
        shown.saturating_sub(taken)
    }

    /// An order of ours asks for `quantity` of what `displayed` shows at a price: the oldest of it, which is not taken yet.
    pub(super) fn ask(
        &mut self,
        books: Option<&VenueBooks>,
        instrument: u32,
        displayed: Side,
        (price, shown): (i64, u64),
        quantity: u64,
    ) {
        let mut wanted = quantity;
        for resting in books.into_iter().flat_map(|books| books.queue(instrument, displayed, price)) {
            if wanted == 0 {
                break;
            }
            let Some(order) = self.remember(resting.order_id, price, resting.quantity) else { break };
            let more = wanted.min(order.shown - order.taken);
            (order.taken, order.asked) = (order.taken + more, order.asked + more);
            wanted -= more;
        }
        if (self.level.price, self.level.shown) != (price, shown) {
            self.level = TakenLevel { price, shown, taken: 0, asked: 0 };
        }
        self.level.taken = self.level.taken.saturating_add(wanted);
        self.level.asked = self.level.asked.saturating_add(wanted);
        (self.asked_at, self.asked, self.unseen_until_ns) = ((price, shown), quantity, u64::MAX);
    }

    /// The place of a displayed order, if there is one left.
    fn remember(&mut self, order_id: u64, price: i64, shown: u64) -> Option<&mut TakenOrder> {
        let known = self.orders[..self.orders_len].iter().position(|order| order.order_id == order_id);
        let at = known.unwrap_or(self.orders_len);
        let order = self.orders.get_mut(at)?;
        if known.is_none() {
            *order = TakenOrder { order_id, price, shown, taken: 0, asked: 0 };
            self.orders_len += 1;
        }
        Some(order)
    }

    /// Our order is done, `filled` of it filled. Where that is less than what it asked for, nothing that was shown there is there.
    pub(super) fn end(&mut self, filled: u64, unseen_until_ns: u64) {
        let (price, shown) = self.asked_at;
        let is_gone = filled < self.asked;
        for order in &mut self.orders[..self.orders_len] {
            order.asked = 0;
            if is_gone && order.price == price {
                order.taken = order.shown;
            }
        }
        self.level.asked = 0;
        if is_gone {
            self.level = TakenLevel { price, shown, taken: shown, asked: 0 };
        }
        (self.asked, self.unseen_until_ns) = (0, unseen_until_ns);
    }

    /// Our order never came to the book; nothing where none is in flight.
    pub(super) fn give_back(&mut self) {
        if self.asked == 0 {
            return;
        }
        for order in &mut self.orders[..self.orders_len] {
            order.taken -= std::mem::take(&mut order.asked);
        }
        self.level.taken -= std::mem::take(&mut self.level.asked);
        (self.asked, self.unseen_until_ns) = (0, 0);
        self.drop_settled();
    }

    /// The owner of a displayed order put another one in its place. He does not have again what was taken of it.
    pub(super) fn replaced(&mut self, order_id: u64, new_id: u64, price: i64, shown: u64) {
        for order in self.orders[..self.orders_len].iter_mut().filter(|order| order.order_id == order_id) {
            let taken = order.taken.min(shown);
            *order = TakenOrder { order_id: new_id, price, shown, taken, asked: order.asked.min(taken) };
        }
    }

    /// The side shows something else, or the same.
    pub(super) fn look(&mut self, books: &VenueBooks, price: i64, shown: u64, now_ns: u64) {
        if (self.level.price, self.level.shown) != (price, shown) && self.asked == 0 {
            self.level = TakenLevel::default();
        }
        let is_ours = now_ns < self.unseen_until_ns;
        for order in &mut self.orders[..self.orders_len] {
            let (price, shown) =
                books.order(order.order_id).map_or((order.price, 0), |now| (now.price, now.quantity));
            // What the display falls by right after we took of it is what we took.
            let seen = if is_ours { order.shown.saturating_sub(shown) } else { 0 };
            let taken = order.taken.saturating_sub(seen).min(shown);
            *order = TakenOrder { price, shown, taken, asked: order.asked.min(taken), ..*order };
        }
        self.drop_settled();
    }

    /// Forgets orders of which nothing is taken.
    fn drop_settled(&mut self) {
        let mut kept = 0;
        for at in 0..self.orders_len {
            if self.orders[at].taken > 0 {
                self.orders[kept] = self.orders[at];
                kept += 1;
            }
        }
        self.orders_len = kept;
    }
}
