//! The decision core's computations: order books, NBBO, arbitrage scan, quoting. Integers only; no clock, no I/O,
//! no randomness. Tables are sized at start; nothing allocates after that.

pub mod abi;
pub mod cpu;
pub mod device;
