//! The page for a known visitor who may not pass, and what is missing, as pages and JSON answers say it.
//!
//! Says what this route asks for and nothing of other routes; whoever is not logged in never gets to see it.

use std::collections::BTreeMap;

use serde::Serialize;

/// What is missing; what is there, or not asked for, is left empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// The account has to be in one of these groups.
    pub groups: Vec<String>,
    /// For each of these attributes the account has to have one of the values.
    pub attributes: BTreeMap<String, Vec<String>>,
    /// The account has to have a verified phone number.
    pub phone: bool,
    /// The login has to be by one of these methods.
    pub methods: Vec<String>,
}

/// Tells a known visitor what their account lacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Denied {
    /// Who is logged in, in a word that they recognise.
    pub account: String,
    /// What is missing. There is something.
    pub missing: Missing,
    /// The login page, for somebody else.
    pub other_href: String,
    /// Where the visitor came from, or the front page, unless this is it.
    pub back_href: Option<String>,
    /// Asks before signing out.
    pub logout_href: String,
    /// Shown for the operator.
    pub request_id: String,
}
