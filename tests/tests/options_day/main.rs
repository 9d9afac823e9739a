//! An options day (`warptick generate --options-day`): that it is what it says, that a desk over it finds what was planted and
//! nothing else, and that an options maker over it comes to the same orders by every way.

mod desk;
mod generator;
mod maker;
mod market;
mod scan;
mod value;
mod written;
