//! Tests that run themselves again as a child, under conditions that only another process can be brought under.

use std::{
    ffi::OsStr,
    path::Path,
    process::{Command, Stdio},
};

/// This test binary once more, running only the test of this name, with a variable that tells it to be a child.
pub(crate) fn child(test: &str, variable: &str, value: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture"]).env(variable, value);
    command
}

/// Runs a test as a child that has its own mounts, which end with it. `mount` is a command that finds the directory in
/// `$1`.
pub(crate) fn in_mount_namespace(mount: &str, test: &str, variable: &str, directory: &Path) {
    let test = child(test, variable, directory);
    let script = format!("{mount} && shift && exec \"$@\"");
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", &script, "sh"]).arg(directory);
    command.arg(test.get_program()).args(test.get_args()).env(variable, directory);
    check_passed(command, "this test mounts, which needs root or user namespaces, and the command unshare");
}

/// Runs a test as a child for which the modes of files hold, even if this process is root.
pub(crate) fn without_override(test: &str, variable: &str, directory: &Path) {
    let test = child(test, variable, directory);
    // Who has no such right needs none taken away, and may not take any.
    let drop_rights = "exec setpriv --bounding-set -dac_override,-dac_read_search \
                       --inh-caps -dac_override,-dac_read_search \"$@\"";
    let script = format!("if [ \"$(id -u)\" = 0 ]; then {drop_rights}; else exec \"$@\"; fi");
    let mut command = Command::new("sh");
    command
        .args(["-c", &script, "sh"])
        .arg(test.get_program())
        .args(test.get_args())
        .env(variable, directory);
    check_passed(command, "this test gives up rights of root, which needs the command setpriv");
}

fn check_passed(mut command: Command, needs: &str) {
    let output = command.stdin(Stdio::null()).output().expect(needs);
    let told =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && told.contains("1 passed"), "{needs}:\n{told}");
}
