// What k6 runs for a shop that has a script of its own: k6 keeps the time, each iteration is one buyer, and the script
// says what the buyer does.
import * as shop from 'SCRIPT';
import { arrive, gate, leave, planned, warmed, warmUp } from 'k6/x/paystorm';

for (const name of ['options', 'setup', 'teardown', 'handleSummary']) {
  if (name in shop) {
    const keys = name === 'options' ? ` (${Object.keys(shop.options).join(', ')})` : '';
    throw new Error(`the script exports ${name}${keys}: the plan owns the load, and the system file the set-up: want neither here`);
  }
}
if (typeof shop.default !== 'function') {
  throw new Error('the script exports no default function: want one, which is what a buyer does');
}

export const options = planned();

async function visit() {
  let thrown = '';
  try {
    await shop.default();
  } catch (error) {
    thrown = String((error && error.message) || error);
  }
  leave(thrown);
}

export async function setup() {
  for (let buyers = gate(); buyers > 0; buyers = gate()) {
    for (let nth = 0; nth < buyers; nth++) {
      warmUp();
      await visit();
    }
    warmed();
  }
}

export default async function () {
  if (arrive()) {
    await visit();
  }
}
