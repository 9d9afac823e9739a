//! Syntax tree to [`Program`]: names to register numbers, opcodes to codes, labels to instruction numbers.
//!
//! What the machine does not run is refused here, with the line and the text, never while a kernel runs.

mod arithmetic;
mod control;
mod convert;
mod memory;
mod names;
mod warp;

use std::collections::HashMap;

use super::{Call, Code, GUARD_INVERTED, Image, Instruction, NO_GUARD, Program, Slot, Special, Tables};
use crate::ptx::{Function, LoadError, Operand, RawInstruction, RawModule, Scalar, Space, Statement};
use names::{Name, Names};
pub(crate) use warp::{SHUFFLE_PREDICATE, VOTE_INVERTED};

type Decoded<T> = Result<T, LoadError>;

/// Lane registers and predicates are numbered below this, so that the guard's invert bit fits.
const NUMBERS_MAX: usize = 32_000;
const LOCAL_BYTES_MAX: u64 = 1 << 20;
const SHARED_BYTES_MAX: u64 = 256 << 10;

/// Decodes the kernel `entry` of a module with every function that it reaches.
pub(crate) fn decode_entry(module: &RawModule, image: &Image, entry: &Function) -> Decoded<Program> {
    let mut decoder = Decoder::new(module, image);
    let mut parameters = Vec::new();
    let mut offset = 0u64;
    for parameter in &entry.parameters {
        offset = offset.next_multiple_of(parameter.align.max(1));
        decoder.names.declare(&parameter.name, Name::EntryParameter { offset });
        parameters.push(Slot { offset: offset as usize, bytes: parameter.bytes as usize });
        offset += parameter.bytes;
    }
    decoder.function(entry)?;
    decoder.pending_functions()?;
    decoder.finish(entry, parameters, offset as usize)
}

/// Where a function of the module stands in this program.
struct Placed {
    start: Option<u32>,
    return_register: u16,
    parameters: Vec<(u32, u32)>,
    returns: Vec<(u32, u32)>,
}

struct Decoder<'a> {
    module: &'a RawModule,
    image: &'a Image,
    names: Names,
    code: Vec<Instruction>,
    lines: Vec<u32>,
    tables: Tables,
    registers: usize,
    predicates: usize,
    constants: HashMap<u64, u16>,
    specials: HashMap<Special, u16>,
    /// Registers that hold an offset into dynamic shared memory, whose start is known at the end.
    dynamic: Vec<(u16, i64)>,
    shared_bytes: u64,
    shared_variables: HashMap<String, u64>,
    local_bytes: u64,
    functions: HashMap<String, Placed>,
    pending: Vec<String>,
    /// Callers and callees, to refuse recursion.
    calls: Vec<(String, String)>,
    function_name: String,
    labels: HashMap<String, u32>,
    branch_targets: HashMap<String, Vec<String>>,
    fixes: Vec<Fix>,
    guard: u16,
    carry_flag: Option<u16>,
    /// The register that `ret` of the present function jumps through; none in an entry.
    return_register: Option<u16>,
    loops: usize,
    line: u32,
}

/// A jump whose label is resolved at the end of its function.
struct Fix {
    at: usize,
    labels: Vec<String>,
    /// Index into `tables.branches`, for an indexed branch.
    table: Option<usize>,
    line: u32,
}

impl<'a> Decoder<'a> {
    fn new(module: &'a RawModule, image: &'a Image) -> Self {
        Self {
            module,
            image,
            names: Names::default(),
            code: Vec::new(),
            lines: Vec::new(),
            tables: Tables::default(),
            registers: 0,
            predicates: 0,
            constants: HashMap::new(),
            specials: HashMap::new(),
            dynamic: Vec::new(),
            shared_bytes: 0,
            shared_variables: HashMap::new(),
            local_bytes: 0,
            functions: HashMap::new(),
            pending: Vec::new(),
            calls: Vec::new(),
            function_name: String::new(),
            labels: HashMap::new(),
            branch_targets: HashMap::new(),
            fixes: Vec::new(),
            guard: NO_GUARD,
            carry_flag: None,
            return_register: None,
            loops: 0,
            line: 1,
        }
    }

    fn function(&mut self, function: &Function) -> Decoded<()> {
        self.function_name = function.name.clone();
        self.line = function.line;
        let body = function.body.as_deref().ok_or_else(|| self.refusal(&function.name, "only declared"))?;
        self.names.open();
        for statement in body {
            self.statement(statement)?;
        }
        self.names.close();
        self.guard = NO_GUARD;
        self.leave_function()?;
        self.resolve_labels()
    }

    fn pending_functions(&mut self) -> Decoded<()> {
        while let Some(name) = self.pending.pop() {
            let module = self.module;
            let Some(function) = module.functions.iter().find(|f| f.name == name && f.body.is_some()) else {
                return Err(self.refusal(&name, "call of a function that the module does not define"));
            };
            self.names = Names::default();
            self.carry_flag = None;
            let start = self.code.len() as u32;
            let placed = self.functions.get_mut(&name).expect("placed when it was first called");
            placed.start = Some(start);
            self.return_register = Some(placed.return_register);
            let slots = function.parameters.iter().zip(placed.parameters.iter());
            for (parameter, (offset, _)) in slots.chain(function.returns.iter().zip(placed.returns.iter())) {
                self.names.declare(&parameter.name, Name::LocalParameter { offset: *offset });
            }
            self.function(function)?;
        }
        Ok(())
    }

    fn finish(self, entry: &Function, parameters: Vec<Slot>, parameter_bytes: usize) -> Decoded<Program> {
        self.refuse_recursion()?;
        let mut tables = self.tables;
        let mut code = self.code;
        for instruction in code.iter_mut().filter(|instruction| instruction.code == Code::Call) {
            let call: &mut Call = &mut tables.calls[instruction.x as usize];
            if let Some(placed) = self.functions.values().find(|p| p.return_register == call.return_register)
            {
                call.target = placed.start.expect("every pending function was decoded");
            }
        }
        let dynamic_start = self.shared_bytes.next_multiple_of(16);
        let mut constants: Vec<_> =
            self.constants.into_iter().map(|(value, register)| (register, value)).collect();
        constants.extend(
            self.dynamic
                .iter()
                .map(|&(register, offset)| (register, dynamic_start.wrapping_add_signed(offset))),
        );
        Ok(Program {
            name: entry.name.clone(),
            code,
            lines: self.lines,
            registers: self.registers,
            predicates: self.predicates,
            constants,
            specials: self.specials.into_iter().map(|(special, register)| (register, special)).collect(),
            tables,
            parameters,
            parameter_bytes,
            shared_bytes: dynamic_start as u32,
            local_bytes: self.local_bytes.next_multiple_of(16) as u32,
            limits: entry.limits,
            loops: self.loops,
        })
    }

    fn statement(&mut self, statement: &Statement) -> Decoded<()> {
        match statement {
            Statement::Open => self.names.open(),
            Statement::Close => self.names.close(),
            Statement::Label { name } => {
                self.labels.insert(name.clone(), self.code.len() as u32);
            }
            Statement::BranchTargets { name, targets } => {
                self.branch_targets.insert(name.clone(), targets.clone());
            }
            Statement::Registers { scalar, names, line } => {
                self.line = *line;
                names.iter().try_for_each(|(name, count)| self.declare_registers(*scalar, name, *count))?;
            }
            Statement::Variable(variable) => self.declare_variable(variable)?,
            Statement::Instruction(raw) => {
                self.line = raw.line;
                self.guard = self.guard_number(raw)?;
                self.instruction(raw)?;
            }
        }
        Ok(())
    }

    fn guard_number(&mut self, raw: &RawInstruction) -> Decoded<u16> {
        let Some((name, inverted)) = &raw.guard else { return Ok(NO_GUARD) };
        let number = self.predicate(raw, &Operand::Name(name.clone()))?;
        Ok(if *inverted { number | GUARD_INVERTED } else { number })
    }

    fn instruction(&mut self, raw: &RawInstruction) -> Decoded<()> {
        match raw.opcode[0].as_str() {
            "ld" | "ldu" | "st" | "atom" | "red" | "cvta" | "isspacep" | "mapa" | "membar" | "fence"
            | "prefetch" | "prefetchu" => self.memory(raw),
            "cvt" => self.convert(raw),
            "bra" | "brx" | "call" | "ret" | "exit" | "trap" | "brkpt" | "nanosleep" | "bar" | "barrier" => {
                self.control(raw)
            }
            "shfl" | "vote" | "match" | "activemask" | "redux" | "elect" => self.warp(raw),
            _ => self.arithmetic(raw),
        }
    }

    fn emit(&mut self, instruction: Instruction) {
        self.code.push(Instruction { guard: self.guard, ..instruction });
        self.lines.push(self.line);
    }

    fn emit_lane(&mut self, code: Code, d: u16, a: u16, b: u16, c: u16, x: u32) {
        self.emit(Instruction { code, guard: NO_GUARD, d, a, b, c, x });
    }

    fn refusal(&self, text: &str, reason: &str) -> LoadError {
        LoadError::new(self.line, text, reason)
    }

    fn unsupported<T>(&self, raw: &RawInstruction) -> Decoded<T> {
        Err(self.refusal(&raw.text, "not an instruction that the emulator runs"))
    }

    fn new_register(&mut self) -> Decoded<u16> {
        if self.registers >= NUMBERS_MAX {
            return Err(self.refusal(&self.function_name, "too many registers"));
        }
        self.registers += 1;
        Ok((self.registers - 1) as u16)
    }

    fn new_predicate(&mut self) -> Decoded<u16> {
        if self.predicates >= NUMBERS_MAX {
            return Err(self.refusal(&self.function_name, "too many predicates"));
        }
        self.predicates += 1;
        Ok((self.predicates - 1) as u16)
    }

    fn constant(&mut self, value: u64) -> Decoded<u16> {
        if let Some(&register) = self.constants.get(&value) {
            return Ok(register);
        }
        let register = self.new_register()?;
        self.constants.insert(value, register);
        Ok(register)
    }

    fn special(&mut self, special: Special) -> Decoded<u16> {
        if let Some(&register) = self.specials.get(&special) {
            return Ok(register);
        }
        let register = self.new_register()?;
        self.specials.insert(special, register);
        Ok(register)
    }

    /// The operand at `index`, or a refusal where the instruction has too few.
    fn operand<'r>(&self, raw: &'r RawInstruction, index: usize) -> Decoded<&'r Operand> {
        raw.operands.get(index).ok_or_else(|| self.refusal(&raw.text, "too few operands"))
    }

    fn last_scalar(&self, raw: &RawInstruction) -> Decoded<Scalar> {
        raw.opcode
            .last()
            .and_then(|word| Scalar::parse(word))
            .ok_or_else(|| self.refusal(&raw.text, "not a type that the emulator knows"))
    }
}

fn has(raw: &RawInstruction, word: &str) -> bool {
    raw.opcode.iter().any(|part| part == word)
}

/// The state space that an opcode names.
fn space_of(raw: &RawInstruction) -> Space {
    for part in &raw.opcode {
        match part.as_str() {
            "global" => return Space::Global,
            "const" => return Space::Constant,
            "shared" | "shared::cta" => return Space::Shared,
            "shared::cluster" => return Space::SharedCluster,
            "local" => return Space::Local,
            "param" | "param::entry" | "param::func" => return Space::Parameter,
            _ => {}
        }
    }
    Space::Generic
}
