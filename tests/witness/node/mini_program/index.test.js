// The small home page, and the token that it reads with.
'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { DROPPED, SILENT, Gateway, refuse } = require('./gateway');
const { INDEX, LOGIN, impatient, world } = require('./world');

const loggedIn = async (t, more) => {
  const beside = await world(t, more);
  await beside.phone.open(LOGIN);
  await beside.phone.tap('一键登录');
  beside.gateway.calls.length = 0;
  return beside;
};

test('a stranger is led to the login, without a request', async (t) => {
  const { gateway, phone } = await world(t);
  await phone.open(INDEX);
  assert.match(phone.text(), /还没有登录/);
  await phone.tap('登录小程序');
  assert.deepEqual([phone.page.route, gateway.calls.length], [LOGIN, 0]);
  await phone.tap('一键登录');
  await phone.tap('完成');
  assert.match(phone.text(), /丽娜/);
});

test('who is logged in sees who they are', async (t) => {
  const { phone } = await loggedIn(t);
  await phone.open(INDEX);
  for (const words of [/丽娜/, /a-1/, /staff/, /2025-11-2\d/]) assert.match(phone.text(), words);
});

test('an account without a name and without groups is shown', async (t) => {
  const { gateway, phone } = await world(t);
  gateway.accounts.set('lina', [{ id: 'a-9' }]);
  await phone.open(LOGIN);
  await phone.tap('一键登录');
  await phone.open(INDEX);
  assert.match(phone.text(), /微信用户/);
  assert.doesNotMatch(phone.text(), /分组|undefined|null/);
});

test('a session that ended is forgotten', async (t) => {
  for (const code of ['session_expired', 'login_required']) {
    const { gateway, phone } = await loggedIn(t);
    gateway.next('/userinfo', refuse(401, code));
    await phone.open(INDEX);
    assert.match(phone.text(), /登录已过期/);
    assert.equal(phone.storage.size, 0);
  }
});

test('a gateway that is down logs nobody out', async (t) => {
  const { gateway, phone } = await loggedIn(t, { config: impatient });
  for (const answers of [[refuse(503, 'store_down')], [DROPPED, DROPPED], [SILENT, SILENT], [{ status: 502, body: '' }]]) {
    gateway.next('/userinfo', ...answers);
    await phone.open(INDEX);
    assert.equal(phone.buttons()[0], '再试一次');
    assert.equal(phone.storage.size, 1);
    await phone.tap('再试一次');
    assert.match(phone.text(), /丽娜/);
  }
});

test('reading is tried once more where no answer came', async (t) => {
  const { gateway, phone } = await loggedIn(t);
  gateway.next('/userinfo', DROPPED);
  await phone.open(INDEX);
  assert.match(phone.text(), /丽娜/);
  assert.equal(gateway.called('/userinfo').length, 2);
});

test('a token goes to nobody but the gateway that gave it', async (t) => {
  const { phone } = await loggedIn(t);
  const other = await Gateway.start();
  t.after(() => other.stop());
  phone.require('config.js').gateway = other.url;
  await phone.open(INDEX);
  assert.match(phone.text(), /还没有登录/);
  assert.equal(other.calls.length, 0);
});

test('a token is not sent after its end', async (t) => {
  const { gateway, phone } = await loggedIn(t);
  const [[key, session]] = phone.storage;
  phone.storage.set(key, { ...session, expiresAt: phone.now });
  await phone.open(INDEX);
  assert.match(phone.text(), /还没有登录/);
  assert.equal(gateway.calls.length, 0);
});

test('a 401 for an older token leaves a newer one alone', async (t) => {
  const { gateway, phone } = await loggedIn(t);
  const newer = gateway.token();
  gateway.next('/userinfo', refuse(401, 'session_expired'));
  const { userinfo } = phone.require('utils/menshen.js');
  const asked = userinfo();
  phone.require('utils/session.js').keep(newer, 3600);
  await assert.rejects(asked, (failure) => failure.code === 'session_expired');
  assert.equal(phone.require('utils/session.js').token(), newer);
});

test('a host that is not registered with the mini program is told apart from a missing network', async (t) => {
  const { phone } = await world(t, { domains: ['https://login.example.com'] });
  await phone.open(LOGIN);
  await phone.tap('一键登录');
  assert.match(phone.text(), /域名没有在小程序后台登记/);
});

test('the token is in no address and in no log', async (t) => {
  const { gateway, phone } = await loggedIn(t);
  const [token] = gateway.tokens.keys();
  gateway.next('/userinfo', refuse(503, 'store_down'));
  await phone.open(INDEX);
  await phone.tap('再试一次');
  const said = JSON.stringify([phone.logged, phone.stack.map((page) => page.data), gateway.calls.map((call) => call.path)]);
  assert.ok(!said.includes(token));
});
