//! The built `warptick` binary: built once by the cargo that runs the tests, with their profile, then run as a user
//! would.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

/// Path of the binary. `cargo test` builds the binaries of a package for that package's tests only, so the first use in
/// a test process runs `cargo build -p warptick-engine --bin warptick`, which does nothing when it is fresh.
///
/// # Panics
/// When it cannot be built.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| build(&[]))
}

/// The binary as built with more of cargo's arguments (features), under the name `name` beside the ordinary one, so that
/// nobody gets it who did not ask for it. The ordinary one has to be built again by whoever wants it.
///
/// # Panics
/// When it cannot be built.
#[must_use]
pub fn build_as(name: &str, arguments: &[&str]) -> PathBuf {
    let built = build(arguments);
    let own = built.with_file_name(name);
    let temporary = built.with_file_name(format!("{name}.{}", std::process::id()));
    std::fs::copy(&built, &temporary).and_then(|_| std::fs::rename(&temporary, &own)).expect("a copy");
    own
}

fn build(arguments: &[&str]) -> PathBuf {
    let this = std::env::current_exe().expect("the test's own path");
    // target/PROFILE/deps/TEST
    let directory = this.parent().and_then(Path::parent).expect("a target directory");
    let name = directory.file_name().and_then(|name| name.to_str()).expect("a profile");
    let profile = if name == "debug" { "test" } else { name };
    let target = directory.parent().expect("a target directory");
    let mut cargo = Command::new(env!("CARGO"));
    // What the outer cargo tells this test about its own package would make the build scripts of ring and others
    // run again, here and then there.
    for (name, _) in std::env::vars_os() {
        let is_of_this_package = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_", "CARGO_PRIMARY_"]
            .iter()
            .any(|start| name.to_string_lossy().starts_with(start));
        if is_of_this_package {
            cargo.env_remove(name);
        }
    }
    let status = cargo
        .args(["build", "--quiet", "-p", "warptick-engine", "--bin", "warptick", "--profile", profile])
        .args(arguments)
        .arg("--manifest-path")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .env("CARGO_TARGET_DIR", target)
        .stdout(Stdio::null())
        .status()
        .expect("cargo runs");
    assert!(status.success(), "the warptick binary does not build");
    directory.join("warptick")
}

/// A command that runs the binary.
#[must_use]
pub fn command() -> Command {
    Command::new(binary())
}

/// What a run of the binary came to.
#[derive(Debug)]
pub struct Finished {
    /// Exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl From<Output> for Finished {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Runs the binary to its end.
///
/// # Panics
/// When it cannot be started.
pub fn run<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Finished {
    command().args(arguments).output().expect("the binary runs").into()
}

/// The rest of the output's line that starts with `label`, trimmed.
///
/// # Panics
/// When there is no such line.
#[must_use]
pub fn line<'a>(output: &'a str, label: &str) -> &'a str {
    let rest = output.lines().find_map(|line| line.strip_prefix(label));
    rest.unwrap_or_else(|| panic!("no line '{label}' in:\n{output}")).trim()
}
