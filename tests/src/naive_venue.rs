//! A second simulated venue, written from the words of `engine::venue`'s page alone: deliberately slow and simple.
//!
//! Every displayed order lies in one list in order of arrival, every live client order in another in order of
//! acceptance, every level in a map (`levels.rs`); each question is answered by walking them. Only the plain request and report types are shared with
//! the real one. It has no capacities: whoever compares the two must give the real one room enough. It allocates
//! freely and belongs to tests only.

use std::collections::{BTreeMap, BTreeSet};

use engine::order::{ExecutionKind, OrderAction, RejectReason, TimeInForce};
use engine::venue::{ClOrdIdText, OrderRequest, OrderStatus, VenueReport};
use feeds::event::{EventKind, INSTRUMENT_ALL, MarketEvent, Side, TradingStatus, flags};
use feeds::units::PRICE_NONE;

mod levels;

use levels::Level;

/// Levels that one order may go through.
const LEVELS_A_TAKE: usize = 64;

/// An order that the feed shows.
struct Displayed {
    id: u64,
    instrument: u32,
    side: Side,
    price: i64,
    quantity: u64,
    used: u64,
    arrived: u64,
}

/// A live order of a client.
#[derive(Clone)]
struct Client {
    order_id: u64,
    session: u16,
    cl_ord_id: ClOrdIdText,
    instrument: u32,
    side: Side,
    price: i64,
    total: u64,
    fills: Vec<(i64, u64)>,
    time_in_force: TimeInForce,
    /// Its turn among client orders of one price; `None` while it does not rest.
    turn: Option<u64>,
    /// Displayed orders that had arrived by then are ahead.
    behind_arrivals_to: u64,
    /// In a book of levels, what is ahead; `None` at an unseen price.
    ahead: Option<u64>,
}

impl Client {
    fn filled(&self) -> u64 {
        self.fills.iter().map(|&(_, quantity)| quantity).sum()
    }

    fn left(&self) -> u64 {
        self.total - self.filled()
    }

    fn status(&self) -> OrderStatus {
        if self.fills.is_empty() { OrderStatus::New } else { OrderStatus::PartiallyFilled }
    }
}

/// What a ClOrdID of the day stands for.
#[derive(Clone, Copy)]
enum Meaning {
    /// The id of a cancel, or of a request that was refused.
    NoOrder,
    /// The current or a former name of that order.
    Order(u64),
}

/// The slow venue.
pub struct NaiveVenue {
    venue: u8,
    book_tick: i64,
    price_ticks: Vec<i64>,
    quantity_max: u64,
    displayed: Vec<Displayed>,
    levels: BTreeMap<(u32, Side, i64), Level>,
    /// Instruments whose books are of levels.
    of_levels: BTreeSet<u32>,
    clients: Vec<Client>,
    ended: BTreeMap<u64, OrderStatus>,
    ids: BTreeMap<(u16, ClOrdIdText), Meaning>,
    venue_status: Option<u64>,
    statuses: BTreeMap<u32, u64>,
    arrivals: u64,
    turns: u64,
    orders: u64,
    executions: u64,
}

impl NaiveVenue {
    /// A venue with that dense number for instruments below `instruments`, all with client tick `price_tick`; the
    /// feed's prices are multiples of `book_tick` (both 1e-9).
    #[must_use]
    pub fn new(venue: u8, instruments: usize, book_tick: i64, price_tick: i64, quantity_max: u64) -> Self {
        Self {
            venue,
            book_tick,
            price_ticks: vec![price_tick; instruments],
            quantity_max,
            displayed: Vec::new(),
            levels: BTreeMap::new(),
            of_levels: BTreeSet::new(),
            clients: Vec::new(),
            ended: BTreeMap::new(),
            ids: BTreeMap::new(),
            venue_status: None,
            statuses: BTreeMap::new(),
            arrivals: 0,
            turns: 0,
            orders: 0,
            executions: 0,
        }
    }

    /// Every live client order by OrderID(37), with the displayed quantity ahead of it; [`u64::MAX`] at an unseen price.
    #[must_use]
    pub fn queues_ahead(&self) -> Vec<(u64, u64)> {
        let ahead = |client: &Client| {
            if self.of_levels.contains(&client.instrument) {
                return client.ahead.unwrap_or(u64::MAX);
            }
            self.displayed
                .iter()
                .filter(|shown| {
                    (shown.instrument, shown.side, shown.price)
                        == (client.instrument, client.side, client.price)
                })
                .filter(|shown| shown.arrived <= client.behind_arrivals_to)
                .map(|shown| shown.quantity)
                .sum()
        };
        self.clients.iter().map(|client| (client.order_id, ahead(client))).collect()
    }

    /// One event of the feed.
    pub fn on_market(&mut self, event: &MarketEvent, out: &mut Vec<VenueReport>) {
        if event.venue != self.venue {
            return;
        }
        match event.kind {
            EventKind::OrderAdd => {
                let sided = event.side != Side::None;
                let has_levels =
                    self.levels.iter().any(|(key, level)| key.0 == event.instrument && level.shown > 0);
                if sided && !has_levels && self.find(event.order_id).is_none() && self.fits(event) {
                    self.arrive(event, event.order_id, event.side, 0, out);
                }
            }
            EventKind::OrderReplace => {
                let Some(old) = self.find_on(event.order_id, event.instrument) else { return };
                let taken = event.second_id != event.order_id && self.find(event.second_id).is_some();
                if taken || !self.fits(event) {
                    return;
                }
                let old = self.displayed.remove(old);
                let carried = old.used.min(event.quantity);
                self.arrive(event, event.second_id, old.side, carried, out);
            }
            EventKind::OrderDelete => {
                if let Some(at) = self.find_on(event.order_id, event.instrument) {
                    self.displayed.remove(at);
                }
            }
            EventKind::OrderReduce => {
                self.shrink(event);
            }
            EventKind::OrderExecute => {
                if let Some(hit) = self.shrink(event)
                    && event.flags & (flags::CROSS | flags::NON_PRINTABLE) == 0
                {
                    self.share(event, out, event.quantity, |client| {
                        client.side == hit.side
                            && (nearer(hit.side, client.price, hit.price)
                                || client.price == hit.price && client.behind_arrivals_to < hit.arrived)
                    });
                }
            }
            EventKind::Trade => self.print(event, out),
            EventKind::TradingStatus => self.status(event, out),
            EventKind::Gap => self.lose_places(event.instrument),
            EventKind::Clear => {
                self.displayed.retain(|shown| !concerns(event.instrument, shown.instrument));
                self.levels.retain(|key, _| !concerns(event.instrument, key.0));
                self.lose_places(event.instrument);
            }
            EventKind::LevelSet => self.set_level(event, out),
            EventKind::OrderModify | EventKind::Recovered => {}
        }
    }

    /// One request of a client.
    pub fn on_request(&mut self, time_ns: u64, request: &OrderRequest, out: &mut Vec<VenueReport>) {
        if let Err(reason) = self.serve(time_ns, request, out) {
            let mut report = blank(time_ns, request.session, request.cl_ord_id);
            report.orig_cl_ord_id = request.orig_cl_ord_id;
            report.instrument = request.instrument;
            report.side = request.side;
            report.time_in_force = request.time_in_force;
            report.response_to = Some(request.kind);
            report.reason = reason;
            report.status = OrderStatus::Rejected;
            if request.kind == OrderAction::New {
                report.kind = ExecutionKind::Rejected;
                report.exec_id = self.next_execution();
                report.price = request.price;
                report.order_qty = request.quantity;
            } else {
                report.kind = ExecutionKind::CancelRejected;
                if let Some(&Meaning::Order(order_id)) =
                    self.ids.get(&(request.session, request.orig_cl_ord_id))
                {
                    report.order_id = order_id;
                    report.status = match self.clients.iter().find(|client| client.order_id == order_id) {
                        Some(client) => client.status(),
                        None => self.ended[&order_id],
                    };
                }
            }
            out.push(report);
        }
    }

    /// A session is gone.
    pub fn on_disconnect(&mut self, session: u16, time_ns: u64, out: &mut Vec<VenueReport>) {
        self.cancel_all(time_ns, out, |client| client.session == session);
    }

    // --- the feed's side -------------------------------------------------------------------------------------

    fn find(&self, id: u64) -> Option<usize> {
        self.displayed.iter().position(|shown| shown.id == id)
    }

    fn find_on(&self, id: u64, instrument: u32) -> Option<usize> {
        self.find(id).filter(|&at| self.displayed[at].instrument == instrument)
    }

    /// Whether a new displayed order with the event's terms can be in the book.
    fn fits(&self, event: &MarketEvent) -> bool {
        event.quantity > 0 && self.fits_place(event)
    }

    fn fits_place(&self, event: &MarketEvent) -> bool {
        (event.instrument as usize) < self.price_ticks.len()
            && event.price % self.book_tick == 0
            && i32::try_from(event.price / self.book_tick).is_ok()
    }

    fn arrive(&mut self, event: &MarketEvent, id: u64, side: Side, used: u64, out: &mut Vec<VenueReport>) {
        self.arrivals += 1;
        let MarketEvent { instrument, price, quantity, .. } = *event;
        self.displayed.push(Displayed {
            id,
            instrument,
            side,
            price,
            quantity,
            used,
            arrived: self.arrivals,
        });
        if self.of_levels.remove(&instrument) {
            self.levels.retain(|key, _| key.0 != instrument);
            self.lose_places(instrument);
        }
        if event.flags & flags::SNAPSHOT != 0 {
            for client in &mut self.clients {
                if (client.instrument, client.side, client.price) == (instrument, side, price) {
                    client.behind_arrivals_to = self.arrivals;
                }
            }
            return;
        }
        let filled = self.share(event, out, quantity - used, |client| {
            client.side == side.opposite() && !nearer(client.side, price, client.price)
        });
        let newest = self.displayed.last_mut().expect("just pushed");
        newest.used += filled;
    }

    /// Takes the event's quantity off its order; gives the order as it was before.
    fn shrink(&mut self, event: &MarketEvent) -> Option<Displayed> {
        let at = self.find_on(event.order_id, event.instrument)?;
        let shown = &mut self.displayed[at];
        if event.quantity > shown.quantity {
            return None;
        }
        let before = Displayed { ..*shown };
        shown.quantity -= event.quantity;
        shown.used = shown.used.min(shown.quantity);
        if shown.quantity == 0 {
            self.displayed.remove(at);
        }
        Some(before)
    }

    fn print(&mut self, event: &MarketEvent, out: &mut Vec<VenueReport>) {
        if event.flags & flags::CROSS != 0 || event.price <= 0 {
            return;
        }
        if event.flags & flags::HIDDEN == 0 && self.of_levels.contains(&event.instrument) {
            return self.print_of_levels(event, out);
        }
        let mut left = event.quantity;
        for side in [Side::Buy, Side::Sell] {
            left -= self.share(event, out, left, |client| {
                client.side == side && nearer(side, client.price, event.price)
            });
        }
    }

    fn status(&mut self, event: &MarketEvent, out: &mut Vec<VenueReport>) {
        if TradingStatus::from_code(event.quantity).is_none() {
            return;
        }
        if event.instrument == INSTRUMENT_ALL {
            self.venue_status = Some(event.quantity);
        } else if (event.instrument as usize) < self.price_ticks.len() {
            self.statuses.insert(event.instrument, event.quantity);
        } else {
            return;
        }
        if event.quantity == TradingStatus::Closed as u64 {
            self.cancel_all(event.exchange_ns, out, |client| concerns(event.instrument, client.instrument));
        }
    }

    fn lose_places(&mut self, instrument: u32) {
        for at in 0..self.clients.len() {
            let Client { instrument: of, side, price, .. } = self.clients[at];
            if concerns(instrument, of) {
                self.clients[at].behind_arrivals_to = self.arrivals;
                self.clients[at].ahead = self.may_stand(of, side, price);
            }
        }
    }

    fn trades(&self, instrument: u32) -> bool {
        let trading = TradingStatus::Trading as u64;
        self.venue_status.is_none_or(|status| status == trading)
            && self.statuses.get(&instrument).is_none_or(|&status| status == trading)
    }

    /// Gives the quantity to the resting client orders that qualify, best price first, then by turn.
    fn share(
        &mut self,
        event: &MarketEvent,
        out: &mut Vec<VenueReport>,
        quantity: u64,
        qualifies: impl Fn(&Client) -> bool,
    ) -> u64 {
        self.share_up_to(event, out, quantity, |client| if qualifies(client) { u64::MAX } else { 0 })
    }

    /// As [`Self::share`], to each at most what `reach` says.
    fn share_up_to(
        &mut self,
        event: &MarketEvent,
        out: &mut Vec<VenueReport>,
        quantity: u64,
        reach: impl Fn(&Client) -> u64,
    ) -> u64 {
        if !self.trades(event.instrument) {
            return 0;
        }
        let mut turns: Vec<(i64, u64, u64)> = self
            .clients
            .iter()
            .filter(|client| client.instrument == event.instrument && reach(client) > 0)
            .filter_map(|client| {
                let rank = if client.side == Side::Buy { -client.price } else { client.price };
                client.turn.map(|turn| (rank, turn, client.order_id))
            })
            .collect();
        turns.sort_unstable();
        let mut left = quantity;
        for (_, _, order_id) in turns {
            let client = self.clients.iter().find(|client| client.order_id == order_id).expect("live");
            let (price, quantity) = (client.price, left.min(client.left()).min(reach(client)));
            if quantity > 0 {
                self.fill(order_id, price, quantity, event.exchange_ns, out);
                left -= quantity;
            }
        }
        quantity - left
    }

    // --- the clients' side -----------------------------------------------------------------------------------

    fn serve(
        &mut self,
        time_ns: u64,
        request: &OrderRequest,
        out: &mut Vec<VenueReport>,
    ) -> Result<(), RejectReason> {
        if request.cl_ord_id.is_none() {
            return Err(RejectReason::Other);
        }
        let id = (request.session, request.cl_ord_id);
        if self.ids.contains_key(&id) {
            return Err(RejectReason::DuplicateClOrdId);
        }
        self.ids.insert(id, Meaning::NoOrder);
        if request.kind == OrderAction::New {
            return self.new_order(time_ns, request, out);
        }
        let Some(&Meaning::Order(order_id)) = self.ids.get(&(request.session, request.orig_cl_ord_id)) else {
            return Err(RejectReason::UnknownOrder);
        };
        let Some(at) = self
            .clients
            .iter()
            .position(|client| client.order_id == order_id && client.cl_ord_id == request.orig_cl_ord_id)
        else {
            return Err(RejectReason::TooLate);
        };
        let client = self.clients[at].clone();
        if (client.instrument, client.side) != (request.instrument, request.side) {
            return Err(RejectReason::Other);
        }
        let cancel = if request.kind == OrderAction::Cancel {
            true
        } else {
            self.acceptable(request)?;
            self.ids.insert(id, Meaning::Order(order_id));
            request.quantity <= client.filled()
        };
        if cancel {
            let mut report = self.about(&client, ExecutionKind::Canceled, time_ns);
            report.leaves_qty = 0;
            report.status = OrderStatus::Canceled;
            report.cl_ord_id = request.cl_ord_id;
            report.orig_cl_ord_id = request.orig_cl_ord_id;
            report.response_to = Some(request.kind);
            out.push(report);
            self.end(order_id, OrderStatus::Canceled);
            return Ok(());
        }
        let stays = request.price == client.price && request.quantity <= client.total;
        let client = &mut self.clients[at];
        client.cl_ord_id = request.cl_ord_id;
        client.price = request.price;
        client.total = request.quantity;
        let client = client.clone();
        let mut report = self.about(&client, ExecutionKind::Replaced, time_ns);
        report.orig_cl_ord_id = request.orig_cl_ord_id;
        report.response_to = Some(OrderAction::Replace);
        out.push(report);
        if !stays {
            self.clients[at].turn = None;
            self.enter(order_id, time_ns, out);
        }
        Ok(())
    }

    fn new_order(
        &mut self,
        time_ns: u64,
        request: &OrderRequest,
        out: &mut Vec<VenueReport>,
    ) -> Result<(), RejectReason> {
        if request.instrument as usize >= self.price_ticks.len() {
            return Err(RejectReason::UnknownSymbol);
        }
        if request.side == Side::None {
            return Err(RejectReason::Other);
        }
        self.acceptable(request)?;
        self.orders += 1;
        let client = Client {
            order_id: self.orders,
            session: request.session,
            cl_ord_id: request.cl_ord_id,
            instrument: request.instrument,
            side: request.side,
            price: request.price,
            total: request.quantity,
            fills: Vec::new(),
            time_in_force: request.time_in_force,
            turn: None,
            behind_arrivals_to: 0,
            ahead: None,
        };
        self.ids.insert((request.session, request.cl_ord_id), Meaning::Order(self.orders));
        let mut report = self.about(&client, ExecutionKind::New, time_ns);
        report.response_to = Some(OrderAction::New);
        out.push(report);
        self.clients.push(client);
        self.enter(self.orders, time_ns, out);
        Ok(())
    }

    fn acceptable(&self, request: &OrderRequest) -> Result<(), RejectReason> {
        if !self.trades(request.instrument) {
            Err(RejectReason::Closed)
        } else if request.quantity == 0 || request.quantity > self.quantity_max {
            Err(RejectReason::Quantity)
        } else if request.price <= 0 || request.price % self.price_ticks[request.instrument as usize] != 0 {
            Err(RejectReason::Price)
        } else {
            Ok(())
        }
    }

    fn enter(&mut self, order_id: u64, time_ns: u64, out: &mut Vec<VenueReport>) {
        let client = self.clients.iter().find(|client| client.order_id == order_id).expect("live").clone();
        let mut prices: Vec<i64> = self
            .displayed
            .iter()
            .filter(|shown| shown.instrument == client.instrument && shown.side == client.side.opposite())
            .map(|shown| shown.price)
            .collect();
        let of_other_side =
            |key: &(u32, Side, i64)| (key.0, key.1) == (client.instrument, client.side.opposite());
        let levels = self.levels.iter().filter(|(key, level)| of_other_side(key) && level.shown > 0);
        prices.extend(levels.map(|(key, _)| key.2));
        prices.sort_unstable();
        prices.dedup();
        if client.side == Side::Sell {
            prices.reverse();
        }
        prices.retain(|&price| !nearer(client.side, price, client.price));
        let mut wanted = client.left();
        for &price in prices.iter().take(LEVELS_A_TAKE) {
            let mut taken = 0;
            for shown in &mut self.displayed {
                let here = (shown.instrument, shown.side, shown.price)
                    == (client.instrument, client.side.opposite(), price);
                if here {
                    let take = (shown.quantity - shown.used).min(wanted - taken);
                    shown.used += take;
                    taken += take;
                }
            }
            if let Some(level) = self.levels.get_mut(&(client.instrument, client.side.opposite(), price)) {
                taken += (level.shown - level.used).min(wanted);
                level.used += taken;
            }
            if taken > 0 {
                self.fill(order_id, price, taken, time_ns, out);
                wanted -= taken;
            }
            if wanted == 0 {
                return;
            }
        }
        if client.time_in_force == TimeInForce::ImmediateOrCancel || prices.len() >= LEVELS_A_TAKE {
            self.cancel_all(time_ns, out, |client| client.order_id == order_id);
            return;
        }
        self.turns += 1;
        let ahead = self.may_stand(client.instrument, client.side, client.price);
        let client = self.clients.iter_mut().find(|client| client.order_id == order_id).expect("live");
        client.turn = Some(self.turns);
        client.behind_arrivals_to = self.arrivals;
        client.ahead = ahead;
    }

    fn fill(&mut self, order_id: u64, price: i64, quantity: u64, time_ns: u64, out: &mut Vec<VenueReport>) {
        let client = self.clients.iter_mut().find(|client| client.order_id == order_id).expect("live");
        client.fills.push((price, quantity));
        let client = client.clone();
        let done = client.left() == 0;
        let kind = if done { ExecutionKind::Fill } else { ExecutionKind::PartialFill };
        let mut report = self.about(&client, kind, time_ns);
        report.last_px = price;
        report.last_qty = quantity;
        if done {
            report.status = OrderStatus::Filled;
            self.end(order_id, OrderStatus::Filled);
        }
        out.push(report);
    }

    fn cancel_all(&mut self, time_ns: u64, out: &mut Vec<VenueReport>, picked: impl Fn(&Client) -> bool) {
        for client in self.clients.clone().into_iter().filter(picked) {
            let mut report = self.about(&client, ExecutionKind::Canceled, time_ns);
            report.leaves_qty = 0;
            report.status = OrderStatus::Canceled;
            out.push(report);
            self.end(client.order_id, OrderStatus::Canceled);
        }
    }

    fn end(&mut self, order_id: u64, status: OrderStatus) {
        self.clients.retain(|client| client.order_id != order_id);
        self.ended.insert(order_id, status);
    }

    fn next_execution(&mut self) -> u64 {
        self.executions += 1;
        self.executions
    }

    fn about(&mut self, client: &Client, kind: ExecutionKind, time_ns: u64) -> VenueReport {
        VenueReport {
            order_id: client.order_id,
            exec_id: self.next_execution(),
            price: client.price,
            order_qty: client.total,
            leaves_qty: client.left(),
            cum_qty: client.filled(),
            cum_value: client
                .fills
                .iter()
                .map(|&(price, quantity)| i128::from(price) * i128::from(quantity))
                .sum(),
            instrument: client.instrument,
            kind,
            status: client.status(),
            side: client.side,
            time_in_force: client.time_in_force,
            ..blank(time_ns, client.session, client.cl_ord_id)
        }
    }
}

/// Whether an event for `instrument` (or all of them) is about this one.
fn concerns(instrument: u32, this: u32) -> bool {
    instrument == INSTRUMENT_ALL || instrument == this
}

/// Whether price `a` is nearer to the market than `b` for an owner on `side`.
fn nearer(side: Side, a: i64, b: i64) -> bool {
    match side {
        Side::Buy => a > b,
        _ => a < b,
    }
}

/// A report that says nothing yet.
fn blank(time_ns: u64, session: u16, cl_ord_id: ClOrdIdText) -> VenueReport {
    VenueReport {
        time_ns,
        order_id: 0,
        exec_id: 0,
        price: PRICE_NONE,
        order_qty: 0,
        last_px: PRICE_NONE,
        last_qty: 0,
        leaves_qty: 0,
        cum_qty: 0,
        cum_value: 0,
        instrument: 0,
        session,
        cl_ord_id,
        orig_cl_ord_id: ClOrdIdText::NONE,
        kind: ExecutionKind::New,
        status: OrderStatus::New,
        reason: RejectReason::None,
        response_to: None,
        side: Side::None,
        time_in_force: TimeInForce::Day,
    }
}
