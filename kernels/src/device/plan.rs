//! How much of a device the engine takes: a pure function of what the device is and what is wanted of it.
//!
//! The device's memory holds, for each listing, both sides' levels, and one table of orders a shard; tables of relations and
//! options are small beside them. When everything does not fit the share that may be taken, first the tables of orders
//! shrink to what the orders need, then levels a side, and when even the least does not fit there is no plan. It asks no
//! driver and allocates nothing.

use crate::abi::{Expiry, Line, LinearLeg, LinearRelation, ListingTerms, OptionTerms, Relation, Touch};
use crate::cpu::wide::WideTables;
use std::fmt;

/// Oldest compute capability that the compiler of the kernels (13.0) still makes code for.
pub const COMPUTE_MIN: (u32, u32) = (7, 5);

/// From here on the CTAs of the engine are one cluster.
pub const COMPUTE_CLUSTER: (u32, u32) = (9, 0);

/// Warps of a CTA: one reads, one sequences, some keep books, the others scan.
pub const CTA_WARPS: u32 = 16;

/// CTAs of a cluster: what every device that has clusters can place.
pub const CLUSTER_CTAS_MAX: u32 = 8;

/// CTAs of a grid at most: more would poll without work.
const GRID_CTAS_MAX: u32 = 64;

/// Shards at most: each is a warp of the first CTA.
pub const SHARDS_MAX: u32 = 6;

/// Levels a side: least, usual, and most where there are few books (an exchange without price limits shows thousands).
const LEVELS_MIN: u32 = 64;
const LEVELS_USUAL: u32 = 4_096;
const LEVELS_MOST: u32 = 65_536;

/// Levels of all sides together up to which a side gets more than is usual: 1 GiB.
const LEVELS_TOGETHER: u64 = 1 << 26;

/// Slots of a bucket of the order table.
pub const BUCKET_SLOTS: u64 = 32;

/// Bytes of an order slot: id, price, quantity, owner.
const ORDER_BYTES: u64 = 8 + 8 + 8 + 4;

/// Bytes of a level: key, quantity.
const LEVEL_BYTES: u64 = 16;

/// Bytes of a book's record, and of what the scan keeps of a listing: touch, terms, which way it is quoted, mid, where its items
/// begin.
const LISTING_BYTES: u64 = 64 + size_of::<Touch>() as u64 + size_of::<ListingTerms>() as u64 + 1 + 8 + 8;

/// What of an item is kept on the device: its last answer.
const VALUES_BYTES: u64 = 40;

/// Memory that is left to the driver and to whoever else uses the device.
const RESERVE_BYTES: u64 = 256 << 20;

/// Lines of the ring of ticks.
const TICK_LINES: u32 = 4096;

/// Lines of the ring of signals, least and most.
const SIGNAL_LINES_MIN: u32 = 4096;
const SIGNAL_LINES_MAX: u32 = 1 << 20;

/// What is wanted of a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// Books, one a listing.
    pub listings: u32,
    /// Resting orders of all books that are fed by orders.
    pub orders: u64,
    /// Levels a side at most; 0: as many as are usually wanted.
    pub levels: u32,
    /// Relations but linear ones, and the places of the lists of those of both forms that a listing is a leg of.
    pub relations: u32,
    /// See `relations`.
    pub relation_places: u32,
    /// Linear relations, and legs of all of them.
    pub linears: u32,
    /// See `linears`.
    pub linear_legs: u32,
    /// Expiries.
    pub expiries: u32,
    /// Options.
    pub options: u32,
    /// Most relations and options that depend on one listing.
    pub items_max: u32,
}

impl Demand {
    /// A desk with two full venues of 1,000 instruments, four million orders, ten thousand relations (a quarter of
    /// them linear), 5,000 options: what plans are shown for.
    pub const DESK: Self = Self {
        listings: 2_000,
        orders: 4_000_000,
        levels: 0,
        relations: 7_500,
        relation_places: 30_000,
        linears: 2_500,
        linear_legs: 10_000,
        expiries: 240,
        options: 5_000,
        items_max: 5_000,
    };

    /// What tables want, with so many resting orders in all and levels a side (0: as many as usual).
    #[must_use]
    pub fn of(tables: &WideTables, orders: u64, levels: u32) -> Self {
        let count = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
        Self {
            listings: count(tables.listings().len()),
            orders,
            levels,
            relations: count(tables.relations().len()),
            relation_places: count(tables.relation_indexes().len()),
            linears: count(tables.linears().len()),
            linear_legs: count(tables.legs_of_linears().len()),
            expiries: count(tables.expiries().len()),
            options: count(tables.options().len()),
            items_max: count(tables.dependents_max()),
        }
    }
}

/// A device as a plan sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capability {
    /// Compute capability, major and minor.
    pub compute: (u32, u32),
    /// Streaming multiprocessors.
    pub sms: u32,
    /// Free memory, bytes.
    pub memory_free: u64,
}

/// How the engine lies on a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The CTAs are one cluster; else a grid that is resident as a whole.
    pub is_cluster: bool,
    /// CTAs.
    pub ctas: u32,
    /// Warps that keep books.
    pub shards: u32,
    /// Scanners, the sequencer among them.
    pub workers: u32,
    /// Levels that a side of a book can hold.
    pub levels: u32,
    /// Buckets of a shard's table of orders, a power of two.
    pub buckets: u32,
    /// Lines of the ring of ticks.
    pub tick_lines: u32,
    /// Lines of the ring of signals: two answers of the longest request.
    pub signal_lines: u32,
    /// Device memory that it takes, bytes.
    pub memory_bytes: u64,
    /// Further listings of the same kind that would fit.
    pub listings_spare: u64,
    /// Further options that would fit instead.
    pub options_spare: u64,
}

/// Why there is no plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPlan {
    /// The device's compute capability is older than [`COMPUTE_MIN`].
    TooOld {
        /// What it has.
        compute: (u32, u32),
    },
    /// The least that is needed does not fit.
    TooSmall {
        /// Bytes that are needed.
        needed: u64,
        /// Bytes that may be taken.
        available: u64,
    },
    /// One listing has more dependents than the largest ring can answer.
    TooWide {
        /// How many.
        items: u32,
    },
    /// Fewer multiprocessors than the engine has CTAs at least.
    NoMultiprocessor,
}

impl fmt::Display for NoPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooOld { compute: (major, minor) } => write!(
                f,
                "compute capability {major}.{minor} is too old: the kernels are built for {}.{} and newer",
                COMPUTE_MIN.0, COMPUTE_MIN.1
            ),
            Self::TooSmall { needed, available } => write!(
                f,
                "the books need at least {} MiB of device memory; {} MiB may be taken",
                needed.div_ceil(1 << 20),
                available >> 20
            ),
            Self::TooWide { items } => {
                write!(
                    f,
                    "{items} items depend on one listing; an answer holds {} at most",
                    SIGNAL_LINES_MAX / 2 - 1
                )
            }
            Self::NoMultiprocessor => f.write_str("the device says that it has no multiprocessor"),
        }
    }
}

impl std::error::Error for NoPlan {}

impl Plan {
    /// The largest plan that fits.
    ///
    /// # Errors
    /// Why none does.
    pub fn new(device: &Capability, demand: &Demand) -> Result<Self, NoPlan> {
        if device.compute < COMPUTE_MIN {
            return Err(NoPlan::TooOld { compute: device.compute });
        }
        if device.sms == 0 {
            return Err(NoPlan::NoMultiprocessor);
        }
        let signal_lines = demand
            .items_max
            .checked_add(1 + 2 * 32)
            .and_then(|lines| lines.checked_mul(2)?.checked_next_power_of_two())
            .filter(|lines| *lines <= SIGNAL_LINES_MAX)
            .ok_or(NoPlan::TooWide { items: demand.items_max })?
            .max(SIGNAL_LINES_MIN);
        let is_cluster = device.compute >= COMPUTE_CLUSTER;
        let shards = demand.listings.clamp(1, SHARDS_MAX);
        let ctas = ctas_for(demand.items_max, shards, is_cluster, device.sms);
        let available = device.memory_free.saturating_sub(RESERVE_BYTES) / 10 * 9;
        let most =
            if demand.levels == 0 { levels_for(demand.listings) } else { demand.levels.next_power_of_two() };
        let (buckets_most, buckets_least) = buckets_for(demand.orders, shards);
        let fits = |levels: u32, buckets: u32| memory_of(demand, shards, levels, buckets) <= available;
        let mut buckets = buckets_most;
        let mut levels = most.max(LEVELS_MIN);
        while !fits(levels, buckets) && buckets > buckets_least {
            buckets /= 2;
        }
        while !fits(levels, buckets) && levels > LEVELS_MIN {
            levels /= 2;
        }
        let memory_bytes = memory_of(demand, shards, levels, buckets);
        if memory_bytes > available {
            return Err(NoPlan::TooSmall { needed: memory_bytes, available });
        }
        let spare = available - memory_bytes;
        Ok(Self {
            is_cluster,
            ctas,
            shards,
            workers: workers_of(ctas, shards),
            levels,
            buckets,
            tick_lines: TICK_LINES,
            signal_lines,
            memory_bytes,
            listings_spare: spare / (LISTING_BYTES + 2 * u64::from(levels) * LEVEL_BYTES),
            options_spare: spare / (size_of::<OptionTerms>() as u64 + VALUES_BYTES),
        })
    }

    /// The next smaller plan, when the device had less than it said.
    #[must_use]
    pub fn shrunk(&self, device: &Capability, demand: &Demand) -> Option<Self> {
        let memory_free = (self.memory_bytes / 9 * 10 + RESERVE_BYTES).min(device.memory_free) / 4 * 3;
        let smaller = Self::new(&Capability { memory_free, ..*device }, demand).ok()?;
        (smaller.memory_bytes < self.memory_bytes).then_some(smaller)
    }

    /// Pinned memory of the host that it takes, bytes.
    #[must_use]
    pub const fn pinned_bytes(&self) -> u64 {
        (self.tick_lines as u64 + self.signal_lines as u64) * size_of::<Line>() as u64
    }
}

/// Scanners of so many CTAs, the sequencer among them.
const fn workers_of(ctas: u32, shards: u32) -> u32 {
    ctas * CTA_WARPS - 1 - shards
}

/// As many CTAs as have work when all dependents of one listing are computed, a warp for each 32.
fn ctas_for(items_max: u32, shards: u32, is_cluster: bool, sms: u32) -> u32 {
    let most = if is_cluster { CLUSTER_CTAS_MAX } else { GRID_CTAS_MAX }.min(sms);
    // Relations and options each may leave a slice half empty.
    let slices = items_max.div_ceil(32) + 1;
    (1..most).find(|ctas| workers_of(*ctas, shards) >= slices).unwrap_or(most)
}

/// Levels that a side of so many books gets if the device has the memory.
fn levels_for(listings: u32) -> u32 {
    let even = LEVELS_TOGETHER / (2 * u64::from(listings.max(1)));
    let floor = |levels: u32| 1 << levels.ilog2();
    floor(u32::try_from(even).unwrap_or(u32::MAX).clamp(LEVELS_USUAL, LEVELS_MOST))
}

/// Buckets of a shard's table of orders: so many that every shard could hold all orders, and so many that each holds twice
/// its even share.
fn buckets_for(orders: u64, shards: u32) -> (u32, u32) {
    if orders == 0 {
        return (1, 1);
    }
    let buckets = |slots: u64| {
        u32::try_from(slots.div_ceil(BUCKET_SLOTS).next_power_of_two()).unwrap_or(1 << 31).min(1 << 26)
    };
    (buckets(orders.saturating_mul(2)), buckets(orders.saturating_mul(2) / u64::from(shards)))
}

fn memory_of(demand: &Demand, shards: u32, levels: u32, buckets: u32) -> u64 {
    let listing = LISTING_BYTES + 2 * u64::from(levels) * LEVEL_BYTES;
    u64::from(demand.listings) * listing
        + u64::from(shards) * u64::from(buckets) * BUCKET_SLOTS * ORDER_BYTES
        + u64::from(demand.relations) * (size_of::<Relation>() as u64 + VALUES_BYTES)
        + u64::from(demand.linears) * (size_of::<LinearRelation>() as u64 + VALUES_BYTES)
        + u64::from(demand.linear_legs) * size_of::<LinearLeg>() as u64
        + u64::from(demand.relation_places) * 4
        + u64::from(demand.expiries) * size_of::<Expiry>() as u64
        + u64::from(demand.options) * (size_of::<OptionTerms>() as u64 + VALUES_BYTES)
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
