//! What decide shows to cold threads: open orders, positions, the version of the limits, what was obeyed.
//!
//! Written by the thread that decides, a few relaxed stores after an execution, a command or an order, never after a
//! mere market event; read whenever somebody asks. Figures are each right a moment ago, no two at the same one.
//! Allocates at construction only.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};

use crate::pipeline::decision_core::DecisionCore;
use crate::pipeline::operator::Command;

#[repr(align(128))]
#[derive(Debug, Default)]
struct Figures {
    decision: AtomicU64,
    open_orders: AtomicU32,
    is_killed: AtomicBool,
    limits_version: AtomicU32,
    obeyed: AtomicU64,
    /// By instrument.
    positions: Box<[AtomicI64]>,
}

/// See the module's text. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Board(Arc<Figures>);

impl Board {
    /// A board for so many instruments.
    #[must_use]
    pub fn new(instruments: usize) -> Self {
        let positions = (0..instruments).map(|_| AtomicI64::new(0)).collect();
        Self(Arc::new(Figures { limits_version: AtomicU32::new(1), positions, ..Figures::default() }))
    }

    /// How the core stands.
    #[inline]
    pub(super) fn show(&self, core: &DecisionCore) {
        // Relaxed, here and below: figures for themselves.
        self.0.decision.store(core.decision(), Ordering::Relaxed);
        self.0.open_orders.store(core.orders().live(), Ordering::Relaxed);
        self.0.is_killed.store(core.risk().is_killed(), Ordering::Relaxed);
    }

    /// The position of one instrument.
    #[inline]
    pub(super) fn show_position(&self, instrument: u32, core: &DecisionCore) {
        if let Some(position) = self.0.positions.get(instrument as usize) {
            position.store(core.risk().exposure(instrument).position, Ordering::Relaxed);
        }
    }

    /// Every position.
    pub(super) fn show_positions(&self, core: &DecisionCore) {
        for (instrument, position) in core.risk().positions() {
            if let Some(place) = self.0.positions.get(instrument as usize) {
                place.store(position, Ordering::Relaxed);
            }
        }
    }

    /// What a command has changed.
    pub(super) fn show_command(&self, command: &Command) {
        if let Command::SetLimit(change) = command {
            self.0.limits_version.store(change.version, Ordering::Relaxed);
        }
    }

    /// One more instruction has been carried out.
    pub(super) fn obeyed(&self) {
        // Release: who sees the count sees what came of the instruction.
        self.0.obeyed.fetch_add(1, Ordering::Release);
    }

    /// The same for a test without a decide.
    #[cfg(test)]
    pub(crate) fn obey_for_tests(&self) {
        self.obeyed();
    }

    /// Instructions carried out.
    #[must_use]
    pub fn instructions_obeyed(&self) -> u64 {
        // Acquire: pairs with the Release in `obeyed`.
        self.0.obeyed.load(Ordering::Acquire)
    }

    /// Sequence number of the latest input that was shown.
    #[must_use]
    pub fn decision(&self) -> u64 {
        self.0.decision.load(Ordering::Relaxed)
    }

    /// Open orders.
    #[must_use]
    pub fn open_orders(&self) -> u32 {
        self.0.open_orders.load(Ordering::Relaxed)
    }

    /// Whether the core trades nothing at all.
    #[must_use]
    pub fn is_killed(&self) -> bool {
        self.0.is_killed.load(Ordering::Relaxed)
    }

    /// Version of the limits that decide has.
    #[must_use]
    pub fn limits_version(&self) -> u32 {
        self.0.limits_version.load(Ordering::Relaxed)
    }

    /// Net quantity of an instrument, positive long.
    #[must_use]
    pub fn position(&self, instrument: u32) -> i64 {
        self.0.positions.get(instrument as usize).map_or(0, |position| position.load(Ordering::Relaxed))
    }
}
