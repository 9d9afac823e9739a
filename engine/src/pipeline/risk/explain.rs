//! Every rule with its value and its limit, for an order that is looked at again. Cold: it formats.
//!
//! [`Risk::explain`] goes through the same rules as [`Risk::approve`] and changes nothing. That both say the same is a
//! test over random runs (`tests/masks.rs`).

use super::checks::{NO_TARGET, added, check_law, margin_of};
use super::limits::{InstrumentLimits, NOTIONAL_CEILING, QTY_CEILING};
use super::rate::MessageRate;
use super::totals::{LOST, Total, Totals};
use super::{Instrument, Reference, Risk, RiskReasons, Stamp, StrategyState, Target};
use crate::notation::{Money, Price};
use crate::order::{Intent, OrderAction, TimeInForce};
use feeds::event::Side;
use feeds::units::PRICE_NONE;

/// One rule as it was judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The rule.
    pub rule: RiskReasons,
    /// What of the intent or the account it looks at, with the arithmetic where there is any.
    pub value: String,
    /// What it may be; "none" where no limit is set.
    pub limit: String,
    /// It refuses the intent.
    pub is_broken: bool,
}

/// The list that is being made.
struct Rules(Vec<Judged>);

impl Rules {
    fn add(
        &mut self,
        rule: RiskReasons,
        is_broken: bool,
        value: impl Into<String>,
        limit: impl Into<String>,
    ) {
        self.0.push(Judged { rule, value: value.into(), limit: limit.into(), is_broken });
    }
}

/// A limit as text, "none" from `none` on.
fn at_most<T: Copy + PartialOrd + ToString>(limit: T, none: T) -> String {
    if limit >= none { "none".to_owned() } else { limit.to_string() }
}

fn money_at_most(limit: i128) -> String {
    if limit >= NOTIONAL_CEILING { "none".to_owned() } else { Money(limit).to_string() }
}

fn milliseconds(limit_ns: u64) -> String {
    if limit_ns == u64::MAX { "none".to_owned() } else { format!("{} ms", limit_ns / 1_000_000) }
}

fn sum(total: i128) -> String {
    if total >= LOST { "more than can be counted".to_owned() } else { Money(total).to_string() }
}

impl Risk {
    /// Every rule that [`Self::approve`] would go by now, with its value and its limit.
    #[must_use]
    pub fn explain(
        &self,
        intent: &Intent,
        reference: &Reference,
        target: Option<Target>,
        stamp: &Stamp,
    ) -> Vec<Judged> {
        let mut rules = Rules(Vec::new());
        let id = stamp.cl_ord_id;
        rules.add(
            RiskReasons::DUPLICATE_CL_ORD_ID,
            id <= self.last_cl_ord_id && id != 0,
            format!("ClOrdID {id}"),
            format!("above the last one, {}", self.last_cl_ord_id),
        );
        rules.add(
            RiskReasons::TABLE_FULL,
            id == 0,
            if id == 0 { "no room" } else { "an order slot and a ClOrdID are free" },
            "one of each",
        );
        if intent.action == OrderAction::Cancel {
            let cancelled = target.map_or_else(
                || "no open order of the strategy without a message in flight".to_owned(),
                |target| format!("an order that holds {} reserved", target.reserved),
            );
            rules.add(RiskReasons::TARGET, target.is_none(), cancelled, "an order that can take it");
            return rules.0;
        }
        match self.instruments.get(intent.instrument as usize) {
            Some(at) => self.explain_terms(&mut rules, intent, reference, target, stamp, at),
            None => {
                let unknown = "the instrument is not configured";
                rules.add(RiskReasons::NOT_TRADABLE, true, unknown, "continuous trading");
                rules.add(RiskReasons::RESTRICTED, true, unknown, "declared by the strategy");
            }
        }
        rules.0
    }

    fn explain_terms(
        &self,
        rules: &mut Rules,
        intent: &Intent,
        reference: &Reference,
        target: Option<Target>,
        stamp: &Stamp,
        at: &Instrument,
    ) {
        let limits = &at.limits;
        let replace = intent.action == OrderAction::Replace;
        let held = target.filter(|_| replace).unwrap_or(NO_TARGET);
        explain_target(rules, intent, target, &held);
        self.explain_blocks(rules, intent, stamp);
        explain_market(rules, limits, reference);
        explain_prices(rules, intent, at, reference, stamp.time_ns);
        let added = added(intent, &held, &at.exposure);
        let side = if intent.side == Side::Buy {
            format!("position {} + open buys {}", at.exposure.position, at.exposure.open_buy)
        } else {
            format!("open sells {} - position {}", at.exposure.open_sell, at.exposure.position)
        };
        rules.add(
            RiskReasons::POSITION,
            added.worst > i128::from(limits.position_max),
            format!("{side} + this order's {} = {}", added.quantity, added.worst),
            at_most(limits.position_max, QTY_CEILING.cast_signed()),
        );
        let law = check_law(intent, limits, reference, &added, &held);
        explain_law(rules, intent, limits, reference, law, added.worst);
        self.explain_rates(rules, intent, stamp, at);
        let firm = &self.firm;
        let reduces = if added.reduces { ", not asked: it can only reduce the position" } else { "" };
        let mut totals = |whose: &str, totals: &Totals, gross: i128, net: i128, open: i128| {
            let all_open = totals.open() + added.notional;
            rules.add(
                RiskReasons::GROSS_NOTIONAL,
                !added.reduces && totals.gross().exceeds(all_open, gross),
                format!(
                    "{whose}: positions {} + open orders {}{reduces}",
                    sum(totals.gross().get()),
                    sum(all_open)
                ),
                money_at_most(gross),
            );
            let (signed, open_side, is_over) = if intent.side == Side::Buy {
                let side = totals.open_of(true) + added.notional;
                (totals.net().get(), side, totals.net().exceeds(side, net))
            } else {
                let side = totals.open_of(false) + added.notional;
                (-totals.net().get(), side, totals.net().exceeds_negated(side, net))
            };
            rules.add(
                RiskReasons::NET_NOTIONAL,
                !added.reduces && is_over,
                format!(
                    "{whose}: this way {} + open orders of the side {}{reduces}",
                    sum(signed),
                    sum(open_side)
                ),
                money_at_most(net),
            );
            rules.add(
                RiskReasons::OPEN_NOTIONAL,
                all_open > open,
                format!("{whose}: open orders with this one's {} = {}", Money(added.notional), sum(all_open)),
                money_at_most(open),
            );
        };
        let most = &firm.limits;
        totals("firm", &firm.totals, most.gross_notional_max, most.net_notional_max, most.open_notional_max);
        let strategy = self.strategies.get(usize::from(stamp.strategy));
        if let Some(StrategyState { limits: most, totals: of, .. }) = strategy {
            totals("strategy", of, most.gross_notional_max, most.net_notional_max, most.open_notional_max);
        }
        let margin = margin_of(added.notional, limits.margin_bp);
        rules.add(
            RiskReasons::BUYING_POWER,
            !added.reduces && firm.margin.exceeds(margin, firm.margin_max),
            format!(
                "margin taken {} + this order's {}{reduces}",
                of_margin(firm.margin),
                Money(margin / 10_000)
            ),
            money_at_most(firm.limits.buying_power),
        );
        self.explain_counts(rules, intent, stamp, at);
        let holders = &self.holdings[at.holders.0 as usize..at.holders.1 as usize];
        let declared = holders.iter().any(|holding| holding.strategy == stamp.strategy);
        if !self.strategies.is_empty() {
            let said = if declared { "declared by the strategy" } else { "not declared by the strategy" };
            rules.add(RiskReasons::RESTRICTED, !declared, said, "declared");
        }
        let skew_ns = reference.clock_skew_ns;
        rules.add(
            RiskReasons::CLOCK_SKEW,
            skew_ns > firm.limits.clock_skew_max_ns,
            format!("exchange's clock and ours {} us apart", skew_ns / 1_000),
            milliseconds(firm.limits.clock_skew_max_ns),
        );
    }

    fn explain_blocks(&self, rules: &mut Rules, intent: &Intent, stamp: &Stamp) {
        let blocked = self.blocks.cover(intent.instrument, intent.venue, intent.side, stamp.strategy);
        let all: Vec<String> =
            self.blocks.iter().map(|(scope, cause)| format!("{scope:?} ({})", cause.name())).collect();
        let value = if all.is_empty() {
            "nothing is blocked".to_owned()
        } else {
            format!("blocked: {}", all.join(", "))
        };
        rules.add(RiskReasons::KILL_SWITCH, blocked, value, "nothing of the order's");
    }

    fn explain_rates(&self, rules: &mut Rules, intent: &Intent, stamp: &Stamp, at: &Instrument) {
        let mut rate = |whose: &str, rate: &MessageRate, limit: Option<super::RateLimit>| {
            let mut now = *rate;
            let can_pay = now.refill(stamp.time_ns);
            rules.add(
                RiskReasons::MESSAGE_RATE,
                !can_pay,
                match limit {
                    Some(_) => format!("{whose}: {} messages could leave at once", now.messages()),
                    None => format!("{whose}: not counted"),
                },
                limit.map_or("none".to_owned(), |limit| {
                    format!("{} a second, {} at once", limit.per_s, limit.burst)
                }),
            );
        };
        rate("firm", &self.firm.rate, Some(self.firm.limits.rate()));
        rate("instrument", &at.rate, at.limits.rate);
        if let Some(venue) = self.venues.get(usize::from(intent.venue)) {
            rate("venue", &venue.rate, venue.terms.rate);
        }
    }

    fn explain_counts(&self, rules: &mut Rules, intent: &Intent, stamp: &Stamp, at: &Instrument) {
        let (firm, limits) = (&self.firm, &at.limits);
        let replace = intent.action == OrderAction::Replace;
        let unasked = if replace { ", not asked: a replace opens none" } else { "" };
        for (whose, open, most) in [
            ("instrument", at.open_orders, limits.open_orders_max),
            ("firm", firm.open_orders, firm.limits.open_orders_max),
        ] {
            rules.add(
                RiskReasons::OPEN_ORDERS,
                !replace && open >= most,
                format!("{whose}: {open} open before this one{unasked}"),
                at_most(most, u32::MAX),
            );
        }
        if limits.duplicates_max != u32::MAX && !replace {
            let repeats = |most: &u32| {
                self.recent.is_repeated(&at.recent, intent, stamp.time_ns, limits.duplicate_window_ns, *most)
            };
            let equal = (1..=super::recent::STEPS_MAX).take_while(repeats).count();
            rules.add(
                RiskReasons::DUPLICATE_ORDER,
                repeats(&limits.duplicates_max),
                format!(
                    "{equal} new orders of the same terms in the last {}",
                    milliseconds(limits.duplicate_window_ns)
                ),
                format!("fewer than {}", limits.duplicates_max),
            );
        }
        let most = firm.limits.order_to_trade_max;
        let from = firm.limits.order_to_trade_from;
        rules.add(
            RiskReasons::ORDER_TO_TRADE,
            firm.messages >= from && firm.messages >= most.saturating_mul(firm.trades.max(1)),
            format!("{} messages, {} trades", firm.messages, firm.trades),
            if most == u64::MAX {
                "none".to_owned()
            } else {
                format!("fewer than {most} a trade, from {from} on")
            },
        );
    }
}

fn of_margin(margin: Total) -> String {
    if margin.get() >= LOST { sum(LOST) } else { Money(margin.get() / 10_000).to_string() }
}

fn explain_target(rules: &mut Rules, intent: &Intent, target: Option<Target>, held: &Target) {
    if intent.action != OrderAction::Replace {
        let value = if intent.target == 0 {
            "a new order".to_owned()
        } else {
            format!("names order {}", intent.target)
        };
        return rules.add(RiskReasons::TARGET, intent.target != 0, value, "names no order");
    }
    let value = if target.is_some() {
        format!("new total {} of an order that filled {}", intent.quantity, held.cumulative)
    } else {
        "no open order of the strategy without a message in flight".to_owned()
    };
    let is_broken = target.is_none() || intent.quantity <= held.cumulative;
    rules.add(RiskReasons::TARGET, is_broken, value, "an open order, more than it filled");
}

fn explain_market(rules: &mut Rules, limits: &InstrumentLimits, reference: &Reference) {
    let trading = match (reference.tradable, limits.order_qty_max == 0) {
        (true, false) => "continuous trading",
        (true, true) => "no limits: it may not be traded",
        (false, _) => "not in continuous trading at the venue",
    };
    rules.add(
        RiskReasons::NOT_TRADABLE,
        !reference.tradable || limits.order_qty_max == 0,
        trading,
        "continuous trading",
    );
    let crossed = if reference.crossed { "crossed" } else { "not crossed" };
    rules.add(
        RiskReasons::BOOK_CROSSED,
        reference.crossed,
        format!("the venue's book is {crossed}"),
        "not crossed",
    );
    let stale = if reference.stale { "messages are missing" } else { "no message is missing" };
    rules.add(RiskReasons::STALE_BOOK, reference.stale, stale, "none missing");
    rules.add(
        RiskReasons::DATA_AGE,
        reference.data_age_ns > limits.market_data_age_max_ns,
        format!("the venue's feed was last heard {} us ago", reference.data_age_ns / 1_000),
        milliseconds(limits.market_data_age_max_ns),
    );
    let restricted = if limits.restricted { "on the restricted list" } else { "not on the restricted list" };
    rules.add(RiskReasons::RESTRICTED, limits.restricted, restricted, "not on it");
}

fn explain_prices(rules: &mut Rules, intent: &Intent, at: &Instrument, reference: &Reference, now_ns: u64) {
    let limits = &at.limits;
    let (price, quantity) = (i128::from(intent.price), intent.quantity);
    rules.add(
        RiskReasons::ORDER_QTY,
        quantity == 0 || quantity > limits.order_qty_max,
        format!("quantity {quantity}"),
        format!("1 to {}", at_most(limits.order_qty_max, QTY_CEILING)),
    );
    rules.add(
        RiskReasons::LOT,
        quantity < limits.order_qty_min || !quantity.is_multiple_of(limits.lot_qty),
        format!("quantity {quantity}"),
        format!("at least {}, in lots of {}", limits.order_qty_min, limits.lot_qty),
    );
    let notional = price * i128::from(quantity);
    rules.add(
        RiskReasons::NOTIONAL,
        notional > limits.order_notional_max,
        format!("{} x {quantity} = {}", Price(intent.price), Money(notional)),
        money_at_most(limits.order_notional_max),
    );
    rules.add(
        RiskReasons::PRICE,
        intent.price <= 0 || intent.price % limits.price_tick != 0,
        format!("price {}", Price(intent.price)),
        format!("positive, in ticks of {}", Price(limits.price_tick)),
    );
    let two_sided = reference.bid_px != PRICE_NONE && reference.ask_px != PRICE_NONE;
    let has_trade = at.last_trade_px != PRICE_NONE
        && now_ns.saturating_sub(at.last_trade_ns) < limits.last_trade_age_max_ns;
    let (mid_twice, said) = if two_sided {
        let (bid, ask) = (Price(reference.bid_px), Price(reference.ask_px));
        (Some(i128::from(reference.bid_px) + i128::from(reference.ask_px)), format!("market {bid} / {ask}"))
    } else if has_trade {
        (Some(2 * i128::from(at.last_trade_px)), format!("last trade {}", Price(at.last_trade_px)))
    } else {
        (None, "no two-sided market, no young trade".to_owned())
    };
    rules.add(RiskReasons::NO_REFERENCE, mid_twice.is_none(), &*said, "a two-sided market or a young trade");
    let collar =
        if limits.collar_bp == u32::MAX { "none".to_owned() } else { format!("{} bp", limits.collar_bp) };
    let distance = |mid_twice: i128| (2 * price - mid_twice).abs() * 10_000;
    rules.add(
        RiskReasons::COLLAR,
        mid_twice.is_some_and(|twice| distance(twice) > i128::from(limits.collar_bp) * twice),
        match mid_twice.filter(|&twice| twice > 0) {
            Some(twice) => format!("{} bp from the {said}", distance(twice) / twice),
            None => format!("not measured: {said}"),
        },
        collar,
    );
    let (touch, through) = match intent.side {
        Side::Buy if reference.touch_ask_px != PRICE_NONE => {
            (reference.touch_ask_px, price - i128::from(reference.touch_ask_px))
        }
        Side::Sell if reference.touch_bid_px != PRICE_NONE => {
            (reference.touch_bid_px, i128::from(reference.touch_bid_px) - price)
        }
        _ => (PRICE_NONE, 0),
    };
    rules.add(
        RiskReasons::TOUCH,
        through > i128::from(limits.touch_ticks_max) * i128::from(limits.price_tick),
        format!("{} through the venue's touch {}", Money(through.max(0)), Price(touch)),
        if limits.touch_ticks_max == u32::MAX {
            "none".to_owned()
        } else {
            format!("{} ticks", limits.touch_ticks_max)
        },
    );
    let (own, crosses) = match intent.side {
        Side::Buy => {
            (reference.own_ask_px, reference.own_ask_px != PRICE_NONE && intent.price >= reference.own_ask_px)
        }
        Side::Sell => {
            (reference.own_bid_px, reference.own_bid_px != PRICE_NONE && intent.price <= reference.own_bid_px)
        }
        Side::None => (PRICE_NONE, false),
    };
    rules.add(
        RiskReasons::SELF_TRADE,
        crosses,
        format!("own best order on the other side in its way: {}", Price(own)),
        "none",
    );
}

fn explain_law(
    rules: &mut Rules,
    intent: &Intent,
    limits: &InstrumentLimits,
    reference: &Reference,
    law: RiskReasons,
    worst: i128,
) {
    if !limits.us_equity {
        return;
    }
    let short = intent.side == Side::Sell && worst > 0;
    let value = if short { format!("could be short {worst}") } else { "no short sale".to_owned() };
    let broken = |rule: RiskReasons| law.contains(rule);
    rules.add(
        RiskReasons::SHORT_LOCATE,
        broken(RiskReasons::SHORT_LOCATE),
        value.clone(),
        format!("{} located, marked when it was entered", limits.locate_qty),
    );
    let restricted =
        if limits.short_restricted { "above the national bid" } else { "rule 201 is not in force" };
    rules.add(
        RiskReasons::SHORT_PRICE,
        broken(RiskReasons::SHORT_PRICE),
        format!("{value}, at {} with the bid at {}", Price(intent.price), Price(reference.national_bid_px)),
        restricted,
    );
    let away = if intent.side == Side::Buy { reference.away_ask_px } else { reference.away_bid_px };
    let rests = intent.time_in_force == TimeInForce::Day;
    let quote = format!("at {} with {} elsewhere", Price(intent.price), Price(away));
    let asked = |asked: bool| if asked { "" } else { ", not asked of this time in force" };
    rules.add(
        RiskReasons::LOCKS_AWAY,
        broken(RiskReasons::LOCKS_AWAY),
        format!("{quote}{}", asked(rests)),
        "neither locks nor crosses it",
    );
    rules.add(
        RiskReasons::TRADE_THROUGH,
        broken(RiskReasons::TRADE_THROUGH),
        format!("{quote}{}", asked(!rests)),
        "does not trade through it",
    );
}
