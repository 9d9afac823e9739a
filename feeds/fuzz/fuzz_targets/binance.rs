//! Binance capture lines to a new feed of either book source; refused lines leave no events.
#![no_main]

use std::cell::RefCell;

use feeds::binance::feed::{BinanceFeed, BookSource, split};
use feeds::directory::Directory;
use feeds::event::flags;
use libfuzzer_sys::fuzz_target;

thread_local! {
    // Its tables are 8 MiB: one for all inputs. What it has listed changes instrument numbers, nothing else.
    static DIRECTORY: RefCell<Directory> = RefCell::new(Directory::new(Vec::new(), 64).unwrap());
}

fuzz_target!(|bytes: &[u8]| {
    DIRECTORY.with_borrow_mut(|directory| {
        for source in [BookSource::Depth, BookSource::Ticker] {
            let mut feed = BinanceFeed::new(3, source, 256);
            let mut events = Vec::new();
            for (line, number) in bytes.split(|&byte| byte == b'\n').zip(1..) {
                let Ok((receive_ns, json)) = split(line) else { continue };
                events.clear();
                let decoded = feed.decode_line(directory, json, number, receive_ns, &mut events);
                assert!(decoded.is_ok() || events.is_empty());
                for (at, event) in events.iter().enumerate() {
                    assert_eq!(event.flags & flags::LAST_OF_EVENT != 0, at + 1 == events.len());
                }
            }
        }
    });
});
