//! The scripts that run inside Redis. Each touches one key, so they work in a cluster too.
//!
//! They compare and move the number before a row and never look into its JSON. News go out in the script that
//! makes them, so that no crash can come between.

use std::sync::LazyLock;

use redis::{Cmd, Script};

/// A request to the server: a command, or a script by its digest with its text at hand.
pub(super) struct Request {
    pub(super) cmd: Cmd,
    /// The same with the script's text, for a server that does not know the digest.
    pub(super) with_text: Option<Cmd>,
}

impl From<Cmd> for Request {
    fn from(cmd: Cmd) -> Self {
        Self { cmd, with_text: None }
    }
}

/// A script and its digest.
pub(super) struct OneKeyScript {
    text: &'static str,
    script: LazyLock<Script>,
}

impl OneKeyScript {
    /// The call of this script on `key`.
    pub(super) fn on(&self, key: &str, arguments: &[&[u8]]) -> Request {
        let call = |command: &str, name: &str| {
            let mut cmd = redis::cmd(command);
            cmd.arg(name).arg(1).arg(key).arg(arguments);
            cmd
        };
        Request { cmd: call("EVALSHA", self.script.get_hash()), with_text: Some(call("EVAL", self.text)) }
    }
}

macro_rules! scripts {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {$(
        $(#[$doc])*
        pub(super) static $name: OneKeyScript =
            OneKeyScript { text: $text, script: LazyLock::new(|| Script::new($text)) };
    )*};
}

/// Lets [`SWAP_VERSION`] write a row that is not there.
pub(super) const ELSE_NEW: &[u8] = b"new";

scripts! {
    /// Value → the value that is there now.
    CLAIM = "
        redis.call('SET', KEYS[1], ARGV[1], 'NX')
        return redis.call('GET', KEYS[1])";

    /// Value read before, new value → 1 if it was still that value.
    SWAP = "
        if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
        redis.call('SET', KEYS[1], ARGV[2])
        return 1";

    /// Value read before → 1 if it was still that value, which is gone now.
    REMOVE = "
        if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
        redis.call('DEL', KEYS[1])
        return 1";

    /// Version before, new row, time to live in ms or nothing, channel, news, [`ELSE_NEW`] or nothing → 1 if
    /// swapped, 0 if not, -1 if the row is unreadable. With [`ELSE_NEW`] a row that is not there has version 0.
    SWAP_VERSION = "
        local row = redis.call('GET', KEYS[1])
        local version = '0'
        if row then
            version = string.match(row, '^(%d+) ')
        elseif ARGV[6] ~= 'new' then
            return 0
        end
        if not version then return -1 end
        if version ~= ARGV[1] then return 0 end
        if ARGV[3] == '' then
            redis.call('SET', KEYS[1], ARGV[2])
        else
            redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
        end
        redis.call('PUBLISH', ARGV[4], ARGV[5])
        return 1";

    /// Last seen in ms, time to live in ms → 1 if the session exists, 0 if not, -1 if it is unreadable. The
    /// idle clock only moves forward.
    TOUCH = "
        local row = redis.call('GET', KEYS[1])
        if not row then return 0 end
        local seen, rest = string.match(row, '^(%d+)( .*)$')
        if not seen then return -1 end
        if tonumber(ARGV[1]) > tonumber(seen) then seen = ARGV[1] end
        redis.call('SET', KEYS[1], seen .. rest, 'PX', ARGV[2])
        return 1";

    /// Channel, news. Deletes the key; announces it also if it was gone, for a caller that asks again.
    END = "
        redis.call('DEL', KEYS[1])
        redis.call('PUBLISH', ARGV[1], ARGV[2])
        return 1";

    /// Session digest, time to live in ms. Enters a session into its account's index, by the server's clock,
    /// drops what has expired, and lets the index expire with its last session.
    INDEX = "
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))
        redis.call('ZADD', KEYS[1], 'GT', string.format('%.0f', now + ARGV[2]), ARGV[1])
        local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
        redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', last[2]))
        return 1";
}
