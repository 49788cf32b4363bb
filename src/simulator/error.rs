//! What can go wrong in steering the simulator. WeChat's own error numbers are in `errcode`.

use std::net::SocketAddr;

/// Why the simulator did not start or did not do what its driver asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimError {
    /// The listening address cannot be had.
    #[error("cannot listen on {addr}: {source}; is another simulator or demo running?")]
    Listen {
        /// The address that was asked for.
        addr: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// Two apps or people share an id, or there are no people at all.
    #[error("the simulator's config is wrong: {what}")]
    Config {
        /// What is wrong.
        what: String,
    },
    /// No such QR code, or it has been forgotten.
    #[error("there is no QR code `{uuid}`")]
    UnknownQr {
        /// The id that was asked for.
        uuid: String,
    },
    /// No such person.
    #[error("there is no person `{person}`; the people are: {known}")]
    UnknownPerson {
        /// The id that was asked for.
        person: String,
        /// All ids there are.
        known: String,
    },
    /// No such app.
    #[error("there is no app `{app}`; the app ids are: {known}")]
    UnknownApp {
        /// The AppID that was asked for.
        app: String,
        /// All AppIDs there are.
        known: String,
    },
    /// No such scope.
    #[error("`{scope}` is none of snsapi_base, snsapi_userinfo, snsapi_login")]
    UnknownScope {
        /// What was asked for.
        scope: String,
    },
    /// The QR code is not in the phase this needs.
    #[error("the QR code is {is}, it would have to be {wanted}")]
    WrongPhase {
        /// The phase it is in.
        is: &'static str,
        /// The phase that is needed.
        wanted: &'static str,
    },
    /// No parametric QR code with this ticket, or it has been forgotten.
    #[error("there is no parametric QR code with this ticket")]
    UnknownTicket,
    /// Nobody can follow this app and nothing is pushed to it.
    #[error("`{app}` is no service or subscription account")]
    NotAnAccount {
        /// The AppID.
        app: String,
    },
    /// Only followers can do this.
    #[error("{person} does not follow `{app}`")]
    NotFollowing {
        /// Who.
        person: String,
        /// The account's AppID.
        app: String,
    },
    /// Settings that the account's console would refuse.
    #[error("the push settings are wrong: {what}")]
    BadPush {
        /// What is wrong.
        what: String,
    },
    /// The account has no push settings.
    #[error("`{app}` has no push settings")]
    NoPush {
        /// The account's AppID.
        app: String,
    },
    /// The account's server did not answer the verification as WeChat wants it.
    #[error("the push address could not be verified: {why}")]
    PushUnverified {
        /// What came instead of the echostr.
        why: String,
    },
    /// Nothing has been pushed to this account yet.
    #[error("nothing has been pushed yet, so nothing can be replayed")]
    NothingToReplay,
    /// No QR code appeared in time, or none is there to act on.
    #[error("no QR code is waiting")]
    NothingWaiting,
    /// Not a mini program.
    #[error("`{app}` is no mini program")]
    NotAMiniProgram {
        /// The AppID or original id.
        app: String,
    },
    /// Not a mobile app.
    #[error("`{app}` is no mobile app")]
    NotAMobileApp {
        /// The AppID.
        app: String,
    },
    /// This person has no phone number.
    #[error("{person} has no phone number in WeChat")]
    NoPhone {
        /// Who.
        person: String,
    },
    /// There is no session key to encrypt with.
    #[error("{person} has not logged in to `{app}` (wx.login comes first)")]
    NoSession {
        /// Who.
        person: String,
        /// The AppID.
        app: String,
    },
    /// No mini program code with this scene, or it has been forgotten.
    #[error("there is no mini program code with the scene `{scene}`")]
    UnknownMiniCode {
        /// The scene that was asked for.
        scene: String,
    },
    /// The released version has no such page.
    #[error("the mini program has no page `{page}` in its released version")]
    NoSuchPage {
        /// The page.
        page: String,
    },
    /// Trial and development versions open for members alone.
    #[error("{person} is no member of `{app}`, whose {version} version only members can open")]
    NotAMember {
        /// Who.
        person: String,
        /// The mini program's AppID.
        app: String,
        /// The version.
        version: &'static str,
    },
    /// Not a link to a mini program, or nobody made it.
    #[error("this link opens no mini program: {why}")]
    BadLink {
        /// What is wrong.
        why: &'static str,
    },
    /// The link's time is over.
    #[error("this link has expired")]
    LinkExpired,
    /// No mini program is open by this id, or it was closed since.
    #[error("no mini program is open by the id `{tab}`")]
    UnknownTab {
        /// The id that was given.
        tab: String,
    },
    /// A mini program leads back to an app only if the app opened it; WeChat's own text.
    #[error("invalid scene")]
    InvalidScene,
}
