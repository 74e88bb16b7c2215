"""The vendor's side of tests/gcp_sdk.rs: moves the VIP with google-cloud-compute, and says what that client reads.

One question in a line, one answer in a line, until standard input ends. A question is a JSON list: the action, where and
as whom, and what the action takes. By hand, with the addresses that `cargo run -p cloudsim --example serve_gcp` prints:

    echo '["look", {"compute": URL, "metadata": URL}, ["isc-primary-001"], null]' | move.py
"""

import importlib
import json
import os
import sys
import traceback
import urllib.parse
import urllib.request

import google.auth
from google.api_core.client_options import ClientOptions
from google.api_core.future import polling
from google.api_core.retry import Retry
from google.auth.compute_engine import _metadata
from google.auth.transport.requests import AuthorizedSession
from google.cloud import compute_v1

NIC = "nic0"
# The client waits a second and more between two looks.
POLLING = Retry(predicate=polling.POLLING_PREDICATE, initial=0.02, maximum=0.02, timeout=30)


class Compute:
    """The client, as whoever this metadata server takes us for."""

    def __init__(self, where):
        self.metadata, self.endpoint = where["metadata"], where["compute"]
        place = urllib.parse.urlsplit(self.metadata).netloc
        os.environ["GCE_METADATA_HOST"] = os.environ["GCE_METADATA_IP"] = place
        # Its place is read once, when the module is loaded, and every simulator has another.
        importlib.reload(_metadata)
        self.credentials, self.project = google.auth.default()

    def client(self, kind):
        client = kind(credentials=self.credentials, client_options=ClientOptions(api_endpoint=self.endpoint))
        # Left to itself, it looks for its operations at Google, wherever it sent the write.
        if kind is compute_v1.InstancesClient:
            client.transport._extended_operations_services["zone_operations"] = self.client(compute_v1.ZoneOperationsClient)
        if kind is compute_v1.RoutesClient:
            client.transport._extended_operations_services["global_operations"] = self.client(
                compute_v1.GlobalOperationsClient
            )
        return client

    def me(self):
        """Name and zone of this VM."""
        return self.told("name"), self.told("zone").rsplit("/", 1)[1]

    def told(self, what):
        url = f"{self.metadata}/computeMetadata/v1/instance/{what}"
        request = urllib.request.Request(url, headers={"Metadata-Flavor": "Google"})
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.read().decode()

    def zone_of(self, instances, name):
        """As in the article: VMs are named without their zones."""
        request = compute_v1.AggregatedListInstancesRequest(project=self.project, filter=f'name = "{name}"')
        zones = [scope for scope, found in instances.aggregated_list(request) if found.instances]
        (zone,) = zones
        return zone.removeprefix("zones/")


class Vm:
    """A VM, and the writes to its interface."""

    def __init__(self, compute, instances, name, zone):
        self.compute, self.instances = compute, instances
        self.at = {"project": compute.project, "zone": zone, "instance": name}

    def nic(self):
        return next(nic for nic in self.read().network_interfaces if nic.name == NIC)

    def read(self):
        return self.instances.get(**self.at)

    def set_ranges(self, ranges, fingerprint):
        wanted = compute_v1.NetworkInterface(alias_ip_ranges=ranges, fingerprint=fingerprint)
        done(
            self.instances.update_network_interface(
                network_interface=NIC, network_interface_resource=wanted, **self.at
            )
        )

    def clear_ranges(self, fingerprint):
        """What the client cannot say (googleapis/python-compute#446), and the article says by another program."""
        path = "projects/{project}/zones/{zone}/instances/{instance}".format(**self.at)
        answer = AuthorizedSession(self.compute.credentials).patch(
            f"{self.compute.endpoint}/compute/v1/{path}/updateNetworkInterface",
            params={"networkInterface": NIC},
            json={"aliasIpRanges": [], "fingerprint": fingerprint},
        )
        answer.raise_for_status()
        operations = self.compute.client(compute_v1.ZoneOperationsClient)
        over = operations.wait(project=self.at["project"], zone=self.at["zone"], operation=answer.json()["name"])
        assert over.status == compute_v1.Operation.Status.DONE and not over.error.errors, over

    def let_go(self, vip):
        nic = self.nic()
        kept = [entry for entry in nic.alias_ip_ranges if entry.ip_cidr_range != vip]
        if len(kept) == len(nic.alias_ip_ranges):
            return
        if kept:
            self.set_ranges(kept, nic.fingerprint)
        else:
            self.clear_ranges(nic.fingerprint)

    def take(self, vip):
        nic = self.nic()
        wanted = list(nic.alias_ip_ranges) + [compute_v1.AliasIpRange(ip_cidr_range=vip)]
        self.set_ranges(wanted, nic.fingerprint)

    def let_go_of_public(self, address):
        for config in self.nic().access_configs:
            if config.nat_i_p == address.address:
                done(self.instances.delete_access_config(access_config=config.name, network_interface=NIC, **self.at))

    def take_public(self, address, name):
        config = compute_v1.AccessConfig(
            name=name,
            nat_i_p=address.address,
            network_tier=address.network_tier,
            type_=compute_v1.AccessConfig.Type.ONE_TO_ONE_NAT.name,
        )
        done(self.instances.add_access_config(network_interface=NIC, access_config_resource=config, **self.at))


def done(operation):
    operation.result(polling=POLLING)


def article(compute, members, vip, public_ip, config_name):
    """Takes the VIP as the article "VIP in GCP" does: off the one that is not this VM, then here; then the public one."""
    instances = compute.client(compute_v1.InstancesClient)
    name, zone = compute.me()
    (other,) = [member for member in members if member != name]
    own = Vm(compute, instances, name, zone)
    peer = Vm(compute, instances, other, compute.zone_of(instances, other))
    peer.let_go(vip)
    own.take(vip)
    if public_ip:
        address = reserved(compute, zone, public_ip)
        peer.let_go_of_public(address)
        own.take_public(address, config_name)


def release(compute, vip, public_ip):
    name, zone = compute.me()
    own = Vm(compute, compute.client(compute_v1.InstancesClient), name, zone)
    own.let_go(vip)
    if public_ip:
        own.let_go_of_public(reserved(compute, zone, public_ip))


def leave_out(compute, vip):
    """Takes the VIP off this VM as anybody would who trusts the client with an empty list."""
    name, zone = compute.me()
    own = Vm(compute, compute.client(compute_v1.InstancesClient), name, zone)
    nic = own.nic()
    own.set_ranges([entry for entry in nic.alias_ip_ranges if entry.ip_cidr_range != vip], nic.fingerprint)


def reserved(compute, zone, name):
    region = zone.rsplit("-", 1)[0]
    return compute.client(compute_v1.AddressesClient).get(project=compute.project, region=region, address=name)


def look(compute, members, public_ip):
    """What the typed attributes of the models say."""
    instances = compute.client(compute_v1.InstancesClient)
    vms = {name: Vm(compute, instances, name, compute.zone_of(instances, name)) for name in members}
    seen = {"vms": {name: [interface(nic) for nic in vm.read().network_interfaces] for name, vm in vms.items()}}
    if public_ip:
        address = reserved(compute, compute.me()[1], public_ip)
        users = [user.rsplit("/", 1)[1] for user in address.users]
        seen["publicIp"] = {"address": address.address, "status": address.status, "users": users}
    return seen


def interface(nic):
    return {
        "name": nic.name,
        "address": nic.network_i_p,
        "aliases": [[entry.ip_cidr_range, entry.subnetwork_range_name] for entry in nic.alias_ip_ranges],
        "accessConfigs": [[config.name, config.nat_i_p, config.type_, config.network_tier] for config in nic.access_configs],
        "hasFingerprint": bool(nic.fingerprint),
    }


def take_route(compute, network, name, destination):
    """Routes are immutable, so what is there goes first."""
    drop_routes(compute, destination)
    own, zone = compute.me()
    route = compute_v1.Route(
        name=name,
        network=f"projects/{compute.project}/global/networks/{network}",
        dest_range=destination,
        priority=1000,
        next_hop_instance=f"projects/{compute.project}/zones/{zone}/instances/{own}",
    )
    done(compute.client(compute_v1.RoutesClient).insert(project=compute.project, route_resource=route))


def drop_routes(compute, destination):
    client = compute.client(compute_v1.RoutesClient)
    for route in listed(compute, client, destination):
        done(client.delete(project=compute.project, route=route.name))


def routes(compute, destination):
    found = listed(compute, compute.client(compute_v1.RoutesClient), destination)
    return [
        {
            "network": route.network.rsplit("/", 1)[1],
            "hop": route.next_hop_instance.rsplit("/", 1)[1],
            "type": route.route_type,
            "warnings": [warning.code for warning in route.warnings],
        }
        for route in found
    ]


def listed(compute, client, destination):
    request = compute_v1.ListRoutesRequest(project=compute.project, filter=f'destRange = "{destination}"')
    return list(client.list(request))


def describe(_, kind, body):
    """What the client's model makes of a body, and would send of it; a field that it does not know is an error."""
    model = getattr(compute_v1, kind)
    return json.loads(model.to_json(model.from_json(json.dumps(body)), always_print_fields_with_no_presence=False))


def answer(line):
    actions = [article, release, leave_out, look, take_route, drop_routes, routes, describe]
    action, where, *rest = json.loads(line)
    action = {action.__name__: action for action in actions}[action]
    return action(Compute(where) if where else None, *rest)


if __name__ == "__main__":
    for line in sys.stdin:
        try:
            said = {"answer": answer(line)}
        except Exception:
            said = {"error": traceback.format_exc()}
        print(json.dumps(said), flush=True)
