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

/// As [`parse_unsigned`] of `bytes[start..end]`, in words that end with the last digit: no loop over digits and no
/// branch that depends on them. What precedes the value in `bytes` is read and thrown away.
#[inline(always)]
#[must_use]
pub fn unsigned_ending_at(bytes: &[u8], start: usize, end: usize) -> Option<u64> {
    let length = end.wrapping_sub(start);
    let (Some(last), 1..=8) = (word_ending_at(bytes, end), length) else {
        return unsigned_of_two_words(bytes, start, end);
    };
    eight_digits(digits_of_word(last, length))
}

/// The same for more than eight digits.
#[inline(always)]
fn unsigned_of_two_words(bytes: &[u8], start: usize, end: usize) -> Option<u64> {
    let length = end.wrapping_sub(start);
    let (Some((first, last)), 9..=16) = (two_words_ending_at(bytes, end), length) else {
        return parse_unsigned(bytes.get(start..end)?);
    };
    Some(eight_digits(digits_of_word(first, length - 8))? * 100_000_000 + eight_digits(last ^ ZEROS)?)
}

/// As [`parse_quantity`] of `bytes[start..end]`, as above.
#[inline(always)]
#[must_use]
pub fn quantity_ending_at(bytes: &[u8], start: usize, end: usize) -> Option<u64> {
    match unsigned_ending_at(bytes, start, end) {
        None => parse_quantity(bytes.get(start..end)?),
        quantity => quantity,
    }
}

/// As [`parse_price`] of `bytes[start..end]`, as above.
#[inline(always)]
#[must_use]
pub fn price_ending_at(bytes: &[u8], start: usize, end: usize) -> Option<i64> {
    match short_price(bytes, start, end) {
        None => parse_price(bytes.get(start..end)?),
        price => price,
    }
}

/// A price of at most 16 bytes without a sign; `None` does not say that it is wrong.
#[inline(always)]
fn short_price(bytes: &[u8], start: usize, end: usize) -> Option<i64> {
    let length = end.wrapping_sub(start);
    if !(1..=16).contains(&length) {
        return None;
    }
    if length <= 8 {
        let digits = digits_of_word(word_ending_at(bytes, end)?, length);
        let point = byte_of(digits, POINT);
        if point == 0 {
            let price = eight_digits(digits)?.checked_mul(SCALES[0])?;
            return i64::try_from(price).ok();
        }
        // The digits before the point move up by one place, over it.
        let at = point.trailing_zeros() - 7;
        let below = (1 << at) - 1;
        let without = (digits & below) << 8 | digits & !(below << 8 | 0xff);
        let decimals = (56 - at) / 8;
        // A point alone has no digit.
        let scale = *SCALES.get(decimals as usize).filter(|_| length > 1)?;
        return i64::try_from(eight_digits(without)? * scale).ok();
    }
    let (first, last) = two_words_ending_at(bytes, end)?;
    let digits = u128::from(digits_of_word(first, length - 8)) | u128::from(last ^ ZEROS) << 64;
    let (low, high) = (byte_of(digits as u64, POINT), byte_of((digits >> 64) as u64, POINT));
    let point = u128::from(low) | u128::from(high) << 64;
    let (without, decimals) = if point == 0 {
        (digits, 0)
    } else {
        let at = point.trailing_zeros() - 7;
        let below = (1 << at) - 1;
        ((digits & below) << 8 | digits & !(below << 8 | 0xff), (120 - at) / 8)
    };
    let value = eight_digits(without as u64)? * 100_000_000 + eight_digits((without >> 64) as u64)?;
    i64::try_from(value.checked_mul(*SCALES.get(decimals as usize)?)?).ok()
}

/// `'0'` in every byte.
const ZEROS: u64 = 0x3030_3030_3030_3030;

/// What the decimal point becomes when `'0'` is taken from it.
const POINT: u8 = b'.' ^ b'0';

/// What a number with so many decimals is multiplied by to be in 1e-9.
const SCALES: [u64; 10] =
    [1_000_000_000, 100_000_000, 10_000_000, 1_000_000, 100_000, 10_000, 1_000, 100, 10, 1];

#[inline(always)]
fn word_ending_at(bytes: &[u8], end: usize) -> Option<u64> {
    let word = bytes.get(end.checked_sub(8)?..)?.first_chunk::<8>()?;
    Some(u64::from_le_bytes(*word))
}

#[inline(always)]
fn two_words_ending_at(bytes: &[u8], end: usize) -> Option<(u64, u64)> {
    let words = bytes.get(end.checked_sub(16)?..)?.first_chunk::<16>()?;
    let words = u128::from_le_bytes(*words);
    Some((words as u64, (words >> 64) as u64))
}

/// The last `length` (1 to 8) bytes of a word less `'0'`, the others zero.
#[inline(always)]
const fn digits_of_word(word: u64, length: usize) -> u64 {
    (word ^ ZEROS) & (u64::MAX << ((64 - 8 * length) & 63))
}

/// The high bit of the first byte of a word that is `wanted`, and maybe bits above it; 0 where there is none.
#[inline(always)]
const fn byte_of(word: u64, wanted: u8) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let differences = word ^ (ONES * wanted as u64);
    differences.wrapping_sub(ONES) & !differences & (ONES << 7)
}

/// The number of eight digits (0 to 9 each, the most significant in the lowest byte); `None` where one is more.
#[inline(always)]
const fn eight_digits(digits: u64) -> Option<u64> {
    if (digits | digits.wrapping_add(0x7676_7676_7676_7676)) & 0x8080_8080_8080_8080 != 0 {
        return None;
    }
    // Pairs, then fours, then eight: each multiplication puts two neighbours together.
    let pairs = digits * 10 + (digits >> 8);
    let low = (pairs & 0x0000_00ff_0000_00ff).wrapping_mul(0x000f_4240_0000_0064);
    let high = (pairs >> 16 & 0x0000_00ff_0000_00ff).wrapping_mul(0x0000_2710_0000_0001);
    Some(low.wrapping_add(high) >> 32)
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

/// [`digits8`] of four numbers, each below 10^8, at once. The numbers come one by one: where they were stored as an array
/// and then loaded as one register, the load would wait for all the stores (19 ns of an order message, measured).
#[cfg(target_arch = "x86_64")]
#[inline]
#[must_use]
#[target_feature(enable = "avx2")]
pub(super) fn digits8_of_four(a: u32, b: u32, c: u32, d: u32) -> [u64; 4] {
    use std::arch::x86_64::*;

    let numbers = _mm256_set_epi64x(i64::from(d), i64::from(c), i64::from(b), i64::from(a));
    // As in `digits8`, each division by a multiplication that is exact in its range: 109951163 / 2^40 for 1/10^4
    // below 10^8, 5243 / 2^19 for 1/100 below 10^4, 6554 / 2^16 for 1/10 below 100.
    let high = _mm256_srli_epi64::<40>(_mm256_mul_epu32(numbers, _mm256_set1_epi64x(109_951_163)));
    let low = _mm256_sub_epi64(numbers, _mm256_mul_epu32(high, _mm256_set1_epi64x(10_000)));
    let halves = _mm256_or_si256(high, _mm256_slli_epi64::<32>(low));
    let hundreds = _mm256_srli_epi16::<3>(_mm256_mulhi_epu16(halves, _mm256_set1_epi16(5_243)));
    let rest = _mm256_sub_epi16(halves, _mm256_mullo_epi16(hundreds, _mm256_set1_epi16(100)));
    let pairs = _mm256_or_si256(hundreds, _mm256_slli_epi32::<16>(rest));
    let tens = _mm256_mulhi_epu16(pairs, _mm256_set1_epi16(6_554));
    let ones = _mm256_sub_epi16(pairs, _mm256_mullo_epi16(tens, _mm256_set1_epi16(10)));
    let digits = _mm256_or_si256(tens, _mm256_slli_epi16::<8>(ones));
    let (low, high) = (_mm256_castsi256_si128(digits), _mm256_extracti128_si256::<1>(digits));
    [
        _mm_cvtsi128_si64(low).cast_unsigned(),
        _mm_cvtsi128_si64(_mm_unpackhi_epi64(low, low)).cast_unsigned(),
        _mm_cvtsi128_si64(high).cast_unsigned(),
        _mm_cvtsi128_si64(_mm_unpackhi_epi64(high, high)).cast_unsigned(),
    ]
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
            #[cfg(target_arch = "x86_64")]
            if is_x86_feature_detected!("avx2") {
                let four = [value, 99_999_999 - value, value / 10, value / 3];
                // SAFETY: the CPU has AVX2.
                let digits = unsafe { digits8_of_four(four[0], four[1], four[2], four[3]) };
                assert_eq!(digits, four.map(digits8));
            }
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

    /// Readers by words against those by bytes, the value among other bytes.
    fn compare_readers(text: &[u8], before: &[u8]) {
        let bytes = [before, text].concat();
        let (start, end) = (before.len(), bytes.len());
        let context = || format!("{} behind {}", text.escape_ascii(), before.escape_ascii());
        assert_eq!(unsigned_ending_at(&bytes, start, end), parse_unsigned(text), "{}", context());
        assert_eq!(quantity_ending_at(&bytes, start, end), parse_quantity(text), "{}", context());
        assert_eq!(price_ending_at(&bytes, start, end), parse_price(text), "{}", context());
    }

    #[test]
    fn readers_by_words_know_every_edge() {
        for text in [
            &b""[..],
            b".",
            b"-",
            b"-1",
            b"0",
            b"12345678",
            b"123456789",
            b"1234567890123456",
            b"12345678901234567",
            b"9999999.9",
            b"99999999",
            b".00000001",
            b"0.0000000001",
            b"9223372036.854775",
            b"9223372036854775",
            b"9223372037.0",
            b"1.2.3",
            b"12345678.1234567",
            b"1234567\x80",
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        ] {
            for before in
                [&b""[..], b"9", b"8=FIX.4.4\x019=100\x01", b"................", b"99999999999999999999="]
            {
                compare_readers(text, before);
            }
        }
    }

    proptest! {
        #[test]
        fn readers_by_words_and_by_bytes_agree(text in "[0-9]{0,20}|-?[0-9]{0,10}[.][0-9]{0,12}|[0-9.x-]{0,18}", before in "[0-9=.]{0,24}") {
            compare_readers(text.as_bytes(), before.as_bytes());
        }

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
