package wechatpay

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
)

// The headings of a trade bill. The bills of one kind only leave some out.
var (
	tradeHeadings = strings.Split("交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,"+
		"应结订单金额,代金券金额,退款申请时间,退款成功时间,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,"+
		"订单金额,申请退款金额,费率备注", ",")
	tradeSummary = strings.Split("总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额", ",")
	fundHeadings = strings.Split("记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),资金变更提交申请人,备注,业务凭证号", ",")
	fundSummary  = strings.Split("资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额", ",")
)

// columns says which headings a kind of trade bill leaves out.
type columns struct{ without, withoutInSummary []string }

var tradeColumns = map[string]columns{
	"ALL": {without: []string{"退款申请时间", "退款成功时间"}},
	"SUCCESS": {
		without: []string{
			"退款申请时间", "退款成功时间", "微信退款单号", "商户退款单号", "退款金额", "充值券退款金额", "退款类型", "退款状态", "申请退款金额",
		},
		withoutInSummary: []string{"退款总金额", "充值券退款总金额", "申请退款总金额"},
	},
	"REFUND": {},
}

// only are the fields whose heading is not left out.
func only(headings, fields, without []string) []string {
	var kept []string
	for i, field := range fields {
		if !slices.Contains(without, headings[i]) {
			kept = append(kept, field)
		}
	}
	return kept
}

// tradeText is a trade bill.
func (r *request) tradeText(lines []mockchannel.BillLine, chosen columns) []byte {
	if len(lines) == 0 {
		return nil
	}
	s := newSheet(only(tradeHeadings, tradeHeadings, chosen.without))
	var taken, returned int64
	for _, line := range lines {
		p, found := r.channel.Find(line.Payment)
		if !found { // a line that the ledger does not have
			p.Captured = line.Minor
		}
		details := detailsOf(p, r.keys)
		row := tradeRow{line: line, details: details, mchid: r.keys.mchid, total: p.Captured}
		if line.Kind == history.BillRefund {
			returned += line.Minor
		} else {
			taken += line.Minor
		}
		s.row(only(tradeHeadings, row.fields(), chosen.without))
	}
	totals := []string{
		strconv.Itoa(len(lines)), yuan(taken), yuan(returned), yuan(0), "0.00000", yuan(taken), yuan(returned),
	}
	return s.summary(
		only(tradeSummary, tradeSummary, chosen.withoutInSummary), only(tradeSummary, totals, chosen.withoutInSummary),
	)
}

// tradeRow is a capture or a refund in a trade bill.
type tradeRow struct {
	line    mockchannel.BillLine
	details order
	mchid   string
	total   int64 // that was captured
}

func (r tradeRow) fields() []string {
	state, settled, asked := "SUCCESS", yuan(r.line.Minor), yuan(r.line.Minor)
	applied, done, id, number, refunded, kind, status := "", "", "0", "0", yuan(0), "", ""
	if r.line.Kind == history.BillRefund {
		state, settled, asked, refunded = "REFUND", yuan(0), yuan(0), yuan(r.line.Minor)
		applied, id, number, kind, status = billTime(r.line.At), r.line.Refund, cmp.Or(r.line.Number, r.line.Refund), "ORIGINAL", "PROCESSING"
		if r.line.State == history.RefundDone {
			status, done = "SUCCESS", billTime(r.line.At)
		}
	}
	return []string{
		billTime(r.line.At), r.details.appid, r.mchid, "0", "", r.line.Payment, r.line.Order,
		cmp.Or(r.details.openid, "o"+r.line.Payment[1:]), r.details.tradeType, state, "OTHERS", r.line.Currency,
		settled, yuan(0), applied, done, id, number, refunded, yuan(0), kind, status,
		r.details.description, r.details.attach, "0.00000", "0.00%", asked, refunded, "",
	}
}

func billTime(t time.Time) string { return t.In(beijing).Format(time.DateTime) }

// fundFlowText is a day's movements of the merchant's account, with what was left after each. A refund that failed came
// back; since a line does not say when, it stands at once after the refund.
func fundFlowText(lines []mockchannel.BillLine, day string) []byte {
	s := newSheet(fundHeadings)
	var balance, in, out int64
	var inCount, outCount int
	move := func(line mockchannel.BillLine, name, direction, number string, minor int64) {
		balance += minor
		if dayOf(line) != day {
			return
		}
		if minor > 0 {
			in, inCount = in+minor, inCount+1
		} else {
			out, outCount = out-minor, outCount+1
		}
		s.row([]string{
			billTime(line.At), number, "1" + number[1:], name, name, direction, yuan(max(minor, -minor)), yuan(balance),
			"system", "", cmp.Or(line.Number, line.Order),
		})
	}
	for _, line := range lines {
		switch {
		case line.Kind == history.BillCapture:
			move(line, "交易", "收入", line.Payment, line.Minor)
		case line.State == history.RefundBroken:
			move(line, "退款", "支出", line.Refund, -line.Minor)
			move(line, "退款", "收入", line.Refund, line.Minor)
		default:
			move(line, "退款", "支出", line.Refund, -line.Minor)
		}
	}
	if inCount+outCount == 0 {
		return nil
	}
	return s.summary(fundSummary, []string{
		strconv.Itoa(inCount + outCount), strconv.Itoa(inCount), yuan(in), strconv.Itoa(outCount), yuan(out),
	})
}
