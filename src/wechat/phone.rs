//! Phone numbers that WeChat has checked: the code of a mini program's button becomes a number.
//!
//! A number never prints itself, and one that WeChat gave to another mini program is none.

use std::fmt;

use serde_json::json;

use super::authorize::is_valid_code;
use super::client::{Client, Request};
use super::codes::{Call, Credential};
use super::error::{Error, Kind};
use super::wire::{self, Answer, Unreadable};
use crate::ground::Secret;

static PHONE_NUMBER: Call =
    Call { name: "wxa/business/getuserphonenumber", credential: Credential::PhoneCode, spends_code: true };

/// A phone number that WeChat has checked. Digits only; never prints itself.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PhoneNumber {
    /// For example `86`: one to four digits, the first of them not 0.
    pub country_code: String,
    /// The number within the country (`purePhoneNumber`): 4 to 15 digits.
    pub national: String,
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PhoneNumber(…)")
    }
}

impl PhoneNumber {
    /// Reads the fields of `phone_info`, which are the same as those of encrypted data.
    pub(super) fn read(info: &Answer) -> Result<Self, Unreadable> {
        let country = digits(info, "countryCode")?;
        let country_code = country.trim_start_matches('0');
        if !(1..=4).contains(&country_code.len()) {
            return Err(Unreadable::Impossible("countryCode"));
        }
        let national = digits(info, "purePhoneNumber")?;
        if !(4..=15).contains(&national.len()) {
            return Err(Unreadable::Impossible("purePhoneNumber"));
        }
        Ok(Self { country_code: country_code.into(), national })
    }

    /// Whether the fields of one answer agree: the whole number ends with the national one.
    pub(super) fn agrees_with(&self, info: &Answer) -> bool {
        digits(info, "phoneNumber").is_ok_and(|whole| whole.ends_with(&self.national))
    }
}

/// The digits of a field that is a number, in quotes or not, with the usual signs between them.
fn digits(info: &Answer, key: &'static str) -> Result<String, Unreadable> {
    let text = info.number_text(key)?.ok_or(Unreadable::Missing(key))?;
    let sign = |c: char| matches!(c, '+' | '-' | ' ' | '(' | ')' | '.');
    if text.chars().all(|c| c.is_ascii_digit() || sign(c)) {
        Ok(text.chars().filter(char::is_ascii_digit).collect())
    } else {
        Err(Unreadable::Impossible(key))
    }
}

impl Client {
    /// The phone number behind the code that a mini program's phone number button gave.
    ///
    /// A code works once and lives five minutes; it is not the code of `wx.login`. With `openid` WeChat also checks
    /// that the code is that user's. Source: official page "获取手机号".
    ///
    /// # Errors
    /// 40029 says that the code is unknown, too old or used; also if the number is another mini program's.
    pub async fn phone_number(
        &self,
        token: &Secret,
        app_id: &str,
        code: &Secret,
        openid: Option<&str>,
    ) -> Result<PhoneNumber, Error> {
        if !is_valid_code(code.reveal()) {
            return Err(Error::new(&PHONE_NUMBER, Kind::Input("this cannot be a phone number code")));
        }
        if openid.is_some_and(|openid| !wire::is_id(openid)) {
            return Err(Error::new(&PHONE_NUMBER, Kind::Input("this cannot be an OpenID")));
        }
        let mut body = json!({ "code": code.reveal() });
        if let Some(openid) = openid {
            body["openid"] = openid.into();
        }
        let request = Request {
            query: &[("access_token", token.reveal())],
            json: Some(body.to_string().into()),
            hidden: &[token.reveal(), code.reveal()],
            ..Request::get(&PHONE_NUMBER, "/wxa/business/getuserphonenumber")
        };
        self.call(&request, |answer| {
            let info = answer.object("phone_info")?;
            if info.object("watermark")?.word("appid")?.as_deref() != Some(app_id) {
                return Err(Unreadable::SomebodyElse("watermark.appid"));
            }
            PhoneNumber::read(&info)
        })
        .await
    }
}

#[cfg(test)]
#[path = "phone_tests.rs"]
mod tests;
