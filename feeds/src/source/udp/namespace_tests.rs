//! Multicast between two hosts that the test makes: network namespaces joined by a veth pair.
//!
//! Needs root and `ip`; without them the test says that it was skipped. Namespaces are bound to the thread that enters
//! them: sockets are opened by threads of their own, and stay in their namespace when they are moved out of it.

use std::ffi::CString;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;
use std::process::Command;
use std::time::{Duration, Instant};

use super::*;

/// Two hosts, gone when the value is, whatever happened before.
struct Hosts {
    names: [String; 2],
}

const SENDER: usize = 0;
const RECEIVER: usize = 1;

fn ip(arguments: &str) -> Result<(), String> {
    let output = Command::new("ip").args(arguments.split_ascii_whitespace()).output();
    let output = output.map_err(|error| format!("ip: {error}"))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(format!("ip {arguments}: {}", String::from_utf8_lossy(&output.stderr).trim()))
    }
}

impl Hosts {
    /// `wt-<process>-<test>-a` with 10.77.0.1 and .3, `-b` with 10.77.0.2; interface `line0` in both.
    fn new(test: &str) -> Result<Self, String> {
        let name = |end| format!("wt-{}-{test}-{end}", std::process::id());
        let names = [name("a"), name("b")];
        ip(&format!("netns add {}", names[SENDER]))?;
        // From here on the drop cleans up.
        let hosts = Self { names };
        let [a, b] = &hosts.names;
        ip(&format!("netns add {b}"))?;
        ip(&format!("link add line0 netns {a} type veth peer name line0 netns {b}"))?;
        for (host, address) in [(a, "10.77.0.1"), (a, "10.77.0.3"), (b, "10.77.0.2")] {
            ip(&format!("-n {host} address add {address}/24 dev line0"))?;
        }
        for host in [a, b] {
            ip(&format!("-n {host} link set line0 up"))?;
        }
        Ok(hosts)
    }

    /// Runs `action` inside a host, on a thread of its own.
    fn inside<T: Send>(&self, host: usize, action: impl FnOnce() -> T + Send) -> T {
        let path = format!("/var/run/netns/{}", self.names[host]);
        std::thread::scope(|scope| {
            let thread = scope.spawn(move || {
                let namespace = File::open(&path).expect(&path);
                // SAFETY: the descriptor is open; only this thread changes its namespace, and it ends with `action`.
                let entered = unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) };
                assert_eq!(entered, 0, "{path}: {}", io::Error::last_os_error());
                action()
            });
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// A socket of the sending host that multicasts from `source`.
    fn sender(&self, source: Ipv4Addr) -> UdpSocket {
        self.inside(SENDER, || {
            let socket = UdpSocket::bind((source, 0)).expect("the host has this address");
            let name = CString::new("line0").expect("no zero");
            // SAFETY: a live, zero-terminated string.
            let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
            let any = libc::in_addr { s_addr: 0 };
            let request = libc::ip_mreqn {
                imr_multiaddr: any,
                imr_address: any,
                imr_ifindex: libc::c_int::try_from(index).expect("a small index"),
            };
            let length = libc::socklen_t::try_from(size_of::<libc::ip_mreqn>()).expect("short");
            // SAFETY: `request` is live and `length` bytes long.
            let set = unsafe {
                libc::setsockopt(
                    socket.as_raw_fd(),
                    libc::IPPROTO_IP,
                    libc::IP_MULTICAST_IF,
                    (&raw const request).cast(),
                    length,
                )
            };
            assert_eq!(set, 0, "{}", io::Error::last_os_error());
            socket
        })
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        for name in &self.names {
            // The second may never have been made.
            let _ = ip(&format!("netns delete {name}"));
        }
    }
}

fn hosts_or_skip(test: &str) -> Option<Hosts> {
    match Hosts::new(test) {
        Ok(hosts) => Some(hosts),
        Err(why) => {
            println!("SKIPPED: network namespaces cannot be made here (they need root and ip): {why}");
            None
        }
    }
}

/// What arrives until `last` does, or for a second.
fn received_until(source: &mut LiveSource, last: &[u8]) -> Vec<Vec<u8>> {
    let began = Instant::now();
    let mut all = Vec::new();
    while began.elapsed() < Duration::from_secs(1) {
        if let Some(datagram) = source.poll().expect("a poll") {
            all.push(datagram.payload.to_vec());
            if datagram.payload == last {
                break;
            }
        }
    }
    all
}

const WANTED: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
const OTHER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 3);

#[test]
fn groups_are_joined_and_only_they_are_received() {
    let Some(hosts) = hosts_or_skip("any") else { return };
    let (wanted, other) = (hosts.sender(WANTED), hosts.sender(OTHER));
    for backend in Backend::ALL {
        let lines: [LineConfig; 2] =
            ["239.10.1.1:26400@line0", "239.10.1.2:26400@line0"].map(|text| text.parse().expect(text));
        let options = ReceiveOptions { backend, ..ReceiveOptions::default() };
        let opened = match hosts.inside(RECEIVER, || open(&lines, &options)) {
            Ok(opened) => opened,
            Err(error) => {
                println!("SKIPPED: {}: {error}", backend.name());
                continue;
            }
        };
        let mut source = opened.source;
        // Another group that this host has joined (a second program's, here), and another port of the same group.
        let bystander: LineConfig = "239.10.1.3:26400@line0".parse().expect("a line");
        let _bystander = hosts.inside(RECEIVER, || {
            open(&[bystander], &ReceiveOptions { backend: Backend::Recv, ..options }).expect("joins")
        });
        let send = |socket: &UdpSocket, group: [u8; 4], port, text: &str| {
            let to = SocketAddrV4::new(group.into(), port);
            socket.send_to(text.as_bytes(), to).unwrap_or_else(|error| panic!("{to}: {error}"));
        };
        send(&wanted, [239, 10, 1, 3], 26_400, "other group");
        send(&wanted, [239, 10, 1, 1], 26_401, "other port");
        send(&wanted, [239, 10, 1, 1], 26_400, "A 1");
        send(&wanted, [239, 10, 1, 2], 26_400, "B 1");
        send(&other, [239, 10, 1, 1], 26_400, "A 2");
        send(&wanted, [239, 10, 1, 1], 26_400, "end");
        let received = received_until(&mut source, b"end");
        let mut of_line: Vec<&[u8]> = received.iter().map(Vec::as_slice).collect();
        // Lines take turns; which comes first between them depends on the backend.
        of_line.retain(|payload| *payload != b"B 1");
        assert_eq!(of_line, [&b"A 1"[..], b"A 2", b"end"], "{}", backend.name());
        if received.len() == 3 {
            assert_eq!(received_until(&mut source, b"B 1"), [b"B 1"], "{}", backend.name());
        }
        assert_eq!(source.poll().expect("a poll"), None);
    }
}

#[test]
fn a_source_specific_join_takes_one_sender_only() {
    let Some(hosts) = hosts_or_skip("ssm") else { return };
    let (wanted, other) = (hosts.sender(WANTED), hosts.sender(OTHER));
    let to = SocketAddrV4::new(Ipv4Addr::new(232, 10, 1, 1), 26_400);
    for backend in Backend::ALL {
        let line: LineConfig = format!("{to}@line0,{WANTED}").parse().expect("a line");
        let options = ReceiveOptions { backend, ..ReceiveOptions::default() };
        let mut source = match hosts.inside(RECEIVER, || open(&[line], &options)) {
            Ok(opened) => opened.source,
            Err(error) => {
                println!("SKIPPED: {}: {error}", backend.name());
                continue;
            }
        };
        for (socket, text) in [(&other, "wrong"), (&wanted, "right"), (&other, "wrong"), (&wanted, "end")] {
            socket.send_to(text.as_bytes(), to).expect("sent");
        }
        assert_eq!(received_until(&mut source, b"end"), [&b"right"[..], b"end"], "{}", backend.name());
        let statistics = source.statistics(0).expect("statistics");
        assert_eq!((statistics.packets, statistics.damaged), (2, 0), "{}", backend.name());
    }
}

/// The sender's checksums are computed by nobody on a veth pair unless it is told to: the ring must check them itself.
#[test]
fn the_packet_ring_checks_what_nobody_vouches_for() {
    let Some(hosts) = hosts_or_skip("sum") else { return };
    let line: LineConfig = "239.10.1.1:26400@line0".parse().expect("a line");
    let options = ReceiveOptions { backend: Backend::PacketRing, ..ReceiveOptions::default() };
    let mut source = match hosts.inside(RECEIVER, || open(&[line], &options)) {
        Ok(opened) => opened.source,
        Err(error) => return println!("SKIPPED: packet-ring: {error}"),
    };
    let packet = |text: &[u8], checksum: Option<u16>| {
        let (from, to) = (WANTED, Ipv4Addr::new(239, 10, 1, 1));
        let length = u16::try_from(8 + text.len()).expect("short");
        let mut udp =
            [1234u16, 26_400, length, 0].iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<_>>();
        udp.extend(text);
        let right = checksum::of_udp(from.into(), to.into(), &udp);
        udp[6..8].copy_from_slice(&checksum.unwrap_or(right).to_be_bytes());
        let mut ip = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 1, 17, 0, 0];
        ip[2..4].copy_from_slice(&(20 + length).to_be_bytes());
        ip.extend(from.octets());
        ip.extend(to.octets());
        let header = checksum::of_header(&ip);
        ip[10..12].copy_from_slice(&header.to_be_bytes());
        ip.extend(udp);
        ip
    };
    let frames = [
        packet(b"right", None),
        packet(b"wrong", Some(0x1234)),
        packet(b"none", Some(0)),
        packet(b"end", None),
    ];
    hosts.inside(SENDER, || {
        let raw = socket::new_socket(libc::AF_PACKET, libc::SOCK_DGRAM, 0).expect("an AF_PACKET socket");
        let name = CString::new("line0").expect("no zero");
        // SAFETY: integers and arrays of them, for which all zeroes is valid.
        let mut to: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
        to.sll_family = libc::c_ushort::try_from(libc::AF_PACKET).expect("small");
        to.sll_protocol = 0x0800u16.to_be();
        // SAFETY: a live, zero-terminated string.
        to.sll_ifindex =
            libc::c_int::try_from(unsafe { libc::if_nametoindex(name.as_ptr()) }).expect("small");
        to.sll_halen = 6;
        to.sll_addr[..6].copy_from_slice(&[0x01, 0, 0x5e, 10, 1, 1]);
        for frame in &frames {
            let length = libc::socklen_t::try_from(size_of::<libc::sockaddr_ll>()).expect("short");
            // SAFETY: the frame and the address are live, and as long as the call is told.
            let sent = unsafe {
                libc::sendto(
                    raw.as_raw_fd(),
                    frame.as_ptr().cast(),
                    frame.len(),
                    0,
                    (&raw const to).cast(),
                    length,
                )
            };
            assert!(sent > 0, "{}", io::Error::last_os_error());
        }
    });
    assert_eq!(received_until(&mut source, b"end"), [&b"right"[..], b"none", b"end"]);
    let statistics = source.statistics(0).expect("statistics");
    assert_eq!((statistics.packets, statistics.damaged), (3, 1));
}
