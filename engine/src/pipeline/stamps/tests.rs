use super::*;
use crate::order::{OrderAction, TimeInForce};
use feeds::event::Side;

/// An order of which a path takes the identity only.
pub(crate) fn order(action: OrderAction) -> Order {
    Order {
        decision: 41,
        time_ns: 5_000,
        cl_ord_id: 2_026_010_500_000_007,
        orig_cl_ord_id: 0,
        price: 1,
        quantity: 1,
        instrument: 0,
        venue: 1,
        action,
        side: Side::Buy,
        time_in_force: TimeInForce::Day,
        strategy: 0,
        sells_short: false,
        reserved: [0; 5],
    }
}

fn new_order() -> Order {
    order(OrderAction::New)
}

#[test]
fn layouts_are_fixed() {
    assert_eq!(size_of::<PathStamps>(), 56);
    assert_eq!(size_of::<PathRecord>(), 104);
    for (index, stage) in Stage::ALL.into_iter().enumerate() {
        assert_eq!(stage as usize, index);
    }
}

#[test]
fn a_sampled_path_adds_up() {
    let mut path = PathStamps::begin_at(1_000, true);
    path.add(Stage::Decode, 1_010);
    path.add(Stage::Ring, 1_100);
    path.add(Stage::Book, 1_130);
    path.add(Stage::Ring, 1_150);
    let mut record = path.order_ready_at(1_200, &order(OrderAction::Replace));
    assert_eq!(record.stage_ticks(Stage::Decode), Some(10));
    assert_eq!(record.stage_ticks(Stage::Ring), Some(110), "both hops together");
    assert_eq!(record.stage_ticks(Stage::Book), Some(30));
    assert_eq!(record.stage_ticks(Stage::Scan), None);
    assert_eq!(record.stage_ticks(Stage::Encode), Some(50));
    assert_eq!((record.order_ticks(), record.wire_ticks()), (200, None));
    assert_eq!(record.audit(), Audit::Equal);
    record.sent(1_230, 1_230, 1_300);
    assert_eq!(record.stage_ticks(Stage::Wait), Some(30), "behind another order of the same send call");
    assert_eq!(record.stage_ticks(Stage::Send), Some(70));
    assert_eq!(record.wire_ticks(), Some(300));
    assert_eq!(record.audit(), Audit::Equal);
}

#[test]
fn a_record_says_whose_it_is() {
    let record = PathStamps::begin(false).order_ready(&order(OrderAction::Replace));
    let Order { cl_ord_id, decision, time_ns, action, venue, .. } = order(OrderAction::Replace);
    assert_eq!((record.cl_ord_id, record.decision, record.time_ns), (cl_ord_id, decision, time_ns));
    assert_eq!((record.action, record.venue), (action, venue));
}

#[test]
fn marked_stages_sum_to_the_whole_path() {
    let mut path = PathStamps::begin(true);
    for stage in [Stage::Decode, Stage::Book, Stage::Decide, Stage::Risk, Stage::Journal] {
        path.mark(stage);
    }
    assert_eq!(path.order_ready(&new_order()).audit(), Audit::Equal);
}

/// The audit can fail: somebody moves an end without giving the time to a stage.
#[test]
fn time_in_no_stage_is_found() {
    let mut path = PathStamps::begin_at(1_000, true);
    path.add(Stage::Decode, 1_010);
    path.last += 5;
    assert_eq!(path.order_ready_at(1_100, &new_order()).audit(), Audit::Unequal(5));
    let mut path = PathStamps::begin_at(1_000, true);
    path.add(Stage::Decode, 1_010);
    path.last -= 3;
    assert_eq!(path.order_ready_at(1_100, &new_order()).audit(), Audit::Unequal(-3));
}

#[test]
fn what_a_stamp_cannot_hold_is_said() {
    let mut path = PathStamps::begin_at(0, true);
    path.add(Stage::Book, 1 << 33);
    let record = path.order_ready_at(1 << 34, &new_order());
    assert_eq!(record.stage_ticks(Stage::Book), Some(u64::from(u32::MAX)), "clipped, not wrapped");
    assert_eq!(record.audit(), Audit::Clipped);
    let waited = PathStamps::begin_due(0, 1 << 40, true).order_ready_at((1 << 40) + 9, &new_order());
    assert_eq!((waited.stage_ticks(Stage::Wait), waited.audit()), (Some(1 << 40), Audit::Equal));
    let waited = PathStamps::begin_due(0, 1 << 50, true).order_ready_at((1 << 50) + 9, &new_order());
    assert_eq!((waited.stage_ticks(Stage::Wait), waited.audit()), (Some((1 << 48) - 1), Audit::Clipped));
}

#[test]
fn an_unsampled_path_has_start_and_end_only() {
    let mut path = PathStamps::begin(false);
    Stage::ALL.into_iter().take(9).for_each(|stage| path.mark(stage));
    let mut record = path.order_ready(&new_order());
    assert!(Stage::ALL.iter().all(|&stage| record.stage_ticks(stage).is_none()));
    record.sent(record.ready_ticks + 10, record.ready_ticks + 10, record.ready_ticks + 30);
    assert_eq!(record.wire_ticks(), Some(record.order_ticks() + 30), "the wait is in the whole");
    assert_eq!((record.stage_ticks(Stage::Wait), record.stage_ticks(Stage::Send)), (None, Some(20)));
    assert_eq!(record.audit(), Audit::NotStamped);
}

#[test]
fn a_due_path_waits_until_it_is_handed_over() {
    let mut path = PathStamps::begin_due(500, 10_000, true);
    path.add(Stage::Decode, 10_020);
    let record = path.order_ready_at(10_050, &new_order());
    assert!(record.is_from_due());
    assert_eq!((record.stage_ticks(Stage::Wait), record.stage_ticks(Stage::Decode)), (Some(9_500), Some(20)));
    assert_eq!((record.order_ticks(), record.audit()), (9_550, Audit::Equal));
    assert_eq!(
        PathStamps::begin_due(500, 10_000, false).order_ready_at(10_050, &new_order()).order_ticks(),
        9_550
    );
}

#[test]
fn a_further_order_waits_for_the_one_before_it() {
    let mut path = PathStamps::begin_at(1_000, true);
    path.add(Stage::Risk, 1_100);
    path.add(Stage::Journal, 1_110);
    let first = path.order_ready_at(1_150, &new_order());
    path.add(Stage::Wait, 1_155);
    path.add(Stage::Journal, 1_165);
    let second = path.order_ready_at(1_200, &new_order());
    assert_eq!((first.stage_ticks(Stage::Wait), second.stage_ticks(Stage::Wait)), (Some(0), Some(45)));
    assert_eq!((second.stage_ticks(Stage::Journal), second.stage_ticks(Stage::Encode)), (Some(20), Some(35)));
    assert_eq!((first.audit(), second.audit()), (Audit::Equal, Audit::Equal));
}

#[test]
fn answers_are_told_from_ticks() {
    let trigger = |stamps: PathStamps| stamps.order_ready(&new_order()).trigger();
    assert_eq!(trigger(PathStamps::begin(true)), Trigger::Market);
    assert_eq!(trigger(PathStamps::begin_answer(true)), Trigger::Other);
}

#[test]
fn counters_of_two_cores_that_disagree_give_zero_and_no_panic() {
    let mut path = PathStamps::begin_at(u64::MAX, true);
    path.mark(Stage::Ring);
    let record = path.order_ready(&order(OrderAction::Cancel));
    assert_eq!((record.stage_ticks(Stage::Ring), record.order_ticks()), (Some(0), 0));
    assert_eq!(record.audit(), Audit::Backwards);
    let mut path = PathStamps::begin_at(1_000, true);
    path.add(Stage::Ring, 990);
    assert_eq!(path.order_ready_at(1_100, &new_order()).audit(), Audit::Backwards);
}

#[test]
fn one_in_sixteen_is_sampled_in_every_phase() {
    let mut sampler = Sampler::new(StampMode::Sampled);
    let hits: Vec<usize> = (0..160_000).filter(|_| sampler.sample()).collect();
    assert!((9_900..=10_100).contains(&hits.len()), "{} hits", hits.len());
    for period in [2, 3, 4, 8, 16] {
        for phase in 0..period {
            let share = hits.iter().filter(|&&hit| hit % period == phase).count();
            assert!(share * period * 10 > hits.len() * 9, "phase {phase} of {period}: {share}");
        }
    }
    let mut all = Sampler::new(StampMode::All);
    assert!((0..100).all(|_| all.sample()));
}

#[test]
fn a_full_ring_drops_and_counts_and_keeps_the_oldest() {
    let (mut writer, mut reader) = channel(4);
    assert!(reader.pop().is_none(), "the touching records must not come out");
    let record = |start| PathStamps::begin_at(start, false).order_ready(&new_order());
    let taken = (1..=6).filter(|&start| writer.push(record(start))).count();
    assert_eq!((taken, writer.dropped()), (4, 2));
    let starts: Vec<u64> = std::iter::from_fn(|| reader.pop()).map(|r| r.start_ticks).collect();
    assert_eq!(starts, [1, 2, 3, 4]);
    assert!(writer.push(record(7)));
    assert_eq!(reader.pop().map(|r| r.start_ticks), Some(7));
}

#[test]
fn every_record_arrives_once_and_in_order_or_is_counted() {
    const RECORDS: u64 = 1_000_000;
    let (mut writer, mut reader) = channel(1_024);
    let (mut taken, mut last) = (0u64, 0u64);
    std::thread::scope(|scope| {
        let hot = scope.spawn(move || {
            for start in 1..=RECORDS {
                writer.push(PathStamps::begin_at(start, false).order_ready(&new_order()));
            }
            writer.dropped()
        });
        let mut drain = || {
            while let Some(record) = reader.pop() {
                assert!(record.start_ticks > last);
                last = record.start_ticks;
                taken += 1;
            }
        };
        while !hot.is_finished() {
            drain();
        }
        drain();
        assert_eq!(taken + hot.join().expect("the writer does not panic"), RECORDS);
    });
}

#[test]
fn the_sessions_journal_is_a_stage_between_the_bytes_and_the_call() {
    let mut path = PathStamps::begin_at(1_000, true);
    path.add(Stage::Journal, 1_010);
    let mut record = path.order_ready_at(1_050, &order(OrderAction::New));
    record.sent(1_060, 1_100, 1_300);
    let stages =
        [Stage::Journal, Stage::Encode, Stage::Wait, Stage::Send].map(|stage| record.stage_ticks(stage));
    assert_eq!(stages, [Some(50), Some(40), Some(10), Some(200)]);
    assert_eq!((record.order_ticks(), record.wire_ticks()), (50, Some(300)));
    assert_eq!(record.audit(), Audit::Equal);
}

#[test]
fn no_stage_is_stamped_where_only_the_ends_are() {
    let mut sampler = Sampler::new(StampMode::Ends);
    assert!((0..10_000).all(|_| !sampler.sample()));
}
