#![allow(clippy::unwrap_used)]
use super::ClientKind::*;
use super::*;

const ANDROID: &str = "Mozilla/5.0 (Linux; Android 14; 23113RKC6C Build/UKQ1.230804.001; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/122.0.6261.120 Mobile Safari/537.36 XWEB/1220133 MMWEBSDK/20240404 MMWEBID/5295 MicroMessenger/8.0.49.2600(0x2800315A) WeChat/arm64 Weixin NetType/WIFI Language/zh_CN ABI/arm64";
const IOS: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 16_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.62(0x18003e33) NetType/4G Language/zh_CN";
const MAC_MINI: &str = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/132.0.0.0 Safari/537.36 MicroMessenger/7.0.20.1781(0x6700143B) NetType/WIFI MiniProgramEnv/Mac MacWechat/WMPF MacWechat/3.8.7(0x13080712) UnifiedPCMacWechat(0xf2641702) XWEB/18788";

/// The strings are captured ones; the cases follow their numbers in the project's reference.
///
/// Acceptance: M0.
#[rstest::rstest]
#[case::r01_ios(IOS, WeChat { desktop: false })]
#[case::r02_ios_web_view(&format!("{IOS} miniProgram/wx0132aa93a8b214ae"), MiniProgramWebView)]
#[case::r03_android(ANDROID, WeChat { desktop: false })]
#[case::r04_android_web_view(&format!("{ANDROID} miniProgram/wx7dc0e08387a8e188"), MiniProgramWebView)]
#[case::r05_android_request(&format!("{ANDROID} MiniProgramEnv/android"), MiniProgramRequest)]
#[case::r06_harmony("Mozilla/5.0 (Phone; OpenHarmony 5.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/114.0.0.0 Safari/537.36 ArkWeb/4.1.6.1 Mobile MicroMessenger/8.0.10.41(0xf3100a29) Weixin NetType/WIFI Language/zh_HK MMWEBID/2907 MMWEBSDK/202508070004 XWEB/1140319", WeChat { desktop: false })]
#[case::r07_windows("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/132.0.0.0 Safari/537.36 NetType/WIFI MicroMessenger/7.0.20.1781(0x6700143B) WindowsWechat(0x63090a13) UnifiedPCWindowsWechat(0xf2541a35) XWEB/19977 Flue", WeChat { desktop: true })]
#[case::r08_windows_mini(
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/132.0.0.0 Safari/537.36 MicroMessenger/7.0.20.1781(0x6700143B) NetType/WIFI MiniProgramEnv/Windows WindowsWechat/WMPF WindowsWechat(0x63090a13) UnifiedPCWindowsWechat(0xf254160a) XWEB/18055",
    MiniProgramRequest
)]
#[case::r09_mac("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/132.0.0.0 Safari/537.36 NetType/WIFI MicroMessenger/7.0.20.1781(0x6700143B) MacWechat/3.8.7(0x13080712) UnifiedPCMacWechat(0xf26411f0) XWEB/16512 Flue", WeChat { desktop: true })]
#[case::r10_old_mac("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) MicroMessenger/6.8.0(0x16080000) MacWechat/3.3(0x13030013) NetType/WIFI WindowsWechat", WeChat { desktop: true })]
#[case::r11_mac_mini(MAC_MINI, MiniProgramRequest)]
#[case::r11_mac_mini_web_view(&format!("{MAC_MINI} miniProgram/wx7dc0e08387a8e188"), MiniProgramWebView)]
#[case::r12_wecom_android(
    "Mozilla/5.0 (Linux; Android 14; 23116PN5BC Build/UKQ1.230804.001; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/109.0.5414.86 MQQBrowser/6.2 TBS/046811 Mobile Safari/537.36 wxwork/4.1.15 MicroMessenger/7.0.1 NetType/4G Language/zh Lang/zh ColorScheme/Dark",
    WeCom { desktop: false }
)]
#[case::r13_wecom_ios(
    "Mozilla/5.0 (iPhone; CPU iPhone OS 15_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 wxwork/4.0.8 MicroMessenger/7.0.1 Language/zh",
    WeCom { desktop: false }
)]
#[case::r14_wecom_windows(
    "Mozilla/5.0 (Windows NT 10.0; WOW64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/105.0.5195.102 Safari/537.36 Language/zh wxwork/4.0.19 (MicroMessenger/6.2) WindowsWechat  MailPlugin_Electron WeMail embeddisk",
    WeCom { desktop: true }
)]
#[case::r15_ipad("Mozilla/5.0 (iPad; CPU OS 15_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.20(0x18001428) NetType/WIFI Language/zh_CN", WeChat { desktop: false })]
#[case::r16_harmony_web(
    "Mozilla/5.0 (Phone; OpenHarmony 5.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/114.0.0.0 Safari/537.36  ArkWeb/4.1.6.1 Mobile",
    Mobile
)]
#[case::r16_harmony_tablet(
    "Mozilla/5.0 (Tablet; OpenHarmony 5.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/114.0.0.0 Safari/537.36  ArkWeb/4.1.6.1",
    Mobile
)]
#[case::r16_harmony_pc(
    "Mozilla/5.0 (PC; OpenHarmony 5.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/114.0.0.0 Safari/537.36  ArkWeb/4.1.6.1",
    Desktop
)]
#[case::r17_chrome(
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
    Desktop
)]
#[case::r17_edge(
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0",
    Desktop
)]
#[case::r17_firefox("Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0", Desktop)]
#[case::r17_mac_safari(
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15",
    Desktop
)]
#[case::r17_iphone_safari(
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
    Mobile
)]
#[case::r17_android_chrome(
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36",
    Mobile
)]
#[case::early_web_view(&format!("{IOS} miniProgram"), MiniProgramWebView)]
#[case::lower_case(&IOS.to_ascii_lowercase(), WeChat { desktop: false })]
#[case::dingtalk_android(
    "Mozilla/5.0 (Linux; U; Android 12; zh-CN; M2012K11AC Build/SKQ1.211006.001) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/100.0.4896.58 UWS/5.12.2.0 Mobile Safari/537.36 AliApp(DingTalk/7.0.20) com.alibaba.android.rimet/28623340 Channel/10002068 language/zh-CN",
    OtherInApp
)]
#[case::dingtalk_desktop(
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) DingTalk(7.0.20-macOS-26867413) nw Chrome/91.0.4472.124 Safari/537.36",
    Desktop
)]
#[case::qq_ios(
    "Mozilla/5.0 (iPhone; CPU iPhone OS 16_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 QQ/8.9.50.611 V1_IPH_SQ_8.9.50_1_APP_A Pixel/1170 SimpleUISwitch/0",
    OtherInApp
)]
#[case::qq_browser(
    "Mozilla/5.0 (Linux; U; Android 12; zh-cn; M2012K11AC) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/98.0.4758.102 MQQBrowser/13.6 Mobile Safari/537.36 COVC/046403",
    Mobile
)]
#[case::feishu(
    "Mozilla/5.0 (iPhone; CPU iPhone OS 16_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Lark/6.5.9 LarkLocale/zh_CN ChannelName/Feishu",
    OtherInApp
)]
#[case::alipay(
    "Mozilla/5.0 (Linux; U; Android 12; zh-CN; M2012K11AC) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/100.0.4896.58 UWS/4.2.0 Mobile Safari/537.36 NebulaSDK/1.8.100112 Nebula AlipayDefined(nt:WIFI) AliApp(AP/10.3.50.8000) AlipayClient/10.3.50.8000 Language/zh-Hans",
    OtherInApp
)]
#[case::curl("curl/8.10.1", Desktop)]
#[case::nothing("", Desktop)]
fn a_client_is_recognised_by_its_user_agent(#[case] agent: &str, #[case] kind: ClientKind) {
    assert_eq!(client_kind(agent), kind);
}

#[test]
fn an_endless_user_agent_is_read_only_at_its_beginning() {
    let agent = format!("{}MicroMessenger", "名".repeat(10_000));
    assert_eq!(client_kind(&agent), Desktop);
}
