package invariants

import (
	"fmt"
	"testing"

	"github.com/paystorm/paystorm/history"
)

func TestRepeatsAreAcknowledged(t *testing.T) {
	const pattern = "whatever was acknowledged is refused when it comes again"
	// sales delivers every success twice; answers says what becomes of the n-th order's second copy.
	sales := func(b *builder, answer func(nth int) history.Outcome) {
		for n := range 8 {
			order := fmt.Sprintf("o%d", n)
			o := b.order(order, n+1, "phone").payment("p-" + order).captured().delivered(history.OK)
			o.again(history.PaymentSucceeded, 2, answer(n)).told(history.OrderPaid).row(history.OrderPaid)
		}
		b.checkpoint()
	}
	always := func(outcome history.Outcome) func(int) history.Outcome {
		return func(int) history.Outcome { return outcome }
	}
	tests := []struct {
		name     string
		story    func(*builder)
		violated bool
	}{
		{"acknowledged each time", func(b *builder) { sales(b, always(history.OK)) }, false},
		{"refused each time", func(b *builder) { sales(b, always(history.Refused)) }, true},
		{"answered to nobody", func(b *builder) { sales(b, always(history.Unknown)) }, false},
		{"refused while the shop was busy", func(b *builder) {
			sales(b, func(nth int) history.Outcome {
				if nth == 7 {
					return history.OK
				}
				return history.Refused
			})
		}, false},
		{"a few refused", func(b *builder) {
			sales(b, func(nth int) history.Outcome {
				if nth%2 == 0 {
					return history.Refused
				}
				return history.Unknown
			})
		}, false},
		{"refused by the way to the shop", func(b *builder) {
			sales(b, always(history.Refused))
			for i := range b.hist.Events {
				if event := &b.hist.Events[i]; event.Outcome == history.Refused {
					event.Status = 0
				}
			}
		}, false},
		{"refused when nothing else was acknowledged either", func(b *builder) {
			var orders []*orderBuilder
			for n := range 8 {
				order := fmt.Sprintf("o%d", n)
				orders = append(orders, b.order(order, n+1, "phone").payment("p-"+order).captured().delivered(history.OK).row(history.OrderPaid))
			}
			for _, o := range orders {
				o.again(history.PaymentSucceeded, 2, history.Refused)
			}
		}, false},
		{"refused while the first is in work", func(b *builder) {
			for n := range 8 {
				order := fmt.Sprintf("o%d", n)
				o := b.order(order, n+1, "phone").payment("p-" + order).captured()
				o.delivered(history.Refused).again(history.PaymentSucceeded, 2, history.OK).row(history.OrderPaid)
			}
		}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newHistory(t)
			test.story(b)
			violations := Law(repeatsAcknowledged).judge(b.run()).Violations
			if violated := len(violations) > 0; violated != test.violated {
				t.Fatalf("violated = %v, want %v: %+v", violated, test.violated, violations)
			}
			for _, violation := range violations {
				if violation.Pattern != pattern || len(violation.Evidence) == 0 {
					t.Fatalf("violation is %+v", violation)
				}
			}
		})
	}
}
