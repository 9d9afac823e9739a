//! The files that a check reads, under a directory that stands for `/`: on the real machine `/` itself, in a test a
//! made-up tree.
//!
//! Reads only, allocates the texts it returns, and runs on a cold thread before anything is pinned.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::PathBuf;

use crate::cpu_list::parse_cpu_list;

/// A machine's `/proc` and `/sys`.
#[derive(Clone, Debug)]
pub struct HostFiles {
    root: PathBuf,
}

impl HostFiles {
    /// This machine.
    #[must_use]
    pub fn this_machine() -> Self {
        Self::under("/")
    }

    /// The tree below `root`, which has `proc` and `sys` in it: the seam for tests.
    #[must_use]
    pub fn under(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The trimmed text of a file such as `proc/cmdline`; nothing when the kernel has no such file.
    ///
    /// # Errors
    /// The file is there and cannot be read; the text says which one and why.
    pub fn text(&self, path: &str) -> Result<Option<String>, String> {
        match fs::read_to_string(self.root.join(path)) {
            Ok(text) => Ok(Some(text.trim().to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(format!("cannot read /{path}: {error}")),
        }
    }

    /// The CPUs of a file in list syntax, `0-3,8`; nothing when the kernel has no such file. An empty file and the
    /// `(null)` that some kernels print are the empty list.
    ///
    /// # Errors
    /// The file cannot be read, or holds no CPU list.
    pub fn cpus(&self, path: &str) -> Result<Option<BTreeSet<usize>>, String> {
        let Some(text) = self.text(path)? else { return Ok(None) };
        if text == "(null)" {
            return Ok(Some(BTreeSet::new()));
        }
        parse_cpu_list(&text).map(Some).map_err(|error| format!("/{path}: {error}"))
    }

    /// The value of a parameter of the kernel command line; the last one counts, as it does for the kernel.
    ///
    /// # Errors
    /// The command line cannot be read.
    pub fn boot_parameter(&self, name: &str) -> Result<Option<String>, String> {
        let line = self.text("proc/cmdline")?.ok_or("cannot read /proc/cmdline: not there")?;
        // What follows a lone `--` is for the init process.
        let kernels = line.split_ascii_whitespace().take_while(|word| *word != "--");
        Ok(kernels
            .filter_map(|word| word.split_once('='))
            .filter(|(key, _)| *key == name)
            .last()
            .map(|(_, value)| value.to_owned()))
    }

    /// CPUs that `isolcpus` keeps free of ordinary tasks; empty where the kernel cannot isolate.
    ///
    /// # Errors
    /// As [`HostFiles::cpus`].
    pub fn isolated(&self) -> Result<BTreeSet<usize>, String> {
        Ok(self.cpus("sys/devices/system/cpu/isolated")?.unwrap_or_default())
    }

    /// CPUs that are online.
    ///
    /// # Errors
    /// As [`HostFiles::cpus`]; no CPU is listed.
    pub fn online(&self) -> Result<BTreeSet<usize>, String> {
        let online = self.cpus("sys/devices/system/cpu/online")?.unwrap_or_default();
        if online.is_empty() {
            Err("/sys/devices/system/cpu/online lists no CPU".to_owned())
        } else {
            Ok(online)
        }
    }

    /// The CPUs to judge power and sharing by: the isolated ones, which are those that hot threads are put on, else
    /// all that are online.
    ///
    /// # Errors
    /// As [`HostFiles::cpus`].
    pub fn hot_candidates(&self) -> Result<BTreeSet<usize>, String> {
        let isolated = self.isolated()?;
        if isolated.is_empty() { self.online() } else { Ok(isolated) }
    }

    /// Names of the entries of a directory, sorted; none when it is not there.
    pub(crate) fn entries(&self, path: &str) -> Vec<String> {
        let Ok(dir) = fs::read_dir(self.root.join(path)) else { return Vec::new() };
        let mut names: Vec<String> =
            dir.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        names
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A made-up machine of these files, in a directory that goes with the returned handle.
    pub fn made_up(files: &[(&str, &str)]) -> (tempfile::TempDir, HostFiles) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        for (path, text) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().expect("a path with a folder")).expect("writable");
            fs::write(path, text).expect("writable");
        }
        let host = HostFiles::under(dir.path());
        (dir, host)
    }

    #[test]
    fn absent_empty_and_broken_files_differ() {
        let (_dir, host) = made_up(&[
            ("sys/a", "0-2\n"),
            ("sys/empty", "\n"),
            ("sys/null", "  (null)\n"),
            ("sys/broken", "0-x\n"),
            ("sys/folder/file", ""),
        ]);
        assert_eq!(host.cpus("sys/a"), Ok(Some(BTreeSet::from([0, 1, 2]))));
        assert_eq!(host.cpus("sys/empty"), Ok(Some(BTreeSet::new())));
        assert_eq!(host.cpus("sys/null"), Ok(Some(BTreeSet::new())));
        assert_eq!(host.cpus("sys/absent"), Ok(None));
        assert!(host.cpus("sys/broken").expect_err("malformed").contains("/sys/broken"));
        assert!(host.text("sys/folder").expect_err("a folder").contains("/sys/folder"));
        assert_eq!(host.entries("sys"), ["a", "broken", "empty", "folder", "null"]);
        assert!(host.entries("sys/absent").is_empty());
        assert!(host.online().expect_err("no CPU").contains("online"));
    }

    #[test]
    fn the_last_boot_parameter_before_the_dashes_counts() {
        let (_dir, host) = made_up(&[("proc/cmdline", "quiet rcu_nocbs=1 rcu_nocbs=2-3 -- rcu_nocbs=4\n")]);
        assert_eq!(host.boot_parameter("rcu_nocbs"), Ok(Some("2-3".to_owned())));
        assert_eq!(host.boot_parameter("quiet"), Ok(None));
        assert!(made_up(&[]).1.boot_parameter("x").is_err());
    }
}
