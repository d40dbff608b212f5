package mockchannel

import (
	"io"
	"net/http"
	"time"

	"github.com/paystorm/paystorm/history"
)

// Trace is one HTTP exchange as it went over the wire: a merchant's request and the channel's answer, or an attempt to
// deliver a notification and the shop's answer.
type Trace struct {
	Event   history.Event // what was recorded of it, of kind history.Request or history.DeliveryAnswered
	At      history.Time  // when it began
	Took    time.Duration // until the answer was there, or could no longer come
	Method  string
	URL     string
	Request Content
	Status  int     // 0: there was no answer
	Answer  Content // of the channel, or of the shop
}

// Content is the head and body of a request or answer.
type Content struct {
	Header http.Header
	Body   []byte // the first LargestTraced bytes
	Left   int    // how many more were read or written
}

// LargestTraced is how many bytes of a body a trace holds.
const LargestTraced = 64 << 10

// add appends to the body as much as a trace holds.
func (c *Content) add(text []byte) {
	kept := min(len(text), LargestTraced-len(c.Body))
	c.Body = append(c.Body, text[:kept]...)
	c.Left += len(text) - kept
}

func contentOf(header http.Header, body []byte) Content {
	content := Content{Header: header}
	content.add(body)
	return content
}

// traced serves merchants' requests and tells of each what went over the wire.
func (c *Channel) traced(serve http.Handler) http.Handler {
	if c.config.Trace == nil {
		return serve
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := &tracer{ResponseWriter: w, body: r.Body, trace: Trace{
			Event:  history.Event{Source: history.SourceChannel, Kind: history.Request},
			Method: r.Method, URL: r.URL.RequestURI(), At: c.config.Clock.Now(), Request: Content{Header: r.Header.Clone()},
		}}
		r.Body = x
		serve.ServeHTTP(x, r)
		x.trace.Took = c.config.Clock.Now().Sub(x.trace.At)
		if x.trace.Status != 0 {
			x.trace.Event.Status = x.trace.Status
			x.trace.Answer.Header = w.Header().Clone()
		}
		c.config.Trace(x.trace)
	})
}

// tracer looks on while a request is read and answered.
type tracer struct {
	http.ResponseWriter
	body  io.ReadCloser
	trace Trace
}

// Unwrap lets http.ResponseController reach what is under the tracer.
func (x *tracer) Unwrap() http.ResponseWriter { return x.ResponseWriter }

func (x *tracer) WriteHeader(status int) {
	x.trace.Status = status
	x.ResponseWriter.WriteHeader(status)
}

func (x *tracer) Write(text []byte) (int, error) {
	if x.trace.Status == 0 {
		x.trace.Status = http.StatusOK
	}
	n, err := x.ResponseWriter.Write(text)
	x.trace.Answer.add(text[:n])
	return n, err
}

// Read is the request's body.
func (x *tracer) Read(into []byte) (int, error) {
	n, err := x.body.Read(into)
	x.trace.Request.add(into[:n])
	return n, err
}

// Close is the request's body's.
func (x *tracer) Close() error { return x.body.Close() }

// recordRequest records the event of a merchant's request, and leaves it to whoever traces the exchange.
func (c *Channel) recordRequest(w http.ResponseWriter, event history.Event) {
	c.config.Record(event)
	for {
		switch on := w.(type) {
		case *tracer:
			on.trace.Event = event
			return
		case interface{ Unwrap() http.ResponseWriter }: // a dialect may have wrapped it once more
			w = on.Unwrap()
		default:
			return
		}
	}
}

// traceDelivery tells of an attempt what went over the wire.
func (c *Channel) traceDelivery(began history.Time, d delivery, envelope Envelope, answer delivered, event history.Event) {
	if c.config.Trace == nil {
		return
	}
	c.config.Trace(Trace{
		Event: event, At: began, Took: c.config.Clock.Now().Sub(began), Method: envelope.Method, URL: d.message.address(),
		Request: contentOf(envelope.Header, envelope.Body),
		Status:  answer.status, Answer: contentOf(answer.header, answer.body),
	})
}
