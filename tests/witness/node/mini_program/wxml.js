// Reads WXML as strictly as XML, but for what is between {{ and }}, and draws it from a page's data: wx:if, wx:elif,
// wx:else, wx:for, import, template. What it does not know it refuses. Expressions are evaluated as JavaScript, of which
// WXML's are a part.
'use strict';

const path = require('node:path');
const vm = require('node:vm');

const ENTITIES = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0' };
const ELEMENTS = ['view', 'text', 'button', 'image', 'input', 'block', 'import', 'template', 'navigator'];

const unescaped = (text) =>
  text.replace(/&([^;\s]{0,10});?/g, (whole, name) => {
    if (!whole.endsWith(';') || !(name in ENTITIES)) throw new Error(`a bare & or an unknown entity: ${whole}`);
    return ENTITIES[name];
  });

// WeChat takes what is between {{ and }} as it stands: && and < are operators there, and an entity is a fault.
// https://github.com/Tencent/wepy/pull/2600
const decoded = (text) => {
  const plain = (part) => {
    if (part.includes('<')) throw new Error(`< outside of an expression: ${part}`);
    return unescaped(part);
  };
  const kept = (part) => {
    if (/&#?\w+;/.test(part)) throw new Error(`an entity in an expression: ${part}`);
    return part;
  };
  return text.split(/(\{\{.*?\}\})/s).map((part, at) => (at % 2 === 0 ? plain(part) : kept(part))).join('');
};

// Texts and the expressions between {{ and }}.
const parts = (text) => {
  const found = [];
  const pattern = /\{\{(.*?)\}\}/gs;
  let from = 0;
  for (let match; (match = pattern.exec(text)); from = pattern.lastIndex) {
    if (match.index > from) found.push({ text: text.slice(from, match.index) });
    found.push({ expression: match[1].trim() });
  }
  if (from < text.length) found.push({ text: text.slice(from) });
  for (const part of found) {
    if (part.text !== undefined && /\{\{|\}\}/.test(part.text)) throw new Error(`braces do not match: ${text}`);
    if (part.expression === '') throw new Error(`an empty binding: ${text}`);
  }
  return found;
};

const attributesOf = (source) => {
  const attributes = {};
  const rest = source.replace(/\s+([A-Za-z][\w:.-]*)(?:="([^"]*)")?/g, (whole, name, value) => {
    if (name in attributes) throw new Error(`${name} twice`);
    attributes[name] = value === undefined ? true : decoded(value);
    return '';
  });
  if (rest.trim() !== '') throw new Error(`not an attribute: ${rest.trim()}`);
  return attributes;
};

// A tree of { tag, attributes, children } and { text }.
exports.parse = (source) => {
  const top = { tag: '', attributes: {}, children: [] };
  const open = [top];
  const pattern = /<!--(?:(?!--)[\s\S])*-->|<(\/?)([a-z][\w-]*)((?:\s+[\w:.-]+(?:="[^"]*")?)*)\s*(\/?)>|([^<]+)|(<)/g;
  for (const [whole, closes, tag, attributes, closed, text, stray] of source.matchAll(pattern)) {
    if (stray) throw new Error(`not an element: ${source.slice(source.indexOf(whole), 60)}`);
    if (text !== undefined) open.at(-1).children.push({ text: decoded(text) });
    else if (closes) {
      const { tag: expected } = open.pop();
      if (expected !== tag || attributes || open.length === 0) throw new Error(`</${tag}> closes <${expected}>`);
    } else if (tag) {
      if (!ELEMENTS.includes(tag)) throw new Error(`<${tag}> is not known`);
      const node = { tag, attributes: attributesOf(attributes), children: [] };
      open.at(-1).children.push(node);
      if (!closed) open.push(node);
    }
  }
  if (open.length > 1) throw new Error(`<${open.at(-1).tag}> is not closed`);
  return top;
};

exports.parts = parts;

// Every node, with the names that wx:for adds.
exports.walk = function* walk(node, names = []) {
  const inside = [...names];
  if (node.attributes?.['wx:for']) {
    inside.push(node.attributes['wx:for-item'] ?? 'item', node.attributes['wx:for-index'] ?? 'index');
  }
  yield { node, names: inside };
  for (const child of node.children ?? []) yield* walk(child, inside);
};

const evaluate = (expression, data) => {
  // An undefined name is an undefined value in WXML.
  const scope = new Proxy(data, {
    has: () => true,
    get: (target, name) => (name === Symbol.unscopables ? undefined : target[name]),
  });
  return vm.compileFunction(`with (scope) { return (${expression}); }`, ['scope'])(scope);
};

const valueOf = (text, data) => {
  if (text === true) return true;
  const found = parts(text);
  if (found.length === 1 && found[0].expression) return evaluate(found[0].expression, data);
  return found.map((part) => part.text ?? String(evaluate(part.expression, data) ?? '')).join('');
};

// What the screen shows: a flat list of { tag, attributes, text }, containers before what they contain.
exports.draw = (file, read, data) => {
  const templates = new Map();
  const load = (from, tree) => {
    for (const node of tree.children) {
      if (node.tag === 'import') {
        const src = node.attributes.src;
        const next = src.startsWith('/') ? src.slice(1) : path.posix.join(path.posix.dirname(from), src);
        load(next, exports.parse(read(next)));
      }
      if (node.tag === 'template' && node.attributes.name) templates.set(node.attributes.name, node);
    }
  };
  const top = exports.parse(read(file));
  load(file, top);
  const screen = [];

  const drawAll = (nodes, scope) => {
    let taken = true;
    let text = '';
    for (const node of nodes) {
      if (node.text !== undefined) {
        text += valueOf(node.text, scope);
        continue;
      }
      const wanted = node.attributes['wx:if'] ?? node.attributes['wx:elif'];
      if ('wx:if' in node.attributes) taken = false;
      else if ('wx:elif' in node.attributes || 'wx:else' in node.attributes) {
        if (taken) continue;
      } else taken = true;
      if (wanted !== undefined && !valueOf(wanted, scope)) continue;
      const chained = ['wx:if', 'wx:elif', 'wx:else'].some((name) => name in node.attributes);
      if (chained) taken = true;
      text += drawOne(node, scope);
    }
    return text;
  };

  const drawOne = (node, scope) => {
    const loop = node.attributes['wx:for'];
    if (loop !== undefined) {
      const item = node.attributes['wx:for-item'] ?? 'item';
      const index = node.attributes['wx:for-index'] ?? 'index';
      return (valueOf(loop, scope) ?? []).map((value, at) => drawPlain(node, { ...scope, [item]: value, [index]: at })).join('');
    }
    return drawPlain(node, scope);
  };

  const drawPlain = (node, scope) => {
    if (node.tag === 'import' || (node.tag === 'template' && node.attributes.name)) return '';
    if (node.tag === 'template') {
      const template = templates.get(valueOf(node.attributes.is, scope));
      if (!template) throw new Error(`no template ${node.attributes.is}`);
      const [{ expression }] = parts(node.attributes.data);
      return drawAll(template.children, evaluate(`{${expression}}`, scope));
    }
    if (node.tag === 'block') return drawAll(node.children, scope);
    const shown = { tag: node.tag, attributes: {}, text: '' };
    for (const [name, value] of Object.entries(node.attributes)) {
      if (!name.startsWith('wx:')) shown.attributes[name] = valueOf(value, scope);
    }
    screen.push(shown);
    shown.text = drawAll(node.children, scope).replace(/\s+/g, ' ').trim();
    return ` ${shown.text} `;
  };

  drawAll(top.children, data);
  return screen;
};
