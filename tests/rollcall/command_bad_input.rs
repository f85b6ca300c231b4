//! Whatever is wrong with what Rollcall is given: a clear sentence, nothing lost, nobody put out.

use rollcall::demo::company::DOMAIN;
use rollcall::demo::sandbox::Fault;

use super::command_support::{Ran, Site, staff, staff_but};

/// Runs an unattended apply that must end like this without a write, and that leaves everybody as they were.
#[track_caller]
fn harmless(site: &Site, code: i32) -> Ran {
    let before = site.accounts();
    site.sandbox.forget_requests();
    let ran = site.run(&["apply", "--yes"]).ends_with(code);
    assert_eq!(site.sandbox.writes(), 0, "{}", ran.whole());
    assert_eq!(site.accounts(), before);
    ran
}

#[test]
fn a_wrong_configuration_is_pointed_at_in_its_file() {
    let site = Site::settled();
    let sound = site.configuration("");
    let wrong = [
        ("unknown_key", sound.replace("domains =", "domain =")),
        ("half_written", sound[..sound.len() / 2].to_owned()),
        ("no_toml", sound.replace("[organization.lumen]\n", "[organization.lumen\n")),
        ("no_target", sound.split("[organization.lumen.target]").next().unwrap().to_owned()),
        ("bad_expression", format!("{sound}[organization.lumen.scope]\nwhen = 'user.departmant == \"Research\"'\n")),
        ("bad_share", format!("{sound}[organization.lumen.limits]\ndeactivations = {{ share = \"500%\" }}\n")),
        ("bad_settings", sound.replace("company.json", "company.xml")),
        ("empty", String::new()),
    ];
    let mut text = String::new();
    for (name, configuration) in wrong {
        site.write("config.toml", &configuration);
        text.push_str(&format!("== {name}\n{}\n", harmless(&site, 78).whole()));
    }
    std::fs::remove_file(site.path("config.toml")).unwrap();
    text.push_str(&format!("== missing\n{}\n", harmless(&site, 78).whole()));
    site.golden("bad_configuration", &text);
}

#[test]
fn a_secret_that_cannot_be_had_or_that_others_can_read_stops_everything() {
    let site = Site::settled();
    // Whoever has nothing to ask the target needs no token, so somebody joins.
    site.directory(&staff_but(|company| {
        company.people.push(super::command_support::person("p-9", "new.one", ("New", "One")));
    }));
    let mut text = String::new();
    site.mode("token", 0o644);
    text.push_str(&harmless(&site, 1).whole());
    site.mode("token", 0o600);
    site.write("token", "  \n");
    text.push_str(&harmless(&site, 1).whole());
    std::fs::remove_file(site.path("token")).unwrap();
    text.push_str(&harmless(&site, 1).whole());
    site.golden("bad_secret", &text);
}

#[test]
fn a_target_that_cannot_be_reached_or_refuses_the_token_is_named() {
    let site = Site::settled();
    site.directory(&staff_but(|company| {
        company.people.push(super::command_support::person("p-9", "new.one", ("New", "One")));
    }));
    site.write("token", "wrong");
    let refused = harmless(&site, 1).whole();
    site.golden("target_refuses", &refused);
    site.write("token", site.sandbox.token());
    // Nothing listens on the discard port.
    let dead = site.configuration("").replace(site.sandbox.url(), "http://127.0.0.1:9/scim/v2");
    site.write("config.toml", &format!("{dead}[organization.lumen.target.http]\nattempts = 1\n"));
    site.golden("target_unreachable", &harmless(&site, 1).whole());
}

#[test]
fn a_directory_file_that_is_missing_cut_or_empty_puts_nobody_out() {
    let site = Site::settled();
    let whole = site.read("company.json");
    let mut text = String::new();
    for (name, content) in [
        ("cut", &whole[..whole.len() / 2]),
        ("empty", ""),
        ("nobody", r#"{"users": [], "groups": [], "count": 0}"#),
        ("count", &whole.replace("\"count\": 6", "\"count\": 7")),
        ("no_json", "uid,mail\n1,a@b.c\n"),
    ] {
        site.write("company.json", content);
        text.push_str(&format!("== {name}\n{}\n", harmless(&site, 1).err));
    }
    std::fs::remove_file(site.path("company.json")).unwrap();
    text.push_str(&format!("== missing\n{}\n", harmless(&site, 1).err));
    site.golden("bad_directory", &text);
    site.directory(&staff());
    site.run(&["plan", "--detailed-exitcode"]).ends_with(0);
}

#[test]
fn odd_people_stop_only_themselves() {
    let site = Site::settled();
    site.directory(&staff_but(|company| {
        company.people[0].email = None;
        company.people[1].email = Some(format!("bo.li@ext.{DOMAIN}"));
        company.people[2].email = Some(format!("DORA.VEY@{DOMAIN}"));
        company.people[4].email = Some(format!("ELI.STONE@{DOMAIN}"));
        company.people[5].name.0 = "F".repeat(200_000);
        company.people.push(super::command_support::person("p-7", "gus.hall", ("Gus", "Hall")));
    }));
    let ran = site.run(&["apply", "--yes"]).ends_with(0);
    site.golden("odd_people", &ran.out);
    let active: Vec<String> =
        site.accounts().into_iter().filter(|account| account.active).map(|account| account.user_name).collect();
    // Whose domain is not ours is out; who has no address, or one that somebody else has, is left as they were.
    assert_eq!(active.len(), 6, "{active:?}");
    assert!(!active.contains(&format!("bo.li@{DOMAIN}")) && active.contains(&format!("gus.hall@{DOMAIN}")));
}

#[test]
fn an_expression_that_fails_on_one_user_stops_only_that_user() {
    let site = Site::settled();
    site.configure(
        "[organization.lumen.attributes]\nlocale = 'user.login == \"bo.li\" ? user.locale.lowerAscii() : \"en\"'\n",
    );
    let ran = site.run(&["plan"]).ends_with(0);
    site.golden("bad_expression_on_one", &ran.out);
    assert_eq!(site.sandbox.writes(), 0);
}

#[test]
fn a_mapped_group_that_was_never_there_is_named_and_changes_nothing() {
    let site = Site::settled();
    site.configure("[[organization.lumen.role]]\ngroup = \"no-such-group\"\nrole = \"admin\"\n");
    site.golden("group_never_there", &harmless(&site, 0).whole());
}

#[test]
fn a_mapped_group_that_was_deleted_counts_as_empty_and_is_named() {
    let site = Site::settled();
    site.directory(&staff_but(|company| drop(company.groups.remove(0))));
    let ran = site.run(&["plan"]);
    site.golden("group_deleted", &ran.whole());
    assert_eq!(site.sandbox.writes(), 0);
}

#[test]
fn a_snapshot_that_another_process_holds_is_named_as_busy() {
    let site = Site::settled();
    // A process that waits at its prompt holds the snapshot.
    site.directory(&staff_but(|company| company.people[0].name.0 = "Augusta".to_owned()));
    let rollcall = env!("CARGO_BIN_EXE_rollcall");
    let mut holder = std::process::Command::new("script")
        .args(["--quiet", "--return", "--command", &format!("'{rollcall}' --config config.toml apply"), "/dev/null"])
        .current_dir(site.path(""))
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut shown = String::new();
    let mut out = holder.stdout.take().unwrap();
    let mut part = [0; 512];
    while !shown.contains("[y/N]") {
        let read = std::io::Read::read(&mut out, &mut part).unwrap();
        assert!(read > 0, "{shown}");
        shown.push_str(&String::from_utf8_lossy(&part[..read]));
    }
    let busy = site.run(&["plan"]).ends_with(1);
    site.golden("snapshot_busy", &busy.whole());
    site.run(&["status"]).ends_with(1);
    std::io::Write::write_all(&mut holder.stdin.take().unwrap(), b"n\n").unwrap();
    assert!(holder.wait().unwrap().success());
    site.run(&["plan"]).ends_with(0);
}

#[test]
fn a_snapshot_that_was_emptied_adds_and_removes_nobody() {
    let site = Site::settled();
    let mut databases = Vec::new();
    let mut folders = vec![site.path("state")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().is_some_and(|name| name == "db") {
                databases.push(path);
            }
        }
    }
    assert_eq!(databases.len(), 1);
    std::fs::write(&databases[0], "").unwrap();
    site.directory(&staff_but(|company| {
        company.people.retain(|one| one.id != "p-6");
        company.people[1].status = "disabled".to_owned();
        company.people.push(super::command_support::person("p-7", "gus.hall", ("Gus", "Hall")));
    }));
    site.golden("snapshot_emptied_status", &site.run(&["status"]).whole());
    site.golden("snapshot_emptied", &site.run(&["plan"]).whole());
    site.run(&["apply", "--yes"]);
    assert_eq!(site.active(), 7, "nobody was put out, and whoever joined is in");
}

#[test]
fn a_target_that_keeps_nothing_of_a_write_is_named() {
    let site = Site::new();
    site.sandbox.inject(Fault::Drop { attribute: "roles" });
    let ran = site.run(&["apply", "--yes"]);
    site.golden("target_drops_roles", &ran.whole());
}
