//! Disks whose power can be cut: an ext4 on a loop device, a shim that forgets what was not synced, and, for comparison,
//! one that loses nothing when its writer is killed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::UNIX_EPOCH;

use rustix::fs::{Advice, fadvise};

/// A folder on a disk of its own.
pub(super) trait Disk {
    /// What people call it.
    fn name(&self) -> &'static str;

    /// What has to stand in the environment of whoever writes there.
    fn variables(&self) -> Vec<(&'static str, PathBuf)>;

    /// Stops a process that writes there, at once, and lets the disk keep of its work what a power cut would leave. Some
    /// disks let `chance` decide how much of what was not synced had reached them all the same. When this returns the
    /// process is gone and the disk is back.
    fn cut(&mut self, writer: &mut Child, chance: &mut fastrand::Rng);
}

/// Which disk a test wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The best that this machine has.
    Best,
    /// The shim, whatever the machine has.
    Shim,
    /// No power cut: the process is killed.
    Killed,
}

/// Makes a disk for a folder, which it makes as well.
pub(super) fn make(kind: Kind, folder: &Path) -> Box<dyn Disk> {
    fs::create_dir(folder).unwrap();
    match kind {
        Kind::Killed => Box::new(Killed),
        Kind::Best => match Device::mounted_on(folder) {
            Some(device) => Box::new(device),
            None => Box::new(Shim::over(folder)),
        },
        Kind::Shim => Box::new(Shim::over(folder)),
    }
}

fn end(writer: &mut Child) {
    let _ = writer.kill();
    writer.wait().unwrap();
}

/// A disk that keeps everything.
struct Killed;

impl Disk for Killed {
    fn name(&self) -> &'static str {
        "kill -9"
    }

    fn variables(&self) -> Vec<(&'static str, PathBuf)> {
        Vec::new()
    }

    fn cut(&mut self, writer: &mut Child, _: &mut fastrand::Rng) {
        end(writer);
    }
}

/// An ext4 in a file, attached by a loop device. The file is the disk: what the file system has not written to it is
/// lost. It may be held in memory, for it is never the file's own disk that loses power.
struct Device {
    folder: PathBuf,
    image: PathBuf,
    // Removes the image.
    _holder: tempfile::TempDir,
}

/// Room for everything a test writes; the file takes only what is written.
const SIZE: u64 = 2 << 30;

impl Device {
    /// Makes one, if this machine lets us.
    fn mounted_on(folder: &Path) -> Option<Self> {
        let holder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let image = holder.path().join("image");
        File::create(&image).unwrap().set_len(SIZE).unwrap();
        let mut format = Command::new("mkfs.ext4");
        format.env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin").args(["-q", "-F", "-J", "size=8"]);
        // The image is empty; nothing has to be wiped.
        format.args(["-E", "lazy_itable_init=1,lazy_journal_init=1"]).arg(&image);
        let device = Self { folder: folder.to_owned(), image, _holder: holder };
        (format.output().ok()?.status.success() && device.mount()).then_some(device)
    }

    fn mount(&self) -> bool {
        let mut mount = Command::new("mount");
        // Without the thread that goes on formatting in the background.
        mount.args(["-t", "ext4", "-o", "loop,noinit_itable"]).arg(&self.image).arg(&self.folder);
        mount.output().is_ok_and(|ran| ran.status.success())
    }

    fn unmount(&self) {
        // The last one to let go may be a moment late.
        for _ in 0..500 {
            let ran = Command::new("umount").arg(&self.folder).output().unwrap();
            if ran.status.success() {
                return;
            }
            pause();
        }
        panic!("{} cannot be unmounted", self.folder.display());
    }

    /// Lets some pages reach the disk that nobody asked to sync, as a system does when it pleases.
    fn leak(&self, chance: &mut fastrand::Rng) {
        const PAGE: u64 = 4096;
        let odds = chance.f64();
        for file in databases(&self.folder) {
            let Ok(file) = File::open(file) else { continue };
            for page in 0..file.metadata().unwrap().len().div_ceil(PAGE) {
                if chance.f64() < odds {
                    fadvise(&file, page * PAGE, std::num::NonZero::new(PAGE), Advice::DontNeed).unwrap();
                }
            }
        }
    }
}

impl Disk for Device {
    fn name(&self) -> &'static str {
        "ext4 on a loop device"
    }

    fn variables(&self) -> Vec<(&'static str, PathBuf)> {
        Vec::new()
    }

    fn cut(&mut self, writer: &mut Child, chance: &mut fastrand::Rng) {
        let mut cutter = Command::new(rollcall_test_servers::folder().join("power-cut.py"))
            .arg(&self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(cutter.stdout.take().unwrap()).lines();
        assert_eq!(said.next().unwrap().unwrap(), "READY");
        if chance.bool() {
            self.leak(chance);
        }
        writeln!(cutter.stdin.take().unwrap(), "{}", writer.id()).unwrap();
        assert_eq!(said.next().unwrap().unwrap(), "DONE");
        assert!(cutter.wait().unwrap().success());
        end(writer);
        self.unmount();
        assert!(self.mount(), "the file system does not come back");
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.folder).output();
    }
}

/// The logs of all databases below a folder.
fn databases(folder: &Path) -> Vec<PathBuf> {
    let organizations = fs::read_dir(folder).unwrap().flatten();
    organizations.map(|entry| entry.path().join("db/db")).filter(|path| path.is_file()).collect()
}

/// An ordinary folder, written to by programs that load `tests/servers/forgetful.c`.
struct Shim {
    folder: PathBuf,
    holder: tempfile::TempDir,
}

impl Shim {
    fn over(folder: &Path) -> Self {
        let holder = tempfile::tempdir().unwrap();
        let source = rollcall_test_servers::folder().join("forgetful.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-O1", "-shared", "-fPIC", "-o"]).arg(holder.path().join("forgetful.so")).arg(source);
        assert!(compiler.status().unwrap().success(), "cc cannot make the shim");
        fs::create_dir_all(holder.path().join("kept/content")).unwrap();
        fs::write(holder.path().join("kept/names"), "").unwrap();
        Self { folder: folder.canonicalize().unwrap(), holder }
    }

    fn kept(&self) -> PathBuf {
        self.holder.path().join("kept")
    }

    /// The names that were safe: the path below the folder, with the key of the content of a file.
    fn names(&self) -> BTreeMap<PathBuf, Option<String>> {
        let names = fs::read_to_string(self.kept().join("names")).unwrap();
        let parse = |line: &str| {
            let mut parts = line.splitn(3, ' ');
            let (kind, key, path) = (parts.next()?, parts.next()?, parts.next()?);
            Some((PathBuf::from(path), (kind == "f").then(|| key.to_owned())))
        };
        names.lines().map(|line| parse(line).unwrap()).collect()
    }
}

impl Disk for Shim {
    fn name(&self) -> &'static str {
        "a shim that forgets what was not synced"
    }

    fn variables(&self) -> Vec<(&'static str, PathBuf)> {
        let object = self.holder.path().join("forgetful.so");
        vec![("LD_PRELOAD", object), ("FORGETFUL_FOLDER", self.folder.clone()), ("FORGETFUL_KEPT", self.kept())]
    }

    fn cut(&mut self, writer: &mut Child, _: &mut fastrand::Rng) {
        end(writer);
        let content = self.kept().join("content");
        let left = self.holder.path().join("left");
        fs::rename(&content, &left).unwrap();
        fs::create_dir(&content).unwrap();
        for entry in fs::read_dir(&self.folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() { fs::remove_dir_all(&path).unwrap() } else { fs::remove_file(&path).unwrap() }
        }
        // What is left is written to the folder, and is safe there from now on under the keys of its new files.
        let mut names = String::new();
        for (path, key) in self.names() {
            let target = self.folder.join(&path);
            match &key {
                None => fs::create_dir(&target).unwrap(),
                Some(key) => fs::write(&target, fs::read(left.join(key)).unwrap_or_default()).unwrap(),
            }
            let (kind, new) = (if key.is_some() { 'f' } else { 'd' }, key_of(&target));
            if key.is_some() {
                fs::copy(&target, content.join(&new)).unwrap();
            }
            names.push_str(&format!("{kind} {new} {}\n", path.display()));
        }
        fs::write(self.kept().join("names"), names).unwrap();
        fs::remove_dir_all(&left).unwrap();
    }
}

/// The name of a file's content, as the shim gives it.
fn key_of(path: &Path) -> String {
    let metadata = fs::symlink_metadata(path).unwrap();
    let birth = metadata.created().unwrap().duration_since(UNIX_EPOCH).unwrap();
    format!("{}-{}.{}", metadata.ino(), birth.as_secs(), birth.subsec_nanos())
}

/// Waits a moment.
#[allow(clippy::disallowed_methods, reason = "a test waits for another process")]
pub(super) fn pause() {
    std::thread::sleep(std::time::Duration::from_micros(200));
}
