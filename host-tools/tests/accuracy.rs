//! What quantization costs is measured, said, kept in the file, and refused when it is too much.

mod support;

use serde_json::Value;
use support::{systole, tiny};

#[test]
fn accuracy_is_measured_and_said() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("tiny.systole");
    let arguments = ["quantize", tiny().to_str().unwrap(), "-o", file.to_str().unwrap()].map(str::to_owned);
    let shown = systole(&arguments).ok();
    assert!(shown.contains("accuracy: cosine to fp32 of texts that were held out of the calibration"), "{shown}");
    assert!(shown.contains("1st percentile") && shown.contains("least exact tensor: "), "{shown}");

    let report: Value =
        serde_json::from_str(&systole(arguments.iter().map(String::as_str).chain(["--json"])).ok()).unwrap();
    let accuracy = &report["accuracy"];
    let lengths = accuracy["by_length"].as_array().unwrap();
    // The model takes 40 tokens.
    assert_eq!(lengths.iter().map(|l| l["tokens"].as_u64().unwrap()).collect::<Vec<_>>(), [8, 32]);
    for length in lengths {
        let [mean, p1, min] = ["mean", "p1", "min"].map(|key| length[key].as_f64().unwrap());
        assert!(0.98 < min && min <= p1 && p1 <= mean && mean < 1.0, "{length}");
        assert!(length["joined"].as_u64().unwrap() <= length["texts"].as_u64().unwrap(), "{length}");
    }
    assert_eq!(accuracy["losses"]["layers"].as_array().unwrap().len(), 2);
}

#[test]
fn a_model_below_the_bound_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("tiny.systole");
    let (tiny, out) = (tiny(), file.to_str().unwrap());
    let quantize = ["quantize", tiny.to_str().unwrap(), "-o", out, "--accept-accuracy", "1"];
    let message = systole(quantize).refused();
    let (start, end) =
        (message.find("mean cosine of 0.9").unwrap(), message.find(", below 1; try --scales dynamic").unwrap());
    assert!(message.starts_with("the quantized model is too far from fp32: at ") && start < end, "{message}");
    assert!(message.ends_with("--accept-accuracy with a lower bound takes it as it is"), "{message}");
    assert!(!file.exists());
    let run = |bound: &str| {
        systole(["run", "-m", tiny.to_str().unwrap(), "--text", "a", "--json", "--accept-accuracy", bound])
    };
    assert!(run("1").refused().starts_with("the quantized model is too far from fp32: "));
    // What was accepted once and kept is judged again.
    run("0.9").ok();
    assert!(run("1").refused().starts_with("the quantized model is too far from fp32: "));
    let no_number = ["run", "-m", tiny.to_str().unwrap(), "--accept-accuracy", "nan"];
    let ended = systole(no_number);
    assert!(ended.code == Some(2) && ended.stderr.contains("a cosine is a number from -1 to 1"), "{ended:?}");
    assert_eq!(
        systole(["run", "--accept-accuracy", "0.9", "--text", "a"]).refused(),
        "the built-in model is already quantized, so --accept-accuracy has no effect; \
         give the checkpoint's directory or id as --model to quantize it anew"
    );
}

#[test]
fn few_calibration_texts_bring_a_warning() {
    let directory = tempfile::tempdir().unwrap();
    let texts = directory.path().join("texts.txt");
    let tiny = tiny();
    let run = |lines: String| {
        std::fs::write(&texts, lines).unwrap();
        let arguments = ["run", "-m", tiny.to_str().unwrap(), "--text", "a", "--accept-accuracy", "-1"];
        systole(arguments.into_iter().chain(["--calibration", texts.to_str().unwrap()]))
    };
    let advice = "give 50 or more that resemble what the model will see\n";
    let one = run("x\n".repeat(100));
    assert_eq!(
        (one.code, one.stderr),
        (Some(0), format!("warning: there is only one distinct calibration text; {advice}"))
    );
    let few = run((0..20).map(|i| format!("the cat {i}\n")).collect());
    assert_eq!(few.stderr, format!("warning: there are only 20 distinct calibration texts; {advice}"));
    assert_eq!(run((0..50).map(|i| format!("the cat {i}\n")).collect()).stderr, "");
}
