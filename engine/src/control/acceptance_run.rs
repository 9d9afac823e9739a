//! `warptick venue --acceptance`: echo acceptors for FIX 4.2 and 4.4, for acceptance scripts, until Ctrl-C.

use std::io::Write;

use crate::control::failure::Failure;
use crate::control::shutdown;
use crate::fix::identity::SessionIds;
use crate::pipeline::tsc::{self, Calibration};
use crate::transport::endpoint::ConnectionAcceptor;
use crate::venue::desk::Desk;
use crate::venue::echo::EchoAcceptor;

/// BeginString(8) and the client's CompID of each acceptor; its own is [`ACCEPTOR_COMP_ID`].
const SESSIONS: [(&str, &str); 2] = [("FIX.4.2", "TW42"), ("FIX.4.4", "TW44")];

/// SenderCompID(49) of the acceptors.
const ACCEPTOR_COMP_ID: &str = "ISLD";

/// Turns without work after which the loop gives its core away for a moment.
const IDLE_TURNS: u32 = 1 << 10;

/// The acceptors, one a version, each on its own port.
pub struct Acceptance {
    desks: Vec<Desk<EchoAcceptor>>,
}

impl Acceptance {
    /// Listens on free ports of 127.0.0.1.
    ///
    /// # Errors
    /// When the system has no port.
    pub fn bind() -> Result<Self, Failure> {
        let mut desks = Vec::new();
        for (begin_string, client) in SESSIONS {
            let ids = SessionIds::new(begin_string, ACCEPTOR_COMP_ID, client)
                .map_err(|error| Failure::Input(error.to_string()))?;
            desks.push(Desk::bind(
                begin_string,
                "127.0.0.1:0",
                EchoAcceptor::new(ids),
                ConnectionAcceptor::plain(),
            )?);
        }
        Ok(Self { desks })
    }

    /// BeginString(8) and `HOST:PORT` of each acceptor.
    #[must_use]
    pub fn addresses(&self) -> Vec<(&'static str, String)> {
        SESSIONS.iter().zip(&self.desks).map(|(&(version, _), desk)| (version, desk.address())).collect()
    }

    /// Serves until `over` says so.
    pub fn serve(&mut self, over: impl Fn() -> bool) {
        let calibration = Calibration::measure();
        let mut buffer = vec![0; 1 << 16];
        let mut idle = 0_u32;
        while !over() {
            let now_ns = calibration.utc_ns(tsc::now());
            let mut worked = false;
            for desk in &mut self.desks {
                worked |= desk.serve(now_ns, &mut buffer);
            }
            idle = if worked { 0 } else { idle.saturating_add(1) };
            if idle > IDLE_TURNS {
                std::thread::sleep(std::time::Duration::from_micros(100));
            }
        }
    }
}

/// Says where it listens and serves until Ctrl-C.
///
/// # Errors
/// When the system has no port, or nothing can be written to `out`.
pub fn run(out: &mut impl Write) -> Result<(), Failure> {
    let mut acceptance = Acceptance::bind()?;
    for ((begin_string, client), (_, address)) in SESSIONS.iter().zip(acceptance.addresses()) {
        writeln!(
            out,
            "{begin_string}: echo acceptor on {address}, SenderCompID {ACCEPTOR_COMP_ID}, for TargetCompID {client}"
        )
        .map_err(|error| Failure::Input(error.to_string()))?;
    }
    out.flush().map_err(|error| Failure::Input(error.to_string()))?;
    acceptance.serve(shutdown::signalled);
    Ok(())
}
