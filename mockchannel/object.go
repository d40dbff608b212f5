package mockchannel

import (
	"cmp"
	"slices"
)

// Object is something that only its dialect knows: a customer, a checkout session. The channel keeps it, because a
// dialect has no state; the ledger does not know it.
type Object struct {
	Merchant string
	Kind     string
	ID       string
	Serial   int64 // by which objects of a kind are listed, oldest first; the channel sets it
	Value    any   // never changed, but replaced
}

func (o Object) key() string { return o.Merchant + "\x00" + o.Kind + "\x00" + o.ID }

// PutObject keeps an object of the merchant, or replaces it.
func (call *Call) PutObject(kind, id string, value any) {
	object := Object{Merchant: call.merchant.ID, Kind: kind, ID: id, Value: value}
	call.channel.objects.update(object.key(), func(known Object) Object {
		object.Serial = known.Serial
		if object.Serial == 0 {
			object.Serial = call.channel.serial.Add(1)
		}
		return object
	})
}

// Object is an object of the merchant.
func (call *Call) Object(kind, id string) (value any, found bool) {
	object, found := call.channel.objects.get(Object{Merchant: call.merchant.ID, Kind: kind, ID: id}.key())
	return object.Value, found
}

// Objects lists the merchant's objects of a kind, oldest first.
func (call *Call) Objects(kind string) []Object {
	list := slices.DeleteFunc(call.channel.objects.all(), func(o Object) bool {
		return o.Merchant != call.merchant.ID || o.Kind != kind
	})
	slices.SortFunc(list, func(a, b Object) int { return cmp.Compare(a.Serial, b.Serial) })
	return list
}
