// A gateway as the agreed API describes it, small enough to see through: codes work once, tickets end, answers can be
// lost. It is no second implementation: what a real gateway does is asked of a real one (real.test.js).
'use strict';

const http = require('node:http');

const PREFIX = '/_menshen';

const refuse = (status, error, more = {}, headers = {}) => ({
  status,
  headers,
  body: { error, message: `in English: ${error}`, retryable: false, request_id: 'req-7', ...more },
});
exports.refuse = refuse;

// What can be put before the gateway's own answer, once each: it does not do what it was asked.
exports.DROPPED = 'dropped';
exports.SILENT = 'silent';
// It does it, and the answer is lost.
exports.LOST = 'lost';

exports.PASSWORD = 'correct horse';
exports.DIGITS = '135246';
const LINAS = ['lina@example.com', '13580006666'];
const RETRY = { retryable: true };

class Gateway {
  static async start() {
    const gateway = new Gateway();
    await new Promise((resolve) => gateway.server.listen(0, '127.0.0.1', resolve));
    gateway.url = `http://127.0.0.1:${gateway.server.address().port}`;
    return gateway;
  }

  constructor() {
    this.server = http.createServer((request, response) => this.#serve(request, response));
    // Every request that came: { path, body, headers }.
    this.calls = [];
    this.instead = new Map();
    this.codes = new Map();
    this.phones = new Map();
    this.tickets = new Map();
    this.tokens = new Map();
    // What a login asks of somebody who has no account: the fields of `pending: "bind"`.
    this.binding = { proofs: ['password', 'email_code', 'sms_code'], may_create: true };
    this.accounts = new Map([['lina', [{ id: 'a-1', name: '丽娜', groups: ['staff'] }]]]);
    this.count = 0;
    this.returnCodes = 0;
  }

  async stop() {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  // wx.login of this person.
  code(person = 'lina') {
    const code = `code-${(this.count += 1)}`;
    this.codes.set(code, person);
    return code;
  }

  // What the phone number button gives.
  phone(number = '13580006666') {
    const code = `phone-${(this.count += 1)}`;
    this.phones.set(code, number);
    return code;
  }

  ticket(scene, more = {}) {
    const asked = { site: '门神商店', host: 'shop.example.com', kind: 'browser', browser: 'Firefox', ip: '203.0.113.7' };
    const ticket = { ...asked, begun_at: 1763884800, expires_in: 120, ask_phone: false, state: 'waiting', ...more };
    this.tickets.set(scene, ticket);
    return ticket;
  }

  token(account = this.accounts.get('lina')[0]) {
    const token = `token-${(this.count += 1)}`;
    this.tokens.set(token, account);
    return token;
  }

  // The next answers of a path.
  next(path, ...answers) {
    this.instead.set(path, answers);
  }

  called(path) {
    return this.calls.filter((call) => call.path === path);
  }

  async #serve(request, response) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString('utf8');
    const path = request.url.slice(PREFIX.length);
    const call = { path, method: request.method, headers: request.headers, body: text ? JSON.parse(text) : undefined };
    this.calls.push(call);
    let answer = this.instead.get(path)?.shift();
    if (answer === exports.SILENT) return;
    if (answer === exports.DROPPED) return void request.socket.destroy();
    const lost = answer === exports.LOST;
    if (!answer || lost) answer = this.#answer(call);
    if (lost) return void request.socket.destroy();
    const body = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body);
    response.writeHead(answer.status ?? 200, { 'Content-Type': 'application/json', Connection: 'close', ...answer.headers });
    response.end(answer.status === 204 ? undefined : body);
  }

  #answer({ path, body = {}, headers, method }) {
    if (method === 'POST' && headers['content-type'] !== 'application/json') return refuse(415, 'unsupported_media_type');
    const token = headers.authorization?.replace('Bearer ', '');
    if (path === '/userinfo') return this.#userinfo(token);
    if (path === '/api/logout') return this.tokens.delete(token) ? { status: 204 } : refuse(401, 'session_expired');
    const [, flow, call] = path.match(/^\/api\/flow\/([^/]+)\/(\w+)$/) ?? [];
    if (call === 'choose') return this.#choose(flow, body);
    if (flow) return this.#bind(flow, call, body);
    const person = this.codes.get(body.code);
    if (person === undefined) return refuse(400, 'code_rejected', { retryable: true });
    if (person === '') return refuse(400, 'code_used', { retryable: true });
    this.codes.set(body.code, '');
    let phone;
    if (body.phone_code !== undefined) {
      phone = this.phones.get(body.phone_code);
      if (!phone) return refuse(400, 'phone_code_rejected', { retryable: true });
      this.phones.delete(body.phone_code);
    }
    if (path === '/api/login/mini') return this.#login(person, phone);
    if (path.startsWith('/api/login/')) return refuse(404, 'unknown_method');
    return this.#ticket(path, body, person, phone);
  }

  #ticket(path, { scene }, person, phone) {
    const ticket = this.tickets.get(scene);
    if (!ticket) return refuse(404, 'ticket_unknown');
    if (ticket.state === 'expired') return refuse(410, 'scan_code_expired');
    // The same yes once more, because its answer was lost: as long as nobody has logged in with it.
    const again = path === '/api/confirm' && ticket.state === 'approved' && ticket.person === person;
    if (ticket.state !== 'waiting' && !again) return refuse(409, 'scan_code_used');
    const { state, ...asked } = ticket;
    if (path === '/api/scan') return { body: asked };
    if (!again) Object.assign(ticket, { state: path === '/api/confirm' ? 'approved' : 'rejected', person, phone });
    if (path === '/api/reject') return { body: { approved: false } };
    if (ticket.kind !== 'app') return { body: { approved: true } };
    return { body: { approved: true, return_code: `r-${(this.returnCodes += 1)}` } };
  }

  #login(person, phone) {
    const accounts = this.accounts.get(person);
    this.loggedInWith = { person, phone };
    if (!accounts) return this.#ask(person);
    if (accounts.length === 1) return this.#session(accounts[0]);
    return { status: 409, body: { pending: 'choose', flow: 'f-1', key: 'k-1', expires_in: 300, accounts } };
  }

  #choose(flow, { key, account }) {
    if (flow !== 'f-1' || key !== 'k-1') return refuse(403, 'foreign_browser');
    const chosen = [...this.accounts.values()].flat().find(({ id }) => id === account);
    return chosen ? this.#session(chosen) : refuse(403, 'account_not_offered');
  }

  #ask(person) {
    this.asked = { person, flow: `b-${(this.count += 1)}`, key: `k-${this.count}`, open: true };
    const { flow, key } = this.asked;
    return { status: 409, body: { pending: 'bind', flow, key, expires_in: 600, ...this.binding } };
  }

  // Lina's account: her name and PASSWORD, her email, her phone; a code is always DIGITS.
  #bind(flow, call, { key, proof, name, password, code, to }) {
    const { asked } = this;
    if (flow !== asked?.flow || key !== asked.key) return refuse(403, 'foreign_browser');
    if (!asked.open) return refuse(409, 'flow_finished');
    if (call === 'create') return this.#bound({ id: `a-${(this.count += 1)}`, name: '新来的' });
    if (!this.binding.proofs.includes(proof)) return refuse(403, 'proof_not_offered');
    if (call === 'send_code') {
      if (!(proof === 'email_code' ? /^[^@]+@[^@]+$/ : /^\+?\d{6,}$/).test(to)) return refuse(400, 'address_invalid');
      asked.sent = { proof, to };
      return { body: { to: `${to.slice(0, 2)}***${to.slice(-2)}`, expires_in: 600, again_in: 60 } };
    }
    if (proof === 'password' && (name !== 'lina' || password !== exports.PASSWORD)) return refuse(403, 'wrong_proof', RETRY);
    if (proof !== 'password') {
      if (!asked.sent) return refuse(400, 'code_expired');
      if (!LINAS.includes(asked.sent.to) || code !== exports.DIGITS) return refuse(403, 'wrong_proof', RETRY);
    }
    return this.#bound(this.accounts.get('lina')[0]);
  }

  #bound(account) {
    this.asked.open = false;
    this.accounts.set(this.asked.person, [account]);
    return this.#session(account);
  }

  #session(account) {
    return { body: { token: this.token(account), token_type: 'Bearer', expires_in: 3600, account: { groups: [], ...account } } };
  }

  #userinfo(token) {
    if (!token) return refuse(401, 'login_required');
    const account = this.tokens.get(token);
    if (!account) return refuse(401, 'session_expired');
    const { id, name, groups = [] } = account;
    const body = { account: id, pool: 'people', open_id: 'o-1', app_id: 'wx0', groups, method: 'mini', logged_in_at: 1763884800 };
    return { body: name === undefined ? body : { ...body, name } };
  }
}

exports.Gateway = Gateway;
