use crate::Sim;
use crate::testing::{advance, call, refused, run, sim};

fn volume(sim: &Sim, params: &[(&str, &str)]) -> String {
    let base = [
        ("AvailabilityZone", "ap-northeast-1a"),
        ("Size", "10"),
        ("VolumeType", "gp3"),
    ];
    let all: Vec<_> = base.into_iter().chain(params.iter().copied()).collect();
    let id = call(sim, "CreateVolume", &all).text("volumeId");
    advance(sim, 2);
    id
}

#[test]
fn a_volume_is_attached_kept_and_detached() {
    let sim = sim();
    let (instance, volume) = (run(&sim, &[]), volume(&sim, &[]));
    let attach = [
        ("VolumeId", volume.as_str()),
        ("InstanceId", instance.as_str()),
        ("Device", "/dev/sdf"),
    ];
    call(&sim, "AttachVolume", &attach);
    assert_eq!(refused(&sim, "AttachVolume", &attach), "VolumeInUse");
    assert_eq!(
        refused(&sim, "DeleteVolume", &[("VolumeId", &volume)]),
        "VolumeInUse"
    );
    call(&sim, "DetachVolume", &[("VolumeId", &volume)]);
    assert_eq!(
        refused(&sim, "DetachVolume", &[("VolumeId", &volume)]),
        "IncorrectState"
    );
    call(&sim, "DeleteVolume", &[("VolumeId", &volume)]);
}

#[test]
fn a_volume_of_another_zone_is_not_attached() {
    let sim = sim();
    let instance = run(&sim, &[]);
    let params = [("AvailabilityZone", "ap-northeast-1c"), ("Size", "1")];
    let volume = call(&sim, "CreateVolume", &params).text("volumeId");
    advance(&sim, 2);
    let attach = [
        ("VolumeId", volume.as_str()),
        ("InstanceId", instance.as_str()),
        ("Device", "/dev/sdf"),
    ];
    assert_eq!(
        refused(&sim, "AttachVolume", &attach),
        "InvalidVolume.ZoneMismatch"
    );
}

#[test]
fn a_volume_grows_and_then_rests() {
    let sim = sim();
    let id = volume(&sim, &[]);
    let to = |size: &str| refused(&sim, "ModifyVolume", &[("VolumeId", &id), ("Size", size)]);
    assert_eq!(to("5"), "InvalidParameterValue");
    call(&sim, "ModifyVolume", &[("VolumeId", &id), ("Size", "20")]);
    assert_eq!(to("30"), "VolumeModificationRateExceeded");
    advance(&sim, 6 * 3600);
    let done = call(&sim, "DescribeVolumesModifications", &[("VolumeId.1", &id)]);
    assert_eq!(
        (
            done.text("modificationState").as_str(),
            done.text("targetSize").as_str()
        ),
        ("completed", "20")
    );
    call(&sim, "ModifyVolume", &[("VolumeId", &id), ("Size", "30")]);
}

#[test]
fn a_token_gives_the_same_volume_again() {
    let sim = sim();
    let token = [("ClientToken", "t")];
    assert_eq!(volume(&sim, &token), volume(&sim, &token));
}
