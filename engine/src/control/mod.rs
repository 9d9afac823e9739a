//! What runs before, after or beside the hot stages, never in them.

pub mod book_bench;
