//! Hot order messages: NewOrderSingle (D), OrderCancelReplaceRequest (G) and OrderCancelRequest (F) written by
//! patching prepared bytes.
//!
//! One template a message type serves all instruments of a session, so that the hot footprint is three templates of
//! about 300 bytes and 16 bytes an instrument. Every varying field has a fixed width and a fixed place; only Symbol(55)
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

use std::fmt;

use feeds::event::Side;
use feeds::units::PRICE_SCALE;

use super::codec::{Encoder, Header};
use super::fix44;
use super::frame::{Frame, checksum, checksum_digits};
use super::identity::SessionIds;
use super::number::digits8;
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

/// Sum of eight `'0'`.
const EIGHT_ZEROS: u32 = 8 * b'0' as u32;

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
                write!(formatter, "symbol {symbol:?}: Symbol(55) needs 1 to {SYMBOL_BYTES_MAX} printable ASCII bytes")
            }
            Self::PriceDecimals(decimals) => write!(formatter, "{decimals} price decimals: 0 to 9 are possible"),
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

/// The prepared bytes of one message type and where they are patched. Places are offsets from the start; 0 where the
/// message has no such field.
#[derive(Clone, Debug)]
struct Template {
    bytes: [u8; TEMPLATE_BYTES],
    /// Sum of all bytes before the symbol with every patched digit at `'0'`, and of the SOH after the symbol;
    /// without BodyLength's digits.
    static_sum: u32,
    body_length_at: usize,
    /// BodyLength's three digits and, last, their sum modulo 256, by symbol length.
    body_lengths: [[u8; 4]; SYMBOL_BYTES_MAX + 1],
    sequence_at: usize,
    sending_time_at: usize,
    cl_ord_id_at: usize,
    quantity_at: usize,
    price_at: usize,
    orig_cl_ord_id_at: usize,
    side_at: usize,
    time_in_force_at: usize,
    transact_time_at: usize,
    symbol_at: usize,
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

        sum += put_eight(out, template.sequence_at, sequence);
        sum += put_time(out, template.sending_time_at, self.sending_second.at(sending_time_ns), self.time_decimals);
        sum += put_sixteen(out, template.cl_ord_id_at, order.cl_ord_id);
        sum += put_eight(out, template.quantity_at, order.quantity as u32);
        sum += put_time(out, template.transact_time_at, self.transact_second.at(order.time_ns), self.time_decimals);
        out[template.side_at] = side;
        sum += u32::from(side - b'0');
        if order.action != OrderAction::New {
            if order.orig_cl_ord_id == 0 || order.orig_cl_ord_id >= SIXTEEN_DIGITS {
                return Err(EncodeError::ClOrdId);
            }
            sum += put_sixteen(out, template.orig_cl_ord_id_at, order.orig_cl_ord_id);
        }
        if order.action != OrderAction::Cancel {
            sum += put_price(out, template.price_at, order.price, self.price_decimals)?;
            let time_in_force = time_in_force_char(order.time_in_force);
            out[template.time_in_force_at] = time_in_force;
            sum += u32::from(time_in_force - b'0');
        }

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

/// Sum of eight digits, each 0 to 9 in a byte.
#[inline]
const fn digit_sum(digits: u64) -> u32 {
    (digits.wrapping_mul(0x0101_0101_0101_0101) >> 56) as u32
}

/// Adds `'0'` to every byte.
const ASCII: u64 = 0x3030_3030_3030_3030;

/// Writes eight digits; answers what they add to the checksum over zeros. As all `put_*` here.
#[inline]
fn put_eight(out: &mut [u8; TEMPLATE_BYTES], at: usize, value: u32) -> u32 {
    let digits = digits8(value);
    out[at..at + 8].copy_from_slice(&(digits + ASCII).to_le_bytes());
    digit_sum(digits)
}

#[inline]
fn put_sixteen(out: &mut [u8; TEMPLATE_BYTES], at: usize, value: u64) -> u32 {
    put_eight(out, at, (value / EIGHT_DIGITS) as u32) + put_eight(out, at + 8, (value % EIGHT_DIGITS) as u32)
}

/// Writes the first of nine digits over the zeros at `at`; the bytes behind them stay.
#[inline]
fn put_decimals(out: &mut [u8; TEMPLATE_BYTES], at: usize, first_eight: u64, ninth: u8, decimals: Decimals) -> u32 {
    let written = first_eight & decimals.mask;
    let place = &mut out[at..at + 9];
    let (eight, last) = place.split_at_mut(8);
    // What is there is '0' where a digit goes, so that adding the digits writes them and keeps what follows.
    let there = eight.first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    eight.copy_from_slice(&(there + written).to_le_bytes());
    if decimals.ninth {
        last[0] = b'0' + ninth;
        return digit_sum(written) + u32::from(ninth);
    }
    digit_sum(written)
}

#[inline]
fn put_time(
    out: &mut [u8; TEMPLATE_BYTES],
    at: usize,
    (text, sum, since_ns): (&[u8; SECONDS_TEXT_BYTES], u32, u32),
    decimals: Decimals,
) -> u32 {
    out[at..at + SECONDS_TEXT_BYTES].copy_from_slice(text);
    let first_eight = digits8(since_ns / 10);
    sum + put_decimals(out, at + SECONDS_TEXT_BYTES + 1, first_eight, (since_ns % 10) as u8, decimals)
}

#[inline]
fn put_price(out: &mut [u8; TEMPLATE_BYTES], at: usize, price: i64, decimals: Decimals) -> Result<u32, EncodeError> {
    if price < 0 {
        return Err(EncodeError::PriceNegative);
    }
    let (whole, fraction) = ((price / PRICE_SCALE) as u64, (price % PRICE_SCALE) as u32);
    if whole >= EIGHT_DIGITS {
        return Err(EncodeError::PriceWide);
    }
    let (first_eight, ninth) = (digits8(fraction / 10), (fraction % 10) as u8);
    if first_eight & !decimals.mask != 0 || (ninth != 0 && !decimals.ninth) {
        return Err(EncodeError::PriceDecimals);
    }
    // Without decimals there is no point either, and nothing of the fraction is written.
    let point = usize::from(decimals.mask != 0);
    Ok(put_eight(out, at, whole as u32) + put_decimals(out, at + 8 + point, first_eight, ninth, decimals))
}

impl Template {
    /// Builds the bytes with the general codec and a one-byte symbol, finds the places, and takes the sums.
    fn new(ids: &SessionIds, format: TemplateFormat, action: OrderAction) -> Self {
        let mut bytes = [0; TEMPLATE_BYTES];
        let length = Self::prototype(ids, format, action, &mut bytes);
        let body = place(&bytes[..length], "35") - 3;
        let body_length = length - 7 - body - 1; // without the symbol
        let mut template = Self {
            static_sum: 0,
            body_length_at: place(&bytes[..length], "9"),
            body_lengths: [[0; 4]; SYMBOL_BYTES_MAX + 1],
            sequence_at: place(&bytes[..length], "34"),
            sending_time_at: place(&bytes[..length], "52"),
            cl_ord_id_at: place(&bytes[..length], "11"),
            quantity_at: place(&bytes[..length], "38"),
            price_at: place(&bytes[..length], "44"),
            orig_cl_ord_id_at: place(&bytes[..length], "41"),
            side_at: place(&bytes[..length], "54"),
            time_in_force_at: place(&bytes[..length], "59"),
            transact_time_at: place(&bytes[..length], "60"),
            symbol_at: place(&bytes[..length], "55"),
            bytes,
        };
        for (symbol_bytes, entry) in template.body_lengths.iter_mut().enumerate() {
            let digits = checksum_digits_of_length(body_length + symbol_bytes);
            *entry = [digits[0], digits[1], digits[2], checksum(&digits)];
        }
        // Sums start from zeros in every patched place.
        for at in [template.sending_time_at, template.transact_time_at] {
            template.bytes[at..at + SECONDS_TEXT_BYTES].fill(0);
        }
        let at = template.body_length_at;
        template.bytes[at..at + 3].fill(0);
        for at in [template.side_at, template.time_in_force_at] {
            if at != 0 {
                template.bytes[at] = b'0';
            }
        }
        let before_symbol = &template.bytes[..template.symbol_at];
        template.static_sum = before_symbol.iter().map(|&byte| u32::from(byte)).sum::<u32>() + 1;
        template
    }

    /// A message of this kind with all digits zero, the symbol last.
    fn prototype(ids: &SessionIds, format: TemplateFormat, action: OrderAction, out: &mut [u8]) -> usize {
        let header = Header { ids, sequence: 0, sending_time_ns: 0, time_precision: format.time_precision };
        let message_type = match action {
            OrderAction::New => b"D",
            OrderAction::Replace => b"G",
            OrderAction::Cancel => b"F",
        };
        // Numbers as text, since only text is padded.
        let padded = |tag, name| super::field::Field::<super::field::Text>::new(tag, name);
        let price = match format.price_decimals as usize {
            0 => "0".repeat(8),
            decimals => format!("{}.{}", "0".repeat(8), "0".repeat(decimals)),
        };
        let ids_text = "0".repeat(16);
        let mut encoder = Encoder::start(out, header.ids.begin_string(), message_type);
        encoder
            .set(padded(34, "MsgSeqNum"), b"00000000")
            .set(fix44::SENDER_COMP_ID, ids.sender_comp_id().as_bytes())
            .set_time(fix44::SENDING_TIME, 0, format.time_precision)
            .set(fix44::TARGET_COMP_ID, ids.target_comp_id().as_bytes())
            .set(fix44::CL_ORD_ID, ids_text.as_bytes())
            .set(padded(38, "OrderQty"), b"00000000");
        if action != OrderAction::Cancel {
            encoder.set(fix44::ORD_TYPE, b'2');
        }
        if action != OrderAction::New {
            encoder.set(fix44::ORIG_CL_ORD_ID, ids_text.as_bytes());
        }
        if action != OrderAction::Cancel {
            encoder.set(padded(44, "Price"), price.as_bytes());
        }
        encoder.set(fix44::SIDE, b'0');
        if action != OrderAction::Cancel {
            encoder.set(fix44::TIME_IN_FORCE, b'0');
        }
        encoder.set_time(fix44::TRANSACT_TIME, 0, format.time_precision).set(fix44::SYMBOL, b"X");
        let Ok(length) = encoder.done() else {
            unreachable!("the longest identity and symbol fit {TEMPLATE_BYTES} bytes; a test checks it")
        };
        assert!(length + SYMBOL_BYTES_MAX <= TEMPLATE_BYTES, "the longest symbol must fit");
        length
    }
}

/// Three digits of a body length; a body here always has from 100 to 287 bytes.
fn checksum_digits_of_length(length: usize) -> [u8; 3] {
    assert!((100..TEMPLATE_BYTES).contains(&length), "a template's body has three digits of length");
    [b'0' + (length / 100) as u8, b'0' + (length / 10 % 10) as u8, b'0' + (length % 10) as u8]
}

/// Where the value of a field starts; 0 where there is none.
fn place(message: &[u8], tag: &str) -> usize {
    let wanted = format!("\x01{tag}=");
    message.windows(wanted.len()).position(|window| window == wanted.as_bytes()).map_or(0, |at| at + wanted.len())
}
