//! `--report DIR`: one static HTML page about a run, its figures as SVG files, and the facts that both are made of.
//!
//! A run writes its `.hlog` files and `report.json` ([`facts`]); [`render`] makes `index.html` and the `.svg` files of them, and of
//! what other commands laid beside ([`beside`]). `warptick report DIR` calls the same [`render`], so that a page can be made again
//! without the run. The page needs no server and holds no script; its content policy forbids every load, so that it asks for nothing even
//! where a name in a capture tries. Text is escaped where it enters (`maud`).
//!
//! Cold code: it runs once after the hot stages have ended, or on the cold thread ([`exemplars`], [`rings`]), and allocates. Every file
//! is written whole or not at all, the page last. It refuses a directory without anything to show.

pub mod beside;
mod drawn;
pub mod exemplars;
pub mod facts;
pub mod figures;
pub mod gather;
mod headline;
mod layout;
pub mod rings;
mod tables;
pub mod terminal;
pub mod units;

use std::fs;
use std::io;
use std::path::Path;

use self::beside::Beside;
use self::drawn::Drawn;
use self::facts::Facts;
use crate::control::atomic_file;

/// Name of the page in the report's directory.
pub const PAGE: &str = "index.html";

/// What a page was made of.
#[derive(Clone, Debug, Default)]
pub struct Rendered {
    /// Of `report.json`; empty where there was none.
    pub facts: Facts,
    /// Of the files beside it.
    pub beside: Beside,
}

/// Makes `index.html` and the figures of what is in the directory.
///
/// # Errors
/// There is nothing to show, a file is damaged, or one cannot be written; the message names it.
pub fn render(dir: &Path) -> io::Result<Rendered> {
    let found = Facts::read(dir)?;
    let beside = Beside::read(dir)?;
    if found.is_none() && beside == Beside::default() {
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            format!("{}: no report: give a directory that `--report` has written", dir.display()),
        ));
    }
    let rendered = Rendered { facts: found.unwrap_or_default(), beside };
    let drawn = Drawn::of(dir, &rendered)?;
    drawn.write(dir)?;
    let page = layout::page(&rendered, &drawn).into_string();
    write(&dir.join(PAGE), page.as_bytes())?;
    Ok(rendered)
}

/// Writes what a run came to, and its page.
///
/// # Errors
/// As [`render`].
pub fn publish(dir: &Path, facts: &Facts) -> io::Result<()> {
    fs::create_dir_all(dir)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: cannot make: {error}", dir.display())))?;
    facts.write(dir)?;
    render(dir).map(|_| ())
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    atomic_file::write(path, bytes)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: cannot write: {error}", path.display())))
}

#[cfg(test)]
mod tests;
