//! The rings as the engine uses them: nothing lost, nothing repeated, order kept; and what happens when one is full.

use engine::control::digest::{OrderDigest, digest_ring};
use engine::order::{Order, OrderAction, TimeInForce};
use engine::pipeline::stamps::{PathStamps, channel};
use feeds::event::{EventKind, MarketEvent, Side};
use rtrb::RingBuffer;

/// Items through the ring of numbers.
const NUMBERS: u64 = 100_000_000;

/// Items through the ring of market events.
const EVENTS: u64 = 10_000_000;

/// Gives the core away where both ends share one.
fn wait() {
    if std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1) {
        std::hint::spin_loop();
    } else {
        std::thread::yield_now();
    }
}

#[test]
fn a_hundred_million_items_arrive_once_and_in_order() {
    let (mut producer, mut consumer) = RingBuffer::<u64>::new(4096);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut next = 0;
            while next < NUMBERS {
                let room = producer.slots().min(64).min((NUMBERS - next) as usize);
                if let Ok(chunk) = producer.write_chunk_uninit(room) {
                    next += chunk.fill_from_iter(next..) as u64;
                }
                if room == 0 {
                    wait();
                }
            }
        });
        let mut expected = 0;
        while expected < NUMBERS {
            let there = consumer.slots().min(64);
            if there == 0 {
                wait();
                continue;
            }
            for number in consumer.read_chunk(there).expect("so many are there") {
                assert_eq!(number, expected);
                expected += 1;
            }
        }
        assert!(consumer.pop().is_err(), "nothing is left over");
    });
}

fn event(sequence: u64) -> MarketEvent {
    MarketEvent {
        exchange_ns: sequence,
        receive_ns: sequence + 1,
        sequence,
        order_id: sequence * 3,
        second_id: 0,
        price: 1,
        quantity: 100,
        instrument: 7,
        venue: 0,
        kind: EventKind::OrderAdd,
        side: Side::Buy,
        flags: 1,
    }
}

#[test]
fn market_events_arrive_whole_and_in_order() {
    let (mut producer, mut consumer) = RingBuffer::new(1024);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for sequence in 0..EVENTS {
                while producer.is_full() {
                    wait();
                }
                producer.push(event(sequence)).expect("there is room");
            }
        });
        for sequence in 0..EVENTS {
            let item = loop {
                match consumer.pop() {
                    Ok(item) => break item,
                    Err(_) => wait(),
                }
            };
            assert_eq!(item, event(sequence));
        }
    });
}

#[test]
fn a_full_stamp_ring_drops_and_counts() {
    let (mut writer, mut reader) = channel(64);
    for number in 0..100 {
        let record = PathStamps::begin(false).order_ready(OrderAction::New);
        assert_eq!(writer.push(record), number < 64);
    }
    assert_eq!(writer.dropped(), 36);
    assert_eq!(std::iter::from_fn(|| reader.pop()).count(), 64);
}

fn order(decision: u64) -> Order {
    Order {
        decision,
        time_ns: decision,
        cl_ord_id: 2_026_010_500_000_000 + decision,
        orig_cl_ord_id: 0,
        price: 10_000_000_000,
        quantity: 100,
        instrument: 1,
        venue: 0,
        action: OrderAction::New,
        side: Side::Buy,
        time_in_force: TimeInForce::Day,
        strategy: 0,
        reserved: [0; 6],
    }
}

#[test]
fn a_full_digest_ring_waits_and_loses_nothing() {
    const ORDERS: u64 = 200_000;
    let (mut sender, mut receiver) = digest_ring(64);
    let digest = std::thread::scope(|scope| {
        let hot = scope.spawn(move || {
            for decision in 1..=ORDERS {
                sender.push(&order(decision)).expect("the receiver lives");
            }
            sender.waits()
        });
        while !hot.is_finished() {
            receiver.poll();
            std::thread::sleep(std::time::Duration::from_micros(50));
        }
        assert!(hot.join().expect("no panic") > 0, "64 slots and a slow reader: it must have waited");
        receiver.finish().unwrap_or_else(|_| panic!("the sender is gone"))
    });
    assert_eq!(digest.actions(), ORDERS);
    let mut expected = OrderDigest::new();
    (1..=ORDERS).for_each(|decision| expected.push(&order(decision)));
    assert_eq!(digest.finish(), expected.finish());
}
