package alipay_test

import (
	"strings"
	"testing"

	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/mockchannel/alipay"
)

// faults answers the channel's questions by functions.
type faults struct {
	request func(mockchannel.Request) mockchannel.RequestFault
	change  func(mockchannel.Change) mockchannel.ChangeFault
}

func (f faults) Request(q mockchannel.Request) (fault mockchannel.RequestFault) {
	if f.request != nil {
		fault = f.request(q)
	}
	return fault
}

func (f faults) Change(q mockchannel.Change) (fault mockchannel.ChangeFault) {
	if f.change != nil {
		fault = f.change(q)
	}
	return fault
}

func (faults) Notice(mockchannel.Notice) mockchannel.NoticeFault { return mockchannel.NoticeFault{} }

func (faults) Attempt(mockchannel.Notice, int) mockchannel.AttemptFault {
	return mockchannel.AttemptFault{}
}
func (faults) Reached(mockchannel.Moment) {}

// TestFaults: what goes wrong on purpose is said in the provider's words, always with status 200.
func TestFaults(t *testing.T) {
	var fault mockchannel.RequestFault
	var asked mockchannel.Request
	w := newWorld(t, alipay.Settings{}, func(c *mockchannel.Config) {
		c.Faults = faults{request: func(q mockchannel.Request) mockchannel.RequestFault {
			asked = q
			return fault
		}}
	})
	w.paid("o1")
	for code, want := range map[string][2]string{
		"rate_limited": {"40005", "isv.app-call-limited"}, "internal": {"40004", "ACQ.SYSTEM_ERROR"},
		"unavailable": {"20000", "isp.unknow-error"},
	} {
		fault = mockchannel.RequestFault{Reject: &mockchannel.Reject{Fault: "f", Status: 503, Code: code}}
		s := w.refuses(want[1], "alipay.trade.query", m{"out_trade_no": "o1"})
		if s.get("code") != want[0] || asked.Operation != mockchannel.OpQuery || asked.Order != "o1" || asked.Key == "" {
			t.Errorf("%s: %s, asked about %+v", code, s.raw, asked)
		}
	}
	fault = mockchannel.RequestFault{Missign: &mockchannel.Missign{Fault: "f"}}
	if s := w.ask("alipay.trade.query", m{"out_trade_no": "o1"}); s.signed || s.get("code") != "10000" {
		t.Errorf("%s", s.raw)
	}
	fault = mockchannel.RequestFault{Stale: &mockchannel.Stale{Fault: "f", NotFound: true}}
	w.refuses("ACQ.TRADE_NOT_EXIST", "alipay.trade.query", m{"out_trade_no": "o1"})
	fault = mockchannel.RequestFault{Lose: &mockchannel.Lose{Fault: "f", How: mockchannel.LoseByError}}
	w.refuses("ACQ.SYSTEM_ERROR", "alipay.trade.refund", m{"out_trade_no": "o1", "refund_amount": "88.88"})
	fault = mockchannel.RequestFault{}
	if s := w.does("alipay.trade.fastpay.refund.query", m{"out_trade_no": "o1", "out_request_no": "o1"}); s.get("refund_status") == "" {
		t.Errorf("%s", s.raw)
	}
}

func TestOperations(t *testing.T) {
	var asked []mockchannel.Operation
	w := newWorld(t, alipay.Settings{BillsAtOnce: true}, func(c *mockchannel.Config) {
		c.Faults = faults{request: func(q mockchannel.Request) mockchannel.RequestFault {
			asked = append(asked, q.Operation)
			return mockchannel.RequestFault{}
		}}
	})
	w.paid("o1")
	number := m{"out_trade_no": "o1"}
	w.ask("alipay.trade.query", number)
	w.ask("alipay.trade.close", number)
	w.ask("alipay.trade.cancel", m{"out_trade_no": "o2"})
	w.ask("alipay.trade.refund", m{"out_trade_no": "o1", "refund_amount": "1", "out_request_no": "1"})
	w.ask("alipay.trade.fastpay.refund.query", m{"out_trade_no": "o1", "out_request_no": "1"})
	w.ask("alipay.data.dataservice.bill.downloadurl.query", m{"bill_type": "trade", "bill_date": "2020-01-01"})
	want := "create query close close refund refund-query bill"
	var got []string
	for _, operation := range asked {
		got = append(got, string(operation))
	}
	if strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
}
