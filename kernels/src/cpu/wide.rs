//! Wide work on the CPU: what a change of one listing's best bid or offer fans out into.
//!
//! A [`WideSpec`] names listings, relations between them, and option chains on them; [`WideTables::compile`] checks it and
//! makes the flat tables that CPU and device share. A [`WideState`] remembers what the CPU backend needs between ticks:
//! touches, mids, volatilities and the last answer of every item. [`WideState::compute`] answers one request into a
//! [`WideAnswer`]; [`WideState::adopt`] makes what a device answered to the same request the same record.
//!
//! Everything is allocated at construction; computing, adopting and changing touches allocate nothing, hold no hash map,
//! and are bounded by the number of items that depend on the listing. The thread that decides owns the state; the tables
//! are shared and never change.

mod answer;
mod bounds;
mod chain;
mod error;
mod hit;
mod last_answers;
mod screen;
mod spec;
mod state;
mod tables;

pub use answer::{AdoptError, AnswerFull, WideAnswer};
pub use error::{WideError, WideFault, WideThing};
pub use hit::{Hit, HitLeg};
pub(crate) use spec::common_divisor;
pub use spec::{ExpirySpec, FACTOR_E9_MAX, LinearLegSpec, LinearSpec, OptionSpec, RelationSpec, WideSpec};
pub use state::{VolatilityRefused, WideState};
pub use tables::{ITEMS_MAX, WideTables};

#[cfg(test)]
#[path = "wide/tests.rs"]
mod tests;
