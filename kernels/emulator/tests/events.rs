//! Events of the stand-in driver: moments of a stream, and the time between them.

use cudarc::driver::sys::{CUevent, CUresult, CUstream};
use emulator::driver::symbol;
use std::ffi::{c_uint, c_void};

const OK: CUresult = CUresult::CUDA_SUCCESS;

/// A function of the stand-in by its name and type.
macro_rules! call {
    ($name:ident: fn($($kind:ty),*); $($argument:expr),*) => {{
        let function = symbol(stringify!($name)).expect("the symbol is there");
        // SAFETY: the stand-in's function of that name has this signature, and the test passes good pointers.
        unsafe {
            let function: unsafe extern "C" fn($($kind),*) -> CUresult =
                std::mem::transmute::<*const c_void, _>(function);
            function($($argument),*)
        }
    }};
}

fn event() -> CUevent {
    let mut event = std::ptr::null_mut();
    assert_eq!(call!(cuEventCreate: fn(*mut CUevent, c_uint); &mut event, 0), OK);
    event
}

fn milliseconds(start: CUevent, end: CUevent) -> Result<f32, CUresult> {
    let mut milliseconds = f32::NAN;
    let said = call!(cuEventElapsedTime: fn(*mut f32, CUevent, CUevent); &mut milliseconds, start, end);
    if said == OK { Ok(milliseconds) } else { Err(said) }
}

#[test]
fn time_passes_between_two_events_of_a_stream() {
    assert_eq!(call!(cuInit: fn(c_uint); 0), OK);
    let mut stream: CUstream = std::ptr::null_mut();
    assert_eq!(call!(cuStreamCreate: fn(*mut CUstream, c_uint); &mut stream, 1), OK);
    let (start, end) = (event(), event());
    assert_eq!(milliseconds(start, end), Err(CUresult::CUDA_ERROR_INVALID_HANDLE), "never recorded");
    let record = |event| call!(cuEventRecord: fn(CUevent, CUstream); event, stream);
    let wait = || call!(cuStreamSynchronize: fn(CUstream); stream);
    assert_eq!((record(start), wait()), (OK, OK));
    std::thread::sleep(std::time::Duration::from_millis(5));
    assert_eq!((record(end), wait()), (OK, OK));
    let between = milliseconds(start, end).expect("both have been");
    assert!(between >= 5.0, "{between}");
    assert_eq!(milliseconds(end, start), Ok(-between));
    assert_eq!(call!(cuEventDestroy_v2: fn(CUevent); start), OK);
    assert_eq!(milliseconds(start, end), Err(CUresult::CUDA_ERROR_INVALID_HANDLE), "destroyed");
    assert_eq!(record(start), CUresult::CUDA_ERROR_INVALID_HANDLE);
}
