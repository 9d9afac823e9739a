//! `warptick tune plan`: which thread on which core of this machine, why, and a profile that says it to the engine.
//!
//! The placing itself is [`Plan::automatic`], the rule that a run without `[placement]` follows too; this command shows it,
//! gives reasons, and writes it down so that it stays the same. It reads the machine and the configuration, and writes
//! the one file that it is told to; an existing file is not overwritten.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;

use tuning::cpu_list::format_cpu_list;
use tuning::devices::{gpus, network_cards};
use tuning::host::HostFiles;
use tuning::topology::Topology as HostTopology;

use crate::control::config::{Config, Topology};
use crate::control::cpus::{Cpu, Host, affinity_of_current_thread};
use crate::control::failure::Failure;
use crate::control::placement::{Plan, Role};
use crate::control::placement_config::PlacementConfig;

/// What to plan for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanOptions {
    /// The topology; without it that of the configuration.
    pub topology: Option<Topology>,
    /// A saved machine; without it this one.
    pub root: Option<PathBuf>,
    /// Text of a configuration, which the profile then is with its placement replaced, and its name for errors.
    pub config: Option<(String, String)>,
    /// Write the profile here.
    pub out: Option<PathBuf>,
}

/// Plans; the text for the terminal ends with the profile's `[placement]`.
///
/// # Errors
/// The machine cannot be read, no core is open, the configuration is broken, or the file cannot be written.
pub fn plan(options: &PlanOptions) -> Result<String, Failure> {
    let input = |error: String| Failure::Input(error);
    let config = match &options.config {
        Some((name, text)) => Config::parse(name, text).map_err(input)?,
        None => Config::default(),
    };
    let topology = options.topology.unwrap_or(config.pipeline.topology);
    let files = options.root.as_ref().map_or_else(HostFiles::this_machine, HostFiles::under);
    let host = host_of(&files, options.root.is_some())?;
    let plan = Plan::automatic(&host, roles(topology)).map_err(|error| input(error.to_string()))?;
    let placement = placement_of(&plan);
    let profile = profile(options.config.as_ref().map(|(_, text)| text.as_str()), &placement, topology);
    // What is written must be what a run accepts.
    let accepted = Config::parse("the profile", &profile).map_err(input)?;
    if accepted.placement != placement || accepted.pipeline.topology != topology {
        return Err(input("the profile does not read back as it was planned".to_owned()));
    }
    let mut text = explained(&host, &files, &plan, topology);
    if let Some(path) = &options.out {
        let failed = |error: std::io::Error| input(format!("{}: {error}", path.display()));
        let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(failed)?;
        file.write_all(profile.as_bytes()).map_err(failed)?;
        let _ = writeln!(text, "written to {}; run with --config {0}", path.display());
    }
    let _ = write!(text, "\n{}", section(&placement));
    Ok(text)
}

/// The most important first: the rule serves them in this order.
const fn roles(topology: Topology) -> &'static [Role] {
    match topology {
        Topology::Inline => &[Role::Inline, Role::Housekeeping],
        Topology::Split => &[Role::Decide, Role::OrderEntry, Role::Ingest, Role::Housekeeping],
    }
}

/// A saved machine has no mask to ask: everything that is not isolated counts as open.
fn host_of(files: &HostFiles, saved: bool) -> Result<Host, Failure> {
    let allowed = if saved {
        let isolated = files.isolated().map_err(Failure::Input)?;
        files.online().map_err(Failure::Input)?.difference(&isolated).copied().collect()
    } else {
        affinity_of_current_thread().map_err(|error| Failure::Input(error.to_string()))?
    };
    Host::of(files, &allowed).map_err(|error| Failure::Input(error.to_string()))
}

fn placement_of(plan: &Plan) -> PlacementConfig {
    let mut placement = PlacementConfig { shared: plan.shares_hot_cores(), ..PlacementConfig::default() };
    plan.places().for_each(|(role, cpu)| placement.place(*role, cpu.id));
    placement
}

fn section(placement: &PlacementConfig) -> String {
    let mut text = "[placement]\n".to_owned();
    for role in [Role::Inline, Role::Ingest, Role::Decide, Role::OrderEntry, Role::Housekeeping] {
        if let Some(cpu) = placement.cpu_of(role) {
            let _ = writeln!(text, "{} = {cpu}", role.name());
        }
    }
    if placement.shared {
        text.push_str("# fewer cores than hot stages: they take turns\nshared = true\n");
    }
    text
}

/// The configuration with another placement; without one, topology and placement alone.
fn profile(config: Option<&str>, placement: &PlacementConfig, topology: Topology) -> String {
    match config {
        None => format!("[pipeline]\ntopology = \"{}\"\n\n{}", topology.name(), section(placement)),
        Some(text) => {
            let mut kept = with_topology(&without_section(text, "placement"), topology);
            if !kept.ends_with('\n') {
                kept.push('\n');
            }
            format!("{kept}\n{}", section(placement))
        }
    }
}

/// Sets `topology` and takes `cores` out of `[pipeline]`, which is made where there is none.
fn with_topology(text: &str, topology: Topology) -> String {
    let line = format!("topology = \"{}\"\n", topology.name());
    let (mut out, mut inside, mut found) = (String::new(), false, false);
    for given in text.split_inclusive('\n') {
        let trimmed = given.trim();
        if trimmed.starts_with('[') {
            inside = trimmed.starts_with("[pipeline]");
        }
        let key = trimmed.split(['=', ' ']).next().unwrap_or_default();
        if inside && (key == "topology" || key == "cores") {
            continue;
        }
        out.push_str(given);
        if inside && !found {
            found = true;
            if !out.ends_with('\n') {
                out.push('\n');
            }
            out.push_str(&line);
        }
    }
    if !found {
        out.push_str(&format!("\n[pipeline]\n{line}"));
    }
    out
}

/// Leaves a table out, from its heading to the next one.
fn without_section(text: &str, name: &str) -> String {
    let heading = format!("[{name}]");
    let mut inside = false;
    let kept = text.split_inclusive('\n').filter(|line| {
        let trimmed = line.trim();
        if trimmed.starts_with('[') {
            inside = trimmed.starts_with(&heading);
        }
        !inside
    });
    kept.collect()
}

fn explained(host: &Host, files: &HostFiles, plan: &Plan, topology: Topology) -> String {
    let mut text = format!("{} topology\n", topology.name());
    for (role, cpu) in plan.places() {
        let _ = writeln!(
            text,
            "  {:<13} core {:<4} {}",
            role.name(),
            cpu.id,
            reasons(host, plan, *role, cpu).join(", ")
        );
    }
    text.push('\n');
    for note in notes(files, plan) {
        let _ = writeln!(text, "{note}");
    }
    text
}

/// Why a role is where it is, and what is not as it should be there.
fn reasons(host: &Host, plan: &Plan, role: Role, cpu: &Cpu) -> Vec<String> {
    let mut reasons = Vec::new();
    let others = || plan.places().filter(|(other, _)| *other != role);
    if role.is_hot() {
        reasons.push(
            if cpu.isolated { "isolated" } else { "not isolated: the scheduler may put others here" }
                .to_owned(),
        );
    } else if cpu.isolated {
        reasons.push("isolated, since no other core is left".to_owned());
    } else {
        reasons.push("left by the hot stages".to_owned());
    }
    match others().find(|(_, other)| other.id == cpu.id) {
        Some((other, _)) => reasons.push(format!("shared with {}", other.name())),
        None => match others().find(|(_, other)| other.physical_core == cpu.physical_core) {
            Some((other, _)) => reasons.push(format!("hyper-thread of {}'s core", other.name())),
            None => reasons.push("a physical core of its own".to_owned()),
        },
    }
    match (cpu.node, host.card_node()) {
        (Some(node), Some(card)) if node == card => reasons.push(format!("node {node}, the network card's")),
        (Some(node), Some(card)) => reasons.push(format!("node {node}, the network card is on {card}")),
        (Some(node), None) => reasons.push(format!("node {node}")),
        (None, _) => {}
    }
    reasons
}

/// What the whole plan lacks, and where the devices are.
fn notes(files: &HostFiles, plan: &Plan) -> Vec<String> {
    let mut notes = Vec::new();
    let node = |node: Option<usize>| node.map_or("no node told".to_owned(), |node| format!("node {node}"));
    notes.extend(
        network_cards(files).iter().map(|card| format!("network card {}: {}", card.name, node(card.node))),
    );
    notes.extend(gpus(files).iter().map(|gpu| format!("GPU {}: {}", gpu.address, node(gpu.node))));
    let Ok(topology) = HostTopology::read(files) else { return notes };
    let hot: BTreeSet<usize> = topology.hot_cpus();
    if !plan.is_undisturbed() && !hot.is_empty() && topology.cpus.iter().all(|cpu| !cpu.isolated) {
        let list = format_cpu_list(&hot);
        notes.push(format!(
            "no core is isolated; tuning/apply.sh --boot --cpus {list} would do it (with all hyper-threads of the cores)"
        ));
    }
    if plan.shares_hot_cores() {
        notes.push("fewer cores than hot stages: use the inline topology".to_owned());
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use tuning::fixture::{Fixture, unpack};

    fn planned(fixture: Fixture, topology: Topology, config: Option<&str>) -> (String, String) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        unpack(fixture.manifest(), dir.path()).expect("a well-formed manifest");
        let out = dir.path().join("profile.toml");
        let options = PlanOptions {
            topology: Some(topology),
            root: Some(dir.path().to_owned()),
            config: config.map(|text| ("desk.toml".to_owned(), text.to_owned())),
            out: Some(out.clone()),
        };
        let text = plan(&options).expect("a plan");
        let again = plan(&PlanOptions { out: None, ..options.clone() }).expect("a plan");
        assert!(
            text.ends_with(again.split("\n[placement]").nth(1).expect("a section")),
            "not the same twice"
        );
        assert!(plan(&options).expect_err("there already").to_string().contains("profile.toml"));
        (text, std::fs::read_to_string(out).expect("written"))
    }

    fn places(profile: &str, topology: Topology) -> Vec<usize> {
        let config = Config::parse("profile.toml", profile).expect("a configuration");
        assert_eq!(config.pipeline.topology, topology);
        roles(topology).iter().map(|&role| config.placement.cpu_of(role).expect("placed")).collect()
    }

    #[test]
    fn every_fixture_has_its_plan() {
        let of = |fixture, topology| places(&planned(fixture, topology, None).1, topology);
        assert_eq!(of(Fixture::Laptop, Topology::Inline), [1, 0]);
        assert_eq!(of(Fixture::Laptop, Topology::Split), [1, 2, 3, 0]);
        assert_eq!(of(Fixture::VirtualMachine, Topology::Inline), [1, 0]);
        // Decide and order entry apart: what passes between them is the order.
        assert_eq!(of(Fixture::VirtualMachine, Topology::Split), [1, 0, 1, 0]);
        assert_eq!(of(Fixture::TunedServer, Topology::Split), [2, 3, 4, 0]);
        assert_eq!(of(Fixture::GpuServer, Topology::Split), [8, 9, 10, 0]);
    }

    #[test]
    fn reasons_name_what_is_good_and_what_is_not() {
        let (text, _) = planned(Fixture::TunedServer, Topology::Split, None);
        assert!(
            text.contains(
                "decide        core 2    isolated, a physical core of its own, node 0, the network card's"
            ),
            "{text}"
        );
        assert!(!text.contains("apply.sh"), "{text}");
        let (text, profile) = planned(Fixture::VirtualMachine, Topology::Split, None);
        assert!(text.contains("use the inline topology") && profile.contains("shared = true"), "{text}");
        let (text, _) = planned(Fixture::GpuServer, Topology::Split, None);
        assert!(text.contains("apply.sh --boot --cpus 8-10,24-26"), "{text}");
        assert!(text.contains("GPU 0000:ca:00.0: node 1"), "{text}");
    }

    #[test]
    fn a_configuration_keeps_everything_but_its_placement() {
        let desk = "[pipeline]\ntopology = \"inline\"\ncores = [3]\nmarket_ring = 8192\n\n[risk]\nmessages_per_s = 7\n";
        let (_, profile) = planned(Fixture::TunedServer, Topology::Split, Some(desk));
        let config = Config::parse("profile.toml", &profile).expect("a configuration");
        assert_eq!((config.pipeline.market_ring, config.risk.messages_per_s), (8192, 7), "{profile}");
        assert!(config.pipeline.cores.is_empty() && config.placement.decide == Some(2), "{profile}");
        // Its own output again, for the other topology.
        let (_, profile) = planned(Fixture::TunedServer, Topology::Inline, Some(&profile));
        assert_eq!(places(&profile, Topology::Inline), [2, 0], "{profile}");
        assert_eq!(profile.matches("[placement]").count(), 1, "{profile}");
        let (_, profile) = planned(Fixture::Laptop, Topology::Split, Some("[risk]\nmessages_per_s = 7"));
        assert_eq!(places(&profile, Topology::Split), [1, 2, 3, 0], "{profile}");
    }
}
