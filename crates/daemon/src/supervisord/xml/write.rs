//! Writes answers.

use crate::supervisord::value::Value;
use std::fmt::Write;

const HEAD: &str = "<?xml version='1.0'?>\n<methodResponse>\n";

/// Returns the answer that holds a value.
pub(crate) fn response(value: &Value) -> String {
    let mut out = String::from(HEAD);
    out.push_str("<params>\n<param>\n");
    write(value, &mut out);
    out.push_str("\n</param>\n</params>\n</methodResponse>\n");
    out
}

/// Returns the answer that says why there is none.
pub(crate) fn fault(code: i32, text: &str) -> String {
    let mut out = String::from(HEAD);
    out.push_str("<fault>\n");
    let code = Value::Int(i64::from(code));
    write(&Value::of([("faultCode", code), ("faultString", text.into())]), &mut out);
    out.push_str("\n</fault>\n</methodResponse>\n");
    out
}

fn write(value: &Value, out: &mut String) {
    out.push_str("<value>");
    match value {
        Value::Int(number) => {
            // A text takes all that is written to it.
            let number = (*number).clamp(i64::from(i32::MIN), i64::from(i32::MAX));
            let _ = write!(out, "<int>{number}</int>");
        }
        Value::Bool(switch) => {
            let _ = write!(out, "<boolean>{}</boolean>", u8::from(*switch));
        }
        Value::Text(text) => element("string", text, out),
        Value::Double(number) => {
            let _ = write!(out, "<double>{number}</double>");
        }
        Value::Moment(text) => element("dateTime.iso8601", text, out),
        Value::Bytes(bytes) => element("string", &String::from_utf8_lossy(bytes), out),
        Value::Array(values) => {
            out.push_str("<array><data>\n");
            for value in values {
                write(value, out);
                out.push('\n');
            }
            out.push_str("</data></array>");
        }
        Value::Struct(members) => {
            out.push_str("<struct>\n");
            for (name, value) in members {
                out.push_str("<member>\n");
                element("name", name, out);
                out.push('\n');
                write(value, out);
                out.push_str("\n</member>\n");
            }
            out.push_str("</struct>");
        }
    }
    out.push_str("</value>");
}

fn element(name: &str, text: &str, out: &mut String) {
    let _ = write!(out, "<{name}>");
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // A reader would make a line end of it.
            '\r' => out.push_str("&#13;"),
            '\t' | '\n' => out.push(letter),
            // XML has no way to write these, and a log may hold any of them.
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(letter),
        }
    }
    let _ = write!(out, "</{name}>");
}
