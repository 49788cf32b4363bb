//! Lines of a file that may be of any size: one is held at a time, and none longer than an account can be.

use std::io::{self, BufRead, Read as _};

use super::Problem;

/// The most bytes of a line.
const LONGEST_LINE: u64 = 64 << 10;

/// The lines that are not blank, with their numbers.
pub(super) struct Lines<R> {
    reader: R,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) const fn new(reader: R) -> Self {
        Self { reader, number: 0 }
    }

    /// The number of the line that was read last, from 1.
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// The next line, or what is wrong with it; `None` at the end.
    pub(super) fn next_line(&mut self) -> io::Result<Option<Result<String, Problem>>> {
        loop {
            let mut bytes = Vec::new();
            self.reader.by_ref().take(LONGEST_LINE + 1).read_until(b'\n', &mut bytes)?;
            if bytes.is_empty() {
                return Ok(None);
            }
            self.number += 1;
            if bytes.len() as u64 > LONGEST_LINE && bytes.last() != Some(&b'\n') {
                self.reader.skip_until(b'\n')?;
                return Ok(Some(Err(Problem::new("", "is longer than 64 KiB, which no account is"))));
            }
            // Some editors begin a file with a mark of its encoding.
            let text = bytes.strip_prefix(b"\xef\xbb\xbf").filter(|_| self.number == 1).unwrap_or(&bytes);
            let Ok(text) = std::str::from_utf8(text) else {
                return Ok(Some(Err(Problem::new("", "is not UTF-8; convert the file"))));
            };
            if !text.trim().is_empty() {
                return Ok(Some(Ok(text.trim_end().to_owned())));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(bytes: &[u8]) -> Vec<(u64, Result<String, String>)> {
        let mut lines = Lines::new(bytes);
        let mut read = Vec::new();
        while let Some(line) = lines.next_line().unwrap() {
            let line = line.map(|text| text.trim().to_owned()).map_err(|problem| problem.message);
            read.push((lines.number(), line));
        }
        read
    }

    #[test]
    fn lines_keep_their_numbers_over_blank_ones() {
        let read = read(b"\xef\xbb\xbf{}\r\n\n  \n{1}");
        assert_eq!(read, [(1, Ok("{}".to_owned())), (4, Ok("{1}".to_owned()))]);
    }

    #[test]
    fn a_line_that_is_too_long_or_no_text_is_told_and_the_next_is_read() {
        let mut file = vec![b'x'; 300_000];
        file.extend_from_slice(b"\n\xff\n{}\n");
        let read = read(&file);
        assert_eq!(read.len(), 3);
        assert!(read[0].1.as_ref().is_err_and(|message| message.contains("64 KiB")));
        assert!(read[1].1.as_ref().is_err_and(|message| message.contains("UTF-8")));
        assert_eq!(read[2], (3, Ok("{}".to_owned())));
    }

    #[test]
    fn a_line_of_just_the_length_is_read() {
        let mut file = vec![b'x'; LONGEST_LINE as usize];
        file.push(b'\n');
        assert!(matches!(read(&file).as_slice(), [(1, Ok(_))]));
    }
}
