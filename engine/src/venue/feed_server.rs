//! One venue's feed on the network: lines A and B by UDP, the retransmission server, the GLIMPSE server.
//!
//! Everything that is decided is decided by [`crate::venue::publisher`]; here are the sockets. All of them are
//! non-blocking and polled by the thread that serves the venues, with bounded work a turn: a client that asks for much
//! or reads slowly holds up nobody. Allocates for packets on their way and for snapshot clients; it is on no hot path.

mod glimpse;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};

use feeds::moldudp64::REQUEST_LENGTH;
use kernels::cpu::book::BookConfig;

use crate::control::failure::Failure;
use crate::control::feed_config::FeedLinesConfig;
use crate::control::inputs::VenueInput;
use crate::venue::publisher::{
    FaultCounts, FeedPublisher, LineFaults, PACKETS_MAX, PublisherCounts, SequenceRanges,
};
use glimpse::GlimpseServer;

/// Messages published a turn at most.
const MESSAGES_A_TURN: u64 = 256;

/// Packets sent a turn and line at most.
const PACKETS_A_TURN: usize = 256;

/// Requests answered a turn at most.
const REQUESTS_A_TURN: usize = 16;

/// Number of the faults that stand between the retransmission server and its clients; the lines are 0 and 1.
const ANSWERS: u32 = 2;

/// A line on the network.
struct Line {
    address: SocketAddrV4,
    faults: LineFaults<()>,
}

/// The retransmission server.
struct Retransmission {
    socket: UdpSocket,
    answers: LineFaults<SocketAddr>,
}

/// See the module's text.
pub struct FeedServer<'a> {
    publisher: FeedPublisher<'a>,
    socket: UdpSocket,
    /// A and, where there is one, B.
    lines: Vec<Line>,
    retransmission: Option<Retransmission>,
    glimpse: Option<GlimpseServer<'a>>,
    send_errors: u64,
}

/// What a feed server has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedReport {
    /// Messages published.
    pub messages: u64,
    /// What the publisher did.
    pub publisher: PublisherCounts,
    /// What happened on line A and, where there is one, on line B.
    pub lines: Vec<FaultCounts>,
    /// Messages that no line brought.
    pub lost_on_all_lines: SequenceRanges,
    /// Snapshots told to the end.
    pub snapshots: u64,
    /// Packets that the system would not send.
    pub send_errors: u64,
}

impl<'a> FeedServer<'a> {
    /// Opens the sockets of a venue's feed.
    ///
    /// # Errors
    /// An address that cannot be had, a configuration out of bounds, books that cannot be made.
    pub fn bind(input: &'a VenueInput, config: &FeedLinesConfig, books: BookConfig) -> Result<Self, Failure> {
        let failed = |what: &str, error: &dyn fmt::Display| {
            Failure::Input(format!("venue {}: feed {what}: {error}", input.venue))
        };
        config.check().map_err(|error| failed("configuration", &error))?;
        let publisher = FeedPublisher::new(&input.capture, config.publishing())
            .map_err(|error| failed("configuration", &error))?;
        let interface = config.interface.unwrap_or(Ipv4Addr::UNSPECIFIED);
        let socket = line_socket(interface, config.publisher.multicast_ttl)
            .map_err(|error| failed(&format!("interface {interface}"), &error))?;
        let line = |number: u32, address| Line { address, faults: LineFaults::new(config.faults, number) };
        let lines = [Some(config.line_a), config.line_b].into_iter().flatten();
        let retransmission = match config.retransmission {
            None => None,
            Some(address) => {
                let socket = UdpSocket::bind(address)
                    .and_then(|socket| socket.set_nonblocking(true).map(|()| socket))
                    .map_err(|error| failed(&format!("retransmission {address}"), &error))?;
                Some(Retransmission { socket, answers: LineFaults::new(config.faults.of_answers(), ANSWERS) })
            }
        };
        let glimpse = match config.glimpse {
            None => None,
            Some(address) => Some(
                GlimpseServer::bind(address, input, config, books)
                    .map_err(|error| failed(&format!("GLIMPSE {address}"), &error))?,
            ),
        };
        Ok(Self {
            publisher,
            socket,
            lines: (0..).zip(lines).map(|(number, address)| line(number, address)).collect(),
            retransmission,
            glimpse,
            send_errors: 0,
        })
    }

    /// Publishes what is due and serves who asks; says whether there was anything to do. `until` is the number of the
    /// last message of the venue that is due; `is_over`: no message will follow it.
    pub fn turn(&mut self, now_ns: u64, until: u64, is_over: bool) -> bool {
        let Self { publisher, lines, .. } = self;
        // Lines that the system does not take packets for hold the feed up, as a full link would.
        let is_held_up = lines.iter().any(|line| line.faults.pending() > PACKETS_MAX / 2);
        let mut send =
            |packet: &[u8]| lines.iter_mut().for_each(|line| line.faults.offer((), packet, now_ns));
        let messages_max = if is_held_up { 0 } else { MESSAGES_A_TURN };
        let mut worked = publisher.publish(now_ns, until, messages_max, &mut send) > 0;
        if is_over && publisher.next_sequence() > until {
            publisher.end_session();
        }
        publisher.on_timer(now_ns, &mut send);
        worked |= self.send_lines(now_ns);
        worked |= self.answer_requests(now_ns);
        let published = self.publisher.next_sequence() - 1;
        worked | self.glimpse.as_mut().is_some_and(|glimpse| glimpse.turn(now_ns, published))
    }

    fn send_lines(&mut self, now_ns: u64) -> bool {
        let Self { socket, lines, send_errors, .. } = self;
        let mut worked = false;
        for line in lines {
            let address = SocketAddr::V4(line.address);
            worked |= drain(socket, &mut line.faults, |()| address, now_ns, send_errors);
        }
        worked
    }

    fn answer_requests(&mut self, now_ns: u64) -> bool {
        let Self { retransmission: Some(server), publisher, send_errors, .. } = self else { return false };
        let mut worked = false;
        for _ in 0..REQUESTS_A_TURN {
            // One byte more than a request has, so that a longer packet is seen to be none.
            let mut request = [0; REQUEST_LENGTH + 1];
            let Ok((length, client)) = server.socket.recv_from(&mut request) else { break };
            worked = true;
            publisher.on_request(&request[..length], &mut |packet| {
                server.answers.offer(client, packet, now_ns);
            });
        }
        worked | drain(&server.socket, &mut server.answers, |&client| client, now_ns, send_errors)
    }

    /// Address of the retransmission server, with the port that it really has.
    #[must_use]
    pub fn retransmission_address(&self) -> Option<SocketAddr> {
        self.retransmission.as_ref().and_then(|server| server.socket.local_addr().ok())
    }

    /// Address of the GLIMPSE server, with the port that it really has.
    #[must_use]
    pub fn glimpse_address(&self) -> Option<SocketAddr> {
        self.glimpse.as_ref().and_then(GlimpseServer::address)
    }

    /// What has been done so far.
    #[must_use]
    pub fn report(&self) -> FeedReport {
        let lost = match self.lines.as_slice() {
            [a, b, ..] => a.faults.lost().both(b.faults.lost()),
            [a] => a.faults.lost().clone(),
            [] => SequenceRanges::default(),
        };
        FeedReport {
            messages: self.publisher.next_sequence() - 1,
            publisher: self.publisher.counts(),
            lines: self.lines.iter().map(|line| line.faults.counts()).collect(),
            lost_on_all_lines: lost,
            snapshots: self.glimpse.as_ref().map_or(0, GlimpseServer::snapshots),
            send_errors: self.send_errors,
        }
    }

    /// One line for people: where the feed is.
    #[must_use]
    pub fn addresses(&self) -> String {
        let mut text = String::new();
        for (name, line) in ["line A", ", line B"].iter().zip(&self.lines) {
            text += &format!("{name} {}", line.address);
        }
        for (name, address) in
            [("retransmission", self.retransmission_address()), ("GLIMPSE", self.glimpse_address())]
        {
            text += &address.map_or_else(String::new, |address| format!(", {name} {address}"));
        }
        text
    }
}

/// A socket for sending lines. Bound to the interface's address, which is also what the system chooses the interface of
/// multicast by (ip(7): the local address takes the place of `IP_MULTICAST_IF`).
fn line_socket(interface: Ipv4Addr, multicast_ttl: u32) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((interface, 0))?;
    socket.set_nonblocking(true)?;
    socket.set_multicast_ttl_v4(multicast_ttl)?;
    // A client may run on the same machine.
    socket.set_multicast_loop_v4(true)?;
    Ok(socket)
}

/// Sends the packets that are due, a bounded number; says whether there were any.
fn drain<T: Clone>(
    socket: &UdpSocket,
    faults: &mut LineFaults<T>,
    destination: impl Fn(&T) -> SocketAddr,
    now_ns: u64,
    errors: &mut u64,
) -> bool {
    let mut worked = false;
    for _ in 0..PACKETS_A_TURN {
        let Some((tag, packet)) = faults.next_due(now_ns) else { break };
        match socket.send_to(packet, destination(tag)) {
            Ok(_) => {}
            // The packet stays: the next turn sends it.
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => break,
            Err(_) => *errors += 1,
        }
        faults.remove_next();
        worked = true;
    }
    worked
}

impl fmt::Display for FeedReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} messages in {} packets", self.messages, self.publisher.packets)?;
        for (name, line) in ["A", "B"].iter().zip(&self.lines) {
            let FaultCounts { lost, lost_in_bursts, overflowed, duplicated, reordered, .. } = line;
            let lost = lost + lost_in_bursts + overflowed;
            write!(f, "; line {name}: {lost} lost ({lost_in_bursts} in bursts), {duplicated} duplicated, ")?;
            write!(f, "{reordered} reordered")?;
        }
        let (holes, missing) = (self.lost_on_all_lines.ranges().len(), self.lost_on_all_lines.messages());
        write!(f, "; lost on all lines: {missing} messages in {holes} gaps")?;
        let PublisherCounts { requests, refused, messages_sent_again, .. } = self.publisher;
        write!(f, "; {requests} requests ({refused} refused), {messages_sent_again} messages sent again")?;
        write!(f, "; {} snapshots; {} send errors", self.snapshots, self.send_errors)
    }
}
