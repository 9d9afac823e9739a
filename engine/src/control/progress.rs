//! A progress bar for what takes longer than a second, when stderr is a terminal.
//!
//! The cold thread drives it from a counter that the hot side stores now and then; stdout, which holds the results, is
//! never touched. Nothing is drawn in the first second, and nothing at all into a file or a pipe.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// What takes less time than this gets no bar.
const QUIET: Duration = Duration::from_secs(1);

const KNOWN_TOTAL: &str = "{bar:40} {human_pos}/{human_len} {msg}, {per_sec}, {eta} left";
const UNKNOWN_TOTAL: &str = "{spinner} {human_pos} {msg}, {per_sec}, {elapsed}";

/// Progress of one job; dropping it removes the bar from the terminal.
#[derive(Debug)]
pub struct Progress {
    what: String,
    total: Option<u64>,
    terminal: bool,
    started: Instant,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// A job that begins now. `what` says what is counted ("messages"); `total` is known or not.
    #[must_use]
    pub fn start(what: &str, total: Option<u64>) -> Self {
        Self {
            what: what.to_owned(),
            total,
            terminal: io::stderr().is_terminal(),
            started: Instant::now(),
            bar: None,
        }
    }

    /// How many are done by now. Call it a few times a second; redraws are limited to 20 Hz anyway.
    pub fn update(&mut self, done: u64) {
        self.update_at(done, self.started.elapsed());
    }

    fn update_at(&mut self, done: u64, elapsed: Duration) {
        if !self.terminal || elapsed < QUIET {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| new_bar(&self.what, self.total, self.started));
        bar.set_position(done);
    }

    /// Removes the bar: the results follow.
    pub fn finish(mut self) {
        self.clear();
    }

    fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

fn new_bar(what: &str, total: Option<u64>, started: Instant) -> ProgressBar {
    let template = if total.is_some() { KNOWN_TOTAL } else { UNKNOWN_TOTAL };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr())
        .with_style(style)
        .with_elapsed(started.elapsed())
        .with_message(what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(terminal: bool, total: Option<u64>) -> Progress {
        Progress { what: "messages".into(), total, terminal, started: Instant::now(), bar: None }
    }

    #[test]
    fn a_short_job_draws_nothing() {
        let mut short = job(true, Some(100));
        short.update_at(50, QUIET - Duration::from_millis(1));
        assert!(short.bar.is_none());
        short.finish();
    }

    #[test]
    fn a_long_job_shows_where_it_is() {
        for total in [Some(100), None] {
            let mut long = job(true, total);
            long.update_at(10, QUIET);
            long.update_at(60, QUIET * 2);
            let bar = long.bar.as_ref().expect("shown after a second").clone();
            assert_eq!((bar.position(), bar.length()), (60, total));
            assert_eq!(bar.message(), "messages");
            long.finish();
            assert!(bar.is_finished());
        }
    }

    #[test]
    fn a_file_gets_no_bar() {
        let mut piped = job(false, Some(100));
        piped.update_at(50, QUIET * 10);
        assert!(piped.bar.is_none());
    }

    #[test]
    fn both_templates_are_valid() {
        for template in [KNOWN_TOTAL, UNKNOWN_TOTAL] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
