//! Passing a push of WeChat on to the operator's own server, which answers it.
//!
//! Sends what came, byte for byte, and once: a second time only where nothing was sent the first. Believes nothing of the answer, follows no redirect and never prints the
//! address: it may hold a secret.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::{sleep, timeout};
use url::Url;

use super::client::Client;
use super::transport::{Arriving, NoAnswer, Outgoing};

/// The largest answer that is passed back, in bytes.
const MAX_ANSWER: usize = 1024 * 1024;

/// The wait before a server that was not there is tried again.
const PAUSE: Duration = Duration::from_millis(500);

/// What the operator's server answered.
#[derive(Clone, PartialEq, Eq)]
pub struct Relayed {
    /// HTTP status.
    pub status: u16,
    /// As the server said it.
    pub content_type: Option<String>,
    /// At most 1 MiB.
    pub body: Bytes,
}

impl std::fmt::Debug for Relayed {
    // The body is a message to a person.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relayed").field("status", &self.status).finish_non_exhaustive()
    }
}

impl Client {
    /// Posts `body` to `to` and gives the answer back, whatever its status.
    ///
    /// As WeChat does, `query` is appended to what `to` has of its own. `limit` is the time for all of it; WeChat itself
    /// waits 5 seconds. A server that is not there is tried once more after a moment, since it may be restarting; there
    /// is no other second try, WeChat's neither, where WeChat is told that all is well.
    ///
    /// # Errors
    /// If there is no complete answer of at most 1 MiB within `limit`. No error names the address.
    pub async fn relay(
        &self,
        to: &Url,
        query: &str,
        content_type: Option<&str>,
        body: Bytes,
        limit: Duration,
    ) -> Result<Relayed, NoAnswer> {
        let mut url = to.clone();
        match to.query() {
            _ if query.is_empty() => {}
            None | Some("") => url.set_query(Some(query)),
            Some(own) => url.set_query(Some(&format!("{own}&{query}"))),
        }
        let relayed = async {
            let mut arriving = match self.post(&url, content_type, &body).await {
                Err(NoAnswer::Connect(_)) => {
                    sleep(PAUSE).await;
                    self.post(&url, content_type, &body).await?
                }
                other => other?,
            };
            let body = arriving.body(MAX_ANSWER).await?;
            Ok(Relayed {
                status: arriving.status(),
                content_type: arriving.content_type(),
                body: body.into(),
            })
        };
        timeout(limit, relayed).await.unwrap_or(Err(NoAnswer::Timeout))
    }

    async fn post(&self, url: &Url, content_type: Option<&str>, body: &Bytes) -> Result<Arriving, NoAnswer> {
        let (url, body) = (url.clone(), Some(body.clone()));
        self.transport.send(Outgoing { url, body, content_type, bearer: None, user_agent: None }).await
    }
}
