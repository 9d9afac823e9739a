//! Hot order messages: NewOrderSingle (D), OrderCancelReplaceRequest (G) and OrderCancelRequest (F) written by
//! patching prepared bytes.
//!
//! One template a message type serves all instruments of a session, so that the hot footprint is three templates of
//! under 500 bytes and 32 bytes an instrument. Every varying field has a fixed width and a fixed place; only Symbol(55)
//! varies in length, and it is the last field of the body, so that all other places stay. BodyLength(9) always has
//! three digits, one prepared triple for each symbol length. CheckSum(10) is the sum of the static bytes plus the sums
//! of what is patched, which fall out of writing the digits: no pass over the message.
//!
//! Numbers are padded with leading zeros, which FIX allows: MsgSeqNum(34) and OrderQty(38) have eight digits, ClOrdID(11)
//! and OrigClOrdID(41) sixteen, Price(44) eight before the point and the configured decimals after it. For venues that
//! refuse them there is [`NumberStyle::Compact`]: the padding is taken out again, and BodyLength and CheckSum are changed
//! by what went. The text of the second in SendingTime(52) and TransactTime(60) is part of the prepared bytes and changes
//! when the second does, each by itself, since in replay one is virtual. The digits of all numbers are found in eight
//! lanes at once; the step is compiled a second time for CPUs with AVX2, from the same source.
//!
//! [`OrderTemplates`] allocates its symbol table at construction (and in [`OrderTemplates::push_symbol`]); encoding
//! allocates nothing and makes no system call. The order-entry thread owns it. It refuses what does not fit its fields
//! exactly, and never rounds. It does not know risk: the caller passes only approved orders.

mod compact;
mod prepared;

use std::fmt;

use feeds::event::Side;
use feeds::units::{NS_PER_S, PRICE_SCALE};

use prepared::{BODY_LENGTHS, Template};

use super::delimiters::Kernel;
use super::frame::{checksum, checksum_digits};
use super::identity::SessionIds;
use super::number::digits8;
#[cfg(target_arch = "x86_64")]
use super::number::digits8_of_four;
use super::timestamp::{TIME_MAX_NS, TimePrecision, seconds_text};
use crate::order::{Order, OrderAction, TimeInForce};
use crate::pipeline::risk::RiskApproved;

/// Room that [`OrderTemplates::encode`] needs in its output, whatever the message's length.
pub const TEMPLATE_BYTES: usize = 320;

/// Longest Symbol(55), in bytes: that of the feeds, so that whatever a feed lists can be ordered.
pub const SYMBOL_BYTES_MAX: usize = feeds::symbol::SYMBOL_BYTES_MAX;

/// Numbers of eight digits are below this: MsgSeqNum, OrderQty, the whole part of a price.
const EIGHT_DIGITS: u64 = 100_000_000;

/// Numbers of sixteen digits are below this: ClOrdID.
const SIXTEEN_DIGITS: u64 = EIGHT_DIGITS * EIGHT_DIGITS;

/// Why an order cannot be written. The order is unchanged and nothing of the output counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EncodeError {
    /// The output has fewer than [`TEMPLATE_BYTES`] bytes.
    NoRoom,
    /// The instrument has no symbol in this session.
    Instrument,
    /// The message is no order: a status request has no template.
    Action,
    /// The order has no side.
    Side,
    /// The sequence number has more than eight digits: log on again with a reset.
    Sequence,
    /// A ClOrdID is 0 where one is needed, or has more than sixteen digits.
    ClOrdId,
    /// The quantity has more than eight digits.
    Quantity,
    /// The price is negative (or "none").
    PriceNegative,
    /// The price is not a multiple of the smallest price that the configured decimals can show.
    PriceDecimals,
    /// The price has more than eight digits before the point.
    PriceWide,
    /// A time after the year 2553.
    Time,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NoRoom => "less room in the send buffer than a template needs",
            Self::Instrument => "the instrument has no symbol in this session",
            Self::Action => "a status request has no template",
            Self::Side => "the order has no side",
            Self::Sequence => "MsgSeqNum(34) has more than eight digits",
            Self::ClOrdId => "ClOrdID(11) or OrigClOrdID(41) is 0 or has more than sixteen digits",
            Self::Quantity => "OrderQty(38) has more than eight digits",
            Self::PriceNegative => "Price(44) is negative",
            Self::PriceDecimals => "Price(44) needs more decimals than the session is configured for",
            Self::PriceWide => "Price(44) has more than eight digits before the point",
            Self::Time => "SendingTime(52) or TransactTime(60) is after the year 2553",
        })
    }
}

impl std::error::Error for EncodeError {}

/// Why templates cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplateError {
    /// A symbol is empty, longer than [`SYMBOL_BYTES_MAX`], or not printable ASCII.
    Symbol(String),
    /// More than nine price decimals.
    PriceDecimals(u32),
}

impl fmt::Display for TemplateError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Symbol(symbol) => {
                write!(
                    formatter,
                    "symbol {symbol:?}: Symbol(55) needs 1 to {SYMBOL_BYTES_MAX} printable ASCII bytes"
                )
            }
            Self::PriceDecimals(decimals) => {
                write!(formatter, "{decimals} price decimals: 0 to 9 are possible")
            }
        }
    }
}

impl std::error::Error for TemplateError {}

/// How MsgSeqNum(34), OrderQty(38) and Price(44) are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum NumberStyle {
    /// With leading zeros, and all configured decimals: the fastest.
    #[default]
    FixedWidth,
    /// As short as they can be: no leading zeros, no zeros at the end of the decimals.
    Compact,
}

/// How a session writes its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TemplateFormat {
    /// Decimals of Price(44), 0 to 9. Default 4: what US equities need.
    pub price_decimals: u32,
    /// Digits of SendingTime(52) and TransactTime(60). Default microseconds.
    pub time_precision: TimePrecision,
    /// Default fixed width.
    pub number_style: NumberStyle,
}

impl Default for TemplateFormat {
    fn default() -> Self {
        Self {
            price_decimals: 4,
            time_precision: TimePrecision::Microseconds,
            number_style: NumberStyle::default(),
        }
    }
}

/// One instrument's part of a message: 32 bytes, two to a cache line.
#[repr(C, align(32))]
#[derive(Clone, Copy, Debug)]
struct SymbolRecord {
    text: [u8; SYMBOL_BYTES_MAX],
    length: u8,
    /// Sum of the text's bytes, modulo 256: all that a checksum needs.
    sum: u8,
}

const _: () = assert!(size_of::<SymbolRecord>() == 32 && SYMBOL_BYTES_MAX < BODY_LENGTHS);

impl SymbolRecord {
    fn new(symbol: &str) -> Result<Self, TemplateError> {
        let refused = || TemplateError::Symbol(symbol.to_owned());
        if symbol.is_empty() || !symbol.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return Err(refused());
        }
        let mut text = [0; SYMBOL_BYTES_MAX];
        text.get_mut(..symbol.len()).ok_or_else(refused)?.copy_from_slice(symbol.as_bytes());
        Ok(Self { text, length: symbol.len() as u8, sum: checksum(symbol.as_bytes()) })
    }
}

/// A fixed number of digits after a point, of a number of nine: how many, and which bytes of eight that is.
#[derive(Clone, Copy, Debug)]
struct Decimals {
    /// All ones in the bytes of the digits that are written, of the first eight.
    mask: u64,
    /// Whether the ninth is written too.
    ninth: bool,
}

impl Decimals {
    const fn new(count: u32) -> Self {
        let mask = if count >= 8 { u64::MAX } else { (1 << (8 * count)) - 1 };
        Self { mask, ninth: count >= 9 }
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct OrderTemplates {
    /// NewOrderSingle, OrderCancelReplaceRequest, OrderCancelRequest.
    templates: [Template; 3],
    price_decimals: Decimals,
    time_decimals: Decimals,
    /// Start of the second whose text the templates hold as SendingTime(52), UTC ns.
    sending_second_ns: u64,
    /// The same of TransactTime(60).
    transact_second_ns: u64,
    number_style: NumberStyle,
    kernel: Kernel,
    symbols: Vec<SymbolRecord>,
}

impl OrderTemplates {
    /// Templates for one session; `symbols` in the order of the dense instrument numbers.
    ///
    /// # Errors
    /// A symbol that no template can hold, or too many decimals.
    pub fn new<'s>(
        ids: &SessionIds,
        format: TemplateFormat,
        symbols: impl IntoIterator<Item = &'s str>,
    ) -> Result<Self, TemplateError> {
        if format.price_decimals > 9 {
            return Err(TemplateError::PriceDecimals(format.price_decimals));
        }
        Ok(Self {
            templates: [OrderAction::New, OrderAction::Replace, OrderAction::Cancel]
                .map(|action| Template::new(ids, format, action)),
            price_decimals: Decimals::new(format.price_decimals),
            time_decimals: Decimals::new(format.time_precision.digits() as u32),
            sending_second_ns: 0,
            transact_second_ns: 0,
            number_style: format.number_style,
            kernel: Kernel::best(),
            symbols: symbols.into_iter().map(SymbolRecord::new).collect::<Result<_, _>>()?,
        })
    }

    /// Adds the symbol of the next instrument number (a late listing). May allocate: not for the hot path.
    ///
    /// # Errors
    /// A symbol that no template can hold; the number is then not used up.
    pub fn push_symbol(&mut self, symbol: &str) -> Result<(), TemplateError> {
        self.symbols.push(SymbolRecord::new(symbol)?);
        Ok(())
    }

    /// Writes the message of a risk-approved order to the front of `out` and says its length; `out` must have
    /// [`TEMPLATE_BYTES`] bytes, all of which may be overwritten. `sequence` is MsgSeqNum(34), `sending_time_ns`
    /// SendingTime(52), UTC ns; digits of times beyond the precision are cut off.
    ///
    /// # Errors
    /// What does not fit; see [`EncodeError`].
    #[inline]
    pub fn encode(
        &mut self,
        order: &RiskApproved<Order>,
        sequence: u32,
        sending_time_ns: u64,
        out: &mut [u8],
    ) -> Result<usize, EncodeError> {
        let out: &mut [u8; TEMPLATE_BYTES] = out.first_chunk_mut().ok_or(EncodeError::NoRoom)?;
        #[cfg(target_arch = "x86_64")]
        if self.kernel != Kernel::Portable {
            // SAFETY: the other kernel is only made where the CPU has AVX2 and BMI (`Kernel::available`).
            return unsafe { self.write_wide(order, sequence, sending_time_ns, out) };
        }
        self.write::<false>(order, sequence, sending_time_ns, out)
    }

    /// [`Self::write`] compiled for CPUs with AVX2.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    fn write_wide(
        &mut self,
        order: &Order,
        sequence: u32,
        sending_time_ns: u64,
        out: &mut [u8; TEMPLATE_BYTES],
    ) -> Result<usize, EncodeError> {
        self.write::<true>(order, sequence, sending_time_ns, out)
    }

    /// Writes the message; `WIDE` only on a CPU with AVX2.
    #[inline(always)]
    fn write<const WIDE: bool>(
        &mut self,
        order: &Order,
        sequence: u32,
        sending_time_ns: u64,
        out: &mut [u8; TEMPLATE_BYTES],
    ) -> Result<usize, EncodeError> {
        let symbol = self.symbols.get(order.instrument as usize).ok_or(EncodeError::Instrument)?;
        let symbol_length = usize::from(symbol.length);
        let (symbol_text, symbol_sum) = (symbol.text, u32::from(symbol.sum));
        if u64::from(sequence) >= EIGHT_DIGITS {
            return Err(EncodeError::Sequence);
        }
        if order.cl_ord_id == 0 || order.cl_ord_id >= SIXTEEN_DIGITS {
            return Err(EncodeError::ClOrdId);
        }
        if order.quantity >= EIGHT_DIGITS {
            return Err(EncodeError::Quantity);
        }
        if sending_time_ns > TIME_MAX_NS || order.time_ns > TIME_MAX_NS {
            return Err(EncodeError::Time);
        }
        if order.side == Side::None {
            return Err(EncodeError::Side);
        }
        let price = if order.action == OrderAction::Cancel { 0 } else { order.price };
        if price < 0 {
            return Err(EncodeError::PriceNegative);
        }
        let (whole, fraction) = (price.unsigned_abs() / SCALE, (price.unsigned_abs() % SCALE) as u32);
        if whole >= EIGHT_DIGITS {
            return Err(EncodeError::PriceWide);
        }
        let mut sending_since_ns = sending_time_ns.wrapping_sub(self.sending_second_ns);
        if sending_since_ns >= NS_PER_S {
            sending_since_ns = self.change_sending_second(sending_time_ns);
        }
        let mut transact_since_ns = order.time_ns.wrapping_sub(self.transact_second_ns);
        if transact_since_ns >= NS_PER_S {
            transact_since_ns = self.change_transact_second(order.time_ns);
        }
        let (sending, transact) = (sending_since_ns as u32, transact_since_ns as u32);
        let numbers = [
            sequence,
            (order.cl_ord_id / EIGHT_DIGITS) as u32,
            (order.cl_ord_id % EIGHT_DIGITS) as u32,
            order.quantity as u32,
            whole as u32,
            fraction / 10,
            sending / 10,
            transact / 10,
        ];
        let [sequence, first, last, quantity, whole, cents, sending_digits, transact_digits] =
            digits_of_eight::<WIDE>(numbers);
        let cents = (cents, (fraction % 10) as u8);
        if cents.0 & !self.price_decimals.mask != 0 || (cents.1 != 0 && !self.price_decimals.ninth) {
            return Err(EncodeError::PriceDecimals);
        }
        let [new, replace, cancel] = &self.templates;
        let template = match order.action {
            OrderAction::New => new,
            OrderAction::Replace => replace,
            OrderAction::Cancel => cancel,
            OrderAction::Status => return Err(EncodeError::Action),
        };
        copy_prepared(&template.bytes, template.symbol_at, out);
        // All digits written, added up byte by byte: at most ten of them, 9 each, in one byte.
        let mut digits = put_digits(out, template.sequence_at, sequence);
        let decimals = self.time_decimals;
        let fraction = (sending_digits, (sending % 10) as u8);
        digits += put_decimals(out, template, template.sending_fraction_at, fraction, decimals);
        digits += put_digits(out, template.cl_ord_id_at, first);
        digits += put_digits(out, template.cl_ord_id_at + 8, last);
        digits += put_digits(out, template.quantity_at, quantity);
        let fraction = (transact_digits, (transact % 10) as u8);
        digits += put_decimals(out, template, template.transact_fraction_at, fraction, decimals);
        if order.action != OrderAction::New {
            if order.orig_cl_ord_id == 0 || order.orig_cl_ord_id >= SIXTEEN_DIGITS {
                return Err(EncodeError::ClOrdId);
            }
            digits += put_sixteen(out, template.orig_cl_ord_id_at, order.orig_cl_ord_id);
        }
        if order.action != OrderAction::Cancel {
            digits += put_digits(out, template.price_at, whole);
            digits += put_decimals(out, template, template.price_fraction_at, cents, self.price_decimals);
            digits += put_digit(out, template.time_in_force_at, order.time_in_force as u8);
        }
        digits += put_digit(out, template.side_at, order.side as u8 + 3 * u8::from(order.sells_short));

        let body_length = &template.body_lengths[symbol_length % BODY_LENGTHS];
        let body_length_at = usize::from(template.body_length_at);
        out[body_length_at..body_length_at + 3].copy_from_slice(&body_length[..3]);
        out[template.symbol_at..template.symbol_at + SYMBOL_BYTES_MAX].copy_from_slice(&symbol_text);
        let sum = template.static_sum + byte_sum(digits) + u32::from(body_length[3]) + symbol_sum;
        let trailer = template.symbol_at + symbol_length;
        if self.number_style == NumberStyle::Compact {
            return Ok(compact::take_padding_out(
                out,
                template,
                trailer,
                sum,
                [sequence, quantity, whole],
                cents,
            ));
        }
        put_trailer(out, trailer, sum);
        Ok(trailer + 8)
    }

    /// Another second of SendingTime(52); answers the nanoseconds since its start. Once a second: off the hot path.
    #[cold]
    fn change_sending_second(&mut self, time_ns: u64) -> u64 {
        let text = seconds_text(time_ns / NS_PER_S);
        for template in &mut self.templates {
            template.set_second(template.sending_fraction_at, &text);
        }
        self.sending_second_ns = time_ns - time_ns % NS_PER_S;
        time_ns % NS_PER_S
    }

    /// The same for TransactTime(60).
    #[cold]
    fn change_transact_second(&mut self, time_ns: u64) -> u64 {
        let text = seconds_text(time_ns / NS_PER_S);
        for template in &mut self.templates {
            template.set_second(template.transact_fraction_at, &text);
        }
        self.transact_second_ns = time_ns - time_ns % NS_PER_S;
        time_ns % NS_PER_S
    }
}

/// The digits of eight numbers; `WIDE` only on a CPU with AVX2.
#[inline(always)]
fn digits_of_eight<const WIDE: bool>(numbers: [u32; 8]) -> [u64; 8] {
    #[cfg(target_arch = "x86_64")]
    if WIDE {
        let [a, b, c, d, e, f, g, h] = numbers;
        // SAFETY: the caller says that the CPU has AVX2.
        let ([a, b, c, d], [e, f, g, h]) =
            unsafe { (digits8_of_four(a, b, c, d), digits8_of_four(e, f, g, h)) };
        return [a, b, c, d, e, f, g, h];
    }
    numbers.map(digits8)
}

/// Copies a template up to its symbol in pieces that become plain loads and stores, a longer one a call.
#[inline(always)]
fn copy_prepared(from: &[u8; TEMPLATE_BYTES], symbol_at: usize, to: &mut [u8; TEMPLATE_BYTES]) {
    to[..128].copy_from_slice(&from[..128]);
    to[128..192].copy_from_slice(&from[128..192]);
    if symbol_at > 192 {
        to[192..].copy_from_slice(&from[192..]);
    }
}

/// Writes the SOH before CheckSum(10), the field, and its SOH.
#[inline(always)]
fn put_trailer(out: &mut [u8; TEMPLATE_BYTES], at: usize, sum: u32) {
    let [hundreds, tens, ones] = checksum_digits(sum as u8);
    out[at..at + 8].copy_from_slice(&[1, b'1', b'0', b'=', hundreds, tens, ones, 1]);
}

/// TimeInForce(59) as its character.
#[inline]
#[must_use]
pub const fn time_in_force_char(time_in_force: TimeInForce) -> u8 {
    b'0' + time_in_force as u8
}

// The vocabulary's codes are FIX's digits: no branch where orders of both kinds alternate.
const _: () = assert!(Side::Buy as u8 == 1 && Side::Sell as u8 == 2);
const _: () = assert!(TimeInForce::Day as u8 == 0 && TimeInForce::ImmediateOrCancel as u8 == 3);

/// Price units in one unit of the currency.
const SCALE: u64 = PRICE_SCALE.unsigned_abs();

/// Sum of eight bytes. In pairs first: a single multiplication would carry from one byte into the next.
#[inline]
const fn byte_sum(bytes: u64) -> u32 {
    const PAIRS: u64 = 0x00ff_00ff_00ff_00ff;
    let pairs = (bytes & PAIRS) + ((bytes >> 8) & PAIRS);
    (pairs.wrapping_mul(0x0001_0001_0001_0001) >> 48) as u32
}

/// Adds `'0'` to every byte.
const ASCII: u64 = 0x3030_3030_3030_3030;

/// Writes eight digits, and answers them, for the checksum over what was `'0'`. As all `put_*` here. Places are bytes,
/// not words: no place and width together leave the buffer, so that nothing has to be checked.
#[inline(always)]
fn put_digits(out: &mut [u8; TEMPLATE_BYTES], at: u8, digits: u64) -> u64 {
    let at = usize::from(at);
    out[at..at + 8].copy_from_slice(&(digits + ASCII).to_le_bytes());
    digits
}

#[inline]
fn put_digit(out: &mut [u8; TEMPLATE_BYTES], at: u8, digit: u8) -> u64 {
    out[usize::from(at)] = b'0' + digit;
    u64::from(digit)
}

#[inline]
fn put_sixteen(out: &mut [u8; TEMPLATE_BYTES], at: u8, value: u64) -> u64 {
    let first = put_digits(out, at, digits8((value / EIGHT_DIGITS) as u32));
    first + put_digits(out, at + 8, digits8((value % EIGHT_DIGITS) as u32))
}

/// Writes the first of nine digits over the zeros at `at`. Up to eight bytes behind them get their
/// prepared content again, so that what is patched there must be patched later. (Merged from the template, not from
/// `out`: a load that spans stores still in flight would wait for them.)
#[inline(always)]
fn put_decimals(
    out: &mut [u8; TEMPLATE_BYTES],
    template: &Template,
    at: u8,
    (first_eight, ninth): (u64, u8),
    decimals: Decimals,
) -> u64 {
    let at = usize::from(at);
    let written = first_eight & decimals.mask;
    let prepared = template.bytes[at..].first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    // A digit's place holds '0': adding the digits writes them and keeps what follows.
    out[at..at + 8].copy_from_slice(&(prepared + written).to_le_bytes());
    if decimals.ninth {
        out[at + 8] = b'0' + ninth;
        return written + u64::from(ninth);
    }
    written
}

#[cfg(test)]
mod tests;
