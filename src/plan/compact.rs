//! How changes and drafts are written into packed lists.
//!
//! A plan file tags its enums by name, for people and programs, and postcard cannot read that. So here the same types
//! stand once more as postcard takes them; the compiler sees to it that no field is forgotten. Causes are few and odd, and
//! stay in JSON.

use rollcall_kit::DirectoryId;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use super::change::{Action, AttributeChange, Cause, Change, ChangeId, GroupKey, Subject};
use super::packed::Pack;
use crate::roster::Role;
use crate::roster::account::Attributes;

impl Pack for Change {
    fn pack(&self, into: Vec<u8>) -> postcard::Result<Vec<u8>> {
        postcard::to_extend(&Borrowed(self), into)
    }

    fn unpack(bytes: &[u8]) -> postcard::Result<(Self, &[u8])> {
        postcard::take_from_bytes::<Owned>(bytes).map(|(Owned(change), rest)| (change, rest))
    }
}

#[derive(Serialize)]
struct Borrowed<'a>(#[serde(serialize_with = "AsChange::serialize")] &'a Change);

#[derive(Deserialize)]
struct Owned(#[serde(with = "AsChange")] Change);

#[derive(Serialize, Deserialize)]
#[serde(remote = "Change")]
struct AsChange {
    id: ChangeId,
    #[serde(with = "AsSubject")]
    subject: Subject,
    #[serde(with = "AsAction")]
    action: Action,
    #[serde(with = "in_json")]
    causes: Vec<Cause>,
    destructive: bool,
    after: Vec<ChangeId>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Subject")]
pub(super) enum AsSubject {
    Account { user: DirectoryId, target_id: Option<String>, label: String, name: Option<String> },
    Group { key: GroupKey, target_id: Option<String>, name: String },
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Action")]
pub(super) enum AsAction {
    Create { attributes: Attributes },
    Adopt { matched_by: String, changes: Vec<AttributeChange>, activate: bool },
    Relink { from: DirectoryId, changes: Vec<AttributeChange>, activate: bool },
    Update { changes: Vec<AttributeChange> },
    Deactivate,
    Reactivate { changes: Vec<AttributeChange> },
    Delete,
    GrantRole { role: Role },
    RevokeRole { role: Role },
    CreateGroup,
    AdoptGroup,
    RenameGroup { from: String },
    DeleteGroup,
    AddMember { group: GroupKey, group_name: String },
    RemoveMember { group: GroupKey, group_name: String },
}

pub(super) mod in_json {
    //! Values of serde's tagged enums, as bytes of JSON.

    use super::{Cause, Deserialize, Deserializer, Serialize, Serializer, de, ser};

    pub(in crate::plan) fn serialize<S: Serializer>(causes: &Vec<Cause>, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::to_vec(causes).map_err(ser::Error::custom)?.serialize(serializer)
    }

    pub(in crate::plan) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Cause>, D::Error> {
        serde_json::from_slice(<&[u8]>::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}
