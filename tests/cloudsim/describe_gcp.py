"""Makes src/gcp/description.json out of the discovery document of Compute Engine: python3 describe_gcp.py COMPUTE_V1_JSON

The document is `googleapiclient/discovery_cache/documents/compute.v1.json` in the Python package
google-api-python-client. Only facts that the simulator checks requests against are taken over: no descriptions.
"""

import json
import pathlib
import sys

METHODS = """
    addresses.aggregatedList addresses.get addresses.list addresses.testIamPermissions forwardingRules.list
    globalOperations.get globalOperations.list globalOperations.wait
    instances.addAccessConfig instances.aggregatedList instances.deleteAccessConfig instances.get instances.list
    instances.testIamPermissions instances.updateNetworkInterface networks.get projects.get routes.delete routes.get
    routes.insert routes.list routes.testIamPermissions subnetworks.get subnetworks.testIamPermissions zoneOperations.get
    zoneOperations.list zoneOperations.wait
""".split()
# What lists show is filtered by; what writes take is found by following the requests.
SHOWN = ["Address", "ForwardingRule", "Instance", "Operation", "Route"]
# Google's client libraries write system parameters with a `$`, which the document does not list.
SPELLINGS = {"$alt": "alt", "$prettyPrint": "prettyPrint"}


def value(description):
    """The type of a property or parameter, and what it may be."""
    taken = {key: description[key] for key in ("type", "format", "enum", "pattern", "required", "location") if key in description}
    if "$ref" in description:
        taken["ref"] = description["$ref"]
    if "items" in description:
        taken["items"] = value(description["items"])
    if description.get("readOnly") or "[Output Only]" in description.get("description", ""):
        taken["outputOnly"] = True
    return taken


def schema(described):
    return {name: value(property) for name, property in sorted(described.get("properties", {}).items())}


def references(described):
    for property in described.get("properties", {}).values():
        for place in (property, property.get("items", {})):
            if "$ref" in place:
                yield place["$ref"]


def main():
    document = json.loads(pathlib.Path(sys.argv[1]).read_text())
    methods, wanted = {}, list(SHOWN)
    for name in METHODS:
        resource, method = name.split(".")
        described = document["resources"][resource]["methods"][method]
        parameters = {key: value(parameter) for key, parameter in sorted(described["parameters"].items())}
        if "returnPartialSuccess" in described["description"] or method == "list":
            # The descriptions of aggregated lists recommend it and the reference has it for every list, but the lists
            # of parameters have lost it.
            parameters.setdefault("returnPartialSuccess", {"type": "boolean", "location": "query"})
        methods[name] = {
            "httpMethod": described["httpMethod"],
            "path": described["path"],
            "parameters": parameters,
            "request": described.get("request", {}).get("$ref"),
            "readOnly": any(scope.endswith("compute.readonly") for scope in described["scopes"]),
        }
        wanted += filter(None, [methods[name]["request"]])
    schemas = {}
    while wanted:
        name = wanted.pop()
        if name not in schemas:
            schemas[name] = schema(document["schemas"][name])
            if name not in SHOWN or name in {method["request"] for method in methods.values()}:
                wanted += references(document["schemas"][name])
    everywhere = {name: value(parameter) for name, parameter in document["parameters"].items()}
    everywhere |= {new: everywhere[old] for new, old in SPELLINGS.items()}
    excerpt = {
        "revision": document["revision"],
        "servicePath": document["servicePath"],
        "parameters": everywhere,
        "methods": methods,
        "schemas": dict(sorted(schemas.items())),
    }
    lines = json.dumps(excerpt, indent=1)
    pathlib.Path(__file__).with_name("src").joinpath("gcp/description.json").write_text(lines + "\n")


main()
