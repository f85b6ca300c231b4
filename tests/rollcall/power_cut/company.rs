//! The company whose directory is read and applied while the power is cut: a first day, and a second on which people
//! leave, come, and are called otherwise.

use rollcall::demo::company::{Company, Group, Person};
use rollcall::demo::sandbox::Sandbox;

use crate::command_support::person;

/// Limits beyond what the second day asks for.
pub(super) const LIMITS: &str = "[organization.lumen.limits]\n\
    deactivations = { count = 100000, share = \"100%\" }\nupdates = { count = 100000, share = \"100%\" }\n\
    role_revocations = { count = 100000, share = \"100%\" }\n\
    attribute_changes = { count = 100000, share = \"100%\" }\ncreations = { count = 100000 }\n";

/// What people have in the end, whatever the application calls them: name, id in the directory, name that is shown,
/// whether they may sign in, roles.
pub(super) type Ending = Vec<(String, Option<String>, Option<String>, bool, Vec<String>)>;

/// The two days of a company of this size.
pub(super) fn days(people: usize) -> [Company; 2] {
    let first = Company {
        people: (1..=people).map(somebody).collect(),
        groups: vec![Group {
            id: "g-1".into(),
            name: "eng".into(),
            members: (1..=people).step_by(3).map(id).collect(),
        }],
    };
    let mut second = first.clone();
    for (at, person) in second.people.iter_mut().enumerate() {
        match at % 10 {
            3 => person.status = "inactive".to_owned(),
            6 => person.name.1 = format!("{}-Ray", person.name.1),
            _ => {}
        }
    }
    let newcomers = people + 1..=people + people / 10;
    second.groups[0].members.extend(newcomers.clone().map(id));
    second.people.extend(newcomers.map(somebody));
    [first, second]
}

fn id(number: usize) -> String {
    format!("p-{number:06}")
}

fn somebody(number: usize) -> Person {
    person(&id(number), &format!("user.{number:06}"), ("Given", &format!("Family {number}")))
}

/// What people have now.
pub(super) fn ending(sandbox: &Sandbox) -> Ending {
    let accounts = sandbox.users().into_iter();
    let mut all: Ending = accounts
        .map(|account| (account.user_name, account.external_id, account.display_name, account.active, account.roles))
        .collect();
    all.sort();
    all
}

/// How many accounts somebody has beyond the first.
pub(super) fn twins(sandbox: &Sandbox) -> usize {
    let mut owners: Vec<_> = sandbox.users().into_iter().map(|account| account.external_id).collect();
    let all = owners.len();
    owners.sort();
    owners.dedup();
    all - owners.len()
}
