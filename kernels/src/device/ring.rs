//! The hot side of the device: tick lines out, signal lines in, through pinned memory and nothing else.
//!
//! One thread owns a [`Port`]. It makes no system call and no driver call, waits for nothing, and allocates nothing. A full
//! ring of ticks is an answer, not a wait: whoever feeds the device marks the replica stale then.

use super::memory::PinnedMemory;
use super::quad::{self, Quad};
use crate::abi::{LINE_WORDS, Line, SignalKind, SignalLine, TickLine};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Bytes in front of the rings: the control words of both sides, a line each, in a page of their own.
const CONTROL_BYTES: usize = 4096;
const DEVICE_WORD: usize = 64;

/// What the device said last of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceWord {
    /// Changes while the kernel lives.
    pub heartbeat: u32,
    /// Tick lines worked off.
    pub sequenced: u32,
    /// What it does.
    pub state: RunState,
    /// Epochs ended, as the kernel counts them.
    pub epoch: u32,
}

/// What the kernel does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunState {
    /// It has not begun.
    None,
    /// It runs.
    Running,
    /// An epoch has ended, another follows.
    EpochEnded,
    /// It has ended, by a line or the stop word.
    Stopped,
    /// The replica could not go on; the last signal line says why.
    Broken,
    /// It has ended because the host's heartbeat stood still.
    HostLost,
}

impl RunState {
    const fn from_code(code: u32) -> Self {
        match code {
            1 => Self::Running,
            2 => Self::EpochEnded,
            3 => Self::Stopped,
            4 => Self::Broken,
            5 => Self::HostLost,
            _ => Self::None,
        }
    }
}

/// Both rings and the control words, in one piece of pinned memory.
#[derive(Debug)]
pub struct Rings {
    memory: PinnedMemory,
    ticks: u32,
    signals: u32,
    /// Signal lines taken out, for the control thread: a kernel that waits for room reads it from the host's word.
    taken: AtomicU32,
}

// SAFETY: what is shared is reached by whole quads only; a side's quads have one writer.
unsafe impl Sync for Rings {}

impl Rings {
    /// Rings in zeroed memory; a tag of zero is none's.
    ///
    /// # Errors
    /// The driver's.
    ///
    /// # Panics
    /// When a size is not a power of two from 16 to 2^24.
    pub fn new(
        driver: super::driver::Driver,
        ticks: u32,
        signals: u32,
    ) -> Result<Self, super::driver::DriverError> {
        for size in [ticks, signals] {
            assert!(size.is_power_of_two() && (16..=1 << 24).contains(&size), "a ring of {size} lines");
        }
        Ok(Self {
            memory: PinnedMemory::new(driver, Self::bytes(ticks, signals))?,
            ticks,
            signals,
            taken: AtomicU32::new(0),
        })
    }

    /// Pinned memory that rings of these sizes take.
    #[must_use]
    pub const fn bytes(ticks: u32, signals: u32) -> usize {
        CONTROL_BYTES + (ticks as usize + signals as usize) * size_of::<Line>()
    }

    /// Where the device finds control words, ticks, signals.
    #[must_use]
    pub const fn device_addresses(&self) -> [u64; 3] {
        let base = self.memory.device();
        let ticks = base + CONTROL_BYTES as u64;
        [base, ticks, ticks + self.ticks as u64 * size_of::<Line>() as u64]
    }

    /// Lines of the ring of ticks.
    #[must_use]
    pub const fn ticks_len(&self) -> u32 {
        self.ticks
    }

    /// Lines of the ring of signals.
    #[must_use]
    pub const fn signals_len(&self) -> u32 {
        self.signals
    }

    fn control(&self, offset: usize) -> *mut Quad {
        // In range: both words lie in the control page.
        self.memory.host().cast::<u8>().wrapping_add(offset).cast()
    }

    /// What the host says: stop, heartbeat, signal lines taken out. The control thread writes it.
    pub fn tell_device(&self, stop: bool, heartbeat: u32, credits: u32) {
        // SAFETY: aligned, inside the pinned memory; one writer.
        unsafe { quad::store(self.control(0), [u32::from(stop), heartbeat, credits, 0]) };
    }

    /// What the device says.
    #[must_use]
    pub fn device_word(&self) -> DeviceWord {
        // SAFETY: aligned, inside the pinned memory.
        let [heartbeat, sequenced, state, epoch] = unsafe { quad::load(self.control(DEVICE_WORD)) };
        DeviceWord { heartbeat, sequenced, state: RunState::from_code(state), epoch }
    }

    /// Sets all lines and words to zero, as they were at first. No kernel runs, and no [`Port`] is used any more.
    pub(crate) fn clear(&self) {
        // SAFETY: the memory is ours, that many bytes long, and nobody else uses it now.
        unsafe { std::ptr::write_bytes(self.memory.host().cast::<u8>(), 0, self.memory.bytes()) };
        self.taken.store(0, Ordering::Relaxed);
    }

    /// Signal lines that the hot side has taken out, as it last said.
    pub(crate) fn credits(&self) -> u32 {
        self.taken.load(Ordering::Relaxed)
    }

    fn tick_slot(&self, tag: u32) -> *mut Quad {
        let slot = (tag & (self.ticks - 1)) as usize;
        self.memory.host().cast::<u8>().wrapping_add(CONTROL_BYTES + slot * size_of::<Line>()).cast()
    }

    fn signal_slot(&self, tag: u32) -> *const Quad {
        let slot = self.ticks as usize + (tag & (self.signals - 1)) as usize;
        self.memory.host().cast::<u8>().wrapping_add(CONTROL_BYTES + slot * size_of::<Line>()).cast()
    }
}

/// The ring of ticks is full: the device is behind by its whole size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingFull;

/// What a line of no known kind counts as: the device cannot be trusted any more.
const UNREADABLE: SignalLine =
    SignalLine { request: 0, kind: SignalKind::Broken, index: 0, values: [FAULT_UNREADABLE, 0, 0, 0, 0] };

/// First value of a [`SignalKind::Broken`] line that stands for one of no known kind.
pub const FAULT_UNREADABLE: i64 = -1;

/// See the module's page.
#[derive(Debug)]
pub struct Port {
    rings: Arc<Rings>,
    next_tick: u32,
    sequenced: u32,
    next_signal: u32,
}

impl Port {
    /// The hot side of fresh rings.
    #[must_use]
    pub const fn new(rings: Arc<Rings>) -> Self {
        Self { rings, next_tick: 1, sequenced: 0, next_signal: 1 }
    }

    /// Tag of the next tick line.
    #[must_use]
    pub const fn next_tag(&self) -> u32 {
        self.next_tick
    }

    /// Signal lines taken out, modulo 2^32.
    #[must_use]
    pub const fn credits(&self) -> u32 {
        self.next_signal.wrapping_sub(1)
    }

    /// Tick lines that there is room for now.
    #[must_use]
    pub fn room(&mut self) -> u32 {
        self.sequenced = self.rings.device_word().sequenced;
        self.rings.ticks - self.next_tick.wrapping_sub(1).wrapping_sub(self.sequenced)
    }

    /// The rings.
    #[must_use]
    pub const fn rings(&self) -> &Arc<Rings> {
        &self.rings
    }

    /// Writes a tick line, whose credits it fills in; its tag.
    ///
    /// # Errors
    /// The ring is full; nothing was written.
    #[inline]
    pub fn send(&mut self, tick: &TickLine) -> Result<u32, RingFull> {
        let tag = self.next_tick;
        if tag.wrapping_sub(self.sequenced) > self.rings.ticks {
            // The device's word is read only when the ring looks full: it is a line that the device writes.
            self.sequenced = self.rings.device_word().sequenced;
            if tag.wrapping_sub(self.sequenced) > self.rings.ticks {
                return Err(RingFull);
            }
        }
        let line = TickLine { credits: self.credits(), ..*tick }.line(tag);
        let slot = self.rings.tick_slot(tag);
        for (at, quad) in line.words.as_chunks::<4>().0.iter().enumerate() {
            // SAFETY: the slot is a line of the ring, aligned to 64 bytes; this thread is its only writer, and the device
            // has worked off what was in it.
            unsafe { quad::store(slot.wrapping_add(at), *quad) };
        }
        self.next_tick = tag.wrapping_add(1);
        Ok(tag)
    }

    /// The next signal line, if it is there.
    #[inline]
    pub fn receive(&mut self) -> Option<SignalLine> {
        let tag = self.next_signal;
        let slot = self.rings.signal_slot(tag);
        let mut line = Line { words: [0; LINE_WORDS] };
        // The last quad first: mostly nothing is there, and one look tells.
        for at in (0..4).rev() {
            // SAFETY: the slot is a line of the ring, aligned to 64 bytes.
            let quad = unsafe { quad::load(slot.wrapping_add(at)) };
            if quad[0] != tag {
                return None;
            }
            line.words[at * 4..at * 4 + 4].copy_from_slice(&quad);
        }
        self.next_signal = tag.wrapping_add(1);
        // Relaxed: the device only learns later that there is room.
        self.rings.taken.store(tag, Ordering::Relaxed);
        Some(SignalLine::of(&line).unwrap_or(UNREADABLE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rings_take_what_they_say() {
        assert_eq!(Rings::bytes(1024, 4096), 4096 + 5120 * 64);
    }
}
