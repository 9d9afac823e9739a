//! The CPU twins of the core's computations.

pub mod book;
mod huge;
mod ladder;
mod levels;
mod look_ahead;
pub mod nbbo;
mod orders;
mod query;
mod slots;
mod tick;
