//! A wire between the engine and a venue: carries bytes both ways and writes down what passes, and when.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What passed on its way to the venue, or back.
#[derive(Clone, Debug)]
pub struct Passed {
    /// When.
    pub at: Instant,
    /// MsgType(35).
    pub message_type: u8,
    /// ExecType(150), 0 where there is none.
    pub exec_type: u8,
    /// To the venue.
    pub is_ours: bool,
}

#[derive(Default)]
struct State {
    passed: Vec<Passed>,
    /// When the engine's end was noticed to be gone, connection by connection.
    ends: Vec<Instant>,
    streams: Vec<TcpStream>,
}

/// See the module's text. Clones share it.
#[derive(Clone)]
pub struct Wire {
    address: String,
    state: Arc<Mutex<State>>,
}

impl Wire {
    /// In front of a venue; connections are carried until the process ends.
    pub fn to(venue: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound").to_string();
        let state = Arc::new(Mutex::new(State::default()));
        let this = Self { address, state };
        let shared = this.clone();
        std::thread::spawn(move || {
            for engine in listener.incoming() {
                let (Ok(engine), Ok(venue)) = (engine, TcpStream::connect(&venue)) else { continue };
                for stream in [&engine, &venue] {
                    stream.set_nodelay(true).expect("an option");
                }
                let clone = |stream: &TcpStream| stream.try_clone().expect("a descriptor");
                shared.with(|state| state.streams.extend([clone(&engine), clone(&venue)]));
                let (one, other) = (shared.clone(), shared.clone());
                let (engine_in, venue_out) = (clone(&engine), clone(&venue));
                std::thread::spawn(move || one.carry(engine_in, venue_out, true));
                std::thread::spawn(move || other.carry(venue, engine, false));
            }
        });
        this
    }

    /// `HOST:PORT` of the engine's end.
    pub fn address(&self) -> &str {
        &self.address
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn carry(&self, mut from: TcpStream, mut to: TcpStream, is_ours: bool) {
        let (mut buffer, mut text) = (vec![0; 1 << 16], Vec::new());
        loop {
            let length = from.read(&mut buffer).unwrap_or(0);
            let at = Instant::now();
            if length == 0 {
                break;
            }
            text.extend_from_slice(&buffer[..length]);
            self.with(|state| write_down(&mut text, at, is_ours, &mut state.passed));
            if to.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        if is_ours {
            self.with(|state| state.ends.push(Instant::now()));
        }
        let _ = to.shutdown(Shutdown::Both);
        let _ = from.shutdown(Shutdown::Both);
    }

    /// Cuts every connection.
    pub fn cut(&self) {
        self.with(|state| {
            for stream in state.streams.drain(..) {
                let _ = stream.shutdown(Shutdown::Both);
            }
        });
    }

    /// What has passed since a moment.
    pub fn since(&self, at: Instant) -> Vec<Passed> {
        self.with(|state| state.passed.iter().filter(|passed| passed.at >= at).cloned().collect())
    }

    /// When the engine's connections ended.
    pub fn ends(&self) -> Vec<Instant> {
        self.with(|state| state.ends.clone())
    }

    /// Messages of a type that have passed to the venue since a moment.
    pub fn ours_since(&self, at: Instant, message_type: u8) -> usize {
        let passed = self.since(at);
        passed.iter().filter(|passed| passed.is_ours && passed.message_type == message_type).count()
    }

    /// Orders cancelled by the venue since a moment.
    pub fn cancelled_since(&self, at: Instant) -> usize {
        self.since(at).iter().filter(|passed| !passed.is_ours && passed.exec_type == b'4').count()
    }
}

/// Takes the whole messages from the front of the text.
fn write_down(text: &mut Vec<u8>, at: Instant, is_ours: bool, passed: &mut Vec<Passed>) {
    let checksum = |text: &[u8]| text.windows(4).position(|four| four == b"\x0110=").map(|at| at + 8);
    while let Some(end) = checksum(text).filter(|&end| end <= text.len()) {
        let message: Vec<u8> = text.drain(..end).collect();
        let value = |tag: &[u8]| {
            let field = message.split(|&byte| byte == 1).find(|field| field.starts_with(tag));
            field.and_then(|field| field.get(tag.len())).copied().unwrap_or(0)
        };
        passed.push(Passed { at, message_type: value(b"35="), exec_type: value(b"150="), is_ours });
    }
}

/// Waits until something is so.
pub fn wait_for(what: &str, patience: Duration, is_so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < patience, "not within {patience:?}: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
