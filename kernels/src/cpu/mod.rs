//! The CPU twins of the core's computations.
