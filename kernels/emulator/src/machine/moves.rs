//! The fast path of loads and stores: memory as the host has it, all lanes checked at once.
//!
//! It takes over where memory is not weak and one look at the lanes' lowest and highest address tells that all of them are
//! good. Everything else, faults among it, goes lane by lane through [`super::memory`].

use super::lanes::{LANES, lanes_of};
use super::launch::Context;
use super::polling::line_bit;
use super::quad;
use super::warp::Warp;
use crate::program::{Access, Order};
use crate::ptx::Space;

/// The lanes' host addresses, and what they span.
struct Span {
    hosts: [u64; LANES],
    low: u64,
    high: u64,
}

/// Lines of 64 bytes up to which a span's watch bits are set line by line.
const LINES_FEW: u64 = 16;

impl Span {
    fn line_bits(&self, run: u32) -> u64 {
        let (first, last) = (self.low >> 6, self.high >> 6);
        if last - first < LINES_FEW {
            return (first..=last).fold(0, |bits, line| bits | line_bit(line << 6));
        }
        lanes_of(run).fold(0, |bits, lane| bits | line_bit(self.hosts[lane]))
    }
}

impl Context {
    #[inline(always)]
    fn span(&mut self, warp: &mut Warp, access: &Access, a: u16, run: u32) -> Option<Span> {
        let here = &self.ctas[warp.cta];
        let local_bytes = u64::from(self.program.local_bytes);
        let (base, stride, limit) = match access.space {
            Space::Generic | Space::Global | Space::Constant => (0, 0, u64::MAX),
            Space::Shared => (here.shared, 0, self.shared_bytes),
            Space::Parameter => (self.parameters_address(), 0, self.program.parameter_bytes as u64),
            Space::Local => {
                (here.local + u64::from(warp.number) * LANES as u64 * local_bytes, local_bytes, local_bytes)
            }
            Space::SharedCluster => return None,
        };
        // SAFETY: register numbers come from the decoder.
        let raw = unsafe { warp.file().all(a) };
        let narrow = if access.space == Space::Shared { 0xffff_ffff } else { u64::MAX };
        let first = run.trailing_zeros() as usize & 31;
        let (mut hosts, mut low, mut high, mut all, mut most) = ([0; LANES], u64::MAX, 0, 0, 0);
        for lane in 0..LANES {
            let from = if run >> lane & 1 == 1 { raw[lane] } else { raw[first] };
            let address = from.wrapping_add_signed(access.offset) & narrow;
            let index = if run >> lane & 1 == 1 { lane } else { first };
            let host = address.wrapping_add(base).wrapping_add(stride.wrapping_mul(index as u64));
            hosts[lane] = host;
            all |= host;
            most = most.max(address);
            low = low.min(host);
            high = high.max(host);
        }
        let bytes = u64::from(access.bytes) * u64::from(access.vector);
        let aligned = all & (bytes - 1) == 0;
        let inside = if limit == u64::MAX {
            self.checker.allows(low, high - low + bytes)
        } else {
            most.checked_add(bytes).is_some_and(|end| end <= limit)
        };
        (aligned && inside).then_some(Span { hosts, low, high })
    }

    /// True: the load is done.
    pub(super) fn load_all(&mut self, warp: &mut Warp, access: &Access, a: u16, run: u32) -> bool {
        let Some(span) = self.span(warp, access, a, run) else { return false };
        let (file, values) = (warp.file(), access.values);
        let mut sum = 0u64;
        // SAFETY: `span` found every address aligned and inside known memory; register numbers come from the decoder.
        unsafe {
            match (access.bytes, access.vector) {
                (bytes @ (4 | 8), 1) if access.sign_bits == 0 => {
                    let mask = if bytes == 4 { 0xffff_ffff } else { u64::MAX };
                    lanes_of(run).for_each(|lane| {
                        let value = quad::load(span.hosts[lane], bytes) & mask;
                        sum = sum.wrapping_add(value);
                        file.set(values[0], lane, value);
                    });
                }
                (bytes, 1) => {
                    let bits = u32::from(bytes) * 8;
                    lanes_of(run).for_each(|lane| {
                        let value = quad::load(span.hosts[lane], bytes);
                        sum = sum.wrapping_add(value);
                        let value = match access.sign_bits {
                            0 => value,
                            to => super::memory::extend(value, bits, u32::from(to)),
                        };
                        file.set(values[0], lane, value);
                    });
                }
                (4, 4) => lanes_of(run).for_each(|lane| {
                    let value = quad::load16(span.hosts[lane]);
                    sum = sum.wrapping_add(value as u64 ^ (value >> 64) as u64);
                    for (part, register) in values.into_iter().enumerate() {
                        file.set(register, lane, u64::from((value >> (32 * part)) as u32));
                    }
                }),
                (8, 2) => lanes_of(run).for_each(|lane| {
                    let value = quad::load16(span.hosts[lane]);
                    sum = sum.wrapping_add(value as u64 ^ (value >> 64) as u64);
                    file.set(values[0], lane, value as u64);
                    file.set(values[1], lane, (value >> 64) as u64);
                }),
                _ => return false,
            }
        }
        if access.order != Order::Weak {
            warp.polling.strong_access();
        }
        if !matches!(access.space, Space::Local | Space::Parameter) {
            let lows = span.hosts.iter().fold(0u64, |all, host| all.wrapping_add(*host));
            warp.polling.outside |= self.checker.is_host(span.low, span.high);
            warp.polling.loaded_all(lows, sum, span.line_bits(run));
        }
        true
    }

    /// True: the store is done.
    pub(super) fn store_all(&mut self, warp: &mut Warp, access: &Access, a: u16, run: u32) -> bool {
        let count = u64::from(run.count_ones());
        if self.commit.stores_limit.saturating_sub(self.commit.stores) < count {
            return false;
        }
        let Some(span) = self.span(warp, access, a, run) else { return false };
        let (file, values) = (warp.file(), access.values);
        let bits = u32::from(access.bytes) * 8;
        let mask = u64::MAX >> (64 - bits);
        let mut changed = 0u64;
        // SAFETY: as in `load_all`.
        unsafe {
            match (access.bytes, access.vector) {
                (bytes, 1) => lanes_of(run).for_each(|lane| {
                    let (host, value) = (span.hosts[lane], file.get(values[0], lane) & mask);
                    changed |= quad::load(host, bytes) ^ value;
                    quad::store(host, bytes, value);
                }),
                (4, 4) => lanes_of(run).for_each(|lane| {
                    let part =
                        |index: usize| u128::from(file.get(values[index], lane) as u32) << (32 * index);
                    changed |= replace16(span.hosts[lane], part(0) | part(1) | part(2) | part(3));
                }),
                (8, 2) => lanes_of(run).for_each(|lane| {
                    let (low, high) = (file.get(values[0], lane), file.get(values[1], lane));
                    changed |= replace16(span.hosts[lane], u128::from(low) | u128::from(high) << 64);
                }),
                _ => return false,
            }
        }
        // A store of what is there already changes nothing that anyone could wait for.
        if access.space != Space::Local && changed != 0 {
            warp.polling.changed_something();
            self.commit.touched |= span.line_bits(run);
        }
        let private = matches!(access.space, Space::Local | Space::Shared) || self.own.contains(&span.low);
        self.commit.stores += if private { 0 } else { count };
        true
    }
}

/// Stores 16 bytes and says, by a value that is not 0, whether they differ from what was there.
///
/// # Safety
/// `address` is aligned to 16, readable and writable.
#[inline(always)]
unsafe fn replace16(address: u64, value: u128) -> u64 {
    // SAFETY: the caller's contract.
    unsafe {
        let difference = quad::load16(address) ^ value;
        quad::store16(address, value);
        difference as u64 | (difference >> 64) as u64
    }
}
