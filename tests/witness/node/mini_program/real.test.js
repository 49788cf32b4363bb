// The program against a real gateway and a simulated WeChat. Their addresses come from the environment, and without
// them nothing is tested here:
//   MENSHEN_GATEWAY, MENSHEN_SIMULATOR           for example http://127.0.0.1:8080 and http://127.0.0.1:9880
//   MENSHEN_APP_ID                               the mini program's AppID at the simulator
//   MENSHEN_SCAN, MENSHEN_MINI, MENSHEN_LAUNCH   ids of the methods mini_program_scan, mini_program and app_launch
'use strict';

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const http = require('node:http');
const { test } = require('node:test');
const { INDEX, LOGIN } = require('./world');
const { Phone } = require('./wx');

const { MENSHEN_GATEWAY: GATEWAY, MENSHEN_SIMULATOR: SIMULATOR } = process.env;
const { MENSHEN_APP_ID: APP_ID = 'wx0de0000000000005', MENSHEN_SCAN: SCAN = 'mini-scan' } = process.env;
const { MENSHEN_MINI: MINI = 'mini', MENSHEN_LAUNCH: LAUNCH = 'launch' } = process.env;
const PERSON = 'lina';
const DESKTOP = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36';

const skip = GATEWAY && SIMULATOR ? false : 'set MENSHEN_GATEWAY and MENSHEN_SIMULATOR to run it';

const ask = (url, body, headers = {}) =>
  new Promise((resolve, reject) => {
    const method = body === undefined ? 'GET' : 'POST';
    if (body !== undefined) headers = { 'content-type': 'application/json', ...headers };
    const request = http.request(url, { method, headers, agent: false, timeout: 20000 }, (answer) => {
      const chunks = [];
      answer.on('data', (chunk) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({ status: answer.statusCode, headers: answer.headers, text, json: () => JSON.parse(text) });
      });
    });
    request.on('timeout', () => request.destroy(new Error(`${url} does not answer`)));
    request.on('error', reject);
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });

const simulator = async (action, wanted) => {
  const answer = await ask(`${SIMULATOR}/_sim/${action}`, wanted);
  if (answer.status !== 200) throw new Error(`the simulator refuses ${action}: ${answer.text}`);
  return answer.json();
};

// What wx.login gives this person in this mini program: the one place that knows how the simulator is asked.
const loginCode = async (appId, person) => (await simulator('login_code', { app_id: appId, person })).code;

const phoneCode = async (person) => (await simulator('phone_code', { app_id: APP_ID, person })).code;

const aPhone = (config = {}) =>
  new Phone({
    appId: APP_ID,
    loginCode: () => loginCode(APP_ID, PERSON),
    config: { gateway: GATEWAY, method: MINI, askPhone: true, ...config },
  });

// WeChat gives a page its query as it stands; `scene` stays percent-encoded.
const openedAs = (phone, opened) => {
  const pairs = opened.query.split('&').filter(Boolean).map((pair) => pair.split(/=(.*)/s));
  return phone.open(opened.path, Object.fromEntries(pairs), opened.launch_scene);
};

const who = async (headers) => (await ask(`${GATEWAY}/_menshen/userinfo`, undefined, headers)).json();

// A desktop browser, as far as cookies go.
class Browser {
  cookies = new Map();

  async visit(target) {
    const cookie = [...this.cookies].map((pair) => pair.join('=')).join('; ');
    const headers = { 'user-agent': DESKTOP, accept: 'text/html', cookie, 'sec-fetch-mode': 'navigate' };
    const answer = await ask(new URL(target, GATEWAY), undefined, headers);
    for (const line of answer.headers['set-cookie'] ?? []) {
      const [, name, value] = line.match(/^([^=]+)=([^;]*)/);
      if (value === '') this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    return answer;
  }

  // The login page with a mini program code; gives the code and where the login ends.
  async begin() {
    const page = await this.visit(`/_menshen/login?method=${SCAN}`);
    const [finish] = page.text.replaceAll('&amp;', '&').replaceAll('&#x2f;', '/').match(/\/_menshen\/flow\/finish[^"'\s<]*/) ?? [];
    assert.ok(finish, `no way to finish on the login page (${page.status})`);
    const [code] = await simulator('mini_codes');
    return { finish, code };
  }
}

const scanned = async (phone, browser) => {
  const { finish, code } = await browser.begin();
  await openedAs(phone, await simulator('scan_mini_code', { scene: code.scene, person: PERSON }));
  return finish;
};

// Acceptance: M7a.
test('one tap logs in and the home page says who it is', { skip }, async () => {
  const phone = aPhone();
  await phone.open(LOGIN);
  await phone.tap('一键登录');
  assert.match(phone.text(), /已登录/);
  await phone.tap('完成');
  assert.equal(phone.page.route, INDEX);
  const { token } = phone.require('utils/session.js');
  const myself = await who({ authorization: `Bearer ${token()}` });
  assert.ok(phone.text().includes(myself.account));
  await phone.tap('登录与退出');
  const ended = token();
  await phone.tap('退出登录');
  const { error } = await who({ authorization: `Bearer ${ended}` });
  assert.ok(['login_required', 'session_expired'].includes(error), error);
});

// Acceptance: M7b.
test('a phone number can go along', { skip }, async () => {
  const phone = aPhone();
  await phone.open(LOGIN);
  await phone.tap('手机号登录', { code: await phoneCode(PERSON) });
  assert.match(phone.text(), /已登录/);
});

// Acceptance: M4a, M4d.
test('a scanned code logs in the browser that shows it, after a tap', { skip }, async () => {
  const [phone, browser] = [aPhone(), new Browser()];
  const finish = await scanned(phone, browser);
  assert.match(phone.text(), new RegExp(new URL(GATEWAY).hostname));
  await phone.tap(phone.buttons().find((label) => /确认登录|不提供/.test(label)));
  assert.match(phone.text(), /已确认登录/);
  await browser.visit(finish);
  assert.ok((await browser.visit('/_menshen/userinfo')).json().account);
});

// Acceptance: M4b.
test('a cancelled code logs nobody in and is dead', { skip }, async () => {
  const [phone, browser] = [aPhone(), new Browser()];
  const finish = await scanned(phone, browser);
  const { page } = phone;
  await phone.tap('取消');
  assert.match(phone.text(), /已取消/);
  await browser.visit(finish);
  assert.equal((await browser.visit('/_menshen/userinfo')).status, 401);
  await phone.open(page.route, page.options);
  assert.equal(phone.page.data.stage, 'failed');
});

test('a code that nobody made is unknown', { skip }, async () => {
  const phone = await aPhone().open('pages/menshen/confirm/confirm', { scene: 'nobody-made-this' });
  assert.match(phone.text(), /登录请求不存在/);
});

// Acceptance: M2a, M2b.
test('an app launches the program, gets its return code and redeems it once', { skip }, async () => {
  const verifier = crypto.randomBytes(32).toString('base64url');
  const challenge = crypto.createHash('sha256').update(verifier, 'ascii').digest('base64url');
  const launched = (await ask(`${GATEWAY}/_menshen/api/launch`, { method: LAUNCH, challenge })).json();
  const { mini_program: originalId, path, ticket } = launched;
  const opened = await simulator('launch', { original_id: originalId, path, person: PERSON });
  const phone = aPhone();
  await openedAs(phone, opened);
  await phone.tap(phone.buttons().find((label) => /确认登录|不提供/.test(label)));
  await phone.tap('返回应用');
  const back = { tab: opened.tab, parameter: phone.returned };
  const { ext_msg: returnCode } = await simulator('return_to_app', back);
  const redeem = (more) => ask(`${GATEWAY}/_menshen/api/redeem`, { ticket, verifier, return_code: returnCode, ...more });
  const answer = await redeem();
  assert.equal(answer.status, 200, answer.text);
  const { token, account } = answer.json();
  assert.equal((await who({ authorization: `Bearer ${token}` })).account, account.id);
  assert.notEqual((await redeem()).status, 200);
});

test('a method of another kind is told to the operator', { skip }, async () => {
  const phone = aPhone({ method: LAUNCH });
  await phone.open(LOGIN);
  await phone.tap('一键登录');
  assert.match(phone.text(), /配置的登录方式不是小程序登录/);
});
