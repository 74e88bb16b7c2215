//! The reads of a look, and what is remembered of them for the rest of the call.

use super::{AliasIp, local, reserved, secondary, view::Seen};
use crate::{
    cloud::{
        gcp::{
            access_config::{self, Address},
            members::{self, Members},
            session::{Connection, Session},
            vm::{Vm, access_configs, net, shows, text},
        },
        late::beside,
    },
    error::Result,
};
use futures_util::future::join;
use ipnet::IpNet;

impl AliasIp {
    /// Reads all members and the public address, side by side.
    pub async fn look(&self) -> Result<Seen> {
        let connection = self.session.connect().await?;
        let Connection { here, operations, compute } = connection;
        let settings = &self.session.settings;
        here.network(settings)?;
        self.is_own_look_old.set(false);
        operations.forget_ended(|path| here.is(path)).await;
        let members = self.members.look(&settings.instances, connection, |vms| self.is_enough(vms));
        let address = self.address.look(&self.session, connection);
        let reads = join(beside(members, address), self.told());
        let scopes = members::scopes(&settings.instances, here);
        let ((members, address), told) = operations.note_running_beside(scopes, reads).await;
        let members = self.trouble.explain(compute, members)?;
        let is_late = address.is_none();
        let address = match address {
            Some(address) => self.trouble.explain(compute, address)?,
            None => access_config::not_read_yet(&self.session),
        };
        members.own_interface(here, settings.network_interface)?;
        let mut seen = Seen {
            under_way: operations.changes_of_others(&here.path()),
            here: here.clone(),
            members,
            address,
            is_late,
            waits: false,
            secondary: None,
            told: told?,
        };
        seen.waits = self.view(&seen).needs(|name| self.members.is_late(name));
        self.take_note(connection, &mut seen).await?;
        // Only once: an agent that does not act at once may not act at all.
        if seen.told.is_some() && !self.has_waited.get() {
            let held = self.view(&seen).held();
            self.has_waited.set(!held.is_empty());
            local::wait(&self.session, &seen.here, &held).await?;
        }
        Ok(seen)
    }

    /// Takes note of what a look showed, and reads what a plan needs for a VIP that nobody has.
    pub async fn take_note(&self, connection: &Connection, seen: &mut Seen) -> Result<()> {
        let Connection { here, compute, .. } = connection;
        let number = self.session.settings.network_interface;
        self.remember(&seen.members, seen.address.as_ref());
        let vms = &seen.members.vms;
        let is_needed = secondary::are_needed(&self.session, here, vms, &self.remembered)
            || !self.will_change.get() && secondary::show_the_named_one(&self.session, vms);
        if !seen.waits && is_needed {
            let own = seen.members.own_interface(here, number)?;
            let read = self.secondary.get_or_try_init(|| secondary::look(compute, own)).await.cloned();
            if let Some(stop) = read.as_ref().err().filter(|error| error.ends_the_call()) {
                return Err(stop.clone());
            }
            seen.secondary = Some(read);
        }
        self.motion.see(self.view(seen).placement(), &seen.members.vms, number);
        self.foresee(connection, seen).await;
        Ok(())
    }

    /// Asks what this member lacks for what the plan would take from a running peer, beside the lists of what runs there.
    async fn foresee(&self, connection: &Connection, seen: &Seen) {
        let view = self.view(seen);
        if !self.forecast.is_wanted() || !view.takes_something() {
            return;
        }
        let address = access_config::path_of(&self.session, &seen.here);
        let mut asked = self.permissions(seen, seen.members.own().into_iter(), address);
        // A takeover has no time for a list and a question after it.
        if self.forecast.is_of_a_dry_run()
            && let Ok(addresses) = reserved::look(&self.session, connection).await
        {
            asked.extend(addresses);
        }
        let answers = self.forecast.ask(&self.session, connection, asked);
        connection.operations.note_running_beside(view.scopes_of_holders(), answers).await;
    }

    /// Whether a look may end with these VMs. What can move now does not wait for the rest; a status wants to see all.
    fn is_enough(&self, vms: &[Vm]) -> bool {
        let number = self.session.settings.network_interface;
        let mut vips = self.session.vips.iter().map(|vip| shows(vms, number, vip.destination()));
        let has_vips =
            if self.will_change.get() { vips.any(|is_there| is_there) } else { vips.all(|is_there| is_there) };
        has_vips && vms.iter().any(|vm| vm.own)
    }

    /// Remembers what belongs to the VIPs.
    fn remember(&self, members: &Members, address: Option<&Address>) {
        let own = members.own().and_then(|vm| vm.interface(self.session.settings.network_interface));
        let configs = own.into_iter().flat_map(access_configs);
        self.own_addresses.borrow_mut().extend(configs.map(|config| text(config, "natIP").to_owned()));
        for vip in &self.session.vips {
            let ip = access_config::part_of(&self.session, vip).and(address).and_then(Address::ip);
            self.remembered.see(vip, ip, &members.vms, self.session.settings.network_interface);
        }
    }

    /// The ranges that the metadata server reports for this VM, once this call has changed them. It is a second source: the
    /// look does without it where it does not answer, or knows no such list.
    async fn told(&self) -> Result<Option<Vec<IpNet>>> {
        if !self.wrote_own.get() {
            return Ok(None);
        }
        let Session { metadata, caller, settings, .. } = &self.session;
        match metadata.aliases(caller, settings.network_interface).await {
            Ok(ranges) => Ok(Some(ranges.iter().filter_map(|range| net(range)).collect())),
            Err(error) if error.ends_the_call() => Err(error),
            Err(_) => Ok(None),
        }
    }
}
