package mockchannel_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
)

func TestBillsAreRecordedAsServed(t *testing.T) {
	how := mockchannel.SpoilHow("")
	w := newWorld(t, script{request: func(q mockchannel.Request) mockchannel.RequestFault {
		if how == "" || q.Operation != mockchannel.OpBill {
			return mockchannel.RequestFault{}
		}
		return mockchannel.RequestFault{Spoil: &mockchannel.Spoil{Fault: "f", How: how}}
	}})
	first := w.createAndPay("o1")
	w.refund(first, "r1", 500)
	w.quiet()
	download := func(rows, served int) (newest []history.Event, bill history.Event) {
		t.Helper()
		before := len(w.recorded(history.BillRow))
		w.do(http.MethodGet, "/v1/bill", "")
		w.eventually("the bill", func() bool { return len(w.recorded(history.BillServed)) == served })
		newest = w.recorded(history.BillRow)[before:]
		if len(newest) != rows {
			t.Fatalf("%d new rows, want %d: %+v", len(newest), rows, newest)
		}
		return newest, w.recorded(history.BillServed)[served-1]
	}
	rows, bill := download(2, 1)
	if rows[0].State != history.BillCapture || rows[0].Payment != first || rows[0].Order != "o1" || rows[0].Reason != "succeeded" {
		t.Errorf("capture %+v", rows[0])
	}
	if rows[1].State != history.BillRefund || rows[1].MerchantRefund != "r1" || rows[1].Minor != 500 || rows[1].Reason != history.RefundDone {
		t.Errorf("refund %+v", rows[1])
	}
	taken := w.recorded(history.PaymentSucceeded)[0]
	if rows[0].IntendedAt != taken.At || bill.IntendedAt <= taken.At || bill.At < bill.IntendedAt {
		t.Errorf("captured %v, by the bill %v; cut off %v, served %v", taken.At, rows[0].IntendedAt, bill.IntendedAt, bill.At)
	}
	if bill.Key != "#1" || bill.Count != 2 || bill.Detail != "1-2" || bill.Outcome != history.OK || bill.Fault != "" {
		t.Errorf("bill %+v", bill)
	}
	if _, bill = download(0, 2); bill.Detail != "1-2" || bill.Key != "#2" { // the same rows are told once
		t.Errorf("again %+v", bill)
	}
	how = mockchannel.SpoilDay
	rows, bill = download(1, 3)
	if rows[0].IntendedAt != taken.At.Add(-24*time.Hour) || bill.Detail != "2-3" || bill.Fault != "f" {
		t.Errorf("on the wrong day %+v, %+v", rows[0], bill)
	}
	how = mockchannel.SpoilExtra
	if rows, _ = download(1, 4); rows[0].Order != "o19" || rows[0].Payment != first+"9" {
		t.Errorf("a row too many %+v", rows[0])
	}
	how = mockchannel.SpoilMissing
	if _, bill = download(0, 5); bill.Detail != "2" || bill.Fault != "f" {
		t.Errorf("a row missing %+v", bill)
	}
}
