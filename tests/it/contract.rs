//! What the door to AWS guarantees, tried on every AWS there is: the simulated one in memory and over HTTP, so
//! that a test in memory stands for a process on the wire, and moto, so that it stands for AWS.

mod addresses;
mod backups;
mod copies;
mod door;
mod instances;
mod launch;
mod lifecycle;
mod moto;
mod network;
mod permission;
mod rules;
mod stand;
mod storage;

use std::{collections::BTreeMap, panic::AssertUnwindSafe, path::Path};

use futures::{FutureExt, future::BoxFuture};

use moto::Moto;
use stand::{Aws, Stand};

/// Something that the door's traits say of themselves.
struct Guarantee {
    name: &'static str,
    /// The methods that say it.
    of: &'static [&'static str],
    hold: for<'a> fn(&'a Stand) -> BoxFuture<'a, ()>,
}

macro_rules! guarantees {
    ($($module:ident::$name:ident: [$($method:ident),+],)+) => {
        &[$(Guarantee {
            name: concat!(stringify!($module), "::", stringify!($name)),
            of: &[$(stringify!($method)),+],
            hold: |stand| Box::pin($module::$name(stand)),
        }),+]
    };
}

/// All of them. A function that is missing here is dead code, which the compiler reports.
const GUARANTEES: &[Guarantee] = guarantees![
    instances::ours_are_listed_and_no_others: [list_instances],
    instances::what_fails_is_listed_and_nothing_else: [list_impaired],
    instances::one_is_found_by_its_id_whatever_its_tags_say: [find_instance],
    instances::a_terminated_one_is_listed_but_has_its_label_no_more: [list_instances, find_labelled],
    instances::a_label_is_found_in_every_installation_and_stands_for_itself: [find_labelled],
    instances::a_protected_one_is_not_terminated: [is_protected, protect],
    instances::metadata_options_can_be_set_twice: [set_metadata_options],
    instances::volumes_can_be_kept_twice: [keep_volumes],
    instances::what_names_none_is_not_found: [is_protected, protect, set_metadata_options, keep_volumes],
    instances::any_tag_finds_live_ones_whoever_owns_them: [find_tagged, list_having],
    lifecycle::one_is_stopped_and_started_twice: [stop, start],
    lifecycle::a_type_is_changed_while_stopped_only: [set_instance_type],
    lifecycle::a_type_that_is_none_is_the_users_mistake: [set_instance_type],
    lifecycle::a_reboot_leaves_everything_as_it_was: [reboot],
    lifecycle::a_protected_one_is_terminated_only_once_it_is_let_go: [unprotect, terminate],
    lifecycle::one_that_is_gone_does_not_start: [start, stop],
    lifecycle::what_names_none_is_not_found: [stop, start, reboot, set_instance_type, unprotect, terminate],
    launch::the_same_again_gives_the_same_instance: [launch, find_launched],
    launch::a_token_with_other_parameters_is_refused: [launch],
    launch::one_is_found_by_its_token_whatever_its_tags_say: [find_launched],
    launch::the_instance_is_as_ordered: [launch],
    launch::the_instance_is_protected: [launch, is_protected],
    launch::the_volumes_outlive_the_instance: [launch],
    launch::the_volumes_are_encrypted_and_tagged: [launch, list_volumes],
    launch::the_volumes_take_the_key_that_is_ordered: [launch],
    launch::the_images_own_volume_need_not_be_ordered: [launch],
    launch::the_interface_is_tagged: [launch],
    launch::an_image_that_is_not_there_is_the_users_mistake: [launch],
    launch::a_subnet_that_is_not_there_is_the_users_mistake: [launch],
    launch::a_lost_one_is_found_by_its_token: [launch, find_launched],
    network::groups_of_ours_are_listed_and_no_others: [list_groups],
    network::a_group_is_found_by_its_id_whatever_its_tags_say: [find_group],
    network::a_group_is_found_by_its_name_in_its_vpc_only: [find_group_named],
    network::a_new_group_lets_everything_out: [create_group],
    network::the_name_of_a_group_is_taken_once: [create_group],
    network::an_interface_takes_a_whole_set_of_groups_twice: [set_interface_groups],
    network::a_subnet_is_found_with_the_ranges_of_its_vpc: [find_subnet],
    network::a_group_in_use_is_not_deleted_and_a_free_one_is_gone: [delete_group],
    addresses::one_is_put_on_an_interface_twice: [associate_address, find_address],
    addresses::one_is_taken_from_nobody: [associate_address],
    addresses::one_that_is_taken_off_stays_the_accounts: [disassociate_address],
    addresses::all_are_listed_whoever_uses_them: [list_addresses, find_address],
    addresses::what_is_not_there_is_not_found: [associate_address, disassociate_address],
    rules::all_are_added_or_none: [authorize],
    rules::every_kind_is_read_back_as_written: [authorize, find_group],
    rules::those_named_are_removed_and_no_others: [revoke],
    rules::a_missing_one_cannot_be_removed: [revoke],
    rules::a_missing_group_is_not_found: [authorize, revoke],
    storage::volumes_of_ours_are_listed_and_no_others: [list_volumes],
    storage::volumes_are_found_by_their_ids_whatever_their_tags_say: [find_volumes],
    storage::a_volume_grows_and_does_not_shrink: [grow_volume],
    storage::an_attached_volume_is_not_deleted_and_a_free_one_is_gone: [delete_volume],
    storage::what_the_recycle_bin_keeps_is_listed: [list_recycled, list_recycled_volumes],
    storage::a_set_holds_every_volume: [create_snapshots],
    storage::a_set_is_pending_then_listed_as_completed: [create_snapshots, list_snapshots],
    storage::a_set_is_encrypted_and_tagged: [create_snapshots],
    storage::a_set_is_made_as_often_as_it_is_ordered: [create_snapshots],
    storage::snapshots_are_found_by_their_description_whatever_their_tags_say: [find_snapshots],
    storage::snapshots_of_ours_are_listed_and_no_others: [list_snapshots],
    copies::a_lock_is_read_back_and_prolonged: [lock_snapshot, list_locks, lock_of],
    copies::what_is_not_locked_has_no_lock: [list_locks, lock_of],
    copies::a_locked_one_is_not_deleted_and_a_free_one_is_gone: [delete_snapshot],
    copies::one_that_an_image_holds_is_not_deleted: [delete_snapshot],
    copies::every_snapshot_of_the_account_is_counted: [count_snapshots],
    copies::a_shared_snapshot_is_seen_and_closed: [sharing_of_snapshot, unshare_snapshot],
    copies::a_public_snapshot_is_listed_until_it_is_closed: [list_public_snapshots, unshare_snapshot],
    copies::images_of_ours_are_listed_and_no_others: [list_images],
    copies::a_shared_image_is_seen_and_closed: [sharing_of_image, unshare_image],
    copies::what_is_not_there_is_not_found: [
        delete_snapshot, sharing_of_snapshot, unshare_snapshot, lock_of, lock_snapshot, sharing_of_image, unshare_image
    ],
    backups::the_same_again_gives_the_same_job: [start_backup, list_backup_jobs],
    backups::a_job_ends_with_an_image_of_ours: [start_backup, list_backup_jobs, list_images],
    backups::a_vault_that_is_not_there_is_none: [find_vault, start_backup],
    backups::a_vault_is_found_with_its_key_and_its_lock: [find_vault],
    backups::a_missing_right_is_no_missing_vault: [find_vault],
    backups::a_recovery_point_is_deleted_once_and_takes_its_image_along: [delete_recovery_point],
    backups::a_locked_vault_keeps_what_is_in_it: [delete_recovery_point],
    permission::what_is_permitted_is_said_to_be: [permission],
    permission::every_call_can_be_asked_for: [permission],
    permission::what_is_denied_is_said_to_be: [permission],
    permission::of_an_image_that_is_not_there_nothing_is_known: [permission],
    permission::of_what_is_not_there_nothing_is_known: [permission],
    door::of_many_who_ask_each_has_a_turn_and_nothing_is_called: [book, book_calls],
    door::after_a_slot_more_are_let_through_there_and_nowhere_else: [slot_began],
    door::every_lane_leads_to_one_site: [door],
    door::a_role_leads_to_its_account: [door],
    door::a_listing_has_every_page: [list_instances, list_volumes, list_snapshots],
    door::a_listing_of_groups_has_every_page: [list_groups],
    door::a_listing_cut_short_is_an_error: [list_instances, list_groups, list_volumes, list_snapshots],
    door::a_listing_without_end_is_an_error: [list_instances, list_groups, list_volumes, list_snapshots],
    door::tags_can_be_set_twice_on_anything: [set_tags],
    door::tags_that_are_named_are_taken_and_no_others: [delete_tags],
    door::what_is_not_there_cannot_be_tagged: [set_tags],
];

#[tokio::test]
async fn every_guarantee_holds_in_memory() {
    let broken = broken(&Aws::in_memory()).await;
    assert!(broken.is_empty(), "{broken:#?}");
}

#[tokio::test]
async fn every_guarantee_holds_over_http() {
    let broken = broken(&Aws::over_http().await).await;
    assert!(broken.is_empty(), "{broken:#?}");
}

#[tokio::test]
async fn every_guarantee_holds_on_moto_but_those_it_is_known_to_break() {
    let Some(moto) = Moto::start() else { return };
    let mut broken = broken(&Aws::of_moto(&moto)).await;
    let mut faults = Vec::new();
    for known in moto::BROKEN {
        match broken.remove(known.guarantee) {
            Some(message) if message.contains(known.shows) => {}
            Some(message) => faults.push(format!("{} breaks otherwise: {message}", known.guarantee)),
            None => faults.push(format!(
                "{} is no guarantee that breaks, so strike it off: {}",
                known.guarantee, known.reason
            )),
        }
    }
    let new = broken
        .iter()
        .map(|(name, message)| format!("{name} is broken: {message}"));
    faults.extend(new);
    assert!(faults.is_empty(), "{}\n{}", faults.join("\n"), moto.log_tail());
}

#[test]
fn every_method_of_the_door_is_guaranteed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cloud/api.rs");
    let text = std::fs::read_to_string(path).unwrap();
    let mut methods: Vec<&str> = text.lines().filter_map(method).collect();
    methods.sort_unstable();
    assert!(methods.len() > 20, "the methods were not found: {methods:?}");
    let mut guaranteed: Vec<&str> = GUARANTEES.iter().flat_map(|one| one.of).copied().collect();
    guaranteed.sort_unstable();
    guaranteed.dedup();
    assert_eq!(
        guaranteed, methods,
        "the suite and the traits name the same methods"
    );
}

/// The name of the method that is declared on a line.
fn method(line: &str) -> Option<&str> {
    let line = line.trim();
    let line = line.strip_prefix("async ").unwrap_or(line);
    let (name, _) = line.strip_prefix("fn ")?.split_once('(')?;
    Some(name)
}

/// The guarantees that do not hold, with what was seen instead.
async fn broken(aws: &Aws) -> BTreeMap<String, String> {
    let mut broken = BTreeMap::new();
    for (number, guarantee) in GUARANTEES.iter().enumerate() {
        let stand = aws.stand(&format!("contract-{number}")).await;
        let held = AssertUnwindSafe((guarantee.hold)(&stand)).catch_unwind().await;
        if let Err(panic) = held {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()));
            broken.insert(guarantee.name.to_owned(), text.unwrap_or_default());
        }
    }
    broken
}
