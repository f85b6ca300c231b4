//! Ids in a compact encoding: one that is a UUID, as most directories and applications give them, takes seventeen bytes
//! and not thirty-seven. It is read back as it was written, so one in capital letters stays a text.

use rollcall_kit::DirectoryId;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// An id as it is packed.
#[derive(Serialize, Deserialize)]
enum Packed {
    Uuid([u8; 16]),
    Text(String),
}

/// What is packed so.
pub(crate) trait Id: Sized {
    /// The id as a text.
    fn text(&self) -> &str;
    /// The id of a text; none if it cannot be one.
    fn of(text: String) -> Option<Self>;
}

impl Id for String {
    fn text(&self) -> &str {
        self
    }
    fn of(text: String) -> Option<Self> {
        Some(text)
    }
}

impl Id for DirectoryId {
    fn text(&self) -> &str {
        self.as_str()
    }
    fn of(text: String) -> Option<Self> {
        Self::new(&text)
    }
}

/// Packs an id.
pub(crate) fn serialize<T: Id, S: Serializer>(id: &T, serializer: S) -> Result<S::Ok, S::Error> {
    let text = id.text();
    let uuid =
        Uuid::try_parse(text).ok().filter(|uuid| *uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == *text);
    let packed = match uuid {
        Some(uuid) => Packed::Uuid(uuid.into_bytes()),
        None => Packed::Text(text.to_owned()),
    };
    packed.serialize(serializer)
}

/// Reads one back.
pub(crate) fn deserialize<'de, T: Id, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let text = match Packed::deserialize(deserializer)? {
        Packed::Uuid(bytes) => Uuid::from_bytes(bytes).hyphenated().to_string(),
        Packed::Text(text) => text,
    };
    T::of(text).ok_or_else(|| serde::de::Error::custom("an id is empty"))
}
