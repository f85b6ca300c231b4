//! Both ends of the socket, and texts that are larger than what goes over it at once.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tokio::io::BufReader;
use tokio::net::UnixListener;
use tokio::sync::mpsc::unbounded_channel;

use super::backlog::Backlog;
use super::client::Client;
use super::frames::{self, FRAME};
use super::protocol::{Frame, Reply, Request, VERSION};
use super::remote::Remote;
use super::server::write_frames;
use crate::report::{Console, Make};
use crate::run::Event;

/// A client's console, which keeps what is printed and said.
#[derive(Default)]
struct Kept {
    printed: Mutex<Vec<u8>>,
    said: Mutex<Vec<String>>,
}

impl Console for Kept {
    fn print_made(&self, make: Make<'_>) -> io::Result<()> {
        make(&mut *self.printed.lock().unwrap())
    }

    fn say(&self, text: &str) {
        self.said.lock().unwrap().push(text.to_owned());
    }

    fn columns(&self) -> usize {
        80
    }

    fn can_ask(&self) -> bool {
        false
    }

    fn ask(&self, _: &str) -> io::Result<String> {
        Err(io::Error::other("nobody is there"))
    }

    fn person(&self) -> String {
        "ada".to_owned()
    }

    fn listener(&self) -> Box<dyn Fn(Event) + Send + Sync + '_> {
        Box::new(|_| {})
    }

    fn file(&self, name: &str) -> Option<io::Result<String>> {
        Path::new(name).is_file().then(|| fs::read_to_string(name))
    }

    fn keep(&self, path: &Path, make: Make<'_>) -> io::Result<()> {
        let mut text = Vec::new();
        make(&mut text)?;
        fs::write(path, text)
    }
}

/// Has a command carried out at the other end of a socket, and returns what its client saw.
async fn carried_out(command: impl FnOnce(&Remote) + Send + 'static) -> Kept {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sock");
    let listener = UnixListener::bind(&path).unwrap();
    let daemon = tokio::spawn(async move {
        let (read, write) = listener.accept().await.unwrap().0.into_split();
        let mut read = BufReader::new(read);
        let request: Request = frames::read(&mut read, FRAME).await.unwrap().unwrap();
        let (sender, receiver) = unbounded_channel();
        let backlog = Arc::new(Backlog::default());
        let writer = tokio::spawn(write_frames(write, receiver, Arc::clone(&backlog)));
        let (replies, theirs) = std::sync::mpsc::channel();
        tokio::spawn(async move {
            while let Ok(Some(reply)) = frames::read::<Reply>(&mut read, FRAME).await {
                let _ = replies.send(reply);
            }
        });
        let remote = Remote::new(&request, "ada".to_owned(), (sender.clone(), backlog), theirs);
        tokio::task::spawn_blocking(move || command(&remote)).await.unwrap();
        sender.send(Frame::End { code: 0 }).unwrap();
        drop(sender);
        writer.await.unwrap();
    });
    let (config, login) = (PathBuf::new(), None);
    let request = Request { version: VERSION, arguments: Vec::new(), config, columns: None, can_ask: false, login };
    let (client, console) = (Client::connect(&path).await.unwrap().unwrap(), Kept::default());
    assert_eq!(client.ask(&request, &console, |_| {}).await.unwrap(), 0);
    daemon.await.unwrap();
    console
}

/// A text of several frames.
fn long() -> String {
    let text = "a \"line\" of a plan: ä€𝄞\n".repeat(300_000);
    assert!(text.len() as u64 > 2 * FRAME);
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_printed_and_said_arrives_whole_however_long_it_is() {
    let seen = carried_out(|remote| {
        remote.print(&long()).unwrap();
        remote.say(&long());
        remote.print_made(&mut |out| (0..1_000_u32).try_for_each(|number| writeln!(out, "{number}"))).unwrap();
    })
    .await;
    let numbers: String = (0..1_000).map(|number| format!("{number}\n")).collect();
    assert!(seen.printed.into_inner().unwrap() == (long() + &numbers).into_bytes());
    let said = seen.said.into_inner().unwrap();
    assert!(said.len() > 1 && said.join("\n") == long());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_goes_both_ways_whole_however_long_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (path, nowhere) = (folder.path().join("plan.json"), folder.path().join("no/plan.json"));
    let there = path.clone();
    carried_out(move |remote| {
        let text = long();
        remote.keep(&there, &mut |into| into.write_all(text.as_bytes())).unwrap();
        assert!(remote.file(there.to_str().unwrap()).unwrap().unwrap() == text);
        let error = remote.keep(&nowhere, &mut |into| into.write_all(text.as_bytes())).unwrap_err();
        assert!(error.to_string().contains("No such file"), "{error}");
        assert!(remote.file(nowhere.to_str().unwrap()).is_none(), "the connection is as it was");
    })
    .await;
    assert!(fs::read_to_string(&path).unwrap() == long());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_made_leaves_the_one_that_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.json");
    fs::write(&path, "before").unwrap();
    let there = path.clone();
    carried_out(move |remote| {
        let error = remote.keep(&there, &mut |into| {
            into.write_all(long().as_bytes())?;
            Err(io::Error::other("the plan ended too soon"))
        });
        assert_eq!(error.unwrap_err().to_string(), "the plan ended too soon");
        assert_eq!(remote.file(there.to_str().unwrap()).unwrap().unwrap(), "before");
    })
    .await;
}
