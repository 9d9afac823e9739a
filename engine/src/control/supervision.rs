//! Puts together what a live run is supervised with: kill switch, operator port, watchdog, and their ends in the hot
//! threads.
//!
//! Everything is made here once, before the threads start. What a person should know about it at the start is said
//! here too.

use std::path::PathBuf;
use std::time::Duration;

use rtrb::RingBuffer;

use crate::control::config::{Config, Topology};
use crate::control::failure::Failure;
use crate::control::kill_switch::KillSwitch;
use crate::control::limits_desk::LimitsDesk;
use crate::control::names::Names;
use crate::control::operator_config::SessionResume;
use crate::control::operator_port::{EngineLink, OperatorPort};
use crate::control::schedule_config::ScheduleConfig;
use crate::control::session_sockets::SessionSockets;
use crate::control::universe::Universe;
use crate::control::watchdog::{HEARTBEAT_MS, SHARED_CORES_MS, Watchdog, WatchdogLimits};
use crate::pipeline::board::Board;
use crate::pipeline::controls::{Controls, SessionRules};
use crate::pipeline::feed_pulse::FeedPulse;
use crate::pipeline::heartbeat::{Beat, Pulse};
use crate::pipeline::rehearsal::Warmer;
use crate::pipeline::session_watch::SessionWatch;

/// Instructions on their way to decide: a limits file that changes every number of some hundred instruments.
const COMMANDS: usize = 1 << 12;

/// The ends in the hot threads.
pub(super) struct HotEnds {
    pub(super) controls: Controls,
    pub(super) sessions: SessionWatch,
    pub(super) order_entry: Beat,
    pub(super) ingest: Beat,
    /// Of `inline`.
    pub(super) warmer: Warmer,
}

impl HotEnds {
    /// The same with a rehearsal.
    pub(super) fn warmed_by(self, warmer: Warmer) -> Self {
        Self { warmer, ..self }
    }

    /// Of a run that obeys its kill switch and that nobody watches: a paced replay.
    pub(super) fn unwatched(kill: KillSwitch) -> Self {
        Self {
            sessions: SessionWatch::new(kill.clone()),
            controls: Controls::new(kill),
            order_entry: Beat::default(),
            ingest: Beat::default(),
            warmer: Warmer::default(),
        }
    }
}

/// See the module's text.
pub(super) struct Supervision {
    pub(super) kill: KillSwitch,
    pub(super) board: Board,
    pub(super) sockets: SessionSockets,
    pub(super) feeds: FeedPulse,
    pub(super) watchdog: Watchdog,
    pub(super) port: OperatorPort,
    pub(super) hot: HotEnds,
}

/// Supervises a live run; `limits_file` is what SIGHUP reads again, and `say` is told what a person should know.
///
/// # Errors
/// A venue that does not cancel on disconnect, and nobody has accepted that; a port or token that cannot be had.
pub(super) fn supervise(
    config: &Config,
    universe: &impl Universe,
    extra_strategies: usize,
    is_undisturbed: bool,
    limits_file: Option<PathBuf>,
    mut say: impl FnMut(String),
) -> Result<Supervision, Failure> {
    let operator = &config.operator;
    refuse_without_cancel_on_disconnect(config, &mut say)?;
    let names = Names::new(universe, config)?.with_extra(extra_strategies);
    let desk = LimitsDesk::new(config, names).map_err(Failure::Input)?;
    let address = operator.socket_address().map_err(Failure::Input)?;
    let tokens = if address.is_some() { operator.tokens().map_err(Failure::Input)? } else { Vec::new() };

    let (kill, sockets) = (KillSwitch::new(), SessionSockets::default());
    let board = Board::new(universe.directory()?.capacity(), desk.names().strategies());
    let sessions = SessionWatch::new(kill.clone());
    let feeds = FeedPulse::new(config.venues.len());
    let [decide, order_entry, ingest] = [(); 3].map(|()| Pulse::default());
    let rules = SessionRules {
        loss_ns: operator.session_loss_ms * 1_000_000,
        resumes: operator.session_resume == SessionResume::Auto,
    };
    let ((commands, queue), (answering, answers)) = (RingBuffer::new(COMMANDS), RingBuffer::new(COMMANDS));
    let hot = HotEnds {
        controls: Controls::new(kill.clone())
            .commanded(queue)
            .answering(answering)
            .watching(sessions.clone(), rules)
            .beating(decide.beat()),
        sessions: sessions.clone(),
        order_entry: order_entry.beat(),
        ingest: ingest.beat(),
        warmer: Warmer::default(),
    };
    let threads = match config.pipeline.topology {
        Topology::Inline => vec![("the hot stages", decide)],
        Topology::Split => vec![("decide", decide), ("order entry", order_entry), ("ingest", ingest)],
    };
    let default_ms = if is_undisturbed { HEARTBEAT_MS } else { SHARED_CORES_MS };
    let heartbeat_ms = operator.heartbeat_ms.unwrap_or(default_ms);
    if !is_undisturbed && operator.heartbeat_ms.is_none() {
        say(format!(
            "watchdog: the hot stages have no isolated cores to themselves, so that a thread counts as hung after {heartbeat_ms} ms and not {HEARTBEAT_MS} ms \
             (operator.heartbeat_ms sets it)"
        ));
    }
    let limits = WatchdogLimits {
        heartbeat: Duration::from_millis(heartbeat_ms),
        feed_silence: Duration::from_millis(operator.feed_silence_ms),
    };
    let schedules = config.venues.iter().map(|venue| {
        let schedule = venue.schedule.as_ref().map(ScheduleConfig::schedule).transpose()?;
        Ok((venue.name.clone(), schedule))
    });
    let schedules = schedules.collect::<Result<Vec<_>, String>>().map_err(Failure::Input)?;
    let watchdog =
        Watchdog::new(limits, kill.clone(), sockets.clone(), threads.clone(), schedules, feeds.clone());
    let (shown, pulses) = (board.clone(), threads);
    let link = EngineLink { commands, answers, kill: kill.clone(), board: shown, sessions, pulses };
    let port = OperatorPort::open(address, tokens, link, desk, limits_file)?;
    if let Some(address) = port.address() {
        say(format!("operator port on {address}"));
    }
    Ok(Supervision { kill, board, sockets, feeds, watchdog, port, hot })
}

/// A hung engine is stopped by shutting its sockets down: at a venue that lets orders live on, that stops nothing.
fn refuse_without_cancel_on_disconnect(config: &Config, say: &mut impl FnMut(String)) -> Result<(), Failure> {
    for venue in config.venues.iter().filter(|venue| !venue.cancel_on_disconnect) {
        let what = format!(
            "venue {}: it does not cancel on disconnect: orders there outlive a lost session and a hung or killed engine",
            venue.name
        );
        if !config.operator.accept_no_cancel_on_disconnect {
            return Err(Failure::Input(format!(
                "{what}. Set operator.accept_no_cancel_on_disconnect = true to trade there all the same"
            )));
        }
        say(what);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_venue_that_lets_orders_live_on_needs_consent_whatever_it_speaks() {
        for protocol in ["fix", "ouch"] {
            let venue = format!(
                "[[venues]]\nname = \"BX\"\nprotocol = \"{protocol}\"\ncancel_on_disconnect = false\n"
            );
            let refused = |text: &str| {
                let config = Config::parse("test", text).expect("a configuration");
                let mut said = Vec::new();
                let outcome = refuse_without_cancel_on_disconnect(&config, &mut |what| said.push(what));
                (outcome.err().map(|failure| failure.to_string()), said)
            };
            let (failure, said) = refused(&venue);
            let failure = failure.expect("nobody has accepted it");
            assert!(
                failure.contains("BX") && failure.contains("accept_no_cancel_on_disconnect"),
                "{failure}"
            );
            assert!(said.is_empty());
            let accepted = format!("[operator]\naccept_no_cancel_on_disconnect = true\n{venue}");
            let (failure, said) = refused(&accepted);
            assert_eq!(failure, None);
            assert!(said.len() == 1 && said[0].contains("BX") && said[0].contains("outlive"), "{said:?}");
            assert_eq!(refused(&venue.replace("false", "true")), (None, Vec::new()));
        }
    }
}
