//! How fast captures of protocols other than ITCH become books, through the same ingest that a replay uses.
//!
//! Load model: captures in memory, one thread, as fast as it goes, from the first to the last message, merged as in a
//! replay; the clock is read twice a pass. One pass of each kind is thrown away. Books and decoders are made before each
//! pass's clock starts. It checks its own result: every pass must end in the same books. Pinning is the caller's
//! business.

use std::hint::black_box;
use std::time::Instant;

use kernels::cpu::book::VenueBooks;

use crate::control::failure::Failure;
use crate::control::inputs::Inputs;
use crate::control::startup;
use crate::pipeline::decision_core::book_hash;

/// Passes that are timed, of each kind; the median is reported.
const PASSES: usize = 5;

/// Measures all captures together.
///
/// # Errors
/// A capture that cannot be read to its end; events that do not fit their books.
pub fn bench(inputs: &Inputs) -> Result<String, Failure> {
    let (mut decode_ns, mut book_ns) = (Vec::new(), Vec::new());
    let mut end = None;
    for pass in 0..=PASSES {
        let mut ingest = inputs.ingest(0)?;
        let start = Instant::now();
        while let Some(event) = ingest.next_message()? {
            black_box(&event);
        }
        let decoding = start.elapsed().as_nanos();
        let mut ingest = inputs.ingest(0)?;
        let instruments_max = ingest.directory().capacity();
        let mut books = Vec::new();
        for venue in 0..inputs.venues.len() as u8 {
            books.push(startup::venue_books(inputs, venue, instruments_max)?);
        }
        let start = Instant::now();
        while let Some(event) = ingest.next_event()? {
            let applied = books[usize::from(event.venue)].apply(&event);
            if let Err(error) = applied {
                return Err(inputs.book_failure(error, event.venue, event.sequence));
            }
        }
        let booking = start.elapsed().as_nanos();
        let hash = book_hash(&books);
        if *end.get_or_insert(hash) != hash {
            return Err(Failure::Input(
                "two passes over the same captures ended in different books".to_owned(),
            ));
        }
        if pass > 0 {
            decode_ns.push(decoding);
            book_ns.push(booking);
        }
        if pass == PASSES {
            let messages = ingest.messages();
            let median = |mut ns: Vec<u128>| {
                ns.sort_unstable();
                ns[PASSES / 2] as f64 / messages.max(1) as f64
            };
            return Ok(format!(
                "messages      {messages}\nevents        {}\ndecode: {:.1} ns\ndecode + book: {:.1} ns\nlive orders   \
                 {}\nlive levels   {}\nbook hash     {hash:016x}\n",
                ingest.events(),
                median(decode_ns),
                median(book_ns),
                books.iter().map(VenueBooks::live_orders).sum::<usize>(),
                books.iter().map(VenueBooks::live_levels).sum::<usize>(),
            ));
        }
    }
    Ok(String::new())
}
