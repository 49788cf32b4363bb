//! The small files by which WeChat and others check that a host is yours (`MP_verify_….txt`).
//!
//! They are answered at the root of every host before any route and never reach an upstream.

use std::collections::BTreeMap;
use std::path::Path;

use http::Method;

/// The longest content; WeChat's have 16 to 32 characters.
const MAX_BYTES: u64 = 4096;

/// Most files; every WeChat app has one.
const MAX_FILES: usize = 200;

/// Most entries of a directory, counting what is passed over.
const MAX_ENTRIES: usize = 10 * MAX_FILES;

/// The files of one config, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerificationFiles(BTreeMap<String, String>);

/// What is wrong: the key below `server`, and what to do.
pub type Problem = (String, String);

impl VerificationFiles {
    /// Takes the files written in the config and those of a directory.
    ///
    /// # Errors
    /// Every problem at once.
    pub fn new(files: &BTreeMap<String, String>, directory: Option<&Path>) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut all = Self::default();
        for (name, content) in files {
            let key = || format!("verification_files.{name}");
            if !is_file_name(name) {
                problems.push((key(), format!("`{name}` {NAME_RULE}")));
            }
            if content.len() as u64 > MAX_BYTES {
                problems.push((key(), format!("has more than {MAX_BYTES} bytes")));
            }
            all.0.insert(name.clone(), content.clone());
        }
        if let Some(directory) = directory
            && let Err(message) = all.read(directory)
        {
            problems.push(("verification_dir".into(), format!("`{}`: {message}", directory.display())));
        }
        if all.0.len() > MAX_FILES {
            problems.push(("verification_files".into(), format!("more than {MAX_FILES} files")));
        }
        if problems.is_empty() { Ok(all) } else { Err(problems) }
    }

    fn read(&mut self, directory: &Path) -> Result<(), String> {
        let list = std::fs::read_dir(directory).map_err(|error| format!("cannot be read: {error}"))?;
        for (count, entry) in list.enumerate() {
            if count == MAX_ENTRIES {
                return Err(format!(
                    "has more than {MAX_ENTRIES} entries; give the files a directory of their own"
                ));
            }
            let entry = entry.map_err(|error| error.to_string())?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            // What editors and desktops leave behind is nobody's mistake.
            if name.starts_with('.') {
                continue;
            }
            if !is_file_name(&name) {
                return Err(format!(
                    "the file `{name}` {NAME_RULE}; rename it as WeChat gave it to you, or move it away"
                ));
            }
            let failed = |error: std::io::Error| format!("`{name}` cannot be read: {error}");
            // Of what a link leads to, not of the link.
            let facts = std::fs::metadata(entry.path()).map_err(failed)?;
            if !facts.is_file() || facts.len() > MAX_BYTES {
                return Err(format!(
                    "`{name}` is no file of at most {MAX_BYTES} bytes, so it is no verification file"
                ));
            }
            let content = std::fs::read_to_string(entry.path()).map_err(failed)?;
            if self.0.get(&name).is_some_and(|other| *other != content) {
                return Err(format!("`{name}` differs from the one in server.verification_files"));
            }
            self.0.insert(name, content);
        }
        Ok(())
    }

    /// All files: name and content.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, content)| (name.as_str(), content.as_str()))
    }

    /// The content to answer a request with, if it asks for one of the files.
    pub fn answer(&self, method: &Method, path: &str) -> Option<&str> {
        if self.0.is_empty() || !matches!(*method, Method::GET | Method::HEAD) {
            return None;
        }
        self.0.get(path.strip_prefix('/')?).map(String::as_str)
    }
}

const NAME_RULE: &str =
    "is not the name of a verification file: letters, digits, `-` and `_`, then .txt or .html";

/// Plain enough that it names a file at the root and nothing else. An app's own file of that name (`index.html`) is
/// hidden by it; whoever lists it wants that.
fn is_file_name(name: &str) -> bool {
    let plain = |stem: &str| {
        (1..=128).contains(&stem.len())
            && stem.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    name.rsplit_once('.').is_some_and(|(stem, kind)| matches!(kind, "txt" | "html") && plain(stem))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn files(list: &[(&str, &str)]) -> BTreeMap<String, String> {
        list.iter().map(|(name, content)| ((*name).to_owned(), (*content).to_owned())).collect()
    }

    #[test]
    fn a_file_is_answered_at_the_root_and_nowhere_else() {
        let all = VerificationFiles::new(&files(&[("MP_verify_abc.txt", "abc")]), None).unwrap();
        assert_eq!(all.answer(&Method::GET, "/MP_verify_abc.txt"), Some("abc"));
        assert_eq!(all.answer(&Method::HEAD, "/MP_verify_abc.txt"), Some("abc"));
        for path in
            ["/mp_verify_abc.txt", "/MP_verify_abc.txt/", "/a/MP_verify_abc.txt", "/", "MP_verify_abc.txt"]
        {
            assert_eq!(all.answer(&Method::GET, path), None, "{path}");
        }
        assert_eq!(all.answer(&Method::POST, "/MP_verify_abc.txt"), None);
    }

    #[rstest::rstest]
    #[case("MP_verify_aB3dE5fG7h.txt", true)]
    #[case("WW_verify_aB3dE5fG7h.txt", true)]
    #[case("aB3dE5fG7h.txt", true)]
    #[case("index.html", true)]
    #[case("robots.php", false)]
    #[case("../x.txt", false)]
    #[case("a/b.txt", false)]
    #[case("MP_verify (1).txt", false)]
    #[case(".txt", false)]
    #[case("", false)]
    fn a_name_is_plain(#[case] name: &str, #[case] fits: bool) {
        assert_eq!(is_file_name(name), fits);
    }

    #[test]
    fn a_directory_is_read_and_what_does_not_belong_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("MP_verify_x.txt"), "x").unwrap();
        std::fs::write(folder.path().join(".DS_Store"), "junk").unwrap();
        let all = VerificationFiles::new(&BTreeMap::new(), Some(folder.path())).unwrap();
        assert_eq!(all.answer(&Method::GET, "/MP_verify_x.txt"), Some("x"));
        assert_eq!(all.answer(&Method::GET, "/.DS_Store"), None);
        std::fs::write(folder.path().join("MP_verify_x (1).txt"), "x").unwrap();
        let problems = VerificationFiles::new(&BTreeMap::new(), Some(folder.path())).unwrap_err();
        assert!(problems[0].1.contains("MP_verify_x (1).txt"), "{problems:?}");
        let gone = VerificationFiles::new(&BTreeMap::new(), Some(&folder.path().join("none"))).unwrap_err();
        assert_eq!(gone[0].0, "verification_dir");
    }

    #[test]
    fn a_link_is_measured_by_what_it_leads_to() {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (target, link) = (elsewhere.path().join("target"), folder.path().join("MP_verify_x.txt"));
        std::os::unix::fs::symlink(&target, &link).unwrap();
        let read = || VerificationFiles::new(&BTreeMap::new(), Some(folder.path()));
        std::fs::write(&target, "x").unwrap();
        assert_eq!(read().unwrap().answer(&Method::GET, "/MP_verify_x.txt"), Some("x"));
        std::fs::write(&target, "x".repeat(5000)).unwrap();
        assert!(read().unwrap_err()[0].1.contains("MP_verify_x.txt"));
        std::fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
        assert!(read().unwrap_err()[0].1.contains("MP_verify_x.txt"));
    }

    #[test]
    fn a_directory_of_other_things_is_a_problem_and_not_read_in_part() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..=MAX_ENTRIES {
            std::fs::write(folder.path().join(format!(".{number}")), "").unwrap();
        }
        let problems = VerificationFiles::new(&BTreeMap::new(), Some(folder.path())).unwrap_err();
        assert!(problems[0].1.contains("more than 2000 entries"), "{problems:?}");
    }

    #[test]
    fn config_and_directory_may_repeat_but_not_contradict_each_other() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.txt"), "x").unwrap();
        assert!(VerificationFiles::new(&files(&[("a.txt", "x")]), Some(folder.path())).is_ok());
        assert!(VerificationFiles::new(&files(&[("a.txt", "y")]), Some(folder.path())).is_err());
    }
}
