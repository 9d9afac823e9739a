//! An options maker's decision in words and numbers, for `warptick why`. Cold: it formats.

use super::live_orders::LiveOrders;
use super::{OptionsMaker, Quoted};
use crate::notation::{Money, Price};
use crate::strategy::View;
use crate::strategy::quote_side::live_quote;
use kernels::cpu::portfolio_quote::{PortfolioModel, portfolio_model};
use kernels::cpu::quote_action::{QuoteAction, quote_action};

/// What `maker` has just decided of the options that it looked at, a few lines each.
pub(super) fn of(maker: &OptionsMaker, view: &View<'_>) -> Vec<String> {
    let waiting = maker.queue.left();
    let mut lines = vec![format!(
        "options maker of {} options, {waiting} wait to be looked at; portfolio vega {}",
        maker.quoted.len(),
        Money(maker.portfolio.vega()),
    )];
    lines.extend(maker.queue.examined().filter_map(|place| option(maker, view, place)).flatten());
    lines
}

/// An option that has something to do.
fn option(maker: &OptionsMaker, view: &View<'_>, place: usize) -> Option<Vec<String>> {
    let quoted = &maker.quoted[place];
    let live = LiveOrders::of(view, quoted.made.at);
    let (inputs, wanted) = maker.wanted(place, view, &live);
    let does = [(wanted.bid, live.bid), (wanted.ask, live.ask)].map(|(wanted, order)| {
        quote_action(wanted, order.map(live_quote), &maker.pace.requote, view.time_ns)
    });
    if does == [QuoteAction::Keep; 2] {
        return None;
    }
    let PortfolioModel { shift, half_width } = portfolio_model(&quoted.rules, &inputs);
    Some(vec![
        format!(
            "option {}: theoretical {}, delta {}, vega {}, {} held; portfolio delta {}: shifted by {}, half width {}",
            quoted.made.option,
            Price(inputs.theoretical),
            Price(inputs.delta),
            Price(inputs.vega),
            inputs.position,
            Money(inputs.portfolio_delta),
            Money(-shift),
            Money(half_width),
        ),
        market_of(quoted),
        format!("bid: wanted {:?}, {:?}", wanted.bid, does[0]),
        format!("offer: wanted {:?}, {:?}", wanted.ask, does[1]),
    ])
}

/// What the option's market says of its volatility.
fn market_of(quoted: &Quoted) -> String {
    let [bid, ask] = quoted.market.found_e9().map(|found_e9| match found_e9 {
        Some(found_e9) => Price(found_e9).to_string(),
        None => "none".to_owned(),
    });
    let late = if quoted.market.has_left() { ": beyond the band, nothing is quoted" } else { "" };
    format!("volatility of the market's bid {bid}, of its offer {ask}{late}")
}
