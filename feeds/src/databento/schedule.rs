//! When CME Globex trades, for captures that hold no status records.
//!
//! The rule (CME Group, «Globex trading hours», equity index and most other futures): continuous trading from 17:00 to
//! 16:00 Chicago time, Sunday evening to Friday afternoon; from 16:00 the market is closed, from 16:45 (on Sunday from
//! 16:00) orders may be entered again. Holidays and the hours of other products are not in it: use a capture with
//! status records for these. Pure; allocates nothing.
//!
//! Daylight saving is that of the Energy Policy Act of 2005, changing at 02:00 local time.

use crate::event::TradingStatus;
use crate::units::{NS_PER_DAY, NS_PER_S};

const NS_PER_HOUR: u64 = 3600 * NS_PER_S;

/// Local time of day at which trading ends, ns.
const CLOSE_NS: u64 = 16 * NS_PER_HOUR;

/// Local time of day at which orders are taken again.
const PRE_OPEN_NS: u64 = CLOSE_NS + 45 * 60 * NS_PER_S;

/// Local time of day at which trading begins.
const OPEN_NS: u64 = 17 * NS_PER_HOUR;

/// What the schedule says at `exchange_ns` (UTC ns), and until when (UTC ns, at most the end of that local hour's
/// phase) it will say so. Chicago's clock does not change within a phase but at night, in trading.
#[must_use]
pub fn globex(exchange_ns: u64) -> (TradingStatus, u64) {
    let offset_ns = utc_minus_chicago_ns(exchange_ns);
    let local_ns = exchange_ns.saturating_sub(offset_ns);
    let (day, of_day) = (local_ns / NS_PER_DAY, local_ns % NS_PER_DAY);
    // 1970-01-01 was a Thursday; 0 is Sunday.
    let (status, until) = match ((day + 4) % 7, of_day) {
        (6, _) | (0, ..CLOSE_NS) => {
            (TradingStatus::Closed, if (day + 4) % 7 == 6 { NS_PER_DAY } else { CLOSE_NS })
        }
        (0, CLOSE_NS..OPEN_NS) => (TradingStatus::PreOpen, OPEN_NS),
        (5, CLOSE_NS..) => (TradingStatus::Closed, NS_PER_DAY),
        (_, CLOSE_NS..PRE_OPEN_NS) => (TradingStatus::Closed, PRE_OPEN_NS),
        (_, PRE_OPEN_NS..OPEN_NS) => (TradingStatus::PreOpen, OPEN_NS),
        (_, ..CLOSE_NS) => (TradingStatus::Trading, CLOSE_NS),
        _ => (TradingStatus::Trading, NS_PER_DAY),
    };
    (status, exchange_ns.saturating_add(until - of_day))
}

/// Five or six hours.
fn utc_minus_chicago_ns(utc_ns: u64) -> u64 {
    let (begins, ends) = summer(utc_ns / NS_PER_DAY);
    // Second Sunday of March 02:00 CST is 08:00 UTC; first Sunday of November 02:00 CDT is 07:00 UTC.
    let begin = begins.saturating_mul(NS_PER_DAY).saturating_add(8 * NS_PER_HOUR);
    let end = ends.saturating_mul(NS_PER_DAY).saturating_add(7 * NS_PER_HOUR);
    if (begin..end).contains(&utc_ns) { 5 * NS_PER_HOUR } else { 6 * NS_PER_HOUR }
}

/// The days since the epoch on which clocks are put forward and back: of the year that `day` is in, for January and
/// February of the year before.
pub(crate) fn summer(day: u64) -> (u64, u64) {
    let march = first_of_march(day);
    (sunday_on_or_after(march + 7), sunday_on_or_after(march + 245))
}

/// The first Sunday from this day since the epoch on.
fn sunday_on_or_after(day: u64) -> u64 {
    day + (7 - (day + 4) % 7) % 7
}

/// The day since the epoch of the 1 March at or before `day` (Howard Hinnant, «chrono-compatible low-level date
/// algorithms»; the years there begin in March). January and February have standard time, and are so far behind that
/// March that they lie behind its November too.
fn first_of_march(day: u64) -> u64 {
    // Days since 0000-03-01.
    let of_era = (day + 719_468) % 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    day.saturating_sub(of_year)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers: date -u -d 'TZ="America/Chicago" 2023-12-25 17:00' +%s and so on.
    #[test]
    fn phases_of_known_moments() {
        for (utc_s, expected, until_s) in [
            (1_703_545_199, TradingStatus::PreOpen, 1), // Monday 2023-12-25 16:59:59
            (1_703_545_200, TradingStatus::Trading, 7 * 3600), // 17:00
            (1_703_541_600, TradingStatus::Closed, 45 * 60), // 16:00
            (1_703_544_300, TradingStatus::PreOpen, 15 * 60), // 16:45
            (1_703_422_805, TradingStatus::Closed, 32_395), // Sunday 2023-12-24 07:00:05
            (1_719_871_200, TradingStatus::Trading, 7 * 3600), // Monday 2024-07-01 17:00 (summer)
            (1_719_871_199, TradingStatus::PreOpen, 1),
            (1_710_107_999, TradingStatus::PreOpen, 1), // Sunday 2024-03-10 16:59:59, first summer day
            (1_710_108_000, TradingStatus::Trading, 7 * 3600),
            (1_730_674_800, TradingStatus::Trading, 7 * 3600), // Sunday 2024-11-03 17:00, first winter day
            (1_704_495_600, TradingStatus::Closed, 7 * 3600),  // Friday 2024-01-05 17:00
        ] {
            let found = globex(utc_s * NS_PER_S);
            assert_eq!(found, (expected, (utc_s + until_s) * NS_PER_S), "{utc_s}");
        }
        let (_, until) = globex(u64::MAX);
        assert_eq!(until, u64::MAX);
        assert_eq!(globex(0).0, TradingStatus::Trading, "Wednesday 18:00");
    }
}
