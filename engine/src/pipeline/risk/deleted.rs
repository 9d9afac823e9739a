//! Checks that a test has deleted, on its own thread: how it is shown that each is missed.

use super::RiskReasons;
use crate::pipeline::operator::KillCause;
use std::cell::Cell;

thread_local! {
    /// Bits of [`RiskReasons`] that are never set.
    pub(super) static REASONS: Cell<u32> = const { Cell::new(0) };
    /// Codes of [`KillCause`], as bits, that stop nothing.
    pub(super) static CAUSES: Cell<u64> = const { Cell::new(0) };
}

pub(super) fn is_deleted(rule: RiskReasons) -> bool {
    REASONS.get() & rule.0 != 0
}

pub(super) fn stops_nothing(cause: KillCause) -> bool {
    CAUSES.get() >> cause as u8 & 1 == 1
}
