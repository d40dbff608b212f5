package mockchannel

import (
	"net/http"
	"slices"
	"sync"
)

// keyed is what the channel remembers under an idempotency key: the request, and its answer once there is one.
type keyed struct {
	fingerprint string

	mutex    sync.Mutex
	subject  Subject // of the first request, so that a repeat is asked about as the same thing
	answered bool
	answer   Answer
}

// claim takes the request's idempotency key. The caller processes the request if mine is not nil, and answers what it
// is told otherwise: the first answer again, or a refusal.
func (c *Channel) claim(request MerchantRequest, subject Subject) (mine *keyed, replay Answer, refusal *Error) {
	fresh := &keyed{fingerprint: request.Fingerprint, subject: subject}
	known, existed := c.keys.getOrPut(request.key, fresh)
	if !existed {
		return fresh, Answer{}, nil
	}
	if known.fingerprint != request.Fingerprint {
		mismatch := refuse(CodeIdempotencyMismatch, "the key came with another request before")
		mismatch.Earlier = known.fingerprint
		return nil, Answer{}, mismatch
	}
	known.mutex.Lock()
	defer known.mutex.Unlock()
	if !known.answered {
		return nil, Answer{}, refuse(CodeIdempotencyInUse, "a request with this key is in work")
	}
	replay = known.answer
	replay.Header = slices.Clone(known.answer.Header)
	replay.Header.Set("Idempotent-Replayed", "true")
	if request.Replayed != nil {
		request.Replayed(&replay)
	}
	return nil, replay, nil
}

// keep remembers the answer, whether or not the merchant ever gets to see it. A server error is forgotten, and with it
// the key, so that a retry is tried afresh, unless the provider keeps even those.
func (c *Channel) keep(request MerchantRequest, mine *keyed, subject Subject, answer Answer) {
	if answer.Status >= http.StatusInternalServerError && !request.KeepsErrors {
		c.keys.remove(request.key)
		return
	}
	mine.mutex.Lock()
	defer mine.mutex.Unlock()
	mine.subject, mine.answered, mine.answer = subject, true, answer
}

// about is whose request it was.
func (k *keyed) about() Subject {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	return k.subject
}
