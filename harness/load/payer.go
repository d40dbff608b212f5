package load

import (
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// Payers tells how a buyer behaves. The harness's fault package answers; nil payers behave well.
type Payers interface {
	// Payer answers the same for the same buyer and order in any process.
	Payer(history.Ref) Payer
}

// Payer is one buyer's misbehaviour in one order. A nil field is none. Each carries the id of the payer fault behind it;
// the journey records history.FaultAffected when it was acted out, and only then.
type Payer struct {
	Abandon         *Behaviour // never pays
	DeclineFirst    *Behaviour // the first attempt is declined, then it pays
	PayLate         *Behaviour // pays After that time, by a timer of the channel
	PayTwice        *Behaviour // asks the shop for another payment of the same order and pays both
	SwitchPayment   *Behaviour // asks the shop for another payment of the same order and pays one of the two
	PayAfterCancel  *Behaviour // cancels at the shop, and pays all the same
	CancelRace      *Behaviour // sends cancel and pay at once; After is the head start of the payment
	DoubleClick     *Behaviour // sends the order twice, After apart, with one client reference
	ParallelOrders  *Behaviour // acts out the journey Count times at once, After apart, each with orders of its own: so many tabs
	ParallelRefunds *Behaviour // asks Count times at once for the same refund, or for as many of their own
	RetryStorm      *Behaviour // sends every shop request Count times, After apart
}

// Behaviour is the size of a misbehaviour.
type Behaviour struct {
	Fault string
	After time.Duration
	Count int
	// Of refunds: how much each asks for, nil what the step says, and whether each is a wish of its own.
	Amount   *scenarios.Part
	Distinct bool
	// Of two payments: whether it pays the second, and whether the other one is declined after it.
	Second, Declines bool
}
