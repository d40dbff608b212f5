// The official alipay-sdk against the channel: the whole life of trades, its own verifiers on what it is sent, and the
// provider's errors. MODE says whether the two sides know each other by public keys or by certificates.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { AlipaySdk } from 'alipay-sdk';

const env = process.env;
const checked = { validateSign: true };
const common = {
  appId: env.CHANNEL_APP_ID,
  gateway: `${env.CHANNEL_URL}/gateway.do`,
};
const byKeys = {
  ...common, keyType: 'PKCS8', privateKey: env.CHANNEL_APP_PRIVATE_KEY, alipayPublicKey: env.CHANNEL_ALIPAY_PUBLIC_KEY,
  encryptKey: env.CHANNEL_AES_KEY,
};
const byCertificates = {
  ...common, keyType: 'PKCS1', privateKey: env.CHANNEL_APP_PRIVATE_KEY_PKCS1, encryptKey: env.CHANNEL_AES_KEY,
  appCertContent: env.CHANNEL_APP_CERT, alipayPublicCertContent: env.CHANNEL_ALIPAY_CERT,
  alipayRootCertContent: env.CHANNEL_ALIPAY_ROOT_CERT,
};
const sdk = new AlipaySdk(env.MODE === 'certificates' ? byCertificates : byKeys);

// The shop takes notifications, and remembers them as the SDK's verifiers want them: decoded forms.
const inbox = [];
const waiting = [];
let reply = () => 'success';
const shop = createServer((request, response) => {
  let body = '';
  request.on('data', chunk => { body += chunk; });
  request.on('end', () => {
    const fields = Object.fromEntries(new URLSearchParams(body));
    response.end(reply(fields));
    inbox.push(fields);
    for (const wake of waiting.splice(0)) wake();
  });
});
let notifyUrl;

before(async () => {
  await new Promise(resolve => { shop.listen(0, '127.0.0.1', resolve); });
  notifyUrl = `http://127.0.0.1:${shop.address().port}/notify`;
});
after(() => { shop.closeAllConnections(); shop.close(); });

// notified waits for notifications of a trade until there are as many as wanted.
async function notified(outTradeNo, count) {
  for (;;) {
    const mine = inbox.filter(fields => fields.out_trade_no === outTradeNo);
    if (mine.length >= count) return mine;
    await new Promise(resolve => { waiting.push(resolve); });
  }
}

// act is what a buyer does with what the shop has handed out.
async function act(handed, action = 'pay') {
  const response = await fetch(`${env.CHANNEL_URL}/pay/${encodeURIComponent(handed)}`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ action }),
  });
  assert.ok(response.ok, await response.text());
}

const exec = (method, bizContent, more = {}) => sdk.exec(method, { notifyUrl, bizContent, ...more }, checked);
const succeeds = async (method, bizContent, more) => {
  const result = await exec(method, bizContent, more);
  assert.equal(result.code, '10000', JSON.stringify(result));
  return result;
};
const refused = async (subCode, method, bizContent, more) => {
  const result = await exec(method, bizContent, more);
  assert.equal(result.subCode, subCode, JSON.stringify(result));
  return result;
};
const later = (what, is) => new Promise((resolve, reject) => {
  const end = Date.now() + 5000;
  const ask = async () => {
    try {
      const found = await what();
      if (is(found)) resolve(found);
      else if (Date.now() > end) reject(new Error(`still ${JSON.stringify(found)}`));
      else setTimeout(ask, 20);
    } catch (error) { reject(error); }
  };
  ask();
});

test('a code is scanned, paid, given back in two parts', async () => {
  const order = { outTradeNo: 'qr_1', totalAmount: '88.88', subject: '手机 & <壳>', passbackParams: encodeURIComponent('ref=a&b') };
  const minted = await succeeds('alipay.trade.precreate', order);
  assert.match(minted.qrCode, /^https:\/\/qr\.alipay\.com\//);
  const again = await succeeds('alipay.trade.precreate', order);
  assert.equal(again.qrCode, minted.qrCode);
  await refused('ACQ.CONTEXT_INCONSISTENT', 'alipay.trade.precreate', { ...order, totalAmount: '88.89' });

  const none = await refused('ACQ.TRADE_NOT_EXIST', 'alipay.trade.query', { outTradeNo: 'qr_1' });
  assert.equal(none.outTradeNo, 'qr_1');
  assert.equal(none.receiptAmount, '0.00');
  await refused('ACQ.TRADE_NOT_EXIST', 'alipay.trade.close', { outTradeNo: 'qr_1' });

  await act(minted.qrCode);
  const [paid] = await notified('qr_1', 1);
  assert.equal(sdk.checkNotifySignV2(paid), true);
  assert.equal(sdk.checkNotifySignV2({ ...paid, total_amount: '0.01' }), false);
  assert.equal(paid.trade_status, 'TRADE_SUCCESS');
  assert.equal(paid.total_amount, '88.88');
  assert.equal(paid.subject, order.subject);
  assert.equal(paid.app_id, env.CHANNEL_APP_ID);
  assert.equal(paid.seller_id, env.CHANNEL_SELLER_ID);
  assert.equal(decodeURIComponent(paid.passback_params), 'ref=a&b');
  assert.ok(Object.values(paid).every(value => value !== ''));

  const trade = await succeeds('alipay.trade.query', { outTradeNo: 'qr_1', queryOptions: ['fund_bill_list'] });
  assert.equal(trade.tradeStatus, 'TRADE_SUCCESS');
  assert.equal(trade.tradeNo, paid.trade_no);
  assert.equal(trade.totalAmount, '88.88');
  assert.equal(trade.fundBillList[0].amount, '88.88');
  assert.match(trade.sendPayDate, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
  await refused('ACQ.TRADE_STATUS_ERROR', 'alipay.trade.close', { outTradeNo: 'qr_1' });
  await refused('ACQ.TRADE_HAS_SUCCESS', 'alipay.trade.precreate', order);

  await refused('ACQ.REFUND_AMT_NOT_EQUAL_TOTAL', 'alipay.trade.refund', { outTradeNo: 'qr_1', refundAmount: '8.88' });
  await refused('ACQ.REASON_TRADE_REFUND_FEE_ERR', 'alipay.trade.refund',
    { outTradeNo: 'qr_1', refundAmount: '88.89', outRequestNo: 'too_much' });
  const part = { outTradeNo: 'qr_1', refundAmount: '8.88', outRequestNo: 'part_1', refundReason: '少了一个' };
  const accepted = await succeeds('alipay.trade.refund', part);
  assert.deepEqual([accepted.fundChange, accepted.refundFee], ['N', '0.00']); // it is under way
  const refund = await later(
    () => succeeds('alipay.trade.fastpay.refund.query', { outTradeNo: 'qr_1', outRequestNo: 'part_1', queryOptions: ['gmt_refund_pay'] }),
    found => found.refundStatus === 'REFUND_SUCCESS');
  assert.deepEqual([refund.refundAmount, refund.totalAmount, refund.refundReason], ['8.88', '88.88', '少了一个']);
  const repeated = await succeeds('alipay.trade.refund', part);
  assert.deepEqual([repeated.fundChange, repeated.refundFee], ['N', '8.88']);
  await refused('ACQ.DISCORDANT_REPEAT_REQUEST', 'alipay.trade.refund', { ...part, refundAmount: '8.87' });
  const unknown = await succeeds('alipay.trade.fastpay.refund.query', { outTradeNo: 'qr_1', outRequestNo: 'nobody' });
  assert.equal(unknown.refundStatus, undefined);

  const [, partly] = await notified('qr_1', 2);
  assert.equal(sdk.checkNotifySignV2(partly), true);
  assert.deepEqual([partly.trade_status, partly.refund_fee, partly.out_biz_no], ['TRADE_SUCCESS', '8.88', 'part_1']);
  assert.ok(partly.gmt_refund);
  assert.notEqual(partly.notify_id, paid.notify_id);

  await succeeds('alipay.trade.refund', { outTradeNo: 'qr_1', refundAmount: '80.00', outRequestNo: 'part_2' });
  const [,, rest] = await notified('qr_1', 3);
  assert.equal(sdk.checkNotifySignV2(rest), true);
  assert.deepEqual([rest.trade_status, rest.refund_fee, rest.out_biz_no], ['TRADE_CLOSED', '88.88', 'part_2']);
  const over = await succeeds('alipay.trade.query', { tradeNo: paid.trade_no });
  assert.equal(over.tradeStatus, 'TRADE_CLOSED');
});
