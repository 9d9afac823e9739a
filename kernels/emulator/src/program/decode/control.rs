//! Branches, calls, returns, CTA and cluster barriers.

use super::super::{Barrier, BarrierKind, Call, Code, Instruction};
use super::{Decoded, Decoder, Fix, Placed, has};
use crate::ptx::{Function, Operand, Parameter, RawInstruction, Scalar};

impl Decoder<'_> {
    pub(super) fn control(&mut self, raw: &RawInstruction) -> Decoded<()> {
        match raw.opcode[0].as_str() {
            "bra" => self.branch(raw),
            "brx" => self.indexed_branch(raw),
            "call" => self.call(raw),
            "ret" => {
                self.emit_return();
                Ok(())
            }
            "exit" => self.plain(Code::Exit),
            "trap" | "brkpt" => self.plain(Code::Trap),
            "nanosleep" => self.plain(Code::Sleep),
            "barrier" if has(raw, "cluster") => self.cluster_barrier(raw),
            _ if has(raw, "warp") => {
                let members = self.source_at(raw, 0, Scalar::B32)?;
                self.emit_lane(Code::WarpBarrier, 0, members, 0, 0, 0);
                Ok(())
            }
            _ => self.barrier(raw),
        }
    }

    fn plain(&mut self, code: Code) -> Decoded<()> {
        self.emit_lane(code, 0, 0, 0, 0, 0);
        Ok(())
    }

    fn emit_return(&mut self) {
        match self.return_register {
            Some(register) => self.emit_lane(Code::Return, 0, register, 0, 0, 0),
            None => self.emit_lane(Code::Exit, 0, 0, 0, 0, 0),
        }
    }

    /// Text may run off a function's end without `ret`.
    pub(super) fn leave_function(&mut self) -> Decoded<()> {
        self.emit_return();
        Ok(())
    }

    fn branch(&mut self, raw: &RawInstruction) -> Decoded<()> {
        let Operand::Name(label) = self.operand(raw, 0)? else { return self.unsupported(raw) };
        self.fixes.push(Fix {
            at: self.code.len(),
            labels: vec![label.clone()],
            table: None,
            line: raw.line,
        });
        self.plain(Code::Branch)
    }

    fn indexed_branch(&mut self, raw: &RawInstruction) -> Decoded<()> {
        let a = self.source_at(raw, 0, Scalar::U32)?;
        let Operand::Name(list) = self.operand(raw, 1)? else { return self.unsupported(raw) };
        let Some(labels) = self.branch_targets.get(list).cloned() else {
            return Err(self.refusal(&raw.text, "no such list of branch targets"));
        };
        let table = self.tables.branches.len();
        self.tables.branches.push(Vec::new());
        self.fixes.push(Fix { at: self.code.len(), labels, table: Some(table), line: raw.line });
        self.emit_lane(Code::BranchIndexed, 0, a, 0, 0, table as u32);
        Ok(())
    }

    /// Labels are known at the end of their function. A branch back gets a number for the polling detector in `b`.
    pub(super) fn resolve_labels(&mut self) -> Decoded<()> {
        for fix in std::mem::take(&mut self.fixes) {
            self.line = fix.line;
            let mut targets = Vec::new();
            for label in &fix.labels {
                match self.labels.get(label) {
                    Some(&target) => targets.push(target),
                    None => return Err(self.refusal(label, "no such label")),
                }
            }
            match fix.table {
                Some(table) => self.tables.branches[table] = targets,
                None => {
                    let back = targets[0] as usize <= fix.at;
                    let instruction: &mut Instruction = &mut self.code[fix.at];
                    instruction.x = targets[0];
                    if back && self.loops < usize::from(u16::MAX) {
                        self.loops += 1;
                        instruction.b = self.loops as u16;
                    }
                }
            }
        }
        self.labels.clear();
        self.branch_targets.clear();
        Ok(())
    }

    /// `call.uni (result), name, (arguments);` in the forms that leave out either list.
    fn call(&mut self, raw: &RawInstruction) -> Decoded<()> {
        let mut results: &[Operand] = &[];
        let mut arguments: &[Operand] = &[];
        let mut name = None;
        for operand in &raw.operands {
            match operand {
                Operand::Group(list) if name.is_none() => results = list,
                Operand::Group(list) => arguments = list,
                Operand::Name(callee) if name.is_none() => name = Some(callee.clone()),
                _ => return self.unsupported(raw),
            }
        }
        let Some(name) = name else { return self.unsupported(raw) };
        match name.as_str() {
            "cudaGraphSetConditional" => self.set_conditional(raw, arguments),
            "__assertfail" => self.plain(Code::Trap),
            _ => self.module_call(raw, &name, results, arguments),
        }
    }

    fn set_conditional(&mut self, raw: &RawInstruction, arguments: &[Operand]) -> Decoded<()> {
        let [handle, value] = arguments else { return self.unsupported(raw) };
        let handle = self.argument(raw, handle, 8)?;
        let value = self.argument(raw, value, 4)?;
        self.emit_lane(Code::SetConditional, 0, handle, value, 0, 0);
        Ok(())
    }

    /// Loads a call's argument from its parameter variable into a new register.
    fn argument(&mut self, raw: &RawInstruction, operand: &Operand, bytes: u8) -> Decoded<u16> {
        use super::super::{Access, Order, Scope};
        let offset = self.local_parameter(raw, operand)?;
        let (address, d) = (self.constant(u64::from(offset))?, self.new_register()?);
        self.tables.accesses.push(Access {
            space: crate::ptx::Space::Local,
            bytes,
            vector: 1,
            sign_bits: 0,
            order: Order::Weak,
            scope: Scope::Cta,
            offset: 0,
            values: [d, 0, 0, 0],
        });
        self.emit_lane(Code::Load, 0, address, 0, 0, self.tables.accesses.len() as u32 - 1);
        Ok(d)
    }

    fn module_call(
        &mut self,
        raw: &RawInstruction,
        name: &str,
        results: &[Operand],
        arguments: &[Operand],
    ) -> Decoded<()> {
        self.place_function(raw, name)?;
        self.calls.push((self.function_name.clone(), name.to_string()));
        let placed = &self.functions[name];
        let (return_register, into, from) =
            (placed.return_register, placed.parameters.clone(), placed.returns.clone());
        if into.len() != arguments.len() || from.len() != results.len() {
            return Err(self.refusal(&raw.text, "wrong number of arguments"));
        }
        let mut call = Call { target: 0, return_register, copies: Vec::new() };
        for (argument, (offset, bytes)) in arguments.iter().zip(into) {
            call.copies.push((self.local_parameter(raw, argument)?, offset, bytes));
        }
        self.tables.calls.push(call);
        self.emit_lane(Code::Call, 0, return_register, 0, 0, self.tables.calls.len() as u32 - 1);
        self.copy_results(raw, results, &from)
    }

    /// After the return: from the callee's result variables to the caller's, eight bytes or less at a time.
    fn copy_results(
        &mut self,
        raw: &RawInstruction,
        results: &[Operand],
        from: &[(u32, u32)],
    ) -> Decoded<()> {
        use super::super::{Access, Order, Scope};
        for (result, (offset, bytes)) in results.iter().zip(from) {
            let to = self.local_parameter(raw, result)?;
            let value = self.new_register()?;
            let mut done = 0;
            while done < *bytes {
                let step = [8, 4, 2, 1]
                    .into_iter()
                    .find(|step| done + step <= *bytes)
                    .expect("one byte always fits");
                for (code, place) in [(Code::Load, offset + done), (Code::Store, to + done)] {
                    let address = self.constant(u64::from(place))?;
                    self.tables.accesses.push(Access {
                        space: crate::ptx::Space::Local,
                        bytes: step as u8,
                        vector: 1,
                        sign_bits: 0,
                        order: Order::Weak,
                        scope: Scope::Cta,
                        offset: 0,
                        values: [value, 0, 0, 0],
                    });
                    self.emit_lane(code, 0, address, 0, 0, self.tables.accesses.len() as u32 - 1);
                }
                done += step;
            }
        }
        Ok(())
    }

    fn place_function(&mut self, raw: &RawInstruction, name: &str) -> Decoded<()> {
        if self.functions.contains_key(name) {
            return Ok(());
        }
        let module = self.module;
        let Some(function) = module.functions.iter().find(|f: &&Function| f.name == name && f.body.is_some())
        else {
            return Err(self.refusal(&raw.text, "call of a function that the module does not define"));
        };
        let mut place = |parameters: &[Parameter]| {
            parameters
                .iter()
                .map(|p| Ok((self.place_local(p.align.max(8), p.bytes)? as u32, p.bytes as u32)))
                .collect::<Decoded<Vec<_>>>()
        };
        let (parameters, returns) = (place(&function.parameters)?, place(&function.returns)?);
        let return_register = self.new_register()?;
        self.functions.insert(name.to_string(), Placed { start: None, return_register, parameters, returns });
        self.pending.push(name.to_string());
        Ok(())
    }

    /// Frames are static, so no function may reach itself.
    pub(super) fn refuse_recursion(&self) -> Decoded<()> {
        for (_, callee) in &self.calls {
            let (mut reached, mut at) = (vec![callee.as_str()], 0);
            while at < reached.len() {
                for (from, to) in &self.calls {
                    if from == reached[at] && to == callee {
                        return Err(self.refusal(callee, "recursive function"));
                    }
                    if from == reached[at] && !reached.contains(&to.as_str()) {
                        reached.push(to);
                    }
                }
                at += 1;
            }
        }
        Ok(())
    }

    fn cluster_barrier(&mut self, raw: &RawInstruction) -> Decoded<()> {
        let relaxed = has(raw, "relaxed");
        let code = match (has(raw, "arrive"), has(raw, "wait")) {
            (true, false) => Code::ClusterArrive,
            (false, true) => Code::ClusterWait,
            _ => return self.unsupported(raw),
        };
        self.emit_lane(code, 0, 0, 0, 0, u32::from(!relaxed));
        Ok(())
    }

    /// `bar.sync a{, b}`, `bar.arrive a, b`, `bar.red.popc.u32 d, a{, b}, p`, and `barrier` for `bar`.
    fn barrier(&mut self, raw: &RawInstruction) -> Decoded<()> {
        let reduces = has(raw, "red");
        let kind = if has(raw, "arrive") {
            BarrierKind::Arrive
        } else if reduces && has(raw, "popc") {
            BarrierKind::CountReduction
        } else if reduces && has(raw, "and") {
            BarrierKind::AndReduction
        } else if reduces && has(raw, "or") {
            BarrierKind::OrReduction
        } else if has(raw, "sync") {
            BarrierKind::Sync
        } else {
            return self.unsupported(raw);
        };
        let first = usize::from(reduces);
        let counted = raw.operands.len() == if reduces { 4 } else { 2 };
        let a = self.source_at(raw, first, Scalar::U32)?;
        let b = if counted { self.source_at(raw, first + 1, Scalar::U32)? } else { 0 };
        let (mut d, mut c, mut inverted) = (0, 0, false);
        if reduces {
            let last = raw.operands.len() - 1;
            let operand = raw.operands[last].clone();
            inverted = matches!(operand, Operand::Inverted(_));
            c = match &operand {
                Operand::Inverted(name) => self.predicate(raw, &Operand::Name(name.clone()))?,
                other => self.predicate(raw, other)?,
            };
            let target = self.operand(raw, 0)?;
            d = if kind == BarrierKind::CountReduction {
                self.target(raw, target)?.0
            } else {
                self.predicate(raw, target)?
            };
        }
        self.tables.barriers.push(Barrier { kind, counted, inverted });
        self.emit_lane(Code::Barrier, d, a, b, c, self.tables.barriers.len() as u32 - 1);
        Ok(())
    }
}
