//! The wire side as a whole: real captures, damaged inputs, and the errors that users see.

mod captures;
mod containers;
mod errors;
mod frames;
mod iex;
mod mdp3;
mod mutations;
mod mutator;
mod packet_mutations;
mod pieces;
mod record_mutations;
