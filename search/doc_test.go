package search_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/viewgate/viewgate/schema"
	"github.com/viewgate/viewgate/search"
)

var code = regexp.MustCompile("`([^`]+)`")

// TestPage checks what doc/search.md says of the order view.
func TestPage(t *testing.T) {
	text, err := os.ReadFile("../doc/search.md")
	if err != nil {
		t.Fatal(err)
	}
	s, err := schema.Load()
	if err != nil {
		t.Fatal(err)
	}
	fields := search.FieldsIn(s, orders(t))
	read := func(query string) (search.Expr, []search.Warning) {
		e, warnings := search.Parse(query)
		_, more := fields.Compile(e, search.Options{})
		return e, append(warnings, more...)
	}
	right := func(query string) {
		e, warnings := read(query)
		if len(warnings) > 0 {
			t.Errorf("%s: %q", query, warned(warnings))
		}
		if e.String() == "" {
			t.Errorf("%s is empty", query)
		}
	}
	named := map[string]bool{}
	checked := map[string]int{}
	table, fenced := "", false
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case strings.HasPrefix(line, "```"):
			fenced = line == "```search"
		case fenced:
			right(line)
			checked["examples"]++
		case !strings.HasPrefix(line, "|"):
			table = ""
		case table == "":
			table = strings.Join(cells[:2], "|")
			if !strings.Contains("write|to find orders with, write|means, field|holds, typed|understood as, typed|left out, because", table) {
				t.Errorf("a table of %s is not checked", table)
			}
		case strings.HasPrefix(line, "| ---"):
		default:
			checked[table]++
			first := code.FindAllStringSubmatch(cells[0], -1)
			if len(first) == 0 {
				t.Fatalf("no code in %s", line)
			}
			switch typed := first[0][1]; table {
			case "field|holds":
				for _, m := range first {
					field, _ := fields.Find(m[1])
					if field == nil {
						t.Errorf("%s is no field", m[1])
						continue
					}
					if field.Name != m[1] {
						t.Errorf("%s has the shorter name %s", m[1], field.Name)
					}
					named[field.Path] = true
				}
				right(strings.Trim(cells[2], "`"))
			case "typed|understood as":
				want := strings.Trim(cells[1], "`")
				if e, _ := read(typed); e.String() != want {
					t.Errorf("%s is understood as %s", typed, e)
				}
				right(want)
			case "typed|left out, because":
				if _, warnings := read(typed); len(warnings) != 1 {
					t.Errorf("%s: warnings %q", typed, warned(warnings))
				}
			default:
				right(typed)
				for _, m := range code.FindAllStringSubmatch(cells[1], -1) {
					if strings.Contains(m[1], ":") {
						right(m[1])
					}
				}
			}
		}
	}
	for _, part := range []string{"examples", "write|to find orders with", "write|means", "field|holds", "typed|understood as",
		"typed|left out, because"} {
		if checked[part] == 0 {
			t.Errorf("nothing was checked of %s", part)
		}
	}
	for _, f := range fields.List() {
		if !named[f.Path] {
			t.Errorf("the page does not name %s", f.Path)
		}
	}
}
