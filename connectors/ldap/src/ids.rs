//! Immutable ids: how each server spells them, how we do, and how to ask for one.
//!
//! | attribute | on the wire | our spelling |
//! |---|---|---|
//! | `objectGUID` (AD) | 16 bytes, the first three fields little-endian (MS-DTYP 2.3.4.2) | hyphenated UUID |
//! | `entryUUID` (RFC 4530), `ipaUniqueID` | text | lower case |
//! | `nsUniqueId` (389-ds) | text, four groups of eight digits | hyphenated UUID |
//! | any other | text | as the server spells it |

use rollcall_kit::DirectoryId;
use uuid::Uuid;

/// How values of the id attribute are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IdSyntax {
    Guid,
    Uuid,
    NsUniqueId,
    Text,
}

impl IdSyntax {
    /// The syntax that goes with an attribute's name.
    pub(crate) fn of(attribute: &str) -> Self {
        match attribute.to_ascii_lowercase().as_str() {
            "objectguid" => Self::Guid,
            "entryuuid" | "ipauniqueid" => Self::Uuid,
            "nsuniqueid" => Self::NsUniqueId,
            _ => Self::Text,
        }
    }

    /// The id from the attribute's value; nothing if it is none.
    pub(crate) fn read(self, value: &[u8]) -> Option<DirectoryId> {
        let text = || std::str::from_utf8(value).ok();
        match self {
            Self::Guid => DirectoryId::new(&Uuid::from_bytes_le(value.try_into().ok()?).to_string()),
            Self::Uuid => DirectoryId::new(&text()?.to_ascii_lowercase()),
            Self::NsUniqueId => DirectoryId::new(&Uuid::try_parse(&text()?.replace('-', "")).ok()?.to_string()),
            Self::Text => DirectoryId::new(text()?),
        }
    }

    /// The value that a filter must ask for in order to find this id, escaped; nothing if no entry can have it.
    pub(crate) fn filter_value(self, id: &DirectoryId) -> Option<String> {
        let uuid = || Uuid::try_parse(id.as_str()).ok();
        Some(match self {
            Self::Guid => uuid()?.to_bytes_le().iter().map(|byte| format!("\\{byte:02x}")).collect(),
            Self::NsUniqueId => {
                let hex = uuid()?.simple().to_string();
                format!("{}-{}-{}-{}", &hex[..8], &hex[8..16], &hex[16..24], &hex[24..])
            }
            Self::Uuid => uuid()?.to_string(),
            Self::Text => escape(id.as_str()),
        })
    }
}

/// Escapes a value for a search filter (RFC 4515, section 3), so that what people type stays a value.
pub(crate) fn escape(value: &str) -> String {
    ldap3::ldap_escape(value).into_owned()
}

/// A Windows security identifier (MS-DTYP 2.4.2.2), as far as groups need it: the bytes on the wire.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sid(Vec<u8>);

impl Sid {
    /// Takes the bytes of `objectSid`; nothing if their length is not what they say.
    pub(crate) fn read(value: &[u8]) -> Option<Self> {
        let parts = usize::from(*value.get(1)?);
        (value.len() == 8 + 4 * parts && parts > 0).then(|| Self(value.to_vec()))
    }

    /// The sibling in the same domain with another relative id, such as a user's primary group.
    pub(crate) fn sibling(&self, relative_id: u32) -> Self {
        let mut bytes = self.0.clone();
        let end = bytes.len() - 4;
        bytes[end..].copy_from_slice(&relative_id.to_le_bytes());
        Self(bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_object_guid_turns_its_first_three_fields_round() {
        let bytes: Vec<u8> = (1..=16).collect();
        let id = IdSyntax::Guid.read(&bytes).unwrap();
        assert_eq!(id.as_str(), "04030201-0605-0807-090a-0b0c0d0e0f10");
        assert_eq!(
            IdSyntax::Guid.filter_value(&id).unwrap(),
            "\\01\\02\\03\\04\\05\\06\\07\\08\\09\\0a\\0b\\0c\\0d\\0e\\0f\\10"
        );
    }

    #[test]
    fn an_ns_unique_id_is_written_as_the_uuid_that_it_is() {
        let id = IdSyntax::NsUniqueId.read(b"fe52b14f-e75d11f1-b71bdd32-23228e1a").unwrap();
        assert_eq!(id.as_str(), "fe52b14f-e75d-11f1-b71b-dd3223228e1a");
        assert_eq!(IdSyntax::NsUniqueId.filter_value(&id).unwrap(), "fe52b14f-e75d11f1-b71bdd32-23228e1a");
    }

    #[test]
    fn values_that_are_no_id_are_refused() {
        assert_eq!(IdSyntax::Guid.read(b"too short"), None);
        assert_eq!(IdSyntax::NsUniqueId.read(b"not hexadecimal"), None);
        assert_eq!(IdSyntax::Text.read(b"  "), None);
        assert_eq!(IdSyntax::Guid.filter_value(&DirectoryId::new("u7").unwrap()), None);
    }

    #[test]
    fn a_primary_group_is_the_sibling_of_its_user() {
        let mut user = vec![1, 2, 0, 0, 0, 0, 0, 5];
        user.extend(21_u32.to_le_bytes());
        user.extend(1104_u32.to_le_bytes());
        let group = Sid::read(&user).unwrap().sibling(513);
        assert_eq!(&group.0[12..], 513_u32.to_le_bytes());
        assert_eq!(&group.0[..12], &user[..12]);
        assert_eq!(Sid::read(&user[..11]), None);
        assert_eq!(Sid::read(&[]), None);
    }

    proptest! {
        #[test]
        fn what_is_asked_for_never_leaves_its_value(text in "\\PC{0,30}") {
            let escaped = escape(&text);
            prop_assert!(!escaped.contains(['(', ')', '*', '\0']));
            let filter = format!("(mail={escaped})");
            prop_assert!(ldap3::parse_filter(filter).is_ok());
        }

        #[test]
        fn a_guid_survives_the_way_there_and_back(bytes in any::<[u8; 16]>()) {
            let id = IdSyntax::Guid.read(&bytes).unwrap();
            let asked: String = bytes.iter().map(|b| format!("\\{b:02x}")).collect();
            prop_assert_eq!(IdSyntax::Guid.filter_value(&id).unwrap(), asked);
        }
    }
}
