//! The command line of `warptick report`.

use clap::Args;
use engine::control::failure::Failure;
use std::path::PathBuf;

/// What of a run's report is shown.
#[derive(Args)]
pub struct ReportArguments {
    /// What `--report` of a run wrote.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// The slowest orders: where the time of each went, and how to replay it.
    #[arg(long)]
    slowest: bool,
    /// How many of them.
    #[arg(short = 'n', long, default_value_t = 10, requires = "slowest", value_name = "N")]
    orders: usize,
}

impl ReportArguments {
    /// The text for the terminal.
    ///
    /// # Errors
    /// A directory that holds no report.
    pub fn run(&self) -> Result<String, Failure> {
        let Self { dir, slowest, orders } = self;
        let what = if *slowest { format!("its {orders} slowest orders") } else { "its page".to_owned() };
        Err(Failure::Input(format!("{}: {what} cannot be shown yet", dir.display())))
    }
}
