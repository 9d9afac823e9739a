//! One segment file while it is mapped: made and pre-faulted by the keeper, filled by a writer, handed back to be
//! cut and closed. The only place of the journal that talks to the memory of a mapped file.

use super::JournalError;
use memmap2::{Advice, MmapMut};
use std::fs::{File, OpenOptions};
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// Bytes of the pages that the fall-back touches; smaller than or equal to the machine's pages.
const PAGE_BYTES: usize = 4_096;

/// A mapped segment file. Moving it moves no memory and makes no system call.
pub(super) struct Segment {
    map: MmapMut,
    file: File,
    path: PathBuf,
    number: u64,
}

impl Segment {
    /// Creates the file at `path`, reserves its blocks, maps it and brings every page in, writable. The file must
    /// not exist; after an error it does not. It is readable by its owner only, since session bytes may hold
    /// credentials.
    pub fn create(path: PathBuf, number: u64, bytes: u64) -> Result<Self, JournalError> {
        let failed = |doing, source| JournalError::Io { doing, path: path.clone(), source };
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path);
        let file = file.map_err(|error| failed("create", error))?;
        let mapped =
            reserve(&file, bytes).map_err(|error| failed("reserve space for", error)).and_then(|()| {
                // SAFETY: the file is new (create_new) and private to this run, so nothing else writes to it while it is
                // mapped, and it is cut only in `retire`, after the map is gone: no reference into it is invalidated.
                unsafe { MmapMut::map_mut(&file) }.map_err(|error| failed("map", error))
            });
        match mapped {
            Ok(mut map) => {
                match map.advise(Advice::PopulateWrite) {
                    Ok(()) => {}
                    Err(error) if error.raw_os_error() == Some(libc::EINVAL) => touch_pages(&mut map),
                    // A page cannot be had: a store would be a fault signal.
                    Err(error) => {
                        drop(map);
                        let _ = std::fs::remove_file(&path);
                        return Err(failed("bring in the pages of", error));
                    }
                }
                Ok(Self { map, file, path, number })
            }
            Err(error) => {
                // Its number is tried again at the next look; the error that matters is the first one.
                let _ = std::fs::remove_file(&path);
                Err(error)
            }
        }
    }

    /// A segment of memory that is no file's: what is written there is gone with it.
    pub fn scratch(number: u64, bytes: u64) -> Result<Self, JournalError> {
        let path = PathBuf::from("memory of a rehearsal");
        let failed = |source| JournalError::Io { doing: "take", path: path.clone(), source };
        // SAFETY: a plain system call; the name is a C string that lives for the program.
        let descriptor = unsafe { libc::memfd_create(c"warptick-rehearsal".as_ptr(), libc::MFD_CLOEXEC) };
        if descriptor < 0 {
            return Err(failed(std::io::Error::last_os_error()));
        }
        // SAFETY: the descriptor is new, and nobody else has it.
        let file = unsafe { File::from_raw_fd(descriptor) };
        file.set_len(bytes).map_err(failed)?;
        // SAFETY: the file has no name, so that nobody else writes to it or cuts it while it is mapped.
        let mut map = unsafe { MmapMut::map_mut(&file) }.map_err(failed)?;
        touch_pages(&mut map);
        Ok(Self { map, file, path, number })
    }

    /// The segment's number, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The mapped bytes, zero where nothing was stored.
    #[inline]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.map
    }

    /// The file, for whoever syncs it.
    pub const fn file(&self) -> &File {
        &self.file
    }

    /// Unmaps the file and cuts it to `used_bytes`.
    pub fn retire(self, used_bytes: u64) -> Result<(), JournalError> {
        let Self { map, file, path, .. } = self;
        drop(map);
        file.set_len(used_bytes).map_err(|source| JournalError::Io { doing: "cut", path, source })
    }
}

/// Reserves the blocks, so that a full disk is an error here and not a fault signal at some later store.
fn reserve(file: &File, bytes: u64) -> std::io::Result<()> {
    let length = libc::off_t::try_from(bytes).map_err(|_| std::io::ErrorKind::InvalidInput)?;
    // SAFETY: a plain system call on a descriptor that `file` keeps open.
    match unsafe { libc::posix_fallocate(file.as_raw_fd(), 0, length) } {
        0 => Ok(()),
        code => Err(std::io::Error::from_raw_os_error(code)),
    }
}

/// For kernels before 5.14: a store to each page takes its write fault now. The pages are new, so zero is what they
/// hold already; volatile, since the compiler would see that too.
fn touch_pages(map: &mut [u8]) {
    for page in map.chunks_mut(PAGE_BYTES) {
        // SAFETY: a chunk is never empty, and it is borrowed exclusively.
        unsafe { page.as_mut_ptr().write_volatile(0) };
    }
}

/// Stores the first word of a record (its length) or of a segment (of its magic number), little-endian, which makes
/// it exist for whoever reads the file.
#[inline]
pub(super) fn publish_word(bytes: &mut [u8; 4], value: u32) {
    let word = bytes.as_mut_ptr().cast::<u32>();
    assert!(word.is_aligned(), "records start at multiples of 8 of a page-aligned map");
    // SAFETY: `word` is aligned (asserted) and covers the four borrowed bytes; the borrow is exclusive, so no
    // other access of this process overlaps. Release pairs with whoever reads this word before the rest (a
    // reader of the file, even of one whose writer was killed): all earlier stores come first.
    unsafe { AtomicU32::from_ptr(word) }.store(value.to_le(), Ordering::Release);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_segment_is_zero_and_a_retired_one_is_cut() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.wtj");
        let mut segment = Segment::create(path.clone(), 1, 8_192).unwrap();
        assert!(segment.bytes_mut().iter().all(|&byte| byte == 0));
        assert_eq!(segment.bytes_mut().len(), 8_192);
        segment.bytes_mut()[..4].copy_from_slice(b"data");
        assert!(matches!(
            Segment::create(path.clone(), 1, 8_192),
            Err(JournalError::Io { doing: "create", .. })
        ));
        segment.retire(4).unwrap();
        assert_eq!(std::fs::read(path).unwrap(), b"data");
    }

    #[test]
    fn touching_pages_changes_nothing() {
        let mut bytes = vec![0u8; 10_000];
        touch_pages(&mut bytes);
        assert!(bytes.iter().all(|&byte| byte == 0));
    }

    #[test]
    fn space_that_cannot_be_had_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.wtj");
        let error = Segment::create(path.clone(), 1, 1 << 62).err().expect("more than any disk");
        assert!(error.to_string().contains("reserve space for"), "{error}");
        assert!(!path.exists(), "a failed attempt leaves nothing behind");
    }
}
