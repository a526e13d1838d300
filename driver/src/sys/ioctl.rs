//! `ioctl` with an argument in memory or by value, and with the number that it returns.

#![allow(unsafe_code, reason = "ioctl")]

use std::ffi::c_void;
use std::io;
use std::os::fd::AsFd;

use rustix::ioctl::{Ioctl, IoctlOutput, Opcode, ioctl, opcode};

/// The type letter of both VFIO and iommufd.
const TYPE: u8 = b';';

/// A call whose argument is a structure that the kernel reads and may write.
struct InMemory<'a, T> {
    number: u8,
    argument: &'a mut T,
}

// SAFETY: the pointer is that of a live, exclusively borrowed T; whether the kernel expects a T is the duty of the caller
// of `call`. The output is the number that the call returns.
unsafe impl<T> Ioctl for InMemory<'_, T> {
    type Output = i32;
    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        opcode::none(TYPE, self.number)
    }

    fn as_ptr(&mut self) -> *mut c_void {
        std::ptr::from_mut(self.argument).cast()
    }

    unsafe fn output_from_ptr(output: IoctlOutput, _: *mut c_void) -> rustix::io::Result<i32> {
        Ok(output)
    }
}

/// A call whose argument is a number.
struct ByValue {
    number: u8,
    argument: usize,
}

// SAFETY: no pointer is passed. The output is the number that the call returns.
unsafe impl Ioctl for ByValue {
    type Output = i32;
    const IS_MUTATING: bool = false;

    fn opcode(&self) -> Opcode {
        opcode::none(TYPE, self.number)
    }

    fn as_ptr(&mut self) -> *mut c_void {
        std::ptr::without_provenance_mut(self.argument)
    }

    unsafe fn output_from_ptr(output: IoctlOutput, _: *mut c_void) -> rustix::io::Result<i32> {
        Ok(output)
    }
}

/// Calls `_IO(';', number)` with a structure.
///
/// # Safety
/// The call takes a pointer to a `T`, reads and writes no further than its end, and what it does to memory that the
/// structure names is in the caller's interest.
pub unsafe fn call<T>(file: impl AsFd, number: u8, argument: &mut T) -> io::Result<i32> {
    // SAFETY: by this function's own contract.
    Ok(unsafe { ioctl(file, InMemory { number, argument }) }?)
}

/// Calls `_IO(';', number)` with a number.
///
/// # Safety
/// The call takes a number, not a pointer.
pub unsafe fn call_with_number(file: impl AsFd, number: u8, argument: usize) -> io::Result<i32> {
    // SAFETY: by this function's own contract.
    Ok(unsafe { ioctl(file, ByValue { number, argument }) }?)
}
