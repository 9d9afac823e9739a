//! The text that a venue wants signed, as a pattern: literal characters and fields of the Logon in braces.
//!
//! `{35}` is the value of that tag as it is written: 8, 34, 35, 49, 52, 56, 554 (the password) and the tag of the user
//! name. `{nonce}` and `{time_ms}` are SendingTime as milliseconds since the Unix epoch. Anything else stands for itself;
//! SOH is written `\u0001` in TOML, and no brace can be signed.

use super::{CREDENTIAL_BYTES_MAX, SIGNED_BYTES_MAX, SignatureTerms};
use crate::fix::identity::COMP_ID_BYTES_MAX;

/// Stands for the nonce among tags; no field has this number.
pub(super) const NONCE: u32 = 0;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(Box<str>),
    /// The value of a tag, or [`NONCE`].
    Field(u32),
}

/// See the module's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedText(Box<[Part]>);

impl SignedText {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(pattern: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = pattern;
        while let Some(open) = rest.find(['{', '}']) {
            let at = pattern.len() - rest.len() + open;
            let wrong = || format!("signed_text: at byte {at}: a field is {{TAG}}, {{nonce}} or {{time_ms}}");
            let close = rest[open..].find('}').map(|close| open + close).filter(|&close| close > open);
            let close = close.ok_or_else(wrong)?;
            if open > 0 {
                parts.push(Part::Literal(rest[..open].into()));
            }
            parts.push(match &rest[open + 1..close] {
                "nonce" | "time_ms" => Part::Field(NONCE),
                tag => Part::Field(tag.parse().ok().filter(|&tag| tag != NONCE).ok_or_else(wrong)?),
            });
            rest = &rest[close + 1..];
        }
        if !rest.is_empty() {
            parts.push(Part::Literal(rest.into()));
        }
        if !parts.iter().any(|part| matches!(part, Part::Field(_))) {
            return Err(
                "signed_text: names no field, so that every logon would have the same signature".to_owned()
            );
        }
        Ok(Self(parts.into()))
    }

    /// Checks that every part can be had and that the whole fits.
    ///
    /// # Errors
    /// The part, and what to do.
    pub(super) fn check(
        &self,
        terms: &SignatureTerms,
        username_tag: Option<u32>,
        has_password: bool,
    ) -> Result<(), String> {
        if !matches!(terms.signature_tag, 96 | 554) {
            return Err(format!(
                "signature_tag: 96 (RawData) or 554 (Password), not {}: others would not be hidden in the journal",
                terms.signature_tag
            ));
        }
        let mut longest = 0;
        for part in &self.0 {
            longest += match part {
                Part::Literal(text) => text.len(),
                // A time, a number, a version.
                Part::Field(NONCE | 8 | 34 | 35 | 52) => 32,
                Part::Field(49 | 56) => COMP_ID_BYTES_MAX,
                Part::Field(554) if has_password => CREDENTIAL_BYTES_MAX,
                Part::Field(tag) if username_tag == Some(*tag) => CREDENTIAL_BYTES_MAX,
                Part::Field(tag) => {
                    return Err(format!(
                        "signed_text: {{{tag}}} is not known when a Logon is signed: 8, 34, 35, 49, 52, 56, the user \
                         name's tag and, with a password, 554 are"
                    ));
                }
            };
        }
        if longest > SIGNED_BYTES_MAX {
            return Err(format!("signed_text: may become {longest} bytes, more than {SIGNED_BYTES_MAX}"));
        }
        Ok(())
    }

    /// Writes the text to the front of `out` and says its length; `None` where a part is missing or there is no room.
    pub(super) fn write<'v>(&self, value: impl Fn(u32) -> Option<&'v [u8]>, out: &mut [u8]) -> Option<usize> {
        let mut at = 0;
        for part in &self.0 {
            let bytes = match part {
                Part::Literal(text) => text.as_bytes(),
                Part::Field(tag) => value(*tag)?,
            };
            out.get_mut(at..at + bytes.len())?.copy_from_slice(bytes);
            at += bytes.len();
        }
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_literals_and_fields() {
        let text = SignedText::parse("35={35}\u{1}{nonce}x{56}").expect("a pattern");
        let mut out = [0; 64];
        let value = |tag: u32| match tag {
            35 => Some(&b"A"[..]),
            NONCE => Some(&b"17"[..]),
            _ => (tag == 56).then_some(&b"VENUE"[..]),
        };
        let length = text.write(value, &mut out).expect("room");
        assert_eq!(out[..length].escape_ascii().to_string(), r"35=A\x0117xVENUE");
        assert_eq!(text.write(value, &mut out[..length - 1]), None);
        assert_eq!(text.write(|_| None, &mut out), None);
    }

    #[test]
    fn what_is_no_pattern_is_refused_with_its_place() {
        for (pattern, said) in [
            ("", "names no field"),
            ("abc", "names no field"),
            ("a{35", "byte 1"),
            ("{35}}", "byte 4"),
            ("{0}", "byte 0"),
            ("{time}", "byte 0"),
            ("{-1}", "byte 0"),
        ] {
            let error = SignedText::parse(pattern).expect_err(pattern);
            assert!(error.contains(said), "{pattern}: {error}");
        }
    }
}
