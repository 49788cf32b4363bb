//! Who is compared: bare pingora, the gateway in its settings, nginx; each on the test core before the same app.
//!
//! A candidate that cannot be started (no Redis, no nginx) is left out with the reason, never guessed. Every
//! candidate is looked at before it is measured: does it forward, does it name the visitor, does it refuse a
//! stranger.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::process::{LOAD_CORE, Process, TEST_CORE, free_address};
use crate::{Fault, Programs, http, load, planted, redis};

const IDENTITY: &str = "x-user-unionid: ";

/// What a candidate must do with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Duty {
    /// Forward it.
    Forward,
    /// Forward it without an identity.
    Open,
    /// Forward it with an identity.
    Name,
    /// Forward it with the session's identity, and refuse it without the session.
    Guard,
}

/// One thing to measure.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) id: &'static str,
    pub(crate) label: &'static str,
    pub(crate) address: SocketAddr,
    pub(crate) path: &'static str,
    /// What the load sends besides Host; the same lines, of the same length, for every candidate.
    pub(crate) headers: Vec<String>,
    duty: Duty,
    process: usize,
}

/// All candidates and their processes; they end together.
#[derive(Debug, Default)]
pub(crate) struct Field {
    pub(crate) candidates: Vec<Candidate>,
    /// Ids and reasons.
    pub(crate) left_out: Vec<(&'static str, String)>,
    processes: Vec<Process>,
    helpers: Vec<Process>,
}

/// The app that everybody proxies to.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) address: SocketAddr,
    pub(crate) programs: Programs,
    _process: Process,
}

/// Starts the app on the load core.
pub(crate) fn app(folder: &Path, programs: Programs) -> Result<App, Fault> {
    let address = free_address()?;
    let args = ["app".to_owned(), address.to_string()];
    let process = Process::start("app", folder, LOAD_CORE, &programs.roles, args)?;
    Ok(App { address, programs, _process: process.ready(address, "/count")? })
}

/// What is to be compared: id and what it is.
const BARE_LOOP: (&str, &str) = ("bare-loop", "bare pingora, accept loop");
const BARE_SERVER: (&str, &str) = ("bare-server", "bare pingora, its Server");
const OPEN: (&str, &str) = ("open", "menshen, open route");
const KNOWN: (&str, &str) = ("known", "menshen, guarded, near cache");
const OPEN_LOG: (&str, &str) = ("open-log", "menshen, open route, access log");
const KNOWN_LOG: (&str, &str) = ("known-log", "menshen, guarded, near cache, access log");
const FILE: (&str, &str) = ("file", "menshen, guarded, embedded store each time");
const REDIS: (&str, &str) = ("redis", "menshen, guarded, Redis each time");
const NGINX: (&str, &str) = ("nginx", "nginx");
const NGINX_AUTH: (&str, &str) = ("nginx-auth", "nginx, auth_request");
const NGINX_SERVICE: (&str, &str) = ("nginx-service", "nginx, auth_request to a service (not counted)");
const NGINX_AUTH_LOG: (&str, &str) = ("nginx-auth-log", "nginx, auth_request, access log");

type Entry = (&'static str, &'static str);

impl Field {
    /// Starts everybody in `only`, or everybody if it is empty.
    pub(crate) fn start(folder: &Path, app: &App, only: &[String]) -> Result<Self, Fault> {
        let mut field = Self::default();
        let wanted = |entries: &[Entry]| -> Vec<Entry> {
            let chosen = |entry: &&Entry| only.is_empty() || only.iter().any(|id| id == entry.0);
            entries.iter().filter(chosen).copied().collect()
        };
        for (entry, serving) in [(BARE_LOOP, "loop"), (BARE_SERVER, "server")] {
            field.add(&wanted(&[entry]), |field, entries| field.bare(folder, app, entries, serving));
        }
        let near = Settings::default();
        let log = Settings { access_log: true, ..Settings::default() };
        let far = Settings { near_cache: 0, ..Settings::default() };
        field.add(&wanted(&[OPEN, KNOWN]), |field, entries| {
            field.gateway(folder, app, entries, "quiet", &near)
        });
        field.add(&wanted(&[OPEN_LOG, KNOWN_LOG]), |field, entries| {
            field.gateway(folder, app, entries, "logging", &log)
        });
        field.add(&wanted(&[FILE]), |field, entries| field.gateway(folder, app, entries, "file", &far));
        field.add(&wanted(&[REDIS]), |field, entries| {
            let (process, url) = redis::start(folder)?;
            field.helpers.push(process);
            let store = Some(url);
            field.gateway(folder, app, entries, "redis", &Settings { store, ..far.clone() })
        });
        field.add(&wanted(&[NGINX, NGINX_AUTH, NGINX_AUTH_LOG, NGINX_SERVICE]), |field, entries| {
            field.nginx(folder, app, entries)
        });
        for candidate in &field.candidates {
            candidate.look().map_err(|error| format!("{}: {error}", candidate.id))?;
        }
        if field.candidates.is_empty() {
            let reasons: Vec<String> =
                field.left_out.iter().map(|(id, why)| format!("{id}: {why}")).collect();
            return Err(format!("nothing to measure; {}", reasons.join("; ")).into());
        }
        Ok(field)
    }

    /// The process of a candidate.
    pub(crate) fn process(&self, candidate: &Candidate) -> &Process {
        &self.processes[candidate.process]
    }

    fn add(&mut self, entries: &[Entry], start: impl FnOnce(&mut Self, &[Entry]) -> Result<(), Fault>) {
        if entries.is_empty() {
            return;
        }
        if let Err(error) = start(self, entries) {
            eprintln!("left out: {error}");
            self.left_out.extend(entries.iter().map(|(id, _)| (*id, error.to_string())));
        }
    }

    fn enter(
        &mut self,
        (id, label): Entry,
        address: SocketAddr,
        path: &'static str,
        token: &str,
        duty: Duty,
    ) {
        let (headers, process) = (load::browser_headers(token), self.processes.len() - 1);
        self.candidates.push(Candidate { id, label, address, path, headers, duty, process });
    }

    fn bare(&mut self, folder: &Path, app: &App, entries: &[Entry], serving: &str) -> Result<(), Fault> {
        let address = free_address()?;
        let args = ["passthrough", &address.to_string(), &app.address.to_string(), serving];
        let name = format!("bare-{serving}");
        let process = Process::start(&name, folder, TEST_CORE, &app.programs.roles, args)?;
        self.processes.push(process.ready(address, "/app/ready")?);
        for entry in entries {
            self.enter(*entry, address, "/app/items/42", &"A".repeat(43), Duty::Forward);
        }
        Ok(())
    }

    fn gateway(
        &mut self,
        folder: &Path,
        app: &App,
        entries: &[Entry],
        name: &str,
        settings: &Settings,
    ) -> Result<(), Fault> {
        let gateway = Gateway::prepare(folder, app, name, settings)?;
        self.processes.push(gateway.start()?.ready(gateway.address, "/pub/ready")?);
        for entry in entries {
            let open = [OPEN, OPEN_LOG].contains(entry);
            let (path, duty) =
                if open { ("/pub/items/42", Duty::Open) } else { ("/app/items/42", Duty::Guard) };
            self.enter(*entry, gateway.address, path, &gateway.token, duty);
        }
        Ok(())
    }

    fn nginx(&mut self, folder: &Path, app: &App, entries: &[Entry]) -> Result<(), Fault> {
        let folder = folder.join("nginx");
        fs::create_dir(&folder)?;
        let addresses = entries.iter().map(|_| free_address()).collect::<Result<Vec<_>, _>>()?;
        let servers = entries.iter().zip(&addresses).map(|(entry, address)| nginx_server(*entry, *address));
        let config = folder.join("nginx.conf");
        fs::write(&config, nginx_config(app.address, &servers.collect::<String>()))?;
        let prefix = format!("{}/", folder.display());
        let args = ["-p", &prefix, "-c", &config.display().to_string()];
        let program = Path::new("/usr/sbin/nginx");
        let program = if program.exists() { program } else { Path::new("nginx") };
        let process = Process::start("nginx", &folder, TEST_CORE, program, args)?;
        self.processes.push(process.ready(addresses[0], "/app/ready")?);
        for (entry, address) in entries.iter().zip(addresses) {
            let duty = if *entry == NGINX { Duty::Forward } else { Duty::Name };
            self.enter(*entry, address, "/app/items/42", &"A".repeat(43), duty);
        }
        Ok(())
    }
}

impl Candidate {
    /// Whether the candidate does its duty.
    fn look(&self) -> Result<(), Fault> {
        let path = format!("{}/echo", self.path);
        let answer = http::get(self.address, &path, &self.headers)?;
        if answer.status != 200 {
            return Err(format!("answered {} instead of forwarding", answer.status).into());
        }
        let named = answer.body.to_ascii_lowercase().contains(IDENTITY);
        if named != matches!(self.duty, Duty::Name | Duty::Guard) {
            return Err(format!("the app was told no identity, or one without cause: {}", answer.body).into());
        }
        if self.duty == Duty::Guard {
            let strange = http::get(self.address, &path, &load::browser_headers(&"A".repeat(43)))?;
            if strange.status == 200 {
                return Err("a stranger was let in".into());
            }
        }
        Ok(())
    }
}

/// How a gateway is set.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Its store; `None` is a file of its own.
    pub(crate) store: Option<String>,
    pub(crate) near_cache: usize,
    pub(crate) access_log: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { store: None, near_cache: 100_000, access_log: false }
    }
}

/// A gateway that can be started: config written, somebody logged in.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
    /// The session of somebody who is logged in.
    pub(crate) token: String,
    name: String,
    folder: PathBuf,
    config: PathBuf,
    program: PathBuf,
}

impl Gateway {
    /// Writes config and store; `/pub` is open, `/app` guarded.
    pub(crate) fn prepare(folder: &Path, app: &App, name: &str, settings: &Settings) -> Result<Self, Fault> {
        let address = free_address()?;
        let file = || format!("embedded:{}", folder.join(format!("{name}.redb")).display());
        let store = settings.store.clone().unwrap_or_else(file);
        let token = planted::plant(&store, &address.ip().to_string())?;
        let (pool, method, app_id) = (planted::POOL, planted::METHOD, planted::APP_ID);
        let Settings { near_cache, access_log, .. } = settings;
        let text = format!(
            r#"
[server]
listen = ["{address}"]
public_url = "http://{address}"
threads = 1
[store]
url = "{store}"
[session]
near_cache = {near_cache}
[log]
access = {access_log}
level = "warn"
[[pools]]
id = "{pool}"
[[apps]]
id = "site"
kind = "website"
app_id = "{app_id}"
secret = "0123456789abcdef0123456789abcdef"
pool = "{pool}"
[[methods]]
id = "{method}"
kind = "website_qr"
app = "site"
[[upstreams]]
id = "app"
servers = ["http://{upstream}"]
[[routes]]
id = "open"
path = "/pub"
upstream = "app"
access = "public"
[[routes]]
id = "guarded"
path = "/app"
upstream = "app"
"#,
            upstream = app.address
        );
        let config = folder.join(format!("{name}.toml"));
        fs::write(&config, text)?;
        Ok(Self {
            address,
            token,
            name: name.to_owned(),
            folder: folder.to_owned(),
            config,
            program: app.programs.menshen.clone(),
        })
    }

    /// Starts it on the test core and does not wait.
    pub(crate) fn start(&self) -> Result<Process, Fault> {
        let config = self.config.display().to_string();
        Process::start(&self.name, &self.folder, TEST_CORE, &self.program, ["run", "--config", &config])
    }
}

/// One address of nginx. The identity it sets stands for what an auth service would have answered.
fn nginx_server(entry: Entry, address: SocketAddr) -> String {
    let auth = if entry == NGINX {
        ""
    } else {
        r#"
      auth_request /_auth;
      proxy_set_header X-User-ID "a000000000000000000001";
      proxy_set_header X-User-UnionID "oR5GjjgEhCMJFyzaVZdr00000001";
      proxy_set_header X-User-OpenID "o6_bmjrPTlm6_2sgVt7h00000001";
      proxy_set_header X-User-AppID "wx0123456789abcdef";
      proxy_set_header X-User-Name "%E9%97%A8%E5%89%8D%E7%9A%84%E7%9F%B3%E7%8B%AE%E5%AD%90";"#
    };
    let answer = if entry == NGINX_SERVICE {
        "proxy_pass http://app/auth; proxy_http_version 1.1; proxy_set_header Connection ''; \
         proxy_pass_request_body off; proxy_set_header Content-Length '';"
    } else {
        "return 204;"
    };
    let log = if entry == NGINX_AUTH_LOG { "/dev/null combined buffer=64k" } else { "off" };
    format!(
        r"
  server {{
    listen {address};
    access_log {log};
    location = /_auth {{ internal; {answer} }}
    location / {{
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_set_header Connection '';
      proxy_set_header Host $http_host;
      proxy_set_header X-Real-IP $remote_addr;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;{auth}
    }}
  }}
"
    )
}

/// Connections are never renewed for their number of requests, as pingora never does.
fn nginx_config(app: SocketAddr, servers: &str) -> String {
    format!(
        r"
daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
  keepalive_requests 1000000000;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  upstream app {{ server {app}; keepalive 128; keepalive_requests 1000000000; }}
{servers}}}
"
    )
}
