use super::Cidr;

#[test]
fn host_bits_are_cleared() {
    for (given, canonical) in [
        ("10.0.0.7/24", "10.0.0.0/24"),
        ("1.2.3.4/0", "0.0.0.0/0"),
        ("1.2.3.4/32", "1.2.3.4/32"),
        ("2001:db8::1/32", "2001:db8::/32"),
        ("::1/0", "::/0"),
    ] {
        assert_eq!(Cidr::parse(given).unwrap().to_string(), canonical);
    }
    for wrong in ["10.0.0.0", "10.0.0.0/33", "10.0.0/8", "::/129", "x/8"] {
        assert_eq!(Cidr::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn ranges_contain_and_overlap() {
    let cidr = |text| Cidr::parse(text).unwrap();
    assert!(cidr("10.0.0.0/8").contains(cidr("10.1.0.0/16")));
    assert!(!cidr("10.1.0.0/16").contains(cidr("10.0.0.0/8")));
    assert!(cidr("10.1.0.0/16").overlaps(cidr("10.0.0.0/8")));
    assert!(!cidr("10.1.0.0/16").overlaps(cidr("10.2.0.0/16")));
}
