//! The rules of books of levels.

use super::*;

impl Desk {
    fn set_flagged(&mut self, side: Side, cents: i64, quantity: u64, flag: u8) -> Vec<Seen> {
        let event = self.event(EventKind::LevelSet, 0, quantity);
        self.send(MarketEvent { side, price: price(cents), flags: event.flags | flag, ..event })
    }

    fn set(&mut self, side: Side, cents: i64, quantity: u64) -> Vec<Seen> {
        self.set_flagged(side, cents, quantity, 0)
    }

    /// A print that says whose side rested.
    fn traded(&mut self, side: Side, cents: i64, quantity: u64, flag: u8) -> Vec<Seen> {
        let event = self.event(EventKind::Trade, 0, quantity);
        self.send(MarketEvent { price: price(cents), flags: event.flags | flag, side, ..event })
    }

    fn ahead(&self, order_id: u64) -> u64 {
        self.venue.queue_ahead(order_id).expect("it lives")
    }

    /// What an immediate-or-cancel buyer gets at a limit, all of which is used then.
    fn sweep(&mut self, name: &str, cents: i64) -> Vec<(i64, u64)> {
        let seen = self.ioc(name, Buy, cents, 1_000);
        seen.iter().filter(|seen| seen.2 > 0).map(|seen| (seen.1, seen.2)).collect()
    }
}

#[test]
fn taking_goes_level_by_level_and_what_was_used_stays_used() {
    let mut desk = Desk::new();
    desk.set(Sell, 1, 30);
    desk.set(Sell, 2, 50);
    desk.set(Sell, 3, 50);
    assert_eq!(
        desk.ioc("a", Buy, 2, 60),
        [(New, 0, 0, 60), (PartialFill, 1, 30, 30), (Fill, 2, 30, 0)],
        "one fill a level, at its price"
    );
    assert_eq!(desk.reports[2].cum_value, i128::from(price(1)) * 30 + i128::from(price(2)) * 30);
    assert_eq!(
        desk.ioc("b", Buy, 2, 60),
        [(New, 0, 0, 60), (PartialFill, 2, 20, 40), (Canceled, 0, 0, 0)],
        "for all clients"
    );
    desk.set(Sell, 1, 40);
    assert_eq!(desk.sweep("c", 2), [(1, 10)], "more than before is new");
    desk.set(Sell, 1, 25);
    assert_eq!(desk.sweep("d", 2), [], "all of what is left of it is used");
    desk.set(Sell, 1, 30);
    assert_eq!(desk.sweep("e", 2), [(1, 5)]);
    desk.set(Sell, 1, 0);
    desk.set(Sell, 1, 30);
    assert_eq!(desk.sweep("f", 2), [(1, 30)], "a level that went is another one");
    assert_eq!(desk.venue.books().level_quantity(0, Sell, price(1)), 30, "the replayed book is as it was");
}

#[test]
fn a_level_out_of_sight_comes_back_used() {
    let mut desk = Desk::new();
    desk.set(Sell, 1, 30);
    assert_eq!(desk.sweep("a", 1), [(1, 30)]);
    // A feed of best prices: a better one takes the place of ours, and goes.
    for (cents, quantity) in [(1, 0), (0, 5), (0, 0), (1, 33)] {
        desk.set(Sell, cents, quantity);
    }
    assert_eq!(desk.sweep("b", 1), [(1, 3)], "it was there all the time, with our use of it");
    for (cents, quantity) in [(1, 0), (2, 7), (2, 0), (1, 33)] {
        desk.set(Sell, cents, quantity);
    }
    assert_eq!(desk.sweep("c", 1), [(1, 33)], "a worse one was best: nothing stood here then");
}

#[test]
fn the_queue_ahead_falls_by_prints_and_is_bounded_by_the_level() {
    let mut desk = Desk::new();
    desk.set(Buy, -1, 100);
    desk.day("a", Buy, -1, 50);
    assert_eq!(desk.ahead(1), 100);
    for (shown, ahead) in [(150, 100), (120, 100), (80, 80), (200, 80)] {
        desk.set(Buy, -1, shown);
        assert_eq!(desk.ahead(1), ahead, "at {shown}");
    }
    desk.day("b", Buy, -1, 50);
    assert_eq!(desk.ahead(2), 200);
    assert_eq!(desk.traded(Buy, -1, 30, 0), []);
    assert_eq!(desk.traded(Sell, -1, 500, 0), [], "the other side traded");
    assert_eq!((desk.ahead(1), desk.ahead(2)), (50, 170));
    assert_eq!(desk.traded(Buy, -1, 60, 0), [(PartialFill, -1, 10, 40)], "by what comes after the queue");
    assert_eq!(
        desk.traded(Buy, -1, 120, 0),
        [(Fill, -1, 40, 0), (PartialFill, -1, 10, 40)],
        "the other had 110 ahead"
    );
    assert_eq!(desk.traded(Buy, -1, 15, 0), [(PartialFill, -1, 15, 25)]);
    assert_eq!(desk.traded(Buy, -2, 20, 0), [(PartialFill, -1, 20, 5)], "through our price, at our price");
    desk.day("c", Buy, 0, 3);
    assert_eq!(
        desk.traded(Buy, -1, 7, 0),
        [(Fill, 0, 3, 0), (PartialFill, -1, 4, 1)],
        "one print is shared once, better prices first"
    );
}

#[test]
fn hidden_prints_and_crosses_are_those_of_any_book() {
    let mut desk = Desk::new();
    desk.set(Buy, -1, 10);
    desk.day("a", Buy, -1, 50);
    assert_eq!(desk.traded(Buy, -1, 30, flags::HIDDEN), []);
    assert_eq!(desk.traded(Buy, -1, 30, flags::CROSS), []);
    assert_eq!(desk.ahead(1), 10, "neither shortens the queue");
    assert_eq!(desk.traded(Side::None, -2, 20, flags::HIDDEN), [(PartialFill, -1, 20, 30)]);
    assert_eq!(desk.traded(Buy, -2, 30, flags::CROSS), []);
}

#[test]
fn a_print_without_a_side_is_told_by_the_book() {
    let mut desk = Desk::new();
    desk.set(Buy, -1, 10);
    desk.set(Sell, 1, 10);
    desk.day("a", Buy, -1, 50);
    desk.day("b", Sell, 1, 50);
    desk.traded(Side::None, -1, 4, 0);
    assert_eq!((desk.ahead(1), desk.ahead(2)), (6, 10), "what displays the price was hit");
    desk.traded(Side::None, 1, 4, 0);
    assert_eq!((desk.ahead(1), desk.ahead(2)), (6, 6));
    desk.day("c", Buy, 0, 5);
    desk.day("d", Sell, 0, 5);
    assert_eq!(
        desk.traded(Side::None, 0, 8, 0),
        [(Fill, 0, 5, 0), (PartialFill, 0, 3, 2)],
        "between the best prices either may have been, once in all"
    );
    desk.set(Buy, 1, 10);
    assert_eq!(desk.traded(Side::None, 1, 500, 0), [], "locked: nobody can say");
}

#[test]
fn a_level_that_crosses_fills_by_what_is_new_of_it() {
    let mut desk = Desk::new();
    desk.set(Sell, 2, 10);
    desk.day("a", Buy, 0, 50);
    desk.day("b", Buy, -1, 50);
    assert_eq!(desk.set(Sell, 1, 100), [], "above our prices");
    assert_eq!(
        desk.set(Sell, -1, 70),
        [(Fill, 0, 50, 0), (PartialFill, -1, 20, 30)],
        "best price first, each at its own"
    );
    assert_eq!(desk.sweep("c", -1), [], "all of it was used by the fills");
    assert_eq!(desk.set(Sell, -1, 60), []);
    assert_eq!(desk.set(Sell, -1, 65), [(PartialFill, -1, 5, 25)], "so much was set to more");
    assert_eq!(desk.set(Sell, -1, 65), []);
    desk.set(Sell, -1, 0);
    assert_eq!(desk.set(Sell, -1, 5), [(PartialFill, -1, 5, 20)], "a new level");
}

#[test]
fn a_level_that_is_new_and_in_part_used_fills_by_the_rest() {
    let mut desk = Desk::new();
    desk.set(Sell, 0, 10);
    assert_eq!(desk.sweep("a", 0), [(0, 10)]);
    desk.set(Sell, 0, 0);
    desk.day("b", Buy, 0, 50);
    assert_eq!(desk.set(Sell, 0, 16), [(PartialFill, 0, 6, 44)], "it was out of sight, ten of it used");
}

#[test]
fn an_unseen_price_has_ahead_what_comes_into_sight() {
    let mut desk = Desk::new();
    desk.set(Buy, 0, 10);
    desk.day("a", Buy, -1, 50);
    assert_eq!(desk.ahead(1), u64::MAX, "the feed shows nothing that far");
    assert_eq!(desk.traded(Buy, -1, 500, 0), []);
    desk.set(Buy, 0, 0);
    desk.set(Buy, -1, 40);
    assert_eq!(desk.ahead(1), 40);
    desk.set(Buy, -1, 0);
    desk.set(Buy, 0, 10);
    assert_eq!(desk.ahead(1), 40, "out of sight again, they are still there");
    desk.set(Buy, 0, 0);
    desk.set(Buy, -1, 30);
    assert_eq!(desk.ahead(1), 30);
    desk.set(Buy, -1, 0);
    desk.set(Buy, -2, 5);
    assert_eq!(desk.ahead(1), 0, "a worse price is best: they are gone");
    desk.set(Buy, -1, 5);
    assert_eq!(desk.ahead(1), 0, "and who comes now is behind");
    desk.day("b", Buy, 1, 50);
    assert_eq!(desk.ahead(2), 0, "better than all that is shown");
    assert_eq!(desk.traded(Buy, 1, 20, 0), [(PartialFill, 1, 20, 30)]);
}

#[test]
fn levels_whose_use_cannot_be_remembered_cannot_be_taken() {
    let mut desk = Desk::with(VenueConfig { used_orders_max: 2, ..config() });
    for cents in 1..=3 {
        desk.set(Sell, cents, 10);
    }
    assert_eq!(
        desk.day("a", Buy, 3, 30),
        [(New, 0, 0, 30), (PartialFill, 1, 10, 20), (PartialFill, 2, 10, 10), (Canceled, 0, 0, 0)]
    );
    desk.day("b", Buy, 0, 30);
    assert_eq!(desk.set(Sell, 0, 10), [], "nor fill what rests");
    desk.set(Sell, 0, 0);
    desk.set(Sell, 1, 0);
    assert_eq!(desk.set(Sell, 0, 10), [(PartialFill, 0, 10, 20)], "one was forgotten");

    let mut desk = Desk::new();
    for cents in 1..=70 {
        desk.set(Sell, cents, 1);
    }
    let seen = desk.day("a", Buy, 70, 70);
    assert_eq!((seen.len(), seen[64], seen[65]), (66, (PartialFill, 64, 1, 6), (Canceled, 0, 0, 0)));
}

#[test]
fn nothing_matches_in_a_halt_and_queues_move_on() {
    let mut desk = Desk::new();
    desk.set(Buy, 0, 10);
    desk.day("a", Buy, 0, 50);
    desk.status(0, TradingStatus::Halted);
    assert_eq!(desk.traded(Buy, 0, 15, 0), []);
    assert_eq!(desk.ahead(1), 0);
    assert_eq!(desk.set(Sell, 0, 10), []);
    desk.status(0, TradingStatus::Trading);
    assert_eq!(desk.set(Sell, 0, 10), [], "what crossed meanwhile is not made up for");
    assert_eq!(desk.set(Sell, 0, 12), [(PartialFill, 0, 2, 48)]);
}

#[test]
fn clear_gap_and_snapshot_leave_nobody_a_place() {
    let mut desk = Desk::new();
    desk.set(Buy, 0, 100);
    desk.set(Sell, 5, 20);
    desk.day("a", Buy, 0, 50);
    desk.traded(Buy, 0, 60, 0);
    assert_eq!(desk.ahead(1), 40);
    let gap = desk.event(EventKind::Gap, 0, 5);
    desk.send(gap);
    assert_eq!(desk.ahead(1), 100, "all displayed may be ahead");
    assert_eq!(desk.sweep("b", 5), [(5, 20)]);
    let clear = desk.event(EventKind::Clear, 0, 0);
    desk.send(clear);
    assert_eq!(desk.ahead(1), u64::MAX);
    desk.set_flagged(Buy, 0, 30, flags::SNAPSHOT);
    assert_eq!(desk.ahead(1), 30);
    assert_eq!(desk.set_flagged(Sell, 0, 30, flags::SNAPSHOT), [], "a snapshot fills nobody");
    assert_eq!(desk.set(Sell, 0, 31), [(PartialFill, 0, 1, 49)]);
    desk.set(Sell, 0, 0);
    desk.set(Sell, 5, 20);
    assert_eq!(desk.sweep("c", 5), [(5, 20)], "the clear forgot what was used");
    desk.traded(Buy, 0, 25, 0);
    assert_eq!(desk.ahead(1), 5);
    desk.set_flagged(Buy, 0, 80, flags::SNAPSHOT);
    assert_eq!(desk.ahead(1), 80, "a snapshot's level is all ahead");
}

#[test]
fn a_book_is_of_one_kind_at_a_time() {
    let mut desk = Desk::new();
    desk.day("a", Buy, -1, 50);
    assert_eq!(desk.ahead(1), 0, "of a book that nobody has shown yet");
    desk.set(Buy, 0, 10);
    assert_eq!(desk.ahead(1), u64::MAX);
    desk.add(1, Buy, -1, 10);
    assert_eq!(desk.venue.book_errors(), 1, "levels stand there");
    desk.set(Buy, 0, 0);
    desk.add(1, Buy, -1, 10);
    assert_eq!(desk.ahead(1), 10, "a book of orders from now on: this one may be older");
    assert_eq!(desk.traded(Buy, -1, 500, 0), [], "whose prints shorten no queue");
    assert_eq!(desk.ahead(1), 10);
    desk.set(Buy, 0, 10);
    assert_eq!(desk.venue.book_errors(), 2, "an order stands there");
    assert_eq!(desk.shown(OrderExecute, 1, 10), []);
    assert_eq!(desk.ahead(1), 0);
    desk.add(2, Buy, -1, 10);
    assert_eq!(desk.shown(OrderExecute, 2, 10), [(PartialFill, -1, 10, 40)]);
}
