//! `run -o`: results as files, read back.

mod support;

use std::fs::File;
use std::path::Path;

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, RowAccessor};
use serde_json::{Value, json};
use support::{command, json_lines, systole, tiny, with_input};

/// Three lines, of which the first and the third are texts.
fn input() -> Vec<u8> {
    let long = "word ".repeat(600);
    format!("{{\"id\": 7.50, \"text\": \"one \\u202e cat\"}}\n{{\"text\": \"{long}\"}}\n{{\"text\": \"two dogs\"}}\n")
        .into()
}

/// What standard output has with `--json`.
fn expected() -> Vec<Value> {
    json_lines(&with_input(["run", "--truncate", "never", "--json", "--input", "-"], &input()).stdout)
}

fn vector(result: &Value) -> Vec<f32> {
    result["embedding"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect()
}

/// Header and elements of an array.
fn npy(path: &Path) -> (String, Vec<f32>) {
    let bytes = std::fs::read(path).unwrap();
    assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
    let begin = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    assert_eq!(begin % 64, 0);
    let header = String::from_utf8(bytes[10..begin].to_vec()).unwrap();
    let elements = bytes[begin..].chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    (header.trim_end().to_owned(), elements)
}

#[test]
fn an_array_has_a_row_for_every_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.npy");
    let ended = with_input(["run", "--truncate", "never", "--input", "-", "-o", path.to_str().unwrap()], &input());
    assert_eq!(ended.code, Some(2));
    let reason = "the text has 602 tokens, the model takes 512; cut it with --truncate 512";
    assert_eq!(ended.stderr, format!("error: standard input, line 2: {reason}\n"), "an array has no place for it");
    assert!(ended.stdout.contains("a.npy  3 texts x 128, float32, 1.66 kB"), "{}", ended.stdout);
    let (header, elements) = npy(&path);
    assert_eq!(header, "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 128), }");
    let expected = expected();
    assert_eq!(&elements[..128], vector(&expected[0]));
    assert!(elements[128..256].iter().all(|v| v.is_nan()));
    assert_eq!(&elements[256..], vector(&expected[2]));

    // Rows before the first vector are as wide as it.
    let first =
        with_input(["run", "--truncate", "never", "--input", "-", "-o", path.to_str().unwrap()], b"\xff\n\xff\none\n");
    assert_eq!(first.code, Some(2));
    let (header, elements) = npy(&path);
    assert!(header.contains("'shape': (3, 128)"), "{header}");
    assert_eq!(elements.iter().filter(|v| v.is_nan()).count(), 256);
}

#[test]
fn a_table_has_texts_vectors_and_what_came_with_them() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.parquet");
    let arguments = ["run", "--truncate", "never", "--input", "-", "--json", "-o", path.to_str().unwrap()];
    let ended = with_input(arguments, &input());
    assert_eq!(ended.code, Some(2));
    let report = &json_lines(&ended.stdout)[0];
    let bytes = std::fs::metadata(&path).unwrap().len();
    assert_eq!(
        *report,
        json!({"schema": 1, "output": path, "texts": 3, "refused": 1, "dimensions": 128, "bytes": bytes})
    );
    let reader = SerializedFileReader::new(File::open(&path).unwrap()).unwrap();
    let metadata = reader.metadata().file_metadata().key_value_metadata().unwrap();
    assert_eq!((&*metadata[0].key, metadata[0].value.as_deref()), ("systole.schema", Some("1")));
    let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
    let expected = expected();
    assert_eq!(rows.len(), 3);
    for (row, expected) in rows.iter().zip(&expected) {
        assert_eq!(row.get_string(0).unwrap(), expected["text"].as_str().unwrap());
    }
    assert_eq!(
        (rows[0].get_long(1).unwrap(), rows[0].get_int(2).unwrap()),
        (1, expected[0]["tokens"].as_i64().unwrap() as i32)
    );
    for index in [0, 2] {
        let list = rows[index].get_list(3).unwrap().elements();
        let elements: Vec<f32> =
            list.iter().map(|f| if let Field::Float(v) = f { *v } else { panic!("{f}") }).collect();
        assert_eq!(elements, vector(&expected[index]));
    }
    assert_eq!(rows[0].get_string(6).unwrap(), "{\"id\":7.50}");
    assert!(rows[1].get_list(3).is_err(), "null");
    assert_eq!(rows[1].get_string(5).unwrap(), expected[1]["error"]["message"].as_str().unwrap());
}

#[test]
fn many_rows_go_into_several_groups() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.parquet");
    let tiny = tiny();
    let texts: String = (0..5000).map(|n| format!("{}\n", n % 7)).collect();
    let arguments = ["run", "-m", tiny.to_str().unwrap(), "--input", "-", "-o", path.to_str().unwrap()];
    with_input(arguments, texts.as_bytes()).ok();
    let reader = SerializedFileReader::new(File::open(&path).unwrap()).unwrap();
    assert_eq!((reader.num_row_groups(), reader.metadata().file_metadata().num_rows()), (2, 5000));
    let last = reader.get_row_iter(None).unwrap().last().unwrap().unwrap();
    assert_eq!((last.get_string(0).unwrap().as_str(), last.get_long(1).unwrap()), ("1", 5000));
}

#[test]
fn lines_in_a_file_are_those_of_standard_output() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.jsonl");
    let ended = with_input(["run", "--truncate", "never", "--input", "-", "-o", path.to_str().unwrap()], &input());
    assert_eq!(ended.code, Some(2));
    assert_eq!(json_lines(&std::fs::read_to_string(&path).unwrap()), expected());
}

#[test]
fn a_file_that_cannot_be_written_stays_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    for name in ["a.txt", "a", "npy", "a.npz", ".npy"] {
        let refused = systole(["run", "-o", &at(name)]).refused_in(directory.path());
        assert_eq!(
            refused,
            format!("DIR/{name}: no format is known by this name; let it end in .npy, .parquet or .jsonl")
        );
    }
    assert_eq!(
        systole(["run", "-o", &at("no/a.npy")]).refused_in(directory.path()),
        "cannot write DIR/no/a.npy: there is no directory DIR/no; make it first"
    );
    for name in ["old.npy", "old.parquet", "old.jsonl"] {
        std::fs::write(at(name), "as it was").unwrap();
        let output = command()
            .args(["run", "-o", &at(name), "--faults", "unplug@2", "--record", &at("a.rec")])
            .output()
            .unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{name}");
        assert_eq!(std::fs::read_to_string(at(name)).unwrap(), "as it was");
    }
    let left: Vec<_> = std::fs::read_dir(directory.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left.len(), 4, "no drafts: {left:?}");
}
