//! Acceptance scripts in the language of QuickFIX's: the lines of a `.def` file, what is filled in before a message is
//! sent, and how what came is compared with what was expected. Our own scripts, for initiators, add what the
//! application does (`aORDER`) and what reaches it (`xNew`).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The field separator.
pub const SOH: char = '\x01';

/// What a line tells the runner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Connect (`iCONNECT`).
    Connect,
    /// Close the connection (`iDISCONNECT`).
    Disconnect,
    /// Send this (`I...`).
    Send(String),
    /// Expect exactly this as the next message (`E...`).
    Expect(String),
    /// Expect the peer to close, without another byte (`eDISCONNECT`).
    ExpectDisconnect,
    /// Initiators: expect a connection (`eCONNECT`).
    ExpectConnect,
    /// Initiators: what the application or its surroundings do (`aORDER`, `aWAIT 30`).
    Action(String),
    /// Initiators: the next execution that reaches the application (`xNew`, `xNothing` for none).
    ExpectExecution(String),
}

/// One line.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its number in the file.
    pub line: usize,
    /// Which connection it is about.
    pub connection: usize,
    /// What it says.
    pub operation: Operation,
}

/// The steps of a script. Empty lines and such that start with `#` or a blank say nothing.
///
/// # Panics
/// On a line that is none of the known.
pub fn parse(text: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_end_matches('\r');
        let mut characters = line.chars();
        let Some(letter) = characters.next().filter(|letter| !matches!(letter, '#' | ' ')) else { continue };
        let mut rest = characters.as_str();
        let mut connection = 1;
        if let Some((number, after)) = rest.split_once(',')
            && let Ok(number) = number.parse()
        {
            (connection, rest) = (number, after);
        }
        let operation = match (letter, rest) {
            ('i', "CONNECT") => Operation::Connect,
            ('i', "DISCONNECT") => Operation::Disconnect,
            ('e', "DISCONNECT") => Operation::ExpectDisconnect,
            ('e', "CONNECT") => Operation::ExpectConnect,
            ('a', action) => Operation::Action(action.to_owned()),
            ('x', execution) => Operation::ExpectExecution(execution.to_owned()),
            ('I', message) => Operation::Send(message.to_owned()),
            ('E', message) => Operation::Expect(message.to_owned()),
            _ => panic!("line {}: {line:?} is no step", index + 1),
        };
        steps.push(Step { line: index + 1, connection, operation });
    }
    steps
}

/// A UTC time as FIX writes it, seconds.
fn utc(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).expect("a time after 1970").as_secs();
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Civil date of a day number: the years of the proleptic Gregorian calendar, counted from March.
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}{month:02}{day:02}-{:02}:{:02}:{:02}", second / 3_600, second / 60 % 60, second % 60)
}

/// `<TIME>`, `<TIME-121>`, `<TIME+10>` replaced by now and so many seconds.
fn with_times(message: &str, now: SystemTime) -> String {
    let mut out = String::new();
    let mut rest = message;
    while let Some((before, after)) = rest.split_once("<TIME") {
        let (offset, after) = after.split_once('>').expect("a closing bracket");
        let seconds: i64 = if offset.is_empty() { 0 } else { offset.parse().expect("an offset in seconds") };
        let shift = Duration::from_secs(seconds.unsigned_abs());
        out.push_str(before);
        out.push_str(&utc(if seconds < 0 { now - shift } else { now + shift }));
        rest = after;
    }
    out + rest
}

/// The bytes of a message: times, and where it starts with BeginString BodyLength(9) and CheckSum(10), unless it has
/// them (that is how garbled frames are made).
pub fn filled(message: &str, now: SystemTime) -> String {
    let message = with_times(message, now);
    let Some((begin, rest)) = message.split_once(SOH).filter(|(begin, _)| begin.starts_with("8=")) else {
        return message;
    };
    let begin = format!("{begin}{SOH}");
    // The last field only: a data field may hold the same bytes.
    let (body, trailer) = match rest.rfind("\x0110=") {
        Some(at) if rest[at + 1..].trim_end_matches(SOH).find(SOH).is_none() => {
            (&rest[..=at], Some(&rest[at + 1..]))
        }
        _ => (rest, None),
    };
    let length = if rest.starts_with("9=") { String::new() } else { format!("9={}{SOH}", body.len()) };
    let whole = format!("{begin}{length}{body}");
    match trailer {
        Some(trailer) => whole + trailer,
        None => {
            let sum = whole.bytes().fold(0_u8, u8::wrapping_add);
            format!("{whole}10={sum:03}{SOH}")
        }
    }
}

/// Whether a text is a UTC timestamp, with or without a fraction.
fn is_timestamp(text: &str) -> bool {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let shape = seconds.len() == 17
        && seconds.bytes().enumerate().all(|(at, byte)| match at {
            8 => byte == b'-',
            11 | 14 => byte == b':',
            _ => byte.is_ascii_digit(),
        });
    shape && !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit())
}

/// What is wrong with a message, compared field by field with what was expected. Times and the checksum are compared by
/// their form, BodyLength(9) not at all, since it depends on the precision of the times.
pub fn difference(expected: &str, came: &str) -> Option<String> {
    let fields = |message: &str| -> Vec<(String, String)> {
        let pairs = message.split(SOH).filter(|field| !field.is_empty());
        pairs
            .map(|field| field.split_once('=').unwrap_or((field, "")))
            .map(|(t, v)| (t.into(), v.into()))
            .collect()
    };
    let (wanted, got) = (fields(expected), fields(came));
    if wanted.len() != got.len() {
        return Some(format!("{} fields, not {}", got.len(), wanted.len()));
    }
    for ((wanted_tag, wanted_value), (tag, value)) in wanted.iter().zip(&got) {
        if tag != wanted_tag {
            return Some(format!("tag {tag} where {wanted_tag} was expected"));
        }
        let same = match tag.as_str() {
            "9" => true,
            // Padded by our templates.
            "34" => value.trim_start_matches('0') == wanted_value.trim_start_matches('0'),
            "10" => value.len() == 3 && value.bytes().all(|byte| byte.is_ascii_digit()),
            "42" | "52" | "60" | "122" => is_timestamp(value),
            _ => value == wanted_value,
        };
        if !same {
            return Some(format!("{tag}={value} where {tag}={wanted_value} was expected"));
        }
    }
    None
}

/// A message for people.
pub fn shown(message: &str) -> String {
    message.replace(SOH, "|")
}
