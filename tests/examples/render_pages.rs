//! Writes every sample of every page as files, to be looked at in a browser: `cargo run --example render_pages`.
//!
//! The files go to `target/pages/{zh,en}/`, the style sheets and scripts beside them.

use std::fs;
use std::io;
use std::path::Path;

use menshen::pages::{Lang, LoginBody, Page, Pages, PagesConfig};

fn main() -> io::Result<()> {
    let config = PagesConfig { title: "示例科技 Intranet".into(), ..PagesConfig::default() };
    // Relative links, so that the files open without a server.
    let pages = Pages::new(&config, "..").map_err(|problems| io::Error::other(format!("{problems:?}")))?;
    let root = Path::new("target/pages");
    fs::create_dir_all(root.join("assets"))?;
    for (name, asset) in pages.assets() {
        fs::write(root.join("assets").join(name), &asset.bytes)?;
    }
    fs::write(root.join("frame.html"), "<!doctype html><title>frame</title><h1>WeChat's page</h1>")?;
    for lang in Lang::ALL {
        let folder = root.join(lang.as_str());
        fs::create_dir_all(&folder)?;
        for (number, mut page) in Page::samples().into_iter().enumerate() {
            if let Page::Login(login) = &mut page
                && let LoginBody::Embedded { frame_url, .. } = &mut login.body
            {
                "../frame.html".clone_into(frame_url);
            }
            let stem = page.template().trim_end_matches(".html");
            let suffix = page.code().map(|code| format!("-{}", code.as_str())).unwrap_or_default();
            fs::write(folder.join(format!("{number:02}-{stem}{suffix}.html")), pages.render(lang, &page))?;
        }
    }
    println!("{}", root.canonicalize()?.display());
    Ok(())
}
