//! Pre-trade risk: the only place that can make a [`RiskApproved`] order, and the accounts that it goes by.
//!
//! Owned by `decide`. Every check sets its bit in one [`RiskReasons`] mask, without early return, so that a reject names
//! everything that is wrong with it; an order that is far inside all limits is proven to be so first (`plain`). Exposure is
//! reserved at approval, before anything is sent, and given back by the order table's transitions. Cancels have a budget of
//! their own, which is counted and never refuses one.
//!
//! Fills move positions, cash and profit; what they come to is checked after each ([`Risk::fill`], [`Risk::mark`]), and
//! a limit that is broken blocks what broke it until a person resets it ([`blocks`]).
//!
//! Memory is taken at construction. It reads no clock: core time comes with the input. All sums are integers; none can wrap.
//!
//! The rules follow SEC 15c3-5 (c), the FIA's 2024 best practices, MiFID II RTS 6 articles 12 to 18, Regulation SHO and
//! Regulation NMS. `tests/RISK.md` lists each with the test that fails without it.
#![deny(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    clippy::cast_lossless
)]

pub mod account;
pub mod blocks;
mod carried;
mod checks;
#[cfg(test)]
mod deleted;
mod events;
mod explain;
pub mod fills;
pub mod limits;
mod memory;
mod plain;
mod rate;
mod reasons;
mod recent;
mod reservation;
mod totals;
mod valuation;
pub mod windows;

pub use account::Account;
pub use events::{Fill, Released};
pub use explain::Judged;
pub use limits::{EngineLimits, InstrumentLimits, RateLimit, StrategyLimits, VenueTerms};
pub use memory::RiskMemory;
pub use reasons::RiskReasons;
pub use valuation::Valuation;

use crate::order::{ClOrdId, Order, OrderAction};
use crate::pipeline::operator::{Command, LimitChange};
use crate::pipeline::order_table::LiveOrder;
use blocks::Blocks;
use feeds::event::Side;
use feeds::units::PRICE_NONE;
use fills::Fills;
use plain::PlainLimits;
use rate::MessageRate;
use recent::{RecentOf, RecentOrders};
use totals::{LOST, Total, Totals};
use valuation::OnRecord;
use windows::{FillWindow, LossWindow};

/// A value that passed every check. Only this module makes one, and only one can be encoded.
#[derive(Debug, PartialEq, Eq)]
pub struct RiskApproved<T>(T);

#[cfg(test)]
impl<T> RiskApproved<T> {
    /// For tests of what comes after risk.
    pub(crate) const fn for_test(value: T) -> Self {
        Self(value)
    }
}

impl<T> std::ops::Deref for RiskApproved<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

/// Position and what open orders could add to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exposure {
    /// Net filled quantity, positive long.
    pub position: i64,
    /// Reserved by open buy orders.
    pub open_buy: u64,
    /// Reserved by open sell orders.
    pub open_sell: u64,
}

/// Market state that the checks need, read from the books right before the check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Best bid of the reference market, or [`PRICE_NONE`].
    pub bid_px: i64,
    /// Best offer of the reference market, or [`PRICE_NONE`].
    pub ask_px: i64,
    /// National best bid, whichever market is the reference, or [`PRICE_NONE`].
    pub national_bid_px: i64,
    /// Best bid of the order's venue, or [`PRICE_NONE`].
    pub touch_bid_px: i64,
    /// Best offer of the order's venue, or [`PRICE_NONE`].
    pub touch_ask_px: i64,
    /// Best bid of the other venues, or [`PRICE_NONE`]; read where US equity law holds.
    pub away_bid_px: i64,
    /// Best offer of the other venues, or [`PRICE_NONE`].
    pub away_ask_px: i64,
    /// Our own best open bid at the order's venue, or [`PRICE_NONE`].
    pub own_bid_px: i64,
    /// Our own best open offer at the order's venue, or [`PRICE_NONE`].
    pub own_ask_px: i64,
    /// For how long the venue's feed has said nothing, ns of receive time.
    pub data_age_ns: u64,
    /// How far the exchange's clock and ours are apart, ns.
    pub clock_skew_ns: u64,
    /// The instrument is in continuous trading at the order's venue.
    pub tradable: bool,
    /// The venue's own book is crossed.
    pub crossed: bool,
    /// The venue's book is stale: messages of its feed are missing.
    pub stale: bool,
}

impl Reference {
    /// A market with this bid and offer in which nothing is wrong.
    #[must_use]
    pub const fn of(bid_px: i64, ask_px: i64) -> Self {
        Self {
            bid_px,
            ask_px,
            national_bid_px: bid_px,
            touch_bid_px: bid_px,
            touch_ask_px: ask_px,
            away_bid_px: PRICE_NONE,
            away_ask_px: PRICE_NONE,
            own_bid_px: PRICE_NONE,
            own_ask_px: PRICE_NONE,
            data_age_ns: 0,
            clock_skew_ns: 0,
            tradable: true,
            crossed: false,
            stale: false,
        }
    }

    /// No market at all.
    pub const NONE: Self = Self { tradable: false, ..Self::of(PRICE_NONE, PRICE_NONE) };
}

/// The order that a replace or cancel is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Total quantity of the accepted terms.
    pub quantity: u64,
    /// Filled so far.
    pub cumulative: u64,
    /// Reserved now.
    pub reserved: u64,
    /// Price that it is reserved at, 1e-9.
    pub price: i64,
    /// It was marked as a short sale.
    pub sells_short: bool,
}

impl Target {
    /// An open order.
    #[must_use]
    pub fn of(order: &LiveOrder) -> Self {
        Self {
            quantity: order.quantity,
            cumulative: order.cumulative,
            reserved: order.reserved,
            price: order.reserved_price(),
            sells_short: order.sells_short,
        }
    }
}

/// What an approval reserved, for the order table.
#[derive(Debug, PartialEq, Eq)]
pub struct Approval {
    /// The order, ready for the encoder.
    pub order: RiskApproved<Order>,
    /// Exposure that the order now holds in all.
    pub reserved: u64,
    /// Added to it by this approval.
    added: u64,
    /// The same as notional, 1e-9 of the currency.
    added_notional: i128,
}

impl Approval {
    /// All that it reserved, as if the order had ended; of a new order.
    #[must_use]
    pub fn released(&self) -> Released {
        Released {
            instrument: self.order.instrument,
            strategy: self.order.strategy,
            side: self.order.side,
            quantity: self.added,
            notional: self.added_notional,
            closed: self.order.action == OrderAction::New,
        }
    }
}

/// Facts about a message that do not come from the strategy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Sequence number of the input being decided.
    pub decision: u64,
    /// Core time, UTC ns.
    pub time_ns: u64,
    /// ClOrdID to use; 0 when none is left.
    pub cl_ord_id: ClOrdId,
    /// Number of the strategy.
    pub strategy: u16,
}

/// An instrument: first the two lines of memory that change with its orders and the two of limits that an ordinary order
/// is held against, then the rest.
#[repr(C, align(128))]
#[derive(Clone, Debug)]
struct Instrument {
    exposure: Exposure,
    open_orders: u32,
    /// Notional of its open orders, 1e-9 of the currency.
    open_notional: i128,
    rate: MessageRate,
    recent: RecentOf,
    /// The first 64 strategies, a bit each, that declared it.
    declared: u64,
    plain: PlainLimits,
    /// What the position is valued at, 1e-9; 0 before the first price.
    mark: i64,
    /// Price and core time of the last trade in the market.
    last_trade_px: i64,
    last_trade_ns: u64,
    /// Its strategies: range in `Risk::holdings`.
    holders: (u32, u32),
    limits: InstrumentLimits,
}

const _: () = assert!(std::mem::offset_of!(Instrument, plain) <= 128);
const _: () = assert!(std::mem::offset_of!(Instrument, mark) <= 256);

/// The position of one strategy in one instrument that it declared.
#[derive(Clone, Copy, Debug)]
struct Holding {
    strategy: u16,
    position: i64,
}

struct StrategyState {
    limits: StrategyLimits,
    totals: Totals,
    executions: FillWindow,
    protection: FillWindow,
}

struct Venue {
    terms: VenueTerms,
    rate: MessageRate,
}

struct Firm {
    limits: EngineLimits,
    /// Its buying power, 1e-13 of the currency.
    margin_max: i128,
    rate: MessageRate,
    /// Messages that the cancels' own budget would not have paid for; they left all the same.
    cancels: MessageRate,
    cancels_over_budget: u64,
    totals: Totals,
    /// Margin of positions and of open orders, 1e-13 of the currency.
    margin: Total,
    open_orders: u32,
    cash: Total,
    messages: u64,
    /// No instrument's margin is more than two to this, 1e-4 of its notional.
    margin_bits: u32,
    /// Messages from which on there may be too many for each trade, as far as was measured.
    messages_most: u64,
    trades: u64,
    best_worth: i128,
    losses: LossWindow,
}

/// See the module's text.
pub struct Risk {
    blocks: Blocks,
    last_cl_ord_id: ClOrdId,
    firm: Firm,
    instruments: Box<[Instrument]>,
    venues: Box<[Venue]>,
    strategies: Box<[StrategyState]>,
    holdings: Box<[Holding]>,
    accounts: Box<[Account]>,
    recent: RecentOrders,
    fills: Fills,
    changes: Vec<LimitChange>,
    on_record: OnRecord,
    /// It blocks what breaks a limit; one that follows a journal learns it from there.
    judges: bool,
}

impl Risk {
    /// Risk state for as many instruments as there are limits, for any strategy and any venue, none of them with limits
    /// of its own.
    ///
    /// # Panics
    /// When a rate or a tick is zero: a start-up error.
    #[must_use]
    pub fn new(engine: EngineLimits, limits: Vec<InstrumentLimits>) -> Self {
        assert!(engine.messages_per_s > 0 && engine.messages_burst > 0, "a rate of zero trades nothing");
        assert!(limits.iter().all(|limit| limit.price_tick > 0), "a price tick is positive");
        let count = limits.len();
        let instruments = limits.into_iter().map(|limits| {
            let limits = limits.bounded();
            Instrument {
                exposure: Exposure::default(),
                open_orders: 0,
                open_notional: 0,
                rate: MessageRate::new(limits.rate),
                recent: RecentOf::default(),
                declared: 0,
                plain: PlainLimits::of(&limits),
                mark: 0,
                last_trade_px: PRICE_NONE,
                last_trade_ns: 0,
                holders: (0, 0),
                limits,
            }
        });
        let instruments: Box<[Instrument]> = instruments.collect();
        Self {
            blocks: Blocks::new(count, 0),
            last_cl_ord_id: 0,
            firm: Firm {
                limits: engine,
                margin_max: engine.margin_max(),
                rate: MessageRate::new(Some(engine.rate())),
                cancels: MessageRate::new(Some(engine.rate())),
                cancels_over_budget: 0,
                totals: Totals::default(),
                margin: Total::default(),
                open_orders: 0,
                cash: Total::default(),
                messages: 0,
                margin_bits: margin_bits(&instruments),
                messages_most: 0,
                trades: 0,
                best_worth: 0,
                losses: LossWindow::new(),
            },
            instruments,
            venues: Box::default(),
            strategies: Box::default(),
            holdings: Box::default(),
            accounts: vec![Account::default(); count].into_boxed_slice(),
            recent: RecentOrders::new(),
            fills: Fills::new(engine.fills_max),
            changes: Vec::new(),
            on_record: OnRecord::new(count),
            judges: true,
        }
    }

    /// The same for one that follows a journal without market data: it keeps the accounts and decides nothing.
    #[must_use]
    pub fn following(self) -> Self {
        Self { judges: false, ..self }
    }

    /// The same with what is known of the venues, by number.
    #[must_use]
    pub fn with_venues(self, venues: &[VenueTerms]) -> Self {
        let venues = venues.iter().map(|&terms| Venue { terms, rate: MessageRate::new(terms.rate) });
        Self { venues: venues.collect(), ..self }
    }

    /// The same with limits of its own for each strategy, which may trade the instruments given with them and no others.
    ///
    /// # Panics
    /// With more holdings than a `u32` counts: a start-up error.
    #[must_use]
    pub fn with_strategies(mut self, strategies: &[(StrategyLimits, &[u32])]) -> Self {
        let mut by_instrument: Vec<Vec<u16>> = vec![Vec::new(); self.instruments.len()];
        for (number, (_, instruments)) in (0u16..).zip(strategies) {
            for &instrument in *instruments {
                if let Some(holders) = by_instrument.get_mut(instrument as usize)
                    && !holders.contains(&number)
                {
                    holders.push(number);
                }
            }
        }
        let mut holdings = Vec::new();
        let length = |holdings: &Vec<Holding>| u32::try_from(holdings.len()).expect("holdings fit u32");
        for (instrument, holders) in self.instruments.iter_mut().zip(by_instrument) {
            instrument.declared = holders
                .iter()
                .filter_map(|&strategy| 1_u64.checked_shl(strategy.into()))
                .fold(0, |all, bit| all | bit);
            let from = length(&holdings);
            holdings.extend(holders.into_iter().map(|strategy| Holding { strategy, position: 0 }));
            instrument.holders = (from, length(&holdings));
        }
        let states = strategies.iter().map(|&(limits, _)| StrategyState {
            limits,
            totals: Totals::default(),
            executions: FillWindow::new(),
            protection: FillWindow::new(),
        });
        Self {
            blocks: Blocks::new(self.instruments.len(), strategies.len()),
            strategies: states.collect(),
            holdings: holdings.into_boxed_slice(),
            ..self
        }
    }

    /// A command of a person or a watchdog.
    #[cold]
    pub fn command(&mut self, command: Command) {
        match command {
            Command::Kill { scope, cause } => self.blocks.block(scope, cause),
            Command::Reset { scope } => self.reset(scope),
            Command::SetLimit(change) => self.set_limit(change),
            Command::Reconcile { instrument, position } => self.reconcile(instrument, position),
        }
    }

    /// Whether nothing may trade at all.
    #[must_use]
    pub const fn is_killed(&self) -> bool {
        self.blocks.of_all().is_some()
    }

    /// ClOrdIDs begin with the first one again; of a rehearsal only.
    pub(super) const fn restart_ids(&mut self) {
        self.last_cl_ord_id = 0;
    }

    /// What is blocked.
    #[must_use]
    pub const fn blocks(&self) -> &Blocks {
        &self.blocks
    }

    /// Position and reservations of an instrument; all zero for one that is not known.
    #[must_use]
    pub fn exposure(&self, instrument: u32) -> Exposure {
        self.instruments.get(instrument as usize).map_or(Exposure::default(), |found| found.exposure)
    }

    /// The limits of an instrument.
    #[must_use]
    pub fn limits(&self, instrument: u32) -> InstrumentLimits {
        self.instruments.get(instrument as usize).map_or(InstrumentLimits::NONE, |found| found.limits)
    }

    /// The limits of the firm.
    #[must_use]
    pub const fn firm_limits(&self) -> &EngineLimits {
        &self.firm.limits
    }

    /// The limits of a strategy.
    #[must_use]
    pub fn strategy_limits(&self, strategy: u16) -> StrategyLimits {
        self.strategies.get(usize::from(strategy)).map_or(StrategyLimits::default(), |found| found.limits)
    }

    /// Limits that were changed since the start, oldest first.
    #[must_use]
    pub fn changes(&self) -> &[LimitChange] {
        &self.changes
    }

    /// What trading in an instrument has come to.
    #[must_use]
    pub fn account(&self, instrument: u32) -> Account {
        self.accounts.get(instrument as usize).copied().unwrap_or_default()
    }

    /// What an instrument's position is valued at, 1e-9.
    #[must_use]
    pub fn mark_of(&self, instrument: u32) -> i64 {
        self.instruments.get(instrument as usize).map_or(0, |found| found.mark)
    }

    /// Profit or loss of the day, realised and unrealised, fees taken off: cash and inventory at its marks.
    #[must_use]
    pub fn worth(&self) -> i128 {
        let (cash, inventory) = (self.firm.cash.get(), self.firm.totals.net().get());
        // What cannot be counted any more counts as lost.
        if cash >= LOST || inventory >= LOST { -LOST } else { cash + inventory }
    }

    /// Cancels that went beyond their budget; they left all the same.
    #[must_use]
    pub const fn cancels_over_budget(&self) -> u64 {
        self.firm.cancels_over_budget
    }

    /// Fills of the day.
    #[must_use]
    pub const fn fills(&self) -> &Fills {
        &self.fills
    }

    /// A strategy's position in an instrument that it declared.
    #[must_use]
    pub fn holding(&self, strategy: u16, instrument: u32) -> i64 {
        let holders = self.instruments.get(instrument as usize).map_or((0, 0), |found| found.holders);
        let holders = &self.holdings[holders.0 as usize..holders.1 as usize];
        holders.iter().find(|holding| holding.strategy == strategy).map_or(0, |holding| holding.position)
    }

    /// Passes a request for an order's state: it asks nothing of the market and reserves nothing, so that it leaves whatever
    /// the limits or the kill switch say.
    ///
    /// # Panics
    /// When the message is anything else.
    #[must_use]
    pub fn pass_status_request(&self, order: Order) -> RiskApproved<Order> {
        assert_eq!(order.action, OrderAction::Status, "only a status request passes without checks");
        RiskApproved(order)
    }
}

impl Exposure {
    #[inline(always)]
    const fn open_of(&mut self, side: Side) -> Option<&mut u64> {
        match side {
            Side::Buy => Some(&mut self.open_buy),
            Side::Sell => Some(&mut self.open_sell),
            Side::None => None,
        }
    }
}

/// The bits of the highest margin of any instrument.
fn margin_bits(instruments: &[Instrument]) -> u32 {
    let most = instruments.iter().map(|at| at.limits.margin_bp).max().unwrap_or(0);
    u32::BITS - most.leading_zeros()
}

#[cfg(test)]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "draws of a test: small numbers, or any bits at all"
)]
mod tests;
