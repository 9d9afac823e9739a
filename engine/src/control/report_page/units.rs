//! Figures as a reader wants them: three digits and a unit that fits, thousands apart.

/// A duration with the unit that keeps it below 1000, three significant digits: `312 ns`, `4.21 us`, `10.0 ms`.
#[must_use]
pub fn duration(ns: f64) -> String {
    let (value, unit) = match ns.abs() {
        ns_abs if ns_abs < 999.5 => return format!("{} ns", three(ns)),
        ns_abs if ns_abs < 999_500.0 => (ns / 1e3, "\u{b5}s"),
        ns_abs if ns_abs < 999_500_000.0 => (ns / 1e6, "ms"),
        _ => (ns / 1e9, "s"),
    };
    format!("{} {unit}", three(value))
}

/// Three significant digits; whole nanoseconds stay whole.
fn three(value: f64) -> String {
    match value.abs() {
        _ if value.fract() == 0.0 => format!("{value:.0}"),
        size if size >= 99.95 => format!("{value:.0}"),
        size if size >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// A duration beside a line of an axis: as [`duration`], without zeros at the end of a fraction.
#[must_use]
pub fn tick(ns: f64) -> String {
    let text = duration(ns);
    match text.split_once(' ') {
        Some((value, unit)) if value.contains('.') => {
            format!("{} {unit}", value.trim_end_matches('0').trim_end_matches('.'))
        }
        _ => text,
    }
}

/// A rate beside a line of an axis: `20`, `500 k`, `2 M`.
#[must_use]
pub fn rate(per_second: f64) -> String {
    match per_second.round() {
        rate if rate < 1e3 => format!("{rate}"),
        rate if rate < 1e6 => format!("{} k", rate / 1e3),
        rate => format!("{} M", rate / 1e6),
    }
}

/// A count with its thousands apart: `1,234,567`.
#[must_use]
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Where a percentile lies on the axis that all HdrHistogram plots have: 0 % at 0, 90 % at 1, 99 % at 2, 99.9 % at 3.
#[must_use]
pub fn nines(quantile: f64) -> f64 {
    -(1.0 - quantile).log10()
}

/// The percentile at a place of that axis: `50 %`, `99.9 %`.
#[must_use]
pub fn percentile(nines: f64) -> String {
    if nines < 0.5 {
        return format!("{:.0} %", 100.0 * (1.0 - 10f64.powf(-nines)));
    }
    let decimals = (nines.round() as usize).saturating_sub(2);
    format!("{:.decimals$} %", 100.0 * (1.0 - 10f64.powi(-(nines.round() as i32))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_keep_three_digits() {
        let cases = [
            (0.0, "0 ns"),
            (7.25, "7.25 ns"),
            (312.0, "312 ns"),
            (999.7, "1.00 \u{b5}s"),
            (4_210.0, "4.21 \u{b5}s"),
            (99_949.0, "99.9 \u{b5}s"),
            (1_000_000.0, "1 ms"),
            (999_500_000.0, "1.00 s"),
            (61e9, "61 s"),
        ];
        for (ns, text) in cases {
            assert_eq!(duration(ns), text, "{ns}");
        }
    }

    #[test]
    fn axes_have_no_idle_zeros() {
        assert_eq!([0.0, 100.0, 1_500.0, 2_000_000.0].map(tick), ["0 ns", "100 ns", "1.5 \u{b5}s", "2 ms"]);
        assert_eq!([1.0, 500.0, 20_000.0, 5e6].map(rate), ["1", "500", "20 k", "5 M"]);
    }

    #[test]
    fn thousands_are_apart() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn percentiles_are_those_of_the_axis() {
        for (quantile, text) in
            [(0.0, "0 %"), (0.5, "50 %"), (0.9, "90 %"), (0.99, "99 %"), (0.9999, "99.99 %")]
        {
            assert_eq!(percentile(nines(quantile)), text);
        }
        assert_eq!(percentile(6.0), "99.9999 %");
    }
}
