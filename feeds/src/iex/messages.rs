//! One struct per IEX message type of TOPS 1.6, DEEP 1.0 and DEEP+ 1.0, with every wire field.
//!
//! Values stay in wire units: prices `i64` in 1e-4, quantities in shares, times UTC ns, characters and flags as
//! bytes. Nothing is interpreted or dropped, so that decoding and encoding give the same bytes back. Each struct is
//! written once, as the table of its fields in wire order. Plain data, no allocation; any thread.
//!
//! The guillemets hold the section of the specification.

use crate::little_endian::wire_struct;
use crate::symbol::Symbol;

/// Bytes of the longest message body (`A`, 80).
pub const BODY_LENGTH_MAX: usize = 80;

macro_rules! messages {
    ($($(#[$doc:meta])* $type:literal $length:literal $name:ident { $($fields:tt)* })*) => {
        $(
            wire_struct! {
                $(#[$doc])*
                $name $length {
                    /// Message Type: the type character.
                    message_type: u8,
                    $($fields)*
                }
            }
            const _: () = assert!($length <= BODY_LENGTH_MAX);
        )*

        /// Any IEX message.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Message {
            $($(#[$doc])* $name($name),)*
        }

        /// Type characters of all messages.
        pub const MESSAGE_TYPES: &[u8] = &[$($type),*];

        /// Length of a message body of this type in the specifications named above; `None` for another character.
        #[inline(always)]
        #[must_use]
        pub const fn body_length(message_type: u8) -> Option<usize> {
            match message_type {
                $($type => Some($length),)*
                _ => None,
            }
        }

        impl Message {
            /// The message at the front of `body`, whose first byte is `message_type`; bytes behind it are left out.
            #[inline(always)]
            pub(super) fn read(message_type: u8, body: &[u8]) -> Result<Self, ReadError> {
                match message_type {
                    $($type => match body.first_chunk() {
                        Some(body) => Ok(Self::$name($name::read(body))),
                        None => Err(ReadError::Short($length)),
                    },)*
                    _ => Err(ReadError::UnknownType),
                }
            }

            /// Writes the body; returns its length.
            #[inline(always)]
            pub(super) fn write(&self, out: &mut [u8; BODY_LENGTH_MAX]) -> usize {
                match self {
                    $(Self::$name(message) => {
                        out[..$length].copy_from_slice(&message.to_bytes());
                        $length
                    })*
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
    Short(u16),
}

messages! {
    /// `S` «System Event Message».
    b'S' 10 SystemEvent {
        /// `O` start of messages, `S` start of system hours, `R` start of regular market hours, `M` end of regular
        /// market hours, `E` end of system hours, `C` end of messages.
        event: u8,
        /// UTC ns.
        timestamp_ns: i64,
    }

    /// `D` «Security Directory Message».
    b'D' 31 SecurityDirectory {
        /// Bit 7 test security, bit 6 when-issued, bit 5 ETP.
        flags: u8,
        /// UTC ns.
        timestamp_ns: i64,
        /// Security.
        symbol: Symbol,
        /// Shares in a round lot.
        round_lot_size: u32,
        /// Adjusted price of the previous official close, 1e-4.
        adjusted_close: i64,
        /// Limit up, limit down tier: 0 not applicable, 1, 2.
        luld_tier: u8,
    }

    /// `H` «Trading Status Message».
    b'H' 22 TradingStatus {
        /// `H` halted in all US markets, `O` order acceptance period on IEX, `P` paused on IEX, `T` trading on IEX.
        status: u8,
        /// UTC ns.
        timestamp_ns: i64,
        /// Security.
        symbol: Symbol,
        /// Reason, space padded.
        reason: [u8; 4],
    }

    /// `I` «Retail Liquidity Indicator Message».
    b'I' 18 RetailLiquidityIndicator {
        /// Space: none, `A` buy interest, `B` sell interest, `C` both.
        indicator: u8,
        /// UTC ns.
        timestamp_ns: i64,
        /// Security.
        symbol: Symbol,
    }

    /// `O` «Operational Halt Status Message».
    b'O' 18 OperationalHaltStatus {
        /// `O` IEX-specific operational halt, `N` not halted on IEX.
        status: u8,
        /// UTC ns.
        timestamp_ns: i64,
        /// Security.
        symbol: Symbol,
    }

    /// `P` «Short Sale Price Test Status Message».
    b'P' 19 ShortSalePriceTestStatus {
        /// 0 not in effect, 1 in effect.
        status: u8,
        /// UTC ns.
        timestamp_ns: i64,
        /// Security.
        symbol: Symbol,
        /// Space: none, `A` activated, `C` continued, `D` deactivated, `N` not available.
        detail: u8,
    }

    /// `E` «Security Event Message» (DEEP, DEEP+).
    b'E' 18 SecurityEvent {
        /// `O` opening process complete, `C` closing process complete.
        event: u8,
        /// UTC ns.
        timestamp_ns: i64,
        /// Security.
        symbol: Symbol,
    }

    /// `Q` «Quote Update Message» (TOPS): the best bid and offer.
    b'Q' 42 QuoteUpdate {
        /// Bit 7: halted, paused or otherwise not available; bit 6: pre- or post-market session.
        flags: u8,
        /// UTC ns.
        timestamp_ns: i64,
        /// Security.
        symbol: Symbol,
        /// Shares at the best bid; 0 for no bid.
        bid_size: u32,
        /// Best bid, 1e-4; 0 for no bid.
        bid_price: i64,
        /// Best offer, 1e-4; 0 for no offer.
        ask_price: i64,
        /// Shares at the best offer; 0 for no offer.
        ask_size: u32,
    }

    /// `T` «Trade Report Message» (TOPS, DEEP), «Trade Message» (DEEP+: non-displayed orders only).
    b'T' 38 TradeReport {
        /// Sale condition: bit 7 intermarket sweep, 6 extended hours, 5 odd lot, 4 trade-through exempt, 3 single-price
        /// cross.
        sale_condition: u8,
        /// UTC ns.
        timestamp_ns: i64,
        /// Security.
        symbol: Symbol,
        /// Shares.
        size: u32,
        /// Price, 1e-4.
        price: i64,
        /// Number of the trade, unique within the day.
        trade_id: i64,
    }

    /// `B` «Trade Break Message»: the trade of this number did not happen.
    b'B' 38 TradeBreak {
        /// Sale condition of the broken trade.
        sale_condition: u8,
        /// UTC ns.
        timestamp_ns: i64,
        /// Security.
        symbol: Symbol,
        /// Shares.
        size: u32,
        /// Price, 1e-4.
        price: i64,
        /// Number of the broken trade.
        trade_id: i64,
    }

    /// `X` «Official Price Message».
    b'X' 26 OfficialPrice {
        /// `Q` official opening price, `M` official closing price.
        price_type: u8,
        /// UTC ns.
        timestamp_ns: i64,
        /// Security.
        symbol: Symbol,
        /// Price, 1e-4.
        price: i64,
    }

    /// `A` «Auction Information Message».
    b'A' 80 AuctionInformation {
        /// `O` opening, `C` closing, `I` IPO, `H` halt, `V` volatility auction.
        auction_type: u8,
        /// UTC ns.
        timestamp_ns: i64,
        /// Security.
        symbol: Symbol,
        /// Shares paired at the reference price.
        paired_shares: u32,
        /// Reference price, 1e-4.
        reference_price: i64,
        /// Indicative clearing price, 1e-4.
        indicative_clearing_price: i64,
        /// Shares not paired at the reference price.
        imbalance_shares: u32,
        /// `B` buy side, `S` sell side, `N` none.
        imbalance_side: u8,
        /// Extensions of the order acceptance period.
        extension_number: u8,
        /// Projected time of the match, seconds since the Unix epoch.
        scheduled_auction_s: u32,
        /// Clearing price of the auction book alone, 1e-4.
        auction_book_clearing_price: i64,
        /// Collar reference price, 1e-4.
        collar_reference_price: i64,
        /// Lower collar, 1e-4.
        lower_collar: i64,
        /// Upper collar, 1e-4.
        upper_collar: i64,
    }

    /// `8` «Price Level Update Message», buy side (DEEP).
    b'8' 30 PriceLevelBuy {
        /// Bit 0: the event is complete; else further changes of the same event follow.
        event_flags: u8,
        /// UTC ns.
        timestamp_ns: i64,
        /// Security.
        symbol: Symbol,
        /// Shares now shown at the price; 0 removes the level.
        size: u32,
        /// Price, 1e-4.
        price: i64,
    }

    /// `5` «Price Level Update Message», sell side (DEEP).
    b'5' 30 PriceLevelSell {
        /// Bit 0: the event is complete; else further changes of the same event follow.
        event_flags: u8,
        /// UTC ns.
        timestamp_ns: i64,
        /// Security.
        symbol: Symbol,
        /// Shares now shown at the price; 0 removes the level.
        size: u32,
        /// Price, 1e-4.
        price: i64,
    }

    /// `a` «Add Order Message» (DEEP+).
    b'a' 38 AddOrder {
        /// `8` buy, `5` sell.
        side: u8,
        /// UTC ns.
        timestamp_ns: i64,
        /// Security.
        symbol: Symbol,
        /// Order ID.
        order_id: u64,
        /// Shares.
        size: u32,
        /// Price, 1e-4.
        price: i64,
    }

    /// `M` «Order Modify Message» (DEEP+).
    b'M' 38 OrderModify {
        /// Bit 0: the order keeps its priority.
        flags: u8,
        /// UTC ns.
        timestamp_ns: i64,
        /// Security.
        symbol: Symbol,
        /// Order ID.
        order_id: u64,
        /// Shares from now on.
        size: u32,
        /// Price from now on, 1e-4.
        price: i64,
    }

    /// `R` «Order Delete Message» (DEEP+).
    b'R' 26 OrderDelete {
        /// Reserved.
        reserved: u8,
        /// UTC ns.
        timestamp_ns: i64,
        /// Security.
        symbol: Symbol,
        /// Order ID.
        order_id: u64,
    }

    /// `L` «Order Executed Message» (DEEP+).
    b'L' 46 OrderExecuted {
        /// Sale condition, as in [`TradeReport`].
        sale_condition: u8,
        /// UTC ns.
        timestamp_ns: i64,
        /// Security.
        symbol: Symbol,
        /// Order ID.
        order_id: u64,
        /// Shares.
        size: u32,
        /// Price, 1e-4.
        price: i64,
        /// Number of the trade, unique within the day.
        trade_id: i64,
    }

    /// `C` «Clear Book Message» (DEEP+): all orders of the security are gone.
    b'C' 18 ClearBook {
        /// Reserved.
        reserved: u8,
        /// UTC ns.
        timestamp_ns: i64,
        /// Security.
        symbol: Symbol,
    }
}
