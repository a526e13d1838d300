//! The one place that calls into a built model. Safe to the outside: [`Handle`] keeps the rules of `abi.h`.

#![allow(unsafe_code, reason = "calls C++")]

use super::Error;
use super::options::Options;
use std::collections::HashMap;
use std::ffi::{CStr, CString, c_char};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::sync::{Mutex, PoisonError};
use systole_driver::bus::{BusChannel, Window};

/// Version of `abi.h`.
const INTERFACE: u32 = 4;

/// `Settings` of `abi.h`.
#[repr(C)]
struct Settings {
    seed: u64,
    hang_late: u64,
    trace_start: u64,
    trace_end: u64,
    trace_path: *const c_char,
    latency: u32,
    outstanding: u32,
    milli_bytes: u32,
    back_pressure: u32,
    hang_channel: u32,
    hang_after: u32,
}

/// A channel's number in `abi.h`.
const fn channel(channel: BusChannel) -> u32 {
    match channel {
        BusChannel::Ar => 1,
        BusChannel::R => 2,
        BusChannel::Aw => 3,
        BusChannel::W => 4,
        BusChannel::B => 5,
    }
}

/// `Model` of `abi.h`; only pointers to it exist.
#[repr(C)]
struct Model {
    _opaque: [u8; 0],
}

/// The functions of a loaded library, which is never unloaded.
#[derive(Clone, Copy)]
struct Functions {
    open: unsafe extern "C" fn(*const Settings, *mut c_char, u64) -> *mut Model,
    close: unsafe extern "C" fn(*mut Model),
    read: unsafe extern "C" fn(*mut Model, u32, *mut u32) -> u32,
    write: unsafe extern "C" fn(*mut Model, u32, u32) -> u32,
    run: unsafe extern "C" fn(*mut Model, u64, *mut u32) -> u32,
    advance: unsafe extern "C" fn(*mut Model, u64) -> u32,
    reset: unsafe extern "C" fn(*mut Model) -> u32,
    cycles: unsafe extern "C" fn(*const Model) -> u64,
    message: unsafe extern "C" fn(*const Model) -> *const c_char,
    map: unsafe extern "C" fn(*mut Model, u64, u64),
    map_external: unsafe extern "C" fn(*mut Model, u64, *mut u8, u64, u32),
    unmap: unsafe extern "C" fn(*mut Model, u64),
    take_refused: unsafe extern "C" fn(*mut Model, *mut u64) -> u32,
    copy_to: unsafe extern "C" fn(*mut Model, u64, *const u8, u64) -> u32,
    copy_from: unsafe extern "C" fn(*const Model, u64, *mut u8, u64) -> u32,
    chip_bytes: unsafe extern "C" fn(*const Model, u32) -> u64,
    chip_read: unsafe extern "C" fn(*const Model, u32, *mut u8),
    chip_write: unsafe extern "C" fn(*mut Model, u32, *const u8),
}

/// Libraries that are loaded, by path. C++ run times do not survive being unloaded, so they stay.
static LOADED: Mutex<Option<HashMap<PathBuf, Functions>>> = Mutex::new(None);

fn load(path: &Path) -> Result<Functions, Error> {
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    let loaded = loaded.get_or_insert_default();
    if let Some(functions) = loaded.get(path) {
        return Ok(*functions);
    }
    let failed = |source| Error::Load { path: path.to_owned(), source };
    // SAFETY: the library was built from this crate's sources, in a directory of the user's, and has no initialisers
    // but those of the C++ run time.
    let library = unsafe { libloading::Library::new(path) }.map_err(failed)?;
    let library: &'static libloading::Library = Box::leak(Box::new(library));
    macro_rules! symbol {
        ($name:literal) => {
            // SAFETY: the type is that of the declaration in `abi.h`, of which INTERFACE is the version checked below.
            *unsafe { library.get($name) }.map_err(failed)?
        };
    }
    let version: unsafe extern "C" fn() -> u32 = symbol!(b"systole_abi\0");
    // SAFETY: takes nothing, returns a constant; the same in every version.
    let found = unsafe { version() };
    if found != INTERFACE {
        return Err(Error::Interface { path: path.to_owned(), found, expected: INTERFACE });
    }
    let functions = Functions {
        open: symbol!(b"systole_open\0"),
        close: symbol!(b"systole_close\0"),
        read: symbol!(b"systole_read\0"),
        write: symbol!(b"systole_write\0"),
        run: symbol!(b"systole_run\0"),
        advance: symbol!(b"systole_advance\0"),
        reset: symbol!(b"systole_reset\0"),
        cycles: symbol!(b"systole_cycles\0"),
        message: symbol!(b"systole_message\0"),
        map: symbol!(b"systole_map\0"),
        map_external: symbol!(b"systole_map_external\0"),
        unmap: symbol!(b"systole_unmap\0"),
        take_refused: symbol!(b"systole_take_refused\0"),
        copy_to: symbol!(b"systole_copy_to\0"),
        copy_from: symbol!(b"systole_copy_from\0"),
        chip_bytes: symbol!(b"systole_chip_bytes\0"),
        chip_read: symbol!(b"systole_chip_read\0"),
        chip_write: symbol!(b"systole_chip_write\0"),
    };
    loaded.insert(path.to_owned(), functions);
    Ok(functions)
}

/// A running model; closed when dropped.
pub(super) struct Handle {
    functions: Functions,
    model: NonNull<Model>,
    /// Memory of others that the model uses, by address.
    windows: HashMap<u64, Window>,
}

// SAFETY: a model is no thread's own: all its state hangs from the pointer, and the text that its run time prints is
// collected anew in each call.
unsafe impl Send for Handle {}

impl Handle {
    /// Loads a library and starts its model.
    pub fn open(library: &Path, options: &Options) -> Result<Self, Error> {
        let functions = load(library)?;
        let waveform = options.waveform.as_ref();
        let path = waveform.map(|w| CString::new(w.path.as_os_str().as_bytes())).transpose();
        let Ok(path) = path else {
            return Err(Error::Start { reason: "the waveform's name has a zero byte".to_owned() });
        };
        let memory = options.memory;
        let settings = Settings {
            seed: options.seed,
            hang_late: options.hang.and_then(|h| h.late).map_or(0, |cycles| cycles.max(1)),
            trace_start: waveform.map_or(0, |w| w.cycles.start),
            trace_end: waveform.map_or(0, |w| w.cycles.end),
            trace_path: path.as_ref().map_or(std::ptr::null(), |p| p.as_ptr()),
            latency: memory.latency,
            outstanding: memory.outstanding.max(1),
            milli_bytes: memory.milli_bytes_per_cycle.map_or(0, |b| b.max(1)),
            back_pressure: memory.back_pressure.min(99),
            hang_channel: options.hang.map_or(0, |h| channel(h.channel)),
            hang_after: options.hang.map_or(0, |h| h.after),
        };
        let mut reason = [0u8; 1024];
        // SAFETY: settings and path live through the call, which copies them; `reason` has the length that is given.
        let model = unsafe { (functions.open)(&raw const settings, reason.as_mut_ptr().cast(), reason.len() as u64) };
        match NonNull::new(model) {
            Some(model) => Ok(Self { functions, model, windows: HashMap::new() }),
            None => {
                let text = CStr::from_bytes_until_nul(&reason).unwrap_or_default();
                Err(Error::Start { reason: text.to_string_lossy().trim().to_owned() })
            }
        }
    }

    /// Ok for status 0, else what the model says.
    fn outcome(&self, status: u32) -> Result<(), String> {
        if status == 0 {
            return Ok(());
        }
        // SAFETY: the model is open.
        let message = unsafe { (self.functions.message)(self.model.as_ptr()) };
        // SAFETY: the model's own string, ended by zero, which stays until the next call; it is copied before.
        let message = unsafe { CStr::from_ptr(message) };
        Err(message.to_string_lossy().trim().to_owned())
    }

    /// Reads a register.
    pub fn read(&mut self, offset: u32) -> Result<u32, String> {
        let mut value = 0;
        // SAFETY: the model is open and `value` a place for the answer.
        let status = unsafe { (self.functions.read)(self.model.as_ptr(), offset, &raw mut value) };
        self.outcome(status).map(|()| value)
    }

    /// Writes a register.
    pub fn write(&mut self, offset: u32, value: u32) -> Result<(), String> {
        // SAFETY: the model is open.
        let status = unsafe { (self.functions.write)(self.model.as_ptr(), offset, value) };
        self.outcome(status)
    }

    /// Runs until the interrupt line is raised, at most `cycles`; true if it is raised.
    pub fn run(&mut self, cycles: u64) -> Result<bool, String> {
        let mut raised = 0;
        // SAFETY: the model is open and `raised` a place for the answer.
        let status = unsafe { (self.functions.run)(self.model.as_ptr(), cycles, &raw mut raised) };
        self.outcome(status).map(|()| raised != 0)
    }

    /// Runs so many cycles.
    pub fn advance(&mut self, cycles: u64) -> Result<(), String> {
        // SAFETY: the model is open.
        let status = unsafe { (self.functions.advance)(self.model.as_ptr(), cycles) };
        self.outcome(status)
    }

    /// Resets the design.
    pub fn reset(&mut self) -> Result<(), String> {
        // SAFETY: the model is open.
        let status = unsafe { (self.functions.reset)(self.model.as_ptr()) };
        self.outcome(status)
    }

    /// Cycles since the start.
    pub fn cycles(&self) -> u64 {
        // SAFETY: the model is open.
        unsafe { (self.functions.cycles)(self.model.as_ptr()) }
    }

    /// Puts zeroed memory behind the bus.
    pub fn map(&mut self, address: u64, bytes: u64) {
        // SAFETY: the model is open; the bytes are its own.
        unsafe { (self.functions.map)(self.model.as_ptr(), address, bytes) }
    }

    /// Puts memory of somebody else behind the bus. Address and size are multiples of 4096.
    pub fn map_external(&mut self, address: u64, window: Window) {
        let access = u32::from(window.readable) | u32::from(window.writable) << 1;
        let (memory, bytes) = (window.memory.address(), window.bytes());
        // SAFETY: the model is open; the mapping has these bytes, and stays until the model has forgotten it, since
        // `windows` holds it until `unmap` or, as this is dropped, until after the model is closed.
        unsafe { (self.functions.map_external)(self.model.as_ptr(), address, memory, bytes, access) }
        self.windows.insert(address, window);
    }

    /// Takes away what begins at an address.
    pub fn unmap(&mut self, address: u64) {
        // SAFETY: the model is open.
        unsafe { (self.functions.unmap)(self.model.as_ptr(), address) }
        self.windows.remove(&address);
    }

    /// Takes the address of the design's last access that lay in no block, if there was one since the last call.
    pub fn take_refused(&mut self) -> Option<u64> {
        let mut address = 0;
        // SAFETY: the model is open and `address` a place for the answer.
        let refused = unsafe { (self.functions.take_refused)(self.model.as_ptr(), &raw mut address) };
        (refused != 0).then_some(address)
    }

    /// Copies bytes in; false if they do not lie in one block.
    pub fn copy_to(&mut self, address: u64, bytes: &[u8]) -> bool {
        // SAFETY: the model is open, and reads no more than the slice's length.
        let status =
            unsafe { (self.functions.copy_to)(self.model.as_ptr(), address, bytes.as_ptr(), bytes.len() as u64) };
        status == 0
    }

    /// Copies bytes out; false if they do not lie in one block.
    pub fn copy_from(&self, address: u64, bytes: &mut [u8]) -> bool {
        let to = bytes.as_mut_ptr();
        // SAFETY: the model is open, and writes no more than the slice's length.
        let status = unsafe { (self.functions.copy_from)(self.model.as_ptr(), address, to, bytes.len() as u64) };
        status == 0
    }

    /// Size of a memory on chip, in bytes.
    pub fn chip_bytes(&self, memory: u32) -> usize {
        // SAFETY: the model is open.
        unsafe { (self.functions.chip_bytes)(self.model.as_ptr(), memory) as usize }
    }

    /// The bytes of a memory on chip.
    pub fn chip_read(&self, memory: u32) -> Vec<u8> {
        let mut image = vec![0; self.chip_bytes(memory)];
        // SAFETY: the model is open, and writes as many bytes as it just said.
        unsafe { (self.functions.chip_read)(self.model.as_ptr(), memory, image.as_mut_ptr()) }
        image
    }

    /// Replaces the bytes of a memory on chip; false if the image has another size.
    pub fn chip_write(&mut self, memory: u32, image: &[u8]) -> bool {
        if image.len() != self.chip_bytes(memory) {
            return false;
        }
        // SAFETY: the model is open, and reads as many bytes as it just said.
        unsafe { (self.functions.chip_write)(self.model.as_ptr(), memory, image.as_ptr()) }
        true
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the model is open, and nobody uses it afterwards.
        unsafe { (self.functions.close)(self.model.as_ptr()) }
    }
}
