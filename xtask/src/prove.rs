//! Proves a finished archive: what is in it is complete, is what its checksums say, keeps the contract, and runs.

use crate::{
    archive,
    artefact::Artefact,
    contract, layout, output,
    platform::{GLIBC, Platform},
    tools::Tools,
};
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

const PROBE: &str = include_str!("probe.c");

/// Checks what was read from the library and says it.
pub fn check(library: &Path, glibc: (u32, u32)) -> Result<Artefact> {
    check_by(contract::problems, library, glibc)
}

/// The same of the command.
pub fn check_command(command: &Path, glibc: (u32, u32)) -> Result<Artefact> {
    check_by(contract::problems_of_a_command, command, glibc)
}

fn check_by(rules: fn(&Artefact, (u32, u32)) -> Vec<String>, file: &Path, glibc: (u32, u32)) -> Result<Artefact> {
    let artefact = Artefact::read(file)?;
    println!("{}\n{artefact}", file.display());
    let problems = rules(&artefact, glibc);
    ensure!(problems.is_empty(), "{}:\n  {}", file.display(), problems.join("\n  "));
    Ok(artefact)
}

pub fn archive(path: &Path, platform: Platform, commit: &str, tools: &Tools, place: &Path) -> Result<()> {
    archive::unpack(path, place)?;
    let folder = place.join(platform.release());
    let files = archive::verify(&folder)?;
    println!("{files} files are what their checksums say");
    let library = folder.join(layout::LIBRARY);
    let artefact = check(&library, GLIBC)?;
    ensure!(artefact.architecture == platform.name(), "the library is for {}", artefact.architecture);
    let command = folder.join(layout::COMMAND);
    let artefact = check_command(&command, GLIBC)?;
    ensure!(artefact.architecture == platform.name(), "the command is for {}", artefact.architecture);
    for (name, package) in [(layout::SBOM, "mirrorvip"), (layout::COMMAND_SBOM, "mirrorvip-cli")] {
        let sbom: Value = serde_json::from_slice(&fs::read(folder.join(name))?)?;
        println!("{} components in {name}", bill(&sbom, package)?);
    }

    let probe = compile(tools.cc(platform), place)?;
    let runner = if platform.is_native() { None } else { Some(tools.emulator(platform)?.command()) };
    let by = runner.as_ref().map_or("here".into(), |command| format!("by {:?}", command.get_program()));
    println!("{} runs {by}:", platform.name());
    load(&probe, runner.as_ref(), &library, commit)?;
    run(runner.as_ref(), &command, commit)
}

/// How many components the bill of materials of a package names. Only what is in it belongs there.
pub fn bill(sbom: &Value, package: &str) -> Result<usize> {
    ensure!(sbom["bomFormat"] == "CycloneDX", "no bill of materials of CycloneDX");
    let main = &sbom["metadata"]["component"];
    ensure!(main["name"] == package && main["version"] == crate::VERSION, "it is about {main}");
    let components = sbom["components"].as_array().context("no components")?;
    let has = |name: &str| components.iter().any(|component| component["name"] == name);
    ensure!(has("rustls") && has("tokio"), "it does not name what is in the library");
    ensure!(!has("proptest"), "it names what only the tests use");
    // The command can simulate a cloud.
    ensure!(has("cloudsim") == (package == "mirrorvip-cli"), "the simulated clouds are in the command alone");
    Ok(components.len())
}

/// Compiles the program that loads a library as IRIS does.
pub fn compile(mut compiler: Command, place: &Path) -> Result<PathBuf> {
    let (source, program) = (place.join("probe.c"), place.join("probe"));
    fs::write(&source, PROBE)?;
    compiler.args(["-std=c99", "-Wall", "-Wextra", "-Werror"]).arg(&source).arg("-ldl").arg("-o").arg(&program);
    output(&mut compiler)?;
    Ok(program)
}

/// Loads a library in a process of its own, reads its table, and has it check each cloud, of which there is none here: an
/// answer that says so has been through the configuration, the runtime, TLS and the sockets.
pub fn load(probe: &Path, runner: Option<&Command>, library: &Path, commit: &str) -> Result<()> {
    let start = |requests: &[String]| {
        let mut command = by(runner, probe);
        command.arg(library).args(requests);
        let said = command.output().with_context(|| format!("{command:?}"))?;
        let text = String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr);
        ensure!(said.status.success(), "{command:?} ended with {}: {text}", said.status);
        read(&text)
    };
    let version = &start(&[])?[0];
    println!("  {}", version["summary"]);
    let is_this = version["name"] == "mirrorvip" && version["version"] == crate::VERSION && version["commit"] == commit;
    ensure!(is_this, "it is {version}, not of commit {commit}");
    let clouds: Vec<&String> = version["clouds"].as_object().context("no clouds")?.keys().collect();
    ensure!(!clouds.is_empty(), "it knows no cloud");
    let requests: Vec<String> = clouds.iter().map(|cloud| request(cloud).to_string()).collect();
    let reports = start(&requests)?;
    ensure!(reports.len() == 1 + clouds.len(), "{} reports for {} requests", reports.len() - 1, clouds.len());
    for (cloud, report) in clouds.iter().zip(&reports[1..]) {
        println!("  {cloud}: {}", report["summary"]);
        let honest = report["cloud"] == cloud.as_str()
            && report["action"] == "check"
            && report["outcome"] == "not_ready"
            && report["error"]["code"] == "unavailable";
        ensure!(honest, "{cloud}: {report}");
    }
    Ok(())
}

/// A program, by what runs programs of another architecture where this machine does not.
pub fn by(runner: Option<&Command>, program: &Path) -> Command {
    let Some(runner) = runner else { return Command::new(program) };
    let mut command = Command::new(runner.get_program());
    command.args(runner.get_args()).arg(program);
    command
}

/// The longest that the command may take to start.
const LONGEST_START: Duration = Duration::from_millis(10);

/// Runs the command: it is of this commit, it accepts the sample, and where nothing comes between it starts at once.
pub fn run(runner: Option<&Command>, command: &Path, commit: &str) -> Result<()> {
    let version: Value = serde_json::from_str(&output(by(runner, command).args(["version", "--json"]))?)?;
    println!("  {}", version["summary"]);
    ensure!(version["version"] == crate::VERSION && version["commit"] == commit, "it is {version}, not of {commit}");
    let sample = command.parent().and_then(Path::parent).context("no folder")?.join("mirrorvip.sample.json");
    println!("  {}", output(by(runner, command).args(["validate", "--config"]).arg(sample))?.trim_end());
    if runner.is_none() {
        // The least of twenty: what else the machine does makes the others longer.
        let starts = (0..20).map(|_| {
            let begun = Instant::now();
            output(Command::new(command).arg("version")).map(|_| begun.elapsed())
        });
        let start = starts.collect::<Result<Vec<_>>>()?.into_iter().min().context("no start")?;
        println!("  starts in {:.1} ms", start.as_secs_f64() * 1e3);
        ensure!(start <= LONGEST_START, "it takes {start:?} to start");
    }
    Ok(())
}

/// The lines of the probe: the table must be the contract's, and the rest be reports.
fn read(text: &str) -> Result<Vec<Value>> {
    let (mut table, mut reports) = (Vec::new(), Vec::new());
    for line in text.lines() {
        match line.split_once(' ') {
            Some(("entry", entry)) => table.push(entry.split_once(' ').context("an entry without a linkage")?),
            Some(("report", report)) => reports.push(serde_json::from_str(report).with_context(|| report.to_owned())?),
            _ => bail!("unexpected: {line}"),
        }
    }
    let promised: Vec<(&str, &str)> = contract::table().collect();
    ensure!(table == promised, "its table is {table:?}");
    ensure!(!reports.is_empty(), "no report");
    Ok(reports)
}

/// A request to check a cloud that is not there: nothing listens on the discard port of this machine.
fn request(cloud: &str) -> Value {
    let nowhere = json!({ "metadata": "http://127.0.0.1:9" });
    let (vip, block) = match cloud {
        "azure" => (
            "10.0.0.254",
            json!({ "resourceGroup": "rg", "ipConfig": "vip", "nics": ["a", "b"], "endpoints": nowhere }),
        ),
        "gcp" => ("10.0.0.250/32", json!({ "instances": ["a", "b"], "endpoints": nowhere })),
        _ => ("192.168.255.10/32", json!({ "endpoints": nowhere })),
    };
    json!({ "deadlineSeconds": 3, "config": { "cloud": cloud, "vip": vip, cloud: block } })
}
