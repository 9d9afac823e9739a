//! The messages of the QuickFIX acceptance scripts: each is refused with the fault and the tag that the script expects,
//! or is valid where it expects none.

use super::*;
use crate::fix::dictionary::Version;
use crate::fix::standard::acceptance_data;

/// Message types that the acceptor of the scripts takes; it answers any other that there is with a business reject.
const SERVED: &[&[u8]] = &[b"0", b"1", b"2", b"3", b"4", b"5", b"A", b"D", b"d"];

/// What a script expects of a message: (RefTagID, SessionRejectReason, Text) of a reject.
type Refusal = (Option<i64>, Option<i64>, String);

/// A line of a script as bytes: times filled in, then BodyLength and CheckSum where they are absent.
fn message(line: &str) -> Vec<u8> {
    let mut text = line.to_owned();
    while let Some(start) = text.find("<TIME") {
        let end = start + text[start..].find('>').unwrap();
        text.replace_range(start..=end, "20120621-13:30:00");
    }
    let (begin, rest) = text.split_once('\u{1}').unwrap();
    if !rest.starts_with("9=") {
        let body =
            rest.rfind("10=").filter(|&at| rest[..at].ends_with('\u{1}')).map_or(rest, |at| &rest[..at]);
        text = format!("{begin}\u{1}9={}\u{1}{rest}", body.len());
    }
    if !text.contains("\u{1}10=") {
        let sum = text.bytes().map(u32::from).sum::<u32>() % 256;
        text.push_str(&format!("10={sum:03}\u{1}"));
    }
    text.into_bytes()
}

/// The first value of a tag in a line.
fn value(line: &str, tag: &str) -> Option<String> {
    line.split('\u{1}').find_map(|field| Some(field.strip_prefix(tag)?.strip_prefix('=')?.to_owned()))
}

/// Whether a line of a script expects a Reject or a BusinessMessageReject.
fn is_reject(line: &str) -> bool {
    line.starts_with('E') && matches!(value(line, "35").as_deref(), Some("3" | "j"))
}

/// The refusal of message number `sequence` among the lines that follow it, up to the next message.
fn expected(following: &[&str], sequence: Option<String>) -> Option<Refusal> {
    let mut answers = following.iter().take_while(|line| !line.starts_with(['I', 'i']));
    let reject = answers.find(|line| is_reject(line) && value(line, "45") == sequence)?;
    let number = |tag: &str| value(reject, tag).map(|text| text.parse().unwrap());
    Some((number("371"), number("373"), value(reject, "58").unwrap()))
}

/// Faults that only a session can see, since they depend on its state or on the clock.
fn is_the_sessions(refusal: &Refusal) -> bool {
    refusal.2 == Fault::CompId.text()
        || refusal.2 == Fault::SendingTime.text()
        || (refusal.0 == Some(122) && refusal.2 == Fault::Missing.text())
        || (refusal.0.is_none() && refusal.2 == Fault::Value.text())
}

/// What an acceptor that serves [`SERVED`] says of a message.
fn verdict(version: Version, frame: Frame<'_>) -> Result<(), MessageError> {
    let dictionary = version.dictionary();
    if dictionary.is_message_type(frame.message_type()) && !SERVED.contains(&frame.message_type()) {
        return Err(MessageError::new(35, Fault::UnsupportedMessageType));
    }
    validate(dictionary, frame)
}

#[test]
fn messages_of_the_acceptance_scripts_get_the_answers_that_the_scripts_expect() {
    for (folder, version, scripts) in [("fix42", Version::Fix42, 58), ("fix44", Version::Fix44, 59)] {
        let path = format!("{}/test/definitions/server/{folder}", acceptance_data());
        let Ok(files) = std::fs::read_dir(path) else {
            println!("SKIPPED: ../shared/data is absent");
            return;
        };
        let (mut read, mut rejects, mut refused, mut left_to_the_session, mut valid) = (0, 0, 0, 0, 0);
        for file in files {
            let path = file.unwrap().path();
            let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).replace('\r', "");
            let lines: Vec<&str> = text.lines().collect();
            read += 1;
            rejects += lines.iter().filter(|line| is_reject(line)).count();
            for (at, line) in lines.iter().enumerate() {
                let Some(sent) = line.strip_prefix("I8=") else { continue };
                let bytes = message(&format!("8={sent}"));
                let place = format!("{}:{}: {}", path.display(), at + 1, bytes.escape_ascii());
                let expected = expected(&lines[at + 1..], value(sent, "34"));
                let Ok(frame) = Frame::parse(&bytes) else {
                    assert!(expected.is_none(), "{place}: garbled, and an answer is expected");
                    continue;
                };
                match (verdict(version, frame), expected) {
                    (Ok(()), None) => valid += 1,
                    (Ok(()), Some(wanted)) if is_the_sessions(&wanted) => left_to_the_session += 1,
                    // The session answers a wrong BeginString with a Logout.
                    (Err(MessageError { tag: 8, fault: Fault::Value }), None) => {}
                    (Err(error), Some(wanted)) => {
                        let business = error.fault == Fault::UnsupportedMessageType;
                        let reason = error.fault.reason_in(version).filter(|_| !business);
                        let got = (error.ref_tag_id(), reason, error.fault.text().to_owned());
                        assert_eq!(got, wanted, "{place}");
                        refused += 1;
                    }
                    (got, wanted) => panic!("{place}: {got:?}, {wanted:?} expected"),
                }
            }
        }
        assert_eq!((read, refused, refused + left_to_the_session), (scripts, 30, rejects), "{folder}");
        assert!(valid > 200, "{folder}: {valid}");
    }
}
