//! The root blocks and group entries of the instrument definitions: what names and scales an instrument. The fields
//! behind are kept as bytes. Otherwise as [`super::blocks`].

use super::blocks::{Block, block};
use crate::little_endian::wire_struct;

block! {
    /// Root of MDInstrumentDefinitionFuture 27 and 54.
    FutureRoot 216 needs 107 {
        /// What all definitions start with.
        head: [u8; 71],
        /// MaturityMonthYear(200): year `u16`, month, day, week; 255 for none.
        maturity: [u8; 5],
        /// Currency(15) of the price.
        currency: [u8; 3],
        /// SettlCurrency(120).
        settlement_currency: [u8; 3],
        /// MatchAlgorithm(1142): `F` FIFO, `K` configurable, `C` pro-rata, `A` allocation, `T` FIFO with LMM, ...
        match_algorithm: u8,
        /// MinTradeVol(562).
        trade_qty_min: u32,
        /// MaxTradeVol(1140).
        trade_qty_max: u32,
        /// MinPriceIncrement(969): the tick, or the price null.
        tick: i64,
        /// DisplayFactor(9787): price times this is the display price.
        display_factor: i64,
        /// Further fields.
        further: [u8; 109],
    }
}

block! {
    /// Root of MDInstrumentDefinitionSpread 29 and 56.
    SpreadRoot 195 needs 110 {
        /// What all definitions start with.
        head: [u8; 71],
        /// MaturityMonthYear(200): year `u16`, month, day, week; 255 for none.
        maturity: [u8; 5],
        /// Currency(15) of the price.
        currency: [u8; 3],
        /// SecuritySubType(762): the kind of strategy.
        strategy: [u8; 5],
        /// UserDefinedInstrument(9779).
        user_defined: u8,
        /// MatchAlgorithm(1142), as in [`FutureRoot`].
        match_algorithm: u8,
        /// MinTradeVol(562).
        trade_qty_min: u32,
        /// MaxTradeVol(1140).
        trade_qty_max: u32,
        /// MinPriceIncrement(969): the tick, or the price null.
        tick: i64,
        /// DisplayFactor(9787): price times this is the display price.
        display_factor: i64,
        /// Further fields.
        further: [u8; 85],
    }
}

block! {
    /// Root of MDInstrumentDefinitionOption 41 and 55.
    OptionRoot 213 needs 135 {
        /// What all definitions start with.
        head: [u8; 71],
        /// PutOrCall(201): 0 put, 1 call.
        put_or_call: u8,
        /// MaturityMonthYear(200): year `u16`, month, day, week; 255 for none.
        maturity: [u8; 5],
        /// Currency(15) of the price.
        currency: [u8; 3],
        /// StrikePrice(202), or the price null.
        strike: i64,
        /// StrikeCurrency(947).
        strike_currency: [u8; 3],
        /// SettlCurrency(120).
        settlement_currency: [u8; 3],
        /// MinCabPrice(9850), or the price null.
        cabinet_price: i64,
        /// MatchAlgorithm(1142), as in [`FutureRoot`].
        match_algorithm: u8,
        /// MinTradeVol(562).
        trade_qty_min: u32,
        /// MaxTradeVol(1140).
        trade_qty_max: u32,
        /// MinPriceIncrement(969): the tick, or the price null.
        tick: i64,
        /// MinPriceIncrementAmount(1146), or the price null.
        tick_amount: i64,
        /// DisplayFactor(9787): price times this is the display price.
        display_factor: i64,
        /// Further fields.
        further: [u8; 78],
    }
}

wire_struct! {
    /// What all definitions start with.
    DefinitionHead 71 {
        /// MatchEventIndicator(5799).
        match_event: u8,
        /// TotNumReports(911): instruments in the replay loop, or 2^32 - 1.
        total_reports: u32,
        /// SecurityUpdateAction(980): `A` add, `D` delete, `M` modify.
        update_action: u8,
        /// LastUpdateTime(779), UTC ns.
        last_update_ns: u64,
        /// MDSecurityTradingStatus(1682), as in [`super::blocks::SecurityStatusRoot`].
        status: u8,
        /// ApplID(1180): the channel.
        channel: i16,
        /// MarketSegmentID(1300).
        market_segment: u8,
        /// UnderlyingProduct(462): product complex.
        product_complex: u8,
        /// SecurityExchange(207).
        exchange: [u8; 4],
        /// SecurityGroup(1151), padded with zeros.
        group: [u8; 6],
        /// Asset(6937), padded with zeros.
        asset: [u8; 6],
        /// Symbol(55), padded with zeros.
        symbol: [u8; 20],
        /// SecurityID(48).
        security_id: i32,
        /// SecurityType(167).
        security_type: [u8; 6],
        /// CFICode(461).
        cfi_code: [u8; 6],
    }
}

block! {
    /// Entry of NoEvents(864).
    EventEntry 9 needs 9 {
        /// EventType(865): 5 activation, 7 last eligible trade date.
        event_type: u8,
        /// EventTime(1145), UTC ns.
        event_ns: u64,
    }
}

block! {
    /// Entry of NoMDFeedTypes(1141).
    FeedTypeEntry 4 needs 4 {
        /// MDFeedType(1022): `GBX` real book, `GBI` implied book.
        feed_type: [u8; 3],
        /// MarketDepth(264): levels.
        depth: i8,
    }
}

block! {
    /// Entry of NoInstAttrib(870).
    AttributeEntry 4 needs 4 {
        /// InstAttribValue(872), bits.
        attributes: u32,
    }
}

block! {
    /// Entry of NoLotTypeRules(1234).
    LotTypeEntry 5 needs 5 {
        /// LotType(1093).
        lot_type: i8,
        /// MinLotSize(1231), 1e-4, or 2^31 - 1.
        lot_qty_min: i32,
    }
}

block! {
    /// Entry of NoLegs(555).
    LegEntry 18 needs 18 {
        /// LegSecurityID(602).
        security_id: i32,
        /// LegSide(624): 1 buy, 2 sell.
        side: u8,
        /// LegRatioQty(623).
        ratio: i8,
        /// LegPrice(566), or the price null.
        price: i64,
        /// LegOptionDelta(1017), 1e-4, or 2^31 - 1.
        option_delta: i32,
    }
}

block! {
    /// Entry of NoUnderlyings(711) and NoRelatedInstruments(1647).
    RelatedEntry 24 needs 24 {
        /// UnderlyingSecurityID(309), RelatedSecurityID(1650).
        security_id: i32,
        /// UnderlyingSymbol(311), RelatedSymbol(1649), padded with zeros.
        symbol: [u8; 20],
    }
}
