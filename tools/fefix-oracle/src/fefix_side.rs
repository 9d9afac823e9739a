//! fefix behind two calls: bytes to fields, fields to bytes. Its panics are caught and counted.

use std::panic::{AssertUnwindSafe, catch_unwind};

use engine::fix::dictionary::Version;
use fefix::tagvalue::{Config, Decoder, Encoder};
use fefix::{Dictionary, TagU16};

use crate::reading::Reading;
use crate::value::Value;

/// Why fefix gives no fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It says so.
    Error(String),
    /// It panicked.
    Panic,
}

/// See the module's text.
pub struct Fefix {
    dictionaries: [Dictionary; 2],
    /// By version. A decoder carries the state of an open group into the next message: one that has seen a count, a length or
    /// a panic is thrown away.
    decoders: [Option<Decoder<Config>>; 2],
    encoder: Encoder<Config>,
    /// BodyLength(9) was wrong, and was put right before anybody read the message.
    pub wrong_lengths: u64,
}

const fn at(version: Version) -> usize {
    match version {
        Version::Fix42 => 0,
        Version::Fix44 => 1,
    }
}

impl Fefix {
    /// With its dictionaries of FIX 4.2 and 4.4. Its panics are not printed.
    pub fn new() -> Self {
        std::panic::set_hook(Box::new(|info| {
            let is_theirs = info.location().is_some_and(|place| place.file().contains("fefix-0."));
            if !is_theirs {
                eprintln!("{info}");
            }
        }));
        Self {
            dictionaries: [Dictionary::fix42(), Dictionary::fix44()],
            decoders: [None, None],
            encoder: Encoder::default(),
            wrong_lengths: 0,
        }
    }

    /// The fields of a message, BodyLength(9) and CheckSum(10) left out.
    ///
    /// # Errors
    /// It refuses the message, or panics.
    pub fn read(&mut self, version: Version, bytes: &[u8]) -> Result<Reading, Refusal> {
        let dictionary = &self.dictionaries[at(version)];
        let slot = &mut self.decoders[at(version)];
        let mut decoder = slot.take().unwrap_or_else(|| Decoder::new(dictionary.clone()));
        let read = catch_unwind(AssertUnwindSafe(|| {
            let message = decoder.decode(bytes).map_err(|error| Refusal::Error(format!("{error:?}")))?;
            let fields = message.fields();
            Ok(Reading(fields.map(|(tag, value)| (u32::from(tag.get()), value.to_vec())).collect()))
        }));
        let read: Result<Reading, Refusal> = read.unwrap_or(Err(Refusal::Panic));
        let keeps_state = |tag: u32| {
            let tag = TagU16::new(tag as u16);
            let field = tag.and_then(|tag| dictionary.field_by_tag(u32::from(tag.get())));
            field.is_some_and(|field| {
                let base = field.data_type().basetype();
                base == fefix::dict::FixDatatype::NumInGroup || base == fefix::dict::FixDatatype::Length
            })
        };
        if read.as_ref().is_ok_and(|reading| !reading.0.iter().any(|&(tag, _)| keeps_state(tag))) {
            *slot = Some(decoder);
        }
        read
    }

    /// Writes a message. fefix 0.7.0 writes wrong digits into BodyLength(9) from 256 bytes on (each digit is taken from
    /// the length's lowest eight bits); that is counted and put right. Returns the bytes as they came, too, where they were
    /// wrong.
    pub fn write(
        &mut self,
        version: Version,
        message_type: &[u8],
        fields: &[(u32, Value)],
    ) -> (Vec<u8>, Option<Vec<u8>>) {
        let mut buffer = Vec::new();
        let begin_string: &[u8] = if version == Version::Fix42 { b"FIX.4.2" } else { b"FIX.4.4" };
        let mut message = self.encoder.start_message(begin_string, &mut buffer, message_type);
        for (tag, value) in fields {
            let tag = TagU16::new(u16::try_from(*tag).expect("a tag of the standard")).expect("not 0");
            message.set_any(tag, value.by_fefix().as_slice());
        }
        let bytes = message.wrap().to_vec();
        // 8=FIX.4.4|9=000000| are 10 and 9 bytes, 10=000| are 7.
        let length = format!("{:06}", bytes.len() - 19 - 7);
        if bytes[12..18] == *length.as_bytes() {
            return (bytes, None);
        }
        self.wrong_lengths += 1;
        let mut right = bytes.clone();
        right[12..18].copy_from_slice(length.as_bytes());
        crate::reading::sign(&mut right);
        (right, Some(bytes))
    }
}
