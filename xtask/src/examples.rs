//! `cargo xtask examples`: every example runs and prints what its expected files say.
//!
//! `examples/<name>/expected/<case>.txt` is what a case prints; `<case>.args` beside it holds its arguments, one
//! per line. The case `default` is the run without arguments, and every example has it. Examples run in the root
//! of the workspace, as in the README.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::cargo;

/// Runs all cases of all examples; with `bless`, writes what they print instead of comparing it.
pub(crate) fn run(bless: bool) -> Result<()> {
    let programs = build()?;
    let mut complaints = Vec::new();
    for name in names()? {
        let program = programs.get(&name).with_context(|| format!("`{name}` has no program of its name"))?;
        for case in cases(&name)? {
            println!("{name}: {}", case.name);
            if let Err(error) = case.run(program, bless) {
                complaints.push(format!("example `{name}`, case `{}`: {error:#}", case.name));
            }
        }
    }
    ensure!(complaints.is_empty(), "{}", complaints.join("\nerror: "));
    Ok(())
}

/// The names of the examples: the packages under `examples/`, each named like its directory.
pub(crate) fn names() -> Result<Vec<String>> {
    let folder = cargo::root().join("examples");
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        if entry.path().join("Cargo.toml").is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// One run of an example.
struct Case {
    name: String,
    arguments: Vec<String>,
    /// The file with what it prints.
    expected: PathBuf,
}

impl Case {
    fn run(&self, program: &Path, bless: bool) -> Result<()> {
        let output = Command::new(program)
            .args(&self.arguments)
            .current_dir(cargo::root())
            .stderr(Stdio::inherit())
            .output()
            .with_context(|| format!("cannot start {}", program.display()))?;
        ensure!(output.status.success(), "ended with {}", output.status);
        let printed = String::from_utf8(output.stdout).context("what it prints is not UTF-8")?;
        if bless {
            fs::create_dir_all(self.expected.parent().context("a case lies in a directory")?)?;
            return Ok(fs::write(&self.expected, printed)?);
        }
        let expected = fs::read_to_string(&self.expected).with_context(|| {
            format!("cannot read {}; `cargo xtask examples --bless` writes it", self.expected.display())
        })?;
        match difference(&expected, &printed) {
            Some(difference) => bail!("{difference}"),
            None => Ok(()),
        }
    }
}

fn cases(example: &str) -> Result<Vec<Case>> {
    let folder = cargo::root().join("examples").join(example).join("expected");
    let mut names = vec!["default".to_owned()];
    if folder.is_dir() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            if !names.contains(&stem) {
                names.push(stem);
            }
        }
    }
    names.sort();
    let case = |name: String| {
        let arguments = folder.join(format!("{name}.args"));
        let arguments = if arguments.is_file() { fs::read_to_string(arguments)? } else { String::new() };
        ensure!(
            arguments.is_empty() == (name == "default"),
            "example `{example}`, case `{name}`: `default` has no arguments, every other case has a file \
             `{name}.args` with one per line"
        );
        let expected = folder.join(format!("{name}.txt"));
        Ok(Case { name, arguments: arguments.lines().map(str::to_owned).collect(), expected })
    };
    names.into_iter().map(case).collect()
}

/// Builds all examples and returns their programs by name.
///
/// The selection is that of `cargo test --workspace --all-features`, with which it shares its build: one example
/// alone would compile its dependencies anew, with fewer features.
fn build() -> Result<BTreeMap<String, PathBuf>> {
    println!("building the examples");
    let messages = cargo::output(&[
        "build",
        "--workspace",
        "--all-features",
        "--bins",
        "--tests",
        "--message-format",
        "json-render-diagnostics",
    ])?;
    messages.lines().filter_map(|line| program(line).transpose()).collect()
}

/// The program that a message of cargo announces, if it does.
fn program(message: &str) -> Result<Option<(String, PathBuf)>> {
    #[derive(Deserialize)]
    struct Message {
        target: Option<Target>,
        profile: Option<Profile>,
        executable: Option<PathBuf>,
    }
    #[derive(Deserialize)]
    struct Target {
        name: String,
    }
    #[derive(Deserialize)]
    struct Profile {
        test: bool,
    }
    let message = serde_json::from_str(message).context("cannot read a message of cargo")?;
    let Message { target: Some(target), profile: Some(profile), executable: Some(executable) } = message
    else {
        return Ok(None);
    };
    Ok((!profile.test).then_some((target.name, executable)))
}

/// Where the two first differ, in words.
pub(crate) fn difference(expected: &str, printed: &str) -> Option<String> {
    if expected == printed {
        return None;
    }
    let (mut expected, mut printed) = (expected.lines(), printed.lines());
    for number in 1.. {
        let (wanted, got) = (expected.next(), printed.next());
        if wanted.is_none() && got.is_none() {
            break;
        }
        if wanted != got {
            let show =
                |line: Option<&str>| line.map_or("nothing more".to_owned(), |line| format!("`{line}`"));
            return Some(format!("line {number}: expected {}, printed {}", show(wanted), show(got)));
        }
    }
    Some("only the line ends differ".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_named() {
        assert_eq!(difference("a\nb\n", "a\nb\n"), None);
        assert_eq!(difference("a\nb\n", "a\nc\n").unwrap(), "line 2: expected `b`, printed `c`");
        assert_eq!(difference("a\nb\n", "a\n").unwrap(), "line 2: expected `b`, printed nothing more");
        assert_eq!(difference("a\n", "a").unwrap(), "only the line ends differ");
    }

    #[test]
    fn a_program_is_read_from_the_message_that_announces_it() {
        let message = r#"{"reason":"compiler-artifact","target":{"name":"quickstart"},
            "profile":{"test":false},"executable":"/target/quickstart"}"#;
        assert_eq!(program(message).unwrap(), Some(("quickstart".to_owned(), "/target/quickstart".into())));
    }

    #[test]
    fn tests_libraries_and_the_end_of_the_build_are_no_programs() {
        for message in [
            r#"{"reason":"compiler-artifact","target":{"name":"a"},"profile":{"test":true},"executable":"/a"}"#,
            r#"{"reason":"compiler-artifact","target":{"name":"a"},"profile":{"test":false},"executable":null}"#,
            r#"{"reason":"build-finished","success":true}"#,
        ] {
            assert_eq!(program(message).unwrap(), None);
        }
    }
}
