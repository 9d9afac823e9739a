//! Loads, stores, atomics, address conversions, fences.

use super::super::{Access, AddressMap, Atomic, AtomicOperation, Code, Order, Scope};
use super::names::{Name, Place};
use super::{Decoded, Decoder, has, space_of};
use crate::ptx::{Operand, RawInstruction, Scalar, Space};

/// 16 bytes is the most that one access moves at once.
const ACCESS_BYTES_MAX: u64 = 16;

fn order_of(raw: &RawInstruction) -> Order {
    if has(raw, "acq_rel") || has(raw, "sc") {
        Order::AcquireRelease
    } else if has(raw, "acquire") {
        Order::Acquire
    } else if has(raw, "release") {
        Order::Release
    } else if has(raw, "relaxed") || has(raw, "volatile") || has(raw, "mmio") {
        Order::Relaxed
    } else {
        Order::Weak
    }
}

fn scope_of(raw: &RawInstruction) -> Scope {
    if has(raw, "cta") { Scope::Cta } else { Scope::Wide }
}

fn operation_of(raw: &RawInstruction, scalar: Scalar) -> Option<AtomicOperation> {
    use AtomicOperation::*;
    let signed = scalar.is_signed();
    raw.opcode.iter().find_map(|word| {
        Some(match word.as_str() {
            "add" if scalar == Scalar::F64 => AddF64,
            "add" if scalar == Scalar::F32 => AddF32,
            "add" => Add,
            "and" => And,
            "or" => Or,
            "xor" => Xor,
            "exch" => Exchange,
            "cas" => Compare,
            "min" if signed => MinS,
            "max" if signed => MaxS,
            "min" => MinU,
            "max" => MaxU,
            "inc" => Increment,
            "dec" => Decrement,
            _ => return None,
        })
    })
}

impl Decoder<'_> {
    pub(super) fn memory(&mut self, raw: &RawInstruction) -> Decoded<()> {
        match raw.opcode[0].as_str() {
            "ld" | "ldu" => self.load(raw),
            "st" => self.store(raw),
            "atom" | "red" => self.atomic(raw),
            "cvta" => self.convert_address(raw),
            "isspacep" => self.is_space(raw),
            "mapa" => self.map_rank(raw),
            "membar" | "fence" => self.fence(raw),
            _ => Ok(()),
        }
    }

    fn load(&mut self, raw: &RawInstruction) -> Decoded<()> {
        let scalar = self.last_scalar(raw)?;
        let place = {
            let operand = self.operand(raw, 1)?;
            self.place(raw, operand)?
        };
        let operand = self.operand(raw, 0)?;
        let (mut values, mut sign_bits) = (Vec::new(), 0);
        if let Some((low, high)) = self.wide(operand) {
            values.extend([low, high]);
        } else {
            let parts = vector_parts(operand);
            for part in parts {
                let (register, bits) = self.target(raw, part)?;
                values.push(register);
                sign_bits = if scalar.is_signed() && bits > scalar.bits() { bits as u8 } else { 0 };
            }
        }
        self.access(raw, Code::Load, scalar, place, &values, sign_bits)
    }

    fn store(&mut self, raw: &RawInstruction) -> Decoded<()> {
        let scalar = self.last_scalar(raw)?;
        let place = {
            let operand = self.operand(raw, 0)?;
            self.place(raw, operand)?
        };
        let operand = self.operand(raw, 1)?;
        let values = match self.wide(operand) {
            Some((low, high)) => vec![low, high],
            None => vector_parts(operand)
                .iter()
                .map(|part| self.source(raw, part, scalar))
                .collect::<Decoded<Vec<_>>>()?,
        };
        self.access(raw, Code::Store, scalar, place, &values, 0)
    }

    fn access(
        &mut self,
        raw: &RawInstruction,
        code: Code,
        scalar: Scalar,
        place: Place,
        values: &[u16],
        sign_bits: u8,
    ) -> Decoded<()> {
        let bytes = scalar.bytes().min(8);
        let expected = match (scalar, has(raw, "v2"), has(raw, "v4")) {
            (Scalar::B128, false, false) | (_, true, false) => 2,
            (_, false, true) => 4,
            _ => 1,
        };
        if scalar == Scalar::Pred
            || values.len() != expected
            || bytes * values.len() as u64 > ACCESS_BYTES_MAX
        {
            return self.unsupported(raw);
        }
        let mut list = [0; 4];
        list[..values.len()].copy_from_slice(values);
        let access = Access {
            space: self.access_space(raw, &place),
            bytes: bytes as u8,
            vector: values.len() as u8,
            sign_bits,
            order: order_of(raw),
            scope: scope_of(raw),
            offset: place.offset,
            values: list,
        };
        self.tables.accesses.push(access);
        self.emit_lane(code, 0, place.register, 0, 0, self.tables.accesses.len() as u32 - 1);
        Ok(())
    }

    /// A call's parameters live in local memory; a kernel's in the parameter block.
    fn access_space(&self, raw: &RawInstruction, place: &Place) -> Space {
        match (space_of(raw), place.name) {
            (Space::Parameter, Some(Name::LocalParameter { .. })) => Space::Local,
            (space, _) => space,
        }
    }

    fn atomic(&mut self, raw: &RawInstruction) -> Decoded<()> {
        let scalar = self.last_scalar(raw)?;
        let Some(operation) = operation_of(raw, scalar) else { return self.unsupported(raw) };
        let no_result = raw.opcode[0] == "red";
        let address = usize::from(!no_result);
        let bytes = scalar.bytes() as u8;
        let narrow_only = matches!(operation, AtomicOperation::Exchange | AtomicOperation::Compare);
        if !(matches!(bytes, 4 | 8) || bytes == 16 && narrow_only) {
            return self.unsupported(raw);
        }
        let place = {
            let operand = self.operand(raw, address)?;
            self.place(raw, operand)?
        };
        let (d, d_high) = if no_result { (self.new_register()?, 0) } else { self.atomic_target(raw, bytes)? };
        let (b, b_high) = self.atomic_source(raw, address + 1, scalar)?;
        let compares = operation == AtomicOperation::Compare;
        let (c, c_high) = if compares { self.atomic_source(raw, address + 2, scalar)? } else { (0, 0) };
        self.tables.atomics.push(Atomic {
            operation,
            space: space_of(raw),
            bytes,
            order: order_of(raw),
            scope: scope_of(raw),
            offset: place.offset,
            no_result,
            high: [d_high, b_high, c_high],
        });
        self.emit_lane(Code::Atomic, d, place.register, b, c, self.tables.atomics.len() as u32 - 1);
        Ok(())
    }

    fn atomic_target(&mut self, raw: &RawInstruction, bytes: u8) -> Decoded<(u16, u16)> {
        let operand = self.operand(raw, 0)?;
        match self.wide(operand) {
            Some(halves) if bytes == 16 => Ok(halves),
            None if bytes < 16 => Ok((self.target(raw, operand)?.0, 0)),
            _ => self.unsupported(raw),
        }
    }

    fn atomic_source(&mut self, raw: &RawInstruction, index: usize, scalar: Scalar) -> Decoded<(u16, u16)> {
        let operand = self.operand(raw, index)?;
        match self.wide(operand) {
            Some(halves) => Ok(halves),
            None if scalar == Scalar::B128 => self.unsupported(raw),
            None => Ok((self.source(raw, operand, scalar)?, 0)),
        }
    }

    fn convert_address(&mut self, raw: &RawInstruction) -> Decoded<()> {
        let to_space = has(raw, "to");
        let map = match (space_of(raw), to_space) {
            (Space::Shared, false) => Some(AddressMap::SharedToGeneric),
            (Space::SharedCluster, false) => Some(AddressMap::SharedClusterToGeneric),
            (Space::Shared | Space::SharedCluster, true) => Some(AddressMap::GenericToShared),
            (Space::Local, false) => Some(AddressMap::LocalToGeneric),
            (Space::Local, true) => Some(AddressMap::GenericToLocal),
            (Space::Parameter, false) => Some(AddressMap::ParameterToGeneric),
            (Space::Parameter, true) => Some(AddressMap::GenericToParameter),
            (Space::Global | Space::Constant, _) => None,
            (Space::Generic, _) => return self.unsupported(raw),
        };
        let a = self.source_at(raw, 1, Scalar::U64)?;
        let d = self.target_at(raw, 0)?;
        match map {
            Some(map) => self.emit_lane(Code::MapAddress, d, a, 0, 0, map as u32),
            None => self.emit_lane(Code::Move, d, a, 0, 0, 0),
        }
        Ok(())
    }

    fn is_space(&mut self, raw: &RawInstruction) -> Decoded<()> {
        let operand = self.operand(raw, 0)?;
        let d = self.predicate(raw, operand)?;
        let a = self.source_at(raw, 1, Scalar::U64)?;
        self.emit_lane(Code::IsSpace, d, a, 0, 0, space_of(raw) as u32);
        Ok(())
    }

    /// `mapa.u64 d, a, rank` maps a generic address, `mapa.shared::cluster.u32` one of the shared window.
    fn map_rank(&mut self, raw: &RawInstruction) -> Decoded<()> {
        let generic = space_of(raw) == Space::Generic;
        let d = self.target_at(raw, 0)?;
        let a = self.source_at(raw, 1, if generic { Scalar::U64 } else { Scalar::U32 })?;
        let b = self.source_at(raw, 2, Scalar::U32)?;
        self.emit_lane(Code::MapRank, d, a, b, 0, u32::from(generic));
        Ok(())
    }

    fn fence(&mut self, raw: &RawInstruction) -> Decoded<()> {
        if has(raw, "proxy") || raw.opcode.iter().any(|word| word.contains("::") || word == "mbarrier_init") {
            return self.unsupported(raw);
        }
        let scope = scope_of(raw);
        self.emit_lane(Code::Fence, 0, 0, 0, 0, scope as u32);
        Ok(())
    }
}

fn vector_parts(operand: &Operand) -> &[Operand] {
    match operand {
        Operand::Vector(parts) => parts,
        single => std::slice::from_ref(single),
    }
}
