//! Where and with what a table was measured.

use std::{fs, path::Path, process::Command, thread};

use eventsource::{Clock, SystemClock};
use serde::Serialize;

/// Where and with what a table was measured. What cannot be found out is `unknown`.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Machine {
    cpu: String,
    cores: usize,
    kernel: String,
    /// Of the directory that holds the databases.
    file_system: String,
    rustc: String,
    sqlite: &'static str,
    date: String,
    commit: String,
}

impl Machine {
    /// This machine, with databases in this directory.
    pub(crate) fn here(directory: &Path) -> Self {
        let unknown = || "unknown".to_owned();
        Self {
            cpu: cpu().unwrap_or_else(unknown),
            cores: thread::available_parallelism().map_or(0, Into::into),
            kernel: read("/proc/sys/kernel/osrelease").unwrap_or_else(unknown),
            file_system: file_system(directory).unwrap_or_else(unknown),
            rustc: output("rustc", &["--version"]).unwrap_or_else(unknown),
            sqlite: rusqlite::version(),
            date: SystemClock.now().to_string().chars().take(10).collect(),
            commit: commit().unwrap_or_else(unknown),
        }
    }

    /// Two lines of Markdown.
    pub(crate) fn show(&self) -> String {
        let Self { cpu, cores, kernel, file_system, rustc, sqlite, date, commit } = self;
        format!(
            "Machine: {cpu}, {cores} cores, Linux {kernel}, databases on {file_system}.\n\
             Built by {rustc}, with SQLite {sqlite}. Measured on {date} at commit {commit}.\n"
        )
    }
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

fn cpu() -> Option<String> {
    let text = read("/proc/cpuinfo")?;
    let name = text.lines().find(|line| line.starts_with("model name"))?.split_once(':')?.1;
    Some(name.trim().to_owned())
}

/// The type of the file system that is mounted nearest above a directory.
fn file_system(directory: &Path) -> Option<String> {
    let directory = fs::canonicalize(directory).ok()?;
    let mounts = read("/proc/self/mounts")?;
    let mounted = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        Some((fields.next()?, fields.next()?))
    });
    let above = mounted.filter(|(point, _)| directory.starts_with(point));
    // The later of two mounts on one point hides the earlier.
    above.max_by_key(|(point, _)| point.len()).map(|(_, kind)| kind.to_owned())
}

fn commit() -> Option<String> {
    let workspace = env!("CARGO_MANIFEST_DIR");
    let commit = output("git", &["-C", workspace, "rev-parse", "--short", "HEAD"])?;
    let changes = output("git", &["-C", workspace, "status", "--porcelain", "--untracked-files=no"])?;
    Some(if changes.is_empty() { commit } else { format!("{commit} with changes") })
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
