//! Which core each thread of a run has.

use crate::control::config::{Config, Topology};
use crate::control::cpus::Host;
use crate::control::failure::Failure;
use crate::control::placement::{Plan, Role};

/// Where the hot stages of a run go; `with_venue` when the simulated venue runs in this process.
///
/// # Errors
/// Cores that are not there.
pub fn placement(config: &Config, topology: Topology, with_venue: bool) -> Result<Plan, Failure> {
    let host = Host::read().map_err(|error| Failure::Input(format!("placement: {error}")))?;
    let mut roles = match topology {
        Topology::Inline => vec![Role::Inline],
        Topology::Split => vec![Role::Ingest, Role::Decide, Role::OrderEntry],
    };
    if with_venue {
        roles.push(Role::Venue);
    }
    if config.placement.housekeeping.is_some() {
        roles.push(Role::Housekeeping);
    }
    let plan = if !config.placement.is_empty() {
        Plan::configured(&host, &roles, &config.placement)
    } else if config.pipeline.cores.is_empty() {
        Plan::automatic(&host, &roles)
    } else {
        let wanted: Vec<_> = roles.into_iter().zip(config.pipeline.cores.iter().copied()).collect();
        Plan::explicit(&host, &wanted)
    };
    plan.map_err(|error| Failure::Input(format!("placement: {error}")))
}

/// Puts the calling thread, which keeps house, where the plan says, and with it every thread that it starts from now on
/// but the hot ones, which pin themselves. Without a place for it nothing happens.
///
/// # Errors
/// The kernel refuses the CPU.
pub fn place_housekeeping(plan: &Plan) -> Result<(), Failure> {
    if plan.cpu_of(Role::Housekeeping).is_none() {
        return Ok(());
    }
    let placed = plan.pin_current(Role::Housekeeping).map(|_| ());
    placed.map_err(|error| Failure::Input(format!("placement: {error}")))
}
