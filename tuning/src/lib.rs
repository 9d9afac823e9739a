//! The host audit: what of the machine under the engine is not as a trading machine should be, one knob kind a file.
//!
//! Every check only reads files of `/proc` and `/sys`, through [`host::HostFiles`], and settings of devices, through
//! [`devices::DeviceReader`]; a test points both at a made-up machine ([`fixture`]). Nothing here changes the machine:
//! `apply.sh` and `revert.sh` are the only writers. A check allocates texts, runs on a cold thread in a few milliseconds,
//! and never fails: what cannot be read is [`finding::Verdict::Unknown`], with the reason. No effect is claimed that was
//! not measured with this engine.

#![forbid(unsafe_code)]

pub mod clock;
pub mod cpu_list;
pub mod cpus;
pub mod devices;
pub mod finding;
pub mod fixture;
pub mod gpu;
pub mod host;
pub mod interrupts;
pub mod memory;
pub mod mitigations;
pub mod network;
pub mod periodic;
pub mod power;
pub mod scheduler;
pub mod topology;

use devices::DeviceReader;
use finding::Finding;
use host::HostFiles;
use topology::Topology;

/// Looks at every knob.
#[must_use]
pub fn audit(host: &HostFiles, devices: &dyn DeviceReader) -> Vec<Finding> {
    let topology = Topology::read(host).ok();
    let topology = topology.as_ref();
    [
        cpus::check(host, topology),
        interrupts::check(host, topology),
        periodic::check(host),
        scheduler::check(host),
        power::check(host, topology),
        clock::check(host),
        memory::check(host),
        mitigations::check(host),
        network::check(host, topology, devices),
        gpu::check(host, topology, devices),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
#[path = "audit_tests.rs"]
mod tests;
