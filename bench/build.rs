//! Says, for every result line, which commit was built, with what, and how.

use std::process::Command;

fn first_line(program: &str, arguments: &[&str]) -> Option<String> {
    let output =
        Command::new(program).args(arguments).output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines().next().map(str::to_owned)
}

/// Cargo's own name of the profile: `PROFILE` is `release` for all that inherit from it, but the output directory is named
/// after the profile itself, `target/NAME/build/CRATE/out`.
fn profile_name() -> Option<String> {
    let out = std::path::PathBuf::from(std::env::var_os("OUT_DIR")?);
    Some(out.ancestors().nth(3)?.file_name()?.to_str()?.to_owned())
}

fn main() {
    let unknown = || "unknown".to_owned();
    let commit =
        first_line("git", &["describe", "--always", "--dirty", "--abbrev=12"]).unwrap_or_else(unknown);
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let toolchain = first_line(&rustc, &["--version"]).unwrap_or_else(unknown);
    let profile = std::env::var("PROFILE").unwrap_or_else(|_| unknown());
    let features = std::env::var("CARGO_CFG_TARGET_FEATURE").unwrap_or_default();
    println!("cargo::rustc-env=BENCH_COMMIT={commit}");
    println!("cargo::rustc-env=BENCH_TOOLCHAIN={toolchain}");
    println!("cargo::rustc-env=BENCH_PROFILE={profile}, target features {features}");
    println!("cargo::rustc-env=BENCH_TARGET_FEATURES={features}");
    println!("cargo::rustc-env=BENCH_PROFILE_NAME={}", profile_name().unwrap_or_else(unknown));
    // The log of HEAD grows with every commit; elsewhere than in a clone there is nothing to watch.
    let log =
        first_line("git", &["rev-parse", "--git-path", "logs/HEAD"]).unwrap_or_else(|| "build.rs".to_owned());
    println!("cargo::rerun-if-changed={log}");
    println!("cargo::rerun-if-changed=build.rs");
}
