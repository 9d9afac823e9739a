//! Warp collectives.

use super::super::Code;
use super::{Decoded, Decoder, has};
use crate::ptx::{Operand, RawInstruction, Scalar};

/// `x` of a shuffle: its mode in the low bits, and this bit where it also gives a predicate.
pub(crate) const SHUFFLE_PREDICATE: u32 = 1 << 31;
/// `x` of a vote or a match: its source predicate is inverted.
pub(crate) const VOTE_INVERTED: u32 = 1 << 31;

impl Decoder<'_> {
    pub(super) fn warp(&mut self, raw: &RawInstruction) -> Decoded<()> {
        match raw.opcode[0].as_str() {
            "activemask" => {
                let d = self.target_at(raw, 0)?;
                self.emit_lane(Code::ActiveMask, d, 0, 0, 0, 0);
                Ok(())
            }
            _ if !has(raw, "sync") => self.unsupported(raw),
            "shfl" => self.shuffle(raw),
            "vote" => self.vote(raw),
            "match" => self.matches(raw),
            "redux" => self.reduce(raw),
            _ => self.elect(raw),
        }
    }

    /// Members in `c`; the clamp register rides in the low half of `x`'s table-free field, so it is packed beside the mode.
    fn shuffle(&mut self, raw: &RawInstruction) -> Decoded<()> {
        let mode = ["idx", "up", "down", "bfly"].iter().position(|mode| has(raw, mode));
        let Some(mode) = mode else { return self.unsupported(raw) };
        let members = self.source_at(raw, 4, Scalar::B32)?;
        let (value, by) = (self.source_at(raw, 1, Scalar::B32)?, self.source_at(raw, 2, Scalar::B32)?);
        let clamp = self.source_at(raw, 3, Scalar::B32)?;
        let Operand::Pair(first, second) = self.operand(raw, 0)?.clone() else {
            let d = self.target_at(raw, 0)?;
            self.emit_lane(Code::Shuffle, d, value, by, members, mode as u32 | u32::from(clamp) << 2);
            return Ok(());
        };
        let (d, _) = self.target(raw, &first)?;
        let valid = self.predicate(raw, &second)?;
        self.emit_lane(
            Code::Shuffle,
            d,
            value,
            by,
            members,
            mode as u32 | u32::from(clamp) << 2 | SHUFFLE_PREDICATE,
        );
        // The predicate's number follows in an instruction of its own, which the shuffle reads and skips.
        self.emit_lane(Code::Nothing, valid, 0, 0, 0, 0);
        Ok(())
    }

    /// `x`: 0 ballot, 1 all, 2 any, 3 uni.
    fn vote(&mut self, raw: &RawInstruction) -> Decoded<()> {
        let mode = ["ballot", "all", "any", "uni"].iter().position(|mode| has(raw, mode));
        let Some(mode) = mode else { return self.unsupported(raw) };
        let members = self.source_at(raw, 2, Scalar::B32)?;
        let (operand, inverted) = match self.operand(raw, 1)? {
            Operand::Inverted(name) => (Operand::Name(name.clone()), VOTE_INVERTED),
            other => (other.clone(), 0),
        };
        let a = match operand {
            Operand::Integer(_) => self.predicate_source(raw, &operand)?,
            _ => self.predicate(raw, &operand)?,
        };
        let target = self.operand(raw, 0)?;
        let d = if mode == 0 { self.target(raw, target)?.0 } else { self.predicate(raw, target)? };
        self.emit_lane(Code::Vote, d, a, 0, members, mode as u32 | inverted);
        Ok(())
    }

    fn matches(&mut self, raw: &RawInstruction) -> Decoded<()> {
        let scalar = self.last_scalar(raw)?;
        let members = self.source_at(raw, 2, Scalar::B32)?;
        let a = self.source_at(raw, 1, scalar)?;
        if has(raw, "any") {
            let d = self.target_at(raw, 0)?;
            self.emit_lane(Code::MatchAny, d, a, 0, members, 0);
            return Ok(());
        }
        let (first, second) = match self.operand(raw, 0)?.clone() {
            Operand::Pair(first, second) => (*first, *second),
            single => (single, Operand::Sink),
        };
        let (d, _) = self.target(raw, &first)?;
        let b = self.predicate(raw, &second)?;
        self.emit_lane(Code::MatchAll, d, a, b, members, 0);
        Ok(())
    }

    fn reduce(&mut self, raw: &RawInstruction) -> Decoded<()> {
        let scalar = self.last_scalar(raw)?;
        let signed = scalar == Scalar::S32;
        let mode = match raw.opcode.get(2).map(String::as_str) {
            Some("add") => 0,
            Some("and") => 1,
            Some("or") => 2,
            Some("xor") => 3,
            Some("min") if signed => 4,
            Some("max") if signed => 5,
            Some("min") => 6,
            Some("max") => 7,
            _ => return self.unsupported(raw),
        };
        if scalar.bits() != 32 || scalar.is_float() {
            return self.unsupported(raw);
        }
        let members = self.source_at(raw, 2, Scalar::B32)?;
        let a = self.source_at(raw, 1, scalar)?;
        let d = self.target_at(raw, 0)?;
        self.emit_lane(Code::Reduce, d, a, 0, members, mode);
        Ok(())
    }

    fn elect(&mut self, raw: &RawInstruction) -> Decoded<()> {
        let Operand::Pair(first, second) = self.operand(raw, 0)?.clone() else {
            return self.unsupported(raw);
        };
        let (d, _) = self.target(raw, &first)?;
        let b = self.predicate(raw, &second)?;
        let members = self.source_at(raw, 1, Scalar::B32)?;
        self.emit_lane(Code::Elect, d, 0, b, members, 0);
        Ok(())
    }
}
