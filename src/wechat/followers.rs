//! The calls of a login by following: a parametric QR code, its picture, who scanned it.

use serde_json::json;

use super::client::{Client, Request, To, seconds};
use super::codes::{Call, Credential};
use super::error::{Error, Kind};
use super::wire::{self, Answer, Unreadable};
use crate::ground::{Secret, Span};

static CREATE_CODE: Call =
    Call { name: "cgi-bin/qrcode/create", credential: Credential::ServerToken, spends_code: false };
static PICTURE: Call =
    Call { name: "cgi-bin/showqrcode", credential: Credential::Ticket, spends_code: false };
static FOLLOWER: Call =
    Call { name: "cgi-bin/user/info", credential: Credential::ServerToken, spends_code: false };

const MAX_SCENE_LEN: usize = 64;
const MAX_TICKET_LEN: usize = 1024;
/// WeChat's bound for codes that end.
const MAX_LIFE: Span = Span::from_days(30);
/// How every JPEG file begins.
const JPEG: &[u8] = b"\xFF\xD8\xFF";

/// A parametric QR code of an official account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SceneCode {
    /// Opens WeChat's picture of the code ([`Client::scene_picture`]).
    pub ticket: String,
    /// What the code says: visible ASCII, exactly as it came. Drawn as a QR code it does what WeChat's picture does.
    pub url: String,
    /// How long it can be scanned, in whole seconds.
    pub expires_in: Span,
}

/// What an official account may know of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Follower {
    /// The one asked about.
    pub openid: String,
    /// Whether the user follows the account. Of others WeChat says nothing.
    pub subscribed: bool,
    /// The user within the Open Platform account, if the official account is bound to one.
    pub unionid: Option<String>,
    /// No longer given since 2021-12-27.
    pub nickname: Option<String>,
    /// Address of the avatar (http or https); no longer given since 2021-12-27.
    pub avatar: Option<String>,
}

impl SceneCode {
    fn read(answer: &Answer, asked: Span) -> Result<Self, Unreadable> {
        let expires_in =
            answer.integer("expire_seconds").map_or(asked.secs(), |number| seconds(Some(number)));
        Ok(Self {
            ticket: answer.word("ticket")?.ok_or(Unreadable::Missing("ticket"))?,
            url: answer.word("url")?.ok_or(Unreadable::Missing("url"))?,
            expires_in: Span::from_secs(expires_in),
        })
    }
}

impl Follower {
    fn read(answer: &Answer, asked: &str) -> Result<Self, Unreadable> {
        let openid = answer.id("openid")?.ok_or(Unreadable::Missing("openid"))?;
        if openid != asked {
            return Err(Unreadable::SomebodyElse("openid"));
        }
        if answer.integer("subscribe").is_none() {
            return Err(Unreadable::Missing("subscribe"));
        }
        Ok(Self {
            openid,
            subscribed: answer.flag("subscribe"),
            unionid: answer.id("unionid")?,
            nickname: answer.text("nickname"),
            avatar: answer.web_address("headimgurl"),
        })
    }
}

impl Client {
    /// Makes a QR code that ends: who scans it and follows (or follows already) is reported with `scene`.
    ///
    /// `scene` is 1 to 64 letters, digits, `-` and `_`; `expires` is from one second to 30 days. Source: official page
    /// "生成带参数的二维码".
    ///
    /// # Errors
    /// 48001 says that the account is not a verified service account; else as [`Error::action`] says.
    pub async fn create_scene_code(
        &self,
        token: &Secret,
        scene: &str,
        expires: Span,
    ) -> Result<SceneCode, Error> {
        if !(wire::is_id(scene) && scene.len() <= MAX_SCENE_LEN) {
            return Err(Error::new(&CREATE_CODE, Kind::Input("this cannot be a scene")));
        }
        if expires.secs() == 0 || expires > MAX_LIFE {
            return Err(Error::new(&CREATE_CODE, Kind::Input("a code lives from one second to 30 days")));
        }
        let body = json!({
            "expire_seconds": expires.secs(),
            "action_name": "QR_STR_SCENE",
            "action_info": { "scene": { "scene_str": scene } },
        });
        let request = Request {
            query: &[("access_token", token.reveal())],
            json: Some(body.to_string().into()),
            hidden: &[token.reveal(), scene],
            ..Request::get(&CREATE_CODE, "/cgi-bin/qrcode/create")
        };
        self.call(&request, |answer| SceneCode::read(answer, expires)).await
    }

    /// WeChat's own picture of a code: a JPEG file of at most 256 KiB.
    ///
    /// Source: official page "生成带参数的二维码", "通过ticket换取二维码".
    ///
    /// # Errors
    /// HTTP status 404 says that WeChat does not know the ticket, or no longer.
    pub async fn scene_picture(&self, ticket: &str) -> Result<Vec<u8>, Error> {
        let fine = ticket.bytes().all(|byte| byte.is_ascii_graphic());
        if !((1..=MAX_TICKET_LEN).contains(&ticket.len()) && fine) {
            return Err(Error::new(&PICTURE, Kind::Input("this cannot be a ticket")));
        }
        let mut address = self.mp_url().clone();
        address.set_path("/cgi-bin/showqrcode");
        let request = Request {
            to: To::Address(&address),
            query: &[("ticket", ticket)],
            hidden: &[ticket],
            ..Request::get(&PICTURE, "")
        };
        let read = |body: Vec<u8>| if body.starts_with(JPEG) { Ok(body) } else { Err(Unreadable::NotAFile) };
        self.call_file(&request, read).await
    }

    /// What WeChat says about the user `openid` of the account: of followers the UnionID, of others nothing.
    ///
    /// Source: official page "获取用户基本信息(UnionID机制)".
    ///
    /// # Errors
    /// Also if WeChat's answer is about another user.
    pub async fn follower(&self, token: &Secret, openid: &str) -> Result<Follower, Error> {
        if !wire::is_id(openid) {
            return Err(Error::new(&FOLLOWER, Kind::Input("this cannot be an OpenID")));
        }
        let request = Request {
            query: &[("access_token", token.reveal()), ("openid", openid)],
            hidden: &[token.reveal()],
            ..Request::get(&FOLLOWER, "/cgi-bin/user/info")
        };
        self.call(&request, |answer| Follower::read(answer, openid)).await
    }
}
