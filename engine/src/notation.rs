//! How numbers are written for people: prices, money, times, bytes.
//!
//! Cold: every one of them formats. The hot path uses nothing of it.

use crate::fix::redact;
use feeds::units::{NS_PER_DAY, NS_PER_S, PRICE_NONE, PRICE_SCALE};
use std::fmt;

/// A price in currency units, without the zeros at its end; "none" for [`PRICE_NONE`].
#[derive(Clone, Copy, Debug)]
pub struct Price(pub i64);

impl fmt::Display for Price {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == PRICE_NONE { out.pad("none") } else { Money(self.0.into()).fmt(out) }
    }
}

/// An amount of 1e-9 of the currency in units of it, without the zeros at its end.
#[derive(Clone, Copy, Debug)]
pub struct Money(pub i128);

impl fmt::Display for Money {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let scale = u128::from(PRICE_SCALE.unsigned_abs());
        let (units, fraction) = (self.0.unsigned_abs() / scale, self.0.unsigned_abs() % scale);
        let fraction = format!("{fraction:09}");
        let fraction = fraction.trim_end_matches('0');
        let point = if fraction.is_empty() { "" } else { "." };
        out.pad(&format!("{sign}{units}{point}{fraction}"))
    }
}

/// UTC time of day of a time in ns, with nanoseconds; the date is elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct TimeOfDay(pub u64);

impl fmt::Display for TimeOfDay {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0 % NS_PER_DAY / NS_PER_S;
        let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
        write!(out, "{hours:02}:{minutes:02}:{:02}.{:09}", seconds % 60, self.0 % NS_PER_S)
    }
}

/// Lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug)]
pub struct Hex<'a>(pub &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

/// Session bytes: SOH as `|`, credentials masked, what is not printable as `\xNN`.
#[derive(Clone, Copy, Debug)]
pub struct FixText<'a>(pub &'a [u8]);

impl fmt::Display for FixText<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.0.to_vec();
        redact::mask(&mut bytes);
        for (number, field) in bytes.split(|&byte| byte == 1).enumerate() {
            if number > 0 {
                out.write_str("|")?;
            }
            write!(out, "{}", field.escape_ascii())?;
        }
        Ok(())
    }
}

/// Bytes as a dump of 16 a line: offset, hexadecimal, characters.
#[derive(Clone, Copy, Debug)]
pub struct Dump<'a> {
    /// What is shown.
    pub bytes: &'a [u8],
    /// Stands in front of every line.
    pub indent: &'a str,
}

impl fmt::Display for Dump<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, line) in self.bytes.chunks(16).enumerate() {
            write!(out, "{}{:04x} ", self.indent, number * 16)?;
            for at in 0..16 {
                match line.get(at) {
                    Some(byte) => write!(out, " {byte:02x}")?,
                    None => out.write_str("   ")?,
                }
            }
            let character = |&byte: &u8| if (b' '..=b'~').contains(&byte) { char::from(byte) } else { '.' };
            writeln!(out, "  {}", line.iter().map(character).collect::<String>())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_a_trader_writes_them() {
        assert_eq!(Price(585_330_000_000).to_string(), "585.33");
        assert_eq!(Price(-1).to_string(), "-0.000000001");
        assert_eq!(Price(7_000_000_000).to_string(), "7");
        assert_eq!(Price(PRICE_NONE).to_string(), "none");
        assert_eq!(format!("[{:>6}][{:<6}]", Price(1_500_000_000), Price(PRICE_NONE)), "[   1.5][none  ]");
        assert_eq!(Money(i128::MIN).to_string(), "-170141183460469231731687303715.884105728");
        assert_eq!(TimeOfDay(34_200_000_000_123).to_string(), "09:30:00.000000123");
    }

    #[test]
    fn session_bytes_are_readable_and_hold_no_secret() {
        let bytes = b"8=FIX.4.4\x0135=A\x01553=me\x01554=hunter2\x0196=x\x0110=000\x01\xff";
        let shown = FixText(bytes).to_string();
        assert_eq!(shown, "8=FIX.4.4|35=A|553=me|554=*******|96=*|10=000|\\xff");
    }

    #[test]
    fn a_dump_has_sixteen_bytes_a_line() {
        let dump = Dump { bytes: b"A message of ITCH\x00", indent: "  " }.to_string();
        let lines = [
            "  0000  41 20 6d 65 73 73 61 67 65 20 6f 66 20 49 54 43  A message of ITC\n",
            "  0010  48 00                                            H.\n",
        ];
        assert_eq!(dump, lines.concat());
    }
}
