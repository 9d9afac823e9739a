//! A TCP proxy that writes down every byte in both directions before it hands it on: what the venue can have seen, and
//! what it said.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

/// One connection of the engine to a venue.
#[derive(Clone, Debug, Default)]
pub struct Connection {
    /// Number of the venue.
    pub venue: usize,
    /// What the engine sent.
    pub sent: Vec<u8>,
    /// What the venue said, whether or not the engine was there to hear it.
    pub said: Vec<u8>,
}

/// All connections so far, in order.
pub type Record = Arc<Mutex<Vec<Connection>>>;

/// Listens for the engine on behalf of venue number `venue` at `address`; returns where. It serves one connection after the
/// other, for as long as the process lives.
pub fn listen(venue: usize, address: String, record: &Record) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let own = listener.local_addr().expect("an address").to_string();
    let record = Arc::clone(record);
    std::thread::spawn(move || {
        for engine in listener.incoming() {
            let Ok(engine) = engine else { return };
            let Ok(desk) = TcpStream::connect(&address) else { return };
            serve(venue, &engine, &desk, &record);
        }
    });
    own
}

fn serve(venue: usize, engine: &TcpStream, desk: &TcpStream, record: &Record) {
    let number = {
        let mut record = record.lock().unwrap_or_else(PoisonError::into_inner);
        record.push(Connection { venue, ..Connection::default() });
        record.len() - 1
    };
    for stream in [engine, desk] {
        stream.set_nodelay(true).expect("an option of TCP");
    }
    std::thread::scope(|scope| {
        scope.spawn(|| {
            pump(engine, desk, |bytes| {
                let mut record = record.lock().unwrap_or_else(PoisonError::into_inner);
                record[number].sent.extend_from_slice(bytes);
            });
        });
        // The venue is heard out, also when the engine is gone.
        pump(desk, engine, |bytes| {
            let mut record = record.lock().unwrap_or_else(PoisonError::into_inner);
            record[number].said.extend_from_slice(bytes);
        });
    });
}

fn pump(mut from: &TcpStream, mut to: &TcpStream, mut note: impl FnMut(&[u8])) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        note(&buffer[..count]);
        let _ = to.write_all(&buffer[..count]);
    }
    let _ = to.shutdown(Shutdown::Write);
}
