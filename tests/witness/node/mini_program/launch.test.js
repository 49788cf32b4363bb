// The page that an app opens, and the way back into it.
'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { DROPPED, LOST, refuse } = require('./gateway');
const { CODES, INDEX, LAUNCH, world } = require('./world');

const APP = { kind: 'app', browser: undefined };

const opened = async (t, { ticket = {}, scene = 1069, ...more } = {}) => {
  const beside = await world(t, more);
  const asked = beside.gateway.ticket('t-1', { ...APP, ...ticket });
  await beside.phone.open(LAUNCH, { t: 't-1' }, scene);
  return { ...beside, asked };
};

test('an app is approved by one tap and gets its return code by another', async (t) => {
  const { phone, asked } = await opened(t);
  assert.match(phone.text(), /登录 门神商店？/);
  assert.deepEqual([phone.buttons(), asked.state], [['确认登录', '取消'], 'waiting']);
  await phone.tap('确认登录');
  assert.deepEqual([asked.state, phone.returned], ['approved', undefined]);
  await phone.tap('返回应用');
  assert.equal(phone.returned, 'r-1');
  assert.doesNotMatch(JSON.stringify([...phone.storage, phone.logged]), /r-1/);
});

// Acceptance: M2a.
test('a phone number goes along if the visitor gives it', async (t) => {
  const { gateway, phone, asked } = await opened(t, { ticket: { ask_phone: true } });
  await phone.tap('提供手机号并登录', { errMsg: 'getPhoneNumber:fail user deny' });
  assert.match(phone.text(), /没有取得手机号/);
  await phone.tap('提供手机号并登录', { code: gateway.phone() });
  assert.equal(asked.phone, '13580006666');
});

test('who gives no phone number gets on without', async (t) => {
  const { phone, asked } = await opened(t, { ticket: { ask_phone: true } });
  await phone.tap('不提供，直接登录');
  assert.deepEqual([asked.state, asked.phone], ['approved', undefined]);
});

test('who cancels goes back to the app with nothing', async (t) => {
  const { phone, asked } = await opened(t);
  await phone.tap('取消');
  assert.equal(asked.state, 'rejected');
  await phone.tap('返回应用');
  assert.equal(phone.returned, '');
});

test('what no app opened is refused before anything is asked', async (t) => {
  for (const scene of [1011, 1037, 1047, 1065]) {
    const { gateway, phone } = await opened(t, { scene });
    assert.match(phone.text(), /请从应用打开/, String(scene));
    assert.equal(gateway.calls.length, 0);
    await phone.tap('回到首页');
    assert.equal(phone.page.route, INDEX);
  }
});

test('who leaves and comes back can still approve', async (t) => {
  const { gateway, phone } = await world(t);
  const asked = gateway.ticket('t-1', APP);
  phone.online = false;
  await phone.open(LAUNCH, { t: 't-1' }, 1069);
  phone.online = true;
  await phone.comeBack(1089);
  await phone.tap('再试一次');
  await phone.tap('确认登录');
  await phone.tap('返回应用');
  assert.deepEqual([asked.state, phone.returned], ['approved', 'r-1']);
});

test('where WeChat does not let the visitor return, the page says what to do', async (t) => {
  const { phone } = await opened(t);
  await phone.tap('确认登录');
  phone.mayReturn = false;
  await phone.tap('返回应用');
  assert.equal(phone.returned, undefined);
  assert.match(phone.text(), /请自己切换回应用/);
});

test('without a ticket, and with a browser\'s code, nothing can be approved', async (t) => {
  const { gateway, phone, asked } = await opened(t, { ticket: { kind: 'browser' } });
  assert.match(phone.text(), /打开的方式不对/);
  assert.equal(asked.state, 'waiting');
  gateway.calls.length = 0;
  await phone.open(LAUNCH, {}, 1069);
  assert.match(phone.text(), /请从应用打开/);
  assert.equal(gateway.calls.length, 0);
});

test('an approval without a return code is an error', async (t) => {
  const { gateway, phone } = await opened(t);
  gateway.next('/api/confirm', { body: { approved: true } });
  await phone.tap('确认登录');
  assert.match(phone.text(), /回答看不懂/);
});

test('where an answer was lost the app gets the code of the next one', async (t) => {
  const { gateway, phone } = await opened(t);
  gateway.next('/api/confirm', LOST);
  await phone.tap('确认登录');
  await phone.tap('返回应用');
  assert.equal(phone.returned, 'r-2');
});

test('a phone number that went with a lost answer need not be given again', async (t) => {
  const { gateway, phone, asked } = await opened(t, { ticket: { ask_phone: true } });
  gateway.next('/api/confirm', LOST);
  await phone.tap('提供手机号并登录', { code: gateway.phone() });
  assert.match(phone.text(), /没有取得手机号/);
  await phone.tap('返回');
  await phone.tap('不提供，直接登录');
  assert.equal(asked.phone, '13580006666');
  await phone.tap('返回应用');
  assert.equal(phone.returned, 'r-2');
});

test('from every failure the visitor can go back to the app, with nothing', async (t) => {
  const { gateway, phone } = await world(t);
  for (const [code, status] of [['offline'], ...CODES]) {
    gateway.ticket('t-1', APP);
    gateway.next('/api/scan', ...(status ? [refuse(status, code), refuse(status, code)] : [DROPPED, DROPPED]));
    await phone.open(LAUNCH, { t: 't-1' }, 1069);
    assert.match(phone.text(), /没有完成的话，请返回应用重新登录/, code);
    phone.returned = undefined;
    await phone.tap('返回应用');
    assert.equal(phone.returned, '', code);
  }
  phone.mayReturn = false;
  await phone.tap('返回应用');
  assert.match(phone.text(), /请自己切换回应用/);
});

test('where no app waits nobody is sent back to one', async (t) => {
  const { phone } = await opened(t, { scene: 1047 });
  assert.deepEqual(phone.buttons(), ['回到首页']);
});

test('double taps approve once', async (t) => {
  const { gateway, phone } = await opened(t);
  phone.touch('确认登录');
  phone.touch('确认登录');
  await phone.settled();
  assert.equal(gateway.called('/api/confirm').length, 1);
});

for (const path of ['/api/scan', '/api/confirm', '/api/reject']) {
  test(`every error of ${path} has its own words and a way on`, async (t) => {
    const { gateway, phone } = await world(t);
    const { TEXTS } = phone.require('utils/messages.js');
    for (const [code, status, retryable = false] of CODES) {
      gateway.ticket('t-1', APP);
      gateway.next(path, refuse(status, code, { retryable }), refuse(status, code, { retryable }));
      await phone.open(LAUNCH, { t: 't-1' }, 1069);
      if (path === '/api/confirm') await phone.tap('确认登录');
      if (path === '/api/reject') await phone.tap('取消');
      const [title, text] = TEXTS[code];
      assert.ok(phone.text().includes(title) && phone.text().includes(text), `${code}: ${phone.text()}`);
      assert.ok(phone.buttons().length > 0);
    }
  });
}
