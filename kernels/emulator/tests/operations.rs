//! Every family of operations against Rust's own, on generated operands.

use emulator::{Kernel, Module, RunOptions, Shape};
use proptest::prelude::*;

const THREADS: usize = 64;
const NONE: u64 = u64::MAX;

fn kernels(name: &str) -> [Kernel; 2] {
    [include_str!("cuda/operations.compute_75.ptx"), include_str!("cuda/operations.compute_90.ptx")]
        .map(|source| Module::load(source).unwrap_or_else(|error| panic!("{error}")).kernel(name).unwrap())
}

/// Runs a kernel of three operand arrays; row `k` of the answer is operation `k` of each thread.
fn run(kernel: &Kernel, operands: &[[u64; 3]], rows: usize, more: &[&[u8]]) -> Vec<Vec<u64>> {
    let columns: [Vec<u64>; 3] = [0, 1, 2].map(|column| operands.iter().map(|row| row[column]).collect());
    let mut out = vec![NONE; rows * operands.len()];
    let pointer = |values: &Vec<u64>| (values.as_ptr() as u64).to_le_bytes();
    let pointers = [
        pointer(&columns[0]),
        pointer(&columns[1]),
        pointer(&columns[2]),
        (out.as_mut_ptr() as u64).to_le_bytes(),
    ];
    let mut list: Vec<&[u8]> = pointers.iter().map(|bytes| &bytes[..]).collect();
    list.extend(more);
    // SAFETY: the arrays have an element for each thread, the answer a row for each operation, and both outlive the run.
    unsafe { kernel.run(Shape::linear(1, operands.len() as u32), &list, &RunOptions::default()) }.unwrap();
    out.chunks(operands.len()).map(<[u64]>::to_vec).collect()
}

fn edge() -> impl Strategy<Value = u64> {
    prop_oneof![
        any::<u64>(),
        any::<u32>().prop_map(u64::from),
        0..70u64,
        (0..64u32).prop_map(|bit| 1 << bit),
        (0..64u32).prop_map(|bit| (1u64 << bit).wrapping_neg()),
        prop::sample::select(vec![
            0,
            1,
            u64::MAX,
            i64::MIN as u64,
            i64::MAX as u64,
            0x8000_0000,
            0x7fff_ffff
        ]),
    ]
}

fn operands(element: impl Strategy<Value = u64> + Clone) -> impl Strategy<Value = Vec<[u64; 3]>> {
    prop::collection::vec([element.clone(), element.clone(), element], THREADS)
}

fn bfind(value: u64, top: u32) -> u64 {
    if value == 0 { 0xffff_ffff } else { u64::from(63 - value.leading_zeros()).min(u64::from(top)) }
}

fn bits_of(value: i128, position: u64, length: u64, width: u32, signed: bool) -> u64 {
    // By the definition in the PTX manual, one bit at a time.
    let (position, length) = ((position & 0xff) as u32, (length & 0xff) as u32);
    let bit = |at: u32| (value >> at) & 1 == 1;
    let top = width - 1;
    let sign = signed && length > 0 && bit((position + length - 1).min(top));
    (0..width).fold(0, |result, at| {
        let set = if at < length && position + at <= top { bit(position + at) } else { sign };
        result | u64::from(set) << at
    })
}

fn insert(source: u64, into: u64, position: u64, length: u64, width: u32) -> u64 {
    let (position, length) = ((position & 0xff) as u32, (length & 0xff) as u32);
    (0..length).fold(into, |result, at| {
        let to = position + at;
        if to >= width || at >= 64 { result } else { (result & !(1 << to)) | ((source >> at & 1) << to) }
    })
}

fn prmt(a: u32, b: u32, selectors: u32) -> u32 {
    let bytes: Vec<u8> = a.to_le_bytes().into_iter().chain(b.to_le_bytes()).collect();
    u32::from_le_bytes([0, 1, 2, 3].map(|index| {
        let selector = (selectors >> (4 * index)) as usize;
        let byte = bytes[selector & 7];
        if selector & 8 != 0 { if byte & 0x80 != 0 { 0xff } else { 0 } } else { byte }
    }))
}

fn expected32(x: u32, y: u32, z: u32, c: u64) -> Vec<u64> {
    let (sx, sy) = (x as i32, y as i32);
    let (wide, swide) = (u64::from(x) * u64::from(y), i64::from(sx) * i64::from(sy));
    let pair = u64::from(y) << 32 | u64::from(x);
    let shift = |by: u32, value: u32| if by > 31 { 0 } else { value << by };
    let dot = |signed: bool| {
        let part = |word: u32, index: usize| {
            let byte = word.to_le_bytes()[index];
            if signed { i32::from(byte as i8) } else { i32::from(byte) }
        };
        (0..4).fold(z as i32, |sum, index| sum.wrapping_add(part(x, index) * part(y, index))) as u32
    };
    let (borrow, carry) = (x < y, x.checked_add(y).is_none());
    let mad = u64::from(wide as u32) + u64::from(z);
    let high_signed = u64::from((swide >> 32) as u32) + u64::from(z);
    let halves = (x as u16, (x >> 16) as u16);
    let mixed = (x as i16 >> 3).max(y as i16).wrapping_neg() as u16;
    let list: Vec<u32> = vec![
        x.wrapping_add(y),
        x.wrapping_sub(y),
        x.wrapping_mul(y),
        (swide >> 32) as u32,
        (wide >> 32) as u32,
        x.wrapping_mul(y).wrapping_add(z),
        ((swide >> 32) as u32).wrapping_add(z),
        ((wide >> 32) as u32).wrapping_add(z),
        sx.abs_diff(sy).wrapping_add(z),
        x.abs_diff(y).wrapping_add(z),
        sx.min(sy) as u32,
        x.max(y),
        sx.wrapping_neg() as u32,
        sx.wrapping_abs() as u32,
        x.count_ones(),
        x.leading_zeros(),
        bfind(u64::from(x), 31) as u32,
        bfind(u64::from(if sx < 0 { !x } else { x }), 31) as u32,
        match if sx < 0 { !x } else { x } {
            0 => u32::MAX,
            value => value.leading_zeros(),
        },
        x.reverse_bits(),
        shift(y, x),
        (sx >> y.min(31)) as u32,
        if y > 31 { 0 } else { x >> y },
        ((pair << (z & 31)) >> 32) as u32,
        (pair >> (z & 31)) as u32,
        ((u128::from(pair) << z.min(32)) >> 32) as u32,
        (u128::from(pair) >> z.min(32)) as u32,
        bits_of(i128::from(x), u64::from(y), u64::from(z), 32, false) as u32,
        bits_of(i128::from(sx), u64::from(y), u64::from(z), 32, true) as u32,
        prmt(x, y, z),
        x ^ y ^ z,
        (!x & !y & !z) | (!x & !y & z) | (!x & y & z) | (x & !y & !z),
        !x,
        u32::from(x == 0),
        dot(false),
        dot(true),
        insert(u64::from(x), u64::from(y), u64::from(z), 9, 32) as u32,
        z.wrapping_add(u32::from(carry)),
        z.wrapping_sub(1).wrapping_sub(u32::from(borrow)),
        ((wide >> 32) as u32).wrapping_add(5).wrapping_add((mad >> 32) as u32),
        (high_signed as u32).wrapping_add((high_signed >> 32) as u32),
        if sx < sy { u32::MAX } else { 0 },
        u32::from(y > z && sx >= sy),
        if sx < sy { x } else { z },
        if x <= y { z } else { 7 },
        u32::from(halves.0.wrapping_mul(halves.1).wrapping_add(halves.0)) << 16 | u32::from(halves.1),
        (i32::from(x as i16) * i32::from(y as i16)) as u32,
        i32::from(x as i8) as u32,
        u32::from(x as u8),
        u32::from(mixed),
    ];
    let safe = y != 0 && !(sx == i32::MIN && sy == -1);
    let mut list: Vec<u64> = list.into_iter().map(u64::from).collect();
    list.extend([
        u64::from(x.checked_div(y).unwrap_or(0)),
        u64::from(x.checked_rem(y).unwrap_or(0)),
        u64::from(if safe { (sx / sy) as u32 } else { 0 }),
        u64::from(if safe { (sx % sy) as u32 } else { 0 }),
        swide as u64,
        wide.wrapping_add(c),
    ]);
    list
}

fn expected64(a: u64, b: u64, c: u64) -> Vec<u64> {
    let (sa, sb) = (a as i64, b as i64);
    let (wide, swide) = (u128::from(a) * u128::from(b), i128::from(sa) * i128::from(sb));
    let sum = (wide + u128::from(c)).wrapping_sub(u128::from(c) << 64 | u128::from(b));
    let by = b as u32;
    let safe = b != 0 && !(sa == i64::MIN && sb == -1);
    vec![
        a.wrapping_add(b),
        a.wrapping_sub(b),
        a.wrapping_mul(b),
        (swide >> 64) as u64,
        (wide >> 64) as u64,
        a.wrapping_mul(b).wrapping_add(c),
        ((wide >> 64) as u64).wrapping_add(c),
        sa.min(sb) as u64,
        a.max(b),
        sa.wrapping_neg() as u64,
        sa.wrapping_abs() as u64,
        u64::from(a.count_ones()),
        u64::from(a.leading_zeros()),
        bfind(a, 63),
        a.reverse_bits(),
        if by > 63 { 0 } else { a << by },
        (sa >> by.min(63)) as u64,
        bits_of(i128::from(a), b & 0xffff_ffff, c & 0xffff_ffff, 64, false),
        bits_of(i128::from(sa), b & 0xffff_ffff, c & 0xffff_ffff, 64, true),
        insert(a, b, c & 0xffff_ffff, 21, 64),
        c.wrapping_add(u64::from(a.checked_add(b).is_none())),
        c.wrapping_sub(u64::from(a < b)),
        a.rotate_left(32),
        b,
        ((wide + u128::from(c)) >> 64) as u64,
        (sum >> 64) as u64,
        sum as u64,
        a.checked_div(b).unwrap_or(0),
        a.checked_rem(b).unwrap_or(0),
        if safe { (sa / sb) as u64 } else { 0 },
        if safe { (sa % sb) as u64 } else { 0 },
        u64::from(wide > u128::from(c) * u128::from(a)),
        u64::from(sa < sb),
        u64::from(a < b),
        (i64::from(a as i8) + i64::from(i32::from(b as i16)) - i64::from(c as i32)) as u64,
    ]
}

fn check(kernel: &Kernel, operands: &[[u64; 3]], more: &[&[u8]], expected: impl Fn(&[u64; 3]) -> Vec<u64>) {
    let expected: Vec<Vec<u64>> = operands.iter().map(expected).collect();
    let got = run(kernel, operands, expected[0].len(), more);
    for (thread, row) in expected.iter().enumerate() {
        for (operation, value) in row.iter().enumerate() {
            assert_eq!(
                got[operation][thread], *value,
                "operation {operation} of {:x?}: got {:x}, expected {value:x}",
                operands[thread], got[operation][thread]
            );
        }
    }
}

fn smaller_min(a: f64, b: f64) -> f64 {
    match (a.is_nan(), b.is_nan()) {
        (true, _) => b,
        (_, true) => a,
        _ if a == 0.0 && b == 0.0 => {
            if a.is_sign_negative() {
                a
            } else {
                b
            }
        }
        _ => a.min(b),
    }
}

fn doubles(a: f64, b: f64, c: f64) -> Vec<u64> {
    let max = -smaller_min(-a, -b);
    let nan_low = |value: f64, answer: u64, bits: u32| if value.is_nan() { 1 << (bits - 1) } else { answer };
    let unordered = a.is_nan() || b.is_nan();
    let (x, y, z) = (a as f32, b as f32, c as f32);
    let flag = u64::from;
    let mut list: Vec<u64> = [
        a + b,
        a - b,
        a * b,
        a / b,
        a.mul_add(b, c),
        a.sqrt(),
        1.0 / a,
        -a,
        a.abs(),
        smaller_min(a, b),
        max,
        a.round_ties_even(),
        a.floor(),
        a.ceil(),
        a.trunc(),
        b.copysign(a),
    ]
    .map(f64::to_bits)
    .to_vec();
    list.extend([
        nan_low(a, a.round_ties_even() as i64 as u64, 64),
        nan_low(a, a as u64, 64),
        nan_low(a, a.floor() as i64 as u64, 64),
        if a.is_nan() { i64::from(i32::MIN) as u64 } else { i64::from(a as i32) as u64 },
        nan_low(a, u64::from(a.round_ties_even() as u32), 32),
        flag(a == b),
        flag(a != b && !unordered),
        flag(a < b),
        flag(a <= b),
        flag(a > b),
        flag(a >= b),
        flag(a == b || unordered),
        flag(a != b),
        flag(a < b || unordered),
        flag(a <= b || unordered),
        flag(a > b || unordered),
        flag(a >= b || unordered),
        flag(!unordered),
        flag(unordered),
        flag(a.is_finite()),
        flag(a.is_subnormal()),
        u64::from((a as f32).to_bits()),
        f64::from(b as f32).to_bits(),
        (a.to_bits() as i64 as f64).to_bits(),
        (a.to_bits() as f64).to_bits(),
        f64::from(a.to_bits() as i32).to_bits(),
        u64::from((b.to_bits() as f32).to_bits()),
        u64::from((x + y).to_bits()),
        u64::from((x * y).to_bits()),
        u64::from((x / y).to_bits()),
        u64::from(x.mul_add(y, z).to_bits()),
        u64::from(x.sqrt().to_bits()),
        u64::from((smaller_min(f64::from(x), f64::from(y)) as f32).to_bits()),
        i64::from(x as i32) as u64,
        flag(x < y),
        if y.is_nan() { 1 << 63 } else { y.round_ties_even() as i64 as u64 },
    ]);
    list
}

/// Every NaN is one: which of a NaN's bits come out of an operation is not IEEE's to say.
fn same_number(row: usize, value: u64) -> u64 {
    let single = matches!(row, 37 | 43..=48);
    let double = row < 16 || matches!(row, 38..=41);
    match (single, double) {
        (true, _) if f32::from_bits(value as u32).is_nan() => NONE,
        (_, true) if f64::from_bits(value).is_nan() => NONE,
        _ => value,
    }
}

fn double() -> impl Strategy<Value = u64> + Clone {
    prop_oneof![
        any::<u64>(),
        any::<f64>().prop_map(f64::to_bits),
        (-1e6..1e6f64).prop_map(f64::to_bits),
        (-100..100i32).prop_map(|half| (f64::from(half) * 0.5).to_bits()),
        (-40..40i32).prop_map(|power| 2f64.powi(power).to_bits()),
        prop::sample::select(vec![
            0.0,
            -0.0,
            1.0,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::MIN_POSITIVE,
            5e-324,
            9.3e18
        ])
        .prop_map(f64::to_bits),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn integers_of_32_bits(operands in operands(edge().boxed())) {
        for kernel in kernels("integers32") {
            check(&kernel, &operands, &[], |&[a, b, c]| expected32(a as u32, b as u32, c as u32, c));
        }
    }

    #[test]
    fn integers_of_64_bits(operands in operands(edge().boxed())) {
        for kernel in kernels("integers64") {
            check(&kernel, &operands, &[], |&[a, b, c]| expected64(a, b, c));
        }
    }

    #[test]
    fn floating_point_has_the_bits_of_rust(operands in operands(double().boxed())) {
        for kernel in kernels("doubles") {
            let rows: Vec<Vec<u64>> =
                operands.iter().map(|row| { let [a, b, c] = row.map(f64::from_bits); doubles(a, b, c) }).collect();
            let got = run(&kernel, &operands, rows[0].len(), &[]);
            for (thread, row) in rows.iter().enumerate() {
                for (operation, value) in row.iter().enumerate() {
                    let (got, expected) = (same_number(operation, got[operation][thread]), same_number(operation, *value));
                    prop_assert_eq!(got, expected, "operation {} of {:?}: {:x}, expected {:x}", operation,
                        operands[thread].map(f64::from_bits), got, expected);
                }
            }
        }
    }

    #[test]
    fn collectives_of_some_lanes(operands in operands(edge().boxed()), members in 1..=u32::MAX) {
        let operands = &operands[..32];
        let here: Vec<usize> = (0..32).filter(|lane| members >> lane & 1 == 1).collect();
        let mask = |holds: &dyn Fn(usize) -> bool| here.iter().filter(|&&lane| holds(lane)).fold(0u64, |all, lane| all | 1 << lane);
        for kernel in kernels("collectives") {
            let got = run(&kernel, operands, 11, &[&members.to_le_bytes()]);
            let x = |lane: usize| operands[lane][0] as u32;
            let z = |lane: usize| operands[lane][2] as u32 & 1;
            let same = here.iter().all(|&lane| z(lane) == z(here[0]));
            for lane in 0..32 {
                let found: Vec<u64> = (0..9).map(|row| got[row][lane]).collect();
                if !here.contains(&lane) {
                    prop_assert_eq!(found, vec![NONE; 9]);
                    continue;
                }
                let matching = mask(&|other| x(other) & 3 == x(lane) & 3);
                let pair = |lane: usize| operands[lane][1] & 0x1_0000_0001;
                prop_assert_eq!(found, vec![
                    mask(&|other| x(other) & 1 == 1),
                    u64::from(here.iter().any(|&other| x(other) & 7 == 3)),
                    u64::from(here.iter().all(|&other| x(other) & 7 != 3)),
                    matching,
                    if same { u64::from(members) } else { 0 },
                    u64::from(same),
                    NONE,
                    NONE,
                    mask(&|other| pair(other) == pair(lane)),
                ]);
            }
        }
    }

    #[test]
    fn shuffles_move_what_the_manual_says(operands in operands(edge().boxed())) {
        let operands = &operands[..32];
        let x = |lane: usize| u64::from(operands[lane][0] as u32);
        for kernel in kernels("shuffles") {
            check(&kernel, &operands.iter().enumerate().map(|(lane, row)| { let mut row = *row; row[2] = lane as u64; row }).collect::<Vec<_>>(), &[], |row| {
                let (lane, y) = (row[2] as usize, (row[1] & 31) as usize);
                let or_own = |from: Option<usize>| x(from.unwrap_or(lane));
                let segment = |width: usize| lane & !(width - 1);
                vec![
                    x(y),
                    or_own(lane.checked_sub(5)),
                    or_own(Some(lane + 9).filter(|&from| from < 32)),
                    x(lane ^ 13),
                    x(segment(8) + y % 8),
                    or_own(lane.checked_sub(3).filter(|&from| from >= segment(16))),
                    or_own(Some(lane + 3).filter(|&from| from < segment(8) + 8)),
                    or_own(Some(lane ^ 6).filter(|&from| from < segment(4) + 4)),
                    operands[y][0],
                    if lane + 7 < 32 { x(lane + 7) } else { 99 },
                ]
            });
        }
    }
}
