//! `atom` and `red`: real atomics on host memory, one lane after the other.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};

use super::lanes::lanes_of;
use super::launch::Context;
use super::memory::LaneResult;
use super::polling::line_bit;
use super::quad;
use super::warp::Warp;
use super::weak::Thread;
use crate::program::{Atomic, AtomicOperation, Instruction};
use crate::ptx::Space;

impl Context {
    pub(super) fn atomic(
        &mut self,
        warp: &mut Warp,
        i: &Instruction,
        atomic: &Atomic,
        run: u32,
    ) -> LaneResult<()> {
        let file = warp.file();
        self.checker.refresh();
        warp.polling.strong_access();
        if atomic.order.releases() {
            self.each_thread(warp, run, |weak, thread, commit| weak.release(thread, atomic.scope, commit));
        }
        let bytes = u64::from(atomic.bytes);
        for lane in lanes_of(run) {
            // SAFETY: register numbers come from the decoder.
            let (address, b, c) = unsafe {
                let wide =
                    |low, high| u128::from(file.get(low, lane)) | u128::from(file.get(high, lane)) << 64;
                if atomic.bytes == 16 {
                    (file.get(i.a, lane), wide(i.b, atomic.high[1]), wide(i.c, atomic.high[2]))
                } else {
                    (file.get(i.a, lane), u128::from(file.get(i.b, lane)), u128::from(file.get(i.c, lane)))
                }
            };
            let address = address.wrapping_add_signed(atomic.offset);
            let thread = Thread { cta: warp.cta, warp: warp.number, lane };
            let number = warp.number * 32 + lane as u32;
            let host = self
                .translate(atomic.space, warp.cta, number, address, bytes)
                .and_then(|host| self.check(atomic.space, host, bytes).map(|()| host))
                .map_err(|kind| (lane, kind))?;
            if let Some(weak) = &mut self.weak {
                weak.before_atomic(thread, host, bytes, &mut self.commit);
            }
            let changes = |old: u128| apply(atomic.operation, atomic.bytes, old, b, c);
            // SAFETY: the address was translated and checked.
            let old = unsafe { exchange(host, atomic.bytes, changes) };
            if changes(old) != old {
                if !matches!(atomic.space, Space::Shared | Space::SharedCluster) {
                    self.commit.count();
                }
                self.commit.touched |= line_bit(host);
                warp.polling.changed_something();
            }
            warp.polling.loaded(host, old as u64 ^ (old >> 64) as u64);
            if !atomic.no_result {
                // SAFETY: register numbers come from the decoder.
                unsafe {
                    file.set(i.d, lane, old as u64);
                    if atomic.bytes == 16 {
                        file.set(atomic.high[0], lane, (old >> 64) as u64);
                    }
                }
            }
        }
        if atomic.order.acquires() {
            self.each_thread(warp, run, |weak, thread, _| weak.acquire(thread));
        }
        Ok(())
    }
}

/// Replaces a value in memory by a function of itself, atomically, and gives the old one.
///
/// # Safety
/// `address` is aligned to `bytes`, readable and writable.
unsafe fn exchange(address: u64, bytes: u8, change: impl Fn(u128) -> u128) -> u128 {
    // SAFETY: the caller's contract; atomics have the layout of their integers.
    unsafe {
        match bytes {
            4 => {
                let word = &*(address as *const AtomicU32);
                let update = |old| Some(change(u128::from(old)) as u32);
                u128::from(word.fetch_update(SeqCst, SeqCst, update).unwrap_or_else(|old| old))
            }
            8 => {
                let word = &*(address as *const AtomicU64);
                let update = |old| Some(change(u128::from(old)) as u64);
                u128::from(word.fetch_update(SeqCst, SeqCst, update).unwrap_or_else(|old| old))
            }
            _ => exchange16(address, change),
        }
    }
}

/// # Safety
/// As for [`exchange`].
unsafe fn exchange16(address: u64, change: impl Fn(u128) -> u128) -> u128 {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("cmpxchg16b") {
        // SAFETY: the caller's contract.
        let mut old = unsafe { quad::load16(address) };
        loop {
            // SAFETY: the processor has the instruction, and the caller's contract covers the address.
            let found = unsafe { compare_exchange16(address as *mut u128, old, change(old)) };
            if found == old {
                return old;
            }
            old = found;
        }
    }
    // Without a 16-byte compare and exchange: atomic among the lanes of this launch, which share one thread.
    // SAFETY: the caller's contract.
    unsafe {
        let old = quad::load16(address);
        quad::store16(address, change(old));
        old
    }
}

/// # Safety
/// As for [`exchange`], and the processor has `cmpxchg16b`.
#[cfg(target_arch = "x86_64")]
unsafe fn compare_exchange16(address: *mut u128, old: u128, new: u128) -> u128 {
    let (mut low, mut high) = (old as u64, (old >> 64) as u64);
    // SAFETY: the caller's contract. By hand, because the intrinsic becomes a library call where it is inlined into code
    // compiled for processors without the instruction. The compiler keeps `rbx` to itself, so it is swapped in and out, and
    // the other operands have registers of their own, lest one of them be given `rbx`.
    unsafe {
        std::arch::asm!(
            "xchg rsi, rbx",
            "lock cmpxchg16b [rdi]",
            "mov rbx, rsi",
            inout("rsi") new as u64 => _,
            in("rdi") address,
            in("rcx") (new >> 64) as u64,
            inout("rax") low,
            inout("rdx") high,
            options(nostack),
        );
    }
    u128::from(low) | u128::from(high) << 64
}

fn apply(operation: AtomicOperation, bytes: u8, old: u128, b: u128, c: u128) -> u128 {
    use AtomicOperation::*;
    let bits = u32::from(bytes) * 8;
    let mask = if bits == 128 { u128::MAX } else { (1 << bits) - 1 };
    let (b, c) = (b & mask, c & mask);
    let signed = |value: u128| if bytes == 4 { i64::from(value as i32) } else { value as i64 };
    let double = |value: u128| f64::from_bits(value as u64);
    let single = |value: u128| f32::from_bits(value as u32);
    let result = match operation {
        Add => old.wrapping_add(b),
        AddF64 => u128::from((double(old) + double(b)).to_bits()),
        AddF32 => u128::from((single(old) + single(b)).to_bits()),
        And => old & b,
        Or => old | b,
        Xor => old ^ b,
        Exchange => b,
        Compare => {
            if old == b {
                c
            } else {
                old
            }
        }
        MinS => {
            if signed(b) < signed(old) {
                b
            } else {
                old
            }
        }
        MaxS => {
            if signed(b) > signed(old) {
                b
            } else {
                old
            }
        }
        MinU => old.min(b),
        MaxU => old.max(b),
        Increment => {
            if old >= b {
                0
            } else {
                old + 1
            }
        }
        Decrement => {
            if old == 0 || old > b {
                b
            } else {
                old - 1
            }
        }
    };
    result & mask
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn increment_and_decrement_wrap_at_their_bound() {
        use AtomicOperation::*;
        assert_eq!(apply(Increment, 4, 5, 5, 0), 0);
        assert_eq!(apply(Increment, 4, 4, 5, 0), 5);
        assert_eq!(apply(Decrement, 4, 0, 5, 0), 5);
        assert_eq!(apply(Decrement, 4, 6, 5, 0), 5);
        assert_eq!(apply(MinS, 4, 1, 0xffff_ffff, 0), 0xffff_ffff);
        assert_eq!(apply(Add, 4, 0xffff_ffff, 1, 0), 0);
    }

    #[test]
    fn sixteen_bytes_exchange_at_once() {
        #[repr(align(16))]
        struct Aligned(u128);
        let mut value = Aligned(7);
        let address = &raw mut value.0 as u64;
        // SAFETY: the value is ours and aligned.
        let old = unsafe { exchange(address, 16, |old| old + (1 << 100)) };
        assert_eq!((old, value.0), (7, 7 + (1 << 100)));
    }
}
