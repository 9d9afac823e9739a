//! A row of a CSV file: when its bar begins, and what both sides were at its end.

use crate::decimal;
use crate::units::ITCH_PRICE4_UNIT;

/// Fields of a row.
const FIELDS: usize = 11;

/// Milliseconds of a day.
const DAY_MS: u64 = 86_400_000;

/// Price (1e-9) and quantity; (0, 0) is an empty side.
pub(super) type Side = (i64, u32);

/// What is taken of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// Since midnight.
    pub(super) begins_ms: u64,
    pub(super) bid: Side,
    pub(super) ask: Side,
}

impl Row {
    /// # Errors
    /// Which field is not what it should be.
    pub(super) fn of(text: &str, is_decimal: bool) -> Result<Self, &'static str> {
        let fields = fields(text)?;
        let begins_ms = decimal::parse(fields[0], 0).filter(|ms| *ms < DAY_MS).ok_or("the time of day")?;
        let side = |close: usize, of| side(fields[close], fields[close + 1], is_decimal).ok_or(of);
        Ok(Self { begins_ms, bid: side(4, "the bid")?, ask: side(9, "the offer")? })
    }
}

/// Whether a price of the row has a decimal point.
pub(super) fn has_decimal_point(text: &str) -> bool {
    let is_price = |at: &usize| matches!(at, 1..=4 | 6..=9);
    text.split(',').enumerate().any(|(at, field)| is_price(&at) && field.contains('.'))
}

fn fields(text: &str) -> Result<[&str; FIELDS], &'static str> {
    let mut fields = [""; FIELDS];
    let mut found = 0;
    for field in text.split(',') {
        *fields.get_mut(found).ok_or("more than 11 fields")? = field;
        found += 1;
    }
    if found == FIELDS { Ok(fields) } else { Err("fewer than 11 fields") }
}

fn side(price: &str, size: &str, is_decimal: bool) -> Option<Side> {
    if price.is_empty() {
        return Some((0, 0));
    }
    let price = match is_decimal {
        true => i64::try_from(decimal::parse(price, 9)?).ok()?,
        false => i64::try_from(decimal::parse(price, 0)?).ok()?.checked_mul(ITCH_PRICE4_UNIT)?,
    };
    let quantity = u32::try_from(decimal::parse(size, 0)?).ok()?;
    Some(if price == 0 || quantity == 0 { (0, 0) } else { (price, quantity) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_both_forms() {
        let row = Row::of("34200000,,,,,0,21500,21500,5000,5100,19", false).unwrap();
        assert_eq!(row, Row { begins_ms: 34_200_000, bid: (0, 0), ask: (510_000_000, 19) });
        let text = "60000,250.25,250.75,250.25,250.5,15,253.75,254,253.75,253.75,15";
        assert!(has_decimal_point(text) && !has_decimal_point("34200000.0,1,1,1,1,1.0,2,2,2,2,1.0"));
        let row = Row::of(text, true).unwrap();
        assert_eq!((row.bid, row.ask), ((250_500_000_000, 15), (253_750_000_000, 15)));
        let row = Row::of("0,1,1,1,0,5,2,2,2,7,0.0", false).unwrap();
        assert_eq!((row.bid, row.ask), ((0, 0), (0, 0)), "a price of nothing, a size of nothing");
    }

    #[test]
    fn other_rows_are_refused() {
        for (text, what) in [
            ("", "fewer"),
            ("0,1,1,1,1,1,2,2,2,2", "fewer"),
            ("0,1,1,1,1,1,2,2,2,2,1,0", "more"),
            ("86400000,1,1,1,1,1,2,2,2,2,1", "time"),
            ("-1,1,1,1,1,1,2,2,2,2,1", "time"),
            ("0,1,1,1,-1,1,2,2,2,2,1", "bid"),
            ("0,1,1,1,1,5000000000,2,2,2,2,1", "bid"),
            ("0,1,1,1,1,1,2,2,2,99999999999999999,1", "offer"),
            ("0,1,1,1,1,1,2,2,2,2,", "offer"),
            ("0,1,1,1,1,1,2,2,2,2,1.5", "offer"),
        ] {
            assert!(
                Row::of(text, false).is_err_and(|error| error.contains(what)),
                "{text}: {:?}",
                Row::of(text, false)
            );
        }
    }
}
