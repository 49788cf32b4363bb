// Somebody whose WeChat is new here proves an account of theirs, or gets one: the part of login.test.js that asks.
'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { DIGITS, LOST, PASSWORD, refuse } = require('./gateway');
const { CODES, INDEX, LOGIN, world } = require('./world');

const PATH = '/api/login/mini';
const NAME = '用户名、手机号或邮箱';
const [PROVE, NEW, LEAVE] = ['登录并绑定微信', '我是新用户，创建账号', '暂不绑定，返回登录'];
const GET = '获取验证码';
const CODE = '六位验证码';
const EMAIL = { proof: 'email_code', field: '账号的邮箱', to: 'lina@example.com', other: 'mei@example.com' };
const SMS = { proof: 'sms_code', field: '账号的手机号', to: '13580006666', other: '13500000000' };

// Somebody whose WeChat is new here has tapped, and is asked.
const asked = async (t, { binding = {}, ...more } = {}) => {
  const { gateway, phone } = await world(t, { person: 'mei', ...more });
  Object.assign(gateway.binding, binding);
  await phone.open(LOGIN);
  await phone.tap('一键登录');
  const call = (name) => `/api/flow/${gateway.asked.flow}/${name}`;
  return { gateway, phone, call };
};

const withPassword = async (phone, password = PASSWORD, name = 'lina') => {
  phone.type(NAME, name);
  phone.type('密码', password);
  await phone.tap(PROVE);
};

// Nothing of it is anywhere but in the call that needed it.
const forgotten = (phone, ...secrets) => {
  const { data, question, choice } = phone.page;
  const left = JSON.stringify([data, question, choice, [...phone.storage], phone.logged, phone.stack.map((page) => page.options)]);
  for (const secret of secrets) assert.ok(!left.includes(secret), `${secret} is kept: ${left}`);
};

test('who is new here is asked for an account, in the ways that the gateway offers', async (t) => {
  const { gateway, phone } = await asked(t);
  assert.match(phone.text(), /已经有账号了吗.*第一次来这里/s);
  assert.deepEqual(phone.buttons(), [PROVE, '用邮箱验证码', '用短信验证码', NEW, LEAVE]);
  await phone.tap('用短信验证码');
  assert.deepEqual(phone.buttons(), [GET, '用密码验证', '用邮箱验证码', NEW, LEAVE]);
  assert.equal(gateway.tokens.size, 0);
  const closed = await asked(t, { binding: { proofs: ['email_code'], may_create: false } });
  assert.deepEqual(closed.phone.buttons(), [GET, LEAVE]);
});

test('a password binds the account, which from then on is logged in by itself', async (t) => {
  const { gateway, phone, call } = await asked(t);
  const { key } = gateway.asked;
  await withPassword(phone, PASSWORD, ' lina ');
  assert.match(phone.text(), /已登录.*丽娜/);
  const [{ body }] = gateway.called(call('bind'));
  assert.deepEqual(body, { key, proof: 'password', name: 'lina', password: PASSWORD });
  forgotten(phone, PASSWORD, key);
  await phone.tap('退出登录');
  await phone.tap('一键登录');
  assert.match(phone.text(), /已登录.*丽娜/);
});

test('a wrong password is told in place, and only the password has to be typed again', async (t) => {
  const { phone } = await asked(t);
  await withPassword(phone, 'wrong horse');
  assert.match(phone.text(), /账号与密码不匹配.*编号 req-7/s);
  assert.deepEqual([phone.typed(NAME), phone.typed('密码')], ['lina', '']);
  forgotten(phone, 'wrong horse');
  phone.type('密码', PASSWORD);
  phone.touch(PROVE);
  assert.doesNotMatch(phone.text(), /不匹配/, 'the old trouble is not shown any more');
  await phone.settled();
  assert.match(phone.text(), /已登录/);
});

test('a code that was sent to the email or the phone binds the account', async (t) => {
  for (const { proof, field, to, other } of [EMAIL, SMS]) {
    const { gateway, phone, call } = await asked(t, { binding: { proofs: [proof] } });
    const { key } = gateway.asked;
    phone.type(field, other);
    await phone.tap(GET);
    // Whether an account has the address is told to nobody.
    assert.match(phone.text(), new RegExp(`如果有账号使用 ${other.slice(0, 2)}\\*\\*\\*.*10 分钟内有效`));
    phone.type(CODE, DIGITS);
    await phone.tap(PROVE);
    assert.match(phone.text(), /验证码不正确/);
    assert.deepEqual([phone.typed(field), phone.typed(CODE)], [other, '']);
    await phone.pass(60);
    phone.type(field, to);
    await phone.tap(GET);
    phone.type(CODE, DIGITS);
    await phone.tap(PROVE);
    assert.match(phone.text(), /已登录.*丽娜/);
    assert.deepEqual(gateway.called(call('send_code')).map(({ body }) => body), [{ key, proof, to: other }, { key, proof, to }]);
    assert.deepEqual(gateway.called(call('bind')).at(-1).body, { key, proof, code: DIGITS });
    forgotten(phone, DIGITS, key, to);
    assert.equal(phone.timers.size, 0);
  }
});

test('another code can be had after the time that the gateway says, in the background too', async (t) => {
  const { gateway, phone, call } = await asked(t, { binding: { proofs: ['email_code', 'sms_code'] } });
  phone.type(EMAIL.field, EMAIL.to);
  phone.touch(GET);
  phone.touch(GET);
  await phone.settled();
  assert.ok(phone.buttons().includes('60 秒后可以再获取'));
  await phone.pass(2);
  await phone.tap('58 秒后可以再获取');
  await phone.tap('用短信验证码');
  assert.throws(() => phone.typed(CODE), 'the code went to the email');
  phone.type(SMS.field, SMS.to);
  await phone.tap('58 秒后可以再获取');
  assert.equal(gateway.called(call('send_code')).length, 1);
  await phone.sleep(58);
  await phone.tap(GET);
  assert.equal(gateway.called(call('send_code')).length, 2);
  await phone.tap('用邮箱验证码');
  assert.throws(() => phone.typed(CODE), 'only the last code counts');
  assert.equal(phone.typed(EMAIL.field), EMAIL.to);
});

test('a code that was sent only just now is waited for', async (t) => {
  const { gateway, phone, call } = await asked(t, { binding: { proofs: ['sms_code'] } });
  gateway.next(call('send_code'), refuse(429, 'code_too_soon', { retryable: true }, { 'Retry-After': '42' }));
  phone.type(SMS.field, SMS.to);
  await phone.tap(GET);
  assert.match(phone.text(), /刚刚发过验证码.*大约 42 秒后/s);
  assert.ok(phone.buttons().includes('42 秒后可以再获取'));
  assert.equal(phone.typed(SMS.field), SMS.to);
  await phone.pass(42);
  await phone.tap(GET);
  assert.equal(phone.typed(CODE), '');
});

test('a WeChat that went to another account meanwhile ends the login', async (t) => {
  const { gateway, phone, call } = await asked(t);
  gateway.next(call('bind'), refuse(409, 'identity_taken'));
  await withPassword(phone);
  assert.match(phone.text(), /微信已绑定其他账号/);
  assert.throws(() => phone.typed(NAME), 'there is nothing left to prove');
});

test('too many wrong tries have to wait', async (t) => {
  const { gateway, phone, call } = await asked(t);
  gateway.next(call('bind'), refuse(429, 'locked', { retryable: true }, { 'Retry-After': '30' }));
  await withPassword(phone);
  assert.match(phone.text(), /错误次数太多。为了账号安全，请过一会儿再试。（大约 30 秒后）/);
  gateway.next(call('bind'), refuse(429, 'locked', { retryable: true }, { 'Retry-After': '3590' }));
  await withPassword(phone);
  assert.match(phone.text(), /（大约 60 分钟后）/);
  assert.deepEqual([phone.typed(NAME), phone.typed('密码')], ['lina', '']);
  forgotten(phone, PASSWORD);
});

test('an expired code is replaced by another one', async (t) => {
  const { gateway, phone, call } = await asked(t, { binding: { proofs: ['email_code'] } });
  phone.type(EMAIL.field, EMAIL.to);
  await phone.tap(GET);
  phone.type(CODE, DIGITS);
  gateway.next(call('bind'), refuse(400, 'code_expired'));
  await phone.tap(PROVE);
  assert.match(phone.text(), /验证码已失效/);
  assert.throws(() => phone.typed(CODE));
  assert.equal(phone.typed(EMAIL.field), EMAIL.to);
  forgotten(phone, DIGITS);
  await phone.pass(60);
  await phone.tap(GET);
  phone.type(CODE, DIGITS);
  await phone.tap(PROVE);
  assert.match(phone.text(), /已登录/);
});

test('a code whose sending was not answered can be typed in all the same', async (t) => {
  const { gateway, phone, call } = await asked(t, { binding: { proofs: ['email_code'] } });
  gateway.next(call('send_code'), LOST);
  phone.type(EMAIL.field, EMAIL.to);
  await phone.tap(GET);
  assert.match(phone.text(), /没有网络.*验证码可能已经发出/s);
  phone.type(CODE, DIGITS);
  await phone.tap(PROVE);
  assert.match(phone.text(), /已登录/);
});

test('a binding or a new account whose answer was lost is found by the next login', async (t) => {
  for (const [act, who] of [[(phone) => withPassword(phone), /丽娜/], [(phone) => phone.tap(NEW), /新来的/]]) {
    const { gateway, phone, call } = await asked(t);
    for (const name of ['bind', 'create']) gateway.next(call(name), LOST);
    await act(phone);
    assert.match(phone.text(), /没有网络/);
    forgotten(phone, PASSWORD);
    await act(phone);
    await phone.tap('重新登录');
    await phone.tap('一键登录');
    assert.match(phone.text(), who);
  }
});

test('a question that ended starts the login again, and nothing typed is left', async (t) => {
  for (const [code, status] of [['flow_expired', 400], ['flow_finished', 409], ['foreign_browser', 403]]) {
    for (const [name, act] of [['bind', withPassword], ['create', (phone) => phone.tap(NEW)]]) {
      const { gateway, phone, call } = await asked(t);
      const { key } = gateway.asked;
      gateway.next(call(name), refuse(status, code));
      phone.type(NAME, 'lina');
      await act(phone);
      forgotten(phone, PASSWORD, 'lina', key);
      await phone.tap('重新登录');
      assert.deepEqual(phone.buttons(), ['一键登录'], code);
      await phone.tap('一键登录');
      await withPassword(phone);
      assert.match(phone.text(), /已登录/);
    }
  }
});

test('every other error is told in place, for every call', async (t) => {
  const { gateway, phone, call } = await asked(t);
  const { TEXTS } = phone.require('utils/messages.js');
  phone.type(NAME, 'lina');
  const stays = ([code]) => TEXTS[code][2] !== 'login' && code !== 'identity_taken';
  for (const [code, status, retryable = false] of CODES.filter(stays)) {
    gateway.next(call('bind'), refuse(status, code, { retryable }));
    phone.type('密码', PASSWORD);
    await phone.tap(PROVE);
    assert.ok(phone.text().includes(`${TEXTS[code][0]}。${TEXTS[code][1]}`), `${code}: ${phone.text()}`);
    assert.deepEqual([phone.typed(NAME), phone.typed('密码')], ['lina', ''], code);
  }
  gateway.next(call('create'), refuse(403, 'registration_closed'));
  await phone.tap(NEW);
  assert.match(phone.text(), /现在不接受新账号/);
  await phone.tap('用邮箱验证码');
  assert.doesNotMatch(phone.text(), /现在不接受新账号/);
  phone.type(EMAIL.field, 'nowhere');
  await phone.tap(GET);
  assert.match(phone.text(), /不能发到这里/);
  assert.equal(phone.typed(EMAIL.field), 'nowhere');
});

test('who has no account gets a new one, and double taps make one', async (t) => {
  const { gateway, phone, call } = await asked(t);
  const { key } = gateway.asked;
  phone.touch(NEW);
  phone.touch(NEW);
  phone.touch(LEAVE);
  phone.touch('用邮箱验证码');
  assert.deepEqual([phone.page.data.stage, phone.page.data.form.way], ['bind', 'password'], 'nothing moves while it is asked');
  await phone.settled();
  assert.match(phone.text(), /已登录.*新来的/);
  assert.deepEqual(gateway.called(call('create')).map(({ body }) => body), [{ key }]);
});

test('double taps prove once, and what is not filled in is asked of nobody', async (t) => {
  const { gateway, phone, call } = await asked(t);
  await phone.tap(PROVE);
  assert.match(phone.text(), /请填写账号和密码/);
  await phone.tap('用邮箱验证码');
  assert.doesNotMatch(phone.text(), /请填写/);
  await phone.tap(GET);
  assert.match(phone.text(), /请填写账号的邮箱/);
  phone.type(EMAIL.field, EMAIL.to);
  await phone.tap(GET);
  await phone.tap(PROVE);
  assert.match(phone.text(), /请填写验证码/);
  assert.equal(gateway.called(call('bind')).length, 0);
  phone.type(CODE, DIGITS);
  phone.touch(PROVE);
  phone.touch(PROVE);
  await phone.settled();
  assert.match(phone.text(), /已登录/);
  assert.equal(gateway.called(call('bind')).length, 1);
});

test('who leaves is not logged in, and leaves nothing behind', async (t) => {
  for (const leave of [(phone) => phone.tap(LEAVE), (phone) => phone.open(INDEX)]) {
    const { gateway, phone } = await asked(t);
    const { key } = gateway.asked;
    phone.type('密码', PASSWORD);
    await phone.tap('用邮箱验证码');
    phone.type(EMAIL.field, EMAIL.to);
    await phone.tap(GET);
    const { page } = phone;
    await leave(phone);
    assert.deepEqual([gateway.tokens.size, phone.timers.size, page.question], [0, 0, null]);
    forgotten(phone, PASSWORD, EMAIL.to, key);
    await phone.open(LOGIN);
    assert.deepEqual(phone.buttons(), ['一键登录']);
  }
});

test('a page that was left while a code was sent counts nothing down', async (t) => {
  const { phone } = await asked(t, { binding: { proofs: ['email_code'] } });
  phone.type(EMAIL.field, EMAIL.to);
  phone.touch(GET);
  await phone.open(INDEX);
  assert.equal(phone.timers.size, 0);
});

test('a gateway that is newer than the program is not understood, and nothing breaks', async (t) => {
  const { gateway, phone } = await asked(t, { binding: { proofs: ['passkey', 'password'], may_create: false } });
  assert.deepEqual(phone.buttons(), [PROVE, LEAVE]);
  await phone.tap(LEAVE);
  gateway.next(PATH, { status: 409, body: { pending: 'dance', flow: 'f', key: 'k', expires_in: 9 } });
  await phone.tap('一键登录');
  assert.match(phone.text(), /登录服务的回答看不懂/);
});
