//! `rollcall demo`: the whole story on a sample company, told while it happens.
//!
//! Nothing is staged but the company: its directory is a file that the file connector reads, the application is a
//! SCIM server on loopback, and everything between is what a real installation runs. Nothing is left behind.

use std::path::Path;
use std::sync::Arc;

use super::exit::Exit;
use super::explain::told;
use super::failure::Failure;
use super::terminal;
use crate::config::{self, Organization};
use crate::demo::company::{Company, DOMAIN};
use crate::demo::sandbox::Sandbox;
use crate::guard::Reviewed;
use crate::report::{self, Options};
use crate::run::{HasPlan, Run, RunRecord, Session};

/// What happened in one scene, for the table at the end.
struct Scene {
    what: &'static str,
    planned: usize,
    outcome: String,
    accounts: String,
}

/// The company, its application and what has happened so far.
struct Stage {
    folder: Folder,
    sandbox: Sandbox,
    scenes: Vec<Scene>,
}

/// Tells the story.
pub(super) async fn demo() -> Result<Exit, Failure> {
    let (mut stage, session) = Stage::build()?;
    let company = Company::founded();
    let people = company.people.len();
    title("Lumen Optics calls the roll")?;
    paragraph(&format!(
        "Lumen Optics has a directory with {people} people and an application that knows none of them, except for one \
         account that somebody once made by hand. Rollcall reads the directory, compares, and shows a plan. Planning \
         changes nothing."
    ))?;
    let run = stage.plan(&session, &company).await?;
    paragraph(&format!(
        "So far the application received {} requests that read and {} that write. The first plan of an organization \
         always waits for a person. We have looked at it, and approve exactly this plan.",
        stage.reads(),
        stage.sandbox.writes()
    ))?;
    stage.apply("the first day", run).await?;

    title("Somebody joins, somebody moves, somebody leaves")?;
    paragraph(
        "Lucía Fernández joins finance. Zoë van der Berg marries and moves from engineering to finance. Kwame Mensah \
         leaves, and the directory disables the record.",
    )?;
    let company = company.joiner().mover().leaver();
    let run = stage.plan(&session, &company).await?;
    paragraph("Nothing here is beyond a limit, so a scheduled run would apply it on its own. So do we.")?;
    stage.apply("joiner, mover, leaver", run).await?;

    title("Nothing is left to do")?;
    let run = stage.plan(&session, &company).await?;
    stage.apply("the same directory again", run).await?;

    title("Why can Kwame not sign in?")?;
    command(&format!("rollcall explain kwame.mensah@{DOMAIN}"))?;
    stage.explain(&session, &format!("kwame.mensah@{DOMAIN}")).await?;

    title("An export goes wrong, and almost everybody is missing")?;
    paragraph(
        "The file is whole and can be read; it just lists hardly anybody. A tool that believes it would lock out the \
         company.",
    )?;
    let run = stage.plan(&session, &company.wiped()).await?;
    stage.hold("a wiped directory", run)?;

    title("What happened")?;
    stage.table()?;
    paragraph("To use it for your own directory: rollcall init openldap -o config.toml")?;
    Ok(Exit::Done)
}

impl Stage {
    fn build() -> Result<(Self, Arc<Session>), Failure> {
        let folder = Folder::new()?;
        let sandbox = Sandbox::start()?;
        sandbox.by_hand(
            "POST",
            "/Users",
            &serde_json::json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
                "userName": format!("amara.okafor@{DOMAIN}"),
                "displayName": "A. Okafor",
                "active": true,
            }),
        );
        let organization = organization(folder.path(), &sandbox)?;
        let store = Arc::new(crate::run::memory_store());
        let session = Arc::new(Session::with_store(organization, store)?);
        Ok((Self { folder, sandbox, scenes: Vec::new() }, session))
    }

    /// Writes the directory as it is now, plans, and prints the plan.
    async fn plan(&self, session: &Arc<Session>, company: &Company) -> Result<Run<HasPlan>, Failure> {
        company.write(self.folder.path())?;
        command("rollcall plan")?;
        let run = session.plan(&|_| {}).await?;
        let document = report::plan::document(run.proposed(), run.holds(), Options::default());
        report::print(&report::text_for_terminal(&document))?;
        Ok(run)
    }

    /// Applies a plan, with approval where it is needed.
    async fn apply(&mut self, what: &'static str, run: Run<HasPlan>) -> Result<(), Failure> {
        let planned = run.proposed().changes.len();
        let (run, reviewed) = run.into_parts();
        command("rollcall apply")?;
        let record = match reviewed {
            Reviewed::Cleared(approved) if approved.plan().is_empty() => run.nothing_to_do(approved)?,
            Reviewed::Cleared(approved) => run.apply(approved, &|_| {}).await?,
            Reviewed::Parted(parted) => run.apply(parted.into_part(), &|_| {}).await?,
            Reviewed::Held(held) => run.apply(held.approve("you", "in the demonstration"), &|_| {}).await?,
        };
        report::print(&report::text_for_terminal(&report::run::ending(&record)))?;
        self.remember(what, planned, &record);
        Ok(())
    }

    /// Leaves a plan held, as a scheduled run would.
    fn hold(&mut self, what: &'static str, run: Run<HasPlan>) -> Result<(), Failure> {
        let planned = run.proposed().changes.len();
        let (run, reviewed) = run.into_parts();
        match reviewed {
            Reviewed::Held(held) => {
                let record = run.held(held)?;
                paragraph(
                    "Everybody still has access. A person can approve exactly this plan by its id, once; the limit \
                     stays where it was.",
                )?;
                self.remember(what, planned, &record);
                Ok(())
            }
            Reviewed::Cleared(_) | Reviewed::Parted(_) => {
                Err(Failure::error("the guard let a wiped directory pass; please report this"))
            }
        }
    }

    async fn explain(&self, session: &Session, who: &str) -> Result<(), Failure> {
        let answers: Vec<_> =
            session.explain(who, false).await?.into_iter().map(|each| told(session.name(), each)).collect();
        report::print(&report::text_for_terminal(&report::explain::document(&answers)))?;
        Ok(())
    }

    fn remember(&mut self, what: &'static str, planned: usize, record: &RunRecord) {
        let users = self.sandbox.users();
        let active = users.iter().filter(|user| user.active).count();
        self.scenes.push(Scene {
            what,
            planned,
            outcome: report::run::outcome(record),
            accounts: format!("{active} active, {} not", users.len() - active),
        });
    }

    fn reads(&self) -> u64 {
        self.sandbox.requests().values().sum::<u64>() - self.sandbox.writes()
    }

    fn table(&self) -> Result<(), Failure> {
        let rows = self.scenes.iter().map(|scene| {
            [scene.what.to_owned(), scene.planned.to_string(), scene.outcome.clone(), scene.accounts.clone()]
        });
        let head = ["what happened", "changes", "outcome", "accounts in the application"];
        report::print(&report::text_for_terminal(&report::document::table("", head, rows.collect())))?;
        Ok(())
    }
}

/// The configuration of the demonstration: what an administrator would write, read the way a file is read.
fn organization(folder: &Path, sandbox: &Sandbox) -> Result<Organization, Failure> {
    let token = folder.join("token");
    write_closed(&token, sandbox.token())?;
    let text = format!(
        r#"
state_dir = "{folder}"

[organization.lumen]
domains = ["{DOMAIN}"]

[organization.lumen.directory]
connector = "file"
users = "{folder}/company.json"

[[organization.lumen.role]]
group = "app-admins"
role = "admin"
protected = true

[[organization.lumen.role]]
group = "eng-core"
role = "editor"

[[organization.lumen.role]]
group = "eng-leads"
role = "editor"

[[organization.lumen.role]]
group = "finance"
role = "accountant"

[organization.lumen.target]
kind = "scim"
url = "{url}"
token = {{ file = "{token}" }}
"#,
        folder = folder.display(),
        url = sandbox.url(),
        token = token.display(),
    );
    let mut configuration = config::parse(folder.join("config.toml"), &text)?;
    configuration
        .organizations
        .remove("lumen")
        .ok_or_else(|| Failure::error("the demonstration's configuration names no organization"))
}

fn write_closed(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(text.as_bytes())
}

/// A folder of ours that goes when this is dropped.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new() -> std::io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt;
        let path = std::env::temp_dir().join(format!("rollcall-demo-{}", uuid::Uuid::new_v4().simple()));
        std::fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn title(text: &str) -> std::io::Result<()> {
    use owo_colors::OwoColorize;
    terminal::print(&format!("\n{}\n{}\n", text.bold(), "─".repeat(text.chars().count())))
}

fn command(text: &str) -> std::io::Result<()> {
    use owo_colors::OwoColorize;
    terminal::print(&format!("\n{} {}\n", "$".dimmed(), text.cyan()))
}

/// Prose, wrapped at a width that reads well.
fn paragraph(text: &str) -> std::io::Result<()> {
    let mut wrapped = String::from("\n");
    let mut width = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if width > 0 && width + 1 + length > report::columns().min(88) {
            wrapped.push('\n');
            width = 0;
        } else if width > 0 {
            wrapped.push(' ');
            width += 1;
        }
        wrapped.push_str(word);
        width += length;
    }
    terminal::print(&wrapped)
}
