//! What the journal knows of the account's worth: the prices that positions are valued at, and the best that the day stood at.
//!
//! Both come from market data, which recovery does not read, and the loss limits go by both: a run that goes on after a
//! kill must not take the worth at its start for the day's best. So each change of at least a 256th of the tightest loss
//! limit is put on record: a position's value by its new price, the best by itself. What recovery then knows is at most that
//! much behind for each position that is held, and for the best. Without a loss limit nothing is recorded.
//!
//! Owned by `decide`; memory is taken at construction, and looked at only where a position's price has changed or it traded.

use super::Risk;
use crate::pipeline::operator::Scope;
use feeds::event::INSTRUMENT_NONE;

/// Of the tightest loss limit: the smallest change that is put on record.
const STEPS: i128 = 256;

/// What a position is valued at, and the best that the day stood at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Valuation {
    /// Dense instrument number; [`INSTRUMENT_NONE`] where no price is said.
    pub instrument: u32,
    /// What its position is valued at, 1e-9.
    pub mark: i64,
    /// Best that the day's profit stood at, 1e-9 of the currency.
    pub best_worth: i128,
}

/// What is on record.
pub(super) struct OnRecord {
    marks: Box<[i64]>,
    best_worth: i128,
    /// What the last input adds to it.
    fresh: Option<Valuation>,
}

impl OnRecord {
    pub(super) fn new(instruments: usize) -> Self {
        Self { marks: vec![0; instruments].into_boxed_slice(), best_worth: 0, fresh: None }
    }

    /// The next input begins.
    #[inline(always)]
    pub(super) const fn forget_fresh(&mut self) {
        self.fresh = None;
    }

    /// The records say it in another way: a first fill, or what a former run left.
    pub(super) fn set_mark(&mut self, instrument: u32, mark: i64) {
        if let Some(place) = self.marks.get_mut(instrument as usize) {
            *place = mark;
        }
    }

    /// A former run has it on record.
    pub(super) const fn resume_best(&mut self, best_worth: i128) {
        self.best_worth = best_worth;
    }
}

impl Risk {
    /// What of the worth is to be put on record with the last input: at most one instrument's price, since an input moves one.
    #[must_use]
    #[inline(always)]
    pub const fn fresh_valuation(&self) -> Option<Valuation> {
        self.on_record.fresh
    }

    /// The worth may have changed by this instrument, whose position traded, or whose price is another one.
    pub(super) fn put_on_record(&mut self, instrument: u32) {
        let Some(at) = self.instruments.get(instrument as usize).filter(|_| self.judges) else { return };
        let limits = &self.firm.limits;
        let tightest = limits.daily_loss_max.min(limits.drawdown_max).min(limits.loss_rate_max);
        let step = (tightest / STEPS).max(1);
        let (mark, best_worth) = (at.mark, self.firm.best_worth);
        let place = &mut self.on_record.marks[instrument as usize];
        let moved = (i128::from(mark) - i128::from(*place)) * i128::from(at.exposure.position);
        let rose = best_worth.saturating_sub(self.on_record.best_worth);
        if moved.abs() >= step || rose >= step {
            *place = mark;
            self.on_record.best_worth = best_worth;
            self.on_record.fresh = Some(Valuation { instrument, mark, best_worth });
        }
    }

    /// A person has reset a scope: where that is everything, the best counts from here.
    pub(super) fn put_reset_on_record(&mut self, scope: Scope) {
        if self.judges && scope == Scope::All {
            let best_worth = self.firm.best_worth;
            self.on_record.best_worth = best_worth;
            self.on_record.fresh = Some(Valuation { instrument: INSTRUMENT_NONE, mark: 0, best_worth });
        }
    }

    /// Takes over what a journal has on record; of risk that follows it.
    pub fn valued(&mut self, valuation: &Valuation, time_ns: u64) {
        let &Valuation { instrument, mark, best_worth } = valuation;
        if (instrument as usize) < self.instruments.len() {
            self.revalue(instrument, mark);
        }
        self.firm.best_worth = best_worth;
        self.check_losses(time_ns);
    }
}
