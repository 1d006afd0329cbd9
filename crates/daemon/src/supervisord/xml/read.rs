//! Reads a call.

use super::{DEEPEST, MOST_VALUES, XmlError};
use crate::supervisord::value::{Call, Value};
use std::collections::BTreeMap;

/// Reads a call.
///
/// # Errors
///
/// It is no call, or more than one takes.
pub fn read(bytes: &[u8]) -> Result<Call, XmlError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| XmlError { what: "this is no UTF-8", at: error.valid_up_to() })?;
    let mut reader = Reader { text, at: 0, values: 0 };
    reader.declaration()?;
    reader.open("methodCall")?;
    reader.open("methodName")?;
    let method = reader.text()?.trim().to_owned();
    if method.is_empty() {
        return reader.wrong("there is no name of a method");
    }
    reader.close("methodName")?;
    let mut params = Vec::new();
    // Some clients leave it out where there is nothing in it.
    if reader.begins("params")? {
        while reader.begins("param")? {
            reader.open("value")?;
            params.push(reader.value(0)?);
            reader.close("param")?;
        }
        reader.close("params")?;
    }
    reader.close("methodCall")?;
    reader.space();
    if reader.at < reader.text.len() {
        return reader.wrong("something stands behind the call");
    }
    Ok(Call { method, params })
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    values: usize,
}

/// A tag as it stands.
struct Tag<'a> {
    name: &'a str,
    is_end: bool,
    /// `<string/>`.
    is_empty: bool,
}

impl<'a> Reader<'a> {
    fn wrong<T>(&self, what: &'static str) -> Result<T, XmlError> {
        Err(XmlError { what, at: self.at })
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
    }

    /// `<?xml version='1.0'?>`, where it stands.
    fn declaration(&mut self) -> Result<(), XmlError> {
        if let Some(rest) = self.text.strip_prefix('\u{feff}') {
            self.at = self.text.len() - rest.len();
        }
        self.space();
        if !self.rest().starts_with("<?xml ") {
            return Ok(());
        }
        let Some(end) = self.rest().find("?>") else {
            return self.wrong("the declaration has no end");
        };
        if self.rest()[..end].contains("encoding")
            && !self.rest()[..end].to_ascii_lowercase().contains("utf-8")
        {
            return self.wrong("only UTF-8 is read");
        }
        self.at += end + 2;
        Ok(())
    }

    /// Reads the next tag.
    fn tag(&mut self) -> Result<Tag<'a>, XmlError> {
        self.space();
        let Some(rest) = self.rest().strip_prefix('<') else {
            return self.wrong("there should be a tag");
        };
        if rest.starts_with(['!', '?']) {
            return self.wrong("only elements are read");
        }
        let Some(end) = rest.find('>') else { return self.wrong("a tag has no end") };
        let inside = &rest[..end];
        let is_end = inside.starts_with('/');
        let is_empty = inside.ends_with('/') && !is_end;
        let name = inside.trim_start_matches('/').trim_end_matches('/');
        let name = name.trim_end_matches([' ', '\t', '\r', '\n']);
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.')
        {
            return self.wrong("this is no tag of XML-RPC");
        }
        self.at += end + 2;
        Ok(Tag { name, is_end, is_empty })
    }

    /// Looks at the next tag without taking it.
    fn peek(&mut self) -> Result<Tag<'a>, XmlError> {
        self.space();
        let before = self.at;
        let tag = self.tag();
        self.at = before;
        tag
    }

    fn open(&mut self, name: &str) -> Result<(), XmlError> {
        let tag = self.peek()?;
        if tag.name != name || tag.is_end || tag.is_empty {
            return self.wrong("another element should stand here");
        }
        self.tag().map(drop)
    }

    fn close(&mut self, name: &str) -> Result<(), XmlError> {
        let tag = self.peek()?;
        if tag.name != name || !tag.is_end {
            return self.wrong("another element should end here");
        }
        self.tag().map(drop)
    }

    /// Opens an element where it stands. One that is empty is passed over.
    fn begins(&mut self, name: &str) -> Result<bool, XmlError> {
        let tag = self.peek()?;
        if tag.is_end || tag.name != name {
            return Ok(false);
        }
        self.tag()?;
        Ok(!tag.is_empty)
    }

    /// Reads text up to the next tag.
    fn text(&mut self) -> Result<String, XmlError> {
        let rest = self.rest();
        let end = rest.find('<').unwrap_or(rest.len());
        let mut text = String::with_capacity(end);
        let mut raw = &rest[..end];
        while let Some(from) = raw.find('&') {
            text.push_str(&raw[..from]);
            raw = &raw[from + 1..];
            let letter =
                raw.split_once(';').and_then(|(name, _)| Some((letter(name)?, name.len())));
            let Some((letter, length)) = letter else {
                return self.wrong("there is no such entity");
            };
            text.push(letter);
            raw = &raw[length + 1..];
        }
        text.push_str(raw);
        self.at += end;
        Ok(text)
    }

    /// Reads a value whose tag was opened, up to behind its end.
    fn value(&mut self, depth: usize) -> Result<Value, XmlError> {
        self.values += 1;
        if depth >= DEEPEST || self.values > MOST_VALUES {
            return self.wrong("there are too many values");
        }
        let before = self.at;
        let bare = self.text()?;
        let tag = self.peek()?;
        if tag.is_end {
            // A value without a type is a text.
            self.close("value")?;
            return Ok(Value::Text(bare));
        }
        if !bare.trim_matches([' ', '\t', '\r', '\n']).is_empty() {
            self.at = before;
            return self.wrong("text stands beside the type of a value");
        }
        let tag = self.tag()?;
        let value = match (tag.name, tag.is_empty) {
            ("array", false) => self.array(depth)?,
            ("struct", false) => self.members(depth)?,
            ("struct", true) => Value::Struct(BTreeMap::new()),
            (name, is_empty) => {
                let text = if is_empty { String::new() } else { self.text()? };
                let Some(value) = scalar(name, text) else {
                    return self.wrong("this is no value of its type");
                };
                value
            }
        };
        if !tag.is_empty {
            self.close(tag.name)?;
        }
        self.close("value")?;
        Ok(value)
    }

    fn array(&mut self, depth: usize) -> Result<Value, XmlError> {
        let mut values = Vec::new();
        if self.begins("data")? {
            while let Some(value) = self.next_value(depth)? {
                values.push(value);
            }
            self.close("data")?;
        }
        Ok(Value::Array(values))
    }

    fn next_value(&mut self, depth: usize) -> Result<Option<Value>, XmlError> {
        let tag = self.peek()?;
        if tag.is_end || tag.name != "value" {
            return Ok(None);
        }
        self.tag()?;
        if tag.is_empty {
            return Ok(Some(Value::Text(String::new())));
        }
        self.value(depth + 1).map(Some)
    }

    fn members(&mut self, depth: usize) -> Result<Value, XmlError> {
        let mut members = BTreeMap::new();
        while self.begins("member")? {
            self.open("name")?;
            let name = self.text()?;
            self.close("name")?;
            let Some(value) = self.next_value(depth)? else {
                return self.wrong("a member has no value");
            };
            members.insert(name, value);
            self.close("member")?;
        }
        Ok(Value::Struct(members))
    }
}

/// Returns the letter that an entity stands for.
fn letter(name: &str) -> Option<char> {
    let number = name.strip_prefix('#').map(|number| match number.strip_prefix(['x', 'X']) {
        Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16),
        None => number.parse(),
    });
    match (name, number) {
        (_, Some(number)) => char::from_u32(number.ok()?).filter(|letter| *letter != '\0'),
        ("amp", None) => Some('&'),
        ("lt", None) => Some('<'),
        ("gt", None) => Some('>'),
        ("quot", None) => Some('"'),
        ("apos", None) => Some('\''),
        (_, None) => None,
    }
}

fn scalar(kind: &str, text: String) -> Option<Value> {
    let plain = text.trim();
    Some(match kind {
        "string" => Value::Text(text),
        "int" | "i4" | "i8" => Value::Int(plain.parse().ok()?),
        "boolean" => match plain {
            "1" => Value::Bool(true),
            "0" => Value::Bool(false),
            _ => return None,
        },
        "double" => Value::Double(plain.parse().ok().filter(|number: &f64| number.is_finite())?),
        "dateTime.iso8601" => Value::Moment(plain.to_owned()),
        "base64" => Value::Bytes(base64(plain)?),
        _ => return None,
    })
}

/// Reads bytes that were written in base 64; white space does not count.
pub(crate) fn base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held, mut padding) = (0_u32, 0_u32, 0);
    for byte in text.bytes().filter(|byte| !byte.is_ascii_whitespace()) {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' if padding < 2 => {
                padding += 1;
                continue;
            }
            _ => return None,
        };
        if padding > 0 {
            return None;
        }
        held = (held << 6 | u32::from(six)) & 0xff_ffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits & 0xff) as u8);
        }
    }
    Some(bytes)
}
