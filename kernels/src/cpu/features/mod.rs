//! Microstructure features of one book, kept event by event: microprice, queue imbalance, order-flow imbalance, VPIN and
//! realised volatility.
//!
//! [`BookFeatures`] takes every event of one instrument at one venue in order, with what it did to the book and the top
//! that it left, and answers with [`FeatureValues`] at any moment. Integers only (but for the
//! normal distribution where VPIN has to guess who began a trade, `bulk.rs`), so that an incremental value equals the one
//! computed from the whole history to the last bit (`batch.rs` is that computation, for tests).
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
mod bulk;
mod order_flow;
mod parameters;
mod realised;
mod ring;
#[cfg(test)]
mod tests;
mod trades;
mod vpin;

use super::book::{Applied, Bbo};
use super::quoting::microprice;
use feeds::event::{EventKind, MarketEvent, flags};
use feeds::units::PRICE_NONE;

pub use bulk::BulkParameters;
use bulk::BulkVolume;
pub use order_flow::{IMBALANCE_NONE, OrderFlow, queue_imbalance_e9};
pub use parameters::{BUCKET_MAX, FeatureError, FeatureParameters, RING_MAX};
pub use realised::RealisedVolatility;
use trades::{is_of_continuous_trading, signed_trade, trade_price};
pub use vpin::{Signed, VPIN_NONE, Vpin};

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
    /// Who began a trade is guessed by bars.
    bulk: Option<BulkVolume>,
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
            bulk: parameters.vpin_bulk.as_ref().map(BulkVolume::new),
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
        if is_of_continuous_trading(event) {
            let traded = match &mut self.bulk {
                None => Some(signed_trade(event, applied, &self.top)),
                Some(bulk) => bulk.trade(now_ns, trade_price(event, applied), event.quantity),
            };
            if let Some(traded) = traded {
                self.vpin.trade(traded);
            }
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
