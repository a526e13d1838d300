use super::*;

fn lines(bytes: &[u8], format: Format) -> Lines<&[u8]> {
    Lines::new(bytes, "in", format)
}

/// Texts, or what is said of a line.
fn all(bytes: &[u8]) -> Vec<Result<String, String>> {
    let lines = lines(bytes, Format::Auto).map(|line| line.unwrap());
    lines.map(|line| line.map(|t| t.text).map_err(|r| format!("{}: {}", r.origin, r.reason))).collect()
}

fn texts(bytes: &[u8]) -> Vec<String> {
    all(bytes).into_iter().map(Result::unwrap).collect()
}

/// What is said of a file as a whole.
fn refused(source: &str, bytes: &[u8]) -> String {
    let mut lines = Lines::new(bytes, source, Format::Auto);
    let refused = lines.next().unwrap().unwrap_err().to_string();
    assert!(lines.next().is_none());
    refused
}

#[test]
fn every_plain_line_is_a_text() {
    assert_eq!(texts(b"\xef\xbb\xbfone\r\n\n  two \nthree"), ["one", "", "  two ", "three"]);
    assert_eq!(texts(b"one\n{\"text\": \"two\"}\n"), ["one", "{\"text\": \"two\"}"]);
    assert_eq!(texts(b"\n \none\n\n"), ["", "", "one", ""], "blanks ahead keep their number");
    assert_eq!(texts(b"\n"), [""]);
    assert_eq!(texts(b"[1] says a footnote"), ["[1] says a footnote"]);
    assert_eq!(texts(b"Hello, text\n"), ["Hello, text"]);
}

#[test]
fn json_lines_keep_their_places_and_their_keys() {
    let read: Vec<_> =
        lines(b"\n{\"text\": \"one\", \"id\": 12345678901234567890123}\n", Format::Auto).map(Result::unwrap).collect();
    assert_eq!(read[0].as_ref().unwrap_err().origin.line(), Some(1));
    let text = read[1].as_ref().unwrap();
    assert_eq!((&*text.text, text.origin.to_string()), ("one", "in, line 2".to_owned()));
    assert_eq!((&*text.keys[0].0, text.keys[0].1.get()), ("id", "12345678901234567890123"));
}

#[test]
fn what_is_wrong_is_said_with_the_line() {
    let example = "each line must be an object such as {\"text\": \"...\"}";
    for (bytes, expected) in [
        (&b"{\"text\": \"one\"}\n{\"text\": \n"[..], "line 2: column 9: EOF while parsing a value"),
        (b"{\"text\": \"one\"}\ntwo\n", "line 2: column 2: expected ident"),
        (b"{\"txt\": \"one\"}", "line 1: column 14: missing field `text`"),
        (b"{\"text\": 3}", "line 1: column 10: invalid type: integer `3`, expected a string"),
        (b"{\"text\": \"a\"} {}", "line 1: column 15: trailing characters"),
        (b"{\"text\": \"a\", \"text\": \"b\"}", "line 1: column 20: duplicate field `text`"),
        (b"{\"id\": 1, \"text\": \"b\", \"id\": 2}", "line 1: column 27: duplicate field `id`"),
    ] {
        assert_eq!(all(bytes).pop().unwrap().unwrap_err(), format!("in, {expected}; {example}"));
    }
    let told = |bytes: &[u8], line: usize| all(bytes)[line - 1].clone().unwrap_err();
    assert_eq!(told(b"one\nt\xffo\nthree", 2), "in, line 2: byte 2 is not UTF-8; convert the file, say with iconv");
    assert_eq!(told(b"{\"text\": \"\"}\n \n", 2), format!("in, line 2: {}", json::BLANK));
    assert_eq!(
        told(b"{\"text\": \"\", \"tokens\": 3}", 1),
        "in, line 1: the key \"tokens\" belongs to the result; give it another name, say \"my_tokens\""
    );
    let long = [&b"one\n"[..], &vec![b'x'; LONGEST_LINE + 1], b"\nthree"].concat();
    assert_eq!(told(&long, 2), "in, line 2: the line is longer than 16777216 bytes; cut it");
    assert_eq!(all(&long)[2], Ok("three".to_owned()));
}

#[test]
fn the_format_can_be_given() {
    let read = |bytes, format| lines(bytes, format).map(|l| l.unwrap().map(|t| t.text).ok()).collect::<Vec<_>>();
    assert_eq!(read(b"{x}\n", Format::Lines), [Some("{x}".to_owned())]);
    assert_eq!(read(b"[\n", Format::Lines), [Some("[".to_owned())]);
    assert_eq!(read(b"x\n", Format::Jsonl), [None]);
}

#[test]
fn files_of_other_kinds_are_refused_with_the_remedy() {
    let run = "systole run --input -";
    for (source, bytes, expected) in [
        (
            "standard input",
            &b"[{\"text\": 1}]"[..],
            format!("is a JSON array, not JSON Lines; pipe it through: jq -c '.[]' | {run}"),
        ),
        (
            "a b.json",
            b"[\n{",
            format!("is a JSON array, not JSON Lines; pipe it through: jq -c '.[]' 'a b.json' | {run}"),
        ),
        ("a.json", b"{\n", format!("has JSON objects over several lines; pipe it through: jq -c . a.json | {run}")),
        (
            "a.parquet",
            b"PAR1\x15\0",
            format!("is a Parquet file; pipe it through: duckdb -jsonlines -c \"FROM 'a.parquet'\" | {run}"),
        ),
        ("a.gz", b"\x1f\x8b\x08", format!("is compressed with gzip; pipe it through: zcat a.gz | {run}")),
        ("a.txt", b"\xff\xfea\0", format!("is UTF-16; pipe it through: iconv -f UTF-16 -t UTF-8 a.txt | {run}")),
    ] {
        assert_eq!(refused(source, bytes), format!("{source} {expected}"));
    }
    let either = "(or take its lines as they are: --input-format lines)";
    for (source, bytes, command) in [
        ("a.csv", &b"id,text\n"[..], "CSV, not lines of text; pipe it through: mlr --icsv --ojsonl cat a.csv"),
        ("A.TSV", b"x\ty\n", "TSV, not lines of text; pipe it through: mlr --itsv --ojsonl cat A.TSV"),
        (
            "standard input",
            b"\"id\",\"Sentence\"\r\n",
            "CSV, not lines of text; pipe it through: mlr --icsv --ojsonl rename 'Sentence,text'",
        ),
    ] {
        assert_eq!(refused(source, bytes), format!("{source} is {command} | {run} {either}"));
    }
    assert_eq!(
        refused("a.png", b"\x89PNG\r\x1a\0\0\n"),
        "a.png is no file of text: its first line has zero bytes; write one text a line"
    );
    assert_eq!(refused("in", b""), "in has no text; write one a line, plain or as {\"text\": \"...\"}");
}
