//! Passing a push of WeChat on to the operator's own server, which answers it.
//!
//! Sends what came, byte for byte, once. Believes nothing of the answer, follows no redirect and never prints the
//! address: it may hold a secret.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;
use url::Url;

use super::client::Client;
use super::error::Kind;
use super::transport::Outgoing;

/// The largest answer that is passed back, in bytes.
const MAX_ANSWER: usize = 1024 * 1024;

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

/// The operator's server did not answer.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// No connection; nothing was sent.
    #[error("no connection to the server that pushes are relayed to")]
    Connect(#[source] reqwest::Error),
    /// The connection broke after the push may have been sent.
    #[error("the server that pushes are relayed to broke the connection")]
    Lost(#[source] reqwest::Error),
    /// No complete answer within the limit.
    #[error("the server that pushes are relayed to did not answer in time")]
    Timeout,
    /// An answer of more than 1 MiB.
    #[error("the server that pushes are relayed to answered more than 1 MiB")]
    TooLarge,
}

impl From<Kind> for RelayError {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Connect(error) => Self::Connect(error),
            Kind::Lost(error) => Self::Lost(error),
            _ => Self::Timeout,
        }
    }
}

impl Client {
    /// Posts `body` to `to` and gives the answer back, whatever its status.
    ///
    /// As WeChat does, `query` is appended to what `to` has of its own. `limit` is the time for all of it; WeChat itself
    /// waits 5 seconds. A second try is WeChat's business.
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
    ) -> Result<Relayed, RelayError> {
        let mut url = to.clone();
        match to.query() {
            _ if query.is_empty() => {}
            None | Some("") => url.set_query(Some(query)),
            Some(own) => url.set_query(Some(&format!("{own}&{query}"))),
        }
        let outgoing = Outgoing { url, body: Some(body), content_type, bearer: None, user_agent: None };
        let relayed = async {
            let mut arriving = self.transport.send(outgoing).await?;
            let body = arriving.body(MAX_ANSWER).await?.ok_or(RelayError::TooLarge)?;
            Ok(Relayed {
                status: arriving.status(),
                content_type: arriving.content_type(),
                body: body.into(),
            })
        };
        timeout(limit, relayed).await.unwrap_or(Err(RelayError::Timeout))
    }
}
