//! Desks of wide work from their configuration to their orders: every kind of relation on a day of a few lines with amounts by
//! hand, and the examples that ship.

mod day;
mod examples;
mod kinds;
