//! Tells the command its commit.

#[path = "../commit.rs"]
mod commit;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    commit::tell("../..");
}
