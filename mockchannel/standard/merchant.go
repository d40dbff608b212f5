package standard

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/paystorm/paystorm/mockchannel"
)

const (
	largestBody = 64 << 10
	longestKey  = 255 // of an Idempotency-Key
)

// MerchantHandler serves /v1/.
func (dialect) MerchantHandler(channel *mockchannel.Channel) http.Handler {
	api := merchantAPI{channel}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/payments", api.endpoint(mockchannel.OpCreate, createPayment))
	mux.HandleFunc("GET /v1/payments", api.endpoint(mockchannel.OpQuery, listPayments))
	mux.HandleFunc("GET /v1/payments/{id}", api.endpoint(mockchannel.OpQuery, getPayment))
	mux.HandleFunc("POST /v1/payments/{id}/close", api.endpoint(mockchannel.OpClose, closePayment))
	mux.HandleFunc("POST /v1/refunds", api.endpoint(mockchannel.OpRefund, createRefund))
	mux.HandleFunc("GET /v1/refunds/{number}", api.endpoint(mockchannel.OpRefundQuery, getRefund))
	mux.HandleFunc("GET /v1/bill", api.endpoint(mockchannel.OpBill, getBill))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		refusal := &mockchannel.Error{Code: mockchannel.CodeNotFound, Message: "there is no such endpoint"}
		channel.Refuse(w, "", refuse(refusal), refusal)
	})
	return mux
}

type merchantAPI struct{ channel *mockchannel.Channel }

// decoder turns a request and its body into what is asked of the channel. Its errors are *mockchannel.Error.
type decoder func(r *http.Request, body []byte) (mockchannel.MerchantRequest, error)

// endpoint authenticates and decodes, and hands the rest to the channel.
func (api merchantAPI) endpoint(operation mockchannel.Operation, decode decoder) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		request, err := api.read(w, r, decode)
		if err != nil {
			var refusal *mockchannel.Error
			if !errors.As(err, &refusal) {
				refusal = invalid("", err.Error())
			}
			api.channel.Refuse(w, operation, refuse(refusal), refusal)
			return
		}
		request.Operation = operation
		request.Refuse = refuse
		api.channel.Serve(w, r, request)
	}
}

func (api merchantAPI) read(w http.ResponseWriter, r *http.Request, decode decoder) (mockchannel.MerchantRequest, error) {
	apiKey, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	merchant, known := api.channel.Authenticate(apiKey)
	if !bearer || !known {
		return mockchannel.MerchantRequest{}, &mockchannel.Error{
			Code: mockchannel.CodeUnauthorized, Message: "want Authorization: Bearer and an API key",
		}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, largestBody))
	if err != nil {
		return mockchannel.MerchantRequest{}, invalid("", "the body cannot be read: "+err.Error())
	}
	request, err := decode(r, body)
	if err != nil {
		return mockchannel.MerchantRequest{}, err
	}
	request.Merchant = merchant
	return request, nil
}

// keyed takes the Idempotency-Key, without which nothing is created.
func keyed(r *http.Request, body []byte, request mockchannel.MerchantRequest) (mockchannel.MerchantRequest, error) {
	request.IdempotencyKey = r.Header.Get("Idempotency-Key")
	if request.IdempotencyKey == "" || len(request.IdempotencyKey) > longestKey {
		return request, invalid("Idempotency-Key", "want a header of 1 to 255 bytes")
	}
	digest := sha256.Sum256(append([]byte(r.URL.Path+"\n"), body...))
	request.Fingerprint = hex.EncodeToString(digest[:])
	return request, nil
}

func createPayment(r *http.Request, body []byte) (mockchannel.MerchantRequest, error) {
	wanted, err := decodePayment(body)
	switch {
	case err != nil:
	case wanted.Order == "":
		err = invalid("order", "want 1 to 64 characters")
	case wanted.NotifyURL == "":
		err = invalid("notify_url", "want an absolute http or https address")
	default:
		err = wanted.Validate()
	}
	if err != nil {
		return mockchannel.MerchantRequest{}, err
	}
	return keyed(r, body, mockchannel.MerchantRequest{
		Order: wanted.Order,
		Ref:   wanted.Metadata["ref"],
		Do: func(call *mockchannel.Call) (mockchannel.Answer, error) {
			payment, err := call.CreatePayment(wanted)
			return answerPayment(http.StatusCreated, payment, err)
		},
	})
}

func getPayment(r *http.Request, _ []byte) (mockchannel.MerchantRequest, error) {
	id := r.PathValue("id")
	return mockchannel.MerchantRequest{
		Payment: id,
		Do: func(call *mockchannel.Call) (mockchannel.Answer, error) {
			payment, err := call.Payment(id)
			return answerPayment(http.StatusOK, payment, err)
		},
	}, nil
}

func listPayments(r *http.Request, _ []byte) (mockchannel.MerchantRequest, error) {
	order := r.URL.Query().Get("order")
	if order == "" {
		return mockchannel.MerchantRequest{}, invalid("order", "want an order number")
	}
	return mockchannel.MerchantRequest{
		Order: order,
		Do: func(call *mockchannel.Call) (mockchannel.Answer, error) {
			list := paymentList{Payments: []payment{}}
			for _, p := range call.PaymentsOf(order) {
				list.Payments = append(list.Payments, wirePayment(p))
			}
			return answer(http.StatusOK, list), nil
		},
	}, nil
}

func closePayment(r *http.Request, body []byte) (mockchannel.MerchantRequest, error) {
	if len(bytes.TrimSpace(body)) > 0 {
		if _, err := members(body, []string{}); err != nil {
			return mockchannel.MerchantRequest{}, err
		}
	}
	id := r.PathValue("id")
	return mockchannel.MerchantRequest{
		Payment: id,
		Do: func(call *mockchannel.Call) (mockchannel.Answer, error) {
			payment, err := call.Close(id, "")
			return answerPayment(http.StatusOK, payment, err)
		},
	}, nil
}

func createRefund(r *http.Request, body []byte) (mockchannel.MerchantRequest, error) {
	wanted, err := decodeRefund(body)
	switch {
	case err != nil:
	case wanted.Number == "":
		err = invalid("refund_no", "want 1 to 64 characters")
	default:
		err = wanted.Validate()
	}
	if err != nil {
		return mockchannel.MerchantRequest{}, err
	}
	return keyed(r, body, mockchannel.MerchantRequest{
		Payment: wanted.Payment,
		Refund:  wanted.Number,
		Do: func(call *mockchannel.Call) (mockchannel.Answer, error) {
			refund, repeated, err := call.Refund(wanted)
			if err != nil {
				return mockchannel.Answer{}, err
			}
			if repeated {
				return answer(http.StatusOK, wireRefund(refund)), nil
			}
			return answer(http.StatusCreated, wireRefund(refund)), nil
		},
	})
}

func getRefund(r *http.Request, _ []byte) (mockchannel.MerchantRequest, error) {
	number := r.PathValue("number")
	return mockchannel.MerchantRequest{
		Refund: number,
		Do: func(call *mockchannel.Call) (mockchannel.Answer, error) {
			refund, err := call.RefundByNumber(number)
			if err != nil {
				if refund, err = call.RefundByID(number); err != nil {
					return mockchannel.Answer{}, err
				}
			}
			return answer(http.StatusOK, wireRefund(refund)), nil
		},
	}, nil
}

func getBill(*http.Request, []byte) (mockchannel.MerchantRequest, error) {
	return mockchannel.MerchantRequest{
		Do: func(call *mockchannel.Call) (mockchannel.Answer, error) {
			bill := call.Cut(mockchannel.BillScope{})
			call.Hand(bill)
			return answerBill(bill.Lines)
		},
	}, nil
}

func answerBill(lines []mockchannel.BillLine) (mockchannel.Answer, error) {
	var text bytes.Buffer
	writer := csv.NewWriter(&text)
	rows := [][]string{{"type", "at", "payment", "order", "refund", "refund_no", "amount_minor", "currency", "state"}}
	for _, line := range lines {
		rows = append(rows, []string{
			line.Kind, line.At.UTC().Format(time.RFC3339Nano), line.Payment, line.Order, line.Refund, line.Number,
			strconv.FormatInt(line.Minor, 10), line.Currency, line.State,
		})
	}
	if err := writer.WriteAll(rows); err != nil {
		return mockchannel.Answer{}, err
	}
	return mockchannel.Answer{
		Status: http.StatusOK, Header: mockchannel.Fields{{Name: "Content-Type", Value: "text/csv; charset=utf-8"}}, Body: text.Bytes(),
	}, nil
}
