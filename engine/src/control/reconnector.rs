//! The thread that connects again: TCP and the TLS handshake, on the cold core, after a live run has lost a venue.
//!
//! A hot thread gives the lost connection through one ring and gets a new one through another; what is left of the old
//! one is freed here. When to try is [`BackOff`]'s to say, and the venue's schedule: outside of its sessions nothing is
//! tried, and a new connection carries the span of the session that it is made for. Logging on is the session's, once the
//! hot thread has the connection.

use std::time::{Duration, Instant};

use rtrb::{Consumer, Producer, RingBuffer};

use crate::control::session_schedule::{SessionSchedule, SessionSpan};
use crate::control::session_sockets::SessionSockets;
use crate::control::transport_config::ReconnectConfig;
use crate::pipeline::socket_entry::{Lost, Made, ReconnectPort};
use crate::transport::Connection;
use crate::transport::endpoint::Endpoint;
use crate::transport::reconnect::BackOff;

/// Connections on their way; a venue has one at most in either ring.
const RING: usize = 256;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(1);

/// What the thread has done.
#[derive(Clone, Debug, Default)]
pub struct ReconnectReport {
    /// Connections lost.
    pub lost: u64,
    /// Connections made.
    pub made: u64,
    /// Tries that failed.
    pub failed: u64,
    /// Why the last of them failed.
    pub last_error: Option<String>,
}

/// How a venue is reached, and when.
pub struct Route {
    /// For people.
    pub name: String,
    /// Where it is.
    pub endpoint: Endpoint,
    /// When it is open; none: always.
    pub schedule: Option<SessionSchedule>,
}

impl Route {
    /// Whether to connect at a time (UTC ns), and for which session; `Err`: the venue is closed.
    fn open_at(&self, utc_ns: u64) -> Result<Option<SessionSpan>, Closed> {
        self.schedule.as_ref().map(|schedule| schedule.session_at(utc_ns).ok_or(Closed)).transpose()
    }

    /// That the venue is closed, since when and until when.
    fn closed(&self, utc_ns: u64) -> String {
        let Self { name, schedule, .. } = self;
        let show = |utc_ns| schedule.as_ref().map_or_else(String::new, |schedule| schedule.show(utc_ns));
        let next = schedule.as_ref().and_then(|schedule| schedule.next_session(utc_ns));
        let until = next.map_or_else(
            || "no session follows".to_owned(),
            |next| format!("the next session is from {} to {}", show(next.start_ns), show(next.end_ns)),
        );
        format!("venue {name}: closed by its schedule, no connection since {}; {until}", show(utc_ns))
    }
}

/// The venue has no session at that time.
struct Closed;

/// A venue that may be lost.
struct Line {
    route: Route,
    back_off: BackOff,
    /// It was said that the venue is closed.
    is_closed: bool,
}

/// The cold end: [`Self::run`] it on a thread of its own.
pub struct Reconnector {
    /// By venue number.
    lines: Vec<Line>,
    /// Where a descriptor of each connection is kept for the watchdog.
    sockets: SessionSockets,
    lost: Consumer<Lost>,
    made: Producer<Made>,
}

/// The two ends; `routes` by venue number.
#[must_use]
pub fn channel(routes: Vec<Route>, config: &ReconnectConfig) -> (ReconnectPort, Reconnector) {
    let (lost, lost_queue) = RingBuffer::new(RING);
    let (made_ring, made) = RingBuffer::new(RING);
    let seeds = (0u64..).map(|venue| config.seed.wrapping_add(venue << 32));
    let lines = routes.into_iter().zip(seeds).map(|(route, seed)| Line {
        route,
        back_off: BackOff::new(config.back_off(), seed),
        is_closed: false,
    });
    let (lines, sockets) = (lines.collect(), SessionSockets::default());
    (ReconnectPort { lost, made }, Reconnector { lines, sockets, lost: lost_queue, made: made_ring })
}

/// Connects, and keeps a descriptor for the watchdog: a session that could not be ended must not begin.
fn connect(route: &Route, venue: u8, sockets: &SessionSockets) -> Result<Connection, String> {
    let connection = route.endpoint.connect()?;
    sockets.put(venue, &connection).map_err(|error| format!("venue {}: {error}", route.name))?;
    Ok(connection)
}

impl Reconnector {
    /// The same, keeping a descriptor of each connection in this table.
    #[must_use]
    pub fn keeping(self, sockets: SessionSockets) -> Self {
        Self { sockets, ..self }
    }

    /// Connects at a time (UTC ns) to every venue that is open. [`Self::run`] connects to the others when they open; `say`
    /// is told about them.
    ///
    /// # Errors
    /// A venue that is open and cannot be reached.
    pub fn open(&mut self, utc_ns: u64, mut say: impl FnMut(String)) -> Result<Vec<Made>, String> {
        let mut open = Vec::new();
        for (venue, line) in (0u8..).zip(&mut self.lines) {
            match line.route.open_at(utc_ns) {
                Ok(session) => {
                    let connection = connect(&line.route, venue, &self.sockets)?;
                    open.push(Made { venue, connection, session });
                }
                Err(Closed) => {
                    line.is_closed = true;
                    line.back_off.lost(0, None);
                    say(line.route.closed(utc_ns));
                }
            }
        }
        Ok(open)
    }

    /// Connects what is lost until `over` says so, where the venue is open at `utc_ns`, UTC ns. A try under way is finished
    /// first. `say` is told when a venue closes and opens.
    pub fn run(
        mut self,
        utc_ns: impl Fn() -> u64,
        mut say: impl FnMut(String),
        over: impl Fn() -> bool,
    ) -> ReconnectReport {
        let begin = Instant::now();
        let now_ns = || u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let mut report = ReconnectReport::default();
        while !over() {
            while let Ok(Lost { venue, connection, logged_on_ns, time_ns, by_schedule }) = self.lost.pop() {
                drop(connection);
                self.sockets.take_out(venue);
                report.lost += u64::from(!by_schedule);
                let now_ns = now_ns();
                // Its own clock: only how long the logon held is taken from the other one.
                let held_ns = logged_on_ns.map(|since_ns| time_ns.saturating_sub(since_ns));
                if let Some(line) = self.lines.get_mut(usize::from(venue)) {
                    line.back_off.lost(now_ns, held_ns);
                }
            }
            for (venue, line) in (0u8..).zip(&mut self.lines) {
                let Line { route, back_off, is_closed } = line;
                if over() || back_off.due_ns().is_none_or(|due_ns| due_ns > now_ns()) {
                    continue;
                }
                let utc_ns = utc_ns();
                let Ok(session) = route.open_at(utc_ns) else {
                    if !std::mem::replace(is_closed, true) {
                        say(route.closed(utc_ns));
                        // What failed before counts no more when the venue opens.
                        back_off.lost(now_ns(), Some(u64::MAX));
                    }
                    continue;
                };
                if std::mem::take(is_closed) {
                    say(format!("venue {}: its session has begun, connecting", route.name));
                }
                let _ = back_off.take_due(now_ns());
                match connect(route, venue, &self.sockets) {
                    Ok(connection) => {
                        report.made += 1;
                        let _ = self.made.push(Made { venue, connection, session });
                    }
                    Err(error) => {
                        report.failed += 1;
                        report.last_error = Some(error);
                        back_off.failed(now_ns());
                    }
                }
            }
            std::thread::sleep(PAUSE);
        }
        report
    }
}

impl ReconnectReport {
    /// What a person should know after the run; nothing when no connection was lost.
    #[must_use]
    pub fn note(&self) -> Option<String> {
        let Self { lost, made, failed, last_error } = self;
        (*lost > 0).then(|| {
            let error =
                last_error.as_ref().map_or_else(String::new, |error| format!("; the last said: {error}"));
            format!("connections: {lost} lost, {made} made anew, {failed} tries failed{error}")
        })
    }
}
