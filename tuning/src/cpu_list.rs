//! The kernel's CPU list syntax, `0-3,8,10-11`, in which it names sets of CPUs in sysfs and on its command line.

use std::collections::BTreeSet;
use std::fmt;

/// Number of CPUs that the kernel's `cpu_set_t` of glibc and musl can name.
pub const CPU_LIMIT: usize = 1024;

/// Why a text is no CPU list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CpuListError {
    /// A part is neither a number nor `first-last`.
    Malformed {
        /// The part as written.
        part: String,
    },
    /// `first-last` with last before first.
    Backwards {
        /// The part as written.
        part: String,
    },
    /// A CPU number of [`CPU_LIMIT`] or more.
    TooLarge {
        /// The part as written.
        part: String,
    },
}

impl fmt::Display for CpuListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { part } => write!(f, "'{part}' is no CPU number and no range like 2-5"),
            Self::Backwards { part } => write!(f, "the CPU range '{part}' runs backwards"),
            Self::TooLarge { part } => write!(f, "'{part}' names a CPU above {}", CPU_LIMIT - 1),
        }
    }
}

impl std::error::Error for CpuListError {}

/// Parses the kernel's CPU list syntax, `0-3,8,10-11`; blank text is the empty list. Overlaps are merged.
///
/// # Errors
/// The first part that is no CPU number or range, runs backwards, or names a CPU of [`CPU_LIMIT`] or more.
pub fn parse_cpu_list(text: &str) -> Result<BTreeSet<usize>, CpuListError> {
    let mut cpus = BTreeSet::new();
    if text.trim().is_empty() {
        return Ok(cpus);
    }
    for part in text.trim().split(',') {
        let malformed = || CpuListError::Malformed { part: part.to_owned() };
        // A sign would pass `parse`, hence the look at the digits themselves.
        let number = |digits: &str| match digits.bytes().all(|byte| byte.is_ascii_digit()) {
            true if !digits.is_empty() => Ok(digits.parse().unwrap_or(usize::MAX)),
            _ => Err(malformed()),
        };
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (number(first)?, number(last)?);
        if last < first {
            return Err(CpuListError::Backwards { part: part.to_owned() });
        }
        if last >= CPU_LIMIT {
            return Err(CpuListError::TooLarge { part: part.to_owned() });
        }
        cpus.extend(first..=last);
    }
    Ok(cpus)
}

/// Writes a set in list syntax, as short as it can be; the empty set is the empty text.
#[must_use]
pub fn format_cpu_list(cpus: &BTreeSet<usize>) -> String {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for &cpu in cpus {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == cpu => *last = cpu,
            _ => ranges.push((cpu, cpu)),
        }
    }
    let part = |(first, last): (usize, usize)| {
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    };
    ranges.into_iter().map(part).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_lists() {
        let list = |text| parse_cpu_list(text).map(|cpus| cpus.into_iter().collect::<Vec<_>>());
        assert_eq!(list("0-3,8,10-11\n"), Ok(vec![0, 1, 2, 3, 8, 10, 11]));
        assert_eq!(list("\n"), Ok(vec![]));
        assert_eq!(list("1023"), Ok(vec![1023]));
        let part = |text: &str| text.to_owned();
        assert_eq!(list("0,5-3"), Err(CpuListError::Backwards { part: part("5-3") }));
        assert_eq!(
            list("0-99999999999999999999999"),
            Err(CpuListError::TooLarge { part: part("0-99999999999999999999999") })
        );
        for text in ["0,", ",", "-1", "1-", "+1", "a", "1--2", "0 1", "1-2-3"] {
            assert!(matches!(list(text), Err(CpuListError::Malformed { .. })), "{text}");
        }
    }

    #[test]
    fn a_written_list_is_short() {
        assert_eq!(format_cpu_list(&BTreeSet::from([0, 1, 2, 3, 8, 10, 11])), "0-3,8,10-11");
        assert_eq!(format_cpu_list(&BTreeSet::new()), "");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(cpus in prop::collection::btree_set(0usize..CPU_LIMIT, 0..40)) {
            let each: Vec<String> = cpus.iter().map(usize::to_string).collect();
            prop_assert_eq!(parse_cpu_list(&each.join(",")), Ok(cpus.clone()));
            prop_assert_eq!(parse_cpu_list(&format_cpu_list(&cpus)), Ok(cpus));
        }

        #[test]
        fn no_text_panics(text in "[0-9,\\- \n+a]{0,24}") {
            if let Ok(cpus) = parse_cpu_list(&text) {
                prop_assert!(cpus.iter().all(|&cpu| cpu < CPU_LIMIT));
            }
        }
    }
}
