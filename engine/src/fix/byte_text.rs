//! Bytes as text, hexadecimal and base64, for keys, signatures and fingerprints. Cold; decoding allocates.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

/// How bytes are written as text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ByteText {
    /// RFC 4648, section 4, padded.
    #[default]
    Base64,
    /// RFC 4648, section 5 (`-` and `_`), padded.
    Base64Url,
    /// Two digits a byte, lower case; upper case is read too.
    Hex,
}

impl ByteText {
    /// Writes the text of `bytes` to the front of `out` and says its length; `None` where there is no room.
    #[must_use]
    pub fn encode(self, bytes: &[u8], out: &mut [u8]) -> Option<usize> {
        match self {
            Self::Base64 => STANDARD.encode_slice(bytes, out).ok(),
            Self::Base64Url => URL_SAFE.encode_slice(bytes, out).ok(),
            Self::Hex => {
                let out = out.get_mut(..bytes.len() * 2)?;
                for (pair, byte) in out.chunks_exact_mut(2).zip(bytes) {
                    pair[0] = b"0123456789abcdef"[usize::from(byte >> 4)];
                    pair[1] = b"0123456789abcdef"[usize::from(byte & 15)];
                }
                Some(out.len())
            }
        }
    }

    /// The bytes that a text stands for; `None` where it is none.
    #[must_use]
    pub fn decode(self, text: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Base64 => STANDARD.decode(text).ok(),
            Self::Base64Url => URL_SAFE.decode(text).ok(),
            Self::Hex => {
                let (pairs, rest) = text.as_chunks::<2>();
                let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
                let bytes = pairs.iter().map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?));
                if rest.is_empty() { bytes.collect() } else { None }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways() {
        let bytes: Vec<u8> = (0..=255).collect();
        for form in [ByteText::Base64, ByteText::Base64Url, ByteText::Hex] {
            let mut text = [0; 600];
            let length = form.encode(&bytes, &mut text).expect("room");
            assert_eq!(form.decode(&text[..length]).as_deref(), Some(&bytes[..]));
            assert_eq!(form.encode(&bytes, &mut text[..length - 1]), None);
            assert_eq!(form.decode(b"0g"), None);
        }
        assert_eq!(ByteText::Hex.decode(b"00fF"), Some(vec![0, 255]));
        assert_eq!(ByteText::Hex.decode(b"00f"), None);
    }
}
