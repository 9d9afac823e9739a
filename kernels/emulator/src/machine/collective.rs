//! Warp collectives, run once all their members stand at the instruction.

use super::lanes::lanes_of;
use super::warp::Warp;
use crate::program::{Code, Instruction};
use crate::program::{SHUFFLE_PREDICATE, VOTE_INVERTED};

impl Warp {
    /// Runs a collective for the lanes of `run`. `next` is the instruction after it.
    pub(super) fn collective(&mut self, i: &Instruction, next: &Instruction, run: u32) {
        match i.code {
            Code::Shuffle => self.shuffle(i, next, run),
            Code::Vote => self.vote(i, run),
            Code::MatchAny => self.match_any(i, run),
            Code::MatchAll => self.match_all(i, run),
            Code::Reduce => self.reduce(i, run),
            _ => self.elect(i, run),
        }
    }

    fn read(&mut self, register: u16) -> [u64; 32] {
        // SAFETY: register numbers come from the decoder.
        unsafe { self.file().all(register) }
    }

    fn write(&mut self, register: u16, run: u32, value: impl Fn(usize) -> u64) {
        let file = self.file();
        for lane in lanes_of(run) {
            // SAFETY: register numbers come from the decoder.
            unsafe { file.set(register, lane, value(lane)) };
        }
    }

    fn write_predicate(&mut self, predicate: u16, run: u32, value: u32) {
        let d = &mut self.predicates[usize::from(predicate)];
        *d = (*d & !run) | (value & run);
    }

    /// The PTX definition: the low five bits of `c` clamp, the next ones split the warp into segments.
    fn shuffle(&mut self, i: &Instruction, next: &Instruction, run: u32) {
        let (values, by) = (self.read(i.a), self.read(i.b));
        let clamps = self.read(((i.x & !SHUFFLE_PREDICATE) >> 2) as u16);
        let mode = i.x & 3;
        let mut valid = 0;
        let mut results = [0; 32];
        for lane in lanes_of(run) {
            let (b, c) = ((by[lane] & 31) as i32, clamps[lane] as u32);
            let (clamp, segment) = ((c & 31) as i32, (c >> 8) & 31);
            let lowest = (lane as u32 & segment) as i32;
            let highest = lowest | (clamp & !(segment as i32));
            let (from, good) = match mode {
                0 => {
                    let from = lowest | (b & !(segment as i32));
                    (from, from <= highest)
                }
                1 => (lane as i32 - b, lane as i32 - b >= highest),
                2 => (lane as i32 + b, lane as i32 + b <= highest),
                _ => (lane as i32 ^ b, lane as i32 ^ b <= highest),
            };
            let from = if good { from } else { lane as i32 };
            valid |= u32::from(good) << lane;
            results[lane] = values[from as usize & 31];
        }
        self.write(i.d, run, |lane| results[lane]);
        if i.x & SHUFFLE_PREDICATE != 0 {
            self.write_predicate(next.d, run, valid);
        }
    }

    fn vote(&mut self, i: &Instruction, run: u32) {
        let raw = self.predicates[usize::from(i.a)];
        let ballot = if i.x & VOTE_INVERTED != 0 { !raw & run } else { raw & run };
        let holds = match i.x & 3 {
            0 => return self.write(i.d, run, |_| u64::from(ballot)),
            1 => ballot == run,
            2 => ballot != 0,
            _ => ballot == run || ballot == 0,
        };
        self.write_predicate(i.d, run, if holds { u32::MAX } else { 0 });
    }

    fn match_any(&mut self, i: &Instruction, run: u32) {
        let values = self.read(i.a);
        let same = |value: u64| {
            lanes_of(run).filter(|&lane| values[lane] == value).fold(0, |all, lane| all | 1 << lane)
        };
        self.write(i.d, run, |lane| same(values[lane]));
    }

    fn match_all(&mut self, i: &Instruction, run: u32) {
        let values = self.read(i.a);
        let first = values[run.trailing_zeros() as usize & 31];
        let all = lanes_of(run).all(|lane| values[lane] == first);
        self.write(i.d, run, |_| if all { u64::from(run) } else { 0 });
        self.write_predicate(i.b, run, if all { u32::MAX } else { 0 });
    }

    fn reduce(&mut self, i: &Instruction, run: u32) {
        let values = self.read(i.a);
        let words = lanes_of(run).map(|lane| values[lane] as u32);
        let result = match i.x {
            0 => words.fold(0, u32::wrapping_add),
            1 => words.fold(u32::MAX, |all, word| all & word),
            2 => words.fold(0, |all, word| all | word),
            3 => words.fold(0, |all, word| all ^ word),
            4 => words.map(|word| word as i32).min().unwrap_or(0) as u32,
            5 => words.map(|word| word as i32).max().unwrap_or(0) as u32,
            6 => words.min().unwrap_or(0),
            _ => words.max().unwrap_or(0),
        };
        self.write(i.d, run, |_| u64::from(result));
    }

    fn elect(&mut self, i: &Instruction, run: u32) {
        let leader = run.trailing_zeros();
        self.write(i.d, run, |_| u64::from(leader));
        self.write_predicate(i.b, run, 1 << leader);
    }
}
