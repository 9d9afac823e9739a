//! What trading has come to when a run is over, by instrument: position, what was closed, what is still held at its mark.
//!
//! Prices count one share, one coin, one of whatever is priced, and a quantity unit may be more of it (a contract of 100
//! shares) or less (a hundred-millionth of a coin). Risk counts quantity units; here money is money: amounts are multiplied by
//! what the wide work's configuration says of the unit. Fees are a quantity unit's and are as they are.
//!
//! Cold: once, at the end. It allocates.

use std::collections::HashMap;
use std::fmt;

use super::config::Config;
use crate::notation::Money;
use crate::pipeline::risk::Risk;
use feeds::directory::Directory;

/// What one unit of the thing priced is, 1e-9.
const ONE_E9: u64 = 1_000_000_000;

/// One instrument's account. Amounts are 1e-9 of the currency of its price.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct AccountSummary {
    /// Symbol.
    pub symbol: String,
    /// Quantity units, positive long.
    pub position: i64,
    /// Profit of what was closed, before fees.
    pub realised_e9: i64,
    /// Worth of the position at the last national mid, less its cost.
    pub unrealised_e9: i64,
    /// Fees paid, rebates taken off.
    pub fees_e9: i64,
}

/// The accounts of all instruments that were traded.
#[must_use]
pub(super) fn of(risk: &Risk, directory: &Directory, config: &Config) -> Vec<AccountSummary> {
    let units = quantity_units(config);
    let account = |instrument: u32| {
        let account = risk.account(instrument);
        if account == Default::default() {
            return None;
        }
        let symbol = directory.symbol(instrument)?.to_string();
        let unit_e9 = i128::from(units.get(&symbol).copied().unwrap_or(ONE_E9));
        let of_units = |amount: i128| fitting(amount.saturating_mul(unit_e9) / i128::from(ONE_E9));
        Some(AccountSummary {
            symbol,
            position: account.position,
            realised_e9: of_units(account.realised),
            unrealised_e9: of_units(account.unrealised(risk.mark_of(instrument))),
            fees_e9: fitting(account.fees),
        })
    };
    (0..directory.len() as u32).filter_map(account).collect()
}

/// A day's money is far below nine billions of the currency; what is not is shown as that.
fn fitting(amount: i128) -> i64 {
    i64::try_from(amount).unwrap_or(if amount < 0 { i64::MIN } else { i64::MAX })
}

/// What a quantity unit is, 1e-9 of the thing priced, by symbol. Contracts whose price is upside-down are left out: their money
/// is not that of their price.
fn quantity_units(config: &Config) -> HashMap<String, u64> {
    let mut units = HashMap::new();
    let Some(wide) = &config.wide else { return units };
    if let Some(maker) = &wide.options_maker {
        let listed = wide.chains.iter().flat_map(|chain| {
            let grid = chain.strikes.iter().flat_map(|strikes| &strikes.symbols);
            chain.options.iter().filter_map(|option| option.symbol.as_ref()).chain(grid)
        });
        units.extend(listed.map(|symbol| (symbol.clone(), maker.contract_size.saturating_mul(ONE_E9))));
    }
    for spreads in &wide.spreads {
        units.extend(spreads.options.iter().map(|option| (option.symbol.clone(), spreads.unit_e9)));
    }
    let listings = wide.listings.iter().filter(|listing| !listing.inverse);
    units.extend(listings.map(|listing| (listing.symbol.clone(), listing.unit_e9)));
    units
}

/// All accounts together, which says something where all prices count one currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    instruments: usize,
    positions: usize,
    realised_e9: i128,
    unrealised_e9: i128,
    fees_e9: i128,
}

impl Totals {
    /// Their sums.
    #[must_use]
    pub fn of(accounts: &[AccountSummary]) -> Self {
        let mut totals = Self { instruments: accounts.len(), ..Self::default() };
        for account in accounts {
            totals.positions += usize::from(account.position != 0);
            totals.realised_e9 += i128::from(account.realised_e9);
            totals.unrealised_e9 += i128::from(account.unrealised_e9);
            totals.fees_e9 += i128::from(account.fees_e9);
        }
        totals
    }

    /// Profit or loss, fees taken off, 1e-9.
    #[must_use]
    pub const fn profit_e9(&self) -> i128 {
        self.realised_e9 + self.unrealised_e9 - self.fees_e9
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { instruments, positions, realised_e9, unrealised_e9, fees_e9 } = *self;
        write!(
            f,
            "{instruments} instruments traded, {positions} positions left; realised {}, unrealised {}, fees {}: {} in all",
            Money(realised_e9),
            Money(unrealised_e9),
            Money(fees_e9),
            Money(self.profit_e9()),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contract_counts_as_often_as_it_is_shares() {
        let text = "[[wide.spreads]]\nvenue = \"X\"\nexercise = \"european\"\nunit_e9 = 100000000000\n\
                    expiries = [{ discount = { years = 1.0, rate = 0.0 } }]\n\
                    options = [{ symbol = \"C\", expiry = 0, strike_e9 = 1, kind = \"call\" }]\n\
                    [[wide.listings]]\nvenue = \"X\"\nsymbol = \"COIN\"\nunit_e9 = 10\n\
                    [[wide.listings]]\nvenue = \"X\"\nsymbol = \"PERP\"\nunit_e9 = 7\ninverse = true\n";
        let config = Config::parse("units", text).expect("good settings");
        let units = quantity_units(&config);
        assert_eq!((units.get("C"), units.get("COIN")), (Some(&100_000_000_000), Some(&10)));
        assert_eq!(units.get("PERP"), None, "its money is not that of its price");
    }

    #[test]
    fn totals_add_up() {
        let account = |position, realised_e9, unrealised_e9, fees_e9| AccountSummary {
            symbol: String::new(),
            position,
            realised_e9,
            unrealised_e9,
            fees_e9,
        };
        let totals =
            Totals::of(&[account(5, 3_000_000_000, -1_000_000_000, 500_000_000), account(0, 7, 0, -7)]);
        assert_eq!((totals.positions, totals.profit_e9()), (1, 1_500_000_014));
        let said = "2 instruments traded, 1 positions left; realised 3.000000007, unrealised -1, fees 0.499999993: \
                    1.500000014 in all";
        assert_eq!(totals.to_string(), said);
    }
}
