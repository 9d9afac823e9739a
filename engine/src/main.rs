//! The `warptick` command.
fn main() {}
