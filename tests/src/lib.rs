//! Whole-system tests of warptick, and the slow, plain models that they hold the fast code against.

pub mod naive_venue;
