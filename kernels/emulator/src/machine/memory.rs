//! Loads and stores: address translation, checks, and the moves themselves.

use super::fault::FaultKind;
use super::hooks::Hooks;
use super::lanes::{File, lanes_of};
use super::launch::Context;
use super::polling::line_bit;
use super::quad;
use super::warp::Warp;
use super::weak::Thread;
use crate::program::{Access, AddressMap, Order, Scope};
use crate::ptx::Space;
use std::sync::Arc;

/// A fault and the lane that it befell.
pub(super) type LaneResult<T> = Result<T, (usize, FaultKind)>;

/// Bits of a shared address that hold the offset; above them stands the cluster rank plus one, or zero for the own CTA.
const SHARED_RANK_SHIFT: u32 = 24;

/// Where stores reach memory: the count of them, the lines that they touched, and the hook that may freeze them.
#[derive(Debug)]
pub(super) struct Commit {
    pub(super) hooks: Option<Arc<Hooks>>,
    pub(super) stores: u64,
    pub(super) stores_limit: u64,
    /// Watch bits of the lines stored to since the scheduler last looked.
    pub(super) touched: u64,
}

impl Commit {
    #[inline(always)]
    pub(super) fn store(&mut self, address: u64, bytes: u8, value: u128, private: bool) {
        if !private {
            self.count();
        }
        self.touched |= line_bit(address);
        // SAFETY: the address was translated and checked when the store was executed.
        unsafe {
            if bytes == 16 {
                quad::store16(address, value)
            } else {
                quad::store(address, bytes, value as u64)
            }
        }
    }

    #[inline(always)]
    pub(super) fn count(&mut self) {
        if self.stores == self.stores_limit {
            self.freeze();
        }
        self.stores += 1;
    }

    #[cold]
    fn freeze(&mut self) {
        if let Some(hooks) = &self.hooks {
            hooks.freeze_here();
        }
        self.stores_limit = u64::MAX;
    }
}

impl Context {
    /// The host address of an address in `space` for a lane of a warp.
    pub(super) fn translate(
        &self,
        space: Space,
        cta: usize,
        thread: u32,
        address: u64,
        bytes: u64,
    ) -> Result<u64, FaultKind> {
        let out_of_range = FaultKind::OutOfRange { address, bytes: bytes as u32 };
        let here = &self.ctas[cta];
        let within = |base: u64, offset: u64, size: u64| {
            if offset.checked_add(bytes).is_some_and(|end| end <= size) {
                Ok(base + offset)
            } else {
                Err(out_of_range)
            }
        };
        match space {
            Space::Shared | Space::SharedCluster => {
                let offset = u64::from(address as u32 & ((1 << SHARED_RANK_SHIFT) - 1));
                let rank = address as u32 >> SHARED_RANK_SHIFT;
                let base = if rank == 0 {
                    here.shared
                } else if rank <= self.cluster_size {
                    self.ctas[here.cluster_first + rank as usize - 1].shared
                } else {
                    return Err(out_of_range);
                };
                within(base, offset, self.shared_bytes)
            }
            Space::Local => {
                let local_bytes = u64::from(self.program.local_bytes);
                within(here.local + u64::from(thread) * local_bytes, address, local_bytes)
            }
            Space::Parameter => {
                within(self.parameters_address(), address, self.program.parameter_bytes as u64)
            }
            _ => Ok(address),
        }
    }

    /// `cvta` in its two directions.
    pub(super) fn map_address(&self, map: AddressMap, cta: usize, thread: u32, address: u64) -> u64 {
        let here = &self.ctas[cta];
        let local = here.local + u64::from(thread) * u64::from(self.program.local_bytes);
        match map {
            AddressMap::SharedToGeneric | AddressMap::SharedClusterToGeneric => {
                let rank = address as u32 >> SHARED_RANK_SHIFT;
                let offset = address & ((1 << SHARED_RANK_SHIFT) - 1);
                match rank {
                    1.. if rank <= self.cluster_size => {
                        self.ctas[here.cluster_first + rank as usize - 1].shared + offset
                    }
                    _ => here.shared + offset,
                }
            }
            AddressMap::GenericToShared => match self.rank_of(cta, address) {
                Some(rank) if rank != here.rank => {
                    let base = self.ctas[here.cluster_first + rank as usize].shared;
                    u64::from(rank + 1) << SHARED_RANK_SHIFT | (address - base)
                }
                _ => address.wrapping_sub(here.shared) & ((1 << SHARED_RANK_SHIFT) - 1),
            },
            AddressMap::LocalToGeneric => local + address,
            AddressMap::GenericToLocal => address.wrapping_sub(local),
            AddressMap::ParameterToGeneric => self.parameters_address() + address,
            AddressMap::GenericToParameter => address.wrapping_sub(self.parameters_address()),
        }
    }

    /// The rank of the CTA of this cluster whose shared memory holds a generic address.
    pub(super) fn rank_of(&self, cta: usize, address: u64) -> Option<u32> {
        let first = self.ctas[cta].cluster_first;
        (0..self.cluster_size).find(|&rank| {
            let base = self.ctas[first + rank as usize].shared;
            (base..base + self.shared_bytes).contains(&address)
        })
    }

    /// `mapa`: the same place in the shared memory of another CTA of the cluster.
    pub(super) fn map_rank(
        &self,
        cta: usize,
        address: u64,
        rank: u64,
        generic: bool,
    ) -> Result<u64, FaultKind> {
        if rank >= u64::from(self.cluster_size) {
            return Err(FaultKind::Operand { value: rank });
        }
        if !generic {
            return Ok((rank + 1) << SHARED_RANK_SHIFT | (address & ((1 << SHARED_RANK_SHIFT) - 1)));
        }
        let first = self.ctas[cta].cluster_first;
        let own = self.rank_of(cta, address).ok_or(FaultKind::OutOfRange { address, bytes: 1 })?;
        Ok(address - self.ctas[first + own as usize].shared + self.ctas[first + rank as usize].shared)
    }

    pub(super) fn is_space(&self, space: Space, cta: usize, thread: u32, address: u64) -> bool {
        let rank = self.rank_of(cta, address);
        let local_bytes = u64::from(self.program.local_bytes);
        let local = self.ctas[cta].local + u64::from(thread) * local_bytes;
        let in_local = (local..local + local_bytes).contains(&address);
        let start = self.parameters_address();
        let in_parameters = (start..start + self.program.parameter_bytes as u64).contains(&address);
        match space {
            Space::Shared => rank == Some(self.ctas[cta].rank),
            Space::SharedCluster => rank.is_some(),
            Space::Local => in_local,
            Space::Parameter => in_parameters,
            Space::Global => rank.is_none() && !in_local && !in_parameters,
            Space::Constant | Space::Generic => false,
        }
    }

    /// Whether generic accesses must be checked against the known allocations.
    #[inline(always)]
    pub(super) fn check(&mut self, space: Space, address: u64, bytes: u64) -> Result<(), FaultKind> {
        if address & (bytes - 1) != 0 {
            return Err(FaultKind::Misaligned { address, bytes: bytes as u32 });
        }
        let translated = matches!(space, Space::Generic | Space::Global | Space::Constant);
        if translated && !self.checker.allows(address, bytes) {
            return Err(FaultKind::OutOfRange { address, bytes: bytes as u32 });
        }
        Ok(())
    }

    #[inline(always)]
    fn resolve(&mut self, access: &Access, warp: &Warp, lane: usize, address: u64) -> Result<u64, FaultKind> {
        let bytes = u64::from(access.bytes) * u64::from(access.vector);
        let address = address.wrapping_add_signed(access.offset);
        let host = match access.space {
            Space::Generic | Space::Global | Space::Constant => address,
            space => self.translate(space, warp.cta, warp.number * 32 + lane as u32, address, bytes)?,
        };
        self.check(access.space, host, bytes)?;
        Ok(host)
    }

    pub(super) fn load(&mut self, warp: &mut Warp, access: &Access, a: u16, run: u32) -> LaneResult<()> {
        let file = warp.file();
        self.checker.refresh();
        if self.weak.is_none() && self.load_all(warp, access, a, run) {
            return Ok(());
        }
        if access.order != Order::Weak {
            warp.polling.strong_access();
        }
        let watch = !matches!(access.space, Space::Local | Space::Parameter);
        for lane in lanes_of(run) {
            // SAFETY: register numbers come from the decoder.
            let address = unsafe { file.get(a, lane) };
            let host = self.resolve(access, warp, lane, address).map_err(|kind| (lane, kind))?;
            let value = self.load_lane(warp, access, lane, host);
            if watch {
                warp.polling.loaded(host, value as u64 ^ (value >> 64) as u64);
            }
            // SAFETY: register numbers come from the decoder.
            unsafe { spread(file, access, lane, value) };
        }
        if access.order.acquires() && self.weak.is_some() {
            self.each_thread(warp, run, |weak, thread, _| weak.acquire(thread));
        }
        Ok(())
    }

    #[inline(always)]
    fn load_lane(&mut self, warp: &Warp, access: &Access, lane: usize, host: u64) -> u128 {
        let bytes = access.bytes * access.vector;
        if let Some(weak) = &mut self.weak
            && !matches!(access.space, Space::Local | Space::Parameter | Space::Constant)
        {
            let thread = Thread { cta: warp.cta, warp: warp.number, lane };
            let cached =
                !matches!(access.space, Space::Shared | Space::SharedCluster) && !self.own.contains(&host);
            return weak.load(thread, host, u64::from(bytes), cached, &mut self.commit);
        }
        // SAFETY: the address was translated, checked for range and alignment.
        unsafe { if bytes == 16 { quad::load16(host) } else { u128::from(quad::load(host, bytes)) } }
    }

    pub(super) fn store(&mut self, warp: &mut Warp, access: &Access, a: u16, run: u32) -> LaneResult<()> {
        let file = warp.file();
        self.checker.refresh();
        if self.weak.is_none() && self.store_all(warp, access, a, run) {
            return Ok(());
        }
        let private = matches!(access.space, Space::Local | Space::Parameter);
        if !private {
            warp.polling.changed_something();
        }
        if access.order.releases() && self.weak.is_some() {
            self.each_thread(warp, run, |weak, thread, commit| weak.release(thread, access.scope, commit));
        }
        let private = private || matches!(access.space, Space::Shared | Space::SharedCluster);
        let start = self.weak.as_mut().map_or(0, |weak| weak.random.below(32) as u32);
        // Lanes of one store have no order among themselves.
        for lane in lanes_of(run.rotate_right(start)).map(|lane| (lane + start as usize) & 31) {
            // SAFETY: register numbers come from the decoder.
            let (address, value) = unsafe { (file.get(a, lane), gather(file, access, lane)) };
            let host = self.resolve(access, warp, lane, address).map_err(|kind| (lane, kind))?;
            let private = private || self.own.contains(&host);
            let bytes = access.bytes * access.vector;
            match &mut self.weak {
                Some(weak) if access.space != Space::Local => {
                    let thread = Thread { cta: warp.cta, warp: warp.number, lane };
                    weak.store(thread, host, u64::from(bytes), value, private, &mut self.commit);
                }
                _ => self.commit.store(host, bytes, value, private),
            }
        }
        Ok(())
    }

    /// In weak memory, does something for each lane of a mask.
    pub(super) fn each_thread(
        &mut self,
        warp: &Warp,
        run: u32,
        mut act: impl FnMut(&mut super::weak::Weak, Thread, &mut Commit),
    ) {
        if let Some(weak) = &mut self.weak {
            for lane in lanes_of(run) {
                act(weak, Thread { cta: warp.cta, warp: warp.number, lane }, &mut self.commit);
            }
        }
    }

    pub(super) fn fence(&mut self, warp: &Warp, scope: Scope, run: u32) {
        std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
        self.each_thread(warp, run, |weak, thread, commit| {
            weak.release(thread, scope, commit);
            weak.acquire(thread);
        });
    }

    /// Copies an argument inside the local memory of each lane.
    pub(super) fn copy_local(&self, warp: &Warp, run: u32, (from, to, bytes): (u32, u32, u32)) {
        let local_bytes = u64::from(self.program.local_bytes);
        for lane in lanes_of(run) {
            let base = self.ctas[warp.cta].local + u64::from(warp.number * 32 + lane as u32) * local_bytes;
            // SAFETY: the decoder placed both variables inside the lane's local memory, apart from each other.
            unsafe {
                std::ptr::copy(
                    (base + u64::from(from)) as *const u8,
                    (base + u64::from(to)) as *mut u8,
                    bytes as usize,
                );
            }
        }
    }
}

/// # Safety
/// The access comes from the decoder, and the file is that of its program.
#[inline(always)]
unsafe fn spread(file: File, access: &Access, lane: usize, value: u128) {
    let bits = u32::from(access.bytes) * 8;
    let mask = if bits == 64 { u64::MAX } else { (1 << bits) - 1 };
    for index in 0..access.vector {
        let part = (value >> (u32::from(index) * bits)) as u64 & mask;
        let part = if access.sign_bits == 0 { part } else { extend(part, bits, u32::from(access.sign_bits)) };
        // SAFETY: the caller's contract.
        unsafe { file.set(access.values[usize::from(index)], lane, part) };
    }
}

/// # Safety
/// As for [`spread`].
#[inline(always)]
unsafe fn gather(file: File, access: &Access, lane: usize) -> u128 {
    let bits = u32::from(access.bytes) * 8;
    let mask = if bits == 64 { u64::MAX } else { (1 << bits) - 1 };
    let mut value = 0;
    for index in 0..access.vector {
        // SAFETY: the caller's contract.
        let part = unsafe { file.get(access.values[usize::from(index)], lane) } & mask;
        value |= u128::from(part) << (u32::from(index) * bits);
    }
    value
}

pub(super) fn extend(value: u64, from_bits: u32, to_bits: u32) -> u64 {
    let wide = ((value << (64 - from_bits)) as i64 >> (64 - from_bits)) as u64;
    crate::ptx::low_bits(wide, to_bits)
}
