//! Text that a user's file holds, plain or gzip.

use flate2::read::MultiGzDecoder;
use std::io::{self, BufRead, BufReader, Read};

/// The largest text that is read, after unpacking: a small archive can hold an endless one.
pub const INPUT_BYTES_MAX: u64 = 4 << 30;

/// The first bytes of every gzip file (RFC 1952, section 2.3.1).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// A reader of the text, unpacked if it starts as gzip does. It fails past [`INPUT_BYTES_MAX`].
pub fn text_reader<'source>(source: impl Read + 'source) -> io::Result<Box<dyn Read + 'source>> {
    let mut source = BufReader::new(source);
    let packed = source.fill_buf()?.starts_with(&GZIP_MAGIC);
    let left = INPUT_BYTES_MAX;
    Ok(if packed {
        Box::new(Capped { source: MultiGzDecoder::new(source), left })
    } else {
        Box::new(Capped { source, left })
    })
}

struct Capped<R> {
    source: R,
    left: u64,
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.left = self.left.checked_sub(count as u64).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("the text is longer than {INPUT_BYTES_MAX} bytes"),
            )
        })?;
        Ok(count)
    }
}

/// A CSV reader of that text: a header, then rows of as many fields, spaces around fields ignored.
pub(super) fn csv_reader<'source>(
    source: impl Read + 'source,
) -> Result<csv::Reader<Box<dyn Read + 'source>>, String> {
    let text = text_reader(source).map_err(|error| format!("cannot read the file: {error}"))?;
    Ok(csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text))
}

/// Says what a CSV reader found wrong, and on which line.
pub(super) fn csv_error(error: &csv::Error) -> String {
    let line = error.position().map_or(String::new(), |position| format!("line {}: ", position.line()));
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{line}{len} fields where the header has {expected_len}")
        }
        csv::ErrorKind::Utf8 { .. } => format!("{line}the text is not UTF-8"),
        csv::ErrorKind::Io(error) => format!("{line}cannot read the file: {error}"),
        _ => format!("{line}{error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn packed(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn read(bytes: &[u8]) -> io::Result<String> {
        let mut text = String::new();
        text_reader(bytes)?.read_to_string(&mut text).map(|_| text)
    }

    #[test]
    fn plain_and_packed_texts_read_the_same() {
        let text = "a,b\n1,2\n".repeat(10_000);
        assert_eq!(read(text.as_bytes()).unwrap(), text);
        assert_eq!(read(&packed(&text)).unwrap(), text);
        // RFC 1952: a file may hold several members, one after another.
        assert_eq!(read(&[packed("x"), packed("y")].concat()).unwrap(), "xy");
        assert_eq!(read(b"").unwrap(), "");
        assert!(read(&packed(&text)[..40]).is_err());
    }
}
