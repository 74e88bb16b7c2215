//! Where a call is made: all that differs between a process of IRIS, a shell and a simulated machine.

use crate::{
    deadline::Watch,
    host::{self, LocalNetwork},
    net::{client::Sockets, transport::Network},
};
use std::{path::PathBuf, rc::Rc};

/// The surroundings of a call.
pub trait Surroundings {
    /// The manager's directory of the IRIS instance, if the host names one.
    fn manager_directory(&self) -> Option<PathBuf>;
    /// Time, chance and the end of the process.
    fn watch(&self) -> Box<dyn Watch>;
    /// The way to the clouds.
    fn network(&self) -> Rc<dyn Network> {
        Rc::new(Sockets)
    }
    /// The addresses and devices of this machine.
    ///
    /// # Errors
    /// What the operating system said.
    fn local_network(&self) -> std::io::Result<LocalNetwork> {
        host::local_network()
    }
}
