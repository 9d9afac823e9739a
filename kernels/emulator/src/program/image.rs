//! The memory of a module's `.global` and `.const` variables.
//!
//! Allocated and filled when the module is loaded, freed with it. Addresses are host addresses.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::collections::HashMap;

use crate::ptx::{Initialiser, LoadError, RawModule, Space, Variable};

const IMAGE_ALIGN: usize = 4096;
const IMAGE_BYTES_MAX: u64 = 1 << 33;

/// The block of memory that holds a module's variables.
#[derive(Debug)]
pub(crate) struct Image {
    base: *mut u8,
    bytes: usize,
    offsets: HashMap<String, u64>,
}

// SAFETY: the block is owned by the image alone; kernels that write to it do so through addresses, as CUDA's do.
unsafe impl Send for Image {}
// SAFETY: as above: shared references only compute addresses.
unsafe impl Sync for Image {}

impl Drop for Image {
    fn drop(&mut self) {
        // SAFETY: `base` came from `alloc_zeroed` with this layout.
        unsafe { dealloc(self.base, Self::layout(self.bytes)) };
    }
}

impl Image {
    fn layout(bytes: usize) -> Layout {
        Layout::from_size_align(bytes.max(1), IMAGE_ALIGN).expect("bytes are bounded")
    }

    pub(crate) fn build(module: &RawModule) -> Result<Self, LoadError> {
        let placed = |variable: &&Variable| matches!(variable.space, Space::Global | Space::Constant);
        let mut offsets = HashMap::new();
        let mut bytes = 0u64;
        for variable in module.variables.iter().filter(placed) {
            bytes = bytes.next_multiple_of(variable.align.max(16));
            offsets.insert(variable.name.clone(), bytes);
            bytes += variable.bytes;
            if bytes > IMAGE_BYTES_MAX {
                return Err(LoadError::new(variable.line, &variable.name, "variables too large"));
            }
        }
        let bytes = bytes as usize;
        // SAFETY: the layout has a size of at least one byte.
        let base = unsafe { alloc_zeroed(Self::layout(bytes)) };
        if base.is_null() {
            return Err(LoadError::new(1, "module", "no memory for the module's variables"));
        }
        let image = Self { base, bytes, offsets };
        for variable in module.variables.iter().filter(placed) {
            image.fill(variable)?;
        }
        Ok(image)
    }

    pub(crate) fn address(&self, name: &str) -> Option<u64> {
        self.offsets.get(name).map(|offset| self.base as u64 + offset)
    }

    pub(crate) fn range(&self) -> (u64, u64) {
        (self.base as u64, self.bytes as u64)
    }

    fn fill(&self, variable: &Variable) -> Result<(), LoadError> {
        let refuse = |reason: &str| LoadError::new(variable.line, &variable.name, reason);
        let width = variable.element.bytes() as usize;
        let start = self.offsets[&variable.name] as usize;
        if variable.initial.len() * width > variable.bytes as usize {
            return Err(refuse("more initialisers than elements"));
        }
        for (index, initial) in variable.initial.iter().enumerate() {
            let value = match initial {
                Initialiser::Value(value) => *value,
                Initialiser::Address { name, offset } => self
                    .address(name)
                    .filter(|_| width == 8)
                    .ok_or_else(|| refuse("initialised with an address that is not known"))?
                    .wrapping_add_signed(*offset),
            };
            let at = start + index * width;
            // SAFETY: `at + width` is inside the variable, which is inside the block; nothing else points to it yet.
            let target = unsafe { std::slice::from_raw_parts_mut(self.base.add(at), width.min(8)) };
            target.copy_from_slice(&value.to_le_bytes()[..width.min(8)]);
        }
        Ok(())
    }
}
