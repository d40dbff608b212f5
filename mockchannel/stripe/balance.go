package stripe

import (
	"bytes"
	"encoding/csv"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
)

// movement is one movement of the merchant's balance. Fees are not modelled.
type movement struct {
	id, kind, category, source, describes string

	amount   int64 // one of Stripe's, negative for what leaves
	currency string
	at       time.Time
	payment  string // the intent
	line     mockchannel.BillLine
}

// failureSuffix tells the movement that a failed refund comes back by from that by which it left.
const failureSuffix = "f"

func chargeMovement(p mockchannel.Payment, w *writer) movement {
	id := chargeID(p.ID, p.Attempts)
	return movement{
		id: balanceID(id), kind: "charge", category: "charge", source: id, describes: intentOf(p).describes,
		amount: toWire(p.Captured, p.Currency), currency: p.Currency, at: w.business(p.PaidAt), payment: p.ID,
	}
}

func refundMovement(r mockchannel.Refund, w *writer) movement {
	m := movement{
		id: balanceID(r.ID), kind: "refund", category: "refund", source: r.ID, describes: "REFUND FOR CHARGE",
		amount: -toWire(r.Minor, r.Currency), currency: r.Currency, at: w.business(r.CreatedAt), payment: r.Payment,
	}
	if r.Dispute() {
		m.kind, m.category, m.describes = "adjustment", "dispute", "Chargeback withdrawal"
	}
	return m
}

// writeBalance is the object of https://docs.stripe.com/api/balance_transactions/object.
func writeBalance(w *writer, m movement) {
	w.begin("")
	w.string("id", m.id)
	w.string("object", "balance_transaction")
	w.number("amount", m.amount)
	w.number("available_on", m.at.Unix())
	w.string("balance_type", "payments")
	w.number("created", m.at.Unix())
	w.string("currency", strings.ToLower(m.currency))
	w.optional("description", m.describes)
	w.constant(`"exchange_rate":null,"fee":0,"fee_details":[]`)
	w.number("net", m.amount)
	w.string("reporting_category", m.category)
	w.string("source", m.source)
	w.constant(`"status":"available"`)
	w.string("type", m.kind)
	w.end()
}

// movements are those of a bill, oldest first. A refund that failed is there twice: it left and came back.
func movements(call *mockchannel.Call, lines []mockchannel.BillLine) []movement {
	var list []movement
	for _, line := range lines {
		m := movement{
			kind: line.Kind, category: line.Kind, amount: toWire(line.Minor, line.Currency), currency: line.Currency, at: line.At,
			payment: line.Payment, line: line,
		}
		if line.Kind == history.BillCapture {
			m.kind, m.category, m.source = "charge", "charge", chargeID(line.Payment, attemptsOf(call, line.Payment))
		} else {
			m.source, m.amount = line.Refund, -m.amount
		}
		if strings.HasPrefix(line.Refund, prefixDispute) {
			m.kind, m.category = "adjustment", "dispute"
		}
		m.id = balanceID(m.source)
		list = append(list, m)
		if line.Kind == history.BillRefund && line.State == history.RefundBroken {
			m.id, m.kind, m.category, m.amount = m.id+failureSuffix, "refund_failure", "refund_failure", -m.amount
			list = append(list, m)
		}
	}
	return list
}

func attemptsOf(call *mockchannel.Call, payment string) int {
	p, err := call.Payment(payment)
	if err != nil { // of a line that a fault has made up
		return 1
	}
	return p.Attempts
}

func listBalance(r *request) (mockchannel.MerchantRequest, error) {
	kind, source := r.text("type"), r.text("source")
	page, err := r.page("type", "source", "created", "currency", "payout")
	if err != nil {
		return mockchannel.MerchantRequest{}, err
	}
	return r.does(func(call *mockchannel.Call) (mockchannel.Answer, error) {
		bill := call.Cut(mockchannel.BillScope{Name: "balance_transactions"})
		list := slices.DeleteFunc(movements(call, bill.Lines), func(m movement) bool {
			return (kind != "" && m.kind != kind) || (source != "" && m.source != source) || !page.covers(m.at.Unix())
		})
		slices.Reverse(list)
		if kind == "" && source == "" {
			handPage(call, bill, page, list)
		}
		return answerList(r, call, page, "balance transaction", list, func(m movement) string { return m.id }, writeBalance)
	})
}

// handPage tells the channel of the page of a list that the answer hands out as a bill.
func handPage(call *mockchannel.Call, bill mockchannel.Bill, p page, list []movement) {
	part, more, err := cut(p, list, func(m movement) string { return m.id }, "")
	if err != nil {
		return
	}
	var lines []mockchannel.BillLine
	for _, m := range slices.Backward(part) {
		if !slices.Contains(lines, m.line) {
			lines = append(lines, m.line)
		}
	}
	var from, until time.Time
	if p.since > 0 {
		from = time.Unix(p.since, 0)
	}
	if p.until > 0 {
		until = time.Unix(p.until+1, 0)
	}
	if len(lines) > 0 && (more || p.before != "") {
		from = lines[0].At
	}
	if len(lines) > 0 && (p.after != "" || p.before != "") {
		until = lines[len(lines)-1].At
	}
	call.Hand(bill.Part(lines, from, until))
}

func getBalance(r *request) (mockchannel.MerchantRequest, error) {
	return r.does(func(call *mockchannel.Call) (mockchannel.Answer, error) {
		for _, m := range movements(call, call.Cut(mockchannel.BillScope{}).Lines) {
			if m.id == r.id {
				return r.answer(call, func(w *writer) { writeBalance(w, m) }), nil
			}
		}
		return mockchannel.Answer{}, noSuch("balance transaction", r.id, "id")
	})
}

// report is a ReportRun that has been made: https://docs.stripe.com/api/reporting/report_run. Its file is written when
// it is fetched.
type report struct {
	id, kind, file string
	from, until    int64 // seconds of business time
	created        int64
}

const (
	kindReport = "reporting.report_run"
	kindFile   = "file"
	itemized   = "balance_change_from_activity.itemized."
	endless    = 1 << 62 // seconds
)

func createReport(r *request) (mockchannel.MerchantRequest, error) {
	made := report{kind: r.required("report_type")}
	parameters := reader{form: r.under("parameters")}
	made.from, made.until = parameters.integer("interval_start", 0), parameters.integer("interval_end", endless)
	if parameters.err != nil {
		return mockchannel.MerchantRequest{}, parameters.err
	}
	if made.kind != "" && !strings.HasPrefix(made.kind, itemized) {
		r.fail(invalid("", "report_type", "Only the report types "+itemized+"1 to 6 can be run here, not: "+clip(made.kind)))
	}
	if err := r.check("report_type", "parameters"); err != nil {
		return mockchannel.MerchantRequest{}, err
	}
	return r.does(func(call *mockchannel.Call) (mockchannel.Answer, error) {
		made.id, made.file, made.created = call.Identifier(identifyReport), call.Identifier(identifyFile), call.Now().Unix()
		call.PutObject(kindReport, made.id, made)
		call.PutObject(kindFile, made.file, made)
		return r.answer(call, func(w *writer) { made.write(w, r.http) }), nil
	})
}

func getReport(r *request) (mockchannel.MerchantRequest, error) {
	return r.does(func(call *mockchannel.Call) (mockchannel.Answer, error) {
		value, _ := call.Object(kindReport, r.id)
		made, is := value.(report)
		if !is {
			return mockchannel.Answer{}, noSuch("report_run", r.id, "id")
		}
		return r.answer(call, func(w *writer) { made.write(w, r.http) }), nil
	})
}

func (made report) write(w *writer, hr *http.Request) {
	scheme := "http://"
	if hr.TLS != nil {
		scheme = "https://"
	}
	w.begin("")
	w.string("id", made.id)
	w.string("object", kindReport)
	w.number("created", made.created)
	w.constant(`"error":null,"livemode":false,"parameters":{}`)
	w.string("report_type", made.kind)
	w.begin("result")
	w.string("id", made.file)
	w.string("object", "file")
	w.number("created", made.created)
	w.constant(`"expires_at":null,"filename":"` + made.id + `.csv","links":null,"purpose":"finance_report_run","size":0,"title":null,"type":"csv"`)
	w.string("url", scheme+hr.Host+"/v1/files/"+made.file+"/contents")
	w.end()
	w.string("status", "succeeded")
	w.number("succeeded_at", made.created)
	w.end()
}

// getFile is the report as CSV: https://docs.stripe.com/reports/report-types/balance-change-from-activity. The last two
// columns are payment_metadata[order] and refund_metadata[refund_no].
func getFile(r *request) (mockchannel.MerchantRequest, error) {
	return r.does(func(call *mockchannel.Call) (mockchannel.Answer, error) {
		value, _ := call.Object(kindFile, r.id)
		made, is := value.(report)
		if !is {
			return mockchannel.Answer{}, noSuch("file", r.id, "id")
		}
		var text bytes.Buffer
		out := csv.NewWriter(&text)
		rows := [][]string{{
			"balance_transaction_id", "created_utc", "reporting_category", "gross", "fee", "net", "currency", "source_id",
			"charge_id", "payment_intent_id", "payment_metadata[order]", "refund_metadata[refund_no]",
		}}
		scope := mockchannel.BillScope{Name: made.id, From: time.Unix(made.from, 0)}
		if made.until < endless {
			scope.Until = time.Unix(made.until, 0)
		}
		bill := call.Cut(scope)
		call.Hand(bill)
		for _, m := range movements(call, bill.Lines) {
			amount := decimal(m.amount, m.currency)
			rows = append(rows, []string{
				m.id, m.at.UTC().Format(time.DateTime), m.category, amount, decimal(0, m.currency), amount,
				strings.ToLower(m.currency), m.source, chargeID(m.payment, attemptsOf(call, m.payment)), m.payment, m.line.Order,
				m.line.Number,
			})
		}
		if err := out.WriteAll(rows); err != nil {
			return mockchannel.Answer{}, err
		}
		header := r.header()
		header.Set("Content-Type", "text/csv; charset=utf-8")
		header.Set("Content-Disposition", "attachment; filename="+strconv.Quote(made.id+".csv"))
		return mockchannel.Answer{Status: http.StatusOK, Header: header, Body: text.Bytes()}, nil
	})
}
