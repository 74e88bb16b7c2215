//! Who this member is, as its metadata tells it, and whether it is where the configuration wants it to be.

use super::{Gcp, compute::Path, metadata};
use crate::{
    config::gcp::Gcp as Config,
    error::{Code, Error, Result},
};
use ipnet::{IpNet, Ipv4Net};

/// This VM, from its metadata.
#[derive(Debug, Clone)]
pub struct Here {
    pub project: String,
    pub project_number: String,
    pub zone: String,
    pub name: String,
    pub interfaces: Vec<metadata::Interface>,
}

impl Here {
    pub fn new(instance: metadata::Instance, config: &Config) -> Result<Self> {
        let parts: Vec<&str> = instance.zone.split('/').collect();
        let ["projects", number, "zones", zone] = parts.as_slice() else {
            return Err(Error::new(
                Code::Unexpected,
                format!("the metadata's zone {:?} is not understood", instance.zone),
                metadata::REMEDY,
            ));
        };
        if let Some(wanted) = &config.project
            && *wanted != instance.project
            && wanted != number
        {
            return Err(Error::new(
                Code::Unsupported,
                format!("this VM is in the project {}, not in {wanted}", instance.project),
                "a member elsewhere (disaster recovery) cannot hold this VIP; otherwise correct `gcp.project`",
            ));
        }
        Ok(Here {
            project_number: (*number).to_owned(),
            zone: (*zone).to_owned(),
            project: instance.project,
            name: instance.name,
            interfaces: instance.interfaces,
        })
    }

    /// `europe-west1` of `europe-west1-b`.
    pub fn region(&self) -> &str {
        self.zone.rsplit_once('-').map_or(&self.zone, |(region, _)| region)
    }

    /// Whether this is the path of this VM.
    pub fn is(&self, path: &Path) -> bool {
        *path == self.path()
    }

    pub fn path(&self) -> Path {
        Path::zonal(&self.project, &self.zone, "instances", &self.name)
    }

    /// The primary range of an interface's subnet.
    pub fn subnet(&self, number: usize) -> Option<IpNet> {
        let interface = self.interfaces.get(number)?;
        let mask = interface.subnetmask.parse().ok()?;
        let net = Ipv4Net::with_netmask(interface.ip.parse().ok()?, mask).ok()?;
        Some(IpNet::V4(net.trunc()))
    }
}

/// The network that the routes belong to.
#[derive(Debug, Clone)]
pub struct Network {
    pub project: String,
    pub name: String,
    pub interface: usize,
    pub is_of_the_vms_project: bool,
}

impl Network {
    pub fn path(&self) -> Path {
        Path::global(&self.project, "networks", &self.name)
    }
}

impl Gcp {
    /// The network of the configured interface, which has to be the configured one.
    pub fn network(&self, here: &Here) -> Result<Network> {
        let number = self.config.network_interface;
        let link = here.interfaces.get(number).map(|interface| interface.network.as_str()).unwrap_or_default();
        let parts: Vec<&str> = link.split('/').collect();
        let (["projects", project, "networks", name] | ["projects", project, "global", "networks", name]) =
            parts.as_slice()
        else {
            return Err(Error::new(
                Code::InvalidConfig,
                format!("this VM has no interface nic{number} with a network"),
                "correct `gcp.networkInterface`",
            ));
        };
        if let Some(wanted) = self.config.network.as_ref().filter(|wanted| wanted != name) {
            return Err(Error::new(
                Code::Unsupported,
                format!("this member's nic{number} is in the network {name}, not in {wanted}"),
                "a member elsewhere (disaster recovery) cannot hold this VIP; otherwise correct `gcp.network`",
            ));
        }
        let project = self.config.network_project.as_deref().unwrap_or(project);
        let is_of_the_vms_project = project == here.project_number || project == here.project;
        Ok(Network {
            project: if is_of_the_vms_project { &here.project } else { project }.to_owned(),
            name: (*name).to_owned(),
            interface: number,
            is_of_the_vms_project,
        })
    }
}
