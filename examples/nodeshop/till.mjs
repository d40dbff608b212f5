// The conversation with Stripe, by its own library. What is to be asked stands in the database with the time when, so that
// a process that was killed goes on where it was. No answer is no answer: it is asked again, under the same key.
import Stripe from 'stripe';
import * as books from './books.mjs';
import { broken, config } from './config.mjs';
import { row, rows, transaction } from './store.mjs';

const { hostname: host, port, protocol } = config.stripeApi;
const stripe = new Stripe(config.stripeKey, {
  host, port, protocol: protocol.replace(':', ''), timeout: 1500, maxNetworkRetries: 1, telemetry: false,
});
export const readEvent = (body, signature) => stripe.webhooks.constructEvent(body, signature, config.webhookSecret);

// once lets everybody who wants the same thing done wait for the same doing of it.
const underway = new Map();
function once(name, work) {
  if (!underway.has(name)) underway.set(name, work().finally(() => underway.delete(name)));
  return underway.get(name);
}

// Stripe keeps a failure of its own under an idempotency key; whether the thing was done is then looked up in a list.
async function madeOr(error, list, isIt) {
  const kept = error.statusCode >= 500 && error.headers?.['idempotent-replayed'] === 'true';
  if (kept) for await (const made of list()) if (isIt(made)) return made;
  throw error;
}

async function learn(key, answer) {
  const told = await answer;
  await transaction(() => books.learn(key, told));
  return told.id;
}

// createIntent makes the PaymentIntent of a key, and answers with its id.
export const createIntent = (key) => once(key, async () => {
  const intent = row('SELECT * FROM intents WHERE key = ?', key);
  if (intent.status !== 'wanted') return intent.intent_id;
  const order = books.orderOf(intent.order_number), since = Math.floor(order.placed_at / 1000) - 60;
  return learn(key, stripe.paymentIntents.create({
    amount: order.total, currency: order.currency.toLowerCase(),
    metadata: { order: order.number, ref: order.client_ref, key, total: order.total },
  }, { idempotencyKey: key }).catch((error) => madeOr(error,
    () => stripe.paymentIntents.list({ limit: 100, created: { gte: since } }), (made) => made.metadata.key === key)));
});

const cancelIntent = (id) => stripe.paymentIntents.cancel(id).catch((error) => {
  if (error.code === 'payment_intent_unexpected_state') return stripe.paymentIntents.retrieve(id);
  throw error;
});

// tend asks what has become of an order's intents, and cancels those that must not be paid any more.
export const tend = (number) => once(number, async () => {
  try {
    for (const intent of books.intentsOf(number)) {
      if (intent.status === 'wanted') await createIntent(intent.key);
      else if (intent.status !== 'captured') await learn(intent.key, stripe.paymentIntents.retrieve(intent.intent_id));
    }
    for (const intent of await transaction(() => books.overdue(number))) await learn(intent.key, cancelIntent(intent.intent_id));
    await transaction(() => books.looked(number));
  } catch (error) {
    await transaction(() => books.lookAt(number, Date.now() + config.askAfter / 4));
    throw error;
  }
});

// refund asks for a refund until it is known to be made, and then how it stands until it has ended.
const refund = (key) => once(key, async () => {
  const due = books.refundOf(key);
  if (['returned', 'bounced'].includes(due.status)) return;
  try {
    const told = due.stripe_id ? await stripe.refunds.retrieve(due.stripe_id) : await stripe.refunds.create({
      payment_intent: due.intent_id, amount: due.amount, metadata: { refund_no: key, order: due.order_number },
    }, { idempotencyKey: key }).catch((error) => madeOr(error,
      () => stripe.refunds.list({ payment_intent: due.intent_id, limit: 100 }), (made) => made.metadata.refund_no === key));
    await transaction(() => books.learnRefund(told));
  } catch (error) {
    await transaction(() => broken('timeout-is-failure') ? books.forgotten(key) : books.refundLater(key));
    throw error;
  }
});

// work does what is due, a few things at a time.
export function work() {
  const due = [
    ...rows('SELECT number FROM orders WHERE look_at <= ? ORDER BY look_at LIMIT 40', Date.now()).map((o) => [o.number, tend]),
    ...rows(`SELECT key FROM refunds WHERE status IN ('asked', 'underway') AND next_at <= ? ORDER BY next_at LIMIT 40`, Date.now())
      .map((r) => [r.key, refund]),
  ].filter(([name]) => !underway.has(name));
  for (const [name, act] of due.slice(0, Math.max(0, 32 - underway.size)))
    act(name).catch((error) => console.error(`${new Date().toISOString()} not done yet: ${error.message}`));
}
