package flashshop

import (
	"archive/zip"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/smartwalle/alipay/v3"
	"github.com/stripe/stripe-go/v85"
	"github.com/wechatpay-apiv3/wechatpay-go/core"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// How each provider's bills are fetched and read.

const billMost = 32 << 20 // bytes

// table reads a CSV whose first row has the names of the columns.
func table(text io.Reader) (rows []map[string]string, err error) {
	reader := csv.NewReader(text)
	reader.FieldsPerRecord, reader.LazyQuotes = -1, true
	list, err := reader.ReadAll()
	if err != nil || len(list) == 0 {
		return nil, cmp.Or(err, errors.New("the bill is empty"))
	}
	for _, fields := range list[1:] {
		row := map[string]string{}
		for i, name := range list[0][:min(len(fields), len(list[0]))] {
			row[name] = fields[i]
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// download fetches a file.
func download(ctx context.Context, client *http.Client, address, authorization string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the provider answered %s", response.Status)
	}
	return io.ReadAll(io.LimitReader(response.Body, billMost))
}

// bills is one, of everything.
func (c *standard) bills(ctx context.Context, _ time.Time) ([]bill, error) {
	text, err := download(ctx, c.http, c.base+"/v1/bill", "Bearer "+c.key)
	if err != nil {
		return nil, err
	}
	rows, err := table(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	var b bill
	for _, row := range rows {
		line := billLine{Payment: row["payment"], TradeNo: row["payment"], Order: row["order"], State: row["state"]}
		if row["type"] == "refund" {
			line.Refund = cmp.Or(row["refund_no"], row["refund"])
		}
		var err, bad error
		line.At, err = time.Parse(time.RFC3339Nano, row["at"])
		_, bad = fmt.Sscan(row["amount_minor"], &line.Minor)
		if err = errors.Join(err, bad); err != nil {
			return nil, err
		}
		b.Lines = append(b.Lines, line)
	}
	return []bill{b}, nil
}

// bills is Stripe's report of what changed the balance, of the last two days.
// https://docs.stripe.com/reports/report-types/balance-change-from-activity
func (s *stripeShop) bills(ctx context.Context, now time.Time) ([]bill, error) {
	from := now.AddDate(0, 0, -2).Truncate(time.Second)
	run, err := s.client.V1ReportingReportRuns.Create(ctx, &stripe.ReportingReportRunCreateParams{
		ReportType: stripe.String("balance_change_from_activity.itemized.6"),
		Parameters: &stripe.ReportingReportRunCreateParametersParams{IntervalStart: stripe.Int64(from.Unix())},
	})
	if err != nil {
		return nil, fmt.Errorf("run report: %w", stripeRefusal(err, nil))
	}
	if run.Result == nil || run.Result.URL == "" {
		return nil, errors.New("the report is not ready")
	}
	text, err := download(ctx, s.files, run.Result.URL, "Bearer "+s.key)
	if err != nil {
		return nil, err
	}
	rows, err := table(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	b := bill{Name: run.ID, From: from}
	failed := map[string]bool{}
	for _, row := range slices.Backward(rows) { // what came back stands after what left
		line := billLine{
			Payment: row["payment_intent_id"], TradeNo: row["payment_intent_id"], Order: row["payment_metadata[order]"], State: refundSucceeded,
		}
		line.At, err = time.Parse(time.DateTime, row["created_utc"])
		if err != nil {
			return nil, err
		}
		amount, negative := strings.CutPrefix(row["gross"], "-")
		if line.Minor, err = fromYuan(amount); err != nil {
			return nil, err
		}
		if row["reporting_category"] == "refund_failure" {
			failed[row["source_id"]] = true
			continue
		}
		if negative {
			line.Refund = cmp.Or(row["refund_metadata[refund_no]"], row["source_id"])
			if failed[row["source_id"]] {
				line.State = refundFailed
			}
		}
		b.Lines = append(b.Lines, line)
	}
	return []bill{b}, nil
}

// days are yesterday and today, as Beijing has them.
func days(now time.Time) []bill {
	today := now.In(beijing())
	begin := time.Date(today.Year(), today.Month(), today.Day(), 0, 0, 0, 0, beijing())
	var list []bill
	for _, from := range []time.Time{begin.AddDate(0, 0, -1), begin} {
		list = append(list, bill{Name: from.Format(time.DateOnly), From: from, Until: from.AddDate(0, 0, 1)})
	}
	return list
}

// dated fetches the bills of the last days, where there are any. What came before an error is told with it.
func dated(now time.Time, fetch func(b *bill) error) ([]bill, error) {
	var list []bill
	for _, b := range days(now) {
		err := fetch(&b)
		if errors.Is(err, errNoBill) {
			continue
		}
		if err != nil {
			return list, fmt.Errorf("of %s: %w", b.Name, err)
		}
		list = append(list, b)
	}
	return list, nil
}

var errNoBill = errors.New("there is no bill of that day")

// bills are zipped files of GBK. Only what has succeeded stands in them.
func (s *alipayShop) bills(ctx context.Context, now time.Time) ([]bill, error) {
	return dated(now, func(b *bill) error {
		told, err := s.client.BillDownloadURLQuery(ctx, alipay.BillDownloadURLQuery{BillType: "trade", BillDate: b.Name})
		if err == nil {
			err = &told.Error
		}
		if failure := (*alipay.Error)(nil); errors.As(err, &failure) && failure.SubCode == "isp.bill_not_exist" {
			return errNoBill
		}
		if err = alipayError(err, nil); err != nil {
			return err
		}
		file, err := download(ctx, s.files, told.BillDownloadURL, "")
		if err != nil {
			return err
		}
		b.Lines, err = alipayLines(file)
		return err
	})
}

// alipayLines reads the first file of the archive: the details. Their heads are on the fifth line.
func alipayLines(file []byte) ([]billLine, error) {
	archive, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil || len(archive.File) == 0 {
		return nil, cmp.Or(err, errors.New("the archive is empty"))
	}
	reader, err := archive.File[0].Open()
	if err != nil {
		return nil, err
	}
	defer func() { _ = reader.Close() }()
	text, err := io.ReadAll(io.LimitReader(simplifiedchinese.GBK.NewDecoder().Reader(reader), billMost))
	if err != nil {
		return nil, err
	}
	var plain []string
	for line := range strings.SplitSeq(string(text), "\n") {
		if line != "" && !strings.HasPrefix(line, "#") {
			plain = append(plain, strings.ReplaceAll(line, "\t", ""))
		}
	}
	rows, err := table(strings.NewReader(strings.Join(plain, "\n")))
	if err != nil {
		return nil, err
	}
	var lines []billLine
	for _, row := range rows {
		line := billLine{Payment: row["商户订单号"], TradeNo: row["支付宝交易号"], State: refundSucceeded}
		if line.At, err = time.ParseInLocation(time.DateTime, row["完成时间"], beijing()); err != nil {
			return nil, err
		}
		if line.Minor, err = fromYuan(strings.TrimPrefix(row["订单金额（元）"], "-")); err != nil {
			return nil, err
		}
		if row["业务类型"] == "退款" {
			line.Refund = row["退款批次号/请求号"]
		}
		lines = append(lines, line)
	}
	return lines, nil
}

// bills are texts whose fields begin with a back-tick, in yuan while the interface has fen.
func (s *wechatShop) bills(ctx context.Context, now time.Time) ([]bill, error) {
	return dated(now, func(b *bill) error {
		result, err := s.native.Client.Get(ctx, "https://api.mch.weixin.qq.com/v3/bill/tradebill?tar_type=GZIP&bill_date="+url.QueryEscape(b.Name))
		if wechatCode(err, "NO_STATEMENT_EXIST") {
			return errNoBill
		}
		if err != nil {
			return wechatError(err, nil)
		}
		var told struct {
			URL string `json:"download_url"`
		}
		if err := core.UnMarshalResponse(result.Response, &told); err != nil {
			return err
		}
		text, err := s.billText(ctx, told.URL)
		if err != nil {
			return err
		}
		b.Lines, err = wechatLines(text)
		return err
	})
}

// billText downloads a bill, whose answer is the only one that has no signature.
func (s *wechatShop) billText(ctx context.Context, address string) (string, error) {
	result, err := s.files.Get(ctx, address)
	if err != nil {
		return "", wechatError(err, nil)
	}
	defer func() { _ = result.Response.Body.Close() }()
	reader, err := gzip.NewReader(io.LimitReader(result.Response.Body, billMost))
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(reader, billMost))
	return string(text), err
}

func wechatLines(text string) ([]billLine, error) {
	body, _, _ := strings.Cut(strings.TrimPrefix(text, "\ufeff"), "总交易单数")
	rows, err := table(strings.NewReader(strings.ReplaceAll(body, "`", "")))
	if err != nil {
		return nil, err
	}
	var lines []billLine
	for _, row := range rows {
		line := billLine{Payment: row["商户订单号"], TradeNo: row["微信订单号"], State: refundSucceeded}
		if line.At, err = time.ParseInLocation(time.DateTime, row["交易时间"], beijing()); err != nil {
			return nil, err
		}
		amount := row["订单金额"]
		if row["交易状态"] == "REFUND" {
			line.Refund, line.State, amount = row["商户退款单号"], wechatRefundState(row["退款状态"]), row["退款金额"]
		}
		if line.Minor, err = fromYuan(amount); err != nil {
			return nil, err
		}
		lines = append(lines, line)
	}
	return lines, nil
}
