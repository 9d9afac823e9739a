//! What an OUCH client asks and what the venue says to it: messages of OUCH to requests of [`VenueCore`], its reports to
//! messages, numbered and kept.
//!
//! It knows no session: [`super::OuchGateway`] brings the client's messages and takes what is kept. Allocates at
//! construction only.

use feeds::event::{INSTRUMENT_NONE, MarketEvent, Side};
use feeds::units::PRICE_NONE;

use super::kept::KeptMessages;
use super::live::{LiveOrder, LiveOrders, Name};
use crate::order::{ExecutionKind, OrderAction, RejectReason, TimeInForce};
use crate::ouch::appendage::{Appendage, tag};
use crate::ouch::encode::price_e9;
use crate::ouch::messages::{
    ACCOUNT_QUERY, AccountQueryResponse, CancelOrder, ClientMessage, DisableOrderEntryResponse,
    EnableOrderEntryResponse, EnterOrder, MESSAGE_LENGTH_MAX, MassCancel, MassCancelResponse, OrderAccepted,
    OrderCanceled, OrderExecuted, OrderRejected, OrderReplaced, PRICE_UNITS, ReplaceOrder, VenueMessage,
    order_state, side, time_in_force,
};
use crate::ouch::reasons::{cancel, reject, reject_code};
use crate::venue::{ClOrdIdText, OrderRequest, Reports, VenueCore, VenueReport};

/// Bytes and messages that a client can ask for.
const KEPT: (usize, usize) = (1 << 24, 1 << 18);

/// The only session of a gateway.
const SESSION: u16 = 0;

/// A price unit of OUCH, 1e-9.
const PRICE_UNIT_E9: i64 = feeds::units::PRICE_SCALE / PRICE_UNITS as i64;

const NS_PER_DAY: u64 = 86_400 * feeds::units::NS_PER_S;

/// See the module's text.
pub(super) struct OuchOrders {
    pub(super) core: VenueCore,
    pub(super) said: Said,
    live: LiveOrders,
    reports: Reports,
    /// Sorted by symbol.
    instruments: Vec<([u8; 8], u32)>,
    /// The highest UserRefNum so far.
    last_user_ref_num: u32,
    /// Requests that have been given a name of their own.
    named: u64,
    entry_disabled: bool,
    pub(super) ignored: u64,
    pub(super) malformed: u64,
}

/// What the venue says: numbered, kept.
pub(super) struct Said {
    pub(super) kept: KeptMessages,
    time_ns: u64,
    pub(super) lost: u64,
}

impl Said {
    pub(super) fn say(&mut self, message: &VenueMessage) {
        self.say_with(message, Appendage::NONE);
    }

    fn say_with(&mut self, message: &VenueMessage, appendage: Appendage<'_>) {
        let mut bytes = [0; MESSAGE_LENGTH_MAX + 64];
        match message.encode(appendage, &mut bytes) {
            Some(length) => self.kept.push(&bytes[..length]),
            None => self.lost += 1,
        }
    }
}

impl OuchOrders {
    /// In front of a core; `symbols` by instrument.
    pub(super) fn new(core: VenueCore, symbols: &[[u8; 8]]) -> Self {
        let mut instruments: Vec<_> = symbols.iter().copied().zip(0u32..).collect();
        instruments.sort_unstable();
        Self {
            reports: Reports::with_capacity(core.reports_max()),
            live: LiveOrders::with_capacity(core.reports_max()),
            core,
            said: Said { kept: KeptMessages::new(KEPT.0, KEPT.1), time_ns: 0, lost: 0 },
            instruments,
            last_user_ref_num: 0,
            named: 0,
            entry_disabled: false,
            ignored: 0,
            malformed: 0,
        }
    }

    /// One event of the replayed feed; whether it made the venue say something.
    pub(super) fn on_market(&mut self, event: &MarketEvent, now_ns: u64) -> bool {
        self.reports.clear();
        self.core.on_market(event, &mut self.reports);
        if self.reports.is_empty() {
            return false;
        }
        self.said.time_ns = now_ns;
        self.tell(Cause::Market);
        true
    }

    /// The client is gone: its orders are cancelled.
    pub(super) fn on_disconnect(&mut self, now_ns: u64) {
        self.said.time_ns = now_ns;
        self.reports.clear();
        self.core.on_disconnect(SESSION, now_ns, &mut self.reports);
        self.tell(Cause::Disconnect);
    }

    /// One message of the client.
    pub(super) fn on_message(&mut self, now_ns: u64, body: &[u8]) {
        self.said.time_ns = now_ns;
        self.reports.clear();
        if body == ACCOUNT_QUERY {
            return self.on_query();
        }
        match ClientMessage::decode(body) {
            Ok((ClientMessage::EnterOrder(message), _)) => self.enter(now_ns, &message),
            Ok((ClientMessage::ReplaceOrder(message), _)) => self.replace(now_ns, &message),
            Ok((ClientMessage::CancelOrder(message), _)) => self.cancel(now_ns, &message),
            Ok((ClientMessage::MassCancel(message), appendage)) => {
                self.mass_cancel(now_ns, &message, appendage);
            }
            Ok((ClientMessage::DisableOrderEntry(message), appendage)) => {
                if self.is_new(message.user_ref_num) {
                    self.entry_disabled = true;
                    let (time_ns, user_ref_num, firm) = (self.time(), message.user_ref_num, message.firm);
                    let response = DisableOrderEntryResponse { time_ns, user_ref_num, firm };
                    self.said.say_with(&VenueMessage::DisableOrderEntryResponse(response), appendage);
                }
            }
            Ok((ClientMessage::EnableOrderEntry(message), appendage)) => {
                if self.is_new(message.user_ref_num) {
                    self.entry_disabled = false;
                    let (time_ns, user_ref_num, firm) = (self.time(), message.user_ref_num, message.firm);
                    let response = EnableOrderEntryResponse { time_ns, user_ref_num, firm };
                    self.said.say_with(&VenueMessage::EnableOrderEntryResponse(response), appendage);
                }
            }
            Ok((ClientMessage::AccountQuery(_), _)) => self.on_query(),
            Ok((ClientMessage::ModifyOrder(_), _)) => self.ignored += 1,
            Err(_) => self.malformed += 1,
        }
    }

    /// The time of day that messages carry.
    const fn time(&self) -> u64 {
        self.said.time_ns % NS_PER_DAY
    }

    /// Whether a number is above all before it, which it is from now on itself. Others are ignored.
    fn is_new(&mut self, user_ref_num: u32) -> bool {
        let is_new = user_ref_num > self.last_user_ref_num;
        if is_new {
            self.last_user_ref_num = user_ref_num;
        } else {
            self.ignored += 1;
        }
        is_new
    }

    fn on_query(&mut self) {
        let next_user_ref_num = self.last_user_ref_num.saturating_add(1);
        let response = AccountQueryResponse { time_ns: self.time(), next_user_ref_num };
        self.said.say(&VenueMessage::AccountQueryResponse(response));
    }

    /// A name for a request about an order that has no number of its own.
    fn request_name(&mut self, user_ref_num: u32) -> ClOrdIdText {
        self.named += 1;
        Name::of_request(user_ref_num, self.named)
    }

    fn enter(&mut self, now_ns: u64, message: &EnterOrder) {
        if !self.is_new(message.user_ref_num) {
            return;
        }
        let refused = |reason| {
            let (user_ref_num, cl_ord_id) = (message.user_ref_num, message.cl_ord_id);
            let time_ns = now_ns % NS_PER_DAY;
            VenueMessage::OrderRejected(OrderRejected { time_ns, user_ref_num, reason, cl_ord_id })
        };
        if self.entry_disabled {
            return self.said.say(&refused(reject::FIRM_NOT_AUTHORIZED));
        }
        let side = match message.side {
            side::BUY => Side::Buy,
            side::SELL | side::SELL_SHORT | side::SELL_SHORT_EXEMPT => Side::Sell,
            _ => return self.said.say(&refused(reject::SIDE)),
        };
        let time_in_force = match message.time_in_force {
            time_in_force::DAY => TimeInForce::Day,
            time_in_force::IMMEDIATE_OR_CANCEL => TimeInForce::ImmediateOrCancel,
            _ => return self.said.say(&refused(reject::OTHER)),
        };
        let Some(price) = price_e9(message.price) else {
            return self.said.say(&refused(reject::PRICE));
        };
        let at = self.instruments.binary_search_by_key(&message.symbol, |&(symbol, _)| symbol);
        let instrument = at.map_or(INSTRUMENT_NONE, |at| self.instruments[at].1);
        let name = Name::of_order(message.user_ref_num);
        self.live.insert(LiveOrder::new(message, instrument, side, name));
        let request = OrderRequest {
            kind: OrderAction::New,
            session: SESSION,
            cl_ord_id: name,
            orig_cl_ord_id: ClOrdIdText::NONE,
            instrument,
            side,
            price,
            quantity: u64::from(message.quantity),
            time_in_force,
        };
        self.core.on_request(now_ns, &request, &mut self.reports);
        self.tell(Cause::Request);
    }

    fn replace(&mut self, now_ns: u64, message: &ReplaceOrder) {
        let Some(order) = self.live.get(message.orig_user_ref_num).copied() else {
            self.ignored += 1;
            return;
        };
        if message.user_ref_num <= self.last_user_ref_num {
            self.ignored += 1;
            return;
        }
        let name = self.request_name(message.user_ref_num);
        let (price, quantity) = (price_e9(message.price).unwrap_or(PRICE_NONE), u64::from(message.quantity));
        let request = order.request(OrderAction::Replace, name, price, quantity);
        self.core.on_request(now_ns, &request, &mut self.reports);
        let answer = self.reports.first().map(|report| (report.kind, report.reason));
        match answer {
            // Impossible terms take the order out of the book; the number is not used up.
            Some((ExecutionKind::CancelRejected, RejectReason::Price | RejectReason::Quantity)) => {
                self.end(now_ns, message.orig_user_ref_num);
            }
            Some((ExecutionKind::CancelRejected, reason)) => {
                self.last_user_ref_num = message.user_ref_num;
                let rejected = OrderRejected {
                    time_ns: self.time(),
                    user_ref_num: message.user_ref_num,
                    reason: reject_code(reason),
                    cl_ord_id: message.cl_ord_id,
                };
                self.said.say(&VenueMessage::OrderRejected(rejected));
            }
            // The new total has traded: what is left goes, under the old number.
            Some((ExecutionKind::Canceled, _)) => {
                self.last_user_ref_num = message.user_ref_num;
                self.tell(Cause::Request);
            }
            _ => {
                self.last_user_ref_num = message.user_ref_num;
                self.live.rename(message, name);
                self.tell(Cause::Request);
            }
        }
    }

    /// Cancels a live order as its client wants it.
    fn end(&mut self, now_ns: u64, user_ref_num: u32) {
        let Some(order) = self.live.get(user_ref_num).copied() else { return };
        let name = self.request_name(user_ref_num);
        let request = order.request(OrderAction::Cancel, name, 0, 0);
        self.reports.clear();
        self.core.on_request(now_ns, &request, &mut self.reports);
        self.tell(Cause::Request);
    }

    fn cancel(&mut self, now_ns: u64, message: &CancelOrder) {
        let Some(order) = self.live.get(message.user_ref_num).copied() else {
            self.ignored += 1;
            return;
        };
        if message.quantity <= order.filled() {
            return self.end(now_ns, message.user_ref_num);
        }
        if message.quantity >= order.total {
            self.ignored += 1;
            return;
        }
        // Less of the order: it keeps price and place.
        let name = self.request_name(message.user_ref_num);
        let price = price_e9(order.price).unwrap_or(PRICE_NONE);
        let request = order.request(OrderAction::Replace, name, price, u64::from(message.quantity));
        self.core.on_request(now_ns, &request, &mut self.reports);
        if self.reports.first().is_some_and(|report| report.kind == ExecutionKind::Replaced) {
            let decrement = self.live.shrink(message.user_ref_num, message.quantity, name);
            self.canceled(message.user_ref_num, decrement, cancel::USER);
        }
    }

    fn mass_cancel(&mut self, now_ns: u64, message: &MassCancel, appendage: Appendage<'_>) {
        if !self.is_new(message.user_ref_num) {
            return;
        }
        let MassCancel { user_ref_num, firm, symbol } = *message;
        let response = MassCancelResponse { time_ns: self.time(), user_ref_num, firm, symbol };
        self.said.say_with(&VenueMessage::MassCancelResponse(response), appendage);
        let side = appendage.get(tag::SIDE).and_then(|value| value.first().copied());
        let mut at = 0;
        while let Some(order) = self.live.next_from(at).copied() {
            at = order.user_ref_num.saturating_add(1);
            let meant = (symbol == [b' '; 8] || symbol == order.symbol)
                && side.is_none_or(|side| (side == side::BUY) == (order.side == Side::Buy));
            if meant {
                self.end(now_ns, order.user_ref_num);
            }
            if order.user_ref_num == u32::MAX {
                break;
            }
        }
    }

    fn canceled(&mut self, user_ref_num: u32, quantity: u32, reason: u8) {
        let message = OrderCanceled { time_ns: self.time(), user_ref_num, quantity, reason };
        self.said.say(&VenueMessage::OrderCanceled(message));
    }

    /// Says what the core reports, in messages of OUCH.
    fn tell(&mut self, cause: Cause) {
        let Self { live, said, reports, .. } = self;
        let time_ns = said.time_ns % NS_PER_DAY;
        for report in reports.iter() {
            // The order's name is its number; a request about it that has no number is named after the order.
            let Some(number) = Name::number(report) else {
                said.lost += 1;
                continue;
            };
            let Some(order) = live.get_mut(number) else {
                // The answer to a request about an order that is done is silence.
                continue;
            };
            let quantity = |shares: u64| u32::try_from(shares).unwrap_or(u32::MAX);
            match report.kind {
                ExecutionKind::New => said.say(&VenueMessage::OrderAccepted(OrderAccepted {
                    time_ns,
                    user_ref_num: order.user_ref_num,
                    side: order.side_char,
                    quantity: order.total,
                    symbol: order.symbol,
                    price: order.price,
                    time_in_force: order.time_in_force,
                    display: order.display,
                    order_reference_number: report.order_id,
                    capacity: order.capacity,
                    sweep: order.sweep,
                    cross_type: order.cross_type,
                    order_state: order_state::LIVE,
                    cl_ord_id: order.cl_ord_id,
                })),
                ExecutionKind::Replaced => said.say(&VenueMessage::OrderReplaced(OrderReplaced {
                    time_ns,
                    orig_user_ref_num: order.was,
                    user_ref_num: order.user_ref_num,
                    side: order.side_char,
                    quantity: quantity(report.leaves_qty),
                    symbol: order.symbol,
                    price: order.price,
                    time_in_force: order.time_in_force,
                    display: order.display,
                    order_reference_number: report.order_id,
                    capacity: order.capacity,
                    sweep: order.sweep,
                    cross_type: order.cross_type,
                    order_state: order_state::LIVE,
                    cl_ord_id: order.cl_ord_id,
                })),
                ExecutionKind::PartialFill | ExecutionKind::Fill => {
                    order.leaves = quantity(report.leaves_qty);
                    said.say(&VenueMessage::OrderExecuted(OrderExecuted {
                        time_ns,
                        user_ref_num: order.user_ref_num,
                        quantity: quantity(report.last_qty),
                        price: (report.last_px / PRICE_UNIT_E9).max(0).cast_unsigned(),
                        liquidity_flag: if cause == Cause::Request { b'R' } else { b'A' },
                        match_number: report.exec_id,
                    }));
                    if report.leaves_qty == 0 {
                        live.remove(number);
                    }
                }
                ExecutionKind::Canceled => {
                    let message = OrderCanceled {
                        time_ns,
                        user_ref_num: number,
                        quantity: order.leaves,
                        reason: cause.cancel_reason(report),
                    };
                    live.remove(number);
                    said.say(&VenueMessage::OrderCanceled(message));
                }
                ExecutionKind::Rejected => {
                    let message = OrderRejected {
                        time_ns,
                        user_ref_num: number,
                        reason: reject_code(report.reason),
                        cl_ord_id: order.cl_ord_id,
                    };
                    live.remove(number);
                    said.say(&VenueMessage::OrderRejected(message));
                }
                _ => said.lost += 1,
            }
        }
    }
}

/// What the core's reports are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// A message of the client: fills take, and an order that goes unasked found no more to take.
    Request,
    /// The feed: fills are of resting orders, and orders go at the close.
    Market,
    /// The client is gone.
    Disconnect,
}

impl Cause {
    fn cancel_reason(self, report: &VenueReport) -> u8 {
        match self {
            _ if report.response_to.is_some() => cancel::USER,
            Self::Request if report.time_in_force == TimeInForce::ImmediateOrCancel => {
                cancel::IMMEDIATE_OR_CANCEL
            }
            Self::Market => cancel::CLOSED,
            Self::Request | Self::Disconnect => cancel::SYSTEM,
        }
    }
}
