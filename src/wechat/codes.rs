//! WeChat's error codes: what to do about each, and what to tell the operator.
//!
//! Decides by number alone. The text beside a code (`errmsg`) is not stable and is never matched.

use crate::ground::Span;

/// What a call proves itself with; the same code means different things for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// The AppSecret: a code exchange, `jscode2session`, fetching a server token.
    AppSecret,
    /// A token that speaks for one user (`/sns/userinfo`, `/sns/auth`, `/sns/oauth2/refresh_token`).
    UserToken,
    /// The server token of an official account or mini program.
    ServerToken,
    /// The server token together with a phone number code of one visitor (`getuserphonenumber`).
    PhoneCode,
    /// The server token, for the picture of a mini program code: its quota (45009) is the minute's, not the day's.
    CodePicture,
    /// The operator's own token server, which passes WeChat's answer on.
    Endpoint,
    /// Nothing but the ticket of a parametric QR code.
    Ticket,
}

/// One kind of call to WeChat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its name in logs and errors.
    pub name: &'static str,
    /// What it proves itself with.
    pub credential: Credential,
    /// Whether it spends something that works once (a code), so that it must not be repeated blindly.
    pub spends_code: bool,
}

/// What to do about a failed call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The same call may succeed in a moment.
    Retry,
    /// The server token is dead: fetch a new one, repeat once.
    RefreshToken,
    /// The visitor has to begin the login again.
    AskAgain,
    /// The visitor has to follow the official account first.
    AskToFollow,
    /// The operator has to change something, here or in WeChat's console; repeating is useless.
    ConfigFault,
    /// Too many calls: none before `wait` has passed.
    RateLimit {
        /// How long to stay silent.
        wait: Span,
    },
    /// WeChat refuses, and nobody here can change it.
    Fail,
}

/// WeChat's second rate window: "retry next minute" (error 45011).
pub(super) const MINUTE: Span = Span::from_mins(1);
/// Day quotas end at an unknown hour and may be cleared by hand: look again now and then.
const DAY_QUOTA_WAIT: Span = Span::from_mins(10);

/// What to do when a call that presents `credential` is answered with the error `code` (never 0).
///
/// Source: the error tables of the official pages, the return-code enums of the public SDKs.
pub const fn action_for(code: i64, credential: Credential) -> Action {
    use Action::{AskAgain, AskToFollow, ConfigFault, Fail, RateLimit, RefreshToken, Retry};
    match code {
        -1 => Retry,
        40001 | 40014 | 42001 => match credential {
            Credential::ServerToken | Credential::PhoneCode | Credential::CodePicture => RefreshToken,
            Credential::UserToken => AskAgain,
            // No token is presented here, so 40001 can only speak of the secret.
            Credential::AppSecret | Credential::Endpoint if code == 40001 => ConfigFault,
            Credential::AppSecret | Credential::Endpoint | Credential::Ticket => Fail,
        },
        // The phone number code came from another mini program: the visitor's doing, not the operator's.
        40013 => match credential {
            Credential::PhoneCode => Fail,
            _ => ConfigFault,
        },
        // With a user's token the scope was too small or the page a snapshot; with ours the account lacks the API.
        48001 => match credential {
            Credential::UserToken => AskAgain,
            _ => ConfigFault,
        },
        40029 | 40030 | 40163 | 42002 | 42003 | 42007 | 50001 | 87007 | 87008 | 87009 => AskAgain,
        43004 | 50005 => AskToFollow,
        44990 => RateLimit { wait: Span::from_secs(1) },
        45011 => RateLimit { wait: MINUTE },
        45009 if matches!(credential, Credential::CodePicture) => RateLimit { wait: MINUTE },
        44993 | 45009 | 85406 => RateLimit { wait: DAY_QUOTA_WAIT },
        40002 | 40033 | 40035 | 40048 | 40053 | 40066 | 40097 | 40125 | 40129 | 40164 | 40165 | 40169
        | 40212 | 40243 => ConfigFault,
        41001..=41004 | 41008 | 41009 | 41030 | 43001..=43003 | 44002 | 47001 => ConfigFault,
        48004 | 48006 | 50004 | 50007 | 61004 | 63002 | 76001..=76004 | 76021 | 76022 => ConfigFault,
        85066..=85075 | 85079 | 85096 | 85401..=85405 | 85407 | 85408 | 89503 | 89506 | 89507 => ConfigFault,
        // 40003, 40226, 45015, 46004, 50002 and whatever WeChat invents next.
        _ => Fail,
    }
}

/// Whether `code` says that WeChat wants the caller's IP address on a list; its text then names the address.
pub(super) const fn names_caller_ip(code: i64) -> bool {
    matches!(code, 40164 | 61004 | 89503 | 89506 | 89507)
}

/// What the operator should do about `code`, if there is anything to do.
pub(super) const fn hint(code: i64, credential: Credential) -> Option<&'static str> {
    Some(match code {
        40001 | 40125 if matches!(credential, Credential::AppSecret | Credential::Endpoint) => {
            "the AppSecret is wrong or was reset: compare the app's `secret` with WeChat's console"
        }
        40125 => "the AppSecret is wrong or was reset: compare the app's `secret` with WeChat's console",
        40013 if matches!(credential, Credential::PhoneCode) => {
            "the visitor brought a phone number code of another mini program"
        }
        40013 if matches!(credential, Credential::ServerToken) => {
            "WeChat does not know this AppID for this call: check the app's `app_id` and `kind`; where a link is made \
             it may also say that the mini program is banned"
        }
        40013 | 41002 => "WeChat does not know this AppID for this call: check the app's `app_id` and `kind`",
        41004 => "no AppSecret was sent: set the app's `secret` or `secret_file`",
        40243 => "the AppSecret is frozen: thaw or reset it in WeChat's console",
        40164 | 61004 => "add this machine's public IP address to the IP whitelist in WeChat's console",
        89503 => "an administrator of the account must confirm this machine's IP address in WeChat",
        89506 => {
            "an administrator refused this machine's IP address; WeChat accepts a new attempt after 24 hours"
        }
        89507 => {
            "an administrator refused this machine's IP address; WeChat accepts a new attempt after 1 hour"
        }
        48001 if matches!(credential, Credential::UserToken) => {
            "the scope is too small for the profile (use snsapi_userinfo or snsapi_login), or the visitor came from \
             a snapshot page"
        }
        48001 => "this account's kind or verification does not include the interface: see WeChat's console",
        48004 | 50004 | 50007 => {
            "WeChat has banned or frozen the account or this interface: see WeChat's console"
        }
        45009 if matches!(credential, Credential::CodePicture) => {
            "too many mini program codes a minute (5,000 are the limit)"
        }
        45009 => {
            "the quota of this interface is used up, usually the day's: raise it or clear it in WeChat's console"
        }
        45011 => "too many calls a minute",
        44990 | 44993 => "too many links created",
        41030 | 40165 => {
            "the page is not in the mini program's published version: check the method's `page`, publish the version \
             that contains it, or set the method's `version` to the one that does"
        }
        85079 => "the mini program has no published version: publish it in WeChat's console",
        40002 | 85407 if matches!(credential, Credential::ServerToken) => {
            "the mini program may not make links or schemes: only published ones of verified organisations may"
        }
        85406 => "the mini program was opened through links and schemes too often today",
        85408 => "WeChat has banned the mini program from making links and schemes: see WeChat's console",
        85405 => "plain URL schemes are not enabled for the mini program in WeChat's console",
        40053 => "the parametric QR code was refused; possibly all 100000 permanent ones are used",
        40048 => "the domain is not registered for the account in WeChat's console",
        40226 => "WeChat counts this visitor as high-risk and does not let them in",
        40002
        | 40033
        | 40035
        | 40066
        | 40097
        | 40129
        | 40169
        | 40212
        | 41001
        | 41003
        | 41008
        | 41009
        | 43001..=43003
        | 44002
        | 47001
        | 85096
        | 85401
        | 85402 => {
            "WeChat does not take this call the way it is made: look for a newer version of this program, or report it"
        }
        -1 => "WeChat is busy",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::Action::{AskAgain, AskToFollow, ConfigFault, Fail, RateLimit, RefreshToken, Retry};
    use super::Credential::{AppSecret, Endpoint, PhoneCode, ServerToken, Ticket, UserToken};
    use super::*;

    const ALL: [Credential; 6] = [AppSecret, UserToken, ServerToken, PhoneCode, Endpoint, Ticket];

    /// Codes whose meaning does not depend on the call.
    #[test]
    fn every_documented_code_has_its_action() {
        let wait = |secs| RateLimit { wait: Span::from_secs(secs) };
        let table: &[(Action, &[i64])] = &[
            (Retry, &[-1]),
            (AskAgain, &[40029, 40030, 40163, 42002, 42003, 42007, 50001, 87007, 87008, 87009]),
            (AskToFollow, &[43004, 50005]),
            (wait(1), &[44990]),
            (wait(60), &[45011]),
            (wait(600), &[44993, 45009, 85406]),
            (ConfigFault, &[40002, 40033, 40035, 40097, 40048, 40053, 40066, 40125, 40129, 40169, 40164]),
            (ConfigFault, &[40165, 40212, 40243, 41001, 41002, 41003, 41004, 41008, 41009, 41030]),
            (ConfigFault, &[43001, 43002, 43003, 44002, 47001, 48004, 48006, 50004, 50007, 61004, 63002]),
            (ConfigFault, &[76001, 76002, 76003, 76004, 76021, 76022]),
            (
                ConfigFault,
                &[85066, 85067, 85068, 85069, 85070, 85071, 85072, 85073, 85074, 85075, 85079, 85096],
            ),
            (ConfigFault, &[85401, 85402, 85403, 85404, 85405, 85407, 85408, 89503, 89506, 89507]),
            (Fail, &[40003, 40226, 45015, 46004, 50002]),
        ];
        for (action, codes) in table {
            for code in *codes {
                for credential in ALL {
                    assert_eq!(action_for(*code, credential), *action, "{code} with {credential:?}");
                }
            }
        }
    }

    #[test]
    fn some_codes_mean_different_things_for_different_calls() {
        let table = [
            (40001, [ConfigFault, AskAgain, RefreshToken, RefreshToken, ConfigFault, Fail]),
            (40014, [Fail, AskAgain, RefreshToken, RefreshToken, Fail, Fail]),
            (42001, [Fail, AskAgain, RefreshToken, RefreshToken, Fail, Fail]),
            (40013, [ConfigFault, ConfigFault, ConfigFault, Fail, ConfigFault, ConfigFault]),
            (48001, [ConfigFault, AskAgain, ConfigFault, ConfigFault, ConfigFault, ConfigFault]),
        ];
        for (code, expected) in table {
            assert_eq!(ALL.map(|credential| action_for(code, credential)), expected, "{code}");
        }
    }

    #[test]
    fn an_unknown_code_fails_without_a_retry() {
        for code in [i64::MIN, -2, 1, 99_999, i64::MAX] {
            assert_eq!(action_for(code, UserToken), Fail);
            assert_eq!(hint(code, UserToken), None);
        }
    }

    #[test]
    fn what_an_operator_must_change_about_a_mini_program_has_a_hint() {
        let of_the_account = [
            40002, 40013, 40097, 40129, 40164, 40165, 40169, 40212, 41030, 44990, 44993, 45009, 45011, 47001,
            48001, 48004, 85079, 85096, 85401, 85402, 85405, 85406, 85407, 85408,
        ];
        for (credential, codes) in [
            (ServerToken, &of_the_account[..]),
            (PhoneCode, &[40013, 40097, 45011, 47001, 48001]),
            (AppSecret, &[40001, 40013, 40125, 40226, 40243, 41002, 41004, 41008, 45011]),
        ] {
            for code in codes {
                assert!(hint(*code, credential).is_some(), "{code} with {credential:?}");
            }
        }
        assert!(hint(41030, ServerToken).is_some_and(|text| text.contains("published version")));
        assert!(hint(40013, PhoneCode).is_some_and(|text| text.contains("another mini program")));
    }

    #[test]
    fn a_code_that_names_the_callers_address_has_a_hint() {
        for code in [40164, 61004, 89503, 89506, 89507] {
            assert!(names_caller_ip(code) && hint(code, AppSecret).is_some_and(|text| text.contains("IP")));
        }
    }
}
