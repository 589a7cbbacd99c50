//! Whole numbers of things, as people write them.

/// A whole number in groups of three digits.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 object`, `2 objects`, `1 query`, `1,000 queries`: a number with the English noun in the form that it asks for.
pub fn counted(number: u64, noun: &str) -> String {
    format!("{} {}", grouped(number), noun_of(number, noun))
}

/// The form of a regular noun that a number asks for.
pub fn noun_of(number: u64, noun: &str) -> String {
    if number == 1 {
        return noun.to_owned();
    }
    match noun.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'i', 'o', 'u']) => format!("{stem}ies"),
        _ if ["s", "x", "ch", "sh"].iter().any(|end| noun.ends_with(end)) => format!("{noun}es"),
        _ => format!("{noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nouns_follow_their_number() {
        let cases = [
            (1, "shard", "1 shard"),
            (0, "shard", "0 shards"),
            (2, "query", "2 queries"),
            (1, "query", "1 query"),
            (3, "day", "3 days"),
            (12_345, "batch", "12,345 batches"),
            (1_000, "write unit", "1,000 write units"),
        ];
        for (number, noun, expected) in cases {
            assert_eq!(counted(number, noun), expected);
        }
    }
}
