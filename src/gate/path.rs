//! The path of a request, read once: the decision and the upstream see the same bytes.
//!
//! Nothing is ever repaired. What two programs could read in two ways (dot segments, encoded slashes, empty
//! segments) is refused, because a route is chosen by one reading and the app behind may use the other.

use std::borrow::Cow;

use percent_encoding::percent_decode;

/// A request target that has one reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// The path, percent-decoded once: what routes are matched with.
    pub decoded: Cow<'a, str>,
    /// The path as it came and as it is forwarded.
    pub raw: &'a str,
    /// What follows the first `?`, as it came. Never part of a decision.
    pub query: Option<&'a str>,
}

/// Why a request target is refused (400). The text is for the sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathProblem {
    /// Absolute form, `*`, or nothing at all.
    #[error("the path must begin with a slash")]
    NotAbsolute,
    /// A `#`.
    #[error("a fragment does not belong in a request; send # as %23 if it is part of the path")]
    Fragment,
    /// `\` or `%5c`.
    #[error("send a slash in place of the backslash")]
    Backslash,
    /// `%2f`.
    #[error("send the slash itself in place of %2F")]
    EncodedSlash,
    /// A control character, plain or encoded, or a plain blank.
    #[error("the path holds a control character or a blank; leave it out, or send a blank as %20")]
    Control,
    /// `.` or `..`, plain or encoded, with or without parameters.
    #[error("send the path without the segments . and ..")]
    DotSegment,
    /// `//`, or a segment of parameters only.
    #[error("send the path without empty segments")]
    EmptySegment,
    /// A `%` without two hexadecimal digits.
    #[error("send % as %25")]
    BadEncoding,
    /// Not UTF-8 after decoding.
    #[error("encode the path as UTF-8")]
    NotUtf8,
    /// Something of the above hidden under a further layer of encoding.
    #[error("encode the path once, not twice")]
    EncodedTwice,
    /// Without `;parameters`, decoded again, or in letters of the other case, the path belongs to another route.
    #[error(
        "the path can be read in two ways; send it without ;parameters, encoded once, and with small and capital \
         letters as the site writes them"
    )]
    Ambiguous,
}

/// Reads the path and query of a request line.
pub fn target(path_and_query: &str) -> Result<Target<'_>, PathProblem> {
    if !path_and_query.starts_with('/') {
        return Err(PathProblem::NotAbsolute);
    }
    if path_and_query.contains('#') {
        return Err(PathProblem::Fragment);
    }
    let (raw, query) = match path_and_query.split_once('?') {
        Some((raw, query)) => (raw, Some(query)),
        None => (path_and_query, None),
    };
    let mut encoded = false;
    let mut illegal = false;
    for byte in raw.bytes() {
        encoded |= byte == b'%';
        illegal |= byte <= b' ' || byte == b'\\' || byte == 0x7f;
    }
    if illegal {
        return Err(if raw.contains('\\') { PathProblem::Backslash } else { PathProblem::Control });
    }
    let decoded = if encoded { Cow::Owned(decode(raw)?) } else { Cow::Borrowed(raw) };
    if !decoded.is_ascii() && decoded.chars().any(char::is_control) {
        return Err(PathProblem::Control);
    }
    check_segments(&decoded)?;
    if encoded && decoded.contains('%') {
        decode_fully(&decoded)?;
    }
    Ok(Target { decoded, raw, query })
}

fn check_segments(path: &str) -> Result<(), PathProblem> {
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        // Servlet containers cut `;parameters` off before they resolve dots.
        match without_parameters(segment) {
            "." | ".." => return Err(PathProblem::DotSegment),
            "" if segments.peek().is_some() => return Err(PathProblem::EmptySegment),
            _ => {}
        }
    }
    Ok(())
}

fn without_parameters(segment: &str) -> &str {
    segment.split_once(';').map_or(segment, |(name, _)| name)
}

fn decode(raw: &str) -> Result<String, PathProblem> {
    let bytes = raw.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if byte != b'%' {
            decoded.push(byte);
            at += 1;
            continue;
        }
        let byte = hex_pair(bytes.get(at + 1..at + 3)).ok_or(PathProblem::BadEncoding)?;
        match byte {
            b'/' => return Err(PathProblem::EncodedSlash),
            b'\\' => return Err(PathProblem::Backslash),
            0..0x20 | 0x7f => return Err(PathProblem::Control),
            _ => decoded.push(byte),
        }
        at += 3;
    }
    String::from_utf8(decoded).map_err(|_| PathProblem::NotUtf8)
}

fn hex_pair(digits: Option<&[u8]>) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|value| u8::try_from(value).ok());
    match digits? {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    }
}

/// Deepest encoding that is followed to its end; nobody honest comes near it.
const MAX_LAYERS: usize = 3;

/// Decodes a path that was decoded once until nothing changes any more, refusing whatever comes to light that
/// would have been refused in plain sight.
fn decode_fully(decoded: &str) -> Result<String, PathProblem> {
    let slashes = |path: &str| path.bytes().filter(|byte| *byte == b'/').count();
    let mut path = decoded.to_owned();
    for _ in 0..MAX_LAYERS {
        let next = percent_decode(path.as_bytes()).decode_utf8_lossy().into_owned();
        if next == path {
            return Ok(path);
        }
        let hidden = slashes(&next) != slashes(&path)
            || next.chars().any(|c| c.is_control() || c == '\\')
            || check_segments(&next).is_err();
        if hidden {
            return Err(PathProblem::EncodedTwice);
        }
        path = next;
    }
    Err(PathProblem::EncodedTwice)
}

/// What else an app could take `decoded` for: the path without `;parameters`, the path decoded further.
///
/// Empty (and nothing is allocated) for nearly every path.
pub(super) fn other_readings(decoded: &str) -> Result<Vec<String>, PathProblem> {
    let mut readings = Vec::new();
    if decoded.contains('%') {
        readings.push(decode_fully(decoded)?);
    }
    if decoded.contains(';') || readings.iter().any(|path| path.contains(';')) {
        let plain = |path: &str| path.split('/').map(without_parameters).collect::<Vec<_>>().join("/");
        let stripped: Vec<_> = readings.iter().map(String::as_str).chain([decoded]).map(plain).collect();
        readings.extend(stripped);
    }
    Ok(readings)
}

#[cfg(test)]
mod tests;
