//! Hot order messages: NewOrderSingle (D), OrderCancelReplaceRequest (G) and OrderCancelRequest (F) written by
//! patching prepared bytes.
//!
//! One template a message type serves all instruments of a session, so that the hot footprint is three templates of
//! under 500 bytes and 16 bytes an instrument. Every varying field has a fixed width and a fixed place; only Symbol(55)
//! varies in length, and it is the last field of the body, so that all other places stay. BodyLength(9) always has
//! three digits, one prepared triple for each symbol length. CheckSum(10) is the sum of the static bytes plus the sums
//! of what is patched, which fall out of writing the digits: no pass over the message.
//!
//! Numbers are padded with leading zeros (FIX allows them; venues that refuse them need the general codec):
//! MsgSeqNum(34) and OrderQty(38) have eight digits, ClOrdID(11) and OrigClOrdID(41) sixteen, Price(44) eight before
//! the point and the configured decimals after it. The text of the second in SendingTime(52) and TransactTime(60) is
//! kept, each its own, since in replay one is virtual.
//!
//! [`OrderTemplates`] allocates its symbol table at construction (and in [`OrderTemplates::push_symbol`]); encoding
//! allocates nothing and makes no system call. The order-entry thread owns it. It refuses what does not fit its fields
//! exactly, and never rounds. It does not know risk: the caller passes only approved orders.

mod prepared;

use std::fmt;

use feeds::event::Side;
use feeds::units::PRICE_SCALE;

use prepared::Template;

use super::frame::{checksum, checksum_digits};
use super::identity::SessionIds;
use super::number::digits8_pair;
use super::timestamp::{SECONDS_TEXT_BYTES, SecondText, TIME_MAX_NS, TimePrecision};
use crate::order::{Order, OrderAction, TimeInForce};

/// Room that [`OrderTemplates::encode`] needs in its output, whatever the message's length.
pub const TEMPLATE_BYTES: usize = 288;

/// Longest Symbol(55), in bytes.
pub const SYMBOL_BYTES_MAX: usize = 14;

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

/// How a session writes its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TemplateFormat {
    /// Decimals of Price(44), 0 to 9. Default 4: what US equities need.
    pub price_decimals: u32,
    /// Digits of SendingTime(52) and TransactTime(60). Default microseconds.
    pub time_precision: TimePrecision,
}

impl Default for TemplateFormat {
    fn default() -> Self {
        Self { price_decimals: 4, time_precision: TimePrecision::Microseconds }
    }
}

/// One instrument's part of a message: 16 bytes, four to a cache line.
#[repr(C, align(16))]
#[derive(Clone, Copy, Debug)]
struct SymbolRecord {
    text: [u8; SYMBOL_BYTES_MAX],
    length: u8,
    /// Sum of the text's bytes, modulo 256: all that a checksum needs.
    sum: u8,
}

const _: () = assert!(size_of::<SymbolRecord>() == 16);

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
    new: Template,
    replace: Template,
    cancel: Template,
    price_decimals: Decimals,
    time_decimals: Decimals,
    sending_second: SecondText,
    transact_second: SecondText,
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
            new: Template::new(ids, format, OrderAction::New),
            replace: Template::new(ids, format, OrderAction::Replace),
            cancel: Template::new(ids, format, OrderAction::Cancel),
            price_decimals: Decimals::new(format.price_decimals),
            time_decimals: Decimals::new(format.time_precision.digits() as u32),
            sending_second: SecondText::new(),
            transact_second: SecondText::new(),
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
        order: &Order,
        sequence: u32,
        sending_time_ns: u64,
        out: &mut [u8],
    ) -> Result<usize, EncodeError> {
        let out: &mut [u8; TEMPLATE_BYTES] = out.first_chunk_mut().ok_or(EncodeError::NoRoom)?;
        let symbol = self.symbols.get(order.instrument as usize).ok_or(EncodeError::Instrument)?;
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
        let side = match order.side {
            Side::Buy => b'1',
            Side::Sell => b'2',
            Side::None => return Err(EncodeError::Side),
        };
        let template = match order.action {
            OrderAction::New => &self.new,
            OrderAction::Replace => &self.replace,
            OrderAction::Cancel => &self.cancel,
        };
        out.copy_from_slice(&template.bytes);
        let mut sum = template.static_sum;
        // What the digits add to the checksum over zeros, byte by byte: ten words of digits fit without a carry.
        let [sequence, quantity] = digits8_pair(sequence, order.quantity as u32);
        let (sending, transact) =
            (self.sending_second.at(sending_time_ns), self.transact_second.at(order.time_ns));
        let [sending_eight, transact_eight] = digits8_pair(sending.2 / 10, transact.2 / 10);
        let decimals = self.time_decimals;
        let mut digits = put(out, template.sequence_at, sequence);
        let (written, added) =
            put_time(out, template, template.sending_time_at, sending, sending_eight, decimals);
        digits += written;
        sum += added;
        digits += put_sixteen(out, template.cl_ord_id_at, order.cl_ord_id);
        digits += put(out, template.quantity_at, quantity);
        let (written, added) =
            put_time(out, template, template.transact_time_at, transact, transact_eight, decimals);
        digits += written;
        sum += added;
        if order.action != OrderAction::New {
            if order.orig_cl_ord_id == 0 || order.orig_cl_ord_id >= SIXTEEN_DIGITS {
                return Err(EncodeError::ClOrdId);
            }
            digits += put_sixteen(out, template.orig_cl_ord_id_at, order.orig_cl_ord_id);
        }
        if order.action != OrderAction::Cancel {
            let (written, ninth) = put_price(out, template, order.price, self.price_decimals)?;
            digits += written;
            let time_in_force = time_in_force_char(order.time_in_force);
            out[template.time_in_force_at] = time_in_force;
            sum += ninth + u32::from(time_in_force - b'0');
        }
        sum += digit_sum(digits);
        out[template.side_at] = side;
        sum += u32::from(side - b'0');

        let body_length = &template.body_lengths[usize::from(symbol.length)];
        out[template.body_length_at..template.body_length_at + 3].copy_from_slice(&body_length[..3]);
        out[template.symbol_at..template.symbol_at + SYMBOL_BYTES_MAX].copy_from_slice(&symbol.text);
        sum += u32::from(body_length[3]) + u32::from(symbol.sum);
        let [hundreds, tens, ones] = checksum_digits(sum as u8);
        let trailer = template.symbol_at + usize::from(symbol.length);
        out[trailer..trailer + 8].copy_from_slice(&[1, b'1', b'0', b'=', hundreds, tens, ones, 1]);
        Ok(trailer + 8)
    }
}

/// TimeInForce(59) as its character.
#[inline]
#[must_use]
pub const fn time_in_force_char(time_in_force: TimeInForce) -> u8 {
    match time_in_force {
        TimeInForce::Day => b'0',
        TimeInForce::ImmediateOrCancel => b'3',
    }
}

/// Sum of the eight bytes, in pairs first: their sum may exceed a byte, which must not carry into a neighbour.
#[inline]
const fn digit_sum(digits: u64) -> u32 {
    const EVEN: u64 = 0x00ff_00ff_00ff_00ff;
    let pairs = (digits & EVEN) + (digits >> 8 & EVEN);
    (pairs.wrapping_mul(0x0001_0001_0001_0001) >> 48) as u32
}

/// Adds `'0'` to every byte.
const ASCII: u64 = 0x3030_3030_3030_3030;

/// Writes eight digits; answers them, for the checksum. As all `put` functions here.
#[inline(always)]
fn put(out: &mut [u8; TEMPLATE_BYTES], at: usize, digits: u64) -> u64 {
    out[at..at + 8].copy_from_slice(&(digits + ASCII).to_le_bytes());
    digits
}

#[inline(always)]
fn put_sixteen(out: &mut [u8; TEMPLATE_BYTES], at: usize, value: u64) -> u64 {
    let [first, second] = digits8_pair((value / EIGHT_DIGITS) as u32, (value % EIGHT_DIGITS) as u32);
    put(out, at, first) + put(out, at + 8, second)
}

/// Writes the first of nine digits over the zeros at `at`; answers those of the first eight that were written, and the
/// ninth if it was. Up to eight bytes behind them get their prepared content again, so that what is patched there must
/// be patched later. (Merged from the template, not from `out`: a load that spans stores still in flight would wait
/// for them.)
#[inline(always)]
fn put_decimals(
    out: &mut [u8; TEMPLATE_BYTES],
    template: &Template,
    at: usize,
    (first_eight, ninth): (u64, u8),
    decimals: Decimals,
) -> (u64, u32) {
    let written = first_eight & decimals.mask;
    let prepared = template.bytes[at..].first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    // A digit's place holds '0': adding the digits writes them and keeps what follows.
    out[at..at + 8].copy_from_slice(&(prepared + written).to_le_bytes());
    if decimals.ninth {
        out[at + 8] = b'0' + ninth;
        return (written, u32::from(ninth));
    }
    (written, 0)
}

/// Writes a time whose fraction's first eight digits are known; answers its digits, and what else it adds to the sum.
#[inline(always)]
fn put_time(
    out: &mut [u8; TEMPLATE_BYTES],
    template: &Template,
    at: usize,
    (text, sum, since_ns): (&[u8; SECONDS_TEXT_BYTES], u32, u32),
    first_eight: u64,
    decimals: Decimals,
) -> (u64, u32) {
    out[at..at + SECONDS_TEXT_BYTES].copy_from_slice(text);
    let digits = (first_eight, (since_ns % 10) as u8);
    let (written, ninth) = put_decimals(out, template, at + SECONDS_TEXT_BYTES + 1, digits, decimals);
    (written, sum + ninth)
}

#[inline(always)]
fn put_price(
    out: &mut [u8; TEMPLATE_BYTES],
    template: &Template,
    price: i64,
    decimals: Decimals,
) -> Result<(u64, u32), EncodeError> {
    if price < 0 {
        return Err(EncodeError::PriceNegative);
    }
    let (whole, fraction) = (price as u64 / PRICE_SCALE as u64, (price as u64 % PRICE_SCALE as u64) as u32);
    if whole >= EIGHT_DIGITS {
        return Err(EncodeError::PriceWide);
    }
    let [whole, first_eight] = digits8_pair(whole as u32, fraction / 10);
    let ninth = (fraction % 10) as u8;
    if first_eight & !decimals.mask != 0 || (ninth != 0 && !decimals.ninth) {
        return Err(EncodeError::PriceDecimals);
    }
    // Without decimals there is no point either, and nothing of the fraction is written.
    let point = usize::from(decimals.mask != 0);
    let at = template.price_at;
    let whole = put(out, at, whole);
    let (written, ninth) = put_decimals(out, template, at + 8 + point, (first_eight, ninth), decimals);
    Ok((whole + written, ninth))
}

#[cfg(test)]
mod tests;
