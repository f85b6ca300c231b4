//! What `explain` answers for every reason code: each is played through the binary, and its answer is a golden file
//! that has been read as an administrator would read it.
//!
//! A code that nobody plays fails the first test.

use rollcall::demo::company::{Company, DOMAIN};
use rollcall::demo::sandbox::Fault;
use rollcall::roster::Reason;
use serde_json::{Value, json};

use super::command_support::{Site, group, person, staff, staff_but};

/// Codes whose answers are in goldens of other tests, by the golden's name.
const ELSEWHERE: [(Reason, &str); 5] = [
    // Stands in the plan that takes a run back, and in no answer about somebody.
    (Reason::NotUndone, "undo_in_part"),
    (Reason::DomainNotOwned, "explain_troubled"),
    (Reason::EmailMissing, "explain_troubled"),
    (Reason::EmailInvalid, "explain_troubled"),
    (Reason::StatusUnknown, "explain_troubled"),
];

#[test]
fn every_reason_code_is_documented_with_its_meaning_and_what_to_do() {
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let document = include_str!("../../docs/reason-codes.md");
    let sections: Vec<&str> = document.split("\n## ").skip(1).collect();
    let codes: Vec<&str> = sections.iter().filter_map(|section| section.lines().next()).collect();
    let known: Vec<String> = Reason::ALL.iter().map(|reason| format!("`{reason}`")).collect();
    assert_eq!(codes, known, "the document lists the codes in their order, each once");
    for (reason, section) in Reason::ALL.iter().zip(sections) {
        let text = one_line(section);
        assert!(text.contains(reason.meaning()), "{reason} means: {}", reason.meaning());
        let advice = text.split_once("**What to do.** ").map(|(_, advice)| advice).unwrap_or_default();
        assert!(advice.len() > 40, "{reason}: what to do is missing");
    }
}

#[test]
fn every_reason_code_is_played_through_the_binary() {
    let here: String = include_str!("command_explain.rs").split_whitespace().collect();
    for reason in Reason::ALL {
        let played = here.contains(&format!("pin(&site,Reason::{reason:?},"));
        let elsewhere = ELSEWHERE.iter().filter(|(code, _)| code == reason).any(|(_, name)| {
            let path = format!(
                "{}/tests/rollcall/snapshots/rollcall__command_support__{name}.snap",
                env!("CARGO_MANIFEST_DIR")
            );
            let golden = std::fs::read_to_string(path).unwrap();
            golden.contains(&format!("({reason})")) || golden.contains(&format!(" {reason}: "))
        });
        assert!(played || elsewhere, "no golden shows what `explain` says of {reason}");
    }
}

/// What the command answers about each of them, as it is pinned.
fn explained(site: &Site, commands: &[&[&str]]) -> String {
    let one = |arguments: &&[&str]| {
        let ran = site.run(&[&["explain"], *arguments].concat()).ends_with(0);
        format!("$ rollcall explain {}\n{}\n", arguments.join(" "), ran.out)
    };
    commands.iter().map(one).collect()
}

/// Pins the answers, which must name the code.
#[track_caller]
fn pin(site: &Site, reason: Reason, commands: &[&[&str]]) {
    let text = explained(site, commands);
    assert!(text.contains(&format!("({reason})")), "{reason} is not named:\n{text}");
    site.golden(&format!("explain_code_{reason}"), &text);
}

fn mail(login: &str) -> String {
    format!("{login}@{DOMAIN}")
}

/// A site whose directory changed after it was settled.
fn changed(change: impl FnOnce(&mut Company)) -> Site {
    let site = Site::settled();
    site.directory(&staff_but(change));
    site
}

/// Somebody joins.
fn gus(company: &mut Company) {
    company.people.push(person("p-7", "gus.hall", ("Gus", "Hall")));
}

/// An account that was there before Rollcall came.
fn stranger(site: &Site, user_name: &str, address: &str) {
    let body = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": user_name, "active": true, "emails": [{ "value": address, "primary": true }],
    });
    assert_eq!(site.sandbox.by_hand("POST", "/Users", &body).0, 201);
}

/// The target refuses so many questions.
fn answers_nothing(site: &Site, times: usize) {
    (0..times).for_each(|_| site.sandbox.inject(Fault::FailNext { method: "GET", status: 400 }));
}

#[test]
fn an_address_that_the_target_cannot_change() {
    let site = changed(|company| company.people[0].email = Some(mail("ada.lovelace")));
    site.run(&["plan"]).ends_with(0);
    pin(&site, Reason::EmailImmutable, &[&["ada.king"], &[&mail("ada.king")]]);
}

#[test]
fn an_address_that_two_have_or_that_an_account_of_somebody_else_carries() {
    let site = changed(|company| {
        company.people[0].email = Some(mail("ada.lovelace"));
        let mut namesake = person("p-7", "ada.king.two", ("Ada", "King"));
        namesake.email = Some(mail("ada.king"));
        let mut twin = person("p-8", "twin", ("Some", "Twin"));
        twin.email = Some(mail("Bo.Li"));
        company.people.extend([namesake, twin]);
    });
    site.run(&["plan"]).ends_with(0);
    pin(&site, Reason::AddressConflict, &[&["p-7"], &["p-8"], &["bo.li"]]);
}

#[test]
fn a_record_that_cannot_be_understood() {
    let site = Site::settled();
    let mut document: Value = serde_json::from_str(&site.read("company.json")).unwrap();
    document["users"][0]["status"] = json!(["active"]);
    document["users"].as_array_mut().unwrap().push(json!({ "id": "p-7", "login": "gus.hall", "status": ["active"] }));
    document["count"] = json!(7);
    site.write("company.json", &document.to_string());
    site.run(&["plan"]).ends_with(0);
    pin(&site, Reason::RecordUnreadable, &[&["ada.king"], &["gus.hall"]]);
}

#[test]
fn an_expression_that_fails_on_somebody() {
    let site = Site::settled();
    site.configure(
        "[organization.lumen.attributes]\nlocale = 'user.login == \"bo.li\" ? user.locale.lowerAscii() : \"en\"'\n\
         [organization.lumen.scope]\nwhen = 'user.login == \"cem.kaya\" ? user.locale == \"de\" : true'\n",
    );
    site.run(&["plan"]).ends_with(0);
    pin(&site, Reason::ExpressionFailed, &[&["bo.li"], &["cem.kaya"]]);
}

#[test]
fn a_value_of_a_kind_that_the_attribute_cannot_hold() {
    let site = Site::settled();
    site.configure("[organization.lumen.attributes]\nlocale = 'user.login == \"bo.li\" ? dyn(7) : dyn(\"en\")'\n");
    site.run(&["plan"]).ends_with(0);
    pin(&site, Reason::ValueRefused, &[&["bo.li"]]);
}

#[test]
fn a_group_that_a_rule_names_and_nobody_finds() {
    let site = Site::settled();
    site.configure("[[organization.lumen.role]]\ngroup = \"admins\"\nrole = \"admin\"\n");
    site.run(&["plan"]).ends_with(0);
    let text = explained(&site, &[&["ada.king"]]);
    site.configure("[organization.lumen.scope]\ngroups = [\"eng\", \"crew\"]\n");
    site.run(&["plan"]).ends_with(0);
    site.golden("explain_role_of_no_group", &text);
    pin(&site, Reason::GroupMissing, &[&["ada.king"], &["fay.moss"]]);
}

#[test]
fn a_group_that_was_deleted_counts_as_empty_offline_too() {
    let site = changed(|company| drop(company.groups.remove(0)));
    site.run(&["plan"]);
    site.golden("explain_group_deleted", &explained(&site, &[&["ada.king"]]));
}

#[test]
fn a_name_that_several_groups_have() {
    let site = changed(|company| {
        company.groups.extend([group("g-8", "twins", &["p-1"]), group("g-9", "twins", &["p-2"])]);
    });
    site.configure("[[organization.lumen.role]]\ngroup = \"twins\"\nrole = \"twin\"\n");
    site.run(&["plan"]).ends_with(0);
    pin(&site, Reason::GroupAmbiguous, &[&["ada.king"], &["fay.moss"]]);
}

#[test]
fn a_role_whose_group_in_the_target_is_not_ours_yet_or_cannot_be() {
    let site = changed(|_| ());
    let groups = site.configuration("").replace("kind = \"scim\"", "kind = \"scim\"\nroles = \"groups\"");
    let role = "[[organization.lumen.role]]\ngroup = \"ops\"\nrole = \"operator\"\n";
    site.write("config.toml", &format!("{groups}{role}"));
    let unasked = explained(&site, &[&["dora.vey"]]);
    site.write("config.toml", &format!("{groups}{}", role.replace("operator", "Editor")));
    site.run(&["plan"]).ends_with(0);
    site.golden("explain_role_by_group", &format!("{unasked}{}", explained(&site, &[&["dora.vey"]])));
}

#[test]
fn several_accounts_that_match_one_user() {
    let site = changed(gus);
    stranger(&site, &mail("gus.hall"), &mail("gus.private"));
    stranger(&site, "gus", &mail("gus.hall"));
    site.run(&["plan"]).ends_with(0);
    pin(&site, Reason::MatchAmbiguous, &[&["gus.hall"], &["gus.hall", "--live"]]);
}

#[test]
fn several_users_who_match_one_account() {
    let site = changed(|company| {
        gus(company);
        company.people.push(person("p-8", "hal.gust", ("Hal", "Gust")));
        company.people.push(person("p-9", "ann.other", ("Ann", "Other")));
    });
    stranger(&site, &mail("gus.hall"), &mail("hal.gust"));
    let ada = site.accounts().into_iter().find(|account| account.user_name == mail("ada.king")).unwrap();
    let patch = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{ "op": "replace", "path": "emails", "value": [{ "value": mail("ann.other") }] }],
    });
    assert_eq!(site.sandbox.by_hand("PATCH", &format!("/Users/{}", ada.id), &patch).0, 200);
    site.run(&["plan"]).ends_with(0);
    pin(
        &site,
        Reason::AccountContested,
        &[&["gus.hall"], &["hal.gust", "--live"], &["ann.other"], &["ann.other", "--live"]],
    );
}

#[test]
fn a_target_that_does_not_say_whether_somebody_is_there() {
    let site = changed(gus);
    answers_nothing(&site, 8);
    site.run(&["plan"]).ends_with(0);
    pin(&site, Reason::MatchUnknown, &[&["gus.hall"], &["gus.hall", "--live"]]);
}

#[test]
fn a_write_of_which_nobody_knows_whether_it_was_done() {
    let site = changed(|company| company.people[0].name.1 = "Lovelace".to_owned());
    let once = site
        .configuration("")
        .replace("kind = \"scim\"", "kind = \"scim\"\nhttp = { attempts = 1, max_wait = \"1s\" }");
    site.write("config.toml", &once);
    site.sandbox.inject(Fault::LoseNextAnswer { method: "PATCH" });
    answers_nothing(&site, 2);
    site.run(&["apply", "--yes"]).ends_with(4);
    let crashed = explained(&site, &[&["ada.king"]]);
    answers_nothing(&site, 2);
    site.run(&["plan"]).ends_with(0);
    site.golden("explain_unsettled", &crashed);
    pin(&site, Reason::WriteUnknown, &[&["ada.king"], &["ada.king", "--live"]]);
}

#[test]
fn a_protected_account() {
    let site = changed(|company| {
        company.people[5].status = "disabled".to_owned();
        company.people.retain(|one| one.id != "p-5");
    });
    site.configure(&format!("[organization.lumen.protect]\naddresses = [\"{}\"]\nids = [\"p-5\"]\n", mail("fay.moss")));
    site.run(&["plan"]).ends_with(0);
    pin(&site, Reason::Protected, &[&["fay.moss"], &["p-5"]]);
}

#[test]
fn an_account_that_a_group_or_a_value_in_the_target_protects() {
    let site = changed(|company| company.people.retain(|one| one.id != "p-1" && one.id != "p-5" && one.id != "p-6"));
    let fay = site.accounts().into_iter().find(|account| account.user_name == mail("fay.moss")).unwrap();
    let service = serde_json::json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{ "op": "add", "path": "userType", "value": "service" }],
    });
    let (status, _) = site.sandbox.by_hand("PATCH", &format!("/Users/{}", fay.id), &service);
    assert!(status < 300, "{status}");
    site.configure(
        "[organization.lumen.protect]\ngroups = [\"eng\"]\n\
         [[organization.lumen.protect.accounts]]\nattribute = \"userType\"\nvalue = \"Service\"\n",
    );

    let planned = site.run(&["plan", "--format", "json"]).ends_with(0).json().to_string();

    assert!(
        planned.contains("ada.king@lumen-optics.example, which the group eng protects (protect.groups)"),
        "{planned}"
    );
    assert!(planned.contains("fay.moss@lumen-optics.example, which its userType in the target protects"), "{planned}");
    let ada = site.run(&["explain", "p-1"]).out;
    assert!(ada.contains("which the group eng protects") && ada.contains("leaves the account active"), "{ada}");
    let fay = site.run(&["explain", "p-6"]).out;
    assert!(fay.contains("userType in the target protects") && fay.contains("leaves the account active"), "{fay}");
    let eli = site.run(&["explain", "p-5"]).out;
    assert!(!eli.contains("protects"), "{eli}");
}

#[test]
fn the_last_holder_of_a_protected_role() {
    let site = Site::settled();
    site.write(
        "config.toml",
        &site.configuration("").replace("role = \"editor\"", "role = \"editor\"\nprotected = true"),
    );
    site.directory(&staff_but(|company| {
        company.people[0].status = "disabled".to_owned();
        company.people[1].status = "disabled".to_owned();
        company.groups[0].members.pop();
    }));
    site.run(&["plan"]).ends_with(0);
    pin(&site, Reason::LastHolder, &[&["ada.king"], &["cem.kaya"]]);
}

#[test]
fn a_snapshot_that_does_not_match_its_seal() {
    let site = changed(|company| company.people[5].status = "disabled".to_owned());
    std::fs::remove_file(site.path("state/lumen/seal.json")).unwrap();
    site.run(&["plan"]).ends_with(0);
    pin(&site, Reason::SnapshotUnsealed, &[&["fay.moss"]]);
}

#[test]
fn two_who_exchange_their_addresses() {
    let site = changed(|company| {
        company.people[0].email = Some(mail("bo.li"));
        company.people[1].email = Some(mail("ada.king"));
    });
    site.write(
        "config.toml",
        &site.configuration("").replace("kind = \"scim\"", "kind = \"scim\"\nmutable_email = true"),
    );
    site.run(&["plan"]).ends_with(0);
    pin(&site, Reason::ValueSwap, &[&["p-1"], &["p-2"]]);
}

#[test]
fn somebody_who_was_removed_is_told_with_the_run_that_did_it_and_why() {
    let site = changed(|company| {
        company.people[5].status = "disabled".to_owned();
        company.people.retain(|one| one.id != "p-5");
    });
    site.run(&["apply", "--yes"]).ends_with(0);
    site.golden("explain_removed", &explained(&site, &[&["fay.moss"], &[&mail("eli.stone"), "--live"], &["p-5"]]));
}

#[test]
fn somebody_unknown_is_sought_in_the_directory_if_it_may_be_asked() {
    let site = changed(gus);
    let who = mail("gus.hall");
    site.golden(
        "explain_unknown",
        &explained(&site, &[&[&who], &[&who, "--live"], &["nobody@nowhere.example", "--live"]]),
    );
    site.directory(&staff());
}

#[test]
fn an_account_that_somebody_deleted_and_that_stays_deleted() {
    let site = Site::settled();
    let url = format!("url = \"{}\"", site.sandbox.url());
    site.write("config.toml", &site.configuration("").replace(&url, &format!("{url}\ndeleted = \"leave\"")));
    let eli = site.accounts().into_iter().find(|account| account.user_name == mail("eli.stone")).unwrap().id;
    site.sandbox.by_hand("DELETE", &format!("/Users/{eli}"), &serde_json::Value::Null);
    site.run(&["reconcile"]).ends_with(0);
    pin(&site, Reason::DeletedInTarget, &[&["eli.stone"]]);
}
