//! Random messages of any type of the dictionaries, groups and data fields among them, as tags and values.
//!
//! Groups are not nested, and the only lengths are those of data fields: fefix takes every field of type LENGTH for the length
//! of the field behind it, and puts what follows an inner group into that group's last entry.

use engine::fix::cursor::length_tag_of;
use engine::fix::dictionary::{Dictionary, FieldKind, Members};

use crate::dice::Dice;
use crate::value::Value;

/// Bytes of all values at most: a message of ours has 4,096 bytes.
const VALUE_BYTES_MAX: usize = 2_000;

/// A message as it is meant.
pub struct Plan {
    /// The version's dictionary.
    pub dictionary: &'static Dictionary,
    /// MsgType(35).
    pub message_type: &'static [u8],
    /// Everything behind it, in order.
    pub fields: Vec<(u32, Value)>,
}

impl Plan {
    /// A random message of the version.
    pub fn random(dictionary: &'static Dictionary, dice: &mut Dice) -> Self {
        let message = dice.any(dictionary.messages());
        let mut plan = Self { dictionary, message_type: message.message_type(), fields: Vec::new() };
        for tag in [34, 49, 52, 56] {
            plan.push(tag, dice);
        }
        plan.push_members(message.body(), 0, dice);
        plan
    }

    fn push(&mut self, tag: u32, dice: &mut Dice) {
        let Some(field) = self.dictionary.field(tag) else { return };
        let used: usize = self.fields.iter().map(|(_, value)| value.by_fefix().len() + 6).sum();
        if used > VALUE_BYTES_MAX || matches!(field.kind(), FieldKind::Length | FieldKind::NumInGroup) {
            return;
        }
        let value = Value::random(field.kind(), field.values(), dice);
        if let Value::Data(data) = &value {
            let length_tag = length_tag_of(tag);
            if length_tag == 0 {
                return;
            }
            self.fields.push((length_tag, Value::Count(data.len() as u32)));
        }
        self.fields.push((tag, value));
    }

    fn push_members(&mut self, members: &Members, first: u32, dice: &mut Dice) {
        let one_in = 1 + dice.below(12);
        for tag in members.allowed().tags().filter(|&tag| tag != first && length_tag_of(tag) < u32::MAX) {
            match members.group(tag) {
                None if dice.one_in(one_in) => self.push(tag, dice),
                Some(group) if first == 0 && dice.one_in(one_in) => {
                    // fefix's dictionary of FIX 4.2 knows no groups: of fields that come twice it would give the last value twice.
                    let most = if self.dictionary.begin_string() == "FIX.4.2" { 1 } else { 3 };
                    let entries = 1 + dice.below(most);
                    self.fields.push((tag, Value::Count(entries as u32)));
                    for _ in 0..entries {
                        let before = self.fields.len();
                        self.push(group.first(), dice);
                        if self.fields.len() == before {
                            // No room for another entry, or its first field is none that is pushed: count what is there.
                            break;
                        }
                        self.push_members(group.entry(), group.first(), dice);
                    }
                    self.recount(tag, group.first());
                }
                _ => {}
            }
        }
    }

    /// Makes a group's count that of the entries behind it; without one it goes.
    fn recount(&mut self, count_tag: u32, first: u32) {
        let Some(at) = self.fields.iter().rposition(|&(tag, _)| tag == count_tag) else { return };
        let entries = self.fields[at + 1..].iter().filter(|&&(tag, _)| tag == first).count();
        if entries == 0 {
            self.fields.remove(at);
        } else {
            self.fields[at].1 = Value::Count(entries as u32);
        }
    }
}
