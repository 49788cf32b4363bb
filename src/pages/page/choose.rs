//! The page that asks which account it is to be, where several fit one person.
//!
//! Shows what an owner recognises and nobody else learns: phone and email have their middle hidden.

use serde::Serialize;

/// Asks which account it is to be. The form posts `flow` and `account`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Choose {
    /// Where the form goes: a path of our own.
    pub action: String,
    /// Names the question; goes along with the answer.
    pub flow: String,
    /// What can be chosen.
    pub accounts: Vec<Choice>,
    /// Begins a new login.
    pub again_href: String,
}

/// One account that can be chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Choice {
    /// The account.
    pub id: String,
    /// Nickname or else user name, if known.
    pub name: Option<String>,
    /// The user name, if it is not what `name` says already.
    pub username: Option<String>,
    /// The address of a picture, if known.
    pub avatar: Option<String>,
    /// Phone with its middle hidden, if known.
    pub phone: Option<String>,
    /// Email with its middle hidden, if known.
    pub email: Option<String>,
    /// Whole days since the last login; none if there was none.
    pub last_days_ago: Option<u64>,
    /// Whether another choice says the same in all of that, so that only its id tells it apart.
    pub has_twin: bool,
}

impl Choose {
    /// Marks the choices that nobody could tell apart.
    #[must_use]
    pub fn told_apart(mut self) -> Self {
        let same = |a: &Choice, b: &Choice| {
            (&a.name, &a.username, &a.phone, &a.email, a.last_days_ago)
                == (&b.name, &b.username, &b.phone, &b.email, b.last_days_ago)
        };
        let twins: Vec<bool> = self
            .accounts
            .iter()
            .map(|one| self.accounts.iter().any(|other| one.id != other.id && same(one, other)))
            .collect();
        for (choice, has_twin) in self.accounts.iter_mut().zip(twins) {
            choice.has_twin = has_twin;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_choices_that_say_the_same_are_told_apart_by_their_id() {
        let choice = |id: &str, name: &str, phone: Option<&str>| Choice {
            id: id.into(),
            name: Some(name.into()),
            phone: phone.map(str::to_owned),
            last_days_ago: Some(0),
            ..Choice::default()
        };
        let accounts = vec![
            choice("a", "Ann", None),
            choice("b", "Ann", Some("+8613*******66")),
            choice("c", "Ann", None),
            Choice { last_days_ago: Some(1), ..choice("d", "Ann", None) },
            Choice { username: Some("ann".into()), ..choice("e", "Ann", None) },
            choice("f", "Bob", None),
        ];
        let page = Choose { action: String::new(), flow: String::new(), accounts, again_href: String::new() };
        let twins: Vec<String> =
            page.told_apart().accounts.into_iter().filter(|one| one.has_twin).map(|one| one.id).collect();
        assert_eq!(twins, ["a", "c"]);
    }
}
