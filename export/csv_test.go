package export_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/viewgate/viewgate/export"
	"github.com/viewgate/viewgate/search"
	"github.com/viewgate/viewgate/view"
)

func TestCSV(t *testing.T) {
	_, m := parcels(t)
	for _, test := range []struct{ name, fields, document, want string }{
		{"nothing", "parcelId,note", `{}`, ","},
		{"nothing at all", "note", `{}`, `""`},
		{"text", "parcelId,note", `{"parcelId": "1", "note": "soup"}`, "1,soup"},
		{"quotes", "note", `{"note": "say \"a, b\""}`, `"say ""a, b"""`},
		{"lines", "note", `{"note": "a\r\nb\nc"}`, "\"a\r\nb\nc\""},
		{"spaces", "note", `{"note": " a "}`, `" a "`},
		{"exact money", "value", `{"value": {"amount": "9007199254740993.10", "currency": "USD"}}`, "9007199254740993.10"},
		{"money as a number", "value", `{"value": {"amount": 12.50}}`, "12.50"},
		{"a number", "weight", `{"weight": 1e400}`, "1e400"},
		{"a time", "sentAt", `{"sentAt": "2026-03-01T11:07:00+01:00"}`, "2026-03-01T11:07:00+01:00"},
		{"a boolean", "fragile", `{"fragile": false}`, "false"},
		{"a place", "place", `{"place": {"latitude": -33.8, "longitude": 151}}`, `"-33.8,151"`},
		{"half a place", "place", `{"place": {"latitude": -33.8}}`, `""`},
		{"a list", "tags", `{"tags": ["a", "b;c"]}`, `a; b;c`},
		{"an empty list", "tags,note", `{"tags": []}`, ","},
		{"a list of nothing", "tags,note", `{"tags": [null, ""]}`, ","},
		{"columns of a list", "items.name,items.count,price", `{"items": [{"name": "a", "count": 1}, {"count": -2,
			"price": {"amount": "-0.50"}}, {"name": "c"}]}`, `a; ; c,"1; -2; ","; -0.50; "`},
		{"of another type", "note,weight,value,items.name", `{"note": {"a": 1}, "weight": [[2]], "value": 3, "items": {"name": 5}}`, ",2,3,5"},
		{"formula", "note", `{"note": "=1+1"}`, "'=1+1"},
		{"plus", "note", `{"note": "+1"}`, "'+1"},
		{"minus", "parcelId", `{"parcelId": "-1"}`, "'-1"},
		{"at", "note", `{"note": "@SUM(A1)"}`, "'@SUM(A1)"},
		{"tab", "note", `{"note": "\t=1"}`, "'\t=1"},
		{"CR", "note", `{"note": "\r=1"}`, "\"'\r=1\""},
		{"a formula that is guarded", "note", `{"note": "'=1"}`, "''=1"},
		{"an apostrophe", "note", `{"note": "'s"}`, "'s"},
		{"a formula in a list", "tags", `{"tags": ["=1", "=2"]}`, "'=1; =2"},
		{"a formula behind nothing", "tags", `{"tags": ["", "=2"]}`, "; =2"},
		{"a negative number", "weight,value", `{"weight": -1, "value": {"amount": "-1.00"}}`, "-1,-1.00"},
		{"money that is a formula", "value", `{"value": {"amount": "-1+1"}}`, "'-1+1"},
		{"a number that is a formula", "weight", `{"weight": "=1"}`, "'=1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			columns, err := export.Named(search.FieldsOf(m), strings.Split(test.fields, ","))
			if err != nil {
				t.Fatal(err)
			}
			got, err := export.NewCSV(columns).Append(nil, json.RawMessage(test.document))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want+"\r\n", string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if _, err := export.NewCSV(nil).Append(nil, json.RawMessage(`[]`)); err == nil {
		t.Error("a list is written")
	}
}

// asRead returns a text as encoding/csv gives it back: guarded where it begins with a formula, or with apostrophes and a
// formula; and a CR LF in quotes is taken for an LF.
func asRead(text string) string {
	if rest := strings.TrimLeft(text, "'"); rest != "" && strings.ContainsRune("=+-@\t\r", rune(rest[0])) {
		text = "'" + text
	}
	return strings.ReplaceAll(text, "\r\n", "\n")
}

// checkCells writes documents with these notes and tags, reads the file and compares.
func checkCells(t interface {
	Helper()
	Fatalf(string, ...any)
}, m *view.Mapping, rows [][2]string) {
	t.Helper()
	columns, err := export.Named(search.FieldsOf(m), []string{"note", "tags"})
	if err != nil {
		t.Fatalf("%v", err)
	}
	for n := range 2 { // of one column, too, where an empty cell is an empty line
		c := export.NewCSV(columns[:n+1])
		text := c.Header()
		want := [][]string{[]string{"note", "tags"}[:n+1]}
		for _, row := range rows {
			source, err := json.Marshal(map[string]any{"note": row[0], "tags": []string{row[1]}})
			if err != nil {
				t.Fatalf("%v", err)
			}
			if text, err = c.Append(text, source); err != nil {
				t.Fatalf("%v", err)
			}
			want = append(want, []string{asRead(row[0]), asRead(row[1])}[:n+1])
		}
		got, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
		if err != nil {
			t.Fatalf("%v in %q", err, text)
		}
		for _, row := range got {
			for _, cell := range row {
				if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
					t.Fatalf("a spreadsheet runs %q", cell)
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%q (-want +got):\n%s", text, diff)
		}
	}
}

// TestCSVIsReadBack: encoding/csv reads the values that were written, and none of them is a formula.
func TestCSVIsReadBack(t *testing.T) {
	_, m := parcels(t)
	cell := rapid.OneOf(rapid.String(), rapid.StringOfN(rapid.SampledFrom([]rune("=+-@\t\r\n'\",; a")), 0, 6, -1))
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) [2]string {
			return [2]string{cell.Draw(t, "note"), cell.Draw(t, "tag")}
		}), 0, 4).Draw(t, "rows")
		checkCells(t, m, rows)
	})
}

// FuzzCSV is the same law for whatever the fuzzer thinks of.
func FuzzCSV(f *testing.F) {
	for _, text := range []string{"", "a", "=1", "'=1", "''", "\r\n", "\r", "a,b", `"`, " a", "\t", "\\.", "\ufeff"} {
		f.Add(text, "x")
		f.Add("x", text)
	}
	_, m := parcels(f)
	f.Fuzz(func(t *testing.T, note, tag string) {
		checkCells(t, m, [][2]string{{strings.ToValidUTF8(note, "?"), strings.ToValidUTF8(tag, "?")}})
	})
}

func TestColumns(t *testing.T) {
	s, m := parcels(t)
	header := string(export.NewCSV(export.Columns(s, m)).Header())
	want := "parcelId,note,value,weight,sentAt,fragile,place,items.name,items.count,items.price,tags\r\n"
	if diff := cmp.Diff(want, header); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n := len(m.Fields); n != len(export.Columns(s, m)) {
		t.Errorf("%d fields are indexed", n)
	}
}

func TestNames(t *testing.T) {
	_, m := parcels(t)
	fields := search.FieldsOf(m)
	for _, test := range []struct{ names, want string }{
		{"", ""},
		{"note,Item_s.name,count", "note items.name items.count"},
		{"nte", `no one field is called "nte": did you mean note?`},
		{"zebra", `no field is called "zebra": there are fragile, count, name, price, note, parcelId, place, sentAt, tags, value, weight`},
		{"note,note", "note is named twice"},
	} {
		found, err := export.Named(fields, slices.DeleteFunc(strings.Split(test.names, ","), func(s string) bool { return s == "" }))
		var paths []string
		for _, f := range found {
			paths = append(paths, f.Path)
		}
		got := strings.Join(paths, " ")
		if err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%q: %s, want %s", test.names, got, test.want)
		}
	}
}

func TestOrder(t *testing.T) {
	_, m := parcels(t)
	fields := search.FieldsOf(m)
	got, err := export.Order(fields, []string{"sent_at:desc", "value", "note:asc"})
	want := []view.Sort{{Field: "sentAt", Descending: true}, {Field: "value"}, {Field: "note"}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for key, want := range map[string]string{
		"sentAt:down": `"sentAt:down": behind a field's name stands :asc or :desc`,
		"tags":        "there is no order by tags, only by note, sentAt, value",
		"place":       "there is no order by place, only by note, sentAt, value",
		"name:desc":   "there is no order by items.name, only by note, sentAt, value",
		":desc":       `no field is called ""`,
	} {
		if _, err := export.Order(fields, []string{key}); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", key, err, want)
		}
	}
}
