use std::collections::VecDeque;
use std::thread;

use proptest::prelude::*;

use super::*;

/// An item of `WORDS` words that are all different, so that a mixture of two items shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Words<const WORDS: usize>([u64; WORDS]);

// SAFETY: all of its bytes travel.
unsafe impl<const WORDS: usize> Item for Words<WORDS> {}

impl<const WORDS: usize> Words<WORDS> {
    fn of(number: u64) -> Self {
        Self(std::array::from_fn(|word| (number << 8 | word as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }
}

/// 64 bytes, of which the last 32 are padding.
#[repr(C, align(64))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Padded([u64; 4]);

// SAFETY: beyond its four words there is only padding.
unsafe impl Item for Padded {
    const BYTES: usize = 32;
}

#[test]
fn a_slot_is_as_many_lines_as_its_item_needs() {
    assert_eq!((size_of::<Line>(), align_of::<Line>(), align_of::<Taken>()), (64, 64, 128));
    assert_eq!((Ring::<u64>::LINES, Ring::<Padded>::LINES), (1, 1));
    assert_eq!((Ring::<Words<7>>::LINES, Ring::<Words<8>>::LINES), (1, 2));
    assert_eq!((Ring::<Words<15>>::LINES, Ring::<Words<16>>::LINES), (2, 3));
    assert_eq!([0, 1, 2].map(Ring::<Words<16>>::bytes_in), [60, 60, 8]);
    assert_eq!([0, 1].map(Ring::<Words<15>>::bytes_in), [60, 60]);
    assert_eq!(Ring::<Padded>::bytes_in(0), 32);
}

#[test]
fn a_full_ring_gives_the_item_back_and_an_empty_one_nothing() {
    let (mut producer, mut consumer) = ring::<Padded>(3);
    assert_eq!((producer.capacity(), producer.slots(), producer.is_drained()), (3, 3, true));
    assert_eq!(consumer.pop(), None);
    for number in 0..3 {
        assert_eq!(producer.push(Padded([number; 4])), Ok(()));
    }
    assert!(producer.is_full() && !producer.is_drained() && !consumer.is_empty());
    assert_eq!(producer.push(Padded([9; 4])), Err(Full(Padded([9; 4]))));
    assert_eq!(consumer.pop(), Some(Padded([0; 4])));
    assert!(!producer.is_full(), "a small ring publishes every item");
    assert_eq!((consumer.pop(), consumer.pop()), (Some(Padded([1; 4])), Some(Padded([2; 4]))));
    assert_eq!((consumer.pop(), consumer.is_empty(), producer.is_drained()), (None, true, true));
}

#[test]
fn what_was_taken_is_published_after_a_sixteenth_or_when_nothing_is_left() {
    let (mut producer, mut consumer) = ring::<u64>(64);
    (0..64).for_each(|number| assert_eq!(producer.push(number), Ok(())));
    let mut free = Vec::new();
    for number in 0..6 {
        assert_eq!(consumer.pop(), Some(number));
        free.push(producer.slots());
    }
    assert_eq!(free, [0, 0, 0, 4, 4, 4]);
    (6..63).for_each(|number| assert_eq!(consumer.pop(), Some(number)));
    assert_eq!((consumer.pop(), producer.slots()), (Some(63), 64));
    assert_eq!((producer.push(64), consumer.pop(), producer.is_drained()), (Ok(()), Some(64), false));
    assert_eq!((consumer.pop(), producer.is_drained()), (None, true));
}

/// One step of a random use: push or pop so many.
fn steps() -> impl Strategy<Value = Vec<(bool, usize)>> {
    prop::collection::vec((any::<bool>(), 0..40_usize), 1..200)
}

fn against_a_queue<const WORDS: usize>(capacity: usize, carried: u64, steps: &[(bool, usize)]) {
    let (mut producer, mut consumer) = ring_from::<Words<WORDS>>(capacity, carried);
    let (mut queue, mut next) = (VecDeque::new(), 0);
    for &(push, count) in steps {
        for _ in 0..count {
            let unpublished = (capacity / 16).max(1) - 1;
            let free = capacity - queue.len();
            let known = producer.slots();
            assert!(known <= free && free - known <= unpublished, "{known} of {free}");
            if push {
                let item = Words::of(next);
                match producer.push(item) {
                    Ok(()) => queue.push_back(item),
                    Err(Full(back)) => assert_eq!((back, known), (item, 0)),
                }
                next += 1;
            } else {
                assert_eq!(consumer.is_empty(), queue.is_empty());
                assert_eq!(consumer.pop(), queue.pop_front());
                if queue.is_empty() {
                    assert_eq!(consumer.pop(), None);
                    assert!(producer.is_drained());
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn it_is_a_bounded_queue(
        capacity in 1..70_usize,
        carried in prop_oneof![Just(0), Just(u64::from(u32::MAX) - 90), Just((7 << 32) - 1), any::<u32>().prop_map(u64::from)],
        steps in steps(),
    ) {
        against_a_queue::<1>(capacity, carried, &steps);
        against_a_queue::<15>(capacity, carried, &steps);
        against_a_queue::<16>(capacity, carried, &steps);
    }
}

/// Two threads and `items` whole items in order, the numbers wrapping in the middle.
fn two_threads_move<const WORDS: usize>(capacity: usize, items: u64) {
    let (mut producer, mut consumer) = ring_from::<Words<WORDS>>(capacity, u64::from(u32::MAX) - items / 2);
    let writer = thread::spawn(move || {
        for number in 0..items {
            while producer.push(Words::of(number)).is_err() {
                thread::yield_now();
            }
        }
    });
    for number in 0..items {
        let item = loop {
            match consumer.pop() {
                Some(item) => break item,
                None => thread::yield_now(),
            }
        };
        assert_eq!(item, Words::of(number), "capacity {capacity}");
    }
    writer.join().expect("the writer");
    assert!(consumer.is_empty());
}

#[test]
fn two_threads_move_whole_items_in_order() {
    for capacity in [1, 2, 5, 64] {
        two_threads_move::<15>(capacity, 75_000);
    }
}

/// The long form: `cargo test --release -p warptick-engine --lib slot_ring -- --ignored`.
#[test]
#[ignore = "10^8 items: half a minute on two free cores"]
fn two_threads_move_a_hundred_million_items() {
    two_threads_move::<7>(4_096, 40_000_000);
    two_threads_move::<15>(4_096, 40_000_000);
    two_threads_move::<16>(1_000, 15_000_000);
    two_threads_move::<15>(17, 5_000_000);
}

proptest! {
    /// Against the count of a plain queue, wherever the numbers stand and however many slots are in use.
    #[test]
    fn a_gauge_counts_what_was_not_published_as_taken(
        capacity in 1usize..70,
        before in prop_oneof![Just(0u64), Just(u64::from(u32::MAX) - 20)],
        moves in prop::collection::vec((0usize..80, 0usize..80), 1..12),
    ) {
        let (mut producer, mut consumer) = ring_from::<u64>(capacity, before);
        let gauge = producer.gauge();
        prop_assert_eq!((gauge.waiting(), gauge.capacity()), (0, capacity));
        let mut queued = 0;
        for (push, pop) in moves {
            queued += (0..push).take_while(|item| producer.push(*item as u64).is_ok()).count();
            queued -= (0..pop).take_while(|_| consumer.pop().is_some()).count();
            let waiting = gauge.waiting();
            prop_assert!((queued..=(queued + capacity / 16).min(capacity)).contains(&waiting), "{waiting} of {queued}");
        }
        while consumer.pop().is_some() {}
        prop_assert_eq!(gauge.waiting(), 0);
    }
}
