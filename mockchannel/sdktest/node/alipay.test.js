// The official alipay-sdk against the channel: the whole life of trades, its own verifiers on what it is sent, and the
// provider's errors. MODE says whether the two sides know each other by public keys or by certificates.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { inflateRawSync } from 'node:zlib';
import { AlipaySdk } from 'alipay-sdk';

const env = process.env;
const checked = { validateSign: true };
const common = {
  appId: env.CHANNEL_APP_ID,
  gateway: `${env.CHANNEL_URL}/gateway.do`,
  timeout: 30_000, // the machine may be busy
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
  const end = Date.now() + 30_000;
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

test('a cashier is opened, left, opened again, and paid', async () => {
  const order = { outTradeNo: 'page_1', totalAmount: '0.01', subject: '书', productCode: 'FAST_INSTANT_TRADE_PAY' };
  const params = { notifyUrl, returnUrl: 'http://shop.example/back', bizContent: order };
  const address = sdk.pageExec('alipay.trade.page.pay', 'GET', params);
  const page = await (await fetch(address)).text();
  const action = page.match(/action="([^"]+)"/)?.[1];
  assert.ok(action, page);
  await refused('ACQ.TRADE_NOT_EXIST', 'alipay.trade.query', { outTradeNo: 'page_1' });

  // The SDK's other form is a page that posts itself.
  const form = sdk.pageExec('alipay.trade.page.pay', params);
  const target = form.match(/action="([^"]+)"/)[1];
  const content = form.match(/name="biz_content" value="([^"]*)"/)[1].replaceAll('&quot;', '"');
  const again = await (await fetch(target, { method: 'POST', body: new URLSearchParams({ biz_content: content, alipay_sdk: sdk.version }) })).text();
  assert.equal(again.match(/action="([^"]+)"/)?.[1], action, again);

  const back = await fetch(env.CHANNEL_URL + action, {
    method: 'POST', redirect: 'manual', body: new URLSearchParams({ action: 'pay' }),
  });
  assert.equal(back.status, 303);
  const returned = Object.fromEntries(new URL(back.headers.get('location')).searchParams);
  assert.equal(sdk.checkNotifySignV2(returned), true);
  assert.deepEqual([returned.out_trade_no, returned.total_amount, returned.method], ['page_1', '0.01', 'alipay.trade.page.pay.return']);

  const [paid] = await notified('page_1', 1);
  assert.equal(sdk.checkNotifySign(paid), true);
  assert.equal(paid.trade_no, returned.trade_no);
  const trade = await succeeds('alipay.trade.query', { tradeNo: paid.trade_no });
  assert.equal(trade.tradeStatus, 'TRADE_SUCCESS');
});

test('an order string is what the app pays', async () => {
  const order = { outTradeNo: 'app_1', totalAmount: '3.00', subject: '茶', productCode: 'QUICK_MSECURITY_PAY' };
  await act(sdk.sdkExec('alipay.trade.app.pay', { notifyUrl, bizContent: order }));
  const [paid] = await notified('app_1', 1);
  assert.equal(sdk.checkNotifySignV2(paid), true);
});

test('a trade is made for a buyer, closed, and told so', async () => {
  const order = { outTradeNo: 'create_1', totalAmount: '5.00', subject: '花', buyerId: '2088123412341234' };
  const made = await succeeds('alipay.trade.create', order);
  assert.match(made.tradeNo, /^\d{28}$/);
  const open = await succeeds('alipay.trade.query', { outTradeNo: 'create_1' });
  assert.deepEqual([open.tradeStatus, open.buyerUserId], ['WAIT_BUYER_PAY', '2088123412341234']);
  const closed = await succeeds('alipay.trade.close', { outTradeNo: 'create_1' });
  assert.equal(closed.tradeNo, made.tradeNo);
  const [told] = await notified('create_1', 1);
  assert.equal(sdk.checkNotifySignV2(told), true);
  assert.deepEqual([told.trade_status, told.refund_fee], ['TRADE_CLOSED', undefined]);
  await refused('ACQ.TRADE_HAS_CLOSE', 'alipay.trade.create', order);
});

test('a bar code is charged at once, or after a password', async () => {
  const order = { outTradeNo: 'bar_1', totalAmount: '5.00', subject: '水', scene: 'bar_code', authCode: '281234567890123456' };
  const paid = await succeeds('alipay.trade.pay', order);
  assert.equal(paid.buyerPayAmount, '5.00');
  await refused('ACQ.TRADE_HAS_SUCCESS', 'alipay.trade.pay', order);
  const waits = await exec('alipay.trade.pay', { ...order, outTradeNo: 'bar_2', totalAmount: '1000.01' });
  assert.equal(waits.code, '10003');
  const cancelled = await succeeds('alipay.trade.cancel', { outTradeNo: 'bar_2' });
  assert.deepEqual([cancelled.action, cancelled.retryFlag], ['close', 'N']);
  await refused('ACQ.PAYMENT_AUTH_CODE_INVALID', 'alipay.trade.pay', { ...order, outTradeNo: 'bar_3', authCode: '99' });
});

test('a notification comes again until the shop says success', async () => {
  const minted = await succeeds('alipay.trade.precreate', { outTradeNo: 'again_1', totalAmount: '1.00', subject: '糖' });
  let left = 2;
  reply = fields => (fields.out_trade_no === 'again_1' && left-- > 0 ? 'fail' : 'success');
  await act(minted.qrCode);
  const deliveries = await notified('again_1', 3);
  assert.ok(deliveries.every(fields => sdk.checkNotifySignV2(fields)));
  assert.equal(new Set(deliveries.map(fields => fields.notify_id)).size, 1);
});

test('the bill of the day is a zip of GBK', async () => {
  const today = new Date(Date.now() + 8 * 3600e3).toISOString().slice(0, 10);
  const { billDownloadUrl } = await succeeds('alipay.data.dataservice.bill.downloadurl.query', { billType: 'trade', billDate: today });
  const zip = Buffer.from(await (await fetch(billDownloadUrl)).arrayBuffer());
  const texts = unzip(zip).map(text => new TextDecoder('gbk', { fatal: true }).decode(text));
  assert.equal(texts.length, 2);
  const lines = texts[0].split('\n');
  assert.equal(lines[0], '#支付宝业务明细查询');
  const heads = lines[4].split(',');
  assert.equal(heads.length, 25);
  const rows = lines.slice(5).filter(line => line && !line.startsWith('#')).map(line => line.split(',').map(cell => cell.trim()));
  const [order, kind, amount, number] = ['商户订单号', '业务类型', '订单金额（元）', '退款批次号/请求号'].map(head => heads.indexOf(head));
  const of = outTradeNo => rows.filter(row => row[order] === outTradeNo).map(row => [row[kind], row[amount], row[number]]);
  assert.deepEqual(of('qr_1'), [['交易', '88.88', ''], ['退款', '-8.88', 'part_1'], ['退款', '-80.00', 'part_2']]);
  assert.deepEqual(of('create_1'), []);
  assert.match(texts[1], /^#支付宝业务汇总查询\n/);
  await refused('isp.bill_not_exist', 'alipay.data.dataservice.bill.downloadurl.query', { billType: 'trade', billDate: '2020-01-01' });
});

test('content may be encrypted both ways', async () => {
  const order = { outTradeNo: 'aes_1', totalAmount: '1.00', subject: '密' };
  const minted = await sdk.exec('alipay.trade.precreate', { bizContent: order, needEncrypt: true });
  assert.equal(minted.code, '10000', JSON.stringify(minted));
  assert.match(minted.qrCode, /^https:\/\/qr\.alipay\.com\//);
});

test('whoever signs wrongly is told so', async () => {
  const pair = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' });
  const stranger = new AlipaySdk({ ...byKeys, privateKey: pair });
  const wrong = await stranger.exec('alipay.trade.query', { bizContent: { outTradeNo: 'qr_1' } }, checked);
  assert.deepEqual([wrong.code, wrong.subCode], ['40002', 'isv.invalid-signature']);
  const nobody = new AlipaySdk({ ...byKeys, appId: '2021000000000000' });
  const unknown = await nobody.exec('alipay.trade.query', { bizContent: { outTradeNo: 'qr_1' } });
  assert.deepEqual([unknown.code, unknown.subCode], ['40002', 'isv.invalid-app-id']);
  await refused('isv.invalid-method', 'alipay.trade.nonsense', {});
  await refused('ACQ.INVALID_PARAMETER', 'alipay.trade.precreate', { outTradeNo: 'x', totalAmount: 'much', subject: 'x' });
});

// unzip is the contents of an archive of deflated or stored files.
function unzip(zip) {
  const texts = [];
  const end = zip.lastIndexOf(Buffer.from([0x50, 0x4b, 5, 6]));
  let at = zip.readUInt32LE(end + 16);
  for (let left = zip.readUInt16LE(end + 10); left > 0; left--) {
    const [method, size] = [zip.readUInt16LE(at + 10), zip.readUInt32LE(at + 20)];
    const local = zip.readUInt32LE(at + 42);
    const begin = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
    const raw = zip.subarray(begin, begin + size);
    texts.push(method === 8 ? inflateRawSync(raw) : raw);
    at += 46 + zip.readUInt16LE(at + 28) + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  }
  return texts;
}
