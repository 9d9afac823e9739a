//! `warptick capture`: records live lines as nanosecond pcapng, until Ctrl-C or for a number of seconds.
//!
//! Two threads: the receiving one polls the lines and copies packets into a ring ([`crate::pipeline::recorder`]); the
//! calling one takes them out, makes blocks of them ([`feeds::source::pcapng_writer`]), writes and syncs. Neither waits
//! for the other. What is lost is counted where it is lost (kernel, ring, file), reported by line, written into the file's
//! statistics, and makes the exit code 1. [`RecordingFile`] is the writing half alone, for a recording from inside a run.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use feeds::source::pcapng_writer::{PACKET_OVERHEAD_BYTES, PcapngWriter};
use feeds::source::udp::{
    self, Backend, LineConfig, LineStatistics, LiveSource, PacketSource, ReceiveOptions,
};
use feeds::units::TIME_NONE;

use crate::control::cpus::Host;
use crate::control::failure::Failure;
use crate::control::placement::{Plan, Role};
use crate::control::shutdown::Stop;
use crate::pipeline::idle::Idle;
use crate::pipeline::recorder::{self, RING_BYTES, RecordedPackets, Recorder};

/// Bytes of blocks that are gathered before they are written.
const WRITE_BYTES: usize = 1 << 20;

/// How often what was written is forced to the disk.
const SYNC_INTERVAL: Duration = Duration::from_secs(1);

/// How long the writer sleeps when the ring is empty: far below the time in which it fills.
const WRITER_PAUSE: Duration = Duration::from_micros(200);

/// Idle polls between two looks at the clock and the wish to end.
const POLLS_A_LOOK: u32 = 256;

/// After the wish to end, how long what is still in the sockets is taken in.
const DRAIN: Duration = Duration::from_millis(200);

/// What to record.
#[derive(Clone, Debug)]
pub struct CaptureOptions {
    /// The lines, in the order of their interfaces in the file.
    pub lines: Vec<LineConfig>,
    /// The file; an existing one is not overwritten.
    pub out: PathBuf,
    /// Ends after so many seconds; `None`: with Ctrl-C.
    pub seconds: Option<f64>,
    /// The way to the kernel.
    pub backend: Backend,
    /// Longest payload, bytes.
    pub datagram_bytes_max: usize,
}

/// What a recording wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Packets.
    pub packets: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// Packets that came without a receive time and were given the writer's.
    pub timed_by_writer: u64,
}

/// A recording being written: the cold half.
pub struct RecordingFile {
    name: String,
    file: File,
    writer: PcapngWriter,
    blocks: Vec<u8>,
    payload: Vec<u8>,
    written: Written,
    began_ns: u64,
    synced: Instant,
}

impl RecordingFile {
    /// Makes the file, which must not exist, with the head of the recording.
    ///
    /// # Errors
    /// It exists, or cannot be written.
    pub fn create(path: &Path, lines: &[LineConfig]) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let file = File::create_new(path).map_err(|error| {
            Failure::Input(format!("{name}: cannot be made: {error}. Name a file that does not exist yet."))
        })?;
        let mut blocks = Vec::with_capacity(WRITE_BYTES + recorder::PACKET_BYTES_MAX + PACKET_OVERHEAD_BYTES);
        let writer = PcapngWriter::new(lines, &mut blocks);
        let mut this = Self {
            name,
            file,
            writer,
            blocks,
            payload: Vec::with_capacity(recorder::PACKET_BYTES_MAX),
            written: Written::default(),
            began_ns: wall_ns(),
            synced: Instant::now(),
        };
        this.write()?;
        Ok(this)
    }

    /// Takes all packets that are there; `true` when there were any. Writes what it has when there is a megabyte of it,
    /// or when the ring is empty, and syncs once a second.
    ///
    /// # Errors
    /// The file cannot be written: the disk is full.
    pub fn take(&mut self, packets: &mut RecordedPackets) -> Result<bool, Failure> {
        let before = self.written.packets;
        while let Some(header) = packets.next(&mut self.payload) {
            let mut receive_ns = header.receive_ns;
            if receive_ns == TIME_NONE {
                receive_ns = wall_ns();
                self.written.timed_by_writer += 1;
            }
            if self.writer.packet(&mut self.blocks, header.line, receive_ns, &self.payload) {
                self.written.packets += 1;
            }
            if self.blocks.len() >= WRITE_BYTES {
                self.write()?;
            }
        }
        self.write()?;
        if self.synced.elapsed() >= SYNC_INTERVAL {
            self.file.sync_data().map_err(|error| self.failed(&error))?;
            self.synced = Instant::now();
        }
        Ok(self.written.packets > before)
    }

    /// Takes what is left, adds the lines' statistics, and syncs. Call it when the hot end is gone.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn finish(
        mut self,
        packets: &mut RecordedPackets,
        statistics: &[LineStatistics],
    ) -> Result<Written, Failure> {
        self.take(packets)?;
        let until_ns = wall_ns();
        for (line, statistics) in (0..=u8::MAX).zip(statistics) {
            self.writer.statistics(&mut self.blocks, line, self.began_ns, until_ns, statistics);
        }
        self.write()?;
        self.file.sync_all().map_err(|error| self.failed(&error))?;
        Ok(self.written)
    }

    fn write(&mut self) -> Result<(), Failure> {
        self.file.write_all(&self.blocks).map_err(|error| self.failed(&error))?;
        self.written.bytes += self.blocks.len() as u64;
        self.blocks.clear();
        Ok(())
    }

    fn failed(&self, error: &io::Error) -> Failure {
        let Self { name, written, .. } = self;
        Failure::Input(format!(
            "{name}: cannot be written: {error}; {} packets were written before. Make room on the disk.",
            written.packets
        ))
    }
}

fn wall_ns() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(TIME_NONE)
}

/// Records until Ctrl-C, `stop`, or the time is over; then reports.
///
/// # Errors
/// A line that cannot be opened, a file that cannot be written; [`Failure::Check`] when packets were lost.
pub fn run(options: &CaptureOptions, stop: &Stop, out: &mut impl Write) -> Result<(), Failure> {
    let report = |error: io::Error| Failure::Input(error.to_string());
    let receive = ReceiveOptions {
        backend: options.backend,
        kernel_time: true,
        datagram_bytes_max: options.datagram_bytes_max,
        ..ReceiveOptions::default()
    };
    // The lines last: from their opening on packets wait for the receiving thread, and touching the ring takes a while
    // (over 0.3 s on a busy machine, in which 60,000 packets were lost).
    let mut file = RecordingFile::create(&options.out, &options.lines)?;
    let (recorder, mut packets) = recorder::recorder(RING_BYTES);
    let host = Host::read().map_err(report)?;
    let plan = Plan::automatic(&host, &[Role::Ingest, Role::Housekeeping])
        .map_err(|error| Failure::Input(error.to_string()))?;
    let idle = if host.online().count() > 1 { Idle::Spin } else { Idle::Yield };
    let opened = udp::open(&options.lines, &receive).map_err(|error| Failure::Input(error.to_string()))?;
    for notice in &opened.notices {
        writeln!(out, "note: {notice}").map_err(report)?;
    }
    writeln!(
        out,
        "recording {} lines by {} into {}; Ctrl-C ends it",
        options.lines.len(),
        opened.source.backend().name(),
        options.out.display()
    )
    .map_err(report)?;
    out.flush().map_err(report)?;
    let until = options.seconds.map(|seconds| Instant::now() + Duration::from_secs_f64(seconds));
    let (statistics, written) = std::thread::scope(|scope| {
        let receiver = std::thread::Builder::new().name(Role::Ingest.thread_name().to_owned());
        let receiver = receiver.spawn_scoped(scope, || {
            plan.pin_current(Role::Ingest).map_err(|error| Failure::Input(error.to_string()))?;
            receive_until(opened.source, options.lines.len(), recorder, idle, &|| {
                stop.requested() || until.is_some_and(|until| Instant::now() >= until)
            })
        });
        let receiver = receiver.map_err(report)?;
        while !packets.is_ended() {
            match file.take(&mut packets) {
                Ok(true) => {}
                Ok(false) => std::thread::sleep(WRITER_PAUSE),
                Err(failure) => {
                    stop.request();
                    return Err(failure);
                }
            }
        }
        let received =
            receiver.join().map_err(|_| Failure::Check("the receiving thread panicked".to_owned()))?;
        let statistics = received?;
        let written = file.finish(&mut packets, &statistics)?;
        Ok((statistics, written))
    })?;
    print_report(options, &statistics, packets.lost(), &written, out).map_err(report)?;
    judge(&statistics, packets.lost())
}

/// The receiving thread: polls and copies until `ended`, then takes in what is still there.
fn receive_until(
    mut source: LiveSource,
    lines: usize,
    mut recorder: Recorder,
    idle: Idle,
    ended: &dyn Fn() -> bool,
) -> Result<Vec<LineStatistics>, Failure> {
    let failed = |error: io::Error| Failure::Input(format!("receiving: {error}"));
    let mut idle_polls = 0u32;
    let mut polls = 0u32;
    loop {
        let received = source.poll().map_err(failed)?;
        if let Some(datagram) = received {
            recorder.offer(datagram.payload, datagram.receive_ns, datagram.from_line);
            idle_polls = 0;
        } else {
            idle_polls = idle_polls.wrapping_add(1);
            idle.wait();
        }
        // Also under load, but not at every packet.
        polls = polls.wrapping_add(1);
        if polls.is_multiple_of(POLLS_A_LOOK) && ended() {
            break;
        }
    }
    let began = Instant::now();
    while began.elapsed() < DRAIN {
        match source.poll().map_err(failed)? {
            Some(datagram) => {
                recorder.offer(datagram.payload, datagram.receive_ns, datagram.from_line);
            }
            None => break,
        }
    }
    (0..=u8::MAX).take(lines).map(|line| source.statistics(line).map_err(failed)).collect()
}

fn print_report(
    options: &CaptureOptions,
    statistics: &[LineStatistics],
    ring_lost: u64,
    written: &Written,
    out: &mut impl Write,
) -> io::Result<()> {
    writeln!(
        out,
        "{:>4} {:<40} {:>12} {:>14} {:>12} {:>10} {:>8}",
        "line", "address", "packets", "bytes", "kernel drops", "too long", "damaged"
    )?;
    for (number, (line, statistics)) in options.lines.iter().zip(statistics).enumerate() {
        let LineStatistics { packets, bytes, kernel_drops, truncated, damaged } = statistics;
        writeln!(
            out,
            "{number:>4} {:<40} {packets:>12} {bytes:>14} {kernel_drops:>12} {truncated:>10} {damaged:>8}",
            line.to_string()
        )?;
    }
    writeln!(
        out,
        "written: {} packets, {} bytes, synced; lost to a full ring: {ring_lost}",
        written.packets, written.bytes
    )
}

/// Exit code 1 when the recording is not whole.
fn judge(statistics: &[LineStatistics], ring_lost: u64) -> Result<(), Failure> {
    let kernel: u64 = statistics.iter().map(|line| line.kernel_drops).sum();
    let too_long: u64 = statistics.iter().map(|line| line.truncated).sum();
    let mut losses = Vec::new();
    if kernel > 0 {
        losses.push(format!("{kernel} packets dropped by the kernel (raise the line's receive buffer)"));
    }
    if too_long > 0 {
        losses.push(format!("{too_long} packets too long (raise --datagram-bytes)"));
    }
    if ring_lost > 0 {
        losses.push(format!("{ring_lost} packets lost to a full ring (the disk is too slow)"));
    }
    if losses.is_empty() {
        Ok(())
    } else {
        Err(Failure::Check(format!("the recording is not whole: {}", losses.join("; "))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use feeds::moldudp64::Header;
    use feeds::source::file::Capture;
    use std::net::UdpSocket;

    fn mold(sequence: u64, length: usize) -> Vec<u8> {
        let body = vec![sequence as u8; length];
        let mut packet = Header { session: *b"SESSION 01", sequence, count: 1 }.encode().to_vec();
        packet.extend((length as u16).to_be_bytes());
        packet.extend(body);
        packet
    }

    fn options(line: LineConfig, backend: Backend, directory: &Path) -> CaptureOptions {
        CaptureOptions {
            lines: vec![line],
            out: directory.join(format!("{}.pcapng", backend.name())),
            seconds: None,
            backend,
            datagram_bytes_max: 1_900,
        }
    }

    /// Starts a capture, lets `send` send to its line when it listens, ends it, and gives its report and its result.
    fn capture(options: &CaptureOptions, send: impl FnOnce(&UdpSocket)) -> (String, Result<(), Failure>) {
        let stop = Stop::new();
        let mut report = Vec::new();
        let result = std::thread::scope(|scope| {
            let capturing = scope.spawn(|| run(options, &stop, &mut report));
            let sender = UdpSocket::bind("127.0.0.1:0").expect("a socket");
            let to = options.lines[0].address();
            sender.connect(to).expect("a local address");
            // Until somebody listens, sends are refused. A heartbeat, so that the reader takes it.
            let heartbeat = Header { session: *b"SESSION 01", sequence: 1, count: 0 }.encode();
            let began = Instant::now();
            while !capturing.is_finished() && began.elapsed() < Duration::from_secs(10) {
                let sent = sender.send(&heartbeat).and_then(|_| {
                    std::thread::sleep(Duration::from_millis(2));
                    sender.send(&heartbeat)
                });
                if sent.is_ok() {
                    break;
                }
            }
            send(&sender);
            std::thread::sleep(Duration::from_millis(50));
            stop.request();
            capturing.join().expect("no panic")
        });
        (String::from_utf8(report).expect("text"), result)
    }

    fn free_line() -> LineConfig {
        LineConfig::new(
            UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port"),
        )
    }

    #[test]
    fn a_recording_reads_back_to_what_was_sent() {
        // Fewer than the receive buffer holds: nothing is lost however late the receiving thread gets its turn.
        const PACKETS: u64 = 3_000;
        let directory = tempfile::tempdir().expect("a directory");
        for backend in Backend::ALL {
            let options = options(free_line(), backend, directory.path());
            let began_ns = wall_ns();
            let (report, result) = capture(&options, |sender| {
                for sequence in 1..=PACKETS {
                    sender.send(&mold(sequence, sequence as usize * 7 % 1_400)).expect("sent");
                    if sequence % 100 == 0 {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                }
            });
            if let Err(Failure::Input(why)) = &result
                && matches!(backend, Backend::PacketRing | Backend::IoUring)
            {
                println!("SKIPPED: {}: {why}", backend.name());
                continue;
            }
            result.unwrap_or_else(|failure| panic!("{}: {failure}\n{report}", backend.name()));
            let recording = Capture::open(&options.out).expect("readable");
            let mut cursor = recording.packets();
            let (mut next, mut last_ns) = (1, began_ns);
            while let Some(packet) = cursor.next(&recording).expect("undamaged") {
                let stamp_ns = packet.receive_ns;
                assert!((began_ns..=wall_ns()).contains(&stamp_ns), "{}: {stamp_ns}", backend.name());
                // Linux turns its stamps on behind the socket option: what comes before is stamped when it is read, which
                // may be later than the next one came.
                let is_ordered = next > 100;
                assert!(!is_ordered || stamp_ns >= last_ns, "{}: {stamp_ns}, {last_ns}", backend.name());
                last_ns = stamp_ns;
                if packet.message_count == 0 {
                    continue;
                }
                assert_eq!(packet.first_sequence, next);
                assert_eq!(packet.blocks, &mold(next, next as usize * 7 % 1_400)[20..]);
                next += 1;
            }
            assert_eq!(next, PACKETS + 1, "{}\n{report}", backend.name());
            match std::process::Command::new("capinfos").arg("-M").arg(&options.out).output() {
                Err(_) => println!("SKIPPED: there is no capinfos on this host"),
                Ok(output) => {
                    let text = String::from_utf8_lossy(&output.stdout);
                    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
                    assert!(text.contains("nanoseconds (9)") && text.contains("pcapng"), "{text}");
                }
            }
        }
    }

    #[test]
    fn losses_are_reported_and_the_exit_code_is_1() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut line = free_line();
        line.receive_buffer_bytes = 1 << 20;
        let options = options(line, Backend::Recv, directory.path());
        let (report, result) = capture(&options, |sender| {
            sender.send(&mold(1, 10)).expect("sent");
            sender.send(&mold(2, 5_000)).expect("sent");
        });
        let failure = result.expect_err("a packet is too long");
        assert_eq!(failure.exit_code(), 1);
        assert!(failure.to_string().contains("1 packets too long"), "{failure}\n{report}");
        let statistics = LineStatistics { kernel_drops: 3, ..LineStatistics::default() };
        let failure = judge(&[statistics], 2).expect_err("losses");
        assert_eq!(failure.exit_code(), 1);
        let text = failure.to_string();
        assert!(
            text.contains("3 packets dropped by the kernel") && text.contains("2 packets lost"),
            "{text}"
        );
    }

    #[test]
    fn an_existing_file_is_kept() {
        let directory = tempfile::tempdir().expect("a directory");
        let options = options(free_line(), Backend::Recv, directory.path());
        std::fs::write(&options.out, "precious").expect("written");
        let failure = run(&options, &Stop::new(), &mut Vec::new()).expect_err("refused");
        assert_eq!(failure.exit_code(), 2);
        assert_eq!(std::fs::read(&options.out).expect("still there"), b"precious");
    }
}
