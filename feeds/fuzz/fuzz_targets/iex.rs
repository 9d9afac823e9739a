//! IEX-TP segments, each to a new feed.
#![no_main]

use std::cell::RefCell;

use feeds::directory::Directory;
use feeds::iex::feed::IexFeed;
use feeds::packet_decoder::PacketDecoder;
use feeds::units::TIME_NONE;
use libfuzzer_sys::fuzz_target;

thread_local! {
    // Its tables are 8 MiB: one for all inputs. What it has listed changes instrument numbers, nothing else.
    static DIRECTORY: RefCell<Directory> = RefCell::new(Directory::new(Vec::new(), 64).unwrap());
}

fuzz_target!(|payload: &[u8]| {
    DIRECTORY.with_borrow_mut(|directory| {
        let mut feed = IexFeed::new(3, 16, 5);
        let mut events = Vec::with_capacity(feed.events_max(payload.len()));
        let capacity = events.capacity();
        let _ = feed.decode_packet(directory, payload, TIME_NONE, &mut events);
        assert_eq!(events.capacity(), capacity, "more events than announced");
    });
});
