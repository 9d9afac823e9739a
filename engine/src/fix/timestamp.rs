//! UTCTimestamp `YYYYMMDD-HH:MM:SS[.fraction]` to nanoseconds since the Unix epoch and back.
//!
//! Civil dates by the days-from-civil algorithm on 400-year eras, integers only. Nothing allocates.

use feeds::units::{NS_PER_DAY, NS_PER_S};

/// Bytes of `YYYYMMDD-HH:MM:SS`.
pub const SECONDS_TEXT_BYTES: usize = 17;

/// Last year that is accepted: all of it fits `u64` nanoseconds.
const YEAR_MAX: u64 = 2553;

/// Digits written after the second. FIX 4.4 itself knows milliseconds only; many venues take more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TimePrecision {
    /// `.sss`, what FIX 4.4 defines.
    #[default]
    Milliseconds,
    /// `.ssssss`
    Microseconds,
    /// `.sssssssss`
    Nanoseconds,
}

impl TimePrecision {
    /// Number of digits: 3, 6 or 9.
    #[must_use]
    pub const fn digits(self) -> usize {
        match self {
            Self::Milliseconds => 3,
            Self::Microseconds => 6,
            Self::Nanoseconds => 9,
        }
    }

    /// The precision of a written timestamp; `None` where it has none of these.
    #[must_use]
    pub const fn of_text(text: &[u8]) -> Option<Self> {
        match text.len().wrapping_sub(SECONDS_TEXT_BYTES + 1) {
            3 => Some(Self::Milliseconds),
            6 => Some(Self::Microseconds),
            9 => Some(Self::Nanoseconds),
            _ => None,
        }
    }

    /// Nanoseconds in one unit of the last digit.
    #[must_use]
    pub const fn unit_ns(self) -> u64 {
        match self {
            Self::Milliseconds => 1_000_000,
            Self::Microseconds => 1_000,
            Self::Nanoseconds => 1,
        }
    }
}

/// Days from 1970-01-01 to a civil date of the Gregorian calendar, `year` from 1970.
const fn days_from_civil(year: u64, month: u64, day: u64) -> u64 {
    // March is the first month, so that the leap day is the last of the shifted year.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year / 400;
    let year_of_era = year % 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The civil date (year, month, day) of a number of days since 1970-01-01.
const fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + (month <= 2) as u64, month, day)
}

const fn days_in_month(year: u64, month: u64) -> u64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Reads a UTCTimestamp; `None` for anything outside the grammar of [`crate::fix`].
#[must_use]
pub fn parse_timestamp(text: &[u8]) -> Option<u64> {
    let (whole, fraction) = text.split_first_chunk::<SECONDS_TEXT_BYTES>()?;
    if whole[8] != b'-' || whole[11] != b':' || whole[14] != b':' {
        return None;
    }
    let number = |from: usize, to: usize| super::number::parse_unsigned(&whole[from..to]);
    let (year, month, day) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
    let (hour, minute, second) = (number(9, 11)?, number(12, 14)?, number(15, 17)?);
    let date_is_real = (1970..=YEAR_MAX).contains(&year)
        && (1..=12).contains(&month)
        && (1..=days_in_month(year, month)).contains(&day);
    let leap_second = second == 60 && hour == 23 && minute == 59;
    if !date_is_real || hour > 23 || minute > 59 || (second > 59 && !leap_second) {
        return None;
    }
    let fraction_ns = match fraction {
        [] => 0,
        [b'.', digits @ ..] => {
            let unit_ns = match digits.len() {
                3 => 1_000_000,
                6 => 1_000,
                9 => 1,
                _ => return None,
            };
            super::number::parse_unsigned(digits)? * unit_ns
        }
        _ => return None,
    };
    let seconds = days_from_civil(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    Some(seconds * NS_PER_S + fraction_ns)
}

/// `YYYYMMDD-HH:MM:SS` of a number of seconds since the Unix epoch.
#[must_use]
pub fn seconds_text(seconds: u64) -> [u8; SECONDS_TEXT_BYTES] {
    let (year, month, day) = civil_from_days(seconds / 86_400);
    let of_day = seconds % 86_400;
    let mut text = *b"00000000-00:00:00";
    let mut put = |at: usize, value: u64| {
        text[at] = b'0' + (value / 10 % 10) as u8;
        text[at + 1] = b'0' + (value % 10) as u8;
    };
    put(0, year / 100);
    put(2, year);
    put(4, month);
    put(6, day);
    put(9, of_day / 3_600);
    put(12, of_day / 60 % 60);
    put(15, of_day % 60);
    text
}

/// Writes a UTCTimestamp of `time_ns` to the front of `out`, digits beyond the precision cut off; `None` where it does
/// not fit.
pub fn write_timestamp(time_ns: u64, precision: TimePrecision, out: &mut [u8]) -> Option<usize> {
    let length = SECONDS_TEXT_BYTES + 1 + precision.digits();
    let out = out.get_mut(..length)?;
    out[..SECONDS_TEXT_BYTES].copy_from_slice(&seconds_text(time_ns / NS_PER_S));
    out[SECONDS_TEXT_BYTES] = b'.';
    let mut fraction = time_ns % NS_PER_S / precision.unit_ns();
    for place in out[SECONDS_TEXT_BYTES + 1..].iter_mut().rev() {
        *place = b'0' + (fraction % 10) as u8;
        fraction /= 10;
    }
    Some(length)
}

/// The last nanosecond that is accepted, for tests and range checks.
pub const TIME_MAX_NS: u64 = days_from_civil(YEAR_MAX + 1, 1, 1) * NS_PER_DAY - 1;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_instants() {
        assert_eq!(parse_timestamp(b"19700101-00:00:00"), Some(0));
        assert_eq!(parse_timestamp(b"20120621-13:30:00.123"), Some(1_340_285_400_123_000_000));
        assert_eq!(parse_timestamp(b"20000229-23:59:59.999999"), Some(951_868_799_999_999_000));
        assert_eq!(parse_timestamp(b"20161231-23:59:60"), parse_timestamp(b"20170101-00:00:00"));
        assert_eq!(parse_timestamp(b"25531231-23:59:59.999999999"), Some(TIME_MAX_NS));
        for bad in [
            &b"20120621-13:30"[..],
            b"20120621-13:30:00.",
            b"20120621-13:30:00.1",
            b"20120621-13:30:00.1234567890",
            b"20120621 13:30:00",
            b"20120621-24:00:00",
            b"20120621-13:60:00",
            b"20120621-13:30:60",
            b"20120631-13:30:00",
            b"20110229-13:30:00",
            b"21000229-13:30:00",
            b"20121321-13:30:00",
            b"20120600-13:30:00",
            b"19691231-23:59:59",
            b"25540101-00:00:00",
            b"2012-621-13:30:00",
            b"20120621-13:30:00Z",
        ] {
            assert_eq!(parse_timestamp(bad), None, "{}", bad.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn written_timestamps_read_back(time_ns in 0..=TIME_MAX_NS) {
            for precision in [TimePrecision::Milliseconds, TimePrecision::Microseconds, TimePrecision::Nanoseconds] {
                let mut out = [0; 27];
                let length = write_timestamp(time_ns, precision, &mut out).unwrap();
                prop_assert_eq!(length, 18 + precision.digits());
                prop_assert_eq!(parse_timestamp(&out[..length]), Some(time_ns - time_ns % precision.unit_ns()));
                prop_assert!(write_timestamp(time_ns, precision, &mut out[..length - 1]).is_none());
            }
        }
    }
}
