//! Numbers of FIX text: exact integers in, exact integers out, never a float.
//!
//! Parsers take the value bytes of one field and answer `None` for anything outside the grammar of [`crate::fix`] or
//! outside the range; leading zeros are fine at any length. Writers put compact text (no padding) at the front of a
//! slice and answer its length, or `None` where it does not fit. Nothing allocates.

use feeds::units::PRICE_SCALE;

/// Digits that always fit `u64`: 10^19 - 1 is below 2^64.
const SAFE_DIGITS: usize = 19;

/// Decimals of a price unit: 1e-9.
const PRICE_DECIMALS: u32 = 9;

/// An unsigned integer: one or more digits, at most `u64::MAX`.
#[inline]
#[must_use]
pub fn parse_unsigned(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    if text.len() > SAFE_DIGITS {
        return parse_unsigned_long(text);
    }
    let mut value = 0_u64;
    for &byte in text {
        value = value * 10 + digit(byte)?;
    }
    Some(value)
}

/// The same for more digits than always fit: every step checked.
#[cold]
fn parse_unsigned_long(text: &[u8]) -> Option<u64> {
    text.iter().try_fold(0_u64, |value, &byte| value.checked_mul(10)?.checked_add(digit(byte)?))
}

/// An integer with an optional minus sign.
#[must_use]
pub fn parse_signed(text: &[u8]) -> Option<i64> {
    match text {
        [b'-', digits @ ..] => i64::try_from(parse_unsigned(digits)?).ok().map(|value| -value),
        digits => i64::try_from(parse_unsigned(digits)?).ok(),
    }
}

/// A quantity in smallest increments: digits with an optional point, only zeros after it.
#[inline]
#[must_use]
pub fn parse_quantity(text: &[u8]) -> Option<u64> {
    match text.iter().position(|&byte| byte == b'.') {
        None => parse_unsigned(text),
        Some(point) => parse_quantity_with_point(text, point),
    }
}

/// The rare form `200.00`.
#[cold]
fn parse_quantity_with_point(text: &[u8], point: usize) -> Option<u64> {
    let (whole, zeros) = (text.get(..point)?, text.get(point + 1..)?);
    if zeros.iter().any(|&byte| byte != b'0') {
        return None;
    }
    if whole.is_empty() { (!zeros.is_empty()).then_some(0) } else { parse_unsigned(whole) }
}

/// A price or amount in 1e-9, exact: a digit other than zero after the ninth decimal is refused, and so is what does
/// not fit. Never gives [`feeds::units::PRICE_NONE`].
#[inline]
#[must_use]
pub fn parse_price(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let mut value = 0_u64;
    let mut decimals = None;
    let mut any = false;
    for &byte in digits {
        if byte == b'.' {
            if decimals.is_some() {
                return None;
            }
            decimals = Some(0);
            continue;
        }
        let digit = digit(byte)?;
        any = true;
        match &mut decimals {
            Some(PRICE_DECIMALS) if digit == 0 => continue,
            Some(PRICE_DECIMALS) => return None,
            Some(count) => *count += 1,
            None => {}
        }
        value = value.checked_mul(10)?.checked_add(digit)?;
    }
    if !any {
        return None;
    }
    let scaled = value.checked_mul(10_u64.pow(PRICE_DECIMALS - decimals.unwrap_or(0)))?;
    let price = i64::try_from(scaled).ok()?;
    Some(if negative { -price } else { price })
}

/// The value of one digit.
#[inline]
const fn digit(byte: u8) -> Option<u64> {
    let value = byte.wrapping_sub(b'0');
    if value > 9 { None } else { Some(value as u64) }
}

/// Eight decimal digits of `value` (below 10^8), most significant in the lowest byte, each 0 to 9: ASCII once `'0'` is
/// added to every byte. By arithmetic on all digits at once (SWAR), without a table or a branch.
#[inline]
#[must_use]
pub const fn digits8(value: u32) -> u64 {
    debug_assert!(value < 100_000_000);
    let value = value as u64;
    // Two halves of four digits, then four quarters of two, then eight digits; each division by a multiplication
    // that is exact in its range (10486 / 2^20 for 1/100 below 10^4, 103 / 2^10 for 1/10 below 100).
    let halves = (value / 10_000) | ((value % 10_000) << 32);
    let hundreds = ((halves * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let pairs = hundreds | ((halves - hundreds * 100) << 16);
    let tens = ((pairs * 103) >> 10) & 0x000f_000f_000f_000f;
    tens | ((pairs - tens * 10) << 8)
}

/// [`digits8`] of two numbers, at about the price of one: every step on both at once (SSE2, which every x86-64 has).
#[cfg(target_arch = "x86_64")]
#[inline(always)]
#[must_use]
pub fn digits8_pair(first: u32, second: u32) -> [u64; 2] {
    // SAFETY: SSE2, the only feature that the function needs, is part of the x86-64 baseline.
    unsafe { digits8_pair_sse2(first, second) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse2")]
#[inline]
fn digits8_pair_sse2(first: u32, second: u32) -> [u64; 2] {
    use core::arch::x86_64::{
        _mm_cvtsi128_si64, _mm_mul_epu32, _mm_mulhi_epu16, _mm_mullo_epi16, _mm_or_si128, _mm_set_epi64x,
        _mm_set1_epi16, _mm_set1_epi64x, _mm_slli_epi16, _mm_slli_epi32, _mm_slli_epi64, _mm_srli_epi16,
        _mm_srli_epi64, _mm_sub_epi16, _mm_sub_epi64, _mm_unpackhi_epi64,
    };
    debug_assert!(first < 100_000_000 && second < 100_000_000);
    let values = _mm_set_epi64x(i64::from(second), i64::from(first));
    // As in `digits8`; exact in their ranges: 0xd1b71759 / 2^45 for 1/10000 of 32 bits, 5243 / 2^19 for 1/100 below
    // 10^4, 6554 / 2^16 for 1/10 below 100.
    let high = _mm_srli_epi64::<45>(_mm_mul_epu32(values, _mm_set1_epi64x(0xd1b7_1759)));
    let low = _mm_sub_epi64(values, _mm_mul_epu32(high, _mm_set1_epi64x(10_000)));
    let halves = _mm_or_si128(high, _mm_slli_epi64::<32>(low));
    let hundreds = _mm_srli_epi16::<3>(_mm_mulhi_epu16(halves, _mm_set1_epi16(5_243)));
    let below = _mm_sub_epi16(halves, _mm_mullo_epi16(hundreds, _mm_set1_epi16(100)));
    let pairs = _mm_or_si128(hundreds, _mm_slli_epi32::<16>(below));
    let tens = _mm_mulhi_epu16(pairs, _mm_set1_epi16(6_554));
    let ones = _mm_sub_epi16(pairs, _mm_mullo_epi16(tens, _mm_set1_epi16(10)));
    let digits = _mm_or_si128(tens, _mm_slli_epi16::<8>(ones));
    let upper = _mm_unpackhi_epi64(digits, digits);
    [_mm_cvtsi128_si64(digits).cast_unsigned(), _mm_cvtsi128_si64(upper).cast_unsigned()]
}

/// [`digits8`] of two numbers.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
#[must_use]
pub const fn digits8_pair(first: u32, second: u32) -> [u64; 2] {
    [digits8(first), digits8(second)]
}

/// Writes an unsigned integer.
pub fn write_unsigned(value: u64, out: &mut [u8]) -> Option<usize> {
    let mut text = [0_u8; 20];
    let mut at = text.len();
    let mut rest = value;
    loop {
        at -= 1;
        text[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    write_bytes(&text[at..], out)
}

/// Writes an integer, with `-` where it is negative.
pub fn write_signed(value: i64, out: &mut [u8]) -> Option<usize> {
    if value >= 0 {
        return write_unsigned(value.unsigned_abs(), out);
    }
    let (sign, digits) = out.split_first_mut()?;
    *sign = b'-';
    Some(1 + write_unsigned(value.unsigned_abs(), digits)?)
}

/// Writes a price given in 1e-9 with as many decimals as it needs, none for a whole number. `None` for
/// [`feeds::units::PRICE_NONE`] too.
pub fn write_price(price: i64, out: &mut [u8]) -> Option<usize> {
    if price == feeds::units::PRICE_NONE {
        return None;
    }
    let mut at = 0;
    if price < 0 {
        *out.first_mut()? = b'-';
        at = 1;
    }
    let scale = PRICE_SCALE.unsigned_abs();
    let magnitude = price.unsigned_abs();
    at += write_unsigned(magnitude / scale, out.get_mut(at..)?)?;
    let mut fraction = magnitude % scale;
    if fraction == 0 {
        return Some(at);
    }
    *out.get_mut(at)? = b'.';
    at += 1;
    let mut unit = scale / 10;
    while fraction > 0 {
        *out.get_mut(at)? = b'0' + (fraction / unit) as u8;
        at += 1;
        fraction %= unit;
        unit /= 10;
    }
    Some(at)
}

/// Copies bytes to the front of `out`.
pub fn write_bytes(bytes: &[u8], out: &mut [u8]) -> Option<usize> {
    out.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn two_numbers_at_once_have_the_digits_of_each() {
        let edges = [0, 1, 9, 10, 99, 100, 9_999, 10_000, 10_001, 99_999_999, 90_000_009, 12_345_678];
        let spread = (0..200_000_u32).map(|i| i.wrapping_mul(2_654_435_761) % 100_000_000);
        for number in edges.into_iter().chain(spread) {
            let other = 99_999_999 - number;
            assert_eq!(digits8_pair(number, other), [digits8(number), digits8(other)], "{number}");
        }
    }

    #[test]
    fn integers_and_quantities() {
        assert_eq!(parse_unsigned(b"00000200"), Some(200));
        assert_eq!(parse_unsigned(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(parse_unsigned(b"18446744073709551616"), None);
        assert_eq!(parse_unsigned(b"0000000000000000000000000000007"), Some(7));
        for bad in [&b""[..], b"-", b"-1", b"+1", b"1 ", b"1e3", b"0x1", b"1.0"] {
            assert_eq!(parse_unsigned(bad), None, "{bad:?}");
        }
        assert_eq!(parse_signed(b"-007"), Some(-7));
        assert_eq!(parse_signed(b"-9223372036854775807"), Some(-i64::MAX));
        assert_eq!(parse_signed(b"9223372036854775808"), None);
        assert_eq!(parse_signed(b"--1"), None);
        assert_eq!(parse_quantity(b"00000200"), Some(200));
        assert_eq!(parse_quantity(b"200.000"), Some(200));
        assert_eq!(parse_quantity(b"200."), Some(200));
        assert_eq!(parse_quantity(b".0"), Some(0));
        for bad in [&b"."[..], b"", b"200.5", b"1.0.0", b"-1"] {
            assert_eq!(parse_quantity(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn prices_are_exact_or_refused() {
        assert_eq!(parse_price(b"00000187.4500"), Some(187_450_000_000));
        assert_eq!(parse_price(b"23."), Some(23_000_000_000));
        assert_eq!(parse_price(b".5"), Some(500_000_000));
        assert_eq!(parse_price(b"-0.000000001"), Some(-1));
        assert_eq!(parse_price(b"-0"), Some(0));
        assert_eq!(parse_price(b"1.000000000000"), Some(1_000_000_000));
        assert_eq!(parse_price(b"1.0000000001"), None);
        assert_eq!(parse_price(b"9223372036.854775807"), Some(i64::MAX));
        assert_eq!(parse_price(b"-9223372036.854775807"), Some(-i64::MAX));
        assert_eq!(parse_price(b"9223372036.854775808"), None);
        assert_eq!(parse_price(b"99999999999999999999999"), None);
        for bad in [&b""[..], b".", b"-", b"-.", b"1.2.3", b"1e5", b"+1", b" 1", b"1,5"] {
            assert_eq!(parse_price(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn eight_digits_at_once() {
        for value in (0..100_000_000).step_by(9_973).chain([0, 9, 10, 99_999_999, 12_345_678]) {
            let ascii = (digits8(value) + 0x3030_3030_3030_3030).to_le_bytes();
            assert_eq!(ascii.as_slice(), format!("{value:08}").as_bytes());
        }
    }

    #[test]
    fn writers_answer_none_when_it_does_not_fit() {
        for room in 0..12 {
            let mut out = vec![0; room];
            assert_eq!(write_price(-187_450_000_000, &mut out).is_some(), room >= 7, "room {room}");
            assert_eq!(write_signed(-1234, &mut out).is_some(), room >= 5, "room {room}");
        }
        assert_eq!(write_price(feeds::units::PRICE_NONE, &mut [0; 40]), None);
    }

    proptest! {
        #[test]
        fn written_numbers_read_back(price in -i64::MAX..=i64::MAX, number: u64, signed in -i64::MAX..=i64::MAX) {
            let mut out = [0; 40];
            let length = write_price(price, &mut out).unwrap();
            prop_assert_eq!(parse_price(&out[..length]), Some(price));
            let length = write_unsigned(number, &mut out).unwrap();
            prop_assert_eq!(std::str::from_utf8(&out[..length]).unwrap(), number.to_string());
            prop_assert_eq!(parse_unsigned(&out[..length]), Some(number));
            let length = write_signed(signed, &mut out).unwrap();
            prop_assert_eq!(parse_signed(&out[..length]), Some(signed));
        }
    }
}
