//! Tells the library its commit, and makes the C header from the sources that define the ABI. The header is made in the
//! build's own directory; `tests/header.rs` compares it with the committed `include/mirrorvip.h`.

#[path = "crates/commit.rs"]
mod commit;

use mirrorvip_callouts::Callout;
use std::{env, error::Error, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    for path in ["build.rs", "cbindgen.toml", "src/table.rs", "src/abi.rs"] {
        println!("cargo::rerun-if-changed={path}");
    }
    commit::tell(".");
    let header = PathBuf::from(env::var("OUT_DIR")?).join("mirrorvip.h");
    let mut config = cbindgen::Config::from_file("cbindgen.toml")?;
    config.header = config.header.map(|text| text.replace("// CALLOUTS", &callouts()));
    cbindgen::Builder::new()
        .with_src("src/abi.rs")
        .with_src("src/table.rs")
        .with_config(config)
        .generate()?
        .write_to_file(&header);
    println!("cargo::rustc-env=MIRRORVIP_HEADER={}", header.display());
    Ok(())
}

/// The table as the header's reader sees it, a line for each callout.
fn callouts() -> String {
    let line = |callout: Callout| {
        let (name, linkage) = (callout.name().to_string_lossy(), callout.linkage().to_string_lossy());
        let arguments = match callout {
            Callout::Version => "mirrorvip_string *report",
            _ => "const mirrorvip_string *request, mirrorvip_string *report",
        };
        format!("//   {}  {name:<7}  {linkage:<4}   int {}({arguments})", callout.number(), callout.symbol())
    };
    Callout::ALL.map(line).join("\n")
}
