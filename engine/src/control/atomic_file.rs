//! Result files that are whole or absent: written beside their place, synced, then renamed into it.
//!
//! Cold code only. A reader (a script waiting for the summary) never sees half a file, and a crash leaves the old one.

use crate::control::failpoint;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Replaces `path` by `bytes`. The temporary file is `path` with `.<pid>.tmp` added, in the same directory.
///
/// # Errors
/// What the file system says; the temporary file is removed then.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let Some(name) = path.file_name() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path names no file"));
    };
    let mut temporary_name = OsString::from(name);
    temporary_name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(temporary_name);
    let written = File::create(&temporary)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| {
            failpoint::reached("snapshot_rename");
            fs::rename(&temporary, path)
        });
    if written.is_err() {
        // The first error is the one to tell; a temporary file that cannot be removed either changes nothing.
        let _ = fs::remove_file(&temporary);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_and_leaves_nothing_beside() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("summary.json");
        write(&path, b"first").expect("writable");
        write(&path, b"second").expect("writable");
        assert_eq!(fs::read(&path).expect("readable"), b"second");
        assert_eq!(fs::read_dir(dir.path()).expect("readable").count(), 1);
    }

    #[test]
    fn a_failed_write_leaves_nothing() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let target = dir.path().join("taken");
        fs::create_dir(&target).expect("writable");
        fs::write(target.join("inside"), b"x").expect("writable");
        assert!(write(&target, b"bytes").is_err(), "a directory is in the way");
        assert_eq!(fs::read_dir(dir.path()).expect("readable").count(), 1);
        assert!(write(&dir.path().join("absent/summary.json"), b"bytes").is_err());
        assert!(write(Path::new("/"), b"bytes").is_err());
    }
}
