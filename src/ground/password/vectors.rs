//! Hashes that other implementations have made of two passwords and none of ours, at a low cost.

pub(super) const A: &str = "correct horse battery staple";
pub(super) const U: &str = "密码 пароль ñ🔑";

/// Made by argon2-cffi 25.1.0.
pub(super) const ARGON2: &[(&str, &str)] = &[
    (A, "$argon2id$v=19$m=256,t=2,p=2$GxMlA8QFG9ziOl6wDKWjBA$YY3tf/WDfziVAwiwD8VF1xqMQBvvtqPQptwj4NMFf84"),
    (U, "$argon2id$v=19$m=256,t=2,p=2$bVzvrLiTFKfOtRF8No+j/w$nLtD8LtkAVF3IqUs3bdSPedEfr54HQVPEexJy2n6t8Q"),
    (A, "$argon2i$v=19$m=256,t=2,p=2$sA+R1GkgoVDSErv1E6A0rQ$BMb0dsbzWVKRs7bJEB4YCJrG2Gh+mwKvdjRAQffU7dE"),
    (U, "$argon2i$v=19$m=256,t=2,p=2$vpxI068KVlNrRT/VlAWi0Q$pIFNjN7egqLcep9qLF4SnhofWLFx/cimYbyYUcB5v7s"),
    (A, "$argon2d$v=19$m=256,t=2,p=2$0qjttnOM39RPi+NVhOPZsQ$5rAblaPSelhQUhi44Y/RwRtZ/bRifsVOU3LWyMk6c1U"),
    (U, "$argon2d$v=19$m=256,t=2,p=2$AjQtxsQvVgGMpdYVahMXNA$Plv/8w/pBEmVeRaVEBZLNW++fRq/1O18NsqcBCnBhyM"),
    (A, "$argon2i$v=16$m=64,t=1,p=1$ny2aGvMvCSFpQbXJgM5n1g$nH3U9E0Bw/Vo3CrmYHmKegE/hNx7WlHi"),
];

/// Made by bcrypt 5.0.0 for Python, which writes no `$2y$`: that one is a `$2b$` under PHP's name for the same.
pub(super) const BCRYPT: &[(&str, &str)] = &[
    (A, "$2a$04$r0znVb4Z5/Z40d1iI8ZSTOyhTjUNiD7lKrmu4hvEyC/cRsFjEq27e"),
    (U, "$2a$04$BMhrQ2EqFRak5niH6bKpDuG1dTQvbDulnBmVzZYCnIJjOA0e4nNHy"),
    (A, "$2b$04$t0CfAdm4zlcLr1d.cXDy/.RlfYqFQLA9EaXGh8Mr3C28.zDq1xqQ."),
    (U, "$2b$04$Ojq7jkd.0nvQI1j.XC7U/uToRAEPmtGe5HH8SrOvHBEtWB2lwjL52"),
    ("", "$2b$04$qAp66MgmHHqxZHTHDjsB0en5vc/6ByJMtaKNlVogv4yhdrcP6ZrBq"),
    (A, "$2y$04$1oOH5C1T4eriHBikKE.K6ODvZ9wr9JZfSJqmkNbZcKm1CxjEHPaMy"),
];

/// Not made by WordPress: by our reading of the rule of its version 6.8 (`wp_hash_password`), with hmac and base64 of
/// Python 3.11 and bcrypt 5.0.0.
pub(super) const WORDPRESS: &[(&str, &str)] = &[
    (A, "$wp$2y$04$Tlp45SPQuKnwJ2Ksiz/Vc./FXQhXIAZ1l3V5Us0yWc6qNgPwFWkRm"),
    (U, "$wp$2y$04$O0d.Kpe6TIiWuT/rMiZoneQXhqlWdjy6M6BU7FNzQFstIqCQLNv3i"),
];

/// Made by passlib 1.7.4.
pub(super) const PASSLIB: &[(&str, &str)] = &[
    (A, "$pbkdf2$50$BkCoFYJwbk1JiXFOaS2ldA$.CxqIOPaQzuxz0fgaXlYhpl.F1A"),
    (U, "$pbkdf2$50$693bm5MSYkyJ8b63trZWKg$fvXBfYWZ.yESw4MBAgzKGlRragI"),
    (A, "$pbkdf2-sha256$50$O8d4D0GI8d47x1gL4TzHWA$zbaLHP/Bfiyg2Nofb.xyE6z39LxL8RUNHP4EEol1Ekw"),
    (U, "$pbkdf2-sha256$50$KIVwznmPEUJobS2l9H5PqQ$DCpDXNLpdyEEKoOutf/Z0o9H.2gJqk6DZpttTqnOXmI"),
    (
        A,
        "$pbkdf2-sha512$50$/J.zlrIWAsCYc46R8h5DiA$zuBRsdeiDHj807oPtguDFW2hozqP4leC/0f2IipMTztQTOb.rn.QMm.gIkIP3qFjOvNL1pe.fOqbMUXsWjO1wA",
    ),
    (
        U,
        "$pbkdf2-sha512$50$vtcaA0CoFUJISekdI2SM0Q$fyGIDYGo1bHCWZdzgOWY4GXOFRWsbOsbpMDvEFYr/V1koWdo2P.MmM9khJXhvgAqlSvryr21LW1IRtmbkKnwvw",
    ),
    (A, "$P$5zmkukrBn2xlK7uuqgJ8iFZeWrZGkK1"),
    (U, "$P$5iyWaWfR3z4udHXnUV42xxEUuAtjfd."),
    (A, "$H$5aOX6e8yXmpw1v1o0mbU0trhio8FSb0"),
    (U, "$H$5Bb0dCUFl2BONejxiyBhohi5cVKMUl1"),
    (A, "$scrypt$ln=6,r=8,p=2$0lqLcS4FIISw9n5PaS0l5A$seQ5ElNouMc36cCn4ChVziNEFQw5M7NFkN0nmeONQ9I"),
    (U, "$scrypt$ln=6,r=8,p=2$1fpf6x2DMKZ07p0TovTe2w$NsXTjRnWjFkTnjUHdtEHhZ1X15tzOzFxo+BcHH+iKOw"),
];

/// Made by hashlib of Python 3.11, written down in the PHC form.
pub(super) const PHC: &[(&str, &str)] = &[
    (A, "$pbkdf2-sha256$i=60,l=32$yBEXKImLvLv1+1hc0dpf4g$IUMolVORZ+16k0OGXEo0DqcjWEM/emSr3NUfx7oc7fc"),
    (A, "$pbkdf2-sha512$i=60$yBEXKImLvLv1+1hc0dpf4g$X++K1ZW4mXHcGS8BrDDq79QQdyAGfI1iLEN3sPiA3Ek"),
    (U, "$pbkdf2-sha256$i=60,l=32$yBEXKImLvLv1+1hc0dpf4g$V34Yksjk6rokQSjSQ+RALrNyO/wYg3cPytqgnsNmOq4"),
    (U, "$pbkdf2-sha512$i=60$yBEXKImLvLv1+1hc0dpf4g$PBZaHWGledSXNQgg8W8nDL5C2gWgujArVBCB6AikRsA"),
];

/// Made by Werkzeug 3.1.9.
pub(super) const WERKZEUG: &[(&str, &str)] = &[
    (A, "pbkdf2:sha256:70$9rKKYPXjJCndY27M$bdb44e57765f79f1dfe52651d840ae735a6dbdadf64e0e4ea7d2947ae5613293"),
    (A, "pbkdf2:sha1:70$nJJuxb29EQwzpLzx$c5eda022a549ff3816dab04d28a4caef1ae2ccea"),
    (
        A,
        "pbkdf2:sha512:70$lXAFVvfXCZyX9PaO$999c07a9064e7843727072fd3ebf9b21dcaccc44e94257a412aabf915aa8ca7435eb8fe6cb0c9ccc3981e2df43e97d28a977ab5431e2263a2a9cf99fcb51329f",
    ),
    (
        A,
        "scrypt:1024:8:1$YuUNWYM1TBmnRy0y$d0d3d4acc7cfda07e4d8ad7d61b36c06b1770c45c5a07c03a0359414d35c30f20ea861cdcbb47e885e31a8bf128506e0c03784fe69e6acf7fb7d7c30a2e67812",
    ),
    (U, "pbkdf2:sha256:70$uvWflv2uhnnu5yiG$ecef48b5e603157ce6353e152bf62cd8676821e65dd64be6777f85ff427d3131"),
    (U, "pbkdf2:sha1:70$H8r0de5ZUq8s0Bpn$bf14c7361b743367693df1355f6e12f7a5439fe8"),
    (
        U,
        "pbkdf2:sha512:70$YYoLiekUzrjw3NLZ$1c74bd07f8a862bbcc20d071e01b6e1d4be13716eb05e8429a3085536c6a25abb2d72ef04e3efbb203ffb82b8e28da90892698a90e99f5aa549cd7fcd8db0a85",
    ),
    (
        U,
        "scrypt:1024:8:1$MKRYGwi2QU2Vrsb4$0124233850cfd8191b26c9502c32d15646e611566db46cbc6c47a32f2f1667c6dc91d840c24f6313e3619c025db583f45a7de70dbfa86ef142a73b89b605e628",
    ),
];

/// Made by Django 5.2.19.
pub(super) const DJANGO: &[(&str, &str)] = &[
    (A, "pbkdf2_sha256$80$0123456789abcdefghijkl$t4nlRbeEWRnebgkI6aXioO6b/c3onxLXvLZN0fJcb/E="),
    (A, "pbkdf2_sha1$80$0123456789abcdefghijkl$88GqQJsD66H6ZhLi6/VAPV+nsZ8="),
    (
        A,
        "scrypt$1024$0123456789abcdefghijkl$8$2$enIh41+ecrBxLOrR86OKCkcmaa37FVEVjw3+XCY3EJ/QqiMArnQnu+hXFbO9c7BmLnujP9QlZkymFlRY8IBC2w==",
    ),
    (
        A,
        "argon2$argon2id$v=19$m=128,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZmdoaWprbA$/zRPve+bCAf57UAM2QLROy1pS6IAMffQfXMj7cDIUoA",
    ),
    (A, "bcrypt$$2b$04$gsHrVsZpqM0PoNnAGfF3e.mQBnivxgjzLqAtq3ak.7yzcNSinmBOO"),
    (A, "bcrypt_sha256$$2b$04$PCoYsVixiVhuvpFl5RhR2OrQXEKAkmwiBxCIvNCfayi0HvBNQqkQ6"),
    (U, "pbkdf2_sha256$80$0123456789abcdefghijkl$i/QiptzGn3pev/KMHyU5pTDa4ypTmTDgXegYBG3BNRI="),
    (U, "pbkdf2_sha1$80$0123456789abcdefghijkl$N+ED0PSVJ0G0PLz3DMEp9kHY/zM="),
    (
        U,
        "scrypt$1024$0123456789abcdefghijkl$8$2$BsXs0mh27L4gJps2XKs5EpWs0pQm3bMv1WwToxd6DFhuzTvTijyzE0SLDzTvq+VyNlqYE7lnt8aeEN0V6zHAkQ==",
    ),
    (
        U,
        "argon2$argon2id$v=19$m=128,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZmdoaWprbA$A2NVzgjWHCEEAnRGkvvUK5Mu149yHAHbqXzZUZMkZEo",
    ),
    (U, "bcrypt$$2b$04$bWRC.U4YJJQ4SbSotA.Pw.7W9E5HIRNGKOjFe8gzXfndO2xrD0oGy"),
    (U, "bcrypt_sha256$$2b$04$Z3Q4DCNJTYlSs33wWDvdwem0xmHjtTYePvOTc0E4h6htjnwLZ9I3u"),
];

/// Made by bcrypt 5.0.0 for Python of 72 times `a`.
pub(super) const SEVENTY_TWO: &str = "$2b$04$ZmwBwfePTmgf2YLdMrATp.eKfrRc9WXQRoLywVZAsFa1T.RzOt//.";

/// Made by bcrypt 5.0.0 for Python of the first 72 bytes of `x` and 30 times `密`: the cut goes through a letter.
pub(super) const CUT_LETTER: &str = "$2b$04$RVUzQYQPlph2SvkWb07DWOoaFynjUibh.R.muQ7oum60AksYYoqui";
