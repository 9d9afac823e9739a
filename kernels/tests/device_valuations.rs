//! What `warptick gpu check` holds against the CPU, and that it notices: a constant that is another in a kernel, a kernel or a
//! function of the driver that is missing, memory that is not to be had. Through a stand-in for the driver, some of whose
//! functions are another's here.

#[allow(dead_code, reason = "only the driver is needed here")]
mod emulated;

use cudarc::driver::sys::{CUdeviceptr, CUmodule, CUresult};
use kernels::device::batch::compare::{KernelCompared, ValuationCheck};
use kernels::device::batch::{AmericanBatch, BatchError, OptionsBatch, Place, SimulationBatch};
use kernels::device::driver::{Driver, NoDevice};
use kernels::device::launch::Images;
use std::ffi::{CStr, CString, c_uint, c_void};

const CHECK: ValuationCheck = ValuationCheck { seed: 11, options: 900 };

fn place(driver: Driver) -> Place {
    Place { driver, images: Images::Ptx, ordinal: 0 }
}

/// The stand-in, one of whose functions is this.
fn driver_with(name: &str, function: *const c_void) -> Driver {
    let symbol =
        |wanted: &str| if wanted == name { Some(function) } else { emulator::driver::symbol(wanted) };
    // SAFETY: the stand-in has the functions' signatures, and what is put in place of one has its signature.
    unsafe { Driver::of(symbol) }.expect("all functions").initialise().expect("a device")
}

/// Loads a module whose text is another.
///
/// # Safety
/// As `cuModuleLoadData`, of text.
unsafe fn load_changed(
    module: *mut CUmodule,
    image: *const c_void,
    change: impl FnOnce(&str) -> String,
) -> CUresult {
    type Load = unsafe extern "C" fn(*mut CUmodule, *const c_void) -> CUresult;
    let load = emulator::driver::symbol("cuModuleLoadData").expect("the stand-in loads modules");
    // SAFETY: the stand-in's function has this signature; the caller's image is text that ends with a zero.
    unsafe {
        let load = std::mem::transmute::<*const c_void, Load>(load);
        let text = CStr::from_ptr(image.cast()).to_str().expect("PTX is text");
        let changed = CString::new(change(text)).expect("text without zeros");
        load(module, changed.as_ptr().cast())
    }
}

/// 1 / sqrt(2 pi), one unit of the last place more: gamma and vega are made of it.
unsafe extern "C" fn load_with_another_constant(module: *mut CUmodule, image: *const c_void) -> CUresult {
    // SAFETY: the caller's contract.
    unsafe { load_changed(module, image, |text| text.replace("0d3FD9884533D43651", "0d3FD9884533D43652")) }
}

unsafe extern "C" fn load_without_a_kernel(module: *mut CUmodule, image: *const c_void) -> CUresult {
    let other = |text: &str| {
        text.replace("implied_each_normal", "another")
            .replace("american_premiums", "others")
            .replace("monte_carlo_tiles", "others")
    };
    // SAFETY: the caller's contract.
    unsafe { load_changed(module, image, other) }
}

unsafe extern "C" fn no_pinned_memory(_: *mut *mut c_void, _: usize, _: c_uint) -> CUresult {
    CUresult::CUDA_ERROR_OUT_OF_MEMORY
}

unsafe extern "C" fn no_device_memory(_: *mut CUdeviceptr, _: usize) -> CUresult {
    CUresult::CUDA_ERROR_OUT_OF_MEMORY
}

fn of<'a>(compared: &'a [KernelCompared], kernel: &str) -> &'a KernelCompared {
    compared.iter().find(|compared| compared.kernel == kernel).expect("it was compared")
}

#[test]
fn every_kernel_has_the_bits_of_the_cpu() {
    for seed in [1, 2] {
        let check = ValuationCheck { seed, ..CHECK };
        let compared = check.run(&place(emulated::driver())).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(compared.len(), 15);
        for kernel in &compared {
            println!("{kernel}");
            assert!(kernel.is_equal(), "seed {seed}: {kernel}");
            assert!(kernel.telling > kernel.values / 20, "seed {seed}: {kernel:?}");
        }
    }
}

#[test]
fn a_constant_that_is_another_is_noticed() {
    let driver = driver_with("cuModuleLoadData", load_with_another_constant as *const c_void);
    let compared = CHECK.run(&place(driver)).unwrap_or_else(|error| panic!("{error}"));
    for name in ["price_chain_spot", "price_each_forward", "price_each_normal", "implied_each_normal"] {
        let kernel = of(&compared, name);
        println!("{kernel}");
        assert!(!kernel.is_equal(), "{kernel}");
        let first = kernel.first.as_ref().expect("what differs");
        assert_ne!(first.bits[0], first.bits[1], "{kernel}");
        assert!(kernel.to_string().contains("strike"), "{kernel}");
    }
    assert!(of(&compared, "monte_carlo_tiles").is_equal(), "it has no such constant");
}

#[test]
fn a_missing_kernel_is_named() {
    let place = place(driver_with("cuModuleLoadData", load_without_a_kernel as *const c_void));
    let said = OptionsBatch::new(&place, 10).expect_err("a kernel less");
    assert_eq!(said, BatchError::NoKernel("implied_each_normal"));
    let said = AmericanBatch::new(&place, 10).expect_err("a kernel less");
    assert_eq!(said, BatchError::NoKernel("american_premiums"));
    let said = SimulationBatch::new(&place, 10).expect_err("a kernel less");
    assert_eq!(said, BatchError::NoKernel("monte_carlo_tiles"));
}

#[test]
fn memory_that_is_not_to_be_had_is_named() {
    for (name, function, of) in [
        ("cuMemHostAlloc", no_pinned_memory as *const c_void, "pinned"),
        ("cuMemAlloc_v2", no_device_memory as *const c_void, "the device's"),
    ] {
        let place = place(driver_with(name, function));
        let said = OptionsBatch::new(&place, 1_000).expect_err("no memory");
        // Eight columns of 1,008 numbers: whole lines.
        assert_eq!(said, BatchError::OutOfMemory { of, bytes: 8 * 8 * 1_008 });
        assert!(matches!(AmericanBatch::new(&place, 10), Err(BatchError::OutOfMemory { .. })));
        assert!(matches!(SimulationBatch::new(&place, 10), Err(BatchError::OutOfMemory { .. })));
    }
}

#[test]
fn a_driver_without_events_is_none() {
    let symbol = |name: &str| (name != "cuEventRecord").then(|| emulator::driver::symbol(name)).flatten();
    // SAFETY: the stand-in has the functions' signatures.
    let driver = unsafe { Driver::of(symbol) };
    assert_eq!(driver.err(), Some(NoDevice::MissingSymbol("cuEventRecord")));
}

#[test]
fn a_device_that_is_not_there_is_named() {
    let place = Place { ordinal: 3, ..place(emulated::driver()) };
    let said = OptionsBatch::new(&place, 10).expect_err("no such device");
    assert_eq!(said, BatchError::Device(NoDevice::NoSuchDevice { wanted: 3, present: 1 }));
}
