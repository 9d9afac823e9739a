//! Whole runs over every way of the bytes: `io_uring`, TLS with both certificates, logons that prove something, and a live
//! run whose connection to the venue is cut.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use engine::control::config::{Config, Topology};
use engine::control::inputs::Inputs;
use engine::control::journal::{JournalReader, JournalThread, RecordKind};
use engine::control::live_run::{self, LiveOptions};
use engine::control::shutdown::Stop;
use engine::control::startup;
use engine::venue::server::{Clock, VenueServer};
use feeds::source::synthetic::{MARKET_OPEN_NS, SyntheticConfig};
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use warptick_tests::captures::{generated, inputs, map_times};
use warptick_tests::ports::free_udp_ports;
use warptick_tests::warptick::{Finished, command};

/// Writes an authority, a venue's and a client's certificate, and says how a configuration names them.
fn tls(directory: &Path) -> String {
    use std::os::unix::fs::PermissionsExt;
    let write = |name: &str, text: &str| {
        let path = directory.join(name);
        std::fs::write(&path, text).expect("writable");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("ours");
    };
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    write("ca.pem", &params.self_signed(&key).expect("signed").pem());
    let authority = Issuer::new(params, key);
    for (name, purpose) in
        [("venue", ExtendedKeyUsagePurpose::ServerAuth), ("client", ExtendedKeyUsagePurpose::ClientAuth)]
    {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
        params.extended_key_usages = vec![purpose];
        write(&format!("{name}.pem"), &params.signed_by(&key, &authority).expect("signed").pem());
        write(&format!("{name}.key"), &key.serialize_pem());
    }
    let at = |name: &str| directory.join(name).display().to_string();
    format!(
        "[venues.tls]\nserver_name = \"localhost\"\nca_file = {ca:?}\nclient_ca_file = {ca:?}\n\
         client_certificate_file = {:?}\nclient_key_file = {:?}\ncertificate_file = {:?}\nkey_file = {:?}\n",
        at("client.pem"),
        at("client.key"),
        at("venue.pem"),
        at("venue.key"),
        ca = at("ca.pem"),
    )
}

/// Hot threads spin: one run at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A paced replay of a generated session, by the binary, whose venue has these lines in its configuration.
fn replay(directory: &Path, venue: &str, environment: &[(&str, &str)]) -> Finished {
    let settings = SyntheticConfig { messages: 60_000, symbols: 10, halts: 0, ..SyntheticConfig::default() };
    let [stream, _] = generated(&settings);
    let capture = directory.join("day.itch");
    std::fs::write(&capture, stream).expect("writable");
    let config = directory.join("desk.toml");
    std::fs::write(&config, format!("[[venues]]\nname = \"NASDAQ\"\n{venue}")).expect("writable");
    command()
        .arg("replay")
        .arg(format!("{}@NASDAQ", capture.display()))
        .args(["--pace", "max", "--topology", "inline", "--config"])
        .arg(config)
        .arg("--journal")
        .arg(directory.join("journal"))
        .envs(environment.iter().copied())
        .output()
        .expect("the binary runs")
        .into()
}

/// Session bytes of order entry, all of one kind together.
fn session_bytes(journal: &Path, kind: RecordKind) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut reader = JournalReader::open(journal, JournalThread::OrderEntry).expect("a journal");
    while let Some(record) = reader.next_record().expect("intact") {
        if record.kind == kind && record.session == 0 {
            bytes.extend_from_slice(record.payload);
        }
    }
    bytes
}

fn count(bytes: &[u8], text: &str) -> usize {
    let text = text.replace('|', "\x01").into_bytes();
    bytes.windows(text.len()).filter(|window| *window == text).count()
}

#[test]
fn a_session_runs_over_every_way_and_proves_itself() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let signed = "[venues.logon]\nmethod = \"hmac-sha256\"\nusername = \"desk\"\nsecret_env = \"WARPTICK_TEST_KEY\"\n\
                  signed_text = \"{52}\\u0001{34}\\u0001{49}\\u0001{56}\\u0001{553}\"\n";
    let password =
        "[venues.logon]\nmethod = \"password\"\nusername = \"desk\"\npassword_env = \"WARPTICK_TEST_KEY\"\n";
    for (way, logon) in [("transport = \"uring\"\n", password), ("tls", signed)] {
        let directory = tempfile::tempdir().expect("a directory");
        let way = if way == "tls" { tls(directory.path()) } else { way.to_owned() };
        let venue = format!("{way}{logon}");
        let finished = replay(directory.path(), &venue, &[("WARPTICK_TEST_KEY", "hunter2hunter2")]);
        assert_eq!(finished.code, Some(0), "{venue}: {finished:?}");
        let journal = directory.path().join("journal");
        let (sent, received) =
            (session_bytes(&journal, RecordKind::Sent), session_bytes(&journal, RecordKind::Received));
        assert!(count(&sent, "|35=D|") > 10, "{venue}: {} orders", count(&sent, "|35=D|"));
        assert!(count(&received, "|35=8|") > 10, "{venue}");
        assert_eq!(count(&sent, "|35=A|"), 1);
        assert_eq!(count(&sent, "|96=*****"), usize::from(logon == signed), "{venue}");
        assert_eq!(count(&sent, "|554=**************|"), usize::from(logon == password), "{venue}");
        assert_eq!(count(&sent, "hunter2"), 0, "{venue}");
        assert!(!format!("{finished:?}").contains("hunter2"), "{venue}");
    }
}

#[test]
fn a_secret_that_is_not_there_is_named() {
    let directory = tempfile::tempdir().expect("a directory");
    let logon = "[venues.logon]\nmethod = \"password\"\npassword_env = \"WARPTICK_TEST_ABSENT\"\n";
    let finished = replay(directory.path(), logon, &[]);
    assert_eq!(finished.code, Some(2), "{finished:?}");
    assert!(finished.stderr.contains("WARPTICK_TEST_ABSENT is not set"), "{finished:?}");
}

/// A proxy in front of a venue that cuts the line when told, and counts the lines.
struct Proxy {
    listener: TcpListener,
    venue: String,
    lines: AtomicUsize,
    cut: AtomicBool,
    over: AtomicBool,
}

impl Proxy {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("an option");
        Self {
            listener,
            venue: String::new(),
            lines: AtomicUsize::new(0),
            cut: AtomicBool::new(false),
            over: AtomicBool::new(false),
        }
    }

    fn run(&self) {
        while !self.over.load(Ordering::Relaxed) {
            let Ok((client, _)) = self.listener.accept() else {
                std::thread::sleep(Duration::from_millis(1));
                continue;
            };
            self.lines.fetch_add(1, Ordering::Relaxed);
            let venue = TcpStream::connect(&self.venue).expect("the venue listens");
            self.carry(client, venue);
        }
    }

    fn carry(&self, client: TcpStream, venue: TcpStream) {
        for stream in [&client, &venue] {
            stream.set_nodelay(true).expect("an option");
            stream.set_read_timeout(Some(Duration::from_millis(2))).expect("an option");
        }
        std::thread::scope(|scope| {
            for (from, to) in [(&client, &venue), (&venue, &client)] {
                scope.spawn(move || {
                    let mut buffer = [0; 65_536];
                    let (mut from, mut to) = (from, to);
                    loop {
                        let is_over = self.over.load(Ordering::Relaxed);
                        if self.cut.swap(false, Ordering::Relaxed) || is_over {
                            break;
                        }
                        match from.read(&mut buffer) {
                            Ok(0) => break,
                            Ok(length) if to.write_all(&buffer[..length]).is_err() => break,
                            Ok(_) => {}
                            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                            Err(_) => break,
                        }
                    }
                    let _ = from.shutdown(Shutdown::Both);
                    let _ = to.shutdown(Shutdown::Both);
                });
            }
        });
    }
}

fn live_config(session: &Inputs, venue: &str) -> Config {
    let ports: [u16; 8] = free_udp_ports();
    let mut text = "date = \"2026-01-05\"\n[pipeline]\ntimer_ms = 5\nmessages_max = 100000\n\
         [books]\nlate_listings_max = 64\norders_max = 40000\nlevels_max = 20000\n\
         [reconnect]\nfirst_ms = 20\nmax_ms = 200\n"
        .to_owned();
    for (name, lines, ports) in [("NASDAQ", venue, &ports[..4]), ("BX", "", &ports[4..])] {
        text += &format!(
            "[[venues]]\nname = \"{name}\"\naddress = \"127.0.0.1:0\"\n{lines}\
             [venues.feed]\nline_a = \"127.0.0.1:{}\"\nline_b = \"127.0.0.1:{}\"\n\
             retransmission = \"127.0.0.1:{}\"\nglimpse = \"127.0.0.1:{}\"\n\
             [venues.feed.client]\nreorder_wait_us = 40000\nrequest_interval_us = 20000\nwindow_messages = 65536\n",
            ports[0], ports[1], ports[2], ports[3],
        );
    }
    let config = Config::parse("live test", &text).expect("a configuration");
    let mut config = startup::complete(session, config).expect("instruments");
    config.pipeline.topology = Topology::Inline;
    config
}

#[test]
fn a_live_run_comes_back_to_a_venue_that_it_lost() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let settings = SyntheticConfig {
        messages: 60_000,
        symbols: 10,
        halts: 0,
        date: 20_260_105,
        span_ns: Some(12_000_000_000),
        ..SyntheticConfig::default()
    };
    let mut streams = generated(&settings);
    for stream in &mut streams {
        map_times(stream, |time_ns| time_ns.max(MARKET_OPEN_NS));
    }
    let session = inputs(streams, 20_260_105);
    let certificates = tempfile::tempdir().expect("a directory");
    for venue in [String::new(), "transport = \"uring\"\n".to_owned(), tls(certificates.path())] {
        let mut config = live_config(&session, &venue);
        let directory = tempfile::tempdir().expect("a directory");
        let journal = directory.path().join("journal");
        let mut server = VenueServer::bind(&session, &config).expect("a venue");
        server.publish(&session, &config).expect("a feed");
        let mut proxy = Proxy::new();
        for (venue, address) in config.venues.iter_mut().zip(server.addresses()) {
            venue.address = address;
        }
        proxy.venue.clone_from(&config.venues[0].address);
        config.venues[0].address = proxy.listener.local_addr().expect("bound").to_string();
        let (proxy, over, stop) = (&proxy, &AtomicBool::new(false), Stop::new());
        let options = LiveOptions { journal: Some(journal.clone()), ..LiveOptions::default() };
        let live = std::thread::scope(|scope| {
            scope.spawn(|| {
                // The day takes three seconds.
                let clock = Clock::Wall { times: 4.0, at_once: false };
                server.serve(clock, || over.load(Ordering::Relaxed));
            });
            scope.spawn(|| proxy.run());
            scope.spawn(|| {
                let begin = Instant::now();
                while proxy.lines.load(Ordering::Relaxed) == 0 && begin.elapsed() < Duration::from_secs(20) {
                    std::thread::sleep(Duration::from_millis(1));
                }
                for _ in 0..2 {
                    std::thread::sleep(Duration::from_millis(900));
                    proxy.cut.store(true, Ordering::Relaxed);
                }
            });
            let live = live_run::run(&config, &options, &stop, Vec::new());
            over.store(true, Ordering::Relaxed);
            proxy.over.store(true, Ordering::Relaxed);
            live
        });
        let live = live.unwrap_or_else(|failure| panic!("{venue}: {failure}"));
        let notes = live.outcome.notes.join("\n");
        assert!(notes.contains("connections: 2 lost, 2 made anew"), "{venue}: {notes}");
        assert_eq!(proxy.lines.load(Ordering::Relaxed), 3, "{venue}");
        let sent = session_bytes(&journal, RecordKind::Sent);
        let received = session_bytes(&journal, RecordKind::Received);
        assert_eq!((count(&sent, "|35=A|"), count(&received, "|35=A|")), (3, 3), "{venue}");
        // Orders went before the line was cut. (What the engine thinks of its open orders afterwards is not tested here.)
        assert!(count(&sent, "|35=D|") > 0 && count(&received, "|35=8|") > 0, "{venue}: no orders");
        // The third session works, and our Logout ends it for good.
        assert_eq!((count(&sent, "|35=5|"), count(&received, "|35=5|")), (1, 1), "{venue}");
    }
}
