//! Databento, Binance and IEX captures through decoder and books, held against naive models that share no code with
//! them, and through the built binary. Needs `../shared/data`; said loudly where that is absent.

mod binance;
mod command_line;
mod databento;
mod iex;
mod iex_deep;
mod replayed;
