//! What a FIX version defines: its fields, the members of the messages that a session and an order gateway meet, and
//! the types of all its messages. FIX 4.2 and FIX 4.4.
//!
//! The tables are static, made at build time from `dictionaries/*.toml`: a look-up allocates nothing and hashes nothing.
//! Tags are looked up by index, members by bit sets, message types by a binary search over two-byte codes. Any thread
//! may read them. It says what the standard says and judges no message: that is [`super::validate`]. Messages that are
//! no business of an order gateway (market data, lists, allocations, trade capture) are known by type only.

use std::fmt;

/// Tags below this have a place in the tables; no version served here defines one above.
pub const TAG_LIMIT: u32 = 1024;

/// Deepest nesting of groups in the messages of the dictionaries.
pub const GROUP_DEPTH_MAX: usize = 4;

const TAG_WORDS: usize = (TAG_LIMIT / 64) as usize;

mod fix42 {
    use super::{Dictionary, FieldDef, FieldKind, Group, Members, MessageDef, TagSet};
    include!(concat!(env!("OUT_DIR"), "/fix42_dictionary.rs"));
}

mod fix44 {
    use super::{Dictionary, FieldDef, FieldKind, Group, Members, MessageDef, TagSet};
    include!(concat!(env!("OUT_DIR"), "/fix44_dictionary.rs"));
}

/// A version of the standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// FIX 4.2.
    Fix42,
    /// FIX 4.4.
    Fix44,
}

impl Version {
    /// The version that a BeginString(8) names.
    #[must_use]
    pub const fn of_begin_string(text: &[u8]) -> Option<Self> {
        match text {
            b"FIX.4.2" => Some(Self::Fix42),
            b"FIX.4.4" => Some(Self::Fix44),
            _ => None,
        }
    }

    /// Its dictionary.
    #[must_use]
    pub fn dictionary(self) -> &'static Dictionary {
        match self {
            Self::Fix42 => Dictionary::fix42(),
            Self::Fix44 => Dictionary::fix44(),
        }
    }
}

/// A type of the standard (FIX 4.2 and 4.4, volume 1, "FIX data types").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FieldKind {
    /// Price times quantity.
    Amt,
    /// `Y` or `N`.
    Boolean,
    /// One byte.
    Char,
    /// ISO 3166 country, two letters.
    Country,
    /// ISO 4217 currency, three letters.
    Currency,
    /// Bytes that may hold SOH, behind their length field.
    Data,
    /// 1 to 31.
    DayOfMonth,
    /// Exchange or market, by mnemonic.
    Exchange,
    /// Decimal number.
    Float,
    /// Integer.
    Int,
    /// Length in bytes.
    Length,
    /// `YYYYMMDD`, local to the market.
    LocalMktDate,
    /// `YYYYMM`, `YYYYMMDD` or `YYYYMMwN` with a week from 1 to 5.
    MonthYear,
    /// Values with one space between them.
    MultipleValueString,
    /// Number of entries of the group behind it.
    NumInGroup,
    /// Decimal number, 0.05 for 5 %.
    Percentage,
    /// Price.
    Price,
    /// Difference of prices.
    PriceOffset,
    /// Quantity.
    Qty,
    /// Message sequence number.
    SeqNum,
    /// Text.
    String,
    /// `YYYYMMDD` in UTC.
    UtcDate,
    /// `HH:MM:SS` in UTC, optionally with a fraction of 3, 6 or 9 digits.
    UtcTimeOnly,
    /// Date and time in UTC, see [`super::timestamp`].
    UtcTimestamp,
}

/// What a version says of a field.
#[derive(Debug)]
pub struct FieldDef {
    tag: u32,
    name: &'static str,
    kind: FieldKind,
    values: &'static [&'static [u8]],
    counts_entries: bool,
}

impl FieldDef {
    const fn new(
        tag: u32,
        name: &'static str,
        kind: FieldKind,
        values: &'static [&'static [u8]],
        counts_entries: bool,
    ) -> Self {
        Self { tag, name, kind, values, counts_entries }
    }

    /// The tag.
    #[must_use]
    pub const fn tag(&self) -> u32 {
        self.tag
    }

    /// The name in the standard.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The type.
    #[must_use]
    pub const fn kind(&self) -> FieldKind {
        self.kind
    }

    /// The values that there are, in the order of their bytes; empty where the standard does not close the set.
    #[must_use]
    pub const fn values(&self) -> &'static [&'static [u8]] {
        self.values
    }

    /// Whether it counts the entries of a group in some message.
    #[must_use]
    pub const fn counts_entries(&self) -> bool {
        self.counts_entries
    }
}

/// A set of tags below [`TAG_LIMIT`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TagSet {
    words: [u64; TAG_WORDS],
}

impl TagSet {
    /// No tag.
    pub const EMPTY: Self = Self::new([0; TAG_WORDS]);

    const fn new(words: [u64; TAG_WORDS]) -> Self {
        Self { words }
    }

    /// Whether the tag is in it.
    #[inline]
    #[must_use]
    pub const fn contains(&self, tag: u32) -> bool {
        tag < TAG_LIMIT && self.words[(tag / 64) as usize] >> (tag % 64) & 1 == 1
    }

    /// Puts a tag in and says whether it was not there. A tag that has no place is never in.
    #[inline]
    pub const fn insert(&mut self, tag: u32) -> bool {
        let new = tag < TAG_LIMIT && !self.contains(tag);
        if new {
            self.words[(tag / 64) as usize] |= 1 << (tag % 64);
        }
        new
    }

    /// The lowest tag of this set that is not in `other`.
    #[inline]
    #[must_use]
    pub fn first_not_in(&self, other: &Self) -> Option<u32> {
        let missing = |(index, (mine, other)): (usize, (&u64, &u64))| {
            let bits = mine & !other;
            (bits != 0).then(|| index as u32 * 64 + bits.trailing_zeros())
        };
        self.words.iter().zip(&other.words).enumerate().find_map(missing)
    }

    /// The tags, ascending.
    pub fn tags(&self) -> impl Iterator<Item = u32> + '_ {
        (0..TAG_LIMIT).filter(|&tag| self.contains(tag))
    }
}

impl fmt::Debug for TagSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.tags()).finish()
    }
}

/// The fields of a message's body, of the header, of the trailer, or of a group's entry.
#[derive(Debug)]
pub struct Members {
    allowed: TagSet,
    required: TagSet,
    groups: &'static [Group],
}

impl Members {
    const fn new(allowed: TagSet, required: TagSet, groups: &'static [Group]) -> Self {
        Self { allowed, required, groups }
    }

    /// The tags that may occur, those that count groups among them, those in groups not.
    #[must_use]
    pub const fn allowed(&self) -> &TagSet {
        &self.allowed
    }

    /// The tags that must occur.
    #[must_use]
    pub const fn required(&self) -> &TagSet {
        &self.required
    }

    /// The group whose entries a tag counts here.
    #[must_use]
    pub fn group(&self, count_tag: u32) -> Option<&'static Group> {
        let found = self.groups.binary_search_by_key(&count_tag, |group| group.count_tag).ok()?;
        self.groups.get(found)
    }

    /// The groups, ascending by the tags that count them.
    #[must_use]
    pub const fn groups(&self) -> &'static [Group] {
        self.groups
    }
}

/// A repeating group.
#[derive(Debug)]
pub struct Group {
    count_tag: u32,
    first: u32,
    entry: &'static Members,
}

impl Group {
    const fn new(count_tag: u32, first: u32, entry: &'static Members) -> Self {
        Self { count_tag, first, entry }
    }

    /// The tag that counts the entries.
    #[must_use]
    pub const fn count_tag(&self) -> u32 {
        self.count_tag
    }

    /// The tag that every entry starts with.
    #[must_use]
    pub const fn first(&self) -> u32 {
        self.first
    }

    /// The fields of an entry, the first among them.
    #[must_use]
    pub const fn entry(&self) -> &'static Members {
        self.entry
    }
}

/// What a version says of a message.
#[derive(Debug)]
pub struct MessageDef {
    message_type: &'static [u8],
    name: &'static str,
    admin: bool,
    body: &'static Members,
}

impl MessageDef {
    const fn new(
        message_type: &'static [u8],
        name: &'static str,
        admin: bool,
        body: &'static Members,
    ) -> Self {
        Self { message_type, name, admin, body }
    }

    /// MsgType(35).
    #[must_use]
    pub const fn message_type(&self) -> &'static [u8] {
        self.message_type
    }

    /// The name in the standard.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Whether the session itself answers it; the others are the application's.
    #[must_use]
    pub const fn is_admin(&self) -> bool {
        self.admin
    }

    /// The fields between header and trailer.
    #[must_use]
    pub const fn body(&self) -> &'static Members {
        self.body
    }
}

/// A version's definitions.
#[derive(Debug)]
pub struct Dictionary {
    begin_string: &'static str,
    /// Ascending by tag.
    fields: &'static [FieldDef],
    /// For each tag one more than its place in `fields`, 0 for none.
    index: &'static [u16; TAG_LIMIT as usize],
    header: &'static Members,
    trailer: &'static Members,
    messages: &'static [MessageDef],
    /// All types, ascending by code, and the places of those in `messages`.
    types: &'static [(u16, Option<u8>)],
}

impl Dictionary {
    /// FIX 4.2.
    #[must_use]
    pub fn fix42() -> &'static Self {
        &fix42::DICTIONARY
    }

    /// FIX 4.4.
    #[must_use]
    pub fn fix44() -> &'static Self {
        &fix44::DICTIONARY
    }

    /// The dictionary of a BeginString(8).
    #[must_use]
    pub fn of_begin_string(text: &[u8]) -> Option<&'static Self> {
        Version::of_begin_string(text).map(Version::dictionary)
    }

    /// BeginString(8) of its messages.
    #[must_use]
    pub const fn begin_string(&self) -> &'static str {
        self.begin_string
    }

    /// The field with this tag, `None` where the version has none.
    #[inline]
    #[must_use]
    pub fn field(&self, tag: u32) -> Option<&'static FieldDef> {
        let place = *self.index.get(tag as usize)?;
        self.fields.get(usize::from(place).checked_sub(1)?)
    }

    /// All fields, ascending by tag.
    #[must_use]
    pub const fn fields(&self) -> &'static [FieldDef] {
        self.fields
    }

    /// The message of this MsgType(35), `None` where the version has none or where it is known by type only.
    #[inline]
    #[must_use]
    pub fn message(&self, message_type: &[u8]) -> Option<&'static MessageDef> {
        self.messages.get(usize::from(self.place(message_type)??))
    }

    /// All messages whose members are known.
    #[must_use]
    pub const fn messages(&self) -> &'static [MessageDef] {
        self.messages
    }

    /// Whether the version defines this MsgType(35).
    #[inline]
    #[must_use]
    pub fn is_message_type(&self, message_type: &[u8]) -> bool {
        self.place(message_type).is_some()
    }

    /// The standard header's fields.
    #[must_use]
    pub const fn header(&self) -> &'static Members {
        self.header
    }

    /// The standard trailer's fields.
    #[must_use]
    pub const fn trailer(&self) -> &'static Members {
        self.trailer
    }

    /// Whether the version defines a type, and where its message is.
    #[inline]
    fn place(&self, message_type: &[u8]) -> Option<Option<u8>> {
        let code = match *message_type {
            [byte] => u16::from_be_bytes([byte, 0]),
            // A zero as second byte would be taken for a type of one byte.
            [first, second] if second != 0 => u16::from_be_bytes([first, second]),
            _ => return None,
        };
        let found = self.types.binary_search_by_key(&code, |&(code, _)| code).ok()?;
        self.types.get(found).map(|&(_, place)| place)
    }
}

#[cfg(test)]
mod tests;
