//! Taking the padding out of a message that was written with fixed widths.
//!
//! The pieces between the padded numbers move up, at most four moves of bytes that are in the first-level cache; BodyLength
//! and CheckSum change by what went, with no pass over the message. What remains is the same message byte for byte, so
//! that this style can say nothing that the other does not.

use super::prepared::Template;
use super::{SYMBOL_BYTES_MAX, TEMPLATE_BYTES, put_trailer};

/// Digits of a padded number.
const DIGITS: usize = 8;

/// Zeros at the start of eight digits, of which the last counts as a number.
#[inline(always)]
const fn leading_zeros(digits: u64) -> usize {
    let zeros = digits.trailing_zeros() as usize / 8;
    if zeros < DIGITS { zeros } else { DIGITS - 1 }
}

/// How many of nine decimals are needed.
#[inline(always)]
const fn decimals_needed((first_eight, ninth): (u64, u8)) -> usize {
    if ninth != 0 { 9 } else { DIGITS - first_eight.leading_zeros() as usize / 8 }
}

/// Takes out what is padding, writes the trailer, and says the message's length. `end` is where the symbol ends, `sum` that
/// of all bytes before the trailer as they are; `digits` are those of MsgSeqNum, OrderQty and of Price before its point,
/// `decimals` those behind it.
#[inline(never)]
pub(super) fn take_padding_out(
    out: &mut [u8; TEMPLATE_BYTES],
    template: &Template,
    end: usize,
    mut sum: u32,
    digits: [u64; 3],
    decimals: (u64, u8),
) -> usize {
    let [sequence, quantity, price] = digits.map(leading_zeros);
    let mut zeros = sequence + quantity;
    let sequence_at = usize::from(template.sequence_at);
    let quantity_at = usize::from(template.quantity_at);
    // What follows a number comes to where the number starts, less its zeros, less what went before.
    out.copy_within(sequence_at + sequence..quantity_at, sequence_at);
    let quantity_to = quantity_at - sequence;
    let mut from = quantity_at + quantity;
    let mut to = quantity_to;
    if template.price_at != 0 {
        let price_at = usize::from(template.price_at);
        let fraction_at = usize::from(template.price_fraction_at);
        out.copy_within(from..price_at, to);
        to += price_at - from;
        let needed = decimals_needed(decimals);
        // Without decimals the point goes too.
        let point = usize::from(needed == 0 && template.price_decimals > 0);
        let kept_end = fraction_at + needed - point;
        out.copy_within(price_at + price..kept_end, to);
        to += kept_end - price_at - price;
        from = fraction_at + template.price_decimals;
        zeros += price + template.price_decimals - needed;
        sum = sum.wrapping_sub(point as u32 * u32::from(b'.'));
    }
    // The symbol's whole room: a constant is not worth a length.
    out.copy_within(from..template.symbol_at + SYMBOL_BYTES_MAX, to);
    let taken = from - to;
    let end = end - taken;
    sum = sum.wrapping_sub(zeros as u32 * u32::from(b'0'));
    let length_at = usize::from(template.body_length_at);
    let old = [0, 1, 2].map(|at| u32::from(out[length_at + at] - b'0'));
    let length = old[0] * 100 + old[1] * 10 + old[2] - taken as u32;
    let new = [length / 100, length / 10 % 10, length % 10];
    for (at, digit) in new.into_iter().enumerate() {
        out[length_at + at] = b'0' + digit as u8;
    }
    sum = sum.wrapping_add(new.iter().sum()).wrapping_sub(old.iter().sum());
    put_trailer(out, end, sum);
    end + 8
}
