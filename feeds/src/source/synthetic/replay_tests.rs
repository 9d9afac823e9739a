//! The produced bytes against a naive replay of their own: maps of queues, fed by the crate's decoder.

use super::naive_venue::NaiveVenue;
use super::*;
use crate::itch::decode::decode;
use crate::itch::messages::Message;

/// Message bodies of a BinaryFILE stream.
fn messages(stream: &[u8]) -> Vec<Message> {
    let mut messages = Vec::new();
    let mut rest = stream;
    while let [high, low, tail @ ..] = rest {
        let (body, after) = tail.split_at(usize::from(u16::from_be_bytes([*high, *low])));
        messages.push(decode(body).unwrap());
        rest = after;
    }
    assert!(rest.is_empty());
    messages
}

fn replay(stream: &[u8]) -> NaiveVenue {
    let mut venue = NaiveVenue::default();
    messages(stream).iter().for_each(|message| venue.apply(message));
    venue
}

/// FNV-1a, 64 bits.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

fn generated(config: &SyntheticConfig) -> (SyntheticStats, [Vec<u8>; 2]) {
    let mut sinks = [Vec::new(), Vec::new()];
    let stats = generate(config, &mut sinks).unwrap();
    (stats, sinks)
}

/// Many shapes of session: each stream is one that a venue could publish, and ends where the generator says.
#[test]
fn a_naive_replay_finds_no_fault_and_the_same_end() {
    let base = SyntheticConfig::default();
    let shapes = [
        SyntheticConfig { seed: 1, symbols: 200, messages: 300_000, ..base.clone() },
        SyntheticConfig { seed: 2, symbols: 8000, messages: 200_000, ..base.clone() },
        SyntheticConfig { seed: 3, symbols: 1, messages: 20_000, bx_listed_permille: 1000, ..base.clone() },
        SyntheticConfig { seed: 4, symbols: 30, messages: 150_000, span_ns: Some(1_000_000), ..base.clone() },
        SyntheticConfig {
            seed: 5,
            symbols: 50,
            messages: 60_000,
            span_ns: Some(MARKET_HOURS_NS),
            ..base.clone()
        },
        SyntheticConfig { seed: 6, symbols: 40, messages: 30_000, bx_listed_permille: 0, ..base.clone() },
        SyntheticConfig {
            seed: 7,
            symbols: 40,
            messages: 100_000,
            halts: 20,
            bx_flow_permille: 1000,
            ..base
        },
    ];
    for config in &shapes {
        let (stats, streams) = generated(config);
        let mut total = 0;
        for (stats, stream) in stats.venues.iter().zip(&streams) {
            let venue = replay(stream);
            assert_eq!(venue.events, b"OSQMEC", "{config:?}");
            assert_eq!(venue.orders.len() as u64, stats.live_orders, "{config:?}");
            assert_eq!(venue.bbo_checksum(), stats.bbo_checksum, "{config:?}");
            for letter in b'A'..=b'Z' {
                let count = venue.counts.get(&letter).copied().unwrap_or(0);
                assert_eq!(count, stats.count(letter), "{} {config:?}", letter.escape_ascii());
            }
            total += stats.messages();
        }
        assert_eq!(total, config.messages);
    }
}

#[test]
fn a_seed_is_a_session() {
    let config = SyntheticConfig { symbols: 40, messages: 20_000, ..SyntheticConfig::default() };
    let streams = generate_bytes(&config).unwrap();
    assert_eq!(streams, generated(&config).1, "memory and sinks agree");
    assert_eq!(streams, generate_bytes(&config).unwrap());
    for other in [
        SyntheticConfig { seed: 2, ..config.clone() },
        SyntheticConfig { date: 20_260_106, ..config.clone() },
        SyntheticConfig { span_ns: Some(1_000_000_000), ..config.clone() },
    ] {
        assert_ne!(streams, generate_bytes(&other).unwrap());
    }
    // Pinned: a change of one bit on any machine, or of the generator, shows here.
    assert_eq!(
        streams.map(|stream| fingerprint(&stream)),
        [2_415_555_601_034_501_134, 593_687_946_696_446_865]
    );
}

#[test]
fn too_few_messages_are_refused_with_the_number_needed() {
    let config = SyntheticConfig { symbols: 100, messages: 200, ..SyntheticConfig::default() };
    let Err(SyntheticConfigError::Messages { found: 200, minimum }) = generate_bytes(&config) else {
        panic!("accepted")
    };
    assert!(generate_bytes(&SyntheticConfig { messages: minimum, ..config.clone() }).is_ok());
    let error = generate(&config, &mut [Vec::new(), Vec::new()]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    assert!(error.to_string().contains(&minimum.to_string()), "{error}");
}

/// Speed: run it alone, in a release build (`--release -- --ignored --nocapture`).
#[test]
#[ignore = "a benchmark: 10 million messages, to be run in a release build"]
fn ten_million_messages() {
    let config = SyntheticConfig { messages: 10_000_000, ..SyntheticConfig::default() };
    let start = std::time::Instant::now();
    let stats = generate(&config, &mut [io::sink(), io::sink()]).unwrap();
    let seconds = start.elapsed().as_secs_f64();
    println!("10,000,000 messages in {seconds:.2} s; locked {:?}; crossed {:?}", stats.locked, stats.crossed);
    for (venue, name) in stats.venues.iter().zip(["NASDAQ", "BX"]) {
        let mix: Vec<String> = (b'A'..=b'Z')
            .filter(|&t| venue.count(t) > 0)
            .map(|t| format!("{} {}", t.escape_ascii(), venue.count(t)))
            .collect();
        println!("{name}: {}, live {}, checksum {}", mix.join(", "), venue.live_orders, venue.bbo_checksum);
    }
    assert!(seconds < 10.0, "{seconds} s");
}
