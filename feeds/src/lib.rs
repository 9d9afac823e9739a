//! Wire bytes to [`event::MarketEvent`]: the lowest crate, owner of the market-data vocabulary.
//!
//! Decoders are sans-I/O and borrow the input; they allocate nothing per message and never panic on bad input.
//! Live, replay, bench and fuzz call the same decoder.
#![deny(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    clippy::cast_lossless
)]

pub mod arbiter;
pub mod big_endian;
pub mod binance;
pub mod databento;
pub mod decimal;
pub mod directory;
pub mod error;
pub mod event;
pub mod glimpse;
pub mod iex;
pub mod itch;
pub mod lean;
pub mod listing_map;
mod little_endian;
pub mod mdp3;
pub mod moldudp64;
pub mod option_symbol;
pub mod packet_decoder;
pub mod send_buffer;
pub mod soupbintcp;
pub mod source;
pub mod symbol;
pub mod units;
