// A small gateway and a phone that opens the program beside it, for one test.
'use strict';

const { Gateway } = require('./gateway');
const { Phone } = require('./wx');

exports.CONFIRM = 'pages/menshen/confirm/confirm';
exports.LAUNCH = 'pages/menshen/launch/launch';
exports.LOGIN = 'pages/menshen/login/login';
exports.INDEX = 'pages/index/index';

// Short, and only where an answer never comes.
const TIMEOUT = 150;

exports.world = async (t, { person = 'lina', config = {}, ...more } = {}) => {
  const gateway = await Gateway.start();
  t.after(() => gateway.stop());
  const phone = new Phone({
    loginCode: async () => gateway.code(person),
    config: { gateway: gateway.url, timeout: 5000, ...config },
    ...more,
  });
  return { gateway, phone };
};

exports.impatient = { timeout: TIMEOUT };

// Every error code of the API, with its status and whether it says that trying again helps.
exports.CODES = [
  ['bad_request', 400], ['unsupported_media_type', 415], ['too_large', 413], ['too_many', 429, true],
  ['unknown_method', 404], ['wrong_method', 409], ['code_used', 400, true], ['code_rejected', 400, true],
  ['phone_code_rejected', 400, true], ['encrypted_data_rejected', 400, true], ['nonce_unknown', 400, true],
  ['ticket_unknown', 404], ['scan_code_used', 409, true], ['scan_code_expired', 410, true], ['verifier_wrong', 403],
  ['return_code_wrong', 403, true], ['flow_expired', 400, true], ['flow_finished', 409, true], ['foreign_browser', 403, true],
  ['account_not_offered', 403], ['identity_taken', 409], ['has_another', 409],
  ['last_wechat', 409], ['wechat_unknown', 404], ['session_unknown', 404], ['login_required', 401], ['session_expired', 401],
  ['account_disabled', 403], ['registration_closed', 403], ['several_accounts', 409], ['no_matching_account', 403],
  ['account_has_wechat', 409], ['wrong_proof', 403, true], ['code_expired', 400], ['code_too_soon', 429, true],
  ['too_many_codes', 429, true],
  ['locked', 429, true], ['proof_not_offered', 403], ['proof_unavailable', 503, true], ['address_invalid', 400],
  ['wechat_unavailable', 503, true], ['wechat_busy', 503, true], ['wechat_refused', 403], ['misconfigured', 500], ['internal', 500, true],
  ['store_down', 503, true],
];
