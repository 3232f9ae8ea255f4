"""The simulated AWS under boto3: what a person does to set a stage, to look, and to tamper.

  python boto3_smoke.py --endpoint http://127.0.0.1:PORT

boto3 has its own models of AWS's answers, so it notices what two ends written side by side would agree on.
"""

import argparse
import sys
import time
from urllib.parse import urlparse

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

IMAGE = "ami-0123456789abcdef0"
SUBNET = "subnet-0123456789abcdef0"
VPC = "vpc-0123456789abcdef0"
ANY_SSH = [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]


def client(service, endpoint):
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name="ap-northeast-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"max_attempts": 0}, connect_timeout=5, read_timeout=30),
    )


def refusal(call, **arguments):
    """The error code with which a call is refused."""
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "(accepted)"


def wait_for(look, goal, seconds=20):
    deadline = time.monotonic() + seconds
    while (seen := look()) != goal:
        assert time.monotonic() < deadline, f"waited {seconds} s for {goal}, last seen {seen}"
        time.sleep(0.1)


def identity(endpoint):
    assert client("sts", endpoint).get_caller_identity()["Account"] == "111122223333"


def as_found(ec2):
    image = ec2.describe_images(ImageIds=[IMAGE])["Images"][0]
    assert image["Architecture"] == "x86_64" and image["State"] == "available", image
    assert ec2.describe_subnets(SubnetIds=[SUBNET])["Subnets"][0]["VpcId"] == VPC
    assert ec2.describe_vpcs(VpcIds=[VPC])["Vpcs"][0]["CidrBlock"] == "172.31.0.0/16"


def firewall(ec2):
    group = ec2.create_security_group(GroupName="smoke", Description="smoke", VpcId=VPC)["GroupId"]
    code = refusal(ec2.create_security_group, GroupName="smoke", Description="again", VpcId=VPC)
    assert code == "InvalidGroup.Duplicate", code
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=ANY_SSH)
    code = refusal(ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=ANY_SSH)
    assert code == "InvalidPermission.Duplicate", code
    rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])
    ingress = [rule for rule in rules["SecurityGroupRules"] if not rule["IsEgress"]]
    assert [(rule["CidrIpv4"], rule["FromPort"]) for rule in ingress] == [("0.0.0.0/0", 22)], ingress
    ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=[ingress[0]["SecurityGroupRuleId"]])
    found = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]
    assert found["IpPermissions"] == [], found
    return group


def launch(ec2, group):
    tags = [{"Key": "smoke", "Value": "yes"}]
    request = dict(
        ImageId=IMAGE,
        InstanceType="m6i.large",
        MinCount=1,
        MaxCount=1,
        SubnetId=SUBNET,
        SecurityGroupIds=[group],
        ClientToken="smoke",
        TagSpecifications=[{"ResourceType": kind, "Tags": tags} for kind in ("instance", "volume")],
    )
    assert refusal(ec2.run_instances, DryRun=True, **request) == "DryRunOperation"
    instance = ec2.run_instances(**request)["Instances"][0]["InstanceId"]
    again = ec2.run_instances(**request)["Instances"][0]["InstanceId"]
    assert again == instance, "a client token gave a second instance"
    code = refusal(ec2.run_instances, **{**request, "InstanceType": "m6i.xlarge"})
    assert code == "IdempotentParameterMismatch", code
    wait_for(lambda: describe(ec2, instance)["State"]["Name"], "running")
    return instance


def describe(ec2, instance):
    by_tag = [{"Name": "tag:smoke", "Values": ["yes"]}, {"Name": "instance-id", "Values": [instance]}]
    pages = ec2.get_paginator("describe_instances").paginate(Filters=by_tag)
    found = [one for page in pages for group in page["Reservations"] for one in group["Instances"]]
    assert len(found) == 1, found
    return found[0]


def tamper(ec2, instance, group):
    ec2.modify_instance_metadata_options(InstanceId=instance, HttpTokens="optional")
    assert describe(ec2, instance)["MetadataOptions"]["HttpTokens"] == "optional"
    ec2.modify_instance_attribute(InstanceId=instance, DisableApiTermination={"Value": True})
    code = refusal(ec2.terminate_instances, InstanceIds=[instance])
    assert code == "OperationNotPermitted", code
    ec2.create_tags(Resources=[instance], Tags=[{"Key": "smoke", "Value": "yes"}, {"Key": "by", "Value": "hand"}])
    ec2.delete_tags(Resources=[instance], Tags=[{"Key": "by"}])
    assert describe(ec2, instance)["Tags"] == [{"Key": "smoke", "Value": "yes"}]
    other = ec2.create_security_group(GroupName="other", Description="other", VpcId=VPC)["GroupId"]
    interface = describe(ec2, instance)["NetworkInterfaces"][0]["NetworkInterfaceId"]
    ec2.modify_network_interface_attribute(NetworkInterfaceId=interface, Groups=[other])
    groups = describe(ec2, instance)["NetworkInterfaces"][0]["Groups"]
    assert [one["GroupId"] for one in groups] == [other], groups
    assert refusal(ec2.delete_security_group, GroupId=other) == "DependencyViolation"
    ec2.modify_network_interface_attribute(NetworkInterfaceId=interface, Groups=[group])
    ec2.delete_security_group(GroupId=other)


def back_up(ec2, instance):
    made = ec2.create_snapshots(InstanceSpecification={"InstanceId": instance}, Description="smoke")["Snapshots"]
    ids = [snapshot["SnapshotId"] for snapshot in made]
    assert ids
    states = lambda: {one["State"] for one in ec2.describe_snapshots(SnapshotIds=ids)["Snapshots"]}
    wait_for(states, {"completed"})


def aws_backup(ec2, backup, instance):
    backup.create_backup_vault(BackupVaultName="smoke")
    job = backup.start_backup_job(
        BackupVaultName="smoke",
        ResourceArn=f"arn:aws:ec2:ap-northeast-1:111122223333:instance/{instance}",
        IamRoleArn="arn:aws:iam::111122223333:role/backup",
        IdempotencyToken="smoke",
        RecoveryPointTags={"slot": "smoke"},
    )["BackupJobId"]
    wait_for(lambda: backup.describe_backup_job(BackupJobId=job)["State"], "COMPLETED")
    point = backup.describe_backup_job(BackupJobId=job)["RecoveryPointArn"]
    image = ec2.describe_images(ImageIds=[point.split("/")[-1]])["Images"][0]
    assert {"Key": "slot", "Value": "smoke"} in image["Tags"], image
    where = dict(BackupVaultName="smoke", RecoveryPointArn=point)
    backup.put_backup_vault_lock_configuration(BackupVaultName="smoke", MinRetentionDays=1)
    assert refusal(backup.delete_recovery_point, **where) == "InvalidRequestException"
    backup.delete_backup_vault_lock_configuration(BackupVaultName="smoke")
    backup.delete_recovery_point(**where)
    listed = lambda: backup.list_recovery_points_by_backup_vault(BackupVaultName="smoke")["RecoveryPoints"]
    wait_for(listed, [])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--endpoint", required=True)
    endpoint = parser.parse_args().endpoint
    if urlparse(endpoint).hostname != "127.0.0.1":
        sys.exit("loopback only: this script launches and tampers")
    ec2 = client("ec2", endpoint)
    identity(endpoint)
    as_found(ec2)
    group = firewall(ec2)
    instance = launch(ec2, group)
    tamper(ec2, instance, group)
    back_up(ec2, instance)
    aws_backup(ec2, client("backup", endpoint), instance)
    print("boto3 and the simulated AWS agree")


if __name__ == "__main__":
    main()
