//! `[placement]` of the configuration: which CPU each thread has, by name. `warptick tune plan` writes it.
//!
//! Without the section stages are placed by rule. With it every hot stage of the topology that runs must be named: a
//! profile that was made for another topology is an error, not half of a plan.

use serde::{Deserialize, Serialize};

use crate::control::placement::Role;

/// CPU numbers of threads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PlacementConfig {
    /// `inline`: all hot stages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inline: Option<usize>,
    /// `split`: arbitration and decoding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ingest: Option<usize>,
    /// `split`: books, strategies, risk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decide: Option<usize>,
    /// `split`: sockets and sessions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_entry: Option<usize>,
    /// Everything cold: its threads start on this CPU and stay there. Without it the scheduler places them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub housekeeping: Option<usize>,
    /// The built-in venue of a paced replay; by rule when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub venue: Option<usize>,
    /// Hot stages may share a CPU; they then yield to each other, and latencies include the scheduler.
    pub shared: bool,
}

impl PlacementConfig {
    /// Whether nothing is placed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The CPU of a role, if it is given.
    #[must_use]
    pub const fn cpu_of(&self, role: Role) -> Option<usize> {
        match role {
            Role::Inline => self.inline,
            Role::Ingest => self.ingest,
            Role::Decide => self.decide,
            Role::OrderEntry => self.order_entry,
            Role::Housekeeping => self.housekeeping,
            Role::Venue => self.venue,
        }
    }

    /// Places a role.
    pub const fn place(&mut self, role: Role, cpu: usize) {
        let place = match role {
            Role::Inline => &mut self.inline,
            Role::Ingest => &mut self.ingest,
            Role::Decide => &mut self.decide,
            Role::OrderEntry => &mut self.order_entry,
            Role::Housekeeping => &mut self.housekeeping,
            Role::Venue => &mut self.venue,
        };
        *place = Some(cpu);
    }
}
