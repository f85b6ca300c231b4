//! Serves the quick SCIM service provider by itself, for measurements by hand:
//! `cargo run --release -p rollcall-test-servers --example scim_sink -- [--port N] [--delay-ms N] [--per-second N]`.
//! Prints its address and the file with its token, ends with its standard input, and then says what it was asked.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use rollcall_test_servers::scim_sink::{ScimSink, SinkSettings};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (mut settings, mut port) = (SinkSettings::default(), 0);
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or("a value is missing")?;
        match name.as_str() {
            "--port" => port = value.parse()?,
            "--delay-ms" => settings.delay = Duration::from_millis(value.parse()?),
            "--per-second" => settings.per_second = Some(value.parse()?),
            _ => return Err(format!("{name} is not known").into()),
        }
    }
    let sink = ScimSink::start_at(settings, port)?;
    let mut output = std::io::stdout();
    writeln!(output, "URL={}\nTOKEN_FILE={}\nREADY", sink.url(), sink.token_file().display())?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    writeln!(output, "{}", serde_json::to_string(&sink.counts())?)?;
    Ok(())
}
