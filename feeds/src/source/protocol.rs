//! The protocols that captures hold, and how a datagram's is told.

use crate::{iex, moldudp64};

/// The protocol of a capture's messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// ITCH 5.0, in BinaryFILE or MoldUDP64.
    Itch,
    /// IEX-TP: TOPS, DEEP, DEEP+.
    IexTp,
    /// CME MDP 3.0.
    Mdp3,
    /// Databento DBN.
    Dbn,
    /// Binance capture lines.
    Binance,
}

impl Protocol {
    /// The venue of a capture that names none.
    #[must_use]
    pub const fn default_venue(self) -> &'static str {
        match self {
            Self::Itch => "NASDAQ",
            Self::IexTp => "IEX",
            Self::Mdp3 => "CME",
            Self::Dbn => "DATABENTO",
            Self::Binance => "BINANCE",
        }
    }
}

/// The protocol of a UDP payload: the one whose framing fits it as a whole; ITCH when none does, whose decoder then says
/// what is wrong.
#[must_use]
pub fn of_datagram(payload: &[u8]) -> Protocol {
    let iex = iex::transport::decode(payload).is_ok_and(|(header, _)| {
        matches!(
            header.message_protocol,
            iex::transport::TOPS | iex::transport::DEEP | iex::transport::DEEP_PLUS
        )
    });
    if iex {
        Protocol::IexTp
    } else if moldudp64::decode(payload).is_ok() || !is_mdp3(payload) {
        Protocol::Itch
    } else {
        Protocol::Mdp3
    }
}

/// Bytes of an MDP 3.0 packet header: sequence number and sending time.
const MDP3_HEADER_LENGTH: usize = 12;

/// Whether a payload is a chain of SBE messages behind an MDP 3.0 packet header: each a little-endian `u16` size of the
/// whole message, then block length, template id, schema id (1) and version.
fn is_mdp3(payload: &[u8]) -> bool {
    let Some(mut rest) = payload.get(MDP3_HEADER_LENGTH..).filter(|rest| !rest.is_empty()) else { return false };
    while !rest.is_empty() {
        let Some(&[size_low, size_high, _, _, _, _, 1, 0, _, _]) = rest.first_chunk::<10>() else { return false };
        let size = usize::from(u16::from_le_bytes([size_low, size_high]));
        match rest.get(size..) {
            Some(behind) if size >= 10 => rest = behind,
            _ => return false,
        }
    }
    true
}
