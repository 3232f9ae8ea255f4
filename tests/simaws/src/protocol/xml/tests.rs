use jiff::Timestamp;

use super::{Element, item, timestamp};

#[test]
fn text_is_escaped_and_unset_members_are_left_out() {
    let element = Element::new("a")
        .text("b", "<&>")
        .maybe("c", None::<&str>)
        .list("d", [item().text("e", 1)]);
    let document = String::from_utf8(element.document(Some("urn:x"))).unwrap();
    let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
        <a xmlns=\"urn:x\"><b>&lt;&amp;&gt;</b><d><item><e>1</e></item></d></a>";
    assert_eq!(document, expected);
}

#[test]
fn times_have_three_decimals() {
    assert_eq!(timestamp(Timestamp::UNIX_EPOCH), "1970-01-01T00:00:00.000Z");
}
