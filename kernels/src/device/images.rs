//! The kernels as they are shipped: built from `kernels/cuda` by `kernels/cuda/build.sh`, byte for byte.
//!
//! The fat binaries hold code for each generation, assembled from the very PTX beside them, which is what a stand-in for
//! the driver interprets.

/// Code of the engine for compute capabilities 7.5, 8.0, 8.6, 8.9, 9.0, 10.0 and 12.0, and PTX.
pub const ENGINE_FATBIN: &[u8] = include_bytes!("../../cuda/built/engine.fatbin");

/// Code of the kernels that are launched for a batch or for a tick, for the same.
pub const BATCH_FATBIN: &[u8] = include_bytes!("../../cuda/built/batch.fatbin");

/// Code of the control kernel for the same.
pub const EPOCH_END_FATBIN: &[u8] = include_bytes!("../../cuda/built/epoch_end.fatbin");

/// The engine as a grid, PTX of compute capability 7.5, ended by a zero.
pub const ENGINE_GRID_PTX: &str = concat!(include_str!("../../cuda/built/engine_grid.ptx"), "\0");

/// The engine as a cluster, PTX of compute capability 9.0, ended by a zero.
pub const ENGINE_CLUSTER_PTX: &str = concat!(include_str!("../../cuda/built/engine_cluster.ptx"), "\0");

/// The kernels that are launched for a batch or for a tick, PTX of compute capability 7.5, ended by a zero.
pub const BATCH_PTX: &str = concat!(include_str!("../../cuda/built/batch.ptx"), "\0");

/// The control kernel's PTX, ended by a zero.
pub const EPOCH_END_PTX: &str = concat!(include_str!("../../cuda/built/epoch_end.ptx"), "\0");

/// Options in bulk, code for the same.
pub const OPTIONS_FATBIN: &[u8] = include_bytes!("../../cuda/built/options.fatbin");

/// American options, code for the same.
pub const AMERICAN_FATBIN: &[u8] = include_bytes!("../../cuda/built/american.fatbin");

/// Simulations, code for the same.
pub const MONTE_CARLO_FATBIN: &[u8] = include_bytes!("../../cuda/built/monte_carlo.fatbin");

/// Options in bulk, PTX of compute capability 7.5, ended by a zero.
pub const OPTIONS_PTX: &str = concat!(include_str!("../../cuda/built/options.ptx"), "\0");

/// American options, likewise.
pub const AMERICAN_PTX: &str = concat!(include_str!("../../cuda/built/american.ptx"), "\0");

/// Simulations, likewise.
pub const MONTE_CARLO_PTX: &str = concat!(include_str!("../../cuda/built/monte_carlo.ptx"), "\0");
