package load

import (
	"maps"
	"strconv"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// refundWish is money that a buyer wants back. Asked for again, by a retry or in parallel, it is the same wish; the zero wish is
// none.
type refundWish struct {
	nth  int // of the order, from 1
	part scenarios.Part
}

// wishes is what taking the step wishes for.
func (j *journey) wishes(s *step) refundWish {
	if s.kind() != history.OpRefund {
		return refundWish{}
	}
	return refundWish{nth: j.wish, part: s.Amount}
}

// severalWishes is the nth of a payer's parallel refunds. The first is the step's own wish, and distinct ones count on from it.
func (b *Behaviour) severalWishes(first refundWish, nth int) refundWish {
	if first.nth == 0 {
		return first
	}
	if b.Amount != nil {
		first.part = *b.Amount
	}
	if b.Distinct {
		first.nth += nth
	}
	return first
}

// partOf is what the judge is told of a wish: its minor units, 0 for all.
func (j *journey) partOf(wish refundWish) int64 {
	if wish.nth == 0 || wish.part == 0 {
		return 0
	}
	return wish.part.Of(j.price())
}

// wishing is what a request's templates may name, with the wish behind it.
func (j *journey) wishing(wish refundWish) scenarios.Values {
	if wish.nth == 0 {
		return j.values
	}
	values := maps.Clone(j.values)
	values[scenarios.NameRefundMinor] = wish.part.Of(j.price())
	values[scenarios.NameWish] = wishKey(j.ref, wish.nth)
	return values
}

// wishKey is unique to the wish: "ps-<run>-b<buyer>-o<nth>-r<wish>".
func wishKey(ref history.Ref, nth int) string { return ref.String() + "-r" + strconv.Itoa(nth) }
