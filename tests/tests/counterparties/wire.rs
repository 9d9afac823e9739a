//! The wire between the gateway and a counterparty, on loopback: it carries whole messages, and loses some or breaks when
//! it is told. Neither side knows of it.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// A direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    Peer,
    Us,
}

/// What happens to the messages of one direction.
#[derive(Clone, Debug, Default)]
enum Rule {
    #[default]
    Carry,
    /// The next one that has all these fields is lost.
    LoseOne(Vec<String>),
    /// All are, until the line is cut.
    LoseAll,
}

#[derive(Default)]
struct Shared {
    /// By direction, like what follows: to the peer, to us.
    rules: Mutex<[Rule; 2]>,
    lost: [AtomicUsize; 2],
    cut: AtomicBool,
    over: AtomicBool,
}

/// See the module's text.
pub struct Wire {
    address: String,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Wire {
    /// A wire to the counterparty that listens on this port.
    pub fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("an option");
        let address = listener.local_addr().expect("bound").to_string();
        let shared = Arc::new(Shared::default());
        let seen = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            while !seen.over.load(Ordering::Relaxed) {
                match (listener.accept(), seen.cut.load(Ordering::Relaxed)) {
                    (Ok((ours, _)), false) => {
                        let peer = TcpStream::connect(("127.0.0.1", port)).expect("the peer listens");
                        carry(&seen, &ours, &peer);
                    }
                    _ => std::thread::sleep(Duration::from_millis(1)),
                }
            }
        });
        Self { address, shared, thread: Some(thread) }
    }

    /// Where the gateway connects to.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The next message that way with all these fields (`35=8`) is lost.
    pub fn lose_one(&self, to: To, fields: &[&str]) {
        self.set(to, Rule::LoseOne(fields.iter().map(|field| format!("\x01{field}\x01")).collect()));
    }

    /// Everything that way is lost until the line is cut.
    pub fn lose_all(&self, to: To) {
        self.set(to, Rule::LoseAll);
    }

    fn set(&self, to: To, rule: Rule) {
        self.shared.rules.lock().expect("no panic under it")[to as usize] = rule;
    }

    /// Messages that way that were lost so far.
    pub fn lost(&self, to: To) -> usize {
        self.shared.lost[to as usize].load(Ordering::Relaxed)
    }

    /// Breaks the line for both sides and takes no other one before [`Self::mend`].
    pub fn cut(&self) {
        self.shared.cut.store(true, Ordering::Relaxed);
    }

    /// The next line carries everything again.
    pub fn mend(&self) {
        *self.shared.rules.lock().expect("no panic under it") = Default::default();
        self.shared.cut.store(false, Ordering::Relaxed);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Carries both directions until one side closes or the line is cut.
fn carry(shared: &Shared, ours: &TcpStream, peer: &TcpStream) {
    let mut ways = [(ours, peer, Vec::new()), (peer, ours, Vec::new())];
    for stream in [ours, peer] {
        stream.set_nodelay(true).expect("an option");
        stream.set_nonblocking(true).expect("an option");
    }
    let mut buffer = [0; 65_536];
    'line: while !shared.over.load(Ordering::Relaxed) && !shared.cut.load(Ordering::Relaxed) {
        let mut idle = true;
        for (way, (from, to, waiting)) in ways.iter_mut().enumerate() {
            match (&mut &**from).read(&mut buffer) {
                Ok(0) => break 'line,
                Ok(length) => {
                    idle = false;
                    waiting.extend_from_slice(&buffer[..length]);
                    while let Some(length) = message_length(waiting) {
                        let message: Vec<u8> = waiting.drain(..length).collect();
                        if is_lost(shared, way, &message) {
                            shared.lost[way].fetch_add(1, Ordering::Relaxed);
                        } else if write_all(to, &message).is_err() {
                            break 'line;
                        }
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => break 'line,
            }
        }
        if idle {
            std::thread::sleep(Duration::from_micros(200));
        }
    }
    for stream in [ours, peer] {
        let _ = stream.shutdown(Shutdown::Both);
    }
}

fn write_all(mut to: &TcpStream, mut bytes: &[u8]) -> std::io::Result<()> {
    while !bytes.is_empty() {
        match to.write(bytes) {
            Ok(length) => bytes = &bytes[length..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Bytes of the message at the front, once it is whole: up to the end of CheckSum(10).
fn message_length(bytes: &[u8]) -> Option<usize> {
    let at = bytes.windows(4).position(|window| window == b"\x0110=")?;
    let end = bytes[at + 1..].iter().position(|&byte| byte == 1)?;
    Some(at + 1 + end + 1)
}

fn is_lost(shared: &Shared, way: usize, message: &[u8]) -> bool {
    let rule = &mut shared.rules.lock().expect("no panic under it")[way];
    match rule {
        Rule::Carry => false,
        Rule::LoseAll => true,
        Rule::LoseOne(fields) => {
            let text = String::from_utf8_lossy(message);
            let is_meant = fields.iter().all(|field| text.contains(field.as_str()));
            if is_meant {
                *rule = Rule::Carry;
            }
            is_meant
        }
    }
}
