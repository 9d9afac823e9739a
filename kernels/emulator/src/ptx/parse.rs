//! The parser: recursive descent over the tokens of one module.

use super::token::{Located, Token, tokenise};
use super::{
    Function, Initialiser, Limits, LoadError, Operand, Parameter, RawInstruction, RawModule, Scalar, Space,
    Statement, Variable,
};

/// More than any kernel needs, and few enough that a hostile count cannot exhaust memory.
const REGISTERS_MAX: i64 = 65_536;
const VARIABLE_BYTES_MAX: u64 = 1 << 32;
const NESTING_MAX: u32 = 64;

type Parsed<T> = Result<T, LoadError>;

/// Parses one module.
pub(crate) fn parse(source: &str) -> Parsed<RawModule> {
    let tokens = tokenise(source)?;
    Parser { source, tokens, at: 0, depth: 0 }.module()
}

struct Parser<'a> {
    source: &'a str,
    tokens: Vec<Located>,
    at: usize,
    depth: u32,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|located| &located.token)
    }

    fn line(&self) -> u32 {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(1, |located| located.line)
    }

    fn refuse<T>(&self, reason: &str) -> Parsed<T> {
        let text = self.tokens.get(self.at).map_or("end of text", |t| &self.source[t.start..t.end]);
        Err(LoadError::new(self.line(), text, reason))
    }

    fn is_mark(&self, mark: char) -> bool {
        self.peek() == Some(&Token::Mark(mark))
    }

    fn take_mark(&mut self, mark: char) -> bool {
        let found = self.is_mark(mark);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, mark: char) -> Parsed<()> {
        if self.take_mark(mark) { Ok(()) } else { self.refuse(&format!("expected `{mark}`")) }
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Some(Token::Word(found)) if found == word)
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        self.at += usize::from(found);
        found
    }

    fn word(&mut self) -> Parsed<String> {
        match self.peek() {
            Some(Token::Word(word)) => {
                let word = word.clone();
                self.at += 1;
                Ok(word)
            }
            _ => self.refuse("expected a name"),
        }
    }

    fn integer(&mut self) -> Parsed<i64> {
        let negative = self.take_mark('-');
        match self.peek() {
            Some(&Token::Integer(value)) => {
                self.at += 1;
                Ok(if negative { value.wrapping_neg() } else { value })
            }
            _ => self.refuse("expected an integer"),
        }
    }

    fn skip_line(&mut self) {
        let line = self.line();
        while self.tokens.get(self.at).is_some_and(|located| located.line == line) {
            self.at += 1;
        }
    }

    fn skip_to(&mut self, mark: char) {
        while self.peek().is_some() && !self.take_mark(mark) {
            self.at += 1;
        }
    }

    fn module(mut self) -> Parsed<RawModule> {
        let mut module = RawModule::default();
        while let Some(token) = self.peek() {
            let Token::Word(word) = token.clone() else { return self.refuse("expected a directive") };
            match word.as_str() {
                ".version" | ".address_size" | ".file" => self.skip_line(),
                ".target" => {
                    self.at += 1;
                    module.target = self.word()?;
                    while self.take_mark(',') {
                        self.word()?;
                    }
                }
                ".section" => self.skip_to('}'),
                ".pragma" | ".alias" => self.skip_to(';'),
                _ => self.declaration(&mut module)?,
            }
        }
        Ok(module)
    }

    fn declaration(&mut self, module: &mut RawModule) -> Parsed<()> {
        let mut external = false;
        while [".visible", ".extern", ".weak", ".common", ".noreturn"].iter().any(|word| self.is_word(word)) {
            external |= self.word()? == ".extern";
        }
        if self.take_word(".entry") {
            let function = self.function(true)?;
            module.functions.push(function);
        } else if self.take_word(".func") {
            let function = self.function(false)?;
            module.functions.push(function);
        } else {
            let space = self.variable_space()?;
            for variable in self.variables(space)? {
                if external && !variable.unsized_array {
                    return Err(LoadError::new(variable.line, variable.name, "external variable"));
                }
                module.variables.push(variable);
            }
        }
        Ok(())
    }

    fn variable_space(&mut self) -> Parsed<Space> {
        let space = match self.peek() {
            Some(Token::Word(word)) => match word.as_str() {
                ".global" => Space::Global,
                ".const" => Space::Constant,
                ".shared" => Space::Shared,
                ".local" => Space::Local,
                ".param" => Space::Parameter,
                _ => return self.refuse("unknown directive"),
            },
            _ => return self.refuse("expected a directive"),
        };
        self.at += 1;
        Ok(space)
    }

    /// `.align 8 .b8 name[16] = {1, 2}, other;`
    fn variables(&mut self, space: Space) -> Parsed<Vec<Variable>> {
        let (align, element) = self.align_and_scalar()?;
        let mut list = Vec::new();
        loop {
            let line = self.line();
            let name = self.word()?;
            let (bytes, unsized_array) = self.array_bytes(element)?;
            let initial = if self.take_mark('=') { self.initialisers()? } else { Vec::new() };
            list.push(Variable { space, align, element, name, bytes, unsized_array, initial, line });
            if !self.take_mark(',') {
                break;
            }
        }
        self.expect(';')?;
        Ok(list)
    }

    fn align_and_scalar(&mut self) -> Parsed<(u64, Scalar)> {
        let mut align = 0;
        loop {
            if self.take_word(".align") {
                let value = self.integer()?;
                if !(1..=4096).contains(&value) || value & (value - 1) != 0 {
                    return self.refuse("alignment is not a power of two up to 4096");
                }
                align = value as u64;
            } else if self.take_word(".ptr")
                || [".global", ".const", ".shared", ".local"].iter().any(|w| self.take_word(w))
            {
                // `.ptr .global .align 4` is a hint about where a parameter points: not its own alignment.
                if self.take_word(".align") {
                    self.integer()?;
                }
            } else {
                break;
            }
        }
        let scalar = match self.peek() {
            Some(Token::Word(word)) => Scalar::parse(word.trim_start_matches('.')),
            _ => None,
        };
        let Some(scalar) = scalar else { return self.refuse("not a type that the emulator knows") };
        self.at += 1;
        if self.take_word(".ptr") {
            while [".global", ".const", ".shared", ".local"].iter().any(|word| self.take_word(word)) {}
            if self.take_word(".align") {
                self.integer()?;
            }
        }
        Ok((align.max(scalar.bytes()), scalar))
    }

    fn array_bytes(&mut self, element: Scalar) -> Parsed<(u64, bool)> {
        let (mut bytes, mut unsized_array) = (element.bytes(), false);
        while self.take_mark('[') {
            if self.take_mark(']') {
                unsized_array = true;
                bytes = 0;
                continue;
            }
            let length = self.integer()?;
            let product = u64::try_from(length).ok().and_then(|length| bytes.checked_mul(length));
            match product {
                Some(product) if product <= VARIABLE_BYTES_MAX => bytes = product,
                _ => return self.refuse("array too large"),
            }
            self.expect(']')?;
        }
        Ok((bytes, unsized_array))
    }

    fn initialisers(&mut self) -> Parsed<Vec<Initialiser>> {
        let mut list = Vec::new();
        self.initialiser(&mut list, 0)?;
        Ok(list)
    }

    fn initialiser(&mut self, list: &mut Vec<Initialiser>, depth: u32) -> Parsed<()> {
        if depth > NESTING_MAX {
            return self.refuse("initialiser nested too deeply");
        }
        if self.take_mark('{') {
            while !self.take_mark('}') {
                self.initialiser(list, depth + 1)?;
                if !self.take_mark(',') && !self.is_mark('}') {
                    return self.refuse("expected `,` or `}`");
                }
            }
            return Ok(());
        }
        let value = match self.peek() {
            Some(&Token::Double(bits)) => Initialiser::Value(bits),
            Some(&Token::Single(bits)) => Initialiser::Value(u64::from(bits)),
            Some(Token::Word(_)) => return self.address_initialiser(list),
            _ => {
                let value = self.integer()?;
                list.push(Initialiser::Value(value as u64));
                return Ok(());
            }
        };
        self.at += 1;
        list.push(value);
        Ok(())
    }

    /// `name`, `name+8` or `generic(name)`, `generic(name+8)`.
    fn address_initialiser(&mut self, list: &mut Vec<Initialiser>) -> Parsed<()> {
        let mut name = self.word()?;
        let wrapped = name == "generic" && self.take_mark('(');
        if wrapped {
            name = self.word()?;
        }
        let mut offset = if self.take_mark('+') { self.integer()? } else { 0 };
        if wrapped {
            self.expect(')')?;
            offset = offset.wrapping_add(if self.take_mark('+') { self.integer()? } else { 0 });
        }
        list.push(Initialiser::Address { name, offset });
        Ok(())
    }

    fn function(&mut self, is_entry: bool) -> Parsed<Function> {
        let line = self.line();
        let returns = if self.is_mark('(') { self.parameters()? } else { Vec::new() };
        let name = self.word()?;
        let parameters = if self.is_mark('(') { self.parameters()? } else { Vec::new() };
        let limits = self.limits()?;
        if self.take_mark(';') {
            return Ok(Function { is_entry, name, returns, parameters, limits, body: None, line });
        }
        self.expect('{')?;
        let mut body = Vec::new();
        self.depth = 1;
        while self.depth > 0 {
            if let Some(statement) = self.statement()? {
                body.push(statement);
            }
        }
        body.pop();
        self.take_mark(';');
        Ok(Function { is_entry, name, returns, parameters, limits, body: Some(body), line })
    }

    fn parameters(&mut self) -> Parsed<Vec<Parameter>> {
        self.expect('(')?;
        let mut list = Vec::new();
        while !self.take_mark(')') {
            if !self.take_word(".param") && !self.take_word(".reg") {
                return self.refuse("expected a parameter");
            }
            let (align, scalar) = self.align_and_scalar()?;
            let name = self.word()?;
            let (bytes, unsized_array) = self.array_bytes(scalar)?;
            if unsized_array || bytes > 65_536 {
                return self.refuse("parameter too large");
            }
            list.push(Parameter { name, align, bytes });
            if !self.take_mark(',') && !self.is_mark(')') {
                return self.refuse("expected `,` or `)`");
            }
        }
        Ok(list)
    }

    fn limits(&mut self) -> Parsed<Limits> {
        let mut limits = Limits::default();
        while let Some(Token::Word(word)) = self.peek() {
            let word = word.clone();
            self.at += 1;
            match word.as_str() {
                ".maxntid" => limits.threads_max = Some(self.triple()?),
                ".reqntid" => limits.threads_required = Some(self.triple()?),
                ".reqnctapercluster" => limits.cluster_required = Some(self.triple()?),
                ".minnctapersm" | ".maxnctapersm" | ".maxnreg" | ".maxclusterrank" => {
                    self.integer()?;
                }
                ".explicitcluster" | ".noreturn" | ".blocksareclusters" => {}
                ".pragma" => self.skip_to(';'),
                _ => {
                    self.at -= 1;
                    return self.refuse("unknown directive of a function");
                }
            }
        }
        Ok(limits)
    }

    fn triple(&mut self) -> Parsed<[u32; 3]> {
        let mut triple = [1; 3];
        for slot in &mut triple {
            let Ok(value) = u32::try_from(self.integer()?) else { return self.refuse("negative count") };
            *slot = value;
            if !self.take_mark(',') {
                break;
            }
        }
        Ok(triple)
    }

    fn statement(&mut self) -> Parsed<Option<Statement>> {
        if self.take_mark('{') {
            self.depth += 1;
            return if self.depth > NESTING_MAX {
                self.refuse("nested too deeply")
            } else {
                Ok(Some(Statement::Open))
            };
        }
        if self.take_mark('}') {
            self.depth -= 1;
            return Ok(Some(Statement::Close));
        }
        if self.take_mark(';') {
            return Ok(None);
        }
        let Some(Token::Word(word)) = self.peek() else {
            return if self.is_mark('@') {
                self.instruction().map(Some)
            } else {
                self.refuse("expected a statement")
            };
        };
        let word = word.clone();
        if self.tokens.get(self.at + 1).is_some_and(|next| next.token == Token::Mark(':')) {
            self.at += 2;
            return self.label(word).map(Some);
        }
        match word.as_str() {
            ".reg" => self.registers().map(Some),
            ".loc" => {
                self.skip_line();
                Ok(None)
            }
            ".pragma" => {
                self.skip_to(';');
                Ok(None)
            }
            _ if word.starts_with('.') => {
                let space = self.variable_space()?;
                let mut list = self.variables(space)?;
                match (list.pop(), list.is_empty()) {
                    (Some(variable), true) => Ok(Some(Statement::Variable(variable))),
                    _ => self.refuse("several variables in one declaration"),
                }
            }
            _ => self.instruction().map(Some),
        }
    }

    fn label(&mut self, name: String) -> Parsed<Statement> {
        if self.is_word(".callprototype") {
            return self.refuse("call through a pointer");
        }
        if !self.take_word(".branchtargets") {
            return Ok(Statement::Label { name });
        }
        let mut targets = vec![self.word()?];
        while self.take_mark(',') {
            targets.push(self.word()?);
        }
        self.expect(';')?;
        Ok(Statement::BranchTargets { name, targets })
    }

    fn registers(&mut self) -> Parsed<Statement> {
        let line = self.line();
        self.at += 1;
        let (_, scalar) = self.align_and_scalar()?;
        let mut names = Vec::new();
        loop {
            let name = self.word()?;
            let count = if self.take_mark('<') { Some(self.register_count()?) } else { None };
            names.push((name, count));
            if !self.take_mark(',') {
                break;
            }
        }
        self.expect(';')?;
        Ok(Statement::Registers { scalar, names, line })
    }

    fn register_count(&mut self) -> Parsed<u32> {
        let value = self.integer()?;
        if !(0..=REGISTERS_MAX).contains(&value) {
            return self.refuse("too many registers");
        }
        self.expect('>')?;
        Ok(value as u32)
    }

    fn instruction(&mut self) -> Parsed<Statement> {
        let (start, line) = (self.tokens[self.at].start, self.line());
        let guard = if self.take_mark('@') {
            let inverted = self.take_mark('!');
            Some((self.word()?, inverted))
        } else {
            None
        };
        let opcode = self.word()?.split('.').map(str::to_string).collect();
        let mut operands = Vec::new();
        while !self.take_mark(';') {
            operands.push(self.operand(0)?);
            if !self.take_mark(',') && !self.is_mark(';') {
                return self.refuse("expected `,` or `;`");
            }
        }
        let end = self.tokens[self.at - 1].end;
        let text = self.source[start..end].split_whitespace().collect::<Vec<_>>().join(" ");
        Ok(Statement::Instruction(RawInstruction { guard, opcode, operands, line, text }))
    }

    fn operand(&mut self, depth: u32) -> Parsed<Operand> {
        if depth > NESTING_MAX {
            return self.refuse("operand nested too deeply");
        }
        let first = self.single_operand(depth)?;
        if self.take_mark('|') {
            let second = self.operand(depth + 1)?;
            return Ok(Operand::Pair(Box::new(first), Box::new(second)));
        }
        Ok(first)
    }

    fn single_operand(&mut self, depth: u32) -> Parsed<Operand> {
        let operand = match self.peek() {
            Some(Token::Mark('{')) => return self.list('}', depth).map(Operand::Vector),
            Some(Token::Mark('(')) => return self.list(')', depth).map(Operand::Group),
            Some(Token::Mark('[')) => return self.address(),
            Some(Token::Mark('!')) => {
                self.at += 1;
                return self.word().map(Operand::Inverted);
            }
            Some(Token::Mark('-')) | Some(Token::Integer(_)) => return self.integer().map(Operand::Integer),
            Some(&Token::Double(bits)) => Operand::Double(bits),
            Some(&Token::Single(bits)) => Operand::Single(bits),
            Some(Token::Word(word)) if word == "_" => Operand::Sink,
            Some(Token::Word(word)) => {
                let name = word.clone();
                self.at += 1;
                // `mov.u64 %rd1, table+16;`
                if self.take_mark('+') {
                    let offset = self.integer()?;
                    return Ok(Operand::Address { base: Some(name), offset });
                }
                return Ok(Operand::Name(name));
            }
            _ => return self.refuse("expected an operand"),
        };
        self.at += 1;
        Ok(operand)
    }

    fn list(&mut self, end: char, depth: u32) -> Parsed<Vec<Operand>> {
        self.at += 1;
        let mut list = Vec::new();
        while !self.take_mark(end) {
            list.push(self.operand(depth + 1)?);
            if !self.take_mark(',') && !self.is_mark(end) {
                return self.refuse("expected `,`");
            }
        }
        Ok(list)
    }

    fn address(&mut self) -> Parsed<Operand> {
        self.expect('[')?;
        let base = match self.peek() {
            Some(Token::Word(_)) => Some(self.word()?),
            _ => None,
        };
        let offset =
            if base.is_none() || self.take_mark('+') || self.is_mark('-') { self.integer()? } else { 0 };
        self.expect(']')?;
        Ok(Operand::Address { base, offset })
    }
}
