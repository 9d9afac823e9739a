//! The inner loop: runs one warp until its turn ends, it polls, it must wait, or it is done.
//!
//! The loop is compiled three times, for plain x86-64, for AVX2 with FMA and for AVX-512, and chosen by what the processor
//! has. All three give the same bits: lane functions are exact, and `fma` is the fused operation whether by instruction or
//! by the C library. Only the bits inside a NaN may differ, as they may on a GPU.

use super::arithmetic::{carry_lanes, step_lanes};
use super::fault::FaultKind;
use super::lanes::lanes_of;
use super::launch::Context;
use super::warp::{Chosen, Rest, State, Warp};
use crate::program::{AddressMap, Code, GUARD_INVERTED, Instruction, NO_GUARD, Program, Scope};
use crate::ptx::Space;

/// Why a warp stopped.
#[derive(Debug)]
pub(super) enum Pause {
    Turn,
    Polling,
    Blocked,
    Finished,
    Fault { pc: u32, lane: usize, kind: FaultKind },
}

/// What an instruction that is no lane code does to the flow.
enum Flow {
    Next,
    /// Go on at another instruction, with all lanes.
    Jump(u32),
    /// The groups changed: choose anew.
    Choose,
    /// As `Choose`; the warp polls.
    Poll,
    Fault(usize, FaultKind),
}

/// How a warp's turns are compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vectors {
    Plain,
    Avx2,
    Avx512,
}

impl Vectors {
    pub(super) fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            let avx2 = has!("avx2")
                && has!("fma")
                && has!("bmi1")
                && has!("bmi2")
                && has!("lzcnt")
                && has!("popcnt");
            if avx2 && has!("avx512f") && has!("avx512dq") && has!("avx512vl") && has!("avx512bw") {
                return Self::Avx512;
            }
            if avx2 {
                return Self::Avx2;
            }
        }
        Self::Plain
    }
}

/// Runs a warp for at most `budget` instructions.
pub(super) fn run(vectors: Vectors, warp: &mut Warp, context: &mut Context, budget: u32) -> Pause {
    let mut left = budget;
    let pause = match vectors {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `Vectors::detect` found these features.
        Vectors::Avx512 => unsafe { run_avx512(warp, context, &mut left) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `Vectors::detect` found these features.
        Vectors::Avx2 => unsafe { run_avx2(warp, context, &mut left) },
        _ => run_body(warp, context, &mut left),
    };
    context.executed += u64::from(budget - left);
    pause
}

/// # Safety
/// The processor has these features.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw,avx2,fma,bmi1,bmi2,lzcnt,popcnt")]
unsafe fn run_avx512(warp: &mut Warp, context: &mut Context, left: &mut u32) -> Pause {
    run_body(warp, context, left)
}

/// # Safety
/// The processor has these features.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,bmi1,bmi2,lzcnt,popcnt")]
unsafe fn run_avx2(warp: &mut Warp, context: &mut Context, left: &mut u32) -> Pause {
    run_body(warp, context, left)
}

#[inline(always)]
fn run_body(warp: &mut Warp, context: &mut Context, left: &mut u32) -> Pause {
    let program = context.program.clone();
    let code: &[Instruction] = &program.code;
    let file = warp.file();
    loop {
        let Some(chosen) = choose(warp, context) else {
            return if warp.live == 0 { Pause::Finished } else { Pause::Blocked };
        };
        let (mut pc, lanes, limit) = (chosen.pc, chosen.lanes, chosen.limit);
        loop {
            if *left == 0 {
                warp.put_back(pc, lanes, if warp.has_ready_group() { Rest::Turn } else { Rest::No });
                return Pause::Turn;
            }
            if pc >= limit {
                warp.put_back(pc, lanes, Rest::No);
                break;
            }
            *left -= 1;
            let i = &code[pc as usize];
            let run = guarded(warp, i, lanes);
            if run == 0 {
                pc += 1;
                continue;
            }
            // SAFETY: instruction and register file belong to the same program.
            if unsafe { step_lanes(file, &mut warp.predicates, i, run) } {
                pc += 1;
                continue;
            }
            match other(warp, context, &program, pc, lanes, run) {
                Flow::Next => pc += 1,
                Flow::Jump(target) => pc = target,
                Flow::Choose => break,
                Flow::Poll if everyone_polled(warp, context) => return Pause::Polling,
                Flow::Poll => break,
                Flow::Fault(lane, kind) => return Pause::Fault { pc, lane, kind },
            }
        }
    }
}

/// The lanes that an instruction's guard lets through.
#[inline(always)]
fn guarded(warp: &Warp, i: &Instruction, lanes: u32) -> u32 {
    if i.guard == NO_GUARD {
        return lanes;
    }
    let predicate = warp.predicates[usize::from(i.guard & !GUARD_INVERTED)];
    lanes & if i.guard & GUARD_INVERTED != 0 { !predicate } else { predicate }
}

fn choose(warp: &mut Warp, context: &mut Context) -> Option<Chosen> {
    if let Some(chosen) = warp.choose() {
        return Some(chosen);
    }
    context.free_waiting(warp);
    if let Some(chosen) = warp.choose() {
        return Some(chosen);
    }
    warp.wake_rested();
    warp.choose()
}

/// Whether no group of the warp has anything to do but poll. Ends their rest either way.
fn everyone_polled(warp: &mut Warp, context: &mut Context) -> bool {
    context.free_waiting(warp);
    if warp.groups.iter().any(|group| group.state == State::Ready(Rest::No)) {
        return false;
    }
    let (_, all_polled) = warp.wake_rested();
    all_polled
}

/// Everything but lane codes. Out of line, so that the lane codes' loop stays small.
#[inline(never)]
fn other(warp: &mut Warp, context: &mut Context, program: &Program, pc: u32, lanes: u32, run: u32) -> Flow {
    let i = &program.code[pc as usize];
    let tables = &program.tables;
    let index = i.x as usize;
    if matches!(i.code, Code::Load | Code::Store | Code::Atomic) {
        let part = context.lanes_that_drift(run);
        if part != 0 {
            return split(warp, pc, lanes, part);
        }
    }
    let result = match i.code {
        Code::Nothing => Ok(()),
        Code::Load => context.load(warp, &tables.accesses[index], i.a, run),
        Code::Store => context.store(warp, &tables.accesses[index], i.a, run),
        Code::Atomic => context.atomic(warp, i, &tables.atomics[index], run),
        Code::Branch => return branch(warp, i, pc, lanes, run),
        Code::Exit => return exit(warp, context, pc, lanes, run),
        Code::Shuffle | Code::Vote | Code::MatchAny | Code::MatchAll | Code::Reduce | Code::Elect => {
            return collective(warp, program, pc, lanes, run);
        }
        Code::WarpBarrier => return warp_barrier(warp, context, i, pc, lanes, run),
        Code::Barrier => match context.arrive(warp, i, &tables.barriers[index], pc, run) {
            Ok(true) => Ok(()),
            Ok(false) => return leave(warp, pc, lanes & !run),
            Err(fault) => Err(fault),
        },
        Code::ClusterArrive => {
            context.cluster_arrive(warp, i.x != 0, run);
            Ok(())
        }
        Code::ClusterWait if context.cluster_wait(warp, pc, run) => Ok(()),
        Code::ClusterWait => return leave(warp, pc, lanes & !run),
        Code::BranchIndexed | Code::Call | Code::Return => {
            return jump_by_lane(warp, context, program, pc, lanes, run);
        }
        Code::Sleep => {
            warp.polling.waits_for_others();
            warp.put_back(pc + 1, lanes, Rest::Polled);
            return Flow::Poll;
        }
        Code::Trap => Err((run.trailing_zeros() as usize, FaultKind::Trap)),
        Code::Fence => {
            let scope = if i.x == Scope::Cta as u32 { Scope::Cta } else { Scope::Wide };
            context.fence(warp, scope, run);
            Ok(())
        }
        _ => small(warp, context, program, i, run),
    };
    match result {
        Ok(()) => Flow::Next,
        Err((lane, kind)) => Flow::Fault(lane, kind),
    }
}

fn leave(warp: &mut Warp, pc: u32, others: u32) -> Flow {
    warp.put_back(pc + 1, others, Rest::No);
    Flow::Choose
}

/// Lanes of a warp may drift apart at any instruction. Under a seed they do: some rest until the others have had a turn.
fn split(warp: &mut Warp, pc: u32, lanes: u32, part: u32) -> Flow {
    warp.put_back(pc, part, Rest::Turn);
    warp.put_back(pc, lanes & !part, Rest::No);
    Flow::Choose
}

fn branch(warp: &mut Warp, i: &Instruction, pc: u32, lanes: u32, run: u32) -> Flow {
    let polled = i.b != 0 && warp.polling.iteration_was_quiet(i.b);
    if run == lanes && !polled {
        return Flow::Jump(i.x);
    }
    warp.put_back(i.x, run, if polled { Rest::Polled } else { Rest::No });
    warp.put_back(pc + 1, lanes & !run, Rest::No);
    if polled { Flow::Poll } else { Flow::Choose }
}

fn exit(warp: &mut Warp, context: &mut Context, pc: u32, lanes: u32, run: u32) -> Flow {
    warp.exit(run);
    context.threads_left(warp, run);
    leave(warp, pc, lanes & !run)
}

/// Takes the lanes that share the first lane's member mask to their collective; the others try again.
fn members_of(warp: &mut Warp, register: u16, run: u32) -> Result<(u32, u32), (usize, FaultKind)> {
    // SAFETY: register numbers come from the decoder.
    let masks = unsafe { warp.file().all(register) };
    let members = masks[run.trailing_zeros() as usize & 31] as u32;
    let same =
        lanes_of(run).filter(|&lane| masks[lane] as u32 == members).fold(0, |all, lane| all | 1 << lane);
    match lanes_of(same & !members).next() {
        Some(lane) => Err((lane, FaultKind::NotAMember { members })),
        None => Ok((members, same)),
    }
}

fn collective(warp: &mut Warp, program: &Program, pc: u32, lanes: u32, run: u32) -> Flow {
    let i = &program.code[pc as usize];
    let (members, same) = match members_of(warp, i.c, run) {
        Ok(found) => found,
        Err((lane, kind)) => return Flow::Fault(lane, kind),
    };
    let next = &program.code[pc as usize + 1];
    if same == lanes && members & warp.live == lanes {
        warp.collective(i, next, lanes);
        return Flow::Next;
    }
    warp.put_back(pc, run & !same, Rest::No);
    warp.put_back(pc + 1, lanes & !run, Rest::No);
    if let Some(all) = warp.arrive(pc, same, members) {
        warp.collective(i, next, all);
        warp.put_back(pc + 1, all, Rest::No);
    }
    Flow::Choose
}

fn warp_barrier(
    warp: &mut Warp,
    context: &mut Context,
    i: &Instruction,
    pc: u32,
    lanes: u32,
    run: u32,
) -> Flow {
    let (members, same) = match members_of(warp, i.a, run) {
        Ok(found) => found,
        Err((lane, kind)) => return Flow::Fault(lane, kind),
    };
    let all_here = same == lanes && members & warp.live == lanes;
    if !all_here {
        warp.put_back(pc, run & !same, Rest::No);
        warp.put_back(pc + 1, lanes & !run, Rest::No);
    }
    if all_here || warp.arrive_at_warp_barrier(pc + 1, same, members) {
        let (cta, number) = (warp.cta, warp.number);
        if let Some(weak) = &mut context.weak {
            weak.synchronise_warp(cta, number, members & warp.live);
        }
    }
    if all_here { Flow::Next } else { Flow::Choose }
}

/// Jumps whose target may differ from lane to lane.
fn jump_by_lane(
    warp: &mut Warp,
    context: &mut Context,
    program: &Program,
    pc: u32,
    lanes: u32,
    run: u32,
) -> Flow {
    let i = &program.code[pc as usize];
    let file = warp.file();
    // SAFETY: register numbers come from the decoder.
    let values = unsafe { file.all(i.a) };
    let mut targets = [0; 32];
    match i.code {
        Code::Call => {
            let call = &program.tables.calls[i.x as usize];
            for copy in &call.copies {
                context.copy_local(warp, run, *copy);
            }
            for lane in lanes_of(run) {
                // SAFETY: register numbers come from the decoder.
                unsafe { file.set(call.return_register, lane, u64::from(pc) + 1) };
                targets[lane] = call.target;
            }
        }
        Code::BranchIndexed => {
            let table = &program.tables.branches[i.x as usize];
            for lane in lanes_of(run) {
                match table.get(values[lane] as usize) {
                    Some(&target) => targets[lane] = target,
                    None => return Flow::Fault(lane, FaultKind::Operand { value: values[lane] }),
                }
            }
        }
        _ => lanes_of(run).for_each(|lane| targets[lane] = values[lane] as u32),
    }
    let mut rest = run;
    while rest != 0 {
        let target = targets[rest.trailing_zeros() as usize & 31];
        let same =
            lanes_of(rest).filter(|&lane| targets[lane] == target).fold(0, |all, lane| all | 1 << lane);
        if same == lanes {
            return Flow::Jump(target);
        }
        warp.put_back(target, same, Rest::No);
        rest &= !same;
    }
    leave(warp, pc, lanes & !run)
}

/// Instructions that touch one lane at a time and leave the flow alone.
fn small(
    warp: &mut Warp,
    context: &mut Context,
    program: &Program,
    i: &Instruction,
    run: u32,
) -> Result<(), (usize, FaultKind)> {
    let file = warp.file();
    if i.code == Code::Carry {
        let carry = &program.tables.carries[i.x as usize];
        // SAFETY: instruction and register file belong to the same program.
        unsafe { carry_lanes(file, &mut warp.predicates, i, carry, run) };
        return Ok(());
    }
    if i.code == Code::ReadClock {
        warp.polling.waits_for_others();
    }
    let now = context.clock(i);
    for lane in lanes_of(run) {
        // SAFETY: register numbers come from the decoder.
        let (a, b) = unsafe { (file.get(i.a, lane), file.get(i.b, lane)) };
        let thread = warp.number * 32 + lane as u32;
        let value = match i.code {
            Code::ReadClock => now,
            Code::ActiveMask => u64::from(run),
            Code::MapAddress => context.map_address(address_map(i.x), warp.cta, thread, a),
            Code::MapRank => context.map_rank(warp.cta, a, b, i.x != 0).map_err(|kind| (lane, kind))?,
            Code::IsSpace => {
                let inside = context.is_space(space_of(i.x), warp.cta, thread, a);
                let d = &mut warp.predicates[usize::from(i.d)];
                *d = (*d & !(1 << lane)) | u32::from(inside) << lane;
                continue;
            }
            _ => {
                context.set_conditional(a, b as u32);
                continue;
            }
        };
        // SAFETY: register numbers come from the decoder.
        unsafe { file.set(i.d, lane, value) };
    }
    Ok(())
}

fn address_map(x: u32) -> AddressMap {
    use AddressMap::*;
    [
        SharedToGeneric,
        GenericToShared,
        SharedClusterToGeneric,
        LocalToGeneric,
        GenericToLocal,
        ParameterToGeneric,
        GenericToParameter,
    ][x as usize]
}

fn space_of(x: u32) -> Space {
    use Space::*;
    [Generic, Global, Constant, Shared, SharedCluster, Local, Parameter][x as usize]
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::Vectors;
    use crate::machine::{Launch, LaunchSettings, Shape, run};
    use crate::program::{Image, decode_entry};
    use crate::ptx::parse;

    /// The answers of a kernel of `tests/cuda/operations.cu` to operands of every size, compiled one way.
    fn answers(name: &str, rows: usize, vectors: Vectors) -> Vec<u64> {
        let raw = parse(include_str!("../../tests/cuda/operations.compute_75.ptx")).unwrap();
        let image = Image::build(&raw).unwrap();
        let entry = raw.functions.iter().find(|function| function.name == name).unwrap();
        let program = Arc::new(decode_entry(&raw, &image, entry).unwrap());
        let mut state = 0x1234_5678_9abc_def1u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state >> (state & 31)
        };
        let columns: [Vec<u64>; 3] = std::array::from_fn(|_| (0..1024).map(|_| next()).collect());
        let mut out = vec![0u64; rows * 1024];
        let mut block = Vec::new();
        for pointer in
            [columns[0].as_ptr(), columns[1].as_ptr(), columns[2].as_ptr(), out.as_mut_ptr().cast_const()]
        {
            block.extend((pointer as u64).to_le_bytes());
        }
        let settings =
            LaunchSettings { vectors: Some(vectors), resident_ctas: 1, ..LaunchSettings::default() };
        run(&mut Launch::new(program, Shape::linear(1, 1024), &block, settings)).unwrap();
        out
    }

    /// Which of its operands' NaN bits an operation hands on is the compiler's choice, so every NaN is one.
    fn without_nan(value: u64) -> u64 {
        let single_nan = value >> 32 == 0 && f32::from_bits(value as u32).is_nan();
        if f64::from_bits(value).is_nan() || single_nan { u64::MAX } else { value }
    }

    #[test]
    fn every_way_of_compiling_gives_the_same_bits() {
        let best = Vectors::detect();
        let others = if best == Vectors::Avx512 { vec![best, Vectors::Avx2] } else { vec![best] };
        for (name, rows) in [("integers32", 56), ("integers64", 35), ("doubles", 52)] {
            let plain = answers(name, rows, Vectors::Plain);
            for &vectors in &others {
                let other = answers(name, rows, vectors);
                for (at, (one, two)) in plain.iter().zip(&other).enumerate() {
                    let (one, two) = match name {
                        "doubles" => (without_nan(*one), without_nan(*two)),
                        _ => (*one, *two),
                    };
                    assert_eq!(
                        one,
                        two,
                        "{name}, {vectors:?}: operation {}, thread {}",
                        at / 1024,
                        at % 1024
                    );
                }
            }
        }
    }
}
