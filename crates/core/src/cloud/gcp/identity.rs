//! Who this member is, as its metadata says, and whether it is in the configured project and network.

use super::{metadata, path::Path, settings::Settings};
use crate::{
    cloud::remedies::ELSEWHERE,
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

/// The endpoint of Compute Engine in a universe: a sovereign cloud has a domain of its own ("Trusted Cloud": `s3nsapis.fr`).
pub fn compute_of(universe: &str) -> String {
    format!("https://compute.{universe}")
}

impl Here {
    /// # Errors
    /// `unsupported` when the VM is in another project than the configured one.
    pub fn new(instance: metadata::Instance, settings: &Settings) -> Result<Self> {
        let parts: Vec<&str> = instance.zone.split('/').collect();
        let ["projects", number, "zones", zone] = parts.as_slice() else {
            return Err(Error::new(
                Code::Unexpected,
                format!("the metadata's zone {:?} is not understood", instance.zone),
                metadata::REMEDY,
            )
            .passing());
        };
        if let Some(wanted) = &settings.project
            && *wanted != instance.project
            && wanted != number
        {
            return Err(Error::new(
                Code::Unsupported,
                format!("this VM is in the project {}, not in {wanted}", instance.project),
                format!("{ELSEWHERE}; otherwise correct `gcp.project`"),
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

    /// Whether the path is this VM's.
    pub fn is(&self, path: &Path) -> bool {
        *path == self.path()
    }

    pub fn path(&self) -> Path {
        Path::zonal(&self.project, &self.zone, "instances", &self.name)
    }

    /// The primary range of the subnet of one interface: the metadata names no other.
    pub fn subnet(&self, number: usize) -> Option<IpNet> {
        let interface = self.interfaces.get(number)?;
        let mask = interface.subnetmask.parse().ok()?;
        let net = Ipv4Net::with_netmask(interface.ip.parse().ok()?, mask).ok()?;
        Some(IpNet::V4(net.trunc()))
    }

    /// The network of the configured interface.
    ///
    /// # Errors
    /// `unsupported` when it is another network than the configured one, `invalid_config` when there is no such interface.
    pub fn network(&self, settings: &Settings) -> Result<Network> {
        let number = settings.network_interface;
        let link = self.interfaces.get(number).map(|interface| interface.network.as_str()).unwrap_or_default();
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
        if let Some(wanted) = settings.network.as_ref().filter(|wanted| wanted != name) {
            return Err(Error::new(
                Code::Unsupported,
                format!("this member's nic{number} is in the network {name}, not in {wanted}"),
                format!("{ELSEWHERE}; otherwise correct `gcp.network`"),
            ));
        }
        let project = settings.network_project.as_deref().unwrap_or(project);
        let is_of_the_vms_project = project == self.project_number || project == self.project;
        Ok(Network {
            project: if is_of_the_vms_project { &self.project } else { project }.to_owned(),
            name: (*name).to_owned(),
            interface: number,
            is_of_the_vms_project,
        })
    }
}

/// A network, as the routes in it need it.
#[derive(Debug, Clone)]
pub struct Network {
    pub project: String,
    pub name: String,
    /// The number of this VM's interface in it.
    pub interface: usize,
    /// Whether it is no shared network of another project.
    pub is_of_the_vms_project: bool,
}

impl Network {
    pub fn path(&self) -> Path {
        Path::global(&self.project, "networks", &self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::problem::Mistakes;
    use serde_json::json;

    fn here(block: serde_json::Value) -> Result<Here> {
        let settings = Settings::read(&block, &mut Mistakes::default());
        let instance = metadata::Instance {
            project: "p".into(),
            name: "vm".into(),
            zone: "projects/12/zones/europe-west1-b".into(),
            interfaces: vec![metadata::Interface {
                ip: "10.0.0.3".into(),
                subnetmask: "255.255.255.0".into(),
                network: "projects/12/networks/n".into(),
            }],
            universe: "googleapis.com".into(),
        };
        Here::new(instance, &settings)
    }

    #[test]
    fn the_metadata_gives_zone_region_and_range() {
        let here = here(json!({ "mechanism": "route" })).expect("this VM");
        assert_eq!((here.zone.as_str(), here.region()), ("europe-west1-b", "europe-west1"));
        assert_eq!(here.subnet(0).map(|net| net.to_string()).as_deref(), Some("10.0.0.0/24"));
        assert_eq!(here.path().as_str(), "projects/p/zones/europe-west1-b/instances/vm");
    }

    #[test]
    fn the_settings_name_the_vms_project_by_id_or_number() {
        for (project, fits) in [("auto", true), ("p", true), ("12", true), ("q", false)] {
            let here = here(json!({ "mechanism": "route", "project": project }));
            assert_eq!(here.is_ok(), fits, "{project}");
            assert!(here.err().is_none_or(|error| error.code == Code::Unsupported));
        }
    }

    #[test]
    fn each_universe_has_its_own_compute_engine() {
        assert_eq!(compute_of("googleapis.com"), "https://compute.googleapis.com");
        assert_eq!(compute_of("s3nsapis.fr"), "https://compute.s3nsapis.fr");
    }
}
