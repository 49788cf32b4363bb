//! Mini program codes: what `wxa/getwxacodeunlimit` accepts, the codes there are, their picture.
//!
//! Pure. Codes never expire, but the oldest are forgotten here.

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder as _};
use qrcode::{Color, EcLevel, QrCode};
use rand::CryptoRng;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ground::Timestamp;
use crate::simulator::bounded::Bounded;
use crate::simulator::config::MiniProgram;
use crate::simulator::errcode::Errcode;
use crate::simulator::ids;
use crate::simulator::switches::SceneLength;

/// Which version of a mini program opens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnvVersion {
    /// 正式版
    #[default]
    Release,
    /// 体验版
    Trial,
    /// 开发版
    Develop,
}

impl EnvVersion {
    /// From `env_version`; absent is `release`.
    pub(crate) fn parse(value: Option<&Value>) -> Option<Self> {
        match value {
            None | Some(Value::Null) => Some(Self::Release),
            Some(value) => match value.as_str()? {
                "" | "release" => Some(Self::Release),
                "trial" => Some(Self::Trial),
                "develop" => Some(Self::Develop),
                _ => None,
            },
        }
    }

    /// As WeChat writes it.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Trial => "trial",
            Self::Develop => "develop",
        }
    }
}

/// A code as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) scene: String,
    pub(crate) page: String,
    pub(crate) version: EnvVersion,
    pub(crate) width: u32,
}

impl Wanted {
    /// Reads the body of `wxa/getwxacodeunlimit`.
    pub(crate) fn parse(body: &Value, program: &MiniProgram, length: SceneLength) -> Result<Self, Errcode> {
        let scene = body.get("scene").and_then(Value::as_str).unwrap_or_default();
        if !(1..=32).contains(&scene.chars().count()) {
            return Err(match length {
                SceneLength::InvalidScene => Errcode::INVALID_SCENE,
                SceneLength::InvalidLength => Errcode::SCENE_LENGTH,
            });
        }
        if !scene.bytes().all(is_scene_byte) {
            return Err(Errcode::INVALID_SCENE);
        }
        let text = |key: &str| match body.get(key) {
            None | Some(Value::Null) => Ok(""),
            Some(value) => value.as_str().ok_or(Errcode::NOT_JSON),
        };
        let flag = |key: &str, default: bool| match body.get(key) {
            None | Some(Value::Null) => Ok(default),
            Some(value) => value.as_bool().ok_or(Errcode::NOT_JSON),
        };
        let page = text("page")?;
        if page.contains("scancode_time") || scene.contains("scancode_time") {
            return Err(Errcode::RESERVED_NAME);
        }
        if page.starts_with('/') || page.contains('?') {
            return Err(Errcode::INVALID_PAGE);
        }
        let page = if page.is_empty() { program.home() } else { page };
        if flag("check_path", true)? && !program.has(page) {
            return Err(Errcode::INVALID_PAGE);
        }
        flag("auto_color", false)?;
        flag("is_hyaline", false)?;
        let version = EnvVersion::parse(body.get("env_version")).ok_or(Errcode::INVALID_ARGS)?;
        let width = match body.get("width") {
            None | Some(Value::Null) => 430,
            Some(width) => width.as_u64().and_then(|width| u32::try_from(width).ok()).unwrap_or_default(),
        };
        if !(280..=1280).contains(&width) {
            return Err(Errcode::INVALID_ARGS);
        }
        Ok(Self { scene: scene.into(), page: page.into(), version, width })
    }
}

fn is_scene_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$&'()*+,/:;=?@-._~".contains(&byte)
}

/// One code.
#[derive(Clone, Debug)]
pub(crate) struct Picture {
    /// The last part of the address inside our picture.
    pub(crate) key: String,
    pub(crate) app_id: String,
    pub(crate) scene: String,
    pub(crate) page: String,
    pub(crate) version: EnvVersion,
    pub(crate) made: Timestamp,
    announced: bool,
}

/// All codes, by key.
#[derive(Debug)]
pub(crate) struct Pictures(Bounded<String, Picture>);

impl Pictures {
    pub(crate) fn new() -> Self {
        Self(Bounded::new(10_000))
    }

    /// Remembers a code.
    pub(crate) fn create(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        app_id: &str,
        wanted: Wanted,
    ) -> String {
        let key = ids::letters(rng, 22);
        let Wanted { scene, page, version, .. } = wanted;
        let (made, announced) = (now, false);
        let app_id = app_id.to_owned();
        let picture = Picture { key: key.clone(), app_id, scene, page, version, made, announced };
        self.0.insert(key.clone(), picture);
        key
    }

    /// Newest first.
    pub(crate) fn recent(&self) -> impl Iterator<Item = &Picture> {
        self.0.iter().rev().map(|(_, picture)| picture)
    }

    pub(crate) fn by_key(&self, key: &str) -> Option<&Picture> {
        self.0.get(key)
    }

    /// The oldest code this has not returned before.
    pub(crate) fn next(&mut self) -> Option<Picture> {
        let key = self.0.iter().find(|(_, picture)| !picture.announced).map(|(key, _)| key.clone())?;
        let picture = self.0.get_mut(&key)?;
        picture.announced = true;
        Some(picture.clone())
    }
}

/// A square JPEG of `side` pixels; `None` if the content does not fit.
pub(crate) fn draw(content: &[u8], side: u32) -> Option<Vec<u8>> {
    const QUIET: usize = 4;
    // Enough correction for a logo in the middle.
    let code = QrCode::with_error_correction_level(content, EcLevel::H).ok()?;
    let width = usize::try_from(side).ok()?;
    let scale = width / (code.width() + 2 * QUIET);
    let margin = (width - scale * code.width()) / 2;
    let inside =
        |at: usize| at.checked_sub(margin)?.checked_div(scale).filter(|module| *module < code.width());
    let pixel = |x: usize, y: usize| match (inside(x), inside(y)) {
        (Some(x), Some(y)) if code[(x, y)] == Color::Dark => 0,
        _ => u8::MAX,
    };
    let pixels: Vec<u8> = (0..width * width).map(|at| pixel(at % width, at / width)).collect();
    let mut jpeg = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut jpeg, 90);
    encoder.write_image(&pixels, side, side, ExtendedColorType::L8).ok()?;
    Some(jpeg)
}
