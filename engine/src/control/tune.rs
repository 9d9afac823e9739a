//! `warptick tune check`: the host audit of crate `tuning` as a table, and how to mend what is bad.

use std::fmt::Write;

use tuning::finding::{Finding, Verdict};
use tuning::host::HostFiles;

use super::failure::Failure;

/// The table for the terminal, and how the command ends: well, or, when `strict`, with [`Failure::Check`] as soon as
/// one verdict is bad. What could not be judged is no failure.
pub fn check(host: &HostFiles, strict: bool) -> (String, Result<(), Failure>) {
    let findings = tuning::audit(host);
    let bad: Vec<&Finding> = findings.iter().filter(|finding| finding.verdict == Verdict::Bad).collect();
    let text = table(&findings) + &advice(&bad);
    let result = if strict && !bad.is_empty() {
        Err(Failure::Check(format!("{} of {} host settings are bad", bad.len(), findings.len())))
    } else {
        Ok(())
    };
    (text, result)
}

fn table(findings: &[Finding]) -> String {
    let width = |text: fn(&Finding) -> &str, heading: &str| {
        findings.iter().map(|finding| text(finding).chars().count()).fold(heading.len(), usize::max)
    };
    let names = width(|finding| finding.knob.name, "knob");
    let founds = width(|finding| &finding.found, "found").min(60);
    let mut text = String::new();
    let mut row = |verdict: &dyn std::fmt::Display, name: &str, found: &str, wanted: &str| {
        let line = format!("{verdict:<7}  {name:<names$}  {found:<founds$}  {wanted}");
        let _ = writeln!(text, "{}", line.trim_end());
    };
    row(&"verdict", "knob", "found", "wanted");
    for finding in findings {
        row(&finding.verdict, finding.knob.name, &finding.found, finding.knob.wanted);
    }
    text
}

/// Why, how and how back, for each knob that is bad.
fn advice(bad: &[&Finding]) -> String {
    let mut text = String::new();
    for knob in bad.iter().map(|finding| finding.knob) {
        let _ = write!(
            text,
            "\n{}: {}\n  check   {}\n  set     {}\n  undo    {}\n  effect  {}\n",
            knob.name, knob.why, knob.check, knob.set, knob.undo, knob.effect
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(swaps: &str) -> (tempfile::TempDir, HostFiles) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        std::fs::create_dir(dir.path().join("proc")).expect("writable");
        std::fs::write(dir.path().join("proc/swaps"), format!("Filename\n{swaps}")).expect("writable");
        std::fs::create_dir_all(dir.path().join("sys/kernel/mm/transparent_hugepage")).expect("writable");
        std::fs::write(dir.path().join("sys/kernel/mm/transparent_hugepage/enabled"), "[madvise]")
            .expect("writable");
        std::fs::create_dir_all(dir.path().join("sys/devices/system/cpu")).expect("writable");
        std::fs::write(dir.path().join("sys/devices/system/cpu/nohz_full"), "1").expect("writable");
        let files = HostFiles::under(dir.path());
        (dir, files)
    }

    #[test]
    fn a_bad_setting_fails_only_when_strict() {
        let (_dir, host) = host("/swapfile file 1 0 -2\n");
        let (text, result) = check(&host, false);
        assert_eq!(result, Ok(()));
        let row = text.lines().find(|line| line.contains("/swapfile")).expect("a row for swap");
        assert!(row.starts_with("bad      swap "), "{row}");
        assert!(text.contains("  undo    swapon -a\n"), "{text}");
        let (_, result) = check(&host, true);
        assert!(matches!(&result, Err(failure) if failure.exit_code() == 1), "{result:?}");
    }

    #[test]
    fn what_is_unknown_is_no_failure() {
        let (_dir, host) = host("");
        let (text, result) = check(&host, true);
        assert_eq!(result, Ok(()), "{text}");
        assert!(text.contains("unknown  clock source"), "{text}");
    }
}
