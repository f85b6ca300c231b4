//! A snapshot that an earlier version wrote goes on where it was: nothing is held, nothing is forgotten, and the next
//! plan is empty. The snapshots in `fixtures/` were written by the last versions of their formats after three runs: twelve
//! people of whom one is of a foreign domain, roles as groups, and one leaver. That of format 2 was one of format 1 before,
//! and a fourth run has laid a group over its mirror that no rule names.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rollcall::apply::ChangeSubject;
use rollcall::config;
use rollcall::guard::Reviewed;
use rollcall::run::{Session, runs};
use rollcall::snapshot::{Facts as _, History as _, Ledger as _, Mirror as _, SledStore, Store as _, fact};
use rollcall_kit::DirectoryId;

fn fixture(format: u8) -> PathBuf {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rollcall/fixtures");
    fixtures.join(format!("snapshot-format-{format}"))
}

/// Lays the snapshot of the version before last into a folder.
fn earlier(folder: &Path) -> PathBuf {
    of_format(1, folder)
}

/// Lays the snapshot of an earlier version into a folder.
fn of_format(format: u8, folder: &Path) -> PathBuf {
    let state = folder.join("state/acme");
    fs::create_dir_all(state.join("db/blobs")).unwrap();
    for entry in fs::read_dir(fixture(format)).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            let to = state.join(entry.file_name());
            fs::create_dir(&to).unwrap();
            for file in fs::read_dir(&path).unwrap().flatten() {
                fs::copy(file.path(), to.join(file.file_name())).unwrap();
            }
            continue;
        }
        match path.extension().is_some_and(|extension| extension == "zst") {
            true => {
                let unpacked = File::create(state.join("db").join(path.file_stem().unwrap())).unwrap();
                zstd::stream::copy_decode(File::open(&path).unwrap(), unpacked).unwrap();
            }
            false => drop(fs::copy(&path, state.join(entry.file_name())).unwrap()),
        }
    }
    fs::rename(state.join("people.json"), folder.join("people.json")).unwrap();
    state
}

#[test]
fn a_snapshot_of_format_1_keeps_everybody_everything_and_its_seal() {
    let folder = tempfile::tempdir().unwrap();
    let state = earlier(folder.path());
    let store = SledStore::open(&state).unwrap();
    assert!(store.is_sealed(), "{:?}", store.broken());
    assert_eq!(store.mirror_counts(), (12, 2));
    assert_eq!(store.users().count(), 12);
    let counts = store.account_counts();
    assert_eq!((counts.active, counts.inactive), (10, 1));
    let groups: Vec<_> = store.ledger_groups().map(Result::unwrap).collect();
    let sizes: Vec<_> = groups.iter().map(|group| (group.name.as_str(), group.members.len())).collect();
    assert_eq!(sizes, [("admin", 2), ("editor", 11)]);
    assert_eq!(store.generation().unwrap(), 20);
    assert!(store.certificate().unwrap().is_some() && store.fact(fact::APPLIED_RULES).unwrap().is_some());
    let kept = runs(&store, 10).unwrap();
    assert_eq!(kept.len(), 3);
    assert_eq!((kept[2].plan.as_ref().unwrap().changes.len(), kept[2].outcomes.len()), (26, 26));
    assert!(store.run("20261130-035121052").unwrap().is_some());
    drop(store);
    assert!(!state.join("old").exists() && !state.join("new").exists(), "nothing of the database before stays");
    assert!(SledStore::open(&state).unwrap().is_sealed(), "also when it is opened again");
}

#[test]
fn an_upgrade_that_was_cut_short_before_the_new_seal_is_finished() {
    let folder = tempfile::tempdir().unwrap();
    let state = earlier(folder.path());
    drop(SledStore::open(&state).unwrap());
    fs::copy(fixture(1).join("seal.json"), state.join("seal.json")).unwrap();
    let store = SledStore::open(&state).unwrap();
    assert!(store.is_sealed(), "{:?}", store.broken());
    assert_eq!(store.users().count(), 12);
}

#[test]
fn an_upgrade_makes_no_damaged_snapshot_whole() {
    let folder = tempfile::tempdir().unwrap();
    let state = earlier(folder.path());
    let raw = sled::open(state.join("db")).unwrap();
    raw.remove(b"uu04").unwrap().expect("the record is there");
    raw.flush().unwrap();
    drop(raw);
    assert!(!SledStore::open(&state).unwrap().is_sealed());
    assert!(!SledStore::open(&state).unwrap().is_sealed(), "also when it is opened again");
}

#[test]
fn a_snapshot_of_format_1_whose_seal_was_lost_keeps_everybody_and_is_not_taken_for_a_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let state = earlier(folder.path());
    fs::remove_file(state.join("seal.json")).unwrap();
    let store = SledStore::open(&state).unwrap();
    assert!(!store.is_sealed());
    assert_eq!((store.users().count(), store.accounts().count()), (12, 11));
}

#[test]
fn a_snapshot_of_format_2_keeps_everybody_their_groups_and_its_seal_and_gets_its_indices() {
    let folder = tempfile::tempdir().unwrap();
    let state = of_format(2, folder.path());
    let store = SledStore::open(&state).unwrap();
    let seal = fs::read_to_string(state.join("seal.json")).unwrap();
    assert!(seal.contains("\"format\": 4"), "the version before would take its records for damaged: {seal}");
    assert!(store.is_sealed(), "{:?}", store.broken());
    assert_eq!(store.mirror_counts(), (12, 3));
    let groups: Vec<_> = store.groups().map(Result::unwrap).collect();
    let sizes: Vec<_> = groups.iter().map(|group| (group.name.as_str(), group.members.len())).collect();
    assert_eq!(sizes, [("misc", 2), ("ops", 2), ("staff", 12)]);
    let id = |text: &str| DirectoryId::new(text).unwrap();
    assert_eq!(store.groups_of(&id("u05")).unwrap(), [id("g-misc"), id("g-staff")]);
    assert_eq!(store.with_address("u05@acme.com").unwrap(), [id("u05")]);
    let account = store.account(&id("u05")).unwrap().unwrap();
    assert_eq!(store.with_target_id(&account.target_id).unwrap(), [id("u05")]);
    let with_role: Vec<_> = store.role_counts().unwrap().into_iter().map(|(role, number)| (role.0, number)).collect();
    assert_eq!(with_role, [("admin".to_owned(), 2), ("editor".to_owned(), 11)]);
    assert!(store.certificate().unwrap().is_some() && store.fact(fact::APPLIED_RULES).unwrap().is_some());
    assert_eq!(runs(&store, 10).unwrap().len(), 4);
    assert_eq!(store.verify().unwrap(), None);
    store.seal().unwrap();
    drop(store);
    let again = SledStore::open(&state).unwrap();
    assert!(again.is_sealed(), "also when it is opened again: {:?}", again.broken());
    assert_eq!(again.groups().count(), 3);
}

#[tokio::test]
async fn the_plan_after_an_upgrade_is_empty_and_nothing_is_held() {
    for format in [1, 2] {
        plan_after_an_upgrade(format).await;
    }
}

async fn plan_after_an_upgrade(format: u8) {
    let folder = tempfile::tempdir().unwrap();
    let state = of_format(format, folder.path());
    let store = Arc::new(SledStore::open(&state).unwrap());
    let target = store.fact(fact::TARGET).unwrap().unwrap();
    let token = folder.path().join("token");
    super::promises_support::private_file(&token, "a token");
    let text = format!(
        "state_dir = \"{folder}/state\"\n[organization.acme]\ndomains = [\"acme.com\"]\n\
         [organization.acme.directory]\nconnector = \"file\"\nusers = \"{folder}/people.json\"\n\
         [[organization.acme.role]]\ngroup = \"staff\"\nrole = \"editor\"\n\
         [[organization.acme.role]]\ngroup = \"ops\"\nrole = \"admin\"\n\
         [organization.acme.target]\nkind = \"scim\"\nurl = {target}\nroles = \"groups\"\ntoken = {{ file = \"{}\" }}\n",
        token.display(),
        folder = folder.path().display(),
    );
    let mut configuration = config::parse(folder.path().join("config.toml"), &text).unwrap();
    let organization = configuration.organizations.remove("acme").unwrap();
    let session = Arc::new(Session::with_store(organization, store).unwrap());
    match session.plan(&|_| {}).await.unwrap().end_with_plan().unwrap().1 {
        Reviewed::Cleared(approved) => {
            assert!(approved.plan().is_empty(), "{:?}", approved.plan().changes);
            assert_eq!(approved.plan().refusals.len(), 1);
        }
        held => panic!("held: {:?}", held.holds()),
    }
    // The record of changes begins now; what was done before is told from the plans that were kept.
    let somebody = ChangeSubject::User(DirectoryId::new("u01").unwrap());
    assert_eq!(session.store().changes_of(&somebody, 10).unwrap(), []);
    let explained = session.explain("u01", false).await.unwrap();
    let told = explained[0].gates.iter().filter(|gate| gate.title.starts_with("run 2026")).count();
    assert!(told > 0, "{:?}", explained[0].gates);
}
