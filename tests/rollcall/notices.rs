//! Notices as they arrive: at a mail server and at a web server that nobody here wrote, the signature judged by the
//! reference implementation of Standard Webhooks.

use std::path::Path;

use jiff::Timestamp;
use rollcall::notify::{Notifier, NotifySettings, Observation, Reason, RunEnd};
use rollcall_test_servers::receivers::{Receivers, WEBHOOK_KEY};
use serde_json::Value;

fn held() -> Observation {
    let reasons = vec![Reason {
        code: "over-limit:deactivations".to_owned(),
        sentence: "14 deactivations are more than the 5 that may happen without a person.".to_owned(),
    }];
    let end = RunEnd::Held { plan: "0123456789abcdef".to_owned(), changes: 14, reasons };
    Observation::Run { run: "20270115-080000000-abcd".to_owned(), end }
}

fn secret(folder: &Path, name: &str, value: &str) -> String {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.join(name);
    std::fs::write(&path, value).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    format!("{{ file = \"{}\" }}", path.display())
}

fn settings(text: &str) -> NotifySettings {
    let settings: NotifySettings = toml::from_str(text).unwrap();
    assert_eq!(settings.problems(), []);
    settings
}

fn received(receivers: &Receivers, kind: &str) -> Vec<Value> {
    receivers.received(kind).iter().map(|text| serde_json::from_str(text).unwrap()).collect()
}

/// Observes one thing and sends what is due.
async fn tell(folder: &Path, settings: NotifySettings, observations: Vec<Observation>) -> Notifier {
    let notifier = Notifier::open(folder, settings).unwrap();
    let now = Timestamp::now();
    for observation in observations {
        notifier.observe("acme", now, observation);
    }
    notifier.deliver_due(now).await;
    notifier
}

#[tokio::test]
async fn a_webhook_is_signed_so_that_the_reference_implementation_believes_it() {
    let folder = tempfile::tempdir().unwrap();
    let receivers = Receivers::start(folder.path(), None);
    let key = secret(folder.path(), "key", WEBHOOK_KEY);
    let settings = settings(&format!("[[webhook]]\nurl = \"{}/hook\"\nsecret = {key}\n", receivers.url()));
    let notifier = tell(folder.path(), settings, vec![held()]).await;
    assert_eq!(notifier.waiting(), 0);
    let webhooks = received(&receivers, "webhook");
    assert_eq!(webhooks.len(), 1);
    assert_eq!(webhooks[0]["verified"], true, "{}", webhooks[0]);
    assert_eq!(webhooks[0]["body"]["type"], "rollcall.held");
    assert_eq!(webhooks[0]["body"]["data"]["title"], "acme: 14 changes wait for a person");
    assert_eq!(webhooks[0]["body"]["data"]["id"], webhooks[0]["id"]);
}

#[tokio::test]
async fn a_webhook_that_is_refused_is_sent_again_with_the_same_id_and_a_signature_of_its_own_time() {
    let folder = tempfile::tempdir().unwrap();
    let receivers = Receivers::start(folder.path(), None);
    let key = secret(folder.path(), "key", WEBHOOK_KEY);
    let settings =
        settings(&format!("[[webhook]]\nurl = \"{}\"\nsecret = {key}\nhttp = {{ attempts = 1 }}\n", receivers.url()));
    receivers.refuse(true);
    let notifier = tell(folder.path(), settings, vec![held()]).await;
    assert_eq!((notifier.waiting(), received(&receivers, "webhook").len()), (1, 0));
    receivers.refuse(false);
    let later = Timestamp::now().checked_add(jiff::SignedDuration::from_mins(2)).unwrap();
    notifier.deliver_due(later).await;
    assert_eq!(notifier.waiting(), 0);
    assert_eq!(received(&receivers, "webhook")[0]["verified"], true);
}

#[tokio::test]
async fn chats_get_their_own_shape_and_each_channel_only_what_it_takes() {
    let folder = tempfile::tempdir().unwrap();
    let receivers = Receivers::start(folder.path(), None);
    let slack = secret(folder.path(), "slack", &format!("{}/services/T0/B0/s3cret", receivers.url()));
    let teams = secret(folder.path(), "teams", &format!("{}/workflows/s3cret", receivers.url()));
    let settings = settings(&format!(
        "[[webhook]]\nsecret_url = {slack}\nshape = \"slack\"\n\n\
         [[webhook]]\nsecret_url = {teams}\nshape = \"teams\"\nkinds = [\"recovered\"]\n"
    ));
    let good = Observation::Run { run: "20270115-090000000-abcd".to_owned(), end: RunEnd::Good };
    tell(folder.path(), settings, vec![held(), good]).await;
    let webhooks = received(&receivers, "webhook");
    let to = |path: &str| webhooks.iter().filter(|webhook| webhook["path"] == path).collect::<Vec<_>>();
    assert_eq!(to("/services/T0/B0/s3cret").len(), 2);
    let cards = to("/workflows/s3cret");
    assert_eq!(cards.len(), 1);
    assert_eq!(cards[0]["body"]["attachments"][0]["content"]["body"][0]["text"], "acme: no longer held");
}

#[tokio::test]
async fn a_mail_goes_to_a_server_that_insists_on_tls_and_a_sign_in() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let [certificate, key] = ["certificate.pem", "key.pem"].map(|name| folder.path().join(name));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let receivers = Receivers::start(folder.path(), Some((&certificate, &key)));
    let password = secret(folder.path(), "password", "call");
    let with = |password: &str, ca_file: &str| {
        settings(&format!(
            "[[mail]]\nserver = \"localhost\"\nport = {}\nuser = \"roll\"\npassword = {password}\n\
             from = \"Rollcall <rollcall@acme.com>\"\nto = [\"ada@acme.com\", \"bo@acme.com\"]\n{ca_file}",
            receivers.smtp_port()
        ))
    };
    let ca_file = format!("ca_file = \"{}\"\n", certificate.display());
    let notifier = tell(folder.path(), with(&password, &ca_file), vec![held()]).await;
    assert_eq!(notifier.waiting(), 0, "it was not taken");
    let mails = received(&receivers, "mail");
    assert_eq!(mails.len(), 1);
    assert_eq!((&mails[0]["tls"], &mails[0]["signed_in"]), (&Value::Bool(true), &Value::Bool(true)));
    assert_eq!(mails[0]["subject"], "[rollcall] acme: 14 changes wait for a person");
    assert_eq!(mails[0]["to"], serde_json::json!(["ada@acme.com", "bo@acme.com"]));
    let text = mails[0]["text"].as_str().unwrap();
    assert!(text.contains("14 deactivations") && text.contains("rollcall approve 01234567"), "{text}");

    // A server that cannot prove who it is gets neither the mail nor the password; nor does a wrong password get through.
    for (password, ca_file) in [(password.clone(), String::new()), (secret(folder.path(), "wrong", "no"), ca_file)] {
        let state = tempfile::tempdir().unwrap();
        assert_eq!(tell(state.path(), with(&password, &ca_file), vec![held()]).await.waiting(), 1);
    }
    assert_eq!(receivers.received("mail").len(), 1);
}

#[tokio::test]
async fn a_chats_secret_address_stands_in_no_error_and_no_log() {
    let folder = tempfile::tempdir().unwrap();
    let refused = format!("http://127.0.0.1:{}/services/T0/s3cret", rollcall_test_servers::free_port());
    let address = secret(folder.path(), "slack", &refused);
    let log = std::sync::Arc::new(std::sync::Mutex::new(Vec::<u8>::new()));
    let writer = {
        let log = std::sync::Arc::clone(&log);
        move || Log(std::sync::Arc::clone(&log))
    };
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(writer).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let settings =
        settings(&format!("[[webhook]]\nsecret_url = {address}\nshape = \"slack\"\nhttp = {{ attempts = 1 }}\n"));
    let notifier = tell(folder.path(), settings, vec![held()]).await;
    assert_eq!(notifier.waiting(), 1);
    let log = String::from_utf8(log.lock().unwrap().clone()).unwrap();
    assert!(log.contains("the webhook of a secret address did not receive"), "{log}");
    assert!(!log.contains("s3cret"), "{log}");
}

/// Takes in what is logged.
struct Log(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
