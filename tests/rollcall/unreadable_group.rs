//! A group that was readable yesterday and is not today: nobody loses anything because of it, and the plan says so.

use std::path::Path;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::Timestamp;
use rollcall::demo::sandbox::Sandbox;
use rollcall::guard::Reviewed;
use rollcall::plan::{Action, Plan};
use rollcall::roster::Reason;
use rollcall::run::Session;
use rollcall::scim::ScimTarget;
use rollcall::snapshot::{MemoryStore, SledStore, Store};
use rollcall_kit::contract::reads_to_a_certificate;
use rollcall_kit::{
    Address, Attributes, Capabilities, Certificate, CertificateDraft, CheckFinding, Collection, Connector,
    DirectoryGroup, DirectoryId, DirectoryUser, Entries, Entry, LookUp, Member, ReadError, Source, Status, Unreadable,
    attribute,
};

/// A directory in memory.
#[derive(Clone, Default)]
struct Directory(Arc<Mutex<Vec<Entry>>>);

impl Directory {
    fn becomes(&self, entries: impl IntoIterator<Item = Entry>) {
        *self.0.lock().unwrap() = entries.into_iter().collect();
    }

    fn entries(&self) -> Vec<Entry> {
        self.0.lock().unwrap().clone()
    }

    fn users(&self) -> Vec<DirectoryUser> {
        let users = self.entries().into_iter().filter_map(|entry| match entry {
            Entry::User(user) => Some(*user),
            _ => None,
        });
        users.collect()
    }
}

#[async_trait]
impl Connector for Directory {
    fn kind(&self) -> &'static str {
        "memory"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { groups: true, ..Capabilities::default() }
    }

    async fn check(&self) -> Result<Vec<CheckFinding>, ReadError> {
        Ok(Vec::new())
    }

    async fn read(&self, entries: Entries) -> Result<Certificate, ReadError> {
        let source = Source { connector: "memory".into(), server: "here".into(), identity: "tests".into() };
        let mut draft = CertificateDraft::new(source, &["users", "groups"], Timestamp::UNIX_EPOCH);
        let users = self.users().len() as u64;
        let all = self.entries();
        // Nobody here has a user who cannot be read: what cannot be read is a group.
        for (name, entries) in [("users", users), ("groups", all.len() as u64 - users)] {
            draft.completed(Collection {
                name: name.to_owned(),
                query: "all".to_owned(),
                pages: 1,
                entries,
                announced: None,
                end: "the list ended".to_owned(),
            });
        }
        for entry in all {
            entries.send(entry).await?;
        }
        draft.certify(Timestamp::UNIX_EPOCH)
    }

    async fn look_up(&self, id: &DirectoryId) -> Result<LookUp, ReadError> {
        let found = self.users().into_iter().find(|user| user.id == *id);
        Ok(found.map_or(LookUp::Gone, |user| LookUp::Found(Box::new(user))))
    }

    async fn look_up_address(&self, address: &Address) -> Result<Vec<DirectoryUser>, ReadError> {
        Ok(self.users().into_iter().filter(|user| user.address().as_ref() == Some(address)).collect())
    }

    async fn look_up_group(&self, id: &DirectoryId) -> Result<Option<String>, ReadError> {
        let name = self.entries().into_iter().find_map(|entry| match entry {
            Entry::Group(group) if group.id == *id => Some(group.name),
            Entry::Unreadable(record) if record.id == *id => Some(record.label),
            _ => None,
        });
        Ok(name)
    }
}

fn id(text: &str) -> DirectoryId {
    DirectoryId::new(text).unwrap()
}

fn user(name: &str) -> Entry {
    Entry::User(Box::new(DirectoryUser {
        id: id(name),
        login: name.to_owned(),
        status: Status::Active,
        raw_status: String::new(),
        place: None,
        assigned: None,
        profile: [(attribute::EMAIL.to_owned(), format!("{name}@acme.com").into())].into(),
        raw: Attributes::new(),
    }))
}

fn group(name: &str, members: &[&str]) -> Entry {
    let members = members.iter().map(|member| Member::User(id(member))).collect();
    let group = DirectoryGroup {
        id: id(&format!("g-{name}")),
        name: name.to_owned(),
        place: None,
        members,
        unresolved_members: 0,
    };
    Entry::Group(Box::new(group))
}

fn nameless(group: &str) -> Entry {
    let problem = "it has no cn that is text".to_owned();
    Entry::Unreadable(Unreadable { id: id(&format!("g-{group}")), label: format!("cn={group}"), problem })
}

/// An organization whose rules name one group by its name and one by its id.
fn session(folder: &Path, sandbox: &Sandbox, directory: &Directory, store: Arc<dyn Store>) -> Arc<Session> {
    let token = folder.join("token");
    std::fs::write(&token, sandbox.token()).unwrap();
    std::fs::set_permissions(&token, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let text = format!(
        r#"
state_dir = "{folder}"
[organization.acme]
domains = ["acme.com"]
[organization.acme.directory]
connector = "file"
users = "unused.json"
[[organization.acme.role]]
group = "core"
role = "editor"
[[organization.acme.role]]
group = {{ id = "g-money" }}
role = "accountant"
[organization.acme.target]
kind = "scim"
url = "{url}"
token = {{ file = "{token}" }}
"#,
        folder = folder.display(),
        url = sandbox.url(),
        token = token.display(),
    );
    let mut configuration = rollcall::config::parse(folder.join("config.toml"), &text).unwrap();
    let organization = configuration.organizations.remove("acme").unwrap();
    let target = ScimTarget::new(&organization.target).unwrap();
    Arc::new(Session::new(organization, store, Arc::new(directory.clone()), Arc::new(target)).unwrap())
}

/// Plans, applies whatever it is, and hands the plan back.
async fn run(session: &Arc<Session>) -> Plan {
    let (run, reviewed) = session.plan(&|_| {}).await.unwrap().into_parts();
    let plan = reviewed.plan().clone();
    match reviewed {
        Reviewed::Cleared(approved) if approved.plan().is_empty() => run.nothing_to_do(approved).unwrap(),
        Reviewed::Cleared(approved) => run.apply(approved, &|_| {}).await.unwrap(),
        Reviewed::Parted(parted) => run.apply(parted.into_part(), &|_| {}).await.unwrap(),
        Reviewed::Held(held) => run.apply(held.approve("test", "by hand"), &|_| {}).await.unwrap(),
    };
    plan
}

/// What the plan says of records that cannot be read.
fn unreadable(plan: &Plan) -> Vec<String> {
    let odd = plan.refusals.iter().filter(|refusal| refusal.reason == Reason::RecordUnreadable);
    odd.map(|refusal| refusal.label.clone()).collect()
}

fn roles(sandbox: &Sandbox, name: &str) -> Vec<String> {
    let users = sandbox.users();
    users.into_iter().find(|user| user.user_name == format!("{name}@acme.com")).unwrap().roles
}

async fn nobody_loses_a_role(folder: &Path, store: Arc<dyn Store>) {
    let sandbox = Sandbox::start().unwrap();
    let directory = Directory::default();
    let session = session(folder, &sandbox, &directory, store);
    let people = || ["jane", "joe", "kim"].map(user);
    let with = |groups: [Entry; 3]| directory.becomes(people().into_iter().chain(groups));

    with([group("core", &["jane", "kim"]), group("money", &["joe"]), group("other", &["kim"])]);
    run(&session).await;
    let held = || [roles(&sandbox, "jane"), roles(&sandbox, "joe"), roles(&sandbox, "kim")].concat();
    assert_eq!(held(), ["editor", "accountant", "editor"]);

    // Two days in a row, for the second is compared with what the first kept.
    for _ in 0..2 {
        with([nameless("core"), nameless("money"), group("other", &["kim"])]);
        reads_to_a_certificate(&directory).await;
        let plan = run(&session).await;
        assert!(plan.is_empty(), "{:?}", plan.changes);
        assert_eq!(unreadable(&plan), ["cn=core", "cn=money"]);
        let notes: Vec<&str> = plan.notes.iter().map(|note| note.sentence.as_str()).collect();
        assert!(
            notes[0].starts_with("The group core could not be read (cn=core: it has no cn that is text). It counts")
        );
        assert_eq!(notes.len(), 2, "{notes:?}");
        assert_eq!(held(), ["editor", "accountant", "editor"]);
    }

    // Whoever really leaves is out all the same.
    let left = people().into_iter().skip(1).chain([nameless("core"), nameless("money"), group("other", &["kim"])]);
    directory.becomes(left);
    let plan = run(&session).await;
    let actions: Vec<Action> = plan.changes.iter().map(|change| change.action.clone()).collect();
    assert_eq!(actions, [Action::Deactivate], "{:?}", plan.changes);

    // Readable again, the groups count again as they are now.
    directory.becomes(["joe", "kim"].map(user).into_iter().chain([group("core", &["kim"]), group("money", &[])]));
    let plan = run(&session).await;
    assert_eq!(unreadable(&plan), [""; 0]);
    assert_eq!([roles(&sandbox, "joe"), roles(&sandbox, "kim")].concat(), ["editor"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_loses_a_role_through_a_group_that_cannot_be_read_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    nobody_loses_a_role(folder.path(), Arc::new(MemoryStore::new())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_loses_a_role_through_a_group_that_cannot_be_read_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let store = SledStore::open(&folder.path().join("snapshot")).unwrap();
    nobody_loses_a_role(folder.path(), Arc::new(store)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_could_never_be_read_gives_nothing_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::start().unwrap();
    let directory = Directory::default();
    let session = session(folder.path(), &sandbox, &directory, Arc::new(MemoryStore::new()));
    directory.becomes([user("jane"), user("joe"), nameless("core"), nameless("money")]);
    let (_, reviewed) = session.plan(&|_| {}).await.unwrap().end_with_plan().unwrap();
    let plan = reviewed.plan();
    assert!(plan.changes.iter().all(|change| matches!(change.action, Action::Create { .. })), "{:?}", plan.changes);
    assert_eq!(unreadable(plan), ["cn=core", "cn=money"]);
    assert!(plan.refusals.iter().any(|refusal| refusal.reason == Reason::GroupMissing), "{:?}", plan.refusals);
    assert!(!reviewed.holds().is_empty());
}
