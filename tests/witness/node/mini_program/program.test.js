// The program's files as they are: types, pages, bindings, words. Nothing runs here but what a page declares.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { CODES } = require('./world');
const { PROGRAM, Phone } = require('./wx');
const { parse, parts, walk } = require('./wxml');

const LIBRARIES = path.join(__dirname, '../../../../target/witness/node/node_modules');

const files = fs.readdirSync(PROGRAM, { recursive: true }).map((file) => file.split(path.sep).join('/'));
const ending = (end) => files.filter((file) => file.endsWith(end));
const read = (file) => fs.readFileSync(path.join(PROGRAM, file), 'utf8');
const app = JSON.parse(read('app.json'));

const words = () => new Phone({ loginCode: () => '' }).require('utils/messages.js');

// What a page declares, without opening it.
const declared = (page) => {
  const phone = new Phone({ loginCode: () => '' });
  phone.loading = page;
  phone.require(`${page}.js`);
  return phone.pages.get(page);
};

// The names that an expression looks up, without those behind a dot, keys and texts.
const names = (expression) => {
  const bare = expression.replace(/'[^']*'|"[^"]*"/g, "''").replace(/\.\.\./g, ' ');
  const found = [...bare.matchAll(/(?<![.\w$])[A-Za-z_$][\w$]*(?!\s*:)/g)].map(([name]) => name);
  return found.filter((name) => !['true', 'false', 'null', 'undefined'].includes(name));
};

test('the program agrees with the types of WeChat\'s interfaces', (t) => {
  assert.ok(fs.existsSync(path.join(LIBRARIES, 'typescript')), 'typescript is missing: run .ci/witness');
  const typescript = require(path.join(LIBRARIES, 'typescript'));
  let program;
  const check = (roots) => {
    const options = {
      allowJs: true,
      checkJs: true,
      noEmit: true,
      strict: true,
      // WeChat's own files are taken as they are.
      skipLibCheck: true,
      noImplicitReturns: true,
      noUnusedLocals: true,
      noUnusedParameters: true,
      target: typescript.ScriptTarget.ES2021,
      lib: ['lib.es2021.d.ts'],
      module: typescript.ModuleKind.CommonJS,
      moduleResolution: typescript.ModuleResolutionKind.Bundler,
      types: ['miniprogram-api-typings'],
      typeRoots: [LIBRARIES],
    };
    // What was read before is not read again.
    program = typescript.createProgram(roots, options, undefined, program);
    const host = { getCanonicalFileName: (name) => name, getCurrentDirectory: () => PROGRAM, getNewLine: () => '\n' };
    return typescript.formatDiagnostics(typescript.getPreEmitDiagnostics(program), host);
  };
  assert.equal(check(ending('.js').map((file) => path.join(PROGRAM, file))), '');
  // It would notice.
  const wrong = path.join(fs.mkdtempSync(path.join(require('node:os').tmpdir(), 'types-')), 'wrong.js');
  t.after(() => fs.rmSync(path.dirname(wrong), { recursive: true }));
  fs.writeFileSync(wrong, "wx.login({ success: (got) => got.kode });\nPage({ data: { a: 1 }, b() { this.setData({ a: 'x' }).c; } });\n");
  assert.match(check([wrong]), /kode/);
});

test('app.json names the pages that are there, and no file is left over', () => {
  const wanted = app.pages.flatMap((page) => ['.js', '.json', '.wxml'].map((end) => page + end));
  assert.deepEqual(files.filter((file) => /^pages\/.*\.\w+$/.test(file)).sort(), wanted.sort());
  for (const file of ending('.json')) JSON.parse(read(file));
  // What the gateway's codes and launches open, and sim and demo publish.
  for (const page of ['pages/menshen/confirm/confirm', 'pages/menshen/launch/launch']) assert.ok(app.pages.includes(page));
  assert.ok(app.pages.includes(new Phone({ loginCode: () => '' }).require('config.js').home.slice(1)));
});

for (const page of app.pages) {
  test(`${page}.wxml binds only what the page has`, () => {
    const { data, ...handlers } = declared(page);
    const check = (file, known) => {
      for (const { node, names: looped } of walk(parse(read(file)))) {
        const { tag, attributes = {} } = node;
        if (tag === 'import') {
          const template = parse(read(attributes.src.slice(1))).children.find((child) => child.tag === 'template');
          assert.ok(template.attributes.name, attributes.src);
          check(attributes.src.slice(1), { ...Object.fromEntries(given.map((name) => [name, ''])) });
        }
        for (const [name, value] of Object.entries(attributes)) {
          if (/^(capture-)?(bind|catch|mut-bind)/.test(name)) {
            assert.match(name, /^bind(tap|getphonenumber|error|input)$/);
            assert.equal(typeof handlers[value], 'function', `${file}: ${name}="${value}"`);
          }
        }
        const texts = node.text === undefined ? Object.values(attributes) : [node.text];
        for (const part of texts.filter((text) => text !== true).flatMap(parts)) {
          for (const name of names(part.expression ?? '')) {
            assert.ok(name in known || looped.includes(name), `${file}: {{${part.expression}}} names ${name}`);
          }
        }
      }
    };
    const given = [...Object.keys(words().problem('offline')), 'busy'];
    check(`${page}.wxml`, data);
  });

  test(`${page} can be heard as well as seen`, () => {
    for (const { node } of walk(parse(read(`${page}.wxml`)))) {
      const { tag, attributes = {}, children = [] } = node;
      const role = attributes['aria-role'];
      if (tag === 'image') assert.ok(attributes['aria-label'], 'an image without a label');
      if (tag === 'input') assert.ok(attributes['aria-label'], 'an input without a label');
      if (tag === 'button') assert.ok(children.some((child) => child.text?.trim() || child.tag), 'a button without words');
      if (role) assert.match(role, /^(alert|heading|img|status)$/);
      if (attributes.class === 'title') assert.equal(role, 'heading');
      if (attributes.class === 'warning') assert.equal(role, 'alert');
      if (attributes['wx:for']) assert.ok(attributes['wx:key']);
    }
  });
}

test('every error of the API has words of its own', () => {
  const { TEXTS, LABELS, problem } = words();
  for (const [code] of CODES) assert.ok(Object.hasOwn(TEXTS, code), code);
  const said = Object.values(TEXTS).map(([title, text]) => `${title} ${text}`);
  assert.equal(new Set(said).size, said.length);
  for (const [code, [title, text, way]] of Object.entries(TEXTS)) {
    assert.ok(title.length <= 12 && /[。]$/.test(text) && way in LABELS, code);
    assert.equal(problem(code).label, LABELS[way]);
  }
});

test('the program asks nobody but the gateway and needs no library', () => {
  for (const file of ending('.js')) {
    const text = read(file).replace(/\/\/.*|\/\*[\s\S]*?\*\//g, '');
    for (const [, wanted] of text.matchAll(/require\('([^']+)'\)/g)) assert.match(wanted, /^\.\.?\//, file);
    if (file !== 'config.js') assert.doesNotMatch(text, /https?:/, file);
    assert.doesNotMatch(text, /\beval\b|new Function|console\.(log|info)/, file);
    assert.ok(read(file).startsWith('// '), `${file} does not say what it is`);
    assert.ok(read(file).split('\n').every((line) => line.length <= 125), file);
  }
});

test('what is published names no account of anybody', () => {
  for (const file of files.filter((name) => /\.\w+$/.test(name))) assert.doesNotMatch(read(file), /\bwx[0-9a-f]{16}\b|\bgh_[0-9a-f]{12}\b/, file);
});
