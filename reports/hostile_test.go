package reports

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/net/html"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/invariants"
)

// evil is what a shop might call an order to take over whoever reads the report: markup, the ends of CDATA and of
// attributes, a terminal's escape sequences, characters that turn the reading direction around, and what breaks tables.
const evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>]]>\x1b[31m\x1b]0;pwned\a\u202e\u2066\u200b\u2028\u0085\x00\xff" +
	"\r\n# head\n- [x](javascript:alert(3)) | `a` | **b** @all https://evil.example www.evil.example {{.Verdict}} &lt;"

// hostile is a broken run in which everything that a shop or a file names is evil.
func hostile() *history.History {
	return withExit(newSample(names{order: evil, sku: "sku" + evil, fault: evil, reason: "reason" + evil}, true), evil)
}

// withExit lets the shop die in the end, with last words.
func withExit(recorded *history.History, words string) *history.History {
	recorded.Events = append(recorded.Events, history.Event{
		Writer: "harness", Seq: 1 << 20, At: sec(10.3), Source: history.SourceNode, Kind: history.NodeExited, Detail: words,
	})
	return recorded
}

// written is the hostile run in one format.
func written(t *testing.T, format Format) string {
	t.Helper()
	recorded := hostile()
	var out bytes.Buffer
	if err := format.Write(&out, invariants.Judge(recorded), recorded); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "alert(1)") && !strings.Contains(out.String(), `alert\(1\)`) {
		t.Fatal("the hostile text is not in the report at all, so that this proves nothing")
	}
	return out.String()
}

func TestNothingInvisibleInAnyFormat(t *testing.T) {
	for _, format := range everyFormat() {
		t.Run(format.Name, func(t *testing.T) {
			for i, r := range written(t, format) {
				if r != '\n' && !unicode.IsPrint(r) {
					t.Fatalf("%U at byte %d", r, i)
				}
			}
		})
	}
}

func TestHostileNamesStayTextInHTML(t *testing.T) {
	page := written(t, Format{Write: HTML})
	allowed := map[string]bool{}
	clean := withExit(newSample(plainNames, true), "panic")
	var out bytes.Buffer
	if err := HTML(&out, invariants.Judge(clean), clean); err != nil {
		t.Fatal(err)
	}
	eachTag(t, out.String(), func(tag html.Token) { allowed[shape(tag)] = true })
	eachTag(t, page, func(tag html.Token) {
		if !allowed[shape(tag)] {
			t.Errorf("a page of plain names has no such tag: %s", tag)
		}
	})
	if !strings.Contains(page, "<svg") {
		t.Error("the picture is missing")
	}
}

// shape is a tag with the names of its attributes.
func shape(tag html.Token) string {
	text := tag.Data
	for _, attribute := range tag.Attr {
		text += " " + attribute.Key
	}
	return text
}

func eachTag(t *testing.T, page string, yield func(html.Token)) {
	t.Helper()
	tokens := html.NewTokenizer(strings.NewReader(page))
	for {
		switch tokens.Next() {
		case html.ErrorToken:
			if !errors.Is(tokens.Err(), io.EOF) {
				t.Fatal(tokens.Err())
			}
			return
		case html.StartTagToken, html.SelfClosingTagToken:
			yield(tokens.Token())
		default:
		}
	}
}

func TestHostileJUnitParses(t *testing.T) {
	decoder := xml.NewDecoder(strings.NewReader(written(t, Format{Write: JUnit})))
	elements := map[string]bool{"testsuite": true, "testcase": true, "failure": true, "error": true, "skipped": true}
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if start, is := token.(xml.StartElement); is && !elements[start.Name.Local] {
			t.Errorf("an element %s", start.Name.Local)
		}
	}
}

func TestHostileJSONKeepsItsValues(t *testing.T) {
	want := invariants.Judge(hostile())
	want.Load.Ops, want.Load.LatencyMS = nil, nil // equal by text below, and maps of no interest here
	var out bytes.Buffer
	if err := JSON(&out, want, nil); err != nil {
		t.Fatal(err)
	}
	direct, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var fromReport, fromMarshal any
	if err := json.Unmarshal(out.Bytes(), &fromReport); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(direct, &fromMarshal); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(fromReport, fromMarshal) {
		t.Error("escaping changed a value")
	}
}

func TestHostileMarkdownKeepsItsShape(t *testing.T) {
	text := written(t, Format{Write: Markdown})
	for _, raw := range []string{"<script", "<img", "](java", "@all", "https://", "www.evil", "`a`", "**b**"} {
		if strings.Contains(text, raw) {
			t.Errorf("%q stands unescaped", raw)
		}
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "# head") || strings.HasPrefix(line, "- \\[x") {
			t.Errorf("a name became a line of its own: %q", line)
		}
	}
	equalColumns(t, text)
}

// equalColumns fails unless every row of a table has as many cells as its head.
func equalColumns(t *testing.T, text string) {
	t.Helper()
	columns, rows := 0, 0
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "|") {
			columns = 0
			continue
		}
		rows++
		cells := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|")
		if columns == 0 {
			columns = cells
		}
		if cells != columns {
			t.Errorf("%d cells under a head of %d: %s", cells, columns, line)
		}
	}
	if rows == 0 {
		t.Error("no table at all")
	}
}
