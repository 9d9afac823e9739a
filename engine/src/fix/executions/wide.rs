//! The usual reports, with the numbers read sixteen bytes at once (SSSE3 instructions, compiled for AVX2 CPUs).
//!
//! A short way for what nearly all answers are: a fill or an acknowledgement all of whose numbers have at most sixteen
//! bytes. Whatever is not exactly that is left to the general way by answering `None`: this one finds no fault and
//! decides nothing that the general way would not.

use std::arch::x86_64::*;

use feeds::event::Side;
use feeds::units::PRICE_NONE;

use super::{Gathered, Receipt, bits};
use crate::fix::frame::Frame;
use crate::fix::index::{FieldIndex, Known, Value};
use crate::order::{Execution, ExecutionKind, RejectReason};

/// What has to be there.
const NEEDED: u64 = bits(super::REPORT) | Known::OrdStatus.bit();

/// What a fill needs besides.
const FILL: u64 = bits(super::FILL);

/// What makes a message unusual.
const UNUSUAL: u64 = bits(&[Known::CxlRejReason, Known::OrdRejReason]);

/// Bytes of a number that is read here.
const WIDTH: usize = 16;

/// Zeros, then ones: sixteen bytes from `n` on keep the last `n` bytes of a register.
static KEEP_LAST: [u8; 2 * WIDTH] = {
    let mut bytes = [0; 2 * WIDTH];
    let mut at = WIDTH;
    while at < 2 * WIDTH {
        bytes[at] = 0xff;
        at += 1;
    }
    bytes
};

/// For a point in each place, and last for none: which byte comes where so that the digits before the point close up to
/// those behind it.
static WITHOUT_POINT: [[u8; WIDTH]; WIDTH + 1] = {
    let mut orders = [[0; WIDTH]; WIDTH + 1];
    let mut point = 0;
    while point <= WIDTH {
        let mut at = 0;
        while at < WIDTH {
            let moved = point < WIDTH && at <= point;
            // 0x80: a zero.
            orders[point][at] = if !moved {
                at as u8
            } else if at == 0 {
                0x80
            } else {
                at as u8 - 1
            };
            at += 1;
        }
        point += 1;
    }
    orders
};

/// What a number is multiplied by to be in 1e-9, for a point in each place and last for none; 0 where the point has more
/// than nine digits behind it.
static SCALES: [u64; WIDTH + 1] = {
    let mut scales = [0; WIDTH + 1];
    scales[WIDTH] = 1_000_000_000;
    let (mut point, mut scale) = (WIDTH - 1, 1_000_000_000);
    while scale > 0 {
        scales[point] = scale;
        scale /= 10;
        point -= 1;
    }
    scales
};

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn load(bytes: &[u8; WIDTH]) -> __m128i {
    // SAFETY: the array has the 16 bytes that are read, and the load needs no alignment.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

/// Numbers of one message; what is wrong with any of them shows in the end.
struct Numbers {
    /// Not all zero where a byte was no digit.
    wrong: __m128i,
    /// Where a length was unusual.
    unusual: bool,
}

impl Numbers {
    /// The bytes of a value less `'0'`, the last in the last byte, zeros before the first.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2")]
    fn digits(&mut self, value: Value<'_>) -> __m128i {
        let keep = KEEP_LAST.get(value.length()..).and_then(|keep| keep.first_chunk());
        let (Some(keep), Some(bytes)) = (keep, value.ending::<WIDTH>()) else {
            self.unusual = true;
            return _mm_setzero_si128();
        };
        _mm_and_si128(_mm_sub_epi8(load(bytes), _mm_set1_epi8(b'0' as i8)), load(keep))
    }

    /// The number of sixteen digits.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2")]
    fn number(&mut self, digits: __m128i) -> u64 {
        self.wrong = _mm_or_si128(self.wrong, _mm_subs_epu8(digits, _mm_set1_epi8(9)));
        // Neighbours together: two digits, four, eight.
        let twos = _mm_maddubs_epi16(digits, _mm_set1_epi16(0x010a));
        let fours = _mm_madd_epi16(twos, _mm_set1_epi32(0x0001_0064));
        let packed = _mm_packus_epi32(fours, fours);
        let eights = _mm_madd_epi16(packed, _mm_set1_epi32(0x0001_2710));
        let both = _mm_cvtsi128_si64(eights).cast_unsigned();
        (both & 0xffff_ffff) * 100_000_000 + (both >> 32)
    }

    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2")]
    fn unsigned(&mut self, value: Value<'_>) -> u64 {
        let digits = self.digits(value);
        self.number(digits)
    }

    /// A price in 1e-9.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2")]
    fn price(&mut self, value: Value<'_>) -> i64 {
        let digits = self.digits(value);
        let points = _mm_movemask_epi8(_mm_cmpeq_epi8(digits, _mm_set1_epi8((b'.' as i8) - (b'0' as i8))));
        let point = (points.cast_unsigned() | 1 << WIDTH).trailing_zeros() as usize;
        let number = self.number(_mm_shuffle_epi8(digits, load(&WITHOUT_POINT[point])));
        let price = u128::from(number) * u128::from(SCALES[point]);
        // A point alone, more than nine decimals, or more than a price can be.
        self.unusual |= (points != 0 && value.length() == 1) || SCALES[point] == 0 || price >> 63 != 0;
        price as i64
    }
}

/// The execution of a usual report; `None` where the general way has to look.
#[target_feature(enable = "avx2,bmi1,bmi2")]
pub(super) fn decode(
    frame: Frame<'_>,
    index: &FieldIndex,
    has_trans_type: bool,
    receipt: Receipt,
) -> Option<Execution> {
    let seen = index.seen();
    if seen & (NEEDED | UNUSUAL) != NEEDED || index.repeated() & !1 != 0 {
        return None;
    }
    let value = |field| frame.value(index, field);
    let (mut exec_type, side) = (value(Known::ExecType).char()?, value(Known::Side).char()?);
    if has_trans_type {
        if seen & Known::ExecTransType.bit() == 0 || value(Known::ExecTransType).char()? != b'0' {
            return None;
        }
        exec_type = match exec_type {
            b'1' | b'2' => b'F',
            b'F' => return None,
            other => other,
        };
    }
    let order_status = value(Known::OrdStatus).char()?;
    if value(Known::ClOrdId).length() != WIDTH || !matches!(side, b'1' | b'2') {
        return None;
    }
    let mut numbers = Numbers { wrong: _mm_setzero_si128(), unusual: false };
    let mut orig_cl_ord_id = 0;
    if seen & Known::OrigClOrdId.bit() != 0 {
        let orig = value(Known::OrigClOrdId);
        orig_cl_ord_id = numbers.unsigned(orig);
        numbers.unusual |= orig.length() != WIDTH || orig_cl_ord_id == 0;
    }
    let (mut last_price, mut last_quantity) = (PRICE_NONE, 0);
    if seen & FILL == FILL {
        last_price = numbers.price(value(Known::LastPx));
        last_quantity = numbers.unsigned(value(Known::LastQty));
    } else if seen & FILL != 0 {
        return None;
    }
    let gathered = Gathered {
        seen,
        cl_ord_id: numbers.unsigned(value(Known::ClOrdId)),
        orig_cl_ord_id,
        exec_id: numbers.unsigned(value(Known::ExecId)),
        order_id: numbers.unsigned(value(Known::OrderId)),
        last_price,
        last_quantity,
        leaves_quantity: numbers.unsigned(value(Known::LeavesQty)),
        cumulative_quantity: numbers.unsigned(value(Known::CumQty)),
        side: if side == b'1' { Side::Buy } else { Side::Sell },
        exec_type,
        exec_trans_type: 0,
        order_status,
        cancel_reason: u64::MAX,
        order_reason: u64::MAX,
        text: &[],
    };
    if numbers.unusual || gathered.cl_ord_id == 0 || _mm_testz_si128(numbers.wrong, numbers.wrong) == 0 {
        return None;
    }
    let kind = match exec_type {
        b'F' if last_quantity == 0 => return None,
        b'F' if gathered.leaves_quantity == 0 => ExecutionKind::Fill,
        b'F' => ExecutionKind::PartialFill,
        b'0' => ExecutionKind::New,
        b'4' => ExecutionKind::Canceled,
        b'5' => ExecutionKind::Replaced,
        b'C' => ExecutionKind::Expired,
        _ => return None,
    };
    let mut execution = gathered.change(receipt, kind, RejectReason::None);
    if exec_type == b'F' {
        (execution.last_price, execution.last_quantity) = (last_price, last_quantity);
    }
    Some(execution)
}
