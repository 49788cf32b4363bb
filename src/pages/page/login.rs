//! The login page as types: the chooser of methods, and what the selected one needs.
//!
//! Which methods fit a browser, and in which order they come, is decided elsewhere; nothing here leaves one out.

use serde::Serialize;

use super::Notice;

/// The login page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Login {
    /// The methods that fit this browser, as links; shown when there are several.
    pub methods: Vec<MethodLink>,
    /// What the selected method needs.
    pub body: LoginBody,
    /// What just happened, if anything did.
    pub notice: Option<Notice>,
    /// Leads back to the account page, where another WeChat is to be added and nobody signs in.
    pub account_href: Option<String>,
    /// That somebody is logged in already, if so.
    pub instead: Option<Instead>,
}

/// Somebody is logged in and sees the login page all the same. They stay logged in until a new login is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Instead {
    /// Who is logged in, in a word that they recognise.
    pub account: String,
    /// The methods that the page they want takes, where theirs is none of them; empty if they came to change accounts.
    pub methods: Vec<MethodLabel>,
}

/// One method in the chooser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MethodLink {
    /// The words on it.
    pub label: MethodLabel,
    /// The login page with this method selected.
    pub href: String,
    /// Whether the page shows it now.
    pub selected: bool,
    /// Whether it works; a method whose WeChat settings are wrong is shown as unavailable.
    pub available: bool,
}

/// The words on a method.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", content = "text", rename_all = "snake_case")]
pub enum MethodLabel {
    /// The operator's own (`label` of the method).
    Own(String),
    /// Scan a code with the phone.
    Scan,
    /// Sign in inside WeChat.
    InWechat,
    /// Scan a code of the official account and follow it.
    Follow,
    /// Scan a code of the mini program and confirm there.
    Program,
    /// In a native app.
    App,
}

/// What the selected method needs from the visitor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LoginBody {
    /// WeChat's code page inside ours.
    Embedded {
        /// WeChat's page made for frames. The CSP must allow its origin.
        frame_url: String,
        /// The address that shows WeChat's page in full, for browsers that show no frame.
        full_url: String,
    },
    /// A code of the official account or the mini program; the page follows what the phone does with it.
    Scan(Scan),
    /// A button that leads to WeChat.
    Go {
        /// Where the button leads.
        href: String,
    },
    /// A phone browser outside WeChat: the page has to be opened in WeChat.
    OpenInWechat {
        /// The address to open there.
        address: String,
    },
    /// WeCom and other apps whose own browser cannot do a WeChat login.
    OtherApp {
        /// The address to open elsewhere.
        address: String,
    },
    /// Works, but not now: its WeChat settings are wrong.
    Unavailable,
    /// Works, but this network has had too many codes just now.
    TooMany {
        /// After how many seconds there is another one.
        seconds: u64,
    },
    /// No configured method fits this browser.
    NoMethod,
}

/// A code to scan, and where the page learns what becomes of it. All addresses but `open_href` are our own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Scan {
    /// Whose code it is.
    pub of: CodeOf,
    /// The code as an SVG element, or empty if there is a `picture_href`.
    ///
    /// The one value that is not escaped. It must be markup that we drew ourselves, with nothing of the visitor's
    /// in it, and without `style` attributes, which the content security policy forbids. It has a `viewBox`,
    /// `aria-hidden="true"` and no white margin: the page gives size, name and margin.
    pub picture: String,
    /// The address of WeChat's own picture of the code, in place of `picture`; may be a `data:` address.
    pub picture_href: Option<String>,
    /// The address of a picture for the centre of the code; may be a `data:` address.
    pub logo_href: Option<String>,
    /// In place of any picture: the link that opens the mini program on this phone.
    pub open_href: Option<String>,
    /// Server-sent events about this login. The first, with the state so far, comes as soon as the stream opens.
    pub events_href: String,
    /// The same as JSON, for browsers where the stream fails.
    pub state_href: String,
    /// Where an approved login goes on: a navigation.
    pub finish_href: String,
    /// This login page once more, with a new code.
    pub again_href: String,
    /// Seconds until the code runs out.
    pub expires_in: u64,
    /// Whether the phone asks its owner before the login goes on.
    pub asks: bool,
}

/// Whose code is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeOf {
    /// An official account's, which is followed.
    Account,
    /// A mini program's, which confirms.
    Program,
}
