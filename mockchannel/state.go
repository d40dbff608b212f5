package mockchannel

// State is the state of a payment.
type State string

// The states of a payment: created → pending → succeeded | failed | closed. A failed payment may still succeed by
// another attempt of the payer. A closed one may not, unless the LateSuccess fault says that the provider did it anyway.
// One that the merchant captures itself is authorized between the payer's act and the capture.
const (
	Created    State = "created"
	Pending    State = "pending" // the payer has begun
	Authorized State = "authorized"
	Succeeded  State = "succeeded"
	Failed     State = "failed"
	Closed     State = "closed"
)
