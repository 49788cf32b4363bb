//! The code of a mini program that a phone scans: WeChat draws it, around a scene of ours.
//!
//! The scene opens a login, so neither it nor the picture is ever printed.

use std::fmt;

use bytes::Bytes;
use serde_json::json;

use super::client::{Client, Request};
use super::codes::{Call, Credential};
use super::error::{Error, Kind};
use super::mini_program::{ProgramVersion, RESERVED, is_valid_page};
use super::wire::Unreadable;
use crate::ground::Secret;

static MINI_CODE: Call =
    Call { name: "wxa/getwxacodeunlimit", credential: Credential::CodePicture, spends_code: false };

/// The longest scene, in characters.
const MAX_SCENE_LEN: usize = 32;
/// The largest picture; one of 1280 pixels is smaller.
const MAX_PICTURE: usize = 1024 * 1024;
/// How a picture of each kind begins.
const KINDS: [(&[u8], &str); 2] = [(b"\xFF\xD8\xFF", "image/jpeg"), (b"\x89PNG", "image/png")];

/// What a mini program code opens.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CodeRequest<'a> {
    /// Handed to the page: 1 to 32 letters, digits and signs that an address may hold, but `%`.
    pub scene: &'a str,
    /// The page that opens ([`is_valid_page`]).
    pub page: &'a str,
    /// The version that opens. The page must be in it; WeChat checks that for the release alone.
    pub version: ProgramVersion,
    /// Width and height in pixels, 280 to 1280.
    pub width: u32,
}

impl<'a> CodeRequest<'a> {
    /// WeChat's own default, in pixels.
    pub const WIDTH: u32 = 430;

    /// A code of the usual size.
    pub const fn new(scene: &'a str, page: &'a str, version: ProgramVersion) -> Self {
        Self { scene, page, version, width: Self::WIDTH }
    }

    /// What WeChat would refuse.
    fn check(&self) -> Result<(), &'static str> {
        if !is_valid_scene(self.scene) {
            return Err("this cannot be the scene of a mini program code");
        }
        if !is_valid_page(self.page) {
            return Err("this cannot be a page of a mini program");
        }
        if !(280..=1280).contains(&self.width) {
            return Err("a mini program code is 280 to 1280 pixels wide");
        }
        Ok(())
    }
}

impl fmt::Debug for CodeRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scene: _, page, version, width } = self;
        f.debug_struct("CodeRequest")
            .field("page", page)
            .field("version", version)
            .field("width", width)
            .finish_non_exhaustive()
    }
}

/// WeChat's picture of a mini program code.
#[derive(Clone, PartialEq, Eq)]
pub struct CodePicture {
    /// The file, at most 1 MiB.
    pub bytes: Bytes,
    /// `image/jpeg` or `image/png`, by the file's first bytes.
    pub content_type: &'static str,
}

impl CodePicture {
    fn read(body: Vec<u8>) -> Result<Self, Unreadable> {
        let kind = KINDS.iter().find(|(start, _)| body.starts_with(start));
        let (_, content_type) = kind.ok_or(Unreadable::NotAFile)?;
        Ok(Self { bytes: body.into(), content_type })
    }
}

impl fmt::Debug for CodePicture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CodePicture({}, {} bytes)", self.content_type, self.bytes.len())
    }
}

/// Whether `scene` can be the scene of a mini program code.
pub fn is_valid_scene(scene: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&'()*+,/:;=?@-._~".contains(&byte);
    (1..=MAX_SCENE_LEN).contains(&scene.len()) && scene.bytes().all(fine) && !scene.contains(RESERVED)
}

impl Client {
    /// WeChat's picture of a code that opens a page of the mini program with a scene. Such a code never ends, so the
    /// scene must.
    ///
    /// Source: official page "获取不限制的小程序码".
    ///
    /// # Errors
    /// 41030 says that the published version has no such page; else as [`Error::action`] says.
    pub async fn mini_program_code(
        &self,
        token: &Secret,
        code: &CodeRequest<'_>,
    ) -> Result<CodePicture, Error> {
        code.check().map_err(|why| Error::new(&MINI_CODE, Kind::Input(why)))?;
        let body = json!({
            "scene": code.scene,
            "page": code.page,
            "check_path": code.version == ProgramVersion::Release,
            "env_version": code.version.as_str(),
            "width": code.width,
        });
        let request = Request {
            query: &[("access_token", token.reveal())],
            json: Some(body.to_string().into()),
            hidden: &[token.reveal(), code.scene],
            max_body: MAX_PICTURE,
            ..Request::get(&MINI_CODE, "/wxa/getwxacodeunlimit")
        };
        self.call_file(&request, CodePicture::read).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("a", true)]
    #[case("0aZ!#$&'()*+,/:;=?@-._~", true)]
    #[case(&"a".repeat(32), true)]
    #[case(&"a".repeat(33), false)]
    #[case("", false)]
    #[case("a%20b", false)]
    #[case("a b", false)]
    #[case("a\"b", false)]
    #[case("门", false)]
    #[case("scancode_time=1", false)]
    fn a_scene_is_what_wechat_takes(#[case] scene: &str, #[case] valid: bool) {
        assert_eq!(is_valid_scene(scene), valid, "{scene}");
    }

    #[test]
    fn neither_a_scene_nor_a_picture_prints_itself() {
        let request = CodeRequest::new("s3cret", "pages/index", ProgramVersion::Trial);
        let shown = format!("{request:?} {:?}", CodePicture::read(b"\xFF\xD8\xFFs3cret".to_vec()).ok());
        assert!(!shown.contains("s3cret") && shown.contains("CodePicture(image/jpeg, 9 bytes)"), "{shown}");
    }

    #[rstest]
    #[case(b"\x89PNG\r\n\x1a\n", Some("image/png"))]
    #[case(b"\xFF\xD8\xFF\xE0", Some("image/jpeg"))]
    #[case(b"\xFF\xD8", None)]
    #[case(b"GIF89a", None)]
    #[case(b"<svg", None)]
    #[case(b"", None)]
    fn a_picture_is_told_by_its_first_bytes(#[case] body: &[u8], #[case] kind: Option<&str>) {
        assert_eq!(CodePicture::read(body.to_vec()).ok().map(|picture| picture.content_type), kind);
    }
}
