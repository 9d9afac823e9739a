//! What no request may break when it leaves, each rule by its name: held against the monitor's own books. (Rate
//! and repetition are held against the whole day, by [`Monitor::check_rate`] and [`Monitor::check_duplicates`].)
//!
//! The rules are a list: another one is another entry, and a case in the test below, which shows that it can be broken.

use crate::limits::Limits;
use crate::monitor::{Action, Ask, Monitor};

/// One rule.
pub struct Rule {
    pub name: &'static str,
    /// What is wrong where it is broken.
    pub says: &'static str,
    pub is_broken: fn(&Monitor, &Ask) -> bool,
}

const fn enters(ask: &Ask) -> bool {
    !matches!(ask.action, Action::Cancel)
}

/// A limit of a sum that is held against a request when it arrives. Requests of later decisions may have come before it, by
/// another venue or because its connection stalled: where limits were loosened in between, they had more room than it.
fn of_sum<T: Ord>(monitor: &Monitor, ask: &Ask, limit: impl Fn(&Limits) -> T) -> T {
    limit(&ask.limits).max(limit(&monitor.told.limits))
}

/// See the module's text.
pub const RULES: &[Rule] = &[
    Rule {
        name: "KILLED",
        says: "a new order or replace left after the kill",
        is_broken: |monitor, ask| {
            let is_late = |(process, at_ns)| ask.process >= process && ask.left_ns > at_ns;
            enters(ask) && monitor.killed.is_some_and(is_late)
        },
    },
    Rule {
        name: "CL_ORD_ID",
        says: "the ClOrdID was used before",
        is_broken: |monitor, ask| monitor.is_used(ask.cl_ord_id),
    },
    Rule {
        name: "ORDER_QTY",
        says: "the quantity is zero or above the limit",
        is_broken: |_, ask| {
            let most = ask.limits.symbols[ask.symbol].order_qty_max;
            enters(ask) && !(1..=most).contains(&ask.quantity)
        },
    },
    Rule {
        name: "NOTIONAL",
        says: "price times quantity is above the limit",
        is_broken: |_, ask| {
            let most = ask.limits.symbols[ask.symbol].order_notional_max;
            enters(ask) && i128::from(ask.price) * i128::from(ask.quantity) > most
        },
    },
    Rule {
        name: "PRICE_TICK",
        says: "the price is not positive or off the tick",
        is_broken: |_, ask| {
            let tick = ask.limits.symbols[ask.symbol].price_tick;
            enters(ask) && (ask.price <= 0 || ask.price % tick != 0)
        },
    },
    Rule {
        name: "TARGET",
        says: "a replace or cancel names no order of these terms",
        is_broken: |monitor, ask| {
            let order = monitor.order(ask.orig_cl_ord_id);
            let fits = order.is_some_and(|order| {
                (order.venue, order.symbol, order.buy) == (ask.venue, ask.symbol, ask.buy)
            });
            (ask.action == Action::New) == fits
        },
    },
    Rule {
        name: "POSITION",
        says: "position and open orders of the side could pass the limit",
        is_broken: |monitor, ask| {
            let most = of_sum(monitor, ask, |limits| limits.symbols[ask.symbol].position_max);
            let order = monitor.order(ask.orig_cl_ord_id).filter(|_| ask.action == Action::Replace);
            let (held, filled) = order.map_or((0, 0), |order| (order.at_risk(), order.cumulative));
            let wanted = ask.quantity.saturating_sub(filled).max(held);
            enters(ask) && monitor.worst(ask.symbol, ask.buy) + i128::from(wanted - held) > most
        },
    },
    Rule {
        name: "OPEN_ORDERS",
        says: "more orders are open than there may be",
        is_broken: |monitor, ask| {
            let most = of_sum(monitor, ask, |limits| limits.firm.open_orders_max.min(limits.firm.slots));
            ask.action == Action::New && monitor.open().count() >= most
        },
    },
    Rule {
        name: "OPEN_ORDERS_OF_SYMBOL",
        says: "more orders are open in the symbol than there may be",
        is_broken: |monitor, ask| {
            let open = monitor.open().filter(|order| order.symbol == ask.symbol).count();
            let most = of_sum(monitor, ask, |limits| limits.symbols[ask.symbol].open_orders_max);
            ask.action == Action::New && open >= most
        },
    },
    Rule {
        name: "LOT",
        says: "the quantity is below the least or no multiple of the lot",
        is_broken: |_, ask| {
            let limits = &ask.limits.symbols[ask.symbol];
            enters(ask) && (ask.quantity < limits.order_qty_min || ask.quantity % limits.lot_qty != 0)
        },
    },
    Rule {
        name: "RESTRICTED",
        says: "the symbol is not to be traded",
        is_broken: |_, ask| enters(ask) && ask.limits.symbols[ask.symbol].restricted,
    },
    Rule {
        name: "OPEN_NOTIONAL",
        says: "the open orders are worth more than they may be",
        is_broken: |monitor, ask| {
            let order = monitor.order(ask.orig_cl_ord_id).filter(|_| ask.action == Action::Replace);
            let (held, filled) = order.map_or((0, 0), |order| (order.notional_at_risk(), order.cumulative));
            let wanted = i128::from(ask.price) * i128::from(ask.quantity.saturating_sub(filled));
            let more = (wanted - held).max(0);
            let most = of_sum(monitor, ask, |limits| limits.firm.sums.open);
            enters(ask) && more > 0 && monitor.open_notional() + more > most
        },
    },
    Rule {
        name: "SELF_TRADE",
        says: "it crosses an open order of ours at the venue",
        is_broken: |monitor, ask| {
            let crosses = |price: i64| if ask.buy { ask.price >= price } else { ask.price <= price };
            let mut others = monitor
                .open()
                .filter(|order| (order.venue, order.symbol, order.buy) == (ask.venue, ask.symbol, !ask.buy));
            enters(ask) && others.any(|order| crosses(order.price))
        },
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::wire;
    use std::rc::Rc;

    use engine::control::config::{Config, InstrumentConfig, LimitsConfig};

    fn monitor() -> Monitor {
        let instrument =
            InstrumentConfig { symbol: "AAA".to_owned(), limits: None, market_maker: None, arbitrage: None };
        let mut config = Config {
            limits: LimitsConfig {
                order_qty_max: 100,
                order_notional_max: 1_000,
                position_max: 250,
                ..LimitsConfig::default()
            },
            instruments: vec![instrument],
            ..Config::default()
        };
        config.pipeline.open_orders_max = 3;
        (config.risk.messages_per_s, config.risk.messages_burst) = (10, 5);
        Monitor::new(&config, 2, 1)
    }

    fn limits(monitor: &mut Monitor) -> &mut Limits {
        Rc::make_mut(&mut monitor.told.limits.0)
    }

    /// A stream of requests and answers, as `>` and `<` lines; the rule that it breaks.
    fn broken_by(monitor: &mut Monitor, lines: &[String]) -> Option<&'static str> {
        for (left_ns, line) in (1..).zip(lines) {
            let (way, body) = line.split_at(1);
            let outcome = match way {
                ">" => monitor.on_requests(0, 1, left_ns, &wire::message(body)),
                _ => monitor.on_answers(0, &wire::message(body)),
            };
            if let Err((rule, what)) = outcome {
                println!("{rule}: {what}");
                return Some(rule);
            }
        }
        monitor.check_rate().and_then(|()| monitor.check_duplicates()).err().map(|breach| breach.0)
    }

    /// A new order or another request: type, MsgSeqNum and ClOrdID, the rest.
    fn ask(kind: &str, number: u64, rest: &str) -> String {
        format!(">35={kind}|34={number}|11={}|55=AAA|54=1|60=20260105-09:30:00.000|{rest}|", 100 + number)
    }

    fn new(number: u64, price: &str, quantity: u64) -> String {
        ask("D", number, &format!("44={price}|38={quantity}"))
    }

    fn filled(number: u64, exec_id: u64, quantity: u64, leaves: u64) -> String {
        format!(
            "<35=8|34=9|11={}|17={exec_id}|37=1|150=F|31=1.00|32={quantity}|14={quantity}|151={leaves}|",
            100 + number
        )
    }

    fn check(rule: &'static str, inside: &[String], outside: &[String]) {
        check_with(|_| {}, rule, inside, outside);
    }

    fn check_with(set: impl Fn(&mut Monitor), rule: &'static str, inside: &[String], outside: &[String]) {
        let limited = || {
            let mut monitor = monitor();
            set(&mut monitor);
            monitor
        };
        assert_eq!(broken_by(&mut limited(), inside), None, "just inside {rule}");
        assert_eq!(broken_by(&mut limited(), outside), Some(rule), "just outside");
    }

    #[test]
    fn limits_that_a_desk_may_leave_out_can_be_broken() {
        let one = |price: &str, quantity| vec![new(1, price, quantity)];
        let set = |monitor: &mut Monitor| limits(monitor).symbols[0].lot_qty = 10;
        check_with(set, "LOT", &one("1.00", 20), &one("1.00", 25));
        let set = |monitor: &mut Monitor| limits(monitor).symbols[0].order_qty_min = 5;
        check_with(set, "LOT", &one("1.00", 5), &one("1.00", 4));
        let set = |monitor: &mut Monitor| limits(monitor).symbols[0].restricted = true;
        check_with(set, "RESTRICTED", &[">35=0|34=1|".to_owned()], &one("1.00", 1));
        let two = [new(1, "1.00", 1), new(2, "1.01", 1)];
        let three = [&two[..], &[new(3, "1.02", 1)]].concat();
        let set = |monitor: &mut Monitor| limits(monitor).symbols[0].open_orders_max = 2;
        check_with(set, "OPEN_ORDERS_OF_SYMBOL", &two, &three);
        let set = |monitor: &mut Monitor| limits(monitor).firm.sums.open = 20_000_000_000;
        let rest = |price: &str| vec![new(1, "1.00", 10), new(2, price, 10)];
        check_with(set, "OPEN_NOTIONAL", &rest("1.00"), &rest("1.01"));
        let set = |monitor: &mut Monitor| limits(monitor).symbols[0].rate = Some((1, 2));
        let second = [new(1, "1.00", 1), new(2, "1.00", 1)];
        check_with(set, "SYMBOL_RATE", &second, &[&second[..], &[new(3, "1.00", 1)]].concat());
        let set = |monitor: &mut Monitor| monitor.venue_rates = vec![Some((1, 2))];
        check_with(set, "VENUE_RATE", &second, &[&second[..], &[new(3, "1.00", 1)]].concat());
        let set = |_: &mut Monitor| {};
        let against = |price: &str| vec![new(1, "1.00", 1), new(2, price, 1).replace("54=1", "54=2")];
        check_with(set, "SELF_TRADE", &against("1.01"), &against("1.00"));
        let set = |monitor: &mut Monitor| {
            let symbol = &mut limits(monitor).symbols[0];
            (symbol.duplicates_max, symbol.duplicate_window_ns) = (1, 100_000_000);
        };
        let again = |time: &str| vec![new(1, "1.00", 1), new(2, "1.00", 1).replace("00.000", time)];
        check_with(set, "DUPLICATE_ORDER", &again("00.100"), &again("00.099"));
    }

    #[test]
    fn every_rule_can_be_broken() {
        check("ORDER_QTY", &[new(1, "10.00", 100)], &[new(1, "1.00", 101)]);
        check("ORDER_QTY", &[new(1, "10.00", 1)], &[new(1, "1.00", 0)]);
        check("NOTIONAL", &[new(1, "10.00", 100)], &[new(1, "10.01", 100)]);
        check("PRICE_TICK", &[new(1, "0.01", 1)], &[new(1, "0.0101", 1)]);
        check("PRICE_TICK", &[new(1, "0.01", 1)], &[new(1, "-0.01", 1)]);
        check(
            "CL_ORD_ID",
            &[new(1, "1.00", 1), new(2, "1.00", 1)],
            &[new(1, "1.00", 1), new(1, "1.00", 1).replace("34=1", "34=2")],
        );
        let open = [new(1, "1.00", 1), new(2, "1.00", 1), new(3, "1.00", 1)];
        check("OPEN_ORDERS", &open, &[&open[..], &[new(4, "1.00", 1)]].concat());
        let done = [&open[..], &[filled(2, 1, 1, 0)], &[new(4, "1.00", 1)]].concat();
        check("OPEN_ORDERS", &done, &[&done[..], &[new(5, "1.00", 1)]].concat());
        let many = |count| (1..=count).flat_map(|n| [new(n, "1.00", 1), filled(n, n, 1, 0)]).collect();
        let (five, six): (Vec<_>, Vec<_>) = (many(5), many(6));
        check("MESSAGE_RATE", &five, &six);
        let later = [five.clone(), vec![new(6, "1.00", 1).replace("00.000", "00.100")]].concat();
        check("MESSAGE_RATE", &later, &[later.clone(), vec![new(7, "1.00", 1)]].concat());
    }

    #[test]
    fn the_worst_position_counts_open_orders_fills_and_replaces() {
        let two = [new(1, "1.00", 100), new(2, "1.00", 100)];
        let outside = [&two[..], &[new(3, "1.00", 51)]].concat();
        check("POSITION", &[&two[..], &[new(3, "1.00", 50)]].concat(), &outside);
        let filled = [new(1, "1.00", 100), filled(1, 1, 100, 0), new(2, "1.00", 100)];
        let replace = |quantity| ask("G", 3, &format!("41=102|44=1.00|38={quantity}"));
        check(
            "POSITION",
            &[&filled[..], &[replace(60), new(4, "1.00", 50)]].concat(),
            &[&filled[..], &[replace(60), new(4, "1.00", 51)]].concat(),
        );
        let sell = |line: String| line.replace("54=1", "54=2");
        let sells = [sell(new(1, "1.00", 100)), sell(new(2, "1.00", 100))];
        let both = [&sells[..], &[sell(new(3, "1.00", 50))]].concat();
        check("POSITION", &both, &[&sells[..], &[sell(new(3, "1.00", 51))]].concat());
    }

    #[test]
    fn a_request_about_an_order_names_it() {
        let cancel = |target: u64| ask("F", 2, &format!("41={target}|38=1"));
        check("TARGET", &[new(1, "1.00", 1), cancel(101)], &[new(1, "1.00", 1), cancel(199)]);
        let other_side = cancel(101).replace("54=1", "54=2");
        check("TARGET", &[new(1, "1.00", 1), cancel(101)], &[new(1, "1.00", 1), other_side]);
    }

    #[test]
    fn nothing_new_leaves_after_the_kill() {
        let mut monitor = monitor();
        assert_eq!(broken_by(&mut monitor, &[new(1, "1.00", 1)]), None);
        monitor.killed = Some((1, 1));
        let late = [String::from(">35=0|34=2|"), ask("F", 3, "41=101|38=1")];
        assert_eq!(broken_by(&mut monitor, &late), None, "cancels pass");
        assert_eq!(broken_by(&mut monitor, &[">35=0|34=4|".to_owned(), new(5, "1.00", 1)]), Some("KILLED"));
    }

    #[test]
    fn numbers_are_used_once_and_sent_again_unchanged() {
        let first = new(1, "1.00", 1);
        check(
            "SEQUENCE",
            &[first.clone(), new(2, "1.00", 1)],
            &[first.clone(), new(2, "1.00", 1).replace("34=2", "34=1")],
        );
        let again = first.replace("34=1|", "34=1|43=Y|");
        check(
            "POSSIBLE_DUPLICATE",
            &[first.clone(), again.clone()],
            &[first.clone(), again.replace("38=1", "38=2")],
        );
        let reset = ">35=A|34=1|141=Y|".to_owned();
        check("FIELDS", &[first.clone(), reset], &[first.replace("55=AAA", "55=BBB")]);
        let mut bytes = wire::message(&first[1..]);
        bytes[30] ^= 1;
        assert_eq!(monitor().on_requests(0, 1, 1, &bytes).map_err(|breach| breach.0), Err("FRAME"));
        let overfilled = [first.clone(), filled(1, 1, 2, 0)];
        check("ANSWER", &[first, filled(1, 1, 1, 0), filled(1, 1, 1, 0)], &overfilled);
    }
}
