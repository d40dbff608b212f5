-- The shop's books. Paystorm's probes read them, and so may you.
CREATE TABLE IF NOT EXISTS shelf (
  sku TEXT PRIMARY KEY,
  price INTEGER NOT NULL, -- in minor units
  currency TEXT NOT NULL,
  per_customer INTEGER NOT NULL, -- 0: as many as they like
  free INTEGER NOT NULL CHECK (free >= 0),
  held INTEGER NOT NULL DEFAULT 0 CHECK (held >= 0),
  sold INTEGER NOT NULL DEFAULT 0 CHECK (sold >= 0)
);
CREATE TABLE IF NOT EXISTS orders (
  number TEXT PRIMARY KEY,
  client_ref TEXT NOT NULL UNIQUE,
  customer TEXT NOT NULL,
  sku TEXT NOT NULL REFERENCES shelf,
  count INTEGER NOT NULL CHECK (count > 0),
  total INTEGER NOT NULL,
  currency TEXT NOT NULL,
  status TEXT NOT NULL, -- awaiting_payment winding_up lapsed payment_settled money_back_pending money_back_done
  units TEXT NOT NULL, -- the column of shelf in which they are
  paid_by TEXT, -- the PaymentIntent whose money the order keeps
  placed_at INTEGER NOT NULL, -- in ms, as all times are
  deadline INTEGER NOT NULL,
  look_at INTEGER -- when Stripe is asked about it; NULL: not again
);
CREATE INDEX IF NOT EXISTS orders_due ON orders (look_at) WHERE look_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS orders_of_customer ON orders (customer, sku);
CREATE TABLE IF NOT EXISTS intents (
  key TEXT PRIMARY KEY, -- the idempotency key, written down before Stripe hears of it
  order_number TEXT NOT NULL REFERENCES orders,
  intent_id TEXT UNIQUE,
  status TEXT NOT NULL DEFAULT 'wanted', -- open, dead, captured
  received INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS intents_of_order ON intents (order_number);
CREATE TABLE IF NOT EXISTS refunds (
  key TEXT PRIMARY KEY, -- our number and idempotency key
  order_number TEXT NOT NULL REFERENCES orders,
  intent_id TEXT NOT NULL,
  amount INTEGER NOT NULL,
  status TEXT NOT NULL DEFAULT 'asked', -- underway, returned, bounced
  stripe_id TEXT UNIQUE,
  next_at INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS refunds_of_intent ON refunds (intent_id);
CREATE TABLE IF NOT EXISTS events (id TEXT PRIMARY KEY, type TEXT NOT NULL, seen_at INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS points (order_number TEXT PRIMARY KEY REFERENCES orders, points INTEGER NOT NULL);
