//! The protocols that captures hold, and how a datagram's is told.

use crate::{iex, mdp3, moldudp64};

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
    } else if moldudp64::decode(payload).is_ok() || mdp3::packet::decode(payload).is_err() {
        Protocol::Itch
    } else {
        Protocol::Mdp3
    }
}
