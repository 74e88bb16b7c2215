//! The fuzz targets, with a stable compiler and for a short time: all of the corpus, and what a few thousand random changes make
//! of it. `fuzz/` has the same targets for cargo-fuzz, which finds its way by what the code does with each input.
//!
//! `MIRRORVIP_FUZZ_ROUNDS` makes it longer. A failing input is written to a file that the message names.

mod mutate;
mod record;
#[path = "../fuzz/targets/mod.rs"]
mod targets;

use crate::common;
use cloudsim::{aws, azure, gcp};
use common::scenes::Cloud as Simulated;
use mutate::Mutator;
use std::{
    env, fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};
use targets::{Cloud, answers, configuration, request, server::Answers};

fn rounds(usual: usize) -> usize {
    match env::var("MIRRORVIP_FUZZ_ROUNDS") {
        Ok(text) => text.parse().expect("a number in MIRRORVIP_FUZZ_ROUNDS"),
        Err(_) => usual,
    }
}

fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target)
}

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder(target)).expect("a corpus").map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{target} has no corpus");
    files.iter().map(|file| fs::read(file).expect("a file")).collect()
}

fn fuzz(target: &str, seeds: &[Vec<u8>], rounds: usize, run: impl Fn(&[u8])) {
    // The same changes each time: a failure can be looked at again.
    let mut mutator = Mutator::new(0x5eed, seeds);
    let inputs = seeds.iter().cloned().chain((0..rounds).map(|_| mutator.next()));
    for (n, input) in inputs.enumerate() {
        if catch_unwind(AssertUnwindSafe(|| run(&input))).is_err() {
            let file = env::temp_dir().join(format!("mirrorvip-{target}-{n}"));
            fs::write(&file, &input).expect("a file");
            panic!("{target}: input {n}, which is {}", file.display());
        }
    }
}

#[test]
fn a_request_is_never_more_than_refused() {
    fuzz("request", &corpus("request"), rounds(3_000), request);
}

#[test]
fn a_configuration_is_never_more_than_refused() {
    fuzz("configuration", &corpus("configuration"), rounds(20_000), configuration);
}

/// What a cloud has said, as it was and changed; the recording of today keeps the corpus from being out of date.
fn cloud<C: Simulated>(cloud: Cloud, target: &str) {
    let recorded = record::takeover::<C>(cloud);
    if env::var_os("MIRRORVIP_RECORD").is_some() {
        fs::create_dir_all(folder(target)).expect("a folder");
        fs::write(folder(target).join("takeover"), Answers::write(&recorded)).expect("a file");
    }
    let mut seeds = corpus(target);
    seeds.push(Answers::write(&recorded));
    fuzz(target, &seeds, rounds(150), |bytes| answers(cloud, bytes));
}

#[test]
fn aws_may_answer_anything() {
    cloud::<aws::Simulator>(Cloud::Aws, "aws");
}

#[test]
fn azure_may_answer_anything() {
    cloud::<azure::Simulator>(Cloud::Azure, "azure");
}

#[test]
fn gcp_may_answer_anything() {
    cloud::<gcp::Simulator>(Cloud::Gcp, "gcp");
}
