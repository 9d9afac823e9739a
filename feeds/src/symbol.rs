//! Symbols as feeds carry them: ASCII characters, left-justified, padded with spaces on the right.
//!
//! Twenty-four bytes hold every feed's: eight of ITCH and IEX, about twenty of CME options, `BTCUSD_PERP`.
//! Plain data, no allocation. Hot code never looks at a symbol: it uses the dense instrument number that
//! [`crate::directory::Directory`] gives.

use std::fmt;
use std::str::FromStr;

/// Longest symbol, in bytes.
pub const SYMBOL_BYTES_MAX: usize = 24;

/// A symbol padded with spaces. The order is that of the bytes, so `A` < `AA` < `B`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Symbol([u8; SYMBOL_BYTES_MAX]);

/// A text that is not a symbol: empty, longer than 24 characters, or not printable ASCII without spaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SymbolError;

impl Symbol {
    /// The symbol of `text`.
    ///
    /// # Errors
    /// [`SymbolError`] when `text` is empty, longer than 24 bytes, or holds anything but printable, non-space ASCII.
    pub const fn new(text: &str) -> Result<Self, SymbolError> {
        let bytes = text.as_bytes();
        if bytes.is_empty() || bytes.len() > SYMBOL_BYTES_MAX {
            return Err(SymbolError);
        }
        let mut padded = [b' '; SYMBOL_BYTES_MAX];
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

    /// The symbol of an eight-byte wire field (ITCH 5.0 «Alpha», IEX «String»), space padded; any byte is taken.
    #[inline(always)]
    #[must_use]
    pub const fn from_wire8(wire: [u8; 8]) -> Self {
        let [a, b, c, d, e, f, g, h] = wire;
        const S: u8 = b' ';
        Self([a, b, c, d, e, f, g, h, S, S, S, S, S, S, S, S, S, S, S, S, S, S, S, S])
    }

    /// The first eight bytes: the wire field of ITCH and IEX. Longer symbols are cut.
    #[inline(always)]
    #[must_use]
    pub const fn wire8(&self) -> [u8; 8] {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        [a, b, c, d, e, f, g, h]
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
        f.write_str("a symbol is 1 to 24 printable ASCII characters without spaces")
    }
}

impl std::error::Error for SymbolError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_wire_form_agree() {
        let aapl = Symbol::new("AAPL").unwrap();
        assert_eq!(aapl, Symbol::from_wire8(*b"AAPL    "));
        assert_eq!(aapl.wire8(), *b"AAPL    ");
        assert_eq!(aapl.to_string(), "AAPL");
        assert_eq!(format!("{aapl:<6}|"), "AAPL  |");
        assert_eq!("BRK.B".parse::<Symbol>().unwrap().wire8(), *b"BRK.B   ");
        let longest = "UD:1V: GN 2234567890-ABC".replace(' ', "-");
        assert_eq!(Symbol::new(&longest).unwrap().to_string(), longest);
        assert!(Symbol::new("A").unwrap() < Symbol::new("AA").unwrap());
        for bad in ["", "A-SYMBOL-OF-25-CHARACTERS", "A B", "\u{e9}"] {
            assert_eq!(Symbol::new(bad), Err(SymbolError), "{bad:?}");
        }
        assert_eq!(Symbol::from_wire8([0xff; 8]).to_string(), r"\xff".repeat(8));
    }
}
