//! Wire values in event units: prices in 1e-9, quantities, sides, statuses, symbols.

use crate::event::{Side, TradingStatus};
use crate::mdp3::blocks::{BookEntry, BookEntryLong, INT32_NULL, PRICE_NULL, UINT64_NULL};
use crate::mdp3::levels::LevelUpdate;
use crate::mdp3::messages::price9;
use crate::packet_decoder::PacketErrorCause;
use crate::symbol::Symbol;
use crate::units::PRICE_NONE;

/// The symbol of a security whose own is not known or is none that can be listed: `#` and its number in base 36, which needs at most
/// seven digits.
#[must_use]
pub fn symbol_of(security_id: i32) -> Symbol {
    let mut rest = security_id.cast_unsigned();
    let mut text = [b' '; 8];
    let mut digits = [0; 7];
    let mut length = 0;
    loop {
        // Below 36.
        let [digit, ..] = (rest % 36).to_le_bytes();
        digits[length] = if digit < 10 { b'0' + digit } else { b'A' + digit - 10 };
        length += 1;
        rest /= 36;
        if rest == 0 {
            break;
        }
    }
    text[0] = b'#';
    for (to, from) in text[1..].iter_mut().zip(digits[..length].iter().rev()) {
        *to = *from;
    }
    Symbol::from_wire8(text)
}

/// A definition's symbol, without the spaces that those of options have inside; `None` for one that is empty or has
/// other characters than printable ASCII.
pub(super) fn listed_symbol(padded: &[u8; 20]) -> Option<Symbol> {
    let mut text = [0; 20];
    let mut length = 0;
    for &byte in padded.iter().take_while(|&&byte| byte != 0).filter(|&&byte| byte != b' ') {
        text[length] = byte;
        length += 1;
    }
    Symbol::new(std::str::from_utf8(&text[..length]).ok()?).ok()
}

/// SecurityTradingStatus(326); `None` for no change and for none. An unlisted code counts as halted: nothing may be
/// sent on a guess.
pub(super) fn trading_status(code: u8) -> Option<TradingStatus> {
    Some(match code {
        17 => TradingStatus::Trading,
        15 | 24 | 25 => TradingStatus::QuotationOnly,
        21 => TradingStatus::PreOpen,
        4 | 18 | 26 => TradingStatus::Closed,
        103 | 255 => return None,
        _ => TradingStatus::Halted,
    })
}

/// The book side of MDEntryType(269).
#[inline(always)]
pub(super) fn book_side(entry_type: u8) -> Option<Side> {
    match entry_type {
        b'0' => Some(Side::Buy),
        b'1' => Some(Side::Sell),
        _ => None,
    }
}

/// A price in 1e-9; [`PRICE_NONE`] for the null.
#[inline(always)]
pub(super) fn price_of(template: u16, mantissa: i64) -> Result<i64, PacketErrorCause> {
    if mantissa == PRICE_NULL {
        return Ok(PRICE_NONE);
    }
    price9(template, mantissa).ok_or(PacketErrorCause::Value { field: "MDEntryPx(270)", found: mantissa })
}

/// A quantity; 0 for the null.
#[inline(always)]
pub(super) fn quantity_of(size: i32) -> Result<u64, PacketErrorCause> {
    if size == INT32_NULL {
        return Ok(0);
    }
    u64::try_from(size).map_err(|_| PacketErrorCause::Value { field: "a quantity", found: size.into() })
}

/// A quantity of 64 bits; 0 for the null.
#[inline(always)]
pub(super) fn quantity_of_long(size: u64) -> u64 {
    if size == UINT64_NULL { 0 } else { size }
}

/// A level entry of either width, in event units.
pub(super) struct LevelEntry {
    pub(super) security_id: i32,
    pub(super) entry_type: u8,
    pub(super) update: LevelUpdate,
}

impl LevelEntry {
    #[inline(always)]
    pub(super) fn new(template: u16, entry: &BookEntry) -> Result<Self, PacketErrorCause> {
        let BookEntry { security_id, entry_type, action, level, price, size, .. } = *entry;
        let (price, quantity) = (price_of(template, price)?, quantity_of(size)?);
        Ok(Self { security_id, entry_type, update: LevelUpdate { action, level, price, quantity } })
    }

    pub(super) fn new_long(template: u16, entry: &BookEntryLong) -> Result<Self, PacketErrorCause> {
        let BookEntryLong { security_id, entry_type, action, level, price, size, .. } = *entry;
        let (price, quantity) = (price_of(template, price)?, quantity_of_long(size));
        Ok(Self { security_id, entry_type, update: LevelUpdate { action, level, price, quantity } })
    }
}

/// An order entry of any template, in event units.
pub(super) struct OrderEntry {
    pub(super) security_id: i32,
    pub(super) entry_type: u8,
    pub(super) order_id: u64,
    pub(super) action: u8,
    pub(super) price: i64,
    pub(super) quantity: u64,
}
