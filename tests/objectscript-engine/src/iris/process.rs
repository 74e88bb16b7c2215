//! One process: what it has for itself.

use crate::value::Node;
use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
    rc::Rc,
};

/// A local variable; two names that share it are one variable passed by reference.
pub type Variable = Rc<RefCell<Node>>;
pub type Table = HashMap<String, Variable>;

/// Where WRITE goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Device {
    /// Kept for the test to read.
    Terminal,
    /// `/dev/null`, as a job has it.
    Null,
    /// Each WRITE raises `<WRITE>`.
    Broken,
}

pub struct Process {
    pub number: u32,
    pub namespace: String,
    pub username: String,
    pub roles: String,
    pub device: Device,
    pub output: String,
    /// `$x`.
    pub column: usize,
    pub test: bool,
    /// Variables outside of procedures, and those with `%`.
    pub public: Table,
    pub error: String,
    /// The library of `$ZF(-3)`: its path and number.
    pub current_library: Option<(String, u32)>,
    /// Those of `$ZF(-4)`.
    pub libraries: Vec<u32>,
    /// Those of `$ZF(-6)`.
    pub by_index: BTreeMap<i64, u32>,
    pub process_index: BTreeMap<i64, String>,
    pub random: u64,
}

impl Process {
    pub fn new(number: u32) -> Self {
        Self {
            number,
            namespace: "%SYS".into(),
            username: "irisowner".into(),
            roles: "%All".into(),
            device: Device::Terminal,
            output: String::new(),
            column: 0,
            test: false,
            public: Table::new(),
            error: String::new(),
            current_library: None,
            libraries: Vec::new(),
            by_index: BTreeMap::new(),
            process_index: BTreeMap::new(),
            // The same in each run, so that a test that fails does so again.
            random: u64::from(number) * 2 + 1,
        }
    }

    pub fn all_libraries(&self) -> Vec<u32> {
        let current = self.current_library.iter().map(|(_, library)| library);
        current.chain(&self.libraries).chain(self.by_index.values()).copied().collect()
    }

    pub fn write(&mut self, text: &str) {
        if self.device == Device::Terminal {
            self.output.push_str(text);
        }
        self.column = match text.rsplit_once('\n') {
            Some((_, last)) => last.chars().count(),
            None => self.column + text.chars().count(),
        };
    }
}
