package alipay_test

import (
	"archive/zip"
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/mockchannel/alipay"
)

const billMethod = "alipay.data.dataservice.bill.downloadurl.query"

func read(t testing.TB, response *http.Response) (int, string, http.Header) {
	t.Helper()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text), response.Header
}

// get opens an address.
func (w *world) get(address string) (int, string, http.Header) {
	w.t.Helper()
	response, err := w.client.Get(address)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	return read(w.t, response)
}

func ungbk(t *testing.T, text string) string {
	t.Helper()
	plain, err := simplifiedchinese.GBK.NewDecoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

// files unzips a bill: names and texts, both out of GBK.
func (w *world) files(date string) map[string]string {
	w.t.Helper()
	t := w.t.(*testing.T)
	address := w.does(billMethod, m{"bill_type": "trade", "bill_date": date}).get("bill_download_url")
	status, text, _ := w.get(address)
	if status != http.StatusOK {
		t.Fatalf("%d %s", status, text)
	}
	archive, err := zip.NewReader(bytes.NewReader([]byte(text)), int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, file := range archive.File {
		reader, err := file.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(reader)
		if err != nil {
			t.Fatal(err)
		}
		if !file.NonUTF8 {
			t.Errorf("%q says that it is UTF-8", file.Name)
		}
		files[ungbk(t, file.Name)] = ungbk(t, string(content))
	}
	return files
}

// billed is the business day of the first movement.
func (w *world) billed() string {
	line := w.channel.Call(merchants()[0]).Bill()[0]
	return line.At.In(time.FixedZone("", 8*60*60)).Format("2006-01-02")
}

func TestBill(t *testing.T) {
	fails := faults{change: func(c mockchannel.Change) (f mockchannel.ChangeFault) {
		if c.Order == "o2" && c.Kind == mockchannel.ChangeRefund {
			f.RefundFails = &mockchannel.RefundFails{Fault: "f", Reason: "closed"}
		}
		return f
	}}
	w := newWorld(t, alipay.Settings{BillsAtOnce: true}, func(c *mockchannel.Config) { c.Faults = fails })
	content := trade("o1")
	content["subject"] = "手机, 壳 😀"
	if status := w.pays(w.does("alipay.trade.precreate", content).get("qr_code")); status != http.StatusOK {
		t.Fatal(status)
	}
	w.does("alipay.trade.refund", m{"out_trade_no": "o1", "refund_amount": "8.88", "out_request_no": "part"})
	w.paid("o2")
	w.does("alipay.trade.refund", m{"out_trade_no": "o2", "refund_amount": "88.88"}) // which fails
	w.quiet()
	begin := w.billed()
	files := w.files(begin)
	account := told()["seller_id"] + "0156"
	name := account + "_" + strings.ReplaceAll(begin, "-", "")
	detail, summary := files[name+"_业务明细.csv"], files[name+"_业务明细(汇总).csv"]
	lines := strings.Split(detail, "\n")
	if len(files) != 2 || lines[0] != "#支付宝业务明细查询" || lines[1] != "#账号：["+account+"]" || !strings.HasPrefix(lines[4], "支付宝交易号,商户订单号,业务类型,") {
		t.Fatalf("%s", detail)
	}
	heads := strings.Split(lines[4], ",")
	var rows [][]string
	for _, line := range lines[5:] {
		if strings.HasPrefix(line, "#") {
			break
		}
		rows = append(rows, strings.Split(line, ","))
	}
	p, _ := w.channel.FindByOrder("m-1", "o1")
	var got []string
	for _, row := range rows {
		if len(row) != len(heads) || len(heads) != 25 {
			t.Fatalf("%d columns, %d heads: %q", len(row), len(heads), row)
		}
		got = append(got, row[1]+"|"+row[2]+"|"+row[11]+"|"+row[12]+"|"+row[21])
	}
	want := []string{"o1\t|交易\t|88.88|88.88|\t", "o1\t|退款\t|-8.88|-8.88|part\t", "o2\t|交易\t|88.88|88.88|\t"}
	if !slices.Equal(got, want) || rows[0][0] != p.ID+"\t" || rows[0][3] != "手机  壳 ?" {
		t.Errorf("got %q", rows)
	}
	for _, part := range []string{
		"\n#-----------------------------------------业务明细列表结束------------------------------------\n",
		"#交易合计：2笔，商家实收共177.76元，", "#退款合计：1笔，商家实收退款共-8.88元，",
	} {
		if !strings.Contains(detail, part) {
			t.Errorf("%q is not in %s", part, detail)
		}
	}
	if !strings.Contains(summary, "#支付宝业务汇总查询\n") || !strings.Contains(summary, "\n合计\t,\t,2,1,168.88,168.88,") {
		t.Errorf("%s", summary)
	}
	if monthly := w.files(begin[:7]); len(monthly) != 2 {
		t.Errorf("of the month: %v", monthly)
	}
}

// TestBillOfANextDay: there is none before, and none of a day without movements.
func TestBillOfANextDay(t *testing.T) {
	w := newWorld(t, alipay.Settings{}, func(c *mockchannel.Config) {
		c.Business = &mockchannel.Business{Span: 40 * time.Hour, In: time.Second}
	})
	w.paid("o1")
	day := w.billed()
	w.refuses("isv.invalid_arguments", billMethod, m{"bill_type": "trade", "bill_date": day})
	w.eventually("the next day", func() bool {
		return w.ask(billMethod, m{"bill_type": "trade", "bill_date": day}).get("code") == "10000"
	})
	if files := w.files(day); len(files) != 2 {
		t.Errorf("%v", files)
	}
	for date, want := range map[string]string{
		"2020-01-01": "isp.bill_not_exist", "2020-01": "isp.bill_not_exist", "2020-13-01": "isv.invalid_arguments",
		"yesterday": "isv.invalid_arguments", "": "isv.invalid_arguments", "2999-01-01": "isv.invalid_arguments",
	} {
		w.refuses(want, billMethod, m{"bill_type": "trade", "bill_date": date})
	}
	w.refuses("isv.invalid_arguments", billMethod, m{"bill_type": "signcustomer", "bill_date": day})
}

// TestSpoiltBill: what a fault makes of a bill is what the merchant gets.
func TestSpoiltBill(t *testing.T) {
	w := newWorld(t, alipay.Settings{BillsAtOnce: true}, func(c *mockchannel.Config) {
		c.Faults = faults{request: func(q mockchannel.Request) (f mockchannel.RequestFault) {
			if q.Operation == mockchannel.OpBill {
				f.Spoil = &mockchannel.Spoil{Fault: "f", How: mockchannel.SpoilExtra}
			}
			return f
		}}
	})
	w.paid("o1")
	found := false
	for name, text := range w.files(w.billed()) {
		found = found || strings.HasSuffix(name, "明细.csv") && strings.Contains(text, "9\t,o19\t,交易")
	}
	if !found {
		t.Error("there is no row too many")
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if !slices.ContainsFunc(w.events, func(e history.Event) bool { return e.Kind == history.FaultAffected && e.Fault == "f" }) {
		t.Error("the fault affected nothing")
	}
}

func TestAddressesOfBills(t *testing.T) {
	w := newWorld(t, alipay.Settings{BillsAtOnce: true}, nil)
	w.paid("o1")
	address := w.does(billMethod, m{"bill_type": "trade", "bill_date": w.billed()}).get("bill_download_url")
	for name, wrong := range map[string]string{
		"another token": strings.Replace(address, "token=", "token=0", 1), "another app": strings.Replace(address, "appId=", "appId=0", 1),
		"another time": strings.Replace(address, "timestamp=", "timestamp=1", 1), "no time": strings.Replace(address, "timestamp=", "timestamp=x", 1),
		"another day": strings.Replace(address, "bizDates=", "bizDates=1", 1),
	} {
		if status, _, _ := w.get(wrong); status != http.StatusNotFound {
			t.Errorf("%s: %d", name, status)
		}
	}
}
