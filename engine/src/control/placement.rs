//! Which thread runs on which CPU, and proof that it does.
//!
//! A [`Plan`] is made once at start, from the configuration or by rule; each thread then pins itself with
//! [`Plan::pin_current`], which names the thread, asks the kernel for the CPU and reads back where the thread is. A
//! stage that is elsewhere is an error, not a warning: figures from it would be of another machine.
//!
//! Cold code; it allocates and makes system calls, all before the hot loops start.

use std::ffi::CString;
use std::fmt;
use std::io;

use tuning::cpu_list::CPU_LIMIT;

use super::cpus::{Cpu, Host, affinity_of_current_thread};
use super::placement_config::PlacementConfig;

/// A thread of the engine: a stage, or all hot stages fused, or a cold one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// `inline`: all hot stages on one core.
    Inline,
    /// `split`: arbitration and decoding.
    Ingest,
    /// `split`: books, strategies, risk, journal.
    Decide,
    /// `split`: sockets and sessions.
    OrderEntry,
    /// Cold: histograms, journal sync, progress, reports.
    Housekeeping,
    /// The simulated venue, when it runs in this process.
    Venue,
}

impl Role {
    /// The name in the configuration, in errors and in the report.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inline => "inline",
            Self::Ingest => "ingest",
            Self::Decide => "decide",
            Self::OrderEntry => "order_entry",
            Self::Housekeeping => "housekeeping",
            Self::Venue => "venue",
        }
    }

    /// The thread's name in `top -H` and `perf`: at most 15 bytes, the kernel's limit.
    #[must_use]
    pub const fn thread_name(self) -> &'static str {
        match self {
            Self::Inline => "wt-inline",
            Self::Ingest => "wt-ingest",
            Self::Decide => "wt-decide",
            Self::OrderEntry => "wt-order-entry",
            Self::Housekeeping => "wt-housekeeping",
            Self::Venue => "wt-venue",
        }
    }

    /// Whether it spins on its core.
    #[must_use]
    pub const fn is_hot(self) -> bool {
        matches!(self, Self::Inline | Self::Ingest | Self::Decide | Self::OrderEntry)
    }
}

/// Why a plan cannot be made, or a thread is not where its plan says.
#[derive(Debug)]
pub enum PlacementError {
    /// The configuration names a CPU that is not online.
    Offline {
        /// The role.
        role: Role,
        /// The CPU that the configuration wants.
        wanted: usize,
    },
    /// The configuration names a CPU that this process may not use.
    Closed {
        /// The role.
        role: Role,
        /// The CPU that the configuration wants.
        wanted: usize,
    },
    /// The configuration gives one CPU to two hot stages, and does not say that they share it.
    Shared {
        /// The two roles.
        roles: [Role; 2],
        /// The CPU of both.
        wanted: usize,
    },
    /// A stage is named twice.
    Repeated {
        /// The role.
        role: Role,
    },
    /// The plan says nothing about this role.
    NotPlanned {
        /// The role.
        role: Role,
    },
    /// No CPU of this machine is open to this process.
    NoCpu,
    /// The kernel refused to pin the thread.
    Refused {
        /// The role.
        role: Role,
        /// The CPU that the plan wants.
        wanted: usize,
        /// What the kernel said.
        cause: io::Error,
    },
    /// The kernel agreed, but the thread is elsewhere.
    Elsewhere {
        /// The role.
        role: Role,
        /// The CPU that the plan wants.
        wanted: usize,
        /// The CPU that the thread was found on.
        found: usize,
        /// The CPUs that the thread may run on.
        mask: Vec<usize>,
    },
}

impl fmt::Display for PlacementError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Offline { role, wanted } => {
                write!(
                    f,
                    "stage {}: core {wanted} is not online; see /sys/devices/system/cpu/online",
                    role.name()
                )
            }
            Self::Closed { role, wanted } => {
                write!(f, "stage {}: core {wanted} is not open to this process", role.name())?;
                f.write_str("; look at its taskset and cpuset, or place the stage on another core")
            }
            Self::Shared { roles: [one, other], wanted } => {
                write!(f, "stages {} and {} are both on core {wanted}", one.name(), other.name())?;
                f.write_str("; give each its own, or say placement.shared = true")
            }
            Self::Repeated { role } => write!(f, "stage {} is placed twice", role.name()),
            Self::NotPlanned { role } => {
                write!(f, "stage {} has no core in the plan; name one in [placement]", role.name())
            }
            Self::NoCpu => f.write_str("no core is open to this process; look at its taskset and cpuset"),
            Self::Refused { role, wanted, cause } => {
                write!(f, "stage {}: core {wanted} wanted, the kernel refused: {cause}", role.name())?;
                f.write_str("; look at the cpuset of this process, or place the stage on another core")
            }
            Self::Elsewhere { role, wanted, found, mask } => {
                write!(f, "stage {}: core {wanted} wanted, found on core {found}", role.name())?;
                write!(f, " with affinity {mask:?}; something else moves the threads of this process")
            }
        }
    }
}

impl std::error::Error for PlacementError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Refused { cause, .. } => Some(cause),
            _ => None,
        }
    }
}

/// Which stage runs on which CPU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    places: Vec<(Role, Cpu)>,
}

impl Plan {
    /// The plan that a configuration gives. Stages may share a CPU, if it says so.
    ///
    /// # Errors
    /// A stage is placed twice, or its CPU is not online.
    pub fn explicit(host: &Host, wanted: &[(Role, usize)]) -> Result<Self, PlacementError> {
        let mut plan = Self { places: Vec::with_capacity(wanted.len()) };
        for &(role, wanted) in wanted {
            if plan.cpu_of(role).is_some() {
                return Err(PlacementError::Repeated { role });
            }
            let cpu = host.cpu(wanted).filter(|cpu| cpu.id < CPU_LIMIT);
            plan.places.push((role, *cpu.ok_or(PlacementError::Offline { role, wanted })?));
        }
        Ok(plan)
    }

    /// The plan of `[placement]`. Cold stages that it does not name are placed by rule.
    ///
    /// # Errors
    /// A hot stage without a CPU; a CPU that is not online or not open to this process; two hot stages on one CPU, unless
    /// they are said to share.
    pub fn configured(host: &Host, roles: &[Role], wanted: &PlacementConfig) -> Result<Self, PlacementError> {
        let mut plan = Self { places: Vec::with_capacity(roles.len()) };
        let (named, left): (Vec<Role>, Vec<Role>) =
            roles.iter().partition(|&&role| role.is_hot() || wanted.cpu_of(role).is_some());
        for role in named {
            let number = wanted.cpu_of(role).ok_or(PlacementError::NotPlanned { role })?;
            plan.add_configured(host, role, number, wanted.shared)?;
        }
        plan.add_by_rule(host, &left)?;
        Ok(plan)
    }

    fn add_configured(
        &mut self,
        host: &Host,
        role: Role,
        wanted: usize,
        shared: bool,
    ) -> Result<(), PlacementError> {
        let online = host.cpu(wanted).filter(|cpu| cpu.id < CPU_LIMIT);
        let cpu = *online.ok_or(PlacementError::Offline { role, wanted })?;
        if !is_open(&cpu) {
            return Err(PlacementError::Closed { role, wanted });
        }
        let other = self.places.iter().find(|(other, taken)| other.is_hot() && taken.id == wanted);
        if let Some(&(other, _)) = other
            && role.is_hot()
            && !shared
        {
            return Err(PlacementError::Shared { roles: [other, role], wanted });
        }
        self.places.push((role, cpu));
        Ok(())
    }

    /// A plan by rule, the most important stage first: each hot stage gets a CPU of its own while there are any,
    /// isolated ones first, on a physical core of its own where possible, on the memory node of the network card, or at
    /// least on one node together, CPU 0 (interrupts, kernel threads) last. Cold stages then take what the hot ones left,
    /// ordinary CPUs first. CPUs outside the process's affinity mask are used only if they are isolated, since `isolcpus`
    /// takes those out of everyone's mask.
    ///
    /// # Errors
    /// A stage is named twice, or no CPU is open to this process.
    pub fn automatic(host: &Host, roles: &[Role]) -> Result<Self, PlacementError> {
        let mut plan = Self { places: Vec::with_capacity(roles.len()) };
        plan.add_by_rule(host, roles)?;
        Ok(plan)
    }

    fn add_by_rule(&mut self, host: &Host, roles: &[Role]) -> Result<(), PlacementError> {
        let (hot, cold): (Vec<Role>, Vec<Role>) = roles.iter().partition(|role| role.is_hot());
        for role in hot.into_iter().chain(cold) {
            if self.cpu_of(role).is_some() {
                return Err(PlacementError::Repeated { role });
            }
            let open = host.online().filter(|cpu| cpu.id < CPU_LIMIT && is_open(cpu));
            let best = if role.is_hot() {
                open.min_by_key(|cpu| self.hot_rank(cpu, host.card_node()))
            } else {
                open.min_by_key(|cpu| self.cold_rank(cpu))
            };
            self.places.push((role, *best.ok_or(PlacementError::NoCpu)?));
        }
        Ok(())
    }

    /// Smaller is better for a hot role.
    fn hot_rank(&self, cpu: &Cpu, card_node: Option<usize>) -> (usize, bool, bool, bool, bool, usize) {
        let core_taken = self.places.iter().any(|(_, taken)| taken.physical_core == cpu.physical_core);
        let near = card_node.or_else(|| self.places.first().and_then(|(_, first)| first.node));
        let far = near.is_some() && cpu.node != near;
        (self.uses(cpu), !cpu.isolated, core_taken, far, cpu.id == 0, cpu.id)
    }

    /// Smaller is better for a cold role.
    fn cold_rank(&self, cpu: &Cpu) -> (bool, bool, bool, usize, usize) {
        let mut hot = self.places.iter().filter(|(role, _)| role.is_hot()).map(|(_, taken)| taken);
        let cpu_is_hot = hot.clone().any(|taken| taken.id == cpu.id);
        let core_is_hot = hot.any(|taken| taken.physical_core == cpu.physical_core);
        (cpu_is_hot, cpu.isolated, core_is_hot, self.uses(cpu), cpu.id)
    }

    fn uses(&self, cpu: &Cpu) -> usize {
        self.places.iter().filter(|(_, taken)| taken.id == cpu.id).count()
    }

    /// Every role with its CPU, in the order in which they were placed.
    pub fn places(&self) -> impl Iterator<Item = &(Role, Cpu)> {
        self.places.iter()
    }

    /// The CPU of a role.
    #[must_use]
    pub fn cpu_of(&self, role: Role) -> Option<usize> {
        self.places.iter().find(|place| place.0 == role).map(|place| place.1.id)
    }

    /// The CPUs that are used, each once, in ascending order.
    #[must_use]
    pub fn cores(&self) -> Vec<usize> {
        let cores: std::collections::BTreeSet<usize> = self.places.iter().map(|place| place.1.id).collect();
        cores.into_iter().collect()
    }

    /// Whether every hot stage has an isolated core to itself: nothing but the kernel takes time from it.
    #[must_use]
    pub fn is_undisturbed(&self) -> bool {
        self.places.iter().all(|(role, cpu)| !role.is_hot() || (cpu.isolated && self.uses(cpu) <= 1))
    }

    /// Whether a hot stage shares its CPU with any other stage: idle stages must then yield, and the report says so.
    #[must_use]
    pub fn shares_cores(&self) -> bool {
        self.places.iter().any(|(role, cpu)| role.is_hot() && self.uses(cpu) > 1)
    }

    /// Whether two hot stages are on one CPU.
    #[must_use]
    pub fn shares_hot_cores(&self) -> bool {
        let hot = || self.places.iter().filter(|(role, _)| role.is_hot());
        hot().any(|(role, cpu)| hot().any(|(other, taken)| other != role && taken.id == cpu.id))
    }

    /// Whether two hot stages are hyper-threads of one physical core: both are slower then.
    #[must_use]
    pub fn shares_physical_cores(&self) -> bool {
        let hot: Vec<&Cpu> =
            self.places.iter().filter(|(role, _)| role.is_hot()).map(|(_, cpu)| cpu).collect();
        hot.iter().enumerate().any(|(index, cpu)| {
            hot[..index].iter().any(|other| other.id != cpu.id && other.physical_core == cpu.physical_core)
        })
    }

    /// Pins the calling thread to the CPU of its stage, names it, and proves that it is there.
    ///
    /// # Errors
    /// The stage is not in the plan, the kernel refused, or the thread is found on another CPU.
    pub fn pin_current(&self, role: Role) -> Result<usize, PlacementError> {
        let wanted = self.cpu_of(role).ok_or(PlacementError::NotPlanned { role })?;
        pin_current(role, wanted)?;
        Ok(wanted)
    }
}

impl fmt::Display for Plan {
    /// One line for the report: `decide on core 3 (isolated), housekeeping on core 0`, and what is not as it should be.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (role, cpu)) in self.places.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            let isolated = if cpu.isolated { " (isolated)" } else { "" };
            write!(f, "{separator}{} on core {}{isolated}", role.name(), cpu.id)?;
        }
        if self.shares_cores() {
            f.write_str("; fewer cores than stages: idle stages yield, latencies include the scheduler")?;
        }
        if self.shares_physical_cores() {
            f.write_str("; two hot stages are hyper-threads of one physical core")?;
        }
        Ok(())
    }
}

/// `isolcpus` takes isolated CPUs out of everyone's mask, so that being out of it says nothing there.
fn is_open(cpu: &Cpu) -> bool {
    cpu.allowed || cpu.isolated
}

/// Names the calling thread after its stage, pins it to a CPU, and reads back from the kernel that its mask is that CPU
/// alone and that it runs there.
///
/// # Errors
/// The kernel refused, or the thread is found on another CPU.
pub fn pin_current(role: Role, cpu: usize) -> Result<(), PlacementError> {
    name_current_thread(role);
    if cpu >= CPU_LIMIT {
        return Err(PlacementError::Offline { role, wanted: cpu });
    }
    let refused = |cause| PlacementError::Refused { role, wanted: cpu, cause };
    if !core_affinity::set_for_current(core_affinity::CoreId { id: cpu }) {
        return Err(refused(io::Error::last_os_error()));
    }
    let mask: Vec<usize> = affinity_of_current_thread().map_err(refused)?.into_iter().collect();
    let found = current_cpu().map_err(refused)?;
    if found != cpu || mask != [cpu] {
        return Err(PlacementError::Elsewhere { role, wanted: cpu, found, mask });
    }
    Ok(())
}

/// The CPU that the calling thread runs on at this moment, as the kernel says (`getcpu`).
///
/// # Errors
/// The kernel refuses, which no kernel since 2.6.19 does.
pub fn current_cpu() -> io::Result<usize> {
    // SAFETY: takes no argument and touches no memory of ours.
    let cpu = unsafe { libc::sched_getcpu() };
    usize::try_from(cpu).map_err(|_| io::Error::last_os_error())
}

/// A thread without its name works as well, so that a refusal is not worth stopping for.
fn name_current_thread(role: Role) {
    let name = CString::new(role.thread_name()).unwrap_or_default();
    // SAFETY: PR_SET_NAME reads a NUL-terminated string of at most 16 bytes, and `name` outlives the call.
    unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
}

#[cfg(test)]
mod tests {
    use super::super::cpus::tests::{fixture_host, made_up_host};
    use super::*;
    use tuning::fixture::Fixture;

    const SPLIT: [Role; 4] = [Role::Decide, Role::OrderEntry, Role::Ingest, Role::Housekeeping];

    fn cpus(plan: &Plan, roles: &[Role]) -> Vec<usize> {
        roles.iter().map(|&role| plan.cpu_of(role).expect("placed")).collect()
    }

    #[test]
    fn isolated_cores_come_first_and_core_0_last() {
        let host = made_up_host(&[(0, false, 0), (1, false, 1), (2, true, 2), (3, true, 3)]);
        let plan = Plan::automatic(&host, &SPLIT).expect("four cores");
        assert_eq!(cpus(&plan, &SPLIT), [2, 3, 1, 0]);
        assert!(!plan.shares_cores() && !plan.shares_physical_cores());
        assert!(!plan.is_undisturbed(), "ingest is on core 1");
        let inline = Plan::automatic(&host, &[Role::Housekeeping, Role::Inline]).expect("four cores");
        assert!(inline.is_undisturbed());
        assert_eq!(cpus(&inline, &[Role::Inline, Role::Housekeeping]), [2, 0]);
    }

    #[test]
    fn hot_stages_get_physical_cores_of_their_own() {
        // Eight hyper-threads of four cores, numbered as Linux does on most servers.
        let host = made_up_host(&[
            (0, false, 0),
            (1, false, 1),
            (2, false, 2),
            (3, false, 3),
            (4, false, 0),
            (5, false, 1),
            (6, false, 2),
            (7, false, 3),
        ]);
        let plan = Plan::automatic(&host, &SPLIT).expect("eight cores");
        assert_eq!(cpus(&plan, &SPLIT), [1, 2, 3, 0]);
        assert!(!plan.shares_physical_cores());
        let siblings = Plan::explicit(&host, &[(Role::Decide, 1), (Role::Ingest, 5)]).expect("online");
        assert!(siblings.shares_physical_cores() && !siblings.shares_cores());
        assert!(siblings.to_string().contains("hyper-threads"));
    }

    #[test]
    fn two_cores_are_shared_and_the_plan_says_so() {
        let host = made_up_host(&[(0, false, 0), (1, false, 1)]);
        let plan = Plan::automatic(&host, &SPLIT).expect("two cores");
        assert_eq!(cpus(&plan, &SPLIT), [1, 0, 1, 0]);
        assert!(plan.shares_cores() && !plan.is_undisturbed());
        assert!(plan.to_string().contains("idle stages yield"), "{plan}");
        let inline =
            Plan::automatic(&host, &[Role::Inline, Role::Housekeeping, Role::Venue]).expect("two cores");
        assert_eq!(cpus(&inline, &[Role::Inline, Role::Housekeeping, Role::Venue]), [1, 0, 0]);
        assert!(!inline.shares_cores(), "cold stages may share");
        let one = made_up_host(&[(0, false, 0)]);
        assert!(Plan::automatic(&one, &SPLIT).expect("one core").shares_cores());
    }

    #[test]
    fn cores_outside_the_mask_are_left_alone_unless_isolated() {
        let closed = made_up_host(&[(0, false, 0), (1, true, 1)]);
        let plan = Plan::automatic(&closed, &[Role::Inline]).expect("one isolated core");
        assert_eq!(plan.cpu_of(Role::Inline), Some(1));
        let dir = tempfile::tempdir().expect("a temporary directory");
        let folder = dir.path().join("sys/devices/system/cpu");
        std::fs::create_dir_all(&folder).expect("writable");
        std::fs::write(folder.join("online"), "0-3").expect("writable");
        let files = tuning::host::HostFiles::under(dir.path());
        let masked = Host::of(&files, &[2].into()).expect("readable");
        let plan = Plan::automatic(&masked, &[Role::Inline, Role::Housekeeping]).expect("one open core");
        assert_eq!(cpus(&plan, &[Role::Inline, Role::Housekeeping]), [2, 2]);
        let refused = Plan::configured(&masked, &[Role::Inline], &placed(&[(Role::Inline, 1)], false));
        let text = refused.expect_err("closed").to_string();
        assert!(text.contains("inline: core 1 is not open"), "{text}");
        let nothing = Host::of(&files, &[].into()).expect("readable");
        assert!(matches!(Plan::automatic(&nothing, &[Role::Inline]), Err(PlacementError::NoCpu)));
    }

    #[test]
    fn a_wrong_configuration_is_refused() {
        let host = made_up_host(&[(0, false, 0), (1, false, 1)]);
        let offline = Plan::explicit(&host, &[(Role::Decide, 7)]).expect_err("no core 7").to_string();
        assert!(offline.contains("decide") && offline.contains('7'), "{offline}");
        let twice = Plan::explicit(&host, &[(Role::Decide, 0), (Role::Decide, 1)]);
        assert!(matches!(twice, Err(PlacementError::Repeated { role: Role::Decide })));
        let twice = Plan::automatic(&host, &[Role::Venue, Role::Venue]);
        assert!(matches!(twice, Err(PlacementError::Repeated { role: Role::Venue })));
    }

    fn placed(places: &[(Role, usize)], shared: bool) -> PlacementConfig {
        let mut config = PlacementConfig { shared, ..PlacementConfig::default() };
        places.iter().for_each(|&(role, cpu)| config.place(role, cpu));
        config
    }

    #[test]
    fn a_configured_plan_is_taken_as_it_is_or_refused() {
        let host = made_up_host(&[(0, false, 0), (1, false, 1), (2, true, 2), (3, true, 3)]);
        let roles = [Role::Ingest, Role::Decide, Role::OrderEntry, Role::Venue];
        let whole = [(Role::Ingest, 1), (Role::Decide, 3), (Role::OrderEntry, 2)];
        let plan = Plan::configured(&host, &roles, &placed(&whole, false)).expect("a plan");
        assert_eq!(cpus(&plan, &roles), [1, 3, 2, 0], "the venue by rule");
        let refused = |places: &[(Role, usize)]| {
            Plan::configured(&host, &roles, &placed(places, false)).expect_err("refused").to_string()
        };
        let text = refused(&whole[..2]);
        assert!(text.contains("order_entry") && text.contains("[placement]"), "{text}");
        let text = refused(&[(Role::Ingest, 1), (Role::Decide, 7), (Role::OrderEntry, 2)]);
        assert!(text.contains("decide: core 7 is not online"), "{text}");
        let twice = [(Role::Ingest, 1), (Role::Decide, 3), (Role::OrderEntry, 3)];
        let text = refused(&twice);
        assert!(text.contains("decide and order_entry are both on core 3"), "{text}");
        let plan = Plan::configured(&host, &roles, &placed(&twice, true)).expect("said to share");
        assert!(plan.shares_cores());
    }

    #[test]
    fn hot_stages_are_beside_the_network_card_on_cores_of_their_own() {
        for fixture in Fixture::ALL {
            let host = fixture_host(fixture);
            let plan = Plan::automatic(&host, &SPLIT).expect("CPUs");
            assert_eq!(
                plan,
                Plan::automatic(&host, &SPLIT).expect("CPUs"),
                "{fixture:?}: not the same twice"
            );
            let hot: Vec<&Cpu> =
                plan.places().filter(|(role, _)| role.is_hot()).map(|(_, cpu)| cpu).collect();
            let cores: std::collections::BTreeSet<_> = host.online().map(|cpu| cpu.physical_core).collect();
            let isolated = host.online().filter(|cpu| cpu.isolated).count();
            assert_eq!(hot.iter().filter(|cpu| cpu.isolated).count(), isolated.min(hot.len()), "{fixture:?}");
            if cores.len() >= hot.len() {
                assert!(!plan.shares_cores() && !plan.shares_physical_cores(), "{fixture:?}: {plan}");
            }
            if host.card_node().is_some() {
                assert!(hot.iter().all(|cpu| cpu.node == host.card_node()), "{fixture:?}: {plan}");
            }
        }
    }

    #[test]
    fn every_core_of_this_machine_can_be_pinned_and_read_back() {
        let host = Host::read().expect("sysfs");
        for cpu in host.online().filter(|cpu| cpu.allowed) {
            let plan = Plan::explicit(&host, &[(Role::OrderEntry, cpu.id)]).expect("online");
            std::thread::spawn(move || {
                assert_eq!(plan.pin_current(Role::OrderEntry).expect("pinned"), plan.places[0].1.id);
                assert_eq!(current_cpu().expect("getcpu"), plan.places[0].1.id);
                let name = std::fs::read_to_string("/proc/thread-self/comm").expect("procfs");
                assert_eq!(name.trim(), Role::OrderEntry.thread_name());
                assert!(matches!(plan.pin_current(Role::Venue), Err(PlacementError::NotPlanned { .. })));
            })
            .join()
            .expect("pinned and read back");
        }
    }

    #[test]
    fn a_core_that_does_not_exist_is_an_error_that_names_stage_and_core() {
        std::thread::spawn(|| {
            let refused = pin_current(Role::Ingest, CPU_LIMIT - 1).expect_err("no such core").to_string();
            assert!(refused.contains("ingest") && refused.contains("1023"), "{refused}");
            assert!(matches!(pin_current(Role::Ingest, CPU_LIMIT), Err(PlacementError::Offline { .. })));
            let elsewhere =
                PlacementError::Elsewhere { role: Role::Decide, wanted: 3, found: 1, mask: vec![1, 3] }
                    .to_string();
            assert!(
                ["decide", "3 wanted", "core 1"].iter().all(|part| elsewhere.contains(part)),
                "{elsewhere}"
            );
        })
        .join()
        .expect("errors, no panic");
    }

    #[test]
    fn thread_names_fit_the_kernel() {
        let all =
            [Role::Inline, Role::Ingest, Role::Decide, Role::OrderEntry, Role::Housekeeping, Role::Venue];
        assert!(all.iter().all(|role| role.thread_name().len() <= 15));
    }
}
