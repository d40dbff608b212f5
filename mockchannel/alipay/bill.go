package alipay

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
)

// billPath is where the files of bills are, of which the merchant is told an address that is good for a short while and
// that needs no signature of its own.
const billPath = "/downloadBillFile.resource"

const (
	billTrade   = "trade"
	billReady   = 34 * time.Hour     // after the day began: 10:00 of the next one
	billMonth   = 3 * 24 * time.Hour // after the month's end
	billFetched = 30 * time.Second   // after it was asked for
	kindOfBill  = "bill"             // of the channel's objects
)

// period is what a bill is about: a day or a month.
type period struct {
	name       string // as in file names: 20260102 or 202601
	begin, end time.Time
}

// periodOf reads a bill_date: yyyy-MM-dd or yyyy-MM.
func periodOf(date string) (period, bool) {
	if day, err := time.ParseInLocation("2006-01-02", date, beijing); err == nil {
		return period{day.Format("20060102"), day, day.AddDate(0, 0, 1)}, true
	}
	month, err := time.ParseInLocation("2006-01", date, beijing)
	return period{month.Format("200601"), month, month.AddDate(0, 1, 0)}, err == nil
}

// ready says whether the bill of a period can be had: of a day from 10:00 of the next one on, of a month from the third
// of the next one on, unless the mock is to be faster.
func (p period) ready(now time.Time, atOnce bool) bool {
	switch {
	case atOnce:
		return now.After(p.begin)
	case len(p.name) == len("200601"):
		return now.After(p.end.Add(billMonth))
	default:
		return now.After(p.begin.Add(billReady))
	}
}

type billAnswer struct {
	outcome
	URL string `json:"bill_download_url"`
}

// queryBill makes the file of a period and tells its address. There is none of a period without movements.
func queryBill(r *request) (mockchannel.MerchantRequest, error) {
	period, isDate := periodOf(string(r.content.BillDate))
	switch {
	case r.content.BillType != billTrade:
		return mockchannel.MerchantRequest{}, refusal("isv.invalid_arguments", "bill_type: this channel has only trade")
	case !isDate:
		return mockchannel.MerchantRequest{}, refusal("isv.invalid_arguments", "bill_date: want yyyy-MM-dd or yyyy-MM")
	}
	return mockchannel.MerchantRequest{Do: func(call *mockchannel.Call) (mockchannel.Answer, error) {
		if now := call.Now(); !period.ready(now, r.dialect.settings.BillsAtOnce) {
			if now.Before(period.end) {
				return mockchannel.Answer{}, refusal("isv.invalid_arguments", "bill_date: the time is not over")
			}
			return mockchannel.Answer{}, refusal("isp.bill_not_exist", "")
		}
		cut := call.Cut(mockchannel.BillScope{Name: string(r.content.BillDate), From: period.begin, Until: period.end, Shown: billed})
		if len(cut.Lines) == 0 {
			return mockchannel.Answer{}, refusal("isp.bill_not_exist", "")
		}
		made := bill{seller: r.keys.sellerID, period: period, made: call.Now(), rows: rowsOf(call, cut.Lines)}
		file, err := made.file()
		if err != nil {
			return mockchannel.Answer{}, err
		}
		stamped := call.Wall()
		token := r.token(period, stamped)
		call.PutObject(kindOfBill, token, billFile{cut, file})
		name := made.account() + "_" + period.name + ".csv.zip"
		query := url.Values{
			"bizType": {billTrade}, "userId": {made.account()}, "fileType": {"csv.zip"}, "bizDates": {period.name},
			"downloadFileName": {name}, "fileId": {"/" + billTrade + "/" + made.account() + "/" + period.name + ".csv.zip"},
			"appId": {r.keys.appID}, "timestamp": {strconv.FormatInt(stamped.UnixMilli(), 10)}, "token": {token},
		}
		return r.answer(billAnswer{success, r.gateway + billPath + "?" + query.Encode()}), nil
	}}, nil
}

// token is what only the provider could have put into an address.
func (r *request) token(p period, at time.Time) string {
	return tokenOf(r.keys, p.name, at.UnixMilli())
}

func tokenOf(k *keys, name string, milliseconds int64) string {
	mac := hmac.New(sha256.New, k.alipay.D.Bytes())
	mac.Write([]byte(k.appID + "\n" + name + "\n" + strconv.FormatInt(milliseconds, 10))) // never fails
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// billed are the lines that the provider bills: money that came, and money that went back for good.
func billed(line mockchannel.BillLine) (mockchannel.BillLine, bool) {
	return line, line.Kind == history.BillCapture || line.State == history.RefundDone
}

// billFile is a bill and its file.
type billFile struct {
	bill mockchannel.Bill
	file []byte
}

// fetchBill hands out a file. Who comes too late, or with an address that was not made here, gets nothing.
func (d *dialect) fetchBill(channel *mockchannel.Channel, w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	milliseconds, err := strconv.ParseInt(query.Get("timestamp"), 10, 64)
	merchant, known := channel.Authenticate(query.Get("appId"))
	k, issued := merchant.Keys.(*keys)
	if err != nil || !known || !issued {
		http.NotFound(w, r)
		return
	}
	token := tokenOf(k, query.Get("bizDates"), milliseconds)
	call := channel.Call(merchant)
	file, found := call.Object(kindOfBill, token)
	switch age := call.Wall().Sub(time.UnixMilli(milliseconds)); {
	case !hmac.Equal([]byte(token), []byte(query.Get("token"))) || !found:
		http.NotFound(w, r)
	case age > billFetched:
		http.Error(w, "the address is no longer good", http.StatusForbidden)
	default:
		w.Header().Set("Content-Type", "application/zip")
		w.Header().Set("Content-Disposition", `attachment; filename="`+strings.Map(plainName, query.Get("downloadFileName"))+`"`)
		made, outcome := file.(billFile), history.OK
		if _, err := w.Write(made.file); err != nil {
			outcome = history.Unknown
		}
		channel.Handed(made.bill, outcome, http.StatusOK)
	}
}

// plainName keeps a file name to what a header may say.
func plainName(r rune) rune {
	if r == '.' || r == '_' || (r >= '0' && r <= '9') || (r >= 'a' && r <= 'z') {
		return r
	}
	return -1
}
