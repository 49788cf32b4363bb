//! The mail that brings a one-time code.
//!
//! Plain text, without a link: what asks for a code by mail must not teach people to follow links in mails.

use super::templates::texts;
use super::{Lang, Pages};

/// A mail in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// The subject.
    pub subject: String,
    /// The text.
    pub text: String,
}

impl Pages {
    /// The mail with a code that works for `minutes`.
    pub fn code_letter(&self, lang: Lang, code: &str, minutes: u64) -> Letter {
        let texts = texts(lang);
        let words = |key: &str| {
            let text = texts.get("letter").and_then(|letter| letter.get(key)).and_then(toml::Value::as_str);
            let filled = text.unwrap_or_default().replace("{code}", code).replace("{site}", self.title());
            filled.replace("{minutes}", &minutes.to_string())
        };
        Letter { subject: words("subject"), text: words("text") }
    }
}

#[cfg(test)]
mod tests {
    use crate::pages::{Lang, Pages, PagesConfig};

    #[test]
    fn a_mail_says_the_code_once_more_and_leaves_no_slot_open() {
        let config = PagesConfig { title: "Shop".into(), ..PagesConfig::default() };
        let pages = Pages::new(&config, "/_menshen").expect("the defaults are good");
        for lang in Lang::ALL {
            let letter = pages.code_letter(lang, "012345", 10);
            for words in [&letter.subject, &letter.text] {
                assert!(
                    words.contains("012345") && words.contains("Shop") && !words.contains('{'),
                    "{words}"
                );
            }
            assert!(letter.text.contains("10") && !letter.text.contains("http"), "{}", letter.text);
        }
    }
}
