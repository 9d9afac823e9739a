//! Names in scope, declarations, and operands as register numbers.

use std::collections::HashMap;

use super::super::{Clock, Code, Special};
use super::{Decoded, Decoder, LOCAL_BYTES_MAX, SHARED_BYTES_MAX};
use crate::ptx::{LoadError, Operand, RawInstruction, Scalar, Space, Variable, low_bits};

/// What a name stands for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Name {
    Register {
        number: u16,
        bits: u32,
    },
    /// Two registers: low and high half.
    Wide {
        low: u16,
        high: u16,
    },
    Predicate {
        number: u16,
    },
    Shared {
        offset: u64,
    },
    DynamicShared,
    /// Offset in the lane's local memory.
    Local {
        offset: u64,
    },
    /// A parameter of the kernel: offset in the parameter block.
    EntryParameter {
        offset: u64,
    },
    /// A parameter of a call, or of a function: it lives in local memory.
    LocalParameter {
        offset: u32,
    },
}

/// Nested scopes: a name in an inner one hides the outer one's.
#[derive(Debug)]
pub(super) struct Names {
    scopes: Vec<HashMap<String, Name>>,
}

impl Default for Names {
    fn default() -> Self {
        Self { scopes: vec![HashMap::new()] }
    }
}

impl Names {
    pub(super) fn open(&mut self) {
        self.scopes.push(HashMap::new());
    }

    pub(super) fn close(&mut self) {
        if self.scopes.len() > 1 {
            self.scopes.pop();
        }
    }

    pub(super) fn declare(&mut self, name: &str, meaning: Name) {
        self.scopes.last_mut().expect("the outermost scope stays").insert(name.to_string(), meaning);
    }

    pub(super) fn find(&self, name: &str) -> Option<Name> {
        self.scopes.iter().rev().find_map(|scope| scope.get(name).copied())
    }
}

/// An address: register, constant offset.
pub(super) struct Place {
    pub(super) register: u16,
    pub(super) offset: i64,
    pub(super) name: Option<Name>,
}

impl Decoder<'_> {
    pub(super) fn declare_registers(
        &mut self,
        scalar: Scalar,
        name: &str,
        count: Option<u32>,
    ) -> Decoded<()> {
        match count {
            None => self.declare_register(scalar, name),
            Some(count) => {
                (0..count).try_for_each(|index| self.declare_register(scalar, &format!("{name}{index}")))
            }
        }
    }

    fn declare_register(&mut self, scalar: Scalar, name: &str) -> Decoded<()> {
        let meaning = match scalar {
            Scalar::Pred => Name::Predicate { number: self.new_predicate()? },
            Scalar::B128 => Name::Wide { low: self.new_register()?, high: self.new_register()? },
            _ => Name::Register { number: self.new_register()?, bits: scalar.bits() },
        };
        self.names.declare(name, meaning);
        Ok(())
    }

    pub(super) fn declare_variable(&mut self, variable: &Variable) -> Decoded<()> {
        self.line = variable.line;
        let meaning = match variable.space {
            Space::Shared if variable.unsized_array => Name::DynamicShared,
            Space::Shared => Name::Shared { offset: self.place_shared(variable)? },
            Space::Local => Name::Local { offset: self.place_local(variable.align, variable.bytes)? },
            Space::Parameter => {
                let offset = self.place_local(variable.align, variable.bytes)?;
                Name::LocalParameter { offset: offset as u32 }
            }
            _ => return Err(self.refusal(&variable.name, "variable of this space inside a function")),
        };
        self.names.declare(&variable.name, meaning);
        Ok(())
    }

    fn place_shared(&mut self, variable: &Variable) -> Decoded<u64> {
        let offset = self.shared_bytes.next_multiple_of(variable.align.max(1));
        self.shared_bytes = offset + variable.bytes;
        if self.shared_bytes > SHARED_BYTES_MAX {
            return Err(self.refusal(&variable.name, "more shared memory than any device has"));
        }
        Ok(offset)
    }

    pub(super) fn place_local(&mut self, align: u64, bytes: u64) -> Decoded<u64> {
        let offset = self.local_bytes.next_multiple_of(align.max(1));
        self.local_bytes = offset + bytes;
        if self.local_bytes > LOCAL_BYTES_MAX {
            return Err(self.refusal(&self.function_name, "too much local memory"));
        }
        Ok(offset)
    }

    /// Module-level variables are found by name, shared ones placed at their first use.
    fn module_variable(&mut self, name: &str) -> Decoded<Option<ModuleName>> {
        let module = self.module;
        let Some(variable) = module.variables.iter().find(|variable| variable.name == name) else {
            return Ok(None);
        };
        if variable.space != Space::Shared {
            return Ok(self.image.address(name).map(ModuleName::Address));
        }
        if variable.unsized_array {
            return Ok(Some(ModuleName::Dynamic));
        }
        if let Some(&offset) = self.shared_variables.get(name) {
            return Ok(Some(ModuleName::Address(offset)));
        }
        let offset = self.place_shared(variable)?;
        self.shared_variables.insert(name.to_string(), offset);
        Ok(Some(ModuleName::Address(offset)))
    }

    /// The register that an operand of type `scalar` is read from.
    pub(super) fn source(&mut self, raw: &RawInstruction, operand: &Operand, scalar: Scalar) -> Decoded<u16> {
        match operand {
            Operand::Integer(value) => self.constant(low_bits(*value as u64, scalar.bits())),
            Operand::Double(bits) if scalar.bits() == 64 => self.constant(*bits),
            Operand::Single(bits) if scalar.bits() == 32 => self.constant(u64::from(*bits)),
            Operand::Name(name) => self.named(raw, name, 0),
            Operand::Address { base: Some(name), offset } => self.named(raw, name, *offset),
            _ => Err(self.refusal(&raw.text, "operand not understood")),
        }
    }

    fn named(&mut self, raw: &RawInstruction, name: &str, offset: i64) -> Decoded<u16> {
        match self.names.find(name) {
            Some(Name::Register { number, .. }) if offset == 0 => Ok(number),
            Some(
                Name::Shared { offset: base }
                | Name::Local { offset: base }
                | Name::EntryParameter { offset: base },
            ) => self.constant(base.wrapping_add_signed(offset)),
            Some(Name::LocalParameter { offset: base }) => {
                self.constant(u64::from(base).wrapping_add_signed(offset))
            }
            Some(Name::DynamicShared) => self.dynamic_register(offset),
            Some(_) => Err(self.refusal(&raw.text, "operand of the wrong kind")),
            None => self.unscoped(raw, name, offset),
        }
    }

    fn unscoped(&mut self, raw: &RawInstruction, name: &str, offset: i64) -> Decoded<u16> {
        if let Some(special) = special_of(name) {
            return self.special(special);
        }
        if name == "WARP_SZ" {
            return self.constant(32);
        }
        match self.module_variable(name)? {
            Some(ModuleName::Address(address)) => self.constant(address.wrapping_add_signed(offset)),
            Some(ModuleName::Dynamic) => self.dynamic_register(offset),
            None => Err(self.refusal(&raw.text, &format!("`{name}` is not known"))),
        }
    }

    fn dynamic_register(&mut self, offset: i64) -> Decoded<u16> {
        if let Some(&(register, _)) = self.dynamic.iter().find(|(_, known)| *known == offset) {
            return Ok(register);
        }
        let register = self.new_register()?;
        self.dynamic.push((register, offset));
        Ok(register)
    }

    pub(super) fn source_at(&mut self, raw: &RawInstruction, index: usize, scalar: Scalar) -> Decoded<u16> {
        let operand = self.operand(raw, index)?;
        self.source(raw, operand, scalar)
    }

    /// The register that an operand is written to, and its width.
    pub(super) fn target(&mut self, raw: &RawInstruction, operand: &Operand) -> Decoded<(u16, u32)> {
        match operand {
            Operand::Sink => Ok((self.new_register()?, 64)),
            Operand::Name(name) => match self.names.find(name) {
                Some(Name::Register { number, bits }) => Ok((number, bits)),
                _ => Err(self.refusal(&raw.text, "destination is not a register")),
            },
            _ => Err(self.refusal(&raw.text, "destination is not a register")),
        }
    }

    pub(super) fn target_at(&mut self, raw: &RawInstruction, index: usize) -> Decoded<u16> {
        let operand = self.operand(raw, index)?;
        Ok(self.target(raw, operand)?.0)
    }

    pub(super) fn predicate(&mut self, raw: &RawInstruction, operand: &Operand) -> Decoded<u16> {
        match operand {
            Operand::Sink => self.new_predicate(),
            Operand::Name(name) => match self.names.find(name) {
                Some(Name::Predicate { number }) => Ok(number),
                _ => Err(self.refusal(&raw.text, &format!("`{name}` is not a predicate"))),
            },
            _ => Err(self.refusal(&raw.text, "expected a predicate")),
        }
    }

    /// A predicate operand that may be inverted or constant, as a predicate number.
    pub(super) fn predicate_source(&mut self, raw: &RawInstruction, operand: &Operand) -> Decoded<u16> {
        match operand {
            Operand::Inverted(name) => {
                let from = self.predicate(raw, &Operand::Name(name.clone()))?;
                let to = self.new_predicate()?;
                self.emit_lane(Code::PredicateNot, to, from, 0, 0, 0);
                Ok(to)
            }
            Operand::Integer(value) => {
                let to = self.new_predicate()?;
                self.emit_lane(Code::PredicateSet, to, 0, 0, 0, u32::from(*value != 0));
                Ok(to)
            }
            _ => self.predicate(raw, operand),
        }
    }

    pub(super) fn wide(&self, operand: &Operand) -> Option<(u16, u16)> {
        match operand {
            Operand::Name(name) => match self.names.find(name) {
                Some(Name::Wide { low, high }) => Some((low, high)),
                _ => None,
            },
            _ => None,
        }
    }

    /// `[register+offset]`, `[name+offset]`, `[number]`.
    pub(super) fn place(&mut self, raw: &RawInstruction, operand: &Operand) -> Decoded<Place> {
        let Operand::Address { base, offset } = operand else {
            return Err(self.refusal(&raw.text, "expected an address"));
        };
        let Some(name) = base else {
            return Ok(Place { register: self.constant(*offset as u64)?, offset: 0, name: None });
        };
        let found = self.names.find(name);
        if let Some(Name::Register { number, .. }) = found {
            return Ok(Place { register: number, offset: *offset, name: found });
        }
        Ok(Place { register: self.named(raw, name, *offset)?, offset: 0, name: found })
    }

    pub(super) fn local_parameter(&self, raw: &RawInstruction, operand: &Operand) -> Result<u32, LoadError> {
        match operand {
            Operand::Name(name) => match self.names.find(name) {
                Some(Name::LocalParameter { offset }) => Ok(offset),
                _ => Err(self.refusal(&raw.text, "argument is not a parameter variable")),
            },
            _ => Err(self.refusal(&raw.text, "argument is not a parameter variable")),
        }
    }
}

enum ModuleName {
    Address(u64),
    Dynamic,
}

/// Registers that change while a thread runs.
pub(super) fn clock_of(name: &str) -> Option<Clock> {
    Some(match name {
        "%clock" => Clock::Cycles32,
        "%clock_hi" => Clock::CyclesHigh,
        "%clock64" => Clock::Cycles64,
        "%globaltimer" => Clock::Nanoseconds,
        "%globaltimer_lo" => Clock::NanosecondsLow,
        "%globaltimer_hi" => Clock::NanosecondsHigh,
        _ => return None,
    })
}

fn special_of(name: &str) -> Option<Special> {
    if let Some((stem, axis)) = name.rsplit_once('.') {
        let axis = match axis {
            "x" => 0,
            "y" => 1,
            "z" => 2,
            _ => return None,
        };
        return Some(match stem {
            "%tid" => Special::Thread(axis),
            "%ntid" => Special::ThreadCount(axis),
            "%ctaid" => Special::Cta(axis),
            "%nctaid" => Special::CtaCount(axis),
            "%clusterid" => Special::Cluster(axis),
            "%nclusterid" => Special::ClusterCount(axis),
            "%cluster_ctaid" => Special::CtaInCluster(axis),
            "%cluster_nctaid" => Special::CtasInCluster(axis),
            _ => return None,
        });
    }
    Some(match name {
        "%laneid" => Special::Lane,
        "%warpid" => Special::Warp,
        "%nwarpid" => Special::WarpCount,
        "%smid" => Special::Multiprocessor,
        "%nsmid" => Special::MultiprocessorCount,
        "%gridid" => Special::Grid,
        "%lanemask_eq" => Special::LanesEqual,
        "%lanemask_lt" => Special::LanesBelow,
        "%lanemask_le" => Special::LanesUpTo,
        "%lanemask_gt" => Special::LanesAbove,
        "%lanemask_ge" => Special::LanesFrom,
        "%cluster_ctarank" => Special::ClusterRank,
        "%cluster_nctarank" => Special::ClusterSize,
        "%is_explicit_cluster" => Special::ClusterExplicit,
        "%envreg1" => Special::Environment(1),
        "%envreg2" => Special::Environment(2),
        "%dynamic_smem_size" => Special::DynamicSharedBytes,
        "%total_smem_size" => Special::TotalSharedBytes,
        _ if name.starts_with("%envreg") => Special::Zero,
        _ => return None,
    })
}
