// The whole life of payments through wechatpay-axios-plugin: its signing, its verification of every answer, and its own
// Rsa.verify and Aes.AesGcm.decrypt on what the shop's server received.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import wechatpay from 'wechatpay-axios-plugin';

const { Wechatpay, Aes, Formatter, Rsa } = wechatpay;
const given = process.env;
const mchid = given.CHANNEL_MCHID;
const publicKeyMode = { [given.CHANNEL_PUBLIC_KEY_ID]: given.CHANNEL_PUBLIC_KEY };

// The channel is reached by its base URL, or with the plugin's own address through a proxy that stands for the provider.
const way = given.HTTPS_PROXY ? {} : { baseURL: given.CHANNEL_URL, proxy: false };

// client makes one that trusts the keys, and asks for answers signed with the public key if that is among them.
function client(certs, more = {}) {
  return new Wechatpay({
    ...way,
    mchid,
    serial: given.CHANNEL_SERIAL_NO,
    privateKey: given.CHANNEL_MERCHANT_PRIVATE_KEY,
    certs: { ...certs },
    headers: certs[given.CHANNEL_PUBLIC_KEY_ID] ? { 'Wechatpay-Serial': given.CHANNEL_PUBLIC_KEY_ID } : {},
    ...more,
  });
}

// download asks for the platform certificates, decrypts them, and verifies the answer that brought them by them.
async function download() {
  const certs = {};
  const decrypt = (text, headers) => {
    for (const { serial_no: serial, encrypt_certificate: sealed } of JSON.parse(text).data) {
      certs[serial] = Aes.AesGcm.decrypt(sealed.ciphertext, given.CHANNEL_API_V3_KEY, sealed.nonce, sealed.associated_data);
    }
    const signed = Formatter.response(headers.get('wechatpay-timestamp'), headers.get('wechatpay-nonce'), text);
    assert.ok(Rsa.verify(signed, headers.get('wechatpay-signature'), certs[headers.get('wechatpay-serial')]));
    return text;
  };
  await client({ any: undefined }).v3.certificates.get({ transformResponse: [decrypt] });
  return certs;
}

const received = [];
let shop;

before(async () => {
  shop = createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      received.push({ path: request.url, headers: request.headers, body: Buffer.concat(chunks).toString() });
      response.writeHead(204).end();
    });
  });
  await new Promise((resolve) => { shop.listen(0, '127.0.0.1', resolve); });
});
after(() => shop.close());

const address = (path) => `http://127.0.0.1:${shop.address().port}${path}`;

async function until(what, is) {
  for (let i = 0; i < 500; i += 1) {
    const found = is();
    if (found) return found;
    await new Promise((resolve) => { setTimeout(resolve, 10); });
  }
  throw new Error(`never happened: ${what}`);
}

// opened verifies a notification and decrypts what it tells, by the plugin's own means.
function opened({ headers, body }, keys) {
  const signed = Formatter.joinedByLineFeed(headers['wechatpay-timestamp'], headers['wechatpay-nonce'], body);
  const key = keys[headers['wechatpay-serial']];
  assert.ok(key, `the serial ${headers['wechatpay-serial']} is known`);
  assert.ok(Math.abs(Formatter.timestamp() - headers['wechatpay-timestamp']) < 300);
  assert.ok(Rsa.verify(signed, headers['wechatpay-signature'], key), 'the signature is right');
  const { resource, ...event } = JSON.parse(body);
  const text = Aes.AesGcm.decrypt(resource.ciphertext, given.CHANNEL_API_V3_KEY, resource.nonce, resource.associated_data);
  return { event, told: JSON.parse(text) };
}

const order = (number, more = {}) => ({
  appid: given.CHANNEL_APPID,
  mchid,
  description: 'Image形象店-深圳腾大-QQ公仔',
  out_trade_no: number,
  notify_url: address(`/paid/${number}`),
  amount: { total: 888, currency: 'CNY' },
  ...more,
});

async function pay(handed) {
  const response = await fetch(`${given.CHANNEL_PAY_URL}/${encodeURIComponent(handed)}`, {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"action":"pay"}',
  });
  assert.equal(response.status, 200, await response.text());
}

const query = (wxpay, number) => wxpay.v3.pay.transactions.outTradeNo.$out_trade_no$.get({ params: { mchid }, out_trade_no: number });
const close = (wxpay, number) => wxpay.v3.pay.transactions.outTradeNo.$out_trade_no$.close.post({ mchid }, { out_trade_no: number });
const refused = (promise) => promise.then(() => assert.fail('it was not refused'), ({ response, message }) => {
  assert.ok(response, message);
  return { status: response.status, ...response.data };
});

for (const [mode, keys] of [['public key', async () => publicKeyMode], ['platform certificate', download]]) {
  test(`a payment's whole life, by ${mode}`, async () => {
    const certs = await keys();
    const wxpay = client(certs);
    const number = `life_${mode.replace(' ', '')}`;

    const { data: { code_url: code } } = await wxpay.v3.pay.transactions.native.post(order(number, { attach: 'ps-r-b1-o1' }));
    assert.match(code, /^weixin:\/\/wxpay\/bizpayurl\?pr=/);
    const { data: open } = await query(wxpay, number);
    assert.equal(open.trade_state, 'NOTPAY');
    assert.equal(open.transaction_id, undefined);

    await pay(code);
    const paid = opened(await until('the payment is told', () => received.find(({ path }) => path === `/paid/${number}`)), certs);
    assert.equal(paid.event.event_type, 'TRANSACTION.SUCCESS');
    assert.equal(paid.told.out_trade_no, number);
    assert.equal(paid.told.amount.total, 888);
    assert.equal(paid.told.mchid, mchid);
    assert.equal(paid.told.attach, 'ps-r-b1-o1');
    const { data: found } = await wxpay.v3.pay.transactions.id._transaction_id_
      .get({ params: { mchid }, transaction_id: paid.told.transaction_id });
    assert.equal(found.trade_state, 'SUCCESS');
    assert.equal(found.success_time, paid.told.success_time);

    for (const [part, fen] of [['a', 388], ['b', 500]]) {
      const { data: accepted } = await wxpay.v3.refund.domestic.refunds.post({
        transaction_id: found.transaction_id, out_refund_no: `${number}_${part}`, notify_url: address(`/refunded/${number}_${part}`),
        amount: { refund: fen, total: 888, currency: 'CNY' },
      });
      assert.equal(accepted.status, 'PROCESSING');
      const back = opened(await until('the refund is told', () => received.find(({ path }) => path === `/refunded/${number}_${part}`)), certs);
      assert.equal(back.event.event_type, 'REFUND.SUCCESS');
      assert.equal(back.told.refund_status, 'SUCCESS');
      assert.equal(back.told.amount.refund, fen);
      const { data: done } = await wxpay.v3.refund.domestic.refunds._out_refund_no_.get({ out_refund_no: `${number}_${part}` });
      assert.equal(done.status, 'SUCCESS');
      assert.equal(done.refund_id, back.told.refund_id);
    }
    assert.equal((await query(wxpay, number)).data.trade_state, 'REFUND');

    await wxpay.v3.pay.transactions.native.post(order(`${number}_c`));
    for (const time of ['first', 'second']) {
      assert.equal((await close(wxpay, `${number}_c`)).status, 204, time);
    }
    assert.equal((await query(wxpay, `${number}_c`)).data.trade_state, 'CLOSED');
  });
}

test('jsapi, app and h5 hand out what the payer pays by', async () => {
  const wxpay = client(publicKeyMode);
  for (const [path, member, more] of [
    ['jsapi', 'prepay_id', { payer: { openid: 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o' } }],
    ['app', 'prepay_id', {}],
    ['h5', 'h5_url', { scene_info: { payer_client_ip: '127.0.0.1', h5_info: { type: 'Wap' } } }],
  ]) {
    const { data } = await wxpay.v3.pay.transactions[path].post(order(`order_by_${path}`, more));
    await pay(data[member]);
    const { data: paid } = await query(wxpay, `order_by_${path}`);
    assert.equal(paid.trade_state, 'SUCCESS');
    assert.equal(paid.trade_type, { jsapi: 'JSAPI', app: 'APP', h5: 'MWEB' }[path]);
  }
});

test('the bills', async () => {
  const wxpay = client(publicKeyMode);
  const today = new Date(Date.now() + 8 * 3600e3).toISOString().slice(0, 10);
  const { data: applied } = await wxpay.v3.bill.tradebill.get({ params: { bill_date: today, bill_type: 'ALL', tar_type: 'GZIP' } });
  assert.equal(applied.hash_type, 'SHA1');
  const address = new URL(applied.download_url);
  const { data: packed } = await wxpay.v3.billdownload.file.get({
    params: Object.fromEntries(address.searchParams), responseType: 'arraybuffer', transformResponse: [],
  });
  const text = gunzipSync(packed);
  assert.equal(createHash('sha1').update(text).digest('hex'), applied.hash_value);
  const { rows, summary } = Formatter.castCsvBill(text);
  const paid = rows.filter((row) => row['商户订单号'] === 'life_publickey');
  assert.deepEqual(paid.map((row) => [row['交易状态'], row['订单金额'], row['退款金额'], row['商户退款单号']]), [
    ['SUCCESS', '8.88', '0.00', '0'], ['REFUND', '0.00', '3.88', 'life_publickey_a'], ['REFUND', '0.00', '5.00', 'life_publickey_b'],
  ]);
  assert.equal(summary['总交易单数'], String(rows.length));
  const { data: funds } = await wxpay.v3.bill.fundflowbill.get({ params: { bill_date: today } });
  const { data: plain } = await wxpay.v3.billdownload.file.get({
    params: Object.fromEntries(new URL(funds.download_url).searchParams), responseType: 'arraybuffer', transformResponse: [],
  });
  const flow = Formatter.castCsvBill(plain);
  assert.equal(flow.summary['资金流水总笔数'], String(flow.rows.length));
  const { code, status } = await refused(wxpay.v3.bill.tradebill.get({ params: { bill_date: '2019-06-11' } }));
  assert.deepEqual([status, code], [400, 'NO_STATEMENT_EXIST']);
});

test("a merchant's mistakes", async () => {
  const wxpay = client(publicKeyMode);
  const native = (number, more) => refused(wxpay.v3.pay.transactions.native.post(order(number, more)));
  await wxpay.v3.pay.transactions.native.post(order('mistake_1'));
  await wxpay.v3.pay.transactions.native.post(order('mistake_1')); // the same again is none
  const mistakes = [
    [native('mistake_1', { amount: { total: 889, currency: 'CNY' } }), 400, 'INVALID_REQUEST'],
    [refused(wxpay.v3.pay.transactions.app.post(order('mistake_1'))), 403, 'OUT_TRADE_NO_USED'],
    [native('mistake_2', { description: undefined }), 400, 'PARAM_ERROR'],
    [native('mistake_2', { amount: { total: 1, currency: 'USD' } }), 400, 'PARAM_ERROR'],
    [native('mistake_2', { appid: 'wx0000000000000000' }), 400, 'APPID_MCHID_NOT_MATCH'],
    [native('life_publickey'), 400, 'ORDERPAID'],
    [native('life_publickey_c'), 400, 'ORDER_CLOSED'],
    [refused(query(wxpay, 'mistake_9')), 404, 'ORDER_NOT_EXIST'],
    [refused(close(wxpay, 'life_publickey')), 400, 'ORDERPAID'],
    [refused(wxpay.v3.refund.domestic.refunds._out_refund_no_.get({ out_refund_no: 'mistake_9' })), 404, 'RESOURCE_NOT_EXISTS'],
    [refused(wxpay.v3.refund.domestic.refunds.post({
      out_trade_no: 'life_publickey', out_refund_no: 'mistake_1', amount: { refund: 1, total: 888, currency: 'CNY' },
    })), 400, 'INVALID_REQUEST'],
    [refused(client(publicKeyMode, { serial: 'AAAA' }).v3.certificates.get()), 401, 'SIGN_ERROR'],
    [refused(client(publicKeyMode, { mchid: '1900000000' }).v3.certificates.get()), 400, 'MCH_NOT_EXISTS'],
    [refused(wxpay.v3.pay.nothing.get()), 404, 'RESOURCE_NOT_EXISTS'],
  ];
  for (const [promise, status, code] of mistakes) {
    const answer = await promise;
    assert.deepEqual([answer.status, answer.code], [status, code], answer.message);
    assert.ok(answer.message);
  }
});

test('the plugin sees through a wrong key', async () => {
  const wrong = client({ [given.CHANNEL_PUBLIC_KEY_ID]: given.CHANNEL_PLATFORM_CERT });
  await assert.rejects(wrong.v3.certificates.get(), { code: 'EV3_RES_HEADER_SIGNATURE_DIGEST' });
});
