//! What the venue says of trading, and whether its books are crossed while it trades.

use super::book::{Applied, BookError, VenueBooks};
use feeds::event::{INSTRUMENT_ALL, MarketEvent, TradingStatus, flags};

/// Beside an instrument's status: an event within a market message changed its top and left it crossed, and the
/// message has not ended. The last event of a message of several is seldom the one that moved the top.
const UNJUDGED: u32 = 1 << 31;

impl VenueBooks {
    /// Counts a top that is locked or crossed at the end of a market message in continuous trading.
    #[inline(always)]
    pub(super) fn note_crossed(&mut self, event: &MarketEvent, bbo_changed: bool) {
        // A sane feed is never crossed, so a predictor knows the answer. Whether the top changed it cannot know.
        if self.ladders.may_be_crossed(event.instrument as usize) {
            self.judge_crossed(event, bbo_changed);
        }
    }

    /// A crossed instrument: what counts is that its message has ended and that an event of it changed the top.
    #[cold]
    #[inline(never)]
    fn judge_crossed(&mut self, event: &MarketEvent, bbo_changed: bool) {
        if !self.ladders.crossed(event.instrument as usize) {
            return;
        }
        let status = &mut self.status[event.instrument as usize];
        if bbo_changed {
            *status |= UNJUDGED;
        }
        if event.flags & flags::LAST_OF_EVENT != 0 && *status & UNJUDGED != 0 {
            *status &= !UNJUDGED;
            self.crossed_events += u64::from(self.is_continuous(event.instrument));
        }
    }

    #[cold]
    #[inline(never)]
    pub(super) fn set_status(&mut self, event: &MarketEvent) -> Result<Applied, BookError> {
        let status =
            TradingStatus::from_code(event.quantity).ok_or(BookError::UnknownStatus(event.quantity))?;
        if event.instrument == INSTRUMENT_ALL {
            self.venue_status = Some(status);
        } else {
            let word = self.status.get_mut(event.instrument as usize);
            let word = word.ok_or(BookError::InstrumentOutOfRange(event.instrument))?;
            *word = *word & UNJUDGED | status as u32;
        }
        Ok(Applied::NOTHING)
    }

    /// Trading status of an instrument: what the venue last said, [`TradingStatus::Trading`] before that.
    #[must_use]
    pub fn status(&self, instrument: u32) -> TradingStatus {
        let code = self.status.get(instrument as usize).map_or(0, |word| word & !UNJUDGED);
        TradingStatus::from_code(u64::from(code)).unwrap_or(TradingStatus::Trading)
    }

    /// Phase of the whole venue: what its last system event said, `None` before the first.
    #[must_use]
    pub fn venue_status(&self) -> Option<TradingStatus> {
        self.venue_status
    }

    /// Whether the instrument trades continuously: its own status and the venue's phase both say so, or were never
    /// told.
    #[must_use]
    #[inline]
    pub fn is_continuous(&self, instrument: u32) -> bool {
        self.venue_status.is_none_or(|status| status == TradingStatus::Trading)
            && self.status(instrument) == TradingStatus::Trading
    }

    /// Market messages in continuous trading that changed an instrument's top and left it locked or crossed at their
    /// last event of the instrument. A sane feed gives none.
    #[must_use]
    pub fn crossed_events(&self) -> u64 {
        self.crossed_events
    }
}
