use simaws::{FaultKind, FaultSpec};

use super::Subnets;
use crate::{
    aws::stage::Stage,
    clock::Clock,
    cloud::{Operation, Site, SubnetId},
};

#[tokio::test]
async fn whoever_comes_during_a_look_takes_what_it_finds() {
    let stage = Stage::new().await;
    let subnets = Subnets::default();
    let site = Site::from("ap-northeast-1");
    let id = SubnetId::from(simaws::DEFAULT_SUBNET_ID);
    let find = || subnets.find(&*stage.cloud, &site, &id, stage.clock.now());
    for kind in [FaultKind::Unavailable, FaultKind::Hold] {
        let fault = stage.sim.add_fault(FaultSpec::new(
            Operation::DescribeSubnets.to_string(),
            FaultKind::Hold,
        ));
        let before = stage.calls_of(Operation::DescribeSubnets);
        let release = async {
            if kind == FaultKind::Unavailable {
                let mut fails = FaultSpec::new(Operation::DescribeVpcs.to_string(), kind);
                fails.times = 1;
                stage.sim.add_fault(fails);
            }
            assert!(stage.sim.release_fault(&fault));
        };
        let (one, other, ()) = tokio::join!(find(), find(), release);
        assert_eq!(stage.calls_of(Operation::DescribeSubnets), before + 1);
        assert_eq!(one.is_err(), kind == FaultKind::Unavailable, "{one:?}");
        assert_eq!(one, other);
    }
}
