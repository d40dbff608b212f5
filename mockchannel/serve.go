package mockchannel

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/paystorm/paystorm/history"
)

// MerchantRequest is a merchant's request, authenticated and decoded by a dialect.
type MerchantRequest struct {
	Merchant  Merchant
	Operation Operation
	Order     string // of OpCreate, and of an OpQuery by order number
	Payment   string // of OpQuery, OpClose and OpRefund
	Refund    string // the merchant's refund number, of OpRefund and OpRefundQuery, or the channel's id
	Ref       string // the client reference of OpCreate, if any
	// IdempotencyKey may be "". Fingerprint is equal for equal requests.
	IdempotencyKey, Fingerprint string
	// KeepsErrors keeps an answer under its key even if it is a server error, so that a repeat gets the same again.
	KeepsErrors bool
	// Replayed, if the provider marks an answer that is given again, does so. The header is the answer's own.
	Replayed func(*Answer)
	// Do processes the request and encodes its answer. It returns an *Error for a refusal.
	Do func(*Call) (Answer, error)
	// Refuse encodes a refusal.
	Refuse func(*Error) Answer

	key string // by which the idempotency key is known, which is one merchant's
}

// object is what the request is about, as far as it can be named before it is processed.
func (r MerchantRequest) object() string {
	return r.Refund + "\x00" + r.Payment + "\x00" + r.Order
}

// loseTimeout is how long a request whose answer is lost by silence is held at most.
const loseTimeout = 30 * time.Second

// Serve processes a merchant's request and answers it, with everything that Faults wants to go wrong on the way.
func (c *Channel) Serve(w http.ResponseWriter, r *http.Request, request MerchantRequest) {
	if c.over() {
		_ = write(w, request.Refuse(errOver())) // the merchant has nobody left to talk to
		return
	}
	request.key = request.Merchant.ID + "\x00" + request.IdempotencyKey
	x := &exchange{channel: c, w: w, r: r, request: request, call: Call{channel: c, merchant: request.Merchant}}
	var o *order
	if request.Operation == OpCreate {
		o = c.order(request.Merchant.ID, request.Order)
	}
	x.subject = c.subjectOf(request, o)
	x.attempt = c.nth(request, x.subject)
	x.fault = c.config.Faults.Request(Request{Subject: x.subject, Operation: request.Operation, Attempt: x.attempt})
	x.reached(StageReceived)
	x.slow(false)
	if x.fault.Reject != nil {
		x.reject()
		return
	}
	x.process()
	x.reached(StageProcessed)
	x.slow(true)
	x.awaitNotifications()
	if x.fault.Lose != nil {
		x.lose()
		return
	}
	x.send()
}

// Refuse answers a request that was not worth asking about: not authenticated, or not decoded.
func (c *Channel) Refuse(w http.ResponseWriter, operation Operation, answer Answer, refusal *Error) {
	outcome := history.Refused
	if answer.Sign != nil {
		_, _ = c.signers.answer(func() error { return answer.Sign(&answer, Signature{At: time.Now()}) }) // or it leaves unsigned
	}
	if err := write(w, answer); err != nil {
		outcome = history.Unknown
	}
	if c.over() {
		return
	}
	c.recordRequest(w, history.Event{
		Source: history.SourceChannel, Kind: history.Request, State: string(operation), Outcome: outcome,
		Status: answer.Status, Reason: string(refusal.Code), Detail: refusal.Error(),
	})
}

// exchange is one request on its way to its answer.
type exchange struct {
	channel *Channel
	w       http.ResponseWriter
	r       *http.Request
	request MerchantRequest
	subject Subject
	attempt int
	fault   RequestFault
	call    Call
	answer  Answer
	refusal *Error
	struck  string // the fault that interfered last
	signing time.Duration
	mine    *keyed // what is remembered under the request's idempotency key, if this is the first that has it

	unsigned string // why the answer could not be signed
}

// subjectOf finds out whose request it is, before it is processed. o is the order of one that creates.
func (c *Channel) subjectOf(request MerchantRequest, o *order) Subject {
	if request.IdempotencyKey != "" {
		if known, found := c.keys.get(request.key); found {
			return c.current(known.about())
		}
	}
	if request.Operation == OpCreate {
		ref, err := history.ParseRef(request.Ref)
		if err != nil {
			ref = history.Ref{}
		}
		return o.next(request.Order, ref, c.stranger)
	}
	if p, err := c.Call(request.Merchant).find(request.Payment); err == nil {
		return p.peek()
	}
	if r, found := c.refunds.get(request.Merchant.ID + "\x00" + request.Refund); found {
		return r.payment.peek()
	}
	if r, found := c.refundIDs.get(request.Refund); found && r.now.Merchant == request.Merchant.ID {
		return r.payment.peek()
	}
	if o, found := c.orders.get(request.Merchant.ID + "\x00" + request.Order); found {
		if payments := o.list(); len(payments) > 0 {
			return payments[len(payments)-1].peek()
		}
	}
	return Subject{Order: request.Order, Payment: request.Payment}
}

// process asks the dialect to do the work, unless an idempotency key says that it is done or in work.
func (x *exchange) process() {
	x.call.stale = x.fault.Stale
	x.call.awaits = x.fault.NotifyFirst != nil
	x.call.spoil = x.fault.Spoil
	if x.request.IdempotencyKey == "" {
		x.do()
		return
	}
	mine, replay, refusal := x.channel.claim(x.request, x.subject)
	x.mine = mine
	switch {
	case refusal != nil:
		x.refuse(refusal)
	case mine == nil:
		x.answer, x.refusal = replay.answer, replay.refusal
	default:
		x.do()
		x.channel.keep(x.request, mine, x.subject, kept{x.answer, x.refusal})
	}
}

func (x *exchange) do() {
	answer, err := x.request.Do(&x.call)
	x.subject = x.current()
	if err == nil {
		x.answer = answer
		return
	}
	var refusal *Error
	if !errors.As(err, &refusal) {
		refusal = refuse(CodeInternal, err.Error())
	}
	x.refuse(refusal)
}

func (x *exchange) refuse(refusal *Error) {
	x.refusal, x.answer = refusal, x.request.Refuse(refusal)
}

// slow waits, before the request is processed or after.
func (x *exchange) slow(after bool) {
	slow := x.fault.Slow
	if slow == nil || slow.After != after {
		return
	}
	if x.channel.wait(slow.By) {
		x.affected(slow.Fault)
	}
}

// reject answers without processing.
func (x *exchange) reject() {
	reject := x.fault.Reject
	refusal := refuse(Code(reject.Code), "refused on purpose")
	refusal.Status = reject.Status
	x.refuse(refusal)
	x.affected(reject.Fault)
	x.send()
}

// awaitNotifications lets the notifications that the request caused arrive before its answer. A shop that cannot take
// them before it has the answer must not wait for ever, so it is given as long as one attempt may take.
func (x *exchange) awaitNotifications() {
	if !x.call.awaits || len(x.call.caused) == 0 {
		return
	}
	timer := time.NewTimer(x.channel.config.AttemptTimeout)
	defer timer.Stop()
	for _, n := range x.call.caused {
		select {
		case <-n.tried:
		case <-timer.C:
			return
		case <-x.channel.ended:
			return
		}
		if first := x.fault.NotifyFirst; first != nil && n.wasPosted() {
			x.affected(first.Fault)
			x.fault.NotifyFirst = nil // the request is affected once
		}
	}
}

// send answers, and records that it did.
func (x *exchange) send() {
	x.sign()
	err := write(x.w, x.answer)
	outcome := history.OK
	switch {
	case err != nil || x.r.Context().Err() != nil:
		outcome = history.Unknown
	case x.refusal != nil:
		outcome = history.Refused
	}
	if x.call.untrue {
		x.affected(x.fault.Stale.Fault)
	}
	if x.call.spoilt {
		x.affected(x.fault.Spoil.Fault)
	}
	x.reached(StageResponseSent)
	x.record(outcome)
}

// sign puts the provider's signature onto the answer, or a wrong one. An answer that cannot be signed leaves unsigned,
// and the event says so.
func (x *exchange) sign() {
	if x.answer.Sign == nil {
		return
	}
	signature := Signature{At: time.Now(), NextKey: x.fault.Rotate != nil}
	if missign := x.fault.Missign; missign != nil {
		signature.Forgery = history.ForgeryWrongKey
		if missign.Probe {
			signature.Forgery = history.ForgeryProbe
		}
	}
	var err error
	x.signing, err = x.channel.signers.answer(func() error { return x.answer.Sign(&x.answer, signature) })
	switch {
	case err != nil:
		x.unsigned = "not signed: " + err.Error()
	case x.fault.Missign != nil:
		x.affected(x.fault.Missign.Fault)
	case x.answer.Rotated && x.fault.Rotate != nil:
		x.affected(x.fault.Rotate.Fault)
	}
}

func (x *exchange) record(outcome history.Outcome) {
	subject := x.current()
	ref := ""
	if subject.Ref != (history.Ref{}) {
		ref = subject.Ref.String()
	}
	event := history.Event{
		Source: history.SourceChannel, Kind: history.Request, Order: subject.Order, Payment: subject.Payment,
		MerchantRefund: x.request.Refund, Ref: ref, Buyer: subject.Ref.Buyer, State: string(x.request.Operation),
		Attempt: x.attempt, Outcome: outcome, Status: x.answer.Status, Fault: x.struck, Signing: x.signing,
		Detail: x.unsigned,
	}
	if x.refusal != nil {
		event.Reason = string(x.refusal.Code)
	}
	x.channel.recordRequest(x.w, event)
	if x.call.handed != nil && x.refusal == nil {
		x.channel.recordBill(*x.call.handed, outcome, x.answer.Status)
	}
}

func (x *exchange) affected(fault string) {
	x.struck = fault
	x.channel.affected(fault, x.current(), string(x.request.Operation), "")
}

// current is whose request it is, as it is now.
func (x *exchange) current() Subject {
	if p := x.call.payment; p != nil {
		return p.peek()
	}
	return x.channel.current(x.subject)
}

// current is a subject as it is now: the payment's state may have changed, and its buyer may have become known.
func (c *Channel) current(subject Subject) Subject {
	if p, found := c.payments.get(subject.Payment); found {
		return p.peek()
	}
	return subject
}

func (x *exchange) reached(stage Stage) {
	faults := x.channel.config.Faults
	if _, nobody := faults.(none); nobody {
		return
	}
	faults.Reached(Moment{
		Subject: x.current(), Message: string(x.request.Operation), Stage: stage, Attempt: x.attempt,
		InFlight: int(x.channel.inFlight.Load()),
	})
}

// lose destroys the answer of a request that was processed.
func (x *exchange) lose() {
	lose := x.fault.Lose
	if lose.How == LoseByError || !x.destroy(lose.How) {
		lost := x.refusal
		x.refuse(refuse(CodeInternal, "lost on purpose"))
		x.refusal = lost
		if lose.How == LoseByError && x.mine != nil && x.request.KeepsErrors {
			x.channel.keep(x.request, x.mine, x.subject, kept{x.answer, x.refusal}) // it failed inside the provider, which keeps that
		}
		x.sign()
		_ = write(x.w, x.answer) // whether it arrives is all the same
		x.reached(StageResponseSent)
	}
	x.affected(lose.Fault)
	x.record(history.Unknown)
}

// destroy takes the connection from the server and breaks it in one of the ways that a network has. It cannot where
// there is no connection of HTTP/1 to take.
func (x *exchange) destroy(how LoseHow) bool {
	if how == LoseByTimeout {
		x.channel.hold(x.r.Context())
	}
	conn, buffered, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		return false
	}
	switch how {
	case LoseByTruncate:
		_, _ = buffered.WriteString("HTTP/1.1 " + strconv.Itoa(x.answer.Status) + " " + http.StatusText(x.answer.Status) +
			"\r\nContent-Type: " + x.answer.Header.get("Content-Type") +
			"\r\nContent-Length: " + strconv.Itoa(len(x.answer.Body)) + "\r\n\r\n")
		_, _ = buffered.Write(x.answer.Body[:len(x.answer.Body)/2])
		_ = buffered.Flush() // what is lost on the way was to be lost
	case LoseByReset:
		conn = bare(conn)
		reset(conn)
	default:
	}
	_ = conn.Close() // it is to be broken
	return true
}

// bare is the connection below TLS, if it is under it, and below whatever else a door puts on it. Closing that tells the
// client nothing.
func bare(conn net.Conn) net.Conn {
	for {
		wrapped, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			return conn
		}
		conn = wrapped.NetConn()
	}
}

// reset lets the close of a connection reset it. An error leaves an ordinary close.
func reset(conn net.Conn) {
	if tcp, ok := conn.(interface{ SetLinger(int) error }); ok {
		_ = tcp.SetLinger(0)
	}
}

// hold keeps silent until the client has gone.
func (c *Channel) hold(client context.Context) {
	timer := time.NewTimer(loseTimeout)
	defer timer.Stop()
	select {
	case <-client.Done():
	case <-timer.C:
	case <-c.ended:
	}
}

// write answers and flushes, so that the answer has left when it returns.
func write(w http.ResponseWriter, answer Answer) error {
	header := w.Header()
	for _, field := range answer.Header {
		header[field.Name] = []string{field.Value}
	}
	header["Content-Length"] = []string{strconv.Itoa(len(answer.Body))}
	w.WriteHeader(answer.Status)
	if _, err := w.Write(answer.Body); err != nil {
		return err
	}
	return http.NewResponseController(w).Flush()
}
