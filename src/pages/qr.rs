//! A QR code as an SVG element for our own pages.
//!
//! Draws squares and nothing else: no text of anybody's gets into the markup, and no `style`, which the content
//! security policy forbids. Size, white ground and quiet zone are the page's.

use std::fmt::Write as _;

use qrcode::{Color, EcLevel, QrCode};

/// `text` as a QR code; `None` if it is too long for one.
pub fn qr_svg(text: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let (width, modules) = (code.width(), code.to_colors());
    let mut path = String::new();
    for (row, line) in modules.chunks(width).enumerate() {
        let mut column = 0;
        for run in line.chunk_by(|one, other| one == other) {
            if run.first() == Some(&Color::Dark) {
                // Writing to a text cannot fail.
                let _ = write!(path, "M{} {}h{}v1h-{}z", column, row, run.len(), run.len());
            }
            column += run.len();
        }
    }
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {width}\" shape-rendering=\"crispEdges\" \
         aria-hidden=\"true\"><path d=\"{path}\"/></svg>"
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_code_is_squares_and_nothing_of_its_text() {
        let svg = qr_svg("http://weixin.qq.com/q/<script>").unwrap();
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>"));
        assert!(!svg.contains("script") && !svg.contains("style"));
    }

    #[test]
    fn every_dark_module_is_drawn_once() {
        let svg = qr_svg("http://weixin.qq.com/q/02abc").unwrap();
        let code = QrCode::with_error_correction_level("http://weixin.qq.com/q/02abc", EcLevel::M).unwrap();
        let dark = code.to_colors().iter().filter(|color| **color == Color::Dark).count();
        let path = svg.rsplit("d=\"").next().unwrap();
        let drawn: usize = path
            .split('M')
            .skip(1)
            .map(|run| {
                let length = run.split('h').nth(1).unwrap().split('v').next().unwrap();
                length.parse::<usize>().unwrap()
            })
            .sum();
        assert_eq!(drawn, dark);
    }

    #[test]
    fn what_does_not_fit_is_not_drawn() {
        assert!(qr_svg(&"x".repeat(4000)).is_none());
    }
}
