"""The vendor's side of tests/azure_sdk.rs: moves the VIP with azure-mgmt-network, and says what that SDK reads.

One question in a line, one answer in a line, until standard input ends. A question is a JSON list: the action, where and
as whom, and what the action takes. By hand:

    echo '["look", {"management": URL, "metadata": URL, "subscription": ID, "group": "rg"}, ["nic"], null]' | move.py
"""

import json
import os
import sys
import traceback

from azure.identity import ManagedIdentityCredential
from azure.mgmt.network import NetworkManagementClient
from azure.mgmt.network import models

# The SDK waits 30 seconds between two looks where the answer says nothing else.
POLLING_INTERVAL = 0.02
# The simulator speaks plain HTTP, and the SDK gives a token to nobody without TLS unless it is told to.
PLAIN = {"enforce_https": False}


def client(where):
    # How azure-identity is told another place of the metadata service; read when the credential is made.
    os.environ["AZURE_POD_IDENTITY_AUTHORITY_HOST"] = where["metadata"]
    return NetworkManagementClient(
        ManagedIdentityCredential(),
        where["subscription"],
        base_url=where["management"],
        credential_scopes=["https://management.azure.com/.default"],
        polling_interval=POLLING_INTERVAL,
    )


def done(poller):
    return poller.result()


def article(network, where, other, own, name, address, public_ip):
    """Takes the VIP as the article "VIP in Azure" does: off the other's interface, then onto the own."""
    group = where["group"]
    nic = network.network_interfaces.get(group, other, **PLAIN)
    kept = [config for config in nic.ip_configurations if config.name != name]
    if len(kept) < len(nic.ip_configurations):
        nic.ip_configurations = kept
        done(network.network_interfaces.begin_create_or_update(group, other, nic, **PLAIN))

    nic = network.network_interfaces.get(group, own, **PLAIN)
    primary = next(config for config in nic.ip_configurations if config.primary)
    config = models.NetworkInterfaceIPConfiguration(
        name=name,
        private_ip_address=address,
        private_ip_allocation_method=models.IPAllocationMethod.STATIC,
        subnet=models.Subnet(id=primary.subnet.id),
    )
    if public_ip:
        public = network.public_ip_addresses.get(group, public_ip, **PLAIN)
        config.public_ip_address = models.PublicIPAddress(id=public.id)
    nic.ip_configurations = nic.ip_configurations + [config]
    written = done(network.network_interfaces.begin_create_or_update(group, own, nic, **PLAIN))
    return interface(written)


def release(network, where, own, name):
    nic = network.network_interfaces.get(where["group"], own, **PLAIN)
    nic.ip_configurations = [config for config in nic.ip_configurations if config.name != name]
    return interface(done(network.network_interfaces.begin_create_or_update(where["group"], own, nic, **PLAIN)))


def look(network, where, nics, public_ip):
    """What the typed attributes of the models say."""
    seen = {"nics": {nic: interface(network.network_interfaces.get(where["group"], nic, **PLAIN)) for nic in nics}}
    if public_ip:
        public = network.public_ip_addresses.get(where["group"], public_ip, **PLAIN)
        user = public.ip_configuration
        seen["publicIp"] = {"address": public.ip_address, "user": user.id if user else None}
    return seen


def interface(nic):
    return {"state": str_of(nic.provisioning_state), "configs": [ip_config(config) for config in nic.ip_configurations]}


def ip_config(config):
    return {
        "name": config.name,
        "address": config.private_ip_address,
        "method": str_of(config.private_ip_allocation_method),
        "version": str_of(config.private_ip_address_version),
        "primary": config.primary,
        "subnet": config.subnet.id,
        "publicIp": config.public_ip_address.id if config.public_ip_address else None,
        "state": str_of(config.provisioning_state),
    }


def put_route(network, where, table, name, prefix, hop):
    route = models.Route(
        address_prefix=prefix, next_hop_type=models.RouteNextHopType.VIRTUAL_APPLIANCE, next_hop_ip_address=hop
    )
    done(network.routes.begin_create_or_update(where["group"], table, name, route, **PLAIN))


def delete_route(network, where, table, name):
    done(network.routes.begin_delete(where["group"], table, name, **PLAIN))


def routes(network, where, table):
    found = network.route_tables.get(where["group"], table, **PLAIN).routes
    return {
        route.name: {
            "prefix": route.address_prefix,
            "type": str_of(route.next_hop_type),
            "hop": route.next_hop_ip_address,
            "state": str_of(route.provisioning_state),
        }
        for route in found
    }


def str_of(value):
    """An enumeration's value."""
    return value.value if hasattr(value, "value") else value


def describe(_, __, kind, body):
    """What the models make of a body: with all that they know, and with what they would send."""
    model = getattr(models, kind).deserialize(body)
    return {"known": model.serialize(keep_readonly=True), "sent": model.serialize()}


def answer(line):
    actions = [article, release, look, put_route, delete_route, routes, describe]
    action, where, *rest = json.loads(line)
    action = {action.__name__: action for action in actions}[action]
    if where is None:
        return action(None, None, *rest)
    with client(where) as network:
        return action(network, where, *rest)


if __name__ == "__main__":
    for line in sys.stdin:
        try:
            said = {"answer": answer(line)}
        except Exception:
            said = {"error": traceback.format_exc()}
        print(json.dumps(said), flush=True)
