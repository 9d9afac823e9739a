//! The prices of each book side in order: a sorted array of 4-byte keys per side, best price last.
//!
//! It is touched only when a level appears or disappears; quantities live in the level table. Keys ascend towards
//! the best price on both sides: a bid's key is its tick, an offer's is the tick with all bits inverted, which turns
//! the order round without overflow. Arrays come from one arena in blocks of doubling size with a free list a size;
//! nothing is allocated after construction, and an exhausted arena is a typed refusal.

use super::huge::{HugeArray, Zeroable, prefetch};

/// Keys in the smallest block.
const BLOCK_MIN: usize = 16;

/// Block sizes: 16 << 0 up to 16 << 26.
const CLASSES: usize = 27;

/// "No block".
const BLOCK_NONE: u32 = u32::MAX;

/// The key of a tick; the inverse of itself.
#[inline(always)]
pub(crate) fn key_of_tick(tick: i32, sell: bool) -> i32 {
    tick ^ -i32::from(sell)
}

/// One side's array, 16 bytes; both sides of a book share half a cache line.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct LadderSide {
    /// First key in the arena.
    offset: u32,
    /// Levels.
    pub(crate) len: u32,
    /// Keys that fit; zero until the first level.
    capacity: u32,
    /// Last key, copied here so that the touch is known without the array; `i32::MIN` when empty but for the
    /// all-zero start, so `len` decides.
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
        self.len == 0 || key >= self.best
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
    /// Arrays for `sides` sides and `levels_max` levels in all. The arena holds one smallest block a side, and four
    /// times the levels for the doubling and for blocks that wait in free lists.
    pub(crate) fn new(sides: usize, levels_max: usize) -> Self {
        let keys = sides * BLOCK_MIN + levels_max * 4 + BLOCK_MIN;
        assert!(keys < BLOCK_NONE as usize, "arena offsets are 32 bits");
        Self {
            sides: HugeArray::zeroed(sides),
            arena: HugeArray::zeroed(keys),
            arena_used: 0,
            free: [BLOCK_NONE; CLASSES],
        }
    }

    /// Keys of a side, worst price first.
    #[inline(always)]
    pub(crate) fn keys(&self, side: usize) -> &[i32] {
        let side = &self.sides[side];
        &self.arena[side.offset as usize..][..side.len as usize]
    }

    /// Inserts a key that is not there. `false`: no room, nothing changed.
    #[inline(always)]
    pub(crate) fn insert(&mut self, side: usize, key: i32) -> bool {
        let header = self.sides[side];
        if header.len == header.capacity && !self.grow(side) {
            return false;
        }
        let header = &mut self.sides[side];
        let len = header.len as usize;
        let keys = &mut self.arena[header.offset as usize..][..=len];
        if len == 0 || key > header.best {
            keys[len] = key;
            header.best = key;
        } else {
            let at = len - count_above(&keys[..len], key);
            keys.copy_within(at..len, at + 1);
            keys[at] = key;
        }
        header.len += 1;
        true
    }

    /// Removes a key that is there.
    #[inline(always)]
    pub(crate) fn remove(&mut self, side: usize, key: i32) {
        let header = &mut self.sides[side];
        let len = header.len as usize;
        let keys = &mut self.arena[header.offset as usize..][..len];
        if key != header.best {
            let at = len - 1 - count_above(keys, key);
            debug_assert_eq!(keys[at], key, "the key to remove is there");
            keys.copy_within(at + 1..len, at);
        } else if len > 1 {
            header.best = keys[len - 2];
        }
        header.len -= 1;
    }

    /// Moves a side's keys into a block of twice the size.
    #[cold]
    #[inline(never)]
    fn grow(&mut self, side: usize) -> bool {
        let old = self.sides[side];
        let class = if old.capacity == 0 { 0 } else { class_of(old.capacity) + 1 };
        if class >= CLASSES {
            return false;
        }
        let capacity = BLOCK_MIN << class;
        let offset = if self.free[class] != BLOCK_NONE {
            let offset = self.free[class];
            self.free[class] = self.arena[offset as usize] as u32;
            offset
        } else if self.arena_used + capacity <= self.arena.len() {
            let offset = self.arena_used as u32;
            self.arena_used += capacity;
            offset
        } else {
            return false;
        };
        let from = old.offset as usize;
        self.arena.copy_within(from..from + old.len as usize, offset as usize);
        if old.capacity != 0 {
            let class = class_of(old.capacity);
            self.arena[from] = self.free[class] as i32;
            self.free[class] = old.offset;
        }
        self.sides[side] = LadderSide { offset, capacity: capacity as u32, ..old };
        true
    }

    /// Asks for the line that holds the best keys of a side.
    #[inline(always)]
    pub(crate) fn prefetch_top(&self, side: usize) {
        let side = &self.sides[side];
        prefetch(&self.arena, (side.offset + side.len.saturating_sub(1)) as usize);
    }
}

#[inline(always)]
fn class_of(capacity: u32) -> usize {
    (capacity as usize / BLOCK_MIN).trailing_zeros() as usize
}

/// How many keys at the end of the sorted array are above `key`. Whole chunks are compared without a branch a key:
/// the place in a chunk is what a branch predictor cannot know. Beyond four chunks the rest is bisected.
#[inline(always)]
fn count_above(keys: &[i32], key: i32) -> usize {
    let mut above = 0;
    let mut rest = keys;
    for _ in 0..4 {
        let Some((head, chunk)) = rest.split_last_chunk::<BLOCK_MIN>() else {
            return above + rest.iter().map(|&other| usize::from(other > key)).sum::<usize>();
        };
        let here: u32 = chunk.iter().map(|&other| u32::from(other > key)).sum();
        above += here as usize;
        if here as usize != BLOCK_MIN {
            return above;
        }
        rest = head;
    }
    above + rest.len() - rest.partition_point(|&other| other <= key)
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
        let mut ladders = Ladders::new(1, 16);
        let inserted = (0..1000).take_while(|&key| ladders.insert(0, key)).count();
        assert!(inserted >= 16 && inserted < 1000);
        assert!(ladders.keys(0).iter().copied().eq(0..inserted as i32));
    }
}
