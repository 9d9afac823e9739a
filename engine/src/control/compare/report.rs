//! What a comparison says: a table of all figures with their intervals, and a verdict that names its false-alarm rate.

use std::fmt;

use super::figures::{Figures, HEADLINE};
use super::judge::{Plan, Verdict, pairs_needed};
use super::ranks::Shift;
use crate::control::failure::Failure;

/// One figure of both sides.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Row {
    /// Stage or path, and percentile.
    pub figure: String,
    /// A, ns.
    pub a_ns: f64,
    /// B, ns.
    pub b_ns: f64,
    /// B over A, the middle of what was measured beside each other.
    pub ratio: f64,
    /// Lower end of its interval; none where there were too few runs.
    pub ratio_low: Option<f64>,
    /// Upper end.
    pub ratio_high: Option<f64>,
}

impl Row {
    /// A row of a figure that both sides have.
    #[must_use]
    pub fn new(figure: &str, a: &Figures, b: &Figures, shift: &Shift) -> Option<Self> {
        let finite = |end: f64| end.is_finite().then(|| end.exp());
        Some(Self {
            figure: figure.to_owned(),
            a_ns: *a.0.get(figure)?,
            b_ns: *b.0.get(figure)?,
            ratio: shift.estimate.exp(),
            ratio_low: finite(shift.low),
            ratio_high: finite(shift.high),
        })
    }
}

/// The whole comparison; its `Display` is what the terminal shows, serialised it is the `--summary` file.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Comparison {
    /// The side that is compared with.
    pub a: String,
    /// The side that is judged.
    pub b: String,
    /// What ran, and how.
    pub method: String,
    /// What must hold for the stated rate.
    pub assumes: String,
    /// Pairs of runs, runs a side, or stretches of one run, as `method` says.
    pub units: usize,
    /// Probability that equal sides are called different.
    pub false_alarm: f64,
    /// Smallest ratio that counts.
    pub counts: f64,
    /// All figures, the headline first.
    pub rows: Vec<Row>,
    /// What the headline says.
    pub verdict: Verdict,
    /// How many units would tell; of [`Verdict::CannotTell`] only, and only where it can be said.
    pub units_needed: Option<usize>,
    /// What the reader must know besides.
    pub notes: Vec<String>,
}

impl Comparison {
    /// Puts a comparison together; `shift_of` gives each figure's shift.
    #[must_use]
    pub fn new(
        sides: [(String, &Figures); 2],
        method: String,
        assumes: &str,
        units: usize,
        plan: &Plan,
        headline: (Verdict, Shift),
        shift_of: impl Fn(&str) -> Option<Shift>,
    ) -> Self {
        let (verdict, shift) = headline;
        let [(a, figures_a), (b, figures_b)] = sides;
        let others = figures_a.0.keys().filter(|name| *name != HEADLINE);
        let others =
            others.filter_map(|name| Row::new(name, figures_a, figures_b, &shift_of(name.as_str())?));
        let rows = Row::new(HEADLINE, figures_a, figures_b, &shift).into_iter().chain(others).collect();
        let needed = (verdict == Verdict::CannotTell).then(|| pairs_needed(&shift, units, plan)).flatten();
        Self {
            a,
            b,
            method,
            assumes: assumes.to_owned(),
            units,
            false_alarm: plan.false_alarm,
            counts: plan.counts,
            rows,
            verdict,
            units_needed: needed,
            notes: Vec::new(),
        }
    }

    /// Nothing where B is no slower; else exit code 1, as where nobody could tell: what was not shown does not pass.
    ///
    /// # Errors
    /// [`Failure::Check`] with the verdict.
    pub fn outcome(&self) -> Result<(), Failure> {
        match self.verdict {
            Verdict::Same | Verdict::Faster => Ok(()),
            Verdict::Slower | Verdict::CannotTell => Err(Failure::Check(self.verdict_line())),
        }
    }

    /// The verdict in words.
    #[must_use]
    pub fn verdict_line(&self) -> String {
        let counts = (self.counts - 1.0) * 100.0;
        let row = self.rows.first();
        let by = row.map_or_else(String::new, |row| {
            let per_cent = |ratio: Option<f64>| {
                ratio.map_or_else(|| "unknown".to_owned(), |ratio| format!("{:+.1}", (ratio - 1.0) * 100.0))
            };
            format!(
                "{:+.1} % ({} to {})",
                (row.ratio - 1.0) * 100.0,
                per_cent(row.ratio_low),
                per_cent(row.ratio_high)
            )
        });
        match self.verdict {
            Verdict::Same => format!("VERDICT: SAME within {counts:.1} %: {HEADLINE} of B {by}"),
            Verdict::Slower => format!("VERDICT: SLOWER: {HEADLINE} of B {by}"),
            Verdict::Faster => format!("VERDICT: FASTER: {HEADLINE} of B {by}"),
            Verdict::CannotTell => {
                let needed = self.units_needed.map_or_else(
                    || "more runs are needed for an interval at all".to_owned(),
                    |needed| format!("about {needed} and not {} would tell {counts:.1} %", self.units),
                );
                format!("VERDICT: CANNOT TELL: {HEADLINE} of B {by}: {needed}")
            }
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "A             {}", self.a)?;
        writeln!(f, "B             {}", self.b)?;
        writeln!(f, "method        {}", self.method)?;
        for note in &self.notes {
            writeln!(f, "note          {note}")?;
        }
        writeln!(
            f,
            "\n{:<20} {:>10} {:>10} {:>8}   interval of B / A",
            "figure", "A (ns)", "B (ns)", "B / A"
        )?;
        for row in &self.rows {
            write!(f, "{:<20} {:>10.1} {:>10.1} {:>8.3}", row.figure, row.a_ns, row.b_ns, row.ratio)?;
            match (row.ratio_low, row.ratio_high) {
                (Some(low), Some(high)) => writeln!(f, "   {low:.3} to {high:.3}")?,
                _ => writeln!(f, "   too few runs")?,
            }
        }
        writeln!(f, "\n{}", self.verdict_line())?;
        writeln!(
            f,
            "false alarms: equal sides are called different at most {} times in 1,000,000; {}",
            (self.false_alarm * 1e6).round(),
            self.assumes
        )
    }
}
