//! Looking at a page as a browser or WeChat would meet it: WeChat's login pages, our own public address.
//!
//! One GET without a second try. Follows no redirect, refuses nothing for its kind or its size (what is too long is
//! cut), writes no log line and never prints the address.

use std::borrow::Cow;
use std::time::Duration;

use http::header::{DATE, LOCATION};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use tokio::time::timeout;
use url::Url;

use super::client::Client;
use super::transport::{NoAnswer, Outgoing};
use crate::ground::Timestamp;

/// The most that is read of a page, in bytes.
const MAX_PAGE: usize = 256 * 1024;

/// What was found at an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// HTTP status.
    pub status: u16,
    /// The server's clock, in whole seconds.
    pub date: Option<Timestamp>,
    /// Where a redirect leads.
    pub location: Option<String>,
    /// At most the first 256 KiB.
    pub body: Vec<u8>,
}

impl Page {
    /// The body as text; what is not UTF-8 shows as U+FFFD.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }
}

impl Client {
    /// Gets the page at `url`, as a browser that says it is `user_agent` (`None`: as ourselves). `limit` is the time
    /// for all of it.
    ///
    /// # Errors
    /// If there is no answer within `limit`. No error names the address.
    pub async fn probe(
        &self,
        url: &Url,
        user_agent: Option<&str>,
        limit: Duration,
    ) -> Result<Page, NoAnswer> {
        let outgoing =
            Outgoing { url: url.clone(), body: None, content_type: None, bearer: None, user_agent };
        let page = async {
            let mut arriving = self.transport.send(outgoing).await?;
            Ok(Page {
                status: arriving.status(),
                date: arriving.header(DATE).and_then(|date| moment(&date)),
                location: arriving.header(LOCATION),
                body: arriving.beginning(MAX_PAGE).await?,
            })
        };
        timeout(limit, page).await.unwrap_or(Err(NoAnswer::Timeout))
    }
}

/// Reads the time of an HTTP header: `Sun, 06 Nov 1994 08:49:37 GMT`.
fn moment(date: &str) -> Option<Timestamp> {
    let seconds = OffsetDateTime::parse(date, &Rfc2822).ok()?.unix_timestamp();
    Some(Timestamp::from_millis(u64::try_from(seconds).ok()?.checked_mul(1000)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777))]
    #[case("Thu, 01 Jan 1970 00:00:00 GMT", Some(0))]
    #[case("yesterday", None)]
    #[case("Wed, 31 Dec 1969 23:59:59 GMT", None)]
    #[case("", None)]
    fn the_time_of_an_answer_is_read(#[case] date: &str, #[case] secs: Option<u64>) {
        assert_eq!(moment(date).map(Timestamp::secs), secs);
    }
}
