//! The whole way from a Google Workspace customer to the application, by the commands that an administrator runs: from
//! the first plan to an empty second one, through what changes there, and past what only looks as if everybody had left.
//!
//! The customer is the one of the connector's own tests. To put something between it and Rollcall, such as a proxy that
//! compares requests and answers with Google's description of its interface, say where the customer is to listen
//! (`ROLLCALL_WORKSPACE=127.0.0.1:4300`) and where Rollcall is to ask (`ROLLCALL_THROUGH=http://127.0.0.1:4222`).

use std::net::TcpListener;

use rollcall_test_servers::workspace::{Workspace, configuration, event, group_id, user, user_id};
use wiremock::{MockServer, Request, ResponseTemplate};

use super::command_support::{Ran, Site};

/// A customer, and an installation that reads it.
struct Way {
    workspace: Workspace,
    site: Site,
}

impl Way {
    /// With the directory's settings as given behind the usual ones.
    async fn new(more: &str) -> Self {
        let server = match std::env::var("ROLLCALL_WORKSPACE") {
            Ok(place) => MockServer::builder().listener(TcpListener::bind(place).unwrap()).start().await,
            Err(_) => MockServer::start().await,
        };
        let workspace = Workspace::on(server).await;
        let site = Site::new();
        site.write("key.json", &Workspace::key_file());
        site.mode("key.json", 0o600);
        let tokens = workspace.server.uri();
        let api = std::env::var("ROLLCALL_THROUGH").unwrap_or_else(|_| tokens.clone());
        let directory = configuration(&site.path("key.json"), &api, &tokens);
        site.write(
            "config.toml",
            &format!(
                "state_dir = \"state\"\n\n[organization.lumen]\ndomains = [\"example.test\", \"second.test\"]\n\n\
                 [organization.lumen.directory]\nconnector = \"google\"\n{directory}http = {{ attempts = 2 }}\n{more}\n\
                 [[organization.lumen.role]]\ngroup = \"eng-all@example.test\"\nrole = \"editor\"\n\n\
                 [organization.lumen.limits]\ndeactivations = {{ count = 10, share = \"100%\" }}\n\n\
                 [organization.lumen.target]\nkind = \"scim\"\nurl = \"{}\"\ntoken = {{ file = \"token\" }}\n",
                site.sandbox.url()
            ),
        );
        Self { workspace, site }
    }

    /// Who may work in the application, by the name before the `@`.
    fn active(&self) -> Vec<String> {
        let active = self.site.accounts().into_iter().filter(|account| account.active);
        let mut names: Vec<String> =
            active.map(|account| account.user_name.split('@').next().unwrap_or_default().to_owned()).collect();
        names.sort();
        names
    }

    #[track_caller]
    fn run(&self, arguments: &[&str], code: i32) -> Ran {
        self.site.run(arguments).ends_with(code)
    }
}

fn lists_users(request: &Request) -> bool {
    request.url.path().ends_with("/users") && !request.url.query().unwrap_or_default().contains("showDeleted")
}

#[tokio::test]
async fn from_the_first_plan_to_an_empty_second_and_out_with_who_left() {
    let way = Way::new("").await;
    way.run(&["check"], 0);
    way.run(&["plan", "--detailed-exitcode"], 2);
    way.run(&["apply", "--yes"], 0);
    assert_eq!(way.active(), ["ines.falk", "jonas.weil", "maya", "rollcall"], "neither who may not work nor who left");
    way.run(&["plan", "--detailed-exitcode"], 0);

    // Somebody is suspended, somebody is deleted, somebody comes, and somebody leaves a nested group.
    way.workspace.change(|state| {
        state.users[3]["suspended"] = true.into();
        state.users[3]["etag"] = "\"later\"".into();
        let mut gone = state.users.remove(2);
        gone["deletionTime"] = "2026-11-24T07:41:10.000Z".into();
        state.deleted.push(gone);
        state.users.push(user(9, "new@example.test", "/"));
        state.members.get_mut(&group_id(0)).unwrap().retain(|member| member["id"] != *user_id(1));
    });
    way.run(&["apply", "--yes"], 0);
    assert_eq!(way.active(), ["maya", "new", "rollcall"]);
    let maya = way.site.accounts().into_iter().find(|account| account.user_name.starts_with("maya")).unwrap();
    assert!(maya.roles.is_empty(), "{:?}", maya.roles);
    way.run(&["plan", "--detailed-exitcode"], 0);
}

#[tokio::test]
async fn nobody_is_put_out_by_an_answer_that_only_looks_like_success() {
    let way = Way::new("").await;
    way.run(&["apply", "--yes"], 0);
    let before = way.active();
    let empty = || ResponseTemplate::new(200).set_body_json(serde_json::json!({"kind": "admin#directory#users"}));
    // Nobody at all; then everybody behind the first page; then an administrator who is suspended themselves.
    way.workspace.break_by(move |request, _| lists_users(request).then(empty));
    let ran = way.run(&["apply", "--yes"], 1);
    assert!(ran.err.contains("not one user is shown"), "{}", ran.err);
    way.workspace.break_by(move |request, _| {
        let later = request.url.query().unwrap_or_default().contains("pageToken");
        (lists_users(request) && later).then(empty)
    });
    way.run(&["apply", "--yes"], 1);
    way.workspace.mend();
    way.workspace.change(|state| state.users[0]["suspended"] = true.into());
    let ran = way.run(&["apply", "--yes"], 1);
    assert!(ran.err.contains("is suspended, renamed or deleted"), "{}", ran.err);
    assert_eq!(way.active(), before);
    way.workspace.change(|state| state.users[0]["suspended"] = false.into());
    way.run(&["plan", "--detailed-exitcode"], 0);
}

#[tokio::test]
async fn between_full_runs_who_changed_is_found_by_etags_or_by_the_logs() {
    for (more, log) in [("", false), ("activity = true\n", true)] {
        let way = Way::new(more).await;
        way.run(&["apply", "--yes"], 0);
        let before = way.workspace.asked().await.len();
        way.run(&["plan", "--incremental", "--detailed-exitcode"], 0);
        let asked = way.workspace.asked().await.split_off(before);
        assert!(!asked.iter().any(|asked| asked.contains("/users/1")), "nobody changed: {asked:#?}");
        assert_eq!(asked.iter().any(|asked| asked.contains("/groups?")), !log, "{asked:#?}");

        way.workspace.change(|state| {
            state.users[1]["suspended"] = true.into();
            state.users[1]["etag"] = "\"later\"".into();
            state.members.get_mut(&group_id(0)).unwrap().retain(|member| member["id"] != *user_id(2));
            let names = [("GROUP_EMAIL", "eng-platform@example.test"), ("USER_EMAIL", "jonas.weil@example.test")];
            state.logs.get_mut("admin").unwrap().push(event(1, "GROUP_SETTINGS", "REMOVE_GROUP_MEMBER", &names));
        });
        way.run(&["apply", "--incremental", "--yes"], 0);
        assert_eq!(way.active(), ["ines.falk", "jonas.weil", "rollcall"]);
        let jonas = way.site.accounts().into_iter().find(|account| account.user_name.starts_with("jonas")).unwrap();
        assert!(jonas.roles.is_empty(), "{:?}", jonas.roles);
        way.run(&["plan", "--incremental", "--detailed-exitcode"], 0);
        way.run(&["plan", "--detailed-exitcode"], 0);
    }
}
