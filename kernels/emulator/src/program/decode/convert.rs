//! `cvt`.

use super::super::Code;
use super::{Decoded, Decoder, has};
use crate::ptx::{RawInstruction, Scalar};

use Code::*;

impl Decoder<'_> {
    pub(super) fn convert(&mut self, raw: &RawInstruction) -> Decoded<()> {
        let kinds: Vec<_> = raw.opcode.iter().filter_map(|word| Scalar::parse(word)).collect();
        let &[to, from] = kinds.as_slice() else { return self.unsupported(raw) };
        if has(raw, "ftz") || has(raw, "sat") || raw.operands.len() != 2 {
            return self.unsupported(raw);
        }
        let a = self.source_at(raw, 1, from)?;
        let operand = self.operand(raw, 0)?;
        let (d, register_bits) = self.target(raw, operand)?;
        match (to.is_float(), from.is_float()) {
            (false, false) => self.integer_to_integer(to, from, d, register_bits, a),
            (true, false) => self.integer_to_float(raw, to, from, d, a),
            (false, true) => self.float_to_integer(raw, to, from, d, a),
            (true, true) => self.float_to_float(raw, to, from, d, a),
        }
    }

    /// Extends from the source, cuts to the destination, and extends a signed result to its register's width.
    fn integer_to_integer(&mut self, to: Scalar, from: Scalar, d: u16, bits: u32, a: u16) -> Decoded<()> {
        let meet = to.bits().min(from.bits());
        let signed = if from.bits() <= to.bits() { from.is_signed() } else { to.is_signed() };
        let width = if to.is_signed() { bits.max(to.bits()) } else { to.bits() };
        let code = match (signed, meet, width) {
            (true, 8, 16) => Signed8To16,
            (true, 8, 32) => Signed8To32,
            (true, 8, 64) => Signed8To64,
            (true, 16, 32) => Signed16To32,
            (true, 16, 64) => Signed16To64,
            (true, 32, 64) => Signed32To64,
            (_, 8, _) => Low8,
            (_, 16, _) => Low16,
            (_, 32, _) => Low32,
            _ => Move,
        };
        self.emit_lane(code, d, a, 0, 0, 0);
        Ok(())
    }

    fn integer_to_float(
        &mut self,
        raw: &RawInstruction,
        to: Scalar,
        from: Scalar,
        d: u16,
        a: u16,
    ) -> Decoded<()> {
        if !has(raw, "rn") {
            return self.unsupported(raw);
        }
        if to == Scalar::F64 && from == Scalar::S32 {
            self.emit_lane(F64FromS32, d, a, 0, 0, 0);
            return Ok(());
        }
        let wide = self.new_register()?;
        let extend = match from {
            Scalar::S8 => Signed8To64,
            Scalar::S16 => Signed16To64,
            Scalar::S32 => Signed32To64,
            _ => Move,
        };
        self.emit_lane(extend, wide, a, 0, 0, 0);
        let code = match (to, from.is_signed()) {
            (Scalar::F64, true) => F64FromS64,
            (Scalar::F64, false) => F64FromU64,
            (_, true) => F32FromS64,
            (_, false) => F32FromU64,
        };
        self.emit_lane(code, d, wide, 0, 0, 0);
        Ok(())
    }

    fn float_to_integer(
        &mut self,
        raw: &RawInstruction,
        to: Scalar,
        from: Scalar,
        d: u16,
        a: u16,
    ) -> Decoded<()> {
        let whole = self.new_register()?;
        let single = from == Scalar::F32;
        let Some(round) = rounding(raw, single) else { return self.unsupported(raw) };
        self.emit_lane(round, whole, a, 0, 0, 0);
        let code = match (to, single) {
            (Scalar::S32, true) => S32FromF32,
            (Scalar::U32, true) => U32FromF32,
            (Scalar::S32, false) => S32FromF64,
            (Scalar::U32, false) => U32FromF64,
            (Scalar::S64, _) => S64FromF64,
            (Scalar::U64, _) => U64FromF64,
            _ => return self.unsupported(raw),
        };
        if single && to.bits() == 64 {
            self.emit_lane(F64FromF32, whole, whole, 0, 0, 0);
        }
        self.emit_lane(code, d, whole, 0, 0, 0);
        Ok(())
    }

    fn float_to_float(
        &mut self,
        raw: &RawInstruction,
        to: Scalar,
        from: Scalar,
        d: u16,
        a: u16,
    ) -> Decoded<()> {
        let code = match (to, from) {
            (Scalar::F64, Scalar::F32) => F64FromF32,
            (Scalar::F32, Scalar::F64) if has(raw, "rn") => F32FromF64,
            (Scalar::F32, Scalar::F32) | (Scalar::F64, Scalar::F64) => {
                rounding(raw, to == Scalar::F32).unwrap_or(Move)
            }
            _ => return self.unsupported(raw),
        };
        self.emit_lane(code, d, a, 0, 0, 0);
        Ok(())
    }
}

/// Rounding to a whole number, as the opcode's modifier says.
fn rounding(raw: &RawInstruction, single: bool) -> Option<Code> {
    let pick = |for_single, for_double| Some(if single { for_single } else { for_double });
    if has(raw, "rni") {
        pick(NearestF32, NearestF64)
    } else if has(raw, "rzi") {
        pick(TruncateF32, TruncateF64)
    } else if has(raw, "rmi") {
        pick(FloorF32, FloorF64)
    } else if has(raw, "rpi") {
        pick(CeilF32, CeilF64)
    } else {
        None
    }
}
