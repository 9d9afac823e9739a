//! Any bytes, and damaged messages: the decoder against the naive reader, and everything against panics. Seeded; a failure
//! prints the input.

use feeds::symbol::Symbol;

use super::messages::{ClientMessage, VenueMessage};
use super::naive_reader::{CLIENT, Layout, VENUE, show};
use super::session::{OuchConfig, OuchSession};
use crate::order::{Order, OrderAction, TimeInForce};
use crate::pipeline::risk::RiskApproved;
use feeds::event::Side;

const SEED: u64 = 0x5eed_0c85;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

/// A message of random fields, with options where there can be some; small numbers of orders, so that some are known.
fn message(random: &mut Random, layouts: &[Layout], out: &mut Vec<u8>) {
    let (message_type, length, has_appendage, _, fields) = layouts[random.below(layouts.len())];
    out.clear();
    out.push(message_type);
    while out.len() < length {
        let byte = random.next() as u8;
        out.push(byte);
    }
    for (name, offset, width) in fields {
        match *name {
            "user_ref_num" | "orig_user_ref_num" => {
                out[*offset..offset + width].copy_from_slice(&[0, 0, 0, random.below(40) as u8]);
            }
            "quantity" | "decrement" => {
                out[*offset..offset + width].copy_from_slice(&[0, 0, 0, random.below(120) as u8]);
            }
            "price" => out[*offset..offset + 4].fill(0),
            "order_state" => out[*offset] = b"LD"[random.below(2)],
            _ => {}
        }
    }
    if has_appendage {
        let start = out.len();
        for _ in 0..random.below(4) {
            let value = random.below(6);
            out.push(value as u8 + 1);
            for _ in 0..=value {
                let byte = random.next() as u8;
                out.push(byte);
            }
        }
        let appended = (out.len() - start) as u16;
        out[start - 2..start].copy_from_slice(&appended.to_be_bytes());
    }
}

fn damage(random: &mut Random, out: &mut Vec<u8>) {
    for _ in 0..random.below(3) {
        let at = random.below(out.len());
        match random.below(5) {
            0 if !out.is_empty() => out[at] = random.next() as u8,
            1 if !out.is_empty() => out[at] ^= 1 << random.below(8),
            2 => out.truncate(at),
            3 if !out.is_empty() => drop(out.remove(at)),
            _ => out.insert(at, random.next() as u8),
        }
    }
}

#[test]
fn a_million_messages_are_read_as_the_naive_reader_reads_them() {
    let mut random = Random(SEED);
    let (mut bytes, mut again) = (Vec::new(), [0; 256]);
    let mut read = 0;
    for round in 0..1_000_000 {
        let is_client = random.below(2) == 0;
        let layouts = if is_client { CLIENT } else { VENUE };
        message(&mut random, layouts, &mut bytes);
        damage(&mut random, &mut bytes);
        let encoded = if is_client {
            ClientMessage::decode(&bytes).map(|(message, appendage)| message.encode(appendage, &mut again))
        } else {
            VenueMessage::decode(&bytes).map(|(message, appendage)| message.encode(appendage, &mut again))
        };
        read += u32::from(encoded.is_ok());
        if let Ok(length) = encoded {
            assert_eq!(length.map(|length| &again[..length]), Some(&bytes[..]), "{bytes:02x?}");
        }
        if round % 8 == 0 {
            // The naive reader formats: it sees one in eight.
            let shown = if is_client {
                ClientMessage::decode(&bytes).ok().map(|(message, _)| format!("{message:?}"))
            } else {
                VenueMessage::decode(&bytes).ok().map(|(message, _)| format!("{message:?}"))
            };
            assert_eq!(shown, show(layouts, &bytes), "{bytes:02x?}");
        }
    }
    assert!((400_000..900_000).contains(&read), "{read} of a million were read");
}

/// A session that is logged on and has sent orders, cancels and replaces.
fn session() -> OuchSession {
    let config = OuchConfig {
        venue: 0,
        username: *b"WARP  ",
        password: *b"secret    ",
        date: 20_120_621,
        messages_max: 100,
    };
    let mut session = OuchSession::new(&config, &[Symbol::new("GOOG").unwrap()]).unwrap();
    session.connected(0);
    session.receive(0, b"\0\x1fA         1                   1", &mut |_| {});
    session.receive(0, b"\0\x0eSQ\0\0\0\0\0\0\0\0\0\0\0\x01", &mut |_| {});
    assert!(session.is_logged_on());
    for number in 1..=36u64 {
        let base = 2_012_062_100_000_000;
        let order = Order {
            decision: 0,
            time_ns: 0,
            cl_ord_id: base + number,
            orig_cl_ord_id: base + number.saturating_sub(12),
            price: 600_000_000_000,
            quantity: 100,
            instrument: 0,
            venue: 0,
            action: [OrderAction::New, OrderAction::Replace, OrderAction::Cancel][(number as usize - 1) / 12],
            side: Side::Buy,
            time_in_force: TimeInForce::Day,
            strategy: 0,
            sells_short: false,
            reserved: [0; 5],
        };
        // Those about an order that is not live any more by then are refused.
        let _ = session.encode(&RiskApproved::for_test(order), 0);
    }
    session
}

#[test]
fn a_session_survives_whatever_a_venue_says() {
    let mut random = Random(SEED ^ 1);
    let (mut bytes, mut stream) = (Vec::new(), Vec::new());
    let (mut executions, mut malformed) = (0u64, 0u64);
    for _ in 0..4_000 {
        let mut session = session();
        let before = malformed;
        for _ in 0..25 {
            message(&mut random, VENUE, &mut bytes);
            if random.below(4) == 0 {
                damage(&mut random, &mut bytes);
            }
            stream.clear();
            stream.extend((bytes.len() as u16 + 1).to_be_bytes());
            stream.push(b'S');
            stream.extend(&bytes);
            if random.below(60) == 0 {
                damage(&mut random, &mut stream);
            }
            malformed += session.receive(1, &stream, &mut |execution| {
                assert!(execution.cumulative_quantity < 1 << 32, "{execution:?}");
                executions += 1;
            });
        }
        assert!(session.is_stopped() || malformed == before || session.wants_close());
    }
    assert!(executions > 4_000 && malformed > 10_000, "{executions} executions, {malformed} malformed");
}
