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
	first    kept
}

// kept is a first answer, and the refusal that it is, if it is one.
type kept struct {
	answer  Answer
	refusal *Error
}

// claim takes the request's idempotency key. The caller processes the request if mine is not nil, and answers what it
// is told otherwise: the first answer again, or a refusal.
func (c *Channel) claim(request MerchantRequest, subject Subject) (mine *keyed, replay kept, refusal *Error) {
	fresh := &keyed{fingerprint: request.Fingerprint, subject: subject}
	known, existed := c.keys.getOrPut(request.key, fresh)
	if !existed {
		return fresh, kept{}, nil
	}
	if known.fingerprint != request.Fingerprint {
		mismatch := refuse(CodeIdempotencyMismatch, "the key came with another request before")
		mismatch.Earlier = known.fingerprint
		return nil, kept{}, mismatch
	}
	known.mutex.Lock()
	defer known.mutex.Unlock()
	if !known.answered {
		return nil, kept{}, refuse(CodeIdempotencyInUse, "a request with this key is in work")
	}
	replay = known.first
	replay.answer.Header = slices.Clone(known.first.answer.Header)
	replay.answer.Header.Set("Idempotent-Replayed", "true")
	if request.Replayed != nil {
		request.Replayed(&replay.answer)
	}
	return nil, replay, nil
}

// keep remembers the answer, whether or not the merchant ever gets to see it. A server error is forgotten, and with it
// the key, so that a retry is tried afresh, unless the provider keeps even those.
func (c *Channel) keep(request MerchantRequest, mine *keyed, subject Subject, first kept) {
	if first.answer.Status >= http.StatusInternalServerError && !request.KeepsErrors {
		c.keys.remove(request.key)
		return
	}
	mine.mutex.Lock()
	defer mine.mutex.Unlock()
	mine.subject, mine.answered, mine.first = subject, true, first
}

// about is whose request it was.
func (k *keyed) about() Subject {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	return k.subject
}
