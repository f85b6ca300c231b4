//! The customer, for somebody who wants to put something between it and Rollcall.

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use wiremock::MockServer;

use rollcall_test_servers::workspace::{Workspace, configuration};

/// Listens where `ROLLCALL_WORKSPACE` says (`127.0.0.1:4300`) until it is killed, and prints the directory's part of a
/// configuration whose requests go to `ROLLCALL_THROUGH`. The key file is written beside the second.
#[tokio::test]
#[ignore = "ends only when it is killed"]
#[allow(clippy::print_stdout, reason = "whoever runs it wants to read it")]
async fn the_customer_listens() {
    let listener = TcpListener::bind(std::env::var("ROLLCALL_WORKSPACE").unwrap()).unwrap();
    let workspace = Workspace::on(MockServer::builder().listener(listener).start().await).await;
    let key = std::env::var("ROLLCALL_KEY").unwrap();
    std::fs::write(&key, Workspace::key_file()).unwrap();
    let through = std::env::var("ROLLCALL_THROUGH").unwrap();
    println!("{}", configuration(Path::new(&key), &through, &workspace.server.uri()));
    tokio::time::sleep(Duration::from_secs(3600)).await;
}
