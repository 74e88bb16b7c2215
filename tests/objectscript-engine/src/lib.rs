#![doc = include_str!("../README.md")]

pub mod iris;
pub mod library;
pub mod run;
pub mod source;
pub mod value;

pub use iris::{
    FIRST, Iris, Ran,
    callouts::{Answer, Callouts, Missing, NoLibrary, RealLibrary},
    errors::{IrisError, Outcome, Stop},
    mirror::{Mirror, Role},
    process::Device,
    scripted::Scripted,
    world::{ANYTHING, ConsoleLine},
};
pub use library::{Call, Natives};
pub use value::Value;
