//! What the engine had been told when it decided something: market, answers, commands and its own orders, in the order in
//! which the simulator gave them to it. The monitor derives everything else from this and from the bytes.
//!
//! Nothing of the engine's state is read. An answer is known by its venue and ExecID(17) only; what it says is taken from
//! the venue's bytes.

pub mod accounts;
pub mod market;
pub mod orders;
pub mod rules;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::rc::Rc;

use engine::control::config::Config;
use engine::order::{Execution, ExecutionKind};
use engine::pipeline::operator::{Command, KillCause, LimitChange, Scope};
use feeds::event::{MarketEvent, Side};

use crate::limits::{InForce, Limits};
use crate::monitor::{Action, Ask};
use accounts::{Accounts, Fill, Sums};
use market::{Market, Seen};
use orders::{OwnOrders, Report};

/// Something that the engine was given, or that came out of it, in the order of it.
#[derive(Clone, Copy, Debug)]
pub enum Input {
    Market(MarketEvent),
    Execution(Execution),
    Timer { due_ns: u64 },
    Command { time_ns: u64, command: Command },
}

/// What the engine knew of sums when it decided: positions and open orders.
#[derive(Clone, Copy, Debug)]
pub struct Totals {
    /// `None` where a position's price is not known.
    pub positions: Option<Sums>,
    pub open_buy: i128,
    pub open_sell: i128,
}

/// What the engine had been told when it decided one message.
pub struct Moment {
    pub strategy: usize,
    pub time_ns: u64,
    pub limits: InForce,
    pub market: Seen,
    pub stopped: Vec<(Scope, KillCause)>,
    pub firm: Totals,
    pub own: Totals,
    /// 1e-13 of the currency; `None` where a position's price is not known.
    pub margin: Option<i128>,
    /// By symbol: position, open to buy, open to sell.
    pub exposure: Vec<(i64, u64, u64)>,
    pub messages: u64,
    pub trades: u64,
}

/// See the module's text.
pub struct Told {
    pub limits: InForce,
    market: Market,
    pub accounts: Accounts,
    pub orders: OwnOrders,
    /// Scopes that a limit or a person has stopped, and that nobody has let go on.
    pub stopped: Vec<(Scope, KillCause)>,
    pub changes: u64,
    pub resets: u64,
    time_ns: u64,
    timer_ns: u64,
    /// By ClOrdID.
    moments: HashMap<u64, Rc<Moment>>,
    /// Fills by venue and ExecID, for busts.
    fills: HashMap<(usize, u64), Fill>,
}

impl Told {
    pub fn new(config: &Config, venues: usize, strategies: usize) -> Self {
        let symbols = config.instruments.len();
        let fees = config.venues.iter().map(|venue| (venue.taker_fee_e9, venue.maker_fee_e9));
        Self {
            limits: InForce(Rc::new(Limits::of(config, strategies))),
            market: Market::new(venues, symbols),
            accounts: Accounts::new(symbols, strategies, fees.collect()),
            orders: OwnOrders::default(),
            stopped: Vec::new(),
            changes: 0,
            resets: 0,
            time_ns: 0,
            timer_ns: config.pipeline.timer_ms * 1_000_000,
            moments: HashMap::new(),
            fills: HashMap::new(),
        }
    }

    /// Another process goes on where the last one ended: without a market, with everything else.
    pub fn restart(&mut self, venues: usize) {
        self.market = Market::new(venues, self.limits.symbols.len());
        self.accounts.restart();
        self.orders.restart();
    }

    /// What a process that died had received and not heard is taken by the next one before it starts. What it does to the
    /// accounts is judged with the next price; what rests on a window starts anew.
    pub fn taken_over(&mut self, execution: &Execution, reports: &[HashMap<u64, Report>]) {
        let stopped = self.stopped.clone();
        self.execution(execution, reports);
        self.stopped = stopped;
    }

    fn stop(&mut self, scope: Scope, cause: KillCause) {
        if !self.stopped.iter().any(|&(stopped, _)| stopped == scope) {
            self.stopped.push((scope, cause));
        }
    }

    /// The engine was given something; `reports` are the answers of each venue by ExecID(17).
    pub fn input(&mut self, input: &Input, reports: &[HashMap<u64, Report>]) {
        match input {
            Input::Market(event) => {
                self.time_ns = self.time_ns.max(event.receive_ns);
                if let Some(symbol) = self.market.on_event(event, self.time_ns)
                    && let Some(mid) = self.market.mid(symbol)
                {
                    self.accounts.mark(symbol, mid);
                    self.check_losses();
                }
            }
            Input::Execution(execution) => {
                self.time_ns = self.time_ns.max(execution.time_ns);
                self.execution(execution, reports);
            }
            Input::Timer { due_ns } => {
                self.time_ns = self.time_ns.max(*due_ns);
                // Each timer of the engine finds one of them.
                let patience_ns = self.timer_ns * (self.orders.open().count() as u64 + 2);
                let most_ns = self.limits.firm.answer_max_ns.saturating_add(patience_ns);
                for symbol in self.orders.unanswered(self.time_ns, most_ns) {
                    self.stop(Scope::Instrument(symbol as u32), KillCause::Unanswered);
                }
            }
            Input::Command { time_ns, command } => {
                self.time_ns = self.time_ns.max(*time_ns);
                self.command(command);
            }
        }
    }

    fn command(&mut self, command: &Command) {
        match *command {
            Command::Kill { scope, cause } => self.stop(scope, cause),
            Command::Reset { scope } => {
                self.stopped.retain(|&(stopped, _)| scope != Scope::All && stopped != scope);
                self.accounts.reset(scope);
                self.orders.excuse(self.time_ns, self.limits.firm.answer_max_ns);
                self.resets += 1;
                if scope == Scope::All {
                    self.check_losses();
                }
            }
            Command::SetLimit(change) => self.change(&change),
            Command::Reconcile { .. } => {}
        }
    }

    fn change(&mut self, change: &LimitChange) {
        let mut limits = Limits::clone(&self.limits);
        limits.change(change);
        self.limits = InForce(Rc::new(limits));
        self.changes += 1;
    }

    fn execution(&mut self, execution: &Execution, reports: &[HashMap<u64, Report>]) {
        let venue = usize::from(execution.venue);
        let report = reports[venue].get(&execution.exec_id).filter(|_| execution.exec_id != 0);
        let is_fill = matches!(execution.kind, ExecutionKind::Fill | ExecutionKind::PartialFill);
        if is_fill && self.accounts.booked.contains(&(venue, execution.exec_id)) {
            return;
        }
        if matches!(execution.kind, ExecutionKind::TradeCancel | ExecutionKind::TradeCorrect) {
            let Some(report) = report else { return };
            let Some(busted) = self.fills.remove(&(venue, report.refers_to)) else { return };
            self.accounts.trade(&busted, true);
            self.check_losses();
            if execution.kind == ExecutionKind::TradeCorrect {
                let (price, quantity) = (report.last_price, report.last_quantity);
                self.book(&Fill { price, quantity, ..busted }, Some((venue, execution.exec_id)));
            }
        }
        if let Some(fill) = self.orders.on_execution(execution, report) {
            self.book(&fill, is_fill.then_some((venue, execution.exec_id)));
        }
    }

    fn book(&mut self, fill: &Fill, exec_id: Option<(usize, u64)>) {
        self.accounts.trade(fill, false);
        if let Some(exec_id) = exec_id {
            self.accounts.booked.insert(exec_id);
            self.fills.insert(exec_id, *fill);
        }
        let limits = self.limits.strategies[fill.strategy];
        for cause in self.accounts.stopped_by_fill(fill, self.time_ns, &limits) {
            self.stop(Scope::Strategy(fill.strategy as u16), cause);
        }
        self.check_losses();
    }

    fn check_losses(&mut self) {
        let limits = self.limits.clone();
        for cause in self.accounts.stopped_by_loss(self.time_ns, &limits) {
            self.stop(Scope::All, cause);
        }
    }

    fn totals(&self, strategy: Option<usize>) -> Totals {
        let open = |buy: bool| {
            let orders = self.orders.open();
            let orders = orders.filter(|order| {
                order.buy == buy && strategy.is_none_or(|strategy| order.strategy == strategy)
            });
            orders.map(orders::Own::notional).sum()
        };
        Totals { positions: self.accounts.sums(strategy), open_buy: open(true), open_sell: open(false) }
    }

    /// The engine has decided a message.
    pub fn decided(&mut self, cl_ord_id: u64, strategy: usize) {
        let limits = self.limits.clone();
        let mut exposure: Vec<_> =
            (0..limits.symbols.len()).map(|symbol| (self.accounts.position(symbol), 0, 0)).collect();
        let mut margin = self.accounts.margin(&limits);
        for order in self.orders.open() {
            let at = &mut exposure[order.symbol];
            *(if order.buy { &mut at.1 } else { &mut at.2 }) += order.at_risk();
            margin = margin.map(|sum| sum + order.notional() * limits.symbols[order.symbol].margin_bp);
        }
        let moment = Moment {
            strategy,
            time_ns: self.time_ns,
            market: self.market.seen(),
            stopped: self.stopped.clone(),
            firm: self.totals(None),
            own: self.totals(Some(strategy)),
            margin,
            exposure,
            messages: self.accounts.messages,
            trades: self.accounts.trades,
            limits,
        };
        self.moments.insert(cl_ord_id, Rc::new(moment));
    }

    /// What was in force when a message was decided; now, where nobody has said when that was.
    pub fn limits_of(&self, cl_ord_id: u64) -> InForce {
        self.moments.get(&cl_ord_id).map_or_else(|| self.limits.clone(), |moment| moment.limits.clone())
    }

    /// A message has left: it is held against what the engine had been told when it decided it.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn left(&mut self, ask: &Ask) -> Result<(), (&'static str, String)> {
        let moment = self.moments.get(&ask.cl_ord_id).cloned();
        let Some(moment) = moment else {
            return Err(("DECIDED", format!("nobody decided {ask:?}")));
        };
        if ask.action != Action::Cancel {
            let target = self.orders.get(ask.orig_cl_ord_id).filter(|_| ask.action == Action::Replace);
            // One that ended while the message waited for its turn holds nothing any more.
            if target.is_none_or(|target| target.open) {
                rules::check(ask, &moment, target)?;
            }
        }
        self.accounts.messages += 1;
        self.orders.enter(ask, moment.strategy, moment.time_ns);
        Ok(())
    }
}

/// Whether a stopped scope has something to do with an order.
pub fn concerns(scope: Scope, ask: &Ask, strategy: usize) -> bool {
    match scope {
        Scope::All => true,
        Scope::Side(side) => (side == Side::Buy) == ask.buy,
        Scope::Venue(venue) => usize::from(venue) == ask.venue,
        Scope::Instrument(symbol) => symbol as usize == ask.symbol,
        Scope::Strategy(number) => usize::from(number) == strategy,
    }
}
