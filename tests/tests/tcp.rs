//! `warptick venue` as a stranger meets it: a FIX acceptor on TCP, spoken to with the general codec only.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use engine::control::config::Config;
use engine::control::counters::Counter;
use engine::control::startup;
use engine::fix::codec::{Encoder, Header, Message};
use engine::fix::fix44;
use engine::fix::identity::SessionIds;
use engine::fix::timestamp::TimePrecision;
use engine::venue::server::{Clock, VenueServer};
use feeds::source::synthetic::SyntheticConfig;
use std::sync::atomic::{AtomicBool, Ordering};
use warptick_tests::captures::{generated, inputs};

/// A plain client with its own sequence numbers.
struct Client {
    stream: TcpStream,
    ids: SessionIds,
    sequence: u32,
    unread: Vec<u8>,
}

impl Client {
    fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).expect("the venue listens");
        stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
        let ids = SessionIds::new("FIX.4.4", "WARPTICK", "NASDAQ").expect("CompIDs");
        Self { stream, ids, sequence: 0, unread: Vec::new() }
    }

    fn send(&mut self, message_type: &[u8], fill: impl FnOnce(&mut Encoder<'_>)) {
        self.sequence += 1;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
        let header = Header {
            ids: &self.ids,
            sequence: self.sequence,
            sending_time_ns: now.as_nanos() as u64,
            time_precision: TimePrecision::Milliseconds,
        };
        let mut bytes = [0; 512];
        let mut encoder = Encoder::start_message(&mut bytes, &header, message_type);
        fill(&mut encoder);
        let length = encoder.done().expect("it fits");
        self.stream.write_all(&bytes[..length]).expect("the venue reads");
    }

    fn log_on(&mut self) {
        self.send(b"A", |message| {
            message
                .set(fix44::ENCRYPT_METHOD, 0)
                .set(fix44::HEART_BT_INT, 30)
                .set(fix44::RESET_SEQ_NUM_FLAG, true);
        });
        assert_eq!(self.receive().expect("an answer").0, "A");
    }

    /// The next message: its type and its text with bars; `None` when the venue has closed the connection.
    fn receive(&mut self) -> Option<(String, String)> {
        loop {
            let end = self.unread.windows(4).position(|window| window == b"\x0110=").map(|at| at + 8);
            if let Some(end) = end.filter(|&end| self.unread.len() >= end) {
                let bytes: Vec<u8> = self.unread.drain(..end).collect();
                let message = Message::decode(&bytes).expect("a well-formed message");
                let kind = String::from_utf8_lossy(message.frame().message_type()).into_owned();
                return Some((kind, String::from_utf8_lossy(&bytes).replace('\u{1}', "|")));
            }
            let mut bytes = [0; 4096];
            match self.stream.read(&mut bytes) {
                Ok(0) => return None,
                Ok(length) => self.unread.extend_from_slice(&bytes[..length]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("no answer within 5 s: {error}"),
            }
        }
    }

    fn order(&mut self, id: &str, symbol: &str, price: i64) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos() as u64;
        self.send(b"D", |message| {
            message
                .set(fix44::CL_ORD_ID, id.as_bytes())
                .set(fix44::SYMBOL, symbol.as_bytes())
                .set(fix44::SIDE, b'1')
                .set(fix44::TRANSACT_TIME, now)
                .set(fix44::ORDER_QTY, 100)
                .set(fix44::ORD_TYPE, b'2')
                .set(fix44::PRICE, price)
                .set(fix44::TIME_IN_FORCE, b'0');
        });
    }
}

/// Runs `test` against a venue that has applied half of a generated session, so that it is in continuous trading.
fn with_venue(test: impl FnOnce(&str, &str)) {
    let settings = SyntheticConfig { messages: 20_000, symbols: 5, ..SyntheticConfig::default() };
    let inputs = inputs(generated(&settings), settings.date);
    let config = startup::complete(&inputs, Config::default()).expect("a configuration");
    let mut server = VenueServer::bind(&inputs, &config).expect("a free port");
    let address = server.addresses()[0].clone();
    let symbol = inputs.venues[0].scan.most_active(1)[0].symbol.to_string();
    let (released, over) = (Counter::default(), AtomicBool::new(false));
    released.set(10_000);
    std::thread::scope(|scope| {
        scope.spawn(|| server.serve(Clock::Following(&released), || over.load(Ordering::Relaxed)));
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| test(&address, &symbol)));
        over.store(true, Ordering::Relaxed);
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    });
}

#[test]
fn an_order_is_acknowledged_and_cancelled() {
    with_venue(|address, symbol| {
        let mut client = Client::connect(address);
        client.log_on();
        // The feed may be some way behind the first message of a fast client.
        std::thread::sleep(Duration::from_millis(300));
        client.order("first", symbol, 10_000_000);
        let (kind, text) = client.receive().expect("a report");
        assert!(kind == "8" && text.contains("|150=0|") && text.contains("|11=first|"), "{text}");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos() as u64;
        client.send(b"F", |message| {
            message
                .set(fix44::ORIG_CL_ORD_ID, &b"first"[..])
                .set(fix44::CL_ORD_ID, &b"second"[..])
                .set(fix44::SYMBOL, symbol.as_bytes())
                .set(fix44::SIDE, b'1')
                .set(fix44::TRANSACT_TIME, now);
        });
        let (kind, text) = client.receive().expect("a report");
        assert!(kind == "8" && text.contains("|150=4|") && text.contains("|41=first|"), "{text}");
        client.order("first", symbol, 10_000_000);
        let (_, text) = client.receive().expect("a report");
        assert!(text.contains("|150=8|"), "a ClOrdID is good once: {text}");
        client.send(b"5", |_| {});
        assert_eq!(client.receive().expect("an answer").0, "5");
        assert_eq!(client.receive(), None, "the venue closes after the Logout handshake");
    });
}

#[test]
fn a_second_connection_is_closed_and_the_first_lives_on() {
    with_venue(|address, symbol| {
        let mut first = Client::connect(address);
        first.log_on();
        let mut second = Client::connect(address);
        assert_eq!(second.receive(), None);
        std::thread::sleep(Duration::from_millis(300));
        first.order("alive", symbol, 10_000_000);
        assert!(first.receive().expect("a report").1.contains("|150=0|"));
    });
}

#[test]
fn a_disconnect_cancels_and_a_reconnect_starts_afresh() {
    with_venue(|address, symbol| {
        let mut client = Client::connect(address);
        client.log_on();
        std::thread::sleep(Duration::from_millis(300));
        client.order("lost", symbol, 10_000_000);
        assert!(client.receive().expect("a report").1.contains("|150=0|"));
        drop(client);
        std::thread::sleep(Duration::from_millis(300));
        let mut client = Client::connect(address);
        client.log_on();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos() as u64;
        client.send(b"F", |message| {
            message
                .set(fix44::ORIG_CL_ORD_ID, &b"lost"[..])
                .set(fix44::CL_ORD_ID, &b"late"[..])
                .set(fix44::SYMBOL, symbol.as_bytes())
                .set(fix44::SIDE, b'1')
                .set(fix44::TRANSACT_TIME, now);
        });
        let (kind, text) = client.receive().expect("a reject");
        assert!(
            kind == "9" && text.contains("|102=0|"),
            "it went with the connection: too late to cancel: {text}"
        );
    });
}
