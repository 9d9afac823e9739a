//! One struct per TotalView-ITCH 5.0 message type, all 23, with every wire field.
//!
//! Values stay in wire units: prices `u32` in 1e-4 («Price(4)») or `u64` in 1e-8 («Price(8)»), quantities in shares,
//! characters as bytes. Nothing is interpreted or dropped, so that decoding and encoding give the same bytes back.
//! Each struct is written once, as the table of its fields in wire order: decoder and encoder are both derived from
//! that table, and its widths are checked against the length in the specification at compile time.
//!
//! The guillemets hold the section of the specification («Message Formats»); its numbering differs between editions.
//!
//! Plain data, no allocation; any thread. Whether a character is one that the specification lists is not checked.

use crate::big_endian::Field;
use crate::symbol::Symbol;

/// Bytes of the longest message body (`I`, 50), rounded up for a fixed encode buffer.
pub const BODY_LENGTH_MAX: usize = 64;

/// What every message starts with, after its type character.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Stock Locate: the venue's number of the security for this day; 0 for messages about no single security.
    pub locate: u16,
    /// Tracking Number: NASDAQ internal.
    pub tracking: u16,
    /// Timestamp: nanoseconds since midnight, Eastern time; 48 bits on the wire, higher bits are not encoded.
    pub timestamp_ns: u64,
}

/// Bits of [`Header::timestamp_ns`] that exist on the wire.
pub(super) const TIMESTAMP_MASK: u64 = (1 << 48) - 1;

/// A message struct's two directions.
pub(super) trait WireMessage: Copy {
    /// The message in `body`, or `None` when `body` has another length. The type character is not looked at.
    fn read(body: &[u8]) -> Option<Self>;
    /// Writes the body; returns its length.
    fn write(&self, out: &mut [u8; BODY_LENGTH_MAX]) -> usize;
}

impl Field for Header {
    const WIDTH: usize = 10;
    /// The tracking number and the 6-byte time stamp are one 8-byte load.
    #[inline(always)]
    fn read(body: &[u8], at: usize) -> Self {
        let tracking_and_time = u64::read(body, at + 2);
        let [tracking_high, tracking_low, ..] = tracking_and_time.to_be_bytes();
        Self {
            locate: u16::read(body, at),
            tracking: u16::from_be_bytes([tracking_high, tracking_low]),
            timestamp_ns: tracking_and_time & TIMESTAMP_MASK,
        }
    }
    #[inline(always)]
    fn write(self, body: &mut [u8], at: usize) {
        self.locate.write(body, at);
        (u64::from(self.tracking) << 48 | self.timestamp_ns & TIMESTAMP_MASK).write(body, at + 2);
    }
}

/// Derives structs, the enum and both directions from one table: `'type' length Name { fields in wire order }`.
macro_rules! messages {
    ($($(#[$doc:meta])* $type:literal $length:literal $name:ident {
        $($(#[$field_doc:meta])* $field:ident: $field_type:ty,)*
    })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub struct $name {
                /// Locate, tracking number and time stamp.
                pub header: Header,
                $($(#[$field_doc])* pub $field: $field_type,)*
            }

            const _: () = assert!(1 + Header::WIDTH $(+ <$field_type as Field>::WIDTH)* == $length);
            const _: () = assert!($length <= BODY_LENGTH_MAX);

            impl WireMessage for $name {
                #[inline(always)]
                #[allow(unused_assignments)] // the last field's step of `at`
                fn read(body: &[u8]) -> Option<Self> {
                    let body: &[u8; $length] = body.try_into().ok()?;
                    let header = Header::read(body, 1);
                    let mut at = 1 + Header::WIDTH;
                    $(
                        let $field = <$field_type as Field>::read(body, at);
                        at += <$field_type as Field>::WIDTH;
                    )*
                    Some(Self { header, $($field,)* })
                }

                #[inline(always)]
                #[allow(unused_assignments)] // the last field's step of `at`
                fn write(&self, out: &mut [u8; BODY_LENGTH_MAX]) -> usize {
                    out[0] = $type;
                    self.header.write(out, 1);
                    let mut at = 1 + Header::WIDTH;
                    $(
                        self.$field.write(out, at);
                        at += <$field_type as Field>::WIDTH;
                    )*
                    $length
                }
            }
        )*

        /// Any TotalView-ITCH 5.0 message.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Message {
            $($(#[$doc])* $name($name),)*
        }

        /// Type characters of all messages, in the specification's order.
        pub const MESSAGE_TYPES: [u8; 23] = [$($type),*];

        /// Length of a message body of this type: with the type character, without the framing's length prefix.
        /// `None` for a character that is no TotalView-ITCH 5.0 type.
        #[inline(always)]
        #[must_use]
        pub const fn body_length(message_type: u8) -> Option<usize> {
            match message_type {
                $($type => Some($length),)*
                _ => None,
            }
        }

        impl Message {
            /// The type character.
            #[inline(always)]
            #[must_use]
            pub const fn message_type(&self) -> u8 {
                match self {
                    $(Self::$name(_) => $type,)*
                }
            }

            /// What every message starts with.
            #[inline(always)]
            #[must_use]
            pub const fn header(&self) -> &Header {
                match self {
                    $(Self::$name(message) => &message.header,)*
                }
            }

            /// The message of `body`, whose first byte is `message_type`.
            #[inline(always)]
            pub(super) fn read(message_type: u8, body: &[u8]) -> Result<Self, ReadError> {
                match message_type {
                    $($type => $name::read(body).map(Self::$name).ok_or(ReadError::Length($length)),)*
                    _ => Err(ReadError::UnknownType),
                }
            }

            /// Writes the body; returns its length.
            #[inline(always)]
            pub(super) fn write(&self, out: &mut [u8; BODY_LENGTH_MAX]) -> usize {
                match self {
                    $(Self::$name(message) => message.write(out),)*
                }
            }
        }
    };
}

/// Why [`Message::read`] gave nothing.
pub(super) enum ReadError {
    /// No such type.
    UnknownType,
    /// The type needs this many bytes.
    Length(u16),
}

messages! {
    /// `S` «System Event Message».
    b'S' 12 SystemEvent {
        /// `O` start of messages, `S` start of system hours, `Q` start of market hours, `M` end of market hours,
        /// `E` end of system hours, `C` end of messages.
        event_code: u8,
    }

    /// `R` «Stock Directory».
    b'R' 39 StockDirectory {
        /// Security symbol.
        stock: Symbol,
        /// Listing market or tier: `Q` `G` `S` NASDAQ tiers, `N` NYSE, `A` NYSE American, `P` Arca, `Z` BATS, `V` IEX.
        market_category: u8,
        /// `N` normal, `D` deficient, `E` delinquent, `Q` bankrupt, `S` suspended, and combinations.
        financial_status: u8,
        /// Shares in a round lot.
        round_lot_size: u32,
        /// `Y` when only round lots are accepted.
        round_lots_only: u8,
        /// Security class (appendix «Issue Classification Values»).
        issue_classification: u8,
        /// Security sub-type (appendix «Issue Sub-Type Values»).
        issue_subtype: [u8; 2],
        /// `P` production, `T` test.
        authenticity: u8,
        /// Reg SHO threshold: `Y`, `N`, or space.
        short_sale_threshold: u8,
        /// `Y` when set up for IPO release, `N`, or space.
        ipo_flag: u8,
        /// Limit up, limit down reference price tier: `1`, `2`, or space.
        luld_tier: u8,
        /// `Y` exchange traded product, `N`, or space.
        etp_flag: u8,
        /// Leverage relation to the underlying, 0 when not applicable.
        etp_leverage: u32,
        /// `Y` when inverse.
        inverse: u8,
    }

    /// `H` «Stock Trading Action».
    b'H' 25 StockTradingAction {
        /// Security symbol.
        stock: Symbol,
        /// `T` trading, `H` halted in all US markets, `P` paused in all US markets, `Q` quotation only.
        trading_state: u8,
        /// Reserved.
        reserved: u8,
        /// Reason (appendix «Trading Action Reason Codes»), space padded.
        reason: [u8; 4],
    }

    /// `Y` «Reg SHO Short Sale Price Test Restricted Indicator».
    b'Y' 20 RegShoRestriction {
        /// Security symbol.
        stock: Symbol,
        /// `0` no price test, `1` in effect after an intra-day drop, `2` remains in effect.
        action: u8,
    }

    /// `L` «Market Participant Position».
    b'L' 26 MarketParticipantPosition {
        /// Market participant.
        mpid: [u8; 4],
        /// Security symbol.
        stock: Symbol,
        /// `Y` primary market maker, `N` not.
        primary_market_maker: u8,
        /// Market maker mode: `N` normal, `P` passive, `S` syndicate, `R` pre-syndicate, `L` penalty.
        market_maker_mode: u8,
        /// Registration: `A` active, `E` excused, `W` withdrawn, `S` suspended, `D` deleted.
        participant_state: u8,
    }

    /// `V` «MWCB Decline Level Message»: the day's market-wide circuit breaker levels of the S&P 500.
    b'V' 35 MwcbDeclineLevel {
        /// Level 1, Price(8).
        level_1: u64,
        /// Level 2, Price(8).
        level_2: u64,
        /// Level 3, Price(8).
        level_3: u64,
    }

    /// `W` «MWCB Status Message»: a market-wide circuit breaker level was breached.
    b'W' 12 MwcbStatus {
        /// `1`, `2` or `3`.
        breached_level: u8,
    }

    /// `K` «Quoting Period Update» (IPO).
    b'K' 28 QuotingPeriodUpdate {
        /// Security symbol.
        stock: Symbol,
        /// Seconds since midnight of the anticipated release.
        release_time_s: u32,
        /// `A` anticipated, `C` cancelled or postponed.
        qualifier: u8,
        /// IPO price, Price(4).
        ipo_price: u32,
    }

    /// `J` «Limit Up - Limit Down (LULD) Auction Collar».
    b'J' 35 LuldAuctionCollar {
        /// Security symbol.
        stock: Symbol,
        /// Reference price, Price(4).
        reference_price: u32,
        /// Upper auction collar price, Price(4).
        upper_price: u32,
        /// Lower auction collar price, Price(4).
        lower_price: u32,
        /// Number of extensions of the reopening auction.
        extension: u32,
    }

    /// `h` «Operational Halt».
    b'h' 21 OperationalHalt {
        /// Security symbol.
        stock: Symbol,
        /// `Q` NASDAQ, `B` BX, `X` PSX.
        market_code: u8,
        /// `H` halted, `T` resumed.
        action: u8,
    }

    /// `A` «Add Order - No MPID Attribution».
    b'A' 36 AddOrder {
        /// Order reference number, unique for the day.
        reference: u64,
        /// `B` buy, `S` sell.
        side: u8,
        /// Displayed shares.
        shares: u32,
        /// Security symbol.
        stock: Symbol,
        /// Price(4).
        price: u32,
    }

    /// `F` «Add Order with MPID Attribution».
    b'F' 40 AddOrderMpid {
        /// Order reference number, unique for the day.
        reference: u64,
        /// `B` buy, `S` sell.
        side: u8,
        /// Displayed shares.
        shares: u32,
        /// Security symbol.
        stock: Symbol,
        /// Price(4).
        price: u32,
        /// Market participant that entered the order.
        attribution: [u8; 4],
    }

    /// `E` «Order Executed Message»: at the order's own price.
    b'E' 31 OrderExecuted {
        /// Order reference number.
        reference: u64,
        /// Shares executed.
        shares: u32,
        /// Match number, unique for the day.
        match_number: u64,
    }

    /// `C` «Order Executed With Price Message»: at a price other than the order's.
    b'C' 36 OrderExecutedWithPrice {
        /// Order reference number.
        reference: u64,
        /// Shares executed.
        shares: u32,
        /// Match number, unique for the day.
        match_number: u64,
        /// `Y` printable, `N` not (it is part of a cross that is reported in bulk).
        printable: u8,
        /// Execution price, Price(4).
        price: u32,
    }

    /// `X` «Order Cancel Message»: part of an order is cancelled.
    b'X' 23 OrderCancel {
        /// Order reference number.
        reference: u64,
        /// Shares taken off the order.
        shares: u32,
    }

    /// `D` «Order Delete Message».
    b'D' 19 OrderDelete {
        /// Order reference number.
        reference: u64,
    }

    /// `U` «Order Replace Message».
    b'U' 35 OrderReplace {
        /// Reference number of the order that goes.
        reference: u64,
        /// Reference number of the order that takes its side and symbol.
        new_reference: u64,
        /// New displayed shares.
        shares: u32,
        /// New price, Price(4).
        price: u32,
    }

    /// `P` «Trade Message (Non-Cross)»: an execution against a non-displayed order.
    b'P' 44 Trade {
        /// Order reference number; 0 since 2010.
        reference: u64,
        /// Side of the non-displayed order; always `B` since 2014.
        side: u8,
        /// Shares.
        shares: u32,
        /// Security symbol.
        stock: Symbol,
        /// Price(4).
        price: u32,
        /// Match number, unique for the day.
        match_number: u64,
    }

    /// `Q` «Cross Trade Message»: the bulk print of a cross.
    b'Q' 40 CrossTrade {
        /// Shares matched in the cross, 0 when there was no cross.
        shares: u64,
        /// Security symbol.
        stock: Symbol,
        /// Cross price, Price(4).
        price: u32,
        /// Match number, unique for the day.
        match_number: u64,
        /// `O` opening, `C` closing, `H` IPO or halt, `I` intraday.
        cross_type: u8,
    }

    /// `B` «Broken Trade / Order Execution Message».
    b'B' 19 BrokenTrade {
        /// Match number of the execution that is broken.
        match_number: u64,
    }

    /// `I` «Net Order Imbalance Indicator (NOII) Message».
    b'I' 50 NetOrderImbalance {
        /// Shares that would match at the current reference price.
        paired_shares: u64,
        /// Shares that would not.
        imbalance_shares: u64,
        /// `B` buy, `S` sell, `N` none, `O` not enough orders, `P` paused.
        imbalance_direction: u8,
        /// Security symbol.
        stock: Symbol,
        /// Far price, Price(4).
        far_price: u32,
        /// Near price, Price(4).
        near_price: u32,
        /// Current reference price, Price(4).
        reference_price: u32,
        /// `O` opening, `C` closing, `H` IPO or halt, `A` extended trading close.
        cross_type: u8,
        /// Band of the near price's deviation from the reference.
        price_variation: u8,
    }

    /// `N` «Retail Price Improvement Indicator (RPII)».
    b'N' 20 RetailInterest {
        /// Security symbol.
        stock: Symbol,
        /// `B` buy side, `S` sell side, `A` both, `N` none.
        interest: u8,
    }

    /// `O` «Direct Listing with Capital Raise Price Discovery Message».
    b'O' 48 DirectListing {
        /// Security symbol.
        stock: Symbol,
        /// `Y` eligible to open, `N` not.
        open_eligibility: u8,
        /// Minimum allowable price, Price(4).
        price_min: u32,
        /// Maximum allowable price, Price(4).
        price_max: u32,
        /// Near execution price, Price(4).
        near_execution_price: u32,
        /// Near execution time, nanoseconds since midnight.
        near_execution_ns: u64,
        /// Lower price range collar, Price(4).
        collar_lower: u32,
        /// Upper price range collar, Price(4).
        collar_upper: u32,
    }
}

impl StockDirectory {
    /// A common share of NASDAQ's best tier in round lots of 100: what sessions of our own list. Where one has something else,
    /// its field is set over this.
    #[must_use]
    pub const fn common_share(header: Header, stock: Symbol) -> Self {
        Self {
            header,
            stock,
            market_category: b'Q',
            financial_status: b'N',
            round_lot_size: 100,
            round_lots_only: b'N',
            issue_classification: b'C',
            issue_subtype: *b"Z ",
            authenticity: b'P',
            short_sale_threshold: b'N',
            ipo_flag: b'N',
            luld_tier: b'1',
            etp_flag: b'N',
            etp_leverage: 0,
            inverse: b'N',
        }
    }
}

impl StockTradingAction {
    /// It trades.
    #[must_use]
    pub const fn trading(header: Header, stock: Symbol) -> Self {
        Self { header, stock, trading_state: b'T', reserved: b' ', reason: *b"    " }
    }
}
