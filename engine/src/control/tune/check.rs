//! `warptick tune check`: the host audit of crate `tuning` as a table, and how to mend what is not as wanted.

use std::fmt::Write;

use tuning::devices::DeviceReader;
use tuning::finding::{Finding, Verdict};
use tuning::host::HostFiles;

use crate::control::failure::Failure;

/// What to print, and when to fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CheckOptions {
    /// Fail when a verdict is FAIL. WARN and unknown are no failure.
    pub strict: bool,
    /// Print reason and commands of every knob, not only of those that are not as wanted.
    pub all: bool,
}

/// The table for the terminal, and how the command ends.
pub fn check(
    host: &HostFiles,
    devices: &dyn DeviceReader,
    options: CheckOptions,
) -> (String, Result<(), Failure>) {
    let findings = tuning::audit(host, devices);
    let count = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    let mut text = table(&findings);
    let _ = writeln!(
        text,
        "\n{} PASS, {} WARN (costs time at the tail), {} FAIL (breaks a promise or the figures), {} unknown; nothing was \
         changed",
        count(Verdict::Pass),
        count(Verdict::Warn),
        count(Verdict::Fail),
        count(Verdict::Unknown)
    );
    let wrong = |finding: &&Finding| matches!(finding.verdict, Verdict::Warn | Verdict::Fail);
    findings
        .iter()
        .filter(|finding| options.all || wrong(finding))
        .for_each(|finding| advise(&mut text, finding));
    let failed = count(Verdict::Fail);
    let result = if options.strict && failed > 0 {
        Err(Failure::Check(format!("{failed} of {} host settings FAIL", findings.len())))
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

/// Why, how and how back.
fn advise(text: &mut String, finding: &Finding) {
    let Finding { knob, verdict, set, undo, .. } = finding;
    let _ = write!(
        text,
        "\n{verdict} {}: {}\n  check   {}\n  set     {set}\n  undo    {undo}\n  effect  {}\n",
        knob.name, knob.why, knob.check, knob.effect
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use tuning::devices::SavedDevices;
    use tuning::fixture::{Fixture, unpack};

    fn checked(fixture: Fixture, options: CheckOptions) -> (String, Result<(), Failure>) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        unpack(fixture.manifest(), dir.path()).expect("a well-formed manifest");
        let host = HostFiles::under(dir.path());
        check(&host, &SavedDevices::of(host.clone()), options)
    }

    const STRICT: CheckOptions = CheckOptions { strict: true, all: false };

    #[test]
    fn a_failing_setting_ends_the_command_only_when_strict() {
        let (text, result) = checked(Fixture::Laptop, CheckOptions::default());
        assert_eq!(result, Ok(()));
        let row = text.lines().find(|line| line.contains("nvme0n1p3")).expect("a row for swap");
        assert!(row.starts_with("WARN     swap "), "{row}");
        assert!(
            text.contains("  set     swapoff /dev/nvme0n1p3\n  undo    swapon /dev/nvme0n1p3\n"),
            "{text}"
        );
        assert!(text.contains("\nFAIL isolcpus: "), "{text}");
        let (_, result) = checked(Fixture::Laptop, STRICT);
        assert!(matches!(&result, Err(failure) if failure.exit_code() == 1), "{result:?}");
    }

    #[test]
    fn a_tuned_server_gets_no_advice_and_passes() {
        let (text, result) = checked(Fixture::TunedServer, STRICT);
        assert_eq!(result, Ok(()), "{text}");
        assert!(
            text.contains("26 PASS, 0 WARN") && text.contains("0 FAIL") && !text.contains("  undo"),
            "{text}"
        );
        let (text, _) = checked(Fixture::TunedServer, CheckOptions { strict: true, all: true });
        assert_eq!(text.matches("  undo    ").count(), 32, "{text}");
    }
}
