//! The limits file: the numbers of the configuration that may change while the engine runs, in a file of their own.
//!
//! It has the shape of the configuration, and of that only what limits: `[risk]` with `[risk.strategy]`, `[limits]`, `limits`
//! of `[[instruments]]` (by `symbol`), and the rates of `[[venues]]` (by `name`). What it leaves out is not limited, or has
//! the built-in default, as in a configuration. A configuration names it in place of its own `[limits]`: `limits = "limits.toml"`, relative to itself. Read on cold
//! threads; what it is compared with are the numbers in force ([`Numbers`]), rule by rule, whatever structs they come from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::control::config::Config;
use crate::control::names::Names;
use crate::pipeline::operator::{LimitChange, LimitRule, Scope};

/// A list of the configuration whose entries have limits: its key, what entries are named by, which of their keys limit.
type List = (&'static str, &'static str, fn(&str) -> bool);

/// The lists that there are.
const LISTS: [List; 2] =
    [("instruments", "symbol", |key| key == "limits"), ("venues", "name", |key| rule(key).is_some())];

/// The configuration's text with its limits file taken in, and the file's path where it names one.
///
/// # Errors
/// A file that cannot be read; something in it that does not limit.
pub fn resolve(path: &Path, text: &str) -> Result<(String, Option<PathBuf>), String> {
    let Ok(mut config) = text.parse::<Table>() else {
        // The typed parser says it better.
        return Ok((text.to_owned(), None));
    };
    let Some(Value::String(file)) = config.get("limits") else { return Ok((text.to_owned(), None)) };
    let file = path.parent().unwrap_or(Path::new("")).join(file);
    let name = file.display().to_string();
    let limits = std::fs::read_to_string(&file).map_err(|error| format!("{name}: {error}"))?;
    config.remove("limits");
    let merged = merge(config, &name, &limits)?;
    Ok((toml::to_string(&merged).map_err(|error| error.to_string())?, Some(file)))
}

/// Puts the text of a limits file in the place of a configuration's limits; `name` is for error texts.
///
/// # Errors
/// What is wrong with the text, or is no limit, or of something that the configuration does not have.
pub fn merge(mut config: Table, name: &str, text: &str) -> Result<Table, String> {
    let limits: Table = text.parse().map_err(|error: toml::de::Error| format!("{name}: {error}"))?;
    let refused = |what: String| format!("{name}: {what}");
    for key in ["risk", "limits"] {
        config.remove(key);
    }
    for (list, by, may_hold) in LISTS {
        for entry in config.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(entry) = entry.as_table_mut() {
                entry.retain(|key, _| !may_hold(key));
            }
        }
        for given in limits.get(list).and_then(Value::as_array).into_iter().flatten() {
            let named = given.get(by).and_then(Value::as_str);
            let named = named.ok_or_else(|| refused(format!("an entry of [[{list}]] has no {by}")))?;
            let entries = config.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten();
            let mut entries = entries.filter_map(Value::as_table_mut);
            let found = entries.find(|entry| entry.get(by).and_then(Value::as_str) == Some(named));
            let found = found.ok_or_else(|| {
                refused(format!("[[{list}]] {named}: the configuration has none of this {by}"))
            })?;
            for (key, value) in given.as_table().into_iter().flatten().filter(|(key, _)| *key != by) {
                if !may_hold(key) {
                    return Err(refused(format!(
                        "[[{list}]] {named}: {key} does not belong into a limits file"
                    )));
                }
                found.insert(key.clone(), value.clone());
            }
        }
    }
    for (key, value) in limits {
        match key.as_str() {
            "risk" | "limits" if value.is_table() => drop(config.insert(key, value)),
            "instruments" | "venues" => {}
            _ => {
                return Err(refused(format!(
                    "{key}: a limits file has [risk], [limits], [[instruments]] and [[venues]] with their limits, nothing else"
                )));
            }
        }
    }
    Ok(config)
}

/// Whose number a rule's is; sorted, so that changes come in one order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Owner {
    Firm,
    Venue(u8),
    Instrument(u32),
    Strategy(u16),
}

impl Owner {
    const fn scope(self) -> Scope {
        match self {
            Self::Firm => Scope::All,
            Self::Venue(venue) => Scope::Venue(venue),
            Self::Instrument(instrument) => Scope::Instrument(instrument),
            Self::Strategy(strategy) => Scope::Strategy(strategy),
        }
    }
}

/// Every number of the limits, by owner and name; numbers that no rule has are those that cannot change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbers(BTreeMap<(Owner, String), i64>);

/// One number that differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Whose.
    pub scope: Scope,
    /// Which.
    pub rule: LimitRule,
    /// In force now; none: no limit.
    pub old: Option<i64>,
    /// Wanted; none: no limit.
    pub new: Option<i64>,
}

/// What stands for "no limit" where numbers are compared and sent.
const fn number(rule: LimitRule, value: Option<i64>) -> i64 {
    match (value, rule) {
        (Some(value), _) => value,
        // Where less is looser, or none is the tightest, none is nothing.
        (
            None,
            LimitRule::LastTradeAgeMaxMs
            | LimitRule::OrderQtyMin
            | LimitRule::LotQty
            | LimitRule::Restricted
            | LimitRule::ShortRestricted
            | LimitRule::MarginBp,
        ) => 0,
        (None, _) => LimitChange::NONE,
    }
}

impl Difference {
    const fn number(self, value: Option<i64>) -> i64 {
        number(self.rule, value)
    }

    /// Whether more would pass than does now.
    #[must_use]
    pub const fn loosens(self) -> bool {
        self.rule.loosens(self.number(self.old), self.number(self.new))
    }

    /// The change that brings it.
    #[must_use]
    pub const fn change(self, version: u32) -> LimitChange {
        LimitChange { version, scope: self.scope, rule: self.rule, value: self.number(self.new) }
    }

    /// For people: `collar_bp of symbol:AAPL: 500 -> 300`.
    #[must_use]
    pub fn show(self, names: &Names) -> String {
        let [old, new] = [self.old, self.new].map(Self::show_value);
        format!("{}: {old} -> {new}", self.show_rule(names))
    }

    /// For people: `collar_bp of symbol:AAPL`.
    #[must_use]
    pub fn show_rule(&self, names: &Names) -> String {
        let of = if self.scope == Scope::All { "the firm".to_owned() } else { names.show(self.scope) };
        format!("{} of {of}", self.rule.name())
    }

    /// For people: a number, or that there is none.
    #[must_use]
    pub fn show_value(value: Option<i64>) -> String {
        value.map_or("none".to_owned(), |value| value.to_string())
    }
}

impl Numbers {
    /// The numbers of a configuration, defaults and what instruments inherit included.
    ///
    /// # Errors
    /// A number that is none or too large.
    pub fn of(config: &Config, names: &Names) -> Result<Self, String> {
        let table: Table = config.to_toml()?.parse().map_err(|error: toml::de::Error| error.to_string())?;
        let mut numbers = Self::default();
        let risk = table.get("risk");
        numbers.add(Owner::Firm, risk, false)?;
        for strategy in 0..u16::try_from(names.strategies()).unwrap_or(u16::MAX) {
            numbers.add(Owner::Strategy(strategy), risk.and_then(|risk| risk.get("strategy")), false)?;
        }
        let list = |key: &str| table.get(key).and_then(Value::as_array).into_iter().flatten();
        for venue in list("venues") {
            let name = venue.get("name").and_then(Value::as_str).unwrap_or_default();
            if let Some(number) = names.venue(name) {
                // They stand among its other settings.
                numbers.add(Owner::Venue(number), Some(venue), true)?;
            }
        }
        for instrument in list("instruments") {
            let symbol = instrument.get("symbol").and_then(Value::as_str).unwrap_or_default();
            if let Some(number) = names.instrument(symbol) {
                numbers.add(Owner::Instrument(number), table.get("limits"), false)?;
                numbers.add(Owner::Instrument(number), instrument.get("limits"), false)?;
            }
        }
        Ok(numbers)
    }

    fn add(&mut self, owner: Owner, table: Option<&Value>, rules_only: bool) -> Result<(), String> {
        for (name, value) in table.and_then(Value::as_table).into_iter().flatten() {
            let is_rule = rule(name).is_some();
            if rules_only && !is_rule {
                continue;
            }
            let number = match value {
                Value::Integer(number) => *number,
                Value::Boolean(is) => i64::from(*is),
                // Another owner's.
                Value::Table(_) => continue,
                _ if is_rule => return Err(format!("{name}: a limit is an integer, or true or false")),
                // No number: what it is cannot be compared, and its text stands for it.
                other => {
                    let text = other.to_string();
                    text.bytes()
                        .fold(0, |hash: i64, byte| hash.wrapping_mul(31).wrapping_add(i64::from(byte)))
                }
            };
            self.0.insert((owner, name.clone()), number);
        }
        Ok(())
    }

    /// What would have to change for `wanted` to be in force.
    ///
    /// # Errors
    /// A number that cannot change while the engine runs.
    pub fn differences(&self, wanted: &Self, names: &Names) -> Result<Vec<Difference>, String> {
        let mut keys: Vec<_> = self.0.keys().chain(wanted.0.keys()).collect();
        keys.sort_unstable();
        keys.dedup();
        let mut differences = Vec::new();
        for key @ (owner, name) in keys {
            let (old, new) = (self.0.get(key).copied(), wanted.0.get(key).copied());
            if old == new {
                continue;
            }
            let scope = owner.scope();
            let Some(rule) = rule(name) else {
                return Err(format!(
                    "{name} of {} cannot change while the engine runs: books, strategies and order messages are built with it. \
                     Leave it as it is, or restart",
                    names.show(scope)
                ));
            };
            // No limit and the number that says so are the same.
            if number(rule, old) != number(rule, new) {
                differences.push(Difference { scope, rule, old, new });
            }
        }
        Ok(differences)
    }

    /// A change is in force.
    pub fn take(&mut self, change: &LimitChange) {
        let key = key(change.scope, change.rule);
        if change.value == number(change.rule, None) {
            self.0.remove(&key);
        } else {
            self.0.insert(key, change.value);
        }
    }

    /// Whether this change is what is in force.
    #[must_use]
    pub fn is_in_force(&self, change: &LimitChange) -> bool {
        number(change.rule, self.0.get(&key(change.scope, change.rule)).copied()) == change.value
    }

    /// Whether a change still starts from what is in force.
    #[must_use]
    pub fn has(&self, difference: &Difference) -> bool {
        let now = self.0.get(&key(difference.scope, difference.rule)).copied();
        difference.number(now) == difference.number(difference.old)
    }
}

/// Where a rule's number stands.
fn key(scope: Scope, rule: LimitRule) -> (Owner, String) {
    let owner = match scope {
        Scope::All | Scope::Side(_) => Owner::Firm,
        Scope::Venue(venue) => Owner::Venue(venue),
        Scope::Instrument(instrument) => Owner::Instrument(instrument),
        Scope::Strategy(strategy) => Owner::Strategy(strategy),
    };
    (owner, rule.name().to_owned())
}

fn rule(name: &str) -> Option<LimitRule> {
    LimitRule::ALL.into_iter().find_map(|(rule, known)| (known == name).then_some(rule))
}

#[cfg(test)]
#[path = "limits_file_tests.rs"]
mod tests;
