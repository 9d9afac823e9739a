//! The hours of a simulated venue: when its acceptor opens and closes by its schedule.
//!
//! UTC in, changes out; no clock, no socket. The time-zone database is asked at a change only, so twice a session.

use crate::control::session_schedule::{SessionSchedule, SessionSpan};

/// What a turn has brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoursChange {
    /// The session is over: the client is to be logged out, and nobody is let in.
    Closed,
    /// A new session has begun: both sequences start at 1, and clients are let in.
    Opened,
}

/// See the module's text.
#[derive(Clone, Debug)]
pub struct VenueHours {
    schedule: SessionSchedule,
    /// The session that clients are let into.
    session: Option<SessionSpan>,
    /// While there is none: when the next one begins, UTC ns.
    opens_ns: u64,
}

impl VenueHours {
    /// Hours of a venue that is closed so far; the first turn may open it.
    #[must_use]
    pub const fn new(schedule: SessionSchedule) -> Self {
        Self { schedule, session: None, opens_ns: 0 }
    }

    /// Whether clients are let in.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.session.is_some()
    }

    /// What changes at a time (UTC ns). A new session begins when the client of the last one is gone.
    pub fn turn(&mut self, utc_ns: u64, has_client: bool) -> Option<HoursChange> {
        if let Some(session) = self.session {
            if utc_ns < session.end_ns {
                return None;
            }
            self.session = None;
            self.opens_ns = 0;
            return Some(HoursChange::Closed);
        }
        if utc_ns < self.opens_ns || has_client {
            return None;
        }
        self.session = self.schedule.session_at(utc_ns);
        self.opens_ns = self.schedule.next_session(utc_ns).map_or(u64::MAX, |next| next.start_ns);
        self.session.map(|_| HoursChange::Opened)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::schedule_config::ScheduleConfig;

    #[test]
    fn a_venue_opens_once_its_last_client_is_gone() {
        let config: ScheduleConfig = toml::from_str(
            "time_zone = \"UTC\"\nstart_time = \"01:00\"\nend_time = \"01:00\"\nweekdays = [\"Mon\", \"Tue\"]",
        )
        .expect("it is good");
        let mut hours = VenueHours::new(config.schedule().expect("it is good"));
        // 1970-01-01 was a Thursday: hours from there to Monday, 1 o'clock.
        let hour = |hour: u64| (hour + 97) * 3_600_000_000_000;
        assert_eq!((hours.turn(hour(0) - 1, false), hours.is_open()), (None, false));
        assert_eq!(hours.turn(hour(0), false), Some(HoursChange::Opened));
        assert_eq!(hours.turn(hour(24) - 1, true), None);
        assert_eq!(hours.turn(hour(24), true), Some(HoursChange::Closed), "the next one follows at once");
        assert_eq!((hours.turn(hour(24), true), hours.is_open()), (None, false), "not while he is there");
        assert_eq!((hours.turn(hour(24) + 9, false), hours.is_open()), (Some(HoursChange::Opened), true));
        assert_eq!(hours.turn(hour(48), false), Some(HoursChange::Closed));
        assert_eq!(hours.turn(hour(49), false), None, "Wednesday");
        assert_eq!(hours.turn(hour(7 * 24) - 1, false), None);
        assert_eq!(hours.turn(hour(7 * 24), false), Some(HoursChange::Opened));
    }
}
