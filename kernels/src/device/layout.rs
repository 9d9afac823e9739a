//! Where everything lies in the device's memory: the records that both sides know, and the allocation of a plan.

use super::driver::{Driver, DriverError};
use super::memory::DeviceMemory;
use super::plan::{BUCKET_SLOTS, Plan};
use super::ring::Rings;
use crate::abi::Touch;
use crate::cpu::wide::WideTables;

/// A book's record as the device starts with it.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct BookRecord {
    pub(super) hash: u64,
    pub(super) bid_quantity: u64,
    pub(super) ask_quantity: u64,
    pub(super) bid_price: i64,
    pub(super) ask_price: i64,
    pub(super) levels: [u32; 2],
    pub(super) eligible: u32,
    pub(super) reserved: [u32; 3],
}

/// `EngineState` of `state.cuh`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct StateRecord {
    pub(super) next: u32,
    pub(super) others: [u32; 15],
}

/// `EngineParameters` of `state.cuh`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(super) struct Parameters {
    pub(super) ticks: u64,
    pub(super) signals: u64,
    pub(super) control: u64,
    pub(super) state: u64,
    pub(super) mailboxes: u64,
    pub(super) books: u64,
    pub(super) level_keys: u64,
    pub(super) level_quantities: u64,
    pub(super) order_ids: u64,
    pub(super) order_prices: u64,
    pub(super) order_quantities: u64,
    pub(super) order_owners: u64,
    pub(super) terms: u64,
    pub(super) inverse: u64,
    pub(super) touches: u64,
    pub(super) mids: u64,
    pub(super) relations: u64,
    pub(super) linears: u64,
    pub(super) linear_legs: u64,
    pub(super) relation_last: u64,
    pub(super) relation_start: u64,
    pub(super) relation_list: u64,
    pub(super) expiries: u64,
    pub(super) options: u64,
    pub(super) option_last: u64,
    pub(super) option_start: u64,
    pub(super) host_limit_ns: u64,
    pub(super) ticks_mask: u32,
    pub(super) signals_mask: u32,
    pub(super) listings: u32,
    pub(super) levels_max: u32,
    pub(super) bucket_mask: u32,
    pub(super) shards: u32,
    pub(super) workers: u32,
    pub(super) options_len: u32,
    pub(super) relations_len: u32,
    pub(super) reserved: u32,
}

const _: () = assert!(size_of::<BookRecord>() == 64 && size_of::<StateRecord>() == 64);
const _: () = assert!(size_of::<Parameters>() == 256);

/// The tables that kernels change and the host reads back, by their places in `Resident::memory`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Results {
    Books = 2,
    Relations = 6,
    Options = 7,
}

/// Takes all device memory of a plan; the first eight are those that `Resident::start_anew` sets.
pub(super) fn lay_out(
    driver: Driver,
    plan: &Plan,
    tables: &WideTables,
    rings: &Rings,
    memory: &mut Vec<DeviceMemory>,
    host_limit_ns: u64,
) -> Result<Parameters, DriverError> {
    let listings = tables.listings().len();
    let levels = listings * 2 * plan.levels as usize;
    let orders = plan.shards as usize * plan.buckets as usize * BUCKET_SLOTS as usize;
    let mut take = |bytes: usize| -> Result<u64, DriverError> {
        memory.push(DeviceMemory::new(driver, bytes)?);
        Ok(memory[memory.len() - 1].address())
    };
    let state = take(size_of::<StateRecord>())?;
    let mailboxes = take(plan.ctas as usize * 64)?;
    let books = take(listings * size_of::<BookRecord>())?;
    let mids = take(listings * 8)?;
    let touches = take(listings * size_of::<Touch>())?;
    let order_owners = take(orders * 4)?;
    let relation_last = take(tables.relation_count() as usize * 40)?;
    let option_last = take(tables.options().len() * 40)?;
    let level_keys = take(levels * 8)?;
    let level_quantities = take(levels * 8)?;
    let order_ids = take(orders * 8)?;
    let order_prices = take(orders * 8)?;
    let order_quantities = take(orders * 8)?;
    let [control, ticks, signals] = rings.device_addresses();
    Ok(Parameters {
        ticks,
        signals,
        control,
        state,
        mailboxes,
        books,
        level_keys,
        level_quantities,
        order_ids,
        order_prices,
        order_quantities,
        order_owners,
        terms: table(driver, memory, tables.listings())?,
        inverse: table(driver, memory, tables.inverse())?,
        touches,
        mids,
        relations: table(driver, memory, tables.relations())?,
        linears: table(driver, memory, tables.linears())?,
        linear_legs: table(driver, memory, tables.legs_of_linears())?,
        relation_last,
        relation_start: table(driver, memory, tables.relation_offsets())?,
        relation_list: table(driver, memory, tables.relation_indexes())?,
        expiries: table(driver, memory, tables.expiries())?,
        options: table(driver, memory, tables.options())?,
        option_last,
        option_start: table(driver, memory, tables.option_offsets())?,
        host_limit_ns,
        ticks_mask: plan.tick_lines - 1,
        signals_mask: plan.signal_lines - 1,
        listings: listings as u32,
        levels_max: plan.levels,
        bucket_mask: plan.buckets - 1,
        shards: plan.shards,
        workers: plan.workers,
        options_len: tables.options().len() as u32,
        relations_len: tables.relations().len() as u32,
        reserved: 0,
    })
}

fn table<T: Copy>(driver: Driver, memory: &mut Vec<DeviceMemory>, table: &[T]) -> Result<u64, DriverError> {
    memory.push(DeviceMemory::of(driver, table)?);
    Ok(memory[memory.len() - 1].address())
}
