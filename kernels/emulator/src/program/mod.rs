//! Decoded programs: what the machine runs.
//!
//! A [`Program`] is one kernel with every function it reaches, decoded into dense instructions over a flat register file.
//! Constants, symbol addresses and the registers that never change in a thread (`%tid`) are registers that are filled when a
//! warp starts, so an operand is always a register number. Functions have static frames: recursion is refused. Built at
//! module load, immutable and shared afterwards.

pub(crate) mod code;
mod decode;
mod image;

pub(crate) use code::Code;
pub(crate) use decode::{SHUFFLE_PREDICATE, VOTE_INVERTED, decode_entry};
pub(crate) use image::Image;

use crate::ptx::{Limits, Space};

pub(crate) const NO_GUARD: u16 = u16::MAX;
/// Set in [`Instruction::guard`] where the predicate is inverted.
pub(crate) const GUARD_INVERTED: u16 = 1 << 15;

/// One decoded instruction. What the fields mean is said at each [`Code`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Instruction {
    pub(crate) code: Code,
    pub(crate) guard: u16,
    pub(crate) d: u16,
    pub(crate) a: u16,
    pub(crate) b: u16,
    pub(crate) c: u16,
    pub(crate) x: u32,
}

/// Registers that are constant for a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Special {
    Thread(u8),
    ThreadCount(u8),
    Cta(u8),
    CtaCount(u8),
    Lane,
    Warp,
    WarpCount,
    Multiprocessor,
    MultiprocessorCount,
    Grid,
    LanesEqual,
    LanesBelow,
    LanesUpTo,
    LanesAbove,
    LanesFrom,
    ClusterRank,
    ClusterSize,
    Cluster(u8),
    ClusterCount(u8),
    CtaInCluster(u8),
    CtasInCluster(u8),
    ClusterExplicit,
    /// The address of the grid barrier's word, in two halves: high in 1, low in 2.
    Environment(u8),
    DynamicSharedBytes,
    TotalSharedBytes,
    Zero,
}

/// Registers that change while a thread runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Clock {
    Cycles32,
    CyclesHigh,
    Cycles64,
    Nanoseconds,
    NanosecondsLow,
    NanosecondsHigh,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// No order, and volatile or relaxed accesses apart from it, because loops that poll use those.
    Weak,
    Relaxed,
    Acquire,
    Release,
    AcquireRelease,
}

impl Order {
    pub(crate) fn acquires(self) -> bool {
        matches!(self, Self::Acquire | Self::AcquireRelease)
    }

    pub(crate) fn releases(self) -> bool {
        matches!(self, Self::Release | Self::AcquireRelease)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Scope {
    Cta,
    /// Cluster, GPU and system are one: memory is the host's.
    Wide,
}

/// A load or a store: `vector` values of `bytes` each, at the address in register `a` plus `offset`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Access {
    pub(crate) space: Space,
    pub(crate) bytes: u8,
    pub(crate) vector: u8,
    /// Bits to sign-extend to; 0 for none.
    pub(crate) sign_bits: u8,
    pub(crate) order: Order,
    pub(crate) scope: Scope,
    pub(crate) offset: i64,
    pub(crate) values: [u16; 4],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AtomicOperation {
    Add,
    AddF64,
    AddF32,
    And,
    Or,
    Xor,
    Exchange,
    Compare,
    MinS,
    MaxS,
    MinU,
    MaxU,
    Increment,
    Decrement,
}

/// `d = atomic(address a + offset, b, c)`
#[derive(Clone, Copy, Debug)]
pub(crate) struct Atomic {
    pub(crate) operation: AtomicOperation,
    pub(crate) space: Space,
    pub(crate) bytes: u8,
    pub(crate) order: Order,
    pub(crate) scope: Scope,
    pub(crate) offset: i64,
    /// `red`: no destination.
    pub(crate) no_result: bool,
    /// Registers of the high halves of `d`, `b` and `c`, for 16 bytes.
    pub(crate) high: [u16; 3],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BarrierKind {
    Sync,
    Arrive,
    CountReduction,
    AndReduction,
    OrReduction,
}

/// `bar`/`barrier`: number in register `a`, thread count in register `b`, predicate `c`, result `d`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Barrier {
    pub(crate) kind: BarrierKind,
    pub(crate) counted: bool,
    pub(crate) inverted: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum CarryOperation {
    Add,
    Sub,
    MadLow,
    MadHigh,
}

/// `add.cc`, `addc`, `mad.hi.cc` and their kin over `bits`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Carry {
    pub(crate) operation: CarryOperation,
    pub(crate) takes: bool,
    pub(crate) gives: bool,
    pub(crate) bits: u8,
    pub(crate) signed: bool,
    /// Predicate that holds the carry flag.
    pub(crate) flag: u16,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Call {
    pub(crate) target: u32,
    pub(crate) return_register: u16,
    /// Copies inside a lane's local memory before the jump: from, to, bytes.
    pub(crate) copies: Vec<(u32, u32, u32)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum AddressMap {
    SharedToGeneric,
    GenericToShared,
    SharedClusterToGeneric,
    LocalToGeneric,
    GenericToLocal,
    ParameterToGeneric,
    GenericToParameter,
}

#[derive(Debug, Default)]
pub(crate) struct Tables {
    pub(crate) accesses: Vec<Access>,
    pub(crate) atomics: Vec<Atomic>,
    pub(crate) barriers: Vec<Barrier>,
    pub(crate) carries: Vec<Carry>,
    pub(crate) calls: Vec<Call>,
    pub(crate) branches: Vec<Vec<u32>>,
}

/// One parameter of a kernel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    pub(crate) offset: usize,
    pub(crate) bytes: usize,
}

#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) name: String,
    pub(crate) code: Vec<Instruction>,
    /// PTX line of each instruction.
    pub(crate) lines: Vec<u32>,
    pub(crate) registers: usize,
    pub(crate) predicates: usize,
    pub(crate) constants: Vec<(u16, u64)>,
    pub(crate) specials: Vec<(u16, Special)>,
    pub(crate) tables: Tables,
    pub(crate) parameters: Vec<Slot>,
    pub(crate) parameter_bytes: usize,
    pub(crate) shared_bytes: u32,
    pub(crate) local_bytes: u32,
    pub(crate) limits: Limits,
    /// Number of branches that jump back; each has its own number for the polling detector.
    pub(crate) loops: usize,
}
