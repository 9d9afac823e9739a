//! The CPU twins of the core's computations.

pub mod book;
mod huge;
mod ladder;
mod levels;
pub mod nbbo;
mod orders;
mod query;
mod slots;
