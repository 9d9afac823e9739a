//! Who may change limits, and how: tightening at once, loosening in two steps by two people.
//!
//! Holds the numbers in force and what was proposed. A new limits file is compared with what is in force: what tightens is
//! in force from then on, under a new version; what loosens is a proposal with a number, that somebody confirms within
//! its time, and that a later file replaces. It decides what is allowed and does nothing itself: whoever holds it sends the
//! changes to decide. Reads no clock, does no I/O.

use toml::Table;

use crate::control::config::Config;
use crate::control::limits_file::{self, Difference, Numbers};
use crate::control::names::Names;
use crate::control::operator_config::ConfirmBy;

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

/// What became of a limits file.
#[derive(Clone, Debug)]
pub struct Submitted {
    /// In force from now on.
    pub applied: Vec<Difference>,
    /// Waits for a confirmation.
    pub proposed: Option<Proposal>,
}

/// See the module's text.
pub struct LimitsDesk {
    /// The configuration of the run, for what a limits file does not say.
    config: Table,
    names: Names,
    in_force: Numbers,
    version: u32,
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
        Ok(Self {
            in_force: Numbers::of(config, &names)?,
            config: config.to_toml()?.parse().map_err(|error: toml::de::Error| error.to_string())?,
            names,
            version: 1,
            confirm_by: config.operator.confirm_by,
            confirm_within_s: config.operator.confirm_within_s,
            proposal: None,
            proposals: 0,
        })
    }

    /// Version of the numbers in force; 1 is what the run started with.
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// What waits for a confirmation at a time.
    #[must_use]
    pub fn proposal(&self, now_s: u64) -> Option<&Proposal> {
        self.proposal.as_ref().filter(|proposal| now_s <= proposal.until_s)
    }

    /// Somebody brings a new limits file; `name` is for error texts. What is `applied` has the desk's new version.
    ///
    /// # Errors
    /// What is wrong with it. Nothing has changed then.
    pub fn submit(&mut self, name: &str, text: &str, who: &str, now_s: u64) -> Result<Submitted, String> {
        let merged = limits_file::merge(self.config.clone(), name, text)?;
        let merged = toml::to_string(&merged).map_err(|error| format!("{name}: {error}"))?;
        let wanted = Numbers::of(&Config::parse(name, &merged)?, &self.names)?;
        let differences =
            self.in_force.differences(&wanted, &self.names).map_err(|what| format!("{name}: {what}"))?;
        let (loosening, applied): (Vec<_>, Vec<_>) =
            differences.into_iter().partition(|difference| difference.loosens());
        self.put_in_force(&applied);
        self.proposal = None;
        if !loosening.is_empty() {
            self.proposals += 1;
            let until_s = now_s.saturating_add(self.confirm_within_s);
            let (id, who) = (self.proposals, who.to_owned());
            self.proposal = Some(Proposal { id, who, differences: loosening, until_s });
        }
        Ok(Submitted { applied, proposed: self.proposal.clone() })
    }

    /// Somebody confirms a proposal; what is in force from now on, under the desk's new version.
    ///
    /// # Errors
    /// No such proposal, too late, or not by this person.
    pub fn confirm(&mut self, id: u32, who: &str, now_s: u64) -> Result<Vec<Difference>, String> {
        let Some(proposal) = self.proposal.as_ref().filter(|proposal| proposal.id == id) else {
            return Err(format!(
                "proposal {id} is not open: it was confirmed or another file replaced it; send the limits again"
            ));
        };
        if now_s > proposal.until_s {
            self.proposal = None;
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
        let differences = self.proposal.take().map(|proposal| proposal.differences).unwrap_or_default();
        self.put_in_force(&differences);
        Ok(differences)
    }

    fn put_in_force(&mut self, differences: &[Difference]) {
        self.version += u32::from(!differences.is_empty());
        for difference in differences {
            self.in_force.take(difference);
        }
    }

    /// The names that it uses.
    #[must_use]
    pub const fn names(&self) -> &Names {
        &self.names
    }
}

#[cfg(test)]
#[path = "limits_desk_tests.rs"]
mod tests;
