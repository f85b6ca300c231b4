//! Commands: a program of the site that is given the notice.

use std::process::Stdio;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::notice::Notice;
use super::settings::CommandSettings;

/// So much of what a program complains about is quoted.
const QUOTED: usize = 400;

/// Runs the program with the notice as JSON on its standard input. It has received the notice if it ends with 0.
pub(super) async fn deliver(settings: &CommandSettings, notice: &Notice) -> Result<(), String> {
    let json = serde_json::to_vec(notice).map_err(|error| error.to_string())?;
    let mut command = Command::new(&settings.program);
    // No shell, and nothing of our environment, which may hold secrets.
    command.args(&settings.arguments).env_clear().env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin");
    command.env("ROLLCALL_KIND", notice.kind.word()).env("ROLLCALL_ORGANIZATION", &notice.organization);
    command.env("ROLLCALL_TITLE", &notice.title).env("ROLLCALL_ID", &notice.id);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| format!("it cannot be started: {error}"))?;
    let input = child.stdin.take();
    let talk = async {
        if let Some(mut input) = input {
            // A program need not read it: one that is content with its variables closes its end.
            let _ = input.write_all(&json).await;
        }
        child.wait_with_output().await
    };
    let ended = tokio::time::timeout(settings.timeout.duration(), talk).await;
    let output = ended
        .map_err(|_| format!("it did not end within {} and was killed", settings.timeout))?
        .map_err(|error| format!("how it ended cannot be known: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said: String = String::from_utf8_lossy(&output.stderr).trim().chars().take(QUOTED).collect();
    Err(format!("it ended with {}; it said {said:?}", output.status))
}
