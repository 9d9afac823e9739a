//! The thread that connects again: TCP and the TLS handshake, on the cold core, after a live run has lost a venue.
//!
//! A hot thread gives the lost connection through one ring and gets a new one through another; what is left of the old
//! one is freed here. When to try is [`BackOff`]'s to say. Logging on is the session's, once the hot thread has the
//! connection.

use std::time::{Duration, Instant};

use rtrb::{Consumer, Producer, RingBuffer};

use crate::control::transport_config::ReconnectConfig;
use crate::pipeline::socket_entry::{Lost, ReconnectPort};
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

/// The cold end: [`Self::run`] it on a thread of its own.
pub struct Reconnector {
    /// By venue number.
    endpoints: Vec<Endpoint>,
    back_offs: Vec<BackOff>,
    lost: Consumer<Lost>,
    made: Producer<(u8, Connection)>,
}

/// The two ends; `endpoints` by venue number.
#[must_use]
pub fn channel(endpoints: Vec<Endpoint>, config: &ReconnectConfig) -> (ReconnectPort, Reconnector) {
    let (lost, lost_queue) = RingBuffer::new(RING);
    let (made_ring, made) = RingBuffer::new(RING);
    let seeds = (0u64..).map(|venue| config.seed.wrapping_add(venue << 32));
    let back_offs =
        endpoints.iter().zip(seeds).map(|(_, seed)| BackOff::new(config.back_off(), seed)).collect();
    (ReconnectPort { lost, made }, Reconnector { endpoints, back_offs, lost: lost_queue, made: made_ring })
}

impl Reconnector {
    /// Connects what is lost until `over` says so. A try under way is finished first.
    pub fn run(mut self, over: impl Fn() -> bool) -> ReconnectReport {
        let begin = Instant::now();
        let now_ns = || u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let mut report = ReconnectReport::default();
        while !over() {
            while let Ok(Lost { venue, connection, logged_on_ns, time_ns }) = self.lost.pop() {
                drop(connection);
                report.lost += 1;
                let now_ns = now_ns();
                // Its own clock: only how long the logon held is taken from the other one.
                let held_ns = logged_on_ns.map(|since_ns| time_ns.saturating_sub(since_ns));
                if let Some(back_off) = self.back_offs.get_mut(usize::from(venue)) {
                    back_off.lost(now_ns, held_ns);
                }
            }
            for (venue, (endpoint, back_off)) in (0u8..).zip(self.endpoints.iter().zip(&mut self.back_offs)) {
                if over() || !back_off.take_due(now_ns()) {
                    continue;
                }
                match endpoint.connect() {
                    Ok(connection) => {
                        report.made += 1;
                        let _ = self.made.push((venue, connection));
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
