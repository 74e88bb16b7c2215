//! A simulated cloud with two members on this machine, as strict as the real one: everything can be tried without an account.

mod scenes;

use crate::{
    call::Shell,
    exit::{self, Exit},
    output,
};
use clap::{Args, ValueEnum};
use scenes::Scene;
use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    thread::sleep,
    time::Duration,
};

/// The simulator tells nobody that something has changed, and a person sees no sooner than this.
const LOOK: Duration = Duration::from_millis(50);

#[derive(Args)]
pub struct SimulateOptions {
    /// The cloud
    cloud: CloudName,
    /// How the VIP moves, where it is not the usual way: secondaryIp on AWS, route on Azure and GCP
    #[arg(long)]
    mechanism: Option<String>,
    /// With a public address on the VIP
    #[arg(long)]
    public_ip: bool,
    /// Stop the machine of the member that holds the VIP, as in a failover
    #[arg(long)]
    stop_holder: bool,
    /// Round-trip time to the cloud's API
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(0..=10_000))]
    latency: u64,
    /// How long Azure or GCP takes for one change
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(0..=600_000))]
    operation: u64,
    /// Where the two configurations are written; they go away with the simulated cloud
    #[arg(long, value_name = "FOLDER", default_value = "mirrorvip-simulated")]
    folder: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum CloudName {
    Aws,
    Azure,
    Gcp,
}

/// Serves the cloud until SIGINT or SIGTERM.
pub fn run(options: &SimulateOptions) -> Exit {
    let scene = match scenes::of(options) {
        Ok(scene) => scene,
        Err(mistake) => {
            output::tell(&mistake);
            return Exit::Usage;
        }
    };
    match serve(&scene, &options.folder) {
        Ok(()) => Exit::Ok,
        Err(error) => exit::failed(&format!(
            "the configurations could not be written to {}: {error}; name another folder with `--folder`",
            options.folder.display()
        )),
    }
}

fn serve(scene: &Scene, folder: &Path) -> io::Result<()> {
    let shell = Shell::new()?;
    let files = Files::write(scene, folder)?;
    output::print(&introduction(scene, &files.paths))?;
    let mut shown = String::new();
    while !shell.is_asked_to_end() {
        let now = (scene.holders)();
        if now != shown {
            output::print(&format!("now: {now}\n"))?;
            shown = now;
        }
        sleep(LOOK);
    }
    Ok(())
}

/// What can be done with it.
fn introduction(scene: &Scene, paths: &[PathBuf; 2]) -> String {
    let [first, second] = &scene.members;
    let [a, b] = [0, 1].map(|n| paths[n].display());
    let calls =
        ["check", "acquire --dry-run", "acquire", "status"].map(|call| format!("  mirrorvip {call} --config {b}\n"));
    format!(
        "{}, on this machine alone, until Ctrl-C.\n\
         The configuration of {}, {b}:\n\n{:#}\n\n\
         That of {} differs in the address of the metadata. On real machines one file serves all members.\n\n\
         In another terminal, as {}:\n\n{}\n\
         As {}:\n\n  mirrorvip status --config {a}\n\n",
        scene.title,
        second.name,
        second.config,
        first.name,
        second.name,
        calls.concat(),
        first.name,
    )
}

/// The configurations of the two members; those that were written go away with this.
struct Files {
    paths: [PathBuf; 2],
    written: Vec<PathBuf>,
    /// The folder, if it was not there before.
    made: Option<PathBuf>,
}

impl Files {
    fn write(scene: &Scene, folder: &Path) -> io::Result<Self> {
        let made = (!folder.exists()).then(|| folder.to_owned());
        fs::create_dir_all(folder)?;
        let paths = ["a.json", "b.json"].map(|name| folder.join(name));
        let mut files = Files { paths, written: Vec::new(), made };
        for (path, member) in files.paths.iter().zip(&scene.members) {
            // What is there may be somebody's.
            let mut file = File::create_new(path)?;
            files.written.push(path.clone());
            file.write_all(format!("{:#}\n", member.config).as_bytes())?;
        }
        Ok(files)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        // Where somebody was quicker, nothing is left to do; a folder that holds more stays.
        self.written.iter().for_each(|path| drop(fs::remove_file(path)));
        let _ = self.made.as_ref().map(fs::remove_dir);
    }
}
