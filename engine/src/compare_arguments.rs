//! The command lines of `warptick compare` and of `warptick bench path`.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use engine::control::compare::binaries::{Rivals, Way};
use engine::control::compare::figures::medians;
use engine::control::compare::judge::Plan;
use engine::control::compare::report::Comparison;
use engine::control::compare::rounds::{self, Rounds, Session, SessionArguments};
use engine::control::compare::summaries::{self, Side};
use engine::control::compare::{is_program, of_binaries};
use engine::control::cpus::affinity_of_current_thread;
use engine::control::failure::Failure;
use engine::control::inputs::CaptureArgument;
use engine::control::machine::Machine;
use engine::pipeline::tsc::Calibration;

/// What is compared, and how.
#[derive(Args)]
pub struct CompareArguments {
    /// What is compared with: a binary, a summary, or a directory of summaries.
    #[arg(required_unless_present = "runs_a")]
    a: Option<PathBuf>,
    /// What is judged, of the same kind.
    #[arg(required_unless_present = "runs_b")]
    b: Option<PathBuf>,
    /// Summaries of several runs of A.
    #[arg(long = "a", value_name = "F.json", num_args = 1.., conflicts_with = "a", requires = "runs_b")]
    runs_a: Vec<PathBuf>,
    /// Summaries of several runs of B.
    #[arg(long = "b", value_name = "F.json", num_args = 1.., conflicts_with = "b", requires = "runs_a")]
    runs_b: Vec<PathBuf>,
    /// How binaries are run: both alive and in turns, or a replay at a time.
    #[arg(long, default_value = "path")]
    by: By,
    /// The smallest difference that counts, per cent.
    #[arg(long, default_value_t = 3.0, value_name = "PER_CENT", value_parser = parse_per_cent)]
    counts: f64,
    /// How often equal sides may be called different.
    #[arg(long, default_value_t = 0.001, value_name = "RATE", value_parser = parse_rate)]
    false_alarm: f64,
    /// Pairs of processes at most.
    #[arg(long, default_value_t = 96, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pairs: u16,
    /// Rounds of each process in a pair.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    rounds: u16,
    /// Who is first, in each pair and round.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// CPU that both stay on; without one the last that this process may use.
    #[arg(long)]
    cpu: Option<usize>,
    /// Compare what differs in more than the binary.
    #[arg(long)]
    force: bool,
    /// Write the comparison as JSON.
    #[arg(long, value_name = "F.json")]
    summary: Option<PathBuf>,
    /// Arguments of `bench path` (--by path: captures, --date) or of `replay` (--by replay), behind `--`.
    #[arg(last = true)]
    further: Vec<OsString>,
}

/// How binaries are run.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    /// `bench path --serve`: both alive, rounds of a few milliseconds in turns.
    Path,
    /// `replay --pace max --topology inline`: a process a run.
    Replay,
}

impl CompareArguments {
    /// Compares, prints, and fails where B is slower or nobody can tell.
    ///
    /// # Errors
    /// Exit code 1: slower, or cannot tell; 2: what cannot be compared.
    pub fn run(&self) -> Result<(), Failure> {
        let compared = self.compare()?;
        write(&compared.to_string())?;
        if let Some(path) = &self.summary {
            let failed = |error: std::io::Error| Failure::Input(format!("{}: {error}", path.display()));
            let text = serde_json::to_string_pretty(&compared).map_err(|error| failed(error.into()))?;
            std::fs::write(path, text + "\n").map_err(failed)?;
        }
        compared.outcome()
    }

    fn compare(&self) -> Result<Comparison, Failure> {
        let (Some(a), Some(b)) = (&self.a, &self.b) else {
            return self.summaries(&self.runs_a, &self.runs_b);
        };
        match (is_program(a)?, is_program(b)?) {
            (true, true) => of_binaries(&self.rivals(a, b)?),
            (false, false) => self.summaries(std::slice::from_ref(a), std::slice::from_ref(b)),
            (program, _) => Err(Failure::Input(format!(
                "{} is {} and {} is not: give two binaries or two summaries",
                a.display(),
                if program { "a program" } else { "a summary" },
                b.display()
            ))),
        }
    }

    fn plan(&self) -> Plan {
        Plan { false_alarm: self.false_alarm, counts: 1.0 + self.counts / 100.0, ..Plan::default() }
    }

    fn summaries(&self, a: &[PathBuf], b: &[PathBuf]) -> Result<Comparison, Failure> {
        summaries::compare(&Side::read(a)?, &Side::read(b)?, &self.plan().at_most(1), self.force)
    }

    fn rivals(&self, a: &Path, b: &Path) -> Result<Rivals, Failure> {
        let way = match self.by {
            By::Path => {
                let mut arguments = vec!["--cpu".into(), self.cpu()?.to_string().into()];
                arguments.extend(self.further.iter().cloned());
                Way::Path { arguments, rounds: usize::from(self.rounds) }
            }
            By::Replay if self.further.is_empty() => {
                return Err(Failure::Input("--by replay needs captures: -- FILE[@VENUE]...".to_owned()));
            }
            By::Replay => Way::Replay { arguments: self.further.clone() },
        };
        Ok(Rivals {
            a: a.to_owned(),
            b: b.to_owned(),
            way,
            plan: self.plan().at_most(usize::from(self.pairs)),
            seed: self.seed,
            force: self.force,
        })
    }

    fn cpu(&self) -> Result<usize, Failure> {
        let allowed = affinity_of_current_thread().map_err(|error| Failure::Input(error.to_string()))?;
        let last = || allowed.last().copied().ok_or_else(|| Failure::Input("no CPU may be used".to_owned()));
        self.cpu.map_or_else(last, Ok)
    }
}

/// One binary's own path, round by round.
#[derive(Args)]
pub struct PathArguments {
    /// Captures, one a venue; without one a generated session.
    #[arg(value_name = "FILE[@VENUE]")]
    captures: Vec<CaptureArgument>,
    /// Session date, YYYY-MM-DD.
    #[arg(long)]
    date: Option<String>,
    /// CPU to stay on.
    #[arg(long)]
    cpu: Option<usize>,
    /// Rounds.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Answer each line `round` on standard input with a round's figures in ticks, as `warptick compare` asks.
    #[arg(long, conflicts_with = "rounds")]
    serve: bool,
}

impl PathArguments {
    /// Runs the rounds and gives what to print, or serves them.
    ///
    /// # Errors
    /// A session that cannot be replayed.
    pub fn run(&self) -> Result<String, Failure> {
        let arguments = SessionArguments { captures: self.captures.clone(), date: self.date.clone() };
        let session = Session::open(&arguments)?;
        let mut session = Rounds::new(&session, self.cpu)?;
        if self.serve {
            let served = rounds::serve(&mut session, std::io::stdin().lock(), std::io::stdout().lock());
            return served.map(|()| String::new());
        }
        let found = (0..self.rounds).map(|_| session.run()).collect::<Result<Vec<_>, _>>()?;
        let orders: u64 = found.iter().map(|round| round.orders).sum();
        let figures: Vec<_> = found.into_iter().map(|round| round.figures).collect();
        let ns_per_tick = 1e9 / Calibration::measure().ticks_per_second() as f64;
        let mut text = String::new();
        let mut line = serde_json::json!({
            "scenario": "path",
            "session": session.greeting(),
            "machine": Machine::read(),
            "load_model": "closed loop, one thread, lockstep: the next message when the last is done; medians over the rounds",
            "clock": "rdtsc",
            "warm_up": "the first 8,000 messages of the session",
            "rounds": self.rounds,
            "orders": orders,
        });
        for (name, ticks) in medians(&figures).0 {
            let ns = (ticks * ns_per_tick * 10.0).round() / 10.0;
            text.push_str(&format!("{name:<20} {ns:>10.1} ns\n"));
            line[name.replace(' ', "_") + "_ns"] = ns.into();
        }
        Ok(format!("{text}{line}\n"))
    }
}

fn write(text: &str) -> Result<(), Failure> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::Input(error.to_string()))
        }
        _ => Ok(()),
    }
}

fn parse_per_cent(text: &str) -> Result<f64, String> {
    let found = text.parse::<f64>().ok().filter(|number| (0.01..=100.0).contains(number));
    found.ok_or_else(|| "per cent, 0.01 to 100".to_owned())
}

fn parse_rate(text: &str) -> Result<f64, String> {
    let found = text.parse::<f64>().ok().filter(|number| (1e-9..=0.5).contains(number));
    found.ok_or_else(|| "a probability, 0.000000001 to 0.5".to_owned())
}
