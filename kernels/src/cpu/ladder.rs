//! The prices of each book side in order: a sorted array of 4-byte keys per side, best price last.
//!
//! It is touched only when a level appears or disappears; quantities live in the level table. Keys ascend towards
//! the best price on both sides: a bid's key is its tick, an offer's is the tick with all bits inverted, which turns
//! the order round without overflow. Arrays come from one arena in blocks of doubling size with a free list a size;
//! nothing is allocated after construction, and an exhausted arena is a typed refusal.
//!
//! Most changes fall near the best price, at a place that no branch predictor knows. So the last [`CHUNK`] keys are
//! counted and shifted as a whole, whatever their number: each block has a chunk of sentinels in front of its keys
//! and a chunk of slack behind them. Changes deeper than a chunk take the general way.

use super::huge::{HugeArray, Zeroable, prefetch};

/// Keys that are compared at once: one cache line. They are moved by whole chunks.
const CHUNK: usize = 16;

/// Keys in the smallest block, sentinels and slack included.
const BLOCK_MIN: usize = 64;

/// Block sizes: 64 << 0 up to 64 << 24.
const CLASSES: usize = 25;

/// "No block".
const BLOCK_NONE: u32 = u32::MAX;

/// Sorts below (or level with) every key.
const SENTINEL: i32 = i32::MIN;

/// The key of a tick; the inverse of itself.
#[inline(always)]
pub(crate) fn key_of_tick(tick: i32, sell: bool) -> i32 {
    tick ^ -i32::from(sell)
}

/// One side's array, 16 bytes; both sides of a book share half a cache line.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct LadderSide {
    /// First sentinel in the arena; the keys begin [`CHUNK`] further.
    offset: u32,
    /// Levels.
    pub(crate) len: u32,
    /// Keys that fit.
    usable: u32,
    /// Last key, or the sentinel of an empty side: a copy, so that the touch is known without the array.
    best: i32,
}

// SAFETY: integers only.
unsafe impl Zeroable for LadderSide {}

impl LadderSide {
    /// Key of the best price.
    #[inline(always)]
    pub(crate) fn best(&self) -> Option<i32> {
        (self.len != 0).then_some(self.best)
    }

    /// Whether `key` is the best price or better than it.
    #[inline(always)]
    pub(crate) fn touches(&self, key: i32) -> bool {
        key >= self.best
    }
}

/// The arrays of all sides.
pub(crate) struct Ladders {
    pub(crate) sides: HugeArray<LadderSide>,
    arena: HugeArray<i32>,
    arena_used: usize,
    /// First free block a class; a free block's first key holds the offset of the next one.
    free: [u32; CLASSES],
}

impl Ladders {
    /// Arrays for `sides` sides and `levels_max` levels in all: a smallest block a side, and eight times the levels
    /// for the doubling and for blocks of sides that were longer once.
    pub(crate) fn new(sides: usize, levels_max: usize) -> Self {
        let keys = sides * BLOCK_MIN + levels_max * 8;
        assert!(keys < BLOCK_NONE as usize, "arena offsets are 32 bits");
        let mut headers = HugeArray::<LadderSide>::zeroed(sides);
        headers.iter_mut().for_each(|side| side.best = SENTINEL);
        Self { sides: headers, arena: HugeArray::zeroed(keys), arena_used: 0, free: [BLOCK_NONE; CLASSES] }
    }

    /// Keys of a side, worst price first.
    #[inline(always)]
    pub(crate) fn keys(&self, side: usize) -> &[i32] {
        let side = &self.sides[side];
        if side.len == 0 { &[] } else { &self.arena[side.offset as usize + CHUNK..][..side.len as usize] }
    }

    /// Whether the best prices of a book meet or cross, an empty side's sentinel counted as its best price: then
    /// [`Self::crossed`] has to be asked. `false` for a book out of range.
    #[inline(always)]
    pub(crate) fn may_be_crossed(&self, book: usize) -> bool {
        let bid = book * 2;
        if bid + 1 >= self.sides.len() {
            return false;
        }
        // SAFETY: the larger of the two was just compared with the length.
        let [bid, ask] = unsafe { [self.sides.get_unchecked(bid), self.sides.get_unchecked(bid + 1)] };
        bid.best >= key_of_tick(ask.best, true)
    }

    /// Whether both sides of a book have levels and their best prices meet or cross; `book` is in range.
    pub(crate) fn crossed(&self, book: usize) -> bool {
        let has_levels = |side: usize| self.sides[side].len != 0;
        has_levels(book * 2) && has_levels(book * 2 + 1) && self.may_be_crossed(book)
    }

    /// Inserts a key that is not there. `false`: no room, nothing changed.
    #[inline(always)]
    pub(crate) fn insert(&mut self, side: usize, key: i32) -> bool {
        if self.sides[side].len == self.sides[side].usable && !self.grow(side) {
            return false;
        }
        let header = &mut self.sides[side];
        let end = header.offset as usize + CHUNK + header.len as usize;
        let above = above_in_chunk(&self.arena, end, key);
        if above < CHUNK {
            let at = end - above;
            move_up(&mut self.arena, at);
            self.arena[at] = key;
        } else {
            let keys = &mut self.arena[header.offset as usize + CHUNK..end + 1];
            let at = keys[..keys.len() - 1].partition_point(|&other| other <= key);
            keys.copy_within(at..keys.len() - 1, at + 1);
            keys[at] = key;
        }
        header.best = header.best.max(key);
        header.len += 1;
        true
    }

    /// Removes a key that is there.
    #[inline(always)]
    pub(crate) fn remove(&mut self, side: usize, key: i32) {
        let header = &mut self.sides[side];
        let end = header.offset as usize + CHUNK + header.len as usize;
        let above = above_in_chunk(&self.arena, end, key);
        if above < CHUNK {
            let at = end - 1 - above;
            debug_assert_eq!(self.arena[at], key, "the key to remove is there");
            move_down(&mut self.arena, at);
        } else {
            let keys = &mut self.arena[header.offset as usize + CHUNK..end];
            let at = keys.partition_point(|&other| other < key);
            debug_assert_eq!(keys[at], key, "the key to remove is there");
            keys.copy_within(at + 1.., at);
        }
        // The last key that is left, or the last sentinel.
        header.best = self.arena[end - 2];
        header.len -= 1;
    }

    /// Moves a side's keys into a block of twice the size.
    #[cold]
    #[inline(never)]
    fn grow(&mut self, side: usize) -> bool {
        let old = self.sides[side];
        let class = if old.usable == 0 { 0 } else { class_of(old.usable) + 1 };
        if class >= CLASSES {
            return false;
        }
        let block = BLOCK_MIN << class;
        let offset = if self.free[class] != BLOCK_NONE {
            let offset = self.free[class];
            self.free[class] = self.arena[offset as usize] as u32;
            offset
        } else if self.arena_used + block <= self.arena.len() {
            let offset = self.arena_used as u32;
            self.arena_used += block;
            offset
        } else {
            return false;
        };
        let (from, to) = (old.offset as usize, offset as usize);
        self.arena[to..to + CHUNK].fill(SENTINEL);
        if old.usable != 0 {
            self.arena.copy_within(from + CHUNK..from + CHUNK + old.len as usize, to + CHUNK);
            let class = class_of(old.usable);
            self.arena[from] = self.free[class] as i32;
            self.free[class] = old.offset;
        }
        self.sides[side] = LadderSide { offset, usable: (block - 2 * CHUNK) as u32, ..old };
        true
    }

    /// Asks for the line that holds the best keys of a side; a side out of range asks for nothing.
    #[inline(always)]
    pub(crate) fn prefetch_top(&self, side: usize) {
        if let Some(side) = self.sides.get(side) {
            let end = side.offset as usize + CHUNK + side.len as usize;
            prefetch(&self.arena, end);
            prefetch(&self.arena, end - CHUNK);
        }
    }
}

#[inline(always)]
fn class_of(usable: u32) -> usize {
    ((usable as usize + 2 * CHUNK) / BLOCK_MIN).trailing_zeros() as usize
}

/// How many of the [`CHUNK`] keys before `end` are above `key`; sentinels never are.
#[inline(always)]
fn above_in_chunk(arena: &[i32], end: usize, key: i32) -> usize {
    let chunk: &[i32; CHUNK] =
        arena[..end].last_chunk().expect("a chunk of sentinels stands before the keys");
    above(chunk, key)
}

/// How many of ascending keys are above `key`.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn above(chunk: &[i32; CHUNK], key: i32) -> usize {
    use std::arch::x86_64::{
        __m128i, _mm_cmpgt_epi32, _mm_loadu_si128, _mm_movemask_epi8, _mm_packs_epi16, _mm_packs_epi32,
        _mm_set1_epi32,
    };
    let keys = chunk.as_ptr().cast::<__m128i>();
    // SAFETY: every x86-64 CPU has SSE2, and the four unaligned loads are the chunk's 64 bytes.
    let mask = unsafe {
        let key = _mm_set1_epi32(key);
        let [a, b, c, d] = [0, 1, 2, 3].map(|at| _mm_cmpgt_epi32(_mm_loadu_si128(keys.add(at)), key));
        _mm_movemask_epi8(_mm_packs_epi16(_mm_packs_epi32(a, b), _mm_packs_epi32(c, d)))
    };
    // Those above are the last ones: where the first is says how many, without a population count, which the oldest
    // of these CPUs lack.
    CHUNK - (mask | 1 << CHUNK).trailing_zeros() as usize
}

/// How many of ascending keys are above `key`.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn above(chunk: &[i32; CHUNK], key: i32) -> usize {
    chunk.iter().map(|&other| u32::from(other > key)).sum::<u32>() as usize
}

/// Moves the keys from `at` on up by one: a chunk, those that are there and what lies behind them. A shorter move for
/// fewer keys costs more than it saves: how many there are is known to no branch predictor.
#[inline(always)]
fn move_up(arena: &mut [i32], at: usize) {
    let window = &mut arena[at..at + CHUNK + 1];
    let moved: [i32; CHUNK] = *window.first_chunk().expect("one more than a chunk");
    window[1..].copy_from_slice(&moved);
}

/// Moves the chunk of keys behind `at` down by one, over the one at `at`.
#[inline(always)]
fn move_down(arena: &mut [i32], at: usize) {
    let window = &mut arena[at..at + CHUNK + 1];
    let moved: [i32; CHUNK] = *window.last_chunk().expect("one more than a chunk");
    window[..CHUNK].copy_from_slice(&moved);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn keys_of_both_sides_ascend_towards_the_best_price() {
        assert!(key_of_tick(101, false) > key_of_tick(100, false));
        assert!(key_of_tick(100, true) > key_of_tick(101, true));
        for tick in [i32::MIN, -1, 0, i32::MAX] {
            assert_eq!(key_of_tick(key_of_tick(tick, true), true), tick);
        }
    }

    #[test]
    fn random_inserts_and_removes_agree_with_a_set() {
        let mut ladders = Ladders::new(3, 2000);
        let mut sets = [const { BTreeSet::new() }; 3];
        let mut state = 0x1234_5678_u64;
        for _ in 0..40_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let side = (state >> 60) as usize % 3;
            let key = ((state >> 32) as i32) % 700;
            if sets[side].remove(&key) {
                ladders.remove(side, key);
            } else {
                assert!(ladders.insert(side, key), "the arena holds what it was made for");
                sets[side].insert(key);
            }
            assert!(ladders.keys(side).iter().eq(sets[side].iter()), "side {side}, key {key}");
            assert_eq!(ladders.sides[side].best(), sets[side].last().copied());
        }
    }

    #[test]
    fn an_exhausted_arena_refuses_and_changes_nothing() {
        let mut ladders = Ladders::new(1, 0);
        let inserted = (0..1000).take_while(|&key| ladders.insert(0, key)).count();
        assert_eq!(inserted, BLOCK_MIN - 2 * CHUNK);
        assert!(ladders.keys(0).iter().copied().eq(0..inserted as i32));
    }
}
