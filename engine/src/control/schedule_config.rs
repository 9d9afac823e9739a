//! `[venues.schedule]` of the configuration: when a venue's FIX session is open. The terms are those of QuickFIX's settings.

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::control::session_schedule::{SessionSchedule, Starts};

/// See the module's text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleConfig {
    /// The zone of the times below, by its name in the IANA database: `America/Chicago`, `UTC`.
    pub time_zone: String,
    /// When a session starts, `HH:MM` or `HH:MM:SS`.
    pub start_time: String,
    /// When it ends: the next time that the clock shows this. Equal to `start_time`: the next session follows at once.
    pub end_time: String,
    /// Weekly sessions: the day on which one starts, `Sunday` or `Sun`.
    #[serde(default)]
    pub start_day: Option<String>,
    /// Weekly sessions: the day on which it ends.
    #[serde(default)]
    pub end_day: Option<String>,
    /// Daily sessions: the days on which one starts; empty: every day.
    #[serde(default)]
    pub weekdays: Vec<String>,
}

impl ScheduleConfig {
    /// The schedule that this describes.
    ///
    /// # Errors
    /// The key that is wrong, and what to write there.
    pub fn schedule(&self) -> Result<SessionSchedule, String> {
        let Ok(zone) = TimeZone::get(&self.time_zone) else {
            return Err(format!(
                "schedule: time_zone = {:?}: no such zone; write a name of the IANA database, as America/Chicago or UTC",
                self.time_zone
            ));
        };
        let start = wall_time("start_time", &self.start_time)?;
        let end = wall_time("end_time", &self.end_time)?;
        let starts = match (&self.start_day, &self.end_day) {
            (None, None) => {
                let days = self.weekdays.iter().map(|name| weekday("weekdays", name));
                Starts::Daily(days.collect::<Result<Vec<_>, _>>()?)
            }
            (Some(_), Some(_)) if !self.weekdays.is_empty() => {
                return Err(
                    "schedule: weekdays is for daily sessions, start_day and end_day are for weekly ones: \
                            leave weekdays out, or the other two"
                        .to_owned(),
                );
            }
            (Some(start_day), Some(end_day)) => {
                Starts::Weekly { start: weekday("start_day", start_day)?, end: weekday("end_day", end_day)? }
            }
            (Some(_), None) => return Err("schedule: start_day without end_day: give both".to_owned()),
            (None, Some(_)) => return Err("schedule: end_day without start_day: give both".to_owned()),
        };
        Ok(SessionSchedule::new(zone, start, end, starts))
    }
}

fn wall_time(key: &str, text: &str) -> Result<Time, String> {
    let part = |digits: Option<&str>| {
        let digits =
            digits.filter(|digits| digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit()))?;
        digits.parse::<i8>().ok()
    };
    let mut parts = text.split(':');
    let (hour, minute) = (part(parts.next()), part(parts.next()));
    let second = match parts.next() {
        None => Some(0),
        digits => part(digits),
    };
    let time = match (hour, minute, second, parts.next()) {
        (Some(hour), Some(minute), Some(second), None) => Time::new(hour, minute, second, 0).ok(),
        _ => None,
    };
    time.ok_or_else(|| format!("schedule: {key} = {text:?}: write HH:MM or HH:MM:SS, 00:00 to 23:59:59"))
}

fn weekday(key: &str, text: &str) -> Result<Weekday, String> {
    const NAMES: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let lower = text.to_ascii_lowercase();
    let found = (1i8..).zip(NAMES).find(|(_, name)| lower == *name || lower == name[..3]);
    found
        .and_then(|(number, _)| Weekday::from_monday_one_offset(number).ok())
        .ok_or_else(|| format!("schedule: {key}: {text:?} is no day; write Monday to Sunday, or Mon to Sun"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(lines: &str) -> Result<SessionSchedule, String> {
        let config: ScheduleConfig = toml::from_str(lines).map_err(|error| error.to_string())?;
        config.schedule()
    }

    #[test]
    fn both_kinds_are_read() {
        for good in [
            "time_zone = \"America/Chicago\"\nstart_time = \"17:00\"\nend_time = \"16:00:30\"",
            "time_zone = \"UTC\"\nstart_time = \"00:00\"\nend_time = \"00:00\"\nweekdays = [\"Mon\", \"tuesday\"]",
            "time_zone = \"Asia/Tokyo\"\nstart_time = \"17:00\"\nend_time = \"17:00\"\nstart_day = \"Sunday\"\n\
             end_day = \"fri\"",
        ] {
            assert!(parsed(good).is_ok(), "{good}: {:?}", parsed(good));
        }
    }

    #[test]
    fn errors_say_the_key_and_what_to_write() {
        let with = |zone: &str, start: &str, end: &str, more: &str| {
            let lines = format!("time_zone = {zone:?}\nstart_time = {start:?}\nend_time = {end:?}\n{more}");
            parsed(&lines).expect_err(&lines)
        };
        for (error, key, advice) in [
            (with("America/Chigaco", "17:00", "16:00", ""), "time_zone", "IANA"),
            (with("UTC", "24:00", "16:00", ""), "start_time", "HH:MM"),
            (with("UTC", "17:00", "7:00", ""), "end_time", "HH:MM"),
            (with("UTC", "17:00", "+7:00", ""), "end_time", "HH:MM"),
            (with("UTC", "17:00", "07:00:00:00", ""), "end_time", "HH:MM"),
            (with("UTC", "17", "16:00", ""), "start_time", "HH:MM"),
            (with("UTC", "17:00", "16:00", "start_day = \"Sun\""), "end_day", "give both"),
            (with("UTC", "17:00", "16:00", "end_day = \"Sun\""), "start_day", "give both"),
            (with("UTC", "17:00", "16:00", "start_day = \"Su\"\nend_day = \"Fri\""), "start_day", "Sunday"),
            (with("UTC", "17:00", "16:00", "weekdays = [\"Freitag\"]"), "weekdays", "Monday"),
            (
                with("UTC", "17:00", "16:00", "start_day = \"Sun\"\nend_day = \"Fri\"\nweekdays = [\"Mon\"]"),
                "weekdays",
                "leave",
            ),
            (with("UTC", "17:00", "16:00", "days = [\"Mon\"]"), "days", "unknown field"),
        ] {
            assert!(error.contains(key) && error.contains(advice), "{key}, {advice}: {error}");
        }
        assert!(parsed("time_zone = \"UTC\"\nstart_time = \"17:00\"").unwrap_err().contains("end_time"));
    }
}
