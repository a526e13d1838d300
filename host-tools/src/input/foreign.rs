//! Files that are no lines of text, and the command that makes lines of them.

/// What to say if a file that begins with this line, leading blanks left out, is of another kind. Only what is hardly ever
/// meant as a plain line is refused; `--input-format lines` takes that as well.
pub fn remedy(source: &str, first: &[u8]) -> Option<String> {
    let shown = if source == "standard input" { "" } else { source };
    let run = "systole run --input -";
    for (magic, kind, command) in [
        (&b"PAR1"[..], "a Parquet file", "duckdb -jsonlines -c \"FROM 'FILE'\""),
        (b"\x1f\x8b", "compressed with gzip", "zcat FILE"),
        (b"\x28\xb5\x2f\xfd", "compressed with zstd", "zstdcat FILE"),
        (b"\xfd7zXZ", "compressed with xz", "xzcat FILE"),
        (b"PK\x03\x04", "a ZIP archive", "unzip -p FILE"),
        (b"%PDF-", "a PDF", "pdftotext FILE -"),
        (b"\xff\xfe", "UTF-16", "iconv -f UTF-16 -t UTF-8 FILE"),
        (b"\xfe\xff", "UTF-16", "iconv -f UTF-16 -t UTF-8 FILE"),
    ] {
        if first.starts_with(magic) {
            return Some(format!("{source} is {kind}; pipe it through: {} | {run}", name(command, shown)));
        }
    }
    if first.contains(&0) {
        return Some(format!("{source} is no file of text: its first line has zero bytes; write one text a line"));
    }
    let line = std::str::from_utf8(first).ok()?.trim();
    if is_array(line) {
        let command = name("jq -c '.[]' FILE", shown);
        return Some(format!("{source} is a JSON array, not JSON Lines; pipe it through: {command} | {run}"));
    }
    if line == "{" {
        let command = name("jq -c . FILE", shown);
        return Some(format!("{source} has JSON objects over several lines; pipe it through: {command} | {run}"));
    }
    let (separator, option) = separated(source, line)?;
    let column = line.split(separator).map(unquoted).find(|c| TEXT_COLUMNS.contains(&&*c.to_lowercase()));
    let rename = column.filter(|c| *c != "text").map_or("cat".to_owned(), |c| format!("rename '{c},text'"));
    let command = name(&format!("mlr --i{option} --ojsonl {rename} FILE"), shown);
    let kind = option.to_uppercase();
    Some(format!(
        "{source} is {kind}, not lines of text; pipe it through: {command} | {run} (or take its lines as they are: \
         --input-format lines)"
    ))
}

/// The command with the file's name in it, quoted for the shell if need be.
fn name(command: &str, source: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+".contains(c);
    let quoted =
        if source.chars().all(plain) { source.to_owned() } else { format!("'{}'", source.replace('\'', r"'\''")) };
    command
        .replace("'FILE'", &if quoted.starts_with('\'') { quoted.clone() } else { format!("'{quoted}'") })
        .replace("FILE", &quoted)
        .trim_end()
        .to_owned()
}

/// `[` alone, or with an object or a string behind it: not `[1] as shown in ...`.
fn is_array(line: &str) -> bool {
    line.strip_prefix('[').is_some_and(|rest| {
        let rest = rest.trim_start();
        rest.is_empty() || rest.starts_with(['{', '"', ']'])
    })
}

/// Names by which a column of texts is commonly called.
const TEXT_COLUMNS: [&str; 6] = ["text", "sentence", "sentence1", "content", "body", "document"];

/// The separator and the name of a format with columns, by the file's extension or by a line that can only be a header.
fn separated(source: &str, header: &str) -> Option<(char, &'static str)> {
    let lower = source.to_lowercase();
    if lower.ends_with(".csv") {
        return Some((',', "csv"));
    }
    if lower.ends_with(".tsv") {
        return Some(('\t', "tsv"));
    }
    let is_header = |separator: char| {
        let names: Vec<&str> = header.split(separator).map(unquoted).collect();
        let is_name = |n: &&str| !n.is_empty() && n.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        // A sentence has blanks behind its commas.
        names.len() > 1 && names.iter().all(is_name) && names.iter().any(|n| TEXT_COLUMNS.contains(&&*n.to_lowercase()))
    };
    [(',', "csv"), ('\t', "tsv")].into_iter().find(|(separator, _)| is_header(*separator))
}

fn unquoted(field: &str) -> &str {
    field.strip_prefix('"').and_then(|f| f.strip_suffix('"')).unwrap_or(field)
}
