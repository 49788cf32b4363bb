//! What a mail is made of, whatever is given.

#![allow(clippy::unwrap_used)]

use std::sync::LazyLock;

use proptest::prelude::*;
use rstest::rstest;

use super::*;

fn mail() -> &'static Mail {
    static MAIL: LazyLock<Mail> = LazyLock::new(|| {
        let text = "host = 'localhost'\ntls = 'none'\nfrom = '门神, Inc. <login@example.com>'";
        Mail::new(&toml::from_str::<SmtpConfig>(text).unwrap()).unwrap()
    });
    &MAIL
}

/// The names of the headers, one per line of the head that begins one.
fn headers(message: &Message) -> Vec<String> {
    let text = String::from_utf8(message.formatted()).unwrap();
    let (head, _) = text.split_once("\r\n\r\n").unwrap();
    assert!(!head.replace("\r\n", "").contains(['\r', '\n']), "{head:?}");
    let lines = head.split("\r\n").filter(|line| !line.starts_with([' ', '\t']));
    let mut names: Vec<_> = lines.map(|line| line.split_once(':').unwrap().0.to_owned()).collect();
    names.sort();
    names
}

const HEADERS: [&str; 8] = [
    "Auto-Submitted",
    "Content-Transfer-Encoding",
    "Content-Type",
    "Date",
    "From",
    "Message-ID",
    "Subject",
    "To",
];

#[rstest]
#[case::another_header("a@b.example\r\nBcc: c@d.example")]
#[case::another_command("a@b.example>\r\nRCPT TO:<c@d.example")]
#[case::a_line("a@b.example\n")]
#[case::a_space(" a@b.example")]
#[case::quotes("\"a\r\nb\"@b.example")]
#[case::a_quoted_address("\"c@d.example>\"@b.example")]
#[case::two("a@b.example,c@d.example")]
#[case::a_group("x:a@b.example;")]
#[case::a_comment("a(c)@b.example")]
#[case::a_name("A <a@b.example>")]
#[case::nobody("@b.example")]
#[case::nowhere("a@")]
#[case::no_address("a")]
#[case::nothing("")]
#[case::null("a\0@b.example")]
fn what_is_not_one_plain_address_gets_no_mail(#[case] to: &str) {
    let error = mail().message(to, &Letter { subject: "s", text: "t" }).unwrap_err();
    assert!(matches!(error, NotifyError::Unsendable(_)));
    assert_eq!(error.to_string(), "no mail can go to such an address");
}

#[test]
fn a_subject_ends_no_header() {
    let letter = Letter { subject: "您的验证码\r\nBcc: c@d.example\r\n\r\n<html>", text: "t" };
    let message = mail().message("a@b.example", &letter).unwrap();
    assert_eq!(headers(&message), HEADERS);
    let plain = Letter { subject: "code\nBcc: c@d.example", text: "t" };
    let text = String::from_utf8(mail().message("a@b.example", &plain).unwrap().formatted()).unwrap();
    assert!(text.contains("\r\nSubject: code Bcc: c@d.example\r\n"), "{text}");
}

#[test]
fn a_mail_says_that_no_person_sent_it_and_names_itself_once() {
    let letter = Letter { subject: "s", text: "t" };
    let texts = [(); 2].map(|()| mail().message("a@b.example", &letter).unwrap().formatted());
    let [one, other] = texts.map(|text| String::from_utf8(text).unwrap());
    assert!(one.contains("\r\nAuto-Submitted: auto-generated\r\n"), "{one}");
    let id = |text: &str| text.lines().find(|line| line.starts_with("Message-ID: <")).map(str::to_owned);
    assert!(id(&one).unwrap().ends_with("@example.com>"), "{one}");
    assert_ne!(id(&one), id(&other));
}

proptest! {
    #[test]
    fn nothing_given_makes_another_header(to in "\\PC{0,12}[@\\r\\n<> ]{0,3}\\PC{0,12}", subject in any::<String>(),
                                           text in any::<String>()) {
        let letter = Letter { subject: &subject, text: &text };
        if let Ok(message) = mail().message(&to, &letter) {
            prop_assert_eq!(message.envelope().to().len(), 1);
            prop_assert_eq!(headers(&message), HEADERS);
        }
        let message = mail().message("a@b.example", &letter).unwrap();
        prop_assert_eq!(headers(&message), HEADERS);
    }
}
