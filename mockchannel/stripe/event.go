package stripe

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
)

// eventNames are the events that are sent here: https://docs.stripe.com/api/events/types.
func eventNames() []string {
	return []string{
		"charge.captured", "charge.dispute.created", "charge.dispute.funds_withdrawn", "charge.failed", "charge.refund.updated",
		"charge.refunded", "charge.succeeded", "checkout.session.async_payment_failed", "checkout.session.async_payment_succeeded",
		"checkout.session.completed", "checkout.session.expired", "payment_intent.amount_capturable_updated",
		"payment_intent.canceled", "payment_intent.created", "payment_intent.payment_failed", "payment_intent.processing",
		"payment_intent.requires_action", "payment_intent.succeeded", "refund.created", "refund.failed", "refund.updated",
	}
}

// Announce: of the events of one change the first that a shop has subscribed to tells it, so that a shop is served right
// that listens to charges only, or to Checkout only.
func (dialect) Announce(kind string, p mockchannel.Payment, r *mockchannel.Refund) []mockchannel.Announcement {
	i := intentOf(p)
	hosted := i.session != nil
	switch kind {
	case history.PaymentCreated:
		if hosted { // there is no intent before the payer confirms
			return nil
		}
		return notes("payment_intent.created")
	case mockchannel.PaymentBegun:
		switch state := status(p); {
		case state == processing && hosted:
			return notes("checkout.session.completed", "payment_intent.processing")
		case state == processing:
			return notes("payment_intent.processing")
		case state == requiresAction:
			return notes("payment_intent.requires_action")
		}
		return nil
	case history.PaymentAuthorized:
		if hosted {
			return notes("payment_intent.amount_capturable_updated", "charge.succeeded", "checkout.session.completed")
		}
		return notes("payment_intent.amount_capturable_updated", "charge.succeeded")
	case history.PaymentSucceeded:
		return news(i.manual == "manual", hosted, i.delayed())
	case history.PaymentFailed:
		if hosted && i.delayed() {
			return changes("payment_intent.payment_failed", "charge.failed", "checkout.session.async_payment_failed")
		}
		return changes("payment_intent.payment_failed", "charge.failed")
	case history.PaymentClosed:
		if hosted {
			return changes("checkout.session.expired", "payment_intent.canceled")
		}
		return changes("payment_intent.canceled")
	}
	return announceRefund(kind, r)
}

// news are the events of a success.
func news(manual, hosted, delayed bool) []mockchannel.Announcement {
	charge := "charge.succeeded"
	if manual {
		charge = "charge.captured"
	}
	switch {
	case hosted && delayed:
		return changes("payment_intent.succeeded", charge, "checkout.session.async_payment_succeeded")
	case hosted && !manual:
		return changes("payment_intent.succeeded", charge, "checkout.session.completed")
	default:
		return changes("payment_intent.succeeded", charge)
	}
}

func announceRefund(kind string, r *mockchannel.Refund) []mockchannel.Announcement {
	if r == nil || (r.Dispute() && kind != history.PaymentDisputed) {
		return nil
	}
	switch kind {
	case history.RefundCreated:
		return notes("refund.created")
	case history.RefundSucceeded:
		return changes("refund.updated", "charge.refunded", "charge.refund.updated")
	case history.RefundFailed:
		return changes("refund.failed", "refund.updated", "charge.refund.updated")
	case history.PaymentDisputed:
		return changes("charge.dispute.created", "charge.dispute.funds_withdrawn")
	}
	return nil
}

func changes(events ...string) []mockchannel.Announcement {
	list := make([]mockchannel.Announcement, 0, len(events))
	for _, event := range events {
		list = append(list, mockchannel.Announcement{Event: event})
	}
	return list
}

func notes(events ...string) []mockchannel.Announcement {
	list := changes(events...)
	for n := range list {
		list[n].Note = true
	}
	return list
}

// writeEvent is the object of https://docs.stripe.com/api/events/object. The object in it is as it was then.
func writeEvent(w *writer, m mockchannel.Message, version string) {
	w.begin("")
	w.string("id", m.ID)
	w.string("object", "event")
	w.string("api_version", version)
	w.number("created", m.At.Unix())
	w.begin("data")
	w.name("object")
	switch {
	case strings.HasPrefix(m.Event, "payment_intent."):
		writeIntent(w, m.Payment)
	case strings.HasPrefix(m.Event, "checkout.session."):
		writeSession(w, m.Payment)
	case strings.HasPrefix(m.Event, "charge.dispute.") && m.Refund != nil:
		writeDispute(w, *m.Refund, m.Payment)
	case (strings.HasPrefix(m.Event, "refund.") || m.Event == "charge.refund.updated") && m.Refund != nil:
		writeRefund(w, *m.Refund, m.Payment)
	default:
		writeCharge(w, m.Payment, latestCharge(m.Payment))
	}
	if strings.HasSuffix(m.Event, "refund.updated") {
		w.constant(`"previous_attributes":{"status":"pending"}`)
	}
	w.end()
	w.constant(`"livemode":false,"pending_webhooks":1,"request":{"id":null,"idempotency_key":null}`)
	w.string("type", m.Event)
	w.end()
}

// Encode signs an event: https://docs.stripe.com/webhooks#verify-manually. Its body is the same at each delivery; the time
// and so the signatures are not.
func (dialect) Encode(m mockchannel.Message, now time.Time) (mockchannel.Envelope, error) {
	version := defaultVersion
	if m.Endpoint != nil && m.Endpoint.Version != "" {
		version = m.Endpoint.Version
	}
	body := written(writer{business: m.Business()}, func(w *writer) { writeEvent(w, m, version) })
	header := http.Header{
		"Content-Type": {"application/json; charset=utf-8"},
		"User-Agent":   {"Stripe/1.0 (+https://stripe.com/docs/webhooks)"},
		"Accept":       {"*/*; q=0.5, application/xml"},
	}
	if m.Forgery != history.ForgeryNoSignature {
		secrets := signing(m.Endpoint, m.Merchant, now)
		if m.Forgery == history.ForgeryWrongKey {
			secrets = []string{secrets[0] + "of somebody else"}
		}
		header["Stripe-Signature"] = []string{signature(secrets, now, body)}
	}
	return mockchannel.Envelope{Method: http.MethodPost, Header: header, Body: body}, nil
}

// signature is the header Stripe-Signature: a time, and for each secret the HMAC-SHA256 of "time.body" under the whole
// secret as text.
func signature(secrets []string, now time.Time, body []byte) string {
	at := strconv.FormatInt(now.Unix(), 10)
	header := "t=" + at
	for _, secret := range secrets {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(at + "."))
		mac.Write(body)
		header += ",v1=" + hex.EncodeToString(mac.Sum(nil))
	}
	return header
}

func getEvent(r *request) (mockchannel.MerchantRequest, error) {
	return r.does(func(call *mockchannel.Call) (mockchannel.Answer, error) {
		found, err := call.Message(r.id)
		if err != nil {
			return mockchannel.Answer{}, noSuch("event", r.id, "id")
		}
		return r.answer(call, func(w *writer) { writeEvent(w, found, r.version) }), nil
	})
}

func listEvents(r *request) (mockchannel.MerchantRequest, error) {
	kinds := r.list("types")
	if kind := r.filled("type"); kind != "" {
		if len(kinds) > 0 {
			r.fail(invalid("parameters_exclusive", "type", "You may only specify one of these parameters: type, types."))
		}
		kinds = []string{kind}
	}
	page, err := r.page("type", "types", "created", "delivery_success")
	if err != nil {
		return mockchannel.MerchantRequest{}, err
	}
	return r.does(func(call *mockchannel.Call) (mockchannel.Answer, error) {
		list := slices.DeleteFunc(call.Messages(), func(m mockchannel.Message) bool {
			return !page.covers(m.At.Unix()) || (len(kinds) > 0 && !slices.ContainsFunc(kinds, func(kind string) bool { return matches(kind, m.Event) }))
		})
		return answerList(r, call, page, "event", list, func(m mockchannel.Message) string { return m.ID },
			func(w *writer, m mockchannel.Message) { writeEvent(w, m, r.version) })
	})
}

// matches says whether an event is meant: a name, or a group of them such as payment_intent.*.
func matches(pattern, event string) bool {
	group, is := strings.CutSuffix(pattern, "*")
	return pattern == event || (is && strings.HasPrefix(event, group))
}
