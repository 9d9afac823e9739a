//! Whatever the connection loses, client and venue agree in the end.

use super::busts::broken;
use super::random_client::Run;
use super::*;
use crate::ouch::messages::VenueMessage;

/// Every message that the venue has said, from the first on: what is to be known.
fn traded(gateway: &OuchGateway) -> u64 {
    let kept = &gateway.orders.said.kept;
    assert_eq!(kept.first(), 1, "the test's day fits");
    let messages = (1..kept.next()).filter_map(|number| kept.get(number));
    let quantity = |body: &[u8]| match VenueMessage::decode(body).unwrap().0 {
        VenueMessage::OrderExecuted(message) => u64::from(message.quantity),
        _ => 0,
    };
    messages.map(quantity).sum()
}

#[test]
fn nothing_is_lost_or_doubled_however_the_connection_ends() {
    let (mut filled, mut lost, mut busted) = (0, 0, 0);
    for seed in 0..150 {
        let mut run = Run::new(seed);
        for _ in 0..1_000 {
            run.now_ns += run.draws.below(1_000_000);
            match run.draws.below(100) {
                0..=2 if run.connected => {
                    lost += 1;
                    run.lose();
                }
                0..=20 if !run.connected => run.connect(),
                21..=45 => run.order(),
                46..=60 => run.market(),
                61..=62 => run.break_trade(),
                _ if run.connected => run.deliver(),
                _ => {}
            }
            run.ask();
        }
        if !run.connected {
            run.connect();
        }
        run.settle();
        run.ask();
        run.settle();
        assert!(run.session.is_logged_on() && !run.session.is_stopped(), "seed {seed}");
        assert_eq!(run.table.in_doubt(), 0, "seed {seed}");
        assert_eq!(run.table.live() as usize, run.gateway.core().live_orders(), "seed {seed}");
        assert_eq!(run.filled, traded(&run.gateway), "seed {seed}");
        let gone = broken(&run.gateway);
        let stands = run.trades.iter().filter(|(number, _)| !gone.contains(number));
        let position: i64 = stands.map(|&(_, bought)| bought).sum();
        assert_eq!((run.risk.exposure(0).position, run.refused), (position, 0), "seed {seed}");
        assert!(!run.risk.blocks().any(), "seed {seed}");
        busted += gone.len();
        assert_eq!((run.gateway.malformed(), run.gateway.lost_reports()), (0, 0), "seed {seed}");
        assert!(run.table.of_strategy(0).all(|order| !order.is_pending()), "seed {seed}");
        filled += run.filled;
    }
    assert!(
        filled > 20_000 && lost > 500 && busted > 500,
        "{filled} shares, {lost} connections lost, {busted} trades broken"
    );
}
