//! What a check answers: the knob with everything that is always true of it, and what this machine has.

use std::fmt;

use crate::host::HostFiles;

/// One setting of the host, and why it matters. Everything here is fixed text; `tuning/README.md` shows the same.
#[derive(Debug, PartialEq, Eq)]
pub struct Knob {
    /// Its name, in the kernel's own words.
    pub name: &'static str,
    /// What it should be on a machine that trades.
    pub wanted: &'static str,
    /// Why, in one sentence.
    pub why: &'static str,
    /// A command that shows the setting.
    pub check: &'static str,
    /// How to get what is wanted.
    pub set: &'static str,
    /// How to go back.
    pub undo: &'static str,
    /// What it was measured to bring, with the place of the figure, or [`NOT_MEASURED`].
    pub effect: &'static str,
}

/// The effect of a knob that nobody has measured with this engine yet.
pub const NOT_MEASURED: &str = "not measured here";

/// How a machine stands with a knob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As wanted.
    Good,
    /// Not as wanted.
    Bad,
    /// The machine does not say, or the knob means nothing on it; the finding says which.
    Unknown,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Unknown => "unknown",
        })
    }
}

/// One knob on one machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The knob.
    pub knob: &'static Knob,
    /// How the machine stands with it.
    pub verdict: Verdict,
    /// What the machine has, for people.
    pub found: String,
}

/// What a check found, before it is joined with its knob. The error is a text that cannot be read or understood.
pub(crate) type Checked = Result<(Verdict, String), String>;

pub(crate) fn good(found: impl Into<String>) -> Checked {
    Ok((Verdict::Good, found.into()))
}

pub(crate) fn bad(found: impl Into<String>) -> Checked {
    Ok((Verdict::Bad, found.into()))
}

pub(crate) fn unknown(found: impl Into<String>) -> Checked {
    Ok((Verdict::Unknown, found.into()))
}

/// Good or bad by a condition.
pub(crate) fn judge(is_good: bool, found: impl Into<String>) -> Checked {
    if is_good { good(found) } else { bad(found) }
}

/// Judges a file that holds one number; a kernel without the file is unknown.
pub(crate) fn judge_number(host: &HostFiles, path: &str, is_good: impl FnOnce(i64) -> bool) -> Checked {
    let Some(text) = host.text(path)? else { return unknown(format!("no /{path}")) };
    let value = text.parse().map_err(|_| format!("/{path}: '{text}' is no number"))?;
    judge(is_good(value), text)
}

impl Knob {
    /// Joins what was found with its knob; what could not be read is unknown, never guessed.
    pub(crate) fn finding(&'static self, checked: Checked) -> Finding {
        let (verdict, found) = checked.unwrap_or_else(|text| (Verdict::Unknown, text));
        Finding { knob: self, verdict, found }
    }
}
