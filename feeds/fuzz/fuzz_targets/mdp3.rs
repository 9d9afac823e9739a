//! MDP 3.0 packets, each to a new feed of either form; the packet comes twice, with a loss in between.
#![no_main]

use std::cell::RefCell;

use feeds::directory::Directory;
use feeds::mdp3::feed::{BookForm, Mdp3Feed};
use feeds::packet_decoder::PacketDecoder;
use feeds::units::TIME_NONE;
use libfuzzer_sys::fuzz_target;

thread_local! {
    // Its tables are 8 MiB: one for all inputs. What it has listed changes instrument numbers, nothing else.
    static DIRECTORY: RefCell<Directory> = RefCell::new(Directory::new(Vec::new(), 64).unwrap());
}

fuzz_target!(|payload: &[u8]| {
    DIRECTORY.with_borrow_mut(|directory| {
        for form in [BookForm::Levels, BookForm::Orders] {
            let mut feed = Mdp3Feed::new(3, 310, form, 16, 5);
            let mut events = Vec::new();
            let _ = feed.decode_packet(directory, payload, TIME_NONE, &mut events);
            feed.lost();
            let _ = feed.decode_packet(directory, payload, TIME_NONE, &mut events);
        }
    });
});
