//! The ring under loom: every interleaving and every visible value of a few items over fewer slots, in one line an
//! item and in two. Loom fails the run when the payload of a line is read while it is written, or the other way round.

use loom::thread;

use super::*;

/// An item of two lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wide([u64; 12]);

// SAFETY: all of its bytes travel.
unsafe impl Item for Wide {}

fn all_arrive_in_order<T: Item + Copy + PartialEq + std::fmt::Debug + 'static>(
    capacity: usize,
    carried: u64,
    items: u64,
    of: fn(u64) -> T,
) {
    loom::model(move || {
        let (mut producer, mut consumer) = ring_from::<T>(capacity, carried);
        let writer = thread::spawn(move || {
            for number in 0..items {
                let mut item = of(number);
                while let Err(Full(back)) = producer.push(item) {
                    item = back;
                    thread::yield_now();
                }
            }
            producer
        });
        for number in 0..items {
            let item = loop {
                match consumer.pop() {
                    Some(item) => break item,
                    None => thread::yield_now(),
                }
            };
            assert_eq!(item, of(number));
        }
        assert!(consumer.is_empty());
        assert_eq!(consumer.pop().is_none(), true);
        let producer = writer.join().expect("the writer");
        assert!(producer.is_drained());
    });
}

#[test]
fn one_line_items_over_one_slot() {
    all_arrive_in_order(1, 0, 3, |number| number);
}

#[test]
fn one_line_items_over_two_slots_while_the_numbers_wrap() {
    all_arrive_in_order(2, u64::from(u32::MAX), 4, |number| number);
}

#[test]
fn two_line_items_over_two_slots() {
    all_arrive_in_order(2, 0, 3, |number| Wide([number; 12]));
}
