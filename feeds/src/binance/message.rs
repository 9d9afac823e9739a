//! One JSON text of Binance as plain numbers.
//!
//! [`MessageParser`] owns the buffers: the padded copy of the line that the parser unescapes in, its tape, and the
//! levels of the last message. They grow to the longest line and are reused; the thread that decodes owns them.
//! Unknown fields and message types are passed over; a known field of the wrong type is an error.

use std::fmt;

use simd_json::{Buffers, INPUT_PADDING, Node, StaticNode, Tape};

use crate::decimal;
use crate::symbol::{SYMBOL_BYTES_MAX, Symbol};

/// Decimals of a price unit.
const PRICE_DECIMALS: u32 = 9;

/// Decimals of a quantity unit, but for contracts.
const QUANTITY_DECIMALS: u32 = 8;

/// Quantity units in one.
const QUANTITY_ONE: u64 = 100_000_000;

/// Deepest nesting that is looked into: the stream's wrapper and the message in it.
const DEPTH_MAX: u32 = 2;

/// Which of Binance's markets a message is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Market {
    /// Spot: diffs without `pu`, trades with `M`, tickers without `e`.
    Spot,
    /// USD-margined futures; quantities in the base asset.
    UsdM,
    /// Coin-margined futures: symbols with `USD_`; quantities in contracts.
    CoinM,
}

/// A price level: 1e-9, and the market's quantity unit (0 = gone).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Level {
    /// Price, 1e-9.
    pub price: i64,
    /// Quantity; see [`crate::binance`] for the unit.
    pub quantity: u64,
}

/// What a line says, its levels apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// A depth diff: update ids `first` (U) to `last` (u), of futures also the diff before (pu).
    Diff {
        /// `U`.
        first: u64,
        /// `u`.
        last: u64,
        /// `pu`, futures only.
        previous: Option<u64>,
    },
    /// A REST snapshot of the book.
    Snapshot {
        /// `lastUpdateId`.
        last: u64,
    },
    /// Best bid and offer after update `last`.
    Ticker {
        /// `u`.
        last: u64,
        /// `b`, `B`.
        bid: Level,
        /// `a`, `A`.
        ask: Level,
    },
    /// A trade, or an aggregate of one taker's trades at one price.
    Trade {
        /// `t` or `a`.
        id: u64,
        /// `p`, `q`.
        level: Level,
        /// `m`: the buyer's order rested.
        buyer_is_maker: bool,
    },
    /// Anything else: subscription answers, other streams.
    Other,
}

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// Whose market.
    pub market: Market,
    /// The venue's symbol; snapshots of spot and USD-M carry none.
    pub symbol: Option<Symbol>,
    /// Transaction time `T`, else event time `E`, ms; 0 where neither is there.
    pub exchange_ms: u64,
    /// What it says.
    pub body: Body,
}

/// Why a line is no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageError {
    /// Not JSON.
    Json,
    /// This field is missing, of another type, or out of range.
    Field(&'static str),
}

impl fmt::Display for MessageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json => f.write_str("the text behind the receive time is not JSON"),
            Self::Field(name) => write!(f, "field {name} is missing, of another type or out of range"),
        }
    }
}

impl std::error::Error for MessageError {}

/// A number or a text of the JSON, or a sign that there was something else.
#[derive(Clone, Copy, Default)]
enum Value<'a> {
    #[default]
    Absent,
    Number(u64),
    Text(&'a str),
    Flag(bool),
    /// Levels, read already.
    Levels,
    Other,
}

impl<'a> Value<'a> {
    fn number(self, name: &'static str) -> Result<u64, MessageError> {
        match self {
            Self::Number(number) => Ok(number),
            _ => Err(MessageError::Field(name)),
        }
    }

    fn text(self) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    fn is_there(self) -> bool {
        !matches!(self, Self::Absent)
    }
}

/// The fields by name, as found; values of a field that comes twice overwrite each other.
#[derive(Default)]
struct Fields<'a> {
    event: Value<'a>,
    symbol: Value<'a>,
    event_ms: Value<'a>,
    transaction_ms: Value<'a>,
    first: Value<'a>,
    last: Value<'a>,
    previous: Value<'a>,
    snapshot: Value<'a>,
    bid: Value<'a>,
    bid_quantity: Value<'a>,
    ask: Value<'a>,
    ask_quantity: Value<'a>,
    price: Value<'a>,
    quantity: Value<'a>,
    trade: Value<'a>,
    maker: Value<'a>,
    ignored: Value<'a>,
}

/// See the module's text.
pub struct MessageParser {
    text: Vec<u8>,
    buffers: Buffers,
    tape: Tape<'static>,
    bids: Vec<Level>,
    asks: Vec<Level>,
}

impl Default for MessageParser {
    fn default() -> Self {
        Self::new(1 << 16)
    }
}

impl MessageParser {
    /// A parser with room for lines of `line_bytes`; longer ones make it grow.
    #[must_use]
    pub fn new(line_bytes: usize) -> Self {
        // A level takes at least 13 bytes of text and makes three nodes.
        let levels = line_bytes / 13;
        Self {
            text: Vec::with_capacity(line_bytes + INPUT_PADDING),
            buffers: Buffers::new(line_bytes),
            tape: Tape(Vec::with_capacity(levels * 3 + 64)),
            bids: Vec::with_capacity(levels),
            asks: Vec::with_capacity(levels),
        }
    }

    /// Bid levels of the last diff or snapshot, in its order.
    #[must_use]
    pub fn bids(&self) -> &[Level] {
        &self.bids
    }

    /// Ask levels of the last diff or snapshot, in its order.
    #[must_use]
    pub fn asks(&self) -> &[Level] {
        &self.asks
    }

    /// Parses one JSON text.
    ///
    /// # Errors
    /// [`MessageError`]; the levels are then those of no message.
    pub fn parse(&mut self, json: &[u8]) -> Result<Message, MessageError> {
        self.bids.clear();
        self.asks.clear();
        self.text.clear();
        self.text.extend_from_slice(json);
        self.text.resize(json.len() + INPUT_PADDING, 0);
        let mut tape = std::mem::replace(&mut self.tape, Tape(Vec::new())).reset();
        let parsed = simd_json::fill_tape_padded(&mut self.text, json.len(), &mut self.buffers, &mut tape);
        let message = match parsed {
            Ok(()) => {
                let mut fields = Fields::default();
                read_object(&tape.0, DEPTH_MAX, &mut fields, &mut self.bids, &mut self.asks)
                    .and_then(|_| interpret(&fields, &mut self.bids, &mut self.asks))
            }
            Err(_) => Err(MessageError::Json),
        };
        self.tape = tape.reset();
        message
    }
}

/// Nodes that the value at the front takes up.
fn extent(nodes: &[Node<'_>]) -> usize {
    match nodes.first() {
        Some(Node::Object { count, .. } | Node::Array { count, .. }) => 1 + count,
        _ => 1,
    }
}

/// Reads the object at the front of `nodes`; anything else has no fields.
fn read_object<'a>(
    nodes: &[Node<'a>],
    depth: u32,
    fields: &mut Fields<'a>,
    bids: &mut Vec<Level>,
    asks: &mut Vec<Level>,
) -> Result<(), MessageError> {
    let Some(Node::Object { len, .. }) = nodes.first() else { return Ok(()) };
    let mut rest = &nodes[1..];
    for _ in 0..*len {
        let Some((Node::String(key), value)) = rest.split_first() else { return Err(MessageError::Json) };
        let slot = match *key {
            "e" => &mut fields.event,
            "s" | "symbol" => &mut fields.symbol,
            "E" => &mut fields.event_ms,
            "T" => &mut fields.transaction_ms,
            "U" => &mut fields.first,
            "u" => &mut fields.last,
            "pu" => &mut fields.previous,
            "lastUpdateId" => &mut fields.snapshot,
            "b" | "bids" => &mut fields.bid,
            "B" => &mut fields.bid_quantity,
            "a" | "asks" => &mut fields.ask,
            "A" => &mut fields.ask_quantity,
            "p" => &mut fields.price,
            "q" => &mut fields.quantity,
            "t" => &mut fields.trade,
            "m" => &mut fields.maker,
            "M" => &mut fields.ignored,
            "data" if depth > 1 => {
                read_object(value, depth - 1, fields, bids, asks)?;
                rest = value.get(extent(value)..).unwrap_or_default();
                continue;
            }
            _ => {
                rest = value.get(extent(value)..).unwrap_or_default();
                continue;
            }
        };
        *slot = match value.first() {
            Some(Node::String(text)) => Value::Text(text),
            Some(Node::Static(StaticNode::U64(number))) => Value::Number(*number),
            Some(Node::Static(StaticNode::I64(number))) => {
                u64::try_from(*number).map_or(Value::Other, Value::Number)
            }
            Some(Node::Static(StaticNode::Bool(flag))) => Value::Flag(*flag),
            Some(Node::Array { .. }) => match *key {
                "b" | "bids" => read_levels(value, bids)?,
                "a" | "asks" => read_levels(value, asks)?,
                _ => Value::Other,
            },
            _ => Value::Other,
        };
        rest = value.get(extent(value)..).unwrap_or_default();
    }
    Ok(())
}

/// Reads an array of `[price, quantity]` texts; quantities in 1e-8.
fn read_levels<'a>(nodes: &[Node<'a>], levels: &mut Vec<Level>) -> Result<Value<'a>, MessageError> {
    const REFUSED: MessageError = MessageError::Field("of a level");
    levels.clear();
    let Some(Node::Array { len, .. }) = nodes.first() else { return Err(REFUSED) };
    let mut rest = &nodes[1..];
    for _ in 0..*len {
        let [Node::Array { len: 2.., .. }, Node::String(price), Node::String(quantity), ..] = rest else {
            return Err(REFUSED);
        };
        levels.push(level(price, quantity).ok_or(REFUSED)?);
        rest = rest.get(extent(rest)..).unwrap_or_default();
    }
    Ok(Value::Levels)
}

fn level(price: &str, quantity: &str) -> Option<Level> {
    Some(Level {
        price: i64::try_from(decimal::parse(price, PRICE_DECIMALS)?).ok()?,
        quantity: decimal::parse(quantity, QUANTITY_DECIMALS)?,
    })
}

/// A level in the market's quantity unit.
fn in_unit(level: Level, market: Market) -> Option<Level> {
    match market {
        Market::Spot | Market::UsdM => Some(level),
        Market::CoinM => level
            .quantity
            .is_multiple_of(QUANTITY_ONE)
            .then_some(Level { quantity: level.quantity / QUANTITY_ONE, ..level }),
    }
}

/// A level of two text fields.
fn level_of(
    price: Value<'_>,
    quantity: Value<'_>,
    market: Market,
    name: &'static str,
) -> Result<Level, MessageError> {
    let texts = price.text().zip(quantity.text());
    texts
        .and_then(|(price, quantity)| level(price, quantity))
        .and_then(|level| in_unit(level, market))
        .ok_or(MessageError::Field(name))
}

/// What the fields mean together.
fn interpret(fields: &Fields<'_>, bids: &mut [Level], asks: &mut [Level]) -> Result<Message, MessageError> {
    let name = fields.symbol.text();
    let symbol = match fields.symbol {
        Value::Absent => None,
        _ => {
            let name = name.filter(|name| name.len() <= SYMBOL_BYTES_MAX - PERPETUAL.len());
            Some(name.and_then(|name| Symbol::new(name).ok()).ok_or(MessageError::Field("s"))?)
        }
    };
    let coin = name.is_some_and(|name| name.contains("USD_"));
    let market = |spot: bool| match (coin, spot) {
        (true, _) => Market::CoinM,
        (false, true) => Market::Spot,
        (false, false) => Market::UsdM,
    };
    let time = if fields.transaction_ms.is_there() { fields.transaction_ms } else { fields.event_ms };
    let exchange_ms = if time.is_there() { time.number("T or E")? } else { 0 };
    let event = fields.event.text();
    let (market, body) = if fields.snapshot.is_there() {
        let market = market(!fields.event_ms.is_there());
        to_unit(market, bids, asks)?;
        if !matches!((fields.bid, fields.ask), (Value::Levels, Value::Levels)) {
            return Err(MessageError::Field("bids or asks"));
        }
        (market, Body::Snapshot { last: fields.snapshot.number("lastUpdateId")? })
    } else if event == Some("depthUpdate") {
        let market = market(!fields.previous.is_there());
        to_unit(market, bids, asks)?;
        if !matches!((fields.bid, fields.ask), (Value::Levels, Value::Levels)) {
            return Err(MessageError::Field("b or a"));
        }
        let previous = fields.previous.is_there().then(|| fields.previous.number("pu")).transpose()?;
        let (first, last) = (fields.first.number("U")?, fields.last.number("u")?);
        if first > last {
            return Err(MessageError::Field("U"));
        }
        (market, Body::Diff { first, last, previous })
    } else if event == Some("bookTicker")
        || (event.is_none() && fields.bid_quantity.is_there() && fields.ask_quantity.is_there())
    {
        let market = market(event.is_none());
        let bid = level_of(fields.bid, fields.bid_quantity, market, "b or B")?;
        let ask = level_of(fields.ask, fields.ask_quantity, market, "a or A")?;
        (market, Body::Ticker { last: fields.last.number("u")?, bid, ask })
    } else if event == Some("trade") || event == Some("aggTrade") {
        let market = market(fields.ignored.is_there());
        let id = if event == Some("trade") { fields.trade } else { fields.ask };
        let Value::Flag(buyer_is_maker) = fields.maker else { return Err(MessageError::Field("m")) };
        let level = level_of(fields.price, fields.quantity, market, "p or q")?;
        (market, Body::Trade { id: id.number("t or a")?, level, buyer_is_maker })
    } else {
        (market(false), Body::Other)
    };
    if symbol.is_none() && !matches!(body, Body::Snapshot { .. } | Body::Other) {
        return Err(MessageError::Field("s"));
    }
    Ok(Message { market, symbol, exchange_ms, body })
}

/// What is put behind the symbol of a USD-M perpetual.
pub(super) const PERPETUAL: &str = "_PERP";

fn to_unit(market: Market, bids: &mut [Level], asks: &mut [Level]) -> Result<(), MessageError> {
    if market == Market::CoinM {
        for level in bids.iter_mut().chain(asks) {
            *level = in_unit(*level, market).ok_or(MessageError::Field("of a level"))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<Message, MessageError> {
        MessageParser::new(64).parse(json.as_bytes())
    }

    fn symbol(text: &str) -> Option<Symbol> {
        Symbol::new(text).ok()
    }

    #[test]
    fn diffs_of_all_markets() {
        let mut parser = MessageParser::new(0);
        let spot =
            br#"{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":5,"s":"BTCUSDT","U":7,"u":9,
            "b":[["61737.63000000","0.00000000"]],"a":[["61837.64","1.54698"],["0.00000001","3"]]}}"#;
        let message = parser.parse(spot).unwrap();
        assert_eq!(
            (message.market, message.symbol, message.exchange_ms),
            (Market::Spot, symbol("BTCUSDT"), 5)
        );
        assert_eq!(message.body, Body::Diff { first: 7, last: 9, previous: None });
        assert_eq!(parser.bids(), [Level { price: 61_737_630_000_000, quantity: 0 }]);
        assert_eq!(parser.asks()[0], Level { price: 61_837_640_000_000, quantity: 154_698_000 });
        assert_eq!(parser.asks()[1], Level { price: 10, quantity: 300_000_000 });

        let coin = br#"{"e":"depthUpdate","E":6,"T":4,"s":"BTCUSD_PERP","ps":"BTCUSD","U":1,"u":2,"pu":0,"b":[],"a":[["9.5","1001"]]}"#;
        let message = parser.parse(coin).unwrap();
        assert_eq!((message.market, message.exchange_ms), (Market::CoinM, 4));
        assert_eq!(message.body, Body::Diff { first: 1, last: 2, previous: Some(0) });
        assert!(parser.bids().is_empty());
        assert_eq!(parser.asks(), [Level { price: 9_500_000_000, quantity: 1001 }]);
    }

    #[test]
    fn snapshots_tickers_and_trades() {
        let snapshot = parse(r#"{"lastUpdateId":8,"bids":[["1","2"]],"asks":[]}"#).unwrap();
        assert_eq!((snapshot.market, snapshot.symbol), (Market::Spot, None));
        assert_eq!(snapshot.body, Body::Snapshot { last: 8 });
        let snapshot = parse(r#"{"lastUpdateId":8,"E":1,"T":2,"bids":[],"asks":[]}"#).unwrap();
        assert_eq!(snapshot.market, Market::UsdM);

        let ticker =
            parse(r#"{"data":{"u":4,"s":"BTCUSDT","b":"61837.63","B":"3.78","a":"61837.64","A":"1.5"}}"#);
        let bid = Level { price: 61_837_630_000_000, quantity: 378_000_000 };
        let ask = Level { price: 61_837_640_000_000, quantity: 150_000_000 };
        assert_eq!(ticker.unwrap().body, Body::Ticker { last: 4, bid, ask });

        let trade = r#"{"e":"trade","E":9,"T":8,"s":"BTCUSDT","t":77,"p":"61800.30","q":"0.006","X":"MARKET","m":false}"#;
        let message = parse(trade).unwrap();
        let level = Level { price: 61_800_300_000_000, quantity: 600_000 };
        assert_eq!(message.body, Body::Trade { id: 77, level, buyer_is_maker: false });
        assert_eq!((message.market, message.exchange_ms), (Market::UsdM, 8));
        let aggregate = r#"{"e":"aggTrade","E":9,"s":"BTCUSDT","a":78,"p":"1","q":"2","f":1,"l":2,"T":8,"m":true,"M":true}"#;
        let message = parse(aggregate).unwrap();
        let level = Level { price: 1_000_000_000, quantity: 200_000_000 };
        assert_eq!(message.body, Body::Trade { id: 78, level, buyer_is_maker: true });
        assert_eq!(message.market, Market::Spot);

        for other in [r#"{"result":null,"id":1}"#, "[]", "3", r#"{"e":"kline","s":"X","k":{"a":1}}"#] {
            assert_eq!(parse(other).unwrap().body, Body::Other, "{other}");
        }
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        for (json, error) in [
            ("{", MessageError::Json),
            ("", MessageError::Json),
            (r#"{"e":"trade","s":"A","t":1,"p":"1","q":"2"}"#, MessageError::Field("m")),
            (r#"{"e":"trade","s":"A","t":1,"p":"-1","q":"2","m":true}"#, MessageError::Field("p or q")),
            (r#"{"e":"trade","t":1,"p":"1","q":"2","m":true}"#, MessageError::Field("s")),
            (r#"{"e":"trade","s":7}"#, MessageError::Field("s")),
            (r#"{"e":"depthUpdate","s":"A","U":3,"u":2,"b":[],"a":[]}"#, MessageError::Field("U")),
            (
                r#"{"e":"depthUpdate","s":"A","U":3,"u":4,"b":[["1"]],"a":[]}"#,
                MessageError::Field("of a level"),
            ),
            (r#"{"e":"depthUpdate","s":"A","U":3,"u":4,"b":[]}"#, MessageError::Field("b or a")),
            (
                r#"{"e":"depthUpdate","s":"BTCUSD_PERP","U":3,"u":4,"pu":1,"b":[["1","0.5"]],"a":[]}"#,
                MessageError::Field("of a level"),
            ),
        ] {
            assert_eq!(parse(json), Err(error), "{json}");
        }
    }
}
