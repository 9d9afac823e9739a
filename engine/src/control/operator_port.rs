//! The operator port of a live run: HTTP on the loopback interface, by which people stop, reset and limit the engine.
//!
//! | request | does |
//! |---|---|
//! | `GET /status` | what the engine shows: kill word, sessions, heartbeats, open orders, positions, limits |
//! | `POST /kill` `{scope, who, why}` | stops a scope and cancels its orders, until a reset |
//! | `POST /reset` `{scope, who, why}` | lets it trade again |
//! | `POST /limits` `{text, who, why, version?}` | a new limits file: tightens at once, proposes what loosens |
//! | `POST /limits/confirm` `{id, who, why}` | puts a proposal in force |
//! | `POST /reconcile` `{symbol, position, who, why}` | compares a position with ours; another one stops trading |
//!
//! Every request carries `Authorization: Bearer TOKEN`, and a Host (and Origin, if any) that is this port's: a web page
//! that a browser on this machine has open must not speak here. An answer is JSON; a refusal says what is wrong. What is
//! asked for travels to decide through a ring, with who and why, and is journalled there; an answer says whether decide has
//! carried it out. A kill of everything also sets the kill word, so that it acts although decide may hang.
//!
//! SIGHUP reads the limits file again. Runs on a cold thread of its own (`wt-operator`); allocates and blocks there.

mod access;
mod requests;

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use rtrb::{Consumer, Producer};
use serde_json::json;
use tokio::sync::Mutex;

use crate::control::failure::Failure;
use crate::control::kill_switch::KillSwitch;
use crate::control::limits_desk::LimitsDesk;
use crate::control::names::Names;
use crate::control::operator_config::Token;
use crate::control::slice;
use crate::pipeline::board::Board;
use crate::pipeline::controls::{Instruction, LimitAnswer};
use crate::pipeline::heartbeat::Pulse;
use crate::pipeline::operator::{Command, KillCause, OperatorNote};
use crate::pipeline::session_watch::SessionWatch;

/// Longest body of a request: a limits file of some thousand instruments.
const BODY_BYTES_MAX: usize = 1 << 20;

/// How long a request waits for decide to carry it out.
const PATIENCE: Duration = Duration::from_secs(1);

/// Between two looks at what decide has done.
const PAUSE: Duration = Duration::from_micros(500);

/// Between two looks at signals and heartbeats.
const LOOK: Duration = Duration::from_millis(10);

/// SIGHUPs received. A static, since a signal handler has no argument of ours.
static HANGUPS: AtomicU32 = AtomicU32::new(0);

extern "C" fn on_hangup(_signal: libc::c_int) {
    HANGUPS.fetch_add(1, Ordering::Relaxed);
}

/// From now on SIGHUP asks for the limits file to be read again, and does not end the process.
///
/// # Errors
/// When the system refuses the handler.
pub fn install_hangup() -> std::io::Result<()> {
    let handler: extern "C" fn(libc::c_int) = on_hangup;
    // SAFETY: `action` is zero-initialised, a valid value of the C struct (empty mask, no flags); the handler only
    // adds to an atomic, which is async-signal-safe.
    let outcome = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as usize;
        action.sa_flags = libc::SA_RESTART;
        libc::sigaction(libc::SIGHUP, &raw const action, std::ptr::null_mut())
    };
    if outcome == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

/// The cold end of the way to decide, and what decide shows.
pub struct EngineLink {
    /// Instructions for decide.
    pub commands: Producer<Instruction>,
    /// What became of the limits among them; room for as many as there is for instructions.
    pub answers: Consumer<LimitAnswer>,
    /// The kill switch.
    pub kill: KillSwitch,
    /// What decide shows.
    pub board: Board,
    /// Which sessions are up.
    pub sessions: SessionWatch,
    /// Heartbeats of the hot threads, by name.
    pub pulses: Vec<(&'static str, Pulse)>,
}

/// Instructions on their way to decide.
struct Way {
    commands: Producer<Instruction>,
    given: u64,
}

/// The desk, and what decide says to it.
struct Limits {
    desk: LimitsDesk,
    answers: Consumer<LimitAnswer>,
}

impl Limits {
    /// The desk, as decide's last word left it.
    fn now(&mut self) -> &mut LimitsDesk {
        while let Ok(answer) = self.answers.pop() {
            self.desk.answered(answer);
        }
        &mut self.desk
    }
}

/// A heartbeat, and when it was last seen to change.
struct Seen {
    name: &'static str,
    pulse: Pulse,
    count: u64,
    changed: Instant,
}

/// What the handlers share.
struct Shared {
    way: Mutex<Way>,
    limits: Mutex<Limits>,
    /// Apart from the desk: a kill waits for nobody's limits.
    names: Names,
    pulses: Mutex<Vec<Seen>>,
    kill: KillSwitch,
    board: Board,
    sessions: SessionWatch,
    tokens: Vec<Token>,
    address: Option<SocketAddr>,
    began: Instant,
}

impl Shared {
    fn now_s(&self) -> u64 {
        self.began.elapsed().as_secs()
    }

    /// Gives decide commands under one note, all or none of them; `None` only notes. Whether decide has carried them out.
    async fn give(&self, note: OperatorNote, commands: &[Command]) -> Result<bool, String> {
        let given = self.put(note, commands).await?;
        Ok(self.is_obeyed(given).await)
    }

    /// The same without waiting for decide: the number of the last of them.
    async fn put(&self, note: OperatorNote, commands: &[Command]) -> Result<u64, String> {
        let mut way = self.way.lock().await;
        let seen = self.kill.seen();
        let mut note = Some(note);
        let mut items: Vec<_> = commands.iter().map(|&command| Some(command)).collect();
        if items.is_empty() {
            items.push(None);
        }
        if way.commands.slots() < items.len() {
            return Err(format!(
                "decide has not taken what it was told before: no room for {} commands; nothing was changed",
                items.len()
            ));
        }
        for command in items {
            // There is room: only this pushes.
            let _ = way.commands.push(Instruction { note: note.take(), command, seen });
            way.given += 1;
        }
        let given = way.given;
        drop(way);
        self.kill.ring();
        Ok(given)
    }

    async fn is_obeyed(&self, given: u64) -> bool {
        let begin = Instant::now();
        while self.board.instructions_obeyed() < given {
            if begin.elapsed() > PATIENCE {
                return false;
            }
            tokio::time::sleep(PAUSE).await;
        }
        true
    }

    /// Stops a scope; of everything, although decide may take nothing any more.
    async fn stop(&self, note: OperatorNote, command: Command, is_all: bool) -> bool {
        let given = {
            let mut way = self.way.lock().await;
            let instruction =
                Instruction { note: Some(note), command: Some(command), seen: self.kill.seen() };
            let is_taken = way.commands.push(instruction).is_ok();
            way.given += u64::from(is_taken);
            if is_all {
                // Behind the command in the ring: decide finds that first, with who and why.
                self.kill.set(KillCause::Operator);
            }
            is_taken.then_some(way.given)
        };
        self.kill.ring();
        match given {
            Some(given) => self.is_obeyed(given).await,
            None => false,
        }
    }

    async fn look_at_pulses(&self) {
        for seen in self.pulses.lock().await.iter_mut() {
            let count = seen.pulse.count();
            if count != seen.count {
                (seen.count, seen.changed) = (count, Instant::now());
            }
        }
    }
}

/// The port, listening and not yet served.
pub struct OperatorPort {
    shared: Arc<Shared>,
    listener: Option<TcpListener>,
    limits_file: Option<PathBuf>,
    hangups: u32,
}

impl OperatorPort {
    /// Listens, where there is an address; without one only SIGHUP is looked at.
    ///
    /// # Errors
    /// An address that cannot be had.
    pub fn open(
        address: Option<SocketAddr>,
        tokens: Vec<Token>,
        link: EngineLink,
        desk: LimitsDesk,
        limits_file: Option<PathBuf>,
    ) -> Result<Self, Failure> {
        let refused = |error| Failure::Input(format!("operator port {address:?}: {error}"));
        let listener = address.map(TcpListener::bind).transpose().map_err(refused)?;
        if let Some(listener) = &listener {
            listener.set_nonblocking(true).map_err(refused)?;
        }
        let address = listener.as_ref().and_then(|listener| listener.local_addr().ok());
        let EngineLink { commands, answers, kill, board, sessions, pulses } = link;
        let seen = |(name, pulse)| Seen { name, pulse, count: 0, changed: Instant::now() };
        let shared = Shared {
            way: Mutex::new(Way { commands, given: 0 }),
            names: desk.names().clone(),
            limits: Mutex::new(Limits { desk, answers }),
            pulses: Mutex::new(pulses.into_iter().map(seen).collect()),
            kill,
            board,
            sessions,
            tokens,
            address,
            began: Instant::now(),
        };
        let hangups = HANGUPS.load(Ordering::Relaxed);
        Ok(Self { shared: Arc::new(shared), listener, limits_file, hangups })
    }

    /// The desk, for a run that goes on with limits that runs before it have changed. Before the port is served; `None`
    /// afterwards.
    #[must_use]
    pub fn desk_mut(&mut self) -> Option<&mut LimitsDesk> {
        Arc::get_mut(&mut self.shared).map(|shared| &mut shared.limits.get_mut().desk)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.shared.address
    }

    /// Serves until `over` says so.
    ///
    /// # Errors
    /// What the system refuses.
    pub fn serve(self, over: impl Fn() -> bool) -> std::io::Result<()> {
        slice::shorten();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        runtime.block_on(async move {
            let Self { shared, listener, limits_file, mut hangups } = self;
            let server = match listener {
                None => None,
                Some(listener) => {
                    let listener = tokio::net::TcpListener::from_std(listener)?;
                    let app = app(Arc::clone(&shared));
                    Some(tokio::spawn(async move { axum::serve(listener, app).await }))
                }
            };
            while !over() {
                tokio::time::sleep(LOOK).await;
                shared.look_at_pulses().await;
                let now = HANGUPS.load(Ordering::Relaxed);
                if std::mem::replace(&mut hangups, now) != now {
                    requests::read_again(&shared, limits_file.as_deref()).await;
                }
            }
            if let Some(server) = server {
                server.abort();
            }
            Ok(())
        })
    }
}

fn app(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/status", get(requests::status))
        .route("/kill", post(requests::kill))
        .route("/reset", post(requests::reset))
        .route("/limits", post(requests::limits))
        .route("/limits/confirm", post(requests::confirm))
        .route("/reconcile", post(requests::reconcile))
        .fallback(|| async {
            access::refusal(
                404,
                "there are: GET /status; POST /kill, /reset, /limits, /limits/confirm, /reconcile",
            )
        })
        .method_not_allowed_fallback(|| async {
            access::refusal(405, "GET /status; everything else is POST")
        })
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&shared), access::check))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(shared)
}

/// Commands as people see them.
fn carried_out(is_obeyed: bool) -> serde_json::Value {
    if is_obeyed {
        json!({ "carried_out": true })
    } else {
        json!({ "carried_out": false, "warning": "decide has not answered within a second: look at /status" })
    }
}

#[cfg(test)]
#[path = "operator_port_tests.rs"]
mod tests;
