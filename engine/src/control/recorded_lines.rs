//! Which datagrams of a capture are which line of a feed.
//!
//! A capture of one line needs nothing of this. One of lines A and B, and of what was asked for again, says by the
//! address that a datagram was sent to which it is; a configuration's `[venues.feed]` names them. Without one, several
//! addresses with packets of one MoldUDP64 session are the lines of one feed.

use std::net::{SocketAddr, SocketAddrV4};

use feeds::arbiter::ArbiterConfig;
use feeds::source::file::Capture;
use feeds::source::protocol::Protocol;

use crate::control::failure::Failure;
use crate::control::feed_config::FeedLinesConfig;
use crate::pipeline::recording::LineRole;

/// Addresses of a capture that are looked for.
const ADDRESSES_MAX: usize = 64;

/// Lines of a feed that no configuration names.
const LINES_MAX: usize = 8;

/// How late a message of a recording may be when no configuration says it, ns: nobody waits for it.
const REORDER_WAIT_NS: u64 = 1_000_000_000;

/// How the lines of a capture are put in order.
#[derive(Clone, Debug)]
pub struct RecordedLines {
    /// What each line of the capture is; see [`Capture::lines`].
    pub roles: Vec<LineRole>,
    /// The arbiter's configuration.
    pub arbiter: ArbiterConfig,
}

impl RecordedLines {
    /// Finds the lines of a capture, and limits it to them; `None` for a capture of one line.
    ///
    /// # Errors
    /// Packets of several sessions and no configuration that tells them apart.
    pub fn find(capture: &mut Capture, feed: Option<&FeedLinesConfig>) -> Result<Option<Self>, Failure> {
        if capture.protocol() != Protocol::Itch {
            return Ok(None);
        }
        let found = capture.destinations(ADDRESSES_MAX);
        if let Some(feed) = feed {
            let named = named_lines(feed);
            if named.iter().any(|(address, _)| found.iter().any(|known| known.address == *address)) {
                let (lines, roles) = named.into_iter().unzip();
                capture.set_lines(lines);
                return Ok(Some(Self { roles, arbiter: feed.arbiter() }));
            }
        }
        // Something else than a feed is in it: the walk will say what.
        if found.len() < 2 || found.iter().any(|known| known.session.is_none()) {
            return Ok(None);
        }
        let first = found[0];
        if let Some(other) = found.iter().find(|known| known.session != first.session) {
            let name = |session: Option<[u8; 10]>| {
                String::from_utf8_lossy(&session.unwrap_or_default()).trim().to_owned()
            };
            return Err(Failure::Input(format!(
                "{}: packets to {} are of MoldUDP64 session {:?}, those to {} of {:?}; give --config with the \
                 [venues.feed] of each venue, and the file once a venue as FILE@VENUE",
                capture.name(),
                first.address,
                name(first.session),
                other.address,
                name(other.session),
            )));
        }
        if found.len() > LINES_MAX {
            return Err(Failure::Input(format!(
                "{}: packets were sent to {} addresses; at most {LINES_MAX} are taken for lines of one feed: give \
                 --config with the [venues.feed] of the venue",
                capture.name(),
                found.len(),
            )));
        }
        let arbiter = ArbiterConfig {
            lines: found.len(),
            reorder_wait_ns: REORDER_WAIT_NS,
            ..ArbiterConfig::default()
        };
        capture.set_lines(found.iter().map(|known| known.address).collect());
        Ok(Some(Self { roles: (0..).map(LineRole::Line).take(found.len()).collect(), arbiter }))
    }
}

/// The addresses under which a recording keeps a feed.
fn named_lines(feed: &FeedLinesConfig) -> Vec<(SocketAddr, LineRole)> {
    let of = |address: Option<SocketAddrV4>, role| Some((SocketAddr::V4(address?), role));
    [
        of(Some(feed.line_a), LineRole::Line(0)),
        of(feed.line_b, LineRole::Line(1)),
        of(feed.retransmission, LineRole::Answers),
        of(feed.glimpse, LineRole::Snapshots),
    ]
    .into_iter()
    .flatten()
    .collect()
}
