//! A naive validator: the standard's trees walked by hand, every fault of a message collected. Written from the text in
//! [`super`] and from the XML of the standard, not from the tables.

use crate::fix::fault::Fault;
use crate::fix::naive_decoder::{self, FieldList};
use crate::fix::standard::{Node, Standard, StandardField};

/// What is wrong, each with its tag.
pub(super) type Faults = Vec<(u32, Fault)>;

/// Everything that is wrong with a message whose fields are well separated; it goes on behind a fault as if it were
/// none.
pub(super) fn faults(standard: &Standard, message_type: &str, fields: &FieldList) -> Faults {
    let body = &standard.messages[message_type].body;
    let mut faults = Vec::new();
    let mut seen = Vec::new();
    let mut part = 0;
    let mut at = 0;
    while let Some((tag, _)) = fields.get(at) {
        at += 1;
        if !standard.fields.contains_key(tag) {
            faults.push((*tag, Fault::InvalidTag));
            continue;
        }
        let parts = [&standard.header, body, &standard.trailer];
        let Some(found) = parts.iter().position(|part| member(part, *tag).is_some()) else {
            faults.push((*tag, Fault::NotInMessage));
            continue;
        };
        if found < part {
            faults.push((*tag, Fault::Order));
        }
        part = part.max(found);
        if seen.contains(tag) {
            faults.push((*tag, Fault::Duplicate));
        }
        seen.push(*tag);
        let node = member(parts[found], *tag).unwrap();
        at = read(standard, node, fields, at, &mut faults);
    }
    for node in standard.header.iter().chain(body) {
        if node.required && !seen.contains(&node.tag) && ![8, 9, 35].contains(&node.tag) {
            faults.push((node.tag, Fault::Missing));
        }
    }
    faults
}

fn member(nodes: &[Node], tag: u32) -> Option<&Node> {
    nodes.iter().find(|node| node.tag == tag)
}

/// Reads the value before `at` and the entries behind it if it counts any; says where it stopped.
fn read(standard: &Standard, node: &Node, fields: &FieldList, mut at: usize, faults: &mut Faults) -> usize {
    let value = String::from_utf8_lossy(&fields[at - 1].1).into_owned();
    let field = &standard.fields[&node.tag];
    if !has_format(&field.kind, &value, &fields[at - 1].1) {
        faults.push((node.tag, Fault::Format));
    } else if !is_listed(field, &value) {
        faults.push((node.tag, Fault::Value));
    }
    let Some(entry) = &node.entry else { return at };
    let mut entries = 0_i64;
    let mut seen: Vec<u32> = Vec::new();
    let complete = |seen: &[u32], faults: &mut Faults| {
        let missing = entry.iter().filter(|node| node.required && !seen.contains(&node.tag));
        faults.extend(missing.map(|node| (node.tag, Fault::Missing)));
    };
    while let Some((tag, _)) = fields.get(at) {
        let Some(inner) = member(entry, *tag) else { break };
        if *tag == entry[0].tag {
            if entries > 0 {
                complete(&seen, faults);
            }
            entries += 1;
            seen.clear();
        } else if entries == 0 {
            faults.push((*tag, Fault::GroupOrder));
        }
        if seen.contains(tag) {
            faults.push((*tag, Fault::Duplicate));
        }
        seen.push(*tag);
        at = read(standard, inner, fields, at + 1, faults);
    }
    if entries > 0 {
        complete(&seen, faults);
    }
    if value.parse() != Ok(entries) {
        faults.push((node.tag, Fault::GroupCount));
    }
    at
}

fn is_listed(field: &StandardField, value: &str) -> bool {
    // SettlLocation's list of FIX 4.2 is open: any ISO country code. It is in no message of ours.
    if field.values.is_empty() {
        return true;
    }
    let has = |value: &str| field.values.iter().any(|known| known == value);
    match field.kind.as_str() {
        "MULTIPLEVALUESTRING" => value.split(' ').all(has),
        "INT" | "NUMINGROUP" if !value.starts_with('-') => has(&value.parse::<i64>().unwrap().to_string()),
        _ => has(value),
    }
}

fn has_format(kind: &str, value: &str, bytes: &[u8]) -> bool {
    let digits = |text: &str| !text.is_empty() && text.chars().all(|letter| letter.is_ascii_digit());
    let date = |text: &str| naive_decoder::time(format!("{text}-00:00:00").as_bytes()).is_some();
    match kind {
        "AMT" | "FLOAT" | "PERCENTAGE" | "PRICE" | "PRICEOFFSET" | "QTY" => {
            let text = value.strip_prefix('-').unwrap_or(value);
            digits(&text.replacen('.', "", 1))
        }
        "BOOLEAN" => value == "Y" || value == "N",
        "CHAR" => bytes.len() == 1,
        "COUNTRY" => bytes.len() == 2 && value.chars().all(|letter| letter.is_ascii_alphabetic()),
        "CURRENCY" => bytes.len() == 3 && value.chars().all(|letter| letter.is_ascii_alphabetic()),
        "DAYOFMONTH" => digits(value) && value.parse().is_ok_and(|day: u64| day > 0 && day < 32),
        "EXCHANGE" => bytes.iter().all(|byte| (b'!'..=b'~').contains(byte)),
        "INT" => {
            let text = value.strip_prefix('-').unwrap_or(value);
            // The smallest i64 has no positive twin, and is not read.
            digits(text) && text.parse::<i64>().is_ok()
        }
        "LENGTH" | "NUMINGROUP" | "SEQNUM" => digits(value) && value.parse::<u32>().is_ok(),
        "LOCALMKTDATE" | "UTCDATE" | "UTCDATEONLY" => date(value),
        "MONTHYEAR" => {
            let week = ["w1", "w2", "w3", "w4", "w5"].iter().find_map(|week| value.strip_suffix(week));
            week.map_or_else(
                || date(value) || date(&format!("{value}01")),
                |month| date(&format!("{month}01")),
            )
        }
        "MULTIPLEVALUESTRING" => value.split(' ').all(|part| !part.is_empty()),
        "UTCTIMEONLY" => naive_decoder::time(format!("20000101-{value}").as_bytes()).is_some(),
        "UTCTIMESTAMP" => naive_decoder::time(bytes).is_some(),
        "DATA" | "STRING" => true,
        other => panic!("the standard has a type {other}"),
    }
}
