//! Both ends of a session against each other, and each against a peer that does not keep to the protocol.

use super::*;
use proptest::prelude::*;

const S: u64 = NS_PER_S;

fn config() -> ServerConfig {
    ServerConfig {
        login: Some((text_field(b"warp"), text_field(b"tick"))),
        session: session_field(b"DAY1"),
        send_buffer_bytes: 200,
    }
}

fn login() -> LoginRequest {
    LoginRequest {
        username: text_field(b"WARP"),
        password: text_field(b"Tick"),
        session: session_field(b""),
        sequence: 1,
    }
}

/// Moves up to `most` bytes from the server to the client.
fn to_client(
    server: &mut SoupBinServer,
    client: &mut SoupBinClient,
    now_ns: u64,
    most: usize,
    events: &mut impl FnMut(ClientEvent<'_>),
) -> usize {
    let count = server.pending().len().min(most);
    client.on_bytes(now_ns, &server.pending()[..count], events).unwrap();
    server.consume(count);
    count
}

fn to_server(client: &mut SoupBinClient, server: &mut SoupBinServer, now_ns: u64) -> Result<(), SoupError> {
    let bytes = client.pending().to_vec();
    client.consume(bytes.len());
    server.on_bytes(now_ns, &bytes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Every message arrives once, in order, with its number, through a small buffer and any cuts.
    #[test]
    fn messages_arrive(
        bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..60),
        cuts in prop::collection::vec(1..80usize, 1..8),
    ) {
        let (mut server, mut client) = (SoupBinServer::new(config()), SoupBinClient::new(login(), 100));
        server.on_connect(0);
        client.on_connect(0);
        to_server(&mut client, &mut server, 0).unwrap();
        prop_assert_eq!(server.state(), ServerState::LoggedOn);
        let mut received = Vec::new();
        let mut ended = false;
        let mut events = |event: ClientEvent<'_>| match event {
            ClientEvent::LoggedOn(accepted) => {
                assert_eq!(accepted, LoginAccepted { session: session_field(b"DAY1"), sequence: 1 });
            }
            ClientEvent::Message { sequence, body } => received.push((sequence, body.to_vec())),
            ClientEvent::EndOfSession => ended = true,
            ClientEvent::Unsequenced(_) => panic!("nobody sent one"),
        };
        let mut next = 0;
        for &cut in cuts.iter().cycle() {
            while next < bodies.len() && server.send(0, &bodies[next]) {
                next += 1;
            }
            if next == bodies.len() && server.state() == ServerState::LoggedOn {
                server.end_session(0);
            }
            if to_client(&mut server, &mut client, 0, cut, &mut events) == 0 {
                break;
            }
        }
        let expected: Vec<_> = (1u64..).zip(bodies).collect();
        prop_assert_eq!(client.next_sequence(), expected.len() as u64 + 1);
        prop_assert_eq!(received, expected);
        prop_assert!(ended && client.state() == ClientState::Ended);
    }

    /// No bytes make either end panic, and an end that failed stays closed.
    #[test]
    fn any_bytes_are_answered(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        at in 0..60usize,
        xor: u8,
    ) {
        let mut server = SoupBinServer::new(config());
        server.on_connect(0);
        let failed = server.on_bytes(0, &bytes).is_err();
        prop_assert!(!failed || server.state() == ServerState::Closed);
        let mut client = SoupBinClient::new(login(), 100);
        client.on_connect(0);
        let failed = client.on_bytes(0, &bytes, &mut |_| ()).is_err();
        prop_assert!(!failed || client.state() == ClientState::Closed);

        // A damaged login: refused, unanswered or good, but never a panic.
        client.on_connect(0);
        let mut damaged = client.pending().to_vec();
        let at = at % damaged.len();
        damaged[at] ^= xor;
        server.on_connect(0);
        let _ = server.on_bytes(0, &damaged);
        prop_assert!(xor != 0 || server.state() == ServerState::LoggedOn);
    }
}

#[test]
fn logins_are_checked() {
    let cases = [
        (LoginRequest { password: text_field(b"tack"), ..login() }, RejectReason::NotAuthorized),
        (LoginRequest { session: session_field(b"DAY2"), ..login() }, RejectReason::SessionNotAvailable),
        (LoginRequest { sequence: 2, ..login() }, RejectReason::SessionNotAvailable),
    ];
    for (login, reason) in cases {
        let (mut server, mut client) = (SoupBinServer::new(config()), SoupBinClient::new(login, 100));
        server.on_connect(0);
        client.on_connect(0);
        assert_eq!(to_server(&mut client, &mut server, 0), Err(SoupError::Rejected(reason)));
        assert_eq!(server.state(), ServerState::Closed);
        let answer = server.pending().to_vec();
        assert_eq!(client.on_bytes(0, &answer, &mut |_| ()), Err(SoupError::Rejected(reason)));
        assert_eq!(client.state(), ClientState::Closed);
        assert!(!server.send(0, b"x"));
    }
    let named = LoginRequest { session: session_field(b"DAY1"), sequence: 0, ..login() };
    let (mut server, mut client) = (SoupBinServer::new(config()), SoupBinClient::new(named, 100));
    server.on_connect(0);
    client.on_connect(0);
    assert_eq!(to_server(&mut client, &mut server, 0), Ok(()));
    assert_eq!(server.state(), ServerState::LoggedOn);
}

#[test]
fn heartbeats_keep_it_alive_and_silence_ends_it() {
    let (mut server, mut client) = (SoupBinServer::new(config()), SoupBinClient::new(login(), 100));
    server.on_connect(0);
    client.on_connect(0);
    to_server(&mut client, &mut server, 0).unwrap();
    to_client(&mut server, &mut client, 0, 1000, &mut |_| ());
    for second in 1..60 {
        let now_ns = second * S;
        assert_eq!((server.next_timer_ns(), client.next_timer_ns()), (now_ns, now_ns));
        server.on_timer(now_ns).unwrap();
        client.on_timer(now_ns).unwrap();
        assert_eq!((server.pending(), client.pending()), (&b"\0\x01H"[..], &b"\0\x01R"[..]));
        to_server(&mut client, &mut server, now_ns).unwrap();
        to_client(&mut server, &mut client, now_ns, 1000, &mut |_| ());
    }
    for second in 60..74 {
        server.on_timer(second * S).unwrap();
        client.on_timer(second * S).unwrap();
    }
    assert_eq!(server.on_timer(74 * S), Err(SoupError::Silence));
    assert_eq!(client.on_timer(74 * S), Err(SoupError::Silence));
    assert_eq!((server.state(), client.state()), (ServerState::Closed, ClientState::Closed));
    assert_eq!((server.next_timer_ns(), client.next_timer_ns()), (u64::MAX, u64::MAX));
}

#[test]
fn a_client_that_never_logs_in_or_never_reads_is_given_up() {
    let mut server = SoupBinServer::new(config());
    server.on_connect(5 * S);
    assert_eq!(server.on_timer(20 * S - 1), Ok(()));
    assert_eq!(server.on_timer(20 * S), Err(SoupError::Silence));

    let mut client = SoupBinClient::new(login(), 100);
    server.on_connect(0);
    client.on_connect(0);
    to_server(&mut client, &mut server, 0).unwrap();
    while server.send(0, b"0123456789") {}
    let mut now_ns = 0;
    let error = loop {
        now_ns += S;
        server.on_bytes(now_ns, b"\0\x01R").unwrap();
        if let Err(error) = server.on_timer(now_ns) {
            break error;
        }
    };
    assert_eq!(error, SoupError::Backlog);
    assert!(now_ns > 20 * S, "heartbeats have their reserve");
}

#[test]
fn packets_out_of_place_end_a_session() {
    let mut client = SoupBinClient::new(login(), 100);
    client.on_connect(0);
    assert_eq!(client.on_bytes(0, b"\0\x02Sx", &mut |_| ()), Err(SoupError::Unexpected(b'S')));
    let mut server = SoupBinServer::new(config());
    server.on_connect(0);
    assert_eq!(server.on_bytes(0, b"\0\x01R"), Err(SoupError::Unexpected(b'R')));
    server.on_connect(0);
    assert_eq!(server.on_bytes(0, b"\x04\0U"), Err(SoupError::TooLong { packet: 1026, capacity: 1024 }));
    server.on_connect(0);
    assert_eq!((server.on_bytes(0, b"\0\x01O"), server.state()), (Ok(()), ServerState::Closed));
    client.on_connect(0);
    client.log_out(0);
    assert_eq!(client.state(), ClientState::Closed);
    assert!(client.pending().ends_with(b"\0\x01O"));
}
