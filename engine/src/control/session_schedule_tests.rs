//! Held to a walk from minute to minute, and to known answers on the days on which clocks change.

use super::*;
use proptest::prelude::*;

const MINUTE_NS: u64 = 60_000_000_000;
const HOUR_NS: u64 = 60 * MINUTE_NS;

fn schedule(zone: &str, start: (i8, i8), end: (i8, i8), starts: Starts) -> SessionSchedule {
    let time = |(hour, minute)| Time::new(hour, minute, 0, 0).expect("a time");
    SessionSchedule::new(TimeZone::get(zone).expect("a zone"), time(start), time(end), starts)
}

fn utc(text: &str) -> u64 {
    let moment: Timestamp = text.parse().expect(text);
    moment.as_nanosecond() as u64
}

/// The session at a moment, as two moments in UTC.
fn span(start: &str, end: &str) -> Option<SessionSpan> {
    Some(SessionSpan { start_ns: utc(start), end_ns: utc(end) })
}

fn every_day() -> Starts {
    Starts::Daily(Vec::new())
}

#[test]
fn a_week_of_chicago() {
    let starts = Starts::Weekly { start: Weekday::Sunday, end: Weekday::Friday };
    let week = schedule("America/Chicago", (17, 0), (16, 0), starts);
    // 2026-03-01 is a Sunday, 6 hours behind UTC.
    let this = span("2026-03-01T23:00:00Z", "2026-03-06T22:00:00Z");
    // Summer time began on the 8th at 2 o'clock.
    let next = span("2026-03-08T22:00:00Z", "2026-03-13T21:00:00Z");
    assert_eq!(week.session_at(utc("2026-03-01T22:59:59.999999999Z")), None);
    assert_eq!(week.session_at(utc("2026-03-01T23:00:00Z")), this);
    assert_eq!(week.session_at(utc("2026-03-06T21:59:59.999999999Z")), this);
    assert_eq!(week.session_at(utc("2026-03-06T22:00:00Z")), None);
    assert_eq!(week.next_session(utc("2026-03-06T22:00:00Z")), next);
    assert_eq!(week.next_session(utc("2026-03-01T23:00:00Z")), next, "behind the present one");
    assert_eq!(week.next_session(utc("2026-03-01T22:59:59Z")), this);
    let same = |one, other| week.is_same_session(utc(one), utc(other));
    assert!(same("2026-03-02T00:00:00Z", "2026-03-06T21:00:00Z"));
    assert!(!same("2026-03-06T21:00:00Z", "2026-03-09T00:00:00Z"));
    assert!(!same("2026-03-07T00:00:00Z", "2026-03-07T00:00:00Z"), "between two sessions there is none");
    assert_eq!(week.show(utc("2026-03-06T22:00:00Z")), "2026-03-06T16:00:00-06:00[America/Chicago]");
}

#[test]
fn a_full_week_starts_anew_at_once() {
    let starts = Starts::Weekly { start: Weekday::Sunday, end: Weekday::Sunday };
    let week = schedule("UTC", (17, 0), (17, 0), starts);
    let first = week.session_at(utc("2026-03-01T17:00:00Z"));
    assert_eq!(first, span("2026-03-01T17:00:00Z", "2026-03-08T17:00:00Z"));
    assert_eq!(week.session_at(utc("2026-03-08T17:00:00Z")), week.next_session(utc("2026-03-01T17:00:00Z")));
}

#[test]
fn days_of_23_and_of_25_hours() {
    let day = schedule("America/New_York", (17, 0), (17, 0), every_day());
    let hours = |text| {
        let SessionSpan { start_ns, end_ns } = day.session_at(utc(text)).expect("always open");
        (end_ns - start_ns) / HOUR_NS
    };
    assert_eq!(hours("2026-03-07T20:00:00Z"), 24);
    assert_eq!(hours("2026-03-07T23:00:00Z"), 23);
    assert_eq!(hours("2026-03-08T23:00:00Z"), 24);
    assert_eq!(hours("2026-11-01T12:00:00Z"), 25);
    assert_eq!(hours("2026-11-01T23:00:00Z"), 24);
}

#[test]
fn times_that_the_clock_jumps_over_are_those_of_the_jump() {
    // 2:00 to 3:00 on 2026-03-08 in New York: at 7:00 UTC.
    let jump = "2026-03-08T07:00:00Z";
    let from = schedule("America/New_York", (2, 30), (17, 0), every_day());
    assert_eq!(from.session_at(utc(jump)), span(jump, "2026-03-08T21:00:00Z"));
    assert_eq!(from.session_at(utc(jump) - 1), None);
    let to = schedule("America/New_York", (18, 0), (2, 30), every_day());
    assert_eq!(to.session_at(utc(jump) - 1), span("2026-03-07T23:00:00Z", jump));
    assert_eq!(to.session_at(utc(jump)), None);
    let whole = schedule("America/New_York", (2, 10), (2, 50), every_day());
    assert_eq!(whole.session_at(utc(jump)), None, "it does not take place");
    assert_eq!(
        whole.next_session(utc("2026-03-07T12:00:00Z")),
        span("2026-03-09T06:10:00Z", "2026-03-09T06:50:00Z")
    );
}

#[test]
fn of_times_that_the_clock_shows_twice_the_first_counts() {
    // 2:00 back to 1:00 on 2026-11-01 in New York: at 6:00 UTC.
    let from = schedule("America/New_York", (1, 30), (17, 0), every_day());
    assert_eq!(
        from.session_at(utc("2026-11-01T06:10:00Z")),
        span("2026-11-01T05:30:00Z", "2026-11-01T22:00:00Z")
    );
    let to = schedule("America/New_York", (18, 0), (1, 30), every_day());
    assert_eq!(
        to.session_at(utc("2026-11-01T05:29:00Z")),
        span("2026-10-31T22:00:00Z", "2026-11-01T05:30:00Z")
    );
    assert_eq!(to.session_at(utc("2026-11-01T06:10:00Z")), None, "it is 1:10 again");
}

#[test]
fn a_day_that_an_island_skipped() {
    // Samoa went from the end of 2011-12-29 to 2011-12-31: at 10:00 UTC of the 30th.
    let day = schedule("Pacific/Apia", (9, 0), (17, 0), every_day());
    assert_eq!(
        day.next_session(utc("2011-12-30T03:00:00Z")),
        span("2011-12-30T19:00:00Z", "2011-12-31T03:00:00Z")
    );
}

/// What a person would do with a wall clock that never goes back: tick by minutes, open the door at the start and close it
/// at the end. Each minute's session, by its number.
struct Walk<'a> {
    schedule: &'a SessionSchedule,
    shows: DateTime,
    open: Option<u32>,
    sessions: u32,
}

impl Walk<'_> {
    fn minute(&mut self) {
        self.shows += 1.minute();
        let SessionSchedule { start, end, starts, .. } = self.schedule;
        let (opens, closes) = match starts {
            Starts::Daily(days) => (days.is_empty() || days.contains(&self.shows.weekday()), true),
            Starts::Weekly { start, end } => (self.shows.weekday() == *start, self.shows.weekday() == *end),
        };
        if closes && self.shows.time() == *end {
            self.open = None;
        }
        if opens && self.shows.time() == *start {
            self.sessions += 1;
            self.open = Some(self.sessions);
        }
    }

    /// The session at a moment a minute later than the one before.
    fn at(&mut self, utc_ns: u64) -> Option<u32> {
        let clock = self.schedule.zone.to_datetime(timestamp(utc_ns).expect("in range"));
        while self.shows < clock {
            self.minute();
        }
        self.open
    }
}

/// Walks from ten days before `from_ns` and holds the schedule to it for the days after; returns how many sessions it saw.
fn hold_to_a_walk(schedule: &SessionSchedule, from_ns: u64, days: u64) -> u32 {
    let mut now_ns = (from_ns - 10 * 24 * HOUR_NS) / MINUTE_NS * MINUTE_NS;
    let shows = schedule.zone.to_datetime(timestamp(now_ns).expect("in range"));
    let mut walk = Walk { schedule, shows, open: None, sessions: 0 };
    let mut before = None;
    let mut started_ns = 0;
    while now_ns < from_ns + days * 24 * HOUR_NS {
        let open = walk.at(now_ns);
        let at = schedule.show(now_ns);
        if now_ns >= from_ns {
            if open != before {
                let span = schedule.session_at(now_ns);
                assert_eq!(span.is_some(), open.is_some(), "{schedule:?} at {at}");
                assert!(span.is_none_or(|span| span.start_ns == now_ns), "{schedule:?} at {at}: {span:?}");
                let last = schedule.session_at(now_ns - 1);
                assert_eq!(last.is_some(), before.is_some(), "{schedule:?} before {at}");
                assert!(last.is_none_or(|last| last.end_ns == now_ns), "{schedule:?} before {at}: {last:?}");
                assert!(span.is_none() || schedule.next_session(now_ns - 1) == span, "{schedule:?} at {at}");
                if before.is_some() && started_ns > 0 {
                    assert!(schedule.is_same_session(started_ns, now_ns - 1), "{schedule:?} before {at}");
                    assert!(!schedule.is_same_session(started_ns, now_ns), "{schedule:?} at {at}");
                }
            } else if now_ns.is_multiple_of(97 * MINUTE_NS) {
                assert_eq!(schedule.session_at(now_ns).is_some(), open.is_some(), "{schedule:?} at {at}");
            }
        }
        if open != before {
            started_ns = now_ns;
        }
        before = open;
        now_ns += MINUTE_NS;
    }
    walk.sessions
}

const ZONES: [&str; 14] = [
    "America/Chicago",
    "America/New_York",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Africa/Casablanca",
    "Asia/Kolkata",
    "Asia/Tehran",
    "Asia/Tokyo",
    "Australia/Lord_Howe",
    "Australia/Sydney",
    "Europe/Berlin",
    "Europe/London",
    "Pacific/Apia",
    "UTC",
];

#[test]
fn a_year_is_walked_in_each_zone() {
    for (at, zone) in ZONES.iter().enumerate() {
        // Starts and ends where most clocks change.
        let daily = schedule(zone, (2, 30), (1, 30), every_day());
        let year = 2000 + 2 * at as i16;
        let from_ns = utc(&format!("{year}-01-11T00:00:00Z"));
        assert!(hold_to_a_walk(&daily, from_ns, 366) > 365, "{zone}, {year}");
    }
}

fn days(bits: u8) -> Vec<Weekday> {
    let all = (1..=7i8).filter_map(|day| Weekday::from_monday_one_offset(day).ok());
    all.filter(|day| bits >> day.to_monday_zero_offset() & 1 == 1).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn a_schedule_is_a_walk_with_a_clock(
        zone in prop::sample::select(&ZONES),
        year in 1990i16..2045,
        day_of_year in 1i16..330,
        change in 0u8..4,
        (start, end) in ((0i8..24, 0i8..60), (0i8..24, 0i8..60)),
        night in any::<bool>(),
        weekly in any::<bool>(),
        (one, other, on) in (1i8..=7, 1i8..=7, 0u8..128),
    ) {
        // Half of them in the hours in which clocks change, three quarters around a change.
        let hour = |(hour, minute): (i8, i8)| if night { (hour % 4, minute) } else { (hour, minute) };
        let day = |number| Weekday::from_monday_one_offset(number).expect("a day");
        let starts = if weekly { Starts::Weekly { start: day(one), end: day(other) } } else { Starts::Daily(days(on)) };
        let schedule = schedule(zone, hour(start), hour(end), starts);
        let begin = Date::new(year, 1, 1).expect("a date") + i32::from(day_of_year).days();
        let begin = begin.to_zoned(TimeZone::UTC).expect("in range").timestamp();
        let next = schedule.zone.following(begin).next().map(|jump| jump.timestamp());
        let from = next.filter(|_| change > 0).map_or(begin, |jump| jump - 24.hours() * i64::from(change));
        hold_to_a_walk(&schedule, from.as_nanosecond() as u64, 12);
    }

    #[test]
    fn no_moment_is_too_far(utc_ns in any::<u64>()) {
        let day = schedule("America/Chicago", (17, 0), (16, 0), Starts::Daily(vec![Weekday::Monday]));
        let _ = (day.session_at(utc_ns), day.show(utc_ns));
        let next = day.next_session(utc_ns);
        prop_assert!(next.is_none_or(|next| next.start_ns > utc_ns && next.start_ns - utc_ns < 9 * 24 * HOUR_NS));
    }
}

#[test]
fn the_ends_of_time_are_harmless() {
    let day = schedule("Asia/Tokyo", (17, 0), (16, 0), every_day());
    for utc_ns in [0, 1, u64::MAX - 1, u64::MAX] {
        let _ = (day.session_at(utc_ns), day.next_session(utc_ns), day.show(utc_ns));
    }
    assert!(day.next_session(0).is_some());
}
