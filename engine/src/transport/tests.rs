//! Every way of the bytes against a peer on loopback: order under partial writes, ends, hand-over between threads, TLS.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};

use super::endpoint::{ConnectionAcceptor, Endpoint};
use super::tcp::set_option;
use super::*;
use crate::control::config::VenueConfig;
use crate::control::transport_config::{TlsConfig, TransportKind};

const PATIENCE: Duration = Duration::from_secs(10);

/// An authority with certificates for a venue and a client, as files.
struct Certificates {
    directory: tempfile::TempDir,
}

impl Certificates {
    fn new() -> Self {
        let this = Self { directory: tempfile::tempdir().expect("a directory") };
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Each authority has a name of its own: the key's.
        let name: String = key.public_key_raw()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        this.write("ca.pem", &params.self_signed(&key).expect("signed").pem());
        let authority = Issuer::new(params, key);
        for (name, names, purpose) in [
            ("venue", vec!["venue.test".to_owned()], ExtendedKeyUsagePurpose::ServerAuth),
            ("client", vec!["client.test".to_owned()], ExtendedKeyUsagePurpose::ClientAuth),
        ] {
            let key = KeyPair::generate().expect("a key");
            let mut params = CertificateParams::new(names).expect("names");
            params.extended_key_usages = vec![purpose];
            this.write(&format!("{name}.pem"), &params.signed_by(&key, &authority).expect("signed").pem());
            this.write(&format!("{name}.key"), &key.serialize_pem());
        }
        this
    }

    fn write(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt;
        let path = self.directory.path().join(name);
        std::fs::write(&path, text).expect("writable");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("ours");
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).to_str().expect("text").to_owned()
    }

    /// Both sides, each demanding the other's certificate.
    fn mutual(&self) -> TlsConfig {
        TlsConfig {
            server_name: "venue.test".to_owned(),
            ca_file: self.path("ca.pem"),
            client_certificate_file: self.path("client.pem"),
            client_key_file: self.path("client.key"),
            certificate_file: self.path("venue.pem"),
            key_file: self.path("venue.key"),
            client_ca_file: self.path("ca.pem"),
            ..TlsConfig::default()
        }
    }

    /// SHA-256 of a certificate's DER form.
    fn fingerprint(&self, name: &str) -> String {
        use rustls::pki_types::{CertificateDer, pem::PemObject};
        let der = CertificateDer::from_pem_file(PathBuf::from(self.path(name))).expect("a certificate");
        ring::digest::digest(&ring::digest::SHA256, &der)
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

fn venue(transport: TransportKind, tls: Option<TlsConfig>) -> VenueConfig {
    VenueConfig { transport, tls, ..VenueConfig::named("TEST") }
}

/// The three ways, with their certificates where they need some.
fn ways(certificates: &Certificates) -> [VenueConfig; 3] {
    [
        venue(TransportKind::Tcp, None),
        venue(TransportKind::Uring, None),
        venue(TransportKind::Tcp, Some(certificates.mutual())),
    ]
}

fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound").to_string();
    (listener, address)
}

/// Runs `peer` on the other side of a new connection, which is given to `client`.
fn with_peer<T: Send, C>(
    config: &VenueConfig,
    peer: impl FnOnce(Connection) -> T + Send,
    client: impl FnOnce(Connection) -> C,
) -> (C, T) {
    let (listener, address) = listener();
    let acceptor = ConnectionAcceptor::new(config).expect("certificates");
    thread::scope(|scope| {
        let peer = scope.spawn(move || {
            let (stream, _) = listener.accept().expect("a client");
            let mut connection = acceptor.accept(stream).expect("options");
            while !connection.is_ready() {
                assert_eq!(connection.receive(&mut []).expect("a handshake"), 0);
            }
            peer(connection)
        });
        let endpoint = Endpoint::new(config, &address).expect("certificates");
        let done = client(endpoint.connect().expect("it listens"));
        (done, peer.join().expect("the peer"))
    })
}

fn raw(connection: &Connection) -> &TcpStream {
    match connection {
        Connection::Tcp(tcp) => tcp.stream(),
        Connection::Uring(uring) => uring.stream(),
        Connection::Tls(tls) => tls.stream(),
    }
}

/// The byte at a place of the stream that the tests send.
fn pattern(at: usize) -> u8 {
    (at.wrapping_mul(2_654_435_761) >> 13) as u8
}

fn receive_some(connection: &mut Connection, buffer: &mut [u8]) -> io::Result<usize> {
    let begin = Instant::now();
    loop {
        match connection.receive(buffer)? {
            0 => assert!(begin.elapsed() < PATIENCE, "nothing came"),
            length => return Ok(length),
        }
    }
}

/// Sends `total` bytes of the pattern in pieces, keeping what is not taken as an owner does; `slowly` after each.
fn send_all(connection: &mut Connection, total: usize, mut slowly: impl FnMut(&mut Connection)) -> usize {
    let bytes: Vec<u8> = (0..total).map(pattern).collect();
    let (mut at, mut partial) = (0, 0);
    let begin = Instant::now();
    while at < total || !connection.is_drained() {
        let piece = &bytes[at..total.min(at + 1 + at % 7_919)];
        let taken = if piece.is_empty() { 0 } else { connection.send(piece).expect("the peer is there") };
        partial += usize::from(taken < piece.len());
        at += taken;
        // It moves on what was taken; the peer says nothing.
        assert_eq!(connection.receive(&mut [0; 16]).expect("the peer is there"), 0);
        slowly(connection);
        assert!(begin.elapsed() < 3 * PATIENCE, "{at} of {total} bytes");
    }
    partial
}

#[test]
fn a_slow_peer_gets_every_byte_once_and_in_order() {
    const TOTAL: usize = 1_000_000;
    let certificates = Certificates::new();
    for config in ways(&certificates) {
        let name = format!("{:?} {}", config.transport, config.tls.is_some());
        let (partial, received) = with_peer(
            &config,
            |mut peer| {
                set_option(raw(&peer), libc::SOL_SOCKET, libc::SO_RCVBUF, 32_768).expect("an option");
                let mut received = 0;
                let mut buffer = vec![0; 5_000];
                while received < TOTAL {
                    let most = 1 + received % buffer.len();
                    let length = receive_some(&mut peer, &mut buffer[..most]).expect("the client is there");
                    for (at, byte) in buffer[..length].iter().enumerate() {
                        assert_eq!(*byte, pattern(received + at), "byte {}", received + at);
                    }
                    received += length;
                    if received % 13 == 0 {
                        thread::sleep(Duration::from_micros(50));
                    }
                }
                // Held until the client has seen it drained.
                (received, peer)
            },
            |mut connection| {
                set_option(raw(&connection), libc::SOL_SOCKET, libc::SO_SNDBUF, 8_192).expect("an option");
                (send_all(&mut connection, TOTAL, |_| {}), connection).0
            },
        );
        assert_eq!(received.0, TOTAL, "{name}");
        assert!(partial > 20, "{name}: only {partial} sends were taken in part");
    }
}

#[test]
fn what_is_sent_comes_back_over_every_way() {
    let certificates = Certificates::new();
    for config in ways(&certificates) {
        let name = format!("{:?} {}", config.transport, config.tls.is_some());
        with_peer(
            &config,
            |mut peer| {
                let mut buffer = [0; 4_096];
                while let Ok(length) = receive_some(&mut peer, &mut buffer) {
                    let mut at = 0;
                    while at < length {
                        at += peer.send(&buffer[at..length]).expect("the client is there");
                    }
                }
            },
            |mut connection| {
                assert!(connection.is_ready() && connection.peer().is_ok(), "{name}");
                let mut buffer = [0; 4_096];
                assert_eq!(connection.receive(&mut buffer).expect("nothing yet"), 0, "{name}");
                for round in 0..200_usize {
                    let message: Vec<u8> = (0..1 + round * 7).map(|at| pattern(at + round)).collect();
                    assert_eq!(connection.send(&message).expect("it is there"), message.len(), "{name}");
                    let mut received = Vec::new();
                    while received.len() < message.len() {
                        let length = receive_some(&mut connection, &mut buffer).expect("it is there");
                        received.extend_from_slice(&buffer[..length]);
                    }
                    assert_eq!(received, message, "{name}");
                }
            },
        );
    }
}

#[test]
fn a_peer_that_closes_is_noticed_after_its_last_bytes() {
    let certificates = Certificates::new();
    for config in ways(&certificates) {
        let (end, ()) = with_peer(
            &config,
            |mut peer| {
                assert_eq!(peer.send(b"the end").expect("the client is there"), 7);
            },
            |mut connection| {
                let mut buffer = [0; 64];
                let length = receive_some(&mut connection, &mut buffer).expect("the last bytes");
                assert_eq!(&buffer[..length], b"the end");
                let end = receive_some(&mut connection, &mut buffer).expect_err("the end");
                assert_eq!(
                    receive_some(&mut connection, &mut buffer).map_err(|error| error.kind()),
                    Err(end.kind()),
                    "it stays so"
                );
                end
            },
        );
        assert_eq!(end.kind(), ErrorKind::UnexpectedEof, "{:?} {}", config.transport, config.tls.is_some());
    }
}

#[test]
fn a_connection_goes_from_thread_to_thread_and_loses_nothing() {
    const TOTAL: usize = 400_000;
    let certificates = Certificates::new();
    for config in ways(&certificates) {
        with_peer(
            &config,
            |mut peer| {
                let mut received = 0;
                let mut buffer = [0; 1_000];
                // Each byte that comes is answered by its complement, late enough for the client to have moved on.
                while received < TOTAL {
                    let length = receive_some(&mut peer, &mut buffer).expect("the client is there");
                    for (at, byte) in buffer[..length].iter_mut().enumerate() {
                        assert_eq!(*byte, pattern(received + at));
                        *byte = !*byte;
                    }
                    let mut at = 0;
                    while at < length {
                        at += peer.send(&buffer[at..length]).expect("the client is there");
                    }
                    received += length;
                }
                while !peer.is_drained() {
                    assert_eq!(peer.receive(&mut [0; 1]).expect("the client is there"), 0);
                }
                peer
            },
            |connection| {
                let (mut connection, mut sent, mut received) = (connection, 0, 0);
                let begin = Instant::now();
                while received < TOTAL {
                    // A thread has the connection for a few turns and gives it up with bytes under way.
                    (connection, sent, received) = thread::scope(|scope| {
                        let turn = scope.spawn(move || {
                            let mut buffer = [0; 3_000];
                            for _ in 0..20 {
                                let bytes: Vec<u8> = (sent..TOTAL.min(sent + 2_000)).map(pattern).collect();
                                if !bytes.is_empty() {
                                    sent += connection.send(&bytes).expect("the peer is there");
                                }
                                let length = connection.receive(&mut buffer).expect("the peer is there");
                                for (at, byte) in buffer[..length].iter().enumerate() {
                                    assert_eq!(*byte, !pattern(received + at));
                                }
                                received += length;
                            }
                            connection.release().expect("it is given up");
                            (connection, sent, received)
                        });
                        turn.join().expect("a turn")
                    });
                    assert!(begin.elapsed() < 2 * PATIENCE, "{sent} sent, {received} back");
                }
            },
        );
    }
}

/// What a client is told that cannot connect, or whose first receive fails.
fn refusal(venue_side: &VenueConfig, client_side: &VenueConfig) -> String {
    let (listener, address) = listener();
    let acceptor = ConnectionAcceptor::new(venue_side).expect("certificates");
    let peer = thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a client");
        let mut connection = acceptor.accept(stream).expect("options");
        let begin = Instant::now();
        while connection.receive(&mut [0; 64]).is_ok() && begin.elapsed() < PATIENCE {}
    });
    let connected = Endpoint::new(client_side, &address).and_then(|endpoint| endpoint.connect());
    let refused = match connected {
        Err(error) => error,
        Ok(mut connection) => {
            receive_some(&mut connection, &mut [0; 64]).expect_err("it is refused").to_string()
        }
    };
    peer.join().expect("the peer");
    refused
}

#[test]
fn certificates_that_do_not_fit_are_refused_in_words() {
    let (ours, strangers) = (Certificates::new(), Certificates::new());
    let good = ours.mutual();
    let with = |change: &dyn Fn(&mut TlsConfig)| {
        let mut tls = good.clone();
        change(&mut tls);
        venue(TransportKind::Tcp, Some(tls))
    };
    let server = with(&|_| {});
    for (client, said) in [
        (with(&|tls| tls.ca_file = strangers.path("ca.pem")), "not signed by the authority"),
        (with(&|tls| tls.server_name = "other.test".to_owned()), "correct tls.server_name"),
        (with(&|tls| tls.server_name = String::new()), "correct tls.server_name"),
        (
            with(&|tls| {
                tls.client_certificate_file.clear();
                tls.client_key_file.clear();
            }),
            "give tls.client_certificate_file",
        ),
        (
            with(&|tls| {
                tls.client_certificate_file = strangers.path("client.pem");
                tls.client_key_file = strangers.path("client.key");
            }),
            "does not accept our certificate",
        ),
        (
            with(&|tls| {
                tls.ca_file.clear();
                tls.pinned_sha256 = ours.fingerprint("client.pem");
            }),
            "not the pinned one",
        ),
        (with(&|tls| tls.ca_file = ours.path("venue.key")), "no certificate"),
        (with(&|tls| tls.client_key_file = ours.path("absent.key")), "absent.key"),
        (with(&|tls| tls.server_name = "not a name".to_owned()), "tls.server_name"),
    ] {
        // Those that fail on reading files never connect: the peer is freed by a plain connection.
        let refused = match Endpoint::new(&client, "127.0.0.1:1") {
            Err(error) => error,
            Ok(_) => refusal(&server, &client),
        };
        assert!(refused.contains(said), "{said}: {refused}");
    }
}

#[test]
fn a_pinned_certificate_needs_no_authority() {
    let certificates = Certificates::new();
    let tls = TlsConfig {
        ca_file: String::new(),
        server_name: "whatever.test".to_owned(),
        pinned_sha256: certificates.fingerprint("venue.pem"),
        ..certificates.mutual()
    };
    with_peer(
        &venue(TransportKind::Tcp, Some(tls)),
        |mut peer| peer.send(b"x").expect("the client is there"),
        |mut connection| assert_eq!(receive_some(&mut connection, &mut [0; 4]).expect("a byte"), 1),
    );
}

#[test]
fn a_port_that_speaks_no_tls_is_told_from_one_that_does_not_answer() {
    let certificates = Certificates::new();
    let client = venue(TransportKind::Tcp, Some(certificates.mutual()));
    let (listener, address) = listener();
    let peer = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(b"8=FIX.4.4\x019=5\x0135=5\x01");
    });
    let error = Endpoint::new(&client, &address).and_then(|endpoint| endpoint.connect()).expect_err("no TLS");
    peer.join().expect("the peer");
    assert!(error.contains("is this a TLS port"), "{error}");
}

#[test]
fn a_key_that_others_may_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let certificates = Certificates::new();
    let tls = certificates.mutual();
    std::fs::set_permissions(Path::new(&tls.key_file), PermissionsExt::from_mode(0o640)).expect("ours");
    let error = ConnectionAcceptor::new(&venue(TransportKind::Tcp, Some(tls))).expect_err("a key");
    assert!(error.contains("chmod 600"), "{error}");
}

#[test]
fn a_stream_that_is_dropped_with_operations_under_way_leaves_nothing_behind() {
    for _ in 0..50 {
        let (listener, address) = listener();
        let mut connection = uring::Uring::connect(&address, PATIENCE).expect("it listens");
        let (peer, _) = listener.accept().expect("a client");
        let peer = Arc::new(peer);
        assert_eq!(connection.receive(&mut [0; 8]).expect("nothing yet"), 0);
        while connection.send(&[7; 60_000]).expect("the peer is there") > 0 {}
        drop(connection);
        drop(peer);
    }
}

/// Segments that the other side has not acknowledged.
fn unacknowledged(stream: &TcpStream) -> u32 {
    use std::os::fd::AsRawFd;
    // SAFETY: `tcp_info` is integers: all zeroes is valid.
    let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
    let mut length = size_of::<libc::tcp_info>() as libc::socklen_t;
    // SAFETY: the descriptor is open, and the kernel writes at most `length` bytes into `info`.
    let outcome = unsafe {
        libc::getsockopt(
            stream.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            (&raw mut info).cast(),
            &raw mut length,
        )
    };
    assert_eq!(outcome, 0);
    info.tcpi_unacked
}

#[test]
fn what_came_in_is_acknowledged_by_the_next_idle_poll() {
    for transport in [TransportKind::Tcp, TransportKind::Uring] {
        let (listener, address) = listener();
        let endpoint = Endpoint::new(&venue(transport, None), &address).expect("a way");
        let mut connection = endpoint.connect().expect("it listens");
        let (mut peer, _) = listener.accept().expect("a client");
        peer.set_nodelay(true).expect("an option");
        let mut slow = 0;
        for _ in 0..20 {
            peer.write_all(b"a report").expect("the client is there");
            assert_eq!(receive_some(&mut connection, &mut [0; 64]).expect("bytes"), 8);
            assert_eq!(connection.receive(&mut [0; 64]).expect("nothing"), 0);
            // Linux delays an acknowledgement by 40 ms or more.
            let begin = Instant::now();
            while unacknowledged(&peer) > 0 && begin.elapsed() < PATIENCE {
                thread::yield_now();
            }
            slow += u32::from(begin.elapsed() > Duration::from_millis(20));
        }
        assert!(slow <= 2, "{transport:?}: {slow} of 20 acknowledgements were delayed");
    }
}
