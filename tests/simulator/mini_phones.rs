//! Phone numbers in mini programs over the wire. Item 13.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use menshen::ground::Span;
use menshen::simulator::{Encrypted, Person, SimError};
use openssl::symm::{Cipher, decrypt};
use serde_json::{Value, json};

use crate::bench::{Bench, MINI_PROGRAM, SERVICE, UNBOUND_MINI};
use crate::mini_logins::key_of;

impl Bench {
    async fn phone(&self, app_id: &str, body: Value) -> Value {
        let token = self.server_token(app_id).await;
        let path = format!("/wxa/business/getuserphonenumber?access_token={token}");
        self.post_json(&path, &body.to_string()).await
    }

    fn phone_code(&self, person: &str) -> String {
        self.handle.phone_code(MINI_PROGRAM, person).unwrap()
    }
}

fn open(key: &str, sealed: &Encrypted) -> Option<Value> {
    let decode = |text: &str| STANDARD.decode(text).unwrap();
    let (key, iv, data) = (decode(key), decode(&sealed.iv), decode(&sealed.encrypted_data));
    serde_json::from_slice(&decrypt(Cipher::aes_128_cbc(), &key, Some(&iv), &data).ok()?).ok()
}

/// Item 13: the layout, and a code that is none of wx.login's.
#[tokio::test]
async fn a_phone_code_gives_the_number_with_a_watermark() {
    let bench = Bench::start().await;
    let code = bench.phone_code("zhang");
    assert!(code.len() == 64 && code.bytes().all(|byte| byte.is_ascii_hexdigit()), "{code}");
    assert_eq!(bench.session(MINI_PROGRAM, &code).await["errcode"], 40029, "it is no login code");
    assert_eq!(
        bench.phone(MINI_PROGRAM, json!({"code": code})).await,
        json!({"errcode": 0, "errmsg": "ok", "phone_info": {
            "phoneNumber": "13580006666", "purePhoneNumber": "13580006666", "countryCode": "86",
            "watermark": {"timestamp": 1_700_000_000, "appid": MINI_PROGRAM}}})
    );
    let login = bench.handle.login_code(MINI_PROGRAM, "zhang").unwrap();
    assert_eq!(bench.phone(MINI_PROGRAM, json!({"code": login})).await["errcode"], 40029);
}

/// Item 13.
#[tokio::test]
async fn a_phone_code_works_once_within_five_minutes() {
    let bench = Bench::start().await;
    let code = bench.phone_code("zhang");
    bench.handle.advance(Span::from_secs(299));
    assert_eq!(bench.phone(MINI_PROGRAM, json!({"code": code})).await["errcode"], 0);
    assert_eq!(bench.phone(MINI_PROGRAM, json!({"code": code})).await["errcode"], 40029);
    let late = bench.phone_code("zhang");
    bench.handle.advance(Span::from_mins(5));
    assert_eq!(bench.phone(MINI_PROGRAM, json!({"code": late})).await["errcode"], 40029);
}

/// Item 13: the mini program and, where it is named, the person must be right; a mistake uses nothing up.
#[tokio::test]
async fn a_phone_code_is_for_one_mini_program_and_one_person() {
    let bench = Bench::start().await;
    let code = bench.phone_code("zhang");
    let [own, other] = ["zhang", "lina"].map(|person| bench.handle.openid(MINI_PROGRAM, person));
    assert_eq!(bench.phone(UNBOUND_MINI, json!({"code": code})).await["errcode"], 40013);
    assert_eq!(bench.phone(SERVICE, json!({"code": code})).await["errcode"], 48001);
    assert_eq!(bench.phone(MINI_PROGRAM, json!({"code": code, "openid": other})).await["errcode"], 40003);
    assert_eq!(bench.phone(MINI_PROGRAM, json!({})).await["errcode"], 41008);
    assert_eq!(bench.phone(MINI_PROGRAM, json!({"code": code, "openid": own})).await["errcode"], 0);
}

/// Item 13: older samples have a number.
#[tokio::test]
async fn the_countrys_code_can_be_a_number() {
    let bench = Bench::start().await;
    bench.handle.set_numeric_country_code(true);
    let code = bench.phone_code("lina");
    assert_eq!(bench.phone(MINI_PROGRAM, json!({"code": code})).await["phone_info"]["countryCode"], 86);
}

/// Item 13: numbers of other countries carry the country's code, by either button.
#[tokio::test]
async fn a_foreign_number_has_its_countrys_code_before_it() {
    let bench = Bench::start().await;
    bench.handle.put_person(Person::new("maria", "María").with_foreign_phone("852", "51234567")).unwrap();
    let code = bench.phone_code("maria");
    let by_code = bench.phone(MINI_PROGRAM, json!({"code": code})).await["phone_info"].clone();
    let session = bench.logged_in("maria").await;
    let sealed = bench.handle.encrypted_phone(MINI_PROGRAM, "maria").unwrap();
    for info in [by_code, open(key_of(&session), &sealed).unwrap()] {
        assert_eq!(
            (&info["phoneNumber"], &info["purePhoneNumber"]),
            (&json!("85251234567"), &json!("51234567"))
        );
        assert_eq!(info["countryCode"], "852");
    }
    bench.handle.set_numeric_country_code(true);
    let code = bench.phone_code("maria");
    assert_eq!(bench.phone(MINI_PROGRAM, json!({"code": code})).await["phone_info"]["countryCode"], 852);
}

#[tokio::test]
async fn who_has_no_phone_number_can_give_none() {
    let bench = Bench::start().await;
    assert!(matches!(bench.handle.phone_code(MINI_PROGRAM, "nemo"), Err(SimError::NoPhone { .. })));
    bench.handle.put_person(Person::new("nemo", "").with_phone("13900001111")).unwrap();
    let code = bench.phone_code("nemo");
    let info = bench.phone(MINI_PROGRAM, json!({"code": code})).await;
    assert_eq!(info["phone_info"]["purePhoneNumber"], "13900001111");
}

/// Item 13: under the session key, with a watermark.
#[tokio::test]
async fn the_older_button_encrypts_the_number_under_the_session_key() {
    let bench = Bench::start().await;
    let early = bench.handle.encrypted_phone(MINI_PROGRAM, "zhang");
    assert!(matches!(early, Err(SimError::NoSession { .. })));
    let session = bench.logged_in("zhang").await;
    let sealed = bench.handle.encrypted_phone(MINI_PROGRAM, "zhang").unwrap();
    let info = open(key_of(&session), &sealed).unwrap();
    assert_eq!((&info["purePhoneNumber"], &info["countryCode"]), (&json!("13580006666"), &json!("86")));
    assert_eq!(info["watermark"], json!({"timestamp": 1_700_000_000, "appid": MINI_PROGRAM}));
    assert_ne!(bench.handle.encrypted_phone(MINI_PROGRAM, "zhang").unwrap().iv, sealed.iv);
    bench.handle.set_rotate_session_keys(true);
    bench.handle.login_code(MINI_PROGRAM, "zhang").unwrap();
    let newer = bench.handle.encrypted_phone(MINI_PROGRAM, "zhang").unwrap();
    assert_eq!(open(key_of(&session), &newer), None, "the key was replaced");
}

/// Item 13: ids, and no real name since 2022.
#[tokio::test]
async fn user_information_has_ids_and_no_real_name() {
    let bench = Bench::start().await;
    let session = bench.logged_in("zhang").await;
    let sealed = bench.handle.encrypted_user(MINI_PROGRAM, "zhang").unwrap();
    let user = open(key_of(&session), &sealed).unwrap();
    assert_eq!((&user["openId"], &user["unionId"]), (&session["openid"], &session["unionid"]));
    assert_eq!((&user["nickName"], &user["watermark"]["appid"]), (&json!("微信用户"), &json!(MINI_PROGRAM)));
}
