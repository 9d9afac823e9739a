//! One venue's recorded feed, its lines and what its servers answered, put in order again by the live run's own code.
//!
//! Every datagram of the recording goes to the [`LiveFeed`] in the role that its destination had, with its receive time
//! as the clock, so that a replay ends with the books of the run that was recorded. Requests that the feed makes go
//! nowhere: what was answered is in the recording. At its end the messages that still wait are handed on.
//!
//! Snapshots came over TCP; a live run records them as packets to the snapshot server ([`snapshot_packets`]). The stage
//! allocates its window at construction, and room for a snapshot when one comes. The replaying thread owns it.

use feeds::directory::Directory;
use feeds::error::CaptureError;
use feeds::event::MarketEvent;
use feeds::moldudp64::{self, HEADER_LENGTH, Header};
use feeds::source::file::{Capture, PacketCursor};
use feeds::source::pcap::Datagram;
use feeds::units::TIME_NONE;

use crate::pipeline::live_feed::{LiveFeed, Snapshot};

/// Session name of the packets that hold a snapshot; no line takes them for its own.
const SNAPSHOT_SESSION: [u8; 10] = *b"GLIMPSE   ";

/// Actions that one moment can ask for at most; more are asked for at the next datagram.
const ACTIONS_A_MOMENT: usize = 16;

/// What the datagrams to one address of a recording are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineRole {
    /// A line of the feed, A being 0.
    Line(u8),
    /// Answers of the retransmission server.
    Answers,
    /// Snapshots, as [`snapshot_packets`] writes them.
    Snapshots,
}

/// Makes the packets under which a portion of a snapshot is recorded: MoldUDP64 in form, the sequence number being the
/// snapshot's `next_sequence`, and behind the last portion one without messages. `buffer` is where they are made; what
/// does not fit is not recorded.
pub fn snapshot_packets(
    next_sequence: u64,
    blocks: &[u8],
    last: bool,
    buffer: &mut [u8],
    mut sink: impl FnMut(&[u8]),
) {
    let header = |count| Header { session: SNAPSHOT_SESSION, sequence: next_sequence, count }.encode();
    let end = HEADER_LENGTH + blocks.len();
    if let (Some(packet), Ok(count)) =
        (buffer.get_mut(..end), u16::try_from(moldudp64::blocks(blocks).count()))
        && count > 0
    {
        packet[..HEADER_LENGTH].copy_from_slice(&header(count));
        packet[HEADER_LENGTH..].copy_from_slice(blocks);
        sink(packet);
    }
    if last {
        sink(&header(0));
    }
}

/// See the module's text.
pub struct Recording<'a> {
    capture: &'a Capture,
    cursor: PacketCursor,
    /// Of each of the capture's lines.
    roles: Vec<LineRole>,
    feed: LiveFeed,
    head: Option<Datagram<'a>>,
    /// What has come of a snapshot.
    snapshot: Option<Box<Snapshot>>,
    time_ns: u64,
    finished: bool,
}

impl<'a> Recording<'a> {
    /// The recording in front of its first datagram; `roles` are those of the capture's lines.
    ///
    /// # Errors
    /// When the first datagram cannot be framed.
    pub fn new(capture: &'a Capture, roles: Vec<LineRole>, feed: LiveFeed) -> Result<Self, CaptureError> {
        let mut recording = Self {
            cursor: capture.packets(),
            capture,
            roles,
            feed,
            head: None,
            snapshot: None,
            time_ns: 0,
            finished: false,
        };
        recording.advance()?;
        Ok(recording)
    }

    /// Moves to the next datagram.
    ///
    /// # Errors
    /// It cannot be framed; every one before it has been given out.
    pub fn advance(&mut self) -> Result<(), CaptureError> {
        self.head = None;
        self.head = self.cursor.next_datagram(self.capture)?;
        if let Some(head) = &self.head
            && head.receive_ns != TIME_NONE
        {
            self.time_ns = self.time_ns.max(head.receive_ns);
        }
        Ok(())
    }

    /// Receive time of the next datagram, UTC ns, never decreasing; `None` behind the end.
    #[must_use]
    pub fn next_time_ns(&self) -> Option<u64> {
        (!self.finished).then_some(self.time_ns)
    }

    /// Hands on what the next datagram leads to; at the end, what still waits.
    pub fn decode(&mut self, directory: &mut Directory, events: &mut Vec<MarketEvent>) {
        let now_ns = self.time_ns;
        let sink = &mut |event: &MarketEvent| events.push(*event);
        let Some(head) = self.head else {
            self.feed.finish(directory, now_ns, sink);
            self.finished = true;
            return;
        };
        pass_time(&mut self.feed, directory, now_ns, sink);
        match self.roles.get(usize::from(head.line)) {
            Some(LineRole::Line(line)) => {
                self.feed.on_packet(directory, usize::from(*line), head.payload, now_ns, now_ns, sink);
            }
            Some(LineRole::Answers) => self.feed.on_retransmission(directory, head.payload, now_ns, sink),
            Some(LineRole::Snapshots) => {
                if let Some(snapshot) = collect(&mut self.snapshot, head.payload) {
                    // What the run took in is wanted here too; if not, there is nothing that it would mend.
                    let _ = self.feed.load(snapshot, directory, now_ns, sink);
                }
            }
            None => {}
        }
        pass_time(&mut self.feed, directory, now_ns, sink);
    }

    /// Messages handed on so far, those of snapshots not counted.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.feed.arbiter().counters().messages
    }
}

/// What time demands, until it demands nothing more; a snapshot is taken in whole.
fn pass_time(
    feed: &mut LiveFeed,
    directory: &mut Directory,
    now_ns: u64,
    sink: &mut impl FnMut(&MarketEvent),
) {
    let mut actions = 0;
    loop {
        actions += usize::from(feed.on_time(directory, now_ns, sink).is_some());
        let taken = feed.take_loaded().is_some();
        if !feed.is_loading() && !taken || actions >= ACTIONS_A_MOMENT {
            return;
        }
    }
}

/// Adds a packet to the snapshot that is coming; the whole one with the last of them.
fn collect(coming: &mut Option<Box<Snapshot>>, payload: &[u8]) -> Option<Box<Snapshot>> {
    let (header, blocks) = moldudp64::decode(payload).ok()?;
    let snapshot = coming.get_or_insert_default();
    if snapshot.next_sequence != header.sequence {
        **snapshot = Snapshot { next_sequence: header.sequence, ..Snapshot::default() };
    }
    if header.message_count() == 0 {
        return coming.take();
    }
    snapshot.blocks.extend_from_slice(blocks);
    None
}
