package invariants

import (
	"github.com/paystorm/paystorm/history"
)

func (x *index) joinOps() {
	for op := range each(x.run.Ops) {
		if x.run.warmUp(op) {
			continue
		}
		story := x.find(op.Order, op.Ref, op.Payment)
		if story == nil {
			continue
		}
		story.Ops = append(story.Ops, op)
		if story.Buyer == 0 {
			story.Buyer = op.Buyer
		}
		if story.Item == nil && op.SKU != "" {
			story.Item = x.items[op.SKU]
		}
	}
}

// sendings are the deliveries that may still be answered.
type sendings struct {
	bySeq map[sending]*Delivery
	open  map[attempt][]*Delivery // in histories whose answers do not say what they answer
}

// sending names one event of a delivery that was sent.
type sending struct {
	writer string
	seq    uint64
}

// attempt names one attempt of a message, which several deliveries may be at once: a forged twin, a second endpoint.
type attempt struct {
	notification string
	number       int
}

func (x *index) joinEvents() {
	refunds := map[string]*Refund{}
	sent := sendings{bySeq: map[sending]*Delivery{}, open: map[attempt][]*Delivery{}}
	for event := range each(x.run.Events) {
		switch event.Source {
		case history.SourceChannel, history.SourceDelivery, history.SourceFault, history.SourceSink:
		default:
			continue
		}
		story := x.find(event.Order, event.Ref, event.Payment)
		if story == nil {
			x.goneAstray(event)
			continue
		}
		switch event.Source {
		case history.SourceChannel:
			x.joinLedger(story, event, refunds)
		case history.SourceDelivery:
			joinDelivery(story, event, sent)
		case history.SourceFault:
			if event.Kind == history.FaultAffected {
				story.Affected = append(story.Affected, event)
			}
		case history.SourceSink:
			if event.Kind == history.SinkRefused {
				story.Tried = append(story.Tried, event)
				continue
			}
			story.Sunk = append(story.Sunk, event)
		default:
		}
	}
}

// goneAstray counts an effect outside the shop, and a capture, that name no order. What the warm-up and older orders did is not counted.
func (x *index) goneAstray(event *history.Event) {
	begin, _, began := x.run.PhaseAt(history.PhaseStorm)
	if event.Order != "" || event.Ref != "" || !began || event.At < begin {
		return
	}
	switch event.Kind {
	case history.SinkReceived:
		x.run.astray[event.State]++
	case history.PaymentSucceeded:
		if x.orderOf[event.Payment] == "" {
			x.run.unclaimed = append(x.run.unclaimed, event)
		}
	default:
	}
}

func (x *index) joinLedger(story *Story, event *history.Event, refunds map[string]*Refund) {
	if event.Kind == history.Request {
		story.Requests = append(story.Requests, event)
		return
	}
	payment := x.byPayment[event.Payment]
	if payment == nil {
		payment = &Payment{ID: event.Payment, Minor: event.Minor, Currency: event.Currency, Created: event}
		x.byPayment[event.Payment] = payment
		story.Payments = append(story.Payments, payment)
	}
	switch event.Kind {
	case history.PaymentSucceeded:
		if payment.Succeeded != nil {
			payment.Again = append(payment.Again, event)
			return
		}
		payment.Succeeded = event
	case history.PaymentFailed:
		payment.Failed = append(payment.Failed, event)
	case history.PaymentClosed:
		payment.Closed = event
	case history.PaymentUpdated:
		if payment.Succeeded == nil { // what is asked for after the money came was not what it was taken for
			payment.Minor = event.Minor
		}
	case history.RefundCreated, history.RefundSucceeded, history.RefundFailed:
		joinRefund(payment, event, refunds)
	default:
	}
}

func joinRefund(payment *Payment, event *history.Event, refunds map[string]*Refund) {
	key := event.Payment + "\x00" + event.Refund + "\x00" + event.MerchantRefund
	refund := refunds[key]
	if refund == nil {
		refund = &Refund{ID: event.Refund, MerchantRefund: event.MerchantRefund, Minor: event.Minor, Created: event}
		refunds[key] = refund
		payment.Refunds = append(payment.Refunds, refund)
	}
	switch event.Kind { // the later change counts: a refund that succeeded may fail at the payer's bank after all
	case history.RefundSucceeded:
		refund.Succeeded, refund.Failed = event, nil
	case history.RefundFailed:
		refund.Failed, refund.Succeeded = event, nil
	default:
	}
}

func joinDelivery(story *Story, event *history.Event, sent sendings) {
	key := attempt{event.Notification, event.Attempt}
	switch event.Kind {
	case history.DeliverySent:
		delivery := &Delivery{
			Notification: event.Notification, Attempt: event.Attempt, Type: event.State, Forgery: event.Forgery,
			Payment: event.Payment, Minor: event.Minor, Currency: event.Currency, Sent: event,
		}
		story.Deliveries = append(story.Deliveries, delivery)
		sent.bySeq[sending{event.Writer, event.Seq}] = delivery
		sent.open[key] = append(sent.open[key], delivery)
	case history.DeliveryAnswered:
		if event.Answers > 0 {
			if delivery := sent.bySeq[sending{event.Writer, event.Answers}]; delivery != nil {
				delivery.Answered = event
			}
			return
		}
		if waiting := sent.open[key]; len(waiting) > 0 { // first sent, first answered
			waiting[0].Answered = event
			sent.open[key] = waiting[1:]
		}
	case history.DeliveryLost:
		story.Lost = append(story.Lost, event)
	default:
	}
}

// joinBooks gives each order its rows. Rows of a final reading that is not at rest are checkpoint rows.
func (x *index) joinBooks() {
	for i := range x.run.Checkpoints {
		x.joinCheckpoint(&x.run.Checkpoints[i])
	}
	if x.run.Final == nil {
		return
	}
	books, prefix := &x.run.Final.Books, readingEvidence(x.run.Final)
	for i := range books.Orders {
		row := &books.Orders[i]
		if story := x.find(row.Order, row.Ref, ""); story != nil {
			if story.Row == nil {
				story.Row, story.RowSeq = row, prefix+Evidence("/orders/"+row.Order)
				x.itemOf(story, row.SKU)
			}
			story.Booked = append(story.Booked, lineOf(*row))
			if effective(story.Row.State) && isOver(row.State) {
				story.Ended = append(story.Ended, lineOf(*row))
			}
		}
	}
	for _, row := range books.Payments {
		if story := x.find(row.Order, "", row.Payment); story != nil {
			story.ShopPayments = append(story.ShopPayments, row)
		}
	}
	for _, row := range books.Refunds {
		if story := x.find(row.Order, "", row.Payment); story != nil {
			story.ShopRefunds = append(story.ShopRefunds, row)
		}
	}
	for _, row := range books.Grants {
		if story := x.find(row.Order, "", ""); story != nil {
			story.Grants = append(story.Grants, row)
		}
	}
	for _, row := range books.Coupons {
		if story := x.find(row.Order, "", ""); story != nil {
			story.Coupons = append(story.Coupons, row)
		}
	}
	x.takeStrays()
}

func (x *index) joinCheckpoint(reading *history.Reading) {
	prefix := readingEvidence(reading)
	for _, row := range reading.Books.Orders {
		story := x.find(row.Order, row.Ref, "")
		if story == nil {
			continue
		}
		if last := len(story.Earlier) - 1; last >= 0 && story.Earlier[last].Evidence == prefix+Evidence("/orders/"+row.Order) {
			story.Earlier[last].Booked = append(story.Earlier[last].Booked, lineOf(row))
			continue
		}
		x.itemOf(story, row.SKU)
		story.Earlier = append(story.Earlier, EarlierRow{
			Begin: reading.Begin, End: reading.End, Row: row, Booked: []history.Line{lineOf(row)},
			Evidence: prefix + Evidence("/orders/"+row.Order),
		})
	}
}

func lineOf(row history.OrderRow) history.Line {
	return history.Line{SKU: row.SKU, Quantity: row.Quantity}
}

func (x *index) itemOf(story *Story, sku string) {
	if story.Item == nil && sku != "" {
		story.Item = x.items[sku]
	}
}
