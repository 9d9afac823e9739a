//! An answer of wide work in words: whose touch had changed, and what of relations and options that changed.

use super::Page;
use crate::notation::Price;
use crate::pipeline::wide::{ComputedBy, SurfaceVol, WideListing};
use kernels::abi::{ItemKind, WideItem, option_flags};

impl Page<'_> {
    pub(super) fn answer(&mut self, request: u64, listing: u32, by: ComputedBy, items: &[WideItem]) {
        let (of, by) = (self.listing(listing), by.name());
        let count = items.len();
        self.line(format_args!(
            "  the answer to request {request} about {of}, computed by {by}: {count} changed items"
        ));
        for item in items {
            let text = match item.key.kind {
                ItemKind::Relation => self.relation(item),
                ItemKind::Option => self.option(item),
            };
            self.line(format_args!("    {text}"));
        }
    }

    pub(super) fn surface(&mut self, fit: u64, listing: u32, vols: &[SurfaceVol]) {
        let (of, count) = (self.listing(listing), vols.len());
        self.line(format_args!("  fit {fit} of the options on {of}: {count} changed volatilities"));
        for &SurfaceVol { option, volatility_e9, premium } in vols {
            let (what, volatility) = (self.contract(option), Price(volatility_e9));
            let (first_e9, step_log2, _, premiums) = premium.parts();
            let early = if premium.is_none() {
                String::new()
            } else {
                let premiums = premiums.map(|premium| Price(premium).to_string()).join(", ");
                let (first, step) = (Price(first_e9), Price(1 << step_log2));
                format!(
                    "; early exercise adds {premiums} with the underlying at {first} and on in steps of {step}"
                )
            };
            self.line(format_args!("    option {option}{what}: volatility {volatility}{early}"));
        }
    }

    /// What an option is, behind a comma; nothing where that is not known.
    fn contract(&self, number: u32) -> String {
        let tables = self.wide.as_ref().map(|wide| &wide.tables);
        let terms = tables.and_then(|tables| Some((tables, tables.options().get(number as usize)?)));
        terms.map_or_else(String::new, |(tables, terms)| {
            let kind = if terms.flags & option_flags::PUT == 0 { "call" } else { "put" };
            let years = tables.expiries()[terms.expiry as usize].years;
            format!(", {kind} {} in {years} years", terms.strike)
        })
    }

    fn listing(&self, number: u32) -> String {
        let listing = self.wide.as_ref().and_then(|wide| wide.listings.get(number as usize));
        listing.map_or_else(
            || format!("wide listing {number}"),
            |&WideListing { venue, instrument }| {
                format!("{} at {} (wide listing {number})", self.symbol(instrument), self.venue(venue))
            },
        )
    }

    fn relation(&self, item: &WideItem) -> String {
        let number = item.key.index;
        let profit = item.values[4];
        let tables = self.wide.as_ref().map(|wide| &wide.tables);
        let Some(tables) = tables.filter(|tables| number < tables.relation_count()) else {
            return format!("relation {number}: {:?}", item.values);
        };
        if profit == 0 {
            return format!("relation {number}: nothing to take");
        }
        let legs = tables.quantities(number, &item.values).map(|(leg, quantity)| {
            let sells = leg.sells() != tables.is_inverse(leg.listing());
            let way = if sells { "sell" } else { "buy" };
            format!("{way} {quantity} {}", self.listing(leg.listing()))
        });
        format!("relation {number}: {}; profit {}", legs.collect::<Vec<_>>().join(", "), Price(profit))
    }

    fn option(&self, item: &WideItem) -> String {
        let number = item.key.index;
        let [bid, offer, theoretical, delta, vega] = item.values.map(Price);
        let what = self.contract(number);
        format!(
            "option {number}{what}: quote {bid} / {offer}, theoretical {theoretical}, delta {delta}, vega {vega}"
        )
    }
}
