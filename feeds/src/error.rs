//! The error of a capture file: which file, where in it, why, what was good before, and what to do about it.
//!
//! Cold: it owns its file's name. Decoders on the hot path have their own small, `Copy` errors
//! ([`crate::itch::decode::DecodeError`], [`crate::moldudp64::MoldError`]); this one wraps them with their place.

use std::fmt;

use crate::binance::feed::LineError;
use crate::databento::feed::RecordError;
use crate::databento::records::LayoutError;
use crate::itch::decode::DecodeError;
use crate::lean::ArchiveError;
use crate::moldudp64::MoldError;
use crate::packet_decoder::PacketError;

/// What is wrong with a capture, and where. Everything before `offset` was good and has been handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaptureError {
    /// The file, as the caller named it.
    pub file: String,
    /// Byte offset of the bad part in the uncompressed file, from 0.
    pub offset: u64,
    /// Messages that were good before it; the bad one has this number plus one.
    pub decoded_before: u64,
    /// Why.
    pub kind: CaptureErrorKind,
}

/// Why a capture cannot be read on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaptureErrorKind {
    /// The operating system refused; its text.
    Io(String),
    /// The file holds no bytes.
    Empty,
    /// The file ends inside something.
    Truncated {
        /// Inside what.
        part: &'static str,
        /// Bytes that it needs.
        needed: u64,
        /// Bytes that are there.
        found: u64,
    },
    /// The gzip stream is damaged or ends early; the decompressor's text.
    Gzip(String),
    /// The zstd stream is damaged or ends early; the decompressor's text.
    Zstd(String),
    /// A packet of IEX-TP or MDP 3.0 does not decode.
    Packet(PacketError),
    /// A DBN file cannot be read at all.
    Dbn(LayoutError),
    /// An archive of LEAN is refused as a whole.
    Archive(ArchiveError),
    /// A DBN record does not decode.
    Record(RecordError),
    /// A capture line of Binance does not decode.
    Line(LineError),
    /// A message body does not decode: wrong length prefix, unknown type.
    Message(DecodeError),
    /// A frame carries something else than MoldUDP64 over UDP.
    OtherProtocol(&'static str),
    /// A UDP payload is not a MoldUDP64 packet.
    NotMold(MoldError),
    /// A captured frame is damaged or cut.
    Frame(&'static str),
    /// The pcap or pcapng structure is damaged, or uses something that is not supported.
    Container(&'static str),
    /// Data follows the zero-length message that ends a BinaryFILE session.
    AfterEnd {
        /// Bytes behind the end marker.
        bytes: u64,
    },
}

impl CaptureErrorKind {
    /// What the user can do about it.
    const fn remedy(&self) -> &'static str {
        match self {
            Self::Io(_) => "Check the path and its permissions.",
            Self::Empty => "Check that the download or the recording finished.",
            Self::Truncated { .. } => "Copy the file again and compare its size with the source's.",
            Self::Gzip(_) => "Test it with `gzip -t` and copy it again.",
            Self::Zstd(_) => "Test it with `zstd -t` and copy it again.",
            Self::Packet(_) => "Filter the capture to the feed's own multicast groups and ports.",
            Self::Dbn(_) => "Check the file with Databento's `dbn` tool, or download it again.",
            Self::Archive(_) => {
                "Copy it again; read are ZIP archives of minute and second quotes, as LEAN keeps them."
            }
            Self::Record(_) => "Check the file with Databento's `dbn` tool, or copy it again.",
            Self::Line(_) => "Each line is `recv_ns json`; cut the bad line out, or copy the file again.",
            Self::Message(_) => {
                "Check that this is TotalView-ITCH 5.0 in BinaryFILE framing (u16 length prefix), and copy it again."
            }
            Self::OtherProtocol(_) | Self::NotMold(_) => {
                "Filter the capture to the feed's own multicast group and port."
            }
            Self::Frame(_) => "Record again with the full frame length (tcpdump -s 0).",
            Self::Container(_) => "Copy the file again, or rewrite it as plain pcap (editcap -F pcap).",
            Self::AfterEnd { .. } => "Split the file: each session is a capture of its own.",
        }
    }
}

impl fmt::Display for CaptureErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(text) => write!(f, "cannot be read: {text}"),
            Self::Empty => f.write_str("the file is empty"),
            Self::Truncated { part, needed, found } => {
                write!(
                    f,
                    "truncated: the file ends inside a {part}, which needs {needed} bytes and has {found}"
                )
            }
            Self::Gzip(text) => write!(f, "broken gzip stream: {text}"),
            Self::Zstd(text) => write!(f, "broken zstd stream: {text}"),
            Self::Packet(error) => error.fmt(f),
            Self::Dbn(error) => error.fmt(f),
            Self::Archive(error) => error.fmt(f),
            Self::Record(error) => error.fmt(f),
            Self::Line(error) => error.fmt(f),
            Self::Message(DecodeError::Length { message_type, expected, found }) => write!(
                f,
                "wrong length prefix {found}: a message of type '{}' has {expected} bytes",
                message_type.escape_ascii()
            ),
            Self::Message(error) => error.fmt(f),
            Self::OtherProtocol(what) => write!(f, "packet of another protocol: {what}"),
            Self::NotMold(error) => write!(f, "packet of another protocol: not MoldUDP64, {error}"),
            Self::Frame(what) => write!(f, "damaged frame: {what}"),
            Self::Container(what) => write!(f, "damaged capture structure: {what}"),
            Self::AfterEnd { bytes } => write!(f, "{bytes} bytes follow the end-of-session marker"),
        }
    }
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, offset, decoded_before, kind } = self;
        let number = decoded_before.saturating_add(1);
        let remedy = kind.remedy();
        match kind {
            CaptureErrorKind::Io(_) | CaptureErrorKind::Empty | CaptureErrorKind::Archive(_) => {
                write!(f, "{file}: {kind}. {remedy}")
            }
            _ => write!(
                f,
                "{file}: byte {offset} (message {number}): {kind}; {decoded_before} messages were good before it. \
                 {remedy}"
            ),
        }
    }
}

impl std::error::Error for CaptureError {}
