//! Microstructure features of one book, kept event by event: microprice, queue imbalance, order-flow imbalance, VPIN and
//! realised volatility.
//!
//! [`BookFeatures`] takes every event of one instrument at one venue in order, with what it did to the book and the top
//! that it left, and answers with [`FeatureValues`] at any moment. Integers only, so that an incremental value equals the
//! one computed from the whole history to the last bit (`batch.rs` is that computation, for tests).
//!
//! | feature | unit | range | from |
//! |---|---|---|---|
//! | microprice | 1e-9 price | bid to ask | [`super::quoting::microprice`] |
//! | queue imbalance | 1e-9 | -1 to 1 | Gould and Bonart, arXiv:1512.03492 |
//! | order-flow imbalance | quantity units | any | Cont, Kukanov and Stoikov, arXiv:1011.6402 |
//! | VPIN | 1e-9 | 0 to 1 | Easley, Lopez de Prado and O'Hara, Rev. Financ. Stud. 25:1457 (2012) |
//! | realised volatility | 1e-9 price per square root of a second | 0 up | Andersen and Bollerslev, Int. Econ. Rev. 39:885 (1998) |
//!
//! Its rings are taken at construction; an event costs a bounded number of steps (a silence or a block trade at most the
//! length of a ring) and allocates nothing. One thread owns it. It does not look at trading status: whoever wants
//! continuous trading only gives it only that.

#[cfg(test)]
mod batch;
mod order_flow;
mod realised;
mod ring;
#[cfg(test)]
mod tests;
mod vpin;

use super::book::{Applied, Bbo};
use super::quoting::microprice;
use feeds::event::{EventKind, MarketEvent, Side, flags};
use feeds::units::{NS_PER_S, PRICE_NONE};

pub use order_flow::{IMBALANCE_NONE, OrderFlow, queue_imbalance_e9};
pub use realised::RealisedVolatility;
pub use vpin::{Signed, VPIN_NONE, Vpin};

/// Longest ring: buckets of VPIN, samples of the realised volatility.
pub const RING_MAX: u32 = 4_096;

/// Largest volume of a VPIN bucket, quantity units.
pub const BUCKET_MAX: u64 = 1 << 40;

/// What the features are measured over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeatureParameters {
    /// Length of an order-flow interval, ns of core time. Default 10 s, as in the paper.
    pub flow_interval_ns: u64,
    /// Volume of a VPIN bucket, quantity units, 1 to [`BUCKET_MAX`]. The paper takes a fiftieth of a day's volume, which
    /// depends on the instrument. Default 10,000.
    pub vpin_bucket: u64,
    /// Buckets that VPIN looks back over, 1 to [`RING_MAX`]. Default 50, as in the paper.
    pub vpin_buckets: u32,
    /// Distance of the lines at which the mid is sampled, ns of core time. Default 1 s.
    pub volatility_interval_ns: u64,
    /// Changes between lines that the realised volatility looks back over, 1 to [`RING_MAX`]. Default 300: five minutes.
    pub volatility_samples: u32,
}

impl Default for FeatureParameters {
    fn default() -> Self {
        Self {
            flow_interval_ns: 10 * NS_PER_S,
            vpin_bucket: 10_000,
            vpin_buckets: 50,
            volatility_interval_ns: NS_PER_S,
            volatility_samples: 300,
        }
    }
}

/// A parameter out of its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeatureError {
    /// `flow_interval_ns` or `volatility_interval_ns` is not in 1 us to 1 day.
    Interval(u64),
    /// `vpin_bucket` is not in 1 to [`BUCKET_MAX`].
    Bucket(u64),
    /// `vpin_buckets` or `volatility_samples` is not in 1 to [`RING_MAX`].
    Ring(u32),
}

impl std::fmt::Display for FeatureError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Self::Interval(found) => write!(f, "an interval of {found} ns: give 1,000 ns to a day"),
            Self::Bucket(found) => write!(f, "a VPIN bucket of {found}: give 1 to {BUCKET_MAX}"),
            Self::Ring(found) => write!(f, "{found} buckets or samples: give 1 to {RING_MAX}"),
        }
    }
}

impl std::error::Error for FeatureError {}

impl FeatureParameters {
    /// Checks every range.
    ///
    /// # Errors
    /// The first value out of range.
    pub fn validate(&self) -> Result<(), FeatureError> {
        for interval_ns in [self.flow_interval_ns, self.volatility_interval_ns] {
            if !(1_000..=86_400 * NS_PER_S).contains(&interval_ns) {
                return Err(FeatureError::Interval(interval_ns));
            }
        }
        if !(1..=BUCKET_MAX).contains(&self.vpin_bucket) {
            return Err(FeatureError::Bucket(self.vpin_bucket));
        }
        for length in [self.vpin_buckets, self.volatility_samples] {
            if !(1..=RING_MAX).contains(&length) {
                return Err(FeatureError::Ring(length));
            }
        }
        Ok(())
    }
}

/// The features at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeatureValues {
    /// Size-weighted mid, 1e-9 price; [`PRICE_NONE`] without two sides or when they are crossed.
    pub microprice: i64,
    /// (bid size - offer size) / (bid size + offer size), 1e-9, toward zero: above zero the bid is the longer queue.
    /// [`IMBALANCE_NONE`] without two sides.
    pub queue_imbalance_e9: i64,
    /// Order-flow imbalance since the start, quantity units: above zero buyers pressed.
    pub order_flow: i128,
    /// Order-flow imbalance of the last interval of the grid that is over.
    pub order_flow_interval: i128,
    /// VPIN, 1e-9, truncated; [`VPIN_NONE`] until its buckets have been full once.
    pub vpin_e9: u64,
    /// Realised volatility of the mid, 1e-9 price per square root of a second, truncated;
    /// [`super::volatility::SIGMA_NONE`] until its samples have been there once.
    pub sigma: u64,
}

/// The features of one instrument at one venue; see the module's page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookFeatures {
    /// The top that the last whole market message left.
    top: Bbo,
    flow: OrderFlow,
    vpin: Vpin,
    realised: RealisedVolatility,
}

impl BookFeatures {
    /// Nothing seen yet.
    ///
    /// # Errors
    /// A parameter out of range.
    pub fn new(parameters: &FeatureParameters) -> Result<Self, FeatureError> {
        parameters.validate()?;
        let FeatureParameters { flow_interval_ns, vpin_bucket, vpin_buckets, .. } = *parameters;
        Ok(Self {
            top: Bbo::EMPTY,
            flow: OrderFlow::new(flow_interval_ns),
            vpin: Vpin::new(vpin_bucket, vpin_buckets),
            realised: RealisedVolatility::new(
                parameters.volatility_interval_ns,
                parameters.volatility_samples,
            ),
        })
    }

    /// Takes an event in, at core time `now_ns` (never decreasing): what it did to the book, and the top behind it.
    ///
    /// What is added up is what whole market messages leave. A book that is forgotten or comes from a snapshot is a new
    /// start for the order flow, not a flow.
    #[inline]
    pub fn update(&mut self, now_ns: u64, event: &MarketEvent, applied: &Applied, top: &Bbo) {
        if let Some(traded) = signed_trade(event, applied, &self.top) {
            self.vpin.trade(traded);
        }
        if event.flags & flags::LAST_OF_EVENT == 0 {
            return;
        }
        let is_restart = event.flags & flags::SNAPSHOT != 0
            || matches!(event.kind, EventKind::Clear | EventKind::Gap | EventKind::Recovered);
        if is_restart {
            self.flow.restart(now_ns);
        } else {
            self.flow.update(now_ns, &self.top, top);
        }
        self.realised.update(now_ns, mid(top));
        self.top = *top;
    }

    /// VPIN alone: see [`FeatureValues::vpin_e9`].
    #[must_use]
    pub fn vpin_e9(&self) -> u64 {
        self.vpin.vpin_e9()
    }

    /// The features at `now_ns`, not before the last event.
    #[must_use]
    pub fn values(&self, now_ns: u64) -> FeatureValues {
        let Bbo { bid_px, bid_qty, ask_px, ask_qty } = self.top;
        FeatureValues {
            microprice: microprice(bid_px, bid_qty, ask_px, ask_qty, i64::MAX),
            queue_imbalance_e9: queue_imbalance_e9(&self.top),
            order_flow: self.flow.total(),
            order_flow_interval: self.flow.last_interval(now_ns),
            vpin_e9: self.vpin.vpin_e9(),
            sigma: self.realised.sigma(now_ns),
        }
    }
}

/// The middle between the best prices, 1e-9, toward zero; [`PRICE_NONE`] without two sides.
const fn mid(top: &Bbo) -> i64 {
    if top.bid_px == PRICE_NONE || top.ask_px == PRICE_NONE {
        return PRICE_NONE;
    }
    top.bid_px.midpoint(top.ask_px)
}

/// What of an event traded, and who was in a hurry; `None` for what is no trade of continuous trading (crosses and the
/// executions that are part of one).
///
/// A trade with a displayed order was begun by the other side: that is known, not guessed. For hidden orders feeds do not
/// say: above the middle of the book before it the buyer began it, below the seller (the quote rule of Lee and Ready,
/// J. Finance 46:733), and in the middle half counts for each.
fn signed_trade(event: &MarketEvent, applied: &Applied, before: &Bbo) -> Option<Signed> {
    if event.flags & (flags::CROSS | flags::NON_PRINTABLE) != 0 {
        return None;
    }
    let resting = match event.kind {
        EventKind::OrderExecute => applied.side,
        EventKind::Trade if event.flags & flags::HIDDEN == 0 => event.side,
        EventKind::Trade => Side::None,
        _ => return None,
    };
    Some(match resting {
        Side::Sell => Signed { bought: event.quantity, sold: 0 },
        Side::Buy => Signed { bought: 0, sold: event.quantity },
        Side::None => by_quote(event, before),
    })
}

fn by_quote(event: &MarketEvent, before: &Bbo) -> Signed {
    let quantity = event.quantity;
    if before.bid_px != PRICE_NONE && before.ask_px != PRICE_NONE && event.price != PRICE_NONE {
        let twice_mid = i128::from(before.bid_px) + i128::from(before.ask_px);
        match (2 * i128::from(event.price)).cmp(&twice_mid) {
            std::cmp::Ordering::Greater => return Signed { bought: quantity, sold: 0 },
            std::cmp::Ordering::Less => return Signed { bought: 0, sold: quantity },
            std::cmp::Ordering::Equal => {}
        }
    }
    Signed { bought: quantity / 2, sold: quantity - quantity / 2 }
}
