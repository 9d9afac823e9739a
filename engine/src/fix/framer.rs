//! A byte stream to frames: bytes in as the socket gives them, complete frames out, garbled bytes skipped and counted.
//!
//! [`Framer`] allocates one buffer of [`FRAME_MAX`] bytes and one [`FieldIndex`] at construction and belongs to the thread that owns the
//! socket. Frames that lie whole in the bytes given are handed out from there; only the tail of an unfinished frame is
//! copied. The outcome does not depend on how the stream is cut into calls. It never gives up: after garbled bytes it
//! goes on at the next `8=FIX`, after a wrong BodyLength(9) at the next one behind what that claims. What is lost by it is
//! asked for again by the session.

use std::ops::ControlFlow;

use super::delimiters::Kernel;
use super::frame::{FRAME_MAX, Frame, Scan, scan_indexed};
use super::index::FieldIndex;

/// Where a search for a new frame stops.
const START: &[u8] = b"8=FIX";

/// See the module.
#[derive(Debug)]
pub struct Framer {
    pending: Box<[u8]>,
    filled: usize,
    progress: Progress,
    kernel: Kernel,
    /// Of the frame that is handed out.
    index: Box<FieldIndex>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    /// Looking for [`START`], the garbled start already counted.
    skipping: bool,
    garbled: u64,
}

impl Framer {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::with_kernel(Kernel::best())
    }

    /// One that looks for fields with the given kernel; all give the same frames.
    #[must_use]
    pub fn with_kernel(kernel: Kernel) -> Self {
        Self {
            pending: vec![0; FRAME_MAX].into_boxed_slice(),
            filled: 0,
            progress: Progress::default(),
            kernel,
            index: Box::new(FieldIndex::new()),
        }
    }

    /// Forgets an unfinished frame: the connection is a new one. The count stays.
    pub fn clear(&mut self) {
        self.filled = 0;
        self.progress.skipping = false;
    }

    /// Places at which something began that was no frame.
    #[must_use]
    pub const fn garbled(&self) -> u64 {
        self.progress.garbled
    }

    /// Takes bytes and hands each frame that they complete to `sink`, in order. When `sink` breaks, the rest of the
    /// bytes is dropped, since the connection is over.
    pub fn feed(
        &mut self,
        mut bytes: &[u8],
        sink: &mut impl FnMut(Frame<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        while self.filled > 0 {
            let old = self.filled;
            let take = bytes.len().min(FRAME_MAX - old);
            let (taken, _) = bytes.split_at(take);
            self.pending[old..old + take].copy_from_slice(taken);
            let total = old + take;
            let used =
                match drain(&self.pending[..total], &mut self.progress, self.kernel, &mut self.index, sink) {
                    ControlFlow::Continue(used) => used,
                    ControlFlow::Break(()) => return self.stop(),
                };
            if used >= old {
                // What was pending is done with; the rest is better read where it lies.
                self.filled = 0;
                bytes = &bytes[used - old..];
                break;
            }
            debug_assert!(
                used > 0 || take == bytes.len(),
                "a full buffer always holds a frame or a garbled start"
            );
            self.pending.copy_within(used..total, 0);
            self.filled = total - used;
            bytes = &bytes[take..];
            if bytes.is_empty() {
                return ControlFlow::Continue(());
            }
        }
        match drain(bytes, &mut self.progress, self.kernel, &mut self.index, sink) {
            ControlFlow::Continue(used) => {
                let tail = &bytes[used..];
                self.pending[..tail.len()].copy_from_slice(tail);
                self.filled = tail.len();
                ControlFlow::Continue(())
            }
            ControlFlow::Break(()) => self.stop(),
        }
    }

    fn stop(&mut self) -> ControlFlow<()> {
        self.clear();
        ControlFlow::Break(())
    }
}

impl Default for Framer {
    fn default() -> Self {
        Self::new()
    }
}

/// Hands out the frames in `bytes`; says how many bytes are done with. Fewer than [`FRAME_MAX`] remain.
fn drain(
    bytes: &[u8],
    progress: &mut Progress,
    kernel: Kernel,
    index: &mut FieldIndex,
    sink: &mut impl FnMut(Frame<'_>) -> ControlFlow<()>,
) -> ControlFlow<(), usize> {
    let mut at = 0;
    if progress.skipping {
        at = skip(bytes, 0, progress);
    }
    while !progress.skipping && at < bytes.len() {
        match scan_indexed(kernel, &bytes[at..], index) {
            Scan::Frame(frame) => {
                at += frame.bytes().len();
                sink(frame)?;
            }
            Scan::Incomplete => break,
            Scan::Garbled(_) => {
                progress.garbled += 1;
                at = skip(bytes, at + 1, progress);
            }
            Scan::NoTrailer { claimed } => {
                progress.garbled += 1;
                at = skip(bytes, at + claimed, progress);
            }
        }
    }
    ControlFlow::Continue(at)
}

/// The next place from `from` where a frame may start: a whole [`START`], or the end's longest beginning of one, and
/// then the search goes on with the next bytes.
#[cold]
fn skip(bytes: &[u8], from: usize, progress: &mut Progress) -> usize {
    let rest = &bytes[from..];
    if let Some(found) = rest.windows(START.len()).position(|window| window == START) {
        progress.skipping = false;
        return from + found;
    }
    progress.skipping = true;
    let kept = (1..START.len()).rev().find(|&kept| rest.ends_with(&START[..kept])).unwrap_or(0);
    bytes.len() - kept
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &[u8] = b"8=FIX.4.4\x019=10\x0135=0\x0134=7\x0110=171\x01";

    /// Frames and garbled count of a stream fed in pieces of `size` bytes.
    fn read(stream: &[u8], size: usize) -> (Vec<Vec<u8>>, u64) {
        let mut framer = Framer::new();
        let mut frames = Vec::new();
        for piece in stream.chunks(size) {
            let flow = framer.feed(piece, &mut |frame| {
                frames.push(frame.bytes().to_vec());
                ControlFlow::Continue(())
            });
            assert!(flow.is_continue());
        }
        (frames, framer.garbled())
    }

    #[test]
    fn the_cut_of_the_stream_does_not_matter() {
        let mut stream = b"noise\r\n".to_vec();
        stream.extend_from_slice(ONE);
        stream.extend_from_slice(ONE);
        stream.extend_from_slice(b"8=FIX.4.4\x019=10\x0135=0\x0134=7\x0110=172\x01"); // wrong sum
        stream.extend_from_slice(b"8=FIX.4.4\x019=300\x0135=0\x0134=7\x0110=171\x01"); // too long: eats what follows
        for _ in 0..20 {
            stream.extend_from_slice(ONE);
        }
        stream.extend_from_slice(b"8=FI8=FIX8=FIX.4.8=FIX.4.4\x019=x8=F");
        stream.extend_from_slice(ONE);
        let (frames, garbled) = read(&stream, stream.len());
        // Of the twenty, 283 bytes belong to what claimed them: eight whole frames and a part of the ninth.
        assert_eq!(frames.len(), 14);
        assert!(frames.iter().all(|frame| frame == ONE));
        // noise, wrong sum, too long, "8=FI" "8=FIX" "8=FIX.4." and "9=x".
        assert_eq!(garbled, 7);
        for size in 1..stream.len() {
            assert_eq!(read(&stream, size), (frames.clone(), garbled), "pieces of {size}");
        }
    }

    #[test]
    fn a_long_stream_goes_through_a_small_buffer() {
        let mut stream = ONE.repeat(1_000);
        stream.extend(b"8=FIX.4.4\x019=4000\x0135=0\x01");
        stream.extend(ONE.repeat(1_000));
        for size in [1, 7, 4_095, 4_096, 4_097, 10_000, stream.len()] {
            let (frames, garbled) = read(&stream, size);
            assert_eq!((frames.len(), garbled), (1_875, 1), "pieces of {size}");
        }
    }

    #[test]
    fn a_break_stops_and_drops_the_rest() {
        let mut framer = Framer::new();
        let mut count = 0;
        let flow = framer.feed(&ONE.repeat(3), &mut |_| {
            count += 1;
            if count == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert!(flow.is_break());
        assert_eq!((count, framer.filled), (2, 0));
    }
}
