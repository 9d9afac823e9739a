//! Decimal text to integers, exactly: no floating point, no rounding.

/// `text` in units of 10^-`decimals`; digits behind those must be zeros. `None` for anything but digits with at most
/// one point between or behind them, for a value that is not exact in that unit, and for one beyond `u64`.
///
/// `decimals` is at most 19.
#[must_use]
pub fn parse(text: &str, decimals: u32) -> Option<u64> {
    let bytes = text.as_bytes();
    let mut value = 0u64;
    let mut at = 0;
    while let Some(digit) = bytes.get(at).and_then(|&byte| digit(byte)) {
        value = value.checked_mul(10)?.checked_add(digit)?;
        at += 1;
    }
    if at == 0 {
        return None;
    }
    let mut missing = decimals;
    if bytes.get(at) == Some(&b'.') {
        at += 1;
        while let Some(digit) = bytes.get(at).and_then(|&byte| digit(byte)) {
            if missing > 0 {
                value = value.checked_mul(10)?.checked_add(digit)?;
                missing -= 1;
            } else if digit != 0 {
                return None;
            }
            at += 1;
        }
    }
    if at != bytes.len() {
        return None;
    }
    value.checked_mul(10u64.checked_pow(missing)?)
}

#[inline(always)]
fn digit(byte: u8) -> Option<u64> {
    let value = byte.wrapping_sub(b'0');
    (value < 10).then_some(u64::from(value))
}

#[cfg(test)]
mod tests {
    use super::parse;
    use proptest::prelude::*;

    #[test]
    fn known_values() {
        assert_eq!(parse("61837.63000000", 9), Some(61_837_630_000_000));
        assert_eq!(parse("0.00000001", 8), Some(1));
        assert_eq!(parse("4095", 8), Some(409_500_000_000));
        assert_eq!(parse("0", 9), Some(0));
        assert_eq!(parse("7.", 1), Some(70));
        assert_eq!(parse("18446744073709551615", 0), Some(u64::MAX));
        for bad in ["", ".", ".5", "-1", "1e3", "1.0.0", " 1", "1 ", "18446744073709551616", "0.1234567891"] {
            assert_eq!(parse(bad, 9), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(value in any::<u64>(), decimals in 0u32..=19, zeros in 0usize..4) {
            let unit = 10u64.pow(decimals);
            let width = decimals as usize;
            let mut text = if decimals == 0 {
                value.to_string()
            } else {
                format!("{}.{:0width$}", value / unit, value % unit)
            };
            if decimals > 0 {
                text.push_str(&"0".repeat(zeros));
            }
            prop_assert_eq!(parse(&text, decimals), Some(value));
        }
    }
}
