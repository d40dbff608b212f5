// Package flashshop is a small shop that sells scarce things: a system under test, and an example of how to be paid.
//
// An order reserves its units in one transaction and writes down, before the provider hears of it, that a payment is to
// be created under a key that never changes (an attempt). What the provider then says, in an answer, a callback or when
// asked, is a fact, and every fact goes through the same few functions of books.go in one transaction. Where no fact
// comes, the workers ask: orders.check_at, refunds.next_at and outbox.next_at say what is due, so a killed process
// continues where it was. No state is ever moved back: each transition names the state that it leaves.
//
// A coupon's use is claimed with the order, under its bounds, and comes back when the order closes unpaid (coupons.go). Money
// goes back whole or in parts, each wish once (refunds.go): while a part is back the order is PAID and its units are sold.
// Units go back on sale, and the order is REFUNDED, when all is back.
//
// The books are behind one seam, store.go: a SQLite file, or a PostgreSQL that several replicas share, with a cache of the
// stock in front of it (cache.go). Nothing rests on a lock in a replica's memory: a transaction locks what it is about in
// the database, workers claim what is due there, and timers follow its clock.
//
// Its payment provider is behind one seam, provider.go, in the shop's own words; provider_*.go speak to each through the
// library that its shops use. Nothing else in the shop knows which it is.
//
// It is correct by default. DEFECTS switches on known ways of getting it wrong, each readable where it is.
package flashshop
