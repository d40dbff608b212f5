// The environment, read once: what is missing is said at the start, and not by the first customer.
const { env } = process;
for (const name of ['PORT', 'DATABASE', 'STRIPE_API', 'STRIPE_KEY', 'STRIPE_WEBHOOK_SECRET'])
  if (!env[name]) throw new Error(`${name} is not set`);
export const config = {
  port: Number(env.PORT), database: env.DATABASE,
  stripeApi: new URL(env.STRIPE_API), stripeKey: env.STRIPE_KEY, webhookSecret: env.STRIPE_WEBHOOK_SECRET,
  payWithin: Number(env.PAY_WITHIN_MS ?? 900_000), // then an order that nobody paid lapses
  askAfter: Number(env.ASK_AFTER_MS ?? 30_000), // an order of which Stripe has told nothing is asked about
  refundAgain: Number(env.REFUND_AGAIN_MS ?? 60_000), // and so is a refund that has not ended
};
// Ways of getting it wrong, to see them found out: trusts-metadata, releases-uncancelled or timeout-is-failure.
export const broken = (name) => (env.DEFECTS ?? '').split(',').includes(name);
