//! Events: moments in a stream's work, by the host's clock.

use std::ffi::c_uint;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use cudarc::driver::sys::{CUevent, CUresult, CUstream};

use super::process::{code, process, put};
use super::stream::Job;

#[derive(Clone, Copy, Default)]
enum Moment {
    #[default]
    NeverRecorded,
    Pending,
    Was(Instant),
}

/// An event.
#[derive(Default)]
pub(super) struct Event(Mutex<Moment>);

impl Event {
    fn set(&self, moment: Moment) {
        *self.0.lock().expect("no holder panics") = moment;
    }

    /// Its stream has come to it.
    pub(super) fn is_now(&self) {
        self.set(Moment::Was(Instant::now()));
    }

    fn moment(&self) -> Result<Instant, CUresult> {
        match *self.0.lock().expect("no holder panics") {
            Moment::NeverRecorded => Err(CUresult::CUDA_ERROR_INVALID_HANDLE),
            Moment::Pending => Err(CUresult::CUDA_ERROR_NOT_READY),
            Moment::Was(moment) => Ok(moment),
        }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuEventCreate(event: *mut CUevent, _flags: c_uint) -> CUresult {
    code(process().ready().and_then(|()| {
        let handle = process().events.add(Arc::default());
        // SAFETY: the driver's contract: a place for the answer.
        unsafe { put(event, handle as CUevent) }
    }))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuEventDestroy_v2(event: CUevent) -> CUresult {
    code(process().events.remove(event as usize).map(drop))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuEventRecord(event: CUevent, stream: CUstream) -> CUresult {
    code(process().ready().and_then(|()| {
        let event = process().events.get(event as usize)?;
        let stream = process().stream(stream as usize)?;
        event.set(Moment::Pending);
        stream.push(Job::Record(event));
        Ok(())
    }))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuEventElapsedTime(
    milliseconds: *mut f32,
    start: CUevent,
    end: CUevent,
) -> CUresult {
    code(process().ready().and_then(|()| {
        let moment = |event: CUevent| process().events.get(event as usize)?.moment();
        let (start, end) = (moment(start)?, moment(end)?);
        // An end before the start is a time below zero.
        let [on, back] = [end.saturating_duration_since(start), start.saturating_duration_since(end)];
        // SAFETY: the driver's contract: a place for the answer.
        unsafe { put(milliseconds, (on.as_secs_f64() - back.as_secs_f64()) as f32 * 1e3) }
    }))
}
