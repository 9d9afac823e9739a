//! The root blocks and group entries of the MDP 3.0 templates, each a table of its fields in wire order.
//!
//! Values stay in wire units: prices are mantissas whose exponent the template gives (1e-7 up to template 45, 1e-9 from
//! 46 on), quantities in contracts, times UTC ns. Padding and fields that nobody needs are kept as bytes, so that
//! decoding and encoding give the same bytes back. Plain data, no allocation; any thread.
//!
//! «Needs» is how much of a block must be there: what an older version lacks behind it reads as zero.

use crate::little_endian::wire_struct;

/// The null of optional prices.
pub const PRICE_NULL: i64 = i64::MAX;

/// The null of optional 32-bit quantities and ids.
pub const INT32_NULL: i32 = i32::MAX;

/// The null of optional 64-bit quantities and ids.
pub const UINT64_NULL: u64 = u64::MAX;

/// Bit of MatchEventIndicator(5799): the last message of the event.
pub const END_OF_EVENT: u8 = 1 << 7;

/// A block whose length on the wire the sender gives.
pub trait Block: Copy {
    /// Bytes that the sender must have written.
    const NEEDED: usize;
    /// The values in a block of at least [`Self::NEEDED`] bytes; bytes behind the known fields are left out.
    fn read_block(bytes: &[u8]) -> Self;
    /// Appends the block cut or filled with zeros to `length` bytes.
    fn append_block(&self, length: usize, out: &mut Vec<u8>);
}

macro_rules! block {
    ($(#[$doc:meta])* $name:ident $length:literal needs $needed:literal { $($fields:tt)* }) => {
        wire_struct! { $(#[$doc])* $name $length { $($fields)* } }

        const _: () = assert!($needed <= $length);

        impl Block for $name {
            const NEEDED: usize = $needed;

            #[inline(always)]
            fn read_block(bytes: &[u8]) -> Self {
                match bytes.first_chunk() {
                    Some(bytes) => Self::read(bytes),
                    None => {
                        let mut whole = [0; $length];
                        whole[..bytes.len()].copy_from_slice(bytes);
                        Self::read(&whole)
                    }
                }
            }

            fn append_block(&self, length: usize, out: &mut Vec<u8>) {
                let end = out.len() + length;
                let bytes = self.to_bytes();
                out.extend_from_slice(&bytes[..bytes.len().min(length)]);
                out.resize(end, 0);
            }
        }
    };
}
pub(super) use block;

block! {
    /// No fields (AdminHeartbeat 12).
    Empty 0 needs 0 {}
}

block! {
    /// Root of ChannelReset 4.
    ChannelResetRoot 9 needs 9 {
        /// TransactTime(60), UTC ns.
        transact_ns: u64,
        /// MatchEventIndicator(5799).
        match_event: u8,
    }
}

block! {
    /// Entry of ChannelReset 4.
    ChannelResetEntry 2 needs 0 {
        /// ApplID(1180): the channel.
        channel: i16,
    }
}

block! {
    /// Root of AdminLogin 15.
    AdminLoginRoot 1 needs 1 {
        /// HeartBtInt(108), seconds.
        heartbeat_s: i8,
    }
}

block! {
    /// Root of AdminLogout 16.
    AdminLogoutRoot 180 needs 0 {
        /// Text(58).
        text: [u8; 180],
    }
}

block! {
    /// Root of the incremental refreshes.
    IncrementalRoot 11 needs 9 {
        /// TransactTime(60), UTC ns.
        transact_ns: u64,
        /// MatchEventIndicator(5799); see [`END_OF_EVENT`].
        match_event: u8,
        /// Padding.
        padding: [u8; 2],
    }
}

block! {
    /// Level of MDIncrementalRefreshBook 32 and 46.
    BookEntry 32 needs 27 {
        /// MDEntryPx(270), or [`PRICE_NULL`].
        price: i64,
        /// MDEntrySize(271), or [`INT32_NULL`].
        size: i32,
        /// SecurityID(48).
        security_id: i32,
        /// RptSeq(83): number of the update in its instrument.
        report_sequence: u32,
        /// NumberOfOrders(346), or [`INT32_NULL`].
        orders: i32,
        /// MDPriceLevel(1023), from 1.
        level: u8,
        /// MDUpdateAction(279): 0 new, 1 change, 2 delete, 3 delete thru, 4 delete from, 5 overlay.
        action: u8,
        /// MDEntryType(269): `0` bid, `1` offer, `E` implied bid, `F` implied offer, `J` book reset.
        entry_type: u8,
        /// TradeableSize (version 10 on) and padding.
        padding: [u8; 5],
    }
}

block! {
    /// Level of MDIncrementalRefreshBookLongQty 64.
    BookEntryLong 32 needs 31 {
        /// MDEntryPx(270), or [`PRICE_NULL`].
        price: i64,
        /// MDEntrySize(271), or [`UINT64_NULL`].
        size: u64,
        /// SecurityID(48).
        security_id: i32,
        /// RptSeq(83).
        report_sequence: u32,
        /// NumberOfOrders(346), or [`INT32_NULL`].
        orders: i32,
        /// MDPriceLevel(1023), from 1.
        level: u8,
        /// MDUpdateAction(279), as in [`BookEntry`].
        action: u8,
        /// MDEntryType(269), as in [`BookEntry`].
        entry_type: u8,
        /// Padding.
        padding: [u8; 1],
    }
}

block! {
    /// Order of MDIncrementalRefreshBook 32, 46 and 64; price, side and instrument are those of a level entry.
    OrderIdEntry 24 needs 22 {
        /// OrderID(37).
        order_id: u64,
        /// MDOrderPriority(37707), lower is earlier, or [`UINT64_NULL`].
        priority: u64,
        /// MDDisplayQty(37706), or [`INT32_NULL`].
        size: i32,
        /// ReferenceID(9633): the level entry, from 1; 255 for none.
        reference: u8,
        /// OrderUpdateAction(37708): 0 new, 1 update, 2 delete.
        action: u8,
        /// Padding.
        padding: [u8; 2],
    }
}

block! {
    /// Order of MDIncrementalRefreshOrderBook 43 and 47.
    OrderBookEntry 40 needs 34 {
        /// OrderID(37), or [`UINT64_NULL`].
        order_id: u64,
        /// MDOrderPriority(37707), or [`UINT64_NULL`].
        priority: u64,
        /// MDEntryPx(270), or [`PRICE_NULL`].
        price: i64,
        /// MDDisplayQty(37706), or [`INT32_NULL`].
        size: i32,
        /// SecurityID(48).
        security_id: i32,
        /// MDUpdateAction(279): 0 new, 1 change, 2 delete.
        action: u8,
        /// MDEntryType(269): `0` bid, `1` offer, `J` book reset.
        entry_type: u8,
        /// Padding.
        padding: [u8; 6],
    }
}

block! {
    /// Trade of MDIncrementalRefreshTradeSummary 42 and 48.
    TradeEntry 32 needs 26 {
        /// MDEntryPx(270).
        price: i64,
        /// MDEntrySize(271).
        size: i32,
        /// SecurityID(48).
        security_id: i32,
        /// RptSeq(83).
        report_sequence: u32,
        /// NumberOfOrders(346) in the match step.
        orders: i32,
        /// AggressorSide(5797): 0 none, 1 buy, 2 sell.
        aggressor: u8,
        /// MDUpdateAction(279): 0 new, 1 correction, 2 bust.
        action: u8,
        /// MDTradeEntryID(37711), version 7 on.
        trade_id: u32,
        /// Padding.
        padding: [u8; 2],
    }
}

block! {
    /// Trade of MDIncrementalRefreshTradeSummaryLongQty 65.
    TradeEntryLong 40 needs 34 {
        /// MDEntryPx(270).
        price: i64,
        /// MDEntrySize(271).
        size: u64,
        /// SecurityID(48).
        security_id: i32,
        /// RptSeq(83).
        report_sequence: u32,
        /// NumberOfOrders(346) in the match step.
        orders: i32,
        /// MDTradeEntryID(37711).
        trade_id: u32,
        /// AggressorSide(5797), as in [`TradeEntry`].
        aggressor: u8,
        /// MDUpdateAction(279), as in [`TradeEntry`].
        action: u8,
        /// Padding.
        padding: [u8; 6],
    }
}

block! {
    /// Order that took part in a trade.
    TradeOrderEntry 16 needs 12 {
        /// OrderID(37).
        order_id: u64,
        /// LastQty(32).
        size: i32,
        /// Padding.
        padding: [u8; 4],
    }
}

block! {
    /// Entry of MDIncrementalRefreshVolume 37.
    VolumeEntry 16 needs 13 {
        /// MDEntrySize(271): contracts of the day.
        size: i32,
        /// SecurityID(48).
        security_id: i32,
        /// RptSeq(83).
        report_sequence: u32,
        /// MDUpdateAction(279).
        action: u8,
        /// Padding.
        padding: [u8; 3],
    }
}

block! {
    /// Entry of MDIncrementalRefreshDailyStatistics 33 and 49.
    DailyStatisticsEntry 32 needs 25 {
        /// MDEntryPx(270), or [`PRICE_NULL`].
        price: i64,
        /// MDEntrySize(271), or [`INT32_NULL`].
        size: i32,
        /// SecurityID(48).
        security_id: i32,
        /// RptSeq(83).
        report_sequence: u32,
        /// TradingReferenceDate(5796), days since the Unix epoch, or 65,535.
        reference_date: u16,
        /// SettlPriceType(731), bits.
        settlement_type: u8,
        /// MDUpdateAction(279).
        action: u8,
        /// MDEntryType(269): `6` settlement, `B` cleared volume, `C` open interest, `W` fixing.
        entry_type: u8,
        /// Padding.
        padding: [u8; 7],
    }
}

block! {
    /// Entry of MDIncrementalRefreshLimitsBanding 34 and 50.
    LimitsBandingEntry 32 needs 32 {
        /// HighLimitPrice(1149), or [`PRICE_NULL`].
        high_limit: i64,
        /// LowLimitPrice(1148), or [`PRICE_NULL`].
        low_limit: i64,
        /// MaxPriceVariation(1143), or [`PRICE_NULL`].
        variation_max: i64,
        /// SecurityID(48).
        security_id: i32,
        /// RptSeq(83).
        report_sequence: u32,
    }
}

block! {
    /// Entry of MDIncrementalRefreshSessionStatistics 35 and 51.
    SessionStatisticsEntry 24 needs 19 {
        /// MDEntryPx(270).
        price: i64,
        /// SecurityID(48).
        security_id: i32,
        /// RptSeq(83).
        report_sequence: u32,
        /// OpenCloseSettlFlag(286): 0 open, 5 indicative open, 255 none.
        open_flag: u8,
        /// MDUpdateAction(279).
        action: u8,
        /// MDEntryType(269): `4` open, `7` high, `8` low, `N` highest bid, `O` lowest offer.
        entry_type: u8,
        /// MDEntrySize(271), version 9 on: indicative opening quantity.
        size: i32,
        /// Padding.
        padding: [u8; 1],
    }
}

block! {
    /// Root of SecurityStatus 30.
    SecurityStatusRoot 30 needs 28 {
        /// TransactTime(60), UTC ns.
        transact_ns: u64,
        /// SecurityGroup(1151), padded with zeros.
        group: [u8; 6],
        /// Asset(6937), padded with zeros.
        asset: [u8; 6],
        /// SecurityID(48), or [`INT32_NULL`]: the whole group.
        security_id: i32,
        /// TradeDate(75), days since the Unix epoch, or 65,535.
        trade_date: u16,
        /// MatchEventIndicator(5799).
        match_event: u8,
        /// SecurityTradingStatus(326): 2 halt, 4 close, 15 new price indication, 17 ready to trade, 18 not available, 20
        /// unknown, 21 pre-open, 24 pre-cross, 25 cross, 26 post close, 103 no change, 255 none.
        status: u8,
        /// HaltReason(327).
        halt_reason: u8,
        /// SecurityTradingEvent(1174).
        trading_event: u8,
    }
}

block! {
    /// Root of SnapshotFullRefresh 38 and 52.
    SnapshotRoot 59 needs 35 {
        /// LastMsgSeqNumProcessed(369): the incremental packet that the snapshot is as of.
        last_sequence: u32,
        /// TotNumReports(911): messages in the loop.
        total_reports: u32,
        /// SecurityID(48).
        security_id: i32,
        /// RptSeq(83): the instrument's last update that is in the snapshot.
        report_sequence: u32,
        /// TransactTime(60), UTC ns.
        transact_ns: u64,
        /// LastUpdateTime(779), UTC ns.
        last_update_ns: u64,
        /// TradeDate(75), days since the Unix epoch, or 65,535.
        trade_date: u16,
        /// MDSecurityTradingStatus(1682), as in [`SecurityStatusRoot`].
        status: u8,
        /// HighLimitPrice(1149), or [`PRICE_NULL`].
        high_limit: i64,
        /// LowLimitPrice(1148), or [`PRICE_NULL`].
        low_limit: i64,
        /// MaxPriceVariation(1143), or [`PRICE_NULL`].
        variation_max: i64,
    }
}

block! {
    /// Entry of SnapshotFullRefresh 38 and 52.
    SnapshotEntry 22 needs 22 {
        /// MDEntryPx(270), or [`PRICE_NULL`].
        price: i64,
        /// MDEntrySize(271), or [`INT32_NULL`].
        size: i32,
        /// NumberOfOrders(346), or [`INT32_NULL`].
        orders: i32,
        /// MDPriceLevel(1023), from 1, or 127 for none.
        level: i8,
        /// TradingReferenceDate(5796), days since the Unix epoch, or 65,535.
        reference_date: u16,
        /// OpenCloseSettlFlag(286).
        open_flag: u8,
        /// SettlPriceType(731), bits.
        settlement_type: u8,
        /// MDEntryType(269): those of [`BookEntry`] and of the statistics.
        entry_type: u8,
    }
}

block! {
    /// Root of SnapshotFullRefreshTCPLongQty 68 (MDP Conflated TCP).
    SnapshotTcpRoot 37 needs 13 {
        /// TransactTime(60), UTC ns.
        transact_ns: u64,
        /// MatchEventIndicator(5799).
        match_event: u8,
        /// SecurityID(48).
        security_id: i32,
        /// HighLimitPrice(1149), or [`PRICE_NULL`].
        high_limit: i64,
        /// LowLimitPrice(1148), or [`PRICE_NULL`].
        low_limit: i64,
        /// MaxPriceVariation(1143), or [`PRICE_NULL`].
        variation_max: i64,
    }
}

block! {
    /// Entry of SnapshotFullRefreshTCPLongQty 68.
    SnapshotTcpEntry 23 needs 23 {
        /// MDEntryPx(270), or [`PRICE_NULL`].
        price: i64,
        /// MDEntrySize(271), or [`UINT64_NULL`].
        size: u64,
        /// NumberOfOrders(346), or [`INT32_NULL`].
        orders: i32,
        /// MDPriceLevel(1023), from 1, or 127 or 255 for none.
        level: u8,
        /// OpenCloseSettlFlag(286).
        open_flag: u8,
        /// MDEntryType(269).
        entry_type: u8,
    }
}

block! {
    /// Root of SnapshotFullRefreshOrderBook 44 and 53.
    SnapshotOrdersRoot 28 needs 28 {
        /// LastMsgSeqNumProcessed(369): the incremental packet that the snapshot is as of.
        last_sequence: u32,
        /// TotNumReports(911): messages in the loop.
        total_reports: u32,
        /// SecurityID(48).
        security_id: i32,
        /// NoChunks(37709): packets of this instrument.
        chunks: u32,
        /// CurrentChunk(37710), from 1.
        chunk: u32,
        /// TransactTime(60), UTC ns.
        transact_ns: u64,
    }
}

block! {
    /// Order of SnapshotFullRefreshOrderBook 44 and 53.
    SnapshotOrderEntry 29 needs 29 {
        /// OrderID(37).
        order_id: u64,
        /// MDOrderPriority(37707), or [`UINT64_NULL`].
        priority: u64,
        /// MDEntryPx(270).
        price: i64,
        /// MDDisplayQty(37706).
        size: i32,
        /// MDEntryType(269): `0` bid, `1` offer.
        entry_type: u8,
    }
}
