//! Where wire bytes come from.

pub mod synthetic;
