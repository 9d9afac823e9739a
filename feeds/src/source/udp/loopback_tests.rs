//! Every backend on 127.0.0.1: payloads, order, times, lines in turn, and every datagram accounted for.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::*;
use crate::units::TIME_NONE;

const DEADLINE: Duration = Duration::from_secs(5);

fn options(backend: Backend, kernel_time: bool) -> ReceiveOptions {
    ReceiveOptions { backend, kernel_time, ..ReceiveOptions::default() }
}

/// A line on a port of 127.0.0.1 that was free a moment ago.
fn free_line(receive_buffer_bytes: usize) -> LineConfig {
    let probe = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    LineConfig { receive_buffer_bytes, ..LineConfig::new(probe.local_addr().unwrap()) }
}

/// Opens, or says loudly why the test cannot run on this host.
fn open_or_skip(lines: &[LineConfig], options: &ReceiveOptions) -> Option<LiveSource> {
    match open(lines, options) {
        Ok(opened) => Some(opened.source),
        Err(error) if matches!(options.backend, Backend::PacketRing | Backend::IoUring) => {
            println!("SKIPPED: {}: {error}", options.backend.name());
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn sender_to(address: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.connect(address).unwrap();
    socket
}

/// Polls until a datagram is there, and copies it.
fn receive(source: &mut LiveSource) -> (Vec<u8>, u64, u8) {
    let began = Instant::now();
    loop {
        if let Some(datagram) = source.poll().unwrap() {
            return (datagram.payload.to_vec(), datagram.receive_ns, datagram.from_line);
        }
        assert!(began.elapsed() < DEADLINE, "{}: nothing arrived", source.backend().name());
    }
}

/// Payload number `number`: lengths from 0 to the longest, contents that depend on both.
fn payload(number: usize, longest: usize) -> Vec<u8> {
    let length = if number.is_multiple_of(7) { longest } else { number * 131 % (longest + 1) };
    (0..length).map(|at| u8::try_from((at * 7 + number) % 251).unwrap()).collect()
}

fn now_ns() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos()).unwrap()
}

#[test]
fn payloads_arrive_whole_in_order_and_with_their_time() {
    for backend in Backend::ALL {
        for kernel_time in [false, true] {
            let line = free_line(1 << 20);
            let options = options(backend, kernel_time);
            let Some(mut source) = open_or_skip(std::slice::from_ref(&line), &options) else { continue };
            assert_eq!(source.poll().unwrap(), None);
            let sender = sender_to(line.address());
            let mut bytes = 0;
            // In bursts, so that batches, rings and buffers wrap around with something in them.
            for burst in 0..60 {
                let numbers = burst * 50..burst * 50 + 1 + burst % 50;
                let before_ns = now_ns();
                for number in numbers.clone() {
                    sender.send(&payload(number, options.datagram_bytes_max)).unwrap();
                }
                for number in numbers {
                    let (received, receive_ns, from_line) = receive(&mut source);
                    assert_eq!(received, payload(number, options.datagram_bytes_max), "{}", backend.name());
                    assert_eq!(from_line, 0);
                    bytes += received.len() as u64;
                    if kernel_time || backend == Backend::PacketRing {
                        let now = now_ns();
                        assert!(
                            (before_ns - 1_000_000..=now + 1_000_000).contains(&receive_ns),
                            "{}: {receive_ns} is not between {before_ns} and {now}",
                            backend.name()
                        );
                    } else {
                        assert_eq!(receive_ns, TIME_NONE);
                    }
                }
            }
            assert_eq!(source.poll().unwrap(), None, "{}: seen twice", backend.name());
            let statistics = source.statistics(0).unwrap();
            let packets = (0..60).map(|burst| 1 + burst % 50).sum::<u64>();
            assert_eq!(statistics, LineStatistics { packets, bytes, ..LineStatistics::default() });
            assert!(source.statistics(1).is_err());
        }
    }
}

#[test]
fn lines_take_turns_and_keep_their_numbers() {
    for backend in Backend::ALL {
        let lines = [free_line(1 << 20), free_line(1 << 20), free_line(1 << 20)];
        let Some(mut source) = open_or_skip(&lines, &options(backend, true)) else { continue };
        assert_eq!(source.poll().unwrap(), None);
        let senders = lines.each_ref().map(|line| sender_to(line.address()));
        for number in 0..40u8 {
            for (line, sender) in (0u8..).zip(&senders) {
                sender.send(&[line, number]).unwrap();
            }
        }
        let mut expected = [0u8; 3];
        for _ in 0..120 {
            let (received, _, from_line) = receive(&mut source);
            let next = &mut expected[usize::from(from_line)];
            assert_eq!(received, [from_line, *next], "{}", backend.name());
            *next += 1;
        }
        assert_eq!(expected, [40; 3]);
    }
}

#[test]
fn datagrams_that_are_too_long_are_counted_and_not_handed_out() {
    for backend in Backend::ALL {
        for kernel_time in [false, true] {
            let line = free_line(1 << 20);
            let options = ReceiveOptions { datagram_bytes_max: 100, ..options(backend, kernel_time) };
            let Some(mut source) = open_or_skip(std::slice::from_ref(&line), &options) else { continue };
            let sender = sender_to(line.address());
            for length in [100, 101, 102, 5_000, 65_507, 99, 0] {
                sender.send(&vec![7; length]).unwrap();
            }
            for length in [100, 99, 0] {
                assert_eq!(receive(&mut source).0, vec![7; length], "{}", backend.name());
            }
            let statistics = source.statistics(0).unwrap();
            assert_eq!((statistics.packets, statistics.truncated), (3, 4), "{}", backend.name());
        }
    }
}

/// Datagrams are either handed out or counted as dropped by the kernel, and those that come are the first ones sent.
#[test]
fn what_does_not_fit_the_buffer_is_counted_by_the_kernel() {
    const SENT: u64 = 40_000;
    for backend in Backend::ALL {
        let line = free_line(256 << 10);
        let Some(mut source) = open_or_skip(std::slice::from_ref(&line), &options(backend, false)) else {
            continue;
        };
        assert_eq!(source.poll().unwrap(), None);
        let sender = sender_to(line.address());
        for number in 0..SENT {
            sender.send(&number.to_le_bytes()).unwrap();
        }
        let mut next = 0;
        while let Some(datagram) = source.poll().unwrap() {
            assert_eq!(datagram.payload, u64::to_le_bytes(next), "{}", backend.name());
            next += 1;
        }
        let statistics = source.statistics(0).unwrap();
        assert_eq!(statistics.packets, next);
        assert!(statistics.kernel_drops > 0, "{}: the buffer is too large for the test", backend.name());
        assert_eq!(statistics.packets + statistics.kernel_drops, SENT, "{}", backend.name());
        // And it goes on behind the loss.
        sender.send(b"on").unwrap();
        assert_eq!(receive(&mut source).0, b"on", "{}", backend.name());
        assert_eq!(source.statistics(0).unwrap().kernel_drops, statistics.kernel_drops);
    }
}

#[test]
fn a_source_may_be_moved_to_its_thread() {
    for backend in Backend::ALL {
        let line = free_line(1 << 20);
        let Some(mut source) = open_or_skip(std::slice::from_ref(&line), &options(backend, true)) else {
            continue;
        };
        let sender = sender_to(line.address());
        sender.send(b"before the first poll").unwrap();
        let received = std::thread::spawn(move || receive(&mut source).0).join().unwrap();
        assert_eq!(received, b"before the first poll");
    }
}

#[test]
fn auto_takes_one_that_works_and_says_why_not_a_faster_one() {
    let line = free_line(1 << 20);
    let opened = open(std::slice::from_ref(&line), &ReceiveOptions::default()).unwrap();
    let ring = open(std::slice::from_ref(&line), &options(Backend::PacketRing, true));
    match ring {
        Ok(_) => assert_eq!(opened.source.backend(), Backend::PacketRing),
        Err(_) => {
            assert_eq!(opened.source.backend(), Backend::Recv);
            assert!(opened.notices.iter().any(|notice| notice.contains("packet-ring")));
        }
    }
}

#[test]
fn a_receive_buffer_that_is_not_granted_is_reported() {
    // More than any host grants: SO_RCVBUF is an int.
    let line = free_line(usize::MAX);
    let opened = open(std::slice::from_ref(&line), &options(Backend::Recv, false)).unwrap();
    let notice = opened.notices.first().expect("a notice");
    assert!(notice.contains("receive buffer of") && notice.contains("rmem_max"), "{notice}");
}

#[test]
fn what_cannot_be_opened_says_why() {
    let refused = |text: &str, backend| {
        let line: LineConfig = text.parse().unwrap();
        open(&[line], &options(backend, false)).expect_err(text).to_string()
    };
    let error = refused("198.51.100.1:5000", Backend::Recv);
    assert!(error.contains("198.51.100.1:5000") && error.contains("binding"), "{error}");
    let error = refused("239.255.1.1:5000@no-such-if", Backend::Recv);
    assert!(error.contains("no-such-if") && error.contains("ip link"), "{error}");
    let error = refused("239.255.1.1:5000", Backend::PacketRing);
    assert!(error.contains("@INTERFACE"), "{error}");
    assert!(open(&[], &options(Backend::Recv, false)).is_err());
}
