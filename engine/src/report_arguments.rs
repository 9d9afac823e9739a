//! The command line of `warptick report`.

use std::path::PathBuf;

use clap::Args;
use engine::control::failure::Failure;
use engine::control::report_page::terminal::Printed;
use engine::control::report_page::{self, PAGE};

/// What `warptick report` is given.
#[derive(Args)]
pub struct ReportArguments {
    /// A directory that `--report` has written.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

impl ReportArguments {
    /// Makes the page again; what is printed is its stage table.
    ///
    /// # Errors
    /// The directory holds no report, or a damaged one.
    pub fn run(&self) -> Result<String, Failure> {
        let rendered = report_page::render(&self.dir).map_err(|error| Failure::Input(error.to_string()))?;
        Ok(Printed { page: self.dir.join(PAGE), facts: rendered.facts }.to_string())
    }
}
