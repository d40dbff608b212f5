package flashshop

// schema is the shop's books. Times are Unix milliseconds; check_at and next_at say when a worker is due, 0 never.
//
// Order states: PENDING → PAID → REFUNDING → REFUNDED, PENDING → CLOSED, and CLOSED → REFUNDING where money came late;
// REVIEW is for a person. An order of which a part was refunded stays PAID. reason says why an order is closed or, while it is PENDING, why it is being closed.
const schema = `
CREATE TABLE IF NOT EXISTS skus(
	sku TEXT PRIMARY KEY, available INTEGER NOT NULL, reserved INTEGER NOT NULL DEFAULT 0, sold INTEGER NOT NULL DEFAULT 0,
	price_minor INTEGER NOT NULL, currency TEXT NOT NULL, per_buyer INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS orders(
	id TEXT PRIMARY KEY, ref TEXT NOT NULL UNIQUE, buyer TEXT NOT NULL, sku TEXT NOT NULL, quantity INTEGER NOT NULL,
	discount_minor INTEGER NOT NULL DEFAULT 0, -- what a coupon took off; amount_minor is what is left to pay
	amount_minor INTEGER NOT NULL, currency TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '',
	payment_id TEXT NOT NULL DEFAULT '', -- the payment that paid it
	created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, closed_at INTEGER NOT NULL DEFAULT 0,
	check_at INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS orders_of_buyer ON orders(buyer, sku);
CREATE INDEX IF NOT EXISTS orders_due ON orders(check_at) WHERE check_at > 0;

-- A coupon may be used by so many orders in all, and of one buyer; 0 is any number.
CREATE TABLE IF NOT EXISTS coupons(
	code TEXT PRIMARY KEY, off_minor INTEGER NOT NULL, currency TEXT NOT NULL, uses INTEGER NOT NULL, per_buyer INTEGER NOT NULL,
	used INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS coupon_buyers(
	code TEXT NOT NULL, buyer TEXT NOT NULL, used INTEGER NOT NULL, PRIMARY KEY(code, buyer)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS coupon_uses(
	order_id TEXT PRIMARY KEY, code TEXT NOT NULL, buyer TEXT NOT NULL, off_minor INTEGER NOT NULL) WITHOUT ROWID;

-- A payment that is to be created: the key and the draft it is bound to. OPEN until the provider has answered.
CREATE TABLE IF NOT EXISTS attempts(
	idempotency_key TEXT PRIMARY KEY, order_id TEXT NOT NULL, draft TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'OPEN',
	refusals INTEGER NOT NULL DEFAULT 0, payment_id TEXT NOT NULL DEFAULT '') WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS attempts_of_order ON attempts(order_id);

-- A payment that the provider has, however the shop came to know of it. trade_no is the provider's number, and so is id,
-- unless the provider goes by the shop's number: then id is that, and trade_no is '' until there is one.
CREATE TABLE IF NOT EXISTS payments(
	id TEXT PRIMARY KEY, trade_no TEXT NOT NULL DEFAULT '', order_id TEXT NOT NULL, amount_minor INTEGER NOT NULL,
	currency TEXT NOT NULL, state TEXT NOT NULL, captured_minor INTEGER NOT NULL DEFAULT 0, pay_url TEXT NOT NULL DEFAULT '',
	expires_at INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS payments_of_order ON payments(order_id);

CREATE TABLE IF NOT EXISTS refunds(
	refund_no TEXT PRIMARY KEY, order_id TEXT NOT NULL, payment_id TEXT NOT NULL, amount_minor INTEGER NOT NULL,
	currency TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'PENDING', reason TEXT NOT NULL,
	request TEXT NOT NULL DEFAULT '',    -- the buyer's own name for the wish
	nth INTEGER NOT NULL DEFAULT 1,      -- of the payment's refunds, which their numbers end with
	tries INTEGER NOT NULL DEFAULT 1,    -- of the wish: a refund that failed is issued again under a new number
	accepted INTEGER NOT NULL DEFAULT 0, -- the provider has said that it knows it
	refusals INTEGER NOT NULL DEFAULT 0,
	next_at INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS refunds_of_order ON refunds(order_id);
CREATE INDEX IF NOT EXISTS refunds_due ON refunds(next_at) WHERE next_at > 0;

CREATE TABLE IF NOT EXISTS grants(
	id INTEGER PRIMARY KEY, order_id TEXT NOT NULL, kind TEXT NOT NULL, value INTEGER NOT NULL);

-- The shop's double entry: the rows of an entry add up to nothing.
CREATE TABLE IF NOT EXISTS ledger(
	entry TEXT NOT NULL, account TEXT NOT NULL, order_id TEXT NOT NULL, payment_id TEXT NOT NULL, minor INTEGER NOT NULL,
	currency TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY(entry, account)) WITHOUT ROWID;

-- What a bill said and the shop did not have, or the other way round, each once.
CREATE TABLE IF NOT EXISTS discrepancies(
	kind TEXT NOT NULL, order_id TEXT NOT NULL, payment TEXT NOT NULL, refund TEXT NOT NULL, bill TEXT NOT NULL,
	minor INTEGER NOT NULL, PRIMARY KEY(kind, order_id, payment, refund, bill, minor)) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS outbox(
	key TEXT PRIMARY KEY, order_id TEXT NOT NULL, body TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'PENDING',
	next_at INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS outbox_due ON outbox(next_at) WHERE next_at > 0;

CREATE TABLE IF NOT EXISTS events(
	id TEXT PRIMARY KEY, order_id TEXT NOT NULL, type TEXT NOT NULL,
	outcome TEXT NOT NULL, -- applied, or mismatch: authentic, but of another amount than the order's
	at INTEGER NOT NULL) WITHOUT ROWID;
`

// grantsIndex is what keeps the points of an order from being given twice.
func grantsIndex(broken defects) string {
	if broken.has("D01") || broken.has("D02") || broken.has("D03") || broken.has("D34") { // what these shops never had
		return "DROP INDEX IF EXISTS grants_once;"
	}
	return "CREATE UNIQUE INDEX IF NOT EXISTS grants_once ON grants(order_id, kind);"
}

// The states of an order.
const (
	pending   = "PENDING"
	paid      = "PAID"
	closed    = "CLOSED"
	refunding = "REFUNDING"
	refunded  = "REFUNDED"
	review    = "REVIEW"
)

// Why an order is closed, refunded or in review.
const (
	reasonExpired   = "expired"
	reasonCancelled = "cancelled"
	reasonMismatch  = "amount_mismatch"
	reasonLate      = "late_success"
	reasonExtra     = "extra_payment"
	reasonBuyer     = "buyer"
	reasonFailed    = "payment_failed"
	reasonRefund    = "refund_failed"
	reasonProvider  = "refunded_by_provider"
	reasonDispute   = "dispute"
)
