//! Runs seeds on all cores; tells the story of one that fails.

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use engine::pipeline::risk::RiskReasons;

use crate::plan::{Day, Mutation, Plan};
use crate::shrink::shrink;
use crate::story::{Broken, Story};
use crate::tally::Tally;
use crate::world;

/// Seeds of the ordinary run.
const SEEDS: u64 = 200;

thread_local! {
    static IN_A_DAY: Cell<bool> = const { Cell::new(false) };
    static PANIC_AT: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Panics of a day are findings, not noise.
fn quiet_panics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if IN_A_DAY.get() {
                let place = info.location().map(ToString::to_string).unwrap_or_default();
                PANIC_AT.set(place);
            } else {
                hook(info);
            }
        }));
    });
}

/// Where journals go: memory, where there is some for files.
fn scratch() -> tempfile::TempDir {
    let memory = PathBuf::from("/dev/shm");
    let directory = tempfile::Builder::new().prefix("warptick-sim-").tempdir_in(memory);
    directory.or_else(|_| tempfile::tempdir()).expect("a directory")
}

/// Runs a plan.
fn run(plan: &Plan, story: &mut Story) -> Result<Tally, Broken> {
    quiet_panics();
    let directory = scratch();
    IN_A_DAY.set(true);
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let day = Day::new(plan);
        if story.is_wanted() {
            *story = Story::told(day.start_ns);
        }
        world::run(plan, &day, directory.path(), story)
    }));
    IN_A_DAY.set(false);
    let outcome =
        outcome.unwrap_or_else(|payload| Err(Broken::new("PANIC", crate::world::words(payload.as_ref()))));
    outcome.map_err(|broken| match broken.rule {
        "PANIC" => Broken::new("PANIC", format!("{}: {}", PANIC_AT.take(), broken.what)),
        _ => broken,
    })
}

/// The story of a plan that breaks something: shrunk, with its last events.
fn tell(plan: &Plan, broken: &Broken) -> (Plan, String) {
    let start = Instant::now();
    let mut fails = |candidate: &Plan| {
        let again = run(candidate, &mut Story::default());
        start.elapsed().as_secs() < 60 && again.is_err_and(|again| again.rule == broken.rule)
    };
    let (smallest, tries) = shrink(plan, &mut fails);
    let mut story = Story::told(0);
    let what = run(&smallest, &mut story).err().map_or_else(|| "nothing".to_owned(), |again| again.what);
    let faults: Vec<_> = smallest.faults.iter().map(ToString::to_string).collect();
    let mut text = format!(
        "seed {} breaks {}: {}\n\nshrunk in {tries} runs from {} faults to {}; there: {what}\n",
        plan.seed,
        broken.rule,
        broken.what,
        plan.faults.len(),
        faults.len(),
    );
    for line in story.lines() {
        text += &format!("  {line}\n");
    }
    text += &format!(
        "again: WARPTICK_SEED={} WARPTICK_DAY={} WARPTICK_FAULTS=\"{}\" cargo test -p warptick-tests --test simulator -- \
         seeds --nocapture\n",
        plan.seed,
        smallest.sizes(),
        faults.join(" ")
    );
    (smallest, text)
}

fn from_environment() -> Vec<Plan> {
    let text = |name| std::env::var(name).ok();
    let number = |name| text(name).and_then(|text| text.parse::<u64>().ok());
    let from = number("WARPTICK_SEED_FROM").unwrap_or(0);
    let Some(seed) = number("WARPTICK_SEED") else {
        return (from..from + number("WARPTICK_SEEDS").unwrap_or(SEEDS)).map(Plan::of_seed).collect();
    };
    let mut plan = Plan::of_seed(seed);
    if let Some(sizes) = text("WARPTICK_DAY") {
        plan = plan.with_sizes(&sizes).expect("WARPTICK_DAY is MESSAGES/SYMBOLS/STRATEGIES");
    }
    if let Some(faults) = text("WARPTICK_FAULTS") {
        plan.faults = faults.split_whitespace().map(|fault| fault.parse().expect("a fault")).collect();
    }
    vec![plan]
}

#[test]
fn seeds_break_no_invariant() {
    let plans = from_environment();
    let start = Instant::now();
    let (next, total, failures) = (AtomicU64::new(0), Mutex::new(Tally::default()), Mutex::new(Vec::new()));
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    // Relaxed: each number is taken once, nothing else is read by it.
                    let at = next.fetch_add(1, Ordering::Relaxed) as usize;
                    let Some(plan) = plans.get(at) else { return };
                    match run(plan, &mut Story::default()) {
                        Ok(tally) => total.lock().expect("no panic").add(&tally),
                        Err(broken) => failures.lock().expect("no panic").push((plan, broken)),
                    }
                }
            });
        }
    });
    let (total, failures) = (total.into_inner().expect("no panic"), failures.into_inner().expect("no panic"));
    report(&total, start.elapsed().as_secs_f64() * workers as f64 / plans.len() as f64);
    if let Some((plan, broken)) = failures.iter().min_by_key(|(plan, _)| plan.seed) {
        let mut by_rule = std::collections::BTreeMap::<_, Vec<u64>>::new();
        failures.iter().for_each(|(plan, broken)| by_rule.entry(broken.rule).or_default().push(plan.seed));
        for (rule, seeds) in by_rule {
            println!("{rule}: {} seeds: {:?}", seeds.len(), &seeds[..seeds.len().min(12)]);
        }
        panic!("{}", tell(plan, broken).1);
    }
    if plans.len() as u64 >= SEEDS {
        let quiet: Vec<_> = MUST_REFUSE
            .iter()
            .filter(|&&name| {
                RiskReasons::NAMES.iter().zip(&total.refusals).any(|(n, &c)| *n == name && c == 0)
            })
            .collect();
        assert!(
            quiet.is_empty(),
            "these rules refused nothing, so that nothing was shown of them: {quiet:?}"
        );
        let stopped = |cause: &&&str| total.stops.keys().any(|stop| stop.starts_with(**cause));
        let never: Vec<_> = MUST_STOP.iter().filter(|cause| !stopped(cause)).collect();
        assert!(
            never.is_empty(),
            "these limits stopped nothing, so that nothing was shown of them: {never:?}"
        );
        let idle: Vec<_> =
            crate::faults::Kind::ALL.iter().filter(|&&kind| total.faults.of(kind) == 0).collect();
        assert!(idle.is_empty(), "these faults did nothing: {idle:?}");
    }
}

/// Causes that stop something in every ordinary run.
const MUST_STOP: &[&str] = &[
    "operator",
    "daily loss",
    "drawdown",
    "loss rate",
    "message not answered",
    "repeated executions",
    "market-maker protection",
];

/// Rules that refuse something in every ordinary run: all but two. No book of a generated feed is crossed, and no ClOrdID comes
/// twice out of the order table.
const MUST_REFUSE: &[&str] = &[
    "KILL_SWITCH",
    "NOT_TRADABLE",
    "ORDER_QTY",
    "NOTIONAL",
    "PRICE",
    "COLLAR",
    "NO_REFERENCE",
    "POSITION",
    "MESSAGE_RATE",
    "TARGET",
    "TABLE_FULL",
    "STALE_BOOK",
    "LOT",
    "TOUCH",
    "DATA_AGE",
    "GROSS_NOTIONAL",
    "NET_NOTIONAL",
    "OPEN_NOTIONAL",
    "BUYING_POWER",
    "OPEN_ORDERS",
    "DUPLICATE_ORDER",
    "SELF_TRADE",
    "RESTRICTED",
    "GROUP",
    "SHORT_LOCATE",
    "SHORT_PRICE",
    "LOCKS_AWAY",
    "TRADE_THROUGH",
    "ORDER_TO_TRADE",
    "CLOCK_SKEW",
];

fn report(total: &Tally, ms_a_seed: f64) {
    println!("{} days in order, {:.1} ms of a core each", total.days, ms_a_seed * 1e3);
    println!(
        "{} requests on the wire, {} of them orders, {} fills, {} sent again; {} processes, {} connections lost, \
         {} stops for the journal, {} kills, {} snapshots, {} status requests, {} intents dropped, {} open at the end",
        total.wire.requests,
        total.wire.orders,
        total.wire.fills,
        total.wire.possible_duplicates,
        total.processes,
        total.connections_lost,
        total.stops_for_the_journal,
        total.kills,
        total.snapshots,
        total.status_requests,
        total.intents_dropped,
        total.open_at_the_end
    );
    print!("{}", total.faults);
    println!(
        "  {} limits changed, {} resets, {} answers taken over from a dead process",
        total.limit_changes, total.resets, total.taken_over
    );
    for (stop, count) in &total.stops {
        println!("  stopped {stop:<42} {count:>9}");
    }
    for (name, count) in RiskReasons::NAMES.iter().zip(&total.refusals) {
        println!("  refused {name:<22} {count:>9}");
    }
}

#[test]
fn a_deliberate_mistake_is_found_and_its_story_is_short() {
    for (mutation, rules) in [
        (Mutation::FillTwice, &["KILL", "POSITIONS"][..]),
        (Mutation::CancelWithheld, &["OPEN_ORDERS", "SETTLED"][..]),
    ] {
        let plans = (0..200).map(|seed| Plan { mutation: Some(mutation), ..Plan::of_seed(seed) });
        let found =
            plans.filter_map(|plan| run(&plan, &mut Story::default()).err().map(|broken| (plan, broken)));
        let (plan, broken) = found
            .into_iter()
            .find(|(plan, broken)| plan.faults.len() >= 6 && rules.contains(&broken.rule))
            .expect("a seed shows it");
        let (smallest, story) = tell(&plan, &broken);
        println!("{mutation:?}: {story}");
        assert!(smallest.faults.len() <= 2, "{mutation:?}: {story}");
    }
}

#[test]
fn a_seed_is_the_same_day_twice() {
    for seed in 0..5 {
        let plan = Plan::of_seed(seed);
        let days = [(); 2].map(|()| {
            let mut story = Story::told(0);
            let outcome = run(&plan, &mut story).map(|tally| format!("{tally:?}"));
            (outcome.map_err(|broken| broken.what), story.lines().map(str::to_owned).collect::<Vec<_>>())
        });
        assert_eq!(days[0], days[1], "seed {seed}");
    }
}
