package history

import "encoding/binary"

// Kinds of record.
const (
	recordEvent byte = iota + 1
	recordInvocation
	recordAnswer
	recordReading
)

// coder writes or reads the records of one chunk. Each record type lists its fields once (below), and the one list
// serves both ways, so that what is written and what is read cannot drift apart. A new field goes to the end of its
// list: older files then simply lack it.
type coder struct {
	writing bool
	seq     uint64 // of the record before
	at      Time   // of the record before
	mask    uint32 // which fields of this record are not empty
	field   uint32 // the bit of the next field

	out     []byte            // writing: the payload so far
	maskAt  int               // writing: where this record's mask stands
	indexes map[string]uint64 // writing: the table of strings
	count   int               // writing: records so far

	in     string   // reading: the payload
	next   int      // reading: position in it
	texts  []string // reading: the table of strings
	broken bool     // reading: the payload makes no sense; everything read from here on is empty
}

// Codes of a string: its text without entry in the table, its text as the table's next entry, or an entry.
const (
	textAlone uint64 = iota
	textNew
	textFirst
)

// A string longer than this is not worth an entry in the table: log lines and readings do not repeat.
const textLongest = 64

func (c *coder) begin(kind byte, seq uint64, at Time) {
	c.out = append(c.out, kind)
	c.out = binary.AppendUvarint(c.out, seq-c.seq)
	c.out = binary.AppendVarint(c.out, int64(at-c.at))
	c.seq, c.at, c.mask, c.field = seq, at, 0, 1
	c.maskAt = len(c.out)
	c.out = append(c.out, 0, 0, 0, 0)
}

func (c *coder) finish() {
	binary.LittleEndian.PutUint32(c.out[c.maskAt:], c.mask)
	c.count++
}

// reset empties a writing coder for the next chunk.
func (c *coder) reset() {
	c.out, c.count, c.seq, c.at = c.out[:0], 0, 0, 0
	clear(c.indexes)
}

// head reads what begin wrote.
func (c *coder) head() (kind byte, seq uint64, at Time) {
	if c.next >= len(c.in) {
		c.broken = true
		return 0, 0, 0
	}
	kind = c.in[c.next]
	c.next++
	c.seq += c.uvarint()
	c.at += Time(c.varint())
	if len(c.in)-c.next < 4 {
		c.broken = true
		return 0, 0, 0
	}
	c.mask = uint32(c.in[c.next]) | uint32(c.in[c.next+1])<<8 | uint32(c.in[c.next+2])<<16 | uint32(c.in[c.next+3])<<24
	c.next += 4
	c.field = 1
	return kind, c.seq, c.at
}

// present says whether the next field stands in the payload, and steps over it.
func (c *coder) present() bool {
	bit := c.field
	c.field <<= 1
	return c.mask&bit != 0
}

func (c *coder) text(value *string) {
	if !c.writing {
		if c.present() {
			*value = c.readText()
		}
		return
	}
	if *value != "" {
		c.mask |= c.field
		c.writeText(*value)
	}
	c.field <<= 1
}

func (c *coder) number(value *int64) {
	if !c.writing {
		if c.present() {
			*value = c.varint()
		}
		return
	}
	if *value != 0 {
		c.mask |= c.field
		c.out = binary.AppendVarint(c.out, *value)
	}
	c.field <<= 1
}

func (c *coder) small(value *int) {
	wide := int64(*value)
	c.number(&wide)
	*value = int(wide)
}

func (c *coder) writeText(value string) {
	if index, known := c.indexes[value]; known {
		c.out = binary.AppendUvarint(c.out, textFirst+index)
		return
	}
	code := textAlone
	if len(value) <= textLongest {
		code = textNew
		c.indexes[value] = uint64(len(c.indexes))
	}
	c.out = binary.AppendUvarint(c.out, code)
	c.out = binary.AppendUvarint(c.out, uint64(len(value)))
	c.out = append(c.out, value...)
}

// readText shares the payload's memory, which is why reading costs no allocation per field.
func (c *coder) readText() string {
	code := c.uvarint()
	if code >= textFirst {
		if code-textFirst >= uint64(len(c.texts)) {
			c.broken = true
			return ""
		}
		return c.texts[code-textFirst]
	}
	length := c.uvarint()
	if length > uint64(len(c.in)-c.next) {
		c.broken = true
		return ""
	}
	value := c.in[c.next : c.next+int(length)]
	c.next += int(length)
	if code == textNew {
		c.texts = append(c.texts, value)
	}
	return value
}

func (c *coder) uvarint() uint64 {
	value, shift := uint64(0), uint(0)
	for c.next < len(c.in) && shift < 64 {
		digit := c.in[c.next]
		c.next++
		value |= uint64(digit&0x7f) << shift
		if digit < 0x80 {
			return value
		}
		shift += 7
	}
	c.broken = true
	return 0
}

func (c *coder) varint() int64 {
	folded := c.uvarint()
	return int64(folded>>1) ^ -int64(folded&1)
}

func (e *Event) fields(c *coder) {
	c.text((*string)(&e.Source))
	c.text(&e.Kind)
	c.text(&e.Order)
	c.text(&e.Payment)
	c.text(&e.Refund)
	c.text(&e.MerchantRefund)
	c.text(&e.Notification)
	c.small(&e.Attempt)
	c.text(&e.Ref)
	c.small(&e.Buyer)
	c.number(&e.Minor)
	c.text(&e.Currency)
	c.text(&e.State)
	c.number(&e.Version)
	c.text((*string)(&e.Outcome))
	c.small(&e.Status)
	c.text(&e.Reason)
	c.text(&e.Forgery)
	c.text(&e.Fault)
	c.text(&e.Key)
	c.number(&e.Count)
	c.number((*int64)(&e.IntendedAt))
	c.text(&e.Detail)
	c.number((*int64)(&e.Signing))
	c.number((*int64)(&e.From))
	c.number((*int64)(&e.Until))
	c.ordinal(&e.Answers)
}

func (i *Invocation) fields(c *coder) {
	c.number((*int64)(&i.Intended))
	c.text(&i.Ref)
	c.small(&i.Buyer)
	c.text(&i.Kind)
	c.text(&i.Order)
	c.text(&i.Payment)
	c.text(&i.SKU)
	c.number(&i.Quantity)
	c.number(&i.Minor)
	c.text(&i.Currency)
	c.text(&i.Phase)
	c.text(&i.Fault)
	c.ordinal(&i.Op)
	c.lines(&i.More)
	c.small(&i.Wish)
}

func (a *Answer) fields(c *coder) {
	c.text((*string)(&a.Outcome))
	c.text(&a.Reason)
	c.text(&a.Order)
	c.text(&a.Payment)
	c.text(&a.State)
	c.small(&a.Status)
	c.ordinal(&a.Op)
}

// lines stand one after the other, a SKU and its units, after their number. A damaged number ends with the payload.
func (c *coder) lines(lines *[]Line) {
	count := int64(len(*lines))
	c.number(&count)
	for left := count; left > 0 && !c.broken; left-- {
		if c.writing {
			line := (*lines)[count-left]
			c.writeText(line.SKU)
			c.out = binary.AppendVarint(c.out, line.Quantity)
			continue
		}
		*lines = append(*lines, Line{SKU: c.readText(), Quantity: c.varint()})
	}
}

func (c *coder) ordinal(value *uint64) {
	wide := int64(*value)
	c.number(&wide)
	*value = uint64(wide)
}
