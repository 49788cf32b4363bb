//! The accent colour: reading it, and deriving from it what stays readable on light and dark pages.
//!
//! Contrast is that of WCAG 2; texts keep 4.5 : 1 whatever colour the operator picks.

/// An opaque sRGB colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Colour([u8; 3]);

const WHITE: Colour = Colour([255; 3]);
const BLACK: Colour = Colour([0; 3]);
/// The card in light pages, as in style.css.
const LIGHT_CARD: Colour = WHITE;
/// The card in dark pages, as in style.css.
const DARK_CARD: Colour = Colour([0x1b, 0x20, 0x1e]);
/// What WCAG AA asks of text.
const READABLE: f64 = 4.5;

impl Colour {
    /// Reads `#rrggbb`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits =
            text.strip_prefix('#').filter(|d| d.len() == 6 && d.bytes().all(|b| b.is_ascii_hexdigit()))?;
        let [_, r, g, b] = u32::from_str_radix(digits, 16).ok()?.to_be_bytes();
        Some(Self([r, g, b]))
    }

    /// `#rrggbb`.
    pub(super) fn hex(self) -> String {
        let [r, g, b] = self.0;
        format!("#{r:02x}{g:02x}{b:02x}")
    }

    fn luminance(self) -> f64 {
        let [r, g, b] = self.0.map(|channel| {
            let c = f64::from(channel) / 255.0;
            if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * r + 0.7152 * g + 0.0722 * b
    }

    fn contrast(self, other: Self) -> f64 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// This colour with `percent` of `other` in it.
    fn mix(self, other: Self, percent: u16) -> Self {
        let blend = |i: usize| {
            let sum = u16::from(self.0[i]) * (100 - percent) + u16::from(other.0[i]) * percent;
            u8::try_from(sum / 100).unwrap_or(u8::MAX)
        };
        Self([blend(0), blend(1), blend(2)])
    }

    /// The colour nearest to this one that can be read on `tint` and on `card`, going towards `pole`.
    fn readable_on(self, card: Self, pole: Self) -> Self {
        (0..=100)
            .step_by(2)
            .map(|percent| self.mix(pole, percent))
            .find(|ink| ink.contrast(card) >= READABLE && ink.contrast(self.tint(card)) >= READABLE)
            .unwrap_or(pole)
    }

    /// A faint trace of this colour on `card`, for backgrounds.
    fn tint(self, card: Self) -> Self {
        card.mix(self, 10)
    }

    /// The text colour on a button of this colour.
    pub(super) fn on_top(self) -> Self {
        if self.contrast(WHITE) >= READABLE || self.contrast(WHITE) >= self.contrast(BLACK) {
            WHITE
        } else {
            BLACK
        }
    }
}

/// The style sheet that carries the operator's colours.
pub(super) fn css(accent: Colour) -> String {
    format!(
        ":root {{ --accent: {}; --on-accent: {}; --ink: {}; --tint: {}; }}\n\
         @media (prefers-color-scheme: dark) {{ :root {{ --ink: {}; --tint: {}; }} }}\n",
        accent.hex(),
        accent.on_top().hex(),
        accent.readable_on(LIGHT_CARD, BLACK).hex(),
        accent.tint(LIGHT_CARD).hex(),
        accent.readable_on(DARK_CARD, WHITE).hex(),
        accent.tint(DARK_CARD).hex(),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_colour_is_six_hex_digits_after_a_hash() {
        assert_eq!(Colour::parse("#07854A").unwrap().hex(), "#07854a");
        for bad in ["", "#fff", "07854a", "#07854g", "#07854a0", "green", "#+7854a", "#07854a;}"] {
            assert_eq!(Colour::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn contrast_is_that_of_the_guidelines() {
        assert!((WHITE.contrast(BLACK) - 21.0).abs() < 0.01);
        assert!((Colour::parse("#767676").unwrap().contrast(WHITE) - 4.54).abs() < 0.01);
    }

    proptest! {
        #[test]
        fn every_accent_stays_readable(rgb in any::<[u8; 3]>()) {
            let accent = Colour(rgb);
            prop_assert!(accent.contrast(accent.on_top()) >= READABLE);
            prop_assert!(accent.readable_on(LIGHT_CARD, BLACK).contrast(LIGHT_CARD) >= READABLE);
            prop_assert!(accent.readable_on(DARK_CARD, WHITE).contrast(DARK_CARD) >= READABLE);
            let dark = accent.readable_on(DARK_CARD, WHITE);
            prop_assert!(dark.contrast(accent.tint(DARK_CARD)) >= READABLE);
        }
    }
}
