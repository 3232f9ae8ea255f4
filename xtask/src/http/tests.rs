use super::elements;

#[test]
fn elements_are_found_in_order_and_by_their_whole_name() {
    let xml = "<a><groupId>sg-1</groupId><groupIds>x</groupIds><groupId>sg-2</groupId></a>";
    assert_eq!(elements(xml, "groupId"), ["sg-1", "sg-2"]);
    assert!(elements(xml, "vpcId").is_empty());
}
