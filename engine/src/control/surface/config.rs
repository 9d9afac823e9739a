//! `[wide.surface]`: when volatilities are fitted to a chain's quotes, and which fits are good enough.

use serde::{Deserialize, Serialize};

/// Longest interval, ms: a day.
const INTERVAL_MS_MAX: u64 = 86_400_000;

/// Parameters of a smile: fewer points give no fit at all.
pub const POINTS_MIN: u32 = 5;

/// What is fitted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SurfaceModel {
    /// A raw SVI smile an expiry: five parameters each.
    #[default]
    Svi,
    /// One SSVI surface over all expiries of a chain: a level each, three parameters for all. At least two expiries.
    Ssvi,
}

/// Surfaces. Without this table every option keeps its configured volatility.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SurfaceConfig {
    /// Distance of two fits of a chain, ms of core time; in lockstep exactly then. Default 1,000.
    pub fit_interval_ms: u64,
    /// What is fitted. Default "svi".
    pub model: SurfaceModel,
    /// Usable quotes that an expiry needs, 5 to 1000. Default 7: two more than there are parameters.
    pub points_min: u32,
    /// Widest quote that is used, its spread in parts of its mid. Default 0.5.
    pub spread_max: f64,
    /// Furthest that a fit may be from its quotes, root mean square over them in volatility. Default 0.02.
    pub rms_max: f64,
    /// A quote this many times as far from the fit as the median one, and further than `apart_min`, is left out of a second
    /// fit; with more than a quarter of them there is none. Default 3.
    pub apart: f64,
    /// See `apart`; in volatility. Default 0.01.
    pub apart_min: f64,
    /// A volatility that has moved by less is not told. Default 0.00001.
    pub change_min: f64,
}

impl Default for SurfaceConfig {
    fn default() -> Self {
        Self {
            fit_interval_ms: 1_000,
            model: SurfaceModel::Svi,
            points_min: 7,
            spread_max: 0.5,
            rms_max: 0.02,
            apart: 3.0,
            apart_min: 0.01,
            change_min: 0.000_01,
        }
    }
}

impl SurfaceConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// The first one out of range, and the range.
    pub fn check(&self) -> Result<(), String> {
        if self.fit_interval_ms == 0 || self.fit_interval_ms > INTERVAL_MS_MAX {
            return Err(format!("fit_interval_ms is {}; give 1 to {INTERVAL_MS_MAX}", self.fit_interval_ms));
        }
        if !(POINTS_MIN..=1_000).contains(&self.points_min) {
            return Err(format!("points_min is {}; give {POINTS_MIN} to 1000", self.points_min));
        }
        for (name, value, least, most) in [
            ("spread_max", self.spread_max, 0.0, 2.0),
            ("rms_max", self.rms_max, 1e-9, 10.0),
            ("apart", self.apart, 1.0, 1e6),
            ("apart_min", self.apart_min, 0.0, 10.0),
            ("change_min", self.change_min, 0.0, 10.0),
        ] {
            // A comparison with "not a number" is false.
            if !(least..=most).contains(&value) {
                return Err(format!("{name} is {value}; give {least} to {most}"));
            }
        }
        Ok(())
    }

    /// Distance of two fits, ns.
    #[must_use]
    pub const fn interval_ns(&self) -> u64 {
        self.fit_interval_ms * 1_000_000
    }

    /// `change_min` in 1e-9.
    #[must_use]
    pub fn change_min_e9(&self) -> u64 {
        (self.change_min * 1e9).round() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_in_range_and_what_is_not_is_named() {
        assert_eq!(SurfaceConfig::default().check(), Ok(()));
        for (text, name) in [
            ("fit_interval_ms = 0", "fit_interval_ms"),
            ("points_min = 4", "points_min"),
            ("spread_max = nan", "spread_max"),
            ("rms_max = 0.0", "rms_max"),
            ("apart = 0.5", "apart"),
            ("apart_min = -1.0", "apart_min"),
            ("change_min = inf", "change_min"),
        ] {
            let config: SurfaceConfig = toml::from_str(text).expect("the right types");
            assert!(config.check().is_err_and(|error| error.starts_with(name)), "{text}");
        }
        assert!(toml::from_str::<SurfaceConfig>("interval_ms = 5").is_err());
    }
}
