//! A market maker's decision in words and numbers, for `warptick why`. Cold: it formats.

use super::{LiveOrders, MarketMaker};
use crate::notation::{Money, Price};
use crate::strategy::View;
use crate::strategy::quote_side::live_quote;
use feeds::event::Side;
use feeds::units::PRICE_NONE;
use kernels::cpu::book::Bbo;
use kernels::cpu::quote_action::{QuoteAction, quote_action};
use kernels::cpu::quoting::{Model, NoQuote, Target, model};
use kernels::cpu::volatility::SIGMA_NONE;

/// What `maker` has just decided from `view`, a line each.
pub(super) fn of(maker: &MarketMaker, view: &View<'_>) -> Vec<String> {
    let reference = maker.reference(view);
    let microprice = reference.microprice(maker.reference_spread_max);
    let live = LiveOrders::of(view, maker.instruments[0]);
    let (inputs, wanted) = maker.wanted(view, microprice, &live);
    let Bbo { bid_px, bid_qty, ask_px, ask_qty } = reference.market;
    let whose =
        if reference.is_national { "national" } else { "the venue's own, since venues cross each other:" };
    let mut lines = vec![format!(
        "microprice = bid + (ask - bid) x bid size / (bid size + ask size) = {} of the {whose} market {bid_qty} @ {} / \
         {ask_qty} @ {}",
        Price(microprice),
        Price(bid_px),
        Price(ask_px),
    )];
    if microprice == PRICE_NONE {
        let widest = Price(maker.reference_spread_max);
        lines.push(format!("no reference price: a side is missing, or the spread is above {widest}"));
    } else if inputs.sigma == SIGMA_NONE {
        lines.push("volatility is not warm yet".to_owned());
    } else {
        let Model { skew, reservation, half_spread } = model(&maker.quote, &inputs);
        let quote = &maker.quote;
        lines.push(format!(
            "sigma = {} a root second (at least {}); skew = c x sigma = {} for each {} of position",
            Money(inputs.sigma.into()),
            Money(quote.sigma_min.into()),
            Money(skew.into()),
            quote.quote_quantity,
        ));
        lines.push(format!(
            "reservation price = microprice - skew x position {} / {} = {}",
            inputs.position,
            quote.quote_quantity,
            Money(reservation),
        ));
        lines.push(format!(
            "half spread = ln(1 + gamma/k)/gamma + skew/2 = {} + {}, at least {}: {}",
            Money(quote.glft.half_spread.into()),
            Money((skew / 2).into()),
            Price(quote.half_spread_min),
            Money(half_spread),
        ));
        lines.push(format!(
            "bid at most {}, below the offers of the venue {} and elsewhere {}",
            Money(reservation - half_spread),
            Price(inputs.own_ask),
            Price(inputs.away_ask),
        ));
        lines.push(format!(
            "offer at least {}, above the bids of the venue {} and elsewhere {}",
            Money(reservation + half_spread),
            Price(inputs.own_bid),
            Price(inputs.away_bid),
        ));
        lines.push(format!("position {}, at most {} either way", inputs.position, quote.position_max));
    }
    if let Some(vpin_e9) = maker.toxic_vpin_e9(view) {
        let (vpin, most) = (Money(vpin_e9.into()), Money(maker.vpin_max_e9.into()));
        lines.push(format!("VPIN {vpin} is above {most}: nothing is quoted into flow that one-sided"));
    }
    for (name, side, wanted) in [("bid", Side::Buy, wanted.bid), ("offer", Side::Sell, wanted.ask)] {
        lines.push(format!("{name}: {}", side_of(maker, view, side, wanted)));
    }
    lines
}

fn side_of(maker: &MarketMaker, view: &View<'_>, side: Side, wanted: Result<Target, NoQuote>) -> String {
    let live = view.open_order(maker.instruments[0], side).map(live_quote);
    let wish = match wanted {
        Ok(target) => format!("wanted {} @ {}", target.quantity, Price(target.price)),
        Err(NoQuote::WarmUp) => "none wanted: volatility is not warm".to_owned(),
        Err(NoQuote::NoReference) => "none wanted: no reference price".to_owned(),
        Err(NoQuote::PositionLimit) => "none wanted: the position leaves no room".to_owned(),
        Err(NoQuote::PriceOutOfRange) => "none wanted: its price would be none".to_owned(),
        Err(NoQuote::Paused) => {
            "none wanted: the market is not in continuous trading, its flow is one-sided, or a refusal makes the side wait"
                .to_owned()
        }
    };
    let have = live.map_or("no order is open".to_owned(), |live| {
        let waits = if live.pending { ", a message in flight" } else { "" };
        format!("{} @ {} is open{waits}", live.leaves_quantity, Price(live.price))
    });
    let does = match quote_action(wanted, live, &maker.pace.requote, view.time_ns) {
        QuoteAction::Keep => "nothing to do".to_owned(),
        QuoteAction::New(_) => "a new order".to_owned(),
        QuoteAction::Cancel { .. } => "cancel it".to_owned(),
        QuoteAction::Replace { .. } => format!(
            "replace it: {} or more away, more open than wanted, or different for {} ms",
            Price(maker.pace.requote.move_min),
            maker.pace.requote.rest_ns / 1_000_000,
        ),
    };
    format!("{wish}; {have}; {does}")
}
