//! What a parent and its host agree on: what is asked, what is answered, and how both become bytes.

use std::error::Error;

/// What a host serves. Declared once, in a crate that the parent and the host both use.
///
/// ```
/// use mainstay_host::{Contract, Raw};
///
/// struct Echo;
///
/// impl Contract for Echo {
///     const NAME: &'static str = "echo";
///     const VERSION: u32 = 1;
///     type Request = Vec<u8>;
///     type Reply = Vec<u8>;
///     type Item = Vec<u8>;
///     type Codec = Raw;
/// }
/// ```
pub trait Contract: Send + Sync + 'static {
    /// Its name. A host that serves another contract is refused.
    const NAME: &'static str;
    /// Its version. A host that serves another version is refused: what it would understand is not known.
    const VERSION: u32;
    /// What is asked.
    type Request: Send + 'static;
    /// What answers one request.
    type Reply: Send + 'static;
    /// What comes one after the other where a stream answers.
    type Item: Send + 'static;
    /// How they become bytes.
    type Codec: Codec<Self::Request> + Codec<Self::Reply> + Codec<Self::Item>;
}

/// Why something cannot become bytes, or bytes nothing.
pub type CodecError = Box<dyn Error + Send + Sync>;

/// How a value becomes bytes, and bytes a value.
pub trait Codec<T> {
    /// Appends the bytes of a value.
    ///
    /// # Errors
    ///
    /// The value has no such form.
    fn encode(value: &T, into: &mut Vec<u8>) -> Result<(), CodecError>;

    /// Reads a value from all of the bytes.
    ///
    /// # Errors
    ///
    /// They are none.
    fn decode(bytes: &[u8]) -> Result<T, CodecError>;
}

/// Bytes as they are.
#[derive(Clone, Copy, Debug)]
pub struct Raw;

impl Codec<Vec<u8>> for Raw {
    fn encode(value: &Vec<u8>, into: &mut Vec<u8>) -> Result<(), CodecError> {
        into.extend_from_slice(value);
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<Vec<u8>, CodecError> {
        Ok(bytes.to_vec())
    }
}

impl Codec<()> for Raw {
    fn encode((): &(), _into: &mut Vec<u8>) -> Result<(), CodecError> {
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<(), CodecError> {
        if bytes.is_empty() { Ok(()) } else { Err("there is something where nothing is".into()) }
    }
}

impl Codec<String> for Raw {
    fn encode(value: &String, into: &mut Vec<u8>) -> Result<(), CodecError> {
        into.extend_from_slice(value.as_bytes());
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<String, CodecError> {
        Ok(String::from_utf8(bytes.to_vec())?)
    }
}

/// JSON, by the types' own `serde` forms.
#[cfg(feature = "json")]
#[derive(Clone, Copy, Debug)]
pub struct Json;

#[cfg(feature = "json")]
impl<T: serde::Serialize + serde::de::DeserializeOwned> Codec<T> for Json {
    fn encode(value: &T, into: &mut Vec<u8>) -> Result<(), CodecError> {
        Ok(serde_json::to_writer(into, value)?)
    }

    fn decode(bytes: &[u8]) -> Result<T, CodecError> {
        Ok(serde_json::from_slice(bytes)?)
    }
}
