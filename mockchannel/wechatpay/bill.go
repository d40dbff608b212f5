package wechatpay

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha1" // the provider's choice: it is a checksum of the file and protects nothing
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
)

const (
	billObject = "bill" // the kind of the channel's objects that are bill files
	// downloadable is how long a download address is valid, by the wall clock: five minutes in the newer text.
	downloadable = 5 * time.Minute
)

// billFile is a bill that was asked for, as it was then.
type billFile struct {
	bill  mockchannel.Bill
	text  []byte
	gzip  bool
	until time.Time // wall clock
}

// billAnswer is where to get a bill, and the checksum of its text.
type billAnswer struct {
	HashType    string `json:"hash_type"`
	HashValue   string `json:"hash_value"`
	DownloadURL string `json:"download_url"`
}

// tradeBill decodes GET /v3/bill/tradebill.
func tradeBill(r *request) (mockchannel.MerchantRequest, error) {
	kind := cmp.Or(r.URL.Query().Get("bill_type"), "ALL")
	columns, known := tradeColumns[kind]
	if !known {
		return mockchannel.MerchantRequest{}, invalid(inQuery+"bill_type", "可选取值：ALL、SUCCESS、REFUND")
	}
	only := map[string]string{"SUCCESS": history.BillCapture, "REFUND": history.BillRefund}
	return r.bill(func(call *mockchannel.Call, day mockchannel.BillScope) ([]byte, mockchannel.Bill) {
		day.Kind, day.Shown = only[kind], shownInTrades
		bill := call.Cut(day)
		return r.tradeText(bill.Lines, columns), bill
	})
}

// shownInTrades is how a trade bill has a line. A refund's row is written when the refund begins, and what becomes of it
// later is not always in it: it is SUCCESS if the refund was done when the bill was written, and PROCESSING otherwise, also
// if it has failed.
func shownInTrades(line mockchannel.BillLine) (mockchannel.BillLine, bool) {
	if line.Kind == history.BillRefund && line.State != history.RefundDone {
		line.State = history.RefundPending
	}
	return line, true
}

// fundFlowBill decodes GET /v3/bill/fundflowbill.
func fundFlowBill(r *request) (mockchannel.MerchantRequest, error) {
	if account := r.URL.Query().Get("account_type"); account != "" && account != "BASIC" {
		return mockchannel.MerchantRequest{}, &mockchannel.Error{Code: codeNoStatement}
	}
	return r.bill(func(call *mockchannel.Call, day mockchannel.BillScope) ([]byte, mockchannel.Bill) {
		all := call.Cut(mockchannel.BillScope{Name: "fund-flow " + day.Name}) // what was left of earlier days is the balance
		lines := slices.DeleteFunc(slices.Clone(all.Lines), func(line mockchannel.BillLine) bool { return dayOf(line) != day.Name })
		return fundFlowText(all.Lines, day.Name), all.Part(lines, day.From, day.Until)
	})
}

// bill keeps a file of a day's lines for the download. A day without lines has none. Today's bill is to be had, because a
// run does not last until tomorrow's morning.
func (r *request) bill(write func(*mockchannel.Call, mockchannel.BillScope) ([]byte, mockchannel.Bill)) (mockchannel.MerchantRequest, error) {
	query := r.URL.Query()
	day, tar := query.Get("bill_date"), query.Get("tar_type")
	begin, err := time.ParseInLocation(time.DateOnly, day, beijing)
	if err != nil {
		return mockchannel.MerchantRequest{}, invalid(inQuery+"bill_date", "格式yyyy-MM-dd")
	}
	if tar != "" && tar != "GZIP" {
		return mockchannel.MerchantRequest{}, invalid(inQuery+"tar_type", "可选取值：GZIP")
	}
	return mockchannel.MerchantRequest{
		Do: func(call *mockchannel.Call) (mockchannel.Answer, error) {
			text, bill := write(call, mockchannel.BillScope{Name: day, From: begin, Until: begin.AddDate(0, 0, 1)})
			if text == nil {
				return mockchannel.Answer{}, &mockchannel.Error{Code: codeNoStatement}
			}
			token := hex.EncodeToString(fresh(24))
			call.PutObject(billObject, token, billFile{bill: bill, text: text, gzip: tar == "GZIP", until: call.Wall().Add(downloadable)})
			sum := sha1.Sum(text)
			return r.answer(http.StatusOK, billAnswer{
				HashType: "SHA1", HashValue: hex.EncodeToString(sum[:]), DownloadURL: r.here("/v3/billdownload/file", token),
			}), nil
		},
	}, nil
}

// here is an address at which this merchant reaches the channel, whatever stands between them.
func (r *request) here(path, token string) string {
	address := url.URL{Scheme: "http", Host: r.Host, Path: path, RawQuery: url.Values{"token": {token}}.Encode()}
	if r.TLS != nil {
		address.Scheme = "https"
	}
	return address.String()
}

// downloadBill decodes GET /v3/billdownload/file, whose answer is the only one without a signature.
func downloadBill(r *request) (mockchannel.MerchantRequest, error) {
	token := r.URL.Query().Get("token")
	return mockchannel.MerchantRequest{
		Do: func(call *mockchannel.Call) (mockchannel.Answer, error) {
			value, _ := call.Object(billObject, token)
			file, found := value.(billFile)
			if !found || call.Wall().After(file.until) {
				return mockchannel.Answer{}, &mockchannel.Error{Code: codeNoBillFile}
			}
			body, contentType := file.text, "text/plain; charset=utf-8"
			if file.gzip {
				body, contentType = compressed(file.text), "application/x-gzip"
			}
			call.Hand(file.bill)
			answer := r.carry(http.StatusOK, contentType, body)
			answer.Sign = nil
			return answer, nil
		},
	}, nil
}

func compressed(text []byte) []byte {
	var file bytes.Buffer
	writer := gzip.NewWriter(&file)
	_, _ = writer.Write(text) // a buffer takes everything
	_ = writer.Close()
	return file.Bytes()
}

func dayOf(line mockchannel.BillLine) string { return line.At.In(beijing).Format(time.DateOnly) }

// yuan is an amount of fen as bills have it, while the API has fen.
func yuan(fen int64) string {
	sign := ""
	if fen < 0 {
		sign, fen = "-", -fen
	}
	cents := strconv.FormatInt(fen%100+100, 10)[1:]
	return sign + strconv.FormatInt(fen/100, 10) + "." + cents
}

// sheet writes a bill: a byte order mark, headings, rows whose fields begin with a back-tick, headings of the summary and
// one row of it.
type sheet struct{ text bytes.Buffer }

func newSheet(headings []string) *sheet {
	s := &sheet{}
	s.text.WriteString("\ufeff" + strings.Join(headings, ",") + "\r\n")
	return s
}

func (s *sheet) row(fields []string) {
	s.text.WriteByte('`')
	for i, field := range fields {
		if i > 0 {
			s.text.WriteString(",`")
		}
		s.text.WriteString(strings.NewReplacer("\r", " ", "\n", " ", "`", " ").Replace(field))
	}
	s.text.WriteString("\r\n")
}

func (s *sheet) summary(headings, fields []string) []byte {
	s.text.WriteString(strings.Join(headings, ",") + "\r\n")
	s.row(fields)
	return s.text.Bytes()
}
