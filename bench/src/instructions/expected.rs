//! The counts that are expected, by build: `bench/instructions.toml`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// What the machine code depends on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Build {
    /// `rustc --version`.
    pub toolchain: String,
    /// Target features that the compiler was allowed.
    pub target_features: String,
    /// Cargo's profile.
    pub profile: String,
}

impl Build {
    /// That of this program.
    #[must_use]
    pub fn this() -> Self {
        Self {
            toolchain: env!("BENCH_TOOLCHAIN").to_owned(),
            target_features: env!("BENCH_TARGET_FEATURES").to_owned(),
            profile: env!("BENCH_PROFILE_NAME").to_owned(),
        }
    }
}

impl fmt::Display for Build {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, features {}, profile {}", self.toolchain, self.target_features, self.profile)
    }
}

/// Counts of one build.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// The build.
    pub build: Build,
    /// Instructions an item, by scenario.
    pub counts: BTreeMap<String, f64>,
}

impl Expected {
    /// The expected count of a scenario.
    ///
    /// # Errors
    /// The file has none.
    pub fn count_of(&self, name: &str) -> Result<f64, String> {
        self.counts
            .get(name)
            .copied()
            .ok_or_else(|| format!("no expected count of {name} for {}", self.build))
    }

    /// As a part of the file.
    ///
    /// # Errors
    /// None in practice; the serialiser's text.
    pub fn to_toml(&self) -> Result<String, String> {
        let mut rounded = self.clone();
        rounded.counts.values_mut().for_each(|count| *count = (*count * 100.0).round() / 100.0);
        #[derive(Serialize)]
        struct One {
            expected: [Expected; 1],
        }
        toml::to_string(&One { expected: [rounded] }).map_err(|error| error.to_string())
    }
}

/// The whole file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedFile {
    /// How far a count may be off, per cent, up or down.
    pub tolerance_per_cent: f64,
    /// By build.
    pub expected: Vec<Expected>,
}

impl ExpectedFile {
    /// The counts of the build that this program is of.
    #[must_use]
    pub fn of_this_build(&self) -> Option<&Expected> {
        let this = Build::this();
        self.expected.iter().find(|known| known.build == this)
    }

    /// What a count says beside the expected one; an error is one that has moved. Fewer instructions are an error too:
    /// the file is to say what is so, or the next ones would hide in the difference.
    ///
    /// # Errors
    /// Further off than is allowed.
    pub fn judge(&self, found: f64, expected: f64) -> Result<String, String> {
        let off = (found / expected - 1.0) * 100.0;
        let said = format!("expected {expected:.2} ({off:+.2} %, allowed {} %)", self.tolerance_per_cent);
        if off.abs() <= self.tolerance_per_cent { Ok(said) } else { Err(said) }
    }
}

/// Reads the file.
///
/// # Errors
/// It cannot be read, or is none; the message names file, line and key.
pub fn read(file: &Path) -> Result<ExpectedFile, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    toml::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instructions::work::WORKS;

    fn file() -> ExpectedFile {
        read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("instructions.toml")).expect("the committed file")
    }

    #[test]
    fn the_committed_file_has_every_scenario_of_every_build() {
        let file = file();
        assert!(!file.expected.is_empty());
        for known in &file.expected {
            for work in WORKS {
                assert!(known.count_of(work.name).is_ok_and(|count| count > 0.0), "{}", work.name);
            }
            assert_eq!(known.counts.len(), WORKS.len(), "{}: a scenario that is none", known.build);
        }
    }

    #[test]
    fn a_count_that_moved_either_way_is_refused() {
        let file = ExpectedFile { tolerance_per_cent: 2.0, expected: Vec::new() };
        assert!(file.judge(101.9, 100.0).is_ok());
        assert!(file.judge(102.1, 100.0).is_err_and(|said| said.contains("+2.10 %")));
        assert!(file.judge(97.9, 100.0).is_err());
    }

    #[test]
    fn what_is_recorded_reads_back() {
        let counts = [("risk".to_owned(), 363.123)].into();
        let text = Expected { build: Build::this(), counts }.to_toml().expect("serialisable");
        let text = format!("tolerance_per_cent = 2.0\n\n{text}");
        let back: ExpectedFile = toml::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(back.of_this_build().expect("this build").count_of("risk"), Ok(363.12));
        assert!(toml::from_str::<ExpectedFile>("tolerance_per_cent = 2.0\nexpect = []").is_err());
    }
}
