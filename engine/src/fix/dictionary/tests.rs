//! Our facts against those of another project's dictionaries, and the look-ups.

use super::*;
use crate::fix::cursor::{data_tag_of, length_tag_of};
use crate::fix::standard::{Node, Standard};
use crate::fix::{fix42, fix44};

/// `UtcTimestamp` as the standard writes it.
fn kind_name(kind: FieldKind, begin_string: &str) -> String {
    match kind {
        FieldKind::UtcDate if begin_string == "FIX.4.4" => "UTCDATEONLY".into(),
        kind => format!("{kind:?}").to_uppercase(),
    }
}

fn members_are_equal(place: &str, ours: &Members, standard: &[Node]) {
    let tags = |nodes: &[&Node]| {
        let mut tags: Vec<u32> = nodes.iter().map(|node| node.tag).collect();
        tags.sort_unstable();
        tags
    };
    let all: Vec<&Node> = standard.iter().collect();
    let required: Vec<&Node> = standard.iter().filter(|node| node.required).collect();
    let groups: Vec<&Node> = standard.iter().filter(|node| node.entry.is_some()).collect();
    assert_eq!(ours.allowed().tags().collect::<Vec<_>>(), tags(&all), "{place}: fields");
    assert_eq!(ours.required().tags().collect::<Vec<_>>(), tags(&required), "{place}: required fields");
    assert_eq!(
        ours.groups().iter().map(Group::count_tag).collect::<Vec<_>>(),
        tags(&groups),
        "{place}: groups"
    );
    for group in groups {
        let entry = group.entry.as_ref().unwrap();
        let found = ours.group(group.tag).unwrap();
        let place = format!("{place}, group {}", group.tag);
        assert_eq!(found.first(), entry[0].tag, "{place}: first field");
        members_are_equal(&place, found.entry(), entry);
    }
}

#[test]
fn both_dictionaries_say_what_the_standard_says() {
    for (version, ours, messages) in [("42", Dictionary::fix42(), 20), ("44", Dictionary::fix44(), 23)] {
        let Some(standard) = Standard::read(version) else { return };
        assert_eq!(ours.begin_string(), standard.begin_string);
        assert_eq!(ours.fields().len(), standard.fields.len());
        for (&tag, field) in &standard.fields {
            let found = ours.field(tag).unwrap_or_else(|| panic!("{version}: no field {tag}"));
            let place = format!("{version}: {}({tag})", field.name);
            assert_eq!((found.tag(), found.name()), (tag, field.name.as_str()));
            assert_eq!(kind_name(found.kind(), ours.begin_string()), field.kind, "{place}");
            let mut values: Vec<&[u8]> = field.values.iter().map(|value| value.as_bytes()).collect();
            values.sort_unstable();
            match tag {
                // The values of MsgType are the messages; "any ISO country code" is not one value of SettlLocation.
                35 => assert!(values.iter().all(|value| ours.is_message_type(value)), "{place}"),
                166 if version == "42" => assert!(values.contains(&b"ISO Country Code".as_slice())),
                _ => assert_eq!(found.values(), values, "{place}"),
            }
        }
        members_are_equal(version, ours.header(), &standard.header);
        members_are_equal(version, ours.trailer(), &standard.trailer);
        assert_eq!(ours.messages().len(), messages);
        for message in ours.messages() {
            let message_type = std::str::from_utf8(message.message_type()).unwrap();
            let wanted = &standard.messages[message_type];
            assert_eq!((message.name(), message.is_admin()), (wanted.name.as_str(), wanted.admin));
            members_are_equal(&format!("{version}: {message_type}"), message.body(), &wanted.body);
        }
    }
}

#[test]
fn message_types_are_those_of_the_standard_and_no_other() {
    for (version, ours) in [("42", Dictionary::fix42()), ("44", Dictionary::fix44())] {
        let Some(standard) = Standard::read(version) else { return };
        let every = (0..=u32::from(u16::MAX)).map(|code| code.to_be_bytes());
        for code in every {
            for message_type in [&code[3..], &code[2..], &code[1..]] {
                let text = std::str::from_utf8(message_type).unwrap_or("");
                let wanted = standard.messages.contains_key(text);
                assert_eq!(
                    ours.is_message_type(message_type),
                    wanted,
                    "{version}: {}",
                    message_type.escape_ascii()
                );
                assert!(wanted || ours.message(message_type).is_none());
            }
        }
        assert!(!ours.is_message_type(b""));
    }
}

#[test]
fn every_length_field_is_known_to_the_cursor() {
    for dictionary in [Dictionary::fix42(), Dictionary::fix44()] {
        for field in dictionary.fields() {
            let announces = field.kind() == FieldKind::Length
                && !["BodyLength", "MaxMessageSize"].contains(&field.name());
            assert_eq!(data_tag_of(field.tag()) != 0, announces, "{field:?}");
            assert_eq!(length_tag_of(field.tag()) != 0, field.kind() == FieldKind::Data, "{field:?}");
        }
    }
}

#[test]
fn constants_carry_the_names_that_orders_are_written_with() {
    assert_eq!(format!("{:?}", fix44::ORDER_QTY), "OrderQty(38)");
    assert_eq!(format!("{:?}", fix44::NO_PARTY_IDS), "NoPartyIDs(453)");
    assert_eq!(format!("{:?}", fix44::IOIID), "IOIID(23)");
    assert_eq!(format!("{:?}", fix44::NO_MD_ENTRIES), "NoMDEntries(268)");
    assert_eq!(format!("{:?}", fix42::LAST_SHARES), "LastShares(32)");
    assert_eq!(format!("{:?}", fix42::RULE80A), "Rule80A(47)");
}

#[test]
fn tags_outside_of_the_tables_are_in_no_set() {
    let mut set = TagSet::EMPTY;
    assert!(set.insert(0) && set.insert(63) && set.insert(64) && set.insert(1023));
    assert!(!set.insert(63) && !set.insert(1024) && !set.insert(u32::MAX));
    assert_eq!(set.tags().collect::<Vec<_>>(), [0, 63, 64, 1023]);
    assert!(!set.contains(1024) && !set.contains(u32::MAX));
    let mut other = set;
    assert_eq!(set.first_not_in(&other), None);
    other = TagSet::EMPTY;
    other.insert(0);
    assert_eq!(set.first_not_in(&other), Some(63));
    let dictionary = Dictionary::fix44();
    assert!([0, 101, 957, 1024, 5000, u32::MAX].iter().all(|&tag| dictionary.field(tag).is_none()));
    assert_eq!(Dictionary::of_begin_string(b"FIX.4.2").map(Dictionary::begin_string), Some("FIX.4.2"));
    assert!(Dictionary::of_begin_string(b"FIX.4.3").is_none());
}
