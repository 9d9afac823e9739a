//! What a round trip over loopback costs, by datagram and by stream: two system calls and the kernel's stack each way, no
//! network card. Both threads spin on sockets that do not block.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};

use super::pair::{Patience, on_two};
use super::spread::Spread;
use crate::control::failure::Failure;
use crate::control::shutdown::Stop;
use crate::pipeline::tsc::{self, Calibration};

/// Bytes there and back: a short order message.
const BYTES: usize = 64;

/// Round trips, and those at the start that do not count.
const TRIPS: u64 = 5_000;
const WARM_UP: u64 = 500;

/// One end of a connection.
trait End: Send {
    /// Sends a message whole; whether it went out.
    fn send(&mut self, message: &[u8; BYTES]) -> bool;

    /// Receives what has come; whether the message is whole.
    fn receive(&mut self, message: &mut [u8; BYTES]) -> bool;
}

struct Datagrams(UdpSocket);

impl End for Datagrams {
    fn send(&mut self, message: &[u8; BYTES]) -> bool {
        self.0.send(message).is_ok()
    }

    fn receive(&mut self, message: &mut [u8; BYTES]) -> bool {
        self.0.recv(message).is_ok_and(|length| length == BYTES)
    }
}

struct Stream {
    socket: TcpStream,
    /// Bytes of the message at hand that have come.
    filled: usize,
}

impl End for Stream {
    fn send(&mut self, message: &[u8; BYTES]) -> bool {
        let mut rest = &message[..];
        while !rest.is_empty() {
            match self.socket.write(rest) {
                Ok(0) => return false,
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => std::hint::spin_loop(),
                Err(_) => return false,
            }
        }
        true
    }

    fn receive(&mut self, message: &mut [u8; BYTES]) -> bool {
        if let Ok(read) = self.socket.read(&mut message[self.filled..]) {
            self.filled += read;
        }
        let whole = self.filled == BYTES;
        if whole {
            self.filled = 0;
        }
        whole
    }
}

/// Datagrams.
pub(super) fn udp(pair: (usize, usize), calibration: &Calibration, stop: &Stop) -> Result<Spread, Failure> {
    let ends = || -> io::Result<_> {
        let near = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let far = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        near.connect(far.local_addr()?)?;
        far.connect(near.local_addr()?)?;
        near.set_nonblocking(true)?;
        far.set_nonblocking(true)?;
        Ok((Datagrams(near), Datagrams(far)))
    };
    round_trips(ends(), pair, calibration, stop)
}

/// A stream, with TCP_NODELAY as the engine's sessions have it.
pub(super) fn tcp(pair: (usize, usize), calibration: &Calibration, stop: &Stop) -> Result<Spread, Failure> {
    let ends = || -> io::Result<_> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let near = TcpStream::connect(listener.local_addr()?)?;
        let (far, _) = listener.accept()?;
        for socket in [&near, &far] {
            socket.set_nodelay(true)?;
            socket.set_nonblocking(true)?;
        }
        Ok((Stream { socket: near, filled: 0 }, Stream { socket: far, filled: 0 }))
    };
    round_trips(ends(), pair, calibration, stop)
}

fn round_trips<E: End>(
    ends: io::Result<(E, E)>,
    pair: (usize, usize),
    calibration: &Calibration,
    stop: &Stop,
) -> Result<Spread, Failure> {
    let (mut near, mut far) = ends.map_err(|error| Failure::Input(format!("loopback: {error}")))?;
    let patience = Patience { until_ticks: tsc::now() + calibration.ticks_per_second(), stop };
    let ticks = on_two(
        pair,
        move || {
            let mut ticks = Vec::with_capacity((TRIPS - WARM_UP) as usize);
            let (mut message, mut answer) = ([0u8; BYTES], [0u8; BYTES]);
            for number in 1..=TRIPS {
                message[..8].copy_from_slice(&number.to_le_bytes());
                let start = tsc::now();
                let sent = near.send(&message);
                if !sent
                    || patience.wait(|| near.receive(&mut answer).then_some(())).is_none()
                    || answer != message
                {
                    break;
                }
                if number > WARM_UP {
                    ticks.push(tsc::now() - start);
                }
            }
            ticks
        },
        move || {
            let mut message = [0u8; BYTES];
            for _ in 1..=TRIPS {
                if patience.wait(|| far.receive(&mut message).then_some(())).is_none() || !far.send(&message)
                {
                    return;
                }
            }
        },
    )?;
    Ok(Spread::of(ticks, 1, calibration))
}
