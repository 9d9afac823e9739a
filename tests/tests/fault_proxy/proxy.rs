//! A proxy on loopback: a listener for each venue, and what a bad line does between the two sockets of a connection.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use engine::pipeline::tsc::{self, Calibration};
use warptick_tests::chatter::Dice;

use crate::faults::{FaultCounts, Trouble, Wire};

const FAULT_ONE_IN: u64 = 300;

/// Between two looks at sockets without anything.
const PAUSE: Duration = Duration::from_micros(100);

/// How a look at a connection ended.
enum Turn {
    Idle,
    Worked,
    /// A side has closed, and the other one has got what was on its way.
    Closed,
    Reset,
}

/// A client, the venue behind it, and what is on its way between them.
struct Line {
    /// The client and the venue.
    ends: [TcpStream; 2],
    /// To the venue, and to the client.
    wires: [Wire; 2],
    /// Which end has closed.
    ended: [bool; 2],
}

impl Line {
    fn connect(client: TcpStream, venue: &str) -> std::io::Result<Self> {
        let venue = TcpStream::connect(venue)?;
        for stream in [&client, &venue] {
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
        }
        Ok(Self { ends: [client, venue], wires: Default::default(), ended: [false; 2] })
    }

    fn carry(&mut self, now_ns: u64, buffer: &mut [u8], mut trouble: Option<&mut Trouble>) -> Turn {
        let mut turn = Turn::Idle;
        for from in 0..2 {
            let wire = &mut self.wires[from];
            if !self.ended[from] {
                match self.ends[from].read(buffer) {
                    Ok(0) => self.ended[from] = true,
                    Ok(length) => {
                        turn = Turn::Worked;
                        if !wire.send(now_ns, &buffer[..length], trouble.as_deref_mut()) {
                            return Turn::Reset;
                        }
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(_) => return Turn::Reset,
                }
            }
            while wire.due_ns() <= now_ns {
                let Some(mut piece) = wire.take() else { break };
                turn = Turn::Worked;
                match self.ends[1 - from].write(&piece) {
                    Ok(length) if length == piece.len() => {}
                    Ok(length) => {
                        wire.put_back(piece.split_off(length));
                        break;
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        wire.put_back(piece);
                        break;
                    }
                    Err(_) => return Turn::Reset,
                }
            }
            if self.ended[from] && wire.due_ns() == u64::MAX {
                return Turn::Closed;
            }
        }
        turn
    }

    /// Both ends get a reset (RST) and not an orderly end (FIN).
    fn reset(self) {
        let linger = libc::linger { l_onoff: 1, l_linger: 0 };
        for stream in &self.ends {
            // SAFETY: the descriptor is open for as long as `stream` lives, and the option's value is a `linger` whose
            // size is given.
            let outcome = unsafe {
                libc::setsockopt(
                    stream.as_raw_fd(),
                    libc::SOL_SOCKET,
                    libc::SO_LINGER,
                    (&raw const linger).cast(),
                    size_of::<libc::linger>() as libc::socklen_t,
                )
            };
            assert_eq!(outcome, 0, "SO_LINGER: {}", std::io::Error::last_os_error());
        }
    }
}

/// See the module's text.
pub struct Proxy {
    /// With the addresses of the venues behind them.
    listeners: Vec<(TcpListener, String)>,
    clock: Calibration,
    /// Until when the lines are bad, in the clock's time.
    pub trouble_until_ns: AtomicU64,
}

impl Proxy {
    /// Listens for each of the venues' addresses.
    pub fn new(venues: Vec<String>, clock: Calibration) -> Self {
        let listeners = venues.into_iter().map(|venue| {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            listener.set_nonblocking(true).expect("an option");
            (listener, venue)
        });
        Self { listeners: listeners.collect(), clock, trouble_until_ns: AtomicU64::new(0) }
    }

    /// `HOST:PORT` that a client of each venue connects to.
    pub fn addresses(&self) -> Vec<String> {
        let address =
            |(listener, _): &(TcpListener, String)| listener.local_addr().expect("bound").to_string();
        self.listeners.iter().map(address).collect()
    }

    /// Carries bytes until it is over. A client that connects anew does so beside what is still on its way for the last one.
    pub fn run(&self, dice: Dice, over: &AtomicBool) -> FaultCounts {
        let mut trouble = Trouble::new(dice, FAULT_ONE_IN);
        let mut lines: Vec<Line> = Vec::new();
        let mut buffer = vec![0; 1 << 16];
        while !over.load(Ordering::Relaxed) {
            for (listener, venue) in &self.listeners {
                while let Ok((client, _)) = listener.accept() {
                    lines.extend(Line::connect(client, venue).ok());
                }
            }
            let now_ns = self.clock.utc_ns(tsc::now());
            let is_troubled = now_ns < self.trouble_until_ns.load(Ordering::Relaxed);
            let mut worked = false;
            let mut at = 0;
            while at < lines.len() {
                match lines[at].carry(now_ns, &mut buffer, is_troubled.then_some(&mut trouble)) {
                    Turn::Idle => at += 1,
                    Turn::Worked => {
                        worked = true;
                        at += 1;
                    }
                    Turn::Closed => drop(lines.swap_remove(at)),
                    Turn::Reset => lines.swap_remove(at).reset(),
                }
            }
            if !worked {
                std::thread::sleep(PAUSE);
            }
        }
        trouble.counts
    }
}
