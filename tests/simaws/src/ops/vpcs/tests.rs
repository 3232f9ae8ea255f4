use crate::testing::{call, refused, run, sim, vpc};

#[test]
fn every_region_has_the_known_network_and_image() {
    let sim = sim();
    call(&sim, "DescribeVpcs", &[("VpcId.1", crate::DEFAULT_VPC_ID)]);
    let subnets = call(&sim, "DescribeSubnets", &[]);
    assert_eq!(subnets.all("subnetId").len(), 3);
    let first = call(
        &sim,
        "DescribeSubnets",
        &[("SubnetId.1", crate::DEFAULT_SUBNET_ID)],
    );
    assert_eq!(first.text("availabilityZone"), "ap-northeast-1a");
    let image = call(&sim, "DescribeImages", &[("ImageId.1", crate::DEFAULT_IMAGE_ID)]);
    assert_eq!(image.text("architecture"), "x86_64");
}

#[test]
fn a_subnet_lies_in_its_vpc_and_apart_from_others() {
    let sim = sim();
    let vpc = vpc(&sim);
    let subnet = |cidr| [("VpcId", vpc.as_str()), ("CidrBlock", cidr)];
    call(&sim, "CreateSubnet", &subnet("10.0.1.0/24"));
    assert_eq!(
        refused(&sim, "CreateSubnet", &subnet("10.0.1.0/25")),
        "InvalidSubnet.Conflict"
    );
    assert_eq!(
        refused(&sim, "CreateSubnet", &subnet("10.9.1.0/24")),
        "InvalidSubnet.Range"
    );
}

#[test]
fn a_subnet_runs_out_of_addresses() {
    let sim = sim();
    let vpc = vpc(&sim);
    let params = [("VpcId", vpc.as_str()), ("CidrBlock", "10.0.0.0/28")];
    let subnet = call(&sim, "CreateSubnet", &params).text("subnetId");
    for _ in 0..11 {
        run(&sim, &[("SubnetId", &subnet)]);
    }
    let params = [
        ("ImageId", crate::DEFAULT_IMAGE_ID),
        ("MinCount", "1"),
        ("MaxCount", "1"),
        ("SubnetId", subnet.as_str()),
    ];
    assert_eq!(
        refused(&sim, "RunInstances", &params),
        "InsufficientFreeAddressesInSubnet"
    );
}
