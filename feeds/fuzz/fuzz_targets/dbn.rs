//! DBN: the metadata, then every record behind it to a new feed; refused records leave no events.
#![no_main]

use std::cell::RefCell;

use feeds::databento::feed::{DbnFeed, EVENTS_MAX};
use feeds::databento::records::{Layout, record_at};
use feeds::directory::Directory;
use libfuzzer_sys::fuzz_target;

thread_local! {
    // Its tables are 8 MiB: one for all inputs. What it has listed changes instrument numbers, nothing else.
    static DIRECTORY: RefCell<Directory> = RefCell::new(Directory::new(Vec::new(), 64).unwrap());
}

fuzz_target!(|bytes: &[u8]| {
    let Some(Ok(layout)) = Layout::detect(bytes) else { return };
    assert!(layout.records_at <= bytes.len());
    DIRECTORY.with_borrow_mut(|directory| {
        let mut feed = DbnFeed::new(&layout, 3, 16, 5);
        let (mut at, mut events) = (layout.records_at, Vec::with_capacity(EVENTS_MAX));
        let mut number = 0;
        while let Some(record) = record_at(bytes, at) {
            at += record.bytes.len();
            number += 1;
            events.clear();
            let decoded = feed.decode_record(directory, record, number, &mut events);
            assert!(decoded.is_ok() || events.is_empty());
            assert_eq!(events.capacity(), EVENTS_MAX, "more events than announced");
        }
    });
});
