//! Network cards and GPUs: where they are, from sysfs, and what only a system call or the vendor's library tells, through
//! [`DeviceReader`].
//!
//! This crate makes no such call itself (it has no unsafe code): the engine's `control/tune/device_settings.rs` does on a
//! real machine, and [`SavedDevices`] reads the same from text files, for a saved or made-up one.

use crate::host::HostFiles;

/// A network card that is in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkCard {
    /// Name of its interface.
    pub name: String,
    /// Memory node that its bus hangs on.
    pub node: Option<usize>,
}

/// A GPU of NVIDIA's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gpu {
    /// Its place on the PCI bus, `0000:17:00.0`.
    pub address: String,
    /// Memory node that its bus hangs on.
    pub node: Option<usize>,
}

/// What a card answers about its settings; what its driver does not tell is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CardSettings {
    /// How long it may hold an interrupt back after a packet came, us.
    pub rx_usecs: Option<u32>,
    /// Whether it chooses that time itself.
    pub adaptive_rx: Option<bool>,
    /// Descriptors of a receive ring, and how many there could be.
    pub rx_ring: Option<(u32, u32)>,
    /// Whether it can stamp what it receives.
    pub hardware_rx_stamps: Option<bool>,
}

/// What a GPU's driver answers about it; what it does not tell is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GpuSettings {
    /// The driver stays loaded when nobody uses the device.
    pub persistence: Option<bool>,
    /// Its memory corrects errors.
    pub ecc: Option<bool>,
    /// Clock of its multiprocessors now, and the highest, MHz.
    pub sm_clock_mhz: Option<(u32, u32)>,
    /// What holds its clocks down; empty: nothing.
    pub slowed_by: Option<String>,
}

/// Where settings of devices come from. An error is a text that says why there are none.
pub trait DeviceReader {
    /// Those of a network card, by its interface.
    ///
    /// # Errors
    /// It has no driver that answers, or there is no such interface.
    fn card(&self, interface: &str) -> Result<CardSettings, String>;

    /// Those of a GPU, by its address.
    ///
    /// # Errors
    /// There is no driver, or it does not know the device.
    fn gpu(&self, address: &str) -> Result<GpuSettings, String>;
}

/// Settings saved as text: `devices/card/eth0` and `devices/gpu/0000:17:00.0`, one `name value` a line, beside a tree of
/// `/proc` and `/sys`.
#[derive(Clone, Debug)]
pub struct SavedDevices(HostFiles);

impl SavedDevices {
    /// Those of a saved machine.
    #[must_use]
    pub const fn of(host: HostFiles) -> Self {
        Self(host)
    }

    fn lines(&self, path: &str) -> Result<Lines, String> {
        let text = self.0.text(path)?.ok_or_else(|| format!("no /{path} was saved"))?;
        Ok(Lines { path: path.to_owned(), text })
    }
}

struct Lines {
    path: String,
    text: String,
}

impl Lines {
    fn get(&self, name: &str) -> Option<&str> {
        let mut pairs = self.text.lines().filter_map(|line| line.split_once(' '));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value.trim())
    }

    fn number(&self, name: &str) -> Result<Option<u32>, String> {
        let parse =
            |text: &str| text.parse().map_err(|_| format!("/{}: {name}: '{text}' is no number", self.path));
        self.get(name).map(parse).transpose()
    }

    fn on(&self, name: &str) -> Option<bool> {
        self.get(name).map(|text| text == "on")
    }

    fn pair(&self, name: &str, most: &str) -> Result<Option<(u32, u32)>, String> {
        Ok(self.number(name)?.zip(self.number(most)?))
    }
}

impl DeviceReader for SavedDevices {
    fn card(&self, interface: &str) -> Result<CardSettings, String> {
        let lines = self.lines(&format!("devices/card/{interface}"))?;
        Ok(CardSettings {
            rx_usecs: lines.number("rx_usecs")?,
            adaptive_rx: lines.on("adaptive_rx"),
            rx_ring: lines.pair("rx_ring", "rx_ring_max")?,
            hardware_rx_stamps: lines.on("hardware_rx_stamps"),
        })
    }

    fn gpu(&self, address: &str) -> Result<GpuSettings, String> {
        let lines = self.lines(&format!("devices/gpu/{address}"))?;
        Ok(GpuSettings {
            persistence: lines.on("persistence"),
            ecc: lines.on("ecc"),
            sm_clock_mhz: lines.pair("sm_clock_mhz", "sm_clock_max_mhz")?,
            slowed_by: lines
                .get("slowed_by")
                .map(|text| if text == "nothing" { "" } else { text }.to_owned()),
        })
    }
}

/// The network cards in use: interfaces with a device behind them whose link is not down.
#[must_use]
pub fn network_cards(host: &HostFiles) -> Vec<NetworkCard> {
    let class = "sys/class/net";
    let is_card = |name: &String| {
        let state = host.text(&format!("{class}/{name}/operstate")).ok().flatten();
        !host.entries(&format!("{class}/{name}/device")).is_empty()
            && state.is_none_or(|state| state != "down")
    };
    let cards = host.entries(class).into_iter().filter(is_card);
    cards.map(|name| NetworkCard { node: node(host, &format!("{class}/{name}/device")), name }).collect()
}

/// The GPUs on the PCI bus: NVIDIA's, of a display or computing class.
#[must_use]
pub fn gpus(host: &HostFiles) -> Vec<Gpu> {
    let bus = "sys/bus/pci/devices";
    let is = |address: &String, file: &str, start: &str| {
        let text = host.text(&format!("{bus}/{address}/{file}")).ok().flatten();
        text.is_some_and(|text| text.starts_with(start))
    };
    let devices = host.entries(bus).into_iter();
    devices
        .filter(|address| is(address, "vendor", "0x10de") && is(address, "class", "0x03"))
        .map(|address| Gpu { node: node(host, &format!("{bus}/{address}")), address })
        .collect()
}

/// The node of a device; the kernel writes -1 where there is none. A paravirtual card has it at its parent's.
fn node(host: &HostFiles, folder: &str) -> Option<usize> {
    let text = |path: String| host.text(&path).ok().flatten();
    let found = text(format!("{folder}/numa_node")).or_else(|| text(format!("{folder}/../numa_node")));
    found?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::tests::made_up;

    #[test]
    fn cards_have_a_device_and_a_link() {
        let (_dir, host) = made_up(&[
            ("sys/class/net/lo/operstate", "unknown"),
            ("sys/class/net/eth0/operstate", "up"),
            ("sys/class/net/eth0/device/numa_node", "1"),
            ("sys/class/net/eth1/operstate", "down"),
            ("sys/class/net/eth1/device/numa_node", "0"),
            ("sys/class/net/eth2/device/numa_node", "-1"),
        ]);
        let card = |name: &str, node| NetworkCard { name: name.to_owned(), node };
        assert_eq!(network_cards(&host), [card("eth0", Some(1)), card("eth2", None)]);
    }

    #[test]
    fn gpus_are_told_from_other_devices_of_the_vendor() {
        let bus = "sys/bus/pci/devices";
        let files = [
            (format!("{bus}/0000:17:00.0/vendor"), "0x10de"),
            (format!("{bus}/0000:17:00.0/class"), "0x030200"),
            (format!("{bus}/0000:17:00.0/numa_node"), "0"),
            (format!("{bus}/0000:18:00.0/vendor"), "0x10de"),
            (format!("{bus}/0000:18:00.0/class"), "0x068000"),
            (format!("{bus}/0000:00:02.0/vendor"), "0x8086"),
            (format!("{bus}/0000:00:02.0/class"), "0x030000"),
        ];
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        let (_dir, host) = made_up(&files);
        assert_eq!(gpus(&host), [Gpu { address: "0000:17:00.0".to_owned(), node: Some(0) }]);
    }

    #[test]
    fn what_was_saved_is_read() {
        let (_dir, host) = made_up(&[
            ("devices/card/eth0", "rx_usecs 8\nadaptive_rx on\nrx_ring 512\nrx_ring_max 4096\n"),
            ("devices/card/eth1", "rx_usecs often\n"),
            ("devices/gpu/0000:17:00.0", "ecc off\nslowed_by nothing\n"),
        ]);
        let saved = SavedDevices::of(host);
        let card = saved.card("eth0").expect("saved");
        assert_eq!((card.rx_usecs, card.adaptive_rx, card.rx_ring), (Some(8), Some(true), Some((512, 4096))));
        assert_eq!(card.hardware_rx_stamps, None);
        assert!(saved.card("eth1").expect_err("no number").contains("rx_usecs"));
        assert!(saved.card("eth2").expect_err("not saved").contains("eth2"));
        let gpu = saved.gpu("0000:17:00.0").expect("saved");
        assert_eq!((gpu.ecc, gpu.slowed_by.as_deref(), gpu.persistence), (Some(false), Some(""), None));
    }
}
