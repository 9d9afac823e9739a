//! DBN files and Binance lines: real captures with their known answers, and mutated ones.

mod lean;
mod mutations;
mod real_captures;
mod tickers;
