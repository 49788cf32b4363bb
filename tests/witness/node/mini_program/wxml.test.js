// The reader of WXML refuses what WeChat would refuse; else the tests beside it would prove little.
'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { draw, parse, parts } = require('./wxml');

const shown = (source, data) => draw('p.wxml', () => source, data).map(({ tag, text }) => `${tag}:${text}`);

test('what is not well formed is refused', () => {
  for (const source of [
    '<view>', '</view>', '<view></text>', '<view class=a></view>', '<view a="1" a="2" />', '<wiew />', '<view>a & b</view>',
    '<view a="<" />', 'a < b', '<view><button></view></button>', '<view a="&nope;" />', '<!-- a -- b --><view>',
    '<view wx:if="{{a &amp;&amp; b}}" />', '<view wx:if="{{a &lt; b}}" />', '<view>{{a &amp;&amp; b}}</view>', '<view a="{{b}}&{{c}}" />',
  ]) {
    assert.throws(() => parse(source), source);
  }
  for (const text of ['{{a', 'a}}', '{{ }}', '{{a}} }}']) assert.throws(() => parts(text), text);
});

test('conditions, loops and texts are drawn as WeChat draws them', () => {
  const source =
    '<view wx:if="{{n === 1}}">one</view><view wx:elif="{{n > 1}}">{{n}} many</view><view wx:else>none</view>' +
    '<text wx:for="{{list}}" wx:for-item="it" wx:key="id">{{index}}{{it.id}}{{gone}}</text>';
  assert.deepEqual(shown(source, { n: 1, list: [] }), ['view:one']);
  assert.deepEqual(shown(source, { n: 2, list: [{ id: 'a' }, { id: 'b' }] }), ['view:2 many', 'text:0a', 'text:1b']);
  assert.deepEqual(shown(source, { n: 0, list: [] }), ['view:none']);
});

test('operators stand in an expression as they are, and entities outside of it are read', () => {
  const source = '<view wx:if="{{n && n < 2}}">{{n && m}} &amp; {{m}}</view><view wx:else a="&lt;{{n}}">more</view>';
  assert.deepEqual(shown(source, { n: 1, m: 'one' }), ['view:one & one']);
  assert.deepEqual(shown(source, { n: 2 }), ['view:more']);
});

test('a template sees only what it is given', () => {
  const source = '<template name="t"><text>{{a}}{{b}}{{c}}</text></template><template is="t" data="{{...o, b}}" />';
  assert.deepEqual(shown(source, { o: { a: 1 }, b: 2, c: 3 }), ['text:12']);
});
