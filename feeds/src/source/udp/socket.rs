//! The UDP socket of one line: bound, joined, with its receive buffer, and the options that are set once. Cold.
//!
//! Sources: Linux man pages socket(7), ip(7), udp(7); RFC 3678 for the joins that name an interface by its index.

use std::ffi::CString;
use std::io;
use std::mem::{size_of, zeroed};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use super::config::{LineConfig, OpenError, ReceiveOptions};
use super::filter;

// From the kernel's <linux/in.h>, <linux/in6.h>: not in the libc crate.
const IP_MULTICAST_ALL: libc::c_int = 49;
const IPV6_MULTICAST_ALL: libc::c_int = 29;
const MCAST_JOIN_GROUP: libc::c_int = 42;
const MCAST_JOIN_SOURCE_GROUP: libc::c_int = 46;

/// Where SO_MEMINFO has the count of dropped datagrams, and how many words it has (<linux/sock_diag.h>).
const SK_MEMINFO_DROPS: usize = 8;
const SK_MEMINFO_VARS: usize = 9;

/// The smallest receive buffer that the kernel grants, asked for where nothing is to be received.
const TINY_BUFFER_BYTES: usize = 1;

/// What a line's UDP socket is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Receive from it.
    Receive,
    /// Hold the group membership and the port while a packet ring receives: it throws everything away unseen.
    HoldGroup,
}

/// `struct group_req` of RFC 3678.
#[repr(C)]
struct GroupRequest {
    interface: u32,
    group: libc::sockaddr_storage,
}

/// `struct group_source_req` of RFC 3678.
#[repr(C)]
struct GroupSourceRequest {
    interface: u32,
    group: libc::sockaddr_storage,
    source: libc::sockaddr_storage,
}

/// A line's socket.
#[derive(Debug)]
pub(super) struct UdpLine {
    socket: OwnedFd,
}

impl UdpLine {
    /// Opens, binds and joins; adds a sentence to `notices` when the receive buffer is smaller than asked.
    pub(super) fn open(
        line: &LineConfig,
        options: &ReceiveOptions,
        purpose: Purpose,
        notices: &mut Vec<String>,
    ) -> Result<Self, OpenError> {
        line.check().map_err(|what| OpenError::input(line, what))?;
        let failed = |doing: &str, error| OpenError::new(line, doing, error);
        let family = if line.group.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
        let kind = libc::SOCK_DGRAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        let socket = new_socket(family, kind, 0).map_err(|error| failed("opening a UDP socket", error))?;
        let this = Self { socket };
        let on: libc::c_int = 1;
        this.set(libc::SOL_SOCKET, libc::SO_REUSEADDR, &on)
            .map_err(|error| failed("setting SO_REUSEADDR", error))?;
        match purpose {
            Purpose::HoldGroup => {
                filter::attach(&this.socket, &filter::nothing())
                    .map_err(|error| failed("attaching a filter", error))?;
                this.ask_receive_buffer(TINY_BUFFER_BYTES);
            }
            Purpose::Receive => {
                this.ask_receive_buffer(line.receive_buffer_bytes);
                let granted =
                    this.granted_receive_buffer().map_err(|error| failed("reading SO_RCVBUF", error))?;
                if granted < line.receive_buffer_bytes {
                    notices.push(format!(
                        "line {line}: the kernel grants a receive buffer of {granted} bytes where {} were asked \
                         for; raise net.core.rmem_max, or give the program CAP_NET_ADMIN",
                        line.receive_buffer_bytes
                    ));
                }
                if options.kernel_time {
                    this.set(libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, &on)
                        .map_err(|error| failed("setting SO_TIMESTAMPNS", error))?;
                }
                if options.busy_poll_us > 0 {
                    let microseconds =
                        libc::c_int::try_from(options.busy_poll_us).unwrap_or(libc::c_int::MAX);
                    if let Err(error) = this.set(libc::SOL_SOCKET, libc::SO_BUSY_POLL, &microseconds) {
                        notices.push(format!("line {line}: SO_BUSY_POLL is not set: {error}"));
                    }
                }
            }
        }
        // Only the groups that this socket joined, not those of every program of the host.
        let off: libc::c_int = 0;
        let (level, all) = if line.group.is_ipv4() {
            (libc::IPPROTO_IP, IP_MULTICAST_ALL)
        } else {
            (libc::IPPROTO_IPV6, IPV6_MULTICAST_ALL)
        };
        this.set(level, all, &off).map_err(|error| failed("setting IP_MULTICAST_ALL", error))?;
        this.bind(line).map_err(|error| failed("binding the port", error))?;
        if line.group.is_multicast() {
            let interface = interface_index(line)?.unwrap_or(0);
            this.join(line, level, interface).map_err(|error| failed("joining the group", error))?;
        }
        Ok(this)
    }

    /// The descriptor.
    #[inline(always)]
    pub(super) fn fd(&self) -> libc::c_int {
        self.socket.as_raw_fd()
    }

    /// Datagrams that the kernel threw away for want of room in the receive buffer, since the socket was opened.
    ///
    /// SO_MEMINFO and not SO_RXQ_OVFL: it costs no control message a datagram, and it counts losses behind which no
    /// datagram came any more.
    pub(super) fn kernel_drops(&self) -> io::Result<u64> {
        let words: [u32; SK_MEMINFO_VARS] = get_option(&self.socket, libc::SOL_SOCKET, libc::SO_MEMINFO)?;
        Ok(u64::from(words[SK_MEMINFO_DROPS]))
    }

    fn set<T>(&self, level: libc::c_int, name: libc::c_int, value: &T) -> io::Result<()> {
        set_option(&self.socket, level, name, value)
    }

    /// Asks; what came of it is read back by the caller.
    fn ask_receive_buffer(&self, bytes: usize) {
        let bytes = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
        if self.set(libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, &bytes).is_err() {
            // Without CAP_NET_ADMIN the kernel grants up to net.core.rmem_max, silently.
            let _ = self.set(libc::SOL_SOCKET, libc::SO_RCVBUF, &bytes);
        }
    }

    /// The receive buffer in the unit in which it was asked for: the kernel doubles it for its bookkeeping.
    fn granted_receive_buffer(&self) -> io::Result<usize> {
        let bytes: libc::c_int = get_option(&self.socket, libc::SOL_SOCKET, libc::SO_RCVBUF)?;
        Ok(usize::try_from(bytes).unwrap_or(0) / 2)
    }

    /// Binds to the group itself, so that the kernel drops what goes to other addresses of the port.
    fn bind(&self, line: &LineConfig) -> io::Result<()> {
        let (address, length) = socket_address(line.address(), interface_index(line).ok().flatten());
        // SAFETY: `address` is a live socket address of which `length` bytes are initialised.
        let result = unsafe { libc::bind(self.fd(), (&raw const address).cast(), length) };
        checked(result)
    }

    fn join(&self, line: &LineConfig, level: libc::c_int, interface: u32) -> io::Result<()> {
        let storage = |address| socket_address(SocketAddr::new(address, 0), None).0;
        let group = storage(line.group);
        match line.source {
            None => self.set(level, MCAST_JOIN_GROUP, &GroupRequest { interface, group }),
            Some(source) => {
                let request = GroupSourceRequest { interface, group, source: storage(source) };
                self.set(level, MCAST_JOIN_SOURCE_GROUP, &request)
            }
        }
    }
}

/// The index of the line's interface: the named one, else for a unicast address the one that has it.
pub(super) fn interface_index(line: &LineConfig) -> Result<Option<u32>, OpenError> {
    let Some(name) = &line.interface else {
        return Ok(if line.group.is_multicast() { None } else { interface_of(line.group) });
    };
    if let Ok(index) = name.parse::<u32>()
        && index > 0
    {
        return Ok(Some(index));
    }
    let text =
        CString::new(name.as_str()).map_err(|_| OpenError::input(line, "a zero in the interface name"))?;
    // SAFETY: `text` is a live, zero-terminated string.
    match unsafe { libc::if_nametoindex(text.as_ptr()) } {
        0 => Err(OpenError::new(line, format!("looking for interface {name}"), io::Error::last_os_error())),
        index => Ok(Some(index)),
    }
}

/// The interface that has `address`; none when no interface has it.
fn interface_of(address: IpAddr) -> Option<u32> {
    // All of 127.0.0.0/8 is the loopback interface's, which getifaddrs lists with one address.
    let loopback = address.is_loopback();
    let mut list: *mut libc::ifaddrs = std::ptr::null_mut();
    // SAFETY: the kernel's list is written to a live pointer.
    if unsafe { libc::getifaddrs(&raw mut list) } != 0 {
        return None;
    }
    let mut found = None;
    let mut entry = list;
    // SAFETY: `entry` is null or an entry of the list, which lives until `freeifaddrs`.
    while let Some(interface) = unsafe { entry.as_ref() } {
        entry = interface.ifa_next;
        let is_loopback = interface.ifa_flags & libc::IFF_LOOPBACK.unsigned_abs() != 0;
        if (loopback && is_loopback) || ip_of(interface.ifa_addr) == Some(address) {
            // SAFETY: the name is a zero-terminated string of the list.
            found = Some(unsafe { libc::if_nametoindex(interface.ifa_name) }).filter(|&index| index > 0);
            break;
        }
    }
    // SAFETY: the list came from getifaddrs, and nothing borrows it any more.
    unsafe { libc::freeifaddrs(list) };
    found
}

/// The IP address in a socket address; none when it is null or of another family.
fn ip_of(address: *const libc::sockaddr) -> Option<IpAddr> {
    // SAFETY: getifaddrs gives null or a live socket address, whose family says which structure it is.
    let family = unsafe { address.as_ref() }?.sa_family;
    match libc::c_int::from(family) {
        libc::AF_INET => {
            // SAFETY: the family says that it is a sockaddr_in.
            let address = unsafe { address.cast::<libc::sockaddr_in>().read_unaligned() };
            Some(IpAddr::from(address.sin_addr.s_addr.to_ne_bytes()))
        }
        libc::AF_INET6 => {
            // SAFETY: the family says that it is a sockaddr_in6.
            let address = unsafe { address.cast::<libc::sockaddr_in6>().read_unaligned() };
            Some(IpAddr::from(address.sin6_addr.s6_addr))
        }
        _ => None,
    }
}

/// The kernel's form of an address, and its length. Link-local IPv6 addresses need the interface as their scope.
fn socket_address(address: SocketAddr, scope: Option<u32>) -> (libc::sockaddr_storage, libc::socklen_t) {
    // SAFETY: integers and arrays of integers only, for which all zeroes is valid.
    let mut storage: libc::sockaddr_storage = unsafe { zeroed() };
    let length = match address {
        SocketAddr::V4(v4) => {
            let value = libc::sockaddr_in {
                sin_family: family_of(libc::AF_INET),
                sin_port: v4.port().to_be(),
                sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(v4.ip().octets()) },
                sin_zero: [0; 8],
            };
            // SAFETY: sockaddr_storage is at least as large and as aligned as every socket address.
            unsafe { (&raw mut storage).cast::<libc::sockaddr_in>().write(value) };
            size_of::<libc::sockaddr_in>()
        }
        SocketAddr::V6(v6) => {
            let value = libc::sockaddr_in6 {
                sin6_family: family_of(libc::AF_INET6),
                sin6_port: v6.port().to_be(),
                sin6_flowinfo: 0,
                sin6_addr: libc::in6_addr { s6_addr: v6.ip().octets() },
                sin6_scope_id: scope.unwrap_or(0),
            };
            // SAFETY: sockaddr_storage is at least as large and as aligned as every socket address.
            unsafe { (&raw mut storage).cast::<libc::sockaddr_in6>().write(value) };
            size_of::<libc::sockaddr_in6>()
        }
    };
    (storage, length_of(length))
}

/// An address family as socket addresses hold it.
pub(super) fn family_of(family: libc::c_int) -> libc::sa_family_t {
    libc::sa_family_t::try_from(family).expect("address families are small")
}

/// The length of a structure as the socket calls take it.
fn length_of(bytes: usize) -> libc::socklen_t {
    libc::socklen_t::try_from(bytes).expect("socket structures are short")
}

/// Opens a socket.
pub(super) fn new_socket(
    family: libc::c_int,
    kind: libc::c_int,
    protocol: libc::c_int,
) -> io::Result<OwnedFd> {
    // SAFETY: integers only.
    let fd = unsafe { libc::socket(family, kind, protocol) };
    checked(fd)?;
    // SAFETY: the kernel has just given us this descriptor; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Sets a socket option to a plain structure.
pub(super) fn set_option<T>(
    socket: &OwnedFd,
    level: libc::c_int,
    name: libc::c_int,
    value: &T,
) -> io::Result<()> {
    let length = length_of(size_of::<T>());
    // SAFETY: `value` is live and `length` bytes long; the kernel only reads it during the call.
    checked(unsafe {
        libc::setsockopt(socket.as_raw_fd(), level, name, std::ptr::from_ref(value).cast(), length)
    })
}

/// Reads a socket option that is integers. What the kernel does not fill stays zero.
pub(super) fn get_option<T: Integers>(
    socket: &OwnedFd,
    level: libc::c_int,
    name: libc::c_int,
) -> io::Result<T> {
    // SAFETY: `Integers` are valid as all zeroes.
    let mut value: T = unsafe { zeroed() };
    let mut length = length_of(size_of::<T>());
    // SAFETY: `value` is live and `length` bytes long; the kernel writes no more than that, and any bytes are valid.
    let result = unsafe {
        libc::getsockopt(socket.as_raw_fd(), level, name, (&raw mut value).cast(), &raw mut length)
    };
    checked(result)?;
    Ok(value)
}

/// Types of integers without padding, valid with any bytes in them.
///
/// # Safety
/// The implementer has no padding, and every pattern of bits is one of its values.
pub(super) unsafe trait Integers: Copy {}

// SAFETY: an integer.
unsafe impl Integers for libc::c_int {}
// SAFETY: an array of integers.
unsafe impl Integers for [u32; SK_MEMINFO_VARS] {}
// SAFETY: two `unsigned int`.
unsafe impl Integers for libc::tpacket_stats {}

/// A negative result as the error that the kernel left in errno.
pub(super) fn checked(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
