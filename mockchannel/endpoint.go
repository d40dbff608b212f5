package mockchannel

import (
	"slices"
	"sync"
)

// Endpoint is an address of a merchant to which notifications go, where the provider has such and payments have no
// address of their own.
type Endpoint struct {
	ID      string
	URL     string
	Secrets []string // that sign for it, the newest first; while one is being replaced there are two
	Events  []string // the provider's names of what is sent to it; empty or "*": everything
	Version string   // of the API, in which it wants its messages; "": the merchant's
	Details any      // the dialect's own; never changed
	Off     bool     // nothing is sent to it for now
}

// wants says whether the endpoint is subscribed to an event.
func (e Endpoint) wants(event string) bool {
	return !e.Off && (len(e.Events) == 0 || slices.Contains(e.Events, "*") || slices.Contains(e.Events, event))
}

// endpoints are a merchant's. Its mutex is taken inside a payment's.
type endpoints struct {
	mutex sync.RWMutex
	list  []Endpoint
}

func (e *endpoints) add(endpoint Endpoint) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	e.list = append(e.list, endpoint)
}

func (e *endpoints) all() []Endpoint {
	e.mutex.RLock()
	defer e.mutex.RUnlock()
	return slices.Clone(e.list)
}

// change replaces the endpoint of an id, or removes it if keep is false.
func (e *endpoints) change(id string, change func(Endpoint) (changed Endpoint, keep bool)) (Endpoint, error) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	at := slices.IndexFunc(e.list, func(one Endpoint) bool { return one.ID == id })
	if at < 0 {
		return Endpoint{}, refuse(CodeNotFound, "there is no such endpoint")
	}
	changed, keep := change(e.list[at])
	if keep {
		e.list[at] = changed
	} else {
		e.list = slices.Delete(e.list, at, at+1)
	}
	return changed, nil
}

// AddEndpoint adds an endpoint, and gives it an id if it has none.
func (call *Call) AddEndpoint(endpoint Endpoint) Endpoint {
	if endpoint.ID == "" {
		endpoint.ID = call.channel.identifier(IdentifyEndpoint)
	}
	call.channel.endpoints[call.merchant.ID].add(endpoint)
	return endpoint
}

// Endpoints lists the merchant's endpoints, oldest first.
func (call *Call) Endpoints() []Endpoint { return call.channel.endpoints[call.merchant.ID].all() }

// ChangeEndpoint replaces an endpoint by what change makes of it.
func (call *Call) ChangeEndpoint(id string, change func(Endpoint) Endpoint) (Endpoint, error) {
	return call.channel.endpoints[call.merchant.ID].change(id, func(e Endpoint) (Endpoint, bool) { return change(e), true })
}

// RemoveEndpoint removes an endpoint. What is on its way to it still goes there.
func (call *Call) RemoveEndpoint(id string) (Endpoint, error) {
	return call.channel.endpoints[call.merchant.ID].change(id, func(e Endpoint) (Endpoint, bool) { return e, false })
}
