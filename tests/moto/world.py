"""moto's side of tests/moto.rs: runs the server, sets the scene with boto3, and reads the state back with boto3.

What the test compares comes from here alone: the library under test never saw it.

    world.py serve             the server, until standard input ends
    world.py answer ENDPOINT   one question in a line, one answer in a line, until standard input ends

A question is a JSON list: the action, the account that owns the VPC, and what the action takes. By hand:

    echo '["dump", "123456789012", "vpc-0123"]' | world.py answer http://127.0.0.1:5000
"""

import ipaddress
import json
import os
import sys
import threading
import traceback

REGION = "eu-west-1"
# The account that moto takes any key for which it has not given out itself.
DEFAULT_ACCOUNT = "123456789012"
# One of the images that moto brings along.
IMAGE = "ami-12c6146b"


def serve():
    # The pipe of standard input closes however the test ends, killed included: no server outlives its test.
    def end_with_the_test():
        sys.stdin.buffer.read()
        os._exit(0)

    threading.Thread(target=end_with_the_test, daemon=True).start()
    from moto.server import main

    main(["-H", "127.0.0.1", "-p", "0"])


def ec2(endpoint, account):
    import boto3

    session = {"region_name": REGION, "aws_access_key_id": "scene", "aws_secret_access_key": "scene"}
    if account != DEFAULT_ACCOUNT:
        sts = boto3.client("sts", endpoint_url=endpoint, **session)
        role = sts.assume_role(RoleArn=f"arn:aws:iam::{account}:role/scene", RoleSessionName="scene")["Credentials"]
        session["aws_access_key_id"] = role["AccessKeyId"]
        session["aws_secret_access_key"] = role["SecretAccessKey"]
        session["aws_session_token"] = role["SessionToken"]
    return boto3.client("ec2", endpoint_url=endpoint, **session)


def scene(ec2, layout):
    """A VPC with two members; answers its ids. The layout:

    {"vpc": range, "subnets": [a range for each zone], "members": [the first one's subnet, the second one's],
    "edgeTable": whether there is a table that belongs to the internet gateway}
    """
    vpc = ec2.create_vpc(CidrBlock=layout["vpc"])["Vpc"]["VpcId"]
    subnets = []
    for zone, cidr in zip("abc", layout["subnets"]):
        made = ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone=REGION + zone)
        subnets.append(made["Subnet"]["SubnetId"])

    members = []
    for number, subnet in enumerate(layout["members"]):
        address = ipaddress.ip_network(layout["subnets"][subnet])[10 + number]
        made = ec2.run_instances(
            ImageId=IMAGE, MinCount=1, MaxCount=1, SubnetId=subnets[subnet], PrivateIpAddress=str(address)
        )["Instances"][0]
        interface = made["NetworkInterfaces"][0]
        # As the installation asks for.
        ec2.modify_network_interface_attribute(
            NetworkInterfaceId=interface["NetworkInterfaceId"], SourceDestCheck={"Value": False}
        )
        members.append(
            {
                "instance": made["InstanceId"],
                "eni": interface["NetworkInterfaceId"],
                "mac": interface["MacAddress"],
                "privateIp": interface["PrivateIpAddress"],
                "subnet": subnets[subnet],
                "subnetCidr": layout["subnets"][subnet],
                "az": made["Placement"]["AvailabilityZone"],
            }
        )

    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    of_vpc = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "association.main", "Values": ["true"]}]
    main = ec2.describe_route_tables(Filters=of_vpc)["RouteTables"][0]["RouteTableId"]
    second = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=second, SubnetId=subnets[layout["members"][1]])
    ec2.create_tags(Resources=[second], Tags=[{"Key": "Name", "Value": "carries the VIP"}])
    # Bystanders that must stay as they are: the way out, and a neighbour's address on each member's own interface.
    for table in (main, second):
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
        for number, member in enumerate(members):
            neighbour = f"192.168.255.{20 + number}/32"
            ec2.create_route(RouteTableId=table, DestinationCidrBlock=neighbour, NetworkInterfaceId=member["eni"])

    addresses = []
    for _ in ("the VIP's", "a bystander"):
        allocation = ec2.allocate_address(Domain="vpc")["AllocationId"]
        # An address belongs to no VPC: the tag is how `dump` finds those of one scene.
        ec2.create_tags(Resources=[allocation], Tags=[{"Key": "scene", "Value": vpc}])
        addresses.append(allocation)
    if layout.get("edgeTable"):
        edge = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
        ec2.associate_route_table(RouteTableId=edge, GatewayId=gateway)
    return {
        "region": REGION,
        "vpc": vpc,
        "vpcCidr": layout["vpc"],
        "main": main,
        "second": second,
        "publicIp": addresses[0],
        "members": members,
    }


def dump(ec2, vpc):
    """Route tables, addresses and interfaces."""
    of_vpc = [{"Name": "vpc-id", "Values": [vpc]}]
    of_scene = [{"Name": "tag:scene", "Values": [vpc]}]
    tables = ec2.describe_route_tables(Filters=of_vpc)["RouteTables"]
    for table in tables:
        # The order of routes means nothing; sorted, two states can be compared.
        table["Routes"].sort(key=lambda route: json.dumps(route, sort_keys=True))
    return {
        "tables": tables,
        "addresses": ec2.describe_addresses(Filters=of_scene)["Addresses"],
        "interfaces": ec2.describe_network_interfaces(Filters=of_vpc)["NetworkInterfaces"],
    }


def article(ec2, instance, vip):
    """Takes the VIP as the article "VIP in AWS" does."""
    from botocore.exceptions import ClientError

    # EC2 makes the network of an address by itself; moto keeps what it is given.
    vip = str(ipaddress.ip_network(vip, strict=False))
    itself = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    interface = itself["NetworkInterfaces"][0]["NetworkInterfaceId"]
    of_vpc = [{"Name": "vpc-id", "Values": [itself["VpcId"]]}]
    for table in ec2.describe_route_tables(Filters=of_vpc)["RouteTables"]:
        try:
            ec2.delete_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock=vip)
        except ClientError as error:
            if error.response["Error"]["Code"] != "InvalidRoute.NotFound":
                raise
        ec2.create_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock=vip, NetworkInterfaceId=interface)


def answer(endpoint):
    actions = {"scene": scene, "dump": dump, "article": article}
    clients = {}
    for line in sys.stdin:
        try:
            action, account, *rest = json.loads(line)
            if account not in clients:
                clients[account] = ec2(endpoint, account)
            said = {"answer": actions[action](clients[account], *rest)}
        except Exception:
            said = {"error": traceback.format_exc()}
        print(json.dumps(said, default=str), flush=True)


if __name__ == "__main__":
    {"serve": serve, "answer": answer}[sys.argv[1]](*sys.argv[2:])
