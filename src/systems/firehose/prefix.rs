//! Prefixes of object names, with expressions that are evaluated object by object (FH-O1, FH-O2, FH-O4).

use crate::units::civil;

/// Characters of a random string (FH-O4).
pub const RANDOM_STRING_CHARS: usize = 11;

/// A part of a moment, as Java's DateTimeFormatter writes it. Others than these need a calendar of weeks or a language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
}

const FIELDS: [(&str, Field); 6] = [
    ("yyyy", Field::Year),
    ("MM", Field::Month),
    ("dd", Field::Day),
    ("HH", Field::Hour),
    ("mm", Field::Minute),
    ("ss", Field::Second),
];

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Time(Field),
    RandomString,
    ErrorOutputType,
    /// The value of the partitioning attribute.
    PartitionKey(String),
}

/// What is known of an object when its name is made.
#[derive(Clone, Copy, Debug)]
pub struct Evaluated<'a> {
    /// When its oldest record arrived, seconds since 1970 (FH-O3).
    pub at: i64,
    /// The number of its partition.
    pub partition: u32,
    /// A string that no other object has.
    pub random: &'a str,
}

/// A prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectPrefix {
    written: String,
    pieces: Vec<Piece>,
}

impl ObjectPrefix {
    /// Reads a prefix.
    ///
    /// # Errors
    /// What is wrong with it, and what is expected.
    pub fn parse(written: &str) -> Result<Self, String> {
        let (mut pieces, mut rest) = (Vec::new(), written);
        while let Some(at) = rest.find("!{") {
            text(&mut pieces, &rest[..at]);
            let end = rest[at..].find('}').ok_or("an expression that begins with `!{` ends with `}`")?;
            expression(&mut pieces, &rest[at + 2..at + end])?;
            rest = &rest[at + end + 1..];
        }
        text(&mut pieces, rest);
        Ok(Self { written: written.to_owned(), pieces })
    }

    /// It as it was written.
    pub fn written(&self) -> &str {
        &self.written
    }

    /// Whether there is something to evaluate.
    pub fn has_expressions(&self) -> bool {
        self.pieces.iter().any(|piece| !matches!(piece, Piece::Text(_)))
    }

    /// Whether the time is in it: then no folder of the hour follows (FH-O2).
    pub fn has_timestamp(&self) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Time(_)))
    }

    /// Whether the cause of an error is in it.
    pub fn has_error_type(&self) -> bool {
        self.pieces.contains(&Piece::ErrorOutputType)
    }

    /// The attributes whose values are in it.
    pub fn partition_keys(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::PartitionKey(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// The shortest time, seconds, after which its time may be another one, up to an hour.
    pub fn period(&self) -> u64 {
        let has = |field| self.pieces.contains(&Piece::Time(field));
        match (has(Field::Second), has(Field::Minute)) {
            (true, _) => 1,
            (false, true) => 60,
            (false, false) => 3_600,
        }
    }

    /// It for one object.
    pub fn evaluate(&self, of: Evaluated) -> String {
        let at = civil(of.at);
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Time(Field::Year) => format!("{:04}", at.year),
            Piece::Time(Field::Month) => format!("{:02}", at.month),
            Piece::Time(Field::Day) => format!("{:02}", at.day),
            Piece::Time(Field::Hour) => format!("{:02}", at.hour),
            Piece::Time(Field::Minute) => format!("{:02}", at.minute),
            Piece::Time(Field::Second) => format!("{:02}", at.second),
            Piece::RandomString => of.random.to_owned(),
            // Error prefixes alone may say it, and no object of theirs is named.
            Piece::ErrorOutputType => String::new(),
            Piece::PartitionKey(_) => of.partition.to_string(),
        };
        self.pieces.iter().map(piece).collect()
    }
}

fn text(pieces: &mut Vec<Piece>, text: &str) {
    match pieces.last_mut() {
        _ if text.is_empty() => {}
        Some(Piece::Text(before)) => before.push_str(text),
        _ => pieces.push(Piece::Text(text.to_owned())),
    }
}

fn expression(pieces: &mut Vec<Piece>, written: &str) -> Result<(), String> {
    match written.split_once(':') {
        Some(("timestamp", pattern)) => return timestamp(pieces, pattern),
        Some(("firehose", "random-string")) => pieces.push(Piece::RandomString),
        Some(("firehose", "error-output-type")) => pieces.push(Piece::ErrorOutputType),
        Some(("partitionKeyFromQuery", name)) if !name.is_empty() => {
            pieces.push(Piece::PartitionKey(name.to_owned()));
        }
        _ => {
            return Err(format!(
                "expected `!{{timestamp:...}}`, `!{{firehose:random-string}}`, `!{{firehose:error-output-type}}` or \
                 `!{{partitionKeyFromQuery:...}}`; found `!{{{written}}}`"
            ));
        }
    }
    Ok(())
}

/// A pattern of Java's DateTimeFormatter: letters stand for parts of the moment, what is in single quotes and all else for itself.
fn timestamp(pieces: &mut Vec<Piece>, pattern: &str) -> Result<(), String> {
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        if let Some(quoted) = rest.strip_prefix('\'') {
            let end = quoted.find('\'').ok_or("a single quote in a time pattern is closed by another one")?;
            text(pieces, if end == 0 { "'" } else { &quoted[..end] });
            rest = &quoted[end + 1..];
            continue;
        }
        let run = rest.find(|letter| letter != first).unwrap_or(rest.len());
        let (letters, after) = rest.split_at(run);
        match FIELDS.iter().find(|(name, _)| *name == letters) {
            Some((_, field)) => pieces.push(Piece::Time(*field)),
            None if first.is_ascii_alphabetic() => {
                let names = FIELDS.map(|(name, _)| format!("`{name}`")).join(", ");
                return Err(format!(
                    "expected {names} or text in single quotes in a time pattern; found `{letters}`"
                ));
            }
            None => text(pieces, letters),
        }
        rest = after;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2018-08-27T10:30:05Z, the moment of AWS's own examples.
    const OBJECT: Evaluated = Evaluated { at: 1_535_365_805, partition: 7, random: "abcdefghijk" };

    fn evaluated(written: &str) -> String {
        ObjectPrefix::parse(written).unwrap().evaluate(OBJECT)
    }

    #[test]
    fn fh_o1_o2_o4_expressions_are_evaluated_as_awss_examples_are() {
        assert_eq!(evaluated("raw/"), "raw/");
        assert_eq!(evaluated("myPrefix/!{timestamp:yyyy-MM-dd}/"), "myPrefix/2018-08-27/");
        assert_eq!(evaluated("dt=!{timestamp:yyyy'-'MM'-'dd}/h=!{timestamp:HH}/"), "dt=2018-08-27/h=10/");
        assert_eq!(evaluated("!{timestamp:'year='yyyy'/at='HHmmss}"), "year=2018/at=103005");
        assert_eq!(evaluated("rand=!{firehose:random-string}/"), "rand=abcdefghijk/");
        assert_eq!(evaluated("customer=!{partitionKeyFromQuery:customer}/"), "customer=7/");
        let of = |written: &str| ObjectPrefix::parse(written).unwrap();
        assert!(
            of("!{timestamp:yyyy}").has_timestamp() && !of("yyyy/!{firehose:random-string}").has_timestamp()
        );
        assert_eq!(
            ["!{timestamp:dd}", "!{timestamp:HHmm}", "!{timestamp:ss}"].map(|it| of(it).period()),
            [3_600, 60, 1]
        );
    }

    #[test]
    fn what_cannot_be_evaluated_is_refused() {
        for (written, told) in [
            ("!{timestamp:YYYY}", "found `YYYY`"),
            ("!{timestamp:yyyy/EEE}", "found `EEE`"),
            ("!{timestamp:'yyyy}", "closed"),
            ("!{firehose:random}", "found `!{firehose:random}`"),
            ("!{partitionKeyFromLambda:a}", "found `!{partitionKeyFromLambda:a}`"),
            ("a/!{timestamp:yyyy", "ends with `}`"),
        ] {
            let message = ObjectPrefix::parse(written).unwrap_err();
            assert!(message.contains(told), "{written}: {message}");
        }
    }
}
