//! What a hop between two cores costs: half a round trip of a `MarketEvent` (64 bytes) over two rtrb rings, the rings
//! that join the stages of `split`.
//!
//! Load: one item in flight, both threads spin, each pinned to a CPU of its own. Every item that comes back is compared
//! with the one that was sent. With fewer than two CPUs there is nothing to measure, and the line says so.

use engine::control::cpus::Host;
use engine::control::placement::{Role, pin_current};
use engine::pipeline::tsc::{self, Calibration};
use feeds::event::{EventKind, MarketEvent, Side, flags};
use rtrb::{Consumer, Producer, RingBuffer};

use crate::line::Line;
use crate::timing::Samples;

const ROUND_TRIPS: u64 = 200_000;
const WARM_UP: u64 = 20_000;
const SLOTS: usize = 4_096;

/// Runs it.
///
/// # Errors
/// A CPU that cannot be had; an item that came back changed.
pub fn run() -> Result<Vec<Line>, String> {
    let host = Host::read().map_err(|error| error.to_string())?;
    let cpus: Vec<usize> = host.online().map(|cpu| cpu.id).take(2).collect();
    let line = Line::new(
        "ring_hop",
        "rtrb, MarketEvent of 64 bytes, 4,096 slots",
        "closed loop, two threads, one item in flight, busy spin; round trip / 2",
        &format!("{WARM_UP} round trips"),
    );
    let &[near, far] = cpus.as_slice() else {
        return Ok(vec![line.with("skipped", "needs two CPUs")]);
    };
    let calibration = Calibration::measure();
    let (mut to_far, mut at_far) = RingBuffer::new(SLOTS);
    let (mut to_near, mut at_near) = RingBuffer::new(SLOTS);
    let samples = std::thread::scope(|scope| {
        let echo = scope.spawn(move || {
            let pinned = pin_current(Role::Decide, far).map_err(|error| error.to_string());
            for _ in 0..WARM_UP + ROUND_TRIPS {
                let event: MarketEvent = take(&mut at_far);
                give(&mut to_near, event);
            }
            pinned
        });
        let timed = scope.spawn(move || {
            let pinned = pin_current(Role::Ingest, near).map_err(|error| error.to_string());
            let mut samples = Samples::single(ROUND_TRIPS as usize);
            let mut damaged = None;
            for number in 0..WARM_UP + ROUND_TRIPS {
                if number == WARM_UP {
                    samples.clear();
                }
                let sent = event(number);
                let start = tsc::now();
                give(&mut to_far, sent);
                let back: MarketEvent = take(&mut at_near);
                samples.add(tsc::now() - start);
                if back != sent {
                    damaged.get_or_insert(number);
                }
            }
            pinned.and_then(|()| damaged.map_or(Ok(samples), |n| Err(format!("item {n} came back changed"))))
        });
        let panicked = |_| "a thread panicked".to_owned();
        echo.join().map_err(panicked)??;
        timed.join().map_err(panicked)?
    })?;
    let line = line
        .pinned(&format!("threads on CPUs {near} and {far}"))
        .figures(samples.figures(&calibration, 2.0))
        .checked("every item came back unchanged, in order, none lost");
    Ok(vec![line])
}

fn give(ring: &mut Producer<MarketEvent>, event: MarketEvent) {
    while ring.push(event).is_err() {
        std::hint::spin_loop();
    }
}

fn take(ring: &mut Consumer<MarketEvent>) -> MarketEvent {
    loop {
        if let Ok(event) = ring.pop() {
            return event;
        }
        std::hint::spin_loop();
    }
}

fn event(number: u64) -> MarketEvent {
    MarketEvent {
        exchange_ns: number,
        receive_ns: number,
        sequence: number,
        order_id: number,
        second_id: 0,
        price: number as i64,
        quantity: 100,
        instrument: 0,
        venue: 0,
        kind: EventKind::OrderAdd,
        side: Side::Buy,
        flags: flags::LAST_OF_EVENT,
    }
}
