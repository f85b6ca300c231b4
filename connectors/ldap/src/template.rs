//! First configurations for LDAP servers: what differs between them, and what does not.

use rollcall_kit::template::{Answers, Template, quoted};

/// One for each kind of server.
pub(crate) const TEMPLATES: [Template; 5] = [
    Template { name: "openldap", title: "OpenLDAP", write: |answers| write(answers, &common(answers)) },
    Template {
        name: "active-directory",
        title: "Active Directory, Samba AD",
        write: |answers| write(answers, &active_directory(answers)),
    },
    Template {
        name: "389-ds",
        title: "389 Directory Server",
        write: |answers| write(answers, &Preset { flavour: "389-ds", ..common(answers) }),
    },
    Template {
        name: "freeipa",
        title: "FreeIPA, Red Hat Identity Management",
        write: |answers| write(answers, &freeipa(answers)),
    },
    Template { name: "lldap", title: "lldap", write: |answers| write(answers, &lldap(answers)) },
];

/// What differs between LDAP servers in a first configuration.
struct Preset {
    flavour: &'static str,
    host: &'static str,
    port: &'static str,
    bind_dn: String,
    users: String,
    groups: String,
    comment: &'static str,
    may_leave_names: bool,
}

/// For servers that clean up behind the deleted only if somebody made them.
const LEAVES_NAMES: &str = "\
# If this server leaves the names of deleted people in its groups (no referential integrity), say so: otherwise somebody
# who is not found, but whom a group still names, may be hidden from the reader, and waits for a person.
#leaves_names = true
";

/// `dc=acme,dc=com` for `acme.com`.
fn base(answers: &Answers) -> String {
    answers.domain().split('.').map(|label| format!("dc={label}")).collect::<Vec<_>>().join(",")
}

fn common(answers: &Answers) -> Preset {
    let base = base(answers);
    Preset {
        flavour: "openldap",
        host: "ldap",
        port: "",
        bind_dn: format!("cn=rollcall,ou=services,{base}"),
        users: format!("ou=people,{base}"),
        groups: format!("ou=groups,{base}"),
        comment: "Where users are. Everything below counts.",
        may_leave_names: true,
    }
}

fn active_directory(answers: &Answers) -> Preset {
    let base = base(answers);
    Preset {
        flavour: "active-directory",
        host: "dc1",
        bind_dn: format!("CN=Rollcall,CN=Users,{base}"),
        users: base.clone(),
        groups: base,
        comment: "Where users are. Name an organisational unit here if not everybody of the domain is meant.",
        may_leave_names: false,
        ..common(answers)
    }
}

fn freeipa(answers: &Answers) -> Preset {
    let base = base(answers);
    Preset {
        flavour: "freeipa",
        host: "ipa",
        bind_dn: format!("uid=rollcall,cn=sysaccounts,cn=etc,{base}"),
        users: format!("cn=users,cn=accounts,{base}"),
        groups: format!("cn=groups,cn=accounts,{base}"),
        comment: "Where users are. Keep to cn=accounts: cn=compat shows everybody a second time.",
        may_leave_names: false,
        ..common(answers)
    }
}

fn lldap(answers: &Answers) -> Preset {
    Preset {
        flavour: "lldap",
        port: ":6360",
        bind_dn: format!("uid=rollcall,ou=people,{}", base(answers)),
        comment: "Where users are. lldap knows no disabled users: who should leave is deleted there.",
        may_leave_names: false,
        ..common(answers)
    }
}

fn write(answers: &Answers, preset: &Preset) -> String {
    let [bind_dn, users, groups] = [&preset.bind_dn, &preset.users, &preset.groups].map(|text| quoted(text));
    format!(
        "\
connector = \"ldap\"
flavour = \"{flavour}\"
# Tried in order; one read stays on one server. `ldap://` needs start_tls = true.
servers = [{server}]
# A certificate authority of your own; without it the system's count.
#ca_file = \"/etc/ssl/certs/acme-ca.pem\"
# An account that may read, and nothing else.
bind_dn = {bind_dn}
bind_password = {{ file = {password} }}

# {comment}
[{users_heading}]
bases = [{users}]
#filter = \"(employeeType=staff)\"

[{groups_heading}]
bases = [{groups}]
{names}",
        flavour = preset.flavour,
        server = answers.source_or(&format!("ldaps://{}.{}{}", preset.host, answers.domain(), preset.port)),
        password = answers.secret_file("ldap"),
        comment = preset.comment,
        users_heading = answers.heading("directory.users"),
        groups_heading = answers.heading("directory.groups"),
        names = if preset.may_leave_names { LEAVES_NAMES } else { "" },
    )
}
