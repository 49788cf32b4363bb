//! What an examination finds, and how it is written: a line for a person, an object for a program.
//!
//! Holds no secret: whoever makes a finding puts none into it.

use std::fmt::{self, Write as _};

use serde::Serialize;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It works.
    Ok,
    /// It works, but not as well as it could.
    Warning,
    /// Some login will not work.
    Problem,
    /// It could not be found out.
    Unknown,
}

impl Outcome {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
            Self::Unknown => "unknown",
        }
    }
}

/// What a check has to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// How it ended.
    pub outcome: Outcome,
    /// What was found.
    pub message: String,
    /// What to do about it, or where to look.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cure: Option<String>,
}

impl Verdict {
    /// It works.
    pub(super) fn ok(message: impl Into<String>) -> Self {
        Self { outcome: Outcome::Ok, message: message.into(), cure: None }
    }

    /// It works, but.
    pub(super) fn warning(message: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { outcome: Outcome::Warning, message: message.into(), cure: Some(cure.into()) }
    }

    /// It will not work.
    pub(super) fn problem(message: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { outcome: Outcome::Problem, message: message.into(), cure: Some(cure.into()) }
    }

    /// Nobody knows; `cure` says how to find out.
    pub(super) fn unknown(message: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { outcome: Outcome::Unknown, message: message.into(), cure: Some(cure.into()) }
    }

    /// Nobody knows, because something else has to be mended first.
    pub(super) fn skipped(message: impl Into<String>) -> Self {
        Self { outcome: Outcome::Unknown, message: message.into(), cure: None }
    }

    /// Nobody knows, because the check asks with a server token.
    pub(super) fn without_token() -> Self {
        Self::skipped("not asked, because there is no server token to ask with")
    }

    /// The finding of the check `check` about `subject`.
    pub(super) fn about(self, check: &'static str, subject: impl Into<String>) -> Finding {
        Finding { check, subject: subject.into(), verdict: self }
    }
}

/// One line of the report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The name of the check; part of the interface.
    pub check: &'static str,
    /// The app, method, pool, file or address it is about.
    pub subject: String,
    /// What was found.
    #[serde(flatten)]
    pub verdict: Verdict,
}

impl Finding {
    /// As one JSON object.
    pub fn json(&self) -> String {
        // Texts and names only: nothing that JSON cannot hold.
        serde_json::to_string(self).expect("a finding is always JSON")
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Verdict { outcome, message, cure } = &self.verdict;
        let mut line = format!("{:<8} {} {}: {message}", outcome.as_str(), self.check, self.subject);
        if let Some(cure) = cure {
            line.push_str(" -> ");
            line.push_str(cure);
        }
        // A finding is one line, whatever a server has answered.
        line.chars().try_for_each(|c| {
            if c.is_control() { write!(f, "{}", c.escape_default()) } else { f.write_char(c) }
        })
    }
}

/// Everything that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// In the order of the config: what all apps share first, then the apps, then the pools.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Whether nothing was found that will not work.
    pub fn is_well(&self) -> bool {
        self.count(Outcome::Problem) == 0
    }

    fn count(&self, outcome: Outcome) -> usize {
        self.findings.iter().filter(|finding| finding.verdict.outcome == outcome).count()
    }

    /// How many findings of each kind, in one line.
    pub fn summary(&self) -> String {
        let [problems, warnings, unknown] =
            [Outcome::Problem, Outcome::Warning, Outcome::Unknown].map(|outcome| self.count(outcome));
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        format!(
            "{} checks: {problems} problem{}, {warnings} warning{}, {unknown} unknown; nothing was changed",
            self.findings.len(),
            plural(problems),
            plural(warnings),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line_with_its_cure() {
        let finding = Verdict::problem("it said\n\u{1b}[31mno", "do this").about("credentials", "service");
        assert_eq!(finding.to_string(), "problem  credentials service: it said\\n\\u{1b}[31mno -> do this");
    }

    #[test]
    fn as_json_a_finding_has_five_keys_or_four() {
        let finding = Verdict::warning("m", "c").about("clock", "wechat");
        assert_eq!(
            finding.json(),
            r#"{"check":"clock","subject":"wechat","outcome":"warning","message":"m","cure":"c"}"#
        );
        assert_eq!(
            Verdict::ok("m").about("clock", "wechat").json(),
            r#"{"check":"clock","subject":"wechat","outcome":"ok","message":"m"}"#
        );
    }

    #[test]
    fn only_a_problem_is_not_well() {
        let of = |verdicts: Vec<Verdict>| Report {
            findings: verdicts.into_iter().map(|verdict| verdict.about("c", "s")).collect(),
        };
        let fine = of(vec![Verdict::ok("m"), Verdict::warning("m", "c"), Verdict::skipped("m")]);
        assert!(fine.is_well());
        assert_eq!(fine.summary(), "3 checks: 0 problems, 1 warning, 1 unknown; nothing was changed");
        assert!(!of(vec![Verdict::problem("m", "c")]).is_well());
    }
}
