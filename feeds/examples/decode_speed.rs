//! Decode speed of an ITCH capture in memory: `decode_speed FILE [PASSES]`.
//!
//! One thread, whole passes over the file, reading it excluded; prints min / median / max ns a message over the
//! passes for: framing alone, framing and every field that a book needs folded into a sum, and the full way to
//! market events (each handed to an opaque sink). All passes must agree in messages and sum.

use std::hint::black_box;
use std::time::Instant;

use feeds::directory::Directory;
use feeds::error::CaptureError;
use feeds::event::MarketEvent;
use feeds::itch::decode::decode;
use feeds::itch::feed::ItchFeed;
use feeds::itch::messages::Message;
use feeds::source::file::{Capture, CapturedMessage};
use feeds::source::prescan::prescan;

/// Hands every message to `on_message`, through which nothing fails.
#[inline(always)]
fn walk(capture: &Capture, mut on_message: impl FnMut(CapturedMessage<'_>)) {
    let end = capture.walk(|message| -> Result<(), CaptureError> {
        on_message(message);
        Ok(())
    });
    end.unwrap_or_else(|error| panic!("{error}"));
}

fn framing(capture: &Capture) -> (u64, u64) {
    let (mut messages, mut sum) = (0, 0u64);
    walk(capture, |message| {
        messages += 1;
        sum = sum.wrapping_add(u64::from(message.body[0]));
    });
    (messages, sum)
}

fn fields(capture: &Capture) -> (u64, u64) {
    let (mut messages, mut sum) = (0, 0u64);
    walk(capture, |message| {
        messages += 1;
        let Ok(message) = decode(message.body) else { panic!("bad message") };
        let (header, parts) = match message {
            Message::AddOrder(m) => (m.header, [m.reference, m.shares.into(), m.price.into(), m.side.into()]),
            Message::AddOrderMpid(m) => {
                (m.header, [m.reference, m.shares.into(), m.price.into(), m.side.into()])
            }
            Message::OrderExecuted(m) => (m.header, [m.reference, m.shares.into(), m.match_number, 0]),
            Message::OrderExecutedWithPrice(m) => {
                (m.header, [m.reference, m.shares.into(), m.match_number, m.price.into()])
            }
            Message::OrderCancel(m) => (m.header, [m.reference, m.shares.into(), 0, 0]),
            Message::OrderDelete(m) => (m.header, [m.reference, 0, 0, 0]),
            Message::OrderReplace(m) => {
                (m.header, [m.reference, m.new_reference, m.shares.into(), m.price.into()])
            }
            other => (*other.header(), [0; 4]),
        };
        let header = u64::from(header.locate) ^ header.timestamp_ns;
        sum = parts.iter().fold(sum.wrapping_add(header), |sum, &part| sum.wrapping_add(part));
    });
    (messages, sum)
}

fn events(capture: &Capture, feed: &mut ItchFeed, directory: &mut Directory) -> (u64, u64) {
    let (mut messages, mut sum) = (0, 0u64);
    let mut event = MarketEvent::NOTHING;
    walk(capture, |message| {
        messages += 1;
        match feed.decode_into(directory, message.body, message.number, message.receive_ns, &mut event) {
            Ok(true) => {
                black_box(&event);
                sum = sum.wrapping_add(event.quantity);
            }
            Ok(false) => {}
            Err(error) => panic!("{error}"),
        }
    });
    (messages, sum)
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().expect("usage: decode_speed FILE [PASSES]");
    let passes: usize = arguments.next().map_or(7, |text| text.parse().expect("PASSES is a number"));
    let capture = Capture::open(&path).unwrap_or_else(|error| panic!("{error}"));
    let (scan, error) = prescan(&capture, 0);
    assert_eq!(error, None);
    let mut directory =
        Directory::new(scan.listings.iter().map(|listing| listing.symbol).collect(), 0).unwrap();
    scan.list_into(&mut directory).unwrap();
    let mut feed = ItchFeed::new(0, 0, 0);
    println!("{}: {} messages, {} symbols", capture.name(), scan.messages, directory.len());

    let mut times = [const { Vec::<f64>::new() }; 3];
    let mut results = [None; 3];
    for _ in 0..passes {
        for (way, times) in times.iter_mut().enumerate() {
            let start = Instant::now();
            let result = match way {
                0 => framing(&capture),
                1 => fields(&capture),
                _ => events(&capture, &mut feed, &mut directory),
            };
            times.push(start.elapsed().as_secs_f64() * 1e9 / scan.messages as f64);
            assert_eq!(result.0, scan.messages);
            assert_eq!(*results[way].get_or_insert(result), result, "passes differ");
        }
    }
    for (name, times) in ["framing", "fields", "events"].iter().zip(&mut times) {
        times.sort_by(f64::total_cmp);
        println!("{name}: {:.2} / {:.2} / {:.2} ns/msg", times[0], times[passes / 2], times[passes - 1]);
    }
}
