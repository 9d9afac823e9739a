//! A specification checked and compiled into the tables: at start, once; allocates what they hold.

use super::super::error::{WideError, WideFault, WideThing};
use super::super::spec::{ExpirySpec, LinearSpec, OptionSpec, RelationSpec, WideSpec, check_listing};
use super::{ChainRun, ITEMS_MAX, WideTables, padded};
use crate::abi::{Expiry, LEGS_MAX, Leg, LinearLeg, LinearRelation, OptionTerms, Relation, option_flags};
use crate::cpu::option_quote::QuoteRules;
use crate::cpu::pricing::ln;

impl WideTables {
    /// Checks every number of the specification and builds the tables.
    ///
    /// # Errors
    /// Names the first thing that is refused, and why.
    pub fn compile(spec: &WideSpec) -> Result<Self, WideError> {
        check(spec)?;
        let (linears, linear_legs) = compiled_linears(spec)?;
        let order = order_of_options(&spec.options);
        let options: Vec<OptionTerms> =
            order.iter().map(|&at| compiled_option(&spec.options[at as usize])).collect();
        let (relation_offsets, relation_indexes) = relations_by_listing(spec);
        let option_offsets = offsets(spec.listings.len(), options.iter().map(|option| option.underlying));
        let (run_offsets, runs) = runs_of(spec.listings.len(), &options);
        let mut option_of_spec = vec![0; order.len()];
        for (option, &at) in order.iter().enumerate() {
            option_of_spec[at as usize] = option as u32;
        }
        let dependents = |l: usize| {
            relation_offsets[l + 1] - relation_offsets[l] + option_offsets[l + 1] - option_offsets[l]
        };
        Ok(Self {
            dependents_max: (0..spec.listings.len()).map(dependents).max().unwrap_or(0) as usize,
            listings: spec.listings.clone(),
            is_inverse: (0..spec.listings.len() as u32).map(|l| spec.inverse.contains(&l)).collect(),
            linears,
            linear_legs,
            relations: spec.relations.iter().map(compiled_relation).collect(),
            expiries: spec.expiries.iter().map(compiled_expiry).collect(),
            strikes: padded(&options, |option| option.strike),
            ln_strikes: padded(&options, |option| option.ln_strike),
            signs: padded(&options, sign_of),
            rules: QuoteRules::new(|of| padded(&options, of)),
            spec_of_option: order,
            options,
            relation_offsets,
            relation_indexes,
            option_offsets,
            run_offsets,
            runs,
            option_of_spec,
        })
    }
}

/// 1 for a call, -1 for a put.
fn sign_of(option: &OptionTerms) -> f64 {
    if option.flags & option_flags::PUT == 0 { 1.0 } else { -1.0 }
}

fn check(spec: &WideSpec) -> Result<(), WideError> {
    let (listings, expiries) = (spec.listings.len(), spec.expiries.len());
    check_each(WideThing::Listing, &spec.listings, check_listing)?;
    check_each(WideThing::Relation, &spec.relations, |relation| relation.check(listings))?;
    check_each(WideThing::Linear, &spec.linears, |linear| linear.check(listings))?;
    let room = ITEMS_MAX - spec.relations.len();
    if spec.linears.len() > room {
        return Err(WideError { thing: WideThing::Linear, index: room, fault: WideFault::TooMany });
    }
    check_each(WideThing::Inverse, &spec.inverse, |&listing| {
        if (listing as usize) < listings { Ok(()) } else { Err(WideFault::ListingUnknown) }
    })?;
    check_each(WideThing::Expiry, &spec.expiries, ExpirySpec::check)?;
    check_each(WideThing::Option, &spec.options, |option| option.check(listings, expiries))
}

fn check_each<T>(
    thing: WideThing,
    all: &[T],
    check: impl Fn(&T) -> Result<(), WideFault>,
) -> Result<(), WideError> {
    for (index, one) in all.iter().enumerate() {
        let result = if index < ITEMS_MAX { check(one) } else { Err(WideFault::TooMany) };
        result.map_err(|fault| WideError { thing, index, fault })?;
    }
    Ok(())
}

fn compiled_relation(spec: &RelationSpec) -> Relation {
    let mut legs = [Leg(0); LEGS_MAX];
    legs[..spec.legs.len()].copy_from_slice(&spec.legs);
    let RelationSpec { amount_max, profit_min, .. } = *spec;
    Relation { legs, legs_len: spec.legs.len() as u32, reserved: 0, amount_max, profit_min }
}

fn compiled_linears(spec: &WideSpec) -> Result<(Vec<LinearRelation>, Vec<LinearLeg>), WideError> {
    let (mut linears, mut legs) = (Vec::new(), Vec::new());
    for (index, linear) in spec.linears.iter().enumerate() {
        let refused = |fault| WideError { thing: WideThing::Linear, index, fault };
        let step = linear.step(&spec.listings).map_err(refused)?;
        let first_leg = u32::try_from(legs.len()).map_err(|_| refused(WideFault::TooMany))?;
        legs.extend(linear.legs.iter().map(|leg| LinearLeg {
            leg: leg.leg,
            reserved: 0,
            weight: leg.weight,
            ratio_e9: leg.weight * leg.factor_e9,
        }));
        let LinearSpec { payoff_e9, amount_max, profit_min, .. } = *linear;
        let legs_len = linear.legs.len() as u32;
        linears.push(LinearRelation { first_leg, legs_len, step, payoff_e9, amount_max, profit_min });
    }
    Ok((linears, legs))
}

fn compiled_expiry(spec: &ExpirySpec) -> Expiry {
    let ExpirySpec { carry, discount, years } = *spec;
    Expiry { carry, discount, years, sqrt_years: years.sqrt() }
}

fn compiled_option(spec: &OptionSpec) -> OptionTerms {
    OptionTerms {
        strike: spec.strike,
        ln_strike: ln(spec.strike),
        volatility: spec.volatility,
        width_vega: spec.width_vega,
        half_width_min_e9: spec.half_width_min_e9,
        tick_e9: spec.tick_e9,
        expiry: spec.expiry,
        flags: if spec.put { option_flags::PUT } else { 0 },
        underlying: spec.underlying,
        reserved: 0,
    }
}

fn order_of_options(options: &[OptionSpec]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..options.len() as u32).collect();
    order.sort_by_key(|&at| (options[at as usize].underlying, options[at as usize].expiry));
    order
}

/// Running counts: where the entries of each of `groups` begin when they stand sorted by group.
fn offsets(groups: usize, of_entries: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut offsets = vec![0; groups + 1];
    for group in of_entries {
        offsets[group as usize + 1] += 1;
    }
    for i in 0..groups {
        offsets[i + 1] += offsets[i];
    }
    offsets
}

fn relations_by_listing(spec: &WideSpec) -> (Vec<u32>, Vec<u32>) {
    let legs = || {
        let cycles = (0..)
            .zip(&spec.relations)
            .flat_map(|(at, relation)| relation.legs.iter().map(move |leg| (leg.listing(), at)));
        let linears = (spec.relations.len() as u32..)
            .zip(&spec.linears)
            .flat_map(|(at, linear)| linear.legs.iter().map(move |leg| (leg.leg.listing(), at)));
        cycles.chain(linears)
    };
    let offsets = offsets(spec.listings.len(), legs().map(|(listing, _)| listing));
    let mut by_listing: Vec<(u32, u32)> = legs().collect();
    by_listing.sort_unstable();
    (offsets, by_listing.into_iter().map(|(_, relation)| relation).collect())
}

fn runs_of(listings: usize, options: &[OptionTerms]) -> (Vec<u32>, Vec<ChainRun>) {
    let mut runs: Vec<ChainRun> = Vec::new();
    let mut start = 0;
    for chain in options.chunk_by(|a, b| (a.underlying, a.expiry) == (b.underlying, b.expiry)) {
        let end = start + chain.len() as u32;
        runs.push(ChainRun { expiry: chain[0].expiry, start, end });
        start = end;
    }
    (offsets(listings, runs.iter().map(|run| options[run.start as usize].underlying)), runs)
}
