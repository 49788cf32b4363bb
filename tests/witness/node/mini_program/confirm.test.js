// The page that a scanned code opens: nothing is approved but what was shown, by a tap, once.
'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { DROPPED, LOST, SILENT, refuse } = require('./gateway');
const { CODES, CONFIRM, INDEX, LOGIN, impatient, world } = require('./world');

const opened = async (t, { ticket = {}, ...more } = {}) => {
  const beside = await world(t, more);
  const asked = beside.gateway.ticket('s/1=', ticket);
  await beside.phone.open(CONFIRM, { scene: encodeURIComponent('s/1=') });
  return { ...beside, asked };
};

// Acceptance: M4d.
test('what is being approved is shown before anything can be approved', async (t) => {
  const { phone, asked } = await opened(t);
  for (const words of ['门神商店', 'shop.example.com', 'Firefox', '203.0.113.7', /2025-11-2\d \d\d:\d\d/]) {
    assert.match(phone.text(), words instanceof RegExp ? words : new RegExp(words));
  }
  assert.deepEqual(phone.buttons(), ['确认登录', '取消']);
  assert.equal(asked.state, 'waiting');
});

// Acceptance: M4a.
test('a tap approves, with a fresh code for each call', async (t) => {
  const { gateway, phone, asked } = await opened(t);
  await phone.tap('确认登录');
  assert.deepEqual([asked.state, asked.person, asked.phone], ['approved', 'lina', undefined]);
  assert.match(phone.text(), /已确认登录/);
  const codes = gateway.calls.map((call) => call.body.code);
  assert.equal(new Set(codes).size, 2);
  assert.deepEqual(Object.keys(gateway.calls[1].body).sort(), ['code', 'scene']);
});

// Acceptance: M4b.
test('取消 rejects', async (t) => {
  const { phone, asked } = await opened(t);
  await phone.tap('取消');
  assert.equal(asked.state, 'rejected');
  assert.match(phone.text(), /已取消/);
  await phone.tap('回到首页');
  assert.equal(phone.page.route, INDEX);
});

test('home is where config.js says, and a program that has no such page closes', async (t) => {
  const { gateway, phone } = await world(t);
  for (const [home, route, left] of [[`/${LOGIN}`, LOGIN, false], ['/pages/nowhere/nowhere', CONFIRM, true]]) {
    gateway.ticket('s1');
    phone.require('config.js').home = home;
    await phone.open(CONFIRM, { scene: 's1' });
    await phone.tap('确认登录');
    await phone.tap('回到首页');
    assert.deepEqual([phone.page.route, phone.left], [route, left]);
  }
});

test('a link opens it with cq', async (t) => {
  const { gateway, phone } = await world(t);
  const asked = gateway.ticket('from-a-link');
  await phone.open(CONFIRM, { cq: 'from-a-link' }, 1194);
  await phone.tap('确认登录');
  assert.equal(asked.state, 'approved');
});

test('fields the gateway does not know are not shown as empty rows', async (t) => {
  const { phone } = await opened(t, { ticket: { browser: undefined, ip: undefined } });
  assert.doesNotMatch(phone.text(), /浏览器|IP|undefined|null/);
});

test('what nobody scanned from a screen is warned of, also when the program was running already', async (t) => {
  const { phone } = await opened(t);
  assert.doesNotMatch(phone.text(), /小心/);
  // Pictures, cards in a chat, a page in WeChat, another mini program, an app; 1047 and 1011 are the camera.
  const scenes = [1012, 1013, 1048, 1049, 1007, 1008, 1044, 1096, 1167, 1037, 1036, 1001];
  for (const [scene, warned] of [[1047, false], [1011, false], ...scenes.map((scene) => [scene, true]), [1047, false]]) {
    await phone.open(CONFIRM, { scene: 's%2F1%3D' }, scene);
    assert.equal(/小心：你没有对着屏幕扫码/.test(phone.text()), warned, String(scene));
  }
});

test('a link is warned of, however it came', async (t) => {
  const { gateway, phone } = await world(t);
  gateway.ticket('from-a-link');
  for (const scene of [1065, 1194, 1167, 1286, 1047]) {
    await phone.open(CONFIRM, { cq: 'from-a-link' }, scene);
    assert.match(phone.text(), /小心.*只有你刚刚在这台手机的浏览器里打开了登录页才确认/, String(scene));
    assert.deepEqual(phone.buttons(), ['确认登录', '取消']);
  }
});

test('who leaves and comes back is warned of what they came with', async (t) => {
  for (const [scene, warned] of [[1048, true], [1047, false]]) {
    const { gateway, phone } = await world(t);
    gateway.ticket('s1');
    phone.online = false;
    await phone.open(CONFIRM, { scene: 's1' }, scene);
    phone.online = true;
    await phone.comeBack(1089);
    await phone.tap('再试一次');
    assert.deepEqual(phone.buttons(), ['确认登录', '取消']);
    assert.equal(/小心/.test(phone.text()), warned, String(scene));
  }
});

// Acceptance: M4e.
test('a phone number is asked for where the gateway wants one', async (t) => {
  const { gateway, phone, asked } = await opened(t, { ticket: { ask_phone: true } });
  assert.deepEqual(phone.buttons(), ['提供手机号并登录', '不提供，直接登录', '取消']);
  await phone.tap('提供手机号并登录', { errMsg: 'getPhoneNumber:ok', code: gateway.phone() });
  assert.deepEqual([asked.state, asked.phone], ['approved', '13580006666']);
});

test('who gives no phone number gets on without', async (t) => {
  const { phone, asked } = await opened(t, { ticket: { ask_phone: true } });
  await phone.tap('提供手机号并登录', { errMsg: 'getPhoneNumber:fail user deny' });
  assert.match(phone.text(), /没有取得手机号，可以再试一次，或不提供/);
  await phone.tap('提供手机号并登录', { errMsg: 'getPhoneNumber:fail', errno: 1400001 });
  assert.match(phone.text(), /暂时取不到手机号，可以不提供/);
  assert.equal(asked.state, 'waiting');
  await phone.tap('不提供，直接登录');
  assert.deepEqual([asked.state, asked.phone], ['approved', undefined]);
});

test('a stale phone number code leads back to the button', async (t) => {
  const { gateway, phone, asked } = await opened(t, { ticket: { ask_phone: true } });
  await phone.tap('提供手机号并登录', { code: 'stale' });
  assert.match(phone.text(), /没有取得手机号/);
  await phone.tap('返回');
  await phone.tap('提供手机号并登录', { code: gateway.phone('13900000000') });
  assert.equal(asked.phone, '13900000000');
});

test('double taps do what one tap does', async (t) => {
  const { gateway, phone } = await opened(t);
  for (let taps = 0; taps < 3; taps += 1) phone.touch('确认登录');
  phone.touch('取消');
  await phone.settled();
  assert.deepEqual([gateway.called('/api/confirm').length, gateway.called('/api/reject').length], [1, 0]);
  assert.match(phone.text(), /已确认登录/);
});

// Acceptance: M7c.
test('a code that WeChat or the gateway no longer takes is replaced once', async (t) => {
  for (const stale of ['code_used', 'code_rejected']) {
    const { gateway, phone, asked } = await opened(t);
    gateway.next('/api/confirm', refuse(400, stale, { retryable: true }));
    await phone.tap('确认登录');
    assert.equal(asked.state, 'approved');
    const codes = gateway.called('/api/confirm').map((call) => call.body.code);
    assert.equal(new Set(codes).size, 2);
  }
});

test('a request that was lost is sent again, once, with another code', async (t) => {
  const { gateway, phone, asked } = await opened(t, { config: impatient });
  gateway.next('/api/confirm', DROPPED);
  await phone.tap('确认登录');
  assert.equal(asked.state, 'approved');
  gateway.ticket('s/1=');
  await phone.open(CONFIRM, { scene: 's%2F1%3D' });
  gateway.calls.length = 0;
  gateway.next('/api/confirm', SILENT, SILENT);
  await phone.tap('确认登录');
  assert.equal(gateway.called('/api/confirm').length, 2);
  assert.match(phone.text(), /等得太久了/);
  await phone.tap('再试一次');
  assert.match(phone.text(), /已确认登录/);
});

test('a yes whose answer was lost is given once more', async (t) => {
  const { gateway, phone, asked } = await opened(t);
  gateway.next('/api/confirm', LOST);
  await phone.tap('确认登录');
  assert.equal(asked.state, 'approved');
  assert.match(phone.text(), /已确认登录/);
  assert.equal(gateway.called('/api/confirm').length, 2);
});

test('where a yes may have logged in meanwhile the program does not claim that nothing happened', async (t) => {
  const used = refuse(409, 'scan_code_used', { retryable: true });
  for (const answers of [[LOST, used], [SILENT, SILENT, used]]) {
    const { gateway, phone } = await opened(t, { config: impatient });
    gateway.next('/api/confirm', ...answers);
    await phone.tap('确认登录');
    if (answers.length > 2) await phone.tap('再试一次');
    assert.match(phone.text(), /可能已经完成/);
    assert.match(phone.text(), /编号 req-7/);
    assert.deepEqual(phone.buttons(), ['知道了']);
  }
});

test('a no whose answer was lost is not told as a possible login', async (t) => {
  const { gateway, phone, asked } = await opened(t, { config: impatient });
  gateway.next('/api/reject', SILENT, LOST);
  await phone.tap('取消');
  assert.equal(asked.state, 'rejected');
  await phone.tap('再试一次');
  assert.match(phone.text(), /可能已经取消/);
  assert.doesNotMatch(phone.text(), /完成/);
  assert.deepEqual(phone.buttons(), ['知道了']);
});

test('a yes that may have worked is not forgotten over a no', async (t) => {
  const { gateway, phone } = await opened(t, { ticket: { ask_phone: true } });
  gateway.next('/api/confirm', LOST);
  // The number went with the answer that was lost.
  await phone.tap('提供手机号并登录', { code: gateway.phone() });
  await phone.tap('返回');
  gateway.next('/api/reject', LOST);
  await phone.tap('取消');
  assert.match(phone.text(), /可能已经完成/);
});

test('a look whose answer was lost approves nothing', async (t) => {
  const used = refuse(409, 'scan_code_used', { retryable: true });
  const { gateway, phone } = await world(t);
  gateway.ticket('s1');
  for (const [looks, answers] of [[[DROPPED, used], []], [[DROPPED], [used]]]) {
    gateway.next('/api/scan', ...looks);
    gateway.next('/api/confirm', ...answers);
    await phone.open(CONFIRM, { scene: 's1' });
    if (answers.length > 0) await phone.tap('确认登录');
    assert.match(phone.text(), /这个码已经用过/);
    assert.doesNotMatch(phone.text(), /可能/);
  }
});

test('without a network everything waits for the next try', async (t) => {
  const { gateway, phone } = await world(t);
  const asked = gateway.ticket('s1');
  phone.online = false;
  await phone.open(CONFIRM, { scene: 's1' });
  assert.match(phone.text(), /微信没有回应/);
  phone.online = true;
  await phone.tap('再试一次');
  gateway.next('/api/confirm', DROPPED, DROPPED);
  await phone.tap('确认登录');
  assert.match(phone.text(), /没有网络/);
  await phone.tap('再试一次');
  assert.equal(asked.state, 'approved');
});

test('without a scene, or with a broken one, it says how it is opened', async (t) => {
  const { gateway, phone } = await world(t);
  for (const query of [{}, { scene: '%E0%A4%A' }, { scene: '' }]) {
    await phone.open(CONFIRM, query);
    assert.match(phone.text(), /请扫码打开/);
  }
  assert.equal(gateway.calls.length, 0);
});

test('a login of an app is not approved here', async (t) => {
  const { phone, asked } = await opened(t, { ticket: { kind: 'app' } });
  assert.match(phone.text(), /打开的方式不对/);
  assert.deepEqual([phone.buttons(), asked.state], [['回到首页'], 'waiting']);
});

test('codes that ended say so', async (t) => {
  for (const [state, words] of [['expired', /已经过期/], ['approved', /已经用过/], ['rejected', /已经用过/]]) {
    const { phone } = await opened(t, { ticket: { state } });
    assert.match(phone.text(), words);
  }
});

for (const path of ['/api/scan', '/api/confirm', '/api/reject']) {
  test(`every error of ${path} has its own words and a way on`, async (t) => {
    const { gateway, phone } = await world(t);
    const { TEXTS } = phone.require('utils/messages.js');
    for (const [code, status, retryable = false] of CODES) {
      gateway.ticket('s1');
      // Twice: a stale code is replaced once without a word.
      gateway.next(path, refuse(status, code, { retryable }), refuse(status, code, { retryable }));
      await phone.open(CONFIRM, { scene: 's1' });
      if (path === '/api/confirm') await phone.tap('确认登录');
      if (path === '/api/reject') await phone.tap('取消');
      const [title, text, way] = TEXTS[code];
      assert.ok(phone.text().includes(title) && phone.text().includes(text), `${code}: ${phone.text()}`);
      assert.match(phone.text(), /编号 req-7/);
      assert.doesNotMatch(phone.text(), /in English/);
      gateway.next(path);
      const before = gateway.called(path).length;
      await phone.tap(phone.buttons()[0]);
      if (way === 'again') assert.equal(gateway.called(path).length, before + 1, code);
      else if (way === 'leave' || way === 'scan') assert.equal(phone.page.route, INDEX, code);
      else if (path === '/api/scan') assert.equal(phone.page.route, INDEX, code);
      else assert.deepEqual(phone.buttons(), ['确认登录', '取消'], code);
    }
  });
}

test('an error that nobody foresaw, and an answer that is no answer, are errors with a way on', async (t) => {
  const { gateway, phone } = await world(t);
  gateway.ticket('s1');
  const page = { status: 502, body: '<html>502 Bad Gateway</html>', headers: { 'Content-Type': 'text/html' } };
  for (const [answer, words, button] of [
    [refuse(503, 'of_next_year', { retryable: true }), /登录没有成功/, '再试一次'],
    [refuse(400, 'toString'), /登录没有成功/, '回到首页'],
    [page, /回答看不懂/, '再试一次'],
    [{ body: '[]' , status: 500 }, /回答看不懂/, '再试一次'],
    [{ body: '"ok"' }, /回答看不懂/, '再试一次'],
  ]) {
    gateway.next('/api/scan', answer);
    await phone.open(CONFIRM, { scene: 's1' });
    assert.match(phone.text(), words);
    assert.equal(phone.buttons()[0], button);
  }
});

test('how long to wait is said where the gateway says it', async (t) => {
  const { gateway, phone } = await opened(t);
  gateway.next('/api/confirm', refuse(429, 'too_many', { retryable: true }, { 'Retry-After': '30' }));
  await phone.tap('确认登录');
  assert.match(phone.text(), /大约 30 秒后/);
});

test('no code and no scene is logged', async (t) => {
  const { gateway, phone } = await opened(t);
  gateway.next('/api/confirm', refuse(403, 'account_disabled'));
  await phone.tap('确认登录');
  assert.deepEqual(phone.logged, ['menshen account_disabled req-7']);
});
