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
    /// Nickname or user name, if known.
    pub name: Option<String>,
    /// The address of a picture, if known.
    pub avatar: Option<String>,
    /// Phone with its middle hidden, if known.
    pub phone: Option<String>,
    /// Email with its middle hidden, if known.
    pub email: Option<String>,
    /// Whole days since the last login; none if there was none.
    pub last_days_ago: Option<u64>,
}
