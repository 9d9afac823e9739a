//! The host's side of `cuda/resident.cu`: lines, books, and the model of its answers.

#![allow(dead_code)]

use std::sync::atomic::{AtomicU32, Ordering};

pub const LEVELS: usize = 256;
pub const BOOKS: usize = 4;

#[repr(C, align(64))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Line {
    pub w: [u32; 16],
}

#[repr(C, align(64))]
#[derive(Default)]
pub struct Control {
    pub stop: AtomicU32,
    pad0: [u32; 15],
    pub heartbeat: std::sync::atomic::AtomicU64,
    pub epoch: AtomicU32,
    pub state: AtomicU32,
    pad1: [u32; 12],
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Book {
    pub quantity: [i64; LEVELS],
    pub occupied: [u32; LEVELS / 32],
}

impl Default for Book {
    fn default() -> Self {
        Self { quantity: [0; LEVELS], occupied: [0; LEVELS / 32] }
    }
}

/// One tick.
#[derive(Clone, Copy, Debug)]
pub struct Tick {
    pub sequence: u32,
    pub book: u32,
    pub level: u32,
    pub change: i32,
    pub echo: u32,
}

pub fn tick(sequence: u32, seed: u64) -> Tick {
    let mut x =
        u64::from(sequence).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ seed.wrapping_mul(0xd134_2543_de82_ef95);
    x ^= x >> 29;
    x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^= x >> 32;
    Tick {
        sequence,
        book: x as u32 % BOOKS as u32,
        level: (x >> 8) as u32 % LEVELS as u32,
        change: ((x >> 20) % 41) as i32 - 20,
        echo: (x >> 32) as u32,
    }
}

impl Tick {
    pub fn request(&self) -> Line {
        let mut line = Line::default();
        for quad in 0..4 {
            line.w[quad * 4] = self.sequence;
        }
        (line.w[1], line.w[2], line.w[3], line.w[5]) = (self.book, self.level, self.change as u32, self.echo);
        line
    }

    /// Applies the tick to its book and gives the kernel's answer.
    pub fn answer(&self, books: &mut [Book]) -> Line {
        let book = &mut books[self.book as usize];
        let level = self.level as usize;
        book.quantity[level] = (book.quantity[level] + i64::from(self.change)).max(0);
        let bit = 1 << (level % 32);
        let word = &mut book.occupied[level / 32];
        *word = if book.quantity[level] != 0 { *word | bit } else { *word & !bit };
        let best = (0..LEVELS).rev().find(|&at| book.quantity[at] != 0);
        let quantity = best.map_or(0, |at| book.quantity[at]);
        let best = best.map_or(-1, |at| at as i32) as u32;
        let sequence = self.sequence;
        Line {
            w: [
                sequence,
                self.book,
                best,
                self.level,
                sequence,
                quantity as u32,
                (quantity >> 32) as u32,
                sequence ^ 1,
                sequence,
                self.echo,
                !self.echo,
                sequence ^ 2,
                sequence,
                sequence.wrapping_mul(7),
                0,
                sequence ^ 3,
            ],
        }
    }
}

/// Writes a line in four 16-byte stores, last quad first.
pub fn push(slot: *mut Line, line: &Line) {
    for quad in (0..4).rev() {
        let value = [line.w[quad * 4], line.w[quad * 4 + 1], line.w[quad * 4 + 2], line.w[quad * 4 + 3]];
        // SAFETY: the slot lies in a ring that outlives the kernel, aligned to 64; one aligned vector move is one store.
        unsafe {
            let value: std::arch::x86_64::__m128i = std::mem::transmute(value);
            (slot.cast::<std::arch::x86_64::__m128i>()).add(quad).write_volatile(value);
        }
    }
}

/// Reads a line in four 16-byte loads.
pub fn peek(slot: *const Line) -> Line {
    let mut line = Line::default();
    for quad in 0..4 {
        // SAFETY: as for `push`.
        let value: [u32; 4] = unsafe {
            std::mem::transmute(slot.cast::<std::arch::x86_64::__m128i>().add(quad).read_volatile())
        };
        line.w[quad * 4..quad * 4 + 4].copy_from_slice(&value);
    }
    std::sync::atomic::fence(Ordering::Acquire);
    line
}

pub fn has_all_tags(line: &Line, sequence: u32) -> bool {
    (0..4).all(|quad| line.w[quad * 4] == sequence)
}

pub fn has_outer_tags(line: &Line, sequence: u32) -> bool {
    line.w[0] == sequence && line.w[12] == sequence
}
