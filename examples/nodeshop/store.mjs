// One SQLite file and one connection. A transaction is a function without await: nothing can come between its statements.
import { DatabaseSync } from '@photostructure/sqlite';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { config } from './config.mjs';

const db = new DatabaseSync(config.database, { timeout: 5 });
db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
db.exec(readFileSync(new URL('schema.sql', import.meta.url), 'utf8'));

const prepared = new Map();
const statement = (sql) => prepared.get(sql) ?? prepared.set(sql, db.prepare(sql)).get(sql);
export const row = (sql, ...values) => statement(sql).get(...values);
export const rows = (sql, ...values) => statement(sql).all(...values);
export const run = (sql, ...values) => statement(sql).run(...values).changes;

// transaction waits, without holding up the process, while another process has the database.
export async function transaction(work) {
  for (const until = Date.now() + 600; ; await sleep(10)) {
    try {
      db.exec('BEGIN IMMEDIATE');
      break;
    } catch (error) {
      if (!/locked|busy/i.test(error.message)) throw error;
      if (Date.now() > until) throw new Refusal(503, 'busy'); // nothing was done
    }
  }
  try {
    const result = work();
    db.exec('COMMIT');
    return result;
  } catch (error) {
    db.exec('ROLLBACK');
    throw error;
  }
}

export class Refusal extends Error {
  constructor(status, reason) { super(reason); this.status = status; }
}
