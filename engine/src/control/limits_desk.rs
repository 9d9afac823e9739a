//! Who may change limits, and how: tightening at once, loosening in two steps by two people.
//!
//! Holds the numbers in force and what was proposed. A new limits file is compared with what is in force: what tightens is
//! to be given to decide under a new version; what loosens is a proposal with a number, that somebody confirms within
//! its time, and that a later file replaces. It decides what is allowed and does nothing itself.
//!
//! **In force is what decide goes by, nothing else.** Asking ([`LimitsDesk::submit`], [`LimitsDesk::confirm`]) changes
//! nothing here; once decide's ring has the changes ([`LimitsDesk::given`]) they wait for decide's word on each
//! ([`LimitsDesk::answered`]), and no others are taken until all of it has come. A resumed run starts from what the runs
//! before it have changed ([`LimitsDesk::resume`]), and knows where its configuration says otherwise
//! ([`LimitsDesk::at_resume`]). Reads no clock, does no I/O.

use toml::Table;

use crate::control::config::Config;
use crate::control::limits_file::{self, Difference, Numbers};
use crate::control::names::Names;
use crate::control::operator_config::ConfirmBy;
use crate::pipeline::controls::LimitAnswer;
use crate::pipeline::operator::LimitChange;

/// Changes that wait for somebody's consent.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// Its number, from 1.
    pub id: u32,
    /// Who proposed it.
    pub who: String,
    /// What would change.
    pub differences: Vec<Difference>,
    /// Until when it can be confirmed, in the caller's seconds.
    pub until_s: u64,
}

/// What is to be given to decide, all of it or nothing.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Version of the changes; that in force where there is none.
    pub version: u32,
    /// Allowed at once, or by consent.
    pub differences: Vec<Difference>,
    /// Waits for a confirmation from then on.
    pub proposed: Option<Proposal>,
}

impl Submission {
    /// The changes as decide takes them.
    pub fn changes(&self) -> impl Iterator<Item = LimitChange> + '_ {
        self.differences.iter().map(|difference| difference.change(self.version))
    }
}

/// Where the configuration of a resumed run says otherwise than what it goes by.
#[derive(Clone, Debug)]
pub struct AtResume {
    /// What the configuration has tighter, as changes that bring it.
    pub tightening: Submission,
    /// What it has looser; `old` is in force, `new` is the configuration's.
    pub looser: Vec<Difference>,
}

/// See the module's text.
pub struct LimitsDesk {
    /// The configuration of the run, for what a limits file does not say.
    config: Table,
    /// Its numbers, those of its limits file among them.
    configured: Numbers,
    names: Names,
    in_force: Numbers,
    version: u32,
    /// Decide has them and has not said what became of them.
    waiting: Vec<LimitChange>,
    /// Version of the latest changes that were given.
    given: u32,
    confirm_by: ConfirmBy,
    confirm_within_s: u64,
    proposal: Option<Proposal>,
    proposals: u32,
}

impl LimitsDesk {
    /// At the start of a run.
    ///
    /// # Errors
    /// A number of the configuration that is none.
    pub fn new(config: &Config, names: Names) -> Result<Self, String> {
        let configured = Numbers::of(config, &names)?;
        Ok(Self {
            in_force: configured.clone(),
            configured,
            config: config.to_toml()?.parse().map_err(|error: toml::de::Error| error.to_string())?,
            names,
            version: 1,
            waiting: Vec::new(),
            given: 1,
            confirm_by: config.operator.confirm_by,
            confirm_within_s: config.operator.confirm_within_s,
            proposal: None,
            proposals: 0,
        })
    }

    /// Takes over what decide starts with beside the configuration: changes of the runs that this one goes on with.
    pub fn resume(&mut self, changes: &[LimitChange]) {
        for &change in changes {
            self.take(change);
        }
    }

    /// What the configuration says otherwise than what a resumed run goes by. The tightening is to be
    /// [`Self::given`] like any other.
    ///
    /// # Errors
    /// Changes that decide has not answered.
    pub fn at_resume(&self) -> Result<AtResume, String> {
        self.is_settled()?;
        let differences = self.in_force.differences(&self.configured, &self.names)?;
        let (looser, tightening) = differences.into_iter().partition(|difference| difference.loosens());
        Ok(AtResume { tightening: self.submission(tightening, None), looser })
    }

    /// Version of the numbers in force; 1 is what the day started with.
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// What waits for a confirmation at a time.
    #[must_use]
    pub fn proposal(&self, now_s: u64) -> Option<&Proposal> {
        self.proposal.as_ref().filter(|proposal| now_s <= proposal.until_s)
    }

    /// Somebody brings a new limits file; `name` is for error texts. Nothing has changed before it is [`Self::given`].
    ///
    /// # Errors
    /// What is wrong with it; changes that decide has not answered.
    pub fn submit(&self, name: &str, text: &str, who: &str, now_s: u64) -> Result<Submission, String> {
        self.is_settled()?;
        let merged = limits_file::merge(self.config.clone(), name, text)?;
        let merged = toml::to_string(&merged).map_err(|error| format!("{name}: {error}"))?;
        let wanted = Numbers::of(&Config::parse(name, &merged)?, &self.names)?;
        let differences =
            self.in_force.differences(&wanted, &self.names).map_err(|what| format!("{name}: {what}"))?;
        let (loosening, tightening): (Vec<_>, Vec<_>) =
            differences.into_iter().partition(|difference| difference.loosens());
        let proposed = (!loosening.is_empty()).then(|| Proposal {
            id: self.proposals + 1,
            who: who.to_owned(),
            differences: loosening,
            until_s: now_s.saturating_add(self.confirm_within_s),
        });
        Ok(self.submission(tightening, proposed))
    }

    /// Somebody confirms a proposal. Nothing has changed before it is [`Self::given`].
    ///
    /// # Errors
    /// No such proposal, too late, or not by this person; changes that decide has not answered.
    pub fn confirm(&self, id: u32, who: &str, now_s: u64) -> Result<Submission, String> {
        self.is_settled()?;
        let Some(proposal) = self.proposal.as_ref().filter(|proposal| proposal.id == id) else {
            return Err(format!(
                "proposal {id} is not open: it was confirmed or another file replaced it; send the limits again"
            ));
        };
        if now_s > proposal.until_s {
            return Err(format!(
                "proposal {id} was to be confirmed within {} s: send the limits again",
                self.confirm_within_s
            ));
        }
        let is_same = proposal.who.trim().eq_ignore_ascii_case(who.trim());
        if is_same && self.confirm_by == ConfirmBy::Another {
            return Err(format!(
                "proposal {id} is {}'s own: another person confirms it (operator.confirm_by)",
                proposal.who
            ));
        }
        if let Some(changed) = proposal.differences.iter().find(|difference| !self.in_force.has(difference)) {
            return Err(format!(
                "proposal {id}: {} is not what is in force any more; send the limits again",
                changed.show(&self.names)
            ));
        }
        Ok(self.submission(proposal.differences.clone(), None))
    }

    fn submission(&self, differences: Vec<Difference>, proposed: Option<Proposal>) -> Submission {
        let version = if differences.is_empty() { self.version } else { self.given.max(self.version) + 1 };
        Submission { version, differences, proposed }
    }

    /// Whether decide has answered everything.
    ///
    /// # Errors
    /// What it has not: until then nothing can be submitted or confirmed.
    pub fn is_settled(&self) -> Result<(), String> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        Err(format!(
            "decide has not said what became of {} changes of version {}: what is in force is not known; look at /status",
            self.waiting.len(),
            self.given
        ))
    }

    /// Decide's ring has all of it: its changes wait for decide's word, and its proposal for a confirmation.
    pub fn given(&mut self, submission: &Submission) {
        self.proposal.clone_from(&submission.proposed);
        self.proposals += u32::from(submission.proposed.is_some());
        self.given = self.given.max(submission.version);
        self.waiting.extend(submission.changes());
    }

    /// Decide says what became of a change.
    pub fn answered(&mut self, answer: LimitAnswer) {
        let LimitAnswer { change, is_in_force } = answer;
        self.waiting.retain(|waiting| *waiting != change);
        if is_in_force {
            self.take(change);
        }
    }

    fn take(&mut self, change: LimitChange) {
        self.version = self.version.max(change.version);
        self.given = self.given.max(change.version);
        self.in_force.take(&change);
    }

    /// How a change stands.
    #[must_use]
    pub fn standing(&self, change: &LimitChange) -> Standing {
        if self.waiting.contains(change) {
            Standing::Waiting
        } else if self.in_force.is_in_force(change) {
            Standing::InForce
        } else {
            Standing::Refused
        }
    }

    /// The names that it uses.
    #[must_use]
    pub const fn names(&self) -> &Names {
        &self.names
    }
}

/// How a change that was given to decide stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Decide goes by it.
    InForce,
    /// Decide has not said.
    Waiting,
    /// Decide has no such limit.
    Refused,
}

#[cfg(test)]
#[path = "limits_desk_tests.rs"]
mod tests;
