//! Our orders by what left the engine and by the answers that it was told of.

use std::collections::HashMap;

use engine::order::{Execution, ExecutionKind, RejectReason};

use super::accounts::Fill;
use crate::monitor::{Action, Ask};

/// An answer of a venue, as its bytes have it.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    pub last_quantity: u64,
    pub last_price: i64,
    pub cumulative: u64,
    pub leaves: u64,
    /// ExecRefID(19); 0 where it has none.
    pub refers_to: u64,
}

/// An order.
#[derive(Clone, Copy, Debug)]
pub struct Own {
    pub venue: usize,
    pub symbol: usize,
    pub strategy: usize,
    pub buy: bool,
    pub price: i64,
    pub quantity: u64,
    pub cumulative: u64,
    pub takes: bool,
    /// It was marked as a short sale.
    pub short: bool,
    pub open: bool,
    name: u64,
    /// Id and terms of a replace that is not answered.
    pending: Option<(u64, i64, u64)>,
    /// When what is not answered was decided.
    asked_ns: Option<u64>,
    /// The venue is to say what it has.
    in_doubt: bool,
    /// Number of the latest request for it.
    request: Option<u64>,
}

impl Own {
    /// What can still fill, under whichever terms are more.
    pub fn at_risk(&self) -> u64 {
        let most = self.pending.map_or(self.quantity, |(_, _, quantity)| quantity.max(self.quantity));
        if self.open { most.saturating_sub(self.cumulative) } else { 0 }
    }

    /// That at the price of its terms, under whichever terms are more.
    pub fn notional(&self) -> i128 {
        let of = |price: i64, quantity: u64| {
            i128::from(price) * i128::from(quantity.saturating_sub(self.cumulative))
        };
        let pending = self.pending.map_or(0, |(_, price, quantity)| of(price, quantity));
        if self.open { of(self.price, self.quantity).max(pending) } else { 0 }
    }

    fn is_late(&self, now_ns: u64, most_ns: u64) -> bool {
        let is_late = |at_ns| now_ns.saturating_sub(at_ns) > most_ns;
        self.open && !self.in_doubt && self.asked_ns.is_some_and(is_late)
    }

    fn accept(&mut self) {
        if let Some((id, price, quantity)) = self.pending.take() {
            (self.name, self.price, self.quantity) = (id, price, quantity);
        }
        self.asked_ns = None;
    }

    /// Fills up to `cumulative`, the last of it as the report says, if it has one: what traded now, and at which price.
    fn fill_to(&mut self, cumulative: u64, report: Option<&Report>) -> Option<Fill> {
        let quantity = cumulative.checked_sub(self.cumulative).filter(|&quantity| quantity > 0)?;
        self.cumulative = cumulative;
        let known = report.filter(|report| report.last_quantity == quantity);
        Some(Fill {
            venue: self.venue,
            symbol: self.symbol,
            strategy: self.strategy,
            buy: self.buy,
            price: known.map_or(self.price, |report| report.last_price),
            quantity,
            takes: self.takes,
        })
    }
}

/// See the module's text.
#[derive(Clone, Default)]
pub struct OwnOrders {
    orders: Vec<Own>,
    names: HashMap<u64, usize>,
}

impl OwnOrders {
    pub fn open(&self) -> impl Iterator<Item = &Own> {
        self.orders.iter().filter(|order| order.open)
    }

    pub fn get(&self, name: u64) -> Option<&Own> {
        self.names.get(&name).map(|&at| &self.orders[at])
    }

    /// A request has left that was decided at this core time.
    pub fn enter(&mut self, ask: &Ask, strategy: usize, decided_ns: u64) {
        match ask.action {
            Action::New => {
                self.names.insert(ask.cl_ord_id, self.orders.len());
                self.orders.push(Own {
                    venue: ask.venue,
                    symbol: ask.symbol,
                    strategy,
                    buy: ask.buy,
                    price: ask.price,
                    quantity: ask.quantity,
                    cumulative: 0,
                    takes: ask.takes,
                    short: ask.short,
                    open: true,
                    name: ask.cl_ord_id,
                    pending: None,
                    asked_ns: Some(decided_ns),
                    in_doubt: false,
                    request: None,
                });
            }
            Action::Replace | Action::Cancel => {
                let Some(&at) = self.names.get(&ask.orig_cl_ord_id) else { return };
                self.names.insert(ask.cl_ord_id, at);
                let order = &mut self.orders[at];
                order.asked_ns = Some(decided_ns);
                if ask.action == Action::Replace {
                    order.pending = Some((ask.cl_ord_id, ask.price, ask.quantity));
                }
            }
        }
    }

    /// What the venue has of an order was asked for.
    pub fn request(&mut self, name: u64, number: u64) {
        if let Some(&at) = self.names.get(&name) {
            (self.orders[at].in_doubt, self.orders[at].request) = (true, Some(number));
        }
    }

    /// Another process goes on: everything is in doubt.
    pub fn restart(&mut self) {
        for order in self.orders.iter_mut().filter(|order| order.open) {
            (order.in_doubt, order.request, order.asked_ns) = (true, None, None);
        }
    }

    /// An execution was told, with the bytes that it came in. Gives what traded by it.
    pub fn on_execution(&mut self, execution: &Execution, report: Option<&Report>) -> Option<Fill> {
        let Execution { kind, cl_ord_id: id, .. } = *execution;
        if kind == ExecutionKind::InDoubt {
            let venue = usize::from(execution.venue);
            for order in self.orders.iter_mut().filter(|order| order.venue == venue && order.open) {
                (order.in_doubt, order.request) = (true, None);
            }
            return None;
        }
        let order = &mut self.orders[*self.names.get(&id)?];
        if !order.open {
            return None;
        }
        let replaces = order.pending.is_some_and(|pending| pending.0 == id);
        match kind {
            ExecutionKind::New => order.asked_ns = order.asked_ns.filter(|_| order.pending.is_some()),
            ExecutionKind::PartialFill | ExecutionKind::Fill => {
                let filled = order.fill_to(report?.cumulative, report)?;
                order.open = report?.leaves > 0;
                if order.pending.is_none() || replaces {
                    order.asked_ns = None;
                }
                if order.in_doubt && replaces {
                    order.accept();
                }
                return Some(filled);
            }
            ExecutionKind::Canceled | ExecutionKind::Expired | ExecutionKind::Rejected => {
                if kind == ExecutionKind::Rejected && order.name != id {
                    return None;
                }
                let cumulative = report.map_or(order.cumulative, |report| report.cumulative);
                let filled = order.fill_to(cumulative, None);
                order.open = false;
                return filled;
            }
            ExecutionKind::Replaced if replaces => {
                order.accept();
                order.open = order.quantity > order.cumulative;
            }
            ExecutionKind::CancelRejected | ExecutionKind::NotSent if order.name != id => {
                order.open = execution.reason != RejectReason::UnknownOrder;
                (order.pending, order.asked_ns) = (None, None);
            }
            ExecutionKind::NotSent => order.open = false,
            ExecutionKind::StatusOpen | ExecutionKind::StatusDone | ExecutionKind::StatusUnknown => {
                let number = execution.orig_cl_ord_id;
                let is_asked = order.in_doubt && order.request.is_some();
                if !is_asked || (number != 0 && order.request != Some(number)) {
                    return None;
                }
                (order.in_doubt, order.request, order.asked_ns) = (false, None, None);
                let filled = report.and_then(|report| order.fill_to(report.cumulative, None));
                match kind {
                    ExecutionKind::StatusOpen if replaces => order.accept(),
                    ExecutionKind::StatusOpen => order.pending = None,
                    _ => order.open = false,
                }
                return filled;
            }
            ExecutionKind::TradeCancel | ExecutionKind::TradeCorrect => {
                let report = report?;
                order.cumulative = report.cumulative;
                let quantity = report.cumulative + report.leaves;
                order.quantity =
                    if order.pending.is_none() { quantity } else { order.quantity.max(quantity) };
            }
            _ => {}
        }
        None
    }

    /// Symbols of orders about which something has not been answered for this long.
    pub fn unanswered(&self, now_ns: u64, most_ns: u64) -> Vec<usize> {
        self.open().filter(|order| order.is_late(now_ns, most_ns)).map(|order| order.symbol).collect()
    }

    /// A person lets trading go on: what has not been answered for this long may have stopped it before, and stops it once.
    pub fn excuse(&mut self, now_ns: u64, most_ns: u64) {
        for order in self.orders.iter_mut().filter(|order| order.is_late(now_ns, most_ns)) {
            order.asked_ns = None;
        }
    }
}
