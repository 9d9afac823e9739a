//! Stopping a live engine, by people and by itself: `warptick run` as threads of this process or as the built binary, the
//! simulated venue, and a wire between them that writes down what passes.
//!
//! The kill switch by signal, HTTP and command line; limits tightened at once and loosened in two steps; a hung hot
//! thread, a silent feed and a lost session.

mod by_command;
mod by_watchdog;
mod resting;
mod rig;
mod wire;
