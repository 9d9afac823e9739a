//! The simulated exchange, sans-I/O.

pub mod report;
pub mod request;

pub use report::{OrderStatus, Reports, VenueReport};
pub use request::{ClOrdIdText, OrderRequest};
