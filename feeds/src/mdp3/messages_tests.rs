//! Every template against random bytes: what decodes encodes back, and versions older and newer than ours decode too.

use proptest::prelude::*;

use super::*;

/// A message of `layout` from `bytes`, each block `extra` bytes longer (or shorter) than known here and each group of
/// `entries` entries; `tail` is what a newer version has behind the last group.
fn message(layout: &Layout, bytes: &[u8], entries: u8, extra: i16, tail: &[u8]) -> (MessageHeader, Vec<u8>) {
    let mut source = bytes.iter().copied().cycle();
    let length = |known: usize| u16::try_from(known).unwrap().saturating_add_signed(extra);
    let block_length = length(layout.root_length);
    let mut body: Vec<u8> = source.by_ref().take(block_length.into()).collect();
    for group in layout.groups {
        let entry_length = length(group.entry_length);
        body.extend(entry_length.to_le_bytes());
        body.extend(source.by_ref().take(group.header_length - 3));
        body.push(entries);
        body.extend(source.by_ref().take(usize::from(entry_length) * usize::from(entries)));
    }
    body.extend(tail);
    let size = u16::try_from(MessageHeader::LENGTH + body.len()).unwrap();
    (MessageHeader { size, block_length, template: layout.template, schema: 1, version: 9 }, body)
}

#[test]
fn block_lengths_are_the_schema_s() {
    // Schema 1, version 9: block lengths of the messages and of their groups, in the schema's order.
    let lengths = |template: u16| {
        let layout = LAYOUTS.iter().find(|layout| layout.template == template).unwrap();
        (layout.root_length, layout.groups.iter().map(|group| group.entry_length).collect::<Vec<_>>())
    };
    let expected: &[(u16, usize, &[usize])] = &[
        (4, 9, &[2]),
        (12, 0, &[]),
        (15, 1, &[]),
        (16, 180, &[]),
        (27, 216, &[9, 4, 4, 5]),
        (29, 195, &[9, 4, 4, 5, 18]),
        (30, 30, &[]),
        (32, 11, &[32, 24]),
        (33, 11, &[32]),
        (34, 11, &[32]),
        (35, 11, &[24]),
        (37, 11, &[16]),
        (38, 59, &[22]),
        (41, 213, &[9, 4, 4, 5, 24, 24]),
        (42, 11, &[32, 16]),
        (43, 11, &[40]),
        (44, 28, &[29]),
        (46, 11, &[32, 24]),
        (47, 11, &[40]),
        (48, 11, &[32, 16]),
        (49, 11, &[32]),
        (50, 11, &[32]),
        (51, 11, &[24]),
        (52, 59, &[22]),
        (53, 28, &[29]),
        (54, 216, &[9, 4, 4, 5]),
        (55, 213, &[9, 4, 4, 5, 24, 24]),
        (56, 195, &[9, 4, 4, 5, 18]),
        (64, 11, &[32, 24]),
        (65, 11, &[40, 16]),
        (68, 37, &[23]),
    ];
    for &(template, root, groups) in expected {
        assert_eq!(lengths(template), (root, groups.to_vec()), "template {template}");
    }
    assert_eq!(LAYOUTS.len(), expected.len());
}

/// Every byte is its own offset, so that a field's lowest byte says where the field lies.
#[test]
fn fields_lie_where_the_schema_has_them() {
    use crate::mdp3::blocks::{
        Block, BookEntry, BookEntryLong, IncrementalRoot, OrderBookEntry, OrderIdEntry, SecurityStatusRoot,
        SnapshotEntry, SnapshotOrderEntry, SnapshotOrdersRoot, SnapshotRoot, TradeEntry, TradeEntryLong,
        TradeOrderEntry,
    };
    let bytes: Vec<u8> = (0..64).collect();
    macro_rules! offsets {
        ($block:ident: $($field:ident $offset:literal),+) => {{
            let block = $block::read_block(&bytes);
            $(assert_eq!(block.$field.to_le_bytes()[0], $offset, stringify!($block.$field));)+
        }};
    }
    offsets!(IncrementalRoot: transact_ns 0, match_event 8);
    offsets!(BookEntry: price 0, size 8, security_id 12, report_sequence 16, orders 20, level 24, action 25, entry_type 26);
    offsets!(BookEntryLong: price 0, size 8, security_id 16, report_sequence 20, orders 24, level 28, action 29, entry_type 30);
    offsets!(OrderIdEntry: order_id 0, priority 8, size 16, reference 20, action 21);
    offsets!(OrderBookEntry: order_id 0, priority 8, price 16, size 24, security_id 28, action 32, entry_type 33);
    offsets!(TradeEntry: price 0, size 8, security_id 12, report_sequence 16, orders 20, aggressor 24, action 25, trade_id 26);
    offsets!(TradeEntryLong: price 0, size 8, security_id 16, report_sequence 20, orders 24, trade_id 28, aggressor 32, action 33);
    offsets!(TradeOrderEntry: order_id 0, size 8);
    offsets!(SecurityStatusRoot: transact_ns 0, security_id 20, trade_date 24, match_event 26, status 27, halt_reason 28, trading_event 29);
    offsets!(SnapshotRoot: last_sequence 0, total_reports 4, security_id 8, report_sequence 12, transact_ns 16, last_update_ns 24, trade_date 32, status 34, high_limit 35, low_limit 43, variation_max 51);
    offsets!(SnapshotEntry: price 0, size 8, orders 12, level 16, reference_date 17, open_flag 19, settlement_type 20, entry_type 21);
    offsets!(SnapshotOrdersRoot: last_sequence 0, total_reports 4, security_id 8, chunks 12, chunk 16, transact_ns 20);
    offsets!(SnapshotOrderEntry: order_id 0, priority 8, price 16, size 24, entry_type 28);
}

#[test]
fn what_does_not_fit_is_refused() {
    let book = LAYOUTS.iter().find(|layout| layout.template == 46).unwrap();
    let (header, body) = message(book, &[7], 2, 0, &[]);
    assert_eq!(body.len(), 11 + 3 + 64 + 8 + 48);
    for length in 0..body.len() {
        // Older versions end before a group.
        let whole = length == 11 || length == 11 + 3 + 64;
        assert_eq!(decode(&header, &body[..length]).is_ok(), whole, "{length}");
    }
    let (short, body) = message(book, &[7], 2, -8, &[]);
    let cause = PacketErrorCause::MessageLength { message_type: 46, needed: 9, found: 3 };
    assert_eq!(decode(&short, &body), Err(cause));
    let unknown = MessageHeader { template: 999, ..header };
    assert_eq!(decode(&unknown, &body), Ok(None));
}

#[test]
fn exponents() {
    assert_eq!(price9(45, 5), Some(500));
    assert_eq!(price9(46, 5), Some(5));
    assert_eq!(price9(32, i64::MAX - 1), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    /// Bytes -> message -> bytes, and again for versions that have appended fields and groups.
    #[test]
    fn both_directions_agree(
        index in 0..LAYOUTS.len(),
        bytes in prop::collection::vec(any::<u8>(), 97),
        entries in 0u8..6,
        extra in 0i16..5,
        tail in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let layout = &LAYOUTS[index];
        let (header, body) = message(layout, &bytes, entries, 0, &[]);
        let decoded = decode(&header, &body).unwrap().unwrap();
        let mut encoded = Vec::new();
        decoded.append(&header, &mut encoded);
        prop_assert_eq!(&encoded[..10], &header.to_bytes());
        prop_assert_eq!(&encoded[10..], &body[..]);

        let (newer, body) = message(layout, &bytes, entries, extra, &tail);
        let decoded = decode(&newer, &body).unwrap().unwrap();
        let mut encoded = Vec::new();
        decoded.append(&newer, &mut encoded);
        prop_assert_eq!(encoded.len(), 10 + body.len() - tail.len());
        // What stands behind the known fields is left out: zeros. The known fields are the same.
        let size = u16::try_from(encoded.len()).unwrap();
        let mut again = Vec::new();
        let header = MessageHeader { size, ..newer };
        decode(&header, &encoded[10..]).unwrap().unwrap().append(&header, &mut again);
        prop_assert_eq!(again, encoded);
    }
}
