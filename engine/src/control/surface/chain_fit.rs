//! The surface of one chain: a smile an expiry, or one surface over all of them, by the `volsurf` crate.
//!
//! A quote that lies apart from all others (a stale one, or a mispricing that somebody wants to trade against) must not
//! bend the smile: it is left out of a second fit. A fit counts when it is near its quotes, has no butterfly below zero at
//! the chain's strikes, and holds at least the total variance of the expiry before it. What does not is refused by its
//! reason, and that expiry keeps its volatilities.

use super::config::{SurfaceConfig, SurfaceModel};
use super::implied::{Forward, QuotedContract, point};
use super::premium::premiums;
use crate::pipeline::wide::{FitRefused, SeenQuote, SurfaceJob, SurfaceVol};
use feeds::units::PRICE_NONE;
use kernels::abi::{Expiry, OptionTerms, option_flags};
use kernels::cpu::american::PremiumTable;
use kernels::cpu::option_quote::mid_in_currency_units;
use kernels::cpu::wide::WideTables;
use std::ops::Range;
use std::sync::Arc;
use volsurf::calibration::{DataFilter, WeightingScheme};
use volsurf::smile::{SmileSection, SviSmile};
use volsurf::surface::{SsviSurface, VolSurface};
use volsurf::{Strike, Tenor};

/// Volatilities that a fit may give to a contract.
const VOLATILITIES: std::ops::RangeInclusive<f64> = 0.001..=5.0;

/// Density below zero that is rounding, for a forward of 1.
const DENSITY_SLACK: f64 = 1e-7;

/// Share of the total variance by which a longer expiry may lie below a shorter one: two fits of noisy quotes are not
/// closer.
const CALENDAR_SLACK: f64 = 0.01;

/// 1e-9 in a unit.
const UNIT_E9: f64 = 1e9;

/// Strikes and volatilities, ascending by strike.
type Points = Vec<(f64, f64)>;

/// One expiry of the chain.
struct ExpiryFit {
    expiry: Expiry,
    options: Range<u32>,
    /// Where the next fit begins.
    last: Option<SviSmile>,
}

/// An expiry's usable quotes with the smile through them.
struct Cleaned {
    number: usize,
    forward: Forward,
    points: Points,
    smile: SviSmile,
}

/// See the module's text.
pub struct ChainFit {
    tables: Arc<WideTables>,
    config: SurfaceConfig,
    /// By time.
    expiries: Vec<ExpiryFit>,
    /// What early exercise is worth by the last fit; `None` for a European option. By number in the tables.
    premiums: Box<[Option<PremiumTable>]>,
}

impl ChainFit {
    /// The chain on a listing; `is_american` says it of every option of the tables.
    #[must_use]
    pub fn new(tables: &Arc<WideTables>, listing: u32, is_american: &[bool], config: SurfaceConfig) -> Self {
        let mut expiries: Vec<ExpiryFit> = Vec::new();
        for at in tables.options_of(listing) {
            let (number, at) = (tables.options()[at].expiry, at as u32);
            // An expiry's options stand together.
            match expiries.last_mut() {
                Some(last) if tables.options()[last.options.start as usize].expiry == number => {
                    last.options.end = at + 1;
                }
                _ => expiries.push(ExpiryFit {
                    expiry: tables.expiries()[number as usize],
                    options: at..at + 1,
                    last: None,
                }),
            }
        }
        expiries.sort_by(|a, b| a.expiry.years.total_cmp(&b.expiry.years));
        let premiums =
            is_american.iter().map(|is_american| is_american.then_some(PremiumTable::NONE)).collect();
        Self { tables: Arc::clone(tables), config, expiries, premiums }
    }

    /// Fits the job's quotes; what came of it is in the job.
    pub fn fit(&mut self, job: &mut SurfaceJob) {
        let mut cleaned = Vec::new();
        for number in 0..self.expiries.len() {
            match self.clean(number, job) {
                Ok(one) => cleaned.push(one),
                Err(reason) => job.refuse(reason),
            }
        }
        match self.config.model {
            SurfaceModel::Svi => self.take_smiles(cleaned, job),
            SurfaceModel::Ssvi => self.take_surface(&cleaned, job),
        }
        job.vols.sort_unstable_by_key(|vol| vol.option);
    }

    /// An expiry's quotes without those that lie apart.
    fn clean(&self, number: usize, job: &mut SurfaceJob) -> Result<Cleaned, FitRefused> {
        let ExpiryFit { expiry, options, last } = &self.expiries[number];
        let forward = forward_of(expiry, job.mid_e9).ok_or(FitRefused::NoForward)?;
        let mut points = self.points(&forward, options, job);
        let all = points.len();
        loop {
            if points.len() < self.config.points_min as usize {
                return Err(FitRefused::TooFewQuotes);
            }
            let smile = calibrated(&forward, &points, last.as_ref(), self.config.rms_max / 8.0)?;
            let errors = errors(&smile, &points);
            let limit = (self.config.apart * median(&errors)).max(self.config.apart_min);
            let furthest = (0..errors.len()).max_by(|&a, &b| errors[a].total_cmp(&errors[b]));
            // One at a time: a far one bends the smile away from its neighbours.
            match furthest.filter(|&at| errors[at] > limit) {
                Some(at) => drop(points.remove(at)),
                None if root_mean_square(&errors) <= self.config.rms_max => {
                    job.left_out += (all - points.len()) as u32;
                    return Ok(Cleaned { number, forward, points, smile });
                }
                None => return Err(FitRefused::TooFar),
            }
            if (all - points.len()) * 4 > all {
                return Err(FitRefused::TooFar);
            }
        }
    }

    /// The usable quotes of an expiry; the volatility of a strike that has two is that of the option without value at once.
    fn points(&self, forward: &Forward, options: &Range<u32>, job: &SurfaceJob) -> Points {
        let quotes = &job.quotes;
        let from = quotes.partition_point(|quote| quote.option < options.start);
        let to = quotes.partition_point(|quote| quote.option < options.end);
        let usable = quotes[from..to].iter().filter_map(|quote| {
            let at = quote.option as usize;
            let premium = self.premiums[at].map_or(0, |premiums| premiums.premium(job.mid_e9).price_e9);
            let quoted = quoted_contract(&self.tables.options()[at], quote, premium);
            point(forward, &quoted, self.config.spread_max)
        });
        let mut points: Points = usable.collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        points.dedup_by(|a, b| a.0 == b.0);
        points
    }

    fn take_smiles(&mut self, cleaned: Vec<Cleaned>, job: &mut SurfaceJob) {
        let mut shorter: Option<Cleaned> = None;
        for one in cleaned {
            let vol = |strike| one.smile.vol(Strike(strike)).map_or(f64::NAN, |vol| vol.0);
            let fault = if has_butterfly(&one) {
                Some(FitRefused::Butterfly)
            } else if shorter.as_ref().is_some_and(|shorter| crosses(shorter, &one)) {
                Some(FitRefused::Calendar)
            } else {
                self.tell(one.number, vol, job).err()
            };
            match fault {
                Some(reason) => job.refuse(reason),
                None => {
                    self.expiries[one.number].last = Some(one.smile.clone());
                    shorter = Some(one);
                }
            }
        }
    }

    /// One surface over all expiries: without butterflies and crossings by its form.
    fn take_surface(&mut self, cleaned: &[Cleaned], job: &mut SurfaceJob) {
        let points: Vec<Points> = cleaned.iter().map(|one| one.points.clone()).collect();
        let years: Vec<f64> = cleaned.iter().map(|one| one.forward.years).collect();
        let forwards: Vec<f64> = cleaned.iter().map(|one| one.forward.price).collect();
        if cleaned.len() < 2 {
            cleaned.iter().for_each(|_| job.refuse(FitRefused::TooFewQuotes));
            return;
        }
        let Ok(surface) = SsviSurface::calibrate(&years, &forwards, &points) else {
            cleaned.iter().for_each(|_| job.refuse(FitRefused::NotConverged));
            return;
        };
        for one in cleaned {
            let vol = |strike| {
                surface.black_vol(Tenor(one.forward.years), Strike(strike)).map_or(f64::NAN, |vol| vol.0)
            };
            let errors: Vec<f64> = one.points.iter().map(|&(strike, seen)| vol(strike) - seen).collect();
            let is_near = root_mean_square(&errors) <= self.config.rms_max;
            let told = if is_near { self.tell(one.number, vol, job) } else { Err(FitRefused::TooFar) };
            match told {
                Ok(()) => self.expiries[one.number].last = Some(one.smile.clone()),
                Err(reason) => job.refuse(reason),
            }
        }
    }

    /// Puts the volatility of every option of the expiry into the job, or none; with it what early exercise is worth. Quotes
    /// of American options are taken without the premium of the fit before, so that it settles within a few fits.
    fn tell(
        &mut self,
        number: usize,
        vol: impl Fn(f64) -> f64,
        job: &mut SurfaceJob,
    ) -> Result<(), FitRefused> {
        let before = job.vols.len();
        for option in self.expiries[number].options.clone() {
            let volatility = vol(self.tables.options()[option as usize].strike);
            if !VOLATILITIES.contains(&volatility) {
                job.vols.truncate(before);
                return Err(FitRefused::OutOfRange);
            }
            let volatility_e9 = (volatility * UNIT_E9).round() as i64;
            let mut told = SurfaceVol { option, volatility_e9, premium: PremiumTable::NONE };
            let Some(premium) = self.premium(number, option, told.volatility(), job.mid_e9) else {
                job.vols.truncate(before);
                return Err(FitRefused::OutOfRange);
            };
            told.premium = premium;
            job.vols.push(told);
        }
        for vol in &job.vols[before..] {
            if let Some(premium) = &mut self.premiums[vol.option as usize] {
                *premium = vol.premium;
            }
        }
        job.fitted += 1;
        Ok(())
    }

    /// None for a European option; `None` where it cannot be computed.
    fn premium(&self, number: usize, option: u32, volatility: f64, mid_e9: i64) -> Option<PremiumTable> {
        if self.premiums[option as usize].is_none() {
            return Some(PremiumTable::NONE);
        }
        let terms = &self.tables.options()[option as usize];
        let forward = forward_of(&self.expiries[number].expiry, mid_e9)?;
        let is_put = terms.flags & option_flags::PUT != 0;
        premiums(&forward, mid_in_currency_units(mid_e9), terms.strike, is_put, volatility)
    }
}

/// `None` without a mid or without time.
fn forward_of(expiry: &Expiry, mid_e9: i64) -> Option<Forward> {
    let price = mid_in_currency_units(mid_e9) * expiry.carry;
    let is_there = mid_e9 != PRICE_NONE && expiry.years > 0.0;
    is_there.then_some(Forward { price, discount: expiry.discount, years: expiry.years })
}

const fn quoted_contract(terms: &OptionTerms, quote: &SeenQuote, premium_e9: i64) -> QuotedContract {
    QuotedContract {
        strike: terms.strike,
        is_put: terms.flags & option_flags::PUT != 0,
        bid_px: quote.bid_px,
        ask_px: quote.ask_px,
        premium_e9,
    }
}

/// The fit that begins at the last one, or one from nowhere where that is not near its quotes: the nearer of the two.
fn calibrated(
    forward: &Forward,
    points: &[(f64, f64)],
    last: Option<&SviSmile>,
    near: f64,
) -> Result<SviSmile, FitRefused> {
    // What lies apart is left out here, by its distance; the library's rule for cliffs would cut off half of a chain.
    let filter = DataFilter { vol_cliff_filter: Some(false), ..DataFilter::default() };
    let fit = |seed| {
        SviSmile::calibrate_with_config(
            forward.price,
            forward.years,
            points,
            filter,
            WeightingScheme::default(),
            seed,
        )
    };
    let distance = |smile: &SviSmile| root_mean_square(&errors(smile, points));
    let warm = last.and_then(|last| fit(Some(last)).ok());
    if let Some(warm) = warm.as_ref().filter(|warm| distance(warm) <= near) {
        return Ok(warm.clone());
    }
    let cold = fit(None).ok();
    let nearest = [warm, cold].into_iter().flatten().min_by(|a, b| distance(a).total_cmp(&distance(b)));
    nearest.ok_or(FitRefused::NotConverged)
}

/// How far a smile is from each of its quotes.
fn errors(smile: &SviSmile, points: &[(f64, f64)]) -> Vec<f64> {
    let vol = |strike| smile.vol(Strike(strike)).map_or(f64::NAN, |vol| vol.0);
    points.iter().map(|&(strike, seen)| (vol(strike) - seen).abs()).collect()
}

/// Whether the smile gives a density below zero between its outermost quotes.
fn has_butterfly(one: &Cleaned) -> bool {
    let strikes = one.points.iter().map(|at| at.0);
    let between = one.points.windows(2).map(|pair| 0.5 * (pair[0].0 + pair[1].0));
    strikes.chain(between).any(|strike| {
        let density = one.smile.density(Strike(strike)).unwrap_or(f64::NAN) * one.forward.price;
        // Not a number is no density either.
        density.is_nan() || density < -DENSITY_SLACK
    })
}

/// Whether a longer expiry has less total variance than a shorter one where both have quotes.
fn crosses(shorter: &Cleaned, longer: &Cleaned) -> bool {
    let (Some(low), Some(high)) = (shorter.points.first(), shorter.points.last()) else { return false };
    longer.points.iter().any(|&(strike, _)| {
        let same = strike * shorter.forward.price / longer.forward.price;
        let variance = |one: &Cleaned, strike| {
            one.smile.vol(Strike(strike)).map_or(f64::NAN, |vol| vol.0 * vol.0 * one.forward.years)
        };
        let holds = variance(longer, strike) >= variance(shorter, same) * (1.0 - CALENDAR_SLACK);
        (low.0..=high.0).contains(&same) && !holds
    })
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}

fn root_mean_square(values: &[f64]) -> f64 {
    let sum: f64 = values.iter().map(|value| value * value).sum();
    (sum / values.len().max(1) as f64).sqrt()
}

#[cfg(test)]
#[path = "chain_fit_tests.rs"]
mod tests;
