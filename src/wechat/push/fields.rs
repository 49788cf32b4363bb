//! The fields of a push, from XML or JSON.
//!
//! Reads the few fields that matter and skips all others. Resolves no entity but the five that XML itself has, so a
//! small document stays small and reaches for nothing.

use std::collections::BTreeMap;
use std::fmt;

use quick_xml::Reader;
use quick_xml::events::Event;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use super::super::wire;

const MAX_DEPTH: usize = 8;
const KNOWN: [&str; 8] =
    ["ToUserName", "FromUserName", "CreateTime", "MsgType", "Event", "EventKey", "MsgId", "Encrypt"];

/// Why a push is not understood. Names fields and places, never what stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It begins neither as XML nor as JSON.
    #[error("neither XML nor JSON")]
    NoFormat,
    /// Not well-formed XML, or not one element `xml`.
    #[error("broken XML at byte {at}")]
    Xml {
        /// Counted from 0.
        at: u64,
    },
    /// XML with what WeChat never sends: a document type, entities of its own, comments, instructions.
    #[error("forbidden XML at byte {at}")]
    Forbidden {
        /// Counted from 0.
        at: u64,
    },
    /// More than 8 elements inside each other.
    #[error("XML nested too deep")]
    TooDeep,
    /// Not a JSON object.
    #[error("broken JSON in line {line}, column {column}")]
    Json {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// A field is there more than once.
    #[error("`{0}` is there twice")]
    Twice(&'static str),
    /// A field is absent or empty.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// A field holds what it cannot.
    #[error("`{0}` is not what it should be")]
    Impossible(&'static str),
}

/// How a push is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Xml,
    Json,
}

/// The known fields that are there. Texts have no blanks around them.
#[derive(Debug)]
pub(super) struct Fields {
    pub(super) format: Format,
    texts: BTreeMap<&'static str, String>,
}

impl Fields {
    /// Reads XML or JSON, which the first character tells apart. Broken UTF-8 becomes U+FFFD.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes).trim_ascii();
        let (format, texts) = match bytes.first() {
            Some(b'<') => (Format::Xml, xml(&String::from_utf8_lossy(bytes))?),
            Some(b'{') => (Format::Json, json(&wire::tidy(bytes))?),
            _ => return Err(Malformed::NoFormat),
        };
        Ok(Self { format, texts })
    }

    /// `None` if the field is absent or empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }
}

fn known(name: &str) -> Option<&'static str> {
    KNOWN.into_iter().find(|known| *known == name)
}

/// Adds a field, without the blanks around it.
fn put(texts: &mut BTreeMap<&'static str, String>, name: &'static str, text: &str) -> Result<(), Malformed> {
    match texts.insert(name, text.trim().to_owned()) {
        None => Ok(()),
        Some(_) => Err(Malformed::Twice(name)),
    }
}

fn xml(text: &str) -> Result<BTreeMap<&'static str, String>, Malformed> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut texts = BTreeMap::new();
    let (mut depth, mut begun) = (0, false);
    // The known field that is being read, and its text so far.
    let mut field: Option<(&'static str, String)> = None;
    loop {
        let at = reader.buffer_position();
        let event = reader.read_event().map_err(|_| Malformed::Xml { at: reader.error_position() })?;
        match event {
            Event::Start(element) => {
                let name = element.name();
                let is_root = depth == 0 && !begun && name.as_ref() == "xml";
                depth += 1;
                match depth {
                    1 if is_root => begun = true,
                    1 => return Err(Malformed::Xml { at }),
                    2 => field = known(name.as_ref()).map(|name| (name, String::new())),
                    3..=MAX_DEPTH => {
                        if let Some((name, _)) = field {
                            return Err(Malformed::Impossible(name));
                        }
                    }
                    _ => return Err(Malformed::TooDeep),
                }
            }
            Event::End(_) => {
                depth -= 1;
                if let Some((name, text)) = field.take() {
                    put(&mut texts, name, &text)?;
                }
            }
            Event::Text(piece) if depth == 0 && !piece.trim_ascii().is_empty() => {
                return Err(Malformed::Xml { at });
            }
            Event::CData(_) | Event::GeneralRef(_) if depth == 0 => return Err(Malformed::Xml { at }),
            Event::Text(piece) => push(&mut field, &piece),
            Event::CData(piece) => push(&mut field, &piece),
            Event::GeneralRef(name) => push(&mut field, entity(&name).ok_or(Malformed::Forbidden { at })?),
            Event::Decl(_) if !begun => {}
            Event::Eof if begun && depth == 0 => return Ok(texts),
            Event::Eof => return Err(Malformed::Xml { at }),
            Event::DocType(_) | Event::Comment(_) | Event::PI(_) | Event::Decl(_) => {
                return Err(Malformed::Forbidden { at });
            }
            Event::Empty(_) => return Err(Malformed::Xml { at }),
        }
    }
}

fn push(field: &mut Option<(&'static str, String)>, piece: &str) {
    if let Some((_, text)) = field {
        text.push_str(piece);
    }
}

fn entity(name: &str) -> Option<&'static str> {
    Some(match name {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" => "'",
        _ => return None,
    })
}

fn json(text: &str) -> Result<BTreeMap<&'static str, String>, Malformed> {
    let Pairs(pairs) = serde_json::from_str(text)
        .map_err(|error| Malformed::Json { line: error.line(), column: error.column() })?;
    let mut texts = BTreeMap::new();
    for (name, value) in pairs {
        match value {
            Value::String(text) => put(&mut texts, name, &text)?,
            Value::Number(number) => put(&mut texts, name, &number.to_string())?,
            Value::Null => put(&mut texts, name, "")?,
            Value::Bool(_) | Value::Array(_) | Value::Object(_) => return Err(Malformed::Impossible(name)),
        }
    }
    Ok(texts)
}

/// The known members of a JSON object, repeated ones too.
struct Pairs(Vec<(&'static str, Value)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PairsVisitor)
    }
}

struct PairsVisitor;

impl<'de> Visitor<'de> for PairsVisitor {
    type Value = Pairs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
        let mut pairs = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            match known(&name) {
                Some(name) => pairs.push((name, map.next_value()?)),
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Pairs(pairs))
    }
}

#[cfg(test)]
#[path = "fields_tests.rs"]
mod tests;
