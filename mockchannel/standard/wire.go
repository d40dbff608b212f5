package standard

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"

	"github.com/paystorm/paystorm/mockchannel"
)

type payment struct {
	ID            string            `json:"id"`
	Merchant      string            `json:"merchant"`
	Order         string            `json:"order"`
	AmountMinor   int64             `json:"amount_minor"`
	CapturedMinor int64             `json:"captured_minor"`
	RefundedMinor int64             `json:"refunded_minor"`
	Currency      string            `json:"currency"`
	State         mockchannel.State `json:"state"`
	Version       int64             `json:"version"`
	PayURL        string            `json:"pay_url"`
	Metadata      map[string]string `json:"metadata"`
}

type paymentList struct {
	Payments []payment `json:"payments"`
}

type refund struct {
	ID          string `json:"id"`
	RefundNo    string `json:"refund_no"`
	Payment     string `json:"payment"`
	Order       string `json:"order"`
	AmountMinor int64  `json:"amount_minor"`
	Currency    string `json:"currency"`
	State       string `json:"state"`
}

type wireError struct {
	Error struct {
		Code    mockchannel.Code `json:"code"`
		Message string           `json:"message"`
		Field   string           `json:"field,omitempty"`
	} `json:"error"`
}

func wirePayment(p mockchannel.Payment) payment {
	metadata := p.Metadata
	if metadata == nil {
		metadata = map[string]string{}
	}
	return payment{
		ID: p.ID, Merchant: p.Merchant, Order: p.Order, AmountMinor: p.Minor, CapturedMinor: p.Captured,
		RefundedMinor: p.Refunded, Currency: p.Currency, State: p.State, Version: p.Version, PayURL: p.PayURL,
		Metadata: metadata,
	}
}

func wireRefund(r mockchannel.Refund) refund {
	return refund{
		ID: r.ID, RefundNo: numberOf(r), Payment: r.Payment, Order: r.Order, AmountMinor: r.Minor, Currency: r.Currency,
		State: r.State,
	}
}

// numberOf is the merchant's number of a refund, or the channel's id of one that the channel made by itself.
func numberOf(r mockchannel.Refund) string { return cmp.Or(r.Number, r.ID) }

func answerPayment(status int, p mockchannel.Payment, err error) (mockchannel.Answer, error) {
	if err != nil {
		return mockchannel.Answer{}, err
	}
	return answer(status, wirePayment(p)), nil
}

func answer(status int, content any) mockchannel.Answer {
	text, err := json.Marshal(content)
	if err != nil { // strings, numbers and maps of strings always encode
		status, text = http.StatusInternalServerError, nil
	}
	return mockchannel.Answer{
		Status: status, Header: mockchannel.Fields{{Name: "Content-Type", Value: "application/json"}}, Body: append(text, '\n'),
	}
}

// refuse encodes a refusal.
func refuse(refusal *mockchannel.Error) mockchannel.Answer {
	var content wireError
	content.Error.Code, content.Error.Message, content.Error.Field = refusal.Code, refusal.Message, refusal.Field
	status := refusal.Status
	if status == 0 {
		status = statusOf(refusal.Code)
	}
	return answer(status, content)
}

func statusOf(code mockchannel.Code) int {
	switch code {
	case mockchannel.CodeInvalidRequest:
		return http.StatusBadRequest
	case mockchannel.CodeUnauthorized:
		return http.StatusUnauthorized
	case mockchannel.CodeNotFound, mockchannel.CodePaymentNotFound, mockchannel.CodeRefundNotFound:
		return http.StatusNotFound
	case mockchannel.CodeRateLimited:
		return http.StatusTooManyRequests
	case mockchannel.CodeInternal:
		return http.StatusInternalServerError
	case mockchannel.CodeUnavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusConflict
	}
}

func invalid(field, message string) *mockchannel.Error {
	return &mockchannel.Error{Code: mockchannel.CodeInvalidRequest, Field: field, Message: message}
}

func decodePayment(body []byte) (mockchannel.PaymentRequest, error) {
	var wanted mockchannel.PaymentRequest
	fields, err := members(body, []string{"order", "amount_minor", "currency", "notify_url", "description", "metadata"})
	if err != nil {
		return wanted, err
	}
	if given, found := fields["metadata"]; found {
		if wanted.Metadata, err = decodeMetadata(given); err != nil {
			return wanted, err
		}
	}
	var description string
	return wanted, errors.Join(
		member(fields, "order", &wanted.Order),
		member(fields, "amount_minor", &wanted.Minor),
		member(fields, "currency", &wanted.Currency),
		member(fields, "notify_url", &wanted.NotifyURL),
		member(fields, "description", &description),
	)
}

func decodeMetadata(text json.RawMessage) (map[string]string, error) {
	fields, err := members(text, nil)
	if err != nil {
		return nil, invalid("metadata", "want an object of strings, each key once")
	}
	metadata := map[string]string{}
	for key := range fields {
		var value string
		if err := member(fields, key, &value); err != nil {
			return nil, invalid("metadata", "want an object of strings")
		}
		metadata[key] = value
	}
	return metadata, nil
}

func decodeRefund(body []byte) (mockchannel.RefundRequest, error) {
	var wanted mockchannel.RefundRequest
	fields, err := members(body, []string{"payment", "refund_no", "amount_minor", "reason"})
	if err != nil {
		return wanted, err
	}
	var reason string
	return wanted, errors.Join(
		member(fields, "payment", &wanted.Payment),
		member(fields, "refund_no", &wanted.Number),
		member(fields, "amount_minor", &wanted.Minor),
		member(fields, "reason", &reason),
	)
}

// members splits a JSON object. Unlike encoding/json it refuses a repeated key, which two readers may take differently,
// and a key in other letters than known. Nil knows any key.
func members(text []byte, known []string) (map[string]json.RawMessage, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') {
		return nil, invalid("", "want a JSON object")
	}
	fields := map[string]json.RawMessage{}
	for decoder.More() {
		token, err := decoder.Token()
		key, isString := token.(string)
		if err != nil || !isString {
			return nil, invalid("", "this is no JSON object")
		}
		if _, repeated := fields[key]; repeated {
			return nil, invalid(key, "the key comes twice")
		}
		if known != nil && !slices.Contains(known, key) {
			return nil, invalid(key, "there is no such key")
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, invalid(key, "this is no JSON value")
		}
		fields[key] = value
	}
	if _, err := decoder.Token(); err != nil {
		return nil, invalid("", "the JSON object does not end")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, invalid("", "there is something after the JSON object")
	}
	return fields, nil
}

// member decodes one member, if it is there. An explicit null is refused: it is neither there nor absent.
func member(fields map[string]json.RawMessage, key string, value any) error {
	text, found := fields[key]
	if !found {
		return nil
	}
	if err := json.Unmarshal(text, value); err != nil || string(text) == "null" {
		return invalid(key, "this is of the wrong type")
	}
	return nil
}
