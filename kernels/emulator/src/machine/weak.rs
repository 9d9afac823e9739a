//! Weak memory by seed.
//!
//! Stores wait in a buffer of their CTA, seen only by the threads that they happened before, and reach memory out of order.
//! Loads may give what the CTA saw at an address earlier. What limits both is exactly what PTX promises:
//!
//! - a store is seen at once by its own thread; `bar.warp.sync` and CTA barriers hand what a thread sees on to the others
//!   that take part; a release at GPU or system scope, a cluster barrier's arrival or the kernel's end drains all that the
//!   thread sees before it;
//! - an acquire, and a barrier after one, forbids its thread every value that was overtaken before it;
//! - stores to one address keep their order, a thread never sees an address go backwards, and 16 bytes are one unit.
//!
//! GPU and system scope are one. Allocates as it goes: it is for tests.

use std::collections::HashMap;

use super::memory::Commit;
use super::quad;
use crate::program::Scope;

/// Entries in a CTA's buffer before the oldest are pushed out.
const BUFFER_MAX: usize = 24;
const IDLE_PAUSE: std::time::Duration = std::time::Duration::from_micros(20);
const STALE_ONE_IN: u64 = 3;
/// For each access of each lane.
const DRAIN_ONE_IN: u64 = 100;

/// A xorshift generator: small, seeded, the same everywhere.
#[derive(Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end.max(1)
    }
}

/// A thread of a CTA.
#[derive(Clone, Copy, Debug)]
pub(super) struct Thread {
    pub(super) cta: usize,
    pub(super) warp: u32,
    pub(super) lane: usize,
}

impl Thread {
    fn number(self) -> usize {
        self.warp as usize * 32 + self.lane
    }
}

#[derive(Clone, Debug)]
struct Entry {
    id: u64,
    address: u64,
    bytes: u64,
    value: u128,
    private: bool,
    /// Lanes of each warp that the store happened before.
    seen: [u32; 32],
}

impl Entry {
    fn overlaps(&self, address: u64, bytes: u64) -> bool {
        self.address < address + bytes && address < self.address + self.bytes
    }

    fn is_seen(&self, thread: Thread) -> bool {
        self.seen[thread.warp as usize] >> thread.lane & 1 == 1
    }
}

#[derive(Clone, Copy, Debug)]
struct Block {
    value: u128,
    filled: u64,
}

#[derive(Debug)]
struct CtaView {
    entries: Vec<Entry>,
    /// 16-byte blocks that the CTA has read, by address.
    blocks: HashMap<u64, Block>,
    /// By thread: blocks filled before this time are overtaken.
    fresh: Vec<u64>,
}

/// The memory system of a launch.
#[derive(Debug)]
pub(super) struct Weak {
    pub(super) random: Random,
    ctas: Vec<CtaView>,
    time: u64,
}

fn low_bytes(value: u128, bytes: u64) -> u128 {
    if bytes >= 16 { value } else { value & ((1 << (8 * bytes)) - 1) }
}

impl Weak {
    pub(super) fn new(seed: u64, ctas: usize) -> Self {
        let view = || CtaView { entries: Vec::new(), blocks: HashMap::new(), fresh: vec![0; 1024] };
        Self { random: Random::new(seed), ctas: (0..ctas).map(|_| view()).collect(), time: 1 }
    }

    /// A CTA slot gets a new CTA.
    pub(super) fn start_cta(&mut self, cta: usize, commit: &mut Commit) {
        self.drain_all(cta, commit);
        let view = &mut self.ctas[cta];
        view.blocks.clear();
        view.fresh.fill(0);
    }

    pub(super) fn load(
        &mut self,
        thread: Thread,
        address: u64,
        bytes: u64,
        cached: bool,
        commit: &mut Commit,
    ) -> u128 {
        self.drain_sometimes(thread.cta, commit);
        let seen = self.ctas[thread.cta]
            .entries
            .iter()
            .rposition(|entry| entry.overlaps(address, bytes) && entry.is_seen(thread));
        if let Some(index) = seen {
            let entry = &self.ctas[thread.cta].entries[index];
            if entry.address <= address && address + bytes <= entry.address + entry.bytes {
                return low_bytes(entry.value >> (8 * (address - entry.address)), bytes);
            }
            self.drain_overlapping(thread.cta, address, bytes, commit);
        }
        if !cached {
            return read(address, bytes);
        }
        self.cached_load(thread, address, bytes)
    }

    fn cached_load(&mut self, thread: Thread, address: u64, bytes: u64) -> u128 {
        let base = address & !15;
        let stale = self.random.below(STALE_ONE_IN) == 0;
        self.time += 1;
        let view = &mut self.ctas[thread.cta];
        let fresh = view.fresh[thread.number()];
        let block = match view.blocks.get(&base) {
            Some(&block) if stale && block.filled >= fresh => block,
            _ => {
                // SAFETY: a 16-byte block lies in one page, and the access inside it was checked.
                let block = Block { value: unsafe { quad::load16(base) }, filled: self.time };
                view.blocks.insert(base, block);
                block
            }
        };
        low_bytes(block.value >> (8 * (address - base)), bytes)
    }

    pub(super) fn store(
        &mut self,
        thread: Thread,
        address: u64,
        bytes: u64,
        value: u128,
        private: bool,
        commit: &mut Commit,
    ) {
        let mut seen = [0; 32];
        seen[thread.warp as usize] = 1 << thread.lane;
        self.time += 1;
        let entry = Entry { id: self.time, address, bytes, value: low_bytes(value, bytes), private, seen };
        self.ctas[thread.cta].entries.push(entry);
        while self.ctas[thread.cta].entries.len() > BUFFER_MAX {
            self.drain_random(thread.cta, commit);
        }
        self.drain_sometimes(thread.cta, commit);
    }

    /// An atomic works on memory itself: what its thread stored there goes first, and the CTA's old view of it ends.
    pub(super) fn before_atomic(&mut self, thread: Thread, address: u64, bytes: u64, commit: &mut Commit) {
        self.drain_overlapping(thread.cta, address, bytes, commit);
        self.ctas[thread.cta].blocks.remove(&(address & !15));
    }

    pub(super) fn release(&mut self, thread: Thread, scope: Scope, commit: &mut Commit) {
        let cta = thread.cta;
        if scope == Scope::Cta {
            for entry in self.ctas[cta].entries.iter_mut().filter(|entry| entry.is_seen(thread)) {
                entry.seen = [u32::MAX; 32];
            }
            return;
        }
        while let Some(index) = self.ctas[cta].entries.iter().position(|entry| entry.is_seen(thread)) {
            self.drain_at(cta, index, commit);
        }
    }

    pub(super) fn acquire(&mut self, thread: Thread) {
        self.time += 1;
        self.ctas[thread.cta].fresh[thread.number()] = self.time;
    }

    /// What any lane of the group sees, all of them see.
    pub(super) fn synchronise_warp(&mut self, cta: usize, warp: u32, lanes: u32) {
        let view = &mut self.ctas[cta];
        for entry in &mut view.entries {
            let seen = &mut entry.seen[warp as usize];
            *seen |= if *seen & lanes != 0 { lanes } else { 0 };
        }
        let threads = (0..32).filter(|lane| lanes >> lane & 1 == 1).map(|lane| warp as usize * 32 + lane);
        let newest = threads.clone().map(|thread| view.fresh[thread]).max().unwrap_or(0);
        threads.for_each(|thread| view.fresh[thread] = newest);
    }

    pub(super) fn arrive_at_cta_barrier(&mut self, cta: usize, warp: u32, lanes: u32) {
        for entry in self.ctas[cta].entries.iter_mut().filter(|entry| entry.seen[warp as usize] & lanes != 0)
        {
            entry.seen = [u32::MAX; 32];
        }
    }

    pub(super) fn complete_cta_barrier(&mut self, cta: usize) {
        let fresh = &mut self.ctas[cta].fresh;
        let newest = fresh.iter().copied().max().unwrap_or(0);
        fresh.fill(newest);
    }

    /// What a moment in which all warps poll brings: mostly nothing, sometimes a store that arrives, sometimes a pause in
    /// which host threads see memory as it is.
    pub(super) fn idle(&mut self, commit: &mut Commit) {
        match self.random.below(8) {
            0 => std::thread::sleep(IDLE_PAUSE),
            1 | 2 => self.drain_one_each(commit),
            _ => {}
        }
    }

    fn drain_one_each(&mut self, commit: &mut Commit) {
        for cta in 0..self.ctas.len() {
            self.drain_random(cta, commit);
        }
    }

    pub(super) fn drain_all(&mut self, cta: usize, commit: &mut Commit) {
        while !self.ctas[cta].entries.is_empty() {
            self.drain_random(cta, commit);
        }
    }

    fn drain_sometimes(&mut self, cta: usize, commit: &mut Commit) {
        if self.random.below(DRAIN_ONE_IN) == 0 {
            self.drain_random(cta, commit);
        }
    }

    fn drain_random(&mut self, cta: usize, commit: &mut Commit) {
        let count = self.ctas[cta].entries.len() as u64;
        if count > 0 {
            let index = self.random.below(count) as usize;
            self.drain_at(cta, index, commit);
        }
    }

    fn drain_overlapping(&mut self, cta: usize, address: u64, bytes: u64, commit: &mut Commit) {
        while let Some(index) = self.ctas[cta].entries.iter().position(|entry| entry.overlaps(address, bytes))
        {
            self.drain_at(cta, index, commit);
        }
    }

    /// Writes one entry to memory, after the older ones that touch the same bytes.
    fn drain_at(&mut self, cta: usize, index: usize, commit: &mut Commit) {
        let id = self.ctas[cta].entries[index].id;
        loop {
            let entries = &self.ctas[cta].entries;
            let Some(index) = entries.iter().position(|entry| entry.id == id) else { return };
            let (address, bytes) = (entries[index].address, entries[index].bytes);
            match entries[..index].iter().position(|entry| entry.overlaps(address, bytes)) {
                Some(older) => self.drain_at(cta, older, commit),
                None => return self.write_out(cta, index, commit),
            }
        }
    }

    fn write_out(&mut self, cta: usize, index: usize, commit: &mut Commit) {
        let view = &mut self.ctas[cta];
        let entry = view.entries.remove(index);
        commit.store(entry.address, entry.bytes as u8, entry.value, entry.private);
        if let Some(block) = view.blocks.get_mut(&(entry.address & !15)) {
            let shift = 8 * (entry.address & 15);
            let mask = low_bytes(u128::MAX, entry.bytes) << shift;
            block.value = (block.value & !mask) | (entry.value << shift);
        }
    }
}

fn read(address: u64, bytes: u64) -> u128 {
    // SAFETY: the access was checked and is aligned.
    unsafe { if bytes == 16 { quad::load16(address) } else { u128::from(quad::load(address, bytes as u8)) } }
}
