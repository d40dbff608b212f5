package alipay

import (
	"archive/zip"
	"bytes"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
)

// bill is one, ready to be written.
type bill struct {
	seller string
	period period
	made   time.Time
	rows   []row
}

// row is a trade or a refund of it.
type row struct {
	trade, order, subject, number string // number is a refund's out_request_no
	refund                        bool
	created, finished             time.Time
	buyer                         string
	fen                           int64 // negative of a refund
}

// rowsOf adds what the lines do not know. A line of no trade is there as it is.
func rowsOf(call *mockchannel.Call, lines []mockchannel.BillLine) []row {
	var rows []row
	for _, line := range lines {
		r := row{trade: line.Payment, order: line.Order, created: line.At, finished: line.At, fen: line.Minor}
		if p, err := call.Payment(line.Payment); err == nil {
			r.subject, r.buyer, r.created = tradeOf(p).subject, logonOf(p), call.Business(p.CreatedAt)
		}
		if line.Kind == history.BillRefund {
			r.refund, r.number, r.fen = true, line.Number, -line.Minor
			if r.number == "" {
				r.number = line.Refund
			}
		}
		rows = append(rows, r)
	}
	return rows
}

// account is the seller's, as bills name it.
func (b bill) account() string { return b.seller + "0156" }

// file is the zipped bill: two files of GBK text whose names are GBK too.
func (b bill) file() ([]byte, error) {
	var file bytes.Buffer
	archive := zip.NewWriter(&file)
	for _, part := range []struct{ name, text string }{{"业务明细.csv", b.detail()}, {"业务明细(汇总).csv", b.summary()}} {
		writer, err := archive.CreateHeader(&zip.FileHeader{
			Name: gbk(b.account() + "_" + b.period.name + "_" + part.name), NonUTF8: true, Method: zip.Deflate, Modified: b.made,
		})
		if err != nil {
			return nil, err
		}
		if _, err := writer.Write([]byte(gbk(part.text))); err != nil {
			return nil, err
		}
	}
	err := archive.Close()
	return file.Bytes(), err
}

// gbk writes what GBK lacks as a question mark, as the provider's files do.
func gbk(text string) string {
	encoder := simplifiedchinese.GBK.NewEncoder()
	if encoded, err := encoder.String(text); err == nil {
		return encoded
	}
	var encoded strings.Builder
	for _, r := range text {
		one, err := encoder.String(string(r))
		if err != nil {
			one = "?"
		}
		encoded.WriteString(one)
	}
	return encoded.String()
}

const (
	dayForm     = "2006年01月02日 15:04:05"
	rule        = "#-----------------------------------------"
	detailHeads = "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）," +
		"商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）," +
		"卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注"
	summaryHeads = "门店编号,门店名称,交易订单总笔数,退款订单总笔数,订单金额（元）,商家实收（元）,支付宝优惠（元）,商家优惠（元）," +
		"卡消费金额（元）,服务费（元）,分润（元）,实收净额（元）"
)

// head is how both files begin. Column heads are on their fifth line.
func (b bill) head(title, list, heads string) string {
	return "#支付宝" + title + "查询\n#账号：[" + b.account() + "]\n#起始日期：[" + b.period.begin.Format(dayForm) +
		"]   终止日期：[" + b.period.end.Format(dayForm) + "]\n" + rule + list + "----------------------------------------\n" +
		heads + "\n"
}

func foot(list string) string { return rule + list + "结束------------------------------------\n" }

// detail lists every trade and refund. Some columns are padded with a tab, so that no spreadsheet takes numbers for
// numbers.
func (b bill) detail() string {
	var text strings.Builder
	text.WriteString(b.head("业务明细", "业务明细列表", detailHeads))
	for _, r := range b.rows {
		kind := "交易"
		if r.refund {
			kind = "退款"
		}
		cells := []string{
			r.trade + "\t", r.order + "\t", kind + "\t", plain(r.subject), stamp(r.created), stamp(r.finished), "\t", "\t", "\t", "\t",
			r.buyer + "\t", yuan(r.fen), yuan(r.fen), "0.00", "0.00", "0.00", "0.00", "0.00", "", "0.00\t", "0.00", r.number + "\t",
			"0.00", "0.00", "",
		}
		text.WriteString(strings.Join(cells, ",") + "\n")
	}
	trades, refunds, in, out := b.totals()
	text.WriteString(foot("业务明细列表") +
		"#交易合计：" + strconv.Itoa(trades) + "笔，商家实收共" + yuan(in) + "元，商家优惠共0.00元\n" +
		"#退款合计：" + strconv.Itoa(refunds) + "笔，商家实收退款共" + yuan(out) + "元，商家优惠退款共0.00元\n" +
		"#导出时间：[" + b.made.In(beijing).Format(dayForm) + "]\n")
	return text.String()
}

// summary is one line of totals.
func (b bill) summary() string {
	trades, refunds, in, out := b.totals()
	cells := []string{
		"合计\t", "\t", strconv.Itoa(trades), strconv.Itoa(refunds), yuan(in + out), yuan(in + out), "0.00", "0.00", "0.00", "0.00", "0.00",
		yuan(in + out),
	}
	return b.head("业务汇总", "业务汇总列表", summaryHeads) + strings.Join(cells, ",") + "\n" + foot("业务汇总列表") +
		"#导出时间：[" + b.made.In(beijing).Format(dayForm) + "]\n"
}

func (b bill) totals() (trades, refunds int, in, out int64) {
	for _, r := range b.rows {
		if r.refund {
			refunds++
			out += r.fen
		} else {
			trades++
			in += r.fen
		}
	}
	return trades, refunds, in, out
}

// plain is a merchant's text in a file that has no quotation.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if r == ',' || r < ' ' {
			return ' '
		}
		return r
	}, text)
}
