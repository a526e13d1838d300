//! A program and where it starts from, and the oracle that says where it ends.

use systole_driver::{Program, RegionSpec};
use systole_isa::access::{self, Space};
use systole_isa::instruction::End;
use systole_isa::ring::{REGION_WRITE, Region};
use systole_isa::{ABI_HASH, HwConfig, Instruction, Op, REGIONS};
use systole_sim::{Chip, Memory as Dram, Regions, Stop, reference};

use systole_conformance::host::{INPUT, OUTPUT};

/// Bytes of each of the two regions: the input, which is read-only, and the output, which is loaded from as well.
pub const REGION_SIZE: u32 = 1 << 16;

/// Everything a program reads and writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// The memories on chip.
    pub chip: Chip,
    /// The contents of the input and the output region.
    pub regions: [Vec<u8>; 2],
}

/// A part of a [`State`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A memory on chip.
    Chip(Space),
    /// A region of device memory.
    Region(u8),
}

impl Place {
    /// All of them, with the names they have in files.
    pub const NAMED: [(&'static str, Self); 6] = [
        ("spad", Self::Chip(Space::Spad)),
        ("acc", Self::Chip(Space::Acc)),
        ("param", Self::Chip(Space::Param)),
        ("row", Self::Chip(Space::Row)),
        ("input", Self::Region(INPUT)),
        ("output", Self::Region(OUTPUT)),
    ];
}

impl State {
    /// Zeros.
    pub fn new(config: &'static HwConfig) -> Self {
        let region = || vec![0; REGION_SIZE as usize];
        Self { chip: Chip::new(config), regions: [region(), region()] }
    }

    /// A part as bytes.
    pub fn image(&self, place: Place) -> Vec<u8> {
        match place {
            Place::Chip(space) => self.chip.image(space),
            Place::Region(region) => self.regions[usize::from(region)].clone(),
        }
    }

    /// Replaces a part by an image of its size.
    pub fn set_image(&mut self, place: Place, image: Vec<u8>) {
        match place {
            Place::Chip(space) => assert!(self.chip.set_image(space, &image), "the image has the memory's size"),
            Place::Region(region) => self.regions[usize::from(region)] = image,
        }
    }

    /// Bytes of a word of a part; a region's is what offsets are multiples of.
    pub fn word_bytes(&self, place: Place) -> usize {
        let n = self.chip.config().n as usize;
        match place {
            Place::Chip(Space::Spad) => n,
            Place::Chip(Space::Acc) => 4 * n,
            Place::Chip(Space::Param) => 8 * n,
            Place::Chip(Space::Row) => 10,
            Place::Region(_) => 32,
        }
    }
}

/// A program and its initial state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// The instructions, without END. In [`super::Mode::Serial`] their semaphores are left out.
    pub code: Vec<Instruction>,
    /// Where it starts from.
    pub state: State,
}

impl Case {
    /// The configuration.
    pub fn config(&self) -> &'static HwConfig {
        self.state.chip.config()
    }

    /// The state after the first `count` instructions.
    ///
    /// # Errors
    /// The fault of an instruction that is not legal.
    pub fn after(&self, count: usize) -> Result<State, Stop> {
        let mut oracle = Oracle::new(&self.state);
        self.code[..count].iter().try_for_each(|i| oracle.step(&i.op))?;
        Ok(oracle.state())
    }

    /// The program as the compiler would hand it over.
    pub fn program(&self) -> Program {
        let end = Instruction::new(End {});
        let code = self.code.iter().chain([&end]).map(Instruction::encode).collect();
        let mut regions: [RegionSpec; REGIONS] = Default::default();
        for (region, name) in [(INPUT, "input"), (OUTPUT, "output")] {
            let writable = region == OUTPUT;
            regions[usize::from(region)] =
                RegionSpec { name: name.into(), size: REGION_SIZE, writable, initialised: true };
        }
        Program { config: self.config(), abi_hash: ABI_HASH, tokens: 1, batch: 1, code, regions, tags: Vec::new() }
    }
}

/// True if an instruction executes without a fault in the two regions.
pub fn legal(op: &Op, config: &HwConfig) -> bool {
    access::check(&Instruction::new(*op), config).is_ok_and(|accesses| {
        accesses
            .dram
            .is_none_or(|d| d.end() <= REGION_SIZE.into() && (d.region == OUTPUT || d.region == INPUT && !d.write))
    })
}

/// The scalar reference with memories of its own.
pub struct Oracle {
    chip: Chip,
    dram: Dram,
    regions: Regions,
}

impl Oracle {
    /// One that starts here.
    pub fn new(state: &State) -> Self {
        let mut oracle = Self { chip: state.chip.clone(), dram: Dram::default(), regions: Regions::default() };
        for ((region, flags), bytes) in [(INPUT, 0), (OUTPUT, REGION_WRITE)].into_iter().zip(&state.regions) {
            let base = oracle.dram.allocate(REGION_SIZE.into()).expect("room for a region");
            oracle.dram.copy_to(base, bytes).expect("just allocated");
            oracle.regions.0[usize::from(region)] = Region { base, size: REGION_SIZE, flags };
        }
        oracle
    }

    /// Executes an instruction.
    ///
    /// # Errors
    /// Its fault.
    pub fn step(&mut self, op: &Op) -> Result<(), Stop> {
        reference::execute(&Instruction::new(*op), &mut self.chip, &mut self.dram, &self.regions)
    }

    /// The memories now.
    pub fn state(&self) -> State {
        let region = |region: u8| {
            let mut bytes = vec![0; REGION_SIZE as usize];
            let base = self.regions.0[usize::from(region)].base;
            self.dram.copy_from(base, &mut bytes).expect("allocated before");
            bytes
        };
        State { chip: self.chip.clone(), regions: [region(INPUT), region(OUTPUT)] }
    }
}
