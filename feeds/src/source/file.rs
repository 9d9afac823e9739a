//! Capture files: opening, telling the formats apart by content, and walking their packets.
//!
//! Formats: BinaryFILE (each ITCH message behind its big-endian `u16` length, a zero length ends the session;
//! source: NASDAQ «BinaryFILE» specification), pcap and pcapng ([`super::pcap`]) of MoldUDP64/ITCH, IEX-TP or CME
//! MDP 3.0, Databento DBN, Binance lines `recv_ns json`; each plain, gzipped or zstd-compressed; LEAN's ZIP archives of
//! quotes, which are DBN once they are open ([`crate::lean`]). The file is read (and
//! decompressed) as a whole into [`Memory`] when it is opened; walking it allocates nothing and makes no system call.
//! A [`Capture`] is immutable: threads may share it, each with its own cursor.
//!
//! It frames messages but does not decode them: ITCH bodies are checked by [`crate::itch::decode::decode`],
//! whose errors [`Capture::message_error`] puts in their place; the other protocols are walked and decoded by
//! [`super::stream::EventStream`]. It does not look at sequence numbers.

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

use super::compression::Compression;
use super::memory::Memory;
use super::pcap::{self, Datagram, Destination, PcapForm, Section};
use super::protocol::{self, Protocol};
use crate::binance::feed::split;
use crate::databento::records::{self, Layout, Record};
use crate::error::{CaptureError, CaptureErrorKind};
use crate::itch::decode::DecodeError;
use crate::lean;
use crate::units::TIME_NONE;

/// How the bytes are laid out.
enum Format {
    BinaryFile,
    Pcap(PcapForm),
    Pcapng(Vec<Section>),
    Dbn(Layout),
    Lines,
}

/// A capture in memory.
pub struct Capture {
    name: String,
    memory: Memory,
    format: Format,
    protocol: Protocol,
    /// Where the datagrams that count were sent; empty: all of them count.
    lines: Vec<SocketAddr>,
    /// The decompressor's error; the bytes before it are in `memory`.
    damage: Option<CaptureErrorKind>,
}

/// A packet of a capture: message blocks that arrived together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Message blocks: each a big-endian `u16` length and that many bytes of body.
    pub blocks: &'a [u8],
    /// Byte offset of `blocks` in the uncompressed file.
    pub offset: u64,
    /// BinaryFILE: the message's number in the file, from 1. MoldUDP64: the packet's sequence number.
    pub first_sequence: u64,
    /// The capture's time stamp, UTC ns; [`TIME_NONE`] for BinaryFILE and for frames without one.
    pub receive_ns: u64,
    /// Messages in `blocks`; 0 for a MoldUDP64 heartbeat or end of session.
    pub message_count: u16,
}

impl<'a> Packet<'a> {
    /// The message bodies in order, each with the byte offset of its length prefix in the uncompressed file.
    #[inline(always)]
    #[must_use]
    pub fn messages(&self) -> Messages<'a> {
        Messages { rest: self.blocks, offset: self.offset }
    }
}

/// Iterator over a packet's messages; see [`Packet::messages`].
#[derive(Clone, Copy, Debug)]
pub struct Messages<'a> {
    rest: &'a [u8],
    offset: u64,
}

impl<'a> Iterator for Messages<'a> {
    type Item = (&'a [u8], u64);

    #[inline(always)]
    fn next(&mut self) -> Option<(&'a [u8], u64)> {
        let (length, behind) = self.rest.split_first_chunk::<2>()?;
        let (body, rest) = behind.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        let offset = self.offset;
        self.rest = rest;
        self.offset += 2 + body.len() as u64;
        Some((body, offset))
    }
}

/// A message as [`Capture::walk`] hands it out.
#[derive(Clone, Copy, Debug)]
pub struct CapturedMessage<'a> {
    /// Its body: type character first, no length prefix.
    pub body: &'a [u8],
    /// Byte offset of its length prefix in the uncompressed file.
    pub offset: u64,
    /// Its number in the walk, from 1.
    pub number: u64,
    /// As [`Packet::receive_ns`].
    pub receive_ns: u64,
}

/// How far ahead of the walk a BinaryFILE's bytes are asked for. The hardware's own prefetcher stops at each 4 KiB
/// page and starts over: 1.5 KiB ahead bridges that and was best of 0.5 to 4 KiB.
const PREFETCH_BYTES: usize = 1536;

/// Asks for the cache line at `offset`, which may lie behind the end.
#[inline(always)]
fn prefetch(bytes: &[u8], offset: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: prefetching has no architectural effect whatever the address, which wraps and is not followed.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(bytes.as_ptr().wrapping_add(offset).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (bytes, offset);
}

/// A place in a [`Capture`]. Use it only with the capture that gave it.
#[derive(Clone, Copy, Debug)]
pub struct PacketCursor {
    pub(super) position: usize,
    /// Current section of a pcapng file.
    pub(super) section: usize,
    pub(super) messages: u64,
    pub(super) skipped_frames: u64,
}

impl PacketCursor {
    /// Messages in the packets handed out so far.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// Captured frames passed over because they hold neither UDP nor TCP (ARP, IGMP, spanning tree and so on).
    #[must_use]
    pub fn skipped_frames(&self) -> u64 {
        self.skipped_frames
    }

    /// The next ITCH packet; `None` at the end of the capture or of its session, and for captures of other protocols
    /// than [`Protocol::Itch`] that are no pcap. `capture` is the one that gave this cursor. After an error the cursor stays where it is.
    ///
    /// # Errors
    /// [`CaptureError`] at the first part that cannot be read; all packets before it have been handed out.
    #[inline(always)]
    pub fn next<'a>(&mut self, capture: &'a Capture) -> Result<Option<Packet<'a>>, CaptureError> {
        match &capture.format {
            Format::BinaryFile => {
                let offset = self.position;
                let rest = capture.bytes().get(offset..).unwrap_or_default();
                if let Some(prefix) = rest.first_chunk::<2>() {
                    let length = usize::from(u16::from_be_bytes(*prefix));
                    if length != 0
                        && let Some(blocks) = rest.get(..2 + length)
                    {
                        self.position = offset + blocks.len();
                        self.messages += 1;
                        return Ok(Some(Packet {
                            blocks,
                            offset: offset as u64,
                            first_sequence: self.messages,
                            receive_ns: TIME_NONE,
                            message_count: 1,
                        }));
                    }
                }
                self.end_of_binary_file(capture, rest).map(|()| None)
            }
            _ => {
                // On a copy: the caller's cursor never has its address taken, so that a loop over BinaryFILE
                // keeps it in registers (2 ns a message).
                let mut cursor = *self;
                let packet = cursor.next_frame_packet(capture);
                *self = cursor;
                packet
            }
        }
    }

    /// [`Self::next`] of the formats with network frames.
    #[inline(never)]
    fn next_frame_packet<'a>(&mut self, capture: &'a Capture) -> Result<Option<Packet<'a>>, CaptureError> {
        match &capture.format {
            Format::BinaryFile | Format::Dbn(_) | Format::Lines => Ok(None),
            Format::Pcap(form) => pcap::next_packet(self, capture, |cursor| form.next_frame(cursor, capture)),
            Format::Pcapng(sections) => {
                pcap::next_packet(self, capture, |cursor| pcap::next_pcapng_frame(cursor, capture, sections))
            }
        }
    }

    /// The next UDP payload of a pcap or pcapng capture; `None` at its end, and for other formats.
    ///
    /// # Errors
    /// As [`Self::next`].
    pub fn next_datagram<'a>(&mut self, capture: &'a Capture) -> Result<Option<Datagram<'a>>, CaptureError> {
        match &capture.format {
            Format::BinaryFile | Format::Dbn(_) | Format::Lines => Ok(None),
            Format::Pcap(form) => {
                pcap::next_datagram(self, capture, |cursor| form.next_frame(cursor, capture))
            }
            Format::Pcapng(sections) => pcap::next_datagram(self, capture, |cursor| {
                pcap::next_pcapng_frame(cursor, capture, sections)
            }),
        }
    }

    /// The next DBN record with its byte offset; `None` at the end, and for other formats.
    ///
    /// # Errors
    /// As [`Self::next`].
    pub fn next_record<'a>(
        &mut self,
        capture: &'a Capture,
    ) -> Result<Option<(Record<'a>, u64)>, CaptureError> {
        let Format::Dbn(layout) = &capture.format else { return Ok(None) };
        self.position = self.position.max(layout.records_at);
        let at = self.position;
        if let Some(record) = records::record_at(capture.bytes(), at) {
            self.position += record.bytes.len();
            self.messages += 1;
            return Ok(Some((record, at as u64)));
        }
        if at >= capture.bytes().len() {
            return capture.end(self, "DBN record", 1).map(|()| None);
        }
        Err(capture.short(self, "DBN record", records::needed_at(capture.bytes(), at)))
    }

    /// The next line that is not empty, without its end, with its byte offset; `None` at the end, and for other
    /// formats.
    ///
    /// # Errors
    /// As [`Self::next`].
    pub fn next_line<'a>(&mut self, capture: &'a Capture) -> Result<Option<(&'a [u8], u64)>, CaptureError> {
        let Format::Lines = capture.format else { return Ok(None) };
        loop {
            let at = self.position;
            let rest = capture.bytes().get(at..).unwrap_or_default();
            if rest.is_empty() {
                return capture.end(self, "line", 1).map(|()| None);
            }
            let line = match memchr::memchr(b'\n', rest) {
                Some(end) => {
                    self.position = at + end + 1;
                    &rest[..end]
                }
                None if capture.damage.is_some() => return Err(capture.short(self, "line", rest.len() + 1)),
                None => {
                    self.position = capture.bytes().len();
                    rest
                }
            };
            let line = line.trim_ascii_end();
            if !line.is_empty() {
                self.messages += 1;
                return Ok(Some((line, at as u64)));
            }
        }
    }

    /// No whole message is left in `rest`: says whether that is as it should be. Takes a copy of the cursor, for
    /// the reason given in [`Self::next`].
    #[cold]
    #[inline(never)]
    fn end_of_binary_file(self, capture: &Capture, rest: &[u8]) -> Result<(), CaptureError> {
        match rest.split_first_chunk::<2>() {
            Some(([0, 0], behind)) if behind.iter().all(|&byte| byte == 0) => Ok(()),
            Some(([0, 0], behind)) => {
                let kind = CaptureErrorKind::AfterEnd { bytes: behind.len() as u64 };
                Err(capture.error(self.position + 2, self.messages, kind))
            }
            Some((prefix, _)) => {
                let needed = 2 + usize::from(u16::from_be_bytes(*prefix));
                Err(capture.short(&self, "message", needed))
            }
            None => capture.end(&self, "length prefix", 2),
        }
    }
}

impl Capture {
    /// Reads a capture file into memory; gzip and zstd are recognised by content and decompressed. A damaged stream
    /// is no error yet: what came before the damage is kept, and the walk reports the damage when it gets there.
    ///
    /// # Errors
    /// [`CaptureError`] when the file cannot be read, is empty, or is DBN or an archive that cannot be read at all.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CaptureError> {
        let path = path.as_ref();
        let name = path.display().to_string();
        match read_file(path) {
            Ok(memory) => Self::from_memory(name, memory),
            Err(error) => Err(io_error(name, &error)),
        }
    }

    /// A capture of bytes that are in memory already (a generated session, a test), compressed or not.
    ///
    /// # Errors
    /// [`CaptureError`] when there are no bytes, no memory for their copy, or for DBN or an archive that cannot be read at all.
    pub fn from_bytes(name: impl Into<String>, bytes: Vec<u8>) -> Result<Self, CaptureError> {
        let name = name.into();
        match Memory::copy_of(&bytes) {
            Ok(memory) => Self::from_memory(name, memory),
            Err(error) => Err(io_error(name, &error)),
        }
    }

    fn from_memory(name: String, file: Memory) -> Result<Self, CaptureError> {
        if lean::is_archive(file.bytes()) {
            return Self::of_archive(name, file.bytes());
        }
        let mut memory = file;
        let mut damage = None;
        if let Some(compression) = Compression::of(memory.bytes()) {
            match compression.decompress(memory.bytes()) {
                Ok((decompressed, error)) => {
                    memory = decompressed;
                    damage = error.map(|error| compression.damage(error.to_string()));
                }
                Err(error) => return Err(io_error(name, &error)),
            }
        }
        let error = |kind| CaptureError { file: name.clone(), offset: 0, decoded_before: 0, kind };
        if memory.bytes().is_empty() && damage.is_none() {
            return Err(error(CaptureErrorKind::Empty));
        }
        let bytes = memory.bytes();
        let format = if let Some(form) = PcapForm::detect(bytes) {
            Format::Pcap(form)
        } else if bytes.starts_with(&pcap::SECTION_HEADER_BLOCK) {
            Format::Pcapng(pcap::index_sections(bytes))
        } else if let Some(layout) = Layout::detect(bytes) {
            match layout {
                Ok(layout) => Format::Dbn(layout),
                // What is missing at the end of a damaged stream is not the layout's fault.
                Err(cause) => return Err(error(damage.unwrap_or(CaptureErrorKind::Dbn(cause)))),
            }
        } else if first_line_is_stamped_json(bytes) {
            Format::Lines
        } else {
            Format::BinaryFile
        };
        let mut capture = Self { name, memory, format, protocol: Protocol::Itch, lines: Vec::new(), damage };
        capture.protocol = match capture.format {
            Format::BinaryFile => Protocol::Itch,
            Format::Dbn(_) => Protocol::Dbn,
            Format::Lines => Protocol::Binance,
            Format::Pcap(_) | Format::Pcapng(_) => match capture.packets().next_datagram(&capture) {
                Ok(Some(datagram)) => protocol::of_datagram(datagram.payload),
                Ok(None) | Err(_) => Protocol::Itch,
            },
        };
        Ok(capture)
    }

    /// An archive of LEAN, as the records that are made of it.
    fn of_archive(name: String, file: &[u8]) -> Result<Self, CaptureError> {
        let error = |kind| CaptureError { file: name.clone(), offset: 0, decoded_before: 0, kind };
        let lean::Unpacked { records, layout } =
            lean::unpack(file).map_err(|cause| error(CaptureErrorKind::Archive(cause)))?;
        if records.is_empty() {
            return Err(error(CaptureErrorKind::Empty));
        }
        let memory = Memory::copy_of(&records).map_err(|cause| io_error(name.clone(), &cause))?;
        let format = Format::Dbn(layout);
        Ok(Self { name, memory, format, protocol: Protocol::Dbn, lines: Vec::new(), damage: None })
    }

    /// The venue of a capture that names none.
    #[must_use]
    pub fn default_venue(&self) -> &'static str {
        match &self.format {
            Format::Dbn(layout) if layout.dataset == lean::DATASET => lean::DATASET,
            _ => self.protocol.default_venue(),
        }
    }

    /// The lines that [`Self::set_lines`] told apart; empty: all datagrams are of one line.
    #[must_use]
    pub fn lines(&self) -> &[SocketAddr] {
        &self.lines
    }

    /// Takes only datagrams that were sent to these addresses, each a line of one feed, from now on. Cursors that
    /// were made before must not be used any more.
    pub fn set_lines(&mut self, lines: Vec<SocketAddr>) {
        self.lines = lines;
    }

    /// Where the datagrams of a pcap or pcapng capture were sent, in the order of first appearance, up to `most`
    /// addresses; up to the first damaged part.
    #[must_use]
    pub fn destinations(&self, most: usize) -> Vec<Destination> {
        pcap::destinations(self, most)
    }

    /// Which line a datagram to this address is of; `None`: it does not count.
    #[inline]
    pub(super) fn line_of(&self, to: SocketAddr) -> Option<u8> {
        if self.lines.is_empty() {
            return Some(0);
        }
        self.lines.iter().position(|line| *line == to).and_then(|place| u8::try_from(place).ok())
    }

    /// The next frame of a pcap or pcapng capture; `None` at its end, and for other formats.
    pub(super) fn next_frame(
        &self,
        cursor: &mut PacketCursor,
    ) -> Result<Option<pcap::Frame<'_>>, CaptureError> {
        match &self.format {
            Format::BinaryFile | Format::Dbn(_) | Format::Lines => Ok(None),
            Format::Pcap(form) => form.next_frame(cursor, self),
            Format::Pcapng(sections) => pcap::next_pcapng_frame(cursor, self, sections),
        }
    }

    /// The protocol of its messages, told by content.
    #[inline(always)]
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Whether it is a BinaryFILE: messages without packets.
    #[must_use]
    pub const fn is_binary_file(&self) -> bool {
        matches!(self.format, Format::BinaryFile)
    }

    /// What the metadata of a DBN file says; `None` for other formats.
    #[must_use]
    pub fn dbn_layout(&self) -> Option<&Layout> {
        match &self.format {
            Format::Dbn(layout) => Some(layout),
            _ => None,
        }
    }

    /// The file as the caller named it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The uncompressed bytes.
    #[inline(always)]
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.memory.bytes()
    }

    /// Hands every message of the capture to `on_message`, in order, and says how many there were. The same messages
    /// as through [`Self::packets`], with nothing between two of them but the length prefix.
    ///
    /// # Errors
    /// The first of `on_message`, which ends the walk, or [`CaptureError`] at the first part that cannot be read; all
    /// messages before it have been handed out.
    #[inline(always)]
    pub fn walk<E: From<CaptureError>>(
        &self,
        mut on_message: impl FnMut(CapturedMessage<'_>) -> Result<(), E>,
    ) -> Result<u64, E> {
        let is_binary_file = self.is_binary_file();
        let mut number = 0;
        let mut cursor = self.packets();
        loop {
            // A BinaryFILE is one run of message blocks. Its last block may be cut; those of packets were checked.
            let (blocks, start, receive_ns) = if is_binary_file {
                (self.bytes(), 0, TIME_NONE)
            } else if let Some(packet) = cursor.next(self)? {
                (packet.blocks, packet.offset, packet.receive_ns)
            } else {
                return Ok(number);
            };
            let mut rest = blocks;
            while let Some((prefix, behind)) = rest.split_first_chunk::<2>()
                && let Some((body, next)) = behind.split_at_checked(usize::from(u16::from_be_bytes(*prefix)))
                && !(is_binary_file && body.is_empty())
            {
                prefetch(rest, PREFETCH_BYTES);
                number += 1;
                let offset = start + (blocks.len() - rest.len()) as u64;
                // The only call: it is inlined, whatever its size.
                on_message(CapturedMessage { body, offset, number, receive_ns })?;
                rest = next;
            }
            if is_binary_file {
                (cursor.position, cursor.messages) = (blocks.len() - rest.len(), number);
                cursor.end_of_binary_file(self, rest)?;
                return Ok(number);
            }
        }
    }

    /// A cursor in front of the first packet.
    #[must_use]
    pub fn packets(&self) -> PacketCursor {
        PacketCursor { position: 0, section: 0, messages: 0, skipped_frames: 0 }
    }

    /// A decoder's error in its place: `offset` as [`Packet::messages`] gave it, `decoded_before` the messages that
    /// decoded before this one.
    #[cold]
    #[must_use]
    pub fn message_error(&self, error: DecodeError, offset: u64, decoded_before: u64) -> CaptureError {
        CaptureError {
            file: self.name.clone(),
            offset,
            decoded_before,
            kind: CaptureErrorKind::Message(error),
        }
    }

    #[cold]
    pub(super) fn error(&self, offset: usize, decoded_before: u64, kind: CaptureErrorKind) -> CaptureError {
        self.error_at(offset as u64, decoded_before, kind)
    }

    #[cold]
    pub(super) fn error_at(&self, offset: u64, decoded_before: u64, kind: CaptureErrorKind) -> CaptureError {
        CaptureError { file: self.name.clone(), offset, decoded_before, kind }
    }

    /// The bytes end inside `part`, which starts at the cursor and needs `needed` bytes: the file is truncated, or
    /// its compressed stream is.
    #[cold]
    pub(super) fn short(&self, cursor: &PacketCursor, part: &'static str, needed: usize) -> CaptureError {
        let length = self.bytes().len();
        match &self.damage {
            Some(damage) => self.error(length, cursor.messages, damage.clone()),
            None => {
                let found = length.saturating_sub(cursor.position) as u64;
                let kind = CaptureErrorKind::Truncated { part, needed: needed as u64, found };
                self.error(cursor.position, cursor.messages, kind)
            }
        }
    }

    /// The cursor has less than the smallest `part` before it: fine at the very end of an undamaged file.
    #[cold]
    pub(super) fn end(
        &self,
        cursor: &PacketCursor,
        part: &'static str,
        needed: usize,
    ) -> Result<(), CaptureError> {
        if cursor.position >= self.bytes().len() && self.damage.is_none() {
            Ok(())
        } else {
            Err(self.short(cursor, part, needed))
        }
    }
}

fn io_error(file: String, error: &io::Error) -> CaptureError {
    CaptureError { file, offset: 0, decoded_before: 0, kind: CaptureErrorKind::Io(error.to_string()) }
}

fn read_file(path: &Path) -> io::Result<Memory> {
    let mut file = File::open(path)?;
    // One byte more than the file has, so that its end is seen without growing.
    let length = usize::try_from(file.metadata()?.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
    let mut memory = Memory::with_capacity(length.saturating_add(1))?;
    memory.append_from(&mut file)?;
    Ok(memory)
}

/// Whether the bytes start with a receive time, a space, and a JSON object or array.
fn first_line_is_stamped_json(bytes: &[u8]) -> bool {
    let start = bytes.trim_ascii_start();
    let start = start.get(..64).unwrap_or(start);
    split(start).is_ok_and(|(_, json)| matches!(json.first(), Some(b'{' | b'[')))
}
