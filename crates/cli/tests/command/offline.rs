//! What needs no cloud.

use crate::*;

#[test]
fn all_mistakes_are_told_at_once() {
    let config = Config::new(&json!({ "cloud": "gcp", "vip": "10.0.0.300", "deadlineSecond": 20, "gcp": {} }));
    let ran = config.run("validate", &[]);
    assert_eq!((ran.status, ran.out.as_str()), (Some(2), ""), "{ran:?}");
    for mistake in ["`deadlineSecond`", "`deadlineSeconds`", "10.0.0.300", "`gcp.instances`"] {
        assert!(ran.err.contains(mistake), "{mistake}: {ran:?}");
    }
    let report = config.run("validate", &["--json"]);
    assert_eq!(report.status, Some(2));
    assert_eq!((&report.json()["ok"], &report.json()["error"]["code"]), (&json!(false), &json!("invalid_config")));
}

#[test]
fn the_sample_has_no_mistake() {
    let sample = root().join("mirrorvip.sample.json");
    let ran = mirrorvip([OsStr::new("validate"), OsStr::new("-c"), sample.as_os_str()]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(ran.out.contains("without a mistake"), "{ran:?}");
}

/// Whoever looks at a configuration asks nobody: not even the machine's own addresses are needed.
#[test]
fn nothing_is_connected_to_validate() {
    let metadata = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    metadata.set_nonblocking(true).expect("a listener");
    let endpoints = json!({ "metadata": format!("http://{}", metadata.local_addr().expect("bound")) });
    let config = Config::new(&json!({ "cloud": "aws", "vip": VIP, "aws": { "endpoints": endpoints } }));
    assert_eq!(config.run("validate", &[]).status, Some(0));
    assert!(metadata.accept().is_err(), "it connected");
}

#[test]
fn the_schema_is_the_one_that_is_shipped() {
    let shipped = fs::read_to_string(root().join("docs/mirrorvip.schema.json")).expect("the schema");
    assert_eq!(mirrorvip(["schema"]).out, shipped);
}

#[test]
fn a_code_is_explained_as_the_page_does() {
    let known = mirrorvip(["explain", "denied"]);
    assert!(known.out.starts_with("denied\n") && known.out.contains("a permission is missing"), "{known:?}");
    let list = mirrorvip(["explain"]);
    assert!(["denied", "stranded", "vipNotLocal"].iter().all(|code| list.out.lines().any(|line| line == *code)));
    let unknown = mirrorvip(["explain", "nonsense"]);
    assert_eq!((unknown.status, unknown.out.as_str()), (Some(2), ""));
}

#[test]
fn shells_accept_their_completions() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = mirrorvip(["completions", shell]);
        assert_eq!(script.status, Some(0));
        assert!(script.out.contains("--retry-for") || script.out.contains("retry-for"), "{shell}");
        if shell == "bash" {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("completions");
            fs::write(&path, &script.out).expect("write");
            let bash = Ran::of(Command::new("bash").arg("-c").arg(
                "source \"$0\"; COMP_WORDS=(mirrorvip acq); COMP_CWORD=1; _mirrorvip mirrorvip acq mirrorvip; echo \"${COMPREPLY[*]}\"",
            ).arg(&path));
            assert_eq!(bash.out, "acquire\n", "{bash:?}");
        }
    }
}

#[test]
fn there_is_a_page_of_the_manual_for_each_subcommand() {
    let whole = mirrorvip(["man"]);
    assert!(whole.out.contains(".SH \"EXIT STATUS\""), "{}", whole.out);
    let help = mirrorvip(["--help"]).out;
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let commands: Vec<&str> = commands.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(commands.len() >= 11, "{commands:?}");
    for command in commands {
        let page = mirrorvip(["man", command]);
        assert!(page.out.contains(&format!(".SH NAME\nmirrorvip\\-{command}")), "{command}: {page:?}");
    }
    assert_eq!(mirrorvip(["man", "nonsense"]).status, Some(2));
}

#[test]
fn the_version_is_the_library_s() {
    let version = mirrorvip(["version", "--json"]).json();
    assert_eq!((&version["name"], &version["version"]), (&json!("mirrorvip"), &json!(env!("CARGO_PKG_VERSION"))));
    assert_eq!(version["clouds"]["azure"], json!(["ipConfig", "route"]));
    assert!(mirrorvip(["version"]).out.starts_with(&format!("mirrorvip {} (", env!("CARGO_PKG_VERSION"))));
}

/// A reader that has seen enough is no failure.
#[test]
fn a_closed_pipe_is_no_panic() {
    let line = format!("'{PROGRAM}' schema | head -c 1; echo \" ${{PIPESTATUS[0]}}\"; '{PROGRAM}' explain | head -c 1");
    let ran = Ran::of(Command::new("bash").args(["-c", &line]));
    assert!(ran.out.starts_with("{ 0\n"), "{ran:?}");
    assert_eq!(ran.err, "", "{ran:?}");
}

/// A disk that is full changes nothing that was done, and the status says how the call ended.
#[test]
fn what_cannot_be_printed_is_said_and_is_no_panic() {
    use cloudsim::aws::{ENI_A, MEMBER_B, Simulator, World};
    let full = || Stdio::from(fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full"));
    let sim = Simulator::start(World::overlay(1).held(VIP, ENI_A));
    let config = on_aws(&sim, MEMBER_B);
    for (action, status) in [("status", 4), ("acquire", 0), ("status", 0), ("validate", 1)] {
        let done = config.command(action).stdout(full()).stderr(Stdio::piped()).spawn().expect("the command");
        let done = done.wait_with_output().expect("its end");
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(status), "{action}: {said}");
        assert_eq!(said, "mirrorvip: standard output: No space left on device (os error 28)\n", "{action}");
    }
}
