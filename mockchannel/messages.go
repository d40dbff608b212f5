package mockchannel

import (
	"cmp"
	"slices"
)

// Messages lists what the merchant's payments have caused, newest first, whether or not anybody was told of it. Only a
// dialect whose messages have names keeps them.
func (call *Call) Messages() []Message {
	var messages []Message
	for _, message := range call.channel.notices.all() {
		if message.Merchant.ID == call.merchant.ID {
			messages = append(messages, message)
		}
	}
	slices.SortFunc(messages, func(a, b Message) int {
		return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.Payment.Version, a.Payment.Version), cmp.Compare(a.ID, b.ID))
	})
	return messages
}

// Message is one of them.
func (call *Call) Message(id string) (Message, error) {
	message, found := call.channel.notices.get(id)
	if !found || message.Merchant.ID != call.merchant.ID {
		return Message{}, refuse(CodeNotFound, "there is no such event")
	}
	return message, nil
}
