//! Names of functions and special variables: in any case, some of them short.

use std::ops::RangeInclusive;

const MANY: usize = usize::MAX;

/// Full names, their abbreviations, and how many arguments they take as far as the engine knows them.
const FUNCTIONS: &[(&str, &str, RangeInclusive<usize>)] = &[
    ("ascii", "a", 1..=2),
    ("case", "", 2..=MANY),
    ("char", "c", 1..=MANY),
    ("classmethod", "", 2..=MANY),
    ("classname", "", 1..=1),
    ("data", "d", 1..=1),
    ("extract", "e", 1..=3),
    ("find", "f", 2..=3),
    ("get", "g", 1..=2),
    ("increment", "i", 1..=2),
    ("isobject", "", 1..=1),
    ("justify", "j", 2..=3),
    ("length", "l", 1..=2),
    ("list", "li", 1..=3),
    ("listbuild", "lb", 1..=MANY),
    ("listfind", "lf", 2..=2),
    ("listfromstring", "lfs", 1..=2),
    ("listget", "lg", 1..=3),
    ("listlength", "ll", 1..=1),
    ("listtostring", "lts", 1..=3),
    ("listvalid", "lv", 1..=1),
    ("method", "", 2..=MANY),
    ("number", "num", 1..=1),
    ("order", "o", 1..=2),
    ("piece", "p", 2..=4),
    ("random", "r", 1..=1),
    ("replace", "", 3..=3),
    ("select", "s", 1..=MANY),
    ("translate", "tr", 2..=3),
    ("zconvert", "zcvt", 2..=3),
    ("zdatetime", "zdt", 1..=4),
    ("zdate", "zd", 1..=2),
    ("zf", "", 1..=34),
    ("zstrip", "", 2..=2),
];

const VARIABLES: &[(&str, &[&str])] = &[
    ("horolog", &["h"]),
    ("io", &["i"]),
    ("job", &["j"]),
    ("namespace", &["znspace"]),
    ("principal", &["p"]),
    ("roles", &[]),
    ("storage", &["s"]),
    ("test", &["t"]),
    ("this", &[]),
    ("tlevel", &["tl"]),
    ("username", &[]),
    ("x", &[]),
    ("zerror", &["ze"]),
    ("zhorolog", &["zh"]),
    ("ztimestamp", &["zts"]),
    ("zversion", &["zv"]),
];

fn named(text: &str) -> Option<String> {
    text.strip_prefix('$').filter(|name| !name.is_empty()).map(str::to_ascii_lowercase)
}

/// The full name of a function and its numbers of arguments, from its text up to the parenthesis.
pub fn function(text: &str) -> Option<(&'static str, &'static RangeInclusive<usize>)> {
    let name = named(text.split('(').next()?.trim_end())?;
    let found = FUNCTIONS.iter().find(|(full, short, _)| *full == name || *short == name)?;
    Some((found.0, &found.2))
}

pub fn variable(text: &str) -> Option<&'static str> {
    let name = named(text)?;
    VARIABLES.iter().find(|(full, short)| *full == name || short.contains(&name.as_str())).map(|(full, _)| *full)
}
