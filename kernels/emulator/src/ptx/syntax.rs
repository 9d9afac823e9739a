//! The syntax tree that the parser builds and the decoder reads.

use super::Scalar;

/// A state space of PTX. `Generic` is the one that an instruction without a space uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Space {
    Generic,
    Global,
    Constant,
    Shared,
    SharedCluster,
    Local,
    Parameter,
}

#[derive(Debug, Default)]
pub(crate) struct RawModule {
    pub(crate) target: String,
    pub(crate) variables: Vec<Variable>,
    pub(crate) functions: Vec<Function>,
}

/// A variable in memory: at module level, or inside a function.
#[derive(Clone, Debug)]
pub(crate) struct Variable {
    pub(crate) space: Space,
    pub(crate) align: u64,
    pub(crate) element: Scalar,
    pub(crate) name: String,
    pub(crate) bytes: u64,
    /// `name[]`: its size is the launch's dynamic shared memory.
    pub(crate) unsized_array: bool,
    pub(crate) initial: Vec<Initialiser>,
    pub(crate) line: u32,
}

#[derive(Clone, Debug)]
pub(crate) enum Initialiser {
    Value(u64),
    Address { name: String, offset: i64 },
}

#[derive(Clone, Debug)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) align: u64,
    pub(crate) bytes: u64,
}

/// What the directives between a function's head and its body say.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limits {
    pub(crate) threads_max: Option<[u32; 3]>,
    pub(crate) threads_required: Option<[u32; 3]>,
    pub(crate) cluster_required: Option<[u32; 3]>,
}

#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) is_entry: bool,
    pub(crate) name: String,
    pub(crate) returns: Vec<Parameter>,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) limits: Limits,
    /// None: only declared.
    pub(crate) body: Option<Vec<Statement>>,
    pub(crate) line: u32,
}

#[derive(Debug)]
pub(crate) enum Statement {
    Label {
        name: String,
    },
    /// Names, and how many registers each stands for: `%r<3>` is `%r0`, `%r1`, `%r2`.
    Registers {
        scalar: Scalar,
        names: Vec<(String, Option<u32>)>,
        line: u32,
    },
    Variable(Variable),
    /// `{`: names declared up to the matching `}` hide outer ones.
    Open,
    Close,
    BranchTargets {
        name: String,
        targets: Vec<String>,
    },
    Instruction(RawInstruction),
}

#[derive(Debug)]
pub(crate) struct RawInstruction {
    /// Predicate name and whether `!` stands before it.
    pub(crate) guard: Option<(String, bool)>,
    /// The opcode split at its dots: `ld.global.u32` is `[ld, global, u32]`.
    pub(crate) opcode: Vec<String>,
    pub(crate) operands: Vec<Operand>,
    pub(crate) line: u32,
    pub(crate) text: String,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operand {
    Name(String),
    /// `!name`
    Inverted(String),
    Integer(i64),
    /// `0dXXXXXXXXXXXXXXXX`
    Double(u64),
    /// `0fXXXXXXXX`
    Single(u32),
    /// `[base+offset]`; no base is an absolute address.
    Address {
        base: Option<String>,
        offset: i64,
    },
    /// `{a, b}`
    Vector(Vec<Operand>),
    /// `a|b`
    Pair(Box<Operand>, Box<Operand>),
    /// `(a, b)`
    Group(Vec<Operand>),
    /// `_`
    Sink,
}
