//! Dialects: what differs between kinds of LDAP servers, as presets that the settings can override part by part.
//! `docs/connectors/ldap.md` lists which of the directory's attributes each of ours comes from.

use rollcall_kit::{ReadError, attribute};

use crate::active::ActiveRule;
use crate::flavour::Flavour;
use crate::ids::IdSyntax;
use crate::root::RootDse;
use crate::settings::LdapSettings;

/// A flavour with the settings laid over it: everything that the read needs to know about this server.
#[derive(Clone, Debug)]
pub(crate) struct Dialect {
    pub(crate) flavour: Flavour,
    pub(crate) user_filter: String,
    /// The attributes by which that filter tells users from other entries. Every user has one of them at least.
    pub(crate) user_class_attributes: Vec<String>,
    pub(crate) group_filter: String,
    pub(crate) id_attribute: String,
    pub(crate) id_syntax: IdSyntax,
    pub(crate) active: ActiveRule,
    pub(crate) login: Vec<String>,
    /// Our attribute names, each with the directory's in order of preference.
    pub(crate) names: Vec<(&'static str, Vec<String>)>,
    pub(crate) raw: Vec<String>,
    pub(crate) group_name: String,
    pub(crate) member_attributes: Vec<String>,
    pub(crate) login_member_attributes: Vec<String>,
    pub(crate) primary_group: bool,
}

/// What a flavour presets.
struct Preset {
    user: &'static str,
    group: &'static str,
    id: &'static str,
    active: ActiveRule,
    login: &'static [&'static str],
    names: &'static [(&'static str, &'static [&'static str])],
    members: &'static [&'static str],
    login_members: &'static [&'static str],
    primary_group: bool,
}

/// RFC 2798 and RFC 4519.
const COMMON_NAMES: &[(&str, &[&str])] = &[
    (attribute::EMAIL, &["mail"]),
    ("emails", &["mail"]),
    (attribute::PREFERRED_USERNAME, &["uid"]),
    (attribute::NAME, &["displayName", "cn"]),
    (attribute::GIVEN_NAME, &["givenName"]),
    (attribute::FAMILY_NAME, &["sn"]),
    (attribute::PHONE_NUMBER, &["telephoneNumber", "mobile"]),
    (attribute::LOCALE, &["preferredLanguage"]),
    ("preferred_language", &["preferredLanguage"]),
    ("department", &["departmentNumber", "ou"]),
    ("title", &["title"]),
    ("employee_number", &["employeeNumber"]),
    ("employee_type", &["employeeType"]),
    ("organization", &["o"]),
    ("manager", &["manager"]),
    ("office", &["physicalDeliveryOfficeName", "roomNumber"]),
];

const ACTIVE_DIRECTORY_NAMES: &[(&str, &[&str])] = &[
    (attribute::EMAIL, &["mail", "proxyAddresses"]),
    ("emails", &["mail", "proxyAddresses"]),
    (attribute::PREFERRED_USERNAME, &["userPrincipalName", "sAMAccountName"]),
    (attribute::NAME, &["displayName", "cn"]),
    (attribute::GIVEN_NAME, &["givenName"]),
    (attribute::FAMILY_NAME, &["sn"]),
    (attribute::PHONE_NUMBER, &["telephoneNumber", "mobile"]),
    (attribute::LOCALE, &["preferredLanguage"]),
    ("preferred_language", &["preferredLanguage"]),
    ("department", &["department"]),
    ("title", &["title"]),
    ("employee_number", &["employeeNumber", "employeeID"]),
    ("employee_type", &["employeeType"]),
    ("organization", &["company"]),
    ("manager", &["manager"]),
    ("office", &["physicalDeliveryOfficeName"]),
];

const LLDAP_NAMES: &[(&str, &[&str])] = &[
    (attribute::EMAIL, &["mail"]),
    ("emails", &["mail"]),
    (attribute::PREFERRED_USERNAME, &["uid"]),
    (attribute::NAME, &["cn"]),
    (attribute::GIVEN_NAME, &["givenName"]),
    (attribute::FAMILY_NAME, &["sn"]),
];

/// Names that are the directory's for attributes of ours, whatever its flavour.
pub(crate) fn usual_names() -> impl Iterator<Item = &'static str> {
    let names = COMMON_NAMES.iter().chain(ACTIVE_DIRECTORY_NAMES).flat_map(|(_, names)| *names).copied();
    names.chain(["userAccountControl", "accountExpires", "primaryGroupID", "pwdAccountLockedTime", "nsAccountLock"])
}

impl Preset {
    fn of(flavour: Flavour) -> Option<Self> {
        let openldap = Self {
            user: "(objectClass=inetOrgPerson)",
            group: "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=posixGroup))",
            id: "entryUUID",
            active: ActiveRule::AccountLockedTime,
            login: &["uid"],
            names: COMMON_NAMES,
            members: &["member", "uniqueMember"],
            login_members: &["memberUid"],
            primary_group: false,
        };
        Some(match flavour {
            Flavour::Auto => return None,
            Flavour::OpenLdap => openldap,
            Flavour::ActiveDirectory => Self {
                // Normal accounts only: `objectClass=user` holds for computers too. Critical system objects are the
                // built-in ones, such as krbtgt and Guest.
                user: "(&(sAMAccountType=805306368)(!(isCriticalSystemObject=TRUE)))",
                group: "(objectClass=group)",
                id: "objectGUID",
                active: ActiveRule::UserAccountControl,
                login: &["sAMAccountName"],
                names: ACTIVE_DIRECTORY_NAMES,
                members: &["member"],
                login_members: &[],
                primary_group: true,
            },
            Flavour::Ds389 => Self { id: "nsUniqueId", active: ActiveRule::NsAccountLock, ..openldap },
            Flavour::FreeIpa => Self {
                // Groups of users only: roles, sudo rules and access rules have the same classes.
                user: "(objectClass=posixAccount)",
                group: "(objectClass=ipaUserGroup)",
                id: "ipaUniqueID",
                active: ActiveRule::NsAccountLock,
                members: &["member"],
                login_members: &[],
                ..openldap
            },
            Flavour::Lldap => Self {
                user: "(objectClass=person)",
                group: "(objectClass=groupOfUniqueNames)",
                active: ActiveRule::Present,
                names: LLDAP_NAMES,
                members: &["uniqueMember"],
                login_members: &[],
                ..openldap
            },
        })
    }
}

impl Dialect {
    /// Lays the settings over the flavour's preset; the root entry decides if the settings say `auto`.
    pub(crate) fn resolve(settings: &LdapSettings, root: &RootDse) -> Result<Self, ReadError> {
        let flavour = match settings.flavour {
            Flavour::Auto => root.flavour().ok_or_else(|| {
                ReadError::Settings(
                    "the server does not say what kind it is; set flavour to openldap, active-directory, 389-ds, freeipa \
                     or lldap"
                        .to_owned(),
                )
            })?,
            named => named,
        };
        let Some(preset) = Preset::of(flavour) else {
            return Err(ReadError::Settings("the flavour auto has no preset of its own".to_owned()));
        };
        Ok(Self::lay_over(flavour, preset, settings))
    }

    fn lay_over(flavour: Flavour, preset: Preset, settings: &LdapSettings) -> Self {
        let groups = settings.groups.clone().unwrap_or_default();
        let id_attribute = settings.id_attribute.clone().unwrap_or_else(|| preset.id.to_owned());
        let users = &settings.users;
        Self {
            flavour,
            user_class_attributes: attributes_of(users.class_filter.as_deref().unwrap_or(preset.user)),
            user_filter: filter(preset.user, users.class_filter.as_deref(), users.filter.as_deref()),
            group_filter: filter(preset.group, groups.class_filter.as_deref(), groups.filter.as_deref()),
            id_syntax: IdSyntax::of(&id_attribute),
            id_attribute,
            active: settings.active.clone().unwrap_or(preset.active),
            login: settings.attributes.login.clone().unwrap_or_else(|| owned(preset.login)),
            names: names(settings, preset.names),
            raw: settings.attributes.raw.clone(),
            group_name: groups.name_attribute.unwrap_or_else(|| "cn".to_owned()),
            member_attributes: groups.member_attributes.unwrap_or_else(|| owned(preset.members)),
            login_member_attributes: groups.login_member_attributes.unwrap_or_else(|| owned(preset.login_members)),
            primary_group: groups.primary_group.unwrap_or(preset.primary_group),
        }
    }

    /// What to ask for on users: by name only, so that photos and other large things stay where they are.
    pub(crate) fn user_attributes(&self) -> Vec<String> {
        let mut all = vec![self.id_attribute.clone()];
        all.extend(self.login.iter().chain(&self.raw).cloned());
        all.extend(self.names.iter().flat_map(|(_, names)| names.iter().cloned()));
        all.extend(self.active.attributes().map(str::to_owned));
        if self.primary_group {
            all.extend(["objectSid".to_owned(), "primaryGroupID".to_owned()]);
        }
        without_repeats(all)
    }

    /// What to ask for on groups.
    pub(crate) fn group_attributes(&self) -> Vec<String> {
        let mut all = vec!["objectClass".to_owned(), self.id_attribute.clone(), self.group_name.clone()];
        all.extend(self.member_attributes.iter().chain(&self.login_member_attributes).cloned());
        if self.flavour == Flavour::ActiveDirectory {
            // Tells whether the group changed while its members were fetched in slices.
            all.push("uSNChanged".to_owned());
        }
        if self.primary_group {
            all.push("objectSid".to_owned());
        }
        without_repeats(all)
    }

    /// Whether members are looked for in an attribute.
    pub(crate) fn reads_members_from(&self, attribute: &str) -> bool {
        self.member_attributes.iter().any(|name| name.eq_ignore_ascii_case(attribute))
    }

    /// The attribute of the directory that is ours first of all, such as `mail` for `email`.
    pub(crate) fn names_of(&self, ours: &str) -> &[String] {
        self.names.iter().find(|(name, _)| *name == ours).map_or(&[], |(_, names)| names)
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The class and the further condition as one filter.
fn filter(preset: &str, class: Option<&str>, further: Option<&str>) -> String {
    let wrapped = |text: &str| if text.starts_with('(') { text.to_owned() } else { format!("({text})") };
    let class = wrapped(class.unwrap_or(preset).trim());
    match further.map(str::trim) {
        None => class,
        Some(further) => format!("(&{class}{})", wrapped(further)),
    }
}

/// The attributes that a filter names. A value cannot be taken for one, because brackets in values are escaped.
fn attributes_of(filter: &str) -> Vec<String> {
    let conditions = filter.split('(').skip(1);
    let name = |condition: &str| {
        condition
            .split(['=', '~', '<', '>', ':', ';'])
            .next()
            .unwrap_or_default()
            .trim_matches(['&', '|', '!', ' '])
            .to_owned()
    };
    without_repeats(conditions.map(name).filter(|name| !name.is_empty()).collect())
}

fn names(settings: &LdapSettings, preset: &[(&'static str, &[&str])]) -> Vec<(&'static str, Vec<String>)> {
    let own = &settings.attributes;
    let overrides = [
        (attribute::EMAIL, &own.email),
        ("emails", &own.emails),
        (attribute::PREFERRED_USERNAME, &own.preferred_username),
        (attribute::NAME, &own.name),
        (attribute::GIVEN_NAME, &own.given_name),
        (attribute::FAMILY_NAME, &own.family_name),
        (attribute::PICTURE, &own.picture),
        (attribute::PHONE_NUMBER, &own.phone_number),
        (attribute::LOCALE, &own.locale),
        ("preferred_language", &own.locale),
        ("department", &own.department),
        ("title", &own.title),
        ("employee_number", &own.employee_number),
        ("employee_type", &own.employee_type),
        ("organization", &own.organization),
        ("cost_center", &own.cost_center),
        ("manager", &own.manager),
        ("office", &own.office),
    ];
    overrides
        .into_iter()
        .map(|(ours, own)| {
            let preset = || preset.iter().find(|(name, _)| *name == ours).map(|(_, names)| owned(names));
            (ours, own.clone().or_else(preset).unwrap_or_default())
        })
        .filter(|(_, names)| !names.is_empty())
        .collect()
}

fn without_repeats(names: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::with_capacity(names.len());
    for name in names {
        if !kept.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
            kept.push(name);
        }
    }
    kept
}

#[cfg(test)]
pub(crate) mod tests {
    use rollcall_kit::secret::SecretRef;

    use super::*;
    use crate::settings::{AttributeNames, Timeouts, UserSettings};

    /// Settings with nothing but what must be there.
    pub(crate) fn settings() -> LdapSettings {
        LdapSettings {
            servers: vec![url::Url::parse("ldaps://ldap.example.com").unwrap()],
            start_tls: false,
            ca_file: None,
            danger_clear_text: false,
            bind_dn: "cn=reader,dc=example".to_owned(),
            bind_password: SecretRef::Env("LDAP_PASSWORD".to_owned()),
            flavour: Flavour::Auto,
            users: UserSettings { bases: vec!["ou=people,dc=example".to_owned()], ..UserSettings::default() },
            groups: None,
            id_attribute: None,
            active: None,
            attributes: AttributeNames::default(),
            page_size: 500,
            timeouts: Timeouts::default(),
            ignorable_referrals: Vec::new(),
            optional_bases: Vec::new(),
            canary: None,
        }
    }

    /// A flavour as it comes.
    pub(crate) fn dialect(flavour: Flavour) -> Dialect {
        Dialect::lay_over(flavour, Preset::of(flavour).unwrap(), &settings())
    }

    #[test]
    fn a_filter_of_the_settings_narrows_the_class_and_never_widens_it() {
        assert_eq!(filter("(a=b)", None, None), "(a=b)");
        assert_eq!(filter("(a=b)", None, Some("(|(c=d)(e=f))")), "(&(a=b)(|(c=d)(e=f)))");
        assert_eq!(filter("(a=b)", Some("x=y"), Some("c=d")), "(&(x=y)(c=d))");
    }

    #[test]
    fn the_attributes_of_a_filter_are_those_that_it_compares() {
        assert_eq!(
            attributes_of("(&(sAMAccountType=805306368)(!(isCriticalSystemObject=TRUE))(cn=a\\28b=c\\29))"),
            ["sAMAccountType", "isCriticalSystemObject", "cn"]
        );
        assert_eq!(
            attributes_of("(| (objectClass=person) (uid:caseExactMatch:=x) (objectclass=a))"),
            ["objectClass", "uid"]
        );
    }

    #[test]
    fn every_preset_asks_by_name_only_and_never_for_a_photo() {
        for flavour in [Flavour::OpenLdap, Flavour::ActiveDirectory, Flavour::Ds389, Flavour::FreeIpa, Flavour::Lldap] {
            let preset = Preset::of(flavour).unwrap();
            assert!(ldap3::parse_filter(preset.user).is_ok() && ldap3::parse_filter(preset.group).is_ok());
            for (_, names) in preset.names {
                assert!(names.iter().all(|name| !name.contains(['*', '+']) && !name.to_lowercase().contains("photo")));
            }
        }
    }
}
