//! The wire-side monitor: reads the bytes that reached the venues and those that they sent back, and keeps from them its own
//! books of orders, exposure and positions. Against these every order is held when it reaches the venue
//! ([`crate::rules`]), and, when its bytes are written, against what the engine had been told until it decided it
//! ([`crate::told`]).
//!
//! Nothing of the engine's code or state is used. The network tells when bytes left and when a connection was lost; a
//! venue then cancels what is open, as its rules say.

use std::collections::{BTreeMap, HashMap, HashSet};

use engine::control::config::Config;
use engine::order::Execution;
use engine::venue::{ClOrdIdText, TradeChange};
use feeds::event::Side;

use crate::limits::{InForce, SymbolLimits, rate};
use crate::rules::RULES;
use crate::told::orders::Report;
use crate::told::{Input, Told};
use crate::wire::{Message, Stream};

const SECOND: u64 = 1_000_000_000;

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    New,
    Replace,
    Cancel,
}

/// A request as it stands in its bytes.
#[derive(Clone, Debug)]
pub struct Ask {
    pub action: Action,
    pub venue: usize,
    pub symbol: usize,
    pub buy: bool,
    pub price: i64,
    pub quantity: u64,
    pub cl_ord_id: u64,
    pub orig_cl_ord_id: u64,
    /// TransactTime(60): when it was decided, ns of the day.
    pub decided_ns: u64,
    /// Number of the engine's process that sent it.
    pub process: u64,
    /// When its last byte left the engine.
    pub left_ns: u64,
    /// TimeInForce(59) lets it take and never rest.
    pub takes: bool,
    /// Side(54) says that it is a short sale.
    pub short: bool,
    /// The limits that were in force when it was decided.
    pub limits: InForce,
}

/// An order as the wire shows it.
#[derive(Clone, Debug)]
pub struct WireOrder {
    pub venue: usize,
    pub symbol: usize,
    pub buy: bool,
    pub price: i64,
    pub quantity: u64,
    pub cumulative: u64,
    pub open: bool,
    /// The id that it was entered with, and the one that the venue knows it by.
    pub root: u64,
    pub name: u64,
    /// Terms of a replace that is not answered.
    pub pending: Option<(i64, u64)>,
}

impl WireOrder {
    /// What can still fill, under whichever terms are more.
    pub fn at_risk(&self) -> u64 {
        let most = self.pending.map_or(self.quantity, |(_, quantity)| quantity.max(self.quantity));
        if self.open { most.saturating_sub(self.cumulative) } else { 0 }
    }

    /// That at the price of its terms, under whichever terms are more.
    pub fn notional_at_risk(&self) -> i128 {
        let of = |(price, quantity): (i64, u64)| {
            i128::from(price) * i128::from(quantity.saturating_sub(self.cumulative))
        };
        let most = of((self.price, self.quantity)).max(self.pending.map_or(0, of));
        if self.open { most } else { 0 }
    }
}

/// A fill as the wire shows it.
#[derive(Clone, Copy, Debug)]
struct WireFill {
    exec_id: u64,
    order_id: u64,
    /// Place of its order.
    at: usize,
    quantity: u64,
    price: i64,
}

/// One venue's side of the wire.
#[derive(Default)]
struct Line {
    requests: Stream,
    answers: Stream,
    /// Content of each MsgSeqNum(34) of the engine.
    content: HashMap<u64, String>,
    /// ClOrdID that a MsgSeqNum carried.
    carried: HashMap<u64, u64>,
    exec_ids: HashSet<String>,
}

/// See the module's text.
pub struct Monitor {
    symbols: Vec<String>,
    /// What the engine was told.
    pub told: Told,
    /// Fills of each venue that it has not taken back.
    fills: Vec<Vec<WireFill>>,
    /// Answers of each venue by ExecID(17).
    reports: Vec<HashMap<u64, Report>>,
    pub venue_rates: Vec<Option<(u64, u64)>>,
    lines: Vec<Line>,
    pub orders: Vec<WireOrder>,
    /// Place in `orders` of every ClOrdID that an order has or had.
    names: HashMap<u64, usize>,
    /// Every request's ClOrdID.
    used: HashSet<u64>,
    pub asks: Vec<Ask>,
    positions: Vec<i64>,
    /// The process that was killed, and when; those after it are too.
    pub killed: Option<(u64, u64)>,
    pub counts: Counts,
}

/// What the monitor has seen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub requests: u64,
    pub orders: u64,
    pub fills: u64,
    pub possible_duplicates: u64,
}

impl Counts {
    pub fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.orders += other.orders;
        self.fills += other.fills;
        self.possible_duplicates += other.possible_duplicates;
    }
}

/// A rule that was broken, and how.
pub type Breach = (&'static str, String);

impl Monitor {
    pub fn new(config: &Config, venues: usize, strategies: usize) -> Self {
        let mut symbols: Vec<_> = config.instruments.iter().map(|entry| entry.symbol.clone()).collect();
        symbols.sort();
        Self {
            positions: vec![0; symbols.len()],
            symbols,
            told: Told::new(config, venues, strategies),
            fills: vec![Vec::new(); venues],
            reports: vec![HashMap::new(); venues],
            venue_rates: config
                .venues
                .iter()
                .map(|venue| rate(venue.messages_per_s, venue.messages_burst))
                .collect(),
            lines: (0..venues).map(|_| Line::default()).collect(),
            orders: Vec::new(),
            names: HashMap::new(),
            used: HashSet::new(),
            asks: Vec::new(),
            killed: None,
            counts: Counts::default(),
        }
    }

    /// Bytes that reached a venue, the last of which left the engine at `left_ns`.
    ///
    /// # Errors
    /// The first rule that they break.
    pub fn on_requests(
        &mut self,
        venue: usize,
        process: u64,
        left_ns: u64,
        bytes: &[u8],
    ) -> Result<(), Breach> {
        self.lines[venue].requests.push(bytes);
        while let Some(message) = self.lines[venue].requests.next().map_err(|what| ("FRAME", what))? {
            self.on_request(venue, (process, left_ns), &message)
                .map_err(|(rule, what)| (rule, format!("{what}: venue {venue}, {}", message.text())))?;
        }
        Ok(())
    }

    fn on_request(&mut self, venue: usize, left: (u64, u64), message: &Message) -> Result<(), Breach> {
        let sequence = message.number("34").ok_or(("SEQUENCE", "no MsgSeqNum".to_owned()))?;
        let line = &mut self.lines[venue];
        if message.kind() == "A" && message.get("141") == Some("Y") {
            line.content.clear();
        }
        let body = message.body();
        if message.get("43") == Some("Y") {
            self.counts.possible_duplicates += 1;
            // A gap fill stands for what is not sent again.
            if message.kind() != "4" && line.content.get(&sequence).is_some_and(|before| *before != body) {
                return Err(("POSSIBLE_DUPLICATE", "sent again with another content".to_owned()));
            }
            return Ok(());
        }
        if let Some(before) = line.content.insert(sequence, body) {
            return Err(("SEQUENCE", format!("MsgSeqNum {sequence} was used before: {before}")));
        }
        let Some(action) = action_of(message) else { return Ok(()) };
        let ask = self.ask(venue, left, action, message)?;
        self.lines[venue].carried.insert(sequence, ask.cl_ord_id);
        self.take(ask)
    }

    /// The engine was given something.
    pub fn on_input(&mut self, input: &Input) {
        self.told.input(input, &self.reports);
    }

    /// Bytes that the engine wrote for a venue, right after it had decided them.
    ///
    /// # Errors
    /// The first rule that they break.
    pub fn on_written(&mut self, venue: usize, left: (u64, u64), bytes: &[u8]) -> Result<(), Breach> {
        let mut stream = Stream::default();
        stream.push(bytes);
        while let Some(message) = stream.next().map_err(|what| ("FRAME", what))? {
            if message.kind() == "H" {
                let request = message.number("11").zip(message.number("790"));
                request.into_iter().for_each(|(name, number)| self.told.orders.request(name, number));
            } else if let Some(action) = action_of(&message) {
                let ask = self.ask(venue, left, action, &message)?;
                self.told
                    .left(&ask)
                    .map_err(|(rule, what)| (rule, format!("{what}: venue {venue}, {}", message.text())))?;
            }
        }
        Ok(())
    }

    fn ask(
        &self,
        venue: usize,
        (process, left_ns): (u64, u64),
        action: Action,
        message: &Message,
    ) -> Result<Ask, Breach> {
        let missing = |what: &str| ("FIELDS", format!("no {what}"));
        let symbol = message.get("55").and_then(|text| self.symbols.iter().position(|known| known == text));
        let price = message.price("44").filter(|_| action != Action::Cancel);
        let quantity = message.number("38");
        let cl_ord_id = message.number("11").ok_or_else(|| missing("ClOrdID"))?;
        Ok(Ask {
            action,
            venue,
            symbol: symbol.ok_or_else(|| missing("known Symbol"))?,
            buy: message.get("54").ok_or_else(|| missing("Side"))? == "1",
            price: price.or((action == Action::Cancel).then_some(0)).ok_or_else(|| missing("Price"))?,
            quantity: quantity.ok_or_else(|| missing("OrderQty"))?,
            cl_ord_id,
            orig_cl_ord_id: message.number("41").unwrap_or(0),
            decided_ns: message.time_of_day_ns("60").ok_or_else(|| missing("TransactTime"))?,
            process,
            left_ns,
            takes: message.get("59") == Some("3"),
            short: message.get("54") == Some("5"),
            limits: self.told.limits_of(cl_ord_id),
        })
    }

    /// Holds a request against every rule, and enters it.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn take(&mut self, ask: Ask) -> Result<(), Breach> {
        self.counts.requests += 1;
        for rule in RULES {
            if (rule.is_broken)(self, &ask) {
                return Err((rule.name, format!("{} in {ask:?}", rule.says)));
            }
        }
        self.used.insert(ask.cl_ord_id);
        match ask.action {
            Action::New => {
                self.counts.orders += 1;
                self.names.insert(ask.cl_ord_id, self.orders.len());
                self.orders.push(WireOrder {
                    venue: ask.venue,
                    symbol: ask.symbol,
                    buy: ask.buy,
                    price: ask.price,
                    quantity: ask.quantity,
                    cumulative: 0,
                    open: true,
                    root: ask.cl_ord_id,
                    name: ask.cl_ord_id,
                    pending: None,
                });
            }
            Action::Replace => {
                if let Some(&at) = self.names.get(&ask.orig_cl_ord_id) {
                    self.orders[at].pending = Some((ask.price, ask.quantity));
                    self.names.insert(ask.cl_ord_id, at);
                }
            }
            Action::Cancel => {
                if let Some(&at) = self.names.get(&ask.orig_cl_ord_id) {
                    self.names.insert(ask.cl_ord_id, at);
                }
            }
        }
        self.asks.push(ask);
        Ok(())
    }

    /// Whether orders and replaces kept to the rates when they were decided: token buckets over each process's, in the order
    /// of their ids, since the wires to the venues are not equally fast.
    ///
    /// # Errors
    /// The first that had no credit.
    pub fn check_rate(&self) -> Result<(), Breach> {
        let mut entering: Vec<_> = self.asks.iter().filter(|ask| ask.action != Action::Cancel).collect();
        entering.sort_by_key(|ask| (ask.process, ask.cl_ord_id));
        let limits = &self.told.limits;
        check_bucket("MESSAGE_RATE", limits.firm.rate, entering.iter().copied())?;
        for (symbol, limits) in limits.symbols.iter().enumerate() {
            let of_symbol = entering.iter().copied().filter(|ask| ask.symbol == symbol);
            limits.rate.map_or(Ok(()), |rate| check_bucket("SYMBOL_RATE", rate, of_symbol))?;
        }
        for (venue, rate) in self.venue_rates.iter().enumerate() {
            let to_venue = entering.iter().copied().filter(|ask| ask.venue == venue);
            rate.map_or(Ok(()), |rate| check_bucket("VENUE_RATE", rate, to_venue))?;
        }
        Ok(())
    }

    /// Whether no order was sent again too often within its window, in the order of the ids.
    ///
    /// # Errors
    /// The first that was.
    pub fn check_duplicates(&self) -> Result<(), Breach> {
        let mut seen: HashMap<(u64, usize, bool, i64, u64), Vec<u64>> = HashMap::new();
        let mut new: Vec<_> = self.asks.iter().filter(|ask| ask.action == Action::New).collect();
        new.sort_by_key(|ask| (ask.process, ask.cl_ord_id));
        for ask in new {
            let SymbolLimits { duplicates_max, duplicate_window_ns, .. } = ask.limits.symbols[ask.symbol];
            let times = seen.entry((ask.process, ask.symbol, ask.buy, ask.price, ask.quantity)).or_default();
            // TransactTime has no more digits than a microsecond's.
            times.retain(|&time_ns| ask.decided_ns.saturating_sub(time_ns) + 1_000 < duplicate_window_ns);
            times.push(ask.decided_ns);
            if times.len() > duplicates_max {
                return Err(("DUPLICATE_ORDER", format!("the same order too often: {ask:?}")));
            }
        }
        Ok(())
    }

    /// A fill of a venue that it may take back, or correct to a smaller one.
    pub fn change_for(&self, venue: usize, corrects: bool, pick: u32) -> Option<TradeChange> {
        let fills = &self.fills[venue];
        let at = pick as usize % fills.len().max(1);
        let &WireFill { exec_id, order_id, at, quantity, price } = fills.get(at)?;
        let order = &self.orders[at];
        let better = if order.buy { price - 10_000_000 } else { price + 10_000_000 };
        let corrected = (corrects && quantity > 1 && better > 0).then_some((quantity - 1, better));
        Some(TradeChange {
            exec_id,
            order_id,
            cl_ord_id: ClOrdIdText::from_number(order.name),
            instrument: order.symbol as u32,
            side: if order.buy { Side::Buy } else { Side::Sell },
            quantity,
            price,
            corrected,
        })
    }

    /// Another process goes on, with what the last one had received and not heard.
    pub fn restart(&mut self, unheard: &[Execution], venues: usize) {
        let Self { told, reports, .. } = self;
        unheard.iter().for_each(|execution| told.taken_over(execution, reports));
        told.restart(venues);
    }

    pub fn forget_fill(&mut self, venue: usize, exec_id: u64) {
        self.fills[venue].retain(|fill| fill.exec_id != exec_id);
    }

    /// Bytes that a venue sends.
    ///
    /// # Errors
    /// What they contradict.
    pub fn on_answers(&mut self, venue: usize, bytes: &[u8]) -> Result<(), Breach> {
        self.lines[venue].answers.push(bytes);
        while let Some(message) = self.lines[venue].answers.next().map_err(|what| ("FRAME", what))? {
            let outcome = match message.kind() {
                "8" => self.on_report(venue, &message),
                "9" => self.on_cancel_reject(&message),
                "3" | "j" => self.on_reject(venue, &message),
                _ => Some(()),
            };
            outcome.ok_or_else(|| ("ANSWER", format!("venue {venue}: {}", message.text())))?;
        }
        Ok(())
    }

    fn on_report(&mut self, venue: usize, message: &Message) -> Option<()> {
        if !self.lines[venue].exec_ids.insert(message.get("17")?.to_owned()) {
            return Some(());
        }
        let exec_id = message.number("17")?;
        let report = Report {
            last_quantity: message.number("32").unwrap_or(0),
            last_price: message.price("31").unwrap_or(0),
            cumulative: message.number("14")?,
            leaves: message.number("151")?,
            refers_to: message.number("19").unwrap_or(0),
        };
        self.reports[venue].insert(exec_id, report);
        if message.get("150")? == "I" {
            self.on_status(message);
            return Some(());
        }
        let at = *self.names.get(&message.number("11")?)?;
        let order = &mut self.orders[at];
        match message.get("150")? {
            "0" => {}
            "F" => {
                let quantity = message.number("32")?;
                order.cumulative += quantity;
                order.open &= message.number("151")? > 0;
                if message.number("14")? != order.cumulative || order.cumulative > order.quantity {
                    return None;
                }
                let (order_id, price) = (message.number("37")?, message.price("31")?);
                self.fills[venue].push(WireFill { exec_id, order_id, at, quantity, price });
                let quantity = i64::try_from(quantity).ok()?;
                self.counts.fills += 1;
                self.positions[order.symbol] += if order.buy { quantity } else { -quantity };
            }
            "5" => {
                order.name = message.number("11")?;
                (order.price, order.quantity) = (message.price("44")?, message.number("38")?);
                order.pending = None;
            }
            "4" | "8" => order.open = false,
            "G" | "H" => {
                let busted = self.reports[venue].get(&report.refers_to)?.last_quantity;
                let by = i64::try_from(report.last_quantity).ok()? - i64::try_from(busted).ok()?;
                order.cumulative = order.cumulative.checked_add_signed(by)?;
                if report.cumulative != order.cumulative {
                    return None;
                }
                let signed = if order.buy { by } else { -by };
                self.positions[order.symbol] += signed;
            }
            _ => return None,
        }
        Some(())
    }

    /// The venue says what it has on record. A request that came behind a gap, and that a gap fill then stood for, was
    /// never looked at; nobody but the venue can say so.
    fn on_status(&mut self, message: &Message) {
        let at = message.number("11").and_then(|name| self.names.get(&name));
        let Some(order) = at.and_then(|&at| self.orders.get_mut(at)) else { return };
        order.pending = None;
        order.open &= message.get("39") != Some("8");
    }

    fn on_cancel_reject(&mut self, message: &Message) -> Option<()> {
        let at = *self.names.get(&message.number("11")?)?;
        if message.get("434") == Some("2") {
            self.orders[at].pending = None;
        }
        Some(())
    }

    /// The session, or what is behind it, refused a message.
    fn on_reject(&mut self, venue: usize, message: &Message) -> Option<()> {
        let Some(&id) = self.lines[venue].carried.get(&message.number("45")?) else { return Some(()) };
        let order = &mut self.orders[*self.names.get(&id)?];
        if order.root == id {
            order.open = false;
        } else {
            order.pending = None;
        }
        Some(())
    }

    /// A venue has lost its client: what is open is cancelled.
    pub fn on_disconnect(&mut self, venue: usize) {
        self.lines[venue].requests.clear();
        self.lines[venue].answers.clear();
        for order in self.orders.iter_mut().filter(|order| order.venue == venue && order.open) {
            order.open = false;
        }
    }

    pub fn is_used(&self, cl_ord_id: u64) -> bool {
        self.used.contains(&cl_ord_id)
    }

    pub fn order(&self, name: u64) -> Option<&WireOrder> {
        self.names.get(&name).map(|&at| &self.orders[at])
    }

    pub fn open(&self) -> impl Iterator<Item = &WireOrder> {
        self.orders.iter().filter(|order| order.open)
    }

    pub fn position(&self, symbol: usize) -> i64 {
        self.positions[symbol]
    }

    pub fn symbols(&self) -> &[String] {
        &self.symbols
    }

    /// The furthest that a position can go on a side with what is open there.
    pub fn worst(&self, symbol: usize, buy: bool) -> i128 {
        let open = self.open().filter(|order| (order.symbol, order.buy) == (symbol, buy));
        let open: u64 = open.map(WireOrder::at_risk).sum();
        let position = i128::from(self.positions[symbol]);
        (if buy { position } else { -position }) + i128::from(open)
    }

    /// What can still fill of all open orders, at their limit prices.
    pub fn open_notional(&self) -> i128 {
        self.open().map(WireOrder::notional_at_risk).sum()
    }

    /// Open orders by the name that the venue knows them by: what of each has filled, what is left.
    pub fn open_by_name(&self) -> BTreeMap<u64, (usize, u64, u64)> {
        self.open().map(|order| (order.name, (order.venue, order.quantity, order.cumulative))).collect()
    }
}

/// What a message of the engine asks for, where it is about an order.
fn action_of(message: &Message) -> Option<Action> {
    match message.kind() {
        "D" => Some(Action::New),
        "G" => Some(Action::Replace),
        "F" => Some(Action::Cancel),
        _ => None,
    }
}

/// Whether a token bucket of so many messages a second and at once lets these through, process by process.
fn check_bucket<'a>(
    rule: &'static str,
    (per_s, burst): (u64, u64),
    asks: impl Iterator<Item = &'a Ask>,
) -> Result<(), Breach> {
    let (mut process, mut credit, mut last_ns) = (0, 0, 0);
    for ask in asks {
        if ask.process != process {
            (process, credit, last_ns) = (ask.process, burst * SECOND, ask.decided_ns);
        }
        // TransactTime has no more digits than a microsecond's.
        let passed_ns = ask.decided_ns.saturating_sub(last_ns) + 1_000;
        credit = (credit + passed_ns * per_s).min(burst * SECOND);
        last_ns = last_ns.max(ask.decided_ns);
        let Some(left) = credit.checked_sub(SECOND) else {
            return Err((rule, format!("more orders and replaces than the rate allows: {ask:?}")));
        };
        credit = left;
    }
    Ok(())
}
