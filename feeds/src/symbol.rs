//! Symbols as feeds carry them: eight ASCII characters, left-justified, padded with spaces on the right.
//!
//! Plain data, no allocation. Hot code never looks at a symbol: it uses the dense instrument number that
//! [`crate::directory::Directory`] gives.

use std::fmt;
use std::str::FromStr;

/// A symbol in wire form (ITCH 5.0 «Alpha», 8 bytes). The order is that of the bytes, so `A` < `AA` < `B`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Symbol(pub [u8; 8]);

/// A text that is not a symbol: empty, longer than 8 characters, or not printable ASCII without spaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SymbolError;

impl Symbol {
    /// The symbol of `text`.
    ///
    /// # Errors
    /// [`SymbolError`] when `text` is empty, longer than 8 bytes, or holds anything but printable, non-space ASCII.
    pub const fn new(text: &str) -> Result<Self, SymbolError> {
        let bytes = text.as_bytes();
        if bytes.is_empty() || bytes.len() > 8 {
            return Err(SymbolError);
        }
        let mut padded = [b' '; 8];
        let mut i = 0;
        while i < bytes.len() {
            if !bytes[i].is_ascii_graphic() {
                return Err(SymbolError);
            }
            padded[i] = bytes[i];
            i += 1;
        }
        Ok(Self(padded))
    }

    /// The characters without their padding.
    #[must_use]
    pub fn trimmed(&self) -> &[u8] {
        self.0.trim_ascii_end()
    }
}

impl fmt::Display for Symbol {
    /// The characters without their padding; a byte that is not printable ASCII shows as an escape.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.trimmed();
        match std::str::from_utf8(text) {
            Ok(text) if text.bytes().all(|b| b.is_ascii_graphic()) => f.pad(text),
            _ => write!(f, "{}", text.escape_ascii()),
        }
    }
}

impl fmt::Debug for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Symbol({})", self.0.escape_ascii())
    }
}

impl FromStr for Symbol {
    type Err = SymbolError;

    fn from_str(text: &str) -> Result<Self, SymbolError> {
        Self::new(text)
    }
}

impl fmt::Display for SymbolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a symbol is 1 to 8 printable ASCII characters without spaces")
    }
}

impl std::error::Error for SymbolError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_wire_form_agree() {
        let aapl = Symbol::new("AAPL").unwrap();
        assert_eq!(aapl.0, *b"AAPL    ");
        assert_eq!(aapl.to_string(), "AAPL");
        assert_eq!(format!("{aapl:<6}|"), "AAPL  |");
        assert_eq!("BRK.B".parse::<Symbol>().unwrap().0, *b"BRK.B   ");
        assert!(Symbol::new("A").unwrap() < Symbol::new("AA").unwrap());
        for bad in ["", "TOOLONGXX", "A B", "\u{e9}"] {
            assert_eq!(Symbol::new(bad), Err(SymbolError), "{bad:?}");
        }
        assert_eq!(Symbol([0xff; 8]).to_string(), r"\xff".repeat(8));
    }
}
