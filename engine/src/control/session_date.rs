//! The session's date and its midnight in UTC.
//!
//! ITCH time stamps count from midnight Eastern time. The rule for daylight saving is that of the Energy Policy Act
//! of 2005 (second Sunday of March to first Sunday of November); it changes at 02:00, after that midnight, so the
//! offset of a day's midnight is that of the day before the change on the two days themselves.

use std::fmt;
use std::str::FromStr;

use feeds::units::{NS_PER_DAY, NS_PER_S};

/// A civil date, 1970 to 2262 (what UTC ns can hold).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionDate {
    year: u32,
    month: u32,
    day: u32,
}

impl SessionDate {
    /// The date that is used when nothing says which: the epoch.
    pub const EPOCH: Self = Self { year: 1970, month: 1, day: 1 };

    /// A date, when there is such a day.
    #[must_use]
    pub fn new(year: u32, month: u32, day: u32) -> Option<Self> {
        let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let days = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 => 28 + u32::from(leap),
            _ => return None,
        };
        ((1970..2262).contains(&year) && (1..=days).contains(&day)).then_some(Self { year, month, day })
    }

    /// `YYYYMMDD`.
    #[must_use]
    pub const fn yyyymmdd(self) -> u32 {
        self.year * 10_000 + self.month * 100 + self.day
    }

    /// The date in a capture's file name: the first eight digits in a row that are `YYYYMMDD` or NASDAQ's `MMDDYYYY`.
    #[must_use]
    pub fn in_file_name(name: &str) -> Option<Self> {
        let bytes = name.as_bytes();
        let windows = bytes.windows(8).filter(|window| window.iter().all(u8::is_ascii_digit));
        windows.into_iter().find_map(|window| {
            let digits = std::str::from_utf8(window).ok()?;
            let part = |range: std::ops::Range<usize>| digits[range].parse::<u32>().ok();
            Self::new(part(0..4)?, part(4..6)?, part(6..8)?)
                .or_else(|| Self::new(part(4..8)?, part(0..2)?, part(2..4)?))
        })
    }

    /// Days since the epoch (Howard Hinnant, «chrono-compatible low-level date algorithms», days_from_civil).
    pub(crate) fn days(self) -> u64 {
        let year = u64::from(self.year) - u64::from(self.month <= 2);
        let era = year / 400;
        let year_of_era = year % 400;
        let month = u64::from((self.month + 9) % 12);
        let day_of_year = (153 * month + 2) / 5 + u64::from(self.day) - 1;
        era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
    }

    fn nth_sunday(year: u32, month: u32, nth: u32) -> Self {
        let first = Self { year, month, day: 1 };
        // 1970-01-01 was a Thursday; 0 is Sunday.
        let weekday = (first.days() + 4) % 7;
        let to_sunday = (7 - weekday as u32) % 7;
        Self { day: 1 + to_sunday + 7 * (nth - 1), ..first }
    }

    /// UTC ns of this day's midnight, Eastern time.
    #[must_use]
    pub fn eastern_midnight_ns(self) -> u64 {
        let summer = self > Self::nth_sunday(self.year, 3, 2) && self <= Self::nth_sunday(self.year, 11, 1);
        let offset_hours = if summer { 4 } else { 5 };
        self.days() * NS_PER_DAY + offset_hours * 3600 * NS_PER_S
    }
}

impl fmt::Display for SessionDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl FromStr for SessionDate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits: String = text.chars().filter(|&c| c != '-').collect();
        let well_formed = digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = digits.parse::<u32>().ok().filter(|_| well_formed);
        number
            .and_then(|number| Self::new(number / 10_000, number / 100 % 100, number % 100))
            .ok_or_else(|| format!("'{text}' is no date; write YYYY-MM-DD, 1970 to 2261"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn midnight_follows_daylight_saving() {
        // Known answers: date -d 'TZ="America/New_York" 2012-06-21 00:00' +%s and so on.
        for (date, seconds) in [
            ("2012-06-21", 1_340_251_200),
            ("2019-01-30", 1_548_824_400),
            ("2019-07-30", 1_564_459_200),
            ("2019-03-10", 1_552_194_000),
            ("2019-03-11", 1_552_276_800),
            ("2019-11-03", 1_572_753_600),
            ("2019-11-04", 1_572_843_600),
            ("1970-01-01", 18_000),
        ] {
            let date: SessionDate = date.parse().unwrap();
            assert_eq!(date.eastern_midnight_ns(), seconds * NS_PER_S, "{date}");
        }
    }

    #[test]
    fn dates_in_file_names() {
        let found = |name| SessionDate::in_file_name(name).map(SessionDate::yyyymmdd);
        assert_eq!(found("20120621.GOOG_L10.itch50.gz"), Some(20_120_621));
        assert_eq!(found("01302019.NASDAQ_ITCH50.gz"), Some(20_190_130));
        assert_eq!(found("itch_sample_slice.bin"), None);
        assert_eq!(found("99999999.bin"), None);
    }

    #[test]
    fn impossible_days_are_refused() {
        for text in ["2023-02-29", "2024-13-01", "1969-12-31", "2024-00-10", "24-1-1", "2024-1x-01", ""] {
            assert!(text.parse::<SessionDate>().is_err(), "{text}");
        }
        assert!("20240229".parse::<SessionDate>().is_ok());
    }
}
