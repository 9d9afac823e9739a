//! One struct for each OUCH 5.0 message, both directions, with every wire field.
//!
//! Values stay in wire units: prices `u64` in 1e-4, quantities in shares, times in ns since the exchange's midnight,
//! characters as bytes. Nothing is interpreted or dropped, so that decoding and encoding give the same bytes back. Each
//! struct is written once, as the table of its fields in wire order: both directions are derived from it, and its
//! widths are checked against the message's length at compile time.
//!
//! Plain data, no allocation; any thread. Whether a character is one that the specification lists is not checked here.

use feeds::big_endian::Field;

use super::appendage::Appendage;
use super::decode_error::DecodeError;

/// Units of a price in one unit of the currency.
pub const PRICE_UNITS: u64 = 10_000;

/// Highest price of a limit order, $199,999.9900; above it lie the marks of market orders (OUCH 4.2, «Data types»;
/// taken to hold for 5.0).
pub const PRICE_MAX: u64 = 1_999_999_900;

/// Quantities are above zero and below this.
pub const QUANTITY_END: u32 = 1_000_000;

/// Bytes of the longest message without its appendage.
pub const MESSAGE_LENGTH_MAX: usize = 68;

/// Side characters of orders.
pub mod side {
    /// Buy.
    pub const BUY: u8 = b'B';
    /// Sell long.
    pub const SELL: u8 = b'S';
    /// Sell short.
    pub const SELL_SHORT: u8 = b'T';
    /// Sell short, exempt.
    pub const SELL_SHORT_EXEMPT: u8 = b'E';
}

/// Time in force characters that this crate uses.
pub mod time_in_force {
    /// The day's market hours.
    pub const DAY: u8 = b'0';
    /// Immediate or cancel.
    pub const IMMEDIATE_OR_CANCEL: u8 = b'3';
}

/// State characters of accepted and replaced orders.
pub mod order_state {
    /// The order lives.
    pub const LIVE: u8 = b'L';
    /// The order was accepted and is done already.
    pub const DEAD: u8 = b'D';
}

/// The appendage behind a message's fixed part, which ends in its length where there can be one.
#[inline]
fn appendage_behind(has_appendage: bool, body: &[u8], fixed: usize) -> Result<Appendage<'_>, DecodeError> {
    let message_type = body[0];
    let behind = &body[fixed..];
    let expected = if has_appendage { usize::from(u16::read(body, fixed - 2)) } else { 0 };
    if behind.len() != expected {
        return Err(DecodeError::Length {
            message_type,
            found: body.len().min(usize::from(u16::MAX)) as u16,
        });
    }
    Appendage::check(message_type, behind)
}

#[cold]
fn wrong_length(message_type: u8, body: &[u8]) -> DecodeError {
    DecodeError::Length { message_type, found: body.len().min(usize::from(u16::MAX)) as u16 }
}

/// Derives structs, the enum and both directions from one table: `'type' length Name { fields in wire order }`, with
/// `[+]` where an appendage and its length follow; the length then counts the two bytes of that.
macro_rules! messages {
    ($(#[$enum_doc:meta])* $enum:ident: $($(#[$doc:meta])* $type:literal $length:literal $([$plus:tt])? $name:ident {
        $($(#[$field_doc:meta])* $field:ident: $field_type:ty,)*
    })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub struct $name {
                $($(#[$field_doc])* pub $field: $field_type,)*
            }

            const _: () = assert!(1 $(+ <$field_type as Field>::WIDTH)* $(+ messages!(@length $plus))? == $length);
            const _: () = assert!($length <= MESSAGE_LENGTH_MAX);

            impl $name {
                /// The type character.
                pub const TYPE: u8 = $type;
                /// Bytes on the wire without the appendage, with the appendage's length.
                pub const LENGTH: usize = $length;
                const HAS_APPENDAGE: bool = false $(|| messages!(@has $plus))?;

                #[inline]
                #[allow(unused_assignments, unused_mut, unused_variables)] // the last step of `at`, and a message without fields
                fn read(body: &[u8]) -> Result<(Self, Appendage<'_>), DecodeError> {
                    let Some(fixed) = body.first_chunk::<$length>() else {
                        return Err(wrong_length($type, body));
                    };
                    let appendage = appendage_behind(Self::HAS_APPENDAGE, body, $length)?;
                    let mut at = 1;
                    $(
                        let $field = <$field_type as Field>::read(fixed, at);
                        at += <$field_type as Field>::WIDTH;
                    )*
                    Ok((Self { $($field,)* }, appendage))
                }

                /// Writes the message with its appendage to the front of `out`; returns its length, or `None`, and
                /// nothing is written, when `out` has no room or this message can have no such appendage.
                #[inline]
                #[allow(unused_assignments, unused_mut, unused_variables)] // the last step of `at`, and a message without fields
                pub fn write(&self, appendage: Appendage<'_>, out: &mut [u8]) -> Option<usize> {
                    let appended = appendage.bytes();
                    let length = u16::try_from(appended.len()).ok()?;
                    if length > 0 && !Self::HAS_APPENDAGE {
                        return None;
                    }
                    let (fixed, behind) =
                        out.get_mut(..$length + appended.len())?.split_first_chunk_mut::<$length>()?;
                    fixed[0] = $type;
                    let mut at = 1;
                    $(
                        self.$field.write(fixed, at);
                        at += <$field_type as Field>::WIDTH;
                    )*
                    if Self::HAS_APPENDAGE {
                        length.write(fixed, $length - 2);
                    }
                    behind.copy_from_slice(appended);
                    Some($length + appended.len())
                }
            }
        )*

        $(#[$enum_doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $enum {
            $($(#[$doc])* $name($name),)*
        }

        impl $enum {
            /// Reads one message and its appendage.
            ///
            /// # Errors
            /// An unknown type, a wrong length, or an appendage that does not add up; see [`DecodeError`].
            #[inline]
            pub fn decode(body: &[u8]) -> Result<(Self, Appendage<'_>), DecodeError> {
                match body.first() {
                    $(Some(&$type) => {
                        let (message, appendage) = $name::read(body)?;
                        Ok((Self::$name(message), appendage))
                    })*
                    Some(&other) => Err(DecodeError::UnknownType(other)),
                    None => Err(DecodeError::Empty),
                }
            }

            /// Writes the message with its appendage, see the structs' `write`.
            #[must_use]
            pub fn encode(&self, appendage: Appendage<'_>, out: &mut [u8]) -> Option<usize> {
                match self {
                    $(Self::$name(message) => message.write(appendage, out),)*
                }
            }
        }
    };
    (@length +) => { 2 };
    (@has +) => { true };
}

messages! {
    /// What a client sends, in unsequenced packets.
    ClientMessage:
    /// Enter Order: a new order.
    b'O' 47 [+] EnterOrder {
        /// The order's number.
        user_ref_num: u32,
        /// See [`side`].
        side: u8,
        /// Shares, all of them.
        quantity: u32,
        /// Symbol, padded with spaces.
        symbol: [u8; 8],
        /// Limit, 1e-4.
        price: u64,
        /// See [`time_in_force`].
        time_in_force: u8,
        /// `Y` visible, `N` hidden, `A` attributable.
        display: u8,
        /// `A` agency, `P` principal, `R` riskless, `O` other.
        capacity: u8,
        /// Intermarket sweep: `Y` or `N`.
        sweep: u8,
        /// `N`: the continuous market.
        cross_type: u8,
        /// The client's text, padded with spaces; not checked by the exchange.
        cl_ord_id: [u8; 14],
    }
    /// Replace Order: new terms, and a new number, for a live order.
    b'U' 40 [+] ReplaceOrder {
        /// The live order's number.
        orig_user_ref_num: u32,
        /// The number that it gets.
        user_ref_num: u32,
        /// Shares of the whole chain of replaces, those that have traded included.
        quantity: u32,
        /// Limit, 1e-4.
        price: u64,
        /// See [`time_in_force`].
        time_in_force: u8,
        /// As in [`EnterOrder`].
        display: u8,
        /// Intermarket sweep: `Y` or `N`.
        sweep: u8,
        /// The client's text.
        cl_ord_id: [u8; 14],
    }
    /// Cancel Order: less of a live order, or none of it. It has no number of its own.
    b'X' 9 CancelOrder {
        /// The live order's number.
        user_ref_num: u32,
        /// Shares that may trade in all, those that have traded included; 0 cancels the rest.
        quantity: u32,
    }
    /// Modify Order: a new side mark or quantity.
    b'M' 10 ModifyOrder {
        /// The live order's number.
        user_ref_num: u32,
        /// See [`side`].
        side: u8,
        /// Shares.
        quantity: u32,
    }
    /// Mass Cancel Request.
    b'C' 19 [+] MassCancel {
        /// The request's number.
        user_ref_num: u32,
        /// Firm whose orders are meant.
        firm: [u8; 4],
        /// Symbol whose orders are meant; blank: all.
        symbol: [u8; 8],
    }
    /// Disable Order Entry Request: no further new orders.
    b'D' 11 [+] DisableOrderEntry {
        /// The request's number.
        user_ref_num: u32,
        /// The firm.
        firm: [u8; 4],
    }
    /// Enable Order Entry Request: new orders again.
    b'E' 11 [+] EnableOrderEntry {
        /// The request's number.
        user_ref_num: u32,
        /// The firm.
        firm: [u8; 4],
    }
    /// Account Query: which number is next? The form with an appendage; that without has the type character only, see
    /// [`ACCOUNT_QUERY`].
    b'Q' 3 [+] AccountQuery {}
}

/// The Account Query without an appendage: one character. The appendage came with UserRefIdx in a later edition, and the
/// Open Markets Initiative reads both forms.
pub const ACCOUNT_QUERY: &[u8] = b"Q";

messages! {
    /// What a venue sends, in sequenced packets.
    VenueMessage:
    /// System Event: the start (`S`) or end (`E`) of the day.
    b'S' 10 SystemEvent {
        /// Since midnight, ns.
        time_ns: u64,
        /// `S` or `E`.
        event_code: u8,
    }
    /// Order Accepted: the order is on the book, or was.
    b'A' 64 [+] OrderAccepted {
        /// Since midnight, ns.
        time_ns: u64,
        /// The order's number.
        user_ref_num: u32,
        /// See [`side`].
        side: u8,
        /// Shares.
        quantity: u32,
        /// Symbol.
        symbol: [u8; 8],
        /// Limit, 1e-4.
        price: u64,
        /// See [`time_in_force`].
        time_in_force: u8,
        /// As accepted.
        display: u8,
        /// The exchange's number of the order.
        order_reference_number: u64,
        /// As entered.
        capacity: u8,
        /// As entered.
        sweep: u8,
        /// As entered.
        cross_type: u8,
        /// See [`order_state`].
        order_state: u8,
        /// The client's text.
        cl_ord_id: [u8; 14],
    }
    /// Order Replaced.
    b'U' 68 [+] OrderReplaced {
        /// Since midnight, ns.
        time_ns: u64,
        /// The number that the order had.
        orig_user_ref_num: u32,
        /// The number that it has.
        user_ref_num: u32,
        /// See [`side`].
        side: u8,
        /// Shares that can still trade: the chain's total less what has traded (Nasdaq's own example: a replace to 500
        /// after an execution of 100 says 400).
        quantity: u32,
        /// Symbol.
        symbol: [u8; 8],
        /// Limit, 1e-4.
        price: u64,
        /// See [`time_in_force`].
        time_in_force: u8,
        /// As accepted.
        display: u8,
        /// The exchange's number of the order.
        order_reference_number: u64,
        /// As entered.
        capacity: u8,
        /// As entered.
        sweep: u8,
        /// As entered.
        cross_type: u8,
        /// See [`order_state`].
        order_state: u8,
        /// The client's text.
        cl_ord_id: [u8; 14],
    }
    /// Order Canceled: less of an order, or none of it any more.
    b'C' 18 OrderCanceled {
        /// Since midnight, ns.
        time_ns: u64,
        /// The order's number.
        user_ref_num: u32,
        /// Shares that went, by this message.
        quantity: u32,
        /// Why, see [`super::reasons::cancel`].
        reason: u8,
    }
    /// AIQ Canceled: shares went that would have traded with an own order.
    b'D' 31 AiqCanceled {
        /// Since midnight, ns.
        time_ns: u64,
        /// The order's number.
        user_ref_num: u32,
        /// Shares that went, by this message.
        decrement: u32,
        /// `Q`.
        reason: u8,
        /// Shares that would have traded.
        quantity_prevented: u32,
        /// Price at which they would have, 1e-4.
        price: u64,
        /// Liquidity flag that they would have had.
        liquidity_flag: u8,
    }
    /// Order Executed.
    b'E' 36 [+] OrderExecuted {
        /// Since midnight, ns.
        time_ns: u64,
        /// The order's number.
        user_ref_num: u32,
        /// Shares that traded, by this message.
        quantity: u32,
        /// Price, 1e-4.
        price: u64,
        /// `A` added, `R` removed, and more.
        liquidity_flag: u8,
        /// The trade's number, both sides' alike.
        match_number: u64,
    }
    /// Broken Trade.
    b'B' 36 BrokenTrade {
        /// Since midnight, ns.
        time_ns: u64,
        /// The order's number.
        user_ref_num: u32,
        /// The trade's number.
        match_number: u64,
        /// `E` erroneous, `C` consent, `S` supervisory, `X` external.
        reason: u8,
        /// The client's text.
        cl_ord_id: [u8; 14],
    }
    /// Trade Correction.
    b'F' 49 TradeCorrection {
        /// Since midnight, ns.
        time_ns: u64,
        /// The order's number.
        user_ref_num: u32,
        /// Shares.
        quantity: u32,
        /// Price, 1e-4.
        price: u64,
        /// Liquidity flag.
        liquidity_flag: u8,
        /// The trade's number.
        match_number: u64,
        /// `N`: adjusted to the net asset value.
        reason: u8,
        /// The client's text.
        cl_ord_id: [u8; 14],
    }
    /// Order Rejected: an Enter or Replace Order cannot be accepted; of a replaced order nothing has changed.
    b'J' 29 OrderRejected {
        /// Since midnight, ns.
        time_ns: u64,
        /// The number of the refused message.
        user_ref_num: u32,
        /// Why, see [`super::reasons::reject`].
        reason: u16,
        /// The client's text.
        cl_ord_id: [u8; 14],
    }
    /// Cancel Pending: the order cannot be cancelled before a cross.
    b'P' 13 CancelPending {
        /// Since midnight, ns.
        time_ns: u64,
        /// The order's number.
        user_ref_num: u32,
    }
    /// Cancel Reject: the order cannot be cancelled.
    b'I' 13 CancelReject {
        /// Since midnight, ns.
        time_ns: u64,
        /// The order's number.
        user_ref_num: u32,
    }
    /// Order Priority Update.
    b'T' 30 PriorityUpdate {
        /// Since midnight, ns.
        time_ns: u64,
        /// The order's number.
        user_ref_num: u32,
        /// Price, 1e-4.
        price: u64,
        /// As it is now.
        display: u8,
        /// The exchange's number of the order, now.
        order_reference_number: u64,
    }
    /// Order Modified.
    b'M' 18 OrderModified {
        /// Since midnight, ns.
        time_ns: u64,
        /// The order's number.
        user_ref_num: u32,
        /// See [`side`].
        side: u8,
        /// Shares.
        quantity: u32,
    }
    /// Order Restated: the exchange changed how the order is displayed.
    b'R' 16 [+] OrderRestated {
        /// Since midnight, ns.
        time_ns: u64,
        /// The order's number.
        user_ref_num: u32,
        /// `R` refresh of a reserve, `P` displayed price.
        reason: u8,
    }
    /// Account Query Response. Later editions echo the query's UserRefIdx; without one nothing is appended.
    b'Q' 13 AccountQueryResponse {
        /// Since midnight, ns.
        time_ns: u64,
        /// The lowest number that the account can use.
        next_user_ref_num: u32,
    }
    /// Mass Cancel Response: the request, echoed.
    b'X' 27 [+] MassCancelResponse {
        /// Since midnight, ns.
        time_ns: u64,
        /// The request's number.
        user_ref_num: u32,
        /// The firm.
        firm: [u8; 4],
        /// The symbol.
        symbol: [u8; 8],
    }
    /// Disable Order Entry Response: the request, echoed.
    b'G' 19 [+] DisableOrderEntryResponse {
        /// Since midnight, ns.
        time_ns: u64,
        /// The request's number.
        user_ref_num: u32,
        /// The firm.
        firm: [u8; 4],
    }
    /// Enable Order Entry Response: the request, echoed.
    b'K' 19 [+] EnableOrderEntryResponse {
        /// Since midnight, ns.
        time_ns: u64,
        /// The request's number.
        user_ref_num: u32,
        /// The firm.
        firm: [u8; 4],
    }
}
