//! The GPU: where it is, how wide its link is, whether it is kept ready, and whether its memory can be trusted.

use crate::devices::{DeviceReader, Gpu, GpuSettings, gpus};
use crate::finding::{Checked, Finding, Knob, Mending, NOT_MEASURED, Verdict, bad, good, judge, unknown};
use crate::host::HostFiles;
use crate::topology::Topology;

/// Memory node of the GPUs.
pub static GPU_NODE: Knob = Knob {
    name: "GPU's node",
    wanted: "that of the hot cores",
    otherwise: Verdict::Warn,
    why: "Tick and signal lines lie in the hot cores' memory, and a GPU on the other socket reads them across the link.",
    check: "grep . /sys/bus/pci/devices/ADDRESS/numa_node",
    set: "use a GPU of the network card's node, or put this one into a slot of it",
    undo: "use the former one",
    effect: NOT_MEASURED,
};

/// Lanes of the link.
pub static GPU_LINK: Knob = Knob {
    name: "GPU's PCIe link",
    wanted: "all lanes (at rest the speed may be lower)",
    otherwise: Verdict::Warn,
    why: "Missing lanes, by a narrow slot or a bad contact, make each line's transfer longer and wide answers slower.",
    check: "grep . /sys/bus/pci/devices/ADDRESS/{current,max}_link_{width,speed}",
    set: "another slot; look at the slot's bifurcation in the firmware, and reseat the card",
    undo: "nothing to undo",
    effect: NOT_MEASURED,
};

/// The aperture into the GPU's memory.
pub static GPU_BAR1: Knob = Knob {
    name: "GPU's BAR1",
    wanted: "256 MiB or more",
    otherwise: Verdict::Warn,
    why: "Through it the CPU and other devices reach the GPU's memory; the engine's own lines lie in host memory and need none.",
    check: "cat /sys/bus/pci/devices/ADDRESS/resource (second line)",
    set: "switch on 'above 4G decoding' and resizable BAR in the firmware",
    undo: "switch them off",
    effect: NOT_MEASURED,
};

/// Persistence mode.
pub static GPU_PERSISTENCE: Knob = Knob {
    name: "GPU persistence",
    wanted: "on",
    otherwise: Verdict::Warn,
    why: "Else the driver shuts the device down when its last user ends, and the next start waits seconds for it.",
    check: "nvidia-smi -q -d PERFORMANCE; nvidia-smi --query-gpu=persistence_mode --format=csv",
    set: "nvidia-smi -i ADDRESS -pm 1",
    undo: "nvidia-smi -i ADDRESS -pm 0",
    effect: NOT_MEASURED,
};

/// Clocks.
pub static GPU_CLOCKS: Knob = Knob {
    name: "GPU clocks",
    wanted: "locked at the highest, nothing holding them down",
    otherwise: Verdict::Warn,
    why: "A GPU at rest lowers its clocks and raises them only under load: the first answers of a burst are the slow ones.",
    check: "nvidia-smi -q -d CLOCK,PERFORMANCE",
    set: "nvidia-smi -i ADDRESS -lgc MAX",
    undo: "nvidia-smi -i ADDRESS -rgc",
    effect: NOT_MEASURED,
};

/// Error correction.
pub static GPU_ECC: Knob = Knob {
    name: "GPU ECC",
    wanted: "on",
    otherwise: Verdict::Fail,
    why: "Without it a flipped bit in the GPU's books gives another answer than the CPU's, and nothing but a comparison tells.",
    check: "nvidia-smi -q -d ECC",
    set: "nvidia-smi -i ADDRESS -e 1, then a reset of the device",
    undo: "nvidia-smi -i ADDRESS -e 0, then a reset of the device",
    effect: NOT_MEASURED,
};

/// BAR1 below this is what a GPU has without the firmware's leave to map more.
const BAR1_BYTES_MIN: u64 = 256 << 20;

/// The knobs of this file.
#[must_use]
pub fn check(host: &HostFiles, topology: Option<&Topology>, devices: &dyn DeviceReader) -> Vec<Finding> {
    let gpus = gpus(host);
    let answers: Vec<Answer> = gpus
        .iter()
        .map(|gpu| Answer { settings: devices.gpu(&gpu.address), address: &gpu.address })
        .collect();
    vec![
        GPU_NODE.finding(nodes(&gpus, topology)),
        GPU_LINK.finding(each(&gpus, |gpu| link(host, gpu))),
        GPU_BAR1.finding(each(&gpus, |gpu| bar1(host, gpu))),
        GPU_PERSISTENCE
            .finding_mended(told(&answers, persistence), mended(&answers, persistence, "-pm 1", "-pm 0")),
        GPU_CLOCKS.finding_mended(told(&answers, clocks), clock_mending(&answers)),
        GPU_ECC.finding_mended(
            told(&answers, ecc),
            mended(&answers, ecc, "-e 1, then a reset of the device", "-e 0, then a reset of the device"),
        ),
    ]
}

const NO_GPU: &str = "no NVIDIA GPU on the PCI bus";

/// What a GPU said.
struct Answer<'a> {
    address: &'a str,
    settings: Result<GpuSettings, String>,
}

fn nodes(gpus: &[Gpu], topology: Option<&Topology>) -> Checked {
    if gpus.is_empty() {
        return unknown(NO_GPU);
    }
    let hot = topology.map(Topology::hot_nodes).unwrap_or_default();
    if hot.is_empty() || gpus.iter().all(|gpu| gpu.node.is_none()) {
        return unknown("the machine does not say: it has one node, or hides them");
    }
    let near = |gpu: &&Gpu| gpu.node.is_some_and(|node| hot.len() == 1 && hot.contains(&node));
    let place = |gpu: &Gpu| gpu.node.map_or("no node".to_owned(), |node| format!("node {node}"));
    let found: Vec<String> = gpus.iter().map(|gpu| format!("{} on {}", gpu.address, place(gpu))).collect();
    // The engine uses one device: one that is near is enough.
    let hot: Vec<String> = hot.iter().map(usize::to_string).collect();
    let found = format!("{}, hot cores on node {}", found.join(", "), hot.join(" and "));
    judge(gpus.iter().any(|gpu| near(&gpu)), found)
}

/// Judges each GPU by itself and joins: bad where one is, else unknown where one is.
fn each(gpus: &[Gpu], judged: impl Fn(&Gpu) -> Result<Option<(bool, String)>, String>) -> Checked {
    let answers = gpus.iter().map(|gpu| Ok((gpu.address.as_str(), judged(gpu)?)));
    join(answers.collect::<Result<Vec<_>, String>>()?)
}

/// As [`each`], from what the driver said.
fn told(answers: &[Answer], judged: fn(&GpuSettings) -> Option<(bool, String)>) -> Checked {
    let answers = answers.iter().map(|answer| match &answer.settings {
        Ok(settings) => Ok((answer.address, judged(settings))),
        Err(why) => Err(why.clone()),
    });
    join(answers.collect::<Result<Vec<_>, String>>()?)
}

fn join(answers: Vec<(&str, Option<(bool, String)>)>) -> Checked {
    if answers.is_empty() {
        return unknown(NO_GPU);
    }
    let text = |answer: &(&str, Option<(bool, String)>)| match &answer.1 {
        Some((_, text)) => format!("{}: {text}", answer.0),
        None => format!("{}: not told", answer.0),
    };
    let found = answers.iter().map(text).collect::<Vec<_>>().join(", ");
    let verdicts = || answers.iter().map(|(_, answer)| answer.as_ref().map(|(is_good, _)| *is_good));
    if verdicts().any(|verdict| verdict == Some(false)) {
        return bad(found);
    }
    if verdicts().all(|verdict| verdict == Some(true)) { good(found) } else { unknown(found) }
}

fn link(host: &HostFiles, gpu: &Gpu) -> Result<Option<(bool, String)>, String> {
    let read = |name: &str| host.text(&format!("sys/bus/pci/devices/{}/{name}", gpu.address));
    let (Some(now), Some(most)) = (read("current_link_width")?, read("max_link_width")?) else {
        return Ok(None);
    };
    let (speed, speed_most) = (read("current_link_speed")?, read("max_link_speed")?);
    let shown = |speed: Option<String>| speed.unwrap_or_else(|| "?".to_owned());
    let text = format!("x{now} of x{most}, {} of {}", shown(speed), shown(speed_most));
    Ok(Some((now == most, text)))
}

/// The second line of `resource`: first and last address of BAR1, in hexadecimal.
fn bar1(host: &HostFiles, gpu: &Gpu) -> Result<Option<(bool, String)>, String> {
    let path = format!("sys/bus/pci/devices/{}/resource", gpu.address);
    let Some(text) = host.text(&path)? else { return Ok(None) };
    let Some(line) = text.lines().nth(1) else { return Ok(None) };
    let mut numbers =
        line.split_ascii_whitespace().map(|word| u64::from_str_radix(word.trim_start_matches("0x"), 16));
    let (Some(Ok(first)), Some(Ok(last))) = (numbers.next(), numbers.next()) else {
        return Err(format!("/{path}: '{line}' is no range of addresses"));
    };
    let bytes = if last > first { last - first + 1 } else { 0 };
    Ok(Some((bytes >= BAR1_BYTES_MIN, format!("{} MiB", bytes >> 20))))
}

fn persistence(settings: &GpuSettings) -> Option<(bool, String)> {
    settings.persistence.map(|on| (on, on_or_off(on)))
}

fn ecc(settings: &GpuSettings) -> Option<(bool, String)> {
    settings.ecc.map(|on| (on, on_or_off(on)))
}

fn on_or_off(on: bool) -> String {
    if on { "on" } else { "off" }.to_owned()
}

fn clocks(settings: &GpuSettings) -> Option<(bool, String)> {
    let (now, most) = settings.sm_clock_mhz?;
    let slowed_by = settings.slowed_by.as_deref().unwrap_or_default();
    let text = format!("{now} of {most} MHz");
    let text = if slowed_by.is_empty() { text } else { format!("{text}, held down by {slowed_by}") };
    Some((now >= most && slowed_by.is_empty(), text))
}

/// One command for each GPU that is not as wanted.
fn mended(
    answers: &[Answer],
    judged: fn(&GpuSettings) -> Option<(bool, String)>,
    set: &str,
    undo: &str,
) -> Option<Mending> {
    let commands = |argument: &str| -> Vec<String> {
        astray(answers, judged).map(|(address, _)| format!("nvidia-smi -i {address} {argument}")).collect()
    };
    let set = commands(set);
    (!set.is_empty()).then(|| (set.join("; "), commands(undo).join("; ")))
}

fn clock_mending(answers: &[Answer]) -> Option<Mending> {
    let locked = |(address, settings): (&str, &GpuSettings)| {
        Some(format!("nvidia-smi -i {address} -lgc {}", settings.sm_clock_mhz?.1))
    };
    let set: Vec<String> = astray(answers, clocks).filter_map(locked).collect();
    let undo: Vec<String> =
        astray(answers, clocks).map(|(address, _)| format!("nvidia-smi -i {address} -rgc")).collect();
    (!set.is_empty()).then(|| (set.join("; "), undo.join("; ")))
}

fn astray<'a>(
    answers: &'a [Answer],
    judged: fn(&GpuSettings) -> Option<(bool, String)>,
) -> impl Iterator<Item = (&'a str, &'a GpuSettings)> {
    let said = answers.iter().filter_map(|answer| Some((answer.address, answer.settings.as_ref().ok()?)));
    said.filter(move |(_, settings)| judged(settings).is_some_and(|(is_good, _)| !is_good))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Standing;
    use crate::host::tests::made_up;

    #[test]
    fn without_a_driver_its_settings_are_unknown() {
        let answers = [Answer { address: "0000:17:00.0", settings: Err("no NVIDIA driver".to_owned()) }];
        assert_eq!(told(&answers, ecc), Err("no NVIDIA driver".to_owned()));
        assert_eq!(told(&[], ecc), unknown(NO_GPU));
    }

    #[test]
    fn the_second_line_is_bar1() {
        let path = "sys/bus/pci/devices/0000:17:00.0/resource";
        let gpu = Gpu { address: "0000:17:00.0".to_owned(), node: None };
        let of = |text: &str| bar1(&made_up(&[(path, text)]).1, &gpu);
        let zero = "0x0000000000000000 0x0000000000000000 0x0000000000000000";
        let wide = "0x0000004000000000 0x0000005fffffffff 0x000000000014220c";
        let small = "0x00000000e0000000 0x00000000e7ffffff 0x000000000014220c";
        assert_eq!(of(&format!("{zero}\n{wide}\n")), Ok(Some((true, "131072 MiB".to_owned()))));
        assert_eq!(of(&format!("{zero}\n{small}\n")), Ok(Some((false, "128 MiB".to_owned()))));
        assert_eq!(of(&format!("{zero}\n{zero}\n")), Ok(Some((false, "0 MiB".to_owned()))));
        assert!(of(&format!("{zero}\nx y\n")).is_err());
        assert_eq!(each(&[gpu], |_| Ok(None)).map(|found| found.0), Ok(Standing::Unknown));
    }
}
