//! Mails, through a server that others wrote.

use std::time::Duration;

use menshen::notify::{Letter, NotifyError};
use rstest::rstest;
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::smtp_server::{PASSWORD, SmtpServer, Tls, USER};
use super::{assert_nothing_leaks, error, notify};

const PERSON: &str = "person@example.org";
const LETTER: Letter<'_> = Letter {
    subject: "您的验证码：登录 Example",
    text: "您的验证码是 135790，5 分钟内有效。\n\n.\n如非本人操作，请忽略。\n",
};

#[rstest]
#[case(Tls::Implicit)]
#[case(Tls::Starttls)]
#[case(Tls::None)]
#[tokio::test]
async fn a_mail_arrives_as_it_was_written(#[case] tls: Tls) {
    let server = SmtpServer::start(tls).await;
    let notify = notify(&server.section());
    assert!(notify.can_email() && !notify.can_sms());
    notify.email(PERSON, &LETTER).await.unwrap();
    let mail = server.mail(PERSON, 1).await;
    assert_eq!((mail.subject.as_str(), mail.code(6).as_str()), (LETTER.subject, "135790"));
    assert_eq!(mail.text.replace("\r\n", "\n").trim_end(), LETTER.text.trim_end());
    assert_eq!((mail.from.as_str(), mail.to.as_slice()), (USER, [PERSON.to_owned()].as_slice()));
    assert_eq!((mail.tls, mail.user.as_deref()), (tls != Tls::None, Some(USER)));
    assert_eq!(mail.header("From"), ["门神 <login@example.com>"]);
    assert_eq!(mail.header("To"), [PERSON]);
    assert_eq!(mail.header("Auto-Submitted"), ["auto-generated"]);
    assert_eq!(mail.header("Date").len(), 1);
    assert!(mail.header("Message-ID")[0].ends_with("@example.com>"), "{mail:?}");
    assert!(mail.raw.is_ascii(), "what is not ASCII is encoded: {}", mail.raw);
    assert_nothing_leaks("");
}

#[tokio::test]
async fn mails_are_sent_one_by_one_and_to_one_person_each() {
    let server = SmtpServer::start(Tls::Implicit).await;
    let notify = notify(&server.section());
    let sent = (0..5).map(|number| {
        let notify = notify.clone();
        async move { notify.email(&format!("person@{number}.example.org"), &LETTER).await }
    });
    for outcome in futures_util::future::join_all(sent).await {
        outcome.unwrap();
    }
    for number in 0..5 {
        assert_eq!(server.mail(&format!("person@{number}.example.org"), 1).await.to.len(), 1);
    }
    assert_eq!(server.mails().len(), 5);
}

#[tokio::test]
async fn what_would_add_a_receiver_or_a_header_sends_nothing_or_stays_in_its_place() {
    let server = SmtpServer::start(Tls::None).await;
    let notify = notify(&server.section());
    for to in
        ["person@example.org\r\nBcc: other@example.org", "person@example.org>\r\nRCPT TO:<other@example.org"]
    {
        let refused = error(notify.email(to, &LETTER).await);
        assert!(matches!(refused, NotifyError::Unsendable(_)), "{refused:?}");
    }
    let letter =
        Letter { subject: "code\r\nBcc: other@example.org", text: "a\r\n.\r\nMAIL FROM:<x@y.example>\r\n" };
    notify.email(PERSON, &letter).await.unwrap();
    let mail = server.mail(PERSON, 1).await;
    assert_eq!(mail.subject, "code Bcc: other@example.org");
    assert_eq!(mail.text.replace("\r\n", "\n").trim_end(), "a\n.\nMAIL FROM:<x@y.example>");
    assert!(mail.header("Bcc").is_empty());
    assert_eq!(server.mails().len(), 1);
}

#[rstest]
#[case(Tls::Implicit)]
#[case(Tls::Starttls)]
#[tokio::test]
async fn a_wrong_password_is_refused(#[case] tls: Tls) {
    let server = SmtpServer::start(tls).await;
    let notify = notify(&server.section().replace(PASSWORD, "wrong-p@ssword"));
    assert!(matches!(error(notify.email(PERSON, &LETTER).await), NotifyError::Refused(535)));
    assert!(server.mails().is_empty());
}

#[tokio::test]
async fn a_receiver_that_the_server_does_not_know_is_a_refusal_that_names_nobody() {
    let server = SmtpServer::start(Tls::Implicit).await;
    let notify = notify(&server.section());
    let refused = error(notify.email("refused@example.org", &LETTER).await);
    assert!(matches!(refused, NotifyError::Refused(550)));
    assert_eq!(refused.to_string(), "refused with 550");
    notify.email(PERSON, &LETTER).await.unwrap();
    assert_eq!(server.mails().len(), 1);
}

/// The server asks for a user, and the config has none.
#[tokio::test]
async fn a_server_that_wants_a_user_refuses_nobody_in_particular() {
    let server = SmtpServer::start(Tls::Implicit).await;
    let section = server.section();
    let lines = section.lines().filter(|line| !line.starts_with("username") && !line.starts_with("password"));
    let notify = notify(&lines.collect::<Vec<_>>().join("\n"));
    assert!(matches!(error(notify.email(PERSON, &LETTER).await), NotifyError::Refused(530)));
}

#[rstest]
#[case(Tls::Implicit)]
#[case(Tls::Starttls)]
#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_gets_no_password(#[case] tls: Tls) {
    let server = SmtpServer::start(tls).await;
    let section = server.section();
    // The system's authorities instead of the one of the test; then the right one, and another name.
    let unknown: Vec<_> = section.lines().filter(|line| !line.starts_with("ca_file")).collect();
    let misnamed = section.replace("host = \"localhost\"", "host = \"127.0.0.1\"");
    for section in [unknown.join("\n"), misnamed] {
        let refused = error(notify(&section).email(PERSON, &LETTER).await);
        assert!(matches!(refused, NotifyError::Unreachable(_)), "{refused:?}");
        let told = menshen::ground::with_causes(&refused);
        assert!(told.contains("certificate"), "an operator sees why: {told}");
    }
    assert!(server.mails().is_empty());
}

/// A server that speaks in clear, asked for TLS.
#[rstest]
#[case("implicit")]
#[case("starttls")]
#[tokio::test]
async fn nothing_goes_out_in_clear_where_tls_is_wanted(#[case] tls: &str) {
    let server = SmtpServer::start(Tls::None).await;
    let section = server.section().replace("tls = \"none\"", &format!("tls = \"{tls}\"\ntimeout = \"2s\""));
    let refused = error(notify(&section).email(PERSON, &LETTER).await);
    assert!(matches!(refused, NotifyError::Unreachable(_) | NotifyError::Timeout), "{refused:?}");
    assert!(server.mails().is_empty());
}

#[tokio::test]
async fn a_send_ends_with_its_limit_wherever_the_server_falls_silent() {
    let server = SmtpServer::start(Tls::Implicit).await;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let limited = server.section() + "timeout = \"1s\"\n";
    let nobody = limited.replace(&format!("port = {}", server.port()), &format!("port = {port}"));
    for (section, to) in [(&nobody, PERSON), (&limited, "hang@example.org")] {
        let notify = notify(section);
        let outcome = timeout(Duration::from_secs(20), notify.email(to, &LETTER)).await.unwrap();
        assert!(matches!(error(outcome), NotifyError::Timeout));
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_cannot_be_reached() {
    let server = SmtpServer::start(Tls::Implicit).await;
    let section = server.section();
    let notify = notify(&section);
    drop(server);
    // The authority's file is read at the start, not now.
    assert!(matches!(error(notify.email(PERSON, &LETTER).await), NotifyError::Unreachable(_)));
}

#[tokio::test]
async fn an_address_whose_letters_the_server_does_not_know_is_not_the_servers_absence() {
    let server = SmtpServer::start(Tls::Implicit).await;
    let refused = error(notify(&server.section()).email("某人@example.org", &LETTER).await);
    assert!(matches!(refused, NotifyError::Unsendable(_)), "{refused:?}");
}
