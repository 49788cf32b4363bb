// wechat-crypto as WeChat: it signs and encrypts what the gateway is pushed, and reads what the gateway answers.
'use strict';

const assert = require('node:assert/strict');
const { createHash, randomBytes, randomInt } = require('node:crypto');
const { readXml } = require('./xml');
const WXBizMsgCrypt = require('wechat-crypto');
const { AES_KEY, APP, APP_ID, FOLLOW_TEXT, GATEWAY, TOKEN, ask, run } = require('./witness');

const LIBRARY = new WXBizMsgCrypt(TOKEN, AES_KEY, APP_ID);
const ACCOUNT = 'gh_0123456789ab';
const STRANGER = 'oWitness-0123456789_hgfedcba';

const now = () => Math.floor(Date.now() / 1000);
const cdata = (name, text) => `<${name}><![CDATA[${text}]]></${name}>`;

const event = (name, key) =>
  `<xml>${cdata('ToUserName', ACCOUNT)}${cdata('FromUserName', STRANGER)}<CreateTime>${now()}</CreateTime>` +
  `${cdata('MsgType', 'event')}${cdata('Event', name)}${cdata('EventKey', key)}</xml>`;

// Looks like a code of the gateway's and is not; another one each time, or it would count as a repetition.
const unknownCode = () => event('SCAN', `menshen_${randomBytes(13).toString('hex')}`);

const push = (message, library = LIBRARY, age = 0) => {
  const [timestamp, nonce] = [String(now() - age), String(randomInt(2 ** 40))];
  const encrypt = library.encrypt(message);
  const query = new URLSearchParams({
    signature: createHash('sha1').update([library.token, timestamp, nonce].sort().join('')).digest('hex'),
    timestamp,
    nonce,
    openid: STRANGER,
    encrypt_type: 'aes',
    msg_signature: library.getSignature(timestamp, nonce, encrypt),
  });
  const body = `<xml>${cdata('ToUserName', ACCOUNT)}${cdata('Encrypt', encrypt)}</xml>`;
  return ask(`${GATEWAY}/_menshen/push/${APP}?${query}`, body, { 'Content-Type': 'text/xml' });
};

// The message in an encrypted answer, after the library has verified and opened it.
const decrypted = async (answer) => {
  assert.equal(answer.status, 200, answer.text);
  const outside = await readXml(answer.text);
  const proof = LIBRARY.getSignature(outside.TimeStamp, outside.Nonce, outside.Encrypt);
  assert.equal(proof, outside.MsgSignature);
  const { message, id } = LIBRARY.decrypt(outside.Encrypt);
  assert.equal(id, APP_ID);
  const inside = await readXml(message);
  assert.deepEqual([inside.MsgType, inside.FromUserName, inside.ToUserName], ['text', ACCOUNT, STRANGER]);
  return inside;
};

const refused = (answer, status, code) => assert.deepEqual([answer.status, answer.json().error], [status, code]);

run({
  async a_follower_reads_an_encrypted_welcome() {
    const answer = await push(event('subscribe', ''));
    if (FOLLOW_TEXT) assert.equal((await decrypted(answer)).Content, FOLLOW_TEXT);
    else assert.equal(answer.text, 'success');
  },
  async a_code_that_is_unknown_is_answered() {
    return (await decrypted(await push(unknownCode()))).Content;
  },
  async texts_of_every_length_of_padding_are_read() {
    for (let length = 0; length < 33; length += 1) {
      const text = unknownCode().replace('</xml>', `${cdata('Ticket', 'a'.repeat(length))}</xml>`);
      await decrypted(await push(text));
    }
  },
  async another_token_is_refused() {
    refused(await push(unknownCode(), new WXBizMsgCrypt('AnotherToken', AES_KEY, APP_ID)), 403, 'push_signature');
  },
  async another_app_is_refused() {
    const another = new WXBizMsgCrypt(TOKEN, AES_KEY, 'wx0de0000000000003');
    refused(await push(unknownCode(), another), 403, 'push_foreign_app');
  },
  async another_key_is_refused() {
    const answer = await push(unknownCode(), new WXBizMsgCrypt(TOKEN, 'A'.repeat(43), APP_ID));
    // One in about 250 wrong keys gives something with a padding, and then its AppID is not ours.
    assert.ok(['push_unreadable', 'push_foreign_app'].includes(answer.json().error), answer.text);
  },
  async a_message_of_long_ago_is_refused() {
    refused(await push(unknownCode(), LIBRARY, 600), 403, 'push_stale');
  },
});
