//! Our attributes and where they stand in a SCIM user.
//!
//! | ours | SCIM |
//! |---|---|
//! | `email` | `emails[type eq "work"].value`, primary |
//! | `name` | `displayName` and `name.formatted` |
//! | `given_name`, `family_name` | `name.givenName`, `name.familyName` |
//! | `picture` | `photos[type eq "photo"].value` |
//! | `phone_number` | `phoneNumbers[type eq "work"].value` |
//! | `locale` | `locale` |
//! | `preferred_username` | `nickName`, unless it is what the settings write to `userName` |
//! | `custom_attributes.…` | the schema that the settings name, else the enterprise extension where it has the name |
//!
//! The attribute that the settings name (`email`, unless they say otherwise) also goes to `userName`.

use std::collections::BTreeMap;

use rollcall_kit::{DirectoryId, Value, attribute};
use serde_json::{Map, Value as Json, json};

use super::place::Place;
use super::profile::Profile;
use super::resource::Resource;
use super::resource::USER;
use super::settings::{RoleDelivery, ScimSettings};
use crate::plan::{AttributeChange, TargetAccount};
use crate::roster::Role;
use crate::roster::account::{Attributes, CUSTOM_PREFIX};

/// The enterprise extension (RFC 7643, section 4.3).
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// The enterprise extension's plain attributes, as it spells them and as configurations usually do.
const ENTERPRISE_NAMES: [(&str, &str); 5] = [
    ("employeeNumber", "employee_number"),
    ("costCenter", "cost_center"),
    ("organization", "organization"),
    ("division", "division"),
    ("department", "department"),
];

/// A value that should stand somewhere in a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wish {
    /// The attribute, under our name.
    pub(super) attribute: String,
    /// Where.
    pub(super) place: Place,
    /// The value; none if nothing should stand there.
    pub(super) value: Option<Json>,
}

/// What should be written, and what cannot be: attributes with the sentence that says why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wishes {
    /// What should be written.
    pub(super) wishes: Vec<Wish>,
    /// What cannot be.
    pub(super) impossible: Vec<(String, String)>,
}

/// The mapping of one target, by its settings.
#[derive(Clone, Debug)]
pub(super) struct Mapping {
    user_name: String,
    custom_schema: Option<String>,
    mutable_email: bool,
    roles: Option<&'static str>,
}

impl Mapping {
    /// The mapping that these settings ask for.
    pub(super) fn new(settings: &ScimSettings) -> Self {
        Self {
            user_name: settings.user_name.clone(),
            custom_schema: settings.custom_schema.clone(),
            mutable_email: settings.mutable_email,
            roles: match settings.roles {
                RoleDelivery::Roles => Some("roles"),
                RoleDelivery::Entitlements => Some("entitlements"),
                RoleDelivery::Groups => None,
            },
        }
    }

    /// The attribute that carries roles, if an attribute does.
    pub(super) fn roles(&self) -> Option<&'static str> {
        self.roles
    }

    /// What goes to `userName`.
    pub(super) fn user_name<'a>(&self, attributes: &'a Attributes) -> Option<&'a str> {
        attributes.get(&self.user_name).and_then(Value::as_text).map(str::trim).filter(|name| !name.is_empty())
    }

    /// The attribute that goes to `userName`.
    pub(super) fn user_name_attribute(&self) -> &str {
        &self.user_name
    }

    /// What a new account should hold, all but `userName`, which [`Mapping::body`] adds.
    pub(super) fn of_account(&self, attributes: &Attributes, profile: &Profile) -> Wishes {
        let mut all = Wishes::default();
        for (attribute, value) in attributes {
            self.add(&mut all, attribute, Some(value), profile);
        }
        all
    }

    /// What an account should hold after these changes.
    pub(super) fn of_changes(&self, changes: &[AttributeChange], profile: &Profile) -> Wishes {
        let mut all = Wishes::default();
        for change in changes {
            let AttributeChange { attribute, before, after } = change;
            if attribute == attribute::EMAIL && !self.mutable_email && before.is_some() {
                let why = "the address is left as it is, because mutable_email is not set for this target".to_owned();
                all.impossible.push((attribute.clone(), why));
                continue;
            }
            self.add(&mut all, attribute, after.as_ref(), profile);
            // An account that had no such attribute was given its userName by somebody else: that one stays.
            if let (true, true, Some(after)) = (*attribute == self.user_name, before.is_some(), after) {
                let wish =
                    Wish { attribute: attribute.clone(), place: Place::Plain("userName"), value: Some(json_of(after)) };
                all.wishes.retain(|other| other.place != wish.place);
                all.wishes.push(wish);
            }
        }
        all
    }

    /// The body that creates an account.
    pub(super) fn body(user: &DirectoryId, user_name: &str, wishes: &[Wish]) -> Map<String, Json> {
        let mut body = Map::new();
        body.insert("schemas".to_owned(), json!([USER]));
        body.insert("externalId".to_owned(), user.as_str().into());
        body.insert("userName".to_owned(), user_name.into());
        body.insert("active".to_owned(), true.into());
        for wish in wishes {
            wish.place.write(&mut body, wish.value.as_ref());
        }
        body
    }

    /// Adds the places of one attribute that this target has, or the sentence that it has none.
    fn add(&self, all: &mut Wishes, attribute: &str, value: Option<&Value>, profile: &Profile) {
        let places = self.places(attribute);
        if places.is_empty() {
            // It is not lost if it goes to userName.
            if attribute != self.user_name {
                let why = format!("{attribute} has no place in SCIM; name a custom_schema of the target for it");
                all.impossible.push((attribute.to_owned(), why));
            }
            return;
        }
        let known: Vec<Place> = places.into_iter().filter(|place| profile.holds(&place.schema_path())).collect();
        if known.is_empty() && attribute != self.user_name {
            let why = format!("the target's schemas have no place for {attribute}, so it was not sent");
            all.impossible.push((attribute.to_owned(), why));
        }
        all.wishes.extend(known.into_iter().map(|place| Wish {
            attribute: attribute.to_owned(),
            place,
            value: value.map(json_of),
        }));
    }

    /// Where one attribute stands, besides `userName`.
    fn places(&self, attribute: &str) -> Vec<Place> {
        match attribute {
            attribute::EMAIL => vec![Place::Entry { list: "emails", kind: "work", primary: true }],
            attribute::NAME => vec![Place::Plain("displayName"), Place::Part("name", "formatted")],
            attribute::GIVEN_NAME => vec![Place::Part("name", "givenName")],
            attribute::FAMILY_NAME => vec![Place::Part("name", "familyName")],
            attribute::PICTURE => vec![Place::Entry { list: "photos", kind: "photo", primary: false }],
            attribute::PHONE_NUMBER => vec![Place::Entry { list: "phoneNumbers", kind: "work", primary: false }],
            attribute::LOCALE => vec![Place::Plain("locale")],
            attribute::PREFERRED_USERNAME if self.user_name != attribute::PREFERRED_USERNAME => {
                vec![Place::Plain("nickName")]
            }
            other => other.strip_prefix(CUSTOM_PREFIX).and_then(|name| self.custom(name)).into_iter().collect(),
        }
    }

    /// Where one of the organization's own attributes stands.
    fn custom(&self, name: &str) -> Option<Place> {
        if let Some(urn) = &self.custom_schema {
            return Some(Place::Extension { urn: urn.clone(), name: name.to_owned() });
        }
        let (theirs, _) = ENTERPRISE_NAMES.iter().find(|(theirs, ours)| name == *theirs || name == *ours)?;
        Some(Place::Extension { urn: ENTERPRISE.to_owned(), name: (*theirs).to_owned() })
    }

    /// An account as the target shows it, under our names; the reason if it cannot be one.
    pub(super) fn account(&self, user: &Resource) -> Result<TargetAccount, String> {
        let target_id = user.id().ok_or("it shows a user without an id")?;
        let user_name =
            user.text("userName").ok_or_else(|| format!("it shows the user {target_id} without a userName"))?;
        Ok(TargetAccount {
            external_id: user.text("externalId").map(str::to_owned),
            user_name: user_name.to_owned(),
            addresses: user.values("emails").into_iter().map(str::to_owned).collect(),
            active: user.active().unwrap_or(true),
            attributes: self.attributes(user, user_name),
            roles: self.roles.map(|name| user.values(name)).unwrap_or_default().into_iter().map(role).collect(),
            target_id,
        })
    }

    /// The attributes that a user shows, under our names. Attributes of the enterprise extension appear under both
    /// spellings, because a configuration may use either.
    fn attributes(&self, user: &Resource, user_name: &str) -> Attributes {
        let mut found: Attributes = attribute::MAPPED_BY_DEFAULT
            .iter()
            .filter_map(|&name| {
                let shown = self.places(name).iter().find_map(|place| place.read(user).cloned())?;
                Some((name.to_owned(), Value::from_json(&shown)?))
            })
            .collect();
        found.entry(self.user_name.clone()).or_insert_with(|| user_name.into());
        found.extend(self.custom_attributes(user));
        found
    }

    fn custom_attributes(&self, user: &Resource) -> BTreeMap<String, Value> {
        let urn = self.custom_schema.as_deref().unwrap_or(ENTERPRISE);
        let Some(Json::Object(extension)) = user.get(urn) else { return BTreeMap::new() };
        let mut found = BTreeMap::new();
        for (name, value) in extension {
            let Some(value) = Value::from_json(value) else { continue };
            let enterprise = ENTERPRISE_NAMES.iter().find(|(theirs, _)| theirs.eq_ignore_ascii_case(name));
            match (&self.custom_schema, enterprise) {
                (None, Some((theirs, ours))) => {
                    found.insert(format!("{CUSTOM_PREFIX}{theirs}"), value.clone());
                    found.insert(format!("{CUSTOM_PREFIX}{ours}"), value);
                }
                // The rest of the enterprise extension (the manager) is nothing that we could write.
                (None, None) => {}
                (Some(_), _) => drop(found.insert(format!("{CUSTOM_PREFIX}{name}"), value)),
            }
        }
        found
    }
}

fn role(name: &str) -> Role {
    Role(name.to_owned())
}

fn json_of(value: &Value) -> Json {
    value.to_json()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(change: impl FnOnce(&mut ScimSettings)) -> Mapping {
        let mut settings: ScimSettings = serde_json::from_value(json!({"url": "http://localhost/scim"})).unwrap();
        change(&mut settings);
        Mapping::new(&settings)
    }

    fn attributes(pairs: &[(&str, &str)]) -> Attributes {
        pairs.iter().map(|&(name, value)| (name.to_owned(), value.into())).collect()
    }

    fn change(attribute: &str, before: Option<&str>, after: Option<&str>) -> AttributeChange {
        AttributeChange {
            attribute: attribute.to_owned(),
            before: before.map(Value::from),
            after: after.map(Value::from),
        }
    }

    #[test]
    fn what_is_written_reads_back_the_same() {
        let mapping = mapping(|_| ());
        let ours = attributes(&[
            ("email", "ann@acme.com"),
            ("preferred_username", "ann"),
            ("name", "Ann Lee"),
            ("given_name", "Ann"),
            ("family_name", "Lee"),
            ("picture", "https://acme.com/ann.png"),
            ("phone_number", "+49 30 1"),
            ("locale", "de-DE"),
            ("custom_attributes.cost_center", "42"),
        ]);
        let wishes = mapping.of_account(&ours, &Profile::default());
        assert_eq!(wishes.impossible, []);
        let user = DirectoryId::new("u1").unwrap();
        let mut body = Mapping::body(&user, mapping.user_name(&ours).unwrap(), &wishes.wishes);
        insta::assert_json_snapshot!(body);
        body.insert("id".to_owned(), "7".into());
        let mut account = mapping.account(&Resource::new(Json::Object(body)).unwrap()).unwrap();
        account.attributes.remove("custom_attributes.costCenter");
        assert_eq!(account.attributes, ours);
        assert_eq!((account.external_id.as_deref(), account.user_name.as_str()), (Some("u1"), "ann@acme.com"));
    }

    #[test]
    fn an_address_is_not_changed_unless_the_settings_allow_it() {
        let changes = [change("email", Some("a@acme.com"), Some("b@acme.com")), change("name", None, Some("B"))];
        let wishes = mapping(|_| ()).of_changes(&changes, &Profile::default());
        assert_eq!(wishes.impossible.len(), 1);
        assert!(wishes.wishes.iter().all(|wish| wish.attribute == "name"));

        let wishes = mapping(|settings| settings.mutable_email = true).of_changes(&changes, &Profile::default());
        assert!(wishes.wishes.iter().any(|wish| wish.place == Place::Plain("userName")));
    }

    #[test]
    fn an_adopted_account_keeps_the_user_name_that_somebody_else_gave_it() {
        let wishes = mapping(|_| ()).of_changes(&[change("email", None, Some("a@acme.com"))], &Profile::default());
        assert!(wishes.wishes.iter().all(|wish| wish.place != Place::Plain("userName")));
        assert_eq!(wishes.wishes.len(), 1);
    }

    #[test]
    fn attributes_of_its_own_go_to_the_schema_that_the_settings_name() {
        let ours = attributes(&[("custom_attributes.badge", "7")]);
        let lost = mapping(|_| ()).of_account(&ours, &Profile::default());
        assert_eq!(lost.wishes, []);
        assert_eq!(lost.impossible[0].0, "custom_attributes.badge");
        let mapping = mapping(|settings| settings.custom_schema = Some("urn:acme:User".to_owned()));
        let kept = mapping.of_account(&ours, &Profile::default());
        assert_eq!(kept.wishes[0].place.schema_path(), "urn:acme:User:badge");
    }

    #[test]
    fn what_the_targets_schemas_do_not_have_is_not_sent() {
        let profile = Profile {
            user_attributes: Some(["username", "displayname"].map(str::to_owned).into()),
            ..Profile::default()
        };
        let wishes = mapping(|_| ()).of_account(&attributes(&[("name", "Ann"), ("locale", "de")]), &profile);
        assert_eq!(wishes.wishes.iter().map(|wish| wish.place.schema_path()).collect::<Vec<_>>(), ["displayName"]);
        assert_eq!(wishes.impossible[0].0, "locale");
    }
}
