//! Generates the SystemVerilog package and the reference pages from the contract
