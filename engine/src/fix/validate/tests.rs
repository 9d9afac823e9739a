//! Known answers, one rule each; and damaged messages against the naive model and against panics.

use super::*;
use crate::fix::naive_decoder;
use crate::fix::standard::Standard;
use crate::fix::validate::naive;

const SEED: u64 = 0xd1c7_10a7;

/// A frame around a body.
fn framed(begin_string: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("8={begin_string}\u{1}9={}\u{1}", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    let sum = bytes.iter().map(|&byte| u32::from(byte)).sum::<u32>() % 256;
    bytes.extend_from_slice(format!("10={sum:03}\u{1}").as_bytes());
    bytes
}

/// What is wrong with a message of which `|` stands for SOH and `#` for the header behind MsgType.
fn verdict(dictionary: &Dictionary, body: &str) -> Result<(), (u32, Fault)> {
    let body = body.replace('#', "34=2|49=W|52=20120621-13:30:00|56=V").replace('|', "\u{1}");
    let bytes = framed(dictionary.begin_string(), body.as_bytes());
    validate(dictionary, Frame::parse(&bytes).unwrap()).map_err(|error| (error.tag, error.fault))
}

#[test]
fn each_rule_of_the_module() {
    let dictionary = Dictionary::fix44();
    let order = "35=D|#|11=A|38=5|40=2|44=1.5|54=1|55=GOOG|60=20120621-13:30:00|";
    assert_eq!(verdict(dictionary, order), Ok(()));
    let with = |more: &str| verdict(dictionary, &format!("{order}{more}"));
    let party = "448=X|447=D|452=1|";
    for good in [
        "453=0|".to_owned(),
        format!("453=1|{party}"),
        format!("453=02|{party}{party}58=x|"),
        format!("453=1|{party}802=2|523=a|803=1|523=b|803=2|"),
        format!("453=2|{party}802=1|523=a|803=1|448=Y|58=x|"),
        "93=3|89=\u{1}\u{1}\u{1}|".to_owned(),
        "18=1 G 6|200=201206|541=20120621|15=USD|".to_owned(),
        "200=201206w5|".to_owned(),
        "21=2|167=CS|58= |423=1|".to_owned(),
    ] {
        assert_eq!(with(&good), Ok(()), "{good}");
    }
    for (bad, tag, fault) in [
        ("58=", 58, Fault::Empty),
        ("0=1", 0, Fault::InvalidTag),
        ("-1=1", u32::MAX, Fault::InvalidTag),
        ("123456=1", 123_456, Fault::InvalidTag),
        ("x=1", 60, Fault::InvalidTag),
        ("957=1", 957, Fault::InvalidTag),
        ("5000=1", 5000, Fault::InvalidTag),
        ("112=x", 112, Fault::NotInMessage),
        ("448=X", 448, Fault::NotInMessage),
        ("50=x", 50, Fault::Order),
        ("93=1|89=x|58=a", 58, Fault::Order),
        ("11=B", 11, Fault::Duplicate),
        ("8=FIX.4.4", 8, Fault::Duplicate),
        ("453=2|448=X|447=D|58=x", 453, Fault::GroupCount),
        ("453=1|448=X|448=Y", 453, Fault::GroupCount),
        ("453=0|448=X", 453, Fault::GroupCount),
        ("453=1|58=x", 453, Fault::GroupCount),
        ("453=1|447=D|448=X", 447, Fault::GroupOrder),
        ("453=1|448=X|447=D|447=D", 447, Fault::Duplicate),
        ("453=1|448=X|802=2|523=a|523=b|523=c", 802, Fault::GroupCount),
        ("453=1|448=X|802=1|803=1", 803, Fault::GroupOrder),
        ("453=2D|448=X", 453, Fault::Format),
        ("453=-1", 453, Fault::Format),
        ("453=4294967296", 453, Fault::Format),
        ("99=+5", 99, Fault::Format),
        ("99=.", 99, Fault::Format),
        ("99=1.2.3", 99, Fault::Format),
        ("99=1e5", 99, Fault::Format),
        ("114=y", 114, Fault::Format),
        ("21=11", 21, Fault::Format),
        ("21=4", 21, Fault::Value),
        ("423=13", 423, Fault::Value),
        ("423=-1", 423, Fault::Value),
        ("18=1  2", 18, Fault::Format),
        ("18=1 ?", 18, Fault::Value),
        ("15=USDT", 15, Fault::Format),
        ("200=201213", 200, Fault::Format),
        ("200=201206w6", 200, Fault::Format),
        ("541=20110229", 541, Fault::Format),
        ("126=20110228", 126, Fault::Format),
        ("470=USA", 470, Fault::Format),
        ("207=X NAS", 207, Fault::Format),
        ("354=3|355=ab", 355, Fault::DataLength),
    ] {
        assert_eq!(with(&format!("{bad}|")), Err((tag, fault)), "{bad}");
    }
    for (gone, tag) in [("49=W|", 49), ("11=A|", 11), ("54=1|", 54), ("60=20120621-13:30:00|", 60)] {
        let body = order.replace('#', "34=2|49=W|52=20120621-13:30:00|56=V").replace(gone, "");
        assert_eq!(verdict(dictionary, &body), Err((tag, Fault::Missing)));
    }
    assert_eq!(verdict(dictionary, "35=D|52=20120621-13:30:00|"), Err((34, Fault::Missing)));
    assert_eq!(verdict(dictionary, "35=AE|#|"), Err((35, Fault::UnsupportedMessageType)));
    assert_eq!(verdict(dictionary, "35=AEX|#|"), Err((35, Fault::InvalidMessageType)));
    assert_eq!(verdict(dictionary, "35=U1|#|"), Err((35, Fault::InvalidMessageType)));
}

#[test]
fn what_differs_in_the_older_version() {
    let dictionary = Dictionary::fix42();
    let order = "35=D|#|11=A|21=1|38=5|40=2|44=1.5|54=1|55=GOOG|60=20120621-13:30:00|";
    assert_eq!(verdict(dictionary, order), Ok(()));
    assert_eq!(verdict(dictionary, &order.replace("21=1|", "")), Err((21, Fault::Missing)));
    assert_eq!(verdict(dictionary, &format!("{order}205=31|47=A|")), Ok(()));
    assert_eq!(verdict(dictionary, &format!("{order}205=32|")), Err((205, Fault::Format)));
    assert_eq!(verdict(dictionary, &format!("{order}453=0|")), Err((453, Fault::InvalidTag)));
    assert_eq!(verdict(dictionary, &format!("{order}386=-1|")), Err((386, Fault::GroupCount)));
    assert_eq!(verdict(dictionary, &format!("{order}386=2|336=A|336=B|78=1|79=x|80=5|")), Ok(()));
    assert_eq!(verdict(dictionary, "35=B|#|148=h|33=1|58=x|354=1|355=\u{1}|"), Ok(()));
    assert_eq!(verdict(dictionary, "35=B|#|148=h|"), Err((33, Fault::Missing)));
    assert_eq!(verdict(dictionary, "35=B|#|148=h|33=1|354=1|355=x|58=x|"), Err((354, Fault::GroupOrder)));
    assert_eq!(verdict(dictionary, "35=AE|#|"), Err((35, Fault::InvalidMessageType)));
    let other = framed("FIX.4.4", b"35=0\x0134=1\x01");
    let error = validate(dictionary, Frame::parse(&other).unwrap()).unwrap_err();
    assert_eq!(error, MessageError::new(8, Fault::Value));
}

#[test]
fn an_entry_lacks_what_it_must_have() {
    let dictionary = Dictionary::fix42();
    let list = "35=E|#|66=L|394=3|68=2|73=2|11=A|67=1|55=X|54=1|11=B|67=2|55=Y|54=2|";
    assert_eq!(verdict(dictionary, list), Ok(()));
    for (gone, tag) in [("67=1|", 67), ("54=1|", 54), ("67=2|55=Y|", 55), ("54=2|", 54)] {
        assert_eq!(verdict(dictionary, &list.replace(gone, "")), Err((tag, Fault::Missing)), "{gone}");
    }
    let inner = list.replace("11=B|", "78=1|79=x|80=5|11=B|");
    assert_eq!(verdict(dictionary, &inner), Ok(()));
    assert_eq!(verdict(dictionary, &inner.replace("78=1|", "78=2|")), Err((78, Fault::GroupCount)));
    assert_eq!(verdict(dictionary, &inner.replace("54=1|78=1|", "78=1|")), Err((54, Fault::Missing)));
    let legs = "35=d|#|320=r|322=s|323=6|555=1|600=A|";
    assert_eq!(verdict(Dictionary::fix44(), legs), Ok(()));
    assert_eq!(verdict(Dictionary::fix44(), &legs.replace("600=A|", "")), Err((555, Fault::GroupCount)));
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    fn of<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

type Fields = Vec<(u32, Vec<u8>)>;

/// A valid value of a field.
fn good_value(random: &mut Random, field: &FieldDef) -> Vec<u8> {
    if !field.values().is_empty() {
        return random.of(field.values()).to_vec();
    }
    let choices: &[&str] = match field.kind() {
        FieldKind::Amt | FieldKind::Float | FieldKind::Percentage => &["-1", "0.5", "12.", "007.250"],
        FieldKind::Price | FieldKind::PriceOffset | FieldKind::Qty => &["100", "187.4500", "-.5"],
        FieldKind::Boolean => &["Y", "N"],
        FieldKind::Char => &["x", "1"],
        FieldKind::Country => &["US"],
        FieldKind::Currency => &["USD", "GBp"],
        FieldKind::DayOfMonth => &["1", "31", "05"],
        FieldKind::Exchange => &["XNAS", "N"],
        FieldKind::Int => &["0", "-7", "00012"],
        FieldKind::Length | FieldKind::NumInGroup | FieldKind::SeqNum => &["1", "07", "4294967295"],
        FieldKind::LocalMktDate | FieldKind::UtcDate => &["20120229", "19991231"],
        FieldKind::MonthYear => &["201206", "20120621", "201206w1"],
        FieldKind::MultipleValueString => &["A", "A B"],
        FieldKind::UtcTimeOnly => &["13:30:00", "23:59:59.123", "00:00:00.123456"],
        FieldKind::UtcTimestamp => &["20120621-13:30:00", "20120621-13:30:00.123"],
        FieldKind::Data | FieldKind::String => &["A-1", "x=y", " "],
    };
    random.of(choices).as_bytes().to_vec()
}

/// Some fields of a list: those that must be, and others with a chance of `1 / rarity`; the order is any that is valid.
fn good_fields(
    random: &mut Random,
    dictionary: &Dictionary,
    members: &Members,
    first: u32,
    rarity: usize,
    out: &mut Fields,
) {
    let mut tags: Vec<u32> = members.allowed().tags().filter(|tag| ![8, 9, 10, 35].contains(tag)).collect();
    tags.retain(|&tag| {
        let data = dictionary.field(tag).unwrap().kind() == FieldKind::Data;
        !data && (tag == first || members.required().contains(tag) || random.below(rarity) == 0)
    });
    for at in 1..tags.len() {
        tags.swap(at, random.below(at + 1));
    }
    tags.sort_by_key(|&tag| tag != first);
    for tag in tags {
        let field = dictionary.field(tag).unwrap();
        if let Some(group) = members.group(tag) {
            let entries = random.below(3);
            out.push((tag, entries.to_string().into_bytes()));
            for _ in 0..entries {
                good_fields(random, dictionary, group.entry(), group.first(), rarity, out);
            }
            continue;
        }
        let data_tag = crate::fix::cursor::data_tag_of(tag);
        if data_tag == 0 {
            out.push((tag, good_value(random, field)));
        } else {
            let bytes = *random.of(&[&b"\x01"[..], b"a\x0110=1\x01", b"plain"]);
            out.push((tag, bytes.len().to_string().into_bytes()));
            out.push((data_tag, bytes.to_vec()));
        }
    }
}

/// A valid message: its type and its fields.
fn good_message(random: &mut Random, dictionary: &Dictionary) -> (&'static [u8], Fields) {
    let message = random.of(dictionary.messages());
    let rarity = *random.of(&[4, 16, 60]);
    let mut fields = Fields::new();
    good_fields(random, dictionary, dictionary.header(), 0, rarity * 4, &mut fields);
    good_fields(random, dictionary, message.body(), 0, rarity, &mut fields);
    good_fields(random, dictionary, dictionary.trailer(), 0, rarity * 4, &mut fields);
    (message.message_type(), fields)
}

/// Changes a field or two.
fn damage(random: &mut Random, fields: &mut Fields) {
    const VALUES: &[&str] = &[
        "0",
        "1",
        "2",
        "3",
        "-1",
        "+1",
        "x",
        "Y",
        "",
        ".",
        "1.",
        "1e3",
        "A B",
        " ",
        "20120230",
        "201206",
        "USD",
        "99999999999999999999",
        "20120621-13:30:60",
        "20120621-13:30:00",
        "13:30:00.1",
        "002",
        "CS",
    ];
    const TAGS: &[u32] =
        &[1, 11, 34, 49, 55, 58, 89, 93, 95, 112, 146, 336, 386, 448, 453, 957, 999, 5000, 99_999];
    for _ in 0..=random.below(2) {
        let at = random.below(fields.len());
        let other = random.below(fields.len());
        match random.below(7) {
            0 => drop(fields.remove(at)),
            1 => fields.swap(at, other),
            2 => fields.insert(other, fields[at].clone()),
            3 => {
                let field = fields.remove(at);
                fields.insert(random.below(fields.len() + 1), field);
            }
            4 => fields[at].1 = random.of(VALUES).as_bytes().to_vec(),
            5 => fields[at].0 = *random.of(TAGS),
            _ => fields.insert(at, (*random.of(TAGS), random.of(VALUES).as_bytes().to_vec())),
        }
        if fields.is_empty() {
            return;
        }
    }
}

fn body_of(message_type: &[u8], fields: &Fields) -> Vec<u8> {
    let mut body = [b"35=", message_type, b"\x01"].concat();
    for (tag, value) in fields {
        body.extend_from_slice(format!("{tag}=").as_bytes());
        body.extend_from_slice(value);
        body.push(1);
    }
    body
}

#[test]
fn whole_messages_are_valid_and_damaged_ones_have_a_fault_that_the_naive_model_finds() {
    for version in ["42", "44"] {
        let Some(standard) = Standard::read(version) else { return };
        let dictionary = if version == "42" { Dictionary::fix42() } else { Dictionary::fix44() };
        let mut random = Random(SEED);
        let (mut valid, mut refused, mut unique) = (0, 0, 0);
        for round in 0..100_000 {
            let (message_type, mut fields) = good_message(&mut random, dictionary);
            let whole = round % 4 == 0;
            if !whole {
                damage(&mut random, &mut fields);
            }
            let bytes = framed(dictionary.begin_string(), &body_of(message_type, &fields));
            let Ok(frame) = Frame::parse(&bytes) else { continue }; // too long
            let context =
                || format!("seed {SEED:#x} version {version} round {round}: {}", bytes.escape_ascii());
            let got = validate(dictionary, frame).map_err(|error| (error.tag, error.fault));
            let Some((_, fields)) = naive_decoder::message(&bytes) else {
                assert!(got.is_err() && !whole, "{}: the fields are not well separated", context());
                continue;
            };
            let wanted = naive::faults(&standard, std::str::from_utf8(message_type).unwrap(), &fields);
            match got {
                Ok(()) => assert!(wanted.is_empty(), "{wanted:?} {}", context()),
                Err(fault) => assert!(wanted.contains(&fault), "{fault:?}, naive {wanted:?} {}", context()),
            }
            assert!(!whole || got.is_ok(), "{got:?} {}", context());
            valid += u32::from(got.is_ok());
            refused += u32::from(got.is_err());
            unique += u32::from(wanted.len() == 1);
        }
        assert!(
            valid > 25_000 && refused > 30_000 && unique > 15_000,
            "{version}: {valid} {refused} {unique}"
        );
    }
}

#[test]
fn many_damaged_frames_panic_nowhere() {
    let mut random = Random(SEED ^ 1);
    let (mut read, mut refused) = (0, 0);
    for round in 0..400_000 {
        let dictionary = if round % 2 == 0 { Dictionary::fix42() } else { Dictionary::fix44() };
        let (message_type, mut fields) = good_message(&mut random, dictionary);
        damage(&mut random, &mut fields);
        let mut body = body_of(message_type, &fields);
        for _ in 0..random.below(4) {
            let at = random.below(body.len());
            match random.below(3) {
                0 => body[at] = random.next() as u8,
                1 => body[at] = *random.of(b"\x01=0-.9"),
                _ => body.truncate(body.len().max(9) - 1),
            }
        }
        let bytes = framed(dictionary.begin_string(), &body);
        if let Ok(frame) = Frame::parse(&bytes) {
            read += 1;
            refused += u32::from(validate(dictionary, frame).is_err());
        }
    }
    assert!(read > 200_000 && refused > 100_000, "{read} {refused}");
}
