//! A capture's bytes: one anonymous mapping, advised for huge pages; a small capture lies on the heap.
//!
//! A day of ITCH is gigabytes that are read front to back: on 4 KiB pages the TLB misses and the page faults would
//! be part of every timing. Allocated while a capture is opened, never afterwards; immutable once built. Any thread
//! may read it.

use std::io::{self, Read};

use memmap2::{Advice, MmapMut};

/// From this capacity on, bytes lie in a mapping of a multiple of it, so that the tail can be a huge page too.
const HUGE_PAGE: usize = 2 << 20;

/// Where the bytes lie; its length is the capacity.
enum Storage {
    Heap(Box<[u8]>),
    Mapped(MmapMut),
}

impl Storage {
    fn all(&mut self) -> &mut [u8] {
        match self {
            Self::Heap(bytes) => bytes,
            Self::Mapped(map) => map,
        }
    }
}

/// Bytes in memory of their own; grows while it is being filled.
pub struct Memory {
    storage: Storage,
    length: usize,
}

impl Memory {
    /// Room for at least `capacity` bytes, none of them used.
    ///
    /// # Errors
    /// The system's, when it has no memory for it.
    pub fn with_capacity(capacity: usize) -> io::Result<Self> {
        if capacity < HUGE_PAGE {
            return Ok(Self { storage: Storage::Heap(vec![0; capacity].into_boxed_slice()), length: 0 });
        }
        let capacity = capacity.checked_next_multiple_of(HUGE_PAGE).ok_or(io::ErrorKind::OutOfMemory)?;
        let map = MmapMut::map_anon(capacity)?;
        // Advice: a kernel without transparent huge pages refuses it, and then 4 KiB pages serve.
        let _ = map.advise(Advice::HugePage);
        Ok(Self { storage: Storage::Mapped(map), length: 0 })
    }

    /// A copy of `bytes`.
    ///
    /// # Errors
    /// The system's, when it has no memory for it.
    pub fn copy_of(bytes: &[u8]) -> io::Result<Self> {
        let mut memory = Self::with_capacity(bytes.len())?;
        memory.storage.all()[..bytes.len()].copy_from_slice(bytes);
        memory.length = bytes.len();
        Ok(memory)
    }

    /// Appends what `reader` gives until its end. What was read before an error stays.
    ///
    /// # Errors
    /// The reader's, or the system's when it has no memory.
    pub fn append_from(&mut self, reader: &mut impl Read) -> io::Result<()> {
        loop {
            if self.length == self.storage.all().len() {
                let mut larger = Self::with_capacity(self.length.saturating_mul(2).max(256))?;
                larger.storage.all()[..self.length].copy_from_slice(self.bytes());
                self.storage = larger.storage;
            }
            match reader.read(&mut self.storage.all()[self.length..]) {
                Ok(0) => return Ok(()),
                Ok(bytes) => self.length += bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The bytes in use.
    #[inline(always)]
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match &self.storage {
            Storage::Heap(bytes) => &bytes[..self.length],
            Storage::Mapped(map) => &map[..self.length],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_past_its_capacity() {
        let bytes: Vec<u8> = (0..=250).cycle().take(5 * HUGE_PAGE + 3).collect();
        let mut memory = Memory::with_capacity(0).unwrap();
        memory.append_from(&mut &bytes[..7]).unwrap();
        memory.append_from(&mut &bytes[7..]).unwrap();
        assert!(memory.bytes() == bytes);
        assert!(Memory::copy_of(&bytes).unwrap().bytes() == bytes);
        assert!(Memory::copy_of(&[]).unwrap().bytes().is_empty());
    }

    #[test]
    fn keeps_what_was_read_before_an_error() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::InvalidData.into())
            }
        }
        let mut memory = Memory::with_capacity(1).unwrap();
        assert!(memory.append_from(&mut b"good".chain(Broken)).is_err());
        assert_eq!(memory.bytes(), b"good");
    }
}
