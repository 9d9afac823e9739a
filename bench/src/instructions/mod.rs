//! Instructions an item, counted by callgrind: what a change costs, whatever the machine does meanwhile.
//!
//! `instructions check` runs this very binary under callgrind, twice a scenario: once over N items and once over 2 N.
//! Counted is only what the scenario's own function does ([`work`]), and the difference over N is what an item costs,
//! exactly, so that neither start-up nor preparation is in it. The counts are compared with those of `instructions.toml`
//! ([`expected`]); `instructions record` prints them as a part of that file.
//!
//! No clock, no randomness but of fixed seeds, no code that asks what the CPU can do, but for libc's own copies of memory.
//! The counts are those of a toolchain, its target features and a profile: of another one they are printed, and nothing is
//! held against them.

pub mod callgrind;
pub mod expected;
pub mod work;

use std::path::Path;

use self::expected::{Build, Expected};
use self::work::WORKS;
use crate::line::Line;

/// Where the expected counts lie, seen from the repository's root.
const FILE: &str = "bench/instructions.toml";

/// Runs `check [FILE]`, `record`, or, under callgrind, `work SCENARIO ITEMS`.
///
/// # Errors
/// No such scenario, no callgrind, or a count that has moved.
pub fn run(arguments: &[String]) -> Result<Vec<Line>, String> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["work", name, items] => {
            let items = items.parse().map_err(|error| format!("{items}: {error}"))?;
            let digest = work::find(name)?.run(items)?;
            eprintln!("{name}: {items} items, {digest:016x}");
            Ok(Vec::new())
        }
        ["check"] => check(Path::new(FILE)),
        ["check", file] => check(Path::new(file)),
        ["record"] => {
            let counted = count_all()?;
            let counts = counted.iter().map(|count| (count.name.to_owned(), count.instructions)).collect();
            println!("{}", Expected { build: Build::this(), counts }.to_toml()?);
            Ok(Vec::new())
        }
        _ => Err("instructions check [FILE], or instructions record".to_owned()),
    }
}

/// What an item of a scenario costs.
struct Count {
    name: &'static str,
    item: &'static str,
    items: u64,
    instructions: f64,
}

fn count_all() -> Result<Vec<Count>, String> {
    if cfg!(debug_assertions) {
        return Err("this build has debug checks, which cost instructions: cargo run --profile instructions"
            .to_owned());
    }
    WORKS
        .iter()
        .map(|work| {
            let once = callgrind::count(work, work.items)?;
            let twice = callgrind::count(work, 2 * work.items)?;
            let more = twice
                .checked_sub(once)
                .ok_or_else(|| format!("{}: {twice} instructions for twice what took {once}", work.name))?;
            let instructions = more as f64 / work.items as f64;
            Ok(Count { name: work.name, item: work.item, items: work.items, instructions })
        })
        .collect()
}

fn check(file: &Path) -> Result<Vec<Line>, String> {
    let expected = expected::read(file)?;
    let known = expected.of_this_build();
    if known.is_none() {
        eprintln!(
            "{}: no counts for {}: printed only. `instructions record` gives them",
            file.display(),
            Build::this()
        );
    }
    let mut wrong = Vec::new();
    let mut lines = Vec::new();
    for Count { name, item, items, instructions } in count_all()? {
        let wanted = known.map(|known| known.count_of(name)).transpose()?;
        let verdict = wanted.map(|wanted| expected.judge(instructions, wanted));
        let said = match &verdict {
            None => "not compared".to_owned(),
            Some(Ok(said) | Err(said)) => said.clone(),
        };
        eprintln!("{name:<8} {instructions:>9.2} instructions per {item}: {said}");
        if let Some(Err(said)) = verdict {
            wrong.push(format!("{name}: {instructions:.2} instructions per {item}, {said}"));
        }
        lines.push(line(name, item, items, instructions, wanted));
    }
    if wrong.is_empty() {
        Ok(lines)
    } else {
        Err(format!(
            "{}. Where that is wanted, write what `instructions record` prints to {}",
            wrong.join("; "),
            file.display()
        ))
    }
}

fn line(name: &str, item: &str, items: u64, instructions: f64, wanted: Option<f64>) -> Line {
    Line::new(
        "instructions",
        &format!("{name}, per {item}"),
        "one thread under callgrind: what 2 N items take more than N",
        "none: caches and branches do not count",
    )
    .clock("instructions, not time")
    .with("items", items)
    .with("instructions_per_item", (instructions * 100.0).round() / 100.0)
    .with("expected", wanted)
    .checked("items were worked on and none was refused")
}
