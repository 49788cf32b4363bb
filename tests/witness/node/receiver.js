// co-wechat as the server that an account's messages are pushed to: it believes, reads and answers the simulator.
//
// Where the library is looser than WeChat's documents: it times its answers in milliseconds, which the simulator
// accepts as any number; it does not look at the AppID inside a message; it reads XML alone.
'use strict';

const assert = require('node:assert/strict');
const http = require('node:http');
const wechat = require('co-wechat');
const { AES_KEY, APP_ID, TOKEN, WECHAT, ask, run, simulator } = require('./witness');

const PERSON = 'qiang';
const received = [];
const statuses = [];
let answer = () => '';

const middlewares = [AES_KEY, ''].map((encodingAESKey) =>
  wechat({ token: TOKEN, appid: APP_ID, encodingAESKey }).middleware(async (message, ctx) => {
    received.push({ message, query: ctx.query });
    return answer(message);
  }),
);

// As much of Koa as the middleware asks for.
const server = http.createServer(async (request, response) => {
  const url = new URL(request.url, 'http://127.0.0.1');
  const ctx = {
    req: request,
    request: { length: Number(request.headers['content-length']) || undefined },
    method: request.method,
    query: Object.fromEntries(url.searchParams),
    status: 200,
    body: '',
  };
  try {
    await middlewares[url.pathname === '/plain' ? 1 : 0](ctx);
  } catch (error) {
    [ctx.status, ctx.body] = [500, ''];
  }
  statuses.push(ctx.status);
  response.writeHead(ctx.status, { 'Content-Length': Buffer.byteLength(ctx.body), Connection: 'close' });
  response.end(ctx.body);
});

const pushedTo = async (mode) => {
  const plain = mode === 'plain';
  const url = `http://127.0.0.1:${server.address().port}/${plain ? 'plain' : ''}`;
  const push = { url, token: TOKEN, encoding_aes_key: plain ? null : AES_KEY, mode };
  await simulator('push', { app_id: APP_ID, push });
};

// What the account was pushed when the person did something, and what the simulator thought of the answer.
const outcome = async (action, said, more = {}) => {
  answer = said;
  received.length = 0;
  statuses.length = 0;
  await simulator(action, { app_id: APP_ID, person: PERSON, ...more });
  const { pushes } = (await ask(`${WECHAT}/_sim/pushes?app_id=${APP_ID}`)).json();
  return { ...received.at(-1), result: pushes.at(-1).outcome };
};

const everythingAPersonDoes = async () => {
  await simulator('unfollow', { app_id: APP_ID, person: PERSON });
  const text = '门神 🐉 <b>&amp;</b> ]]> "\'';
  // co-wechat's answers cannot hold the end of a CDATA.
  const said = text.replace(']]>', '');
  let { message, result } = await outcome('follow', () => '欢迎');
  assert.deepEqual([message.Event, message.EventKey, result], ['subscribe', '', { replied: '欢迎' }]);
  ({ message, result } = await outcome('text', () => said, { text }));
  assert.deepEqual([message.MsgType, message.Content, result], ['text', text, { replied: said }]);
  assert.match(message.MsgId, /^\d+$/);
  ({ message, result } = await outcome('menu', () => [{ title: '门神', url: 'http://a.test/' }], { key: 'V1001' }));
  assert.deepEqual([message.Event, message.EventKey, result], ['CLICK', 'V1001', { replied_other: 'news' }]);
  ({ message, result } = await outcome('unfollow', () => ''));
  assert.deepEqual([message.Event, result], ['unsubscribe', 'handled']);
  await simulator('follow', { app_id: APP_ID, person: PERSON });
};

const checks = {
  async secure_messages_are_read_and_answered() {
    await pushedTo('secure');
    await everythingAPersonDoes();
  },
  async compatible_messages_are_read_and_answered() {
    await pushedTo('compatible');
    await everythingAPersonDoes();
  },
  async plain_messages_are_read_and_answered() {
    await pushedTo('plain');
    await everythingAPersonDoes();
  },
  async texts_and_answers_of_every_length_of_padding_are_read() {
    await pushedTo('secure');
    for (let length = 1; length < 34; length += 1) {
      const text = 'a'.repeat(length);
      const { message, result } = await outcome('text', (message) => message.Content, { text });
      assert.deepEqual([message.Content, result], [text, { replied: text }]);
    }
  },
  async a_wrong_signature_of_the_simulator_is_noticed() {
    await pushedTo('secure');
    await simulator('switches', { push: { wrong_signature: true } });
    const { message, result } = await outcome('text', () => 'x', { text: 'x' });
    await simulator('switches', { push: {} });
    assert.equal(message, undefined);
    assert.deepEqual([[...new Set(statuses)], Object.keys(result)], [[401], ['failed']]);
  },
  async an_address_check_with_another_token_is_refused() {
    const url = `http://127.0.0.1:${server.address().port}/`;
    const push = { url, token: 'AnotherToken', encoding_aes_key: AES_KEY, mode: 'secure' };
    await assert.rejects(simulator('push', { app_id: APP_ID, push }), /refuses push/);
  },
};

server.listen(0, '127.0.0.1', async () => {
  await run(checks);
  server.close();
});
