//! Option symbols of the Options Symbology Initiative, written without the spaces that pad the root:
//! `GOOG151224C00750000` is the call on GOOG at 750 that expires on 2015-12-24.
//!
//! Root, expiry as `YYMMDD` of 2000 to 2099, `C` or `P`, and the strike in thousandths, eight digits. Databento's files of
//! options have such symbols, and LEAN's archives get them here. Cold; allocates only to write one.

use std::fmt;

use crate::symbol::Symbol;
use crate::units::PRICE_SCALE;

/// Price units (1e-9) in a thousandth.
const THOUSANDTH: u64 = PRICE_SCALE.unsigned_abs() / 1_000;

/// Strikes in thousandths end below this: eight digits.
const STRIKES_END: u64 = 100_000_000;

/// Characters behind the root.
const TAIL_LENGTH: usize = 15;

/// What the symbol of an option says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionSymbol<'a> {
    /// The underlying, as the exchange of the options names it.
    pub root: &'a str,
    /// Day of expiry, `YYYYMMDD`.
    pub expiry: u32,
    /// A put; else a call.
    pub is_put: bool,
    /// Strike, 1e-9.
    pub strike_e9: u64,
}

/// Digits alone.
fn number(digits: &str) -> Option<u64> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

impl<'a> OptionSymbol<'a> {
    /// What a text says that is such a symbol; `None` for any other.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let (root, tail) = text.split_at_checked(text.len().checked_sub(TAIL_LENGTH)?)?;
        let (expiry, tail) = tail.split_at_checked(6)?;
        let (right, strike) = tail.split_at_checked(1)?;
        let is_put = match right {
            "C" => false,
            "P" => true,
            _ => return None,
        };
        let expiry = u32::try_from(20_000_000 + number(expiry)?).ok()?;
        let strike_e9 = number(strike)? * THOUSANDTH;
        (!root.is_empty()).then_some(Self { root, expiry, is_put, strike_e9 })
    }

    /// The symbol; `None` for an expiry or a strike that it has no digits for, and for a root that is too long.
    #[must_use]
    pub fn symbol(&self) -> Option<Symbol> {
        let strike = self.strike_e9 / THOUSANDTH;
        let has_digits = self.expiry / 1_000_000 == 20 && strike < STRIKES_END;
        let is_exact = self.strike_e9.is_multiple_of(THOUSANDTH);
        (has_digits && is_exact).then(|| Symbol::new(&self.to_string()).ok())?
    }
}

impl fmt::Display for OptionSymbol<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { root, expiry, is_put, strike_e9 } = *self;
        let (day, right) = (expiry % 1_000_000, if is_put { 'P' } else { 'C' });
        write!(f, "{root}{day:06}{right}{:08}", strike_e9 / THOUSANDTH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_symbols() {
        let call =
            OptionSymbol { root: "GOOG", expiry: 20_151_224, is_put: false, strike_e9: 750_000_000_000 };
        assert_eq!(call.symbol().unwrap().to_string(), "GOOG151224C00750000");
        assert_eq!(OptionSymbol::parse("GOOG151224C00750000"), Some(call));
        let put = OptionSymbol { root: "BRK.B", expiry: 20_250_321, is_put: true, strike_e9: 62_500_000_000 };
        assert_eq!(OptionSymbol::parse("BRK.B250321P00062500"), Some(put));
        for other in [
            "",
            "GOOG",
            "151224C00750000",
            "GOOG151224X00750000",
            "GOOG15122-C00750000",
            "GOOG151224C0075000+",
        ] {
            assert_eq!(OptionSymbol::parse(other), None, "{other}");
        }
        // A character of two bytes where the symbol would be cut.
        assert_eq!(OptionSymbol::parse("\u{e9}51224C00750000"), None);
        assert_eq!(OptionSymbol { strike_e9: 1, ..call }.symbol(), None);
        assert_eq!(OptionSymbol { strike_e9: 100_000_000_000_000, ..call }.symbol(), None);
        assert_eq!(OptionSymbol { expiry: 19_991_231, ..call }.symbol(), None);
        assert_eq!(OptionSymbol { root: "ROOTOFTENX", ..call }.symbol(), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            root in "[A-Z]{1,6}", expiry in 20_000_000u32..21_000_000, is_put in any::<bool>(), strike in 0..STRIKES_END,
        ) {
            let option = OptionSymbol { root: &root, expiry, is_put, strike_e9: strike * THOUSANDTH };
            let text = option.symbol().unwrap().to_string();
            prop_assert_eq!(OptionSymbol::parse(&text), Some(option));
        }
    }
}
