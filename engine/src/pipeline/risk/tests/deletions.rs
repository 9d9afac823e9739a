//! Each check deleted in turn: at least one of these tests fails then. A check that can go without a test noticing is
//! no check.

use super::{accounts, events, rates, rules};
use crate::pipeline::decision_core::account_tests as core;
use crate::pipeline::operator::KillCause;
use crate::pipeline::risk::RiskReasons;
use crate::pipeline::risk::deleted::{CAUSES, REASONS};
use std::fmt::Write;
use std::panic::catch_unwind;

const TESTS: &[(&str, fn())] = &[
    ("rules::quantity_at_its_limit", rules::quantity_at_its_limit),
    ("rules::lots_and_the_smallest_order", rules::lots_and_the_smallest_order),
    ("rules::notional_at_its_limit", rules::notional_at_its_limit),
    ("rules::price_on_the_tick_and_positive", rules::price_on_the_tick_and_positive),
    ("rules::collar_at_its_limit_on_both_sides", rules::collar_at_its_limit_on_both_sides),
    (
        "rules::the_last_trade_stands_for_a_market_of_one_side_while_it_is_young",
        rules::the_last_trade_stands_for_a_market_of_one_side_while_it_is_young,
    ),
    ("rules::the_touch_at_its_limit_on_both_sides", rules::the_touch_at_its_limit_on_both_sides),
    ("rules::position_at_its_limit_counts_what_is_open", rules::position_at_its_limit_counts_what_is_open),
    ("rules::market_state_and_identity", rules::market_state_and_identity),
    (
        "rules::a_silent_feed_and_a_wrong_clock_price_nothing",
        rules::a_silent_feed_and_a_wrong_clock_price_nothing,
    ),
    (
        "rules::gross_net_and_open_notional_at_their_limits",
        rules::gross_net_and_open_notional_at_their_limits,
    ),
    (
        "rules::buying_power_takes_the_margin_of_positions_and_orders",
        rules::buying_power_takes_the_margin_of_positions_and_orders,
    ),
    ("rules::open_orders_at_their_limits", rules::open_orders_at_their_limits),
    ("rules::the_same_order_again_and_again", rules::the_same_order_again_and_again),
    ("rules::our_own_orders_are_not_traded_against", rules::our_own_orders_are_not_traded_against),
    ("rules::short_sales_are_marked_and_need_a_locate", rules::short_sales_are_marked_and_need_a_locate),
    ("rules::a_restricted_short_sale_is_above_the_bid", rules::a_restricted_short_sale_is_above_the_bid),
    (
        "rules::nothing_locks_crosses_or_trades_through_another_venue",
        rules::nothing_locks_crosses_or_trades_through_another_venue,
    ),
    (
        "rules::restricted_instruments_and_those_that_a_strategy_did_not_declare",
        rules::restricted_instruments_and_those_that_a_strategy_did_not_declare,
    ),
    ("rules::too_many_messages_for_each_trade", rules::too_many_messages_for_each_trade),
    (
        "rates::the_venue_and_the_instrument_have_budgets_of_their_own",
        rates::the_venue_and_the_instrument_have_budgets_of_their_own,
    ),
    ("events::blocks_by_scope", events::blocks_by_scope),
    ("events::the_loss_of_the_day_at_its_limit", events::the_loss_of_the_day_at_its_limit),
    ("events::the_drawdown_counts_from_the_best", events::the_drawdown_counts_from_the_best),
    ("events::the_loss_within_the_window", events::the_loss_within_the_window),
    ("events::repeated_executions_stop_the_strategy", events::repeated_executions_stop_the_strategy),
    (
        "events::market_maker_protection_by_count_quantity_and_delta",
        events::market_maker_protection_by_count_quantity_and_delta,
    ),
    (
        "events::another_position_than_ours_stops_everything",
        events::another_position_than_ours_stops_everything,
    ),
    ("accounts::a_fill_is_known_by_its_venue_and_number", accounts::a_fill_is_known_by_its_venue_and_number),
    ("core::a_fill_outside_the_limit_stops_everything", core::a_fill_outside_the_limit_stops_everything),
    (
        "core::a_correction_books_the_other_price_and_quantity_also_of_an_order_that_is_done",
        core::a_correction_books_the_other_price_and_quantity_also_of_an_order_that_is_done,
    ),
    (
        "core::a_message_without_an_answer_stops_its_instrument_and_is_asked_about",
        core::a_message_without_an_answer_stops_its_instrument_and_is_asked_about,
    ),
];

/// What risk itself stops for; the other causes come from outside.
const OWN_CAUSES: [KillCause; 11] = [
    KillCause::DailyLoss,
    KillCause::Drawdown,
    KillCause::LossRate,
    KillCause::Unanswered,
    KillCause::Reconciliation,
    KillCause::UnknownFill,
    KillCause::Overfill,
    KillCause::FillPrice,
    KillCause::Executions,
    KillCause::MarketMakerProtection,
    KillCause::FillsFull,
];

fn failing() -> Vec<&'static str> {
    TESTS.iter().filter(|(_, test)| catch_unwind(test).is_err()).map(|(name, _)| *name).collect()
}

#[test]
fn without_any_one_check_a_test_fails() {
    assert!(failing().is_empty(), "with all checks");
    let mut table = String::new();
    for (bit, name) in RiskReasons::NAMES.iter().enumerate() {
        // A whole group falls with its leg: decision_core::tests::both_legs_of_a_pair_or_none.
        if *name == "GROUP" {
            continue;
        }
        REASONS.set(1 << bit);
        let failing = failing();
        REASONS.set(0);
        assert!(!failing.is_empty(), "{name} can go and no test notices");
        let _ = writeln!(table, "| {name} | {} |", failing.join(", "));
    }
    for cause in OWN_CAUSES {
        CAUSES.set(1 << cause as u8);
        let failing = failing();
        CAUSES.set(0);
        assert!(!failing.is_empty(), "stopping for {} can go and no test notices", cause.name());
        let _ = writeln!(table, "| stop: {} | {} |", cause.name(), failing.join(", "));
    }
    let page = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/RISK.md"));
    assert!(page.contains(&table), "tests/RISK.md is to hold:\n{table}");
}
