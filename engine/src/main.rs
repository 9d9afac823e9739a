//! The `warptick` command: arguments in, one function of `engine::control` a command, an exit code out.

mod bench_arguments;
mod chain_arguments;
mod compare_arguments;
mod gpu_arguments;
mod operator_arguments;
mod report_arguments;
mod tune_arguments;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use engine::control::book_report::BookFiles;
use engine::control::config::{Config, Topology};
use engine::control::failure::Failure;
use engine::control::inputs::{CaptureArgument, Inputs};
use engine::control::journal;
use engine::control::options_day::{ChainShape, OptionsDayConfig};
use engine::control::replay::ReplayOptions;
use engine::control::session_date::SessionDate;
use engine::control::wide_backend::BackendKind;
use engine::control::{
    acceptance_run, book_report, capture, demo, generate, hits, journal_replay, kill_switch, limits_file,
    live_lines, live_run, mapped_file_fault, operator_port, options_day, replay, shutdown, startup,
    venue_run, why,
};
use engine::pipeline::stamps::StampMode;
use feeds::source::udp::{Backend as ReceiveBackend, LineConfig};
use kernels::cpu::features::FeatureParameters;

/// A tick-to-trade engine for small market-making and arbitrage desks.
#[derive(Parser)]
#[command(name = "warptick", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Option<Task>,
}

#[derive(Subcommand)]
enum Task {
    /// A generated two-venue session through the whole engine, in both topologies; the default.
    Demo,
    /// A capture through the engine.
    Replay(ReplayArguments),
    /// Live: feeds in over the network, orders out over FIX, until the sessions end or Ctrl-C.
    Run(RunArguments),
    /// Stop a running engine, or a part of it, and cancel its orders, until a reset.
    Kill(operator_arguments::ScopeArguments),
    /// Let what was stopped trade again.
    Reset(operator_arguments::ScopeArguments),
    /// Send a running engine a new limits file: what tightens is in force at once, what loosens needs a confirmation.
    Limits(operator_arguments::LimitsArguments),
    /// Compare a position of a running engine with another keeper's; a difference stops trading.
    Reconcile(operator_arguments::ReconcileArguments),
    /// Print what a running engine shows of itself.
    Status(operator_arguments::PortArguments),
    /// Build books only.
    Book(BookArguments),
    /// The simulated exchange alone: FIX acceptors over the session of captures, and its feed.
    Venue(VenueArguments),
    /// Make a synthetic capture of two venues: OUT.nasdaq.itch and OUT.bx.itch.
    Generate(GenerateArguments),
    /// Print a configuration for a replay of the option chain that captures list.
    Chain(chain_arguments::ChainArguments),
    /// Read a journal.
    #[command(subcommand)]
    Journal(JournalTask),
    /// Why an order left, and what became of it: packet, books, signal, risk, bytes, answers.
    Why(WhyArguments),
    /// What `--report` of a run has written, as tables.
    Report(report_arguments::ReportArguments),
    /// Record live lines as pcapng.
    Capture(CaptureArguments),
    /// Whether B is slower than A, with a stated rate of false alarms: two binaries in turns, or summaries of runs.
    Compare(compare_arguments::CompareArguments),
    /// Measure one thing on this machine; the last line is JSON.
    #[command(subcommand)]
    Bench(bench_arguments::BenchTask),
    /// The device for wide work.
    #[command(subcommand)]
    Gpu(gpu_arguments::GpuTask),
    /// The host: what should be another way, what it steals, which thread should run where.
    #[command(subcommand)]
    Tune(tune_arguments::TuneTask),
}

#[derive(Args)]
struct WhyArguments {
    /// ClOrdID(11) of the message: 16 digits.
    #[arg(value_name = "CLORDID")]
    cl_ord_id: String,
    /// The run's journal.
    #[arg(long, value_name = "DIR")]
    journal: PathBuf,
    /// What a live run recorded (`run --record`), FILE@VENUE: the packets are there.
    #[arg(long, value_name = "FILE@VENUE")]
    recording: Vec<CaptureArgument>,
}

#[derive(Args)]
struct ReplayArguments {
    /// Captures, one a venue.
    #[arg(required = true, value_name = "FILE[@VENUE]")]
    captures: Vec<CaptureArgument>,
    /// lockstep, max, N times the capture's speed, or N messages a second.
    #[arg(long, default_value = "lockstep", value_name = "lockstep|max|Nx|N/s", value_parser = bench_arguments::parse_pace)]
    pace: bench_arguments::PaceArgument,
    #[command(flatten)]
    hiccups: bench_arguments::HiccupArguments,
    /// How stages are laid out on cores.
    #[arg(long)]
    topology: Option<Topology>,
    /// Who computes wide work.
    #[arg(long, default_value = "auto")]
    backend: BackendKind,
    /// Configuration; without one a sensible default for what the captures hold.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Session date, YYYY-MM-DD; else that of the configuration or in the first file's name.
    #[arg(long)]
    date: Option<String>,
    /// Write the run's journal into this new directory.
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
    /// Write a page about the run, its figures (SVG) and .hlog files into this directory.
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Write the summary as JSON.
    #[arg(long, value_name = "F.json")]
    summary: Option<PathBuf>,
    /// Which order paths are stamped at every stage.
    #[arg(long, default_value = "sampled")]
    stamps: StampArgument,
}

#[derive(Args)]
struct RunArguments {
    /// Configuration: venues with their feeds and FIX addresses, instruments with their strategies.
    #[arg(long)]
    config: PathBuf,
    /// How stages are laid out on cores.
    #[arg(long)]
    topology: Option<Topology>,
    /// Who computes wide work.
    #[arg(long, default_value = "auto")]
    backend: BackendKind,
    /// Session date, YYYY-MM-DD; else that of the configuration.
    #[arg(long)]
    date: Option<String>,
    /// Write the run's journal into this new directory.
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
    /// Go on where the run of this journal ended or was killed, on the same day.
    #[arg(long, value_name = "DIR", requires = "journal")]
    resume: Option<PathBuf>,
    /// Record every packet into this new pcapng file.
    #[arg(long, value_name = "F.pcapng")]
    record: Option<PathBuf>,
    /// Write a page about the run, its figures (SVG) and .hlog files into this directory.
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Write the summary as JSON.
    #[arg(long, value_name = "F.json")]
    summary: Option<PathBuf>,
    #[command(flatten)]
    hiccups: bench_arguments::HiccupArguments,
    /// Which order paths are stamped at every stage.
    #[arg(long, default_value = "sampled")]
    stamps: StampArgument,
}

#[derive(Args)]
struct BookArguments {
    /// Captures, one a venue.
    #[arg(required = true, value_name = "FILE[@VENUE]")]
    captures: Vec<CaptureArgument>,
    /// Configuration: a recording's lines are those of its venues' feeds.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Write a row after each message that changed its instrument's best bid or offer.
    #[arg(long, value_name = "F.csv")]
    bbo: Option<PathBuf>,
    /// Write microprice, queue imbalance, order flow, VPIN and realised volatility of the book after each such message.
    #[arg(long, value_name = "F.csv")]
    features: Option<PathBuf>,
    /// Volume of a VPIN bucket, quantity units: about a fiftieth of a day's.
    #[arg(long, default_value_t = FeatureParameters::default().vpin_bucket, requires = "features")]
    vpin_bucket: u64,
    /// Time decoding and decoding with books over the capture in memory.
    #[arg(long)]
    bench: bool,
    /// Write messages, events, gaps and book hash as JSON.
    #[arg(long, value_name = "F.json")]
    summary: Option<PathBuf>,
}

#[derive(Args)]
struct VenueArguments {
    /// No market: echo acceptors for FIX 4.2 (TW42) and 4.4 (TW44) that QuickFIX's acceptance scripts can be run against.
    #[arg(long, conflicts_with_all = ["captures", "config", "date", "at_once"])]
    acceptance: bool,
    /// Captures, one a venue.
    #[arg(required_unless_present = "acceptance", value_name = "FILE[@VENUE]")]
    captures: Vec<CaptureArgument>,
    /// Configuration with the venues' addresses and CompIDs.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Session date, YYYY-MM-DD.
    #[arg(long)]
    date: Option<String>,
    /// Times the capture's own speed.
    #[arg(long, default_value_t = 1.0)]
    speed: f64,
    /// Start the day now, not with the first logon.
    #[arg(long)]
    at_once: bool,
}

#[derive(Args)]
struct GenerateArguments {
    /// Start of the two file names.
    out: PathBuf,
    /// Messages of both venues together.
    #[arg(long, default_value_t = 1_000_000)]
    messages: u64,
    /// Listed symbols.
    #[arg(long, default_value_t = 8000)]
    symbols: usize,
    /// Seed; the same seed gives the same bytes.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Session date, YYYY-MM-DD.
    #[arg(long, default_value = "2026-01-05")]
    date: String,
    /// Underlyings on two venues with 250 options each, quoted from known surfaces, with planted mispricings; writes
    /// contracts, surfaces, mispricings and two configurations besides.
    #[arg(long, conflicts_with_all = ["messages", "symbols"])]
    options_day: bool,
    /// Of an options day: underlyings.
    #[arg(long, default_value_t = 20, requires = "options_day")]
    underlyings: usize,
    /// Of an options day: expiries of each underlying, 2 to 5.
    #[arg(long, default_value_t = 5, requires = "options_day")]
    expiries: usize,
    /// Of an options day: strikes of each expiry, 3 to 25.
    #[arg(long, default_value_t = 25, requires = "options_day")]
    strikes: usize,
    /// Of an options day: volatilities of its second half, percent of those of the first, 50 to 150.
    #[arg(long, default_value_t = 100, value_name = "PERCENT", requires = "options_day")]
    later_volatility: u32,
    /// Of an options day: moves of an underlying by a cent, each about a message an option.
    #[arg(long, default_value_t = 1_000, requires = "options_day")]
    moves: u64,
    /// Of an options day: mispricings that are planted, at most a 16th of the moves.
    #[arg(long, default_value_t = 40, requires = "options_day")]
    mispricings: u32,
}

impl GenerateArguments {
    const fn options_day_on(&self, date: SessionDate) -> OptionsDayConfig {
        OptionsDayConfig {
            seed: self.seed,
            date,
            underlyings: self.underlyings,
            shape: ChainShape { expiries: self.expiries, strikes: self.strikes },
            moves: self.moves,
            mispricings: self.mispricings,
            later_volatility_percent: self.later_volatility,
        }
    }
}

#[derive(Args)]
struct CaptureArguments {
    /// Lines to record, in the order of their interfaces in the file.
    #[arg(long = "line", value_name = "GROUP:PORT[@IFACE][,SOURCE]", required_unless_present = "config")]
    lines: Vec<LineConfig>,
    /// Record the lines of all venues of a configuration.
    #[arg(long, conflicts_with = "lines")]
    config: Option<PathBuf>,
    /// The recording; an existing file is not overwritten.
    out: PathBuf,
    /// End after so many seconds; without it, with Ctrl-C.
    #[arg(long, value_parser = parse_seconds)]
    seconds: Option<f64>,
    /// auto, recv, recvmmsg, packet-ring or io-uring.
    #[arg(long, default_value = "auto")]
    backend: ReceiveBackend,
    /// Longest payload; a longer datagram is counted and not recorded.
    #[arg(long, default_value_t = 1_900, value_parser = clap::value_parser!(u16).range(1..=65_507))]
    datagram_bytes: u16,
}

#[derive(Subcommand)]
enum JournalTask {
    /// Check every record.
    Verify {
        /// The journal's directory.
        dir: PathBuf,
    },
    /// What relations found and for how long: legs, sizes, arithmetic.
    Hits {
        /// The journal's directory.
        dir: PathBuf,
        /// Write them as rows of a table.
        #[arg(long, value_name = "F.csv")]
        csv: Option<PathBuf>,
    },
    /// Print one line a record.
    Show {
        /// The journal's directory.
        dir: PathBuf,
    },
    /// Feed the journal's inputs to a fresh core and compare the order stream.
    Replay {
        /// The journal's directory.
        dir: PathBuf,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum StampArgument {
    /// One path in 16.
    Sampled,
    /// Every path.
    All,
    /// None: start and end only.
    Ends,
}

impl StampArgument {
    const fn mode(self) -> StampMode {
        match self {
            Self::Sampled => StampMode::Sampled,
            Self::All => StampMode::All,
            Self::Ends => StampMode::Ends,
        }
    }
}

fn parse_seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse::<f64>().ok();
    seconds
        .filter(|seconds| (0.0..=1e7).contains(seconds))
        .ok_or_else(|| "a number of seconds, 0 to 10,000,000".to_owned())
}

fn main() -> ExitCode {
    // Modules are loaded whole at the start: a lazy load later waits for the device to be idle, which a resident kernel never is.
    // SAFETY: no other thread exists yet that could read the environment.
    unsafe { std::env::set_var("CUDA_MODULE_LOADING", "EAGER") };
    let cli = Cli::parse();
    for installed in [shutdown::install(), kill_switch::install(), mapped_file_fault::install()] {
        if let Err(error) = installed {
            eprintln!("warptick: signal handlers: {error}");
            return ExitCode::from(2);
        }
    }
    match run(cli.command.unwrap_or(Task::Demo)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("warptick: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

fn run(task: Task) -> Result<(), Failure> {
    match task {
        Task::Demo => demo::run(&mut std::io::stdout()),
        Task::Replay(arguments) => run_replay(&arguments),
        Task::Run(arguments) => run_live(arguments),
        Task::Kill(arguments) => print(&arguments.ask(&read_config, "/kill")?),
        Task::Reset(arguments) => print(&arguments.ask(&read_config, "/reset")?),
        Task::Limits(arguments) => print(&arguments.ask(&read_config)?),
        Task::Reconcile(arguments) => print(&arguments.ask(&read_config)?),
        Task::Status(arguments) => print(&arguments.status(&read_config)?),
        Task::Book(arguments) => run_book(&arguments),
        Task::Venue(arguments) if arguments.acceptance => acceptance_run::run(&mut std::io::stdout()),
        Task::Venue(arguments) => {
            let config = read_config(arguments.config.as_ref())?;
            let inputs = Inputs::open(&arguments.captures, arguments.date.as_deref())?;
            let config = startup::complete(&inputs, config)?;
            venue_run::run(&inputs, &config, arguments.speed, arguments.at_once, &mut std::io::stdout())
        }
        Task::Generate(arguments) => {
            let date = arguments.date.parse().map_err(Failure::Input)?;
            if arguments.options_day {
                let day = arguments.options_day_on(date);
                return options_day::run(&arguments.out, &day, &mut std::io::stdout());
            }
            generate::run(
                &arguments.out,
                arguments.messages,
                arguments.symbols,
                arguments.seed,
                date,
                &mut std::io::stdout(),
            )
        }
        Task::Chain(arguments) => print(&arguments.run()?),
        Task::Capture(arguments) => run_capture(arguments),
        Task::Bench(task) => {
            let (text, result) = task.run(&read_config)?;
            print(&text)?;
            result
        }
        Task::Compare(arguments) => arguments.run(),
        Task::Gpu(task) => print(&task.run()?),
        Task::Report(arguments) => print(&arguments.run()?),
        Task::Journal(task) => run_journal(&task),
        Task::Why(arguments) => {
            let WhyArguments { cl_ord_id, journal, recording } = arguments;
            let trace = why::trace(&journal, &cl_ord_id, &recording, Vec::new())?;
            print(&trace.text)?;
            trace.failure.map_or(Ok(()), Err)
        }
        Task::Tune(task) => task.run(&print),
    }
}

fn read_config(path: Option<&PathBuf>) -> Result<Config, Failure> {
    let Some(path) = path else { return Ok(Config::default()) };
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| Failure::Input(format!("{name}: {error}")))?;
    let (text, _) = limits_file::resolve(path, &text).map_err(Failure::Input)?;
    Config::parse(&name, &text).map_err(Failure::Input)
}

/// The limits file that a configuration names, if it names one.
fn limits_file_of(path: &PathBuf) -> Result<Option<PathBuf>, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::Input(format!("{}: {error}", path.display())))?;
    limits_file::resolve(path, &text).map(|(_, file)| file).map_err(Failure::Input)
}

fn run_replay(arguments: &ReplayArguments) -> Result<(), Failure> {
    let config = read_config(arguments.config.as_ref())?;
    let date = arguments.date.as_deref().or(config.date.as_deref());
    let inputs = Inputs::open_for(&config, &arguments.captures, date)?;
    let mut config = startup::complete(&inputs, config)?;
    if let Some(topology) = arguments.topology {
        config.pipeline.topology = topology;
    }
    let options = ReplayOptions {
        pace: arguments.pace.0,
        stamps: arguments.stamps.mode(),
        journal: arguments.journal.clone(),
        report: arguments.report.clone(),
        label: "messages",
        backend: arguments.backend,
        hiccups: arguments.hiccups.time(arguments.report.is_some()),
        ..ReplayOptions::default()
    };
    let outcome = replay::replay(&inputs, &config, &options, Vec::new())?;
    print(&outcome.to_string())?;
    if let Some(path) = &arguments.summary {
        outcome.write_summary(path)?;
    }
    outcome.failure.map_or(Ok(()), Err)
}

fn run_live(arguments: RunArguments) -> Result<(), Failure> {
    let mut config = read_config(Some(&arguments.config))?;
    config.date = arguments.date.or(config.date);
    if let Some(topology) = arguments.topology {
        config.pipeline.topology = topology;
    }
    let options = live_run::LiveOptions {
        stamps: arguments.stamps.mode(),
        hiccups: arguments.hiccups.time(arguments.report.is_some()),
        journal: arguments.journal,
        resume: arguments.resume,
        report: arguments.report,
        limits_file: limits_file_of(&arguments.config)?,
        record: arguments.record,
        backend: arguments.backend,
    };
    operator_port::install_hangup()
        .map_err(|error| Failure::Input(format!("handler for SIGHUP: {error}")))?;
    let live = live_run::run(&config, &options, &shutdown::Stop::new(), Vec::new())?;
    print(&live.to_string())?;
    if let Some(path) = &arguments.summary {
        live.outcome.write_summary(path)?;
    }
    live.outcome.failure.map_or(Ok(()), Err)
}

fn run_book(arguments: &BookArguments) -> Result<(), Failure> {
    let config = read_config(arguments.config.as_ref())?;
    let inputs = Inputs::open_for(&config, &arguments.captures, config.date.as_deref())?;
    if arguments.bench {
        return print(&book_report::bench(&inputs)?);
    }
    let parameters = FeatureParameters { vpin_bucket: arguments.vpin_bucket, ..FeatureParameters::default() };
    let files = BookFiles {
        bbo: arguments.bbo.as_deref(),
        features: arguments.features.as_deref().map(|path| (path, parameters)),
    };
    let report = book_report::build(&inputs, files)?;
    let mut text = Vec::new();
    report.print(&inputs, &mut text).map_err(|error| Failure::Input(error.to_string()))?;
    print(&String::from_utf8_lossy(&text))?;
    if let Some(path) = &arguments.summary {
        report.write_summary(path)?;
    }
    report.failure.map_or(Ok(()), Err)
}

fn run_capture(arguments: CaptureArguments) -> Result<(), Failure> {
    let mut lines = arguments.lines;
    if arguments.config.is_some() {
        lines.extend(live_lines::all_lines(&read_config(arguments.config.as_ref())?, false)?);
        if lines.is_empty() {
            return Err(Failure::Input("the configuration gives no venue a feed".to_owned()));
        }
    }
    let options = capture::CaptureOptions {
        lines,
        out: arguments.out,
        seconds: arguments.seconds,
        backend: arguments.backend,
        datagram_bytes_max: usize::from(arguments.datagram_bytes),
    };
    capture::run(&options, &shutdown::Stop::new(), &mut std::io::stdout())
}

fn run_journal(task: &JournalTask) -> Result<(), Failure> {
    let broken = |error: journal::JournalError| Failure::Input(error.to_string());
    match task {
        JournalTask::Verify { dir } => print(&format!("{}\n", journal::verify(dir).map_err(broken)?)),
        JournalTask::Show { dir } => {
            let mut out = std::io::BufWriter::new(std::io::stdout());
            match journal::show(dir, &journal::ShowFilter::default(), &mut out) {
                // Whoever reads the output may have seen enough.
                Err(journal::JournalError::Io { source, .. })
                    if source.kind() == std::io::ErrorKind::BrokenPipe =>
                {
                    Ok(())
                }
                outcome => outcome.map(|_| ()).map_err(broken),
            }
        }
        JournalTask::Hits { dir, csv } => print(&hits::run(dir, csv.as_deref())?),
        JournalTask::Replay { dir } => {
            let outcome = journal_replay::replay(dir)?;
            print(&outcome.to_string())?;
            if outcome.is_reproduced() {
                Ok(())
            } else {
                Err(Failure::Check("VERDICT: DIVERGED from what the journal closed with".to_owned()))
            }
        }
    }
}

/// Writes results to stdout; a reader that went away is no failure.
fn print(text: &str) -> Result<(), Failure> {
    use std::io::Write;
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::Input(error.to_string()))
        }
        _ => Ok(()),
    }
}
