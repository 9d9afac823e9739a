//! The limits file: the numbers of the configuration that may change while the engine runs, in a file of their own.
//!
//! It has the shape of the configuration, and of that only what limits: `[risk]`, `[limits]`, and `limits` of
//! `[[instruments]]` (by `symbol`, also under `market_maker` and `arbitrage`) and of `[[venues]]` (by `name`). A
//! configuration names it in place of its own `[limits]`: `limits = "limits.toml"`, relative to itself. Read on cold
//! threads; what it is compared with are the numbers in force ([`Numbers`]), rule by rule, whatever structs they come from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::control::config::Config;
use crate::control::names::Names;
use crate::pipeline::operator::{LimitChange, LimitRule, Scope};

/// Keys of an instrument that may hold limits.
const STRATEGIES: [&str; 2] = ["market_maker", "arbitrage"];

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
    for (list, by) in [("instruments", "symbol"), ("venues", "name")] {
        for entry in config.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            let Some(entry) = entry.as_table_mut() else { continue };
            entry.remove("limits");
            for kind in STRATEGIES {
                if let Some(strategy) = entry.get_mut(kind).and_then(Value::as_table_mut) {
                    strategy.remove("limits");
                }
            }
        }
        for given in limits.get(list).and_then(Value::as_array).into_iter().flatten() {
            let named = given.get(by).and_then(Value::as_str);
            let named = named.ok_or_else(|| refused(format!("an entry of [[{list}]] has no {by}")))?;
            let entries = config.get_mut(list).and_then(Value::as_array_mut);
            let found = entries
                .into_iter()
                .flatten()
                .find(|entry| entry.get(by).and_then(Value::as_str) == Some(named))
                .and_then(Value::as_table_mut)
                .ok_or_else(|| {
                    refused(format!("[[{list}]] {named}: the configuration has none of this {by}"))
                })?;
            take_in(found, given, by).map_err(|what| refused(format!("[[{list}]] {named}: {what}")))?;
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

/// The limits of one entry of a list, and of its strategies.
fn take_in(entry: &mut Table, given: &Value, by: &str) -> Result<(), String> {
    for (key, value) in given.as_table().into_iter().flatten() {
        let key = key.as_str();
        if key == by {
            continue;
        }
        let is_strategy = STRATEGIES.contains(&key);
        let limits = if is_strategy { value.get("limits") } else { Some(value) };
        let alone = value.as_table().is_some_and(|table| !is_strategy || table.len() == 1);
        let (true, Some(limits)) = ((is_strategy || key == "limits") && alone, limits) else {
            return Err(format!("{key}: only `limits` belongs into a limits file"));
        };
        if !is_strategy {
            entry.insert("limits".to_owned(), limits.clone());
            continue;
        }
        let strategy = entry.get_mut(key).and_then(Value::as_table_mut);
        let strategy =
            strategy.ok_or_else(|| format!("{key}: the configuration has no such strategy here"))?;
        strategy.insert("limits".to_owned(), limits.clone());
    }
    Ok(())
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

impl Difference {
    /// What stands for "no limit" where numbers are compared and sent.
    const fn number(self, value: Option<i64>) -> i64 {
        match (value, self.rule) {
            (Some(value), _) => value,
            // Where less is looser, none is nothing.
            (
                None,
                LimitRule::OrderQtyMin
                | LimitRule::LotQty
                | LimitRule::Restricted
                | LimitRule::ShortRestricted
                | LimitRule::MarginBp,
            ) => 0,
            (None, _) => LimitChange::NONE,
        }
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
        let show = |value: Option<i64>| value.map_or("none".to_owned(), |value| value.to_string());
        let of = if self.scope == Scope::All { "the firm".to_owned() } else { names.show(self.scope) };
        format!("{} of {of}: {} -> {}", self.rule.name(), show(self.old), show(self.new))
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
        numbers.add(Owner::Firm, table.get("risk"), false)?;
        let list = |key: &str| table.get(key).and_then(Value::as_array).into_iter().flatten();
        for venue in list("venues") {
            let name = venue.get("name").and_then(Value::as_str).unwrap_or_default();
            if let Some(number) = names.venue(name) {
                // Numbers of a venue may stand among its other settings.
                numbers.add(Owner::Venue(number), Some(venue), true)?;
                numbers.add(Owner::Venue(number), venue.get("limits"), false)?;
            }
        }
        for instrument in list("instruments") {
            let symbol = instrument.get("symbol").and_then(Value::as_str).unwrap_or_default();
            if let Some(number) = names.instrument(symbol) {
                numbers.add(Owner::Instrument(number), table.get("limits"), false)?;
                numbers.add(Owner::Instrument(number), instrument.get("limits"), false)?;
            }
            for kind in STRATEGIES {
                let limits = instrument.get(kind).and_then(|strategy| strategy.get("limits"));
                if let Some(number) = names.strategy(symbol, kind) {
                    numbers.add(Owner::Strategy(number), limits, false)?;
                }
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
            differences.push(Difference { scope, rule, old, new });
        }
        Ok(differences)
    }

    /// A change is in force.
    pub fn take(&mut self, difference: &Difference) {
        let owner = match difference.scope {
            Scope::All | Scope::Side(_) => Owner::Firm,
            Scope::Venue(venue) => Owner::Venue(venue),
            Scope::Instrument(instrument) => Owner::Instrument(instrument),
            Scope::Strategy(strategy) => Owner::Strategy(strategy),
        };
        let key = (owner, difference.rule.name().to_owned());
        match difference.new {
            Some(new) => drop(self.0.insert(key, new)),
            None => drop(self.0.remove(&key)),
        }
    }

    /// Whether a change still starts from what is in force.
    #[must_use]
    pub fn has(&self, difference: &Difference) -> bool {
        let mut without = self.clone();
        without.take(&Difference { new: difference.old, ..*difference });
        without == *self
    }
}

fn rule(name: &str) -> Option<LimitRule> {
    LimitRule::ALL.into_iter().find_map(|(rule, known)| (known == name).then_some(rule))
}

#[cfg(test)]
#[path = "limits_file_tests.rs"]
mod tests;
