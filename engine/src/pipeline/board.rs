//! What decide shows to cold threads: open orders, positions, blocks, the version of the limits, what was obeyed.
//!
//! Written by the thread that decides, a few relaxed stores after an execution, a command or an order, never after a
//! mere market event; read whenever somebody asks. Figures are each right a moment ago, no two at the same one.
//! Allocates at construction only.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU32, AtomicU64, Ordering};

use crate::pipeline::decision_core::DecisionCore;
use crate::pipeline::operator::{KillCause, Scope};
use feeds::event::Side;

/// Causes by code, 0 for none; whose they are is in their place.
#[derive(Debug, Default)]
struct Causes {
    all: AtomicU8,
    /// Buy, sell.
    sides: [AtomicU8; 2],
    venues: Box<[AtomicU8]>,
    instruments: Box<[AtomicU8]>,
    strategies: Box<[AtomicU8]>,
}

impl Causes {
    fn new(instruments: usize, strategies: usize) -> Self {
        let list = |length| (0..length).map(|_| AtomicU8::new(0)).collect();
        Self {
            venues: list(usize::from(u8::MAX) + 1),
            instruments: list(instruments),
            strategies: list(strategies),
            ..Self::default()
        }
    }

    fn set(&self, scope: Scope, cause: Option<KillCause>) {
        let place = match scope {
            Scope::All => Some(&self.all),
            Scope::Side(Side::Buy) => self.sides.first(),
            Scope::Side(Side::Sell) => self.sides.last(),
            Scope::Side(Side::None) => None,
            Scope::Venue(venue) => self.venues.get(usize::from(venue)),
            Scope::Instrument(instrument) => self.instruments.get(instrument as usize),
            Scope::Strategy(strategy) => self.strategies.get(usize::from(strategy)),
        };
        if let Some(place) = place {
            place.store(cause.map_or(0, |cause| cause as u8), Ordering::Relaxed);
        }
    }

    fn clear(&self) {
        let lists = [&self.sides[..], &self.venues, &self.instruments, &self.strategies];
        for place in std::iter::once(&self.all).chain(lists.into_iter().flatten()) {
            place.store(0, Ordering::Relaxed);
        }
    }

    fn get(&self) -> Vec<(Scope, KillCause)> {
        let mut found = Vec::new();
        let mut look = |scope: Scope, place: &AtomicU8| {
            found.extend(KillCause::from_code(place.load(Ordering::Relaxed)).map(|cause| (scope, cause)));
        };
        look(Scope::All, &self.all);
        look(Scope::Side(Side::Buy), &self.sides[0]);
        look(Scope::Side(Side::Sell), &self.sides[1]);
        (0..=u8::MAX).zip(&self.venues).for_each(|(venue, place)| look(Scope::Venue(venue), place));
        (0..).zip(&self.instruments).for_each(|(one, place)| look(Scope::Instrument(one), place));
        (0..).zip(&self.strategies).for_each(|(one, place)| look(Scope::Strategy(one), place));
        found
    }
}

#[repr(align(128))]
#[derive(Debug, Default)]
struct Figures {
    decision: AtomicU64,
    open_orders: AtomicU32,
    is_killed: AtomicBool,
    limits_version: AtomicU32,
    obeyed: AtomicU64,
    blocks: Causes,
    /// By instrument.
    positions: Box<[AtomicI64]>,
}

/// See the module's text. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Board(Arc<Figures>);

impl Board {
    /// A board for so many instruments and strategies.
    #[must_use]
    pub fn new(instruments: usize, strategies: usize) -> Self {
        let positions = (0..instruments).map(|_| AtomicI64::new(0)).collect();
        let blocks = Causes::new(instruments, strategies);
        Self(Arc::new(Figures { limits_version: AtomicU32::new(1), blocks, positions, ..Figures::default() }))
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
    fn show_positions(&self, core: &DecisionCore) {
        for (instrument, position) in core.risk().positions() {
            if let Some(place) = self.0.positions.get(instrument as usize) {
                place.store(position, Ordering::Relaxed);
            }
        }
    }

    /// Everything, as a run finds it at its start.
    pub(super) fn show_all(&self, core: &DecisionCore) {
        self.show(core);
        self.show_positions(core);
        self.show_limits(core);
        self.show_lifted(core);
    }

    /// The version of the limits that the core has: that of the latest change which it has taken over, 1 before any.
    pub(super) fn show_limits(&self, core: &DecisionCore) {
        let version = core.risk().changes().iter().map(|change| change.version).max();
        self.0.limits_version.store(version.unwrap_or(1), Ordering::Relaxed);
    }

    /// What an input has blocked.
    #[cold]
    pub(super) fn show_blocked(&self, fresh: &[(Scope, KillCause)]) {
        for &(scope, cause) in fresh {
            self.0.blocks.set(scope, Some(cause));
        }
    }

    /// A block was lifted: what is left.
    #[cold]
    pub(super) fn show_lifted(&self, core: &DecisionCore) {
        self.0.blocks.clear();
        for (scope, cause) in core.risk().blocks().iter() {
            self.0.blocks.set(scope, Some(cause));
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

    /// What is blocked and why: everything, sides, venues, instruments, strategies.
    #[must_use]
    pub fn blocks(&self) -> Vec<(Scope, KillCause)> {
        self.0.blocks.get()
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
