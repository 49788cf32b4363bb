// The test vectors that both of our own implementations are held against, through wechat-crypto.
//
// Published ones are from WeChat's page of the message push; the others were computed and belong to no account.
'use strict';

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const path = require('node:path');
const WXBizMsgCrypt = require('wechat-crypto');
const { run } = require('./witness');
const vectors = require(path.join(__dirname, '..', 'vectors.json'));

const of = (account) => new WXBizMsgCrypt(account.token, account.key, account.app_id);

const opens = (account, vector) => {
  const library = of(account);
  assert.equal(library.getSignature(vector.timestamp, vector.nonce, vector.encrypt), vector.msg_signature);
  assert.deepEqual(library.decrypt(vector.encrypt), { message: vector.message, id: account.app_id });
};

// The library takes its random bytes from here.
const seals = (account, vector) => {
  const usual = crypto.pseudoRandomBytes;
  crypto.pseudoRandomBytes = (count) => Buffer.from(vector.random).subarray(0, count);
  try {
    assert.equal(of(account).encrypt(vector.message), vector.encrypt);
  } finally {
    crypto.pseudoRandomBytes = usual;
  }
};

run({
  the_published_push() {
    opens(vectors.published, vectors.published.push);
  },
  the_published_reply() {
    opens(vectors.published, vectors.published.reply);
    seals(vectors.published, vectors.published.reply);
  },
  a_key_whose_last_character_holds_more_than_the_key() {
    assert.equal(of(vectors.computed).key.toString('hex'), vectors.computed.key_hex);
  },
  the_computed_short_message() {
    opens(vectors.computed, vectors.computed.short);
    seals(vectors.computed, vectors.computed.short);
  },
  the_computed_scan_with_a_full_block_of_padding() {
    opens(vectors.computed, vectors.computed.scan);
    seals(vectors.computed, vectors.computed.scan);
  },
});
