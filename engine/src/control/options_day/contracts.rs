//! What an options day lists: underlyings, expiries, contracts and the codes that name them.

use feeds::symbol::Symbol;
use kernels::cpu::fixed_point::{Q60_BITS, Q60_ONE, exp_q60};

use crate::control::session_date::SessionDate;

/// What each underlying has options of: a call and a put at each strike in each expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainShape {
    /// Expiries, [`Self::LEAST`] to [`Self::MOST`]. Default 5.
    pub expiries: usize,
    /// Strikes of each expiry. Default 25.
    pub strikes: usize,
}

impl ChainShape {
    /// The smallest one: calendars have two expiries, butterflies three strikes.
    pub const LEAST: Self = Self { expiries: 2, strikes: 3 };

    /// The largest one, and the default.
    pub const MOST: Self = Self { expiries: 5, strikes: 25 };

    /// Contracts of each underlying.
    #[must_use]
    pub const fn contracts(self) -> usize {
        self.expiries * self.strikes * 2
    }
}

/// Shares that a contract is about.
pub const MULTIPLIER: u32 = 100;

/// Interest a year, continuously compounded, percent.
const RATE_PERCENT: u64 = 4;

/// Expiries are at least so many days away.
const DAYS_MIN: u64 = 7;

/// Day of the week that options expire on, 0 is Sunday.
const FRIDAY: u64 = 5;

/// Call or put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// To buy.
    Call,
    /// To sell.
    Put,
}

impl Right {
    /// As `[wide]` writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Put => "put",
        }
    }

    /// 1 for a call, -1 for a put.
    #[must_use]
    pub const fn sign(self) -> f64 {
        match self {
            Self::Call => 1.0,
            Self::Put => -1.0,
        }
    }
}

/// One expiry, the same for all underlyings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExpiryTerms {
    /// The third Friday of a month.
    pub date: SessionDate,
    /// Days from the session / 365.
    pub years: f64,
    /// Present value of 1 paid then, 1e-9.
    pub discount_e9: i64,
}

impl ExpiryTerms {
    fn new(session: SessionDate, date: SessionDate) -> Self {
        let days = date.days() - session.days();
        // rate * years in Q60, then e^-that: the same bits on every machine, which a libm does not promise.
        let growth = exp_q60(Q60_ONE / 36_500 * RATE_PERCENT * days);
        let growth_q60 = u128::from(growth.mantissa_q60) << growth.exponent;
        let discount_e9 = ((1_000_000_000u128 << Q60_BITS) + growth_q60 / 2) / growth_q60;
        Self { date, years: days as f64 / 365.0, discount_e9: discount_e9 as i64 }
    }

    /// Forward of 1 of the underlying, which pays no dividends.
    #[must_use]
    pub fn carry(&self) -> f64 {
        1e9 / self.discount_e9 as f64
    }

    /// Present value of 1 paid at expiry.
    #[must_use]
    pub fn discount(&self) -> f64 {
        self.discount_e9 as f64 / 1e9
    }
}

/// The next expiries of a session, so many: third Fridays of the months that follow each other.
#[must_use]
pub fn expiries(session: SessionDate, count: usize) -> Vec<ExpiryTerms> {
    let (mut year, mut month) = (session.yyyymmdd() / 10_000, session.yyyymmdd() / 100 % 100);
    let mut found = Vec::with_capacity(count);
    while found.len() < count {
        match third_friday(year, month) {
            Some(date) if date.days() >= session.days() + DAYS_MIN => {
                found.push(ExpiryTerms::new(session, date));
            }
            Some(_) => {}
            // Behind the last year that a date can have there is nothing to expire.
            None => return found,
        }
        (year, month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    }
    found
}

fn third_friday(year: u32, month: u32) -> Option<SessionDate> {
    // 1970-01-01 was a Thursday.
    let weekday = (SessionDate::new(year, month, 1)?.days() + 4) % 7;
    SessionDate::new(year, month, 15 + ((FRIDAY + 7 - weekday) % 7) as u32)
}

/// One contract of an underlying.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contract {
    /// Number of the underlying.
    pub underlying: usize,
    /// Number of the expiry.
    pub expiry: usize,
    /// Strike, 1e-9 of the currency; a multiple of a tenth.
    pub strike_e9: i64,
    /// Call or put.
    pub right: Right,
}

/// The symbol of an underlying: `U` and two letters.
#[must_use]
pub fn underlying_symbol(number: usize) -> Symbol {
    let letter = |at: usize| b'A' + (at % 26) as u8;
    Symbol::from_wire8([b'U', letter(number / 26), letter(number), b' ', b' ', b' ', b' ', b' '])
}

impl Contract {
    /// Its symbol: that of the underlying, a letter for right and month of expiry (`A` to `L` for calls of January to
    /// December, `M` to `X` for puts, as OPRA's codes were), and the strike in tenths, four digits. `UAAF1050` is the June
    /// call at 105. No two expiries of a day are of the same month.
    #[must_use]
    pub fn symbol(&self, expiries: &[ExpiryTerms]) -> Symbol {
        let [u, high, low, ..] = underlying_symbol(self.underlying).wire8();
        let month = (expiries[self.expiry].date.yyyymmdd() / 100 % 100) as u8;
        let first = if self.right == Right::Call { b'A' } else { b'M' };
        let tenths = self.strike_e9 / 100_000_000;
        let digit = |unit: i64| b'0' + (tenths / unit % 10) as u8;
        Symbol::from_wire8([u, high, low, first + month - 1, digit(1_000), digit(100), digit(10), digit(1)])
    }

    /// Present value of the strike, 1e-9: downward where it is received, upward where it is paid.
    #[must_use]
    pub fn strike_now_e9(&self, expiries: &[ExpiryTerms], is_paid: bool) -> i64 {
        let exact = i128::from(self.strike_e9) * i128::from(expiries[self.expiry].discount_e9);
        let whole = exact / 1_000_000_000;
        (whole + i128::from(is_paid && exact % 1_000_000_000 != 0)) as i64
    }
}

/// So many strikes around a spot, 1e-9, ascending: at a distance that grows with the price, as exchanges list them.
#[must_use]
pub fn strikes(spot_cents: i64, count: usize) -> Vec<i64> {
    let step_tenths = match spot_cents {
        ..5_000 => 10,
        5_000..10_000 => 25,
        10_000..25_000 => 50,
        _ => 100,
    };
    let middle = (spot_cents / 10 + step_tenths / 2) / step_tenths * step_tenths;
    let strike = |at: usize| (middle + (at as i64 - count as i64 / 2) * step_tenths) * 100_000_000;
    (0..count).map(strike).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expiries_are_third_fridays() {
        let session = SessionDate::new(2026, 1, 12).expect("a date");
        let dates: Vec<String> = expiries(session, 5).iter().map(|terms| terms.date.to_string()).collect();
        // The third Friday of January is four days away, which is too near.
        assert_eq!(dates, ["2026-02-20", "2026-03-20", "2026-04-17", "2026-05-15", "2026-06-19"]);
        let terms = expiries(session, 5)[4];
        assert_eq!(terms.years, 158.0 / 365.0);
        let exact = (-0.04 * terms.years).exp() * 1e9;
        assert!((terms.discount_e9 as f64 - exact).abs() < 0.51, "{} against {exact}", terms.discount_e9);
    }

    #[test]
    fn a_symbol_tells_the_contract() {
        let expiries = expiries(SessionDate::new(2026, 1, 5).expect("a date"), 5);
        let call = Contract { underlying: 27, expiry: 1, strike_e9: 107_500_000_000, right: Right::Call };
        assert_eq!(call.symbol(&expiries).to_string(), "UBBB1075");
        let put = Contract { right: Right::Put, strike_e9: 2_000_000_000, ..call };
        assert_eq!(put.symbol(&expiries).to_string(), "UBBN0020");
    }

    #[test]
    fn strikes_surround_the_spot() {
        for spot_cents in [3_000, 4_999, 5_000, 9_999, 10_000, 24_999, 25_000, 40_000] {
            let most = ChainShape::MOST.strikes;
            let (all, few) = (strikes(spot_cents, most), strikes(spot_cents, 3));
            let spot_e9 = spot_cents * 10_000_000;
            assert!(all[0] > 0 && all[most - 1] < 999_900_000_000, "{all:?}");
            assert!(all[11] < spot_e9 && spot_e9 < all[13], "{spot_cents}: {all:?}");
            assert_eq!(few, all[11..14], "fewer are those in the middle");
        }
    }
}
