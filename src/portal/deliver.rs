//! Sends one-time codes in the words of a visitor's site and language.
//!
//! Holds the config of the request that asked, because the code goes out after its answer.

use std::sync::Arc;

use async_trait::async_trait;

use super::visitor::Visitor;
use crate::domain::Phone;
use crate::domain::one_time_code::{CodeTarget, LIFETIME};
use crate::login::binding::Deliver;
use crate::login::verify_phone::NotSent;
use crate::notify::{Letter, NotifyError, SmsText};
use crate::pages::Lang;
use crate::snapshot::Snapshot;

/// Brings codes to people on behalf of one request.
pub(super) struct Courier {
    snapshot: Arc<Snapshot>,
    lang: Lang,
    /// What the code is good for, as a word for programs.
    purpose: &'static str,
}

impl Courier {
    pub(super) fn new(visitor: &Visitor, purpose: &'static str) -> Self {
        Self { snapshot: Arc::clone(&visitor.snapshot), lang: visitor.lang, purpose }
    }
}

#[async_trait]
impl Deliver for Courier {
    async fn deliver(&self, to: &CodeTarget, code: &str) -> Result<(), NotifyError> {
        let (notify, pages) = (&self.snapshot.notify, &self.snapshot.pages);
        let minutes = LIFETIME.secs() / 60;
        match to {
            CodeTarget::Email(email) => {
                let letter = pages.code_letter(self.lang, code, minutes);
                let letter = Letter { subject: &letter.subject, text: &letter.text };
                notify.email(email.as_str(), &letter).await
            }
            CodeTarget::Phone(phone) => {
                let (purpose, site, lang) = (self.purpose, pages.title(), self.lang.tag());
                notify.sms(phone, &SmsText { code, purpose, site, lang, minutes }).await
            }
        }
    }
}

/// Has `digits` sent to `phone`, and says whether that was done.
pub(super) async fn sms(
    visitor: &Visitor,
    phone: &Phone,
    digits: &str,
    purpose: &'static str,
) -> Result<(), NotSent> {
    let to = CodeTarget::Phone(phone.clone());
    Courier::new(visitor, purpose).deliver(&to, digits).await.map_err(|error| {
        tracing::warn!(
            request_id = %visitor.request_id, error = &error as &dyn std::error::Error, purpose, "a code was not sent by SMS"
        );
        NotSent
    })
}
