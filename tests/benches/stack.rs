//! What a user waits for: compilation for a new length, loading a model, one sentence on the simulator.
//! Figures are in docs/performance.md.

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, criterion_group, criterion_main};
use systole_driver::verify;
use systole_isa::config::{N16, N32};
use systole_runtime::checkpoint::Checkpoint;
use systole_runtime::compile::compile;
use systole_runtime::quantize::{Encoder, NormEps, QuantizedModel, Scales, Shape, default_calibration};
use systole_runtime::{RunOptions, Session};
use systole_sim::Simulator;
use systole_tests::models;
use systole_tests::random::{Random, encoding};

fn encoder(hidden: u32, layers: u32, intermediate: u32) -> Encoder {
    let scales = Scales::Static;
    let shape = Shape { hidden, layers, heads: 12, intermediate, max_tokens: 512, relu: false, scales };
    Encoder::new(shape, NormEps { embedding: 1, layers: vec![[1, 1]; layers as usize] }).expect("it is below 4 GiB")
}

fn compilation(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("compile");
    for (name, encoder) in [("minilm", encoder(384, 6, 1536)), ("bert-base", encoder(768, 12, 3072))] {
        for tokens in [128, 512] {
            let program = || compile(&encoder, &N16, tokens, 1).expect("it fits");
            group.bench_function(format!("{name}/{tokens}"), |b| b.iter(program));
            group.bench_function(format!("{name}/{tokens}/verified"), |b| b.iter(|| verify(program()).is_ok()));
        }
    }
    group.finish();
}

fn model(criterion: &mut Criterion) {
    let checkpoint = Checkpoint::open(&models::minilm()).expect("tests/fetch-models fetched it");
    let calibration = &default_calibration()[..32];
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("minilm.systole");
    let model = QuantizedModel::quantize(&checkpoint, calibration, Scales::Static).expect("it quantizes");
    model.save(&path).expect("it is written");
    drop(model);
    let open = |path: &Path| QuantizedModel::open(path).expect("it was written");
    criterion.bench_function("load/minilm", |b| b.iter(|| black_box(open(&path))));

    let mut group = criterion.benchmark_group("sentence of 32 tokens");
    for config in [&N16, &N32] {
        let mut session = Session::new(open(&path), Box::new(Simulator::new(config))).expect("it fits");
        let encoding = [encoding(&mut Random(1), 30522, 32)];
        group.bench_function(format!("minilm/{}", config.name), |b| {
            b.iter(|| session.embed(&encoding, &RunOptions::default()).expect("it runs"))
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = compilation, model
}
criterion_main!(benches);
