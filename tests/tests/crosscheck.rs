//! Two devices side by side: equal ones pass, and the first wrong operation of a flawed one is named.

use std::path::Path;
use std::time::Duration;

use systole_driver::{Device, DeviceError};
use systole_isa::config::{N8, N16};
use systole_isa::instruction::{Format, Function};
use systole_isa::{INSTRUCTION_BYTES, Instruction, Op};
use systole_runtime::crosscheck::{CrossCheck, Difference};
use systole_runtime::quantize::QuantizedModel;
use systole_runtime::{Error, RunOptions, Session};
use systole_sim::Simulator;
use systole_tests::random::{Random, encoding};

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../host-tools/models/small.systole");

/// A simulator that executes other instructions than it is given: the first that `flaw` changes, after so many others.
struct Flawed {
    simulator: Simulator,
    skip: usize,
    flaw: fn(&mut Instruction) -> bool,
}

impl Device for Flawed {
    fn read(&mut self, offset: u32) -> Result<u32, DeviceError> {
        self.simulator.read(offset)
    }
    fn write(&mut self, offset: u32, value: u32) -> Result<(), DeviceError> {
        self.simulator.write(offset, value)
    }
    fn allocate(&mut self, bytes: u64) -> Result<u64, DeviceError> {
        self.simulator.allocate(bytes)
    }
    fn release(&mut self, address: u64) -> Result<(), DeviceError> {
        self.simulator.release(address)
    }
    fn copy_to(&mut self, address: u64, bytes: &[u8]) -> Result<(), DeviceError> {
        let (code, rest) = bytes.as_chunks::<INSTRUCTION_BYTES>();
        let decoded: Result<Vec<Instruction>, _> = code.iter().map(Instruction::decode).collect();
        match decoded {
            Ok(mut code) if rest.is_empty() => {
                let mut skip = self.skip;
                for instruction in &mut code {
                    let before = *instruction;
                    if (self.flaw)(instruction) {
                        if skip == 0 {
                            break;
                        }
                        (skip, *instruction) = (skip - 1, before);
                    }
                }
                let code: Vec<[u8; INSTRUCTION_BYTES]> = code.iter().map(Instruction::encode).collect();
                self.simulator.copy_to(address, code.as_flattened())
            }
            _ => self.simulator.copy_to(address, bytes),
        }
    }
    fn copy_from(&mut self, address: u64, bytes: &mut [u8]) -> Result<(), DeviceError> {
        self.simulator.copy_from(address, bytes)
    }
    fn wait_interrupt(&mut self, timeout: Duration) -> Result<bool, DeviceError> {
        self.simulator.wait_interrupt(timeout)
    }
}

fn check(board: Box<dyn Device + Send>) -> Result<Vec<Vec<i16>>, Error> {
    let model = QuantizedModel::from_bytes(&std::fs::read(MODEL).unwrap(), Path::new(MODEL)).unwrap();
    let board = Session::new(model.clone(), board).unwrap();
    let reference = Session::new(model, Box::new(Simulator::new(&N8))).unwrap();
    let requests: Vec<_> = [3, 12].map(|tokens| encoding(&mut Random(6), 1000, tokens)).into();
    CrossCheck::new(board, reference).hidden_integers(&requests, &RunOptions::default())
}

/// What is found with a flaw in the n-th instruction that it can change.
fn found(skip: usize, flaw: fn(&mut Instruction) -> bool) -> Difference {
    let outcome = check(Box::new(Flawed { simulator: Simulator::new(&N8), skip, flaw }));
    let Err(error) = outcome else { panic!("the flaw has no effect") };
    let message = error.to_string();
    assert!(message.starts_with("request 0: the board's result differs; "), "{message}");
    let Error::Differs { at: Some(difference), .. } = error else { panic!("{message}") };
    assert!(message.ends_with(&difference.to_string()));
    *difference
}

#[test]
fn equal_devices_pass() {
    let alone = check(Box::new(Simulator::new(&N8))).unwrap();
    assert_eq!(alone.len(), 2);
    assert!(check(Box::new(Simulator::new(&N16))).unwrap() == alone, "whatever their configuration");
}

#[test]
fn a_wrong_product_is_named() {
    fn forgets(instruction: &mut Instruction) -> bool {
        let Op::Gemm(gemm) = &mut instruction.op else { return false };
        gemm.k = gemm.k.div_ceil(2);
        true
    }
    let first = found(0, forgets);
    assert!(first.instruction.starts_with("gemm "), "{first}");
    assert_eq!(first.layer, Some(0), "{first}");
    assert_ne!(first.found, first.expected);
    let later = found(20, forgets);
    assert!(later.index > first.index && later.instruction.starts_with("gemm "), "{later}");
}

#[test]
fn a_wrong_function_is_named() {
    fn linear(instruction: &mut Instruction) -> bool {
        let Op::Map(map) = &mut instruction.op else { return false };
        let gelu = map.function == Function::Gelu;
        if gelu {
            map.function = Function::Relu;
        }
        gelu
    }
    let difference = found(0, linear);
    assert!(difference.instruction.contains("gelu"), "{difference}");
    assert!(difference.op.contains("ffn"), "{difference}");
    assert_eq!(difference.unit.name(), "vector");
}

#[test]
fn a_wrong_store_is_named() {
    // Not those of bytes and of 32 bits, by which the search itself looks at the chip.
    fn narrows(instruction: &mut Instruction) -> bool {
        let Op::Store(store) = &mut instruction.op else { return false };
        let narrower = store.format == Format::I16 && store.cols > 1;
        store.cols -= u16::from(narrower);
        narrower
    }
    let difference = found(2, narrows);
    assert!(difference.instruction.starts_with("store "), "{difference}");
    assert!(difference.place.to_string().starts_with("region `"), "{difference}");
}
