//! What is done to texts in several places: fitting them into a field, writing bytes out.

/// What stands for the rest of a text that was cut.
const CUT: &str = " …";

/// The text, cut at a sign if it has more than `max` bytes; says so.
pub fn shortened(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(max.saturating_sub(CUT.len()));
    format!("{}{CUT}", text.get(..end).unwrap_or_default())
}

/// Bytes as hexadecimal digits, two for each.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_at_a_sign_and_says_so() {
        assert_eq!(shortened("whole", 5), "whole");
        assert_eq!(shortened("too long", 7), "too …");
        // Each of these takes three bytes.
        assert_eq!(shortened("櫓櫓櫓", 8), "櫓 …");
        assert_eq!(shortened("櫓", 2), " …");
    }

    #[test]
    fn bytes_are_written_with_two_digits_each() {
        assert_eq!(hexadecimal(&[0, 10, 255]), "000aff");
    }
}
