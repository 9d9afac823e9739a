//! What the name of a CSV file says: the day, the instrument, how long its bars are.

use crate::databento::schedule::summer;
use crate::option_symbol::OptionSymbol;
use crate::symbol::Symbol;
use crate::units::{ITCH_PRICE4_UNIT, NS_PER_DAY, NS_PER_S};

/// One file of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Days since the epoch.
    day: u64,
    pub(super) symbol: Symbol,
    /// How long a bar is.
    pub(super) bar_ns: u64,
}

impl Entry {
    /// `20151224_goog_minute_quote.csv`, and behind `quote` for an option `_american_call_7500000_20160115` (the strike in
    /// ten-thousandths), for a future `_202003`, perhaps with its last day.
    ///
    /// # Errors
    /// What about it is not so.
    pub(super) fn of(name: &str) -> Result<Self, &'static str> {
        let stem = name.strip_suffix(".csv").ok_or("the name does not end in .csv")?;
        let mut parts = stem.rsplit('/').next().unwrap_or(stem).split('_');
        let mut next = || parts.next().ok_or("the name is too short");
        let day = days_since_epoch(next()?).ok_or("the name does not begin with a day")?;
        let root = next()?.to_ascii_uppercase();
        let bar_ns = match next()? {
            "second" => NS_PER_S,
            "minute" => 60 * NS_PER_S,
            _ => return Err("neither minutes nor seconds"),
        };
        if next()? != "quote" {
            return Err("not a file of quotes");
        }
        let rest: Vec<&str> = parts.collect();
        let symbol = match rest[..] {
            [] => Symbol::new(&root).ok(),
            [month] | [month, _] => Symbol::new(&format!("{root}{month}")).ok(),
            [_style, right, strike, expiry] => option_symbol(&root, right, strike, expiry),
            _ => None,
        };
        Ok(Self { day, symbol: symbol.ok_or("the name gives no symbol")?, bar_ns })
    }

    /// UTC ns of the day's midnight in New York, or in UTC.
    pub(super) fn midnight_ns(&self, in_new_york: bool) -> u64 {
        let (begins, ends) = summer(self.day);
        // Clocks change at 02:00: the midnights of the two days themselves are those of the days before.
        let hours = match in_new_york {
            true if begins < self.day && self.day <= ends => 4,
            true => 5,
            false => 0,
        };
        self.day * NS_PER_DAY + hours * 3600 * NS_PER_S
    }
}

fn option_symbol(root: &str, right: &str, strike: &str, expiry: &str) -> Option<Symbol> {
    let is_put = match right {
        "call" => false,
        "put" => true,
        _ => return None,
    };
    days_since_epoch(expiry)?;
    let strike_e9 = strike.parse::<u64>().ok()?.checked_mul(ITCH_PRICE4_UNIT.unsigned_abs())?;
    OptionSymbol { root, expiry: expiry.parse().ok()?, is_put, strike_e9 }.symbol()
}

/// Days since the epoch of `YYYYMMDD`, of 1970 to 2261 (Howard Hinnant, «chrono-compatible low-level date algorithms»).
fn days_since_epoch(text: &str) -> Option<u64> {
    let digits = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = text.parse().ok().filter(|_| digits)?;
    let (year, month, day) = (number / 10_000, number / 100 % 100, number % 100);
    if !(1970..2262).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = year - u64::from(month <= 2);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(year / 400 * 146_097 + year % 400 * 365 + year % 400 / 4 - year % 400 / 100 + of_year - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_they_hold() {
        let symbol = |name: &str| Entry::of(name).unwrap().symbol.to_string();
        assert_eq!(symbol("20151224_goog_minute_quote.csv"), "GOOG");
        assert_eq!(symbol("20200106_es_minute_quote_202003.csv"), "ES202003");
        assert_eq!(symbol("20200106_es_second_quote_202003_20200320.csv"), "ES202003");
        assert_eq!(
            symbol("20151224_goog_minute_quote_american_put_7525000_20160115.csv"),
            "GOOG160115P00752500"
        );
        let second = Entry::of("20131007_brk.b_second_quote.csv").unwrap();
        assert_eq!((second.symbol.to_string().as_str(), second.bar_ns), ("BRK.B", 1_000_000_000));
    }

    #[test]
    fn other_names_are_refused() {
        for (name, what) in [
            ("20151224_goog_minute_quote.txt", ".csv"),
            ("goog_minute_quote.csv", "a day"),
            ("20151324_goog_minute_quote.csv", "a day"),
            ("20151224_goog_hour_quote.csv", "minutes"),
            ("20151224_goog_minute_trade.csv", "quotes"),
            ("20151224_goog_minute.csv", "too short"),
            ("20151224_goog_minute_quote_american_call_7500000.csv", "symbol"),
            ("20151224_goog_minute_quote_american_both_7500000_20160115.csv", "symbol"),
            ("20151224_goog_minute_quote_american_call_7500001_20160115.csv", "symbol"),
            ("20151224_goog_minute_quote_american_call_7500000_20161315.csv", "symbol"),
        ] {
            assert!(
                Entry::of(name).is_err_and(|error| error.contains(what)),
                "{name}: {:?}",
                Entry::of(name)
            );
        }
    }

    #[test]
    fn midnights_follow_daylight_saving() {
        // Known answers: date -d 'TZ="America/New_York" 2012-06-21 00:00' +%s and so on.
        for (day, seconds) in [
            ("20120621", 1_340_251_200),
            ("20190130", 1_548_824_400),
            ("20190310", 1_552_194_000),
            ("20190311", 1_552_276_800),
            ("20191103", 1_572_753_600),
            ("20191104", 1_572_843_600),
            ("20151224", 1_450_933_200),
        ] {
            let entry = Entry::of(&format!("{day}_x_minute_quote.csv")).unwrap();
            assert_eq!(entry.midnight_ns(true), seconds * NS_PER_S, "{day}");
            assert_eq!(entry.midnight_ns(false) % NS_PER_DAY, 0);
        }
    }
}
