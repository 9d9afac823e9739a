//! Relations by their kind: from names to listings, then what `kernels::cpu::relation_kinds` makes of them.

use super::Maker;
use crate::control::wide_config::OptionKind;
use crate::control::wide_kinds::{
    BasisConfig, BasketConfig, CurrenciesConfig, HoldingConfig, PlaceConfig, SpreadsConfig, chain_kind_name,
};
use crate::pipeline::wide::WideListing;
use kernels::cpu::relation_kinds::{
    Basis, Basket, ChainExpiry, ChainOption, Hedge, KindError, Market, OptionChain, cycles,
};

impl Maker<'_> {
    fn place(&mut self, place: &PlaceConfig) -> Result<u32, String> {
        self.number(&place.venue, &place.symbol)
    }

    pub(super) fn add_currencies(&mut self, currencies: &CurrenciesConfig) -> Result<(), String> {
        let mut names: Vec<&str> = Vec::new();
        let mut currency = |name| {
            let known = names.iter().position(|known| *known == name);
            known.unwrap_or_else(|| {
                names.push(name);
                names.len() - 1
            }) as u32
        };
        let mut markets = Vec::new();
        for market in &currencies.markets {
            let listing = self.number(&market.venue, &market.symbol)?;
            let (base, quote) = (currency(&market.base), currency(&market.quote));
            // The unit of an inverse contract is money of what its price counts.
            let inverse = self.is_inverse(&market.venue, &market.symbol);
            let (base, quote) = if inverse { (quote, base) } else { (base, quote) };
            markets.push(Market { listing, base, quote });
        }
        let starts: Vec<u32> = currencies.from.iter().map(|name| currency(name)).collect();
        let CurrenciesConfig { legs_max, amount_max_e9, profit_min_e9, .. } = *currencies;
        let found = cycles(&markets, &starts, legs_max, amount_max_e9, profit_min_e9);
        self.spec.relations.extend(found.map_err(|error| error.to_string())?);
        Ok(())
    }

    pub(super) fn add_spreads(&mut self, spreads: &SpreadsConfig) -> Result<(), String> {
        let underlying = spreads.underlying.as_ref().map(|place| self.place(place)).transpose()?;
        let mut expiries = Vec::new();
        for (order, expiry) in (0..).zip(&spreads.expiries) {
            let future = expiry.future.as_ref().map(|place| self.place(place)).transpose()?;
            expiries.push(ChainExpiry {
                order,
                discount: expiry.discount.terms()?,
                dividends_received_e9: expiry.dividends_received_e9,
                dividends_paid_e9: expiry.dividends_paid_e9,
                hedge: future.map(Hedge::Future).or(underlying.map(Hedge::Underlying)),
            });
        }
        let mut options = Vec::new();
        for option in &spreads.options {
            let listing = self.number(&spreads.venue, &option.symbol)?;
            let WideListing { venue, instrument } = self.listings[listing as usize];
            let unit_e9 = *self.contract_units.entry((venue, instrument)).or_insert(spreads.unit_e9);
            if unit_e9 != spreads.unit_e9 {
                return Err(format!(
                    "unit_e9 of {} is {} here and {unit_e9} before",
                    option.symbol, spreads.unit_e9
                ));
            }
            options.push(ChainOption {
                listing,
                expiry: option.expiry as u32,
                strike_e9: option.strike_e9,
                put: option.kind == OptionKind::Put,
            });
        }
        let chain = OptionChain {
            listings: &self.terms(),
            options: &options,
            expiries: &expiries,
            exercise: spreads.exercise.into(),
            reach: spreads.reach,
            amount_max: spreads.amount_max_e9,
            profit_min: spreads.profit_min_e9,
        };
        let mut made = Vec::new();
        for kind in spreads.kinds.iter().flat_map(|kind| kind.kinds()) {
            made.extend(chain.relations(*kind).map_err(said)?.into_iter().map(|spec| (*kind, spec)));
        }
        for (kind, spec) in made {
            self.spec.linears.push(spec);
            self.call(chain_kind_name(kind));
        }
        Ok(())
    }

    pub(super) fn add_basket(&mut self, basket: &BasketConfig) -> Result<(), String> {
        let fund = self.number(&basket.fund.venue, &basket.fund.symbol)?;
        let mut components = Vec::new();
        for HoldingConfig { venue, symbol, units } in &basket.components {
            components.push((self.number(venue, symbol)?, *units));
        }
        let made = Basket {
            fund,
            fund_weight: basket.fund.units,
            components,
            cash_e9: basket.cash_e9,
            fee_e9: basket.fee_e9,
            amount_max: basket.amount_max_e9,
            profit_min: basket.profit_min_e9,
        };
        self.spec.linears.extend(made.relations().map_err(said)?);
        Ok(())
    }

    pub(super) fn add_basis(&mut self, basis: &BasisConfig) -> Result<(), String> {
        let made = Basis {
            spot: self.place(&basis.spot)?,
            future: self.place(&basis.future)?,
            discount: basis.discount.terms()?,
            income_e9: basis.income_e9,
            cost_of_short_e9: basis.cost_of_short_e9,
            amount_max: basis.amount_max_e9,
            profit_min: basis.profit_min_e9,
        };
        let listings = self.terms();
        self.spec.linears.extend(made.relations(&listings).map_err(said)?);
        Ok(())
    }
}

fn said(error: KindError) -> String {
    error.to_string()
}
