//! The decision core's computations: order books, NBBO, arbitrage, quoting, option pricing. No clock, no I/O, no
//! randomness. Tables are sized at start; nothing allocates after that.
//!
//! Integers only, but for option prices: those are `f64` by one formula whose bits are the same on every machine. What
//! wide work consists of is written twice, here ([`cpu`]) and in CUDA C++ (`cuda/`), with the same stems, names and order
//! of operations; `tests/twins.rs` compares the two bit for bit.

pub mod abi;
pub mod cpu;
