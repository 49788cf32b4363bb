//! Who follows which account, which profile a phone shows, and the chats between people and accounts.
//!
//! Pure: pushes nothing itself. Every chat forgets its oldest lines.

use std::collections::VecDeque;

use super::scenes::Scene;
use crate::ground::Timestamp;
use crate::simulator::bounded::Bounded;

const CHAT_LINES: usize = 50;

/// Since when somebody follows, and through which code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Followed {
    pub(crate) since: Timestamp,
    pub(crate) through: Option<Scene>,
}

/// Who said a line of a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Person,
    Account,
    /// WeChat itself, in grey.
    Wechat,
}

/// One line of a chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) said: Said,
    pub(crate) text: String,
}

/// What is between one person and one account.
#[derive(Debug, Default)]
struct Relation {
    followed: Option<Followed>,
    /// The ticket whose scan brought up the profile that the phone shows.
    profile: Option<String>,
    chat: VecDeque<Line>,
}

/// All relations, by account and person.
#[derive(Debug)]
pub(crate) struct Followers(Bounded<(String, String), Relation>);

impl Followers {
    pub(crate) fn new() -> Self {
        Self(Bounded::new(20_000))
    }

    fn get(&self, app_id: &str, person: &str) -> Option<&Relation> {
        self.0.get(&(app_id.to_owned(), person.to_owned()))
    }

    fn of(&mut self, app_id: &str, person: &str) -> &mut Relation {
        self.0.entry((app_id.into(), person.into()), Relation::default)
    }

    pub(crate) fn followed(&self, app_id: &str, person: &str) -> Option<&Followed> {
        self.get(app_id, person)?.followed.as_ref()
    }

    /// The phone shows the account's profile, brought up by the code of `ticket`.
    pub(crate) fn show_profile(&mut self, app_id: &str, person: &str, ticket: &str) {
        self.of(app_id, person).profile = Some(ticket.into());
    }

    /// The ticket behind the profile on the phone.
    pub(crate) fn profile(&self, app_id: &str, person: &str) -> Option<&str> {
        self.get(app_id, person)?.profile.as_deref()
    }

    pub(crate) fn close_profile(&mut self, app_id: &str, person: &str) {
        self.of(app_id, person).profile = None;
    }

    pub(crate) fn follow(&mut self, app_id: &str, person: &str, followed: Followed) {
        let relation = self.of(app_id, person);
        relation.followed = Some(followed);
        relation.profile = None;
    }

    /// The chat goes too, as it does on a phone. Says whether there was anything to end.
    pub(crate) fn unfollow(&mut self, app_id: &str, person: &str) -> bool {
        std::mem::take(self.of(app_id, person)).followed.is_some()
    }

    /// Adds a line, if the person follows.
    pub(crate) fn say(&mut self, app_id: &str, person: &str, said: Said, text: &str) {
        let relation = self.of(app_id, person);
        if relation.followed.is_none() {
            return;
        }
        if relation.chat.len() == CHAT_LINES {
            relation.chat.pop_front();
        }
        relation.chat.push_back(Line { said, text: text.into() });
    }

    pub(crate) fn chat(&self, app_id: &str, person: &str) -> Vec<Line> {
        self.get(app_id, person).map(|relation| relation.chat.iter().cloned().collect()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    #[test]
    fn following_closes_the_profile_and_leaving_ends_the_chat() {
        let mut followers = Followers::new();
        followers.show_profile("wx1", "zhang", "T");
        assert_eq!(followers.profile("wx1", "zhang"), Some("T"));
        followers.say("wx1", "zhang", Said::Account, "nobody hears this");
        followers.follow("wx1", "zhang", Followed { since: NOW, through: None });
        assert_eq!(followers.profile("wx1", "zhang"), None);
        for n in 0..CHAT_LINES + 5 {
            followers.say("wx1", "zhang", Said::Account, &n.to_string());
        }
        let chat = followers.chat("wx1", "zhang");
        assert_eq!((chat.len(), chat[0].text.as_str()), (CHAT_LINES, "5"));
        assert!(followers.unfollow("wx1", "zhang"));
        assert!(!followers.unfollow("wx1", "zhang"));
        assert_eq!(followers.chat("wx1", "zhang"), []);
        assert_eq!(followers.followed("wx1", "lina"), None);
    }
}
