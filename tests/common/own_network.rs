//! A test that runs itself again in a network of its own, where it may add addresses and routes, and where loopback is its own too.

use super::{is_installed, say_not_tested};
use std::process::Command;

const INSIDE: &str = "MIRRORVIP_TEST_IN_OWN_NETWORK";

/// Runs `inside` in a network of its own. `test` is the calling test's name, as `--exact` takes it; `what` is said where a network of
/// its own is not possible here, and names what was not tested.
pub fn run(test: &str, what: &str, inside: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        return inside();
    }
    for (program, package) in [("unshare", "util-linux"), ("ip", "iproute2")] {
        if !is_installed(program) {
            return say_not_tested(&format!("{what} needs `{program}` ({package})"));
        }
    }
    let possible = Command::new("unshare").args(["--net", "--map-root-user", "true"]).output().expect("unshare");
    if !possible.status.success() {
        let why = String::from_utf8_lossy(&possible.stderr).into_owned();
        return say_not_tested(&format!("{what} needs a network of its own: {why}"));
    }
    let own = std::env::current_exe().expect("this test");
    let again = ["--exact", test, "--nocapture"];
    let run = Command::new("unshare").args(["--net", "--map-root-user"]).arg(own).args(again).env(INSIDE, "1").output();
    let run = run.expect("`unshare` of util-linux is needed for this test");
    let output = String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success() && output.contains("1 passed"), "{output}");
}

/// Calls `ip` with the words of this line.
pub fn ip(line: &str) {
    let done = Command::new("ip").args(line.split(' ')).output().expect("`ip` of iproute2 is needed for this test");
    assert!(done.status.success(), "ip {line}: {}", String::from_utf8_lossy(&done.stderr));
}
