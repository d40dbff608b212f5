package stripe

import (
	"net/url"
	"slices"
	"time"

	"github.com/paystorm/paystorm/mockchannel"
)

// hook is what a webhook endpoint has beside the channel's. One that came with the channel has none.
type hook struct {
	describes string
	metadata  map[string]string
	created   int64 // seconds of business time
	follows   bool  // its version is the last that was seen
	// retires is the wall-clock time from which only the newest secret signs.
	retires time.Time
}

func hookOf(e mockchannel.Endpoint) hook {
	details, _ := e.Details.(hook)
	return details
}

// rollsFor is how long two secrets sign at most while one replaces the other:
// https://docs.stripe.com/webhooks#roll-endpoint-secrets.
const rollsFor = 24 * time.Hour

// signing are the secrets that sign at a wall-clock time.
func signing(e *mockchannel.Endpoint, m mockchannel.Merchant, now time.Time) []string {
	if e == nil || len(e.Secrets) == 0 {
		return []string{m.NotifySecret}
	}
	if retires := hookOf(*e).retires; !retires.IsZero() && now.After(retires) {
		return e.Secrets[:1]
	}
	return e.Secrets
}

// followVersion tells the endpoints that name no API version of their own the one that was seen last.
func followVersion(call *mockchannel.Call, version string) {
	for _, e := range call.Endpoints() {
		if e.Version == version || (e.Version != "" && !hookOf(e).follows) {
			continue
		}
		_, _ = call.ChangeEndpoint(e.ID, func(e mockchannel.Endpoint) mockchannel.Endpoint { // or it has gone meanwhile
			details := hookOf(e)
			details.follows = true
			e.Version, e.Details = version, details
			return e
		})
	}
}

// writeEndpoint is the object of https://docs.stripe.com/api/webhook_endpoints/object. The secret is told once.
func writeEndpoint(w *writer, e mockchannel.Endpoint, secret string) {
	details := hookOf(e)
	w.begin("")
	w.string("id", e.ID)
	w.string("object", "webhook_endpoint")
	if details.follows {
		w.null("api_version")
	} else {
		w.optional("api_version", e.Version)
	}
	w.null("application")
	w.number("created", details.created)
	w.optional("description", details.describes)
	if len(e.Events) == 0 {
		w.strings("enabled_events", []string{"*"})
	} else {
		w.strings("enabled_events", e.Events)
	}
	w.bool("livemode", false)
	w.metadata(details.metadata)
	if secret != "" {
		w.string("secret", secret)
	}
	if e.Off {
		w.string("status", "disabled")
	} else {
		w.string("status", "enabled")
	}
	w.string("url", e.URL)
	w.end()
}

// endpoint takes what creating and updating an endpoint have in common.
func (r *request) endpoint(e mockchannel.Endpoint) mockchannel.Endpoint {
	details := hookOf(e)
	if r.has("url") {
		e.URL = r.filled("url")
		if address, err := url.Parse(e.URL); err != nil || address.Host == "" || (address.Scheme != "http" && address.Scheme != "https") {
			r.fail(invalid("url_invalid", "url", "Invalid URL: An explicit scheme (such as https) must be provided."))
		}
	}
	if r.has("enabled_events") {
		e.Events = slices.Clone(r.list("enabled_events"))
		if len(e.Events) == 0 {
			r.fail(invalid("", "enabled_events", "Invalid array"))
		}
		for _, event := range e.Events {
			if event != "*" && !slices.Contains(eventNames(), event) {
				r.fail(invalid("", "enabled_events", "The event `"+clip(event)+"` is none that is sent here."))
			}
		}
	}
	if r.has("description") {
		details.describes = r.text("description")
	}
	details.metadata = r.metadata(details.metadata)
	e.Details = details
	return e
}

func createEndpoint(r *request) (mockchannel.MerchantRequest, error) {
	r.required("url")
	if !r.has("enabled_events") {
		r.fail(missing("enabled_events"))
	}
	made := r.endpoint(mockchannel.Endpoint{Version: r.filled("api_version")})
	if made.Version != "" && !versionForm.MatchString(made.Version) {
		r.fail(invalid("", "api_version", "Invalid API version: "+clip(made.Version)))
	}
	if err := r.check("url", "enabled_events", "api_version", "description", "metadata", "connect"); err != nil {
		return mockchannel.MerchantRequest{}, err
	}
	return r.does(func(call *mockchannel.Call) (mockchannel.Answer, error) {
		details := hookOf(made)
		details.created, details.follows = call.Now().Unix(), made.Version == ""
		if details.follows {
			made.Version = r.version
		}
		made.Details, made.Secrets = details, []string{freshSecret()}
		added := call.AddEndpoint(made)
		return r.answer(call, func(w *writer) { writeEndpoint(w, added, added.Secrets[0]) }), nil
	})
}

// endpointOf finds an endpoint of the merchant.
func endpointOf(call *mockchannel.Call, id string) (mockchannel.Endpoint, error) {
	all := call.Endpoints()
	at := slices.IndexFunc(all, func(e mockchannel.Endpoint) bool { return e.ID == id })
	if at < 0 {
		return mockchannel.Endpoint{}, noSuch("webhook endpoint", id, "webhook_endpoint")
	}
	return all[at], nil
}

func getEndpoint(r *request) (mockchannel.MerchantRequest, error) {
	return r.does(func(call *mockchannel.Call) (mockchannel.Answer, error) {
		found, err := endpointOf(call, r.id)
		if err != nil {
			return mockchannel.Answer{}, err
		}
		return r.answer(call, func(w *writer) { writeEndpoint(w, found, "") }), nil
	})
}

func updateEndpoint(r *request) (mockchannel.MerchantRequest, error) {
	r.endpoint(mockchannel.Endpoint{})
	off := r.bool("disabled")
	if err := r.check("url", "enabled_events", "disabled", "description", "metadata"); err != nil {
		return mockchannel.MerchantRequest{}, err
	}
	return r.changes(func(_ *mockchannel.Call, e mockchannel.Endpoint) mockchannel.Endpoint {
		e = r.endpoint(e)
		if r.has("disabled") {
			e.Off = off
		}
		return e
	}, false)
}

// rollSecret replaces the endpoint's secret. At Stripe a person does that at the dashboard; the API has no such request.
// expires_in is for how many seconds the old one still signs, by the wall clock; a day by default, 0 for not at all.
func rollSecret(r *request) (mockchannel.MerchantRequest, error) {
	keeps := time.Duration(r.integer("expires_in", int64(rollsFor/time.Second))) * time.Second
	if keeps < 0 || keeps > rollsFor {
		r.fail(invalid("", "expires_in", "The old secret can be kept for at most 86400 seconds."))
	}
	if err := r.check("expires_in"); err != nil {
		return mockchannel.MerchantRequest{}, err
	}
	return r.changes(func(call *mockchannel.Call, e mockchannel.Endpoint) mockchannel.Endpoint {
		details := hookOf(e)
		details.retires = call.Wall().Add(keeps)
		e.Secrets = append([]string{freshSecret()}, e.Secrets[:min(1, len(e.Secrets))]...)
		e.Details = details
		return e
	}, true)
}

func (r *request) changes(
	change func(*mockchannel.Call, mockchannel.Endpoint) mockchannel.Endpoint, tells bool,
) (mockchannel.MerchantRequest, error) {
	return r.does(func(call *mockchannel.Call) (mockchannel.Answer, error) {
		changed, err := call.ChangeEndpoint(r.id, func(e mockchannel.Endpoint) mockchannel.Endpoint { return change(call, e) })
		if err != nil {
			return mockchannel.Answer{}, noSuch("webhook endpoint", r.id, "webhook_endpoint")
		}
		secret := ""
		if tells {
			secret = changed.Secrets[0]
		}
		return r.answer(call, func(w *writer) { writeEndpoint(w, changed, secret) }), nil
	})
}

func deleteEndpoint(r *request) (mockchannel.MerchantRequest, error) {
	return r.does(func(call *mockchannel.Call) (mockchannel.Answer, error) {
		if _, err := call.RemoveEndpoint(r.id); err != nil {
			return mockchannel.Answer{}, noSuch("webhook endpoint", r.id, "webhook_endpoint")
		}
		return r.answer(call, func(w *writer) {
			w.begin("")
			w.string("id", r.id)
			w.string("object", "webhook_endpoint")
			w.bool("deleted", true)
			w.end()
		}), nil
	})
}

func listEndpoints(r *request) (mockchannel.MerchantRequest, error) {
	page, err := r.page()
	if err != nil {
		return mockchannel.MerchantRequest{}, err
	}
	return r.does(func(call *mockchannel.Call) (mockchannel.Answer, error) {
		list := call.Endpoints()
		slices.Reverse(list)
		return answerList(r, call, page, "webhook endpoint", list, func(e mockchannel.Endpoint) string { return e.ID },
			func(w *writer, e mockchannel.Endpoint) { writeEndpoint(w, e, "") })
	})
}
