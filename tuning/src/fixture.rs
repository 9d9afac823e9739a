//! Made-up machines for tests: trees of `/proc`, `/sys` and device settings, each kept as one text file.
//!
//! A manifest is written by hand in the kernel's formats: `== PATH` begins a file, the lines up to the next one are its
//! text, lines before the first are a comment. `{0-7}` in a path stands for that many files; in their texts `{}` is the
//! number, `{+8}` and `{-8}` the number with 8 added or taken away. Used by tests only; it writes below the directory that
//! it is given and nowhere else.

use std::fs;
use std::path::Path;

use crate::cpu_list::parse_cpu_list;

/// Writes the files of a manifest below `root`.
///
/// # Errors
/// A path that leads out of `root`, a malformed range, or a file that cannot be written; the text says which.
pub fn unpack(manifest: &str, root: &Path) -> Result<(), String> {
    let mut parts = format!("\n{manifest}").split("\n== ").map(str::to_owned).collect::<Vec<_>>().into_iter();
    parts.next();
    for part in parts {
        let (path, text) = part.split_once('\n').unwrap_or((&part, ""));
        let text = text.trim_end();
        let text = if text.is_empty() { "\n".to_owned() } else { format!("{text}\n") };
        match numbers(path)? {
            None => write(root, path, &text)?,
            Some((before, numbers, after)) => {
                for number in numbers {
                    write(root, &format!("{before}{number}{after}"), &filled(&text, number))?;
                }
            }
        }
    }
    Ok(())
}

/// A path with a range in it: the part before, its numbers, the part after.
type Range<'a> = (&'a str, Vec<usize>, &'a str);

/// The range of a path; nothing for a path without one.
fn numbers(path: &str) -> Result<Option<Range<'_>>, String> {
    let Some((before, rest)) = path.split_once('{') else { return Ok(None) };
    let (range, after) = rest.split_once('}').ok_or_else(|| format!("'{path}': no closing brace"))?;
    let numbers = parse_cpu_list(range).map_err(|error| format!("'{path}': {error}"))?;
    Ok(Some((before, numbers.into_iter().collect(), after)))
}

fn filled(text: &str, number: usize) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (shift, after) = after.split_once('}').unwrap_or((after, ""));
        let by = |digits: &str| digits.parse::<usize>().unwrap_or(0);
        let shifted = match shift.split_at_checked(1) {
            Some(("+", digits)) => number + by(digits),
            Some(("-", digits)) => number.saturating_sub(by(digits)),
            _ => number,
        };
        out.push_str(before);
        out.push_str(&shifted.to_string());
        rest = after;
    }
    out + rest
}

fn write(root: &Path, path: &str, text: &str) -> Result<(), String> {
    if path.split('/').any(|part| part.is_empty() || part == "..") {
        return Err(format!("'{path}' is no path below a root"));
    }
    let path = root.join(path);
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    path.parent().map_or(Ok(()), fs::create_dir_all).map_err(failed)?;
    fs::write(&path, text).map_err(failed)
}

/// The machines of `tuning/fixtures`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fixture {
    /// A developer's laptop, nothing tuned: four cores of two hyper-threads.
    Laptop,
    /// A small virtual machine in a cloud: two CPUs, a paravirtual card.
    VirtualMachine,
    /// Two sockets, isolated cores beside the network card, everything as wanted.
    TunedServer,
    /// Two sockets and two GPUs, delivered as the vendor sets it up.
    GpuServer,
}

impl Fixture {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Laptop, Self::VirtualMachine, Self::TunedServer, Self::GpuServer];

    /// Its manifest.
    #[must_use]
    pub const fn manifest(self) -> &'static str {
        match self {
            Self::Laptop => include_str!("../fixtures/laptop.txt"),
            Self::VirtualMachine => include_str!("../fixtures/virtual_machine.txt"),
            Self::TunedServer => include_str!("../fixtures/tuned_server.txt"),
            Self::GpuServer => include_str!("../fixtures/gpu_server.txt"),
        }
    }

    #[cfg(test)]
    pub(crate) fn host(self) -> (tempfile::TempDir, crate::host::HostFiles) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        unpack(self.manifest(), dir.path()).expect("a well-formed manifest");
        let host = crate::host::HostFiles::under(dir.path());
        (dir, host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_make_files() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        unpack(
            "a comment\n== sys/cpu{0-1}/siblings\n{},{+2} {-1}\n== proc/empty\n== proc/x\na\nb\n",
            dir.path(),
        )
        .expect("well-formed");
        let read = |path: &str| fs::read_to_string(dir.path().join(path)).expect("unpacked");
        assert_eq!(read("sys/cpu0/siblings"), "0,2 0\n");
        assert_eq!(read("sys/cpu1/siblings"), "1,3 0\n");
        assert_eq!(read("proc/x"), "a\nb\n");
        assert_eq!(read("proc/empty"), "\n");
    }

    #[test]
    fn a_path_stays_below_its_root() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        for path in ["../x", "/etc/x", "a//b", "a/../../b"] {
            assert!(unpack(&format!("== {path}\nx\n"), dir.path()).is_err(), "{path}");
        }
        assert!(unpack("== a{3-1}\n", dir.path()).is_err());
        assert!(unpack("== a{1\n", dir.path()).is_err());
    }
}
