//! `systole run`: how texts stream through it, and that lines keep their places.

mod support;

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::sync::mpsc::channel;
use std::time::Duration;

use serde_json::{Value, json};
use support::{command, json_lines, with_input};

#[test]
fn the_first_results_come_before_the_end_of_the_input() {
    let mut child =
        command().args(["run", "--json", "--input", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (sender, results) = channel();
    std::thread::spawn(move || BufReader::new(output).lines().try_for_each(|line| sender.send(line.unwrap())));
    for text in ["one cat", "a longer text than that", "two"] {
        // The input stays open, and the next line is not written before this one is answered.
        writeln!(input, "{text}").unwrap();
        let result = results.recv_timeout(Duration::from_secs(60)).expect("a result while the input is open");
        assert_eq!(json_lines(&result)[0]["text"], text);
    }
    drop(input);
    assert!(results.recv().is_err());
    assert!(child.wait().unwrap().success());
}

#[test]
fn results_are_in_the_order_of_the_input_whatever_their_lengths() {
    let texts: Vec<String> = (0..600).map(|n| format!("text {n}{}", " and on".repeat(n % 7))).collect();
    let results = json_lines(&with_input(["run", "--json", "--input", "-"], texts.join("\n").as_bytes()).ok());
    let found: Vec<&str> = results.iter().map(|r| r["text"].as_str().unwrap()).collect();
    assert_eq!(found, texts);
}

#[test]
fn an_empty_line_is_an_empty_text() {
    let results = json_lines(&with_input(["run", "--json", "--input", "-"], b"\none\n\n  \ntwo\n").ok());
    let found: Vec<&Value> = results.iter().map(|r| &r["text"]).collect();
    assert_eq!(found, ["", "one", "", "  ", "two"]);
    assert_eq!(results[0]["tokens"], 2);
    assert_eq!(results[0]["embedding"], results[2]["embedding"]);
}

#[test]
fn the_keys_of_a_json_line_come_back_with_its_result() {
    let input = b"{\"id\": 12345678901234567890123, \"text\": \"one\", \"from\": {\"page\": [1, 2.50]}}\n";
    let output = with_input(["run", "--json", "--input", "-"], input).ok();
    assert!(output.contains("\"id\":12345678901234567890123,"), "to the last digit: {output:.100}");
    let result = &json_lines(&output)[0];
    assert_eq!(result["from"], json!({"page": [1, 2.50]}));
    assert_eq!(result["embedding"].as_array().unwrap().len(), 128);
}

#[test]
fn what_is_refused_has_its_place_and_the_others_are_embedded() {
    let long = "word ".repeat(600);
    let input = [
        &b"{\"id\": 1, \"text\": \"one\"}\n\n{\"id\": 3, \"text\": \""[..],
        long.as_bytes(),
        b"\"}\n{\"id\": 4}\n{\"text\": \"\xff\"}\n{\"id\": 6, \"text\": \"six\"}\n",
    ]
    .concat();
    let ended = with_input(["run", "--json", "--truncate", "never", "--input", "-"], &input);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("4 of 6 texts were refused; each says why in its place"), "{}", ended.stderr);
    let results = json_lines(&ended.stdout);
    assert_eq!(results.len(), 6);
    let error = |n: usize| results[n]["error"]["message"].as_str().unwrap();
    assert_eq!(
        results[1],
        json!({"schema": 1, "error": {"line": 2, "message": "the line is blank; remove it, or write {\"text\": \"\"}"}})
    );
    assert_eq!((&results[2]["id"], &results[2]["error"]["line"]), (&json!(3), &json!(3)));
    assert_eq!(error(2), "the text has 602 tokens, the model takes 512; cut it with --truncate 512");
    assert!(error(3).contains("missing field `text`"), "{}", error(3));
    assert!(error(4).contains("byte 11 is not UTF-8"), "{}", error(4));
    for (n, text) in [(0, "one"), (5, "six")] {
        assert_eq!(results[n]["text"], text);
        assert!(results[n]["error"].is_null() && results[n]["embedding"].is_array());
    }
}

#[test]
fn a_flood_of_refusals_is_bounded() {
    let ended = with_input(["run", "--input", "-"], &b"\xff\n".repeat(1000));
    assert_eq!((ended.code, ended.stderr.lines().count()), (Some(2), 21));
    assert!(ended.stderr.ends_with("error: 980 more texts were refused; -o FILE.jsonl gives every reason\n"));
}

#[test]
fn without_json_what_is_refused_is_named_and_has_its_row() {
    let long = ["fine".to_owned(), "word ".repeat(600), "also fine".to_owned()].join("\n");
    let ended = with_input(["run", "--truncate", "never", "--input", "-"], long.as_bytes());
    assert_eq!(ended.code, Some(2));
    assert_eq!(
        ended.stderr,
        "error: standard input, line 2: the text has 602 tokens, the model takes 512; cut it with --truncate 512\n"
    );
    let row = |n: &str| ended.stdout.lines().find(|l| l.starts_with(n)).unwrap().to_owned();
    assert!(row("2 ").ends_with("refused"), "{}", ended.stdout);
    assert!(row("3 ").contains("also fine"), "{}", ended.stdout);
}
