//! Kinds of browsers that visitors have, and what makes a Chromium pass for one of them.

use std::path::Path;

use serde_json::{Value, json};

/// What to do where Chromium is missing.
pub(crate) const INSTALL: &str = "the browser tests need Debian's packages chromium and chromium-driver: `make test` \
                       installs them; CHROMIUM and CHROMEDRIVER name programs elsewhere";

/// What kind of browser a visitor has.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    pub(crate) agent: Option<&'static str>,
    pub(crate) languages: &'static str,
    pub(crate) size: (u32, u32),
    pub(crate) touch: bool,
    pub(crate) dark: bool,
    pub(crate) cookies: bool,
}

impl Look {
    /// A Chinese computer.
    pub(crate) const DESKTOP: Self = Self {
        agent: Some(
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 \
             Safari/537.36",
        ),
        languages: "zh-CN,zh",
        size: (1000, 700),
        touch: false,
        dark: false,
        cookies: true,
    };

    /// A phone's own browser, as narrow as phones get.
    pub(crate) const PHONE: Self = Self {
        agent: Some(
            "Mozilla/5.0 (Linux; Android 14; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Mobile \
             Safari/537.36",
        ),
        size: (360, 740),
        touch: true,
        ..Self::DESKTOP
    };

    /// WeChat's browser on a phone.
    pub(crate) const WECHAT: Self = Self {
        agent: Some(
            "Mozilla/5.0 (iPhone; CPU iPhone OS 16_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
             Mobile/15E148 MicroMessenger/8.0.62(0x18003e33) NetType/4G Language/zh_CN",
        ),
        ..Self::PHONE
    };

    /// WeCom's browser on a phone: says MicroMessenger too, and is not WeChat.
    pub(crate) const WECOM: Self = Self {
        agent: Some(
            "Mozilla/5.0 (iPhone; CPU iPhone OS 16_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
             Mobile/15E148 wxwork/4.1.22 MicroMessenger/7.0.1 Language/zh",
        ),
        ..Self::PHONE
    };

    /// WeChat's browser on a Windows computer.
    pub(crate) const WECHAT_DESKTOP: Self = Self {
        agent: Some(
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/132.0.0.0 \
             Safari/537.36 NetType/WIFI MicroMessenger/7.0.20.1781(0x6700143B) WindowsWechat(0x63090a13) \
             UnifiedPCWindowsWechat(0xf2541a35) XWEB/19977 Flue",
        ),
        ..Self::DESKTOP
    };

    /// WeCom's browser on a Windows computer.
    pub(crate) const WECOM_DESKTOP: Self = Self {
        agent: Some(
            "Mozilla/5.0 (Windows NT 10.0; WOW64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/105.0.5195.102 \
             Safari/537.36 Language/zh wxwork/4.0.19 (MicroMessenger/6.2) WindowsWechat  MailPlugin_Electron \
             WeMail embeddisk",
        ),
        ..Self::DESKTOP
    };

    pub(crate) const fn english(self) -> Self {
        Self { languages: "en-GB,en", ..self }
    }

    pub(crate) const fn dark(self) -> Self {
        Self { dark: true, ..self }
    }

    pub(crate) const fn without_cookies(self) -> Self {
        Self { cookies: false, ..self }
    }

    /// What a driver is told to start such a browser with.
    pub(crate) fn capabilities(&self, profile: &Path) -> Value {
        let program = std::env::var("CHROMIUM").unwrap_or_else(|_| "/usr/bin/chromium".into());
        assert!(Path::new(&program).exists(), "{program} is missing: {INSTALL}");
        let (width, height) = self.size;
        let mut arguments = vec![
            "--headless=new".to_owned(),
            "--no-sandbox".into(),
            "--disable-gpu".into(),
            "--disable-dev-shm-usage".into(),
            "--disable-quic".into(),
            "--no-first-run".into(),
            "--disable-background-networking".into(),
            "--disable-component-update".into(),
            "--disable-sync".into(),
            "--disable-breakpad".into(),
            "--no-proxy-server".into(),
            "--hide-scrollbars".into(),
            "--lang=zh-CN".into(),
            format!("--user-data-dir={}", profile.display()),
        ];
        arguments.extend(self.agent.map(|agent| format!("--user-agent={agent}")));
        json!({
            "browserName": "chrome",
            "goog:loggingPrefs": { "browser": "ALL" },
            "goog:chromeOptions": {
                "binary": program,
                "args": arguments,
                "prefs": {
                    "intl.accept_languages": self.languages,
                    "profile.default_content_setting_values.cookies": if self.cookies { 1 } else { 2 },
                },
                "mobileEmulation": {
                    "deviceMetrics": {
                        "width": width, "height": height, "pixelRatio": 1.0, "mobile": self.touch, "touch": self.touch,
                    },
                },
            },
        })
    }
}
