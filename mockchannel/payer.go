package mockchannel

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	largestAct = 64 << 10       // bytes of a payer's request
	latestPay  = 24 * time.Hour // how late a payer may say to pay
)

// PayerHandler serves the payer's side, which is the same in all dialects: GET /pay/{id} is a page, and POST /pay/{id}
// the payer's act, as a form or as JSON, with the members action ("pay" or "decline"), after_ms and ref. The id is the
// payment's, or whatever else the shop hands its buyers in this dialect, escaped as one segment.
func (c *Channel) PayerHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /pay/{id}", c.servePayPage)
	mux.HandleFunc("POST /pay/{id}", c.serveAct)
	return mux
}

// act is what a payer wants to do.
type act struct {
	Action  string `json:"action"`
	AfterMS int64  `json:"after_ms"`
	Ref     string `json:"ref"`
}

func (c *Channel) serveAct(w http.ResponseWriter, r *http.Request) {
	wanted, err := decodeAct(r, http.MaxBytesReader(w, r.Body, largestAct))
	if err != nil {
		answerPayer(w, http.StatusBadRequest, invalidAct(err))
		return
	}
	id, err := c.presented(r.PathValue("id"))
	after := time.Duration(wanted.AfterMS) * time.Millisecond
	var payment Payment
	switch {
	case err != nil:
	case wanted.Action == "pay":
		payment, err = c.Pay(id, wanted.Ref, after)
	case wanted.Action == "decline":
		payment, err = c.Decline(id, wanted.Ref)
	default:
		err = invalid("action", `want "pay" or "decline"`)
	}
	var refusal *Error
	switch {
	case errors.As(err, &refusal):
		told := payerError(refusal)
		if payment.ID != "" {
			told["payment"] = payment.ID
		}
		answerPayer(w, payerStatus(refusal.Code), told)
	case strings.Contains(r.Header.Get("Accept"), "text/html"): // a person at the page
		http.Redirect(w, r, "/pay/"+payment.ID, http.StatusSeeOther)
	case wanted.Action == "pay" && payment.State == Pending:
		answerPayer(w, http.StatusAccepted, map[string]any{"payment": payment.ID, "state": payment.State})
	default:
		answerPayer(w, http.StatusOK, map[string]any{"payment": payment.ID, "state": payment.State})
	}
}

// presented finds the payment that a buyer was handed.
func (c *Channel) presented(handed string) (id string, err error) {
	if presenter, own := c.config.Dialect.(Presenter); own {
		return presenter.Presented(c, handed)
	}
	return handed, nil
}

func decodeAct(r *http.Request, body io.ReadCloser) (act, error) {
	var wanted act
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err == nil && kind == "application/json" {
		decoder := json.NewDecoder(body)
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&wanted); err != nil {
			return act{}, err
		}
	} else {
		r.Body = body
		if err := r.ParseForm(); err != nil {
			return act{}, err
		}
		wanted.Action, wanted.Ref = r.PostForm.Get("action"), r.PostForm.Get("ref")
		if after := r.PostForm.Get("after_ms"); after != "" {
			if wanted.AfterMS, err = strconv.ParseInt(after, 10, 64); err != nil {
				return act{}, invalid("after_ms", "want whole milliseconds")
			}
		}
	}
	if wanted.AfterMS < 0 || wanted.AfterMS > latestPay.Milliseconds() {
		return act{}, invalid("after_ms", "want 0 to 86400000")
	}
	return wanted, nil
}

func invalidAct(err error) map[string]any {
	var refusal *Error
	if !errors.As(err, &refusal) {
		refusal = invalid("", err.Error())
	}
	return payerError(refusal)
}

func payerError(refusal *Error) map[string]any {
	return map[string]any{"error": map[string]string{"code": string(refusal.Code), "message": refusal.Message}}
}

func payerStatus(code Code) int {
	switch code {
	case CodePaymentNotFound:
		return http.StatusNotFound
	case CodePaymentClosed, CodePaymentSucceeded:
		return http.StatusConflict
	case CodeUnavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusBadRequest
	}
}

func answerPayer(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil { // strings and maps of them always encode
		status = http.StatusInternalServerError
	}
	_ = write(w, Answer{ // a payer who has gone is told nothing
		Status: status, Header: Fields{{"Content-Type", "application/json"}}, Body: append(text, '\n'),
	})
}
