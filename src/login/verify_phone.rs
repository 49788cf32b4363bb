//! A visitor who is logged in proves a phone number: a code goes there by SMS, and comes back typed in.
//!
//! The code is nowhere stored (`domain::one_time_code`); what waits is a note of the login on this host. How the code is
//! sent is the caller's. A number that another account holds stays there.

use super::Login;
use super::account_links::{account_now, keep_phone};
use super::code_limits::{Asker, NotNow, count_code, mark};
use super::sessions::Known;
use crate::domain::one_time_code::{AGAIN, LIFETIME};
use crate::domain::{Account, AccountId, CodeSpent, CodeTarget, Contact, OneTimeCode, Phone, Status};
use crate::ground::{Secret, Token, TokenDigest, random_id};
use crate::store::{Note, OnceKey, Store, StoreError};

/// Marks an account that asked for a code within the last minute, whatever the number.
const BY_ACCOUNT: &str = "phone_code_by";

/// Marks an account for which WeChat has just told a number that another account holds.
const TOLD_IN_VAIN: &str = "phone-told-in-vain";

/// How often a try that lost a race is made again.
const ROUNDS: usize = 8;

/// Length of a salt: 100 random bits.
const SALT_LEN: usize = 20;

/// Why no code was sent, or why one proved nothing.
#[derive(Debug, thiserror::Error)]
pub enum PhoneError {
    /// The store gave no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// One was sent just now, to this number or for this account.
    #[error("a code was sent just now")]
    TooSoon {
        /// After how many seconds there may be another.
        seconds: u64,
    },
    /// Too many were sent today, to this number or for this account.
    #[error("too many codes were sent today")]
    TooMany {
        /// After how many seconds there may be another.
        seconds: u64,
    },
    /// Whoever sends messages did not take this one; they have logged why.
    #[error("the code could not be sent")]
    NotSent,
    /// No code waits, or it is too old, or was tried too often.
    #[error("there is no code to try")]
    Spent,
    /// This is not the code.
    #[error("this is not the code")]
    Wrong,
    /// The number is verified, but another account holds it.
    #[error("the number belongs to another account")]
    Taken,
    /// The account is disabled or gone.
    #[error("the account is disabled or gone")]
    NoAccount,
}

impl From<NotNow> for PhoneError {
    fn from(refused: NotNow) -> Self {
        match refused {
            NotNow::Store(error) => Self::Store(error),
            NotNow::TooSoon { seconds } => Self::TooSoon { seconds },
            NotNow::TooMany { seconds } => Self::TooMany { seconds },
        }
    }
}

/// A code that was not sent.
#[derive(Clone, Copy, Debug)]
pub struct NotSent;

impl Login {
    /// The code that waits to be typed in by this login, if any.
    pub async fn pending_phone_code(&self, known: &Known) -> Result<Option<OneTimeCode>, StoreError> {
        let now = self.now();
        let waiting = waiting(&*self.store, &name_of(known)).await?.map(|(_, code)| code);
        Ok(waiting.filter(|code| code.can_be_tried(now)))
    }

    /// Has `send` send a code to `phone`. It is good for the holder of `secret`, the token of this session. To be seen
    /// through: cut short, it may count a code that nobody got.
    pub async fn send_phone_code(
        &self,
        known: &Known,
        secret: &Token,
        phone: Phone,
        send: impl AsyncFnOnce(&Phone, &str) -> Result<(), NotSent>,
    ) -> Result<OneTimeCode, PhoneError> {
        let (store, now, name) = (&*self.store, self.now(), name_of(known));
        let by_account = OnceKey::of_text(BY_ACCOUNT, known.account_id());
        mark(store, &by_account, AGAIN, now).await?;
        let code =
            OneTimeCode::new(CodeTarget::Phone(phone.clone()), random_id(&mut rand::rng(), SALT_LEN), now);
        let sent = match count_code(store, Asker::Account(known.account_id()), &code.to, now).await {
            Ok(()) => self.note_and_send(&name, secret, &phone, &code, send).await,
            Err(refused) => Err(refused.into()),
        };
        if let Err(error) = sent {
            // Another number may be tried at once. The number itself rests: perhaps the message did go out.
            store.take_once(&by_account).await?;
            return Err(error);
        }
        tracing::info!(target: "audit", event = "phone_code_sent", account = known.account_id());
        Ok(code)
    }

    /// Notes the code before it goes out: whoever has the message can use it, whatever happens to us meanwhile. One that
    /// did not go out makes way for the one before, whose message the visitor has.
    async fn note_and_send(
        &self,
        name: &str,
        secret: &Token,
        phone: &Phone,
        code: &OneTimeCode,
        send: impl AsyncFnOnce(&Phone, &str) -> Result<(), NotSent>,
    ) -> Result<(), PhoneError> {
        let before = self.note_code(name, code).await?;
        if send(phone, &code.digits(secret)).await.is_ok() {
            return Ok(());
        }
        let former = before.unwrap_or_else(|| OneTimeCode { tries_left: 0, ..code.clone() });
        self.note_code(name, &former).await?;
        Err(PhoneError::NotSent)
    }

    /// Remembers for the page that asks for a number that WeChat has told `phone` for `account`, if another holds it.
    pub(super) async fn note_told_phone(
        &self,
        account: &Account,
        phone: Option<&Phone>,
    ) -> Result<(), StoreError> {
        let told = phone.map(|phone| Contact { value: phone.as_str().to_owned(), verified: true });
        if told.is_none() || account.phone == told {
            return Ok(());
        }
        let key = OnceKey::of_text(TOLD_IN_VAIN, account.id.as_str());
        match self.store.put_once(&key, "", LIFETIME).await {
            Err(StoreError::Conflict { .. }) => Ok(()),
            noted => noted,
        }
    }

    /// Whether WeChat has just told a number for this account that another holds. Said once.
    pub async fn was_told_in_vain(&self, known: &Known) -> Result<bool, StoreError> {
        let key = OnceKey::of_text(TOLD_IN_VAIN, known.account_id());
        Ok(self.store.take_once(&key).await?.is_some())
    }

    /// Puts `code` in place of the one that waits, which is the answer.
    async fn note_code(&self, name: &str, code: &OneTimeCode) -> Result<Option<OneTimeCode>, StoreError> {
        for _ in 0..ROUNDS {
            let (version, before) = waiting(&*self.store, name).await?.unzip();
            if self.store.swap_note(name, &note_of(version.unwrap_or(0) + 1, code), LIFETIME).await? {
                return Ok(before);
            }
        }
        Err(StoreError::Conflict { doing: "noting a code while another is tried all the time" })
    }

    /// Holds what was typed against the code that waits, and writes the number on the account if it is that.
    pub async fn verify_phone(
        &self,
        known: &Known,
        secret: &Token,
        typed: &str,
    ) -> Result<Account, PhoneError> {
        let (store, now, name) = (&*self.store, self.now(), name_of(known));
        let (version, code) = self.count_a_try(&name).await?;
        if !code.matches(secret, typed) {
            tracing::info!(target: "audit", event = "phone_code_wrong", account = known.account_id());
            return Err(if code.tries_left == 0 { PhoneError::Spent } else { PhoneError::Wrong });
        }
        // It worked, and so it never works again.
        let spent = OneTimeCode { tries_left: 0, ..code.clone() };
        if !store.swap_note(&name, &note_of(version + 1, &spent), LIFETIME).await? {
            return Err(PhoneError::Spent);
        }
        let CodeTarget::Phone(phone) = code.to else { return Err(PhoneError::Spent) };
        let id = AccountId::new(known.account_id()).map_err(|_| PhoneError::NoAccount)?;
        let account = account_now(store, &id).await?.filter(|account| account.status != Status::Disabled);
        let account = account.ok_or(PhoneError::NoAccount)?;
        let account = keep_phone(store, account, Some(&phone), now).await?;
        // The news will say so too, but the next request must not be answered from memory in between.
        self.sessions.account_changed(&id);
        let contact = Contact { value: phone.as_str().to_owned(), verified: true };
        if account.phone.as_ref() == Some(&contact) { Ok(account) } else { Err(PhoneError::Taken) }
    }

    /// The code that waits, with one try less, which is written before anybody looks at the guess.
    async fn count_a_try(&self, name: &str) -> Result<(u64, OneTimeCode), PhoneError> {
        for _ in 0..ROUNDS {
            let (version, code) = waiting(&*self.store, name).await?.ok_or(PhoneError::Spent)?;
            let code = match code.try_once(self.now()) {
                Ok(code) => code,
                Err(CodeSpent::Expired | CodeSpent::NoTries) => return Err(PhoneError::Spent),
            };
            if self.store.swap_note(name, &note_of(version + 1, &code), LIFETIME).await? {
                return Ok((version + 1, code));
            }
        }
        Err(StoreError::Conflict { doing: "counting a try of a code that is tried all the time" }.into())
    }
}

/// Each login has a session of its own, with a token of its own, on every host.
fn name_of(known: &Known) -> String {
    let of = format!("{}\0{}", known.login_id(), known.host());
    format!("phone-code/{}", TokenDigest::of_text(&of).text())
}

async fn waiting(store: &dyn Store, name: &str) -> Result<Option<(u64, OneTimeCode)>, StoreError> {
    let Some(note) = store.note(name).await? else { return Ok(None) };
    let code = serde_json::from_str(note.text.reveal()).map_err(|source| StoreError::Corrupt {
        doing: "reading a code that was sent",
        source: source.into(),
    })?;
    Ok(Some((note.version, code)))
}

fn note_of(version: u64, code: &OneTimeCode) -> Note {
    let text = serde_json::to_string(code).expect("texts and numbers have a JSON form");
    Note { version, text: Secret::new(text) }
}
