//! Settings of this machine's network cards and GPUs, from the kernel and from NVIDIA's library, for the audit.
//!
//! Opens a socket and the library for each question and keeps neither. Reads only. What a driver does not tell is absent;
//! without a driver there is an error in words.

use nvml_wrapper::Nvml;
use nvml_wrapper::bitmasks::device::ThrottleReasons;
use nvml_wrapper::enum_wrappers::device::Clock;
use tuning::devices::{CardSettings, DeviceReader, GpuSettings};

use super::ethtool::Card;

/// The devices of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct ThisMachine;

impl DeviceReader for ThisMachine {
    fn card(&self, interface: &str) -> Result<CardSettings, String> {
        let card = Card::of(interface).map_err(|error| error.to_string())?;
        let coalescing = card.coalescing().ok();
        Ok(CardSettings {
            rx_usecs: coalescing.map(|(usecs, _)| usecs),
            adaptive_rx: coalescing.map(|(_, adaptive)| adaptive),
            rx_ring: card.rx_ring().ok(),
            hardware_rx_stamps: card.stamps_received().ok(),
        })
    }

    fn gpu(&self, address: &str) -> Result<GpuSettings, String> {
        let nvml = Nvml::init().map_err(|error| format!("no NVIDIA driver: {error}"))?;
        let device = nvml
            .device_by_pci_bus_id(address)
            .map_err(|error| format!("the driver does not know it: {error}"))?;
        let clocks = device.clock_info(Clock::SM).ok().zip(device.max_clock_info(Clock::SM).ok());
        Ok(GpuSettings {
            persistence: device.is_in_persistent_mode().ok(),
            ecc: device.is_ecc_enabled().ok().map(|ecc| ecc.currently_enabled),
            sm_clock_mhz: clocks,
            slowed_by: device.current_throttle_reasons().ok().map(slowing),
        })
    }
}

/// What holds clocks down, but not that nothing is asked of the device, which its clocks show already.
fn slowing(reasons: ThrottleReasons) -> String {
    let mut reasons = reasons;
    reasons.remove(ThrottleReasons::GPU_IDLE);
    reasons.iter_names().map(|(name, _)| name).collect::<Vec<_>>().join("+")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idleness_is_no_reason() {
        assert_eq!(slowing(ThrottleReasons::GPU_IDLE), "");
        assert_eq!(slowing(ThrottleReasons::GPU_IDLE | ThrottleReasons::HW_SLOWDOWN), "HW_SLOWDOWN");
    }

    #[test]
    fn this_machine_answers_in_words_where_it_has_nothing() {
        assert!(ThisMachine.gpu("0000:FF:1F.7").is_err_and(|words| !words.is_empty()));
        let nowhere = ThisMachine.card("wt-none0").expect("a socket");
        assert_eq!(nowhere, CardSettings::default());
    }
}
