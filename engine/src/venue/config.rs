//! What a simulated venue is made of, and why none can be made.

use std::fmt;

use kernels::cpu::book::{BookConfig, BookConfigError};

/// What a venue is made of. Every capacity is memory taken at start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VenueConfig {
    /// Dense number of the venue: events of other venues are not for it.
    pub venue: u8,
    /// Capacities of its copy of the replayed book; `instruments_max` is also how many instruments clients can name.
    pub books: BookConfig,
    /// Client orders that live at once; about 120 bytes each.
    pub orders_max: usize,
    /// ClOrdIDs that a day can see, over all sessions; 64 to 120 bytes each.
    pub cl_ord_ids_max: usize,
    /// Displayed orders whose use by clients is remembered at once; 64 to 128 bytes each. And as many levels, in books
    /// of levels; 24 bytes each.
    pub used_orders_max: usize,
    /// Price increment for client orders, 1e-9, for every instrument that [`super::VenueCore::set_price_tick`] does not set.
    pub price_tick: i64,
    /// Largest OrderQty(38).
    pub quantity_max: u64,
}

impl Default for VenueConfig {
    /// Venue 0 with a full market's books, 4,096 live orders, 1,000,000 ids a day, a tick of one cent and at most
    /// 1,000,000 shares an order.
    fn default() -> Self {
        Self {
            venue: 0,
            books: BookConfig::default(),
            orders_max: 4_096,
            cl_ord_ids_max: 1_000_000,
            used_orders_max: 16_384,
            price_tick: 10_000_000,
            quantity_max: 1_000_000,
        }
    }
}

impl VenueConfig {
    /// Checks all but the books, which check theirs.
    pub(super) fn check(&self) -> Result<(), VenueConfigError> {
        for (field, value) in [
            ("orders_max", self.orders_max),
            ("cl_ord_ids_max", self.cl_ord_ids_max),
            ("used_orders_max", self.used_orders_max),
        ] {
            if !(1..=CAPACITY_LIMIT).contains(&value) {
                return Err(VenueConfigError::Capacity(field, value));
            }
        }
        if self.price_tick <= 0 {
            return Err(VenueConfigError::PriceTick(self.price_tick));
        }
        if self.quantity_max == 0 {
            return Err(VenueConfigError::QuantityMax);
        }
        Ok(())
    }
}

/// A [`VenueConfig`] that no venue can be made from: which field, and its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VenueConfigError {
    /// The books refuse theirs.
    Books(BookConfigError),
    /// The named capacity is zero or above [`CAPACITY_LIMIT`].
    Capacity(&'static str, usize),
    /// `price_tick` is not positive.
    PriceTick(i64),
    /// `quantity_max` is zero.
    QuantityMax,
}

/// Bound of every capacity of a [`VenueConfig`], so that positions fit 32 bits.
pub const CAPACITY_LIMIT: usize = 1 << 28;

impl fmt::Display for VenueConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Books(error) => write!(formatter, "venue books: {error}"),
            Self::Capacity(field, value) => {
                write!(formatter, "venue {field} = {value}: must be 1 to {CAPACITY_LIMIT}")
            }
            Self::PriceTick(tick) => {
                write!(formatter, "venue price_tick = {tick}: must be above zero (in 1e-9)")
            }
            Self::QuantityMax => write!(formatter, "venue quantity_max = 0: must be above zero"),
        }
    }
}

impl std::error::Error for VenueConfigError {}
