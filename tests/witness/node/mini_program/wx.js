// A phone with WeChat on it, as far as a mini program notices: App, Page, wx, launch options, storage, buttons, inputs, a clock. The
// program's own files run unchanged, in a context of their own; only values of config.js are replaced. Requests are
// real. What is not imitated throws, so that a program cannot lean on it unnoticed.
'use strict';

const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const vm = require('node:vm');
const { draw } = require('./wxml');

exports.PROGRAM = path.join(__dirname, '../../../../examples/mini-program');

// Scenes after which a program may return to the app that opened it; the others of the second list keep what was.
// https://developers.weixin.qq.com/miniprogram/dev/framework/open-ability/launchApp.html
const OPENED_BY_APP = 1069;
const KEEPS_APP = [1001, 1038, 1089, 1090, 1131, 1187];

const copy = (value) => (value === undefined ? undefined : JSON.parse(JSON.stringify(value)));

// setData's paths: `a.b[0].c`. Undefined is refused, as the developer tools warn of it.
const assign = (data, where, value) => {
  if (value === undefined) throw new Error(`setData of ${where} to undefined`);
  const steps = where.replace(/\[(\d+)\]/g, '.$1').split('.');
  let place = data;
  for (const [at, name] of steps.slice(0, -1).entries()) {
    const empty = /^\d+$/.test(steps[at + 1]) ? [] : {};
    if (typeof place[name] !== 'object' || place[name] === null) place[name] = empty;
    place = place[name];
  }
  place[steps.at(-1)] = copy(value);
};

class Phone {
  // `loginCode` gives what wx.login gives; `config` replaces values of config.js.
  constructor({ loginCode, config = {}, appId = 'wx0000000000000000', domains = null, program = exports.PROGRAM }) {
    Object.assign(this, { loginCode, config, appId, domains, program });
    this.online = true;
    this.storage = new Map();
    this.stack = [];
    this.pages = new Map();
    this.modules = new Map();
    this.logged = [];
    this.mayReturn = false;
    // What launchApp handed back to the app: an extMsg.
    this.returned = undefined;
    // Whether the program closed itself.
    this.left = false;
    this.running = 0;
    this.idle = [];
    // Stands still but for pass().
    this.now = Date.now();
    this.timers = new Map();
    const log = (...words) => this.logged.push(words.join(' '));
    this.context = vm.createContext({
      wx: this.#wx(),
      App: (options) => (this.app = Object.assign(Object.create(null), options)),
      Page: (options) => this.pages.set(this.loading, options),
      getApp: () => this.app,
      getCurrentPages: () => [...this.stack],
      Date: this.#date(),
      setTimeout: (work, delay = 0) => this.#setTimeout(work, delay),
      clearTimeout: (timer) => void this.timers.delete(timer),
      console: { log, warn: log, error: log, info: log },
    });
  }

  // Opens the program, or the running program once more: by a code, a link, an app.
  async open(route, query = {}, scene = 1047) {
    const options = this.#enter(route, query, scene);
    if (!this.app) {
      this.launched = options;
      this.#require('app.js');
      this.app.onLaunch?.call(this.app, copy(options));
    }
    this.app.onShow?.call(this.app, copy(options));
    this.#relaunch(route, query);
    await this.settled();
    return this;
  }

  // Comes back from the background as it was, by another way than it was opened: no page is loaded anew.
  async comeBack(scene) {
    const options = this.#enter(this.page.route, {}, scene);
    this.app.onShow?.call(this.app, copy(options));
    this.page.onShow?.();
    await this.settled();
  }

  #enter(route, query, scene) {
    if (scene === OPENED_BY_APP) this.mayReturn = true;
    else if (!KEEPS_APP.includes(scene)) this.mayReturn = false;
    this.entered = { path: route, query, scene, referrerInfo: {} };
    return this.entered;
  }

  get page() {
    return this.stack.at(-1);
  }

  // What can be seen now.
  screen() {
    return draw(`${this.page.route}.wxml`, (file) => fs.readFileSync(path.join(this.program, file), 'utf8'), this.page.data);
  }

  text() {
    return this.screen().filter((node) => node.tag !== 'page').map((node) => node.text).join('\n');
  }

  buttons() {
    return this.screen().filter((node) => node.tag === 'button').map((node) => node.text);
  }

  // A tap that is not waited for. `given` is what WeChat's own sheet answers. What a tap changes is drawn later, so that
  // a second one still meets the screen of the first.
  touch(label, given = {}) {
    this.drawn ??= this.screen();
    const button = this.drawn.find((node) => node.tag === 'button' && node.text.includes(label));
    if (!button) throw new Error(`no button ${label} on:\n${this.text()}`);
    if (button.attributes.disabled) return;
    const openType = button.attributes['open-type'];
    if (openType === 'launchApp') this.#launchApp(button);
    else if (openType === 'getPhoneNumber') this.#fire(button, 'getphonenumber', given);
    else if (openType) throw new Error(`open-type ${openType} is not imitated`);
    else this.#fire(button, 'tap', { x: 0, y: 0 });
  }

  async tap(label, given) {
    this.touch(label, given);
    await this.settled();
  }

  #input(label) {
    const input = this.screen().find((node) => node.tag === 'input' && node.attributes['aria-label'] === label);
    if (!input) throw new Error(`no input ${label} on:\n${this.text()}`);
    return input;
  }

  // Types a text in place of what is there, one letter after the other.
  type(label, text) {
    const { attributes } = this.#input(label);
    if (attributes.disabled) throw new Error(`${label} is disabled`);
    if (attributes.type === 'number' && /\D/.test(text)) throw new Error(`${label} takes digits alone`);
    const letters = [...text].slice(0, Number(attributes.maxlength ?? 140));
    for (let cursor = letters.length === 0 ? 0 : 1; cursor <= letters.length; cursor += 1) {
      this.#fire(this.#input(label), 'input', { value: letters.slice(0, cursor).join(''), cursor, keyCode: 0 });
    }
  }

  // What an input shows; a password is shown to nobody, and here to the test.
  typed(label) {
    return this.#input(label).attributes.value;
  }

  // Time passes, with the timers that are due in it.
  async pass(seconds) {
    const until = this.now + seconds * 1000;
    for (;;) {
      const [next] = [...this.timers].filter(([, { at }]) => at <= until).sort(([, one], [, other]) => one.at - other.at);
      if (!next) break;
      this.timers.delete(next[0]);
      this.now = next[1].at;
      next[1].work();
    }
    this.now = until;
    await this.settled();
  }

  // What WeChat does to a program in the background: time passes, and no timer runs before it is back.
  async sleep(seconds) {
    this.now += seconds * 1000;
    await this.pass(0);
  }

  #setTimeout(work, delay) {
    this.lastTimer = (this.lastTimer ?? 0) + 1;
    this.timers.set(this.lastTimer, { at: this.now + delay, work });
    return this.lastTimer;
  }

  #date() {
    const clock = () => this.now;
    return class extends Date {
      constructor(...given) {
        super(...(given.length === 0 ? [clock()] : given));
      }

      static now() {
        return clock();
      }
    };
  }

  // Until nothing is under way: no request, no login, no page change.
  async settled() {
    this.drawn = undefined;
    do {
      if (this.running > 0) await new Promise((resolve) => this.idle.push(resolve));
      await new Promise(setImmediate);
    } while (this.running > 0);
  }

  #launchApp(button) {
    if (this.mayReturn) this.returned = String(button.attributes['app-parameter'] ?? '');
    else this.#fire(button, 'error', { errMsg: 'invalid scene' });
  }

  #fire(button, type, detail) {
    const handler = button.attributes[`bind${type}`];
    if (typeof this.page[handler] !== 'function') throw new Error(`bind${type}: the page has no ${handler}`);
    const names = Object.entries(button.attributes).filter(([name]) => name.startsWith('data-'));
    const dataset = copy(Object.fromEntries(names.map(([name, value]) => [name.slice(5), value])));
    this.page[handler]({ type, timeStamp: 0, target: { id: '', dataset }, currentTarget: { id: '', dataset }, detail });
  }

  #require(file) {
    if (this.modules.has(file)) return this.modules.get(file).exports;
    const source = fs.readFileSync(path.join(this.program, file), 'utf8');
    const module = { exports: {} };
    this.modules.set(file, module);
    const names = ['module', 'exports', 'require'];
    const run = vm.compileFunction(source, names, { parsingContext: this.context, filename: path.join(this.program, file) });
    run(module, module.exports, (wanted) => this.#require(path.posix.join(path.posix.dirname(file), wanted)));
    if (file === 'config.js') Object.assign(module.exports, this.config);
    return module.exports;
  }

  // For tests of the files in utils.
  require(file) {
    return this.#require(file);
  }

  #published() {
    return JSON.parse(fs.readFileSync(path.join(this.program, 'app.json'), 'utf8')).pages;
  }

  #push(route, query) {
    if (!this.#published().includes(route)) throw new Error(`app.json does not name ${route}`);
    if (!this.pages.has(route)) {
      this.loading = route;
      this.#require(`${route}.js`);
    }
    const options = this.pages.get(route);
    const page = { route, options: copy(query) };
    for (const [name, value] of Object.entries(options)) page[name] = typeof value === 'function' ? value : copy(value);
    page.data ??= {};
    page.setData = (data, done) => {
      if (page.unloaded) return;
      for (const [where, value] of Object.entries(data)) assign(page.data, where, value);
      if (done) setImmediate(() => done.call(page));
    };
    this.page?.onHide?.();
    this.stack.push(page);
    page.onLoad?.(copy(query));
    page.onShow?.();
    page.onReady?.();
  }

  #pop() {
    const page = this.stack.pop();
    page.onUnload?.();
    page.unloaded = true;
  }

  #relaunch(route, query) {
    while (this.stack.length > 0) this.#pop();
    this.#push(route, query);
  }

  // Callbacks come later, never before the call returns.
  #later(work) {
    this.running += 1;
    setImmediate(async () => {
      try {
        await work();
      } finally {
        this.running -= 1;
        if (this.running === 0) for (const resolve of this.idle.splice(0)) resolve();
      }
    });
  }

  #wx() {
    const move = (name, work) => (options = {}) =>
      this.#later(() => {
        const url = new URL(options.url ?? '', 'wx://program/');
        const route = url.pathname.slice(1);
        if (route && !this.#published().includes(route)) {
          const answer = { errMsg: `${name}:fail page "${route}" is not found` };
          options.fail?.(answer);
          options.complete?.(answer);
          return;
        }
        work(route, Object.fromEntries(url.searchParams), options);
        options.success?.({ errMsg: `${name}:ok` });
        options.complete?.({ errMsg: `${name}:ok` });
      });
    const functions = {
      login: (options) => this.#login(options),
      request: (options) => this.#request(options),
      getStorageSync: (key) => copy(this.storage.get(key)) ?? '',
      setStorageSync: (key, value) => void this.storage.set(key, copy(value)),
      removeStorageSync: (key) => void this.storage.delete(key),
      getLaunchOptionsSync: () => copy(this.launched),
      getEnterOptionsSync: () => copy(this.entered),
      navigateTo: move('navigateTo', (route, query) => this.#push(route, query)),
      reLaunch: move('reLaunch', (route, query) => this.#relaunch(route, query)),
      exitMiniProgram: () => void (this.left = true),
      navigateBack: move('navigateBack', () => {
        if (this.stack.length < 2) return;
        this.#pop();
        this.page.onShow?.();
      }),
    };
    return new Proxy(functions, {
      get: (target, name) => {
        if (typeof name === 'string' && !(name in target)) throw new Error(`wx.${name} is not imitated`);
        return target[name];
      },
    });
  }

  #login({ success, fail, complete }) {
    this.#later(async () => {
      let answer = { errMsg: 'login:ok' };
      let end = success;
      try {
        if (!this.online) throw new Error('login:fail network');
        answer.code = await this.loginCode();
      } catch (error) {
        answer = { errMsg: error.message, errno: 600001 };
        end = fail;
      }
      end?.(answer);
      complete?.(answer);
    });
  }

  #request({ url, method = 'GET', data, header = {}, timeout = 60000, success, fail, complete }) {
    this.#later(async () => {
      let answer;
      let end = success;
      try {
        answer = await this.#send(new URL(url), method, data, header, timeout);
      } catch (error) {
        answer = { errMsg: `request:fail ${error.message}`, errno: error.message === 'timeout' ? 5 : 600001 };
        end = fail;
      }
      end?.(answer);
      complete?.(answer);
    });
    return { abort: () => {} };
  }

  // Any status is a success; JSON is parsed if it is JSON and left as text if it is not.
  #send(url, method, data, header, timeout) {
    if (!this.online) throw new Error('net::ERR_INTERNET_DISCONNECTED');
    if (this.domains && !this.domains.includes(url.origin)) throw new Error('url not in domain list');
    const named = Object.fromEntries(Object.entries(header).map(([name, value]) => [name.toLowerCase(), value]));
    // Cannot be set by a program.
    named.referer = `https://servicewechat.com/${this.appId}/0/page-frame.html`;
    named['content-type'] ??= 'application/json';
    const body = method === 'GET' ? undefined : JSON.stringify(data ?? {});
    if (method === 'GET') for (const [name, value] of Object.entries(data ?? {})) url.searchParams.set(name, value);
    return new Promise((resolve, reject) => {
      const request = http.request(url, { method, headers: named, agent: false }, (answer) => {
        const chunks = [];
        answer.on('data', (chunk) => chunks.push(chunk));
        answer.on('error', reject);
        answer.on('end', () => {
          clearTimeout(limit);
          let content = Buffer.concat(chunks).toString('utf8');
          try {
            content = JSON.parse(content);
          } catch {
            // stays text
          }
          resolve({ statusCode: answer.statusCode, data: content, header: answer.headers, cookies: [], errMsg: 'request:ok' });
        });
      });
      const limit = setTimeout(() => request.destroy(new Error('timeout')), timeout);
      request.on('error', (error) => {
        clearTimeout(limit);
        reject(error);
      });
      request.end(body);
    });
  }
}

exports.Phone = Phone;
