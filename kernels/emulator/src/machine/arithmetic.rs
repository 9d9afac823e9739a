//! Dispatch of the lane codes to their loops.

use super::lanes::{File, binary, compare, lanes_of, select, ternary, unary};
use crate::program::code::{lane::*, lane_codes};
use crate::program::{Carry, CarryOperation, Code, Instruction};

macro_rules! define_step_lanes {
    (
        unary { $($unary:ident |$ua:ident| $ue:expr,)* }
        binary { $($binary:ident |$ba:ident, $bb:ident| $be:expr,)* }
        ternary { $($ternary:ident |$ta:ident, $tb:ident, $tc:ident, $tx:ident| $te:expr,)* }
        compare { $($compare:ident |$ca:ident, $cb:ident| $ce:expr,)* }
    ) => {
        /// Runs one lane code, or says that the instruction is not one.
        ///
        /// # Safety
        /// The instruction comes from the decoder, and file and predicates are those of its program.
        #[inline(always)]
        pub(super) unsafe fn step_lanes(
            file: File,
            predicates: &mut [u32],
            i: &Instruction,
            run: u32,
        ) -> bool {
            // SAFETY: the decoder's register numbers lie inside the file.
            unsafe {
                match i.code {
                    $(Code::$unary => unary(file, i.d, i.a, run, |$ua| $ue),)*
                    $(Code::$binary => binary(file, i.d, i.a, i.b, run, |$ba, $bb| $be),)*
                    $(Code::$ternary => {
                        let $tx = i.x;
                        ternary(file, i.d, [i.a, i.b, i.c], run, |$ta, $tb, $tc| $te);
                    })*
                    $(Code::$compare => {
                        let holds = compare(file, i.a, i.b, run, |$ca, $cb| $ce) ^ 0u32.wrapping_sub(i.x);
                        let d = &mut predicates[usize::from(i.d)];
                        *d = (*d & !run) | (holds & run);
                    })*
                    Code::Select => select(file, i.d, i.a, i.b, predicates[usize::from(i.c)], run),
                    Code::Insert32 | Code::Insert64 => insert_lanes(file, i, run),
                    Code::PredicateMove => set(predicates, i, run, |a, _| a),
                    Code::PredicateNot => set(predicates, i, run, |a, _| !a),
                    Code::PredicateAnd => set(predicates, i, run, |a, b| a & b),
                    Code::PredicateOr => set(predicates, i, run, |a, b| a | b),
                    Code::PredicateXor => set(predicates, i, run, |a, b| a ^ b),
                    Code::PredicateSet => {
                        let d = &mut predicates[usize::from(i.d)];
                        *d = if i.x == 0 { *d & !run } else { *d | run };
                    }
                    _ => return false,
                }
            }
            true
        }
    };
}
lane_codes!(define_step_lanes);

#[inline(always)]
fn set(predicates: &mut [u32], i: &Instruction, run: u32, apply: impl Fn(u32, u32) -> u32) {
    let b = predicates[usize::from(i.b)];
    let value = apply(predicates[usize::from(i.a)], b);
    let d = &mut predicates[usize::from(i.d)];
    *d = (*d & !run) | (value & run);
}

/// # Safety
/// As for [`step_lanes`].
unsafe fn insert_lanes(file: File, i: &Instruction, run: u32) {
    let bits = if i.code == Code::Insert32 { 32 } else { 64 };
    for lane in lanes_of(run) {
        // SAFETY: the caller's contract.
        unsafe {
            let (a, b, c) = (file.get(i.a, lane), file.get(i.b, lane), file.get(i.c, lane));
            file.set(i.d, lane, insert(a, b, c, file.get(i.x as u16, lane), bits));
        }
    }
}

/// # Safety
/// As for [`step_lanes`].
pub(super) unsafe fn carry_lanes(
    file: File,
    predicates: &mut [u32],
    i: &Instruction,
    carry: &Carry,
    run: u32,
) {
    let mut flag = predicates[usize::from(carry.flag)];
    for lane in lanes_of(run) {
        // SAFETY: the caller's contract.
        let (a, b, c) = unsafe { (file.get(i.a, lane), file.get(i.b, lane), file.get(i.c, lane)) };
        let taken = carry.takes && flag >> lane & 1 == 1;
        let (value, out) = carry_one(carry, [a, b, c], taken);
        // SAFETY: the caller's contract.
        unsafe { file.set(i.d, lane, value) };
        if carry.gives {
            flag = (flag & !(1 << lane)) | u32::from(out) << lane;
        }
    }
    predicates[usize::from(carry.flag)] = flag;
}

/// A subtraction's flag is its borrow.
fn carry_one(carry: &Carry, [a, b, c]: [u64; 3], taken: bool) -> (u64, bool) {
    let bits = u32::from(carry.bits);
    let mask = if bits == 64 { u64::MAX } else { 0xffff_ffff };
    let extend = |value: u64| -> i128 {
        match (carry.signed, bits) {
            (true, 32) => i128::from(value as i32),
            (true, _) => i128::from(value as i64),
            _ => i128::from(value),
        }
    };
    let (first, second) = match carry.operation {
        CarryOperation::Add | CarryOperation::Sub => (a, b),
        CarryOperation::MadLow => (a.wrapping_mul(b) & mask, c),
        CarryOperation::MadHigh if carry.signed => (((extend(a) * extend(b)) >> bits) as u64 & mask, c),
        CarryOperation::MadHigh => (((u128::from(a) * u128::from(b)) >> bits) as u64 & mask, c),
    };
    let (first, second, taken) = (u128::from(first), u128::from(second), u128::from(taken));
    if matches!(carry.operation, CarryOperation::Sub) {
        let result = first.wrapping_sub(second).wrapping_sub(taken);
        return (result as u64 & mask, second + taken > first);
    }
    let result = first + second + taken;
    (result as u64 & mask, result >> bits != 0)
}
