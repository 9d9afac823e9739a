//! Where the CPUs are: which two are hyper-threads of one core, which memory node they belong to, which are isolated; and
//! which of them the hot threads should have.
//!
//! Reads files once, allocates a short list, decides nothing by chance: the same tree gives the same answer.

use std::collections::BTreeSet;

use crate::devices::network_cards;
use crate::host::HostFiles;

/// Hot threads of the `split` topology, each of which wants a core of its own.
pub const SPLIT_STAGES: usize = 3;

/// From so many physical cores on, three can be set aside and still leave two to everything else.
const CORES_FOR_SPLIT: usize = SPLIT_STAGES + 2;

/// One logical CPU that is online.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cpu {
    /// The kernel's number.
    pub id: usize,
    /// Socket and core number: the same for two hyper-threads of one physical core. Where sysfs does not say (some
    /// virtual machines), each CPU counts as a core of its own.
    pub physical_core: (usize, usize),
    /// Memory node, where the kernel has any.
    pub node: Option<usize>,
    /// Kept free of ordinary tasks (`isolcpus`).
    pub isolated: bool,
}

/// The CPUs of a machine, by rising number, and the memory node that its network cards are on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    /// The CPUs that are online.
    pub cpus: Vec<Cpu>,
    /// The one node that all network cards in use are on; none where they differ or do not say.
    pub card_node: Option<usize>,
}

impl Topology {
    /// Reads it.
    ///
    /// # Errors
    /// The list of CPUs is missing or broken; the text names the file.
    pub fn read(host: &HostFiles) -> Result<Self, String> {
        let (online, isolated, nodes) = (host.online()?, host.isolated()?, nodes(host)?);
        let cpus = online.into_iter().map(|id| Cpu {
            id,
            physical_core: physical_core(host, id),
            node: nodes.iter().find(|(_, cpus)| cpus.contains(&id)).map(|&(node, _)| node),
            isolated: isolated.contains(&id),
        });
        Ok(Self { cpus: cpus.collect(), card_node: card_node(host) })
    }

    /// The CPUs for hot threads: the isolated ones where there are any, else those that could be isolated, with all
    /// hyper-threads of their cores: three cores, one on a machine with fewer than five, none on one with a single core.
    /// Never the core of the first CPU, which the kernel uses for itself; those of the network card's node first.
    #[must_use]
    pub fn hot_cpus(&self) -> BTreeSet<usize> {
        let isolated: BTreeSet<usize> =
            self.cpus.iter().filter(|cpu| cpu.isolated).map(|cpu| cpu.id).collect();
        if !isolated.is_empty() {
            return isolated;
        }
        let first = self.cpus.first().map(|cpu| cpu.physical_core);
        let far = |cpu: &Cpu| self.card_node.is_some() && cpu.node != self.card_node;
        let mut cores: Vec<(bool, usize, (usize, usize))> = Vec::new();
        for cpu in self.cpus.iter().filter(|cpu| Some(cpu.physical_core) != first) {
            if !cores.iter().any(|core| core.2 == cpu.physical_core) {
                cores.push((far(cpu), cpu.id, cpu.physical_core));
            }
        }
        cores.sort_unstable();
        let count = if cores.len() + 1 >= CORES_FOR_SPLIT { SPLIT_STAGES } else { 1 };
        let taken: Vec<_> = cores.into_iter().take(count).map(|core| core.2).collect();
        self.cpus.iter().filter(|cpu| taken.contains(&cpu.physical_core)).map(|cpu| cpu.id).collect()
    }

    /// All CPUs but the hot ones.
    #[must_use]
    pub fn other_cpus(&self) -> BTreeSet<usize> {
        let hot = self.hot_cpus();
        self.cpus.iter().map(|cpu| cpu.id).filter(|cpu| !hot.contains(cpu)).collect()
    }

    /// The memory nodes of the hot CPUs.
    #[must_use]
    pub fn hot_nodes(&self) -> BTreeSet<usize> {
        let hot = self.hot_cpus();
        self.cpus.iter().filter(|cpu| hot.contains(&cpu.id)).filter_map(|cpu| cpu.node).collect()
    }
}

fn nodes(host: &HostFiles) -> Result<Vec<(usize, BTreeSet<usize>)>, String> {
    let folder = "sys/devices/system/node";
    let mut nodes = Vec::new();
    for name in host.entries(folder) {
        let Some(node) = name.strip_prefix("node").and_then(|number| number.parse().ok()) else { continue };
        nodes.push((node, host.cpus(&format!("{folder}/{name}/cpulist"))?.unwrap_or_default()));
    }
    Ok(nodes)
}

fn physical_core(host: &HostFiles, id: usize) -> (usize, usize) {
    let number = |name: &str| -> Option<usize> {
        host.text(&format!("sys/devices/system/cpu/cpu{id}/topology/{name}")).ok()??.parse().ok()
    };
    match (number("physical_package_id"), number("core_id")) {
        (Some(package), Some(core)) => (package, core),
        _ => (usize::MAX, id),
    }
}

fn card_node(host: &HostFiles) -> Option<usize> {
    let nodes: BTreeSet<Option<usize>> = network_cards(host).into_iter().map(|card| card.node).collect();
    if nodes.len() == 1 { nodes.into_iter().next().flatten() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Fixture;

    fn hot(fixture: Fixture) -> Vec<usize> {
        let (_dir, host) = fixture.host();
        Topology::read(&host).expect("a whole tree").hot_cpus().into_iter().collect()
    }

    #[test]
    fn whole_cores_are_set_aside_and_the_first_one_never() {
        assert_eq!(hot(Fixture::Laptop), [1, 5], "one core of four, with its sibling");
        assert_eq!(hot(Fixture::VirtualMachine), [1]);
        assert_eq!(hot(Fixture::TunedServer), [2, 3, 4], "what is isolated already");
        assert_eq!(hot(Fixture::GpuServer), [8, 9, 10, 24, 25, 26], "three cores of the network card's node");
    }

    #[test]
    fn a_single_core_has_none_to_give() {
        let (_dir, host) = crate::host::tests::made_up(&[("sys/devices/system/cpu/online", "0")]);
        let topology = Topology::read(&host).expect("one CPU");
        assert!(topology.hot_cpus().is_empty());
        assert_eq!(topology.other_cpus(), BTreeSet::from([0]));
    }
}
