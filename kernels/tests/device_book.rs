//! The device's book against a naive one, on the host: `book.cuh` compiled as C++ with lanes that run in a seeded order
//! (`shim/`). Skipped, and said so, where there is no C++ compiler.

use kernels::abi::{TickKind, book_hash_of_empty, level_hash, order_hash};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const PRICE_NONE: i64 = feeds::units::PRICE_NONE;

/// As `ChangeRecord` of `shim/book_host.cc`.
#[derive(Clone, Copy, Debug)]
struct Change {
    listing: u32,
    kind: TickKind,
    sells: bool,
    price: i64,
    quantity: u64,
    order_id: u64,
    second_id: u64,
}

impl Change {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(48);
        for word in [self.listing, self.kind as u32, u32::from(self.sells), 0] {
            bytes.extend(word.to_le_bytes());
        }
        for word in [self.price as u64, self.quantity, self.order_id, self.second_id] {
            bytes.extend(word.to_le_bytes());
        }
        bytes
    }
}

/// As `Outcome` of `shim/book_host.cc`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Outcome {
    hash: u64,
    bid: (i64, u64),
    ask: (i64, u64),
    fault: u32,
    changed: bool,
}

impl Outcome {
    fn of(bytes: &[u8]) -> Self {
        let word = |at: usize| u64::from_le_bytes(bytes[at * 8..][..8].try_into().expect("8 bytes"));
        Self {
            hash: word(0),
            bid: (word(1) as i64, word(3)),
            ask: (word(2) as i64, word(4)),
            fault: word(5) as u32,
            changed: word(5) >> 32 & 1 == 1,
        }
    }
}

/// A book of maps: levels summed from orders, or as they were said.
#[derive(Clone, Default)]
struct NaiveBook {
    levels: [BTreeMap<i64, u64>; 2],
    orders: BTreeMap<u64, (bool, i64, u64)>,
    is_eligible: bool,
    top: [(i64, u64); 2],
}

impl NaiveBook {
    fn new() -> Self {
        Self { is_eligible: true, top: [(PRICE_NONE, 0); 2], ..Self::default() }
    }

    fn apply(&mut self, c: &Change) {
        match c.kind {
            TickKind::Level => {
                let side = &mut self.levels[usize::from(c.sells)];
                if c.quantity == 0 {
                    side.remove(&c.price);
                } else {
                    side.insert(c.price, c.quantity);
                }
            }
            TickKind::OrderAdd => self.add(c.order_id, c.sells, c.price, c.quantity),
            TickKind::OrderReduce => self.reduce(c.order_id, c.quantity),
            TickKind::OrderReplace => {
                let sells = self.orders[&c.order_id].0;
                self.reduce(c.order_id, u64::MAX);
                self.add(c.second_id, sells, c.price, c.quantity);
            }
            TickKind::Clear => {
                self.levels = Default::default();
                self.orders.clear();
            }
            TickKind::Eligible => self.is_eligible = c.quantity == 1,
            _ => {}
        }
    }

    fn add(&mut self, id: u64, sells: bool, price: i64, quantity: u64) {
        self.orders.insert(id, (sells, price, quantity));
        *self.levels[usize::from(sells)].entry(price).or_default() += quantity;
    }

    fn reduce(&mut self, id: u64, quantity: u64) {
        let (sells, price, before) = self.orders[&id];
        let taken = quantity.min(before);
        if taken == before {
            self.orders.remove(&id);
        } else {
            self.orders.insert(id, (sells, price, before - taken));
        }
        let level = self.levels[usize::from(sells)].get_mut(&price).expect("its level");
        *level -= taken;
        if *level == 0 {
            self.levels[usize::from(sells)].remove(&price);
        }
    }

    fn outcome(&mut self, listing: u32) -> Outcome {
        let mut hash = book_hash_of_empty(listing);
        for (sells, side) in [false, true].into_iter().zip(&self.levels) {
            for (price, quantity) in side {
                hash = hash.wrapping_add(level_hash(*price, sells, *quantity));
            }
        }
        for (id, (sells, price, quantity)) in &self.orders {
            hash = hash.wrapping_add(order_hash(*id, *price, *sells, *quantity));
        }
        let shown = |level: Option<(&i64, &u64)>| match level {
            Some((price, quantity)) if self.is_eligible => (*price, *quantity),
            _ => (PRICE_NONE, 0),
        };
        let top = [shown(self.levels[0].last_key_value()), shown(self.levels[1].first_key_value())];
        let changed = std::mem::replace(&mut self.top, top) != top;
        Outcome { hash, bid: top[0], ask: top[1], fault: 0, changed }
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

const LISTINGS: u32 = 3;

/// Listing 0 is fed by levels, the others by orders; prices of both signs, clustered and far apart.
fn random_changes(seed: u64, count: usize) -> Vec<Change> {
    let mut random = Random(seed);
    let mut live: Vec<Vec<u64>> = vec![Vec::new(); LISTINGS as usize];
    let mut next_id = [0_u64; LISTINGS as usize];
    (0..count)
        .map(|_| {
            let listing = random.below(3) as u32;
            let spread = [20, 200, 1_000_000][random.below(3) as usize];
            let price = random.below(spread) as i64 - spread as i64 / 2;
            let sells = random.below(2) == 1;
            let quantity = random.below(500) + 1;
            let mut change =
                Change { listing, kind: TickKind::Level, sells, price, quantity, order_id: 0, second_id: 0 };
            let orders = &mut live[listing as usize];
            if random.below(400) == 0 {
                orders.clear();
                return Change { kind: TickKind::Clear, ..change };
            }
            if random.below(200) == 0 {
                return Change { kind: TickKind::Eligible, quantity: random.below(2), ..change };
            }
            if listing == 0 {
                change.quantity = if random.below(3) == 0 { 0 } else { quantity };
                return change;
            }
            // The same ids in both listings, in no order.
            let mut fresh = || {
                next_id[listing as usize] += 1;
                next_id[listing as usize].wrapping_mul(0x9E37_79B9_7F4A_7C15)
            };
            let which = random.below(10);
            if orders.is_empty() || which < 4 {
                change.kind = TickKind::OrderAdd;
                change.order_id = fresh();
                orders.push(change.order_id);
                return change;
            }
            let at = random.below(orders.len() as u64) as usize;
            change.order_id = orders[at];
            if which < 6 {
                change.kind = TickKind::OrderReplace;
                change.second_id = if random.below(4) == 0 { change.order_id } else { fresh() };
                orders[at] = change.second_id;
            } else {
                change.kind = TickKind::OrderReduce;
                change.quantity = u64::MAX;
                orders.swap_remove(at);
            }
            change
        })
        .collect()
}

fn build(directory: &Path, flags: &[&str]) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for header in ["abi.cuh", "portable.cuh", "book.cuh"] {
        std::fs::copy(root.join("cuda").join(header), directory.join(header)).expect("a header is copied");
    }
    for file in ["warp.cuh", "book_host.cc"] {
        std::fs::copy(root.join("tests/shim").join(file), directory.join(file)).expect("the shim is copied");
    }
    let program = directory.join("book_host");
    let built = Command::new("g++")
        .args(["-std=c++17", "-O1", "-Wall", "-Wno-unused-function"])
        .args(flags)
        .arg(directory.join("book_host.cc"))
        .arg("-o")
        .arg(&program)
        .output();
    let Ok(output) = built else {
        eprintln!("SKIPPED: no g++ on this machine, so the device's book is not run on the host");
        return None;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(program)
}

fn run(program: &Path, seed: u64, levels: u32, changes: &[Change]) -> Vec<Outcome> {
    let mut input = seed.to_le_bytes().to_vec();
    for word in [LISTINGS, levels, 63, changes.len() as u32] {
        input.extend(word.to_le_bytes());
    }
    input.extend(changes.iter().flat_map(Change::bytes));
    let mut child =
        Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().expect("it ends");
    let _ = writer.join();
    output.stdout.chunks_exact(48).map(Outcome::of).collect()
}

fn naive(changes: &[Change]) -> Vec<Outcome> {
    let mut books = vec![NaiveBook::new(); LISTINGS as usize];
    let outcome = |c: &Change| {
        books[c.listing as usize].apply(c);
        books[c.listing as usize].outcome(c.listing)
    };
    changes.iter().map(outcome).collect()
}

#[test]
fn the_device_s_book_agrees_with_a_naive_one_whatever_order_its_lanes_run_in() {
    let directory = tempfile::tempdir().expect("a directory");
    let Some(program) = build(directory.path(), &[]) else { return };
    for seed in 1..=8 {
        let changes = random_changes(seed, 1_500);
        let (device, naive) = (run(&program, seed, 512, &changes), naive(&changes));
        assert_eq!(device.len(), naive.len(), "seed {seed}");
        for (at, (device, naive)) in device.iter().zip(&naive).enumerate() {
            assert_eq!(device, naive, "seed {seed}, change {at}: {:?}", changes[at]);
        }
    }
}

#[test]
fn without_synchronisation_the_same_runs_fail() {
    let directory = tempfile::tempdir().expect("a directory");
    let Some(program) = build(directory.path(), &["-DWT_WITHOUT_SYNC"]) else { return };
    let wrong = |seed: u64| {
        let changes = random_changes(seed, 1_500);
        run(&program, seed, 512, &changes) != naive(&changes)
    };
    assert!((1..=8).all(wrong), "a missing __syncwarp was not noticed");
}

#[test]
fn a_full_side_is_a_fault_and_no_more() {
    let directory = tempfile::tempdir().expect("a directory");
    let Some(program) = build(directory.path(), &[]) else { return };
    let level = |price| Change {
        listing: 0,
        kind: TickKind::Level,
        sells: false,
        price,
        quantity: 1,
        order_id: 0,
        second_id: 0,
    };
    let changes: Vec<Change> = (0..65).map(level).collect();
    let outcomes = run(&program, 1, 64, &changes);
    assert!(outcomes[..64].iter().all(|outcome| outcome.fault == 0));
    assert_eq!(outcomes[64].fault, 1, "levels full");
}
