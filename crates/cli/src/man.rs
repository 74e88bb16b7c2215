//! The manual: one page for the command, and one for each subcommand. All are made from `options`.

use crate::{
    exit::{self, Exit},
    options::{Options, STATUSES},
    output,
};
use clap::{Command, CommandFactory};
use clap_mangen::Man;
use std::{fs, io, path::Path};

/// Prints a page.
pub fn run(command: Option<&str>) -> Exit {
    let root = root();
    let page = match command {
        None => whole(root),
        Some(name) => match root.find_subcommand(name) {
            Some(found) => part(found),
            None => {
                output::tell(&format!("{name} is no subcommand; `mirrorvip --help` lists them"));
                return Exit::Usage;
            }
        },
    };
    match page {
        Ok(page) => output::only(&String::from_utf8_lossy(&page)),
        Err(error) => exit::failed(&error),
    }
}

/// Writes all pages, each into the file that its name asks for.
pub fn write_all(folder: &Path) -> Exit {
    let write = || -> io::Result<()> {
        fs::create_dir_all(folder)?;
        let root = root();
        for command in root.get_subcommands().filter(|command| command.get_name() != "help") {
            fs::write(folder.join(format!("mirrorvip-{}.1", command.get_name())), part(command)?)?;
        }
        fs::write(folder.join("mirrorvip.1"), whole(root)?)
    };
    match write() {
        Ok(()) => Exit::Ok,
        Err(error) => exit::failed(&format!("{}: {error}", folder.display())),
    }
}

fn root() -> Command {
    let mut root = Options::command();
    root.build();
    root
}

fn part(command: &Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    Man::new(command.clone()).render(&mut page)?;
    Ok(page)
}

/// As [`Man::render`], with the exit statuses where a reader of manuals looks for them.
fn whole(root: Command) -> io::Result<Vec<u8>> {
    let man = Man::new(root);
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    man.render_subcommands_section(&mut page)?;
    page.extend(format!(".SH \"EXIT STATUS\"\n{}\n", STATUSES.replace('\n', "\n.PP\n")).bytes());
    man.render_version_section(&mut page)?;
    Ok(page)
}
