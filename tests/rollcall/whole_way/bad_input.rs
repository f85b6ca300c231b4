//! What people get wrong, and what breaks: each is a clear sentence and the right exit code, and costs nobody anything.

use std::time::Duration;

use rollcall_test_servers::free_port;
use rollcall_test_servers::gate::{Cut, WriteGate};
use rollcall_test_servers::ldap::{DirectoryServer, OpenLdap, Samba};
use rollcall_test_servers::scim::{ScimKind, ScimServer};
use serde_json::{Value as Json, json};

use super::dump::Dump;
use super::seed;
use super::world::{Delivery, Ran, World};

const PEOPLE: u32 = 300;

/// A world that was provisioned, and what it must look like after every mishap.
struct Settled<'a> {
    world: World,
    target: &'a ScimServer,
    before: Dump,
    config: Json,
}

impl<'a> Settled<'a> {
    fn new(directory: &impl DirectoryServer, target: &'a ScimServer, rules: &[(&str, &str)]) -> Self {
        let world = World::between(directory, target).with_roles(Delivery::Attribute, rules);
        world.apply();
        let config = world.config.clone();
        Self { world, target, before: Dump::of(target), config }
    }

    /// Applies with a mistake in the configuration, which is mended afterwards.
    fn with(&mut self, mistake: impl FnOnce(&mut World), codes: &[i32], sentences: &[&str]) -> Ran {
        mistake(&mut self.world);
        let ran = self.world.run(&["apply", "--yes"]).expect_one_of(codes).says(sentences);
        self.untouched();
        self.world.config = self.config.clone();
        ran
    }

    fn untouched(&self) {
        Dump::of(self.target).is_the_same_as(&self.before);
    }
}

#[test]
fn mistakes_about_an_openldap_cost_nobody_anything() {
    let server = OpenLdap::start_with(PEOPLE, 20, &[("SIZELIMIT", "100")]);
    let target = ScimServer::start(ScimKind::Scim2);
    let mut settled = Settled::new(&server, &target, &seed::OPENLDAP_ROLES);
    let base = server.base();

    let other = server.other_ca_file();
    settled.with(|world| world.directory()["ca_file"] = json!(other), &[1], &["certificate"]);
    settled.with(|world| world.set_password("wrong"), &[1], &["refused the sign-in", "cn=reader"]);
    settled.world.set_password(server.reader().1);
    let nowhere = format!("ou=nowhere,{base}");
    settled.with(|world| world.directory()["users"]["bases"] = json!([nowhere]), &[1], &[&nowhere]);
    let port = free_port();
    settled.with(
        |world| world.directory()["servers"] = json!([format!("ldaps://127.0.0.1:{port}")]),
        &[1],
        &[&format!("127.0.0.1:{port}")],
    );
    for (name, sentence) in
        [("reader-nothing", "result code 32"), ("reader-nomail", "members of groups"), ("reader-hard", "incomplete")]
    {
        let (dn, password) = server.account(name);
        let file = settled.world.secret("other.password", &password);
        settled.with(
            |world| {
                world.directory()["bind_dn"] = dn.as_str().into();
                world.directory()["bind_password"] = json!({ "file": file });
            },
            &[1],
            &[sentence],
        );
    }
    // A reader who sees the base but nobody in it is told by the count.
    let (dn, password) = server.account("reader-nothing");
    let file = settled.world.secret("other.password", &password);
    settled.with(
        |world| {
            world.directory()["users"]["bases"] = json!([base]);
            world.directory()["bind_dn"] = dn.as_str().into();
            world.directory()["bind_password"] = json!({ "file": file });
        },
        &[1],
        &["no users at all"],
    );
    // A filter that was edited to let nobody through, and one that lets half through.
    settled.with(|world| world.directory()["users"]["filter"] = "(uid=nobody)".into(), &[1, 3], &[]);
    settled.with(
        |world| world.directory()["users"]["filter"] = "(!(uid=u00001*))".into(),
        &[3],
        &["deactivate", "nobody was asked"],
    );
    settled.with(|world| world.organization()["domains"] = json!(["example.net"]), &[3], &["nobody was asked"]);
    groups_that_cannot_be_found(&mut settled);
    settled.world.apply();
    settled.untouched();
    targets_that_do_not_answer(&mut settled, &server);
}

fn groups_that_cannot_be_found(settled: &mut Settled<'_>) {
    // Another name for a group that nobody has: its role is neither given nor taken.
    settled.with(
        |world| world.organization()["role"][6]["group"] = "no such group".into(),
        &[3, 4],
        &["no such group"],
    );
    // The groups' base is edited away from most of them.
    settled.with(
        |world| world.directory()["groups"]["filter"] = "(cn=g0000*)".into(),
        &[3, 4],
        &["group-missing", "revokes nothing"],
    );
}

/// With somebody to deactivate: where nothing is to be written, the target need not be asked.
fn targets_that_do_not_answer(settled: &mut Settled<'_>, server: &OpenLdap) {
    server.modify(&format!("dn: uid=u0000030,ou=people,{}\nchangetype: delete\n", server.base()));
    let wrong = settled.world.secret("wrong.token", "wrong");
    let port = free_port();
    let nowhere = format!("127.0.0.1:{port}");
    settled.world.target()["token"] = json!({ "file": wrong });
    settled.world.run(&["check"]).expect(1).says(&["401"]);
    settled.with(|_| (), &[1, 4], &["401"]);
    settled.world.target()["url"] = format!("http://{nowhere}/v2").into();
    settled.world.run(&["check"]).expect(1).says(&[&nowhere]);
    settled.with(|_| (), &[1, 4], &[&nowhere]);

    // They are not forgotten over it.
    settled.world.apply();
    let after = Dump::of(settled.target);
    after.differs_only_in(&settled.before, &["u0000030@example.com"], &[]);
    assert!(!after.accounts()["u0000030@example.com"].active);
    settled.world.expect_nothing_pending();
}

#[test]
fn a_blind_reader_of_an_active_directory_puts_nobody_out() {
    let server = Samba::start(PEOPLE, 20);
    let target = ScimServer::start(ScimKind::Scimmy);
    let mut settled = Settled::new(&server, &target, &seed::SAMBA_ROLES);
    let (dn, password) = server.blind_reader();
    let file = settled.world.secret("blind.password", password);
    settled.with(
        |world| {
            world.directory()["bind_dn"] = dn.into();
            world.directory()["bind_password"] = json!({ "file": file });
        },
        &[1],
        &["no users at all", "sent"],
    );
    settled.with(|world| world.set_password("wrong"), &[1], &["refused the sign-in", "password is wrong"]);
}

/// Also not at the highest level of the libraries below us, which see the password in clear text.
#[test]
fn the_directorys_password_is_in_nothing_that_is_printed_or_kept() {
    let server = OpenLdap::start(20, 2);
    let target = ScimServer::start(ScimKind::Scim2);
    let world = World::between(&server, &target);
    let right = server.reader().1.to_owned();
    let mut printed = 0;
    for password in [right.as_str(), "qX7-of-nobody-vK2"] {
        world.set_password(password);
        for arguments in [["check", "-vv"], ["plan", "-vv"], ["apply", "--yes"]] {
            let ran = world.run_logging(&arguments, "trace");
            printed += ran.stderr.len();
            for text in [&ran.stdout, &ran.stderr] {
                assert!(!text.contains(password) && !text.contains(&hex(password)), "{arguments:?}: {text}");
            }
        }
        assert_eq!(world.holders(password), ["reader.password"], "the password was kept");
    }
    assert!(printed > 100_000, "the log was not switched on: {printed}");
}

/// As a library prints bytes.
fn hex(text: &str) -> String {
    format!("{:?}", text.as_bytes()).trim_matches(['[', ']']).to_owned()
}

#[test]
fn a_target_that_goes_away_in_the_middle_is_told_and_nothing_is_forgotten() {
    let server = OpenLdap::start(PEOPLE, 20);
    let target = ScimServer::start(ScimKind::Scim2);
    let mut world = World::between(&server, &target);
    world.target()["http"]["attempts"] = 1.into();
    let gate = WriteGate::start(target.url());
    world.target()["url"] = gate.url().into();
    let arguments = ["apply", "--yes"];
    gate.arm("POST", 40, Cut::Request);
    let apply = world.start(&arguments);
    gate.wait_until_holding(Duration::from_secs(60));
    let url = gate.url().to_owned();
    drop((target, gate));
    let address = url.trim_start_matches("http://").split('/').next().unwrap();
    World::end(&arguments, apply).expect_one_of(&[1, 4]).says(&[address]);
    // What is not known is not guessed: the next run cannot ask, says so, and changes nothing.
    world.run(&["plan"]).expect(1).says(&[address]);
    world.run(&["status"]).expect(0);
}
