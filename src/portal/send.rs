//! Sends one-time codes by way of the operator's services. Never logs whom they go to, nor the codes.

use super::visitor::Visitor;
use crate::domain::Phone;
use crate::domain::one_time_code::LIFETIME;
use crate::login::verify_phone::NotSent;
use crate::notify::SmsText;

/// Has `digits` sent to `phone`; `purpose` tells the service which text to use.
pub(super) async fn sms(
    visitor: &Visitor,
    phone: &Phone,
    digits: &str,
    purpose: &'static str,
) -> Result<(), NotSent> {
    let snapshot = &visitor.snapshot;
    let text = SmsText {
        code: digits,
        purpose,
        site: snapshot.pages.title(),
        lang: visitor.lang.tag(),
        minutes: LIFETIME.secs() / 60,
    };
    snapshot.notify.sms(phone, &text).await.map_err(|error| {
        tracing::warn!(
            request_id = %visitor.request_id, error = &error as &dyn std::error::Error, purpose, "a code was not sent by SMS"
        );
        NotSent
    })
}
