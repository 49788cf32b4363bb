//! The addresses that a visitor's browser is sent to, and the query with which WeChat sends it back.
//!
//! Pure text in, pure text out; asks nobody. Whether a `state` is one of ours is decided elsewhere.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::ground::Secret;

/// The longest `state` that WeChat keeps (official page "网页授权": 128 bytes).
pub const MAX_STATE_LEN: usize = 128;
/// The longest `code` that is accepted; those seen have 32 characters, no length is documented.
pub const MAX_CODE_LEN: usize = 512;
/// What WeChat's own browser sends in place of a code when the user refuses.
const DENIED: &str = "authdeny";
const MAX_QUERY_LEN: usize = 8 * 1024;

/// Everything but the unreserved characters of RFC 3986, as `encodeURIComponent` has it.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The language of WeChat's QR page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QrLang {
    /// Chinese; WeChat's default, sent as nothing.
    #[default]
    Cn,
    /// English.
    En,
}

/// The colour of the text under an embedded QR code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QrStyle {
    /// Dark text, for light pages.
    Black,
    /// Light text, for dark pages.
    White,
}

/// How WeChat's QR page shall look. All but `embedded` and `lang` matter to an embedded page only.
///
/// Source: official page "网站应用微信登录" and the script `wxLogin.js` that it offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QrOptions<'a> {
    /// For an iframe in a page of ours, in place of a page of its own.
    pub embedded: bool,
    /// `Some(true)`: the iframe itself goes to the callback; `Some(false)`: the window around it does.
    pub self_redirect: Option<bool>,
    /// The newer look; `href` is then ignored by WeChat.
    pub stylelite: bool,
    /// Switches off confirming in the desktop client.
    pub no_fast_login: bool,
    /// The colour of the text.
    pub style: Option<QrStyle>,
    /// A style sheet: an https address, or `data:text/css;base64,…`.
    pub href: Option<&'a str>,
    /// The language.
    pub lang: QrLang,
}

/// What a login inside WeChat asks the user for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OAuthScope {
    /// Silent; gives the OpenID alone.
    Base,
    /// The user consents; gives OpenID, UnionID and profile.
    UserInfo,
}

impl OAuthScope {
    /// WeChat's name for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Base => "snsapi_base",
            Self::UserInfo => "snsapi_userinfo",
        }
    }
}

/// Builds a query in exactly the order of the calls; WeChat checks the order.
struct Query(String);

impl Query {
    fn of(origin: &str, path: &str) -> Self {
        Self(format!("{}{path}", origin.trim_end_matches('/')))
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.0.push(if self.0.contains('?') { '&' } else { '?' });
        self.0.push_str(name);
        self.0.push('=');
        self.0.extend(utf8_percent_encode(value, COMPONENT));
        self
    }

    fn with_if(self, condition: bool, name: &str, value: &str) -> Self {
        if condition { self.with(name, value) } else { self }
    }

    fn finish(mut self) -> String {
        self.0.push_str("#wechat_redirect");
        self.0
    }
}

/// The address of the QR page of a website app (`snsapi_login`). `open` is an origin, `redirect_uri` not yet encoded.
///
/// An embedded page gets the parameters of WeChat's own script, which has no `response_type` (and no fragment: one is
/// harmless, as fragments are not sent).
pub fn qrconnect_url(
    open: &str,
    app_id: &str,
    redirect_uri: &str,
    state: &str,
    options: QrOptions<'_>,
) -> String {
    let query = Query::of(open, "/connect/qrconnect").with("appid", app_id);
    let english = options.lang == QrLang::En;
    if !options.embedded {
        return query
            .with("redirect_uri", redirect_uri)
            .with("response_type", "code")
            .with("scope", "snsapi_login")
            .with("state", state)
            .with_if(english, "lang", "en")
            .finish();
    }
    let style = match options.style {
        Some(QrStyle::Black) => "black",
        Some(QrStyle::White) => "white",
        None => "",
    };
    let self_redirect = match options.self_redirect {
        Some(true) => "true",
        Some(false) => "false",
        None => "default",
    };
    query
        .with("scope", "snsapi_login")
        .with("redirect_uri", redirect_uri)
        .with("state", state)
        .with("login_type", "jssdk")
        .with("self_redirect", self_redirect)
        .with("styletype", "")
        .with("sizetype", "")
        .with("bgcolor", "")
        .with("rst", "")
        .with_if(!style.is_empty(), "style", style)
        .with_if(options.href.is_some(), "href", options.href.unwrap_or_default())
        .with_if(english, "lang", "en")
        .with_if(options.stylelite, "stylelite", "1")
        .with_if(options.no_fast_login, "fast_login", "0")
        .finish()
}

/// The address that begins a login inside WeChat's browser. `open` is an origin, `redirect_uri` not yet encoded.
///
/// Source: official page "网页授权"; the order of the parameters and the fragment are checked by WeChat.
pub fn oauth2_authorize_url(
    open: &str,
    app_id: &str,
    redirect_uri: &str,
    scope: OAuthScope,
    state: &str,
    force_popup: bool,
) -> String {
    Query::of(open, "/connect/oauth2/authorize")
        .with("appid", app_id)
        .with("redirect_uri", redirect_uri)
        .with("response_type", "code")
        .with("scope", scope.as_str())
        .with("state", state)
        .with_if(force_popup, "forcePopup", "true")
        .finish()
}

/// Whether WeChat brings `state` back unchanged: 1 to 128 ASCII letters and digits.
pub fn is_valid_state(state: &str) -> bool {
    (1..=MAX_STATE_LEN).contains(&state.len()) && state.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Whether `code` may be one: 1 to 512 visible ASCII characters, and not the word for a refusal.
pub fn is_valid_code(code: &str) -> bool {
    (1..=MAX_CODE_LEN).contains(&code.len())
        && code.bytes().all(|byte| byte.is_ascii_graphic())
        && code != DENIED
}

/// What the query of a callback says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallbackAnswer {
    /// The user agreed.
    Code {
        /// To be exchanged once.
        code: Secret,
        /// As it was sent; a valid one ([`is_valid_state`]).
        state: String,
    },
    /// The user refused. Seen: no code, `code=authdeny`, an empty or missing state.
    Denied {
        /// As it was sent, if it came back.
        state: Option<String>,
    },
    /// Nothing that WeChat sends; the text says what is wrong.
    Malformed(&'static str),
}

impl CallbackAnswer {
    /// Reads the query of a callback, without its question mark.
    pub fn parse(query: &str) -> Self {
        if query.len() > MAX_QUERY_LEN {
            return Self::Malformed("the query is too long");
        }
        let (mut code, mut state) = (None, None);
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let slot = match &*name {
                "code" => &mut code,
                "state" => &mut state,
                _ => continue,
            };
            // Which of two would count is exactly what an attacker plays with.
            if slot.replace(value.into_owned()).is_some() {
                return Self::Malformed("code or state is given twice");
            }
        }
        let code = code.filter(|code| !code.is_empty() && code != DENIED);
        let state = state.filter(|state| !state.is_empty());
        if state.as_deref().is_some_and(|state| !is_valid_state(state)) {
            return Self::Malformed("the state is not of letters and digits, or too long");
        }
        match (code, state) {
            (Some(code), _) if !is_valid_code(&code) => {
                Self::Malformed("the code is not printable, or too long")
            }
            (Some(code), Some(state)) => Self::Code { code: Secret::new(code), state },
            (_, state) => Self::Denied { state },
        }
    }
}

#[cfg(test)]
#[path = "authorize_tests.rs"]
mod tests;
