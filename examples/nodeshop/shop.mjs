#!/usr/bin/env node
// A small shop: node:http, SQLite, Stripe. Requests come in here; books.mjs says what they mean, till.mjs talks to Stripe.
import { createServer } from 'node:http';
import { buffer } from 'node:stream/consumers';
import * as books from './books.mjs';
import { config } from './config.mjs';
import { Refusal, rows, run, transaction } from './store.mjs';
import { createIntent, readEvent, tend, work } from './till.mjs';

const view = (order) => ({ order: { number: order.number, status: order.status, total: order.total } });

// withIntent answers with what the customer pays by. Where Stripe has not answered, the order stands, and 202 says so.
async function withIntent(number, key, status) {
  const intent = await createIntent(key).catch(() => undefined);
  return [intent ? status : 202, { ...view(books.orderOf(number)), pay_with: intent }];
}

const routes = {
  'GET /up': () => [200, { up: true }],
  'PUT /shelf/:id': async (sku, { units, price, currency, perCustomer = 0 }) => {
    const insert = 'INSERT INTO shelf (sku, price, currency, per_customer, free) VALUES (?, ?, ?, ?, ?)';
    await transaction(() => run(insert, sku, price, currency, perCustomer, units));
    return [201, { sku }];
  },
  'POST /checkout': async (_, wish) => {
    if (!Number.isInteger(wish.count) || wish.count < 1 || !wish.customer || !wish.clientRef) throw new Refusal(400, 'incomplete');
    const { order, fresh } = await transaction(() => books.place(wish));
    return withIntent(order.number, books.intentsOf(order.number)[0].key, fresh ? 201 : 200);
  },
  'GET /checkout/:id': (number) => [200, view(books.orderOf(number))],
  'POST /checkout/:id/intents': async (number) => withIntent(number, await transaction(() => books.want(number)), 201),
  'POST /checkout/:id/abandon': async (number) => {
    await transaction(() => books.windUp(books.orderOf(number)));
    await tend(number).catch(() => {}); // no answer, or a look that began before this: it is still winding up, and 202 says so
    const order = books.orderOf(number);
    if (order.status === 'payment_settled') throw new Refusal(409, 'already_paid');
    return [order.status === 'winding_up' ? 202 : 200, view(order)];
  },
  'POST /checkout/:id/money-back': async (number) => [202, view(await transaction(() => books.askMoneyBack(number)))],
  'POST /tasks/reconcile': async () => [202, { due: await transaction(books.everythingDue) }],
  'GET /books/points': (_, __, { searchParams }) => {
    const page = `SELECT order_number, 'points' AS kind, points FROM points WHERE order_number > ? ORDER BY order_number LIMIT 100`;
    const entries = rows(page, searchParams.get('after') ?? '');
    return [200, { entries, next: entries.length === 100 ? entries.at(-1).order_number : null }];
  },
};

// An event is acknowledged when, and only when, what it says is committed; its id is unique in the same transaction.
async function hook(body, signature) {
  const { id, type, data } = readEvent(body, signature);
  const insert = 'INSERT INTO events (id, type, seen_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING';
  await transaction(() => run(insert, id, type, Date.now()) && heard(type, data.object));
  return [200, { received: true }];
}

function heard(type, told) {
  if (/^refund\.(created|updated|failed)$/.test(type)) return books.learnRefund(told);
  const intent = /^payment_intent\.(succeeded|canceled)$/.test(type) && books.intentFor(told);
  if (!intent) return; // genuine, and of no concern
  const strange = told.status === 'succeeded' && !books.pays(books.orderOf(intent.order_number), told);
  if (strange) books.lookAt(intent.order_number, Date.now()); // not what was asked for: Stripe is asked what is true
  else books.learn(intent.key, told);
}

async function answer(request) {
  const body = await buffer(request), url = new URL(request.url, 'http://shop');
  if (request.method === 'POST' && url.pathname === '/hooks/stripe') return hook(body, request.headers['stripe-signature']);
  const [, collection, id, act] = url.pathname.split('/');
  const route = routes[`${request.method} ${url.pathname}`] ?? routes[`${request.method} /${collection}/:id${act ? `/${act}` : ''}`];
  if (!route) throw new Refusal(404, 'no_such_page');
  return route(id && decodeURIComponent(id), JSON.parse(body.toString() || '{}'), url);
}

const server = createServer({ keepAliveTimeout: 60_000 }, async (request, response) => {
  const [status, content] = await answer(request).catch((error) => {
    if (error instanceof Refusal) return [error.status, { error: error.message }];
    if (error.type === 'StripeSignatureVerificationError') return [400, { error: 'not_from_stripe' }];
    if (error instanceof SyntaxError || error instanceof URIError) return [400, { error: 'unreadable' }];
    console.error(error);
    return [500, { error: 'broken' }];
  });
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(content));
});
server.listen(config.port, '127.0.0.1');
setInterval(work, 50);
process.on('SIGTERM', () => process.exit()); // what is unfinished stands in the database
