//! The command line of `warptick report`.

use std::path::PathBuf;

use clap::Args;
use engine::control::failure::Failure;
use engine::control::report_page::terminal::Printed;
use engine::control::report_page::{self, PAGE};
use engine::control::slowest::page;

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
    /// The text for the terminal; without `--slowest` the page is made again too.
    ///
    /// # Errors
    /// A directory that holds no report.
    pub fn run(&self) -> Result<String, Failure> {
        let Self { dir, slowest, orders } = self;
        if *slowest {
            return page::text(dir, *orders);
        }
        let rendered = report_page::render(dir).map_err(|error| Failure::Input(error.to_string()))?;
        Ok(Printed { page: dir.join(PAGE), facts: rendered.facts }.to_string())
    }
}
