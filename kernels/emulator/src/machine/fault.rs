//! What a kernel can do wrong, as the machine reports it.

/// A fault: it ends its launch, as an illegal address ends a CUDA context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The kernel.
    pub entry: String,
    /// Line of the PTX text.
    pub line: u32,
    /// Linear number of the CTA in the grid.
    pub cta: u32,
    /// Warp in the CTA.
    pub warp: u32,
    /// The first lane that is concerned.
    pub lane: u32,
    /// What happened.
    pub kind: FaultKind,
}

/// The kinds of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The address is not a multiple of the access's size.
    Misaligned {
        /// The address.
        address: u64,
        /// Bytes of the access.
        bytes: u32,
    },
    /// The address lies in the null page, outside shared or local memory, or in no allocation that the machine knows.
    OutOfRange {
        /// The address.
        address: u64,
        /// Bytes of the access.
        bytes: u32,
    },
    /// A lane runs a collective whose member mask does not name it.
    NotAMember {
        /// The member mask.
        members: u32,
    },
    /// Lanes wait for each other at different places of one warp, or at a CTA or cluster barrier that others left or never
    /// reach.
    Divergent {
        /// Lanes of the warp that wait.
        waiting: u32,
        /// Live lanes of the warp.
        live: u32,
    },
    /// `trap`, or a failed `assert`.
    Trap,
    /// An operand has a value that its instruction has no meaning for: a barrier number, a cluster rank, a branch index.
    Operand {
        /// The value.
        value: u64,
    },
    /// The launch was cut off from outside: the stand-in device was told to fail.
    Abandoned,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { entry, line, cta, warp, lane, kind } = self;
        write!(out, "{entry}: PTX line {line}, CTA {cta}, warp {warp}, lane {lane}: {kind:x?}")
    }
}

impl std::error::Error for Fault {}
