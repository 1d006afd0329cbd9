use super::*;
use crate::supervisord::value::{Call, Value};
use proptest::prelude::*;

fn call(params: &str) -> String {
    format!("<methodCall><methodName>a.b</methodName><params>{params}</params></methodCall>")
}

fn one(value: &str) -> Result<Value, XmlError> {
    let mut read = read(call(&format!("<param>{value}</param>")).as_bytes())?;
    Ok(read.params.pop().expect("one value"))
}

#[test]
fn calls_are_read_as_clients_write_them() {
    let python = "<?xml version='1.0'?>\n<methodCall>\n<methodName>supervisor.startProcess</methodName>\n\
                  <params>\n<param>\n<value><string>app:web</string></value>\n</param>\n<param>\n\
                  <value><boolean>1</boolean></value>\n</param>\n</params>\n</methodCall>\n";
    let expected = Call {
        method: "supervisor.startProcess".into(),
        params: vec!["app:web".into(), true.into()],
    };
    assert_eq!(read(python.as_bytes()), Ok(expected));
    for none in ["<params/>", "<params></params>", "", "<params />"] {
        let text = format!("<methodCall><methodName>a.b</methodName>{none}</methodCall>");
        let expected = Call { method: "a.b".into(), params: vec![] };
        assert_eq!(read(text.as_bytes()), Ok(expected), "{none}");
    }
}

#[test]
fn every_kind_of_value_is_read() {
    let table: [(&str, Value); 16] = [
        ("<value>plain</value>", "plain".into()),
        ("<value></value>", "".into()),
        ("<value> two </value>", " two ".into()),
        ("<value><string/></value>", "".into()),
        (
            "<value><string>a&amp;&lt;&gt;&quot;&apos;&#65;&#x42;</string></value>",
            "a&<>\"'AB".into(),
        ),
        ("<value>\n  <int> -3 </int>\n</value>", (-3).into()),
        ("<value><i4>7</i4></value>", 7.into()),
        ("<value><i8>8589934592</i8></value>", 8_589_934_592.into()),
        ("<value><boolean>0</boolean></value>", false.into()),
        ("<value><double>1.5</double></value>", Value::Double(1.5)),
        ("<value><base64>aGkh\n</base64></value>", Value::Bytes(b"hi!".to_vec())),
        (
            "<value><dateTime.iso8601>20261122T02:03:04</dateTime.iso8601></value>",
            Value::Moment("20261122T02:03:04".into()),
        ),
        ("<value><array><data/></array></value>", vec![].into()),
        (
            "<value><array><data><value>x</value><value><int>1</int></value></data></array></value>",
            vec!["x".into(), 1.into()].into(),
        ),
        ("<value><struct/></value>", Value::of([])),
        (
            "<value><struct><member><name>a</name><value>b</value></member></struct></value>",
            Value::of([("a", "b".into())]),
        ),
    ];
    for (text, expected) in table {
        assert_eq!(one(text), Ok(expected), "{text}");
    }
}

#[test]
fn what_is_no_call_says_why_and_where() {
    let deep = |levels: usize| {
        let (open, close) = ("<value><array><data>", "</data></array></value>");
        format!("{}<value>x</value>{}", open.repeat(levels), close.repeat(levels))
    };
    assert!(one(&deep(14)).is_ok());
    let many = "<param><value>x</value></param>".repeat(10_001);
    let long = call(&many);
    let table: [(&str, &str); 18] = [
        ("", "there should be a tag"),
        ("{}", "there should be a tag"),
        ("<methodResponse/>", "another element should stand here"),
        ("<methodCall><methodName></methodName></methodCall>", "no name of a method"),
        ("<methodCall><methodName>a</methodName></methodCall>x", "behind the call"),
        ("<!DOCTYPE x [<!ENTITY y \"z\">]><methodCall/>", "only elements"),
        ("<?xml version='1.0' encoding='latin-1'?><methodCall/>", "only UTF-8"),
        ("<?xml version='1.0'", "the declaration has no end"),
        ("<methodCall><!-- --></methodCall>", "only elements"),
        ("<methodCall a='b'>", "no tag of XML-RPC"),
        ("<methodCall", "a tag has no end"),
        (&call("<param><value><int>x</int></value></param>"), "no value of its type"),
        (&call("<param><value><boolean>2</boolean></value></param>"), "no value of its type"),
        (&call("<param><value><nil/></value></param>"), "no value of its type"),
        (&call("<param><value>a<int>1</int></value></param>"), "text stands beside"),
        (&call("<param><value>&copy;</value></param>"), "no such entity"),
        (&call(&format!("<param>{}</param>", deep(16))), "too many values"),
        (&long, "too many values"),
    ];
    for (text, expected) in table {
        let error = read(text.as_bytes()).expect_err(expected);
        assert!(error.what.contains(expected), "{}: {error}", &text[..text.len().min(80)]);
        assert!(error.at <= text.len());
    }
    assert_eq!(read(b"<methodCall>\xff"), Err(XmlError { what: "this is no UTF-8", at: 12 }));
}

#[test]
fn answers_are_written_as_clients_read_them() {
    let value = Value::of([("name", "a<b&c\x1b\r".into()), ("pid", i64::MAX.into())]);
    let expected = "<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n<value><struct>\n\
        <member>\n<name>name</name>\n<value><string>a&lt;b&amp;c\u{fffd}&#13;</string></value>\n</member>\n\
        <member>\n<name>pid</name>\n<value><int>2147483647</int></value>\n</member>\n\
        </struct></value>\n</param>\n</params>\n</methodResponse>\n";
    assert_eq!(response(&value), expected);
    let fault = fault(10, "BAD_NAME: web");
    assert!(fault.contains("<fault>\n<value><struct>"), "{fault}");
    assert!(fault.contains("<int>10</int>") && fault.contains("BAD_NAME: web"), "{fault}");
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        (i64::from(i32::MIN)..=i64::from(i32::MAX)).prop_map(Value::Int),
        any::<bool>().prop_map(Value::Bool),
        "[ -~\n\u{e4}\u{20ac}]{0,12}".prop_map(Value::Text),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::btree_map("[a-z<&]{1,4}", inner, 0..4).prop_map(Value::Struct),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(value in values()) {
        let written = response(&value);
        let inner = written.split_once("<param>\n").and_then(|(_, rest)| rest.rsplit_once("\n</param>"));
        prop_assert_eq!(one(inner.expect("a value").0), Ok(value));
    }

    #[test]
    fn no_bytes_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        drop(read(&bytes));
        drop(read(call(&String::from_utf8_lossy(&bytes)).as_bytes()));
    }
}
