//! 16 bytes as one access to memory that a device reads and writes at the same time.
//!
//! On x86-64 a 16-byte aligned SSE access is one on every CPU with AVX (Intel SDM 3A, 8.1.1; AMD APM 2, 7.3.2), and a
//! compiler may not split what is written as assembly. Elsewhere the half with the tag is stored last and loaded first.

/// Four words, the first of which is the tag.
pub(crate) type Quad = [u32; 4];

/// Stores a quad.
///
/// # Safety
/// `at` is aligned to 16 bytes and valid for writes; nobody but a device or [`load`] reads it meanwhile.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) unsafe fn store(at: *mut Quad, quad: Quad) {
    use std::arch::x86_64::{__m128i, _mm_loadu_si128};
    // SAFETY: a local array of 16 bytes is read; the store is to where the caller vouches for.
    unsafe {
        let value: __m128i = _mm_loadu_si128(quad.as_ptr().cast());
        std::arch::asm!("movaps [{at}], {value}", at = in(reg) at, value = in(xmm_reg) value, options(nostack, preserves_flags));
    }
}

/// Loads a quad.
///
/// # Safety
/// `at` is aligned to 16 bytes and valid for reads; nobody but a device or [`store`] writes it meanwhile.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) unsafe fn load(at: *const Quad) -> Quad {
    use std::arch::x86_64::{__m128i, _mm_storeu_si128};
    let mut quad = [0; 4];
    // SAFETY: the load is from where the caller vouches for; a local array of 16 bytes is written.
    unsafe {
        let value: __m128i;
        std::arch::asm!("movaps {value}, [{at}]", at = in(reg) at, value = out(xmm_reg) value, options(nostack, preserves_flags, readonly));
        _mm_storeu_si128(quad.as_mut_ptr().cast(), value);
    }
    quad
}

/// Stores a quad.
///
/// # Safety
/// As on x86-64.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) unsafe fn store(at: *mut Quad, quad: Quad) {
    use std::sync::atomic::{AtomicU64, Ordering};
    let halves = at.cast::<AtomicU64>();
    let half = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
    // SAFETY: aligned and valid as the caller says. Release: whoever sees the tag sees the other half.
    unsafe {
        (*halves.add(1)).store(half(quad[2], quad[3]), Ordering::Relaxed);
        (*halves).store(half(quad[0], quad[1]), Ordering::Release);
    }
}

/// Loads a quad.
///
/// # Safety
/// As on x86-64.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) unsafe fn load(at: *const Quad) -> Quad {
    use std::sync::atomic::{AtomicU64, Ordering};
    let halves = at.cast::<AtomicU64>();
    // SAFETY: aligned and valid as the caller says. Acquire: pairs with the tag half's store.
    let (first, second) =
        unsafe { ((*halves).load(Ordering::Acquire), (*halves.add(1)).load(Ordering::Relaxed)) };
    [first as u32, (first >> 32) as u32, second as u32, (second >> 32) as u32]
}
