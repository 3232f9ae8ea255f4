//! What is guaranteed of Elastic IPs.

use yagura::cloud::{Address, AllocationId, AssociationId, ErrorKind, NetworkInterfaceId};

use super::stand::Stand;

/// Ids that AWS takes and nobody has.
const NO_ADDRESS: &str = "eipalloc-0abcdef0123456789";
const NO_ASSOCIATION: &str = "eipassoc-0abcdef0123456789";
const NO_INTERFACE: &str = "eni-0abcdef0123456789";

/// An address of the account that is on nothing.
async fn address(stand: &Stand) -> Address {
    let made = stand.stranger.allocate_address().send().await.unwrap();
    let public_ip = made.public_ip.unwrap();
    let found = stand.cloud.find_address(&public_ip).await.unwrap().unwrap();
    assert_eq!(found.allocation_id.as_str(), made.allocation_id.unwrap());
    found
}

async fn look(stand: &Stand, address: &Address) -> Address {
    stand
        .cloud
        .find_address(&address.public_ip)
        .await
        .unwrap()
        .unwrap()
}

pub(super) async fn one_is_put_on_an_interface_twice(stand: &Stand) {
    let (free, instance) = (address(stand).await, stand.instance("reached").await);
    assert_eq!((&free.association_id, &free.instance_id), (&None, &None));
    let interface = &instance.interfaces[0].id;
    for _ in 0..2 {
        let put = stand
            .cloud
            .associate_address(&free.allocation_id, interface)
            .await;
        assert_eq!(put, Ok(()));
        let found = look(stand, &free).await;
        assert_eq!(found.interface_id.as_ref(), Some(interface));
        assert_eq!(found.instance_id.as_ref(), Some(&instance.id));
    }
    let shown = stand.look(&instance).await.public_ip;
    assert_eq!(shown, Some(free.public_ip));
}

pub(super) async fn one_is_taken_from_nobody(stand: &Stand) {
    let free = address(stand).await;
    let (one, two) = (stand.instance("one").await, stand.instance("two").await);
    let put = stand
        .cloud
        .associate_address(&free.allocation_id, &one.interfaces[0].id);
    put.await.unwrap();
    let taken = stand
        .cloud
        .associate_address(&free.allocation_id, &two.interfaces[0].id);
    assert_eq!(taken.await.unwrap_err().kind, ErrorKind::IncorrectState);
    assert_eq!(look(stand, &free).await.instance_id, Some(one.id));
}

pub(super) async fn one_that_is_taken_off_stays_the_accounts(stand: &Stand) {
    let (free, instance) = (address(stand).await, stand.instance("left").await);
    let interface = &instance.interfaces[0].id;
    let put = stand.cloud.associate_address(&free.allocation_id, interface);
    put.await.unwrap();
    let association = look(stand, &free).await.association_id.unwrap();
    stand.cloud.disassociate_address(&association).await.unwrap();
    let again = stand.cloud.disassociate_address(&association).await;
    assert_eq!(again.unwrap_err().kind, ErrorKind::NotFound);
    assert_eq!(look(stand, &free).await, free);
    assert_ne!(stand.look(&instance).await.public_ip, Some(free.public_ip));
}

pub(super) async fn all_are_listed_whoever_uses_them(stand: &Stand) {
    let made = [address(stand).await, address(stand).await];
    let listed = stand.cloud.list_addresses().await.unwrap();
    assert_eq!(listed.pages, 1);
    for address in made {
        assert!(listed.items.contains(&address), "{listed:?}");
    }
    assert_eq!(stand.cloud.find_address("192.0.2.1").await, Ok(None));
}

pub(super) async fn what_is_not_there_is_not_found(stand: &Stand) {
    let (free, instance) = (address(stand).await, stand.instance("some").await);
    let cloud = &stand.cloud;
    let nobody = AllocationId::from(NO_ADDRESS);
    let nowhere = NetworkInterfaceId::from(NO_INTERFACE);
    let refused = [
        cloud.associate_address(&nobody, &instance.interfaces[0].id).await,
        cloud.associate_address(&free.allocation_id, &nowhere).await,
        cloud
            .disassociate_address(&AssociationId::from(NO_ASSOCIATION))
            .await,
    ];
    let kinds = refused.map(|refused| refused.unwrap_err().kind);
    assert_eq!(kinds, [ErrorKind::NotFound; 3]);
}
