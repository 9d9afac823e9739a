//! Opens what a live run receives: the lines of every venue's feed, its retransmission server, the way to its snapshots.

use std::ffi::CStr;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};

use feeds::directory::{Directory, VENUES_MAX};
use feeds::itch::feed::ItchFeed;
use feeds::source::udp::{self, LineConfig, ReceiveOptions};

use crate::control::config::{Config, VenueConfig};
use crate::control::failure::Failure;
use crate::control::feed_config::FeedLinesConfig;
use crate::control::snapshot_fetch::{self, SnapshotFetcher, SnapshotServer};
use crate::pipeline::live::{LiveIngest, LiveVenue, Tee};
use crate::pipeline::live_feed::LiveFeed;

/// The live ingest, the cold end of its snapshots, and what the user should know.
pub struct OpenedLines {
    /// The ingest stage.
    pub ingest: LiveIngest,
    /// To be run on a cold thread.
    pub fetcher: SnapshotFetcher,
    /// Sentences for the user.
    pub notices: Vec<String>,
}

fn feed_of(venue: &VenueConfig) -> Result<&FeedLinesConfig, Failure> {
    venue.feed.as_ref().ok_or_else(|| {
        Failure::Input(format!("venue {}: no [venues.feed] says where its market data is", venue.name))
    })
}

/// The lines of a venue's feed, A first.
///
/// # Errors
/// An interface address that no interface of this host has.
pub fn lines_of(venue: &str, feed: &FeedLinesConfig) -> Result<Vec<LineConfig>, Failure> {
    let interface = match feed.interface {
        None => None,
        Some(address) => Some(interface_of(address).ok_or_else(|| {
            Failure::Input(format!("venue {venue}: feed.interface: no interface of this host has {address}"))
        })?),
    };
    let line = |address: SocketAddrV4| LineConfig {
        interface: interface.clone(),
        source: feed.source.filter(|_| address.ip().is_multicast()).map(IpAddr::V4),
        receive_buffer_bytes: feed.client.receive_buffer_bytes,
        ..LineConfig::new(SocketAddr::V4(address))
    };
    Ok([Some(feed.line_a), feed.line_b].into_iter().flatten().map(line).collect())
}

/// Every line of a configuration, venue after venue; behind them, where `with_servers`, one for each retransmission
/// server and then one for each snapshot server, under which a recording keeps what they answered.
///
/// # Errors
/// As [`lines_of`].
pub fn all_lines(config: &Config, with_servers: bool) -> Result<Vec<LineConfig>, Failure> {
    let mut lines = Vec::new();
    let feeds = || config.venues.iter().filter_map(|venue| Some((venue.name.as_str(), venue.feed.as_ref()?)));
    for (name, feed) in feeds() {
        lines.extend(lines_of(name, feed)?);
    }
    if with_servers {
        let answers = feeds().filter_map(|(_, feed)| feed.retransmission);
        let servers = answers.chain(feeds().filter_map(|(_, feed)| feed.glimpse));
        lines.extend(servers.map(|server| LineConfig::new(SocketAddr::V4(server))));
    }
    Ok(lines)
}

/// Opens the feeds of all venues of a configuration.
///
/// # Errors
/// A venue without a feed; a line that cannot be opened, and why.
pub fn open(
    config: &Config,
    directory: Directory,
    midnight_ns: u64,
    tee: Option<Box<dyn Tee>>,
) -> Result<OpenedLines, Failure> {
    if config.venues.is_empty() {
        return Err(Failure::Input("the configuration names no venue".to_owned()));
    }
    if config.venues.len() > VENUES_MAX / 2 {
        return Err(Failure::Input(format!("{} venues; at most 8 in a run", config.venues.len())));
    }
    let mut lines = Vec::new();
    let mut owners = Vec::new();
    let mut venues = Vec::new();
    let mut servers = Vec::new();
    // As in `all_lines`: the lines, the retransmission servers, the snapshot servers.
    let mut tee_answers = all_lines(config, false)?.len();
    let answering =
        |venue: &&VenueConfig| venue.feed.as_ref().is_some_and(|feed| feed.retransmission.is_some());
    let mut tee_snapshots = tee_answers + config.venues.iter().filter(answering).count();
    for (number, venue) in (0u8..).zip(&config.venues) {
        let feed = feed_of(venue)?;
        for (line, opened) in (0u8..).zip(lines_of(&venue.name, feed)?) {
            lines.push(opened);
            owners.push((number, line));
        }
        let retransmission = match feed.retransmission {
            None => None,
            Some(server) => Some(connected(server).map_err(|error| {
                Failure::Input(format!("venue {}: retransmission server {server}: {error}", venue.name))
            })?),
        };
        let answers = retransmission.is_some();
        venues.push(LiveVenue {
            feed: LiveFeed::new(feed.arbiter(), ItchFeed::new(number, midnight_ns, config.latency.line_ns)),
            retransmission,
            // At most 8 venues of four lines each.
            tee_answers: tee_answers as u8,
            tee_snapshots: tee_snapshots as u8,
        });
        tee_answers += usize::from(answers);
        tee_snapshots += usize::from(feed.glimpse.is_some());
        servers.push(feed.glimpse.map(|address| SnapshotServer {
            address,
            username: feed.glimpse_username.clone(),
            password: feed.glimpse_password.clone(),
        }));
    }
    let client = &feed_of(&config.venues[0])?.client;
    let options = ReceiveOptions {
        backend: client.backend.parse().map_err(Failure::Input)?,
        kernel_time: client.kernel_time,
        busy_poll_us: client.busy_poll_us,
        ..ReceiveOptions::default()
    };
    let opened = udp::open(&lines, &options).map_err(|error| Failure::Input(error.to_string()))?;
    let mut notices = vec![format!("feed receive: {}", opened.source.backend().name())];
    notices.extend(opened.notices);
    let (port, fetcher) = snapshot_fetch::channel(servers);
    let ingest = LiveIngest::new(opened.source, owners, venues, directory, Some(port), tee);
    Ok(OpenedLines { ingest, fetcher, notices })
}

/// A non-blocking UDP socket that talks to one server only.
fn connected(server: SocketAddrV4) -> std::io::Result<UdpSocket> {
    let any = if server.ip().is_loopback() { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(server)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// The interface that has this address.
fn interface_of(address: Ipv4Addr) -> Option<String> {
    let mut list: *mut libc::ifaddrs = std::ptr::null_mut();
    // SAFETY: the pointer to be filled in is a local variable.
    if unsafe { libc::getifaddrs(&raw mut list) } != 0 {
        return None;
    }
    let mut found = None;
    let mut next = list;
    while !next.is_null() {
        // SAFETY: getifaddrs gave a list that lives until freeifaddrs, each element of which is whole and ends in a null
        // pointer.
        let entry = unsafe { &*next };
        next = entry.ifa_next;
        // SAFETY: a non-null address of the list begins with its family.
        if entry.ifa_addr.is_null() || i32::from(unsafe { (*entry.ifa_addr).sa_family }) != libc::AF_INET {
            continue;
        }
        // SAFETY: of this family the address is a sockaddr_in; it is read without regard to its alignment.
        let inet = unsafe { entry.ifa_addr.cast::<libc::sockaddr_in>().read_unaligned() };
        if Ipv4Addr::from(u32::from_be(inet.sin_addr.s_addr)) == address {
            // SAFETY: the name is a C string of the list.
            found = Some(unsafe { CStr::from_ptr(entry.ifa_name) }.to_string_lossy().into_owned());
            break;
        }
    }
    // SAFETY: the list came from getifaddrs and nothing refers to it any more.
    unsafe { libc::freeifaddrs(list) };
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_is_found_by_its_address() {
        assert_eq!(interface_of(Ipv4Addr::LOCALHOST).as_deref(), Some("lo"));
        assert_eq!(interface_of(Ipv4Addr::new(203, 0, 113, 7)), None);
    }
}
