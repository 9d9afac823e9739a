use super::*;
use proptest::prelude::*;

const GIB: u64 = 1 << 30;

/// Names, compute capabilities, multiprocessors and memory are the vendor's published ones; a fresh device has about 95 %
/// of its memory free.
const DEVICES: [(&str, (u32, u32), u32, u64); 15] = [
    ("RTX 3050", (8, 6), 20, 8),
    ("RTX 3060", (8, 6), 28, 12),
    ("RTX 3070", (8, 6), 46, 8),
    ("RTX 3080", (8, 6), 68, 10),
    ("RTX 3090", (8, 6), 82, 24),
    ("RTX 4070", (8, 9), 46, 12),
    ("RTX 4080", (8, 9), 76, 16),
    ("RTX 4090", (8, 9), 128, 24),
    ("T4", (7, 5), 40, 16),
    ("V100", (7, 0), 80, 16),
    ("A10", (8, 6), 72, 24),
    ("A40", (8, 6), 84, 48),
    ("A100", (8, 0), 108, 40),
    ("H100", (9, 0), 132, 80),
    ("H200", (9, 0), 132, 141),
];

fn capability(compute: (u32, u32), sms: u32, gib: u64) -> Capability {
    Capability { compute, sms, memory_free: gib * GIB / 100 * 95 }
}

#[test]
fn the_desk_on_fifteen_devices() {
    // CTAs, levels a side, buckets a shard.
    let expected: [Option<(bool, u32, u32, u32)>; 15] = [
        Some((false, 11, 16_384, 1 << 18)),
        Some((false, 11, 16_384, 1 << 18)),
        Some((false, 11, 16_384, 1 << 18)),
        Some((false, 11, 16_384, 1 << 18)),
        Some((false, 11, 16_384, 1 << 18)),
        Some((false, 11, 16_384, 1 << 18)),
        Some((false, 11, 16_384, 1 << 18)),
        Some((false, 11, 16_384, 1 << 18)),
        Some((false, 11, 16_384, 1 << 18)),
        None,
        Some((false, 11, 16_384, 1 << 18)),
        Some((false, 11, 16_384, 1 << 18)),
        Some((false, 11, 16_384, 1 << 18)),
        Some((true, 8, 16_384, 1 << 18)),
        Some((true, 8, 16_384, 1 << 18)),
    ];
    for ((name, compute, sms, gib), expected) in DEVICES.into_iter().zip(expected) {
        let plan = Plan::new(&capability(compute, sms, gib), &Demand::DESK);
        match expected {
            None => assert_eq!(plan, Err(NoPlan::TooOld { compute }), "{name}"),
            Some(expected) => {
                let plan = plan.unwrap_or_else(|reason| panic!("{name}: {reason}"));
                assert_eq!((plan.is_cluster, plan.ctas, plan.levels, plan.buckets), expected, "{name}");
                assert!(plan.memory_bytes < gib * GIB * 9 / 10, "{name}: {plan:?}");
                assert_eq!((plan.shards, plan.tick_lines, plan.signal_lines), (6, 4096, 16_384), "{name}");
            }
        }
    }
}

/// A market of 16,384 instruments at two venues does not fit a small card with all its levels.
#[test]
fn what_does_not_fit_shrinks_and_then_is_refused() {
    let market = Demand { listings: 32_768, ..Demand::DESK };
    let on = |gib| Plan::new(&capability((8, 6), 28, gib), &market);
    let full = on(12).expect("12 GiB");
    assert_eq!((full.levels, full.buckets), (4096, 1 << 18));
    let tight = on(5).expect("5 GiB");
    assert_eq!((tight.levels, tight.buckets), (2048, 1 << 16));
    assert!(matches!(on(0), Err(NoPlan::TooSmall { .. })));
    let text = on(0).expect_err("nothing").to_string();
    assert!(text.contains("MiB"), "{text}");
}

/// A thousand baskets of a hundred legs: 40 bytes and as many of the last answer each, 24 a leg, 4 a place in a list.
#[test]
fn linear_relations_and_their_legs_are_counted() {
    let device = capability((9, 0), 132, 80);
    let desk = Plan::new(&device, &Demand::DESK).expect("a plan");
    let Demand { linears, linear_legs, relation_places, .. } = Demand::DESK;
    let baskets = Demand {
        linears: linears + 1_000,
        linear_legs: linear_legs + 100_000,
        relation_places: relation_places + 100_000,
        ..Demand::DESK
    };
    let plan = Plan::new(&device, &baskets).expect("a plan");
    assert_eq!(plan.memory_bytes - desk.memory_bytes, 1_000 * 80 + 100_000 * (24 + 4));
}

#[test]
fn a_request_wider_than_the_largest_ring_is_refused() {
    let wide = Demand { items_max: SIGNAL_LINES_MAX, ..Demand::DESK };
    let device = capability((9, 0), 132, 80);
    assert_eq!(Plan::new(&device, &wide), Err(NoPlan::TooWide { items: SIGNAL_LINES_MAX }));
    assert!(Plan::new(&device, &Demand { items_max: u32::MAX, ..Demand::DESK }).is_err());
}

proptest! {
    #[test]
    fn no_plan_takes_more_than_there_is(
        major in 5u32..13, minor in 0u32..10, sms in 0u32..200, memory_free in 0u64..200 << 30,
        listings in 0u32..40_000, orders in 0u64..20_000_000, levels in 0u32..20_000,
        relations in 0u32..100_000, linears in 0u32..100_000, options in 0u32..1_000_000,
        items_max in 0u32..2_000_000,
    ) {
        let device = Capability { compute: (major, minor), sms, memory_free };
        let demand = Demand {
            listings, orders, levels, relations, relation_places: (relations + linears) * 4, linears,
            linear_legs: linears * 4, expiries: options / 20, options, items_max,
        };
        if let Ok(plan) = Plan::new(&device, &demand) {
            prop_assert!(plan.memory_bytes <= memory_free);
            prop_assert!(plan.ctas >= 1 && plan.ctas <= sms.max(1));
            prop_assert!(plan.workers >= 1 && plan.levels.is_power_of_two() && plan.buckets.is_power_of_two());
            prop_assert!(plan.signal_lines / 2 > items_max);
            prop_assert!(u64::from(plan.shards) * u64::from(plan.buckets) * BUCKET_SLOTS >= orders);
            if let Some(smaller) = plan.shrunk(&device, &demand) {
                prop_assert!(smaller.memory_bytes < plan.memory_bytes);
            }
        } else {
            // A larger device never refuses what a smaller one takes.
            let half = Capability { memory_free: memory_free / 2, ..device };
            prop_assert!(Plan::new(&half, &demand).is_err());
        }
    }
}
