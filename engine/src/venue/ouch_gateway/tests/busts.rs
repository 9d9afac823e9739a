//! Trades that the exchange breaks. The product's venue breaks none by itself; these tests have it say so.

use std::collections::BTreeSet;

use super::random_client::Run;
use super::*;
use crate::order::{Order, OrderAction, TimeInForce};
use crate::ouch::messages::{BrokenTrade, VenueMessage};
use crate::pipeline::operator::KillCause;

impl OuchGateway {
    /// The exchange's people break a trade of this client, by its match number; whether there was one. Its order gets
    /// nothing back.
    fn break_trade(&mut self, match_number: u64, now_ns: u64) -> bool {
        let kept = &self.orders.said.kept;
        let order_of = |number| match VenueMessage::decode(kept.get(number)?) {
            Ok((VenueMessage::OrderExecuted(trade), _)) if trade.match_number == match_number => {
                Some(trade.user_ref_num)
            }
            _ => None,
        };
        let Some(user_ref_num) = (kept.first()..kept.next()).rev().find_map(order_of) else { return false };
        self.say_broken(user_ref_num, match_number, now_ns);
        true
    }

    fn say_broken(&mut self, user_ref_num: u32, match_number: u64, now_ns: u64) {
        let (time_ns, reason, cl_ord_id) = (now_ns, b'E', [b' '; 14]);
        let broken = BrokenTrade { time_ns, user_ref_num, match_number, reason, cl_ord_id };
        self.orders.said.say(&VenueMessage::BrokenTrade(broken));
        self.flush(now_ns);
    }
}

impl Run {
    /// Breaks any trade that there was.
    pub(super) fn break_trade(&mut self) {
        if !self.trades.is_empty() {
            let at = self.draws.below(self.trades.len() as u64) as usize;
            assert!(self.gateway.break_trade(self.trades[at].0, self.now_ns));
        }
    }
}

/// Match numbers of the trades that the venue has broken.
pub(super) fn broken(gateway: &OuchGateway) -> BTreeSet<u64> {
    let kept = &gateway.orders.said.kept;
    let messages = (1..kept.next()).filter_map(|number| kept.get(number));
    let number = |body: &[u8]| match VenueMessage::decode(body).unwrap().0 {
        VenueMessage::BrokenTrade(message) => Some(message.match_number),
        _ => None,
    };
    messages.filter_map(number).collect()
}

#[test]
fn a_broken_trade_gives_the_position_back_and_nothing_else() {
    let mut run = Run::new(1);
    run.connect();
    run.settle();
    let order = Order {
        decision: 0,
        time_ns: 0,
        cl_ord_id: run.table.cl_ord_id_after(0).unwrap(),
        orig_cl_ord_id: 0,
        price: 100_000_000_000,
        quantity: 100,
        instrument: 0,
        venue: 0,
        action: OrderAction::New,
        side: Side::Buy,
        time_in_force: TimeInForce::Day,
        strategy: 0,
        sells_short: false,
        reserved: [0; 5],
    };
    run.send(order);
    run.settle();
    let sells = |run: &mut Run, number, quantity| {
        run.gateway.on_market(&event(EventKind::OrderAdd, number, Side::Sell, 0, quantity), 5);
        run.settle();
        run.trades.last().unwrap().0
    };
    let state = |run: &Run| {
        let exposure = run.risk.exposure(0);
        (exposure.position, exposure.open_buy, run.table.live(), run.gateway.core().live_orders())
    };
    let first = sells(&mut run, 1, 30);
    assert_eq!(state(&run), (30, 70, 1, 1));
    // Of an order that lives; the same again; one that is not known to the venue.
    for expected in [true, true] {
        assert_eq!(run.gateway.break_trade(first, 6), expected);
        run.settle();
        assert_eq!(state(&run), (0, 70, 1, 1));
        assert_eq!((run.risk.account(0).cash, run.risk.worth()), (0, 0));
    }
    assert!(!run.gateway.break_trade(u64::MAX, 6));
    // Of one that is done.
    let second = sells(&mut run, 2, 70);
    assert_eq!(state(&run), (70, 0, 0, 0));
    assert!(run.gateway.break_trade(second, 7));
    run.settle();
    assert_eq!(state(&run), (0, 0, 0, 0));
    assert!(!run.risk.is_killed() && !run.session.is_stopped());
    // One that is not known to us: somebody's picture is wrong.
    run.gateway.say_broken(1, 99_999, 8);
    run.settle();
    assert_eq!((run.refused, run.risk.blocks().of_all()), (1, Some(KillCause::UnknownFill)));
}
