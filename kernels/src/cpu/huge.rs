//! Fixed arrays of plain records for the hot tables.
//!
//! One allocation at construction, advised for huge pages and touched page by page before it is handed out, so that
//! the hot path meets neither the allocator nor a page fault. Owned by the thread that owns the table; it never
//! grows and never moves.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

/// Size of a huge page, bytes (x86-64 and the usual aarch64 kernels).
const HUGE_PAGE_BYTES: usize = 2 << 20;

/// Records for which the all-zero bit pattern is a valid value and that need no drop.
///
/// # Safety
/// Every field must accept all-zero bytes, and the type must be `Copy` data without padding-dependent meaning.
pub(crate) unsafe trait Zeroable: Copy {}

// SAFETY: a zero integer is a valid integer.
unsafe impl Zeroable for i32 {}
// SAFETY: a zero integer is a valid integer.
unsafe impl Zeroable for u32 {}

/// A zeroed, pre-faulted array whose length never changes.
pub(crate) struct HugeArray<T: Zeroable> {
    pointer: NonNull<T>,
    len: usize,
    layout: Layout,
}

// SAFETY: the array owns its memory exclusively, like a `Box<[T]>`.
unsafe impl<T: Zeroable + Send> Send for HugeArray<T> {}
// SAFETY: shared access only reads, like a `Box<[T]>`.
unsafe impl<T: Zeroable + Sync> Sync for HugeArray<T> {}

impl<T: Zeroable> HugeArray<T> {
    /// `len` zero records (at least one is reserved). Panics when the size overflows; aborts when memory is
    /// exhausted: both only at start.
    pub(crate) fn zeroed(len: usize) -> Self {
        let bytes = len.max(1).checked_mul(size_of::<T>()).expect("table size overflows");
        // Small tables (tests, single-instrument books) are not worth a whole huge page.
        let align = if bytes >= HUGE_PAGE_BYTES { HUGE_PAGE_BYTES } else { 64 };
        let layout =
            Layout::from_size_align(bytes, align.max(align_of::<T>())).expect("table size overflows");
        // SAFETY: the layout's size is not zero.
        let raw = unsafe { alloc(layout) };
        let Some(pointer) = NonNull::new(raw.cast::<T>()) else { handle_alloc_error(layout) };
        advise_huge(raw, bytes);
        // SAFETY: `raw` is valid for `bytes` writes. Writing after the advice is what faults huge pages in.
        unsafe { raw.write_bytes(0, bytes) };
        Self { pointer, len, layout }
    }
}

#[cfg(target_os = "linux")]
fn advise_huge(raw: *mut u8, bytes: usize) {
    if bytes >= HUGE_PAGE_BYTES {
        // The advice may be refused (huge pages switched off): the table then works on small pages, slower.
        // SAFETY: the range is one live allocation, aligned to a page.
        unsafe { libc::madvise(raw.cast(), bytes, libc::MADV_HUGEPAGE) };
    }
}

#[cfg(not(target_os = "linux"))]
fn advise_huge(_raw: *mut u8, _bytes: usize) {}

impl<T: Zeroable> Deref for HugeArray<T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        // SAFETY: `len` zeroed (hence valid) records live at `pointer` for as long as `self`.
        unsafe { std::slice::from_raw_parts(self.pointer.as_ptr(), self.len) }
    }
}

impl<T: Zeroable> DerefMut for HugeArray<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`, and `&mut self` makes the access exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.pointer.as_ptr(), self.len) }
    }
}

impl<T: Zeroable> Drop for HugeArray<T> {
    fn drop(&mut self) {
        // SAFETY: allocated by `alloc` with this very layout and freed once.
        unsafe { dealloc(self.pointer.as_ptr().cast(), self.layout) };
    }
}

/// Asks for the cache line of `records[index]`; out of range asks in vain.
#[inline(always)]
pub(crate) fn prefetch<T>(records: &[T], index: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: prefetching has no architectural effect whatever the address, which wraps and is not followed.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(records.as_ptr().wrapping_add(index).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (records, index);
}

/// Asks for the cache line of `a[at_a]` or else of `b[at_b]`, without a branch on which.
#[inline(always)]
pub(crate) fn prefetch_either<A, B>(first: bool, a: &[A], at_a: usize, b: &[B], at_b: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let [a, b] = [a.as_ptr().wrapping_add(at_a).cast::<i8>(), b.as_ptr().wrapping_add(at_b).cast::<i8>()];
        let address = std::hint::select_unpredictable(first, a, b);
        // SAFETY: prefetching has no architectural effect whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (first, a, at_a, b, at_b);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_and_huge_arrays_start_at_zero_and_are_writable() {
        for len in [0, 1, 1000, 3 << 20] {
            let mut array = HugeArray::<u32>::zeroed(len);
            assert_eq!(array.len(), len);
            assert!(array.iter().all(|&word| word == 0));
            if let Some(last) = array.last_mut() {
                *last = 7;
                assert_eq!(array[len - 1], 7);
            }
            prefetch(&array, len);
        }
    }
}
