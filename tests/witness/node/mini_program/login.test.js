// Logging in to the program itself: one tap, a phone number if wanted, several accounts, leaving.
'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { DROPPED, SILENT, refuse } = require('./gateway');
const { CODES, INDEX, LOGIN, impatient, world } = require('./world');

const PATH = '/api/login/mini';
const SEVERAL = [
  { id: 'a-1', name: '丽娜', phone: '135****6666', last_login: 1763884800, groups: [] },
  { id: 'a-2', groups: [] },
];

// Acceptance: M7a.
test('one tap logs in, and the token stays', async (t) => {
  const { gateway, phone } = await world(t);
  await phone.open(LOGIN);
  assert.deepEqual(phone.buttons(), ['一键登录']);
  await phone.tap('一键登录');
  assert.match(phone.text(), /已登录.*丽娜/);
  assert.deepEqual(gateway.calls.map(({ path, body }) => [path, Object.keys(body)]), [[PATH, ['code']]]);
  await phone.open(LOGIN);
  assert.match(phone.text(), /已登录.*丽娜/);
  assert.equal(gateway.called(PATH).length, 1);
  assert.equal(gateway.calls.at(-1).headers.authorization, `Bearer ${[...gateway.tokens.keys()][0]}`);
});

// Acceptance: M2a, M7b.
test('a phone number goes along if the visitor gives it', async (t) => {
  const { gateway, phone } = await world(t, { config: { askPhone: true } });
  await phone.open(LOGIN);
  assert.deepEqual(phone.buttons(), ['一键登录', '手机号登录']);
  await phone.tap('手机号登录', { errMsg: 'getPhoneNumber:fail user deny' });
  assert.match(phone.text(), /没有取得手机号/);
  assert.equal(gateway.calls.length, 0);
  await phone.tap('手机号登录', { code: 'stale' });
  await phone.tap('返回');
  await phone.tap('手机号登录', { code: gateway.phone() });
  assert.match(phone.text(), /已登录/);
  assert.deepEqual(gateway.loggedInWith, { person: 'lina', phone: '13580006666' });
});

// Acceptance: A7.
test('of several accounts the visitor chooses one', async (t) => {
  const { gateway, phone } = await world(t);
  gateway.accounts.set('lina', SEVERAL);
  await phone.open(LOGIN);
  await phone.tap('一键登录');
  assert.match(phone.text(), /用哪个账号登录/);
  const [first, second] = phone.buttons();
  assert.match(first, /^丽娜 135\*{4}6666，上次登录 2025-11-2\d \d\d:\d\d$/);
  assert.equal(second, '未命名账号');
  assert.equal(gateway.tokens.size, 0);
  phone.touch('未命名账号');
  phone.touch('丽娜');
  await phone.settled();
  assert.deepEqual([...gateway.tokens.values()].map(({ id }) => id), ['a-2']);
  assert.match(phone.text(), /已登录.*微信用户/);
});

test('a choice that ended starts the login again', async (t) => {
  const { gateway, phone } = await world(t);
  gateway.accounts.set('lina', SEVERAL);
  for (const [code, status] of [['flow_expired', 400], ['flow_finished', 409], ['account_not_offered', 403]]) {
    await phone.open(LOGIN);
    await phone.tap('一键登录');
    gateway.next('/api/flow/f-1/choose', refuse(status, code));
    await phone.tap('丽娜');
    await phone.tap('重新登录');
    assert.deepEqual(phone.buttons(), ['一键登录'], code);
  }
});

test('a token that ended leads back to the login', async (t) => {
  const { gateway, phone } = await world(t);
  await phone.open(LOGIN);
  await phone.tap('一键登录');
  gateway.tokens.clear();
  await phone.open(LOGIN);
  assert.match(phone.text(), /登录已过期，请重新登录/);
  assert.equal(phone.storage.size, 0);
  await phone.tap('一键登录');
  assert.match(phone.text(), /已登录/);
});

test('logging out ends the session there and here', async (t) => {
  const { gateway, phone } = await world(t);
  await phone.open(LOGIN);
  await phone.tap('一键登录');
  await phone.tap('退出登录');
  assert.deepEqual([gateway.tokens.size, phone.storage.size, phone.buttons()], [0, 0, ['一键登录']]);
});

test('logging out works here even if the gateway does not answer', async (t) => {
  for (const answer of [DROPPED, SILENT, refuse(503, 'store_down'), refuse(401, 'session_expired')]) {
    const { gateway, phone } = await world(t, { config: impatient });
    await phone.open(LOGIN);
    await phone.tap('一键登录');
    gateway.next('/api/logout', answer);
    await phone.tap('退出登录');
    assert.deepEqual([phone.storage.size, phone.buttons()], [0, ['一键登录']]);
  }
});

test('who came from another page goes back to it, who did not goes home', async (t) => {
  const { phone } = await world(t);
  await phone.open(LOGIN);
  await phone.tap('一键登录');
  await phone.tap('完成');
  assert.equal(phone.page.route, INDEX);
  await phone.tap('登录与退出');
  assert.deepEqual([phone.page.route, phone.stack.length], [LOGIN, 2]);
  await phone.tap('完成');
  assert.deepEqual([phone.page.route, phone.stack.length], [INDEX, 1]);
});

test('double taps log in once', async (t) => {
  const { gateway, phone } = await world(t);
  await phone.open(LOGIN);
  phone.touch('一键登录');
  phone.touch('一键登录');
  await phone.settled();
  assert.equal(gateway.called(PATH).length, 1);
});

// Acceptance: M7c.
test('a lost request and a stale code are tried once more', async (t) => {
  for (const answer of [DROPPED, refuse(400, 'code_used', { retryable: true })]) {
    const { gateway, phone } = await world(t);
    gateway.next(PATH, answer);
    await phone.open(LOGIN);
    await phone.tap('一键登录');
    assert.match(phone.text(), /已登录/);
    const codes = gateway.called(PATH).map((call) => call.body.code);
    assert.deepEqual([codes.length, new Set(codes).size], [2, 2]);
  }
});

test('every error of the login has its own words and a way on', async (t) => {
  const { gateway, phone } = await world(t);
  const { TEXTS } = phone.require('utils/messages.js');
  for (const [code, status, retryable = false] of CODES) {
    gateway.next(PATH, refuse(status, code, { retryable }), refuse(status, code, { retryable }));
    phone.storage.clear();
    await phone.open(LOGIN);
    await phone.tap('一键登录');
    const [title, text, way] = TEXTS[code];
    assert.ok(phone.text().includes(title) && phone.text().includes(text), `${code}: ${phone.text()}`);
    gateway.next(PATH);
    await phone.tap(phone.buttons()[0]);
    if (way === 'again') assert.match(phone.text(), /已登录/, code);
    else if (way === 'leave' || way === 'scan') assert.equal(phone.page.route, INDEX, code);
    else assert.deepEqual(phone.buttons(), ['一键登录'], code);
  }
});

test('a method that the gateway does not have is told to the operator', async (t) => {
  const { phone } = await world(t, { config: { method: 'mini/../x' } });
  await phone.open(LOGIN);
  await phone.tap('一键登录');
  assert.match(phone.text(), /登录服务没有这种登录方式/);
});
