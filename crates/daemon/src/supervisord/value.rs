//! What calls and answers are made of.

use std::collections::BTreeMap;

/// A value of XML-RPC.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A whole number; what does not fit into 32 bits is sent as the nearest that does.
    Int(i64),
    /// A switch.
    Bool(bool),
    /// A text.
    Text(String),
    /// A number.
    Double(f64),
    /// A moment, as it was written.
    Moment(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Several values.
    Array(Vec<Self>),
    /// Values with names.
    Struct(BTreeMap<String, Self>),
}

/// A call of a method.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Its name: `supervisor.getState`.
    pub method: String,
    /// What it is called with.
    pub params: Vec<Value>,
}

impl Value {
    /// Makes a struct.
    pub(crate) fn of<const N: usize>(members: [(&str, Self); N]) -> Self {
        Self::Struct(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }
}

impl From<bool> for Value {
    fn from(switch: bool) -> Self {
        Self::Bool(switch)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<Vec<Self>> for Value {
    fn from(values: Vec<Self>) -> Self {
        Self::Array(values)
    }
}
