//! A reader for the small XML that accounts answer with: elements, text, CDATA, the five named entities.
//!
//! Refuses everything else, as WeChat does: declarations, attributes, comments, DTDs, a blank in front.

/// What stands inside an element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Inside {
    Text(String),
    Elements(Vec<(String, Self)>),
}

/// The elements directly inside `<xml>`.
pub(crate) fn read(text: &str) -> Result<Vec<(String, Inside)>, String> {
    let mut reader = Reader { rest: text };
    match reader.element(0)? {
        (name, _) if name != "xml" => Err(format!("the outermost element is <{name}>, not <xml>")),
        _ if !reader.rest.trim().is_empty() => Err("something follows </xml>".into()),
        (_, Inside::Elements(elements)) => Ok(elements),
        (_, Inside::Text(_)) => Err("<xml> holds no elements".into()),
    }
}

const MAX_DEPTH: usize = 6;

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn element(&mut self, depth: usize) -> Result<(String, Inside), String> {
        if depth > MAX_DEPTH {
            return Err("the elements are nested too deeply".into());
        }
        let opened = self.rest.strip_prefix('<').and_then(|rest| rest.split_once('>'));
        let (name, rest) = opened.ok_or("it does not begin with an element")?;
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err(format!("<{name}> is not a plain element"));
        }
        let name = name.to_owned();
        self.rest = rest;
        let (mut text, mut elements) = (String::new(), Vec::new());
        loop {
            if let Some(rest) = self.rest.strip_prefix("<![CDATA[") {
                let (inside, rest) = rest.split_once("]]>").ok_or("a CDATA does not end")?;
                text.push_str(inside);
                self.rest = rest;
            } else if let Some(rest) = self.rest.strip_prefix("</") {
                let rest = rest.strip_prefix(name.as_str()).and_then(|rest| rest.strip_prefix('>'));
                self.rest = rest.ok_or_else(|| format!("<{name}> is not closed"))?;
                break;
            } else if self.rest.starts_with('<') {
                elements.push(self.element(depth + 1)?);
            } else {
                let end = self.rest.find('<').ok_or_else(|| format!("<{name}> is not closed"))?;
                text.push_str(&unescaped(&self.rest[..end])?);
                self.rest = &self.rest[end..];
            }
        }
        match (elements.is_empty(), text.trim().is_empty()) {
            (true, _) => Ok((name, Inside::Text(text))),
            (false, true) => Ok((name, Inside::Elements(elements))),
            (false, false) => Err(format!("<{name}> mixes text and elements")),
        }
    }
}

fn unescaped(text: &str) -> Result<String, String> {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let (name, after) = after.split_once(';').ok_or("an & begins no entity")?;
        plain.push(match name {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "quot" => '"',
            "apos" => '\'',
            other => return Err(format!("the entity &{other}; is unknown")),
        });
        rest = after;
    }
    plain.push_str(rest);
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[test]
    fn text_cdata_and_nested_elements_are_read() {
        let text =
            "<xml>\n<A><![CDATA[<b>&]]]]><![CDATA[>]]></A><B>1 &lt; 2</B><C><item><D></D></item></C></xml>\n";
        let inner = Inside::Elements(vec![("D".into(), Inside::Text(String::new()))]);
        assert_eq!(
            read(text),
            Ok(vec![
                ("A".into(), Inside::Text("<b>&]]>".into())),
                ("B".into(), Inside::Text("1 < 2".into())),
                ("C".into(), Inside::Elements(vec![("item".into(), inner)])),
            ])
        );
    }

    #[rstest]
    #[case(" <xml><A>1</A></xml>")]
    #[case("\u{feff}<xml><A>1</A></xml>")]
    #[case("<?xml version=\"1.0\"?><xml><A>1</A></xml>")]
    #[case("<!DOCTYPE x [<!ENTITY a SYSTEM \"file:///\">]><xml><A>&a;</A></xml>")]
    #[case("<html><A>1</A></html>")]
    #[case("<xml><A>1</B></xml>")]
    #[case("<xml><A>1</A></xml><xml></xml>")]
    #[case("<xml><A>&nbsp;</A></xml>")]
    #[case("<xml>text</xml>")]
    #[case("<xml><A>1</A>")]
    fn what_is_not_such_xml_is_refused(#[case] text: &str) {
        assert!(read(text).is_err());
    }

    proptest! {
        #[test]
        fn reading_any_text_never_panics(text in "[<>/A-C!\\[\\]&; \\p{L}]{0,100}") {
            let _ = read(&text);
        }
    }
}
