use crate::Sim;
use crate::testing::{advance, call, refused, run, sim};

/// Allocation and address.
fn allocate(sim: &Sim) -> (String, String) {
    let made = call(sim, "AllocateAddress", &[("Domain", "vpc")]);
    (made.text("allocationId"), made.text("publicIp"))
}

fn interface(sim: &Sim, instance: &str) -> String {
    let described = call(sim, "DescribeInstances", &[("InstanceId.1", instance)]);
    described.text("networkInterfaceId")
}

/// The public address that the instance's description shows.
fn shown(sim: &Sim, instance: &str) -> Option<String> {
    let described = call(sim, "DescribeInstances", &[("InstanceId.1", instance)]);
    described.all("ipAddress").into_iter().next()
}

#[test]
fn an_address_is_allocated_associated_taken_off_and_released() {
    let sim = sim();
    let (id, address) = allocate(&sim);
    let instance = run(&sim, &[]);
    let eni = interface(&sim, &instance);
    assert_eq!(shown(&sim, &instance), None);
    let params = [
        ("AllocationId", id.as_str()),
        ("NetworkInterfaceId", eni.as_str()),
    ];
    let association = call(&sim, "AssociateAddress", &params).text("associationId");
    assert_eq!(
        call(&sim, "AssociateAddress", &params).text("associationId"),
        association
    );
    assert_eq!(shown(&sim, &instance), Some(address.clone()));
    let filter = [
        ("Filter.1.Name", "public-ip"),
        ("Filter.1.Value.1", address.as_str()),
    ];
    let described = call(&sim, "DescribeAddresses", &filter);
    assert_eq!(described.text("instanceId"), instance);
    assert_eq!(described.text("networkInterfaceId"), eni);
    assert_eq!(
        refused(&sim, "ReleaseAddress", &[("AllocationId", &id)]),
        "InvalidIPAddress.InUse"
    );
    let off = [("AssociationId", association.as_str())];
    call(&sim, "DisassociateAddress", &off);
    assert_eq!(
        refused(&sim, "DisassociateAddress", &off),
        "InvalidAssociationID.NotFound"
    );
    assert_eq!(shown(&sim, &instance), None);
    call(&sim, "ReleaseAddress", &[("AllocationId", &id)]);
    assert!(
        call(&sim, "DescribeAddresses", &[])
            .all("allocationId")
            .is_empty()
    );
    assert_eq!(
        refused(&sim, "AssociateAddress", &params),
        "InvalidAllocationID.NotFound"
    );
}

#[test]
fn an_address_is_taken_from_another_interface_unless_that_is_forbidden() {
    let sim = sim();
    let (id, address) = allocate(&sim);
    let (one, two) = (run(&sim, &[]), run(&sim, &[]));
    call(
        &sim,
        "AssociateAddress",
        &[("AllocationId", &id), ("InstanceId", &one)],
    );
    let to_two = [("AllocationId", id.as_str()), ("InstanceId", two.as_str())];
    let mut careful = to_two.to_vec();
    careful.push(("AllowReassociation", "false"));
    assert_eq!(
        refused(&sim, "AssociateAddress", &careful),
        "Resource.AlreadyAssociated"
    );
    assert_eq!(shown(&sim, &one), Some(address.clone()));
    call(&sim, "AssociateAddress", &to_two);
    assert_eq!((shown(&sim, &one), shown(&sim, &two)), (None, Some(address)));
}

#[test]
fn an_address_stays_through_a_stop_and_outlives_the_instance() {
    let sim = sim();
    let (id, address) = allocate(&sim);
    let instance = run(&sim, &[]);
    advance(&sim, 2);
    call(
        &sim,
        "AssociateAddress",
        &[("AllocationId", &id), ("InstanceId", &instance)],
    );
    call(&sim, "StopInstances", &[("InstanceId.1", &instance)]);
    advance(&sim, 2);
    assert_eq!(shown(&sim, &instance), Some(address));
    call(&sim, "TerminateInstances", &[("InstanceId.1", &instance)]);
    advance(&sim, 2);
    let described = call(&sim, "DescribeAddresses", &[]);
    assert_eq!(described.all("allocationId"), [id]);
    assert!(described.all("associationId").is_empty());
}

#[test]
fn all_addresses_come_in_one_answer_with_their_tags() {
    let sim = sim();
    let ids: Vec<_> = (0..3).map(|_| allocate(&sim).0).collect();
    let tag = [
        ("ResourceId.1", ids[1].as_str()),
        ("Tag.1.Key", "use"),
        ("Tag.1.Value", "web"),
    ];
    call(&sim, "CreateTags", &tag);
    let filter = [("Filter.1.Name", "tag:use"), ("Filter.1.Value.1", "web")];
    let found = call(&sim, "DescribeAddresses", &filter);
    assert_eq!(found.all("allocationId"), [ids[1].clone()]);
    assert_eq!(found.text("key"), "use");
    assert_eq!(call(&sim, "DescribeAddresses", &[]).all("allocationId").len(), 3);
    assert_eq!(
        refused(&sim, "DescribeAddresses", &[("MaxResults", "5")]),
        "UnknownParameter"
    );
}
