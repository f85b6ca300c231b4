//! The application's administrator edits accounts by hand: a name, an activity, a role, a deletion, an account of their
//! own. `reconcile` finds it all and writes nothing, the plan that follows does what the configuration says, and a run
//! is taken back.

use rollcall_test_servers::ldap::{DirectoryServer, OpenLdap};
use rollcall_test_servers::scim::{ScimKind, ScimServer};
use serde_json::{Value as Json, json};

use super::dump::{Dump, by_hand};
use super::seed;
use super::world::{Delivery, World, changes};

const PEOPLE: u32 = 60;

/// The account of somebody, as the target shows it.
fn shown(target: &ScimServer, local: &str) -> Option<Json> {
    let name = format!("{local}@example.com");
    Dump::of(target).users.into_values().find(|user| user["userName"].as_str().unwrap().eq_ignore_ascii_case(&name))
}

fn patch(target: &ScimServer, local: &str, path: &str, value: &Json) {
    let id = shown(target, local).unwrap()["id"].as_str().unwrap().to_owned();
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{ "op": "replace", "path": path, "value": value }],
    });
    by_hand(target, "PATCH", &format!("/Users/{id}"), Some(&body));
}

/// What was found, one line each, sorted: `u0000001@example.com attribute name stays`.
fn edits(document: &Json) -> Vec<String> {
    let edits = document["drift"]["edits"].as_array().unwrap().iter();
    let mut lines: Vec<String> = edits
        .map(|edit| {
            let text = |name: &str| edit[name].as_str().unwrap_or_default().to_owned();
            let what = [text("edit"), text("attribute"), text("role")].join(" ");
            let what = what.split_whitespace().collect::<Vec<_>>().join(" ");
            format!("{} {what} {}", text("label"), text("becomes"))
        })
        .collect();
    lines.sort();
    lines
}

fn reconcile(world: &World) -> Json {
    world.run(&["reconcile", "--format", "json", "--all"]).expect(0).json()
}

#[test]
fn what_was_done_by_hand_is_found_and_ends_as_the_configuration_says() {
    let server = OpenLdap::start(PEOPLE, 10);
    let target = ScimServer::start(ScimKind::Scim2);
    let mut world = World::between(&server, &target).with_roles(Delivery::Attribute, &seed::OPENLDAP_ROLES);
    world.apply();
    server.modify(&format!("dn: uid=u0000030,ou=people,{}\nchangetype: delete\n", server.base()));
    world.apply();
    assert_eq!(shown(&target, "u0000030").unwrap()["active"], false);
    let name = shown(&target, "u0000020").unwrap()["displayName"].clone();

    patch(&target, "u0000020", "displayName", &json!("Edited by hand"));
    patch(&target, "u0000030", "active", &json!(true));
    patch(&target, "u0000021", "active", &json!(false));
    patch(&target, "u0000022", "roles", &json!([{ "value": "deep" }, { "value": "nobody mapped this" }]));
    let deleted = shown(&target, "u0000005").unwrap()["id"].as_str().unwrap().to_owned();
    by_hand(&target, "DELETE", &format!("/Users/{deleted}"), None);
    let stranger = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": "stranger@example.com",
        "active": true,
    });
    by_hand(&target, "POST", "/Users", Some(&stranger));

    // Found, and nothing is written.
    let before = Dump::of(&target);
    let found = reconcile(&world);
    Dump::of(&target).is_the_same_as(&before);
    assert_eq!(
        edits(&found),
        [
            "u0000005@example.com deleted created-again",
            "u0000020@example.com attribute name stays",
            "u0000021@example.com deactivated stays",
            "u0000022@example.com role-granted deep stays",
            "u0000030@example.com activated put-out",
        ]
    );
    assert_eq!(found["drift"]["unmanaged"].as_array().unwrap().len(), 1);
    assert_eq!(found["drift"]["unmanaged"][0]["user_name"], "stranger@example.com");
    let expected =
        ["create u0000005@example.com", "deactivate u0000030@example.com", "grant-role u0000005@example.com deep"];
    assert_eq!(changes(&found["plan"]), expected);
    world.run(&["show", "last"]).expect(0).says(&["1 account deleted by hand", "stranger@example.com"]);

    // What is access is known to the ordinary run from now on, too.
    let plan = world.plan();
    assert_eq!(changes(&plan), expected);
    assert_eq!(plan["held"], false, "{}", plan["holds"]);
    world.apply();
    let after = Dump::of(&target);
    after.differs_only_in(&before, &["u0000005@example.com", "u0000030@example.com"], &[]);
    assert_eq!(shown(&target, "u0000030").unwrap()["active"], false);
    assert_ne!(shown(&target, "u0000005").unwrap()["id"], json!(deleted));
    assert_eq!(shown(&target, "u0000005").unwrap()["roles"][0]["value"], "deep");
    world.expect_nothing_pending();
    let again = reconcile(&world);
    assert_eq!(changes(&again["plan"]), [""; 0]);
    assert_eq!(edits(&again).len(), 3, "{}", again["drift"]);

    // The directory becomes the authority over everything.
    world.target()["authority"] = json!(["*"]);
    reconcile(&world);
    let found = reconcile(&world);
    Dump::of(&target).is_the_same_as(&after);
    assert_eq!(
        changes(&found["plan"]),
        [
            "reactivate u0000021@example.com".to_owned(),
            "revoke-role u0000022@example.com deep".to_owned(),
            format!("update u0000020@example.com name={name}"),
        ]
    );
    let updates = found["plan"]["plan"]["changes"].as_array().unwrap();
    let update = updates.iter().find(|change| change["action"]["do"] == "update").unwrap();
    assert_eq!(update["action"]["changes"][0]["before"], "Edited by hand");
    assert_eq!(update["causes"][0], json!({"cause": "by-hand", "what": {"hand": "edited", "attributes": ["name"]}}));
    world.apply_and(&["apply", "--reconcile", "--yes"]);
    let run = world.run(&["show", "last", "--format", "json"]).expect(0).json()["run"]["id"].clone();
    let brought_back = Dump::of(&target);
    brought_back.differs_only_in(
        &after,
        &["u0000020@example.com", "u0000021@example.com", "u0000022@example.com"],
        &[],
    );
    assert_eq!(shown(&target, "u0000020").unwrap()["displayName"], name);
    assert_eq!(shown(&target, "u0000021").unwrap()["active"], true);
    let roles = shown(&target, "u0000022").unwrap()["roles"].clone();
    assert_eq!(roles.as_array().unwrap().len(), 1, "{roles}");
    assert_eq!(roles[0]["value"], "nobody mapped this");
    let again = reconcile(&world);
    assert_eq!((edits(&again), changes(&again["plan"])), (Vec::new(), Vec::new()));
    world.expect_nothing_pending();

    // That run is taken back.
    let undone = world.run(&["undo", run.as_str().unwrap(), "--yes"]).expect(0);
    undone.says(&["takes back run", "The directory, as last read, still asks for this"]);
    assert_eq!(shown(&target, "u0000020").unwrap()["displayName"], "Edited by hand");
    assert_eq!(shown(&target, "u0000021").unwrap()["active"], false);
    assert!(shown(&target, "u0000022").unwrap()["roles"].to_string().contains("deep"));
    let plan = world.plan();
    assert_eq!(changes(&plan), changes(&found["plan"]), "the next run does it again");
}
