package invariants

import (
	"strings"
	"testing"

	"github.com/paystorm/paystorm/history"
)

// refunding is a paid order for which the channel accepted the refund r1.
func (b *builder) refunding() *orderBuilder {
	return b.order("o1", 1, "phone").payment("p1").captured().refund("r1")
}

func TestRefundsMatch(t *testing.T) {
	const unknown = "refunded at the channel, no refund in the shop"
	judgeCases(t, refundsMatch(), []judgement{
		{name: "no refund", idle: true, story: func(b *builder) { b.paid("o1", 1) }},
		{name: "refunded on both sides", story: func(b *builder) {
			b.refunding().refundDone("r1").refundRow("r1", history.RefundDone).row(history.OrderRefunded)
		}},
		{name: "a refund that failed, reissued under a new number", story: func(b *builder) {
			b.refunding().refundBroken("r1").refund("r2").refundDone("r2").
				refundRow("r1", history.RefundBroken).refundRow("r2", history.RefundDone).row(history.OrderRefunded)
		}},
		{name: "a refund that failed, of which the shop keeps no row", story: func(b *builder) {
			b.refunding().refundBroken("r1").refund("r2").refundDone("r2").refundRow("r2", history.RefundDone).row(history.OrderRefunded)
		}},
		{name: "a refund that failed, asked for again under its number", story: func(b *builder) {
			o := b.refunding().refundBroken("r1")
			o.channel(history.Event{Kind: history.RefundCreated, Refund: "again", MerchantRefund: "r1", Minor: price})
			o.channel(history.Event{Kind: history.RefundSucceeded, Refund: "again", MerchantRefund: "r1", Minor: price})
			o.refundRow("r1", history.RefundDone).row(history.OrderRefunded)
		}},
		{name: "one row for each try of one number", story: func(b *builder) {
			b.refunding().refundDone("r1").refundRow("r1", history.RefundBroken).refundRow("r1", history.RefundDone).
				row(history.OrderRefunded)
		}},
		{name: "accepted and pending on both sides at the bound", story: func(b *builder) {
			b.refunding().refundRow("r1", history.RefundPending).row(history.OrderRefunding)
		}},
		{name: "refused by the channel, failed in the shop", story: func(b *builder) {
			b.order("o1", 1, "phone").payment("p1").captured().request("refund", history.Refused).
				refundRow("r1", history.RefundBroken).row(history.OrderPaid)
		}},
		{name: "handed to a person before it was asked for", story: func(b *builder) {
			b.order("o1", 1, "phone").payment("p1").captured().refundRow("r1", history.RefundPending).row(history.OrderReview)
		}},
		{name: "two parts, as wished twice", story: func(b *builder) {
			o := b.bought().wish(1, 40000).refundMinor("r1", 40000).refundDone("r1").refundRow("r1", history.RefundDone)
			o.wish(2, 30000).wish(2, 30000).refundMinor("r2", 30000).refundDone("r2").refundRow("r2", history.RefundDone).row(history.OrderPaid)
		}},
		{name: "a part, and the rest after it", story: func(b *builder) {
			o := b.bought().wish(1, 40000).refundMinor("r1", 40000).refundDone("r1").refundRow("r1", history.RefundDone)
			o.wish(2, 0).refundMinor("r2", price-40000).refundDone("r2").refundRow("r2", history.RefundDone).row(history.OrderRefunded)
		}},
		{name: "one wish refunded twice", violated: "refunded more than was asked for", story: func(b *builder) {
			o := b.bought().wish(1, 40000).refundMinor("r1", 40000).refundDone("r1").refundRow("r1", history.RefundDone)
			o.refundMinor("r2", 40000).refundDone("r2").refundRow("r2", history.RefundDone).row(history.OrderPaid)
		}},
		{name: "a part wished, and everything given", violated: "refunded more than was asked for", story: func(b *builder) {
			b.bought().wish(1, 40000).refund("r1").refundDone("r1").refundRow("r1", history.RefundDone).row(history.OrderRefunded)
		}},
		{name: "two wishes accepted, one of them made", violated: "a refund was accepted from the buyer, and made in part", story: func(b *builder) {
			o := b.bought().wish(1, 40000).wish(2, 30000).refundMinor("r1", 40000).refundDone("r1")
			o.refundRow("r1", history.RefundDone).row(history.OrderPaid)
		}},
		{name: "a wish, and a refund that the provider made by itself", story: func(b *builder) {
			o := b.bought().wish(1, 40000).refundMinor("r1", 40000).refundDone("r1").refundRow("r1", history.RefundDone)
			o.channel(history.Event{Kind: history.RefundCreated, Refund: "c9", Minor: 500}).
				channel(history.Event{Kind: history.RefundSucceeded, Refund: "c9", Minor: 500})
			o.amounts["c9"] = 500
			o.refundRow("c9", history.RefundDone).row(history.OrderPaid)
		}},
		{name: "one number on two payments, each with its row", story: func(b *builder) {
			b.oneNumber().refundRow("R", history.RefundDone).on("p1").refundRow("R", history.RefundDone).row(history.OrderRefunded)
		}},
		{name: "one number on two payments, and one row", violated: "refunded at the channel, no refund in the shop", story: func(b *builder) {
			b.oneNumber().on("p1").refundRow("R", history.RefundDone).row(history.OrderRefunded)
		}},
		{name: "made once, and booked under two numbers", violated: "one refund at the channel, booked more than once in the shop", story: func(b *builder) {
			o := b.bought().wish(1, 0).refund("r1").refundDone("r1").refundRow("r1", history.RefundDone)
			o.refundRow("r2", history.RefundDone).row(history.OrderRefunded)
		}},
		{name: "a state that cannot be compared", unjudged: "in a state that is none of", story: func(b *builder) {
			b.bought().refund("r1").refundDone("r1").refundRow("r1", "weird").row(history.OrderRefunded)
		}},
		{name: "refunded in the shop alone, and refunds are not probed", violated: "refunded in the shop, not in full at the channel", story: func(b *builder) {
			b.unread(history.TableRefunds)
			b.order("o1", 1, "phone").payment("p1").captured().row(history.OrderRefunded)
		}},
		{name: "refunded in part, the order stays paid", story: func(b *builder) {
			b.order("o1", 1, "phone").payment("p1").captured().wish(1, 500).refundMinor("r1", 500).refundDone("r1").
				refundRow("r1", history.RefundDone).row(history.OrderPaid)
		}},
		{name: "made by the provider itself after the shop's own tries came to nothing", story: func(b *builder) {
			o := b.order("o1", 1, "phone").payment("p1").captured().refund("n1").refundBroken("n1")
			o.refundRow("n1", history.RefundBroken).refundRow("n1-2", history.RefundBroken)
			o.channel(history.Event{Kind: history.RefundCreated, Refund: "by-itself", Minor: price})
			o.channel(history.Event{Kind: history.RefundSucceeded, Refund: "by-itself", Minor: price})
			o.refundRow("by-itself", history.RefundDone).row(history.OrderRefunded)
		}},
		{name: "made by the provider itself, and booked", story: func(b *builder) {
			o := b.order("o1", 1, "phone").payment("p1").captured()
			o.channel(history.Event{Kind: history.RefundCreated, Refund: "ch-1", Minor: price})
			o.channel(history.Event{Kind: history.RefundSucceeded, Refund: "ch-1", Minor: price})
			o.refundRow("from-provider", history.RefundDone).row(history.OrderRefunded)
		}},
		{name: "a fault stands until the books were read", unjudged: "a fault stood", story: func(b *builder) {
			b.standing("cut")
			b.refunding().refundDone("r1").refundRow("r1", history.RefundPending).row(history.OrderRefunding)
		}},
		{name: "the refund changed just before the books were read", unjudged: "longest timer", story: func(b *builder) {
			o := b.refunding()
			b.at(29_900)
			o.refundDone("r1").refundRow("r1", history.RefundPending).row(history.OrderRefunding)
			b.at(30_000)
		}},

		{name: "accepted from the buyer, and refunded", story: func(b *builder) {
			b.order("o1", 1, "phone").payment("p1").captured().op(history.OpRefund, history.OK, "", "").refund("r1").refundDone("r1").
				refundRow("r1", history.RefundDone).row(history.OrderRefunded)
		}},
		{name: "accepted from the buyer, and refused by the channel", story: func(b *builder) {
			b.order("o1", 1, "phone").payment("p1").captured().op(history.OpRefund, history.OK, "", "").
				request("refund", history.Refused).refundRow("r1", history.RefundBroken).row(history.OrderPaid)
		}},
		{name: "accepted from the buyer, and handed to a person", story: func(b *builder) {
			b.order("o1", 1, "phone").payment("p1").captured().op(history.OpRefund, history.OK, "", "").row(history.OrderReview)
		}},
		{name: "refused to the buyer", idle: true, story: func(b *builder) {
			b.order("o1", 1, "phone").payment("p1").captured().op(history.OpRefund, history.Refused, "", "").row(history.OrderPaid)
		}},
		{name: "in two parts", story: func(b *builder) {
			b.order("o1", 1, "phone").payment("p1").captured().refundMinor("r1", 900).refundDone("r1").
				refundMinor("r2", price-900).refundDone("r2").refundRow("r1", history.RefundDone).
				refundRow("r2", history.RefundDone).row(history.OrderRefunded)
		}},
		{
			name:     "of a second payment, the order refunded although the first is kept",
			violated: "refunded in the shop, not in full at the channel", story: func(b *builder) {
				b.order("o1", 1, "phone").payment("p1").captured().payment("p2").captured().refund("r1").refundDone("r1").
					refundRow("r1", history.RefundDone).row(history.OrderRefunded)
			},
		},
		{name: "half of the money", violated: "refunded in the shop, not in full at the channel", story: func(b *builder) {
			b.order("o1", 1, "phone").payment("p1").captured().refundMinor("r1", price/2).refundDone("r1").
				refundRow("r1", history.RefundDone).row(history.OrderRefunded)
		}},
		{name: "refunded without any refund", violated: "refunded in the shop, not in full at the channel", story: func(b *builder) {
			b.order("o1", 1, "phone").payment("p1").captured().row(history.OrderRefunded)
		}},
		{
			name: "accepted from the buyer, and forgotten", violated: "a refund was accepted from the buyer, and forgotten",
			story: func(b *builder) {
				b.order("o1", 1, "phone").payment("p1").captured().op(history.OpRefund, history.OK, "", "").row(history.OrderPaid)
				b.at(30_000)
			},
		},
		{name: "accepted from the buyer just before the books were read", unjudged: "longest timer", story: func(b *builder) {
			o := b.order("o1", 1, "phone").payment("p1").captured()
			b.at(29_900)
			o.op(history.OpRefund, history.OK, "", "").row(history.OrderPaid)
		}},
		{
			name: "booked in another currency", violated: "refunded in another currency at the channel than in the shop",
			story: func(b *builder) {
				o := b.refunding().refundDone("r1").refundRow("r1", history.RefundDone)
				b.final.Books.Refunds[0].Currency = "USD"
				o.row(history.OrderRefunded)
			},
		},

		{name: "the shop does not know the refund", violated: unknown, story: func(b *builder) {
			b.refunding().refundDone("r1").row(history.OrderRefunded)
		}},
		{name: "a refund that the provider made is not booked", violated: unknown, story: func(b *builder) {
			o := b.order("o1", 1, "phone").payment("p1").captured()
			o.channel(history.Event{Kind: history.RefundCreated, Refund: "ch-1", Minor: 500}).row(history.OrderPaid)
		}},
		{name: "booked, never made", violated: "refund booked in the shop, never made at the channel", story: func(b *builder) {
			b.order("o1", 1, "phone").payment("p1").captured().refundRow("r1", history.RefundDone).row(history.OrderRefunded)
		}},
		{name: "the request never arrived", violated: "refund pending in the shop, never made at the channel", story: func(b *builder) {
			b.order("o1", 1, "phone").payment("p1").captured().refundRow("r1", history.RefundPending).row(history.OrderRefunding)
		}},
		{
			name: "succeeded, and pending in the shop", violated: "refund succeeded at the channel, pending in the shop",
			story: func(b *builder) {
				b.refunding().refundDone("r1").refundRow("r1", history.RefundPending).row(history.OrderRefunding)
			},
		},
		{
			name: "a timeout taken for a failure", violated: "refund succeeded at the channel, failed in the shop",
			story: func(b *builder) {
				b.refunding().refundDone("r1").refundRow("r1", history.RefundBroken).row(history.OrderReview)
			},
		},
		{
			name: "accepted taken for done, failed later", violated: "refund failed at the channel, succeeded in the shop",
			story: func(b *builder) {
				b.refunding().refundBroken("r1").refundRow("r1", history.RefundDone).row(history.OrderRefunded)
			},
		},
		{
			name: "one refund, two rows", violated: "one refund at the channel, booked more than once in the shop",
			story: func(b *builder) {
				b.refunding().refundDone("r1").refundRow("r1", history.RefundDone).refundRow("r1", history.RefundDone).
					row(history.OrderRefunded)
			},
		},
		{
			name: "the callback inserted a row of its own", violated: "one refund at the channel, booked more than once in the shop",
			story: func(b *builder) {
				b.refunding().refundDone("r1").refundRow("r1", history.RefundDone).refundRow("ch-r1", history.RefundDone).
					row(history.OrderRefunded)
			},
		},
		{name: "another amount", violated: "refunded another amount at the channel than in the shop", story: func(b *builder) {
			o := b.refunding().refundDone("r1")
			o.amounts["r1"] = price - 100
			o.refundRow("r1", history.RefundDone).row(history.OrderRefunded)
		}},
		{name: "more given back than was taken", violated: "refunded more than was captured", story: func(b *builder) {
			b.refunding().refundDone("r1").refund("r2").refundDone("r2").refundRow("r1", history.RefundDone).
				refundRow("r2", history.RefundDone).row(history.OrderRefunded)
		}},
		{
			name: "everything refunded, still paid", violated: "everything refunded at the channel, still paid in the shop",
			story: func(b *builder) {
				b.refunding().refundDone("r1").refundRow("r1", history.RefundDone).row(history.OrderPaid)
			},
		},
	})
}

func TestRefundsMatchCountsTheMoney(t *testing.T) {
	b := newHistory(t)
	b.order("o1", 1, "phone").payment("p1").captured().refundRow("r1", history.RefundDone).row(history.OrderRefunded)
	booked := b.at(30_000).find(refundsMatch()).Violations[0]
	if booked.Net.Minor != price || booked.Bearer != BearerBuyer {
		t.Errorf("a refund that never came costs the buyer the price, got %+v", booked)
	}
	b = newHistory(t)
	b.refunding().refundDone("r1").row(history.OrderRefunded)
	lost := b.at(30_000).find(refundsMatch()).Violations[0]
	if lost.Net.Minor != price || lost.Bearer != BearerMerchant {
		t.Errorf("a refund that the shop does not know costs the merchant the price, got %+v", lost)
	}
}

func TestRefundsMatchIsUnknownWithoutTheTable(t *testing.T) {
	b := newHistory(t).unread(history.TableRefunds)
	b.refunding().row(history.OrderRefunded)
	verdict := judge(b.at(30_000).history(), []Invariant{refundsMatch()})
	if verdict.Invariants[0].Status != NotKnown {
		t.Errorf("an unread table is not an empty one, got %+v", verdict.Invariants[0])
	}
}

func TestRefundsMatchInACutHistory(t *testing.T) {
	b := newHistory(t)
	b.refunding().refundDone("r1")
	if found := b.cutOff().find(refundsMatch()); len(found.Violations) > 0 || len(found.Unjudged) == 0 {
		t.Errorf("without the books nothing is known of the shop's refunds, got %+v", found)
	}
	b = newHistory(t)
	b.refunding().refundDone("r1").refund("r2")
	wantViolated(t, b.cutOff().find(refundsMatch()), "refunded more than was captured")
}

func TestRefundsMatchSaysSinceWhen(t *testing.T) {
	b := newHistory(t)
	b.paid("o0", 9)
	o := b.refunding().refundDone("r1")
	since := b.now
	o.refundRow("r1", history.RefundDone).row(history.OrderPaid)
	found := b.at(30_000).find(refundsMatch())
	if found.Evaluated != 2 || found.Exercised != 1 {
		t.Errorf("want two orders looked at, one of them refunded, got %+v", found)
	}
	if violation := found.Violations[0]; violation.Since != since || !strings.Contains(violation.Detail, "refunded 4999.00 CNY") {
		t.Errorf("want it since the refund succeeded at %v, got %+v", since, violation)
	}
}

// bought is an order that was paid and told so.
func (b *builder) bought() *orderBuilder {
	return b.order("o1", 1, "phone").payment("p1").captured().told(history.OrderPaid)
}

// wish asks for a part of the money back, 0 for all of it.
func (o *orderBuilder) wish(number int, minor int64) *orderBuilder {
	o.op(history.OpRefund, history.OK, "", "")
	last := &o.b.hist.Ops[len(o.b.hist.Ops)-1]
	last.Wish, last.Minor = number, minor
	return o
}

// oneNumber is an order that was paid twice, both payments refunded under one number, as Alipay lets its merchants.
func (b *builder) oneNumber() *orderBuilder {
	o := b.bought().payment("p2").captured()
	for _, payment := range []string{"p1", "p2"} {
		for _, kind := range []string{history.RefundCreated, history.RefundSucceeded} {
			o.channel(history.Event{Kind: kind, Payment: payment, Refund: "c" + payment, MerchantRefund: "R", Minor: price})
		}
	}
	return o
}
