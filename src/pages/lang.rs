//! The languages our pages speak, and which one a visitor reads.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A language of our pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lang {
    /// Simplified Chinese; what every Chinese tag gets.
    Zh,
    /// English.
    En,
}

/// A text that names no language of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the languages are \"zh\" and \"en\"")]
pub struct UnknownLang;

impl Lang {
    /// Every language.
    pub const ALL: [Self; 2] = [Self::Zh, Self::En];

    /// The short name used in the config: `zh`, `en`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Zh => "zh",
            Self::En => "en",
        }
    }

    /// The tag for `<html lang>` and `Content-Language`.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Zh => "zh-CN",
            Self::En => "en",
        }
    }

    /// The language of `offered` that an `Accept-Language` value prefers most; the first offered if none fits.
    ///
    /// Weights are honoured, `q=0` excludes, `*` takes the first offered one that nothing else in the header
    /// names. What cannot be read is skipped.
    pub fn from_accept(accept_language: &str, offered: &[Self]) -> Self {
        let fallback = offered.first().copied().unwrap_or(Self::Zh);
        let ranges: Vec<(&str, u16)> = accept_language.split(',').take(32).filter_map(range).collect();
        let named = |lang: Self| ranges.iter().filter(|(tag, _)| lang.covers(tag)).map(|&(_, q)| q).max();
        let any = ranges.iter().find(|(tag, _)| *tag == "*").map(|&(_, q)| q);
        let position =
            |lang: Self| ranges.iter().position(|(tag, _)| lang.covers(tag)).unwrap_or(ranges.len());
        let mut best = None;
        for &lang in offered {
            let weight = named(lang).or(any).unwrap_or(0);
            let rank = (weight, std::cmp::Reverse(position(lang)));
            if weight > 0 && best.is_none_or(|(_, other)| rank > other) {
                best = Some((lang, rank));
            }
        }
        best.map_or(fallback, |(lang, _)| lang)
    }

    /// Whether a language range means this language: `zh`, `zh-Hant-HK`, …
    fn covers(self, tag: &str) -> bool {
        let primary = tag.split('-').next().unwrap_or_default();
        primary.eq_ignore_ascii_case(self.as_str())
    }
}

/// One `tag;q=0.8` as the tag and its weight in thousandths.
fn range(item: &str) -> Option<(&str, u16)> {
    let mut parts = item.split(';');
    let tag = parts.next()?.trim();
    if tag.is_empty() {
        return None;
    }
    let mut weight = 1000;
    for part in parts {
        if let Some(q) = part.trim().strip_prefix("q=").or_else(|| part.trim().strip_prefix("Q=")) {
            weight = thousandths(q.trim())?;
        }
    }
    Some((tag, weight))
}

/// A weight of RFC 9110 section 12.4.2: `0`, `0.5`, `1.000`.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let fraction: u16 = format!("{fraction:0<3}").parse().ok()?;
    match whole {
        "0" => Some(fraction),
        "1" if fraction == 0 => Some(1000),
        _ => None,
    }
}

impl FromStr for Lang {
    type Err = UnknownLang;

    fn from_str(text: &str) -> Result<Self, UnknownLang> {
        Self::ALL.into_iter().find(|lang| lang.as_str() == text).ok_or(UnknownLang)
    }
}

impl fmt::Display for Lang {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("", Lang::Zh)]
    #[case("fr", Lang::Zh)]
    #[case("en", Lang::En)]
    #[case("zh-Hant-HK,en;q=0.9", Lang::Zh)]
    #[case("en-US,en;q=0.9,zh-CN;q=0.8", Lang::En)]
    #[case("fr-FR, fr;q=0.9, en;q=0.8, zh;q=0.7", Lang::En)]
    #[case("en;q=0.3,ZH-cn;q=0.7", Lang::Zh)]
    #[case("zh;q=0,en;q=0.1", Lang::En)]
    #[case("zh;q=0,*;q=0.5", Lang::En)]
    #[case("en;q=0", Lang::Zh)]
    #[case("en,zh", Lang::En)]
    #[case("en;q=2,zh;q=0.1", Lang::Zh)]
    #[case("en;q=abc", Lang::Zh)]
    #[case(";;,,;q=1,en", Lang::En)]
    #[case("zhx,en;q=0.1", Lang::En)]
    #[case("*", Lang::Zh)]
    fn a_visitor_gets_the_language_they_prefer(#[case] accept: &str, #[case] expected: Lang) {
        assert_eq!(Lang::from_accept(accept, &[Lang::Zh, Lang::En]), expected);
    }

    #[test]
    fn the_first_configured_language_is_the_fallback_and_only_configured_ones_are_chosen() {
        assert_eq!(Lang::from_accept("fr", &[Lang::En, Lang::Zh]), Lang::En);
        assert_eq!(Lang::from_accept("zh", &[Lang::En]), Lang::En);
        assert_eq!(Lang::from_accept("zh", &[]), Lang::Zh);
    }

    proptest::proptest! {
        #[test]
        fn no_header_breaks_the_choice(accept in ".{0,200}") {
            let _ = Lang::from_accept(&accept, &Lang::ALL);
        }
    }
}
