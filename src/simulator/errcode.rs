//! WeChat's error numbers with the core of their texts, and the trace that follows it.
//!
//! Clients must decide on the number alone; the trace exists to break those that compare texts.

use rand::CryptoRng;

use super::ids;
use super::switches::Trace;
use crate::ground::Timestamp;

/// An `errcode` other than 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Errcode(pub(super) i64);

impl Errcode {
    pub(super) const INVALID_CREDENTIAL: Self = Self(40001);
    pub(super) const INVALID_GRANT_TYPE: Self = Self(40002);
    pub(super) const INVALID_OPENID: Self = Self(40003);
    pub(super) const INVALID_APPID: Self = Self(40013);
    pub(super) const MALFORMED_TOKEN: Self = Self(40014);
    pub(super) const INVALID_CODE: Self = Self(40029);
    pub(super) const INVALID_REFRESH_TOKEN: Self = Self(40030);
    pub(super) const INVALID_SECRET: Self = Self(40125);
    pub(super) const CODE_USED: Self = Self(40163);
    pub(super) const INVALID_ARGS: Self = Self(40097);
    pub(super) const INVALID_SCENE: Self = Self(40129);
    pub(super) const INVALID_PATH: Self = Self(40165);
    pub(super) const SCENE_LENGTH: Self = Self(40169);
    pub(super) const INVALID_QUERY: Self = Self(40212);
    pub(super) const CODE_BLOCKED: Self = Self(40226);
    pub(super) const INVALID_PAGE: Self = Self(41030);
    pub(super) const LINKS_A_SECOND: Self = Self(44990);
    pub(super) const LINKS_A_DAY: Self = Self(44993);
    pub(super) const NOT_RELEASED: Self = Self(85079);
    pub(super) const RESERVED_NAME: Self = Self(85096);
    pub(super) const INVALID_EXPIRY: Self = Self(85401);
    pub(super) const INVALID_VERSION: Self = Self(85402);
    pub(super) const NO_SESSION_KEY: Self = Self(87007);
    pub(super) const INVALID_SIG_METHOD: Self = Self(87008);
    pub(super) const INVALID_SIGNATURE: Self = Self(87009);
    pub(super) const TOKEN_MISSING: Self = Self(41001);
    pub(super) const APPID_MISSING: Self = Self(41002);
    pub(super) const REFRESH_TOKEN_MISSING: Self = Self(41003);
    pub(super) const SECRET_MISSING: Self = Self(41004);
    pub(super) const CODE_MISSING: Self = Self(41008);
    pub(super) const OPENID_MISSING: Self = Self(41009);
    pub(super) const TOKEN_EXPIRED: Self = Self(42001);
    pub(super) const REFRESH_TOKEN_EXPIRED: Self = Self(42002);
    pub(super) const CODE_EXPIRED: Self = Self(42003);
    pub(super) const PASSWORD_CHANGED: Self = Self(42007);
    pub(super) const GET_REQUIRED: Self = Self(43001);
    pub(super) const POST_REQUIRED: Self = Self(43002);
    pub(super) const EMPTY_BODY: Self = Self(44002);
    pub(super) const DAILY_LIMIT: Self = Self(45009);
    pub(super) const NO_SUCH_USER: Self = Self(46004);
    pub(super) const NOT_JSON: Self = Self(47001);
    pub(super) const CLEARED_TOO_OFTEN: Self = Self(48006);
    pub(super) const INVALID_ACTION_INFO: Self = Self(40053);
    pub(super) const FOREIGN_IP: Self = Self(40164);
    pub(super) const TOO_OFTEN: Self = Self(45011);
    pub(super) const UNAUTHORIZED: Self = Self(48001);

    /// The stable part of `errmsg`.
    pub(super) const fn text(self) -> &'static str {
        match self.0 {
            -1 => "system error",
            40001 => {
                "invalid credential, access_token is invalid or not latest, could get access_token by \
                 getStableAccessToken, more details at https://mmbizurl.cn/s/JtxxFh33r"
            }
            40002 => "invalid grant_type",
            40003 => "invalid openid",
            40013 => "invalid appid",
            40014 => "invalid access_token",
            40029 => "invalid code",
            40030 => "invalid refresh_token",
            40053 => "invalid action info",
            40097 => "invalid args",
            40125 => "invalid appsecret",
            40129 => "invalid scene",
            40163 => "code been used",
            40164 => "invalid ip 127.0.0.1 ipv6 ::ffff:127.0.0.1, not in whitelist",
            40165 => "invalid weapp pagepath",
            40169 => "invalid length for scene, or the data is not json string",
            40212 => "invalid query",
            40226 => "code blocked",
            40243 => "appsecret frozen",
            41001 => "access_token missing",
            41002 => "appid missing",
            41003 => "refresh_token missing",
            41004 => "appsecret missing",
            41008 => "missing code",
            41009 => "missing openid",
            41030 => "invalid page",
            42001 => "access_token expired",
            42002 => "refresh_token expired",
            42003 => "code expired",
            42007 => "access_token and refresh_token exception",
            43001 => "require GET method",
            43002 => "require POST method",
            44002 => "empty post data",
            44990 => "reach max api second frequence limit",
            44993 => "reach max api day frequence limit",
            45009 => "reach max api daily quota limit",
            45011 => "api minute-quota reach limit, must slower, retry next minute",
            46004 => "user not exist",
            47001 => "data format error",
            48001 => "api unauthorized",
            48004 => "api forbidden for irregularities",
            48006 => "forbid to clear quota because of reaching the limit",
            50001 => "user unauthorized",
            50002 => "user limited",
            85079 => "miniprogram has no online release",
            85096 => "not allow include scancode_time field",
            85401 => "time limit between 1min and 30 days",
            85402 => "invalid env_version",
            87007 => "session_key is not existd or expired",
            87008 => "invalid sig_method",
            87009 => "invalid signature",
            _ => "error",
        }
    }

    /// The whole `errmsg`, with a trace as live answers carry one.
    pub(super) fn message(self, trace: Trace, rng: &mut impl CryptoRng, now: Timestamp) -> String {
        traced(self.text(), trace, rng, now)
    }
}

/// An `errmsg` with this text and a trace.
pub(super) fn traced(text: &str, trace: Trace, rng: &mut impl CryptoRng, now: Timestamp) -> String {
    match trace {
        Trace::Rid => format!("{text} rid: {}", ids::rid(rng, now)),
        Trace::CommaRid => format!("{text}, rid: {}", ids::rid(rng, now)),
        Trace::Hints => {
            format!("{text}, hints: [ req_id: {}-{} ]", ids::letters(rng, 8), ids::letters(rng, 6))
        }
        Trace::OldHint => format!("{text} hint: [{}!] requestIP: 127.0.0.1", ids::letters(rng, 14)),
        Trace::None => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(Trace::Rid, "invalid code rid: 617682e0-")]
    #[case(Trace::CommaRid, "invalid code, rid: 617682e0-")]
    #[case(Trace::Hints, "invalid code, hints: [ req_id: ")]
    #[case(Trace::OldHint, "invalid code hint: [")]
    #[case(Trace::None, "invalid code")]
    fn every_trace_form_follows_the_text(#[case] trace: Trace, #[case] beginning: &str) {
        let now = Timestamp::from_millis(1_635_156_704_000);
        let message = Errcode::INVALID_CODE.message(trace, &mut rand::rng(), now);
        assert!(message.starts_with(beginning), "{message}");
    }
}
