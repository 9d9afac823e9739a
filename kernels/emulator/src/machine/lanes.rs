//! The register file, and the loops that apply a lane function to it.
//!
//! A register is 32 lanes of 64 bits. Operands are read eight lanes at a time before eight results are written, so a
//! destination may be its own source; that also lets the compiler turn the inner loops into vector code.

/// All 32 lanes.
pub(crate) const FULL: u32 = u32::MAX;
pub(crate) const LANES: usize = 32;
const CHUNK: usize = 8;

/// One register of a warp.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Lanes(pub(crate) [u64; LANES]);

impl Lanes {
    pub(crate) const ZERO: Self = Self([0; LANES]);
}

/// The registers of a warp. Register numbers come from the decoder, which hands out only numbers below the file's size.
#[derive(Clone, Copy)]
pub(crate) struct File(*mut Lanes);

impl File {
    pub(crate) fn new(registers: &mut [Lanes]) -> Self {
        Self(registers.as_mut_ptr())
    }

    /// # Safety
    /// `number` is below the file's size, and the registers are alive.
    #[inline(always)]
    pub(crate) unsafe fn get(self, number: u16, lane: usize) -> u64 {
        // SAFETY: the caller's contract; `lane` is below 32 by the array's bound check.
        unsafe { (*self.0.add(usize::from(number))).0[lane & 31] }
    }

    /// # Safety
    /// As for [`File::get`].
    #[inline(always)]
    pub(crate) unsafe fn set(self, number: u16, lane: usize, value: u64) {
        // SAFETY: the caller's contract.
        unsafe { (*self.0.add(usize::from(number))).0[lane & 31] = value }
    }

    /// # Safety
    /// As for [`File::get`].
    #[inline(always)]
    pub(crate) unsafe fn all(self, number: u16) -> [u64; LANES] {
        // SAFETY: the caller's contract.
        unsafe { (*self.0.add(usize::from(number))).0 }
    }

    #[inline(always)]
    unsafe fn chunk(self, number: u16, index: usize) -> [u64; CHUNK] {
        // SAFETY: the caller's contract; a register holds four chunks.
        unsafe { *self.0.add(usize::from(number)).cast::<[u64; CHUNK]>().add(index) }
    }

    #[inline(always)]
    unsafe fn put(self, number: u16, index: usize, run: u32, values: [u64; CHUNK]) {
        // SAFETY: as for `chunk`.
        let target = unsafe { &mut *self.0.add(usize::from(number)).cast::<[u64; CHUNK]>().add(index) };
        if run == FULL {
            *target = values;
            return;
        }
        let bits = run >> (index * CHUNK);
        for lane in 0..CHUNK {
            target[lane] = if bits >> lane & 1 == 1 { values[lane] } else { target[lane] };
        }
    }
}

/// The lanes of a mask, lowest first.
#[inline(always)]
pub(crate) fn lanes_of(mut mask: u32) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        if mask == 0 {
            return None;
        }
        let lane = mask.trailing_zeros() as usize;
        mask &= mask - 1;
        Some(lane)
    })
}

/// # Safety
/// Every register number is below the file's size, and the registers are alive.
#[inline(always)]
pub(crate) unsafe fn unary(file: File, d: u16, a: u16, run: u32, apply: impl Fn(u64) -> u64) {
    // SAFETY: the caller's contract holds for each access.
    unsafe {
        if run.is_power_of_two() {
            let lane = run.trailing_zeros() as usize;
            return file.set(d, lane, apply(file.get(a, lane)));
        }
        for index in 0..LANES / CHUNK {
            let x = file.chunk(a, index);
            let mut result = [0; CHUNK];
            for lane in 0..CHUNK {
                result[lane] = apply(x[lane]);
            }
            file.put(d, index, run, result);
        }
    }
}

/// # Safety
/// As for [`unary`].
#[inline(always)]
pub(crate) unsafe fn binary(file: File, d: u16, a: u16, b: u16, run: u32, apply: impl Fn(u64, u64) -> u64) {
    // SAFETY: the caller's contract holds for each access.
    unsafe {
        if run.is_power_of_two() {
            let lane = run.trailing_zeros() as usize;
            return file.set(d, lane, apply(file.get(a, lane), file.get(b, lane)));
        }
        for index in 0..LANES / CHUNK {
            let (x, y) = (file.chunk(a, index), file.chunk(b, index));
            let mut result = [0; CHUNK];
            for lane in 0..CHUNK {
                result[lane] = apply(x[lane], y[lane]);
            }
            file.put(d, index, run, result);
        }
    }
}

/// # Safety
/// As for [`unary`].
#[inline(always)]
pub(crate) unsafe fn ternary(
    file: File,
    d: u16,
    [a, b, c]: [u16; 3],
    run: u32,
    apply: impl Fn(u64, u64, u64) -> u64,
) {
    // SAFETY: the caller's contract holds for each access.
    unsafe {
        if run.is_power_of_two() {
            let lane = run.trailing_zeros() as usize;
            return file.set(d, lane, apply(file.get(a, lane), file.get(b, lane), file.get(c, lane)));
        }
        for index in 0..LANES / CHUNK {
            let (x, y, z) = (file.chunk(a, index), file.chunk(b, index), file.chunk(c, index));
            let mut result = [0; CHUNK];
            for lane in 0..CHUNK {
                result[lane] = apply(x[lane], y[lane], z[lane]);
            }
            file.put(d, index, run, result);
        }
    }
}

/// The lanes, all 32 of them, for which a comparison holds.
///
/// # Safety
/// As for [`unary`].
#[inline(always)]
pub(crate) unsafe fn compare(file: File, a: u16, b: u16, run: u32, apply: impl Fn(u64, u64) -> bool) -> u32 {
    // SAFETY: the caller's contract holds for each access.
    unsafe {
        if run.is_power_of_two() {
            let lane = run.trailing_zeros() as usize;
            return u32::from(apply(file.get(a, lane), file.get(b, lane))) << lane;
        }
        let mut mask = 0;
        for index in 0..LANES / CHUNK {
            let (x, y) = (file.chunk(a, index), file.chunk(b, index));
            let mut bits = 0u64;
            for lane in 0..CHUNK {
                bits |= u64::from(apply(x[lane], y[lane])) << lane;
            }
            mask |= (bits as u32) << (index * CHUNK);
        }
        mask
    }
}

/// # Safety
/// As for [`unary`].
#[inline(always)]
pub(crate) unsafe fn select(file: File, d: u16, a: u16, b: u16, condition: u32, run: u32) {
    // SAFETY: the caller's contract holds for each access.
    unsafe {
        if run.is_power_of_two() {
            let lane = run.trailing_zeros() as usize;
            let from = if condition >> lane & 1 == 1 { a } else { b };
            return file.set(d, lane, file.get(from, lane));
        }
        for index in 0..LANES / CHUNK {
            let (x, y) = (file.chunk(a, index), file.chunk(b, index));
            let bits = condition >> (index * CHUNK);
            let mut result = [0; CHUNK];
            for lane in 0..CHUNK {
                result[lane] = if bits >> lane & 1 == 1 { x[lane] } else { y[lane] };
            }
            file.put(d, index, run, result);
        }
    }
}
