//! The thread that fetches snapshots: GLIMPSE over SoupBinTCP, on the cold core, while the books are stale.
//!
//! A hot thread asks through one ring and gets a whole snapshot through another; it gives the memory back through a
//! third, so that it frees nothing. A fetch that fails is counted and said in the report; the feed asks again.

use std::io::{Read, Write};
use std::net::{SocketAddrV4, TcpStream};
use std::time::{Duration, Instant};

use feeds::glimpse::{self, SnapshotMessage};
use feeds::soupbintcp::{ClientEvent, LoginRequest, SoupBinClient, text_field};
use rtrb::{Consumer, Producer, RingBuffer};

use crate::pipeline::live::SnapshotPort;
use crate::pipeline::live_feed::Snapshot;

/// Requests and snapshots under way at once.
const RING: usize = 16;

/// Longest wait for a connection, and for each part of the answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Longest wait for a whole snapshot.
const SNAPSHOT_PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks for a request.
const PAUSE: Duration = Duration::from_micros(200);

/// Bytes asked of the socket at once.
const READ_BYTES: usize = 1 << 16;

/// Where a venue's snapshots are.
#[derive(Clone, Debug)]
pub struct SnapshotServer {
    /// The GLIMPSE server.
    pub address: SocketAddrV4,
    /// User name, up to 6 characters.
    pub username: String,
    /// Password, up to 10 characters.
    pub password: String,
}

/// What the thread has done.
#[derive(Clone, Debug, Default)]
pub struct FetchReport {
    /// Snapshots fetched.
    pub fetched: u64,
    /// Tries that failed.
    pub failed: u64,
    /// Why the last of them failed.
    pub last_error: Option<String>,
}

/// The cold end: [`Self::run`] it on a thread of its own.
pub struct SnapshotFetcher {
    servers: Vec<Option<SnapshotServer>>,
    wanted: Consumer<u8>,
    fetched: Producer<(u8, Box<Snapshot>)>,
    done: Consumer<Box<Snapshot>>,
}

/// The two ends; `servers` by venue number.
#[must_use]
pub fn channel(servers: Vec<Option<SnapshotServer>>) -> (SnapshotPort, SnapshotFetcher) {
    let (wanted, wanted_queue) = RingBuffer::new(RING);
    let (fetched_ring, fetched) = RingBuffer::new(RING);
    let (done, done_queue) = RingBuffer::new(RING);
    let fetcher = SnapshotFetcher { servers, wanted: wanted_queue, fetched: fetched_ring, done: done_queue };
    (SnapshotPort { wanted, fetched, done }, fetcher)
}

impl SnapshotFetcher {
    /// Fetches what is asked for until `over` says so.
    pub fn run(mut self, over: impl Fn() -> bool) -> FetchReport {
        let mut report = FetchReport::default();
        while !over() {
            while self.done.pop().is_ok() {}
            let Ok(venue) = self.wanted.pop() else {
                std::thread::sleep(PAUSE);
                continue;
            };
            let Some(Some(server)) = self.servers.get(usize::from(venue)) else { continue };
            match fetch(server, &over) {
                Ok(snapshot) => {
                    report.fetched += 1;
                    // Requests made meanwhile are answered by this one.
                    while self.wanted.peek().is_ok_and(|next| *next == venue) {
                        let _ = self.wanted.pop();
                    }
                    let _ = self.fetched.push((venue, Box::new(snapshot)));
                }
                Err(error) => {
                    report.failed += 1;
                    report.last_error = Some(format!("GLIMPSE at {}: {error}", server.address));
                }
            }
        }
        report
    }
}

/// Fetches one snapshot.
///
/// # Errors
/// What went wrong, in words.
fn fetch(server: &SnapshotServer, over: &impl Fn() -> bool) -> Result<Snapshot, String> {
    let begin = Instant::now();
    let now_ns = || u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let words = |error: std::io::Error| error.to_string();
    let mut stream = TcpStream::connect_timeout(&server.address.into(), PATIENCE).map_err(words)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(words)?;
    stream.set_write_timeout(Some(PATIENCE)).map_err(words)?;
    stream.set_nodelay(true).map_err(words)?;
    let login = LoginRequest {
        username: text_field(server.username.as_bytes()),
        password: text_field(server.password.as_bytes()),
        session: text_field(b""),
        sequence: 1,
    };
    let mut client = SoupBinClient::new(login, READ_BYTES);
    client.on_connect(now_ns());
    let mut snapshot = Snapshot::default();
    let mut end = None;
    let mut buffer = vec![0; READ_BYTES];
    while end.is_none() {
        if over() {
            return Err("the run has ended".to_owned());
        }
        if begin.elapsed() > SNAPSHOT_PATIENCE {
            return Err(format!("no end of the snapshot within {SNAPSHOT_PATIENCE:?}"));
        }
        client.on_timer(now_ns()).map_err(|error| error.to_string())?;
        while !client.pending().is_empty() {
            let sent = stream.write(client.pending()).map_err(words)?;
            client.consume(sent);
        }
        let length = stream.read(&mut buffer).map_err(words)?;
        if length == 0 {
            return Err("the server closed the connection before the end of the snapshot".to_owned());
        }
        let mut refused = None;
        client
            .on_bytes(now_ns(), &buffer[..length], &mut |event| {
                let ClientEvent::Message { body, .. } = event else { return };
                if end.is_some() || refused.is_some() {
                    return;
                }
                match glimpse::decode(body) {
                    Ok(SnapshotMessage::State(body)) => {
                        let length = u16::try_from(body.len()).unwrap_or(u16::MAX);
                        snapshot.blocks.extend_from_slice(&length.to_be_bytes());
                        snapshot.blocks.extend_from_slice(body);
                    }
                    Ok(SnapshotMessage::End { next_sequence }) => end = Some(next_sequence),
                    Err(error) => refused = Some(error),
                }
            })
            .map_err(|error| error.to_string())?;
        if let Some(error) = refused {
            return Err(error.to_string());
        }
    }
    snapshot.next_sequence = end.unwrap_or(0);
    Ok(snapshot)
}
