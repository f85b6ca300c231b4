//! By which attributes accounts are recognised, and in which form their values are compared.

use super::resource::Resource;

/// An attribute by which accounts are recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    /// Our mark: the directory id.
    ExternalId,
    /// The name that is unique in the target.
    UserName,
    /// Any of the addresses.
    Email,
}

impl Key {
    /// All of them, the most telling first.
    pub(super) const ALL: [Self; 3] = [Self::ExternalId, Self::UserName, Self::Email];

    /// The attribute, as filters and settings spell it.
    pub(super) const fn attribute(self) -> &'static str {
        match self {
            Self::ExternalId => "externalId",
            Self::UserName => "userName",
            Self::Email => "emails.value",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key| key.attribute() == name)
    }

    /// The form in which values are compared: the RFC makes `externalId` case-exact, `userName` not, and addresses
    /// are folded everywhere.
    pub(super) fn folded(self, value: &str) -> String {
        match self {
            Self::ExternalId => value.to_owned(),
            Self::UserName | Self::Email => value.trim().to_lowercase(),
        }
    }

    /// The values of a user under this key, in the form in which they are compared.
    pub(super) fn values_of(self, user: &Resource) -> Vec<String> {
        let values = match self {
            Self::ExternalId => user.text("externalId").into_iter().collect(),
            Self::UserName => user.text("userName").into_iter().collect(),
            Self::Email => user.values("emails"),
        };
        values.into_iter().map(|value| self.folded(value)).collect()
    }
}
