//! What a check answers: the knob with everything that is always true of it, what this machine has, and the commands
//! that change it here and change it back.

use std::fmt;

use crate::host::HostFiles;

/// One setting of the host, and why it matters. Everything here is fixed text; `tuning/README.md` shows the same.
#[derive(Debug, PartialEq, Eq)]
pub struct Knob {
    /// Its name, in the kernel's own words.
    pub name: &'static str,
    /// What it should be on a machine that trades.
    pub wanted: &'static str,
    /// The verdict where it is not: [`Verdict::Warn`] for what costs time at the tail, [`Verdict::Fail`] for what breaks
    /// a promise of the engine or makes its figures wrong.
    pub otherwise: Verdict,
    /// Why, in one sentence.
    pub why: &'static str,
    /// A command that shows the setting.
    pub check: &'static str,
    /// How to get what is wanted, on any machine; capital letters stand for what [`Finding::set`] fills in.
    pub set: &'static str,
    /// How to go back, on any machine.
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
    Pass,
    /// Not as wanted: the engine runs and its figures are right, but its tail is longer than it need be.
    Warn,
    /// Not as wanted: the engine cannot keep a promise here, or its figures mislead.
    Fail,
    /// The machine does not say, or the knob means nothing on it; the finding says which.
    Unknown,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pass => "PASS",
            Self::Warn => "WARN",
            Self::Fail => "FAIL",
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
    /// The command that gets what is wanted on this machine.
    pub set: String,
    /// The command that goes back to what this machine has now.
    pub undo: String,
}

/// Whether a setting is as it should be; its knob knows how bad it is when it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Good,
    Bad,
    Unknown,
}

/// What a check found, before it is joined with its knob. The error is a text that cannot be read or understood.
pub(crate) type Checked = Result<(Standing, String), String>;

pub(crate) fn good(found: impl Into<String>) -> Checked {
    Ok((Standing::Good, found.into()))
}

pub(crate) fn bad(found: impl Into<String>) -> Checked {
    Ok((Standing::Bad, found.into()))
}

pub(crate) fn unknown(found: impl Into<String>) -> Checked {
    Ok((Standing::Unknown, found.into()))
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

/// The commands for one machine: how to get there, and back.
pub(crate) type Mending = (String, String);

impl Knob {
    /// Joins what was found with its knob; what could not be read is unknown, never guessed.
    pub(crate) fn finding(&'static self, checked: Checked) -> Finding {
        self.finding_mended(checked, None)
    }

    /// As [`Knob::finding`], with the commands for this machine where they could be made up; else those for any.
    pub(crate) fn finding_mended(&'static self, checked: Checked, mending: Option<Mending>) -> Finding {
        let (standing, found) = checked.unwrap_or_else(|text| (Standing::Unknown, text));
        let verdict = match standing {
            Standing::Good => Verdict::Pass,
            Standing::Bad => self.otherwise,
            Standing::Unknown => Verdict::Unknown,
        };
        let (set, undo) = mending.unwrap_or_else(|| (self.set.to_owned(), self.undo.to_owned()));
        Finding { knob: self, verdict, found, set, undo }
    }

    /// A knob that is one sysctl: judged by its file, set to `wanted`, put back to what the file has now.
    pub(crate) fn sysctl(
        &'static self,
        host: &HostFiles,
        name: &str,
        wanted: &str,
        checked: Checked,
    ) -> Finding {
        let former = host.text(&format!("proc/sys/{}", name.replace('.', "/"))).ok().flatten();
        let mending =
            former.map(|former| (format!("sysctl -w {name}={wanted}"), format!("sysctl -w {name}={former}")));
        self.finding_mended(checked, mending)
    }
}
