// What happens to an order. All of this runs in transactions and takes facts: what a customer asked for, or what Stripe
// has said, whether in an answer or in an event. Facts come twice, late and in any order.
import { randomUUID } from 'node:crypto';
import { broken, config } from './config.mjs';
import { Refusal, row, rows, run } from './store.mjs';

export const intentsOf = (number) => rows('SELECT * FROM intents WHERE order_number = ?', number);
export const refundOf = (key) => row('SELECT * FROM refunds WHERE key = ?', key);
export const lookAt = (number, at) => run('UPDATE orders SET look_at = ? WHERE number = ?', at, number);
export const refundLater = (key) => run('UPDATE refunds SET next_at = ? WHERE key = ?', Date.now() + config.refundAgain, key);
const become = (order, status) => run('UPDATE orders SET status = ? WHERE number = ?', order.status = status, order.number);
const undecided = (number) => intentsOf(number).some((i) => i.status === 'wanted' || i.status === 'open');
export function orderOf(number) {
  const order = row('SELECT * FROM orders WHERE number = ?', number);
  if (!order) throw new Refusal(404, 'no_such_order');
  return order;
}

// move puts the order's units into another column of the shelf: free, held or sold.
function move(order, to) {
  if (order.units === to) return;
  run(`UPDATE shelf SET ${order.units} = ${order.units} - ?, ${to} = ${to} + ? WHERE sku = ?`, order.count, order.count, order.sku);
  run('UPDATE orders SET units = ? WHERE number = ?', to, order.number);
}

export function place({ item, count, customer, clientRef }) {
  const known = row('SELECT * FROM orders WHERE client_ref = ?', clientRef);
  if (known) return { order: known, fresh: false };
  const shelf = row('SELECT * FROM shelf WHERE sku = ?', item);
  if (!shelf) throw new Refusal(404, 'no_such_item');
  const { has } = row(`SELECT COALESCE(SUM(count), 0) AS has FROM orders WHERE customer = ? AND sku = ? AND units <> 'free'`, customer, item);
  if (shelf.per_customer > 0 && has + count > shelf.per_customer) throw new Refusal(409, 'over_limit');
  if (shelf.free < count) throw new Refusal(409, 'all_gone');
  const now = Date.now(), number = `n-${randomUUID()}`;
  run(`INSERT INTO orders (number, client_ref, customer, sku, count, total, currency, status, units, placed_at, deadline, look_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, 'awaiting_payment', 'free', ?, ?, ?)`, number, clientRef, customer, item, count,
    shelf.price * count, shelf.currency, now, now + config.payWithin, now + Math.min(config.askAfter, config.payWithin));
  move(orderOf(number), 'held');
  want(number);
  return { order: orderOf(number), fresh: true };
}

// want writes down that the order is to have one more PaymentIntent, and returns the key to create it with.
export function want(number) {
  const order = orderOf(number), key = `pay-${number}-${intentsOf(number).length + 1}`;
  if (order.status !== 'awaiting_payment' || Date.now() >= order.deadline) throw new Refusal(409, 'not_payable');
  run('INSERT INTO intents (key, order_number) VALUES (?, ?)', key, number);
  return key;
}

// windUp makes an order unpayable from now on; it lapses when Stripe has cancelled its intents.
export function windUp(order) {
  if (order.status !== 'awaiting_payment') return;
  become(order, 'winding_up');
  lookAt(order.number, Date.now());
}

// intentFor is the one that we asked for; where the answer was lost, it has no id yet.
export function intentFor(told) {
  return row('SELECT * FROM intents WHERE key = ? AND order_number = ? AND COALESCE(intent_id, ?) = ?',
    told.metadata?.key ?? '', told.metadata?.order ?? '', told.id, told.id);
}

export function pays(order, told) {
  const amount = broken('trusts-metadata') ? Number(told.metadata.total) : told.amount_received;
  return amount === order.total && told.currency.toUpperCase() === order.currency;
}

// learn books how a PaymentIntent stands. It only ever goes forward: wanted, open, dead, captured.
export function learn(key, told) {
  run(`UPDATE intents SET intent_id = ?, status = 'open' WHERE key = ? AND status = 'wanted'`, told.id, key);
  if (told.status === 'canceled') run(`UPDATE intents SET status = 'dead' WHERE key = ? AND status = 'open'`, key);
  if (told.status !== 'succeeded') return;
  if (!run(`UPDATE intents SET status = 'captured', received = ? WHERE key = ? AND status <> 'captured'`, told.amount_received, key)) return;
  const order = orderOf(row('SELECT order_number FROM intents WHERE key = ?', key).order_number);
  const settling = ['awaiting_payment', 'winding_up', broken('releases-uncancelled') && 'lapsed'];
  if (pays(order, told) && settling.includes(order.status)) settle(order, told.id);
  else if (order.status === 'lapsed') become(order, 'money_back_pending');
  else windUp(order); // it got another amount than it asked for
  weigh(order.number);
}

function settle(order, intentId) {
  become(order, 'payment_settled');
  if (order.units === 'held') move(order, 'sold');
  const look = undecided(order.number) ? Date.now() : null; // another intent must not be paid any more
  run('UPDATE orders SET paid_by = ?, look_at = ? WHERE number = ?', intentId, look, order.number);
  run('INSERT INTO points (order_number, points) VALUES (?, ?) ON CONFLICT DO NOTHING', order.number, Math.floor(order.total / 100));
}

// overdue winds up an order whose deadline is over, and returns the intents that have to be cancelled.
export function overdue(number) {
  const order = orderOf(number);
  const early = broken('releases-uncancelled');
  if (order.status === 'awaiting_payment' && Date.now() >= order.deadline) (early ? lapse : windUp)(order);
  const payable = order.status === 'awaiting_payment' || early && order.status === 'lapsed';
  return payable ? [] : intentsOf(number).filter((i) => i.status === 'open');
}

function lapse(order) {
  become(order, 'lapsed');
  move(order, 'free');
  weigh(order.number);
}

// looked says when Stripe is asked next, having just been asked. A lapsed order is looked at once more: a payment may
// have been under way.
export function looked(number) {
  const order = orderOf(number), now = Date.now(), lastLook = order.deadline + 3 * config.askAfter;
  if (order.status === 'awaiting_payment') return lookAt(number, Math.min(now + config.askAfter, order.deadline));
  if (undecided(number) && order.status !== 'lapsed') return lookAt(number, now + config.askAfter / 4);
  if (order.status === 'winding_up') lapse(order);
  return lookAt(number, order.status === 'lapsed' && now < lastLook ? lastLook : null);
}

export function askMoneyBack(number) {
  const order = orderOf(number);
  if (order.status.startsWith('money_back_')) return order;
  if (order.status !== 'payment_settled') throw new Refusal(409, 'nothing_to_give_back');
  become(order, 'money_back_pending');
  weigh(number);
  return order;
}

// weigh gives back what an order took and must not keep, in as many refunds as it takes, each a while after one that failed.
function weigh(number) {
  const order = orderOf(number);
  let waiting = false;
  for (const i of rows(`SELECT i.*, COALESCE(SUM(r.amount) FILTER (WHERE r.status = 'returned'), 0) AS returned,
      COUNT(*) FILTER (WHERE r.status IN ('asked', 'underway')) AS alive, COUNT(r.key) AS rounds
      FROM intents i LEFT JOIN refunds r USING (intent_id) WHERE i.order_number = ? AND i.status = 'captured' GROUP BY i.key`, number)) {
    const kept = order.status === 'payment_settled' && i.intent_id === order.paid_by;
    if (kept || i.returned >= i.received) continue;
    waiting = true;
    if (!i.alive) run('INSERT INTO refunds (key, order_number, intent_id, amount, next_at) VALUES (?, ?, ?, ?, ?)',
      `back-${i.intent_id}-${i.rounds + 1}`, number, i.intent_id, i.received - i.returned,
      Date.now() + (i.rounds && config.refundAgain));
  }
  if (order.status !== 'money_back_pending' || waiting) return;
  become(order, 'money_back_done');
  move(order, 'free');
}

// learnRefund books how a Refund stands. One that has failed has failed for good, even after it had succeeded.
export function learnRefund(told) {
  const refund = row('SELECT * FROM refunds WHERE key = ? AND intent_id = ?', told.metadata?.refund_no ?? '', told.payment_intent);
  if (!refund) return; // not one of ours
  const status = { succeeded: 'returned', failed: 'bounced', canceled: 'bounced' }[told.status] ?? 'underway';
  const from = { underway: ['asked'], returned: ['asked', 'underway'], bounced: ['asked', 'underway', 'returned'] }[status];
  refundLater(refund.key);
  if (!from.includes(refund.status)) return;
  run('UPDATE refunds SET status = ?, stripe_id = ? WHERE key = ?', status, told.id, refund.key);
  const order = orderOf(refund.order_number);
  if (refund.status === 'returned' && order.status === 'money_back_done') become(order, 'money_back_pending');
  weigh(order.number);
}

// forgotten is what timeout-is-failure does about a refund that was not answered.
export function forgotten(key) {
  const order = orderOf(refundOf(key).order_number);
  run(`UPDATE refunds SET status = 'bounced' WHERE key = ?`, key);
  if (order.status === 'money_back_pending' && order.paid_by) become(order, 'payment_settled');
}

// everythingDue lets Stripe be asked about all of which it could know more than we do, and says how much that is.
export function everythingDue() {
  return run(`UPDATE orders SET look_at = 0 WHERE units <> 'sold' AND placed_at > ?`, Date.now() - 86_400_000)
    + run(`UPDATE refunds SET next_at = 0 WHERE status IN ('asked', 'underway')`);
}
