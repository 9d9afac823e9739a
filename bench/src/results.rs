//! Where measured lines are kept: `results/<machine>.jsonl`, one line a result, only ever added to.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use engine::control::machine::Machine;

/// The file of this machine, seen from the repository's root.
#[must_use]
pub fn of_this_machine() -> PathBuf {
    let machine = Machine::read();
    Path::new("bench/results").join(format!("{}.jsonl", name(&machine, &hypervisor())))
}

/// Adds lines to a file. All of them or, where the disk is full, a part that the message speaks of.
///
/// # Errors
/// The file cannot be written; its directory must be there.
pub fn append(file: &Path, lines: &[String]) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", file.display());
    let mut out: File = OpenOptions::new().create(true).append(true).open(file).map_err(failed)?;
    let mut text = lines.join("\n");
    text.push('\n');
    out.write_all(text.as_bytes()).map_err(failed)
}

/// `xeon-2.8ghz-kvm-2vcpu`: what the CPU calls itself without what all call themselves, who pretends to be it, how many.
fn name(machine: &Machine, hypervisor: &str) -> String {
    const EVERYBODYS: [&str; 8] = ["intel", "amd", "cpu", "processor", "with", "core", "inc", "at"];
    let model = machine.cpu.replace("(R)", " ").replace("(TM)", " ").to_lowercase();
    let words = model.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '.' && letter != '-');
    let words = words.filter(|word| !word.is_empty() && !EVERYBODYS.contains(word));
    let mut parts: Vec<String> = words.map(short).collect();
    if machine.virtual_machine {
        parts.push(hypervisor.to_owned());
    }
    let unit = if machine.virtual_machine { "vcpu" } else { "cpu" };
    format!("{}-{}{unit}", parts.join("-"), machine.cpus_online)
}

/// `2.80ghz` as `2.8ghz`.
fn short(word: &str) -> String {
    let frequency = word.strip_suffix("ghz").and_then(|number| number.parse::<f64>().ok());
    frequency.map_or_else(|| word.to_owned(), |frequency| format!("{frequency}ghz"))
}

/// The hypervisor as it signs itself to its guests.
#[cfg(target_arch = "x86_64")]
fn hypervisor() -> String {
    // The leaf of hypervisors; without one it repeats another, and nobody asks for it.
    let leaf = core::arch::x86_64::__cpuid(0x4000_0000);
    let signature: Vec<u8> = [leaf.ebx, leaf.ecx, leaf.edx].into_iter().flat_map(u32::to_le_bytes).collect();
    match &signature[..] {
        b"KVMKVMKVM\0\0\0" => "kvm",
        b"Microsoft Hv" => "hyperv",
        b"VMwareVMware" => "vmware",
        b"XenVMMXenVMM" => "xen",
        _ => "vm",
    }
    .to_owned()
}

#[cfg(not(target_arch = "x86_64"))]
fn hypervisor() -> String {
    "vm".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_have_the_names_of_their_files() {
        let machine = |cpu: &str, cpus_online, virtual_machine| Machine {
            cpu: cpu.to_owned(),
            cpus_online,
            virtual_machine,
            ..Machine::read()
        };
        let guest = machine("Intel(R) Xeon(R) Processor @ 2.80GHz", 2, true);
        assert_eq!(name(&guest, "kvm"), "xeon-2.8ghz-kvm-2vcpu");
        let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("results/xeon-2.8ghz-kvm-2vcpu.jsonl");
        assert!(committed.exists(), "the committed results are of that machine");
        let host = machine("AMD EPYC 9354P 32-Core Processor", 64, false);
        assert_eq!(name(&host, "kvm"), "epyc-9354p-32-core-64cpu");
    }

    #[test]
    fn lines_are_added() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("one.jsonl");
        append(&file, &["1".to_owned(), "2".to_owned()]).expect("writable");
        append(&file, &["3".to_owned()]).expect("writable");
        assert_eq!(std::fs::read_to_string(&file).expect("readable"), "1\n2\n3\n");
        let error = append(&directory.path().join("absent/one.jsonl"), &[]).expect_err("no directory");
        assert!(error.contains("absent"), "{error}");
    }
}
