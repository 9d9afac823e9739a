//! All relations of a day by brute force: what a changed listing's relations earn at the quotes of the moment, before fees.

use std::collections::BTreeSet;

use crate::market::{Chains, Market, Name};

/// One relation at displayed prices that earns something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    pub kind: &'static str,
    pub legs: BTreeSet<String>,
    pub profit_e9: i64,
    pub size: u32,
}

/// A trade: sells, listing, ratio.
type Leg<'a> = (bool, &'a Name, u32);

pub struct Scan<'a> {
    pub market: &'a Market,
    pub chains: &'a Chains,
    pub changed: &'a Name,
    pub hits: Vec<Hit>,
}

impl Scan<'_> {
    /// `cash_e9` is what the exchange at expiry is worth now, a share.
    fn check(&mut self, kind: &'static str, legs: &[Leg<'_>], cash_e9: i64) {
        if !legs.iter().any(|(_, name, _)| *name == self.changed) {
            return;
        }
        let (mut profit_e9, mut size) = (cash_e9, u32::MAX);
        for &(sells, name, ratio) in legs {
            let Some((price, displayed)) = self.market.side(name, usize::from(!sells)) else { return };
            let count = if ratio == 100 { 1 } else { i64::from(ratio) };
            profit_e9 += if sells { price } else { -price } * count;
            size = size.min(displayed / ratio);
        }
        if profit_e9 > 0 {
            let words = legs.iter().map(|(sells, (symbol, venue), ratio)| {
                let (action, venue) =
                    (["buy", "sell"][usize::from(*sells)], ["NASDAQ", "BX"][usize::from(*venue)]);
                format!("{action}:{symbol}@{venue}:{ratio}")
            });
            self.hits.push(Hit { kind, legs: words.collect(), profit_e9, size });
        }
    }

    fn option(&self, underlying: &str, expiry: usize, strike: i64, is_call: bool) -> Name {
        (self.chains.symbols[&(underlying.to_owned(), expiry, strike, is_call)].clone(), 0)
    }

    /// Present value of an amount, 1e-9, as it is received or paid.
    fn now(&self, expiry: usize, amount_e9: i64, is_paid: bool) -> i64 {
        let exact = i128::from(amount_e9) * i128::from(self.chains.discounts_e9[expiry]);
        (if is_paid { -(-exact).div_euclid(1_000_000_000) } else { exact.div_euclid(1_000_000_000) }) as i64
    }

    fn parity(&mut self, underlying: &str, expiry: usize, strike: i64) {
        let (call, put) =
            (self.option(underlying, expiry, strike, true), self.option(underlying, expiry, strike, false));
        for venue in 0..2 {
            let shares = (underlying.to_owned(), venue);
            let received = self.now(expiry, strike, false);
            self.check("conversion", &[(true, &call, 1), (false, &put, 1), (false, &shares, 100)], received);
            let paid = self.now(expiry, strike, true);
            self.check("reversal", &[(true, &put, 1), (false, &call, 1), (true, &shares, 100)], -paid);
        }
    }

    fn of_underlying(&mut self, underlying: &str) {
        let [a, b] = [0, 1].map(|venue| (underlying.to_owned(), venue));
        self.check("cross_venue", &[(true, &a, 1), (false, &b, 1)], 0);
        self.check("cross_venue", &[(true, &b, 1), (false, &a, 1)], 0);
        let strikes = self.chains.strikes[underlying].clone();
        for expiry in 0..self.chains.years.len() {
            for &strike in &strikes {
                self.parity(underlying, expiry, strike);
            }
        }
    }

    fn of_option(&mut self, underlying: &str, expiry: usize, strike: i64) {
        self.parity(underlying, expiry, strike);
        let strikes: Vec<i64> = self.chains.strikes[underlying].iter().copied().collect();
        for &other in strikes.iter().filter(|&&other| other != strike) {
            let (low, high) = (strike.min(other), strike.max(other));
            let [c1, p1, c2, p2] = [(low, true), (low, false), (high, true), (high, false)]
                .map(|(strike, is_call)| self.option(underlying, expiry, strike, is_call));
            let owed = self.now(expiry, high, true) - self.now(expiry, low, false);
            self.check("box", &[(true, &c1, 1), (false, &p1, 1), (false, &c2, 1), (true, &p2, 1)], -owed);
            let due = self.now(expiry, high, false) - self.now(expiry, low, true);
            self.check("box", &[(false, &c1, 1), (true, &p1, 1), (true, &c2, 1), (false, &p2, 1)], due);
            self.check("call_vertical", &[(true, &c2, 1), (false, &c1, 1)], 0);
            self.check("put_vertical", &[(true, &p1, 1), (false, &p2, 1)], 0);
            // No spread is worth more than its width.
            let width = self.now(expiry, high - low, false);
            self.check("wide_call_vertical", &[(true, &c1, 1), (false, &c2, 1)], -width - 1);
            self.check("wide_put_vertical", &[(true, &p2, 1), (false, &p1, 1)], -width - 1);
        }
        for middle in 0..strikes.len() {
            for width in 1..=middle.min(strikes.len() - 1 - middle) {
                for is_call in [true, false] {
                    let [low, mid, high] = [middle - width, middle, middle + width]
                        .map(|at| self.option(underlying, expiry, strikes[at], is_call));
                    self.check("butterfly", &[(true, &mid, 2), (false, &low, 1), (false, &high, 1)], 0);
                }
            }
        }
        for near in 0..self.chains.years.len() {
            for far in near + 1..self.chains.years.len() {
                let [near, far] = [near, far].map(|expiry| self.option(underlying, expiry, strike, true));
                self.check("calendar", &[(true, &near, 1), (false, &far, 1)], 0);
            }
        }
    }

    /// All relations that the changed listing is in.
    pub fn all(mut self) -> Vec<Hit> {
        let (chains, changed) = (self.chains, self.changed);
        match chains.terms.get(&changed.0) {
            Some((underlying, expiry, strike, _)) => self.of_option(underlying, *expiry, *strike),
            None => self.of_underlying(&changed.0),
        }
        self.hits
    }
}
