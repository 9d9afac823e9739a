//! Wide work by a device through the whole engine: the shipped kernel in the interpreter computes what the CPU does, and a
//! device that freezes, is late or comes back changes no decision.
//!
//! The interpreter's settings are the process's, so that one test runs at a time.

mod command_line;
mod day;
mod failover;
mod flood;
mod kinds;
mod lockstep;
