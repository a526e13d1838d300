//! A line of JSON Lines: an object with a string `text`, and whatever else, which is kept as it is written.

use std::fmt;

use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Keys of a JSON object with their values, in the order and notation in which they were written: a number does not go
/// through a float, and comes back with all its digits.
pub type Keys = Vec<(String, Box<RawValue>)>;

/// Keys of our own results, which a line cannot bring along.
pub const RESERVED: [&str; 5] = ["schema", "tokens", "embedding", "cosine_fp32", "error"];

/// What is said of a line without anything.
pub const BLANK: &str = "the line is blank; remove it, or write {\"text\": \"\"}";

/// The text of a line, and its other keys.
///
/// # Errors
/// What is wrong with the line.
pub fn object(line: &str) -> Result<(String, Keys), String> {
    if line.trim().is_empty() {
        return Err(BLANK.to_owned());
    }
    let mut json = serde_json::Deserializer::from_str(line);
    let read = json.deserialize_map(Object).and_then(|object| json.end().map(|()| object));
    let (text, keys) = read.map_err(|e| {
        // serde_json counts lines from the start of what it was given, which is always this one line.
        let (reason, column) = (e.to_string(), e.column());
        let reason = reason.split(" at line ").next().unwrap_or_default();
        format!("column {column}: {reason}; each line must be an object such as {{\"text\": \"...\"}}")
    })?;
    match keys.iter().find(|(key, _)| RESERVED.contains(&key.as_str())) {
        Some((key, _)) => Err(format!("the key {key:?} belongs to the result; give it another name, say \"my_{key}\"")),
        None => Ok((text, keys)),
    }
}

struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = (String, Keys);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut text, mut keys) = (None, Keys::new());
        while let Some(key) = map.next_key::<String>()? {
            let duplicate = if key == "text" { text.is_some() } else { keys.iter().any(|(k, _)| *k == key) };
            if duplicate {
                return Err(A::Error::custom(format_args!("duplicate field `{key}`")));
            }
            if key == "text" {
                text = Some(map.next_value()?);
            } else {
                keys.push((key, map.next_value()?));
            }
        }
        Ok((text.ok_or_else(|| A::Error::missing_field("text"))?, keys))
    }
}
