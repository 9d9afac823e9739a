//! A client of the engine's own parts against the gateway, over a connection that cuts bytes anywhere.

use super::*;
use crate::order::{Execution, ExecutionKind, Order, OrderAction, RejectReason, TimeInForce};
use crate::ouch::session::{OuchConfig, OuchSession};
use crate::pipeline::draws::Draws;
use crate::pipeline::order_table::OrderTable;
use crate::pipeline::risk::{EngineLimits, InstrumentLimits, Risk, RiskApproved, Target};
use crate::pipeline::settlement::{Settled, settle};

const DATE: u32 = 20_120_621;

/// One side's bytes to the other in pieces; what is cut off is lost with the connection.
pub(super) struct Run {
    pub(super) draws: Draws,
    pub(super) gateway: OuchGateway,
    pub(super) session: OuchSession,
    pub(super) table: OrderTable,
    pub(super) risk: Risk,
    pub(super) now_ns: u64,
    to_venue: Vec<u8>,
    to_client: Vec<u8>,
    pub(super) connected: bool,
    was_up: bool,
    /// Per order of the venue's book.
    shown: Vec<(u64, u64)>,
    pub(super) filled: u64,
    /// Match numbers of fills, and what was bought by them.
    pub(super) trades: Vec<(u64, i64)>,
    errors: u64,
    pub(super) refused: u64,
}

impl Run {
    pub(super) fn new(seed: u64) -> Self {
        let config = OuchConfig {
            venue: 0,
            username: *b"WARP  ",
            password: *b"secret    ",
            date: DATE,
            messages_max: 5_000,
        };
        let symbols = [Symbol::new("GOOG").unwrap(), Symbol::new("MSFT").unwrap()];
        Self {
            draws: Draws(seed),
            gateway: gateway(),
            session: OuchSession::new(&config, &symbols).unwrap(),
            table: OrderTable::new(DATE, 32, 5_000, 1, 8),
            risk: Risk::new(EngineLimits::OPEN, vec![InstrumentLimits::OPEN; 2]),
            now_ns: 0,
            to_venue: Vec::new(),
            to_client: Vec::new(),
            connected: false,
            was_up: false,
            shown: Vec::new(),
            filled: 0,
            trades: Vec::new(),
            errors: 0,
            refused: 0,
        }
    }

    pub(super) fn connect(&mut self) {
        self.connected = true;
        self.session.connected(self.now_ns);
        self.gateway.connected(self.now_ns);
    }

    /// Whatever is on the way may arrive or not.
    pub(super) fn lose(&mut self) {
        self.collect();
        let arrives = self.draws.below(self.to_venue.len() as u64 + 1) as usize;
        self.gateway.on_bytes(self.now_ns, &self.to_venue[..arrives]);
        let arrives = self.draws.below(self.to_client.len() as u64 + 1) as usize;
        let bytes: Vec<u8> = self.to_client.drain(..arrives).collect();
        self.receive(&bytes);
        self.to_venue.clear();
        self.to_client.clear();
        self.connected = false;
        self.session.disconnected();
        self.gateway.disconnected(self.now_ns);
        assert!(self.gateway.pending().is_empty());
    }

    fn collect(&mut self) {
        self.to_venue.extend(self.session.pending());
        self.session.consume(self.session.pending().len());
        self.to_client.extend(self.gateway.pending());
        self.gateway.consume(self.gateway.pending().len());
    }

    fn receive(&mut self, bytes: &[u8]) {
        let was_up = self.session.is_logged_on();
        let mut executions = Vec::new();
        let malformed = self.session.receive(self.now_ns, bytes, &mut |execution| executions.push(execution));
        assert_eq!(malformed, 0, "{:?}", self.session.last_error());
        for execution in &executions {
            self.apply(execution);
        }
        if !was_up && self.session.is_logged_on() {
            if self.was_up {
                self.table.doubt(0);
            }
            self.was_up = true;
        }
    }

    fn apply(&mut self, execution: &Execution) {
        match settle(&mut self.table, &mut self.risk, execution, self.now_ns) {
            Settled::Applied(applied) => {
                self.filled += applied.filled;
                let bought = applied.filled.cast_signed();
                if bought > 0 {
                    let signed = if execution.side == Side::Buy { bought } else { -bought };
                    self.trades.push((execution.exec_id, signed));
                }
                // A status never brings a fill that its own message had not brought before.
                assert!(!execution.kind.is_status() || applied.filled == 0, "{execution:?}");
            }
            // A cancel that was asked about and had come in between; a trade that was broken before.
            Settled::Late => {
                let is_known = execution.kind.is_status() || execution.kind == ExecutionKind::TradeCancel;
                assert!(is_known, "{execution:?}");
            }
            Settled::OfDone => assert_eq!(execution.kind, ExecutionKind::TradeCancel),
            Settled::Refused => self.refused += 1,
        }
    }

    pub(super) fn deliver(&mut self) {
        self.collect();
        let count = self.draws.below(self.to_venue.len() as u64 + 1) as usize;
        let bytes: Vec<u8> = self.to_venue.drain(..count).collect();
        self.gateway.on_bytes(self.now_ns, &bytes);
        let count = self.draws.below(self.to_client.len() as u64 + 1) as usize;
        let bytes: Vec<u8> = self.to_client.drain(..count).collect();
        self.receive(&bytes);
        assert!(!self.session.wants_close() && !self.gateway.wants_close());
    }

    pub(super) fn settle(&mut self) {
        while self.connected {
            self.collect();
            if self.to_venue.is_empty() && self.to_client.is_empty() {
                return;
            }
            let bytes = std::mem::take(&mut self.to_venue);
            self.gateway.on_bytes(self.now_ns, &bytes);
            let bytes = std::mem::take(&mut self.to_client);
            self.receive(&bytes);
        }
    }

    pub(super) fn market(&mut self) {
        let number = self.shown.len() as u64 + 1;
        let side = [Side::Buy, Side::Sell][self.draws.below(2) as usize];
        let cents = self.draws.below(9) as i64 - 4;
        if self.draws.below(3) > 0 || self.shown.is_empty() {
            let quantity = 1 + self.draws.below(60);
            self.shown.push((number, quantity));
            self.gateway.on_market(&event(EventKind::OrderAdd, number, side, cents, quantity), self.now_ns);
        } else {
            let at = self.draws.below(self.shown.len() as u64) as usize;
            let (order, left) = &mut self.shown[at];
            if *left > 0 {
                let quantity = *left;
                *left = 0;
                let event = event(EventKind::OrderExecute, *order, side, cents, quantity);
                self.gateway.on_market(&event, self.now_ns);
            }
        }
    }

    pub(super) fn order(&mut self) {
        let Some(cl_ord_id) = self.table.cl_ord_id_after(0) else { return };
        let open: Vec<_> = self.table.of_strategy(0).copied().collect();
        let target = open.get(self.draws.below(open.len() as u64 + 2) as usize).copied();
        let action = match (&target, self.draws.below(2)) {
            (None, _) => OrderAction::New,
            (Some(_), 0) => OrderAction::Cancel,
            (Some(_), _) => OrderAction::Replace,
        };
        if target.is_some_and(|order| order.is_pending()) || (target.is_none() && self.table.room() == 0) {
            return;
        }
        let quantity = 1 + self.draws.below(80);
        let order = Order {
            decision: 0,
            time_ns: self.now_ns,
            cl_ord_id,
            orig_cl_ord_id: target.map_or(0, |order| order.cl_ord_id),
            price: 100_000_000_000 + (self.draws.below(9) as i64 - 4) * CENT,
            quantity,
            instrument: 0,
            venue: 0,
            action,
            side: target.map_or([Side::Buy, Side::Sell][self.draws.below(2) as usize], |order| order.side),
            time_in_force: if self.draws.below(4) == 0 {
                TimeInForce::ImmediateOrCancel
            } else {
                TimeInForce::Day
            },
            strategy: 0,
            sells_short: false,
            reserved: [0; 5],
        };
        self.send(order);
    }

    pub(super) fn send(&mut self, order: Order) {
        let target = self.table.get(order.orig_cl_ord_id).map(Target::of);
        let reserved = self.risk.follow(&order, target);
        self.table.enter(&order, reserved).expect("the table takes it");
        self.encode(order);
    }

    fn encode(&mut self, order: Order) {
        if let Err(reason) = self.session.encode(&RiskApproved::for_test(order), self.now_ns) {
            assert_eq!(reason, RejectReason::NotConnected);
            self.errors += 1;
            let execution = crate::pipeline::order_entry::not_sent(&order, self.now_ns, reason);
            if let Some(execution) = execution {
                self.apply(&execution);
            }
        }
    }

    /// Asks for what is in doubt, as decide does.
    pub(super) fn ask(&mut self) {
        while self.session.is_logged_on()
            && let Some(order) = self.table.ask_next(self.now_ns)
        {
            let request = Order {
                decision: self.now_ns,
                time_ns: self.now_ns,
                cl_ord_id: order.cl_ord_id,
                orig_cl_ord_id: 0,
                price: order.price,
                quantity: order.quantity,
                instrument: 0,
                venue: 0,
                action: OrderAction::Status,
                side: order.side,
                time_in_force: order.time_in_force,
                strategy: 0,
                sells_short: false,
                reserved: [0; 5],
            };
            self.encode(request);
        }
    }
}
