//! Visitors: each one a browser of its own that opened the login page, and waits at its event stream.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use url::form_urlencoded;

use super::client::Connection;
use super::world::World;
use crate::Fault;

/// How many login pages, and streams, are opened at the same time.
const AT_ONCE: usize = 128;
/// One address may have 60 codes at once.
const PER_ADDRESS: usize = 50;
/// Connections from one address of the load: far fewer than it has ports.
const PER_SOURCE: usize = 2000;

const BROWSER: &str = "User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                       Chrome/142.0.0.0 Safari/537.36\r\nAccept-Language: zh-CN,zh;q=0.9\r\n";

/// Somebody before a login page.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    pub(crate) flow: String,
    pub(crate) cookie: String,
    /// Of the code, if the page shows WeChat's picture of it.
    pub(crate) ticket: Option<String>,
}

/// What a stream told.
#[derive(Debug)]
pub(crate) struct Told {
    /// Whose stream, by their place in the list.
    pub(crate) visitor: usize,
    pub(crate) state: String,
    pub(crate) at: Instant,
}

/// Streams that are open; they close when this is dropped.
pub(crate) struct Streams {
    pub(crate) told: mpsc::Receiver<Told>,
    tasks: JoinSet<Result<(), Fault>>,
}

/// Opens the login page once, as visitor `number`.
pub(crate) async fn begin(connection: &mut Connection, host: &str, number: usize) -> Result<Visitor, Fault> {
    let ip = Ipv4Addr::from(0x0A00_0001 + u32::try_from(number / PER_ADDRESS)?);
    let request = format!(
        "GET /_menshen/login HTTP/1.1\r\nHost: {host}\r\n{BROWSER}X-Forwarded-For: {ip}\r\nAccept: text/html\r\n\r\n"
    );
    let page = connection.ask(request.as_bytes()).await?;
    let refused = || format!("the login page shows no code: {} {:.300}", page.head, page.body);
    let after = |marker: &str, ends: &[char]| {
        let (_, rest) = page.body.split_once(marker)?;
        Some(rest.split(ends).next().unwrap_or_default().to_owned())
    };
    let flow = after("flow/events?flow=", &['"', '&']).ok_or_else(refused)?;
    let named = |text: String| {
        form_urlencoded::parse(format!("t={text}").as_bytes()).next().map(|pair| pair.1.into_owned())
    };
    let ticket = after("ticket=", &['"', '&']).and_then(named);
    let pairs = page.fields("set-cookie").filter_map(|line| line.split(';').next());
    let cookie = pairs.collect::<Vec<_>>().join("; ");
    Ok(Visitor { flow, cookie, ticket })
}

/// Opens the login page `count` times, beginning with visitor `first`.
pub(crate) async fn begin_many(world: &World, first: usize, count: usize) -> Result<Vec<Visitor>, Fault> {
    let next = Arc::new(AtomicUsize::new(first));
    let mut tasks = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (mut connection, host, next) = (world.connect().await?, world.host(), next.clone());
        tasks.spawn(async move {
            let mut visitors = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= first + count {
                    return Ok::<_, Fault>(visitors);
                }
                visitors.push(begin(&mut connection, &host, number).await?);
            }
        });
    }
    let mut all = Vec::with_capacity(count);
    while let Some(done) = tasks.join_next().await {
        all.append(&mut done??);
    }
    Ok(all)
}

impl Streams {
    /// Opens the event stream of every visitor on a connection of its own; returns when each has told `waiting`.
    pub(crate) async fn open(address: SocketAddr, visitors: &[Visitor]) -> Result<Self, Fault> {
        // A visitor is told three things at most.
        let (tell, told) = mpsc::channel(3 * visitors.len());
        let room = Arc::new(Semaphore::new(AT_ONCE));
        let mut streams = Self { told, tasks: JoinSet::new() };
        for (number, visitor) in visitors.iter().enumerate() {
            let permit = room.clone().acquire_owned().await?;
            let octet = 2 + u8::try_from(number / PER_SOURCE)?;
            let source = SocketAddr::from(([127, 0, 0, octet], 0));
            let request = format!(
                "GET /_menshen/flow/events?flow={} HTTP/1.1\r\nHost: {}\r\n{BROWSER}Cookie: {}\r\n\
                 Accept: text/event-stream\r\n\r\n",
                visitor.flow, address, visitor.cookie
            );
            let tell = tell.clone();
            streams.tasks.spawn(async move {
                let mut connection = Connection::open(address, Some(source)).await?;
                let answer = connection.begin(request.as_bytes()).await?;
                drop(request);
                if answer.status != 200 {
                    return Err(format!("a stream was refused: {}", answer.head).into());
                }
                let mut permit = Some(permit);
                loop {
                    let line = connection.line().await?.ok_or("a stream ended before its login did")?;
                    let Some(json) = line.strip_prefix("data: ") else { continue };
                    let at = Instant::now();
                    let told: serde_json::Value = serde_json::from_str(json)?;
                    let state = told["state"].as_str().ok_or("an event without a state")?.to_owned();
                    let over = state == "approved";
                    tell.send(Told { visitor: number, state, at }).await?;
                    drop(permit.take());
                    if over {
                        return Ok(());
                    }
                }
            });
        }
        for _ in visitors {
            let told = streams.next(Duration::from_secs(15)).await?;
            if told.state != "waiting" {
                return Err(format!("a new stream says {}", told.state).into());
            }
        }
        Ok(streams)
    }

    /// The next thing that any of them tells.
    pub(crate) async fn next(&mut self, limit: Duration) -> Result<Told, Fault> {
        let until = tokio::time::Instant::now() + limit;
        loop {
            tokio::select! {
                biased;
                told = self.told.recv() => return Ok(told.ok_or("all streams have ended")?),
                Some(ended) = self.tasks.join_next() => ended??,
                () = tokio::time::sleep_until(until) => return Err("the streams tell nothing".into()),
            }
        }
    }

    /// How many are still open.
    pub(crate) fn open_now(&mut self) -> usize {
        while self.tasks.try_join_next().is_some() {}
        self.tasks.len()
    }
}
