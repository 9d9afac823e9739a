//! Commands in the journal of decide: what was asked, by whom and why, and how much room an input found for its actions.

use super::layout::{i64_at, u32_at};
use super::order_records::side;
use super::records::{sized, zero};
use super::{PayloadError, RecordKind};
use crate::pipeline::operator::{Command, KillCause, LimitChange, LimitRule, OperatorNote, Scope};
use feeds::event::Side;

/// How much room the next input found for its actions, written where intents were dropped for want of it: a replay must
/// drop the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slots {
    /// Free slots in all.
    pub free: u32,
    /// Of these, free for new orders and replaces.
    pub for_new: u32,
}

impl Slots {
    /// `[free u32][for new u32]`
    #[must_use]
    pub fn encode(&self) -> [u8; 8] {
        let mut out = [0; 8];
        out[0..4].copy_from_slice(&self.free.to_le_bytes());
        out[4..8].copy_from_slice(&self.for_new.to_le_bytes());
        out
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// [`PayloadError`] when the length is another.
    pub fn decode(payload: &[u8]) -> Result<Self, PayloadError> {
        let bytes = sized::<8>(RecordKind::Slots, payload)?;
        Ok(Self { free: u32_at(bytes, 0), for_new: u32_at(bytes, 4) })
    }
}

const KILL: u8 = 1;
const RESET: u8 = 2;
const SET_LIMIT: u8 = 3;
const RECONCILE: u8 = 4;

/// `[what u8][scope u8][cause or rule u8][zero 1][number in scope u32][version u32][zero 4][value i64]`
#[must_use]
pub fn encode_command(command: &Command) -> [u8; 24] {
    let (what, scope, detail, version, value) = match *command {
        Command::Kill { scope, cause } => (KILL, scope, cause as u8, 0, 0),
        Command::Reset { scope } => (RESET, scope, 0, 0, 0),
        Command::SetLimit(LimitChange { version, scope, rule, value }) => {
            (SET_LIMIT, scope, rule as u8, version, value)
        }
        Command::Reconcile { instrument, position } => {
            (RECONCILE, Scope::Instrument(instrument), 0, 0, position)
        }
    };
    let (scope, number) = match scope {
        Scope::All => (0, 0),
        Scope::Side(side) => (1, side as u32),
        Scope::Venue(venue) => (2, u32::from(venue)),
        Scope::Instrument(instrument) => (3, instrument),
        Scope::Strategy(strategy) => (4, u32::from(strategy)),
    };
    let mut out = [0; 24];
    out[..3].copy_from_slice(&[what, scope, detail]);
    out[4..8].copy_from_slice(&number.to_le_bytes());
    out[8..12].copy_from_slice(&version.to_le_bytes());
    out[16..24].copy_from_slice(&value.to_le_bytes());
    out
}

/// Reads what [`encode_command`] wrote.
///
/// # Errors
/// [`PayloadError`] for anything else.
pub fn decode_command(payload: &[u8]) -> Result<Command, PayloadError> {
    let kind = RecordKind::Command;
    let wrong = |at| PayloadError::Field { kind, at };
    let bytes = sized::<24>(kind, payload)?;
    let number = u32_at(bytes, 4);
    let scope = match bytes[1] {
        0 if number == 0 => Some(Scope::All),
        1 => u8::try_from(number).ok().and_then(side).filter(|&side| side != Side::None).map(Scope::Side),
        2 => u8::try_from(number).ok().map(Scope::Venue),
        3 => Some(Scope::Instrument(number)),
        4 => u16::try_from(number).ok().map(Scope::Strategy),
        _ => return Err(wrong(1)),
    };
    let scope = scope.ok_or(wrong(4))?;
    let (version, value) = (u32_at(bytes, 8), i64_at(bytes, 16));
    let command = match bytes[0] {
        KILL => Command::Kill { scope, cause: KillCause::from_code(bytes[2]).ok_or(wrong(2))? },
        RESET => Command::Reset { scope },
        SET_LIMIT => {
            let rule = LimitRule::from_code(bytes[2]).ok_or(wrong(2))?;
            Command::SetLimit(LimitChange { version, scope, rule, value })
        }
        RECONCILE => match scope {
            Scope::Instrument(instrument) => Command::Reconcile { instrument, position: value },
            _ => return Err(wrong(1)),
        },
        _ => return Err(wrong(0)),
    };
    zero(kind, payload, 3, 4)?;
    // What a command does not have is zero in its only form.
    if encode_command(&command) == *bytes { Ok(command) } else { Err(wrong(8)) }
}

/// `[who 32][why 96]`, UTF-8 padded with zeros.
#[must_use]
pub fn encode_note(note: &OperatorNote) -> [u8; 128] {
    let mut out = [0; 128];
    out[..32].copy_from_slice(&note.who);
    out[32..].copy_from_slice(&note.why);
    out
}

/// Reads what [`encode_note`] wrote.
///
/// # Errors
/// [`PayloadError`] for anything else.
pub fn decode_note(payload: &[u8]) -> Result<OperatorNote, PayloadError> {
    let bytes = sized::<128>(RecordKind::Note, payload)?;
    let (mut who, mut why) = ([0; 32], [0; 96]);
    who.copy_from_slice(&bytes[..32]);
    why.copy_from_slice(&bytes[32..]);
    let note = OperatorNote { who, why };
    for (at, text) in [(0, &who[..]), (32, &why[..])] {
        let length = text.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        if std::str::from_utf8(&text[..length]).is_err() {
            return Err(PayloadError::Field { kind: RecordKind::Note, at });
        }
    }
    Ok(note)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every kind of command, each number different.
    const COMMANDS: [Command; 6] = [
        Command::Kill { scope: Scope::All, cause: KillCause::Signal },
        Command::Kill { scope: Scope::Strategy(0x0102), cause: KillCause::Executions },
        Command::Reset { scope: Scope::Side(Side::Sell) },
        Command::Reset { scope: Scope::Venue(7) },
        Command::SetLimit(LimitChange {
            version: 9,
            scope: Scope::Instrument(3),
            rule: LimitRule::PositionMax,
            value: -1,
        }),
        Command::Reconcile { instrument: u32::MAX, position: i64::MIN },
    ];

    #[test]
    fn commands_come_back_and_nothing_else_does() {
        for command in COMMANDS {
            let bytes = encode_command(&command);
            assert_eq!(decode_command(&bytes), Ok(command));
            for at in 0..bytes.len() {
                for value in 0..=255 {
                    let mut damaged = bytes;
                    damaged[at] = value;
                    if let Ok(read) = decode_command(&damaged) {
                        assert_eq!(encode_command(&read), damaged, "{command:?} with {value} at {at}");
                    }
                }
            }
        }
        assert!(decode_command(&[0; 23]).is_err());
    }

    #[test]
    fn notes_come_back() {
        let note = OperatorNote::new("ä desk", "limits too wide");
        assert_eq!(decode_note(&encode_note(&note)), Ok(note));
        let mut damaged = encode_note(&note);
        damaged[0] = 0xff;
        assert_eq!(decode_note(&damaged), Err(PayloadError::Field { kind: RecordKind::Note, at: 0 }));
    }
}
