//! The command line of `warptick tune`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use engine::control::config::Topology;
use engine::control::failure::Failure;
use engine::control::shutdown::Stop;
use engine::control::tune::check::{CheckOptions, check};
use engine::control::tune::device_settings::ThisMachine;
use engine::control::tune::jitter::{self, JitterOptions};
use engine::control::tune::plan::{PlanOptions, plan};
use tuning::cpu_list::parse_cpu_list;
use tuning::devices::SavedDevices;
use tuning::host::HostFiles;

/// What `warptick tune` does.
#[derive(Subcommand)]
pub enum TuneTask {
    /// Read the host's settings: for each PASS, WARN, FAIL or unknown, why, the command and the way back. Changes nothing.
    Check(CheckArguments),
    /// Measure what the machine steals from a spinning thread, and what hops, clocks, rings and sockets cost.
    Jitter(JitterArguments),
    /// Place the stages on cores, say why, and write a profile.
    Plan(PlanArguments),
}

/// Of `warptick tune check`.
#[derive(Args)]
pub struct CheckArguments {
    /// Exit with 1 when a verdict is FAIL.
    #[arg(long)]
    strict: bool,
    /// Print reason and commands of every knob, not only of those that are not as wanted.
    #[arg(long)]
    all: bool,
    /// Look at a saved tree of /proc, /sys and devices instead of this machine.
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
}

/// Of `warptick tune jitter`.
#[derive(Args)]
pub struct JitterArguments {
    /// How long each core is watched for hiccups.
    #[arg(long, default_value_t = 1.0, value_parser = parse_watch)]
    seconds: f64,
    /// The cores, as 2-4,7; else those that are open to this process, at most 16.
    #[arg(long, value_name = "LIST", value_parser = parse_cpus)]
    cpus: Option<CpuList>,
    /// Watch all cores at the same time.
    #[arg(long)]
    at_once: bool,
    /// Write gaps_coreN.hlog into this directory.
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
}

/// Of `warptick tune plan`.
#[derive(Args)]
pub struct PlanArguments {
    /// The profile is this configuration with its placement replaced.
    #[arg(long)]
    config: Option<PathBuf>,
    /// How stages are laid out on cores; else as the configuration says.
    #[arg(long)]
    topology: Option<Topology>,
    /// Write the profile to this new file.
    #[arg(long, value_name = "F.toml")]
    out: Option<PathBuf>,
    /// Plan for a saved tree of /proc and /sys instead of this machine.
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
}

/// A set of cores; its own type, since clap takes a collection for an argument that is given many times.
#[derive(Clone, Debug)]
struct CpuList(BTreeSet<usize>);

fn parse_cpus(text: &str) -> Result<CpuList, String> {
    let cpus = parse_cpu_list(text).map_err(|error| error.to_string())?;
    if cpus.is_empty() { Err("names no core".to_owned()) } else { Ok(CpuList(cpus)) }
}

fn parse_watch(text: &str) -> Result<f64, String> {
    let seconds = text.parse::<f64>().ok();
    seconds
        .filter(|seconds| (0.001..=600.0).contains(seconds))
        .ok_or_else(|| "0.001 to 600 seconds".to_owned())
}

impl TuneTask {
    /// Does it; what it has to say goes to `print`.
    ///
    /// # Errors
    /// Bad input; with `--strict`, a verdict that is FAIL.
    pub fn run(self, print: &dyn Fn(&str) -> Result<(), Failure>) -> Result<(), Failure> {
        match self {
            Self::Check(arguments) => {
                let options = CheckOptions { strict: arguments.strict, all: arguments.all };
                let (text, result) = match saved(arguments.root)? {
                    None => check(&HostFiles::this_machine(), &ThisMachine, options),
                    Some(host) => check(&host, &SavedDevices::of(host.clone()), options),
                };
                print(&text)?;
                result
            }
            Self::Jitter(arguments) => {
                let options = JitterOptions {
                    seconds: arguments.seconds,
                    cpus: arguments.cpus.map(|list| list.0).unwrap_or_default(),
                    at_once: arguments.at_once,
                    report: arguments.report,
                };
                jitter::run(&options, &Stop::new(), &mut std::io::stdout()).map(|_| ())
            }
            Self::Plan(arguments) => {
                let PlanArguments { config, topology, out, root } = arguments;
                let config = config.map(|path| read(&path)).transpose()?;
                saved(root.clone())?;
                print(&plan(&PlanOptions { topology, root, config, out })?)
            }
        }
    }
}

/// The tree of a saved machine, which must be there: without it every knob would be unknown.
fn saved(root: Option<PathBuf>) -> Result<Option<HostFiles>, Failure> {
    let Some(root) = root else { return Ok(None) };
    if !root.join("proc").is_dir() || !root.join("sys").is_dir() {
        return Err(Failure::Input(format!("{}: no saved machine: it has no proc and sys", root.display())));
    }
    Ok(Some(HostFiles::under(root)))
}

fn read(path: &PathBuf) -> Result<(String, String), Failure> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| Failure::Input(format!("{name}: {error}")))?;
    Ok((name, text))
}
