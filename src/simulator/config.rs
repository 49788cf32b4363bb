//! What a simulated WeChat consists of: its apps, its people and how long things last there.
//!
//! Plain data without behaviour; the switches that change while it runs are in `switches`.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::ids;
use super::push::Push;
use crate::ground::{Clock, Span, SystemClock};

/// AppID of the website app in [`Config::demo`].
pub const DEMO_WEBSITE_APP_ID: &str = "wx0de0000000000001";
/// AppSecret of the website app in [`Config::demo`]; invented, opens nothing real.
pub const DEMO_WEBSITE_SECRET: &str = "5ec2e7000000000000000000000000a1";
/// AppID of the verified service account in [`Config::demo`].
pub const DEMO_SERVICE_APP_ID: &str = "wx0de0000000000002";
/// AppSecret of the verified service account in [`Config::demo`]; invented, opens nothing real.
pub const DEMO_SERVICE_SECRET: &str = "5ec2e7000000000000000000000000b2";

/// AppID of the mobile app in [`Config::demo`].
pub const DEMO_MOBILE_APP_ID: &str = "wx0de0000000000003";
/// AppSecret of the mobile app in [`Config::demo`]; invented, opens nothing real.
pub const DEMO_MOBILE_SECRET: &str = "5ec2e7000000000000000000000000c3";
/// AppID of the mini program in [`Config::demo`].
pub const DEMO_MINI_APP_ID: &str = "wx0de0000000000005";
/// AppSecret of the mini program in [`Config::demo`]; invented, opens nothing real.
pub const DEMO_MINI_SECRET: &str = "5ec2e7000000000000000000000000d5";
/// Original id of the mini program in [`Config::demo`]: what an app launches it by.
pub const DEMO_MINI_ORIGINAL_ID: &str = "gh_0de000000005";

/// The push Token of the service account in a demo.
pub const DEMO_PUSH_TOKEN: &str = "MenshenDemoPush";
/// The EncodingAESKey of the service account in a demo. As many real keys, it ends in bits that nobody needs.
pub const DEMO_PUSH_AES_KEY: &str = "MenshenDemoInvented0Key0Opens0Nothing0RealH";

/// Everything a [`super::Simulator`] needs to start. Begin with [`Config::demo`] and change fields.
#[derive(Clone)]
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The address browsers and phones reach the simulator at, without a trailing slash, where it differs
    /// from `http://` plus the listening address.
    pub base_url: Option<String>,
    /// The registered apps.
    pub apps: Vec<App>,
    /// The people who have WeChat; the first is the one whose WeChat is open at the start.
    pub people: Vec<Person>,
    /// Where the time comes from. [`super::Handle::advance`] adds to it and, unlike moving a manual clock,
    /// wakes the polls that wait for something to expire.
    pub clock: Arc<dyn Clock>,
    /// How long `/connect/l/qrconnect` waits for a change before it answers 408.
    pub long_poll: Span,
    /// How long a website QR code can be used (about five minutes; undocumented).
    pub qr_life: Span,
    /// How long a refresh token lives: WeChat's pages say 30 days for websites, 180 for mobile apps.
    pub refresh_life: Span,
    /// Who follows which account at the start, by AppID: the ids of people. Nobody in the demo.
    pub followers: BTreeMap<String, Vec<String>>,
    /// The push settings of accounts at the start, by AppID. They are not verified: the account's server may not
    /// be there yet. None in the demo; [`super::Handle::set_push`] sets and verifies.
    pub pushes: BTreeMap<String, Push>,
    /// From where each app's server tokens may be asked for, by AppID; an app that is not named has no list.
    pub ip_whitelists: BTreeMap<String, Vec<IpNet>>,
    /// How long a push waits for its answer: five seconds (message push page).
    pub push_timeout: Span,
    /// What is published of each mini program, by AppID; one that is not named has [`MiniProgram::of`] its AppID.
    pub mini_programs: BTreeMap<String, MiniProgram>,
}

impl Config {
    /// One website app, one verified service account, one mobile app and one mini program on one Open Platform
    /// account, six people, any free port of 127.0.0.1. Ids and secrets are the `DEMO_…` constants of this module.
    pub fn demo() -> Self {
        let app = |id: &str, name: &str, kind, app_id: &str, secret: &str| App {
            id: id.into(),
            name: name.into(),
            kind,
            app_id: app_id.into(),
            secret: secret.into(),
            open_platform: Some("main".into()),
            domain: "127.0.0.1".into(),
        };
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            base_url: None,
            apps: vec![
                app("website", "门神网站", AppKind::Website, DEMO_WEBSITE_APP_ID, DEMO_WEBSITE_SECRET),
                app(
                    "service",
                    "门神服务号",
                    AppKind::ServiceAccount { verified: true },
                    DEMO_SERVICE_APP_ID,
                    DEMO_SERVICE_SECRET,
                ),
                app("mobile", "门神手机应用", AppKind::Mobile, DEMO_MOBILE_APP_ID, DEMO_MOBILE_SECRET),
                app("mini", "门神小程序", AppKind::MiniProgram, DEMO_MINI_APP_ID, DEMO_MINI_SECRET),
            ],
            people: Person::demo(),
            clock: Arc::new(SystemClock),
            long_poll: Span::from_secs(25),
            qr_life: Span::from_mins(5),
            refresh_life: Span::from_days(30),
            followers: BTreeMap::new(),
            pushes: BTreeMap::new(),
            ip_whitelists: BTreeMap::new(),
            push_timeout: Span::from_secs(5),
            mini_programs: BTreeMap::from([(
                DEMO_MINI_APP_ID.to_owned(),
                MiniProgram {
                    original_id: DEMO_MINI_ORIGINAL_ID.into(),
                    members: vec!["zhang".into(), "lina".into()],
                    ..MiniProgram::of(DEMO_MINI_APP_ID)
                },
            )]),
        }
    }

    /// The same with `host` as the authorised callback domain of every app.
    #[must_use]
    pub fn with_domain(mut self, host: &str) -> Self {
        for app in &mut self.apps {
            app.domain = host.into();
        }
        self
    }
}

/// One registered app or account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    /// A short name for humans and the terminal.
    pub id: String,
    /// The name people see when they are asked for consent.
    pub name: String,
    /// What kind of app it is.
    pub kind: AppKind,
    /// The AppID: `wx` and 16 lower-case hex digits.
    pub app_id: String,
    /// The AppSecret: 32 hex digits.
    pub secret: String,
    /// The Open Platform account it is bound to; apps with the same one share UnionIDs.
    pub open_platform: Option<String>,
    /// The authorised callback domain: a bare host, compared exactly, ports ignored.
    pub domain: String,
}

/// What is published of a mini program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MiniProgram {
    /// The original id, `gh_` and twelve hex digits: apps launch it by this.
    pub original_id: String,
    /// The pages of the released version, the home page first. None: nothing is released yet.
    pub pages: Vec<String>,
    /// Where the released version sends its requests: the gateway's API prefix, for example
    /// `http://127.0.0.1:8080/_menshen`. Only the phone page needs it.
    pub request_address: Option<String>,
    /// The people who may open what is not released.
    pub members: Vec<String>,
}

impl MiniProgram {
    /// A mini program with an original id derived from its AppID, the four pages of ours, no request address and no
    /// members.
    pub fn of(app_id: &str) -> Self {
        let pages =
            ["index/index", "menshen/confirm/confirm", "menshen/launch/launch", "menshen/login/login"];
        Self {
            original_id: ids::original_id(app_id),
            pages: pages.iter().map(|page| format!("pages/{page}")).collect(),
            request_address: None,
            members: Vec::new(),
        }
    }

    /// The page that opens where none is named.
    pub(super) fn home(&self) -> &str {
        self.pages.first().map_or("", String::as_str)
    }

    pub(super) fn has(&self, page: &str) -> bool {
        self.pages.iter().any(|known| known == page)
    }
}

/// The kinds of app that differ at login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AppKind {
    /// A website app of the Open Platform.
    Website,
    /// A service account; web authorisation works only for verified ones.
    ServiceAccount {
        /// Whether WeChat has verified the account.
        verified: bool,
    },
    /// A subscription account.
    SubscriptionAccount,
    /// A mobile app of the Open Platform.
    Mobile,
    /// A mini program; what is published of it is in [`Config::mini_programs`].
    MiniProgram,
}

impl AppKind {
    /// Whether people can follow it.
    pub(super) const fn is_account(self) -> bool {
        matches!(self, Self::ServiceAccount { .. } | Self::SubscriptionAccount)
    }

    /// How long a code of this kind of app can be exchanged: five minutes for accounts, ten for websites and
    /// mobile apps (older web authorisation page; website and mobile FAQ).
    pub(super) const fn code_life(self) -> Span {
        match self {
            Self::Website | Self::Mobile => Span::from_mins(10),
            Self::ServiceAccount { .. } | Self::SubscriptionAccount | Self::MiniProgram => Span::from_mins(5),
        }
    }
}

/// Somebody who has WeChat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// A short ASCII id for the terminal and tests.
    pub id: String,
    /// The nickname, exactly as `sns/userinfo` gives it.
    #[serde(default)]
    pub name: String,
    /// Whether apps learn a UnionID of this person.
    #[serde(default)]
    pub unionid: UnionId,
    /// Whether there is a picture; without one `headimgurl` is empty.
    #[serde(default = "yes")]
    pub avatar: bool,
    /// The phone number in WeChat, without the country's code. Without one nothing can be shared.
    #[serde(default)]
    pub phone: Option<String>,
    /// The code of the phone number's country.
    #[serde(default = "china")]
    pub country: String,
}

/// The country whose numbers apps are told without its code.
pub(super) const CHINA: &str = "86";

fn china() -> String {
    CHINA.into()
}

fn yes() -> bool {
    true
}

/// Which UnionID apps bound to an Open Platform account are told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnionId {
    /// The usual one, derived from the person and the Open Platform account.
    #[default]
    Derived,
    /// None, as if no app were bound.
    Absent,
    /// Exactly this one, whatever the Open Platform account.
    Fixed(String),
}

impl Person {
    /// A person with a picture and the usual UnionID.
    pub fn new(id: &str, name: &str) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
            unionid: UnionId::Derived,
            avatar: true,
            phone: None,
            country: china(),
        }
    }

    /// The same with a phone number: national, of the country 86.
    #[must_use]
    pub fn with_phone(mut self, number: &str) -> Self {
        self.phone = Some(number.into());
        self
    }

    /// The same with a phone number of another country.
    #[must_use]
    pub fn with_foreign_phone(mut self, country: &str, number: &str) -> Self {
        self.country = country.into();
        self.with_phone(number)
    }

    /// Six people who between them have what breaks software: emoji, markup, quotes, nothing at all.
    fn demo() -> Vec<Self> {
        vec![
            Self::new("zhang", "张伟").with_phone("13580006666"),
            Self::new("lina", "李娜🌸").with_phone("13580007777"),
            Self::new("qiang", "阿强 <b>|\"'&").with_phone("13580008888"),
            Self::new("maria", "María 🦜 García"),
            Self { unionid: UnionId::Absent, ..Self::new("wang", "王芳") },
            Self { unionid: UnionId::Absent, avatar: false, ..Self::new("nemo", "") },
        ]
    }
}
