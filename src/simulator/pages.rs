//! The templates of all pages, compiled into the program, and the page that reports an error.
//!
//! Every value is escaped by the template engine; nothing here forbids framing, since websites embed the QR page.

use std::sync::LazyLock;

use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use minijinja::{Environment, UndefinedBehavior, Value, context};

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut templates = Environment::new();
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    let files = [
        ("style.css", include_str!("pages/style.css")),
        ("phone.css", include_str!("pages/phone.css")),
        ("program.css", include_str!("pages/program.css")),
        ("mini.html", include_str!("pages/mini.html")),
        ("app.html", include_str!("pages/app.html")),
        ("outcome.html", include_str!("pages/outcome.html")),
        ("steps.html", include_str!("pages/steps.html")),
        ("error.html", include_str!("pages/error.html")),
        ("qrconnect.html", include_str!("pages/qrconnect.html")),
        ("consent.html", include_str!("pages/consent.html")),
        ("twice.html", include_str!("pages/twice.html")),
        ("message.html", include_str!("pages/message.html")),
        ("phone.html", include_str!("pages/phone.html")),
        ("account.html", include_str!("pages/account.html")),
        ("chat.html", include_str!("pages/chat.html")),
        ("codes.html", include_str!("pages/codes.html")),
        ("avatar.xml", include_str!("pages/avatar.xml")),
    ];
    for (name, text) in files {
        templates.add_template(name, text).expect("a test compiles every template");
    }
    templates
});

/// The text of a template filled with `values`.
pub(super) fn text(template: &str, values: Value) -> Result<String, minijinja::Error> {
    TEMPLATES.get_template(template)?.render(values)
}

/// An uncached HTML page.
pub(super) fn html(template: &str, values: Value) -> Response {
    let mut response = match text(template, values) {
        Ok(page) => Html(page).into_response(),
        Err(error) => {
            tracing::error!(target: "menshen::simulator", %error, template, "cannot fill a template");
            (StatusCode::INTERNAL_SERVER_ERROR, "the simulator could not write this page").into_response()
        }
    };
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A short message instead of a page, as WeChat's browser shows one.
pub(super) fn message(chinese: &str, english: &str) -> Response {
    html("message.html", context! { chinese, english })
}

/// What the authorisation pages show instead of redirecting: HTML with status 200.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ErrorPage {
    /// WeChat's error number, on pages of `oauth2/authorize`.
    pub(super) number: Option<i64>,
    /// WeChat's text.
    pub(super) text: &'static str,
}

impl ErrorPage {
    pub(super) const fn text(text: &'static str) -> Self {
        Self { number: None, text }
    }

    pub(super) const fn numbered(number: i64, text: &'static str) -> Self {
        Self { number: Some(number), text }
    }
}

impl IntoResponse for ErrorPage {
    fn into_response(self) -> Response {
        html("error.html", context! { number => self.number, text => self.text })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_template_compiles_and_escapes() {
        let page = text("message.html", context! { chinese => "<b>", english => "\"&" }).unwrap();
        assert!(page.contains("&lt;b&gt;") && !page.contains("<b>"), "{page}");
    }
}
