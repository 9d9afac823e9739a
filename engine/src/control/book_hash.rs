//! One hash over the books of all venues, by symbol: the same books give the same hash whatever numbers a run gave its
//! instruments, so that a recording's replay can be held against the live run.

use feeds::directory::Directory;
use kernels::cpu::book::VenueBooks;

/// The hash; venues count in their order, instruments by their symbols.
#[must_use]
pub fn by_symbol(books: &[VenueBooks], directory: &Directory) -> u64 {
    let name_of = |instrument: u32| {
        let symbol = directory.symbol(instrument);
        let bytes = symbol.as_ref().map_or(&[][..], |symbol| symbol.trimmed());
        // FNV-1a, 64 bits.
        bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3)
        })
    };
    books.iter().fold(0, |hash: u64, books| hash.rotate_left(17) ^ books.named_book_hash(name_of))
}
