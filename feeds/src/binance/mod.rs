//! Binance market data as capture lines: `recv_ns json`, one WebSocket message or REST snapshot a line.
//!
//! Sources: «Binance Spot API: WebSocket Streams» and «USD-M / COIN-M Futures: WebSocket Market Streams», the
//! sections «Diff. Depth Stream», «How to manage a local order book correctly», «Trade», «Aggregate Trade» and
//! «Individual Symbol Book Ticker». Which market a line is of is told by its own fields, so one decoder reads all
//! three: [`message::Market`].
//!
//! Prices are 1e-9 of the quote currency, exact. Quantities: spot and USD-M in 1e-8 of the base asset, COIN-M in
//! contracts. A USD-M perpetual is listed under its symbol with `_PERP` behind it (as COIN-M's are by Binance itself):
//! it is not the spot instrument of that name, and must not share a consolidated book with it.
//!
//! JSON is parsed by `simd-json` into a tape that is reused from line to line. It was chosen with all parsers behind one
//! serde visitor, the copy of the line included (medians of 5, shared noisy machine, baseline x86-64; ns a line):
//! cm_btc simd-json 1063, sonic-rs 1142, serde_json 1037; spot_btc 1053, 1136, 1208; usdm_btc 1299, 1459, 1463. The tape
//! walk used here has not been timed yet. Buffers grow to the longest line and are kept.

pub mod depth;
pub mod feed;
pub mod message;
