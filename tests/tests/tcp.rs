//! `warptick venue` on its own, and a plain TCP client that speaks FIX 4.4 to it without any code of the engine.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use feeds::source::synthetic::SyntheticConfig;
use tempfile::TempDir;
use warptick_tests::captures::generated;
use warptick_tests::warptick::command;

struct Venue {
    child: Child,
    address: String,
    _directory: TempDir,
}

impl Venue {
    fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let capture = directory.path().join("day.itch");
        let settings =
            SyntheticConfig { messages: 20_000, symbols: 2, halts: 0, ..SyntheticConfig::default() };
        let [mut stream, _] = generated(&settings);
        // The day starts at its opening: a client need not wait for it.
        warptick_tests::captures::map_times(&mut stream, |time_ns| {
            time_ns.max(feeds::source::synthetic::MARKET_OPEN_NS)
        });
        std::fs::write(&capture, stream).expect("writable");
        let mut child =
            command().arg("venue").arg(&capture).stdout(Stdio::piped()).spawn().expect("the binary runs");
        let mut said = String::new();
        BufReader::new(child.stdout.as_mut().expect("piped")).read_line(&mut said).expect("a line");
        let address = said.split("acceptor on ").nth(1).and_then(|rest| rest.split(',').next());
        let address = address.unwrap_or_else(|| panic!("no address in: {said}")).to_owned();
        Self { child, address, _directory: directory }
    }
}

impl Drop for Venue {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// SendingTime(52): the venue refuses one that is minutes away from its own clock.
fn utc_now() -> String {
    let now =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
    // Day of the epoch to civil date: Howard Hinnant, chrono-compatible low-level date algorithms.
    let day = now / 86_400 + 719_468;
    let (era, day_of_era) = (day / 146_097, day % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let date = format!("{year:04}{month:02}{:02}", day_of_year - (153 * shifted + 2) / 5 + 1);
    format!("{date}-{:02}:{:02}:{:02}.000", now / 3600 % 24, now / 60 % 60, now % 60)
}

struct Client {
    stream: TcpStream,
    received: String,
    sequence: u32,
}

impl Client {
    fn connect(venue: &Venue) -> Self {
        let stream = TcpStream::connect(&venue.address).expect("the venue listens");
        stream.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout");
        Self { stream, received: String::new(), sequence: 0 }
    }

    fn logged_on(venue: &Venue) -> Self {
        let mut client = Self::connect(venue);
        client.send("A", "98=0|108=30|141=Y|");
        client.expect(&["35=A"]);
        client
    }

    fn send(&mut self, kind: &str, fields: &str) {
        self.sequence += 1;
        let time = utc_now();
        let body = format!(
            "35={kind}|49=WARPTICK|56=NASDAQ|34={}|52={time}|{}",
            self.sequence,
            fields.replace("TIME", &time)
        )
        .replace('|', "\x01");
        let message = format!("8=FIX.4.4\x019={}\x01{body}", body.len());
        let sum: u32 = message.bytes().map(u32::from).sum();
        let message = format!("{message}10={:03}\x01", sum % 256);
        self.stream.write_all(message.as_bytes()).expect("the venue reads");
    }

    /// Receives until a message has all the fields, and takes it and everything before it away.
    fn expect(&mut self, fields: &[&str]) -> String {
        let start = Instant::now();
        loop {
            let mut consumed = 0;
            while let Some(end) = self.received[consumed..].find("|10=").map(|at| consumed + at + 8) {
                if end > self.received.len() {
                    break;
                }
                let message = self.received[consumed..end].to_owned();
                consumed = end;
                if fields.iter().all(|field| message.contains(&format!("|{field}|"))) {
                    self.received.drain(..consumed);
                    return message;
                }
            }
            assert!(start.elapsed() < Duration::from_secs(10), "no {fields:?} in {}", self.received);
            assert!(self.receive(), "the connection closed before {fields:?}: {}", self.received);
        }
    }

    /// Receives what comes within the time-out; `false` when the connection is closed.
    fn receive(&mut self) -> bool {
        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer) {
            Ok(0) => false,
            Ok(length) => {
                self.received += &String::from_utf8_lossy(&buffer[..length]).replace('\x01', "|");
                true
            }
            Err(error) => !matches!(error.kind(), std::io::ErrorKind::ConnectionReset),
        }
    }

    fn is_closed_within(&mut self, patience: Duration) -> bool {
        let start = Instant::now();
        while start.elapsed() < patience {
            if !self.receive() {
                return true;
            }
        }
        false
    }

    /// A buy order far below the market.
    fn order(&mut self, id: &str, symbol: &str) {
        self.send("D", &format!("11={id}|55={symbol}|54=1|60=TIME|38=100|40=2|44=0.01|59=0|"));
    }
}

/// A symbol of the session that [`Venue::start`] generates.
fn symbol() -> String {
    let settings = SyntheticConfig { messages: 20_000, symbols: 2, halts: 0, ..SyntheticConfig::default() };
    let [stream, _] = generated(&settings);
    let (_, directory) =
        warptick_tests::captures::framed(&stream).find(|(_, body)| body[0] == b'R').expect("a directory");
    String::from_utf8_lossy(&directory[11..19]).trim_end().to_owned()
}

#[test]
fn an_order_is_acknowledged_and_cancelled_and_the_session_ends_in_order() {
    let venue = Venue::start();
    let symbol = symbol();
    let mut client = Client::logged_on(&venue);
    // The venue's day begins with the logon.
    std::thread::sleep(Duration::from_millis(500));
    client.order("1", &symbol);
    let report = client.expect(&["35=8", "11=1", "150=0"]);
    assert!(report.contains("|39=0|") && report.contains("|151=100|"), "{report}");

    // A second connection while one is logged on is closed.
    let mut second = Client::connect(&venue);
    assert!(second.is_closed_within(Duration::from_secs(5)));

    client.send("F", &format!("11=2|41=1|55={symbol}|54=1|60=TIME|38=100|"));
    let report = client.expect(&["35=8", "11=2", "150=4"]);
    assert!(report.contains("|41=1|") && report.contains("|39=4|"), "{report}");

    client.send("5", "");
    client.expect(&["35=5"]);
    // Who asked for the end closes the connection; then the venue takes the next client.
    drop(client);
    std::thread::sleep(Duration::from_millis(200));
    Client::logged_on(&venue);
}

#[test]
fn a_disconnect_cancels() {
    let venue = Venue::start();
    let symbol = symbol();
    let mut client = Client::logged_on(&venue);
    std::thread::sleep(Duration::from_millis(500));
    client.order("1", &symbol);
    client.expect(&["35=8", "11=1", "150=0"]);
    drop(client);
    std::thread::sleep(Duration::from_millis(500));
    // The order is done: a cancel of it comes too late, and does not succeed.
    let mut client = Client::logged_on(&venue);
    client.send("F", &format!("11=9|41=1|55={symbol}|54=1|60=TIME|38=100|"));
    let reject = client.expect(&["35=9", "11=9", "41=1"]);
    assert!(reject.contains("|39=4|") && reject.contains("|102=0|"), "{reject}");
}
