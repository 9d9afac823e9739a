//! Single moves of 1 to 16 bytes between registers and memory that other threads write at the same time.
//!
//! Each is one instruction on x86-64, so single-copy atomic for an aligned address: 16 bytes on every processor with AVX,
//! as its makers guarantee. Elsewhere 16 bytes go as two moves of 8.

use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};

/// # Safety
/// `address` is aligned to `bytes` and readable.
#[inline(always)]
pub(crate) unsafe fn load(address: u64, bytes: u8) -> u64 {
    // SAFETY: the caller's contract; atomics have the layout of their integers.
    unsafe {
        match bytes {
            1 => u64::from((*(address as *const AtomicU8)).load(Ordering::Acquire)),
            2 => u64::from((*(address as *const AtomicU16)).load(Ordering::Acquire)),
            4 => u64::from((*(address as *const AtomicU32)).load(Ordering::Acquire)),
            _ => (*(address as *const AtomicU64)).load(Ordering::Acquire),
        }
    }
}

/// # Safety
/// `address` is aligned to `bytes` and writable.
#[inline(always)]
pub(crate) unsafe fn store(address: u64, bytes: u8, value: u64) {
    // SAFETY: the caller's contract; atomics have the layout of their integers.
    unsafe {
        match bytes {
            1 => (*(address as *const AtomicU8)).store(value as u8, Ordering::Release),
            2 => (*(address as *const AtomicU16)).store(value as u16, Ordering::Release),
            4 => (*(address as *const AtomicU32)).store(value as u32, Ordering::Release),
            _ => (*(address as *const AtomicU64)).store(value, Ordering::Release),
        }
    }
}

/// # Safety
/// `address` is aligned to 16 and readable.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) unsafe fn load16(address: u64) -> u128 {
    use std::arch::x86_64::__m128i;
    // SAFETY: the caller's contract; a volatile aligned vector read is one move, and both types are 16 plain bytes.
    unsafe { std::mem::transmute((address as *const __m128i).read_volatile()) }
}

/// # Safety
/// `address` is aligned to 16 and writable.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) unsafe fn store16(address: u64, value: u128) {
    use std::arch::x86_64::__m128i;
    // SAFETY: the caller's contract; a volatile aligned vector write is one move, and both types are 16 plain bytes.
    unsafe { (address as *mut __m128i).write_volatile(std::mem::transmute::<u128, __m128i>(value)) }
}

/// # Safety
/// As on x86-64.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) unsafe fn load16(address: u64) -> u128 {
    // SAFETY: the caller's contract covers both halves.
    unsafe { u128::from(load(address, 8)) | u128::from(load(address + 8, 8)) << 64 }
}

/// # Safety
/// As on x86-64.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) unsafe fn store16(address: u64, value: u128) {
    // SAFETY: the caller's contract covers both halves.
    unsafe {
        store(address, 8, value as u64);
        store(address + 8, 8, (value >> 64) as u64);
    }
}
