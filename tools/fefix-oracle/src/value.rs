//! Values of the standard's types: random ones, how each codec writes them, and how each reads their bytes.

use engine::fix::codec::Encoder;
use engine::fix::dictionary::FieldKind;
use engine::fix::field::{
    Boolean, Char, Data, Field, FieldType, Int, Length, Price, Qty, SeqNum, Text, UtcTimestamp,
};
use engine::fix::timestamp::TimePrecision;
use fefix::FixValue;
use fefix::fix_values::Timestamp;
use rust_decimal::Decimal;

use crate::dice::Dice;

/// 2262-01-01, UTC ns: beyond, a time has no 63 bits.
const TIME_END_MS: u64 = 9_214_646_400_000;

/// A value and its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// INT.
    Int(i64),
    /// SEQNUM, LENGTH, NUMINGROUP.
    Count(u32),
    /// QTY.
    Quantity(u64),
    /// PRICE and what else is a decimal number, 1e-9.
    Price(i64),
    /// CHAR.
    Char(u8),
    /// BOOLEAN.
    Bool(bool),
    /// UTCTIMESTAMP, ms.
    TimeMs(u64),
    /// DATA.
    Data(Vec<u8>),
    /// Everything else: its text.
    Text(Vec<u8>),
}

impl Value {
    /// A random value of a type; `values` are the only ones that the standard knows, if it closes the set.
    pub fn random(kind: FieldKind, values: &[&[u8]], dice: &mut Dice) -> Self {
        let text = |dice: &mut Dice| -> Vec<u8> {
            let length = 1 + dice.below(24);
            // Latin-1 too, and the sign that ends a tag.
            (0..length)
                .map(|_| if dice.one_in(20) { *dice.any(b"=|\xe9") } else { b' ' + dice.below(95) as u8 })
                .collect()
        };
        match kind {
            FieldKind::Int | FieldKind::DayOfMonth => {
                let size = dice.digits(18) as i64;
                Self::Int(if dice.one_in(4) { -size } else { size })
            }
            FieldKind::SeqNum | FieldKind::Length | FieldKind::NumInGroup => {
                Self::Count(dice.digits(9) as u32)
            }
            FieldKind::Qty => Self::Quantity(dice.digits(18)),
            FieldKind::Amt
            | FieldKind::Float
            | FieldKind::Percentage
            | FieldKind::Price
            | FieldKind::PriceOffset => {
                let size = dice.digits(18) as i64;
                let price = if dice.one_in(2) { size / 10_000_000 * 10_000_000 } else { size };
                Self::Price(if dice.one_in(8) { -price } else { price })
            }
            FieldKind::Char => match values {
                [] => Self::Char(b'!' + dice.below(94) as u8),
                values => Self::Char(dice.any(values)[0]),
            },
            FieldKind::Boolean => Self::Bool(dice.one_in(2)),
            FieldKind::UtcTimestamp => Self::TimeMs(dice.below(TIME_END_MS)),
            FieldKind::Data => {
                let length = 1 + dice.below(40);
                let any =
                    |dice: &mut Dice| if dice.one_in(4) { *dice.any(b"\x01=10") } else { dice.next() as u8 };
                Self::Data((0..length).map(|_| any(dice)).collect())
            }
            FieldKind::UtcTimeOnly => Self::Text(
                format!("{:02}:{:02}:{:02}", dice.below(24), dice.below(60), dice.below(60)).into(),
            ),
            FieldKind::LocalMktDate | FieldKind::UtcDate | FieldKind::MonthYear => {
                let (year, month, day) = (1970 + dice.below(200), 1 + dice.below(12), 1 + dice.below(28));
                Self::Text(format!("{year}{month:02}{day:02}").into())
            }
            FieldKind::Country => Self::Text(b"CH".into()),
            FieldKind::Currency => Self::Text(dice.any(&["USD", "EUR", "JPY"]).as_bytes().into()),
            FieldKind::Exchange | FieldKind::MultipleValueString | FieldKind::String => match values {
                [] => Self::Text(text(dice)),
                values => Self::Text(dice.any(values).to_vec()),
            },
        }
    }

    /// Appends the field with our codec; a data field brings its length field along.
    pub fn write_ours(&self, tag: u32, encoder: &mut Encoder<'_>) {
        match self {
            Self::Int(value) => encoder.set(Field::<Int>::new(tag, ""), *value),
            Self::Count(value) => encoder.set(Field::<SeqNum>::new(tag, ""), *value),
            Self::Quantity(value) => encoder.set(Field::<Qty>::new(tag, ""), *value),
            Self::Price(value) => encoder.set(Field::<Price>::new(tag, ""), *value),
            Self::Char(value) => encoder.set(Field::<Char>::new(tag, ""), *value),
            Self::Bool(value) => encoder.set(Field::<Boolean>::new(tag, ""), *value),
            Self::TimeMs(value) => encoder.set_time(
                Field::<UtcTimestamp>::new(tag, ""),
                value * 1_000_000,
                TimePrecision::Milliseconds,
            ),
            Self::Data(value) => encoder.set(Field::<Data>::new(tag, ""), value),
            Self::Text(value) => encoder.set(Field::<Text>::new(tag, ""), value),
        };
    }

    /// The value's bytes as fefix writes them.
    pub fn by_fefix(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Int(value) => value.serialize(&mut out),
            Self::Count(value) => value.serialize(&mut out),
            Self::Quantity(value) => value.serialize(&mut out),
            Self::Price(value) => FixValue::serialize(&Decimal::new(*value, 9), &mut out),
            Self::Char(value) => [*value].serialize(&mut out),
            Self::Bool(value) => value.serialize(&mut out),
            Self::TimeMs(value) => time_text(*value).serialize(&mut out),
            Self::Data(value) | Self::Text(value) => value.as_slice().serialize(&mut out),
        };
        out
    }

    /// What our codec reads from bytes of this value's type.
    pub fn read_by_us(&self, bytes: &[u8]) -> Option<Self> {
        Some(match self {
            Self::Int(_) => Self::Int(Int::parse(bytes)?),
            Self::Count(_) => Self::Count(Length::parse(bytes)?),
            Self::Quantity(_) => Self::Quantity(Qty::parse(bytes)?),
            Self::Price(_) => Self::Price(Price::parse(bytes)?),
            Self::Char(_) => Self::Char(Char::parse(bytes)?),
            Self::Bool(_) => Self::Bool(Boolean::parse(bytes)?),
            Self::TimeMs(_) => Self::TimeMs(UtcTimestamp::parse(bytes)? / 1_000_000),
            Self::Data(_) => Self::Data(Data::parse(bytes)?.to_vec()),
            Self::Text(_) => Self::Text(Text::parse(bytes)?.to_vec()),
        })
    }

    /// What fefix reads from them. It knows times to the millisecond at most: of finer ones the rest is cut off here.
    pub fn read_by_fefix(&self, bytes: &[u8]) -> Option<Self> {
        Some(match self {
            Self::Int(_) => Self::Int(i64::deserialize(bytes).ok()?),
            Self::Count(_) => Self::Count(u32::deserialize(bytes).ok()?),
            Self::Quantity(_) => Self::Quantity(u64::deserialize(bytes).ok()?),
            Self::Price(_) => {
                let mut price = <Decimal as FixValue>::deserialize(bytes).ok()?;
                price.rescale(9);
                Self::Price(i64::try_from(price.mantissa()).ok()?)
            }
            Self::Char(_) => Self::Char(<[u8; 1]>::deserialize(bytes).ok()?[0]),
            Self::Bool(_) => Self::Bool(bool::deserialize(bytes).ok()?),
            Self::TimeMs(_) => {
                Self::TimeMs(time_ms(&Timestamp::deserialize(bytes.get(..21).unwrap_or(bytes)).ok()?))
            }
            Self::Data(_) => Self::Data(bytes.to_vec()),
            Self::Text(_) => Self::Text(bytes.to_vec()),
        })
    }
}

/// A time as fefix has it, from its own parts: none of our code is in it.
fn time_text(time_ms: u64) -> Timestamp {
    use fefix::fix_values::{Date, Time};
    let (mut days, in_day) = (time_ms / 86_400_000, time_ms % 86_400_000);
    let mut year = 1970;
    let is_leap = |year: u64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    let date = Date::new(year as u32, month as u32 + 1, days as u32 + 1).expect("a date");
    let part = |unit: u64, below: u64| (in_day / unit % below) as u32;
    let time = Time::from_hmsm(part(3_600_000, 24), part(60_000, 60), part(1_000, 60), part(1, 1_000));
    Timestamp::new(date, time.expect("a time"))
}

/// The same back.
fn time_ms(time: &Timestamp) -> u64 {
    let (date, time) = (time.date(), time.time());
    let is_leap = |year: u64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let year = u64::from(date.year());
    let days: u64 = (1970..year).map(|year| 365 + u64::from(is_leap(year))).sum();
    let lengths = [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let days = days + lengths[..date.month() as usize - 1].iter().sum::<u64>() + u64::from(date.day()) - 1;
    let in_day =
        [time.hour(), time.minute(), time.second()].iter().fold(0, |sum, &part| sum * 60 + u64::from(part));
    (days * 86_400 + in_day) * 1_000 + u64::from(time.milli())
}
