//! Runs a program to its end and says what it took, as the system counts it: processor time and the peak of memory by
//! wait4(2), bytes read and written by proc_pid_io(5).

use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use wait4::Wait4 as _;

/// KiB by which two counts of one memory may differ.
const SLACK: u64 = 1 << 10;

/// What a program took, and what it said.
#[derive(Debug)]
pub struct Taken {
    /// How it ended.
    pub status: ExitStatus,
    /// How long it took.
    pub wall: Duration,
    /// How long the processors worked for it, in the program and in the system.
    pub processor: Duration,
    /// The largest part of memory that it held at once, in KiB. Where that is less than its parent held, it is what was
    /// seen while the program ran, and may lack the last milliseconds.
    pub peak_kib: u64,
    /// What it read and wrote.
    pub io: Io,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// Bytes that a process read and wrote so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Io {
    /// Bytes that read calls gave it, from files and pipes, whether or not from the disk.
    pub read: u64,
    /// Bytes that it handed to write calls: files, pipes, and the sockets that are written to like files.
    pub written: u64,
    /// Bytes that it made the system write to a disk, in whole pages.
    pub to_disk: u64,
}

impl Io {
    /// What a process that was not waited for yet has read and written.
    ///
    /// # Errors
    ///
    /// If there is no such process, or the system does not count.
    pub fn of(process: u32) -> io::Result<Self> {
        let text = std::fs::read_to_string(format!("/proc/{process}/io"))?;
        let number = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            line.and_then(|number| number.trim().parse().ok()).unwrap_or(0)
        };
        Ok(Self { read: number("rchar"), written: number("wchar"), to_disk: number("write_bytes") })
    }
}

impl Taken {
    /// Runs a program to its end, without standard input.
    ///
    /// # Errors
    ///
    /// If it cannot be started or waited for.
    pub fn by(command: &mut Command) -> io::Result<Self> {
        // Files, and not pipes: nobody has to read while it runs, however much it says.
        let (mut out, mut err) = (tempfile::tempfile()?, tempfile::tempfile()?);
        command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(err.try_clone()?);
        let start = Instant::now();
        let mut child = command.spawn()?;
        let watched = watch_peak(child.id());
        let process = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
        // What it wrote can be asked for until it is waited for.
        waitid(WaitId::Pid(process), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)?;
        let wall = start.elapsed();
        let io = Io::of(child.id()).unwrap_or_default();
        let used = child.wait4()?;
        let (counted, seen) = (used.rusage.maxrss / 1024, watched.join().unwrap_or_default());
        let held = peak_of(std::process::id()).unwrap_or_default();
        // The system counts what the parent held when the program was started for the program, too (getrusage(2)), and
        // tells either number a little late.
        let peak_kib = if counted > held + SLACK { counted } else { seen };
        Ok(Self {
            status: used.status,
            wall,
            processor: used.rusage.utime + used.rusage.stime,
            peak_kib,
            io,
            out: text(&mut out)?,
            err: text(&mut err)?,
        })
    }

    /// The same, if the program ended with this code.
    ///
    /// # Panics
    ///
    /// If it ended otherwise.
    #[must_use]
    #[track_caller]
    pub fn ending_with(self, code: i32) -> Self {
        assert_eq!(self.status.code(), Some(code), "standard output:\n{}\nstandard error:\n{}", self.out, self.err);
        self
    }

    /// The peak of memory in MiB.
    #[must_use]
    pub const fn peak_mib(&self) -> u64 {
        self.peak_kib.div_ceil(1024)
    }
}

/// The largest part of memory that a process held so far, in KiB (proc_pid_status(5)); none once it has ended.
fn peak_of(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Looks at the peak of a process until it ends.
#[allow(clippy::disallowed_methods, reason = "a thread of its own may sleep")]
fn watch_peak(process: u32) -> std::thread::JoinHandle<u64> {
    std::thread::spawn(move || {
        let mut peak = 0;
        while let Some(seen) = peak_of(process) {
            peak = seen;
            std::thread::sleep(Duration::from_millis(5));
        }
        peak
    })
}

fn text(file: &mut File) -> io::Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_parent_holds_is_not_counted_for_a_small_program() {
        let large = vec![1_u8; 96 << 20];
        let taken = Taken::by(Command::new("sleep").arg("0.1")).unwrap().ending_with(0);
        assert!(large.iter().all(|byte| *byte == 1) && taken.peak_mib() < 48, "{} MiB", taken.peak_mib());
    }

    #[test]
    fn what_a_program_wrote_and_said_is_told() {
        let mut command = Command::new("sh");
        command.args(["-c", "head -c 300000 /dev/zero >/dev/null; printf said; printf complained >&2; exit 3"]);
        let taken = Taken::by(&mut command).unwrap().ending_with(3);
        assert_eq!((taken.out.as_str(), taken.err.as_str()), ("said", "complained"));
        assert!(taken.io.written >= 4 && taken.peak_kib > 100, "{taken:?}");
    }
}
