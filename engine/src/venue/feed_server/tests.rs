//! The feed server on 127.0.0.1: a client that hears both lines, asks for what it lost, and takes a snapshot.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use feeds::glimpse::{self, SnapshotMessage};
use feeds::moldudp64::{self, Request};
use feeds::soupbintcp::{
    ClientEvent, ClientState, LoginRequest, SoupBinClient, SoupError, session_field, text_field,
};
use feeds::source::file::Capture;
use feeds::source::synthetic::{SyntheticConfig, generate_bytes};

use super::*;
use crate::control::config::{Config, VenueConfig};
use crate::control::inputs::Inputs;
use crate::control::session_date::SessionDate;
use crate::control::universe::Universe;
use crate::venue::server::{Clock, VenueServer};

const DEADLINE: Duration = Duration::from_secs(20);

fn inputs() -> Inputs {
    let config = SyntheticConfig { messages: 6_000, symbols: 30, ..SyntheticConfig::default() };
    let [stream, _] = generate_bytes(&config).expect("a session");
    let capture = Capture::from_bytes("generated", stream).expect("not empty");
    Inputs::of_captures(vec![(capture, "NASDAQ".to_owned())], SessionDate::EPOCH).expect("inputs")
}

/// A feed to these receivers with all servers on free ports.
fn feed_config(lines: &[&UdpSocket; 2], faults: &str) -> FeedLinesConfig {
    let [a, b] = lines.map(|line| line.local_addr().expect("bound"));
    let text = format!(
        "[[venues]]\nname = \"NASDAQ\"\n[venues.feed]\nline_a = \"{a}\"\nline_b = \"{b}\"\n\
         interface = \"127.0.0.1\"\nretransmission = \"127.0.0.1:0\"\nglimpse = \"127.0.0.1:0\"\n\
         glimpse_username = \"WARP\"\nglimpse_password = \"tick\"\n\
         [venues.feed.publisher]\npacket_bytes_max = 400\n[venues.feed.faults]\n{faults}"
    );
    Config::parse("test", &text).expect("valid").venues.remove(0).feed.expect("given")
}

fn receiver() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.set_nonblocking(true).expect("non-blocking");
    socket
}

fn bodies(inputs: &Inputs) -> Vec<Vec<u8>> {
    let capture = &inputs.venues[0].capture;
    let mut cursor = capture.packets();
    let mut bodies = Vec::new();
    while let Some(packet) = cursor.next(capture).expect("intact") {
        bodies.extend(packet.messages().map(|(body, _)| body.to_vec()));
    }
    bodies
}

#[test]
fn everything_arrives_over_bad_lines() {
    let inputs = inputs();
    let bodies = bodies(&inputs);
    let (a, b, requester) = (receiver(), receiver(), receiver());
    let faults = "loss_ppm = 20000\nduplicate_ppm = 10000\nreorder_ppm = 10000\nskew_ns = 100000\n\
                  burst_ppm = 10000\nburst_packets = 4\nseed = 3";
    let config = feed_config(&[&a, &b], faults);
    let mut server = FeedServer::bind(&inputs.venues[0], &config, inputs.book_config(0)).expect("a server");
    let retransmission = server.retransmission_address().expect("configured");
    let mut received: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
    let mut by_line = 0;
    let mut end = None;
    let started = Instant::now();
    let mut ended = started;
    let mut packet = [0; 2048];
    let mut turn = 0u64;
    while received.len() < bodies.len() || end.is_none() {
        assert!(started.elapsed() < DEADLINE, "{} of {} messages", received.len(), bodies.len());
        turn += 1;
        let due = (turn * 20).min(bodies.len() as u64);
        server.turn(started.elapsed().as_nanos() as u64, due, due == bodies.len() as u64);
        for (socket, is_line) in [(&a, true), (&b, true), (&requester, false)] {
            while let Ok(length) = socket.recv(&mut packet) {
                let (header, blocks) = moldudp64::decode(&packet[..length]).expect("a packet");
                assert_eq!(header.session, *b"WARPTICK01");
                if header.is_end_of_session() && end.is_none() {
                    end = Some(header.sequence);
                    ended = Instant::now();
                }
                for (number, body) in (header.sequence..).zip(moldudp64::blocks(blocks)) {
                    let is_new = received.insert(number, body.to_vec()).is_none();
                    by_line += u64::from(is_new && is_line);
                }
            }
        }
        // What the lines bring late is not asked for meanwhile: a while behind their end all of it has come.
        if end.is_some() && ended.elapsed() > Duration::from_millis(20) && turn.is_multiple_of(50) {
            let hole = (1..=bodies.len() as u64).find(|number| !received.contains_key(number));
            if let Some(sequence) = hole {
                let request = Request { session: *b"WARPTICK01", sequence, count: 1 };
                requester.send_to(&request.encode(), retransmission).expect("sent");
            }
        }
    }
    assert!(received.into_values().eq(bodies.iter().cloned()));
    assert_eq!(end, Some(bodies.len() as u64 + 1));
    let report = server.report();
    assert_eq!(report.messages, bodies.len() as u64);
    let missing = report.lost_on_all_lines.messages();
    assert!(missing > 0 && report.publisher.messages_sent_again >= missing, "{report}");
    assert_eq!((bodies.len() as u64 - by_line, report.send_errors), (missing, 0), "{report}");
    assert!(report.to_string().contains(&format!("lost on all lines: {missing} messages")), "{report}");
}

/// Logs in and reads to the end, while `turn` drives the server.
fn snapshot(address: SocketAddr, password: &[u8], mut turn: impl FnMut()) -> Result<Vec<Vec<u8>>, SoupError> {
    let login = LoginRequest {
        username: text_field(b"warp"),
        password: text_field(password),
        session: session_field(b""),
        sequence: 1,
    };
    let mut client = SoupBinClient::new(login, 256);
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_nonblocking(true).expect("non-blocking");
    client.on_connect(0);
    let mut messages = Vec::new();
    let started = Instant::now();
    let mut bytes = [0; 333];
    while client.state() != ClientState::Ended {
        assert!(started.elapsed() < DEADLINE, "{} messages", messages.len());
        turn();
        if let Ok(count) = stream.write(client.pending()) {
            client.consume(count);
        }
        if let Ok(count) = stream.read(&mut bytes) {
            client.on_bytes(0, &bytes[..count], &mut |event| {
                if let ClientEvent::Message { sequence, body } = event {
                    messages.push(body.to_vec());
                    assert_eq!(sequence, messages.len() as u64);
                }
            })?;
        }
    }
    Ok(messages)
}

#[test]
fn snapshots_are_told_while_the_day_goes_on() {
    let inputs = inputs();
    let messages = inputs.venues[0].scan.messages;
    let (a, b) = (receiver(), receiver());
    let config = feed_config(&[&a, &b], "");
    let mut server = FeedServer::bind(&inputs.venues[0], &config, inputs.book_config(0)).expect("a server");
    let address = server.glimpse_address().expect("configured");
    let started = Instant::now();
    let mut due = messages / 2;
    while server.publisher.next_sequence() <= due {
        server.turn(started.elapsed().as_nanos() as u64, due, false);
    }
    let mut turn = |due: &mut u64| {
        *due = (*due + 1).min(messages);
        server.turn(started.elapsed().as_nanos() as u64, *due, false);
    };
    let refused = snapshot(address, b"wrong", || turn(&mut due)).expect_err("refused");
    assert!(matches!(refused, SoupError::Rejected(_)), "{refused}");
    for _ in 0..3 {
        let before = due;
        let told = snapshot(address, b"TICK", || turn(&mut due)).expect("a snapshot");
        let (end, states) = told.split_last().expect("at least its end");
        let Ok(SnapshotMessage::End { next_sequence }) = glimpse::decode(end) else {
            panic!("no end: {}", end.escape_ascii())
        };
        assert!((before..=due + 1).contains(&next_sequence), "{before} <= {next_sequence} <= {due}");
        let count = |kind| states.iter().filter(|body| body[0] == kind).count();
        assert!(states.iter().all(|body| matches!(glimpse::decode(body), Ok(SnapshotMessage::State(_)))));
        assert_eq!((count(b'S'), count(b'R'), count(b'H')), (1, 30, 30));
        assert!(count(b'A') > 100 && states.len() == 61 + count(b'A'));
    }
    assert_eq!(server.report().snapshots, 3);
}

/// Hears `line` until the session's end: the first header and that of the end. `started` is called when the first has
/// come. How many messages come between depends on how well the machine's load lets the receiver keep up.
fn hear(line: &UdpSocket, mut started: impl FnMut()) -> [moldudp64::Header; 2] {
    let mut packet = [0; 2048];
    let mut first = None;
    line.set_nonblocking(false).expect("blocking");
    line.set_read_timeout(Some(DEADLINE)).expect("a timeout");
    loop {
        let length = line.recv(&mut packet).expect("a packet before the deadline");
        let (header, _) = moldudp64::decode(&packet[..length]).expect("a packet");
        if header.is_end_of_session() {
            return [first.unwrap_or(header), header];
        }
        if first.is_none() {
            first = Some(header);
            started();
        }
    }
}

#[test]
fn the_day_begins_with_the_first_logon_or_at_once() {
    let inputs = inputs();
    for at_once in [false, true] {
        let (a, b) = (receiver(), receiver());
        let feed = Some(feed_config(&[&a, &b], ""));
        let config = Config {
            venues: vec![VenueConfig { feed, ..VenueConfig::named("NASDAQ") }],
            ..Config::default()
        };
        let mut server = VenueServer::bind(&inputs, &config).expect("a venue");
        server.publish(&inputs, &config).expect("a feed");
        let acceptor = server.addresses().remove(0);
        let over = AtomicBool::new(false);
        let mut client = None;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                server.serve(Clock::Wall { times: 20.0, at_once }, || over.load(Ordering::Relaxed));
            });
            let [first, end] = hear(&a, || {
                if !at_once {
                    std::thread::sleep(Duration::from_millis(50));
                    client = Some(TcpStream::connect(&acceptor).expect("it listens"));
                }
            });
            over.store(true, Ordering::Relaxed);
            assert_eq!((first.sequence, first.is_heartbeat()), (1, !at_once));
            assert_eq!(end.sequence, inputs.messages() + 1);
        });
        assert!(server.notes().iter().any(|note| note.contains("NASDAQ feed:")), "{:?}", server.notes());
    }
}
