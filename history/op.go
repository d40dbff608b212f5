package history

// Outcome is what a client, or the channel's courier, knows about something it tried. There are three and not two: a
// timeout is no failure, and whoever maps Unknown to one of the others has lost the case the harness exists for.
type Outcome string

// The outcomes of an operation or of a delivery attempt. A delivery that was acknowledged is OK.
const (
	OK      Outcome = "ok"
	Refused Outcome = "refused" // a definite no, with a reason; it had no effect
	Unknown Outcome = "unknown" // no answer, or one that cannot be classified: it may have taken effect at any time
)

// Kinds of operation that the judge understands. A journey may have others; they count for load and latency only.
const (
	OpOrder  = "order"
	OpPay    = "pay"     // the buyer's act at the channel
	OpPoll   = "poll"    // reads the order until it is as wished or patience ends
	OpLook   = "look"    // reads the order once
	OpCancel = "cancel"  // the buyer cancels the order at the shop
	OpRefund = "refund"  // the buyer asks the shop for the money back
	OpRepay  = "payment" // the buyer asks the shop for another payment of the same order
)

// Invocation is written when an operation is made; Answer, with the same Op number, when it comes. An invocation
// without an answer is an operation with outcome Unknown.
type Invocation struct {
	Op       uint64 `json:"op"` // unique within its writer
	Ref      string `json:"ref,omitempty"`
	Buyer    int    `json:"buyer,omitempty"`
	Kind     string `json:"kind"`
	Order    string `json:"order,omitempty"`   // the shop's order number, where the client knows it
	Payment  string `json:"payment,omitempty"` // the channel's payment id, where the client knows it
	SKU      string `json:"sku,omitempty"`
	Quantity int64  `json:"quantity,omitempty"`
	More     []Line `json:"more,omitempty"`  // the other SKUs of the same order
	Minor    int64  `json:"minor,omitempty"` // what the client expects to pay, or pays; of a refund what it asks for, 0 all; in minor units
	Currency string `json:"currency,omitempty"`
	Phase    string `json:"phase,omitempty"` // PhaseWarmUp or PhaseStorm
	Fault    string `json:"fault,omitempty"` // the payer fault that made the client do this, if any
	Wish     int    `json:"wish,omitempty"`  // of a refund: the how-manieth of its order, from 1; asked again, it is the same one
	Intended Time   `json:"intended_ns"`     // when the load model wanted it; 0 if it follows from an earlier answer
	Called   Time   `json:"called_ns"`
}

// Line is one SKU of an order, and how many units of it.
type Line struct {
	SKU      string `json:"sku"`
	Quantity int64  `json:"quantity"`
}

// Lines is all that was asked for, one line at least. Where nobody said how many, it was one unit.
func (i Invocation) Lines() []Line {
	return append([]Line{{SKU: i.SKU, Quantity: max(1, i.Quantity)}}, i.More...)
}

// Units is how many units of the SKU were asked for.
func (i Invocation) Units(sku string) int64 {
	units := int64(0)
	if i.SKU == sku {
		units = max(1, i.Quantity)
	}
	for _, line := range i.More {
		if line.SKU == sku {
			units += line.Quantity
		}
	}
	return units
}

// Answer is what came back for an Invocation.
type Answer struct {
	Op       uint64  `json:"op"`
	Returned Time    `json:"returned_ns"`
	Outcome  Outcome `json:"outcome"`
	Reason   string  `json:"reason,omitempty"` // of a refusal ("sold_out"), or why nothing is known ("timeout")
	Order    string  `json:"order,omitempty"`
	Payment  string  `json:"payment,omitempty"`
	State    string  `json:"state,omitempty"` // the canonical OrderState that the shop told; "" if it told none
	Status   int     `json:"status,omitempty"`
}

// Op is an invocation joined with its answer. Returned is 0 and Outcome Unknown where no answer was recorded.
type Op struct {
	Writer string `json:"writer"`
	Seq    uint64 `json:"seq"` // of the invocation: evidence is "writer:seq"
	Invocation
	Returned Time    `json:"returned_ns"`
	Outcome  Outcome `json:"outcome"`
	Reason   string  `json:"reason,omitempty"`
	State    string  `json:"state,omitempty"`
	Status   int     `json:"status,omitempty"`
}

// Reasons of a refusal that the judge understands; the system file maps the shop's own onto them.
const (
	ReasonSoldOut = "sold_out"
	ReasonLimit   = "limit"
)
