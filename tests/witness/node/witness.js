// What the scripts share: where to look, one request, the list of what was checked. The defaults are those of
// `make demo`. Talks to nothing but the two addresses it is given.
'use strict';

const http = require('node:http');

const setting = (name, usual) => process.env[`WITNESS_${name}`] ?? usual;

exports.GATEWAY = setting('GATEWAY', 'http://127.0.0.1:8080');
exports.WECHAT = setting('WECHAT', 'http://127.0.0.1:9880');
// The service account, and its name in the gateway's config.
exports.APP = setting('APP', 'service');
exports.APP_ID = setting('APP_ID', 'wx0de0000000000002');
exports.TOKEN = setting('TOKEN', 'MenshenDemoPush');
exports.AES_KEY = setting('AES_KEY', 'MenshenDemoInvented0Key0Opens0Nothing0RealH');
// What the gateway says to somebody who follows; the demo says nothing.
exports.FOLLOW_TEXT = setting('FOLLOW_TEXT', '');

// One request: a POST if there is a body.
exports.ask = (url, body, headers = {}) =>
  new Promise((resolve, reject) => {
    const method = body === undefined ? 'GET' : 'POST';
    const request = http.request(url, { method, headers, agent: false, timeout: 20000 }, (answer) => {
      const chunks = [];
      answer.on('data', (chunk) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({ status: answer.statusCode, text, json: () => JSON.parse(text) });
      });
    });
    request.on('timeout', () => request.destroy(new Error(`${url} does not answer`)));
    request.on('error', reject);
    request.end(body);
  });

// Steers the simulator; `{WECHAT}/_sim/` says what there is.
exports.simulator = async (action, wanted) => {
  const answer = await exports.ask(`${exports.WECHAT}/_sim/${action}`, JSON.stringify(wanted));
  if (answer.status !== 200) throw new Error(`the simulator refuses ${action}: ${answer.text}`);
  return answer.json();
};

// Runs the checks one after the other; what one throws is what was found to be wrong.
exports.run = async (checks) => {
  const report = [];
  for (const [name, check] of Object.entries(checks)) {
    try {
      report.push({ name, ok: true, detail: String((await check()) ?? '') });
    } catch (error) {
      report.push({ name, ok: false, detail: String(error?.stack ?? error) });
    }
  }
  console.log(JSON.stringify(report, null, 1));
  process.exitCode = report.every((check) => check.ok) ? 0 : 1;
};
