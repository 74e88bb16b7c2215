//! `mirrorvip simulate`: what it prints works.

use crate::*;

/// Does what it tells a reader to do, and looks whether the simulated world agrees.
fn play(mut simulated: Simulated, new: &str) {
    assert!(simulated.said.contains("until Ctrl-C"), "{}", simulated.said);
    let commands: Vec<Vec<String>> = simulated
        .said
        .lines()
        .filter_map(|line| line.strip_prefix("  mirrorvip "))
        .map(|line| line.split(' ').map(str::to_owned).collect())
        .collect();
    let expected = [("check", 0), ("acquire", 0), ("acquire", 0), ("status", 0), ("status", 4)];
    assert_eq!(commands.len(), expected.len(), "{}", simulated.said);
    let in_it = |words: &[String]| Ran::of(Command::new(PROGRAM).args(words).current_dir(simulated.folder.path()));
    for (words, (action, status)) in commands.iter().zip(expected) {
        let ran = in_it(words);
        assert_eq!((words[0].as_str(), ran.status), (action, Some(status)), "{words:?}: {ran:?}");
        if action == "check" {
            assert!(ran.out.starts_with("ready"), "{ran:?}");
        }
    }
    assert!(!simulated.config("nothing").exists() && simulated.config("a.json").exists());
    assert_eq!(simulated.end(), Some(0));
    let mut rest = String::new();
    std::io::Read::read_to_string(simulated.child.stdout.as_mut().expect("its output"), &mut rest).expect("text");
    let last = rest.lines().last().unwrap_or_default();
    let holders: Vec<&str> = last.split("; ").filter_map(|part| part.rsplit_once(": ")).map(|(_, who)| who).collect();
    assert!(!holders.is_empty() && holders.iter().all(|holder| *holder == new), "{new}: {rest}");
    // Its files are of no use without it.
    assert!(!simulated.config("a.json").parent().expect("a folder").exists());
}

#[test]
fn what_it_prints_works_on_every_cloud() {
    use cloudsim::{aws, azure, gcp};
    for (arguments, new) in [
        (&["aws"][..], aws::ENI_B),
        (&["aws", "--public-ip"], aws::ENI_B),
        (&["aws", "--mechanism", "secondaryIp"], aws::ENI_B),
        (&["aws", "--mechanism", "secondaryIp", "--public-ip"], aws::ENI_B),
        (&["aws", "--stop-holder"], aws::ENI_B),
        (&["azure"], azure::NIC_B),
        (&["azure", "--public-ip", "--stop-holder"], azure::NIC_B),
        (&["azure", "--mechanism", "route"], azure::ADDRESS_B),
        (&["gcp"], gcp::VM_B),
        (&["gcp", "--public-ip", "--stop-holder"], gcp::VM_B),
        (&["gcp", "--mechanism", "route"], gcp::VM_B),
    ] {
        let quick = [arguments, &["--operation", "50", "--latency", "1"]].concat();
        play(Simulated::start(Command::new(PROGRAM), &quick), new);
    }
}

#[test]
fn what_a_cloud_has_not_got_is_said() {
    for (arguments, word) in [
        (&["aws", "--mechanism", "ipConfig"][..], "route and secondaryIp"),
        (&["gcp", "--mechanism", "secondaryIp"], "aliasIp and route"),
        (&["azure", "--mechanism", "route", "--public-ip"], "no public address"),
        (&["oracle"], "possible values: aws, azure, gcp"),
    ] {
        let ran = mirrorvip([&["simulate"], arguments].concat());
        assert_eq!((ran.status, ran.out.as_str()), (Some(2), ""), "{ran:?}");
        assert!(ran.err.contains(word), "{ran:?}");
    }
}

/// What is in the folder may be somebody's.
#[test]
fn nothing_is_overwritten_and_nothing_else_is_removed() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = || Ran::of(Command::new(PROGRAM).args(["simulate", "aws", "--folder"]).arg(folder.path()));
    fs::write(folder.path().join("b.json"), "mine").expect("write");
    let ran = run();
    assert_eq!((ran.status, ran.out.as_str()), (Some(1), ""), "{ran:?}");
    assert!(ran.err.contains("File exists") && ran.err.contains("--folder"), "{ran:?}");
    assert_eq!(fs::read_to_string(folder.path().join("b.json")).expect("still there"), "mine");
    assert!(!folder.path().join("a.json").exists());

    fs::rename(folder.path().join("b.json"), folder.path().join("c.json")).expect("rename");
    let mut command = Command::new(PROGRAM);
    command.args(["simulate", "aws", "--folder"]).arg(folder.path());
    let mut simulated = Simulated::started(command);
    assert!(folder.path().join("a.json").exists());
    assert_eq!(simulated.end(), Some(0));
    let left = fs::read_dir(folder.path()).expect("the folder").map(|entry| entry.expect("an entry").file_name());
    assert_eq!(left.collect::<Vec<_>>(), ["c.json"]);
}
