//! Integer and floating arithmetic, comparisons, selection, moves.

use super::super::{Carry, CarryOperation, Code};
use super::names::clock_of;
use super::{Decoded, Decoder, has};
use crate::ptx::{Operand, RawInstruction, Scalar};

use Code::*;

/// Picks by width of a 16, 32 or 64-bit type.
fn by_width(scalar: Scalar, codes: [Code; 3]) -> Option<Code> {
    match scalar.bits() {
        16 => Some(codes[0]),
        32 => Some(codes[1]),
        64 => Some(codes[2]),
        _ => None,
    }
}

fn by_sign(scalar: Scalar, signed: [Code; 3], unsigned: [Code; 3]) -> Option<Code> {
    by_width(scalar, if scalar.is_signed() { signed } else { unsigned })
}

fn by_float(scalar: Scalar, single: Code, double: Code) -> Option<Code> {
    match scalar {
        Scalar::F32 => Some(single),
        Scalar::F64 => Some(double),
        _ => None,
    }
}

fn binary_code(raw: &RawInstruction, scalar: Scalar) -> Option<Code> {
    let name = raw.opcode[0].as_str();
    if scalar.is_float() {
        return match name {
            "add" => by_float(scalar, AddF32, AddF64),
            "sub" => by_float(scalar, SubF32, SubF64),
            "mul" => by_float(scalar, MulF32, MulF64),
            "div" if has(raw, "rn") => by_float(scalar, DivF32, DivF64),
            "min" => by_float(scalar, MinF32, MinF64),
            "max" => by_float(scalar, MaxF32, MaxF64),
            "copysign" => by_float(scalar, CopySignF32, CopySignF64),
            _ => None,
        };
    }
    match name {
        "add" => by_width(scalar, [Add16, Add32, Add64]),
        "sub" => by_width(scalar, [Sub16, Sub32, Sub64]),
        "mul" if has(raw, "lo") => by_width(scalar, [MulLow16, MulLow32, MulLow64]),
        "mul" if has(raw, "hi") => {
            by_sign(scalar, [MulHighS16, MulHighS32, MulHighS64], [MulHighU16, MulHighU32, MulHighU64])
        }
        "mul" if has(raw, "wide") && scalar.bits() < 64 => {
            by_sign(scalar, [MulWideS16, MulWideS32, Nothing], [MulWideU16, MulWideU32, Nothing])
        }
        "div" => by_sign(scalar, [DivS16, DivS32, DivS64], [DivU16, DivU32, DivU64]),
        "rem" => by_sign(scalar, [RemS16, RemS32, RemS64], [RemU; 3]),
        "and" => Some(And),
        "or" => Some(Or),
        "xor" => Some(Xor),
        "shl" => by_width(scalar, [ShiftLeft16, ShiftLeft32, ShiftLeft64]),
        "shr" => by_sign(scalar, [ShiftRightS16, ShiftRightS32, ShiftRightS64], [ShiftRightU; 3]),
        "min" => by_sign(scalar, [MinS16, MinS32, MinS64], [MinU; 3]),
        "max" => by_sign(scalar, [MaxS16, MaxS32, MaxS64], [MaxU; 3]),
        _ => None,
    }
}

fn unary_code(raw: &RawInstruction, scalar: Scalar) -> Option<Code> {
    match raw.opcode[0].as_str() {
        "neg" if scalar.is_float() => by_float(scalar, NegF32, NegF64),
        "abs" if scalar.is_float() => by_float(scalar, AbsF32, AbsF64),
        "sqrt" if has(raw, "rn") => by_float(scalar, SqrtF32, SqrtF64),
        "rcp" if has(raw, "rn") => by_float(scalar, ReciprocalF32, ReciprocalF64),
        "neg" => by_width(scalar, [Neg16, Neg32, Neg64]),
        "abs" => by_width(scalar, [Abs16, Abs32, Abs64]),
        "not" => by_width(scalar, [Not16, Not32, Not64]),
        "cnot" => Some(IsZero),
        "popc" => Some(CountOnes),
        "clz" => by_width(scalar, [Nothing, LeadingZeros32, LeadingZeros64]),
        "brev" => by_width(scalar, [Nothing, Reverse32, Reverse64]),
        "bfind" if has(raw, "shiftamt") => by_sign(
            scalar,
            [Nothing, FindShiftSigned32, FindShiftSigned64],
            [Nothing, FindShiftUnsigned32, FindShiftUnsigned64],
        ),
        "bfind" => {
            by_sign(scalar, [Nothing, FindSigned32, FindSigned64], [Nothing, FindUnsigned32, FindUnsigned64])
        }
        _ => None,
    }
}

fn ternary_code(raw: &RawInstruction, scalar: Scalar) -> Option<Code> {
    match raw.opcode[0].as_str() {
        "fma" if has(raw, "rn") => by_float(scalar, FmaF32, FmaF64),
        // `mad` of floats is fma from sm_20 on.
        "mad" if scalar.is_float() && has(raw, "rn") => by_float(scalar, FmaF32, FmaF64),
        "mad" if has(raw, "lo") => by_width(scalar, [MadLow16, MadLow32, MadLow64]),
        "mad" if has(raw, "hi") => {
            by_sign(scalar, [Nothing, MadHighS32, MadHighS64], [Nothing, MadHighU32, MadHighU64])
        }
        "mad" if has(raw, "wide") => {
            by_sign(scalar, [MadWideS16, MadWideS32, Nothing], [MadWideU16, MadWideU32, Nothing])
        }
        "sad" => by_sign(scalar, [Nothing, AbsDiffS32, AbsDiffS64], [Nothing, AbsDiffU32, AbsDiffU64]),
        _ => None,
    }
}

impl Decoder<'_> {
    pub(super) fn arithmetic(&mut self, raw: &RawInstruction) -> Decoded<()> {
        if ["approx", "ftz", "full", "sat", "rz", "rm", "rp", "satfinite", "NaN"]
            .iter()
            .any(|word| has(raw, word))
        {
            return self.unsupported(raw);
        }
        match raw.opcode[0].as_str() {
            "mov" => return self.moves(raw),
            "setp" | "testp" => return self.set_predicate(raw),
            "set" => return self.set(raw),
            "selp" => return self.select(raw),
            "lop3" => return self.logic3(raw),
            "prmt" | "shf" | "bfe" | "dp4a" => return self.bytes_and_fields(raw),
            "bfi" => return self.insert(raw),
            "addc" | "subc" | "madc" => return self.carry(raw),
            "and" | "or" | "xor" | "not" if self.last_scalar(raw)? == Scalar::Pred => {
                return self.predicate_logic(raw);
            }
            _ if has(raw, "cc") => return self.carry(raw),
            _ => {}
        }
        let scalar = self.last_scalar(raw)?;
        if let Some(code) = unary_code(raw, scalar).filter(|code| *code != Nothing) {
            return self.lanes(raw, code, &[scalar]);
        }
        if let Some(code) = binary_code(raw, scalar).filter(|code| *code != Nothing) {
            let second = if matches!(raw.opcode[0].as_str(), "shl" | "shr") { Scalar::U32 } else { scalar };
            return self.lanes(raw, code, &[scalar, second]);
        }
        match ternary_code(raw, scalar).filter(|code| *code != Nothing) {
            Some(code) => {
                let third = if has(raw, "wide") { Scalar::U64 } else { scalar };
                self.lanes(raw, code, &[scalar, scalar, third])
            }
            None => self.unsupported(raw),
        }
    }

    /// A lane code whose sources follow the destination.
    fn lanes(&mut self, raw: &RawInstruction, code: Code, sources: &[Scalar]) -> Decoded<()> {
        if raw.operands.len() != sources.len() + 1 {
            return Err(self.refusal(&raw.text, "wrong number of operands"));
        }
        let d = self.target_at(raw, 0)?;
        let mut registers = [0; 3];
        for (index, scalar) in sources.iter().enumerate() {
            registers[index] = self.source_at(raw, index + 1, *scalar)?;
        }
        self.emit_lane(code, d, registers[0], registers[1], registers[2], 0);
        Ok(())
    }

    fn moves(&mut self, raw: &RawInstruction) -> Decoded<()> {
        let scalar = self.last_scalar(raw)?;
        let (to, from) = (self.operand(raw, 0)?, self.operand(raw, 1)?);
        if scalar == Scalar::Pred {
            let from = self.predicate_source(raw, from)?;
            let to = self.predicate(raw, to)?;
            self.emit_lane(PredicateMove, to, from, 0, 0, 0);
            return Ok(());
        }
        if let Operand::Name(name) = from
            && let Some(clock) = clock_of(name)
        {
            let (d, _) = self.target(raw, to)?;
            self.emit_lane(ReadClock, d, 0, 0, 0, clock as u32);
            return Ok(());
        }
        match (to, from) {
            _ if scalar == Scalar::B128 => self.move_wide(raw, to, from),
            (Operand::Vector(parts), _) => self.unpack(raw, parts, from, scalar),
            (_, Operand::Vector(parts)) => self.pack(raw, to, parts, scalar),
            _ => {
                let a = self.source(raw, from, scalar)?;
                let (d, _) = self.target(raw, to)?;
                self.emit_lane(Move, d, a, 0, 0, 0);
                Ok(())
            }
        }
    }

    fn move_wide(&mut self, raw: &RawInstruction, to: &Operand, from: &Operand) -> Decoded<()> {
        let sources = match from {
            Operand::Vector(parts) if parts.len() == 2 => {
                [self.source(raw, &parts[0], Scalar::B64)?, self.source(raw, &parts[1], Scalar::B64)?]
            }
            _ => match self.wide(from) {
                Some((low, high)) => [low, high],
                None => return self.unsupported(raw),
            },
        };
        let targets = match to {
            Operand::Vector(parts) if parts.len() == 2 => {
                [self.target(raw, &parts[0])?.0, self.target(raw, &parts[1])?.0]
            }
            _ => match self.wide(to) {
                Some((low, high)) => [low, high],
                None => return self.unsupported(raw),
            },
        };
        let kept = self.new_register()?;
        self.emit_lane(Move, kept, sources[1], 0, 0, 0);
        self.emit_lane(Move, targets[0], sources[0], 0, 0, 0);
        self.emit_lane(Move, targets[1], kept, 0, 0, 0);
        Ok(())
    }

    /// `mov.b64 {low, high}, x;`
    fn unpack(
        &mut self,
        raw: &RawInstruction,
        parts: &[Operand],
        from: &Operand,
        scalar: Scalar,
    ) -> Decoded<()> {
        let codes: &[Code] = match (scalar.bits(), parts.len()) {
            (64, 2) => &[Low32, High32],
            (32, 2) => &[Low16, Second16],
            (64, 4) => &[Low16, Second16, Third16, Fourth16],
            _ => return self.unsupported(raw),
        };
        let source = self.source(raw, from, scalar)?;
        // A part may be the source itself.
        let kept = self.new_register()?;
        self.emit_lane(Move, kept, source, 0, 0, 0);
        for (part, code) in parts.iter().zip(codes) {
            if *part != Operand::Sink {
                let (d, _) = self.target(raw, part)?;
                self.emit_lane(*code, d, kept, 0, 0, 0);
            }
        }
        Ok(())
    }

    /// `mov.b64 x, {low, high};`
    fn pack(&mut self, raw: &RawInstruction, to: &Operand, parts: &[Operand], scalar: Scalar) -> Decoded<()> {
        let part_scalar =
            if scalar.bits() as usize / parts.len().max(1) == 32 { Scalar::B32 } else { Scalar::B16 };
        let registers =
            parts.iter().map(|part| self.source(raw, part, part_scalar)).collect::<Decoded<Vec<_>>>()?;
        let (d, _) = self.target(raw, to)?;
        match (scalar.bits(), registers.as_slice()) {
            (64, &[low, high]) => self.emit_lane(Pack32, d, low, high, 0, 0),
            (32, &[low, high]) => self.emit_lane(Pack16, d, low, high, 0, 0),
            (64, &[a, b, c, e]) => {
                let (low, high) = (self.new_register()?, self.new_register()?);
                self.emit_lane(Pack16, low, a, b, 0, 0);
                self.emit_lane(Pack16, high, c, e, 0, 0);
                self.emit_lane(Pack32, d, low, high, 0, 0);
            }
            _ => return self.unsupported(raw),
        }
        Ok(())
    }

    fn set_predicate(&mut self, raw: &RawInstruction) -> Decoded<()> {
        let result = self.compare(raw, 1)?;
        match self.operand(raw, 0)?.clone() {
            Operand::Pair(first, second) => {
                if *second != Operand::Sink {
                    let inverse = self.inverse(raw, result)?;
                    let second = self.predicate(raw, &second)?;
                    self.emit_lane(PredicateMove, second, inverse, 0, 0, 0);
                }
                let first = self.predicate(raw, &first)?;
                self.emit_lane(PredicateMove, first, result, 0, 0, 0);
            }
            single => {
                let d = self.predicate(raw, &single)?;
                self.retarget(result, d);
            }
        }
        Ok(())
    }

    /// The second result of `p|q`: the comparison inverted, then combined like the first.
    fn inverse(&mut self, raw: &RawInstruction, result: u16) -> Decoded<u16> {
        if combination(raw).is_some() {
            return Err(self.refusal(&raw.text, "two results and a combination"));
        }
        let inverse = self.new_predicate()?;
        self.emit_lane(PredicateNot, inverse, result, 0, 0, 0);
        Ok(inverse)
    }

    /// Lets the instruction just emitted write `d` where it wrote the temporary `from`.
    fn retarget(&mut self, from: u16, d: u16) {
        match self.code.last_mut() {
            Some(last) if last.d == from => last.d = d,
            _ => self.emit_lane(PredicateMove, d, from, 0, 0, 0),
        }
    }

    /// Emits a comparison of the operands from `first` on into a new predicate, combined with a third one where asked.
    fn compare(&mut self, raw: &RawInstruction, first: usize) -> Decoded<u16> {
        let scalar = self.last_scalar(raw)?;
        let Some((code, swap, invert)) = compare_code(raw, scalar) else { return self.unsupported(raw) };
        let mut a = self.source_at(raw, first, scalar)?;
        let mut b = if raw.opcode[0] == "testp" { a } else { self.source_at(raw, first + 1, scalar)? };
        if swap {
            std::mem::swap(&mut a, &mut b);
        }
        let result = self.new_predicate()?;
        let Some(combine) = combination(raw) else {
            self.emit_lane(code, result, a, b, 0, u32::from(invert));
            return Ok(result);
        };
        let with = self.operand(raw, first + 2)?.clone();
        let with = self.predicate_source(raw, &with)?;
        self.emit_lane(code, result, a, b, 0, u32::from(invert));
        let combined = self.new_predicate()?;
        self.emit_lane(combine, combined, result, with, 0, 0);
        Ok(combined)
    }

    fn set(&mut self, raw: &RawInstruction) -> Decoded<()> {
        let result = self.compare(raw, 1)?;
        let kinds: Vec<_> = raw.opcode.iter().filter_map(|word| Scalar::parse(word)).collect();
        let yes = match kinds.first() {
            Some(Scalar::F32) => u64::from(1f32.to_bits()),
            Some(Scalar::U32 | Scalar::S32) => 0xffff_ffff,
            _ => return self.unsupported(raw),
        };
        let (yes, no) = (self.constant(yes)?, self.constant(0)?);
        let d = self.target_at(raw, 0)?;
        self.emit_lane(Select, d, yes, no, result, 0);
        Ok(())
    }

    fn select(&mut self, raw: &RawInstruction) -> Decoded<()> {
        let scalar = self.last_scalar(raw)?;
        let condition = self.operand(raw, 3)?.clone();
        let c = self.predicate_source(raw, &condition)?;
        let (a, b) = (self.source_at(raw, 1, scalar)?, self.source_at(raw, 2, scalar)?);
        let d = self.target_at(raw, 0)?;
        self.emit_lane(Select, d, a, b, c, 0);
        Ok(())
    }

    fn predicate_logic(&mut self, raw: &RawInstruction) -> Decoded<()> {
        let first = self.operand(raw, 1)?.clone();
        let a = self.predicate_source(raw, &first)?;
        let d = self.operand(raw, 0)?.clone();
        let d = self.predicate(raw, &d)?;
        if raw.opcode[0] == "not" {
            self.emit_lane(PredicateNot, d, a, 0, 0, 0);
            return Ok(());
        }
        let second = self.operand(raw, 2)?.clone();
        let b = self.predicate_source(raw, &second)?;
        let code = match raw.opcode[0].as_str() {
            "and" => PredicateAnd,
            "or" => PredicateOr,
            _ => PredicateXor,
        };
        self.emit_lane(code, d, a, b, 0, 0);
        Ok(())
    }

    fn logic3(&mut self, raw: &RawInstruction) -> Decoded<()> {
        let Some(&Operand::Integer(table)) = raw.operands.get(4) else { return self.unsupported(raw) };
        if raw.operands.len() != 5 {
            return self.unsupported(raw);
        }
        let d = self.target_at(raw, 0)?;
        let [a, b, c] = self.three(raw, Scalar::B32)?;
        self.emit_lane(Logic3, d, a, b, c, table as u32 & 0xff);
        Ok(())
    }

    fn three(&mut self, raw: &RawInstruction, scalar: Scalar) -> Decoded<[u16; 3]> {
        Ok([
            self.source_at(raw, 1, scalar)?,
            self.source_at(raw, 2, scalar)?,
            self.source_at(raw, 3, scalar)?,
        ])
    }

    fn bytes_and_fields(&mut self, raw: &RawInstruction) -> Decoded<()> {
        let scalar = self.last_scalar(raw)?;
        let (code, x) = match (raw.opcode[0].as_str(), scalar) {
            ("prmt", Scalar::B32) if raw.opcode.len() == 2 => (Permute, 0),
            ("shf", Scalar::B32) => (
                match (has(raw, "l"), has(raw, "wrap")) {
                    (true, true) => FunnelLeftWrap,
                    (true, false) => FunnelLeftClamp,
                    (false, true) => FunnelRightWrap,
                    (false, false) => FunnelRightClamp,
                },
                0,
            ),
            ("bfe", Scalar::U32) => (ExtractU32, 0),
            ("bfe", Scalar::U64) => (ExtractU64, 0),
            ("bfe", Scalar::S32) => (ExtractS32, 0),
            ("bfe", Scalar::S64) => (ExtractS64, 0),
            ("dp4a", _) if raw.opcode.len() == 3 => {
                (DotBytes, u32::from(raw.opcode[1] == "s32") | u32::from(raw.opcode[2] == "s32") << 1)
            }
            _ => return self.unsupported(raw),
        };
        let d = self.target_at(raw, 0)?;
        let rest = if raw.opcode[0] == "bfe" { Scalar::U32 } else { scalar };
        let a = self.source_at(raw, 1, scalar)?;
        let (b, c) = (self.source_at(raw, 2, rest)?, self.source_at(raw, 3, rest)?);
        self.emit_lane(code, d, a, b, c, x);
        Ok(())
    }

    fn insert(&mut self, raw: &RawInstruction) -> Decoded<()> {
        let scalar = self.last_scalar(raw)?;
        let Some(code) = by_width(scalar, [Nothing, Insert32, Insert64]).filter(|code| *code != Nothing)
        else {
            return self.unsupported(raw);
        };
        let d = self.target_at(raw, 0)?;
        let (a, b) = (self.source_at(raw, 1, scalar)?, self.source_at(raw, 2, scalar)?);
        let (c, length) = (self.source_at(raw, 3, Scalar::U32)?, self.source_at(raw, 4, Scalar::U32)?);
        self.emit_lane(code, d, a, b, c, u32::from(length));
        Ok(())
    }

    fn carry(&mut self, raw: &RawInstruction) -> Decoded<()> {
        let scalar = self.last_scalar(raw)?;
        if !matches!(scalar.bits(), 32 | 64) || scalar.is_float() {
            return self.unsupported(raw);
        }
        let operation = match raw.opcode[0].as_str() {
            "add" | "addc" => CarryOperation::Add,
            "sub" | "subc" => CarryOperation::Sub,
            "mad" | "madc" if has(raw, "lo") => CarryOperation::MadLow,
            "mad" | "madc" if has(raw, "hi") => CarryOperation::MadHigh,
            _ => return self.unsupported(raw),
        };
        let flag = match self.carry_flag {
            Some(flag) => flag,
            None => {
                let flag = self.new_predicate()?;
                self.carry_flag = Some(flag);
                flag
            }
        };
        let d = self.target_at(raw, 0)?;
        let (a, b) = (self.source_at(raw, 1, scalar)?, self.source_at(raw, 2, scalar)?);
        let three = matches!(operation, CarryOperation::MadLow | CarryOperation::MadHigh);
        let c = if three { self.source_at(raw, 3, scalar)? } else { 0 };
        let carry = Carry {
            operation,
            takes: raw.opcode[0].ends_with('c'),
            gives: has(raw, "cc"),
            bits: scalar.bits() as u8,
            signed: scalar.is_signed(),
            flag,
        };
        self.tables.carries.push(carry);
        self.emit_lane(Code::Carry, d, a, b, c, self.tables.carries.len() as u32 - 1);
        Ok(())
    }
}

/// `setp.lt.and`: how the comparison joins the third operand.
fn combination(raw: &RawInstruction) -> Option<Code> {
    match raw.opcode.get(2).map(String::as_str) {
        Some("and") => Some(PredicateAnd),
        Some("or") => Some(PredicateOr),
        Some("xor") => Some(PredicateXor),
        _ => None,
    }
}

/// The code of a comparison, whether its operands swap, whether its result inverts.
fn compare_code(raw: &RawInstruction, scalar: Scalar) -> Option<(Code, bool, bool)> {
    let name = raw.opcode.get(1)?.as_str();
    if scalar.is_float() {
        let pick = |single, double| by_float(scalar, single, double);
        let (equal, differ) = (pick(EqualF32, EqualF64)?, pick(DifferF32, DifferF64)?);
        let (less, less_equal) = (pick(LessF32, LessF64)?, pick(LessEqualF32, LessEqualF64)?);
        let numbers = pick(NumbersF32, NumbersF64)?;
        return Some(match name {
            "eq" => (equal, false, false),
            "ne" => (differ, false, false),
            "lt" => (less, false, false),
            "le" => (less_equal, false, false),
            "gt" => (less, true, false),
            "ge" => (less_equal, true, false),
            "equ" => (differ, false, true),
            "neu" => (equal, false, true),
            "ltu" => (less_equal, true, true),
            "leu" => (less, true, true),
            "gtu" => (less_equal, false, true),
            "geu" => (less, false, true),
            "num" | "number" => (numbers, false, false),
            "nan" | "notanumber" => (numbers, false, true),
            "finite" => (pick(FiniteF32, FiniteF64)?, false, false),
            "infinite" => (pick(InfiniteF32, InfiniteF64)?, false, false),
            "normal" => (pick(NormalF32, NormalF64)?, false, false),
            "subnormal" => (pick(SubnormalF32, SubnormalF64)?, false, false),
            _ => return None,
        });
    }
    let less = by_sign(scalar, [LessS16, LessS32, LessS64], [LessU; 3])?;
    let less_equal = by_sign(scalar, [LessEqualS16, LessEqualS32, LessEqualS64], [LessEqualU; 3])?;
    Some(match name {
        "eq" => (Equal, false, false),
        "ne" => (NotEqual, false, false),
        "lt" => (less, false, false),
        "le" => (less_equal, false, false),
        "gt" => (less, true, false),
        "ge" => (less_equal, true, false),
        "lo" => (LessU, false, false),
        "ls" => (LessEqualU, false, false),
        "hi" => (LessU, true, false),
        "hs" => (LessEqualU, true, false),
        _ => return None,
    })
}
