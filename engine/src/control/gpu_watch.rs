//! What the vendor's management library says of a device while it computes: temperature, power, clocks, what slows it down,
//! errors of the bus, and critical errors (Xid), after which no answer can be trusted to come.
//!
//! A cold thread of its own asks: a call may block for seconds when a device has fallen off the bus. Without the library, or
//! where it refuses, there are no figures, and the report says why.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use kernels::device::keeper::{GivenUp, Link};
use nvml_wrapper::bitmasks::event::EventTypes;
use nvml_wrapper::enum_wrappers::device::{Clock, TemperatureSensor};
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};

/// Between two readings; also how long an event is waited for.
const INTERVAL_MS: u32 = 1_000;

/// One reading; what the device does not tell is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Degrees Celsius.
    pub temperature_c: Option<u32>,
    /// Milliwatts.
    pub power_mw: Option<u32>,
    /// Clock of the multiprocessors, MHz.
    pub sm_clock_mhz: Option<u32>,
    /// PCIe generation and lanes in use.
    pub pcie: Option<(u32, u32)>,
    /// Transfers that the bus had to repeat since the driver was loaded.
    pub pcie_replays: Option<u32>,
    /// What holds the clocks down, by the library's names; empty: nothing.
    pub slowed_by: String,
}

impl Reading {
    fn of(device: &Device<'_>) -> Self {
        let (generation, lanes) = (device.current_pcie_link_gen(), device.current_pcie_link_width());
        Self {
            temperature_c: device.temperature(TemperatureSensor::Gpu).ok(),
            power_mw: device.power_usage().ok(),
            sm_clock_mhz: device.clock_info(Clock::SM).ok(),
            pcie: generation.ok().zip(lanes.ok()),
            pcie_replays: device.pcie_replay_counter().ok(),
            slowed_by: device.current_throttle_reasons().map_or_else(
                |_| String::new(),
                |reasons| reasons.iter_names().map(|(name, _)| name).collect::<Vec<_>>().join("+"),
            ),
        }
    }
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: Option<u32>, unit: &str| value.map_or("?".to_owned(), |v| format!("{v} {unit}"));
        let pcie = self.pcie.map_or("?".to_owned(), |(generation, lanes)| format!("{generation}.0 x{lanes}"));
        write!(
            f,
            "{}, {}, SM clock {}, PCIe {pcie}, {} replays",
            shown(self.temperature_c, "C"),
            self.power_mw.map_or("? W".to_owned(), |mw| format!("{} W", mw / 1_000)),
            shown(self.sm_clock_mhz, "MHz"),
            self.pcie_replays.map_or("?".to_owned(), |count| count.to_string()),
        )?;
        if self.slowed_by.is_empty() { Ok(()) } else { write!(f, ", slowed by {}", self.slowed_by) }
    }
}

/// One reading now.
///
/// # Errors
/// Why there is none, in words.
pub fn read(pci_bus_id: &str) -> Result<Reading, String> {
    let nvml = Nvml::init().map_err(|error| error.to_string())?;
    let device = nvml.device_by_pci_bus_id(pci_bus_id).map_err(|error| error.to_string())?;
    Ok(Reading::of(&device))
}

/// What was seen so far.
#[derive(Debug, Default)]
struct Seen {
    latest: Option<Reading>,
    temperature_max_c: u32,
    sm_clock_min_mhz: Option<u32>,
    slowed_by: Vec<String>,
    xids: Vec<String>,
    refused: Option<String>,
}

impl Seen {
    fn take(&mut self, reading: Reading) {
        self.temperature_max_c = self.temperature_max_c.max(reading.temperature_c.unwrap_or(0));
        self.sm_clock_min_mhz = match (self.sm_clock_min_mhz, reading.sm_clock_mhz) {
            (Some(least), Some(now)) => Some(least.min(now)),
            (least, now) => least.or(now),
        };
        if !reading.slowed_by.is_empty() && !self.slowed_by.contains(&reading.slowed_by) {
            self.slowed_by.push(reading.slowed_by.clone());
        }
        self.latest = Some(reading);
    }
}

/// Watches one device; see the module's text. Dropping it ends the thread.
#[derive(Debug)]
pub struct GpuWatch {
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl GpuWatch {
    /// Starts to watch the device at this place of the bus; a critical error has `link` give it up.
    #[must_use]
    pub fn start(pci_bus_id: String, link: Link) -> Self {
        let (seen, stop) = (Arc::<Mutex<Seen>>::default(), Arc::<AtomicBool>::default());
        let (sees, stops) = (Arc::clone(&seen), Arc::clone(&stop));
        let thread = std::thread::Builder::new().name("wt-device-watch".to_owned()).spawn(move || {
            if let Err(error) = watch(&pci_bus_id, &link, &sees, &stops) {
                lock(&sees).refused = Some(error.to_string());
            }
        });
        Self { seen, stop, thread: thread.ok() }
    }

    /// What was seen, in words.
    #[must_use]
    pub fn note(&self) -> String {
        let seen = lock(&self.seen);
        let mut text = match (&seen.latest, &seen.refused) {
            (Some(reading), _) => format!("device: {reading}, at most {} C", seen.temperature_max_c),
            (None, Some(refused)) => format!("device: no figures: {refused}"),
            (None, None) => "device: no reading yet".to_owned(),
        };
        if let Some(least) = seen.sm_clock_min_mhz {
            text.push_str(&format!(", SM clock at least {least} MHz"));
        }
        if !seen.slowed_by.is_empty() {
            text.push_str(&format!(", was slowed by {}", seen.slowed_by.join(", ")));
        }
        if !seen.xids.is_empty() {
            text.push_str(&format!(", critical errors (Xid) {}", seen.xids.join(", ")));
        }
        text
    }
}

impl Drop for GpuWatch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Not joined: a call into a dead device may block for seconds, and nothing of ours is used by it then.
        drop(self.thread.take());
    }
}

fn lock(seen: &Mutex<Seen>) -> std::sync::MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

fn watch(pci_bus_id: &str, link: &Link, seen: &Mutex<Seen>, stop: &AtomicBool) -> Result<(), NvmlError> {
    let nvml = Nvml::init()?;
    let device = nvml.device_by_pci_bus_id(pci_bus_id)?;
    let events = nvml.create_event_set()?;
    // Where events are not to be had the figures still are.
    let events = device.register_events(EventTypes::CRITICAL_XID_ERROR, events).ok();
    while !stop.load(Ordering::Relaxed) {
        let reading = Reading::of(&device);
        lock(seen).take(reading);
        match events.as_ref().map(|events| events.wait(INTERVAL_MS)) {
            Some(Ok(event)) => {
                lock(seen).xids.push(format!("{:?}", event.event_data));
                link.give_up(GivenUp::Because("the driver reported a critical error (Xid)"));
            }
            Some(Err(NvmlError::Timeout)) => {}
            Some(Err(error)) => return Err(error),
            None => std::thread::sleep(std::time::Duration::from_millis(u64::from(INTERVAL_MS))),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_the_library_is_told_so() {
        // With it and without this device the answer is words as well; nothing panics.
        if let Err(words) = read("0000:FF:1F.7") {
            assert!(!words.is_empty());
        }
    }

    #[test]
    fn extremes_are_kept() {
        let reading = |temperature_c, sm_clock_mhz, slowed_by: &str| Reading {
            temperature_c: Some(temperature_c),
            sm_clock_mhz: Some(sm_clock_mhz),
            slowed_by: slowed_by.to_owned(),
            ..Reading::default()
        };
        let mut seen = Seen::default();
        for (temperature, clock, slowed) in
            [(60, 1_900, ""), (71, 1_400, "HW_SLOWDOWN"), (65, 1_800, "HW_SLOWDOWN")]
        {
            seen.take(reading(temperature, clock, slowed));
        }
        assert_eq!((seen.temperature_max_c, seen.sm_clock_min_mhz), (71, Some(1_400)));
        assert_eq!(seen.slowed_by, ["HW_SLOWDOWN"]);
        assert_eq!(seen.latest, Some(reading(65, 1_800, "HW_SLOWDOWN")));
        let text = seen.latest.expect("a reading").to_string();
        assert!(text.contains("65 C") && text.contains("1800 MHz") && text.contains("HW_SLOWDOWN"), "{text}");
    }
}
