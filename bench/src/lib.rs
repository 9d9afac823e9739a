//! Benchmark scenarios, one a file. Each checks its own result, so that a run that did no work fails, and prints one
//! JSON line with its method.

pub mod fix_decode;
pub mod fix_encode;
pub mod timing;
