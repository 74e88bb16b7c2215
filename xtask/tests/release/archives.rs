//! What is in an archive, and that it is always the same one.

use crate::*;
use std::time::{Duration, SystemTime};
use xtask::{archive, layout, prove};

fn files() -> layout::Files {
    files_of(&xtask::root())
}

/// A release of these sources, with stand-ins for what is built.
fn files_of(sources: &Path) -> layout::Files {
    let folder = folder();
    let (library, command) = (library(folder.path(), &[]), folder.path().join("mirrorvip"));
    fs::write(&command, "the command").expect("write");
    let made = layout::Made {
        library: &library,
        command: &command,
        manual: [("man/man1/mirrorvip.1".to_owned(), b"page".to_vec())].into(),
        sbom: b"{}".to_vec(),
        command_sbom: b"{}".to_vec(),
        rust_notices: b"Rust".to_vec(),
    };
    layout::files(sources, made).expect("the files")
}

#[test]
fn the_command_and_its_manual_are_there() {
    let files = files();
    assert_eq!(files[layout::COMMAND], b"the command");
    assert_eq!(files["share/man/man1/mirrorvip.1"], b"page");
}

#[test]
fn what_install_and_the_package_manager_look_for_is_there() {
    let files = files();
    let root = xtask::root();
    let setup = fs::read_to_string(root.join("objectscript/ZMIRRORVIPSETUP.mac")).expect("the routine");
    let mut wanted: Vec<String> =
        setup.split("source_\"").skip(1).map(|rest| rest.split('"').next().expect("a name").to_owned()).collect();
    let module = fs::read_to_string(root.join("module.xml")).expect("module.xml");
    wanted.extend(
        module.split("FileCopy Name=\"").skip(1).map(|rest| rest.split('"').next().expect("a name").to_owned()),
    );
    assert!(wanted.len() >= 7, "{wanted:?}");
    for name in wanted {
        let there = files.keys().any(|file| *file == name || name.ends_with('/') && file.starts_with(&name));
        assert!(there, "{name} is not in {:?}", files.keys());
    }
    for name in
        ["ZMIRROR.mac", "ZSTART.mac", "ZSTOP.mac", "ZMIRRORVIP.mac", "ZMIRRORVIPSETUP.mac", "ZMIRRORVIPSUPPORT.mac"]
    {
        assert!(files.contains_key(&format!("objectscript/{name}")), "{name}");
    }
    for class in ["Task", "Metrics", "Setup"] {
        assert!(files.contains_key(&format!("objectscript/ZMIRRORVIP/{class}.cls")), "{class}");
    }
}

#[test]
fn folders_go_in_with_all_that_is_in_them_but_hidden_files() {
    let sources = folder();
    for entry in fs::read_dir(xtask::root()).expect("the sources").map(|entry| entry.expect("an entry")) {
        if entry.file_name() != "deploy" {
            std::os::unix::fs::symlink(entry.path(), sources.path().join(entry.file_name())).expect("a link");
        }
    }
    for name in ["a", "b/c/d", "b/.d.swp", ".e/f"] {
        let path = sources.path().join("deploy").join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, name).expect("a file");
    }
    let found = files_of(sources.path());
    let deployed: Vec<_> = found.iter().filter(|(name, _)| name.starts_with("deploy/")).collect();
    assert_eq!(deployed, [(&"deploy/a".into(), &b"a".to_vec()), (&"deploy/b/c/d".into(), &b"b/c/d".to_vec())]);
    let others = |files: layout::Files| files.into_keys().filter(|name| !name.starts_with("deploy/"));
    assert!(others(found).eq(others(files())));
}

#[test]
fn links_lead_somewhere_in_the_archive_too() {
    let files = files();
    for (name, content) in files.iter().filter(|(name, _)| name.ends_with(".md")) {
        let text = String::from_utf8_lossy(content);
        for target in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            if target.is_empty() || target.contains("://") {
                continue;
            }
            let mut path: Vec<&str> = name.split('/').collect();
            path.pop();
            for part in target.split('/') {
                match part {
                    ".." => drop(path.pop()),
                    part => path.push(part),
                }
            }
            let path = path.join("/");
            let there = files.keys().any(|file| *file == path || file.starts_with(&format!("{path}/")));
            assert!(there, "{name} links to {target}");
        }
    }
}

#[test]
fn the_same_files_make_the_same_archive() {
    let (folder, files) = (folder(), files());
    let (one, two) = (folder.path().join("1.tar.gz"), folder.path().join("2.tar.gz"));
    archive::pack("mirrorvip", &files, 1_700_000_000, &one).expect("an archive");
    archive::pack("mirrorvip", &files, 1_700_000_000, &two).expect("an archive");
    assert!(fs::read(one).expect("one") == fs::read(&two).expect("two"));

    let place = folder.path().join("unpacked");
    archive::unpack(&two, &place).expect("unpacked");
    let release = place.join("mirrorvip");
    assert_eq!(archive::verify(&release).expect("the checksums"), files.len());
    let library = fs::metadata(release.join("libmirrorvip.so")).expect("the library");
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    assert_eq!(library.modified().expect("its time"), time);
    let listed = Command::new("tar").args(["--list", "--verbose", "--numeric-owner", "--file"]).arg(&two).output();
    let listed = String::from_utf8(listed.expect("tar").stdout).expect("text");
    let lines: Vec<_> = listed.lines().collect();
    assert_eq!(lines.len(), files.len() + 1);
    for line in lines {
        let mode = if line.ends_with("/libmirrorvip.so") || line.ends_with("/bin/mirrorvip") {
            "-rwxr-xr-x"
        } else {
            "-rw-r--r--"
        };
        assert!(line.starts_with(mode) && line.contains(" 0/0 "), "{line}");
    }
    // The tool that people have for it agrees.
    make(Command::new("sha256sum").args(["--check", "--strict", "--quiet", "SHA256SUMS"]).current_dir(&release));

    fs::write(release.join("README.md"), "changed").expect("write");
    assert!(archive::verify(&release).expect_err("changed").to_string().contains("README.md"));
    fs::write(release.join("README.md"), &files["README.md"]).expect("write");
    fs::write(release.join("docs/more.md"), "more").expect("write");
    assert!(archive::verify(&release).expect_err("a file without a checksum").to_string().contains("lines for"));
}

#[test]
fn an_archive_without_its_licenses_is_refused() {
    let files = files();
    assert_eq!(files["LICENSE"], fs::read(xtask::root().join("LICENSE")).expect("LICENSE"));
    for name in layout::REQUIRED {
        assert!(files.contains_key(name), "{name} is not packed");
        for broken in [None, Some(Vec::new())] {
            let (folder, mut files) = (folder(), files.clone());
            files.remove(name);
            files.extend(broken.map(|empty| (name.to_owned(), empty)));
            let path = folder.path().join("archive.tar.gz");
            archive::pack("mirrorvip", &files, 1_700_000_000, &path).expect("an archive");
            archive::unpack(&path, &folder.path().join("unpacked")).expect("unpacked");
            let refused = archive::verify(&folder.path().join("unpacked/mirrorvip")).expect_err(name).to_string();
            assert!(refused.contains(&format!("{name} is missing")), "{refused}");
        }
    }
}

#[test]
fn a_bill_of_materials_names_what_is_in_the_library() {
    let component = |name: &str| serde_json::json!({ "name": name });
    let bill_of = |package: &str, version: &str, names: &[&str]| {
        let components: Vec<_> = names.iter().map(|name| component(name)).collect();
        let main = serde_json::json!({ "name": package, "version": version });
        let bill = serde_json::json!(
            { "bomFormat": "CycloneDX", "metadata": { "component": main }, "components": components }
        );
        prove::bill(&bill, package)
    };
    let bill = |version: &str, names: &[&str]| bill_of("mirrorvip", version, names);
    assert_eq!(bill(xtask::VERSION, &["rustls", "tokio"]).expect("a bill"), 2);
    assert!(bill("0.0.0", &["rustls", "tokio"]).is_err());
    assert!(bill(xtask::VERSION, &["tokio"]).is_err());
    assert!(bill(xtask::VERSION, &["rustls", "tokio", "cloudsim"]).is_err());
    assert_eq!(bill_of("mirrorvip-cli", xtask::VERSION, &["rustls", "tokio", "cloudsim"]).expect("a bill"), 3);
    assert!(bill_of("mirrorvip-cli", xtask::VERSION, &["rustls", "tokio"]).is_err());
}
