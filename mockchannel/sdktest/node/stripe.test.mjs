// Stripe's own library for Node, unmodified, against the channel.
import assert from 'node:assert/strict';
import { Agent, createServer } from 'node:http';
import { after, before, test } from 'node:test';
import Stripe from 'stripe';

const base = new URL(process.env.CHANNEL_URL);
const secret = process.env.CHANNEL_SECRET;
const httpAgent = new Agent({ keepAlive: true });
const stripe = new Stripe(process.env.CHANNEL_KEY, {
  host: base.hostname, port: base.port, protocol: 'http', maxNetworkRetries: 2, telemetry: false, httpAgent,
});

// The shop: it keeps what the library's verifier accepts.
const events = [];
const wrong = [];
let shop;
let endpoint;

before(async () => {
  shop = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    try {
      events.push(stripe.webhooks.constructEvent(Buffer.concat(parts), request.headers['stripe-signature'], endpoint.secret));
      response.end();
    } catch (error) {
      wrong.push(error);
      response.writeHead(400).end();
    }
  });
  await new Promise((resolve) => shop.listen(0, '127.0.0.1', resolve));
  endpoint = await stripe.webhookEndpoints.create({
    url: `http://127.0.0.1:${shop.address().port}/hooks`, enabled_events: ['*'],
  });
  assert.match(endpoint.secret, /^whsec_/);
});

after(() => {
  httpAgent.destroy();
  shop.close();
  shop.closeAllConnections();
  assert.deepEqual(wrong, []);
});

async function event(type, of) {
  for (let left = 500; left > 0; left--) {
    const found = events.find((e) => e.type === type && (!of || e.data.object.id === of || e.data.object.payment_intent === of));
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.fail(`${type} never came, only ${events.map((e) => e.type)}`);
}

const wanted = (order, more) => ({
  amount: 2500, currency: 'eur', metadata: { order, note: 'ä "b" <c>' },
  automatic_payment_methods: { enabled: true, allow_redirects: 'never' }, ...more,
});
const pay = (handed) => fetch(`${base.origin}/pay/${encodeURIComponent(handed)}`, {
  method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ action: 'pay' }),
});

test('the whole life of a payment', async () => {
  const made = await stripe.paymentIntents.create(wanted('n-1'));
  assert.equal(made.status, 'requires_payment_method');
  assert.equal(made.metadata.note, 'ä "b" <c>');
  assert.equal((await pay(made.client_secret)).status, 200);
  const paid = await stripe.paymentIntents.retrieve(made.id, { expand: ['latest_charge'] });
  assert.equal(paid.status, 'succeeded');
  assert.equal(paid.latest_charge.amount_captured, 2500);
  const told = await event('payment_intent.succeeded', made.id);
  assert.equal(told.data.object.amount_received, 2500);
  assert.equal(told.api_version, Stripe.API_VERSION ?? told.api_version);
  assert.equal(told.created, Math.floor(told.created));

  const part = await stripe.refunds.create({ payment_intent: made.id, amount: 1000, metadata: { refund_no: 'n-r-1' } });
  await event('refund.updated', part.id);
  await event('charge.refunded', made.id);
  assert.equal((await stripe.refunds.retrieve(part.id)).status, 'succeeded');
  const rest = await stripe.refunds.create({ charge: paid.latest_charge.id });
  assert.equal(rest.amount, 1500);
  await assert.rejects(stripe.refunds.create({ payment_intent: made.id }), { code: 'charge_already_refunded' });
  const updated = await stripe.refunds.update(part.id, { metadata: { seen: 'yes' } });
  assert.deepEqual(updated.metadata, { refund_no: 'n-r-1', seen: 'yes' });
  assert.equal((await stripe.refunds.list({ payment_intent: made.id })).data.length, 2);
});

test('a declined card', async () => {
  await assert.rejects(
    stripe.paymentIntents.create(wanted('n-2', { confirm: true, payment_method: 'pm_card_chargeDeclined' })),
    (error) => {
      assert.ok(error instanceof Stripe.errors.StripeCardError);
      assert.equal(error.statusCode, 402);
      assert.equal(error.code, 'card_declined');
      assert.equal(error.decline_code, 'generic_decline');
      assert.equal(error.payment_intent.last_payment_error.code, 'card_declined');
      return true;
    });
  await event('payment_intent.payment_failed');
});

test('mistakes', async () => {
  await assert.rejects(stripe.paymentIntents.create({ currency: 'eur' }), { code: 'parameter_missing', param: 'amount', statusCode: 400 });
  await assert.rejects(stripe.paymentIntents.create(wanted('n-3', { currency: 'zzz' })), { param: 'currency' });
  await assert.rejects(stripe.paymentIntents.retrieve('pi_none'), { code: 'resource_missing', statusCode: 404 });
  const made = await stripe.paymentIntents.create(wanted('n-3', { confirm: true, payment_method: 'pm_card_visa' }));
  await assert.rejects(stripe.paymentIntents.cancel(made.id), { code: 'payment_intent_unexpected_state' });
  await assert.rejects(stripe.refunds.create({ payment_intent: made.id, amount: 2501 }), { type: 'StripeInvalidRequestError', param: 'amount' });
  const stranger = new Stripe('sk_test_wrong', { host: base.hostname, port: base.port, protocol: 'http' });
  await assert.rejects(stranger.paymentIntents.list(), Stripe.errors.StripeAuthenticationError);
});

test('idempotency', async () => {
  const idempotencyKey = 'n-key-1';
  const first = await stripe.paymentIntents.create(wanted('n-4'), { idempotencyKey });
  const again = await stripe.paymentIntents.create(wanted('n-4'), { idempotencyKey });
  assert.equal(again.id, first.id);
  assert.equal(again.lastResponse.headers['idempotent-replayed'], 'true');
  assert.equal(again.lastResponse.headers['original-request'], first.lastResponse.requestId);
  await assert.rejects(stripe.paymentIntents.create(wanted('n-4', { amount: 1 }), { idempotencyKey }), Stripe.errors.StripeIdempotencyError);
  await assert.rejects(stripe.customers.create({}, { idempotencyKey }), Stripe.errors.StripeIdempotencyError);
});

test('the library repeats what broke, with the same key', async () => {
  // The channel refuses, resets, or answers 500 to the first request of each of these orders.
  for (const order of ['reject-500', 'reject-409', 'reset']) {
    const made = await stripe.paymentIntents.create(wanted(order));
    const found = await stripe.paymentIntents.search({ query: `metadata['order']:'${order}'` });
    assert.deepEqual(found.data.map((p) => p.id), [made.id], order);
  }
  await assert.rejects(stripe.paymentIntents.create(wanted('lost-500')), (error) => {
    assert.equal(error.statusCode, 500);
    assert.equal(error.headers['idempotent-replayed'], 'true');
    return true;
  });
});

test('lists', async () => {
  const ids = new Set();
  for (let n = 0; n < 12; n++) ids.add((await stripe.paymentIntents.create(wanted(`l-${n}`))).id);
  const seen = [];
  for await (const made of stripe.paymentIntents.list({ limit: 5 })) seen.push(made.id);
  assert.equal(new Set(seen).size, seen.length);
  for (const id of ids) assert.ok(seen.includes(id));
  const one = events[0];
  assert.deepEqual((await stripe.events.retrieve(one.id)).data.object.id, one.data.object.id);
  const types = await stripe.events.list({ types: ['payment_intent.created'], limit: 100 });
  assert.ok(types.data.every((e) => e.type === 'payment_intent.created'));
});

test('Checkout', async () => {
  const session = await stripe.checkout.sessions.create({
    mode: 'payment', success_url: 'https://shop.example/{CHECKOUT_SESSION_ID}', client_reference_id: 'n-5',
    line_items: [{ quantity: 3, price_data: { currency: 'eur', unit_amount: 700, product_data: { name: 'Ticket' } } }],
  });
  assert.equal(session.amount_total, 2100);
  assert.equal((await pay(session.url)).status, 200);
  const told = await event('checkout.session.completed', session.id);
  assert.equal(told.data.object.payment_status, 'paid');
  const lines = await stripe.checkout.sessions.listLineItems(session.id);
  assert.equal(lines.data[0].amount_total, 2100);
});

test('the bill', async () => {
  const run = await stripe.reporting.reportRuns.create({ report_type: 'balance_change_from_activity.itemized.3', parameters: {} });
  const file = await fetch(run.result.url, { headers: { authorization: `Bearer ${process.env.CHANNEL_KEY}` } });
  const text = await file.text();
  assert.match(text, /^balance_transaction_id,created_utc,reporting_category,gross,/);
  assert.match(text, /charge,25\.00,0\.00,25\.00,eur,ch_.*,n-1,/);
  assert.match(text, /refund,-10\.00,0\.00,-10\.00,eur,re_.*,n-1,n-r-1/);
});
