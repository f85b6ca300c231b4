//! Logs, on standard error: quiet unless somebody asks.

use tracing_subscriber::EnvFilter;

/// Sends logs to standard error: warnings, with `-v` what happens, with `-vv` everything. `ROLLCALL_LOG` overrides.
pub(super) fn to_standard_error(verbose: u8) {
    let level = match verbose {
        0 => "warn",
        1 => "info,rollcall=debug",
        _ => "debug",
    };
    // rustls and hyper say at debug what nobody but their authors needs; headers and bodies are never logged.
    let filter = EnvFilter::try_from_env("ROLLCALL_LOG")
        .unwrap_or_else(|_| EnvFilter::new(format!("{level},hyper=warn,rustls=warn,h2=warn,sled=warn,ldap3=warn")));
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
}
