//! The settings of a gateway with mini programs and mobile apps, two of each, beside the usual website.

use menshen::simulator::{self, App, AppKind, DEMO_MINI_APP_ID, DEMO_MOBILE_APP_ID};

use crate::world::{DIRECTORY, Setup, World};

/// The mini program's AppID.
pub(crate) const MINI: &str = DEMO_MINI_APP_ID;
/// The mobile app's AppID.
pub(crate) const MOBILE: &str = DEMO_MOBILE_APP_ID;
/// Another mini program.
pub(crate) const OTHER_MINI: &str = "wx0de0000000000015";
/// Another mobile app.
pub(crate) const OTHER_MOBILE: &str = "wx0de0000000000013";

/// The call by which the mini program logs in.
pub(crate) const LOGIN: &str = "login/mini";
/// The page that shows the mini program's code.
pub(crate) const CODE_LOGIN: &str = "/_menshen/login?method=code&rt=%2Fdeep%3Fa%3D1";

/// The exchange of a login code.
pub(crate) const SESSION: &str = "/sns/jscode2session";
/// The phone number of a code.
pub(crate) const PHONE: &str = "/wxa/business/getuserphonenumber";
/// A mini program code.
pub(crate) const CODE: &str = "/wxa/getwxacodeunlimit";

const APPS: &str = r#"
[[apps]]
id = "program"
kind = "mini_program"
app_id = "wx0de0000000000005"
secret = "5ec2e7000000000000000000000000d5"
pool = "people"
original_id = "gh_0de000000005"

[[apps]]
id = "program2"
kind = "mini_program"
app_id = "wx0de0000000000015"
secret = "5ec2e7000000000000000000000000e6"
pool = "people"

[[apps]]
id = "mobile"
kind = "mobile"
app_id = "wx0de0000000000003"
secret = "5ec2e7000000000000000000000000c3"
pool = "people"

[[apps]]
id = "mobile2"
kind = "mobile"
app_id = "wx0de0000000000013"
secret = "5ec2e7000000000000000000000000e6"
pool = "people"

[[methods]]
id = "mini"
kind = "mini_program"
app = "program"

[[methods]]
id = "mini2"
kind = "mini_program"
app = "program2"

[[methods]]
id = "app"
kind = "mobile_app"
app = "mobile"

[[methods]]
id = "app2"
kind = "mobile_app"
app = "mobile2"
"#;

fn others(config: &mut simulator::Config) {
    let app = |id: &str, kind, app_id: &str| App {
        id: id.into(),
        name: id.into(),
        kind,
        app_id: app_id.into(),
        secret: "5ec2e7000000000000000000000000e6".into(),
        open_platform: Some("main".into()),
        domain: "127.0.0.1".into(),
    };
    config.apps.push(app("mini2", AppKind::MiniProgram, OTHER_MINI));
    config.apps.push(app("mobile2", AppKind::Mobile, OTHER_MOBILE));
}

/// A world with all of it, in which apps are told phone numbers.
pub(crate) fn setup() -> Setup {
    setup_with("", "")
}

/// As [`setup`], with more TOML for the method `code` (scan) and for the method `launch`.
pub(crate) fn setup_with(scan: &str, launch: &str) -> Setup {
    let methods = format!(
        "\n[[methods]]\nid = \"code\"\nkind = \"mini_program_scan\"\napp = \"program\"\n{scan}\n\
         \n[[methods]]\nid = \"launch\"\nkind = \"app_launch\"\napp = \"program\"\n{launch}\n"
    );
    Setup {
        directory: format!("{DIRECTORY}{APPS}{methods}"),
        headers: "phone = \"X-User-Phone\"".into(),
        people: others,
        ..Setup::default()
    }
}

impl World {
    /// A world of [`setup`].
    pub(crate) async fn of_programs() -> Self {
        Self::with(setup()).await
    }
}
