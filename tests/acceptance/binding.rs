//! A legacy site's account that nobody has logged in to with WeChat yet, mail and SMS that can be read, and people who
//! are asked for it.

use menshen::domain::{
    Account, AccountId, AppId, Contact, Email, Identity, IdentityKey, IdentityRow, OpenId, Phone, PoolId,
    Profile, Username,
};
use menshen::ground::{PasswordHash, Timestamp};

use crate::browser::Browser;
use crate::programs;
use crate::reply::Reply;
use crate::smtp_server::{SmtpServer, Tls};
use crate::webhook::WebhookServer;
use crate::world::{Setup, WEBSITE, World};

pub(crate) const EMAIL: &str = "ann@example.com";
/// That of the simulated person `qiang` too.
pub(crate) const PHONE: &str = "+8613580008888";
pub(crate) const USERNAME: &str = "annette";
pub(crate) const PASSWORD: &str = "correct horse 电池";
/// Of [`PASSWORD`], made by Python's hashlib in Django's form; cheap, because tests try it often.
const HASH: &str = "pbkdf2_sha256$1000$q1w2e3r4t5y6u7i8$/KWjkBawuYsjF+fkC514SIVpnUCqmOaxkilcxAznWlg=";

/// The heading of the page that asks.
pub(crate) const ASKS: &str = "Do you have an account here?";
/// What it says to a wrong proof, whatever was wrong.
pub(crate) const WRONG: &str = "are not correct";

/// A world in which unknown people are asked.
pub(crate) struct Bind {
    pub(crate) world: World,
    pub(crate) mail: SmtpServer,
    pub(crate) sms: WebhookServer,
}

pub(crate) fn pool() -> PoolId {
    PoolId::new("people").unwrap()
}

pub(crate) fn phone_key() -> IdentityKey {
    IdentityKey::Phone { pool: pool(), phone: Phone::parse(PHONE).unwrap() }
}

impl Bind {
    /// A world whose pool has these settings besides, with `ann` in it.
    pub(crate) async fn with(pool: &str) -> Self {
        Self::of(pool, programs::setup()).await
    }

    /// Everything may be proven, and newcomers are welcome.
    pub(crate) async fn asking() -> Self {
        Self::with("binding = \"ask\"\nproofs = [\"password\", \"email_code\", \"sms_code\"]").await
    }

    pub(crate) async fn of(pool: &str, setup: Setup) -> Self {
        let (mail, sms) = (SmtpServer::start(Tls::Starttls).await, WebhookServer::start().await);
        let named = "[[pools]]\nid = \"people\"\n";
        assert!(setup.directory.contains(named));
        let directory = setup.directory.replace(named, &format!("{named}{pool}\n"));
        let directory = format!("{}{}{directory}", mail.section(), sms.section());
        let world = World::with(Setup { directory, ..setup }).await;
        plant_legacy(&world, "ann", |_| {}).await;
        Self { world, mail, sms }
    }

    /// `person`, who nobody here knows, up to the question.
    pub(crate) async fn asked(&self, person: &str) -> Question {
        let browser = self.world.desktop();
        let page = browser.log_in_by_qr(person, "/deep?a=1").await;
        page.is_page(200, ASKS);
        Question::of(&self.world, browser, page)
    }

    /// Who the WeChat of `person` leads to.
    pub(crate) async fn leads_to(&self, person: &str) -> Option<String> {
        let row = self.world.row(&self.world.open_key(WEBSITE, person)).await?;
        Some(row.accounts[0].as_str().to_owned())
    }

    /// Nobody was made or bound, and nobody is signed in.
    pub(crate) async fn nothing_happened(&self, person: &str, browser: &Browser) {
        assert_eq!((self.leads_to(person).await, browser.session()), (None, None));
        assert_eq!(self.world.row(&self.world.union_key(person)).await, None);
        let ann = AccountId::new("ann").unwrap();
        assert_eq!(self.world.store().sessions_of(&ann).await.unwrap(), []);
    }
}

/// An account of the legacy site, with settled rows for what it has verified.
pub(crate) async fn plant_legacy(world: &World, id: &str, change: impl FnOnce(&mut Account)) {
    let nobody = Identity {
        pool: pool(),
        app_id: AppId::new(WEBSITE).unwrap(),
        open_id: OpenId::new("nobody").unwrap(),
        union_id: None,
        profile: Profile { nickname: Some("Ann".into()), avatar: None },
        phone: None,
        email: None,
    };
    let id = AccountId::new(id).unwrap();
    let mut account = Account::new(id.clone(), &nobody, Timestamp::from_millis(1));
    account.identities.clear();
    account.username = Some(USERNAME.into());
    account.phone = Some(Contact { value: PHONE.into(), verified: true });
    account.email = Some(Contact { value: EMAIL.into(), verified: true });
    account.password = Some(PasswordHash::parse(HASH).unwrap());
    change(&mut account);
    assert!(world.store().create_account(&account).await.unwrap());
    let keys = [
        IdentityKey::Username { pool: pool(), username: Username::parse(USERNAME).unwrap() },
        phone_key(),
        IdentityKey::Email { pool: pool(), email: Email::parse(EMAIL).unwrap() },
    ];
    for key in keys.into_iter().filter(|key| account.answers_to(key)).chain(account.identities.clone()) {
        let row = IdentityRow::settled(id.clone());
        assert_eq!(world.store().claim_identity(&key, &row).await.unwrap(), row);
    }
}

/// The page that asks, in the browser that it asks.
pub(crate) struct Question {
    pub(crate) browser: Browser,
    pub(crate) page: Reply,
    origin: String,
}

impl Question {
    pub(crate) fn of(world: &World, browser: Browser, page: Reply) -> Self {
        Self { browser, page, origin: world.origin() }
    }

    pub(crate) fn flow(&self) -> String {
        self.page.url.query_pairs().find(|(key, _)| key == "flow").unwrap().1.into_owned()
    }

    /// Posts one of the page's forms from `browser`.
    pub(crate) async fn answer_from(&self, browser: &Browser, fields: &[(&str, &str)]) -> Reply {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("flow", &self.flow()).extend_pairs(fields);
        let reply = browser.post_form(&browser.url("/_menshen/bind"), &form.finish(), &self.origin).await;
        browser.follow(reply).await
    }

    pub(crate) async fn answer(&self, fields: &[(&str, &str)]) -> Reply {
        self.answer_from(&self.browser, fields).await
    }

    pub(crate) async fn password(&self, name: &str, password: &str) -> Reply {
        self.answer(&[("do", "password"), ("name", name), ("password", password)]).await
    }

    pub(crate) async fn new_account(&self) -> Reply {
        self.answer(&[("do", "new")]).await
    }

    pub(crate) async fn code(&self, code: &str) -> Reply {
        self.answer(&[("do", "code"), ("code", code)]).await
    }

    pub(crate) async fn send(&self, proof: &str, to: &str) -> Reply {
        self.answer(&[("do", proof), ("to", to)]).await
    }
}
