//! What happens after approval: reservations given back, fills, prices, and the limits that go by what they come to.
//!
//! A limit of this kind refuses nothing: when it is broken, what broke it is blocked until a person resets it.

use super::fills::BookedFill;
use super::plain::PlainLimits;
use super::{Exposure, Risk, margin_bits, windows};
use crate::order::ClOrdId;
use crate::pipeline::operator::{KillCause, LimitChange, LimitRule, Scope};
use feeds::event::Side;

/// Exposure that is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Released {
    /// Dense instrument number.
    pub instrument: u32,
    /// Strategy that owns the order.
    pub strategy: u16,
    /// Side of the order.
    pub side: Side,
    /// Quantity.
    pub quantity: u64,
    /// What it was reserved at, 1e-9 of the currency.
    pub notional: i128,
    /// The order is done.
    pub closed: bool,
}

/// Something traded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// Dense instrument number.
    pub instrument: u32,
    /// Strategy that owns the order.
    pub strategy: u16,
    /// Dense venue number.
    pub venue: u8,
    /// Side of the order.
    pub side: Side,
    /// Price, 1e-9.
    pub price: i64,
    /// Quantity.
    pub quantity: u64,
    /// It took liquidity.
    pub takes: bool,
    /// ExecID(17) as a number; 0 for a fill that is known by its CumQty(14) only.
    pub exec_id: u64,
    /// ClOrdID(11) of the order.
    pub cl_ord_id: ClOrdId,
    /// Core time, UTC ns.
    pub time_ns: u64,
}

impl Risk {
    /// Gives reserved exposure back.
    pub fn release(&mut self, released: &Released) {
        let Released { side, quantity, notional, closed, .. } = *released;
        let Some(at) = self.instruments.get_mut(released.instrument as usize) else { return };
        if let Some(open) = at.exposure.open_of(side) {
            debug_assert!(*open >= quantity, "released {quantity} of {open} reserved");
            *open = open.saturating_sub(quantity);
        }
        let is_buy = side == Side::Buy;
        self.firm.totals.add_order(is_buy, -notional);
        at.open_notional -= notional;
        self.firm.margin.add_order(-notional * i128::from(at.limits.margin_bp));
        if let Some(strategy) = self.strategies.get_mut(usize::from(released.strategy)) {
            strategy.totals.add_order(is_buy, -notional);
        }
        if closed {
            debug_assert!(
                at.open_orders > 0 && self.firm.open_orders > 0,
                "closed more orders than were open"
            );
            at.open_orders = at.open_orders.saturating_sub(1);
            self.firm.open_orders = self.firm.open_orders.saturating_sub(1);
        }
    }

    /// A bust made an order open again: what can fill is reserved, whatever the limits say. Its notional comes with
    /// [`Self::release`], below zero.
    pub fn reserve_again(&mut self, instrument: u32, side: Side, quantity: u64) {
        if let Some(at) = self.instruments.get_mut(instrument as usize)
            && let Some(open) = at.exposure.open_of(side)
        {
            *open += quantity;
        }
    }

    /// Books a fill: position, cash, profit; the reservation is released separately. What it leads to is checked.
    pub fn fill(&mut self, fill: &Fill) {
        let signed = signed(fill.side, fill.quantity);
        let fee = self.fee(fill);
        self.trade(fill.instrument, fill.strategy, signed, fill.price, fee);
        self.firm.trades += 1;
        if fill.exec_id != 0 {
            let booked = BookedFill {
                exec_id: fill.exec_id,
                price: fill.price,
                quantity: fill.quantity,
                fee,
                cl_ord_id: fill.cl_ord_id,
                instrument: fill.instrument,
                strategy: fill.strategy,
                venue: fill.venue,
                side: fill.side,
                takes: fill.takes,
            };
            if !self.fills.add(booked) {
                self.blocks.block(Scope::All, KillCause::FillsFull);
            }
        }
        self.check_windows(fill, signed);
        self.check_losses(fill.time_ns);
        self.put_on_record(fill.instrument);
    }

    /// Whether a fill with this ExecID(17) was booked before.
    #[must_use]
    pub fn is_booked(&self, venue: u8, exec_id: u64) -> bool {
        exec_id != 0 && self.fills.get(venue, exec_id).is_some()
    }

    /// Takes a booked fill back: the venue has busted it. `None` when there is no such fill, or it was busted before.
    pub fn bust(&mut self, venue: u8, exec_id: u64, time_ns: u64) -> Option<BookedFill> {
        let fill = self.fills.get_mut(venue, exec_id).filter(|fill| fill.quantity > 0)?;
        let busted = *fill;
        fill.quantity = 0;
        let signed = signed(busted.side, busted.quantity);
        self.trade(busted.instrument, busted.strategy, -signed, busted.price, -busted.fee);
        self.check_losses(time_ns);
        self.put_on_record(busted.instrument);
        Some(busted)
    }

    /// The instrument traded in the market: what stands for a market that has not two sides.
    #[inline]
    pub fn traded(&mut self, instrument: u32, price: i64, time_ns: u64) {
        if let Some(at) = self.instruments.get_mut(instrument as usize) {
            (at.last_trade_px, at.last_trade_ns) = (price, time_ns);
        }
    }

    /// Values the instrument's position at a new price; what that leads to is checked. Cheap where nobody has a position: the
    /// price is kept for the one that is to come.
    #[inline]
    pub fn mark(&mut self, instrument: u32, price: i64, time_ns: u64) {
        let Some(at) = self.instruments.get_mut(instrument as usize).filter(|at| at.mark != price) else {
            return;
        };
        let holders = &self.holdings[at.holders.0 as usize..at.holders.1 as usize];
        // Strategies on opposite sides come to no position, and each has its own.
        if at.exposure.position == 0 && holders.iter().all(|holding| holding.position == 0) {
            at.mark = price;
            return;
        }
        self.revalue(instrument, price);
        self.check_losses(time_ns);
        self.put_on_record(instrument);
    }

    pub(super) fn revalue(&mut self, instrument: u32, price: i64) {
        let at = &mut self.instruments[instrument as usize];
        let before = std::mem::replace(&mut at.mark, price);
        let position = i128::from(at.exposure.position);
        let (from, to) = (position * i128::from(before), position * i128::from(price));
        self.firm.totals.move_position(from, to);
        self.firm.margin.add((to.abs() - from.abs()).saturating_mul(i128::from(at.limits.margin_bp)));
        for holding in &self.holdings[at.holders.0 as usize..at.holders.1 as usize] {
            let position = i128::from(holding.position);
            let strategy = &mut self.strategies[usize::from(holding.strategy)];
            strategy.totals.move_position(position * i128::from(before), position * i128::from(price));
        }
    }

    /// Moves the position of an instrument and its strategy.
    fn trade(&mut self, instrument: u32, strategy: u16, signed: i64, price: i64, fee: i128) {
        let Some(at) = self.instruments.get_mut(instrument as usize) else { return };
        if at.mark == 0 {
            at.mark = price;
            self.on_record.set_mark(instrument, price);
        }
        let mark = i128::from(at.mark);
        let before = at.exposure.position;
        at.exposure.position = before.saturating_add(signed);
        let (from, to) = (i128::from(before) * mark, i128::from(at.exposure.position) * mark);
        self.firm.totals.move_position(from, to);
        self.firm.margin.add((to.abs() - from.abs()).saturating_mul(i128::from(at.limits.margin_bp)));
        let account = &mut self.accounts[instrument as usize];
        let cash = account.cash;
        account.trade(signed, price, fee);
        self.firm.cash.add(account.cash - cash);
        let holders = &mut self.holdings[at.holders.0 as usize..at.holders.1 as usize];
        if let Some(holding) = holders.iter_mut().find(|holding| holding.strategy == strategy) {
            let before = i128::from(holding.position) * mark;
            holding.position = holding.position.saturating_add(signed);
            let after = i128::from(holding.position) * mark;
            self.strategies[usize::from(strategy)].totals.move_position(before, after);
        }
    }

    fn fee(&self, fill: &Fill) -> i128 {
        let terms = self.venues.get(usize::from(fill.venue)).map(|venue| venue.terms);
        let fee = terms.map_or(0, |terms| if fill.takes { terms.taker_fee } else { terms.maker_fee });
        i128::from(fee) * i128::from(fill.quantity)
    }

    /// Repeated automated execution (RTS 6, article 15 (3)), and market-maker protection.
    fn check_windows(&mut self, fill: &Fill, signed: i64) {
        if !self.judges {
            return;
        }
        let Some(strategy) = self.strategies.get_mut(usize::from(fill.strategy)) else { return };
        let limits = strategy.limits;
        let most = |most: u32| most.min(windows::FILLS_MAX) as usize;
        if limits.executions_max != u32::MAX {
            strategy.executions.add(fill.time_ns, signed, limits.executions_window_ns);
            if strategy.executions.count() > most(limits.executions_max) {
                self.blocks.block(Scope::Strategy(fill.strategy), KillCause::Executions);
            }
        }
        let protects = limits.protection_fills_max != u32::MAX
            || limits.protection_qty_max != u64::MAX
            || limits.protection_delta_max != u64::MAX;
        if protects && !fill.takes {
            let window = &mut strategy.protection;
            window.add(fill.time_ns, signed, limits.protection_window_ns);
            if window.count() > most(limits.protection_fills_max)
                || window.quantity() > limits.protection_qty_max
                || window.delta().unsigned_abs() > limits.protection_delta_max
            {
                self.blocks.block(Scope::Strategy(fill.strategy), KillCause::MarketMakerProtection);
            }
        }
    }

    /// Loss of the day, from its best, and within the window.
    pub(super) fn check_losses(&mut self, time_ns: u64) {
        let worth = self.worth();
        let firm = &mut self.firm;
        let limits = &firm.limits;
        let loss = firm.losses.loss(time_ns, worth, limits.loss_window_ns);
        if !self.judges {
            // What it led to, and the best, are on record.
            return;
        }
        firm.best_worth = firm.best_worth.max(worth);
        let broken = [
            (worth.saturating_neg() > limits.daily_loss_max, KillCause::DailyLoss),
            (firm.best_worth.saturating_sub(worth) > limits.drawdown_max, KillCause::Drawdown),
            (loss > limits.loss_rate_max, KillCause::LossRate),
        ];
        for (_, cause) in broken.into_iter().filter(|&(broken, _)| broken) {
            self.blocks.block(Scope::All, cause);
        }
    }

    /// The next input begins: what was blocked so far is known.
    #[inline(always)]
    pub fn begin_input(&mut self) {
        self.blocks.forget_fresh();
        self.on_record.forget_fresh();
    }

    /// Blocks a scope, for a cause that was found outside.
    #[cold]
    pub fn block(&mut self, scope: Scope, cause: KillCause) {
        self.blocks.block(scope, cause);
    }

    #[cold]
    pub(super) fn reset(&mut self, scope: Scope) {
        self.blocks.lift(scope);
        let worth = self.worth();
        for (number, strategy) in (0u16..).zip(&mut self.strategies) {
            if scope == Scope::All || scope == Scope::Strategy(number) {
                strategy.executions.clear();
                strategy.protection.clear();
            }
        }
        if scope == Scope::All {
            self.firm.best_worth = worth;
            self.firm.losses.clear(worth);
            // The day's loss does not begin anew: who wants to go on beyond its limit changes that first.
            if self.judges && worth.saturating_neg() > self.firm.limits.daily_loss_max {
                self.blocks.block(Scope::All, KillCause::DailyLoss);
            }
        }
        self.put_reset_on_record(scope);
    }

    #[cold]
    pub(super) fn set_limit(&mut self, change: LimitChange) {
        let LimitChange { scope, rule, value, .. } = change;
        let known = match scope {
            Scope::All => {
                let known = self.firm.limits.set(rule, value);
                self.firm.margin_max = self.firm.limits.margin_max();
                self.firm.rate.set(Some(self.firm.limits.rate()));
                self.firm.cancels.set(Some(self.firm.limits.rate()));
                known
            }
            Scope::Venue(venue) => self.venues.get_mut(usize::from(venue)).is_some_and(|venue| {
                let known = venue.terms.set(rule, value);
                venue.rate.set(venue.terms.rate);
                known
            }),
            Scope::Instrument(instrument) => self.set_instrument_limit(instrument, change),
            Scope::Strategy(strategy) => {
                let strategy = self.strategies.get_mut(usize::from(strategy));
                strategy.is_some_and(|strategy| strategy.limits.set(rule, value))
            }
            Scope::Side(_) => false,
        };
        if rule == LimitRule::MarginBp {
            self.firm.margin_bits = margin_bits(&self.instruments);
        }
        self.forget_room();
        // A person's command, and not an order's way: the list may grow.
        let is_same = |other: &&mut LimitChange| (other.scope, other.rule) == (scope, rule);
        match self.changes.iter_mut().find(is_same) {
            _ if !known => {}
            Some(former) => *former = change,
            None => self.changes.push(change),
        }
    }

    fn set_instrument_limit(&mut self, instrument: u32, change: LimitChange) -> bool {
        let Some(at) = self.instruments.get_mut(instrument as usize) else { return false };
        let before = at.limits;
        let known = at.limits.set(change.rule, change.value);
        at.plain = PlainLimits::of(&at.limits);
        at.rate.set(at.limits.rate);
        // The margin taken so far, at the new rate.
        let position = (i128::from(at.exposure.position) * i128::from(at.mark)).abs();
        let change = i128::from(at.limits.margin_bp) - i128::from(before.margin_bp);
        self.firm.margin.add((position + at.open_notional).saturating_mul(change));
        known
    }

    /// A position that somebody else keeps: another one than ours means that one of the pictures is wrong.
    #[cold]
    pub(super) fn reconcile(&mut self, instrument: u32, position: i64) {
        let Exposure { position: ours, .. } = self.exposure(instrument);
        if self.judges && ours != position {
            self.blocks.block(Scope::All, KillCause::Reconciliation);
        }
    }
}

fn signed(side: Side, quantity: u64) -> i64 {
    let quantity = i64::try_from(quantity).unwrap_or(i64::MAX);
    match side {
        Side::Buy => quantity,
        Side::Sell => -quantity,
        Side::None => 0,
    }
}
