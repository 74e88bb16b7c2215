//! Parts that are on a VM that does not run, which holds them by name alone, or on one that is being stopped.

use super::view::View;
use crate::{
    check::{CheckItem, CheckName, Verdict},
    cloud::gcp::state,
    vip::Holder,
};

impl View<'_> {
    /// Warnings about these parts, one for each VIP and VM.
    pub fn down(&self) -> Vec<CheckItem> {
        let parts = self.placement();
        let mut told: Vec<(&str, &str)> = Vec::new();
        let mut items = Vec::new();
        for part in &parts {
            let (Holder::OtherBroken(name) | Holder::Other(name)) = &part.holder else { continue };
            let about = (part.id.vip.as_str(), name.as_str());
            if told.contains(&about) {
                continue;
            }
            told.push(about);
            let vm = self.seen.members.vms.iter().find(|vm| !vm.own && vm.name() == name);
            if let Holder::Other(_) = &part.holder {
                items.extend(vm.and_then(|vm| state::on_its_way(vm, &part.id)));
                continue;
            }
            items.push(CheckItem::new(
                CheckName::Blackhole,
                Verdict::Warning,
                format!("{} is on {name}, which is {}", part.id, vm.map_or("down", |vm| vm.state())),
                "call Acquire on the primary",
            ));
        }
        items
    }
}
