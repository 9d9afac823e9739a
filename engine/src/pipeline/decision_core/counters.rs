//! What the decision core counts.

use crate::pipeline::risk::RiskReasons;

/// What the core has counted; all of it a function of the inputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CoreCounters {
    /// Market events consumed.
    pub events: u64,
    /// Inputs consumed, of every kind.
    pub inputs: u64,
    /// Approved new orders.
    pub new_orders: u64,
    /// Approved replaces.
    pub replaces: u64,
    /// Approved cancels.
    pub cancels: u64,
    /// Intents that risk refused.
    pub risk_rejects: u64,
    /// Refusals by rule, in bit order of [`RiskReasons`].
    pub rejects_by_rule: [u64; RiskReasons::NAMES.len()],
    /// Fills and partial fills.
    pub fills: u64,
    /// Fills that took liquidity (immediate-or-cancel orders).
    pub aggressive_fills: u64,
    /// Quantity filled.
    pub filled_quantity: u64,
    /// Rejects by the venue, of new orders, replaces and cancels.
    pub venue_rejects: u64,
    /// Pairs of orders (arbitrage legs) approved together.
    pub pairs: u64,
    /// Of these, pairs of which both legs have traded.
    pub pairs_filled: u64,
    /// Intents dropped because the order ring had no slot or the strategy asked for too much at once, and inputs at
    /// which a sweep stopped for want of a slot.
    pub intents_dropped: u64,
    /// Executions that fit no order, or fit one wrongly: a protocol error of the venue or a fault of ours.
    pub executions_refused: u64,
    /// Answers about orders that were done already, and fills that were seen before: a cancel or a replace crossed a
    /// fill on the wire. Harmless and normal.
    pub executions_late: u64,
    /// Messages known to be missing from the feed.
    pub gaps: u64,
    /// Gap events: each made books stale.
    pub gap_events: u64,
    /// Times that stale books became current again.
    pub recoveries: u64,
    /// Market events applied to books that were stale.
    pub stale_events: u64,
    /// Market events that did not fit their stale book and were left out.
    pub stale_book_errors: u64,
    /// Cancels of orders that rested at a venue whose book had become stale.
    pub stale_cancels: u64,
    /// Times that messages of ours were lost on the way to a venue, or may have been.
    pub doubts: u64,
    /// Requests for the state of an order that was in doubt after that.
    pub status_requests: u64,
    /// Messages that a venue did not answer in time.
    pub unanswered: u64,
    /// Fills that a venue busted or corrected.
    pub trades_changed: u64,
    /// Fills whose price is not known: their reports were lost, and the order's limit stands for it.
    pub fills_without_price: u64,
    /// Commands of people and watchdogs.
    pub commands: u64,
    /// Of these orders, those that the venue did not know: what was sent never arrived.
    pub orders_not_received: u64,
    /// Answers of wide work consumed.
    pub wide_answers: u64,
    /// Items of these: relations and options whose values had changed.
    pub wide_items: u64,
    /// Answers to something that was not asked, or not next: a journal of another run.
    pub wide_answers_refused: u64,
    /// Fits of volatilities consumed.
    pub surfaces: u64,
    /// Cycles of three or four orders (legs of a relation) approved together.
    pub cycles: u64,
}
