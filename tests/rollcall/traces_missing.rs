//! A program without what exports traces, and a configuration that asks for them.

use super::command_support::Site;
use super::daemon_support::Daemon;

#[test]
fn a_program_that_cannot_export_traces_says_so_wherever_they_are_asked_for_and_does_its_work() {
    let site = Site::new();
    site.configure("[daemon.traces]\nendpoint = \"http://127.0.0.1:4318\"\n");
    assert!(site.run(&["--version"]).ends_with(0).out.contains("(without otel)"));
    let check = site.run(&["check", "--offline"]).ends_with(0);
    assert!(check.out.contains("this rollcall was built without what exports them"), "{}", check.out);
    let applied = site.run(&["apply", "--yes"]).ends_with(0);
    assert_eq!(applied.err.matches("this rollcall was built without").count(), 1, "{}", applied.err);
    assert_eq!(site.active(), 6);
    Daemon::start(&site).stop();
    assert_eq!(site.read("log").matches("this rollcall was built without").count(), 1, "{}", site.read("log"));

    let unknown = "[daemon.traces]\nendpoint = \"http://127.0.0.1:4318\"\nendpiont = 1\n";
    site.configure(unknown);
    let wrong = site.run(&["check", "--offline"]).ends_with(78);
    assert!(wrong.err.contains("endpiont"), "{}", wrong.err);
}
