//! The watchdog of a live run, a part of housekeeping: hot threads that hang, feeds that fall silent.
//!
//! A hot thread in its loop stores a heartbeat each turn. When one stands still for `heartbeat_ms`, the watchdog sets the
//! kill word, shuts the sockets of all sessions down (the venues' cancel-on-disconnect acts, and whatever the hung
//! thread does when it wakes leaves nothing), and says so. A feed from which no packet has come for `feed_silence_ms`
//! sets the kill word; decide then cancels what is open.
//!
//! **What counts as time.** Time is counted from look to look, of each interval no more than [`LOOK_MAX`]: a machine or a
//! process that stood still as a whole, the watchdog with it, proves nothing about a thread. Where a hot stage has no
//! isolated core to itself other work may keep it waiting (measured: 100 ms, beside eight compilers on two cores), so that
//! the limit that nobody has set is [`SHARED_CORES_MS`] there and not [`HEARTBEAT_MS`]; what was set holds as it is.
//!
//! Runs on the housekeeping thread every 200 us; allocates when it speaks.

use std::time::{Duration, Instant};

use crate::control::kill_switch::KillSwitch;
use crate::control::session_schedule::SessionSchedule;
use crate::control::session_sockets::SessionSockets;
use crate::pipeline::feed_pulse::FeedPulse;
use crate::pipeline::heartbeat::Pulse;
use crate::pipeline::operator::KillCause;

/// Longest silence of a hot thread that has an isolated core to itself, ms.
pub const HEARTBEAT_MS: u64 = 100;

/// The same where it has not, ms.
pub const SHARED_CORES_MS: u64 = 1_000;

/// Longest interval between two looks that counts as silence.
pub const LOOK_MAX: Duration = Duration::from_millis(5);

/// How long something has stood still.
#[derive(Clone, Copy, Debug, Default)]
struct Silence {
    last: u64,
    lasts: Duration,
}

impl Silence {
    /// Looks at a count after an interval; how long it has not changed.
    fn look(&mut self, count: u64, interval: Duration) -> Duration {
        self.lasts = if count == self.last { self.lasts + interval.min(LOOK_MAX) } else { Duration::ZERO };
        self.last = count;
        self.lasts
    }
}

/// A hot thread that is watched.
struct Thread {
    name: &'static str,
    pulse: Pulse,
    silence: Silence,
    /// It was said.
    is_hung: bool,
}

/// A venue's feed that is watched.
struct Feed {
    name: String,
    schedule: Option<SessionSchedule>,
    silence: Silence,
    is_silent: bool,
}

/// When the watchdog acts; zero: never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatchdogLimits {
    /// Silence of a hot thread.
    pub heartbeat: Duration,
    /// Silence of a feed.
    pub feed_silence: Duration,
}

/// See the module's text.
pub struct Watchdog {
    limits: WatchdogLimits,
    kill: KillSwitch,
    sockets: SessionSockets,
    threads: Vec<Thread>,
    feeds: Vec<Feed>,
    pulse: FeedPulse,
    last_look: Option<Instant>,
}

/// What a look has found, for people.
pub type Alarm = String;

impl Watchdog {
    /// Over hot threads, by name, and the feeds of venues, by number.
    #[must_use]
    pub fn new(
        limits: WatchdogLimits,
        kill: KillSwitch,
        sockets: SessionSockets,
        threads: Vec<(&'static str, Pulse)>,
        feeds: Vec<(String, Option<SessionSchedule>)>,
        pulse: FeedPulse,
    ) -> Self {
        let threads = threads.into_iter().map(|(name, pulse)| Thread {
            name,
            pulse,
            silence: Silence::default(),
            is_hung: false,
        });
        let feeds = feeds.into_iter().map(|(name, schedule)| Feed {
            name,
            schedule,
            silence: Silence::default(),
            is_silent: false,
        });
        let (threads, feeds) = (threads.collect(), feeds.collect());
        Self { limits, kill, sockets, threads, feeds, pulse, last_look: None }
    }

    /// One look at a moment of a monotonic clock and of the system's (UTC ns).
    pub fn look(&mut self, now: Instant, utc_ns: u64, mut say: impl FnMut(Alarm)) {
        let interval = self.last_look.replace(now).map_or(Duration::ZERO, |last| now - last);
        for thread in &mut self.threads {
            let count = thread.pulse.count();
            let lasts = thread.silence.look(count, interval);
            if count == 0 || lasts < self.limits.heartbeat || self.limits.heartbeat.is_zero() {
                thread.is_hung &= count == 0 || !lasts.is_zero();
                continue;
            }
            if !std::mem::replace(&mut thread.is_hung, true) {
                self.kill.set(KillCause::Heartbeat);
                let ended = self.sockets.shut_down();
                say(format!(
                    "the thread of {} has made no turn for {} ms: trading is stopped, {ended} sessions are shut down so that their venues \
                     cancel what is open",
                    thread.name,
                    lasts.as_millis()
                ));
            }
        }
        for (venue, feed) in self.feeds.iter_mut().enumerate() {
            let count = self.pulse.count(venue);
            let lasts = feed.silence.look(count, interval);
            let is_over = count == 0 || count == FeedPulse::ENDED;
            if is_over || self.limits.feed_silence.is_zero() || lasts < self.limits.feed_silence {
                feed.is_silent &= !lasts.is_zero();
                continue;
            }
            let is_closed = feed.schedule.as_ref().is_some_and(|open| open.session_at(utc_ns).is_none());
            if !is_closed && !std::mem::replace(&mut feed.is_silent, true) {
                self.kill.set(KillCause::FeedLost);
                say(format!(
                    "venue {}: no packet of its feed for {} ms: trading is stopped",
                    feed.name,
                    lasts.as_millis()
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Rig {
        watchdog: Watchdog,
        kill: KillSwitch,
        pulse: Pulse,
        feed: FeedPulse,
        now: Instant,
        said: Vec<String>,
    }

    impl Rig {
        fn new() -> Self {
            let (kill, pulse, feed) = (KillSwitch::new(), Pulse::default(), FeedPulse::new(1));
            let limits = WatchdogLimits {
                heartbeat: Duration::from_millis(100),
                feed_silence: Duration::from_millis(500),
            };
            let watchdog = Watchdog::new(
                limits,
                kill.clone(),
                SessionSockets::default(),
                vec![("decide", pulse.clone())],
                vec![("NASDAQ".to_owned(), None)],
                feed.clone(),
            );
            Self { watchdog, kill, pulse, feed, now: Instant::now(), said: Vec::new() }
        }

        /// Looks every `step_ms` for so long.
        fn pass(&mut self, ms: u64, step_ms: u64) {
            for _ in 0..ms / step_ms {
                self.now += Duration::from_millis(step_ms);
                let said = &mut self.said;
                self.watchdog.look(self.now, 0, |alarm| said.push(alarm));
            }
        }
    }

    #[test]
    fn a_thread_that_stands_still_is_noticed_once() {
        let mut rig = Rig::new();
        rig.pass(1_000, 1);
        assert!(!rig.kill.is_set(), "not in its loop");
        let mut beat = rig.pulse.beat();
        beat.beat();
        rig.pass(99, 1);
        beat.beat();
        rig.pass(100, 1);
        assert!(!rig.kill.is_set(), "99 ms after the look that saw it beat");
        rig.pass(1, 1);
        assert_eq!(rig.kill.cause(), Some(KillCause::Heartbeat));
        rig.pass(1_000, 1);
        assert_eq!(rig.said.len(), 1, "{:?}", rig.said);
        assert!(rig.said[0].contains("decide"), "{:?}", rig.said);
        beat.beat();
        rig.pass(150, 1);
        assert_eq!(rig.said.len(), 2, "it hung again");
    }

    #[test]
    fn a_machine_that_stood_still_proves_nothing() {
        let mut rig = Rig::new();
        let mut beat = rig.pulse.beat();
        beat.beat();
        rig.pass(5, 1);
        rig.pass(3_000, 3_000);
        assert!(!rig.kill.is_set());
        beat.beat();
        rig.pass(90, 1);
        assert!(!rig.kill.is_set());
        beat.rest();
        rig.pass(1_000, 1);
        assert!(!rig.kill.is_set(), "the run ends");
    }

    #[test]
    fn a_feed_that_falls_silent_stops_trading() {
        let mut rig = Rig::new();
        rig.pass(2_000, 1);
        assert!(!rig.kill.is_set(), "never heard");
        rig.feed.packet(0, 1);
        rig.pass(499, 1);
        rig.feed.packet(0, 2);
        rig.pass(500, 1);
        assert!(!rig.kill.is_set());
        rig.pass(2, 1);
        assert_eq!(rig.kill.cause(), Some(KillCause::FeedLost));
        assert!(rig.said.iter().any(|said| said.contains("NASDAQ")), "{:?}", rig.said);
        let mut rig = Rig::new();
        rig.feed.packet(0, 1);
        rig.pass(10, 1);
        rig.feed.ended(0);
        rig.pass(2_000, 1);
        assert!(!rig.kill.is_set(), "its session is over");
    }
}
