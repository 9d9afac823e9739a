//! Increments: levels, orders and trades as they change.

use super::values::{LevelEntry, OrderEntry, book_side, price_of, quantity_of, quantity_of_long};
use super::{BookForm, Sink};
use crate::event::{EventKind, MarketEvent, Side};
use crate::mdp3::blocks::{OrderIdEntry, TradeEntryLong};
use crate::mdp3::levels::action;
use crate::mdp3::messages::Group;
use crate::packet_decoder::PacketErrorCause;
use crate::units::PRICE_NONE;

/// The null of MDTradeEntryID(37711): no match number.
const TRADE_ID_NULL: u32 = u32::MAX;

impl Sink<'_> {
    /// A level entry, in either form: of the form by order only book resets matter.
    #[inline(always)]
    pub(super) fn level(&mut self, entry: &LevelEntry, exchange_ns: u64) {
        let Some(side) = book_side(entry.entry_type) else {
            self.other_entry(entry.security_id, entry.entry_type, exchange_ns);
            return;
        };
        if self.feed.form == BookForm::Orders {
            return;
        }
        let Some(place) = self.place(entry.security_id) else { return };
        if !self.follows(place.locate) {
            return;
        }
        let event = self.event(EventKind::LevelSet, place.instrument, exchange_ns);
        let before = self.events.len();
        let Sink { feed, events, .. } = self;
        let levels = &mut feed.instruments[usize::from(place.locate)].levels;
        let applied = levels.apply(side, entry.update, |price, quantity| {
            events.push(MarketEvent { price, quantity, side, ..event });
        });
        feed.counters.inconsistent_entries += u64::from(applied.is_err());
        if self.events.len() > before {
            self.moved(place);
        }
    }

    /// An entry of neither side: implied, book reset, or unknown.
    #[cold]
    pub(super) fn other_entry(&mut self, security_id: i32, entry_type: u8, exchange_ns: u64) {
        match entry_type {
            b'E' | b'F' => self.feed.counters.implied_entries += 1,
            b'J' => {
                let Some(place) = self.place(security_id) else { return };
                let sequence = self.sequence;
                let instrument = self.remembered(place.locate);
                instrument.levels.clear();
                instrument.last_sequence = instrument.last_sequence.max(sequence);
                let recovered = instrument.ignoring;
                (instrument.ignoring, instrument.complete) = (false, true);
                let event = self.event(EventKind::Clear, place.instrument, exchange_ns);
                self.push(place, event);
                if recovered {
                    self.push(place, MarketEvent { kind: EventKind::Recovered, ..event });
                }
            }
            _ => self.feed.counters.inconsistent_entries += 1,
        }
    }

    /// An order entry of the form by order.
    #[inline(always)]
    pub(super) fn order(&mut self, entry: &OrderEntry, exchange_ns: u64) {
        let Some(side) = book_side(entry.entry_type) else {
            self.other_entry(entry.security_id, entry.entry_type, exchange_ns);
            return;
        };
        let Some(place) = self.place(entry.security_id) else { return };
        if !self.follows(place.locate) {
            return;
        }
        let kind = match entry.action {
            action::NEW => EventKind::OrderAdd,
            action::CHANGE => EventKind::OrderModify,
            action::DELETE => EventKind::OrderDelete,
            _ => {
                self.feed.counters.inconsistent_entries += 1;
                return;
            }
        };
        let event = self.event(kind, place.instrument, exchange_ns);
        let event = MarketEvent { order_id: entry.order_id, ..event };
        if kind == EventKind::OrderDelete {
            self.push(place, event);
        } else if entry.price == PRICE_NONE {
            self.feed.counters.inconsistent_entries += 1;
        } else {
            self.push(place, MarketEvent { price: entry.price, quantity: entry.quantity, side, ..event });
        }
    }

    /// The orders of a book message, which refer to its levels.
    pub(super) fn orders(
        &mut self,
        orders: &Group<'_, OrderIdEntry>,
        exchange_ns: u64,
        level: impl Fn(usize) -> Option<Result<LevelEntry, PacketErrorCause>>,
    ) -> Result<(), PacketErrorCause> {
        if self.feed.form == BookForm::Levels {
            return Ok(());
        }
        for entry in orders.iter() {
            let Some(level) = usize::from(entry.reference).checked_sub(1).and_then(&level) else {
                self.feed.counters.inconsistent_entries += 1;
                continue;
            };
            let level = level?;
            let order = OrderEntry {
                security_id: level.security_id,
                entry_type: level.entry_type,
                order_id: entry.order_id,
                action: entry.action,
                price: level.update.price,
                quantity: quantity_of(entry.size)?,
            };
            // Resets were applied with the levels.
            if level.entry_type != b'J' {
                self.order(&order, exchange_ns);
            }
        }
        Ok(())
    }

    pub(super) fn trade(
        &mut self,
        entry: &TradeEntryLong,
        template: u16,
        exchange_ns: u64,
    ) -> Result<(), PacketErrorCause> {
        let price = price_of(template, entry.price)?;
        if entry.action != action::NEW {
            self.feed.counters.trade_corrections += 1;
            return Ok(());
        }
        let Some(place) = self.place(entry.security_id) else { return Ok(()) };
        let event = self.event(EventKind::Trade, place.instrument, exchange_ns);
        // The event's side is the resting order's.
        let side = match entry.aggressor {
            1 => Side::Sell,
            2 => Side::Buy,
            _ => Side::None,
        };
        let quantity = quantity_of_long(entry.size);
        let second_id = if entry.trade_id == TRADE_ID_NULL { 0 } else { entry.trade_id.into() };
        self.push(place, MarketEvent { second_id, price, quantity, side, ..event });
        Ok(())
    }
}
