//! PTX text to a syntax tree: tokens, types, declarations, statements.
//!
//! Allocates at load only. Owns no state. It checks the grammar and nothing about meaning; what an instruction means, and
//! whether it is one that the machine runs, is the business of [`crate::program`]. No input makes it panic.

mod parse;
mod scalar;
mod syntax;
mod token;

pub(crate) use parse::parse;
pub(crate) use scalar::{Scalar, low_bits};
pub(crate) use syntax::{
    Function, Initialiser, Limits, Operand, Parameter, RawInstruction, RawModule, Space, Statement, Variable,
};

/// Why a module was refused: the line of the PTX text, the text there, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    /// Line of the PTX text, from 1.
    pub line: u32,
    /// The statement or word that was refused.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

impl LoadError {
    pub(crate) fn new(line: u32, text: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { line, text: text.into(), reason: reason.into() }
    }
}

impl std::fmt::Display for LoadError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "PTX line {}: {}: `{}`", self.line, self.reason, self.text)
    }
}

impl std::error::Error for LoadError {}
