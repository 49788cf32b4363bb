//! A source file as the paths that it names. Works on tokens: what a macro is given counts, text does not.

use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// One file of `src`.
#[derive(Debug)]
pub(crate) struct Source {
    /// From the root of the repository.
    pub(crate) file: String,
    /// `["gate", "route"]` for `src/gate/route.rs`; empty for `lib.rs`.
    pub(crate) module: Vec<String>,
    pub(crate) text: String,
    /// Modules declared at its top level.
    pub(crate) children: Vec<String>,
    paths: Vec<Named>,
}

/// A path as written, from a module.
#[derive(Debug)]
struct Named {
    module: Vec<String>,
    parts: Vec<String>,
    /// Written with a leading `::`.
    global: bool,
    line: usize,
}

/// Every file of the library.
pub(crate) fn sources() -> Vec<Source> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![src.clone()];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let inside = path.strip_prefix(&src).unwrap().with_extension("");
            let mut module: Vec<String> =
                inside.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
            module.retain(|part| part != "mod");
            if path.extension().is_some_and(|extension| extension == "rs") && module != ["main"] {
                module.retain(|part| part != "lib");
                let text = std::fs::read_to_string(&path).unwrap();
                sources.push(Source::parse(&format!("src/{}.rs", inside.display()), module, &text));
            }
        }
    }
    sources.sort_by(|a, b| a.file.cmp(&b.file));
    sources
}

/// All Rust text below a folder.
pub(crate) fn texts(folder: &Path) -> String {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let texts = entries.map(|path| match path.extension() {
        _ if path.is_dir() => texts(&path),
        Some(extension) if extension == "rs" => std::fs::read_to_string(&path).unwrap(),
        _ => String::new(),
    });
    texts.collect::<Vec<_>>().join("\n")
}

impl Source {
    pub(crate) fn parse(file: &str, module: Vec<String>, text: &str) -> Self {
        let tokens: TokenStream = text.parse().unwrap_or_else(|error| panic!("{file}: {error}"));
        let mut read = Self {
            file: file.to_owned(),
            module: module.clone(),
            text: text.to_owned(),
            children: Vec::new(),
            paths: Vec::new(),
        };
        read.walk(&module, &tokens.into_iter().collect::<Vec<_>>(), true);
        read
    }

    /// Paths that lead into the crate, from its root, with their lines.
    pub(crate) fn inside(&self) -> Vec<(Vec<String>, usize)> {
        let resolved = self.paths.iter().filter_map(|path| Some((path.resolved()?, path.line)));
        resolved.filter(|(path, _)| !path.is_empty()).collect()
    }

    /// First names of all other paths, with their lines.
    pub(crate) fn outside(&self) -> Vec<(String, usize)> {
        let own = |name: &String| {
            self.children.contains(name)
                || self.paths.iter().any(|path| {
                    path.parts.len() > 1 && path.resolved().is_some() && path.parts.last() == Some(name)
                })
        };
        let outside = self.paths.iter().filter(|path| path.resolved().is_none());
        let outside = outside.filter(|path| path.global || !own(&path.parts[0]));
        outside.map(|path| (path.parts[0].clone(), path.line)).collect()
    }

    fn walk(&mut self, module: &[String], tokens: &[TokenTree], top: bool) {
        let mut index = 0;
        while index < tokens.len() {
            if let [TokenTree::Ident(word), TokenTree::Ident(name), after, ..] = &tokens[index..]
                && *word == "mod"
            {
                if top {
                    self.children.push(name.to_string());
                }
                if let TokenTree::Group(body) = after {
                    let inner: Vec<String> = module.iter().cloned().chain([name.to_string()]).collect();
                    self.walk(&inner, &body.stream().into_iter().collect::<Vec<_>>(), false);
                    index += 3;
                    continue;
                }
            }
            match &tokens[index] {
                TokenTree::Group(group) => {
                    self.walk(module, &group.stream().into_iter().collect::<Vec<_>>(), false);
                    index += 1;
                }
                TokenTree::Ident(_) => {
                    index += self.path(module, &[], &tokens[index..], global(tokens, index))
                }
                _ => index += 1,
            }
        }
    }

    /// Reads the path that begins at the first token, with `lead` before it, and says how many tokens it took.
    fn path(&mut self, module: &[String], lead: &[String], tokens: &[TokenTree], global: bool) -> usize {
        let mut parts = lead.to_vec();
        let line = tokens[0].span().start().line;
        let mut index = 0;
        while let Some(TokenTree::Ident(part)) = tokens.get(index) {
            parts.push(part.to_string());
            index += 1;
            if !is_separator(&tokens[index..]) {
                break;
            }
            match tokens.get(index + 2) {
                Some(TokenTree::Ident(_)) => index += 2,
                Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                    self.group(module, &parts, &group.stream().into_iter().collect::<Vec<_>>(), global);
                    return index + 3;
                }
                _ => break,
            }
        }
        // `a::{self}` is `a`.
        if parts.len() > 1 && parts.last().is_some_and(|last| last == "self") {
            parts.pop();
        }
        // A single word is a name of any kind; it leads nowhere by itself unless it ends a group.
        if parts.len() > 1 || is_separator(&tokens[index..]) {
            self.paths.push(Named { module: module.to_vec(), parts, global, line });
        }
        index
    }

    /// `a::{b, c::d}`.
    fn group(&mut self, module: &[String], lead: &[String], tokens: &[TokenTree], global: bool) {
        let is_comma = |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',');
        for branch in tokens.split(is_comma).filter(|branch| !branch.is_empty()) {
            match &branch[0] {
                TokenTree::Ident(_) => {
                    self.path(module, lead, branch, global);
                }
                other => {
                    let line = other.span().start().line;
                    self.paths.push(Named { module: module.to_vec(), parts: lead.to_vec(), global, line });
                }
            }
        }
    }
}

impl Named {
    /// The path from the crate's root; `None` if it does not begin in the crate.
    fn resolved(&self) -> Option<Vec<String>> {
        if self.global {
            return None;
        }
        let (mut at, mut rest) = match self.parts[0].as_str() {
            "crate" => (Vec::new(), &self.parts[1..]),
            "self" | "super" => (self.module.clone(), &self.parts[..]),
            _ => return None,
        };
        while let [first, after @ ..] = rest {
            match first.as_str() {
                "self" => {}
                "super" => {
                    at.pop();
                }
                _ => break,
            }
            rest = after;
        }
        at.extend(rest.iter().cloned());
        Some(at)
    }
}

fn is_separator(tokens: &[TokenTree]) -> bool {
    let colon = |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ':');
    matches!(tokens, [a, b, ..] if colon(a) && colon(b))
}

/// Whether the word at `index` follows a `::` that follows no word, as in `use ::redis`.
fn global(tokens: &[TokenTree], index: usize) -> bool {
    index >= 2
        && is_separator(&tokens[index - 2..])
        && !matches!(index.checked_sub(3).and_then(|before| tokens.get(before)),
            Some(TokenTree::Punct(punct)) if punct.as_char() == '>')
}
