//! Runs this binary under callgrind and reads how many instructions one function took, with all that it calls.

use std::path::Path;
use std::process::Command;

use super::work::Work;

/// Instructions that `work` takes over so many items.
///
/// # Errors
/// No valgrind, a run that failed, a file without a total.
pub fn count(work: &Work, items: u64) -> Result<u64, String> {
    let this = std::env::current_exe().map_err(|error| format!("where this program lies: {error}"))?;
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    let file = directory.path().join("callgrind.out");
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", &format!("--toggle-collect=*{}*", work.function)]);
    command.arg(format!("--callgrind-out-file={}", file.display()));
    command.arg(&this).args(["instructions", "work", work.name, &items.to_string()]);
    // Nothing of the environment may reach the program: what is longer moves the stack.
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    let finished = command
        .output()
        .map_err(|error| format!("valgrind cannot be started ({error}): apt-get install valgrind"))?;
    if !finished.status.success() {
        let said = String::from_utf8_lossy(&finished.stderr);
        return Err(format!("{}: valgrind ended with {}: {said}", work.name, finished.status));
    }
    let total = read(&file)?;
    if total < items {
        return Err(format!(
            "{}: {total} instructions for {items} items: callgrind did not see {}",
            work.name, work.function
        ));
    }
    Ok(total)
}

fn read(file: &Path) -> Result<u64, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    total(&text).ok_or_else(|| format!("{}: no line 'totals: N' in it", file.display()))
}

/// The total of a callgrind file: its first event is Ir, instructions.
fn total(text: &str) -> Option<u64> {
    let counts_instructions = text.lines().any(|line| line.trim_end() == "events: Ir");
    let total = text.lines().rev().find_map(|line| line.strip_prefix("totals:"))?;
    counts_instructions.then(|| total.trim().parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::total;

    #[test]
    fn totals_are_read_and_other_events_refused() {
        assert_eq!(total("version: 1\nevents: Ir\nfn=(1) x\n12 3\ntotals: 123456\n"), Some(123_456));
        assert_eq!(total("events: Ir\n12 3\n"), None);
        assert_eq!(total("events: Dr\ntotals: 5\n"), None);
        assert_eq!(total("events: Ir\ntotals: many\n"), None);
    }
}
