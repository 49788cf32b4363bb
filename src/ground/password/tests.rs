//! Verified against what other implementations wrote, and refused with a reason.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use rstest::rstest;

use super::vectors::*;
use super::work::Prepared;
use super::*;

#[rstest]
#[case::argon2(ARGON2)]
#[case::bcrypt(BCRYPT)]
#[case::wordpress(WORDPRESS)]
#[case::passlib(PASSLIB)]
#[case::phc(PHC)]
#[case::werkzeug(WERKZEUG)]
#[case::django(DJANGO)]
fn a_hash_of_another_implementation_takes_its_password_and_no_other(#[case] vectors: &[(&str, &str)]) {
    assert!(!vectors.is_empty());
    for (password, text) in vectors {
        let hash = PasswordHash::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert!(hash.verify(password), "{text}");
        assert!(!hash.verify(&format!("{password}x")), "{text}");
        let other = if *password == A { U } else { A };
        assert!(!hash.verify(other), "{text}");
        assert!(!hash.is_current(), "{text}");
    }
}

#[test]
fn a_prefix_of_spring_before_a_hash_that_names_its_parameters_is_taken() {
    let (password, text) = BCRYPT[0];
    assert!(PasswordHash::parse(&format!("{{bcrypt}}{text}")).unwrap().verify(password));
    let (password, text) = ARGON2[0];
    for prefix in ["{argon2}", "{argon2@SpringSecurity_v5_8}"] {
        assert!(PasswordHash::parse(&format!("{prefix}{text}")).unwrap().verify(password));
    }
}

#[test]
fn bcrypt_sees_72_bytes_as_it_did_where_the_hash_was_made() {
    let hash = PasswordHash::parse(SEVENTY_TWO).unwrap();
    assert!(hash.verify(&"a".repeat(72)));
    assert!(hash.verify(&format!("{}whatever follows", "a".repeat(72))));
    assert!(!hash.verify(&"a".repeat(71)));
    let hash = PasswordHash::parse(CUT_LETTER).unwrap();
    assert!(hash.verify(&format!("x{}", "密".repeat(30))));
    assert!(hash.verify(&format!("x{}", "密".repeat(24))));
    assert!(!hash.verify(&format!("x{}", "密".repeat(23))));
}

#[test]
fn wordpress_takes_a_password_with_white_space_around_it() {
    let (password, text) = WORDPRESS[0];
    assert!(PasswordHash::parse(text).unwrap().verify(&format!(" \t{password}\r\n")));
    let (password, text) = BCRYPT[0];
    assert!(!PasswordHash::parse(text).unwrap().verify(&format!("{password} ")));
}

/// Made of WordPress's form of the password, `it\'s \"\\`, which PHP's `addslashes` writes.
#[rstest]
#[case::bcrypt(Work::Bcrypt { cost: 4, prepared: Prepared::WordPress }, true)]
#[case::phpass(Work::Phpass { log_rounds: 7 }, true)]
#[case::plain_bcrypt(Work::Bcrypt { cost: 4, prepared: Prepared::Plain }, false)]
fn of_wordpress_a_password_with_backslashes_before_its_quotes_is_right_too(
    #[case] work: Work,
    #[case] right: bool,
) {
    let typed = "it's \"\\";
    let slashed = work.slashed(typed.as_bytes());
    let expected = right.then(|| br#"it\'s \"\\"#.to_vec());
    assert_eq!(slashed.map(|slashed| slashed.to_vec()), expected);
    assert_eq!(work.slashed(A.as_bytes()), None, "most passwords are computed once");
}

#[test]
fn wordpress_takes_a_password_with_quotes_as_it_is_typed() {
    // Of `it\'s \"\\` by the loop of phpass, written again with hashlib of Python 3.
    let hash = PasswordHash::parse("$P$5zmkukrBnpjAn1b2r8Al3m9jEMCYi80").unwrap();
    assert!(hash.verify("it's \"\\"));
    assert!(!hash.verify("its \"\\"));
    assert!(!PasswordHash::parse(BCRYPT[0].1).unwrap().verify("it's \"\\"));
}

#[rstest]
#[case::bcrypt(BCRYPT[0].1, &"a".repeat(71), true)]
#[case::bcrypt_cut(BCRYPT[0].1, &"a".repeat(72), false)]
#[case::bcrypt_of_a_digest(DJANGO[5].1, &"a".repeat(99), true)]
#[case::wordpress(WORDPRESS[0].1, "a b", true)]
#[case::wordpress_trimmed(WORDPRESS[0].1, "a b ", false)]
#[case::wordpress_quoted(WORDPRESS[0].1, "it's", false)]
#[case::phpass_quoted("$P$5zmkukrBn2xlK7uuqgJ8iFZeWrZGkK1", "it's", false)]
#[case::phpass("$P$5zmkukrBn2xlK7uuqgJ8iFZeWrZGkK1", " its ", true)]
#[case::others(PHC[0].1, " a ", true)]
fn a_scheme_knows_whether_it_takes_the_whole_password(
    #[case] hash: &str,
    #[case] password: &str,
    #[case] exact: bool,
) {
    assert_eq!(PasswordHash::parse(hash).unwrap().is_exact(password), exact);
}

#[test]
fn a_new_hash_is_current_salted_and_takes_its_password() {
    let hash = PasswordHash::new(U, &mut rand::rng());
    assert!(hash.verify(U) && !hash.verify(A) && hash.is_current());
    assert!(hash.reveal().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.reveal());
    assert_ne!(hash, PasswordHash::new(U, &mut rand::rng()));
    assert_eq!(PasswordHash::parse(hash.reveal()).unwrap(), hash);
}

#[test]
fn a_hash_of_a_higher_cost_stays() {
    let salted = "$MDEyMzQ1Njc4OWFiY2RlZg$MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY";
    for (costs, current) in [
        ("m=19456,t=2,p=1", true),
        ("m=65536,t=4,p=1", true),
        ("m=19456,t=1,p=1", false),
        ("m=4096,t=9,p=1", false),
    ] {
        let hash = PasswordHash::parse(&format!("$argon2id$v=19${costs}{salted}")).unwrap();
        assert_eq!(hash.is_current(), current, "{costs}");
    }
    let other_kind = PasswordHash::parse(&format!("$argon2i$v=19$m=65536,t=4,p=1{salted}")).unwrap();
    assert!(!other_kind.is_current());
}

#[test]
fn a_password_of_more_than_a_kilobyte_is_wrong_whatever_the_hash() {
    let long = "a".repeat(LONGEST_PASSWORD + 1);
    assert!(!PasswordHash::parse(SEVENTY_TWO).unwrap().verify(&long));
    assert!(PasswordHash::parse(SEVENTY_TWO).unwrap().verify(&long[1..]));
}

#[test]
fn a_hash_never_prints_and_is_a_plain_text_in_json() {
    let (_, text) = ARGON2[0];
    let hash = PasswordHash::parse(text).unwrap();
    assert_eq!(format!("{hash:?}"), "[hidden]");
    let json = serde_json::to_string(&hash).unwrap();
    assert_eq!(json, format!("\"{text}\""));
    assert_eq!(serde_json::from_str::<PasswordHash>(&json).unwrap(), hash);
}

/// A row that another version wrote.
#[test]
fn a_stored_text_that_is_not_understood_takes_no_password() {
    let hash: PasswordHash = serde_json::from_str("\"$new$scheme\"").unwrap();
    assert!(!hash.verify("") && !hash.verify(A) && !hash.is_current());
}

#[rstest]
#[case::empty("", "no password hash")]
#[case::plain("hunter2", "no password hash")]
#[case::plain_of_spring("{noop}hunter2", "no password hash")]
#[case::spring_without_parameters("{pbkdf2}5d923b44a6d129f3ddf3e3c8d29412723dcbde72", "no password hash")]
#[case::md5("5f4dcc3b5aa765d61d8327deb882cf99", "no password hash")]
#[case::sha512_crypt("$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2", "no password hash")]
#[case::salted_sha1_of_django("sha1$salt$5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8", "no password hash")]
#[case::unusable("!bt5RV2xDDqXvGb9wnXiREkpgFgsVEdCWKwQhYvYf", "leave the hash out")]
#[case::locked("*", "leave the hash out")]
#[case::faulty_kind("$2x$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e", "bcrypt: `$2x$`")]
#[case::short_bcrypt("$2b$05$/OK.fbVrR/bpIqNJ5ianF", "bcrypt: expected")]
#[case::letters_outside_ascii(
    "$2b$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzX密",
    "bcrypt: expected"
)]
#[case::padded_bcrypt(
    "$2b$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3=",
    "bcrypt: its parameters"
)]
#[case::padded_salt("$2b$05$/OK.fbVrR/bpIqNJ5ian==CE5elHaaO4EbggVDjb8P19RukzXSM3e", "bcrypt: its")]
#[case::cheap_bcrypt(
    "$2b$03$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e",
    "bcrypt: its parameters"
)]
#[case::dear_bcrypt("$2b$31$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e", "cost (2^31 rounds)")]
#[case::bcrypt_beyond_all(
    "$2b$99$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e",
    "cost (2^99 rounds)"
)]
#[case::argon2_with_key(
    "$argon2id$v=19$m=64,t=1,p=1,keyid=AA$MDEyMzQ1Njc4OWFi$MDEyMzQ1Njc4OWFiMTIzNA",
    "key ids"
)]
#[case::argon2_kind(
    "$argon2x$v=19$m=64,t=1,p=1$MDEyMzQ1Njc4OWFi$MDEyMzQ1Njc4OWFiMTIzNA",
    "argon2: there are"
)]
#[case::argon2_version(
    "$argon2id$v=20$m=64,t=1,p=1$MDEyMzQ1Njc4OWFi$MDEyMzQ1Njc4OWFiMTIzNA",
    "argon2: expected"
)]
#[case::argon2_salt("$argon2id$v=19$m=64,t=1,p=1$MDEy$MDEyMzQ1Njc4OWFiMTIzNA", "smaller than the scheme")]
#[case::argon2_digest("$argon2id$v=19$m=64,t=1,p=1$MDEyMzQ1Njc4OWFi$MDEyMzQ", "smaller than the scheme")]
#[case::argon2_lanes(
    "$argon2id$v=19$m=64,t=1,p=9$MDEyMzQ1Njc4OWFi$MDEyMzQ1Njc4OWFiMTIzNA",
    "smaller than the scheme"
)]
#[case::argon2_no_passes("$argon2id$v=19$m=64,t=0,p=1$MDEyMzQ1Njc4OWFi$MDEyMzQ1Njc4OWFiMTIzNA", "smaller")]
#[case::argon2_memory(
    "$argon2id$v=19$m=1048576,t=1,p=1$MDEyMzQ1Njc4OWFi$MDEyMzQ1Njc4OWFiMTIzNA",
    "cost (1024 MiB, 1"
)]
#[case::argon2_passes(
    "$argon2id$v=19$m=65536,t=99,p=1$MDEyMzQ1Njc4OWFi$MDEyMzQ1Njc4OWFiMTIzNA",
    "cost (64 MiB, 99"
)]
#[case::rounds("pbkdf2_sha256$99999999$salt$MDEyMzQ1Njc4OWFiMTIzNA==", "cost (99999999 rounds")]
#[case::rounds_times_blocks("pbkdf2:sha1:3000000$salt$00112233445566778899aabbccddeeff0011223344", "2 times")]
#[case::no_rounds("pbkdf2:sha256:0$salt$00112233445566778899aabbccddeeff", "smaller than the scheme")]
#[case::rounds_beyond_all(
    "pbkdf2:sha256:99999999999$salt$00112233445566778899aabbccddeeff",
    "number of rounds"
)]
#[case::rounds_left_out("pbkdf2:sha256$salt$00112233445566778899aabbccddeeff", "no password hash")]
#[case::no_digest("pbkdf2:sha256:1000$salt$", "smaller than the scheme")]
#[case::no_salt("pbkdf2:sha256:1000$$00112233445566778899aabbccddeeff", "smaller than the scheme")]
#[case::half_a_byte("pbkdf2:sha256:1000$salt$00112233445566778899aabbccddeeff0", "not in the letters")]
#[case::phc_length("$pbkdf2-sha256$i=60,l=32$MDEyMzQ1Njc4OWFi$MDEyMzQ1Njc4OWFiMTIzNA", "`l` says")]
#[case::scrypt_memory("$scrypt$ln=30,r=8,p=1$MDEyMzQ1Njc4OWFi$MDEyMzQ1Njc4OWFiMTIzNA", "scrypt: its cost")]
#[case::scrypt_lanes(
    "$scrypt$ln=1,r=1,p=4294967295$MDEyMzQ1Njc4OWFi$MDEyMzQ1Njc4OWFiMTIzNA",
    "scrypt: its cost"
)]
#[case::scrypt_blocks(
    "$scrypt$ln=63,r=4294967295,p=4294967295$MDEy$MDEyMzQ1Njc4OWFiMTIzNA",
    "scrypt: its cost"
)]
#[case::scrypt_beyond_all("$scrypt$ln=64,r=1,p=1$MDEyMzQ1Njc4OWFi$MDEyMzQ1Njc4OWFiMTIzNA", "`ln` is 64")]
#[case::scrypt_n("scrypt:1000:8:1$salt$00112233445566778899aabbccddeeff", "no power of two")]
#[case::phpass_rounds("$P$S2Cb.BL95K1eaMcItLDwMf6QGffrM31", "cost (2^30 rounds)")]
#[case::phpass_letters("$P$52Cb.BL95K1eaMcItLDwMf6QGffrM3", "phpass: expected")]
fn what_cannot_be_verified_is_refused_with_a_reason(#[case] text: &str, #[case] reason: &str) {
    let error = PasswordHash::parse(text).unwrap_err().to_string();
    assert!(error.contains(reason), "{error}");
    let digest = text.rsplit(['$', '}']).next().filter(|digest| digest.len() > 5);
    assert!(digest.is_none_or(|digest| !error.contains(digest)), "a reason never quotes the hash: {error}");
}

#[test]
fn a_text_longer_than_any_hash_is_refused_unread() {
    let error = PasswordHash::parse(&format!("$2b${}", "a".repeat(600))).unwrap_err();
    assert_eq!(error, NotAPasswordHash::TooLong);
}

proptest! {
    #[test]
    fn any_text_is_read_without_panic(text in "\\PC{0,80}") {
        let _ = PasswordHash::parse(&text);
    }

    #[test]
    fn what_looks_like_a_hash_is_read_without_panic(
        scheme in "(\\$argon2(id|i|d)\\$v=19|\\$2[aby]|\\$wp\\$2y|\\$scrypt|scrypt:1024:8:1|pbkdf2_sha256|\\$P|\\$pbkdf2-sha256)",
        rest in "[$a-zA-Z0-9=,./+:]{0,70}",
    ) {
        let _ = PasswordHash::parse(&format!("{scheme}${rest}"));
    }
}
