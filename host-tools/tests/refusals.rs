//! Bad input: one line on standard error, exit code 2, and the words of it.

mod support;

use std::path::Path;

use support::{copy_of_tiny, systole, tiny, with_input};

/// The refusal of a copy of the tiny checkpoint after a change.
fn refused_after(change: impl FnOnce(&Path)) -> String {
    let directory = copy_of_tiny();
    let model = directory.path().join("model");
    change(&model);
    systole(["run", "--model", model.to_str().unwrap()]).refused_in(directory.path())
}

fn edit(path: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{from} in {text}");
    std::fs::write(path, text.replacen(from, to, 1)).unwrap();
}

/// A safetensors file of this header and so many zeros.
fn safetensors(header: &str, zeros: usize) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &vec![0; zeros]].concat()
}

#[test]
fn models_that_are_not_there() {
    let run = |model: &str| systole(["run", "--model", model]).refused();
    assert_eq!(run("./nowhere"), "there is no file or directory ./nowhere; check the path");
    assert_eq!(run("/nowhere/at/all"), "there is no file or directory /nowhere/at/all; check the path");
    assert_eq!(run("lost.systole"), "there is no file or directory lost.systole; check the path");
    assert_eq!(
        run("not a model"),
        "\"not a model\" is neither a directory nor a model id such as sentence-transformers/all-MiniLM-L6-v2"
    );
    let unreachable = run("some-owner/some-model");
    assert!(
        unreachable.starts_with("cannot get config.json of some-owner/some-model from http://127.0.0.1:9: "),
        "{unreachable}"
    );
    assert!(unreachable.ends_with("; check the network and HF_ENDPOINT, or give a directory"), "{unreachable}");
}

#[test]
fn incomplete_and_foreign_checkpoints() {
    assert_eq!(
        refused_after(|m| std::fs::remove_file(m.join("config.json")).unwrap()),
        "DIR/model has no config.json; give the directory of a Hugging Face checkpoint"
    );
    assert_eq!(
        refused_after(|m| std::fs::remove_file(m.join("model.safetensors")).unwrap()),
        "DIR/model has no model.safetensors; download the model's weights into this directory"
    );
    assert_eq!(
        refused_after(|m| edit(&m.join("config.json"), "\"bert\"", "\"gpt2\"")),
        "config.json: model_type is \"gpt2\", supported: bert; use a checkpoint of a supported architecture"
    );
    let wrong = refused_after(|m| edit(&m.join("config.json"), "\"hidden_size\": 24", "\"hidden_size\": 48"));
    assert_eq!(
        wrong,
        "tensor embeddings.word_embeddings.weight has shape [64, 24], config.json asks for [64, 48]; \
         the two files belong to different models"
    );
    let garbage = refused_after(|m| std::fs::write(m.join("tokenizer.json"), b"\xff\x00{").unwrap());
    assert!(garbage.starts_with("tokenizer.json cannot be used: "), "{garbage}");
    // Some of these make the tokenizer library panic, which must neither be seen nor end the command.
    let panics =
        refused_after(|m| std::fs::write(m.join("tokenizer.json"), "{\"model\": {\"type\": \"WordPiece\"}}").unwrap());
    assert!(panics.starts_with("tokenizer.json cannot be used: "), "{panics}");
}

#[test]
fn damaged_and_hostile_weights() {
    let with = |bytes: Vec<u8>| refused_after(|m| std::fs::write(m.join("model.safetensors"), bytes).unwrap());
    let whole = std::fs::read(tiny().join("model.safetensors")).unwrap();
    let is_damaged = |message: &str| {
        let start = "DIR/model/model.safetensors is not a whole safetensors file: ";
        assert!(message.starts_with(start) && message.ends_with("; download it again"), "{message}");
    };
    for length in [0, 7, 8, 100, whole.len() / 2, whole.len() - 1] {
        is_damaged(&with(whole[..length].to_vec()));
    }
    is_damaged(&with(u64::MAX.to_le_bytes().to_vec()));
    is_damaged(&with(safetensors("{]", 8)));
    is_damaged(&with(safetensors(&"[".repeat(100_000), 0)));
    let beyond = r#"{"a":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,4398046511104]}}"#;
    is_damaged(&with(safetensors(beyond, 16)));
    let overflow = r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,16]}}"#;
    is_damaged(&with(safetensors(overflow, 16)));
    // A terminal escape in a name arrives as text.
    let name = r#"{"embeddings.word_embeddings.weight":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},
        "\u001b[31mred":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}"#;
    assert_eq!(
        with(safetensors(name, 16)),
        "tensor \\u{1b}[31mred cannot be used: it is no parameter of a BERT encoder and no known head; \
         use a checkpoint without it"
    );
    let empty = with(safetensors("{}", 0));
    assert!(empty.starts_with("tensor embeddings.word_embeddings.weight is missing; "), "{empty}");
}

#[test]
fn foreign_files_given_as_a_model_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let lfs = b"version https://git-lfs.github.com/spec/v1\noid sha256:53aa\nsize 90868376\n";
    for (name, bytes, what) in [
        ("a.safetensors", &lfs[..], "a Git LFS pointer; run `git lfs pull` in its repository"),
        ("a.onnx", b"\x08\x07\x12\x07pytorch", "an ONNX model; give the checkpoint that it was made from"),
        ("a.gguf", b"GGUF\x03\0\0\0", "a GGUF model; give the checkpoint that it was made from"),
        ("a.bin", b"\x80\x02\x8a\nl\xfc\x9cF", "a PyTorch pickle; a pickle can run code"),
        ("a.prog", b"SYSTPROG\x01\0\0\0", "a program of `systole compile`; look at it with"),
        ("a.txt", b"A kitten is sleeping on the sofa.", "a text; give a checkpoint directory"),
        ("a.json", b"{\"model_type\": \"bert\"}", "a JSON text; give a checkpoint directory"),
    ] {
        let path = directory.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let message = systole(["run", "--model", path.to_str().unwrap()]).refused_in(directory.path());
        assert!(message.starts_with(&format!("DIR/{name} is {what}")), "{message}");
        if name != "a.prog" {
            assert_eq!(systole(["inspect", path.to_str().unwrap()]).refused_in(directory.path()), message);
        }
    }
    let pointer = |file: &str| refused_after(|m| std::fs::write(m.join(file), lfs).unwrap());
    for (file, expected) in
        [("model.safetensors", "a safetensors file"), ("config.json", "a JSON file"), ("tokenizer.json", "a tokenizer")]
    {
        let message = pointer(file);
        assert!(message.starts_with(&format!("DIR/model/{file} is a Git LFS pointer, not {expected}; ")), "{message}");
    }
}

#[test]
fn quantized_files_that_are_none() {
    let directory = copy_of_tiny();
    let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let run = |name: &str| systole(["run", "--model", &at(name)]).refused_in(directory.path());
    systole(["quantize", &at("model"), "-o", &at("whole.systole")]).ok();
    let whole = std::fs::read(at("whole.systole")).unwrap();
    for length in [0, 9, whole.len() / 2, whole.len() - 1] {
        std::fs::write(at("cut.systole"), &whole[..length]).unwrap();
        let message = run("cut.systole");
        assert!(message.starts_with("quantized model DIR/cut.systole: "), "{message}");
        assert!(message.ends_with("; quantize the checkpoint again"), "{message}");
    }
    std::fs::copy(tiny().join("model.safetensors"), at("other.safetensors")).unwrap();
    assert_eq!(
        run("other.safetensors"),
        "quantized model DIR/other.safetensors: it has no description of ours; quantize the checkpoint again"
    );
    assert_eq!(
        run("model/model.safetensors"),
        "DIR/model/model.safetensors is a file of a checkpoint; give its directory, --model DIR/model"
    );
    let again = ["run", "--model", &at("whole.systole"), "--scales", "dynamic"];
    assert_eq!(
        systole(again).refused_in(directory.path()),
        "DIR/whole.systole is already quantized with static scales; \
         give the checkpoint's directory or id as --model to quantize it anew"
    );
    assert_eq!(
        systole(["run", "--calibration", "texts.txt"]).refused(),
        "the built-in model is already quantized, so --calibration has no effect; \
         give the checkpoint's directory or id as --model to quantize it anew"
    );
    assert_eq!(
        systole(["run", "--check", "fp32"]).refused(),
        "the built-in model has no fp32 weights to check against; \
         give the checkpoint it was made of as --reference DIR"
    );
}

#[test]
fn texts_that_cannot_be_taken() {
    let input = |bytes: &[u8]| with_input(["run", "--input", "-"], bytes).refused();
    assert_eq!(
        input(b"{\"text\": oops}\n"),
        "standard input, line 1: column 10: expected value; each line must be an object such as {\"text\": \"...\"}"
    );
    assert_eq!(input(b"\xc3\x28\n"), "standard input, line 1: byte 1 is not UTF-8; convert the file, say with iconv");
    assert_eq!(input(b""), "standard input has no text; write one a line, plain or as {\"text\": \"...\"}");
    let missing = systole(["run", "--input", "nowhere.txt"]).refused();
    assert_eq!(
        missing,
        "cannot read nowhere.txt: No such file or directory (os error 2); check that the path is right and readable"
    );
    let long = "word ".repeat(600);
    assert_eq!(
        with_input(["run", "--truncate", "never", "--input", "-"], long.as_bytes()).refused(),
        "standard input, line 1: the text has 602 tokens, the model takes 512; cut it with --truncate 512"
    );
    let array = input(b"[{\"text\": \"one\"}]");
    assert!(array.ends_with("pipe it through: jq -c '.[]' | systole run --input -"), "{array}");
    assert_eq!(
        systole(["run", "--calibration", "nowhere.txt", "--model", tiny().to_str().unwrap()]).refused(),
        "cannot read nowhere.txt: No such file or directory (os error 2); check that the path is right and readable"
    );
    assert_eq!(systole(["run", "--truncate", "2"]).refused(), "cannot truncate to 2 tokens; choose 3 to 512");
}

#[test]
fn outputs_that_cannot_be_written() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let tiny = tiny();
    let quantize =
        |output: &str| systole(["quantize", tiny.to_str().unwrap(), "-o", output]).refused_in(directory.path());
    assert_eq!(
        quantize(&at("no/such/out.systole")),
        "cannot write DIR/no/such/out.systole: there is no directory DIR/no/such; make it first"
    );
    assert_eq!(quantize(&at("")), "cannot write DIR/: it is a directory; name a file in it");
    assert_eq!(quantize("/dev/null"), "cannot write /dev/null: it is no regular file; name a new one");
    let trace = systole(["run", "--trace", &at("no/trace.json")]).refused_in(directory.path());
    assert_eq!(trace, "cannot write DIR/no/trace.json: there is no directory DIR/no; make it first");
}

#[test]
fn programs_that_cannot_be_made_or_read() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let compile = |tokens: &str, batch: &str| {
        systole(["compile", "--tokens", tokens, "--batch", batch, "-o", &at("x.prog")]).refused_in(directory.path())
    };
    assert_eq!(compile("0", "1"), "cannot compile for 0 tokens: the model takes 1 to 512");
    assert_eq!(compile("513", "1"), "cannot compile for 513 tokens: the model takes 1 to 512");
    assert_eq!(compile("8", "0"), "cannot compile for a batch of 0 sequences: give at least 1");
    let inspect = |bytes: &[u8]| {
        std::fs::write(at("y.prog"), bytes).unwrap();
        systole(["inspect", &at("y.prog")]).refused_in(directory.path())
    };
    let none = "DIR/y.prog: this is no program file; make one with `systole compile`";
    assert_eq!(inspect(b""), none);
    assert_eq!(inspect(b"\x7fELF and so on"), none);
    systole(["compile", "--tokens", "8", "-o", &at("whole.prog")]).ok();
    let mut bytes = std::fs::read(at("whole.prog")).unwrap();
    let damaged = inspect(&bytes[..bytes.len() / 2]);
    assert!(damaged.starts_with("DIR/y.prog: the program file is damaged: checksum "), "{damaged}");
    bytes[1000] ^= 1;
    assert!(inspect(&bytes).contains("is damaged"));
}

#[test]
fn the_simulator_has_no_timing_to_choose() {
    let run = |arguments: &[&str]| systole([&["run", "--text", "a"], arguments].concat()).refused();
    for (option, value) in
        [("--latency", "3"), ("--bytes-per-cycle", "2.5"), ("--back-pressure", "10"), ("--vcd", "a"), ("--fst", "a")]
    {
        assert_eq!(
            run(&["--device", "sim:n8", option, value]),
            format!("{option} is for the RTL, and sim:n8 has no timing; choose --device rtl:n8")
        );
    }
}

#[test]
fn usage_errors_have_code_2_and_name_the_choice() {
    let usage = |arguments: &[&str]| {
        let ended = systole(arguments);
        assert_eq!((ended.code, &*ended.stdout), (Some(2), ""));
        ended.stderr
    };
    assert!(
        usage(&["run", "--device", "fpga"])
            .contains("choose sim (that is sim:n16) or one of sim:n8, sim:n16, sim:n32, rtl:n8, rtl:n16, rtl:n32")
    );
    assert!(
        usage(&["compile", "--config", "n4", "--tokens", "8", "-o", "x"])
            .contains("no such configuration; choose one of n8, n16, n32")
    );
    assert!(usage(&["run", "--bound", "0.9"]).contains("--check"));
    assert!(usage(&["run", "--device", "rtl:n8", "--cycles", "1..2"]).contains("--vcd <FILE>|--fst <FILE>"));
    assert!(usage(&["run", "--device", "rtl:n8", "--vcd", "x", "--cycles", "2..1"]).contains("such as 5000..6000"));
    assert!(usage(&["fly"]).contains("unrecognized subcommand 'fly'"));
    let log = support::command().arg("run").env("RUST_LOG", "a=b=c").output().unwrap();
    assert_eq!(log.status.code(), Some(2));
    assert!(String::from_utf8(log.stderr).unwrap().starts_with("error: RUST_LOG is no filter: "));
}

#[test]
fn a_full_disk_behind_standard_output() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let ended = support::command().stdout(full).output().unwrap();
    assert_eq!(ended.status.code(), Some(2));
    assert_eq!(
        String::from_utf8(ended.stderr).unwrap(),
        "error: cannot write standard output: No space left on device (os error 28); check where it goes\n"
    );
}
