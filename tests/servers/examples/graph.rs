//! Serves the tenant by itself, to be looked at, or asked through a proxy that checks requests and answers:
//! `cargo run -p rollcall-test-servers --example graph -- PORT [ADDRESS OF THE PROXY]`. Ends with its standard input.

use std::io::Read as _;

use rollcall_test_servers::graph::Tenant;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().ok_or("the port is missing")?.parse()?;
    let address = arguments.next().unwrap_or_else(|| format!("http://127.0.0.1:{port}"));
    let tenant = Tenant::behind(port, &address).await?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    let asked = tenant.asked().len();
    std::io::Write::write_all(&mut std::io::stderr(), format!("asked {asked} times\n").as_bytes())?;
    Ok(())
}
