//! The part of `warptick gpu check` that is about options, American options and simulated paths in bulk: every kernel of them on
//! seeded random markets, every bit of every value held against the CPU.

use std::fmt::Write as _;

use crate::control::failure::Failure;
use crate::control::gpu::Where;
use kernels::device::batch::compare::ValuationCheck;
use kernels::device::batch::{BatchError, Place};

/// Options for each kernel unless it is said otherwise: a hundredth of the messages of the day that is checked beside them.
const MESSAGES_AN_OPTION: u64 = 100;
const OPTIONS_MIN: usize = 256;

impl Where {
    /// Where batches are computed.
    ///
    /// # Errors
    /// Why there is no driver.
    pub fn batch_place(&self) -> Result<Place, BatchError> {
        let (driver, images) = self.driver()?;
        Ok(Place { driver, images, ordinal: self.ordinal })
    }
}

/// How many options go with a day of so many messages.
#[must_use]
pub fn options_for(messages: u64) -> usize {
    usize::try_from(messages / MESSAGES_AN_OPTION).unwrap_or(usize::MAX).max(OPTIONS_MIN)
}

/// One line a kernel.
///
/// # Errors
/// No device (input), or values that differ (check): then all lines, and the first value that differs of each kernel.
pub fn check(place: Where, seed: u64, options: usize) -> Result<String, Failure> {
    let place = place.batch_place().map_err(|reason| refused(&reason))?;
    compare(&place, ValuationCheck { seed, options })
}

pub(super) fn refused(reason: &BatchError) -> Failure {
    Failure::Input(format!("no device: {reason}"))
}

fn compare(place: &Place, check: ValuationCheck) -> Result<String, Failure> {
    let compared = check.run(place).map_err(|reason| refused(&reason))?;
    let mut text = format!("in bulk, seed {}, {} options a kernel:\n", check.seed, check.options);
    for kernel in &compared {
        let _ = writeln!(text, "{kernel}");
    }
    if compared.iter().all(|kernel| kernel.is_equal()) {
        return Ok(text);
    }
    Err(Failure::Check(format!("{text}VERDICT: DIVERGED")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernels::device::driver::Driver;
    use kernels::device::launch::Images;
    use std::ffi::{CStr, CString, c_void};

    /// `cuModuleLoadData`, whose handles are addresses and whose result is a number.
    type Load = unsafe extern "C" fn(*mut *mut c_void, *const c_void) -> u32;

    /// Loads modules in which 1 / sqrt(2 pi) is one unit of the last place more.
    unsafe extern "C" fn load_another(module: *mut *mut c_void, image: *const c_void) -> u32 {
        let load = emulator::driver::symbol("cuModuleLoadData").expect("the stand-in loads modules");
        // SAFETY: the stand-in's function has this signature; the image is text that ends with a zero.
        unsafe {
            let load = std::mem::transmute::<*const c_void, Load>(load);
            let text = CStr::from_ptr(image.cast()).to_str().expect("PTX is text");
            let other = text.replace("0d3FD9884533D43651", "0d3FD9884533D43652");
            load(module, CString::new(other).expect("text without zeros").as_ptr().cast())
        }
    }

    #[test]
    fn a_wrong_bit_ends_the_check_with_exit_code_1() {
        let symbol = |name: &str| match name {
            "cuModuleLoadData" => Some(load_another as *const c_void),
            _ => emulator::driver::symbol(name),
        };
        // SAFETY: the stand-in has the functions' signatures, and so has the one that stands for one of them.
        let driver = unsafe { Driver::of(symbol) }.and_then(Driver::initialise).expect("a device");
        let place = Place { driver, images: Images::Ptx, ordinal: 0 };
        let check = ValuationCheck { seed: 1, options: 300 };
        let failure = compare(&place, check).expect_err("gamma differs");
        assert_eq!(failure.exit_code(), 1);
        let text = failure.to_string();
        assert!(text.contains("first at") && text.contains("gamma"), "{text}");
        assert!(text.ends_with("VERDICT: DIVERGED"), "{text}");
        // The same with the kernels as they are.
        let place = Where { backend: crate::control::wide_backend::BackendKind::Emulated, ordinal: 0 };
        let text = super::check(place, 1, 300).unwrap_or_else(|failure| panic!("{failure}"));
        assert!(text.lines().skip(1).all(|line| line.ends_with(" 0 differ")), "{text}");
    }

    #[test]
    fn options_go_with_the_messages() {
        assert_eq!(options_for(10), OPTIONS_MIN);
        assert_eq!(options_for(1_000_000), 10_000);
    }
}
