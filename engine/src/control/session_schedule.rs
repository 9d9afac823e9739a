//! When a venue's FIX session is open, and which moments belong to the same session: UTC ns in, UTC ns out.
//!
//! A schedule is daily or weekly in a time zone. A session lasts from the moment at which the clock on the zone's wall first
//! reaches its start to the moment at which it first reaches its end: where the clock jumps over the time, that is the jump;
//! where it shows the time twice, the first of both. So sessions never overlap, and on the days of a change one is an hour
//! shorter or longer. A session that the clock jumps over as a whole does not take place.
//!
//! Cold: it allocates, and asks the time-zone database, the system's or, where there is none, the one in the program (crate
//! `jiff`). Hot threads get [`SessionSpan`]s. It reads no clock.

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan};

/// Days before and behind the day of a question on which a session that matters can start: a week, and a day for clocks that
/// are set back over midnight.
const DAYS_BACK: i32 = 8;
/// The same for the next session: one may be skipped whole.
const DAYS_AHEAD: i32 = 16;

/// One session: from its start on, up to but without its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionSpan {
    /// Its first moment, UTC ns.
    pub start_ns: u64,
    /// The first moment behind it, UTC ns.
    pub end_ns: u64,
}

impl SessionSpan {
    /// Whether a moment belongs to it, UTC ns.
    #[must_use]
    pub const fn contains(self, utc_ns: u64) -> bool {
        self.start_ns <= utc_ns && utc_ns < self.end_ns
    }
}

/// On which days sessions start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Starts {
    /// On these days, or on all where none is given; a session ends within 24 hours of the clock.
    Daily(Vec<Weekday>),
    /// Once a week.
    Weekly {
        /// The day on which a session starts.
        start: Weekday,
        /// The day on which it ends. Where both are the same and the end is not later in the day, that is a week later.
        end: Weekday,
    },
}

/// See the module's text.
#[derive(Clone, Debug)]
pub struct SessionSchedule {
    zone: TimeZone,
    start: Time,
    end: Time,
    starts: Starts,
}

impl SessionSchedule {
    /// A schedule of sessions that start and end at these times of the zone's clock.
    #[must_use]
    pub const fn new(zone: TimeZone, start: Time, end: Time, starts: Starts) -> Self {
        Self { zone, start, end, starts }
    }

    /// The session that is open at a moment (UTC ns), if one is.
    #[must_use]
    pub fn session_at(&self, utc_ns: u64) -> Option<SessionSpan> {
        let today = self.date(utc_ns)?;
        (-DAYS_BACK..=1).find_map(|day| self.session_from(today, day).filter(|span| span.contains(utc_ns)))
    }

    /// The first session that starts later than a moment (UTC ns). None only beyond the years that the calendar has.
    #[must_use]
    pub fn next_session(&self, utc_ns: u64) -> Option<SessionSpan> {
        let today = self.date(utc_ns)?;
        (-1..=DAYS_AHEAD).find_map(|day| self.session_from(today, day).filter(|span| span.start_ns > utc_ns))
    }

    /// Whether both moments (UTC ns) belong to one session. If not, sequence numbers are to be reset between them.
    #[must_use]
    pub fn is_same_session(&self, one_ns: u64, other_ns: u64) -> bool {
        self.session_at(one_ns).is_some_and(|span| span.contains(other_ns))
    }

    /// A moment (UTC ns) on the zone's clock, for people: `2026-03-06T17:00:00-06:00[America/Chicago]`.
    #[must_use]
    pub fn show(&self, utc_ns: u64) -> String {
        timestamp(utc_ns).map_or_else(
            || format!("{utc_ns} ns UTC"),
            |moment| moment.to_zoned(self.zone.clone()).to_string(),
        )
    }

    fn date(&self, utc_ns: u64) -> Option<Date> {
        Some(self.zone.to_datetime(timestamp(utc_ns)?).date())
    }

    /// The session that starts so many days from a date, if one does.
    fn session_from(&self, date: Date, days: i32) -> Option<SessionSpan> {
        let date = date.checked_add(days.days()).ok()?;
        let lasts_days = match &self.starts {
            Starts::Daily(on) => {
                let starts = on.is_empty() || on.contains(&date.weekday());
                starts.then_some(i32::from(self.end <= self.start))
            }
            Starts::Weekly { start, end } => {
                let days = i32::from(start.until(*end));
                let week = i32::from(days == 0 && self.end <= self.start) * 7;
                (date.weekday() == *start).then_some(days + week)
            }
        }?;
        let end_date = date.checked_add(lasts_days.days()).ok()?;
        let start_ns = self.first_moment(date.to_datetime(self.start))?;
        let end_ns = self.first_moment(end_date.to_datetime(self.end))?;
        (start_ns < end_ns).then_some(SessionSpan { start_ns, end_ns })
    }

    /// The first moment (UTC ns) at which the zone's clock has reached a date and time.
    fn first_moment(&self, clock: DateTime) -> Option<u64> {
        let moments = self.zone.to_ambiguous_timestamp(clock);
        let moment = match moments.offset() {
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => moments.earlier().ok()?,
            AmbiguousOffset::Gap { .. } => {
                // The one in question is before the jump, which is the next change of the clock.
                let mut jumps = self.zone.following(moments.earlier().ok()?).map(|jump| jump.timestamp());
                jumps.find(|&jump| self.zone.to_datetime(jump) >= clock)?
            }
        };
        u64::try_from(moment.as_nanosecond()).ok()
    }
}

fn timestamp(utc_ns: u64) -> Option<Timestamp> {
    Timestamp::from_nanosecond(i128::from(utc_ns)).ok()
}

#[cfg(test)]
#[path = "session_schedule_tests.rs"]
mod tests;
