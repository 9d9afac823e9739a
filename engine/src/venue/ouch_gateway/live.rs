//! The live orders of an OUCH client: what the messages about them repeat, and what their names are in the core.
//!
//! A vector sorted by UserRefNum, its memory taken at construction: numbers only grow, so that a new order goes to the
//! end. Owned by the gateway.

use feeds::event::Side;

use crate::order::{OrderAction, TimeInForce};
use crate::ouch::messages::{EnterOrder, ReplaceOrder};
use crate::venue::{ClOrdIdText, OrderRequest, VenueReport};

/// How requests and orders are named in the core: the UserRefNum in digits, and for what has no number of its own, a dot
/// and a running number.
pub(super) struct Name;

impl Name {
    /// The name of a new order.
    pub(super) fn of_order(user_ref_num: u32) -> ClOrdIdText {
        ClOrdIdText::from_number(u64::from(user_ref_num))
    }

    /// The name of a request.
    pub(super) fn of_request(user_ref_num: u32, running: u64) -> ClOrdIdText {
        let mut text = [0; 20];
        let order = Self::of_order(user_ref_num);
        // Nine digits are left for the running number behind ten of the order: it starts over after that many.
        let running = ClOrdIdText::from_number(running % 1_000_000_000);
        let (digits, behind) = (order.as_bytes(), order.as_bytes().len() + 1);
        text[..digits.len()].copy_from_slice(digits);
        text[digits.len()] = b'.';
        text[behind..behind + running.as_bytes().len()].copy_from_slice(running.as_bytes());
        ClOrdIdText::new(&text[..behind + running.as_bytes().len()]).unwrap_or(order)
    }

    /// The UserRefNum that a report is about: that of the order, which a cancel's report names as the original.
    pub(super) fn number(report: &VenueReport) -> Option<u32> {
        let is_cancel = report.kind == crate::order::ExecutionKind::Canceled;
        let of_order = is_cancel && !report.orig_cl_ord_id.is_none();
        let name = if of_order { &report.orig_cl_ord_id } else { &report.cl_ord_id };
        let digits = name.as_bytes().split(|&byte| byte == b'.').next()?;
        let number = digits.iter().try_fold(0u64, |number, &digit| {
            digit.is_ascii_digit().then(|| number * 10 + u64::from(digit - b'0'))
        })?;
        u32::try_from(number).ok()
    }
}

/// One live order.
#[derive(Clone, Copy, Debug)]
pub(super) struct LiveOrder {
    /// Its number now.
    pub(super) user_ref_num: u32,
    /// The number before the last replace.
    pub(super) was: u32,
    /// Its name in the core.
    name: ClOrdIdText,
    /// Dense instrument number.
    instrument: u32,
    pub(super) side: Side,
    /// Shares in all.
    pub(super) total: u32,
    /// Shares that can still trade.
    pub(super) leaves: u32,
    /// 1e-4.
    pub(super) price: u64,
    pub(super) symbol: [u8; 8],
    pub(super) side_char: u8,
    pub(super) time_in_force: u8,
    pub(super) display: u8,
    pub(super) capacity: u8,
    pub(super) sweep: u8,
    pub(super) cross_type: u8,
    pub(super) cl_ord_id: [u8; 14],
}

impl LiveOrder {
    /// An order that was just entered.
    pub(super) const fn new(message: &EnterOrder, instrument: u32, side: Side, name: ClOrdIdText) -> Self {
        Self {
            user_ref_num: message.user_ref_num,
            was: 0,
            name,
            instrument,
            side,
            total: message.quantity,
            leaves: message.quantity,
            price: message.price,
            symbol: message.symbol,
            side_char: message.side,
            time_in_force: message.time_in_force,
            display: message.display,
            capacity: message.capacity,
            sweep: message.sweep,
            cross_type: message.cross_type,
            cl_ord_id: message.cl_ord_id,
        }
    }

    /// Shares that have traded.
    pub(super) const fn filled(&self) -> u32 {
        self.total - self.leaves
    }

    /// A request about it.
    pub(super) const fn request(
        &self,
        kind: OrderAction,
        cl_ord_id: ClOrdIdText,
        price: i64,
        quantity: u64,
    ) -> OrderRequest {
        OrderRequest {
            kind,
            session: 0,
            cl_ord_id,
            orig_cl_ord_id: self.name,
            instrument: self.instrument,
            side: self.side,
            price,
            quantity,
            // The core keeps that of the order.
            time_in_force: TimeInForce::Day,
        }
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct LiveOrders {
    orders: Vec<LiveOrder>,
}

impl LiveOrders {
    /// Room for this many, and one that the core will refuse.
    pub(super) fn with_capacity(orders: usize) -> Self {
        Self { orders: Vec::with_capacity(orders + 1) }
    }

    fn find(&self, user_ref_num: u32) -> Result<usize, usize> {
        self.orders.binary_search_by_key(&user_ref_num, |order| order.user_ref_num)
    }

    /// Adds an order whose number is above all others.
    pub(super) fn insert(&mut self, order: LiveOrder) {
        if let Err(at) = self.find(order.user_ref_num) {
            self.orders.insert(at, order);
        }
    }

    pub(super) fn get(&self, user_ref_num: u32) -> Option<&LiveOrder> {
        self.find(user_ref_num).ok().map(|at| &self.orders[at])
    }

    pub(super) fn get_mut(&mut self, user_ref_num: u32) -> Option<&mut LiveOrder> {
        self.find(user_ref_num).ok().map(|at| &mut self.orders[at])
    }

    /// The order with the lowest number that is at least this.
    pub(super) fn next_from(&self, user_ref_num: u32) -> Option<&LiveOrder> {
        let (Ok(at) | Err(at)) = self.find(user_ref_num);
        self.orders.get(at)
    }

    pub(super) fn remove(&mut self, user_ref_num: u32) {
        if let Ok(at) = self.find(user_ref_num) {
            self.orders.remove(at);
        }
    }

    /// A replace was accepted: new terms, number and name.
    pub(super) fn rename(&mut self, message: &ReplaceOrder, name: ClOrdIdText) {
        let Ok(at) = self.find(message.orig_user_ref_num) else { return };
        let order = self.orders.remove(at);
        self.insert(LiveOrder {
            user_ref_num: message.user_ref_num,
            was: order.user_ref_num,
            name,
            total: message.quantity,
            leaves: message.quantity.saturating_sub(order.filled()),
            price: message.price,
            time_in_force: message.time_in_force,
            display: message.display,
            sweep: message.sweep,
            cl_ord_id: message.cl_ord_id,
            ..order
        });
    }

    /// Less of an order in all, under a new name in the core; returns the shares that went.
    pub(super) fn shrink(&mut self, user_ref_num: u32, total: u32, name: ClOrdIdText) -> u32 {
        let Some(order) = self.get_mut(user_ref_num) else { return 0 };
        let decrement = order.total.saturating_sub(total);
        order.total = total;
        order.leaves = order.leaves.saturating_sub(decrement);
        order.name = name;
        decrement
    }
}
