//! Everything that can go wrong in a visitor's sight, once: code, HTTP status, whether trying again helps, words.
//!
//! The codes are part of the API and never change; pages and JSON answers take their words from here. No word
//! ever names a secret, a code or a token.

use http::StatusCode;
use serde::{Serialize, Serializer};

use super::{Lang, Missing};
use crate::domain::FlowRefusal;

/// What a code says in one language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words {
    /// A few words: the heading of the page.
    pub title: &'static str,
    /// One or two sentences: the text of the page and the `message` of the JSON answer.
    pub message: &'static str,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $status:ident, $retryable:literal,
        en $en_title:literal, $en:literal,
        zh $zh_title:literal, $zh:literal;)*) => {
        /// What went wrong, as pages and JSON answers say it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $($(#[$doc])* $name,)*
        }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The stable snake_case code.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The HTTP status that goes with it.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)* }
            }

            /// Whether the same request may succeed later, or a new attempt at the same thing.
            pub const fn retryable(self) -> bool {
                match self { $(Self::$name => $retryable,)* }
            }

            /// The words for a person.
            pub const fn words(self, lang: Lang) -> Words {
                match (self, lang) {
                    $((Self::$name, Lang::En) => Words { title: $en_title, message: $en },
                    (Self::$name, Lang::Zh) => Words { title: $zh_title, message: $zh },)*
                }
            }
        }
    };
}

codes! {
    /// The request cannot be understood.
    BadRequest = "bad_request", BAD_REQUEST, false,
        en "This request cannot be understood", "The address or the form that was sent is not complete. Go back and try it from there.",
        zh "无法理解这个请求", "发送的地址或表单不完整。请返回上一页重新操作。";
    /// The path has several readings (encoded slashes, dot segments, …).
    AmbiguousPath = "ambiguous_path", BAD_REQUEST, false,
        en "This address is not allowed", "The address contains characters that can be read in more than one way, so it was not passed on.",
        zh "不允许使用这个地址", "地址中含有会产生歧义的字符，因此没有转发。";
    /// The call needs a known visitor and there is none.
    LoginRequired = "login_required", UNAUTHORIZED, false,
        en "Please sign in", "You need to sign in with WeChat to see this.",
        zh "请先登录", "请先使用微信登录，再访问此内容。";
    /// The call came with a session that has ended.
    SessionExpired = "session_expired", UNAUTHORIZED, false,
        en "Your session has ended", "You were signed in some time ago. Please sign in again.",
        zh "登录已过期", "您的登录状态已失效，请重新登录。";
    /// Known, but not allowed.
    Forbidden = "forbidden", FORBIDDEN, false,
        en "You may not see this", "This page is not open to you. If you think it should be, ask the operator of this site.",
        zh "没有访问权限", "您无权访问此页面。如有疑问，请联系本站管理员。";
    /// Known, but the account lacks what the route asks for.
    MissingRights = "missing_rights", FORBIDDEN, false,
        en "Your account may not see this", "You are signed in, but this page asks for something that your account does not have.",
        zh "您的账号没有访问权限", "您已登录，但您的账号不满足访问此页面的条件。";
    /// Known, but by a method that the route does not take.
    LoginMethodRequired = "login_method_required", FORBIDDEN, false,
        en "Please sign in another way", "You are signed in, but this page asks you to sign in by another method.",
        zh "请使用其他方式登录", "您已登录，但此页面需要使用其他登录方式。";
    /// Known, and only a verified phone number is missing.
    PhoneRequired = "phone_required", FORBIDDEN, false,
        en "A phone number is needed", "You are signed in, but this page asks for a verified phone number.",
        zh "请先验证手机号", "您已登录，但访问此页面需要先验证手机号。";
    /// A form was sent from a page of another site.
    ForeignOrigin = "foreign_origin", FORBIDDEN, false,
        en "This form came from elsewhere", "To protect you, forms are only accepted from pages of this site. Nothing was changed.",
        zh "表单来自其他网站", "为了您的安全，这里只接受从本站页面提交的表单。没有做任何更改。";
    /// Nothing of ours at this address.
    NotFound = "not_found", NOT_FOUND, false,
        en "There is nothing here", "The address may be mistyped, or the page has moved.",
        zh "页面不存在", "地址可能有误，或者页面已经移走。";
    /// No route leads anywhere from this host and path.
    NoRoute = "no_route", NOT_FOUND, false,
        en "This address leads nowhere", "No application is set up for this address. If you followed a link, please tell the operator of this site.",
        zh "此地址没有对应的应用", "这个地址没有配置任何应用。如果您是点击链接来的，请告知本站管理员。";
    /// The address exists, the method does not.
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, false,
        en "This cannot be done here", "The address exists but does not answer this kind of request.",
        zh "不支持此操作", "该地址存在，但不支持这种请求方式。";
    /// The visitor took too long to send the request.
    RequestTimeout = "request_timeout", REQUEST_TIMEOUT, true,
        en "The request took too long", "Your request did not arrive in time. Please try again.",
        zh "请求超时", "您的请求没有及时送达，请重试。";
    /// The request's body is larger than allowed.
    TooLarge = "too_large", PAYLOAD_TOO_LARGE, false,
        en "This is too large", "What you sent is larger than this site accepts.",
        zh "内容过大", "您发送的内容超过了本站允许的大小。";
    /// The request's header is larger than allowed.
    HeaderTooLarge = "header_too_large", REQUEST_HEADER_FIELDS_TOO_LARGE, false,
        en "The request is too large", "Your browser sent more header data than this site accepts. Clearing the cookies of this site usually helps.",
        zh "请求头过大", "浏览器发送的请求头超过了限制。清除本站的 Cookie 通常可以解决。";
    /// Asked too often.
    TooMany = "too_many", TOO_MANY_REQUESTS, true,
        en "Too many requests", "There were too many requests from you in a short time. Please wait a moment.",
        zh "请求过于频繁", "短时间内请求次数过多，请稍候再试。";
    /// A defect of ours.
    Internal = "internal", INTERNAL_SERVER_ERROR, true,
        en "Something went wrong", "This is our mistake, not yours. It was recorded; please try again.",
        zh "出了点问题", "这是我们的问题，与您无关。问题已记录，请重试。";
    /// The application behind the gateway cannot be reached.
    UpstreamDown = "upstream_down", BAD_GATEWAY, true,
        en "The application is not answering", "You reached us, but the application behind this page cannot be reached right now.",
        zh "应用暂时无法访问", "您已连接到本站，但后面的应用目前没有响应。";
    /// The application behind the gateway took too long.
    UpstreamTimeout = "upstream_timeout", GATEWAY_TIMEOUT, true,
        en "The application takes too long", "The application behind this page did not answer in time.",
        zh "应用响应超时", "后面的应用没有在规定时间内响应。";
    /// The store of sessions and accounts cannot be reached.
    StoreDown = "store_down", SERVICE_UNAVAILABLE, true,
        en "Signing in is not possible right now", "The place where sign-ins are kept cannot be reached. Nothing is lost; please try again in a moment.",
        zh "暂时无法登录", "登录信息的存储服务暂时不可用。您的数据没有丢失，请稍后再试。";
    /// A login method that does not exist or is not offered here.
    UnknownMethod = "unknown_method", NOT_FOUND, false,
        en "There is no such way to sign in", "This way of signing in is not offered here. Choose another one.",
        zh "没有这种登录方式", "这里不提供该登录方式，请选择其他方式。";
    /// The callback's state leads to no login attempt.
    UnknownState = "unknown_state", BAD_REQUEST, true,
        en "This sign-in is not known", "The sign-in you came back from is not known here, or it was completed before. Nobody was signed in.",
        zh "找不到这次登录", "您返回的这次登录不存在，或者之前已经完成。没有登录任何账号。";
    /// The login attempt has run out.
    FlowExpired = "flow_expired", BAD_REQUEST, true,
        en "The sign-in took too long", "For your safety a sign-in has to be finished within a few minutes. Please start again.",
        zh "登录已超时", "为了安全，登录需要在几分钟内完成。请重新开始。";
    /// The login attempt has its outcome already.
    FlowFinished = "flow_finished", CONFLICT, true,
        en "This sign-in is already finished", "Each sign-in counts once. Please start again.",
        zh "这次登录已经结束", "每次登录只能使用一次，请重新开始。";
    /// The login attempt was begun by another browser, or cookies are off.
    ForeignBrowser = "foreign_browser", FORBIDDEN, true,
        en "This sign-in began in another browser", "A sign-in can only be finished where it began: in the same browser or app. Nobody was signed in.",
        zh "登录是在另一个浏览器中开始的", "只能在开始登录的那个浏览器或应用中完成登录。没有登录任何账号。";
    /// The visitor said no at WeChat.
    Denied = "denied", FORBIDDEN, true,
        en "You declined at WeChat", "The sign-in was cancelled in WeChat. Nobody was signed in.",
        zh "您已取消授权", "您在微信中取消了登录。没有登录任何账号。";
    /// The account that fits is disabled.
    AccountDisabled = "account_disabled", FORBIDDEN, false,
        en "This account is disabled", "We know who you are, but your account here has been disabled.",
        zh "账号已停用", "我们已确认您的身份，但您在本站的账号已被停用。";
    /// Unknown person, closed registration.
    RegistrationClosed = "registration_closed", FORBIDDEN, false,
        en "No account for this WeChat", "Only people who already have an account may sign in here, and this WeChat belongs to none. Nothing about you was stored.",
        zh "此微信没有对应的账号", "本站只允许已有账号的用户登录，而此微信未关联任何账号。我们没有保存您的任何信息。";
    /// Nobody is known by this WeChat, and no account has its phone number.
    NoMatch = "no_matching_account", FORBIDDEN, false,
        en "No account fits your WeChat", "People sign in here by the phone number of their account, and WeChat gave none that an account has. Nothing about you was stored.",
        zh "没有与您的微信匹配的账号", "本站通过手机号确认账号，而微信未提供手机号，或该手机号不属于任何账号。我们没有保存您的任何信息。";
    /// The account belongs to another WeChat.
    AccountHasWechat = "account_has_wechat", CONFLICT, false,
        en "This account belongs to another WeChat", "The account is signed in to with another WeChat already, and nothing is taken from it. Nobody was signed in.",
        zh "该账号已绑定其他微信", "该账号已经绑定了另一个微信，不会被覆盖。没有登录任何账号。";
    /// Name and password, or a code, do not fit; or there is no such account.
    WrongProof = "wrong_proof", FORBIDDEN, true,
        en "That is not right", "The name and the password, or the code, are not correct. Check what you typed and try again.",
        zh "信息不正确", "账号与密码不匹配，或者验证码不正确。请核对后重试。";
    /// A code was sent only just now.
    CodeTooSoon = "code_too_soon", TOO_MANY_REQUESTS, true,
        en "A code was sent only just now", "One code a minute can go to an address. Wait a moment, and look into your spam folder.",
        zh "刚刚发送过验证码", "同一地址每分钟只能发送一次验证码。请稍候，并检查垃圾邮件或拦截的短信。";
    /// Too many codes were sent today, to this address or for who asks.
    TooManyCodes = "too_many_codes", TOO_MANY_REQUESTS, true,
        en "No more codes can be sent for now", "Too many codes were sent within a day. Use one that you have, or try again later.",
        zh "验证码发送次数已达上限", "一天内发送的验证码过多，请使用已收到的验证码，或稍后再试。";
    /// Too many proofs were wrong.
    Locked = "locked", TOO_MANY_REQUESTS, true,
        en "Too many wrong tries", "For the safety of the account nothing can be tried for a while. Please come back later.",
        zh "错误次数过多", "为了账号安全，暂时无法继续尝试，请稍后再试。";
    /// The operator does not offer this proof.
    ProofNotOffered = "proof_not_offered", FORBIDDEN, false,
        en "An account cannot be proven this way here", "Choose one of the ways that are offered.",
        zh "不支持这种验证方式", "请选择页面提供的验证方式。";
    /// What was typed is no phone number or email address.
    AddressInvalid = "address_invalid", BAD_REQUEST, false,
        en "No code can be sent there", "That is not an email address, or not a phone number; write numbers from abroad with + and the country code.",
        zh "无法发送到该地址", "请输入正确的邮箱地址或手机号，境外手机号请以 + 和国家代码开头。";
    /// The site that knows the passwords gives no answer.
    ProofUnavailable = "proof_unavailable", SERVICE_UNAVAILABLE, true,
        en "The password cannot be checked right now", "The site that knows your password gives no answer. Please try again in a moment.",
        zh "暂时无法验证密码", "保存密码的网站暂时没有响应，请稍后再试。";
    /// Several accounts fit.
    SeveralAccounts = "several_accounts", CONFLICT, false,
        en "Several accounts fit your WeChat", "More than one account on this site belongs to your WeChat, so nobody was signed in.",
        zh "此微信对应多个账号", "本站有不止一个账号与您的微信关联，因此没有登录任何账号。";
    /// WeChat showed a snapshot page, so the identity is virtual.
    Snapshot = "snapshot", FORBIDDEN, true,
        en "WeChat is showing a preview", "WeChat has opened this page as a preview, in which nobody can sign in.",
        zh "当前是微信快照页", "微信以快照模式打开了此页面，快照页中无法登录。";
    /// WeChat did not accept the code.
    CodeRejected = "code_rejected", BAD_REQUEST, true,
        en "WeChat did not confirm the sign-in", "What WeChat sent with you was used before or is too old. A new attempt usually succeeds.",
        zh "微信未确认此次登录", "微信返回的登录凭证已被使用或已失效。重新登录通常即可成功。";
    /// The person does not follow the account.
    MustFollow = "must_follow", FORBIDDEN, true,
        en "Please follow the account first", "WeChat tells us who you are only while you follow our account. Follow it in WeChat, then sign in again.",
        zh "请先关注公众号", "只有在您关注我们的公众号期间，微信才会告知您的身份。请先在微信中关注，然后重新登录。";
    /// WeChat could not be reached.
    WechatUnavailable = "wechat_unavailable", SERVICE_UNAVAILABLE, true,
        en "WeChat is not answering", "We could not reach WeChat to confirm your sign-in. Please try again in a moment.",
        zh "微信暂时没有响应", "我们无法连接微信来确认您的登录，请稍后再试。";
    /// WeChat limits how often it is asked.
    WechatBusy = "wechat_busy", SERVICE_UNAVAILABLE, true,
        en "WeChat is busy", "Many people are signing in right now and WeChat asks us to slow down. Please try again in a minute.",
        zh "微信繁忙", "当前登录人数较多，微信限制了访问频率。请一分钟后再试。";
    /// WeChat does not let this person in.
    WechatRefused = "wechat_refused", FORBIDDEN, false,
        en "WeChat did not let you sign in", "WeChat refuses sign-ins for this WeChat account at present. WeChat's own help can tell you why.",
        zh "微信拒绝了此次登录", "微信目前不允许此微信号登录，原因请在微信中查询。";
    /// The login attempt has not been approved on the phone, so it cannot be finished yet.
    FlowNotApproved = "flow_not_approved", CONFLICT, true,
        en "This sign-in is not confirmed yet", "Confirm in WeChat on your phone first, then continue here.",
        zh "登录尚未确认", "请先在手机的微信中确认，然后再从这里继续。";
    /// The code on the screen has been scanned by somebody already.
    ScanCodeUsed = "scan_code_used", CONFLICT, true,
        en "This code has been used", "Each code works for one person and once. Go back to where you wanted to sign in and start again there.",
        zh "二维码已被使用", "每个二维码只能由一个人使用一次。请回到要登录的页面或应用，重新开始。";
    /// The code on the screen has run out.
    ScanCodeExpired = "scan_code_expired", GONE, true,
        en "This code has run out", "Go back to where you wanted to sign in and start again there.",
        zh "二维码已失效", "请回到要登录的页面或应用，重新开始。";
    /// The link that asks for a confirmation leads to no login attempt.
    TicketUnknown = "ticket_unknown", NOT_FOUND, false,
        en "There is nothing to confirm", "This confirmation was answered before or has run out. If you still want to sign in, go back to where you wanted to and start again there.",
        zh "没有需要确认的登录", "此次确认已经完成或已经过期。如果仍要登录，请回到要登录的页面或应用，重新开始。";
    /// A push message whose signature is not WeChat's.
    PushSignature = "push_signature", FORBIDDEN, false,
        en "The message is not signed by WeChat", "The signature does not fit the Token of this account. Compare the Token here with the one set at WeChat.",
        zh "消息签名不正确", "签名与此公众号的 Token 不符。请核对这里与微信后台填写的 Token。";
    /// A push message from too long ago, or from the future.
    PushStale = "push_stale", FORBIDDEN, false,
        en "The message is too old", "Its time is too far from ours. If this happens to every message, set the clock of this machine.",
        zh "消息已过时", "消息的时间与本机相差过大。如果每条消息都如此，请校准本机时钟。";
    /// A push message that was delivered before.
    PushReplayed = "push_replayed", FORBIDDEN, false,
        en "The message was delivered before", "Every message counts once, so nothing was done this time.",
        zh "消息重复", "每条消息只处理一次，这一次没有执行任何操作。";
    /// A push message for another account.
    PushForeignApp = "push_foreign_app", FORBIDDEN, false,
        en "The message is for another account", "The account named in the message is not the one of this address. Check which address each account has at WeChat.",
        zh "消息属于其他公众号", "消息中的账号与此地址对应的账号不符。请检查各公众号在微信后台填写的地址。";
    /// A push message in the clear, though a key is set.
    PushNotEncrypted = "push_not_encrypted", FORBIDDEN, false,
        en "The message is not encrypted", "An EncodingAESKey is set for this account, so only encrypted messages are believed. Choose the encrypted or the compatible mode at WeChat.",
        zh "消息未加密", "此公众号已配置 EncodingAESKey，因此只接受加密的消息。请在微信后台选择安全模式或兼容模式。";
    /// A push message that is no message.
    PushUnreadable = "push_unreadable", BAD_REQUEST, false,
        en "The message cannot be read", "What arrived is not a message in the form that WeChat sends, or the EncodingAESKey does not fit.",
        zh "无法读取消息", "收到的内容不符合微信消息的格式，或者 EncodingAESKey 不匹配。";
    /// A push message larger than any of WeChat's.
    PushTooLarge = "push_too_large", PAYLOAD_TOO_LARGE, false,
        en "The message is too large", "WeChat sends no messages of this size, so it was not read.",
        zh "消息过大", "微信不会发送这么大的消息，因此没有读取。";
    /// A call of the API whose body is not JSON.
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, false,
        en "The body has to be JSON", "Send the request with `Content-Type: application/json` and a JSON object as its body.",
        zh "请求内容必须是 JSON", "请使用 Content-Type: application/json，并以 JSON 对象作为请求内容。";
    /// The method exists, but this call is for methods of another kind.
    WrongMethod = "wrong_method", CONFLICT, false,
        en "This way of signing in works otherwise", "The method exists, but this call is for methods of another kind. The API document says which calls go with which kind.",
        zh "该登录方式不适用于此接口", "该登录方式存在，但此接口适用于其他类型的登录方式。请查阅接口文档。";
    /// WeChat says that the code was exchanged before.
    CodeUsed = "code_used", BAD_REQUEST, true,
        en "This code was used before", "Each code of WeChat works once. Ask WeChat for a new one and try again.",
        zh "登录凭证已被使用", "微信的每个登录凭证只能使用一次，请重新获取后再试。";
    /// WeChat does not accept the code of the phone number button.
    PhoneCodeRejected = "phone_code_rejected", BAD_REQUEST, true,
        en "WeChat did not confirm the phone number", "The code of the phone number was used before, is too old or belongs to another mini program. Ask for the phone number again, and for a new login code too.",
        zh "微信未确认手机号", "手机号凭证已被使用、已过期或属于其他小程序。请重新获取手机号，并重新获取登录凭证。";
    /// What the older phone number button encrypted cannot be believed.
    EncryptedDataRejected = "encrypted_data_rejected", BAD_REQUEST, true,
        en "The encrypted data cannot be read", "It does not belong to this sign-in, to this mini program or to this moment. Call wx.login first, then ask for the phone number, then send both.",
        zh "无法解读加密数据", "加密数据与此次登录、此小程序或当前时间不符。请先调用 wx.login，再获取手机号，然后一并提交。";
    /// The nonce of a native app's login.
    NonceUnknown = "nonce_unknown", BAD_REQUEST, true,
        en "This sign-in was not begun here", "The nonce is not one of ours, was used before, has run out or belongs to another method. Begin again.",
        zh "此次登录不是从这里开始的", "nonce 不存在、已被使用、已过期或属于其他登录方式，请重新开始。";
    /// The verifier of a launch does not belong to its challenge.
    VerifierWrong = "verifier_wrong", FORBIDDEN, false,
        en "Another app began this sign-in", "The verifier does not belong to the challenge that this sign-in began with. Nobody was signed in.",
        zh "此次登录是由其他应用发起的", "verifier 与发起登录时的 challenge 不符。没有登录任何账号。";
    /// The return code of a launch is not the one that the mini program got.
    ReturnCodeWrong = "return_code_wrong", FORBIDDEN, true,
        en "The return code is wrong", "It is not the one that the mini program was given for this sign-in, or it has run out. Nobody was signed in.",
        zh "返回码不正确", "返回码不是小程序在此次登录中获得的那一个，或者已经过期。没有登录任何账号。";
    /// An account that was not among those offered.
    AccountNotOffered = "account_not_offered", FORBIDDEN, false,
        en "This account was not offered", "Only an account that belongs to your WeChat can be chosen. Nobody was signed in.",
        zh "不能选择该账号", "只能选择与您的微信关联的账号。没有登录任何账号。";
    /// The identity belongs to another account.
    IdentityTaken = "identity_taken", CONFLICT, false,
        en "This WeChat belongs to another account", "It already signs in to another account on this site, so it was not added to yours. Nothing was changed.",
        zh "此微信已属于其他账号", "此微信已用于登录本站的另一个账号，因此没有绑定到您的账号。没有做任何更改。";
    /// The account has another identity of the same app.
    HasAnother = "has_another", CONFLICT, false,
        en "Your account already has another WeChat here", "For this way of signing in, an account can have only one WeChat, and yours has another one. Nothing was changed.",
        zh "您的账号已绑定其他微信", "每个账号在同一登录方式下只能绑定一个微信，而您的账号已绑定了另一个。没有做任何更改。";
    /// The browser that wanted to add a WeChat is no longer logged in to that account.
    OwnerGone = "owner_gone", FORBIDDEN, true,
        en "You are no longer signed in to that account", "The WeChat was not added, because this browser is not signed in to the account it was meant for. Open your account page and add it from there.",
        zh "您已不在该账号的登录状态", "此浏览器当前没有登录要绑定的账号，因此没有绑定此微信。请打开您的账号页面重新操作。";
    /// An account's only WeChat.
    LastWechat = "last_wechat", CONFLICT, false,
        en "Your only WeChat stays", "Without it nobody could sign in to your account any more. Add another WeChat first, then remove this one.",
        zh "无法解绑唯一的微信", "解绑后将无法再登录您的账号。请先绑定另一个微信，再解绑这一个。";
    /// A WeChat that the account does not have.
    WechatUnknown = "wechat_unknown", NOT_FOUND, false,
        en "Your account has no such WeChat", "It may have been removed already. Nothing was changed.",
        zh "您的账号没有绑定此微信", "此微信可能已被解绑。没有做任何更改。";
    /// A login that the account does not have.
    SessionUnknown = "session_unknown", NOT_FOUND, false,
        en "Your account has no such session", "It may have ended already. Nothing was changed.",
        zh "没有这个登录状态", "该登录可能已经结束。没有做任何更改。";
    /// The phone number is verified, but another account holds it.
    PhoneTaken = "phone_taken", CONFLICT, false,
        en "This phone number belongs to another account", "The number was verified, but it belongs to another account on this site. Nothing was changed.",
        zh "此手机号已属于其他账号", "手机号已验证，但它已属于本站的其他账号。没有做任何更改。";
    /// A one-time code that is not the one that was sent.
    CodeWrong = "code_wrong", BAD_REQUEST, true,
        en "This is not the code", "The digits are not those that were sent. Please try again.",
        zh "验证码不正确", "输入的验证码与发送的不一致，请重新输入。";
    /// A one-time code that is too old or was tried too often, or none that was ever sent.
    CodeExpired = "code_expired", BAD_REQUEST, false,
        en "This code no longer works", "It is too old, was tried too often or was used before. Ask for another one.",
        zh "验证码已失效", "验证码已过期、已使用或尝试次数过多，请重新获取。";
    /// Nobody has set up a way to send messages.
    SmsOff = "sms_off", CONFLICT, false,
        en "This site sends no messages", "No service for text messages is set up here, so no number can be verified by a code.",
        zh "本站未开通短信", "本站没有配置短信服务，无法通过验证码验证手机号。";
    /// A message that could not be sent.
    CodeNotSent = "code_not_sent", SERVICE_UNAVAILABLE, true,
        en "The code could not be sent", "The message did not go out. Check the number and try again in a minute.",
        zh "验证码发送失败", "短信没有发送成功，请检查手机号，一分钟后再试。";
    /// The operator's WeChat settings are wrong.
    Misconfigured = "misconfigured", INTERNAL_SERVER_ERROR, false,
        en "Signing in is not set up correctly", "The WeChat settings of this site need a correction. The operator has been told; there is nothing you can do about it.",
        zh "登录配置有误", "本站的微信设置需要修正。已通知管理员，您无需进行任何操作。";
}

impl ErrorCode {
    /// After how many seconds it makes sense to ask again, where that does not depend on who asks.
    pub fn retry_after(self) -> Option<u64> {
        match self {
            // WeChat counts by the minute.
            Self::WechatBusy => Some(60),
            _ => (self.status() == StatusCode::SERVICE_UNAVAILABLE).then_some(5),
        }
    }

    /// Whether a call of the JSON API may be answered with it; the others are for browsers, apps behind the gateway and
    /// WeChat's own messages.
    pub const fn is_of_the_api(self) -> bool {
        !matches!(
            self,
            Self::Forbidden
                | Self::MissingRights
                | Self::LoginMethodRequired
                | Self::PhoneRequired
                | Self::ForeignOrigin
                | Self::UpstreamDown
                | Self::UpstreamTimeout
                | Self::UnknownState
                | Self::Snapshot
                | Self::MustFollow
                | Self::OwnerGone
                | Self::PushSignature
                | Self::PushStale
                | Self::PushReplayed
                | Self::PushForeignApp
                | Self::PushNotEncrypted
                | Self::PushUnreadable
                | Self::PushTooLarge
        )
    }
}

impl From<FlowRefusal> for ErrorCode {
    fn from(reason: FlowRefusal) -> Self {
        match reason {
            FlowRefusal::Denied => Self::Denied,
            FlowRefusal::AccountDisabled => Self::AccountDisabled,
            FlowRefusal::RegistrationClosed => Self::RegistrationClosed,
            FlowRefusal::NoMatch => Self::NoMatch,
            FlowRefusal::Taken => Self::AccountHasWechat,
            FlowRefusal::SeveralAccounts => Self::SeveralAccounts,
            FlowRefusal::Snapshot => Self::Snapshot,
            FlowRefusal::CodeRejected => Self::CodeRejected,
            FlowRefusal::MustFollow => Self::MustFollow,
            FlowRefusal::WechatUnavailable => Self::WechatUnavailable,
            FlowRefusal::WechatBusy => Self::WechatBusy,
            FlowRefusal::Misconfigured => Self::Misconfigured,
            FlowRefusal::WechatRefused => Self::WechatRefused,
            FlowRefusal::IdentityTaken => Self::IdentityTaken,
            FlowRefusal::HasAnother => Self::HasAnother,
            FlowRefusal::OwnerGone => Self::OwnerGone,
        }
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// The JSON answer for a code: `{"error", "message", "retryable", "request_id", "login"?}`.
///
/// `message` replaces the code's usual words where more is known; `login` is the address to sign in at.
pub fn error_json(
    code: ErrorCode,
    lang: Lang,
    message: Option<&str>,
    request_id: &str,
    login: Option<&str>,
) -> String {
    let message = message.unwrap_or(code.words(lang).message);
    let retryable = code.retryable();
    Body { error: code, message, retryable, request_id, login, page: None, missing: None }.json()
}

/// The JSON answer to a known visitor who lacks something: that of [`error_json`], with `missing`, and with `login`, or
/// `page` (where a phone number is verified), as the address at which it can be had.
pub fn denied_json(
    code: ErrorCode,
    lang: Lang,
    request_id: &str,
    missing: &Missing,
    address: Option<&str>,
) -> String {
    let message = code.words(lang).message;
    let (login, page) = match code {
        ErrorCode::PhoneRequired => (None, address),
        _ => (address, None),
    };
    let (retryable, missing) = (code.retryable(), Some(missing));
    Body { error: code, message, retryable, request_id, login, page, missing }.json()
}

#[derive(Serialize)]
struct Body<'a> {
    error: ErrorCode,
    message: &'a str,
    retryable: bool,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    login: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<&'a Missing>,
}

impl Body<'_> {
    fn json(&self) -> String {
        serde_json::to_string(self).expect("a struct of texts, lists and bools has a JSON form")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_code_is_unique_snake_case_and_an_error_status() {
        let mut seen = HashSet::new();
        for code in ErrorCode::ALL {
            let text = code.as_str();
            assert!(seen.insert(text), "{text} twice");
            assert!(text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{text}");
            assert!(code.status().is_client_error() || code.status().is_server_error(), "{text}");
        }
    }

    #[test]
    fn every_code_has_words_of_its_own_in_both_languages() {
        let han = |text: &str| text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
        let mut titles = HashSet::new();
        for code in ErrorCode::ALL {
            let (en, zh) = (code.words(Lang::En), code.words(Lang::Zh));
            assert!(!han(en.title) && !han(en.message), "{code:?} in English");
            assert!(han(zh.title) && han(zh.message), "{code:?} in Chinese");
            assert!(en.message.ends_with('.') && zh.message.ends_with('。'), "{code:?} ends its sentence");
            assert!(titles.insert(en.title) && titles.insert(zh.title), "{code:?} shares a title");
        }
    }

    #[rstest::rstest]
    #[case(ErrorCode::LoginRequired, 401, false)]
    #[case(ErrorCode::Forbidden, 403, false)]
    #[case(ErrorCode::NoRoute, 404, false)]
    #[case(ErrorCode::TooLarge, 413, false)]
    #[case(ErrorCode::TooMany, 429, true)]
    #[case(ErrorCode::UpstreamDown, 502, true)]
    #[case(ErrorCode::StoreDown, 503, true)]
    #[case(ErrorCode::UpstreamTimeout, 504, true)]
    fn a_code_has_the_status_clients_expect(
        #[case] code: ErrorCode,
        #[case] status: u16,
        #[case] retry: bool,
    ) {
        assert_eq!((code.status().as_u16(), code.retryable()), (status, retry));
    }

    #[test]
    fn a_json_answer_has_the_documented_shape() {
        let full = error_json(
            ErrorCode::LoginRequired,
            Lang::En,
            None,
            "r1",
            Some("https://a.example/_menshen/login"),
        );
        assert_eq!(
            full,
            r#"{"error":"login_required","message":"You need to sign in with WeChat to see this.","retryable":false,"request_id":"r1","login":"https://a.example/_menshen/login"}"#
        );
        let short = error_json(ErrorCode::AmbiguousPath, Lang::Zh, Some("a \"quoted\" reason"), "r2", None);
        assert_eq!(
            short,
            r#"{"error":"ambiguous_path","message":"a \"quoted\" reason","retryable":false,"request_id":"r2"}"#
        );
        let missing = Missing { groups: vec!["staff".into()], phone: true, ..Missing::default() };
        let denied = denied_json(ErrorCode::MissingRights, Lang::En, "r3", &missing, None);
        assert!(denied.ends_with(
            r#""request_id":"r3","missing":{"groups":["staff"],"attributes":{},"phone":true,"methods":[]}}"#
        ));
    }
}
