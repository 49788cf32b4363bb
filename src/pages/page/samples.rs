//! One or more samples of every page, so that every template is shown with everything it has to show.
//!
//! A page without a sample does not exist: the tests and the loading of overridden templates render them all.
//! Values that could break out of a page are in them on purpose.

use super::{
    Account, AccountContact, AccountLogin, AccountNotice, AccountWay, AccountWechat, Bind, Choice, Choose,
    CodeOf, Confirm, Confirmed, Denied, Ended, ErrorPage, Instead, LoggedOut, Login, LoginBody, Logout,
    MethodLabel, MethodLink, Missing, Notice, Page, Scan, Trouble, VerifyBody, VerifyPhone, VerifyTrouble,
    VerifyWay,
};
use crate::domain::FlowRefusal;
use crate::pages::ErrorCode;

impl Page {
    /// Samples of every page in every shape.
    pub fn samples() -> Vec<Self> {
        let trouble = Trouble::samples();
        let mut all: Vec<Self> = Login::samples().into_iter().map(Self::Login).collect();
        all.extend(Ended::samples().into_iter().map(Self::Ended));
        all.extend(trouble.iter().cloned().map(Self::ForeignBrowser));
        all.extend(trouble.iter().cloned().map(Self::ExpiredFlow));
        all.extend(trouble.into_iter().map(Self::UnknownState));
        all.extend(Confirm::samples().into_iter().map(Self::Confirm));
        let answers = [(true, true), (true, false), (false, true), (false, false)];
        all.extend(answers.map(|(approved, adding)| Self::Confirmed(Confirmed { approved, adding })));
        all.extend(Choose::samples().into_iter().map(Self::Choose));
        all.extend(Bind::samples().into_iter().map(Self::Bind));
        all.extend(Account::samples().into_iter().map(|account| Self::Account(Box::new(account))));
        all.extend(Logout::samples().into_iter().map(Self::Logout));
        all.extend(LoggedOut::samples().into_iter().map(Self::LoggedOut));
        all.extend(Denied::samples().into_iter().map(Self::Denied));
        all.extend(VerifyPhone::samples().into_iter().map(Self::VerifyPhone));
        all.extend(ErrorPage::samples().into_iter().map(Self::Error));
        all
    }
}

const AGAIN: &str = "/_menshen/login?rt=%2Freports%3Fyear%3D2024&x=\"><b>";
const REQUEST: &str = "01J9ZK3M7T5RQW";

/// What a drawn code looks like, though no phone would read it.
const CODE: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 21 21\" shape-rendering=\"crispEdges\" \
    aria-hidden=\"true\"><path fill=\"#000\" d=\"M0 0h7v1h-7zM8 0h5v1h-5zM14 0h7v1h-7zM0 1h1v1h-1zM6 1h1v1h-1zM10 1h1v1h-1zM12 1h1v1h-1zM14 1h1v1h-1z\
    M20 1h1v1h-1zM0 2h1v1h-1zM2 2h3v1h-3zM6 2h1v1h-1zM9 2h2v1h-2zM12 2h1v1h-1zM14 2h1v1h-1zM16 2h3v1h-3z\
    M20 2h1v1h-1zM0 3h1v1h-1zM2 3h3v1h-3zM6 3h1v1h-1zM12 3h1v1h-1zM14 3h1v1h-1zM16 3h3v1h-3z\
    M20 3h1v1h-1zM0 4h1v1h-1zM2 4h3v1h-3zM6 4h1v1h-1zM10 4h3v1h-3zM14 4h1v1h-1zM16 4h3v1h-3z\
    M20 4h1v1h-1zM0 5h1v1h-1zM6 5h1v1h-1zM10 5h1v1h-1zM14 5h1v1h-1zM20 5h1v1h-1zM0 6h7v1h-7zM8 6h1v1h-1z\
    M11 6h2v1h-2zM14 6h7v1h-7zM8 7h1v1h-1zM10 7h1v1h-1zM0 8h2v1h-2zM8 8h1v1h-1zM10 8h5v1h-5z\
    M17 8h1v1h-1zM0 9h5v1h-5zM8 9h1v1h-1zM11 9h1v1h-1zM16 9h2v1h-2zM19 9h1v1h-1zM1 10h2v1h-2z\
    M5 10h3v1h-3zM10 10h1v1h-1zM14 10h1v1h-1zM16 10h2v1h-2zM1 11h1v1h-1zM4 11h4v1h-4zM9 11h3v1h-3z\
    M13 11h2v1h-2zM17 11h1v1h-1zM1 12h4v1h-4zM6 12h2v1h-2zM10 12h1v1h-1zM14 12h1v1h-1zM16 12h2v1h-2z\
    M9 13h1v1h-1zM14 13h1v1h-1zM18 13h3v1h-3zM0 14h7v1h-7zM9 14h1v1h-1zM12 14h1v1h-1zM14 14h1v1h-1z\
    M18 14h2v1h-2zM0 15h1v1h-1zM6 15h1v1h-1zM8 15h1v1h-1zM11 15h1v1h-1zM15 15h3v1h-3zM19 15h2v1h-2z\
    M0 16h1v1h-1zM2 16h3v1h-3zM6 16h1v1h-1zM8 16h2v1h-2zM11 16h2v1h-2zM16 16h1v1h-1zM18 16h1v1h-1z\
    M20 16h1v1h-1zM0 17h1v1h-1zM2 17h3v1h-3zM6 17h1v1h-1zM8 17h5v1h-5zM14 17h1v1h-1zM16 17h5v1h-5z\
    M0 18h1v1h-1zM2 18h3v1h-3zM6 18h1v1h-1zM10 18h1v1h-1zM14 18h1v1h-1zM18 18h3v1h-3zM0 19h1v1h-1z\
    M6 19h1v1h-1zM9 19h7v1h-7zM19 19h1v1h-1zM0 20h7v1h-7zM8 20h8v1h-8z\"/></svg>";

impl Login {
    /// Every body, every notice, one method and several.
    fn samples() -> Vec<Self> {
        let method = |label, selected, available| MethodLink {
            label,
            href: "/_menshen/login/staff-qr?rt=%2F".into(),
            selected,
            available,
        };
        let several = vec![
            method(MethodLabel::Scan, true, true),
            method(MethodLabel::Follow, false, true),
            method(MethodLabel::Program, false, true),
            method(MethodLabel::InWechat, false, true),
            method(MethodLabel::Own("员工 <Staff> & friends".into()), false, false),
        ];
        let one = vec![method(MethodLabel::Scan, true, true)];
        let address = "https://intranet.example.com/_menshen/login?rt=%2Freports%3Fyear%3D2024".to_owned();
        let bodies = [
            LoginBody::Embedded {
                frame_url: "https://open.weixin.qq.com/connect/qrconnect?appid=wx0&state=s".into(),
                full_url: "/_menshen/login/qr/go?rt=%2F".into(),
            },
            LoginBody::Scan(Scan::sample(CODE, None)),
            LoginBody::Scan(Scan::sample("", Some("/_menshen/picture?flow=\"><b>"))),
            LoginBody::Scan(Scan {
                of: CodeOf::Program,
                logo_href: Some("/logo.svg?\"><b>".into()),
                ..Scan::sample("", Some("data:image/gif;base64,R0lGODlhAQABAAAAACw="))
            }),
            LoginBody::Scan(Scan {
                of: CodeOf::Program,
                open_href: Some("https://wxaurl.cn/AbC?cq=\"><b>".into()),
                ..Scan::sample("", None)
            }),
            LoginBody::Go { href: "/_menshen/login/wechat/go?rt=%2F".into() },
            LoginBody::OpenInWechat { address: address.clone() },
            LoginBody::OtherApp { address },
            LoginBody::Unavailable,
            LoginBody::TooMany { seconds: 3 },
            LoginBody::NoMethod,
        ];
        let mut samples = Vec::new();
        for body in bodies {
            let methods = if body == LoginBody::NoMethod { Vec::new() } else { one.clone() };
            let account_href = Some("/_menshen/account?\"><b>".to_owned());
            samples.push(Self { methods, body: body.clone(), notice: None, account_href, instead: None });
            let notice = Some(Notice::Denied);
            samples.push(Self { methods: several.clone(), body, notice, account_href: None, instead: None });
        }
        let go = LoginBody::Go { href: "/_menshen/login/wechat/go".into() };
        samples.extend(Notice::ALL.map(|notice| Self {
            methods: one.clone(),
            body: go.clone(),
            notice: Some(notice),
            account_href: None,
            instead: None,
        }));
        let instead = |methods| Some(Instead { account: "Ann <b>".into(), methods });
        let label = MethodLabel::Own("Staff <b> card".into());
        for instead in [instead(Vec::new()), instead(vec![MethodLabel::App, label])] {
            samples.push(Self {
                methods: one.clone(),
                body: go.clone(),
                notice: None,
                account_href: None,
                instead,
            });
        }
        samples
    }
}

impl Scan {
    fn sample(picture: &str, picture_href: Option<&str>) -> Self {
        let own = |name: &str| format!("/_menshen/flow/{name}?flow=k3v9\"><b>");
        Self {
            of: CodeOf::Account,
            picture: picture.into(),
            picture_href: picture_href.map(str::to_owned),
            logo_href: None,
            open_href: None,
            events_href: own("events"),
            state_href: own("state"),
            finish_href: own("finish"),
            again_href: AGAIN.into(),
            expires_in: 180,
            asks: picture_href.is_some(),
        }
    }
}

impl Confirm {
    /// All there is, now and some time ago; and nothing but the host.
    fn samples() -> Vec<Self> {
        let full = Self {
            site_host: "intranet.example.com".into(),
            browser: Some("Chrome <b> & Windows".into()),
            ip: Some("203.0.113.7".into()),
            began_secs_ago: 12,
            adding: false,
            action: "/_menshen/confirm".into(),
            token: "t\"><b>".into(),
        };
        let older = Self {
            began_secs_ago: 130,
            ip: Some("2001:db8:85a3:8d3:1319:8a2e:370:7348".into()),
            ..full.clone()
        };
        let bare = Self { browser: None, ip: None, adding: true, ..full.clone() };
        vec![full, older, bare]
    }
}

impl Ended {
    /// Every reason.
    pub(in crate::pages) fn samples() -> Vec<Self> {
        [
            FlowRefusal::Denied,
            FlowRefusal::AccountDisabled,
            FlowRefusal::RegistrationClosed,
            FlowRefusal::NoMatch,
            FlowRefusal::Taken,
            FlowRefusal::SeveralAccounts,
            FlowRefusal::Snapshot,
            FlowRefusal::CodeRejected,
            FlowRefusal::MustFollow,
            FlowRefusal::WechatUnavailable,
            FlowRefusal::WechatBusy,
            FlowRefusal::Misconfigured,
            FlowRefusal::WechatRefused,
            FlowRefusal::IdentityTaken,
            FlowRefusal::HasAnother,
            FlowRefusal::OwnerGone,
        ]
        .map(|reason| {
            let adding = reason as u8 >= FlowRefusal::IdentityTaken as u8;
            Self { reason, again_href: AGAIN.into(), adding, request_id: REQUEST.into() }
        })
        .into()
    }
}

impl Trouble {
    /// The one shape.
    fn samples() -> Vec<Self> {
        vec![Self { again_href: AGAIN.into(), request_id: REQUEST.into() }]
    }
}

impl Choose {
    /// Accounts with all there is, with nothing, and of every age.
    fn samples() -> Vec<Self> {
        let account = |id: &str, last_days_ago| Choice { id: id.into(), last_days_ago, ..Choice::default() };
        let full = Choice {
            name: Some("张伟 <b>".into()),
            username: Some("wei <b>".into()),
            avatar: Some("https://thirdwx.qlogo.cn/mmopen/\"><b>/132".into()),
            phone: Some("+8613*******66".into()),
            email: Some("z***@example.com".into()),
            ..account("k7f3q2", Some(12))
        };
        let twin = |id: &str| Choice { name: Some("Ann".into()), ..account(id, Some(0)) };
        let mut accounts = vec![full, account("a\"1", None), account("a2", Some(0)), account("a3", Some(1))];
        accounts.extend([twin("t\"1"), twin("t2")]);
        let (action, flow) = ("/_menshen/choose".to_owned(), "f0\"".to_owned());
        vec![Self { action, flow, accounts, again_href: AGAIN.into() }.told_apart()]
    }
}

impl Bind {
    /// With every proof and with one; asked, sent, wrong and locked.
    fn samples() -> Vec<Self> {
        let open = Self {
            action: "/_menshen/bind".into(),
            flow: "f0\"".into(),
            may_create: true,
            proofs: vec!["password", "email_code", "sms_code"],
            open: Some("password"),
            again_href: AGAIN.into(),
            ..Self::default()
        };
        let closed =
            Self { may_create: false, proofs: vec!["email_code"], open: Some("email_code"), ..open.clone() };
        let sent = Self { sent_to: Some("z***@example.com".into()), ..open.clone() };
        let wrong = Self { name: "zhang\"><b>".into(), trouble: Some(ErrorCode::WrongProof), ..open.clone() };
        let locked = Self { trouble: Some(ErrorCode::Locked), wait_secs: Some(58), ..closed.clone() };
        let today =
            Self { trouble: Some(ErrorCode::TooManyCodes), wait_secs: Some(80_000), ..closed.clone() };
        vec![open, closed, sent, wrong, locked, today]
    }
}

impl Account {
    /// All there is, hardly anything, and every notice.
    fn samples() -> Vec<Self> {
        let login = |id: &str, current, ago: u64| AccountLogin {
            id: id.into(),
            current,
            program: Some("Chrome <b>, Windows".into()),
            ip: Some("203.0.113.7".into()),
            hosts: vec!["a.example.com".into(), "b.example.com".into()],
            label: Some(MethodLabel::Scan),
            began_secs_ago: ago * 40,
            seen_secs_ago: ago,
        };
        let unknown = AccountLogin { program: None, ip: None, label: None, ..login("l\"4", false, 90_000) };
        let wechat = |id: &str, labels: Vec<MethodLabel>, current, last| AccountWechat {
            id: id.into(),
            labels,
            current,
            last,
        };
        let bare = Self {
            notice: None,
            name: None,
            id: "k7f3q2\"".into(),
            avatar: None,
            phone: None,
            email: None,
            groups: Vec::new(),
            wechats: vec![wechat("w1", Vec::new(), true, true)],
            ways: Vec::new(),
            full: false,
            has_union: false,
            elsewhere_href: Some("https://login.example.com/_menshen/account?\"><b>".into()),
            logins: vec![login("l1", true, 0)],
            others: 0,
            more: 0,
            add_action: "/_menshen/account/wechats/add".into(),
            remove_action: "/_menshen/account/wechats/remove".into(),
            end_action: "/_menshen/account/sessions/end".into(),
            logout_action: "/_menshen/logout".into(),
            home_href: "/".into(),
        };
        let full = Self {
            notice: Some(AccountNotice::Added),
            name: Some("张伟 <b>".into()),
            avatar: Some("https://thirdwx.qlogo.cn/mmopen/\"><b>/132".into()),
            phone: Some(AccountContact { shown: "+8613*******66".into(), verified: true }),
            email: Some(AccountContact { shown: "z***@example.com".into(), verified: false }),
            groups: vec!["员工 <staff>".into(), "admins".into()],
            wechats: vec![
                wechat("w\"1", vec![MethodLabel::Scan, MethodLabel::Own("员工 <Staff>".into())], true, false),
                wechat("w2", vec![MethodLabel::App], false, false),
            ],
            ways: vec![
                AccountWay { id: "staff\"qr".into(), label: MethodLabel::Follow },
                AccountWay { id: "web".into(), label: MethodLabel::InWechat },
            ],
            has_union: true,
            elsewhere_href: None,
            logins: vec![
                login("l1", true, 0),
                login("l2", false, 0),
                login("l3", false, 130),
                login("l5", false, 7300),
                login("l6", false, 200_000),
                unknown,
            ],
            others: 5,
            more: 2,
            ..bare.clone()
        };
        let noticed = AccountNotice::ALL.map(|notice| Self { notice: Some(notice), ..bare.clone() });
        let nowhere = Self { elsewhere_href: None, ..bare.clone() };
        let old = wechat("w2", Vec::new(), false, false);
        let taken = Self { full: true, wechats: vec![bare.wechats[0].clone(), old], ..nowhere.clone() };
        noticed.into_iter().chain([bare, nowhere, taken, full]).collect()
    }
}

impl Logout {
    /// The one shape.
    fn samples() -> Vec<Self> {
        let account_href = "/_menshen/account".into();
        vec![Self {
            action: "/_menshen/logout".into(),
            account_href,
            stay_href: "/reports?a=1&b=\"2\"".into(),
        }]
    }
}

impl LoggedOut {
    /// The one shape.
    fn samples() -> Vec<Self> {
        vec![Self { login_href: "/_menshen/login".into() }]
    }
}

impl Denied {
    /// One group, everything at once, and a number alone with nowhere to go back to.
    fn samples() -> Vec<Self> {
        let of = |missing| Self {
            account: "Ann <b>".into(),
            missing,
            other_href: AGAIN.into(),
            back_href: Some("/reports?a=1&b=\"2\"".into()),
            logout_href: "/_menshen/logout".into(),
            request_id: REQUEST.into(),
        };
        let texts = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        let one = Missing { groups: texts(&["staff"]), ..Missing::default() };
        let all = Missing {
            groups: texts(&["staff", "editors <here>"]),
            attributes: [("level".to_owned(), texts(&["gold", "platinum <b>"]))].into(),
            phone: true,
            methods: Vec::new(),
        };
        let phone = Missing { phone: true, ..Missing::default() };
        vec![of(one), of(all), Self { back_href: None, ..of(phone) }]
    }
}

impl VerifyPhone {
    /// Every body with every trouble, with other ways and without.
    fn samples() -> Vec<Self> {
        let number = VerifyBody::Number { action: "/_menshen/phone".into(), typed: "135\"><b>".into() };
        let code = |again_in| VerifyBody::Code {
            action: "/_menshen/phone/verify".into(),
            again_action: "/_menshen/phone".into(),
            again_in,
            sent_to: "+8613*******66".into(),
            change_href: "/_menshen/phone?change=1&rt=%2F\"><b>".into(),
        };
        let way = VerifyWay { label: MethodLabel::Program, href: AGAIN.into() };
        let of = |body: &VerifyBody, trouble, ways: &[VerifyWay]| Self {
            account: "Ann <b>".into(),
            body: body.clone(),
            trouble,
            ways: ways.to_vec(),
            return_to: "https://app.example.com/a?b=\"><b>".into(),
            other_href: AGAIN.into(),
        };
        let troubles = [
            VerifyTrouble::NoNumber,
            VerifyTrouble::TooSoon { seconds: 42 },
            VerifyTrouble::TooMany { hours: 23 },
            VerifyTrouble::NotSent,
            VerifyTrouble::Wrong,
            VerifyTrouble::Spent,
            VerifyTrouble::Taken,
        ];
        let mut samples: Vec<Self> = Vec::new();
        for body in [number, code(0), code(58), VerifyBody::Nothing] {
            samples.push(of(&body, None, &[]));
            samples.push(of(&body, None, std::slice::from_ref(&way)));
            if body != VerifyBody::Nothing {
                samples.extend(troubles.map(|trouble| of(&body, Some(trouble), &[])));
            }
        }
        samples
    }
}

impl ErrorPage {
    /// Every code with all there is, and one with nothing.
    fn samples() -> Vec<Self> {
        let full = |&code: &ErrorCode| Self {
            code,
            detail: Some("the path has an encoded slash (%2F) <here>".into()),
            request_id: REQUEST.into(),
            retry_href: Some(AGAIN.into()),
            home_href: Some("/".into()),
        };
        let bare = Self {
            code: ErrorCode::Internal,
            detail: None,
            request_id: String::new(),
            retry_href: None,
            home_href: None,
        };
        ErrorCode::ALL.iter().map(full).chain([bare]).collect()
    }
}
