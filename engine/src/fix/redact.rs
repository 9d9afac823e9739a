//! Hides the secrets of FIX messages before they are kept or shown: RawData(96), Password(554), NewPassword(925) and the
//! encrypted forms of both (1402, 1404).
//!
//! Each byte of such a value becomes [`MASK`], so that every length still holds; CheckSum(10) stays that of the
//! message as it was sent, and no longer fits. What is hidden need not be whole messages: a read may end anywhere. The
//! journal of session bytes and every display of them pass here; orders, which hold no secrets, do not.

use super::cursor::length_tag_of;
use super::frame::SOH;

/// What stands for a byte of a secret.
pub const MASK: u8 = b'*';

/// Tags whose values are secrets.
const SECRET_TAGS: [u32; 5] = [96, 554, 925, 1402, 1404];

/// Hides secrets in raw bytes, in place.
pub fn mask(bytes: &mut [u8]) {
    // The value of the field before, where it is a number: it may be the length of a data field.
    let mut number_before: Option<usize> = None;
    let mut at = 0;
    while at < bytes.len() {
        let field = &bytes[at..];
        let Some((tag, tag_bytes)) =
            leading_number(field).filter(|&(_, digits)| field.get(digits) == Some(&b'='))
        else {
            // Not the start of a field: on to the next one.
            at += field.iter().position(|&byte| byte == SOH).map_or(field.len(), |end| end + 1);
            number_before = None;
            continue;
        };
        let value_at = at + tag_bytes + 1;
        let value = &bytes[value_at..];
        let to_soh = value.iter().position(|&byte| byte == SOH).unwrap_or(value.len());
        let is_data =
            u32::try_from(tag).is_ok_and(|tag| length_tag_of(tag) != 0 || matches!(tag, 1402 | 1404));
        // A data field may hold SOH; a length that does not lead to one is none.
        let length = match number_before {
            Some(length)
                if is_data && length >= to_soh && value.get(length).is_none_or(|&byte| byte == SOH) =>
            {
                length.min(value.len())
            }
            _ => to_soh,
        };
        number_before = leading_number(value)
            .filter(|&(_, digits)| digits == to_soh)
            .map(|(number, _)| usize::try_from(number).unwrap_or(usize::MAX));
        if SECRET_TAGS.iter().any(|&secret| u64::from(secret) == tag) {
            bytes[value_at..value_at + length].fill(MASK);
        }
        at = value_at + length + 1;
    }
}

/// The digits at the front as a number, and how many they are: one to nine.
fn leading_number(text: &[u8]) -> Option<(u64, usize)> {
    let digits = text.iter().take(10).take_while(|byte| byte.is_ascii_digit()).count();
    if !(1..=9).contains(&digits) {
        return None;
    }
    Some((text[..digits].iter().fold(0, |number, &digit| number * 10 + u64::from(digit - b'0')), digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str) -> String {
        let mut bytes = text.replace('|', "\x01").into_bytes();
        let length = bytes.len();
        mask(&mut bytes);
        assert_eq!(bytes.len(), length);
        String::from_utf8(bytes).expect("ASCII stays ASCII").replace('\x01', "|")
    }

    #[test]
    fn secrets_are_hidden_and_nothing_else() {
        assert_eq!(
            masked(
                "8=FIX.4.4|9=99|35=A|34=1|95=6|96=se|ret|553=user|554=pass|925=new|98=0|10=001|8=FIX.4.4|9=5|"
            ),
            "8=FIX.4.4|9=99|35=A|34=1|95=6|96=******|553=user|554=****|925=***|98=0|10=001|8=FIX.4.4|9=5|"
        );
        assert_eq!(masked("1401=3|1402=a|b|1403=2|1404=zz|"), "1401=3|1402=***|1403=2|1404=**|");
        let order = "8=FIX.4.4|9=87|35=D|11=A-1|55=96=554|58=554=x|1554=y|10=007|";
        assert_eq!(masked(order), order);
    }

    #[test]
    fn what_is_cut_or_lies_about_its_length_is_hidden_all_the_same() {
        assert_eq!(masked("95=60|96=secr"), "95=60|96=****");
        assert_eq!(masked("554=pa"), "554=**");
        assert_eq!(masked("95=2|96=secret|98=0|"), "95=2|96=******|98=0|");
        assert_eq!(masked("95=9|96=sec|554=pw|98=0|"), "95=9|96=***|554=**|98=0|");
        assert_eq!(masked("95=4000000000|96=sec|"), "95=4000000000|96=***|");
        assert_eq!(masked("ret|554=x|"), "ret|554=*|");
    }

    #[test]
    fn no_bytes_are_bad() {
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..100_000 {
            let mut bytes = [0; 24];
            for byte in &mut bytes {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                *byte = b"\x01=|0145569x*"[(seed >> 40) as usize % 11];
            }
            let before = bytes;
            mask(&mut bytes);
            for (one, other) in bytes.iter().zip(&before) {
                assert!(one == other || *one == MASK, "{}", before.escape_ascii());
            }
        }
    }
}
