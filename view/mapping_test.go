package view_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/viewtest"
)

const books = `
type Book @view(name: "books") @derived(field: "shelves", as: KEYWORD) @derived(field: "rare", as: BOOLEAN) {
  id: ID!
  isbn: ID! @index(as: KEYWORD, weight: 5) @visibleTo(role: CONSUMER)
  title: String @index(as: TEXT) @sortable
  blurb: String @index(as: TEXT, weight: 0.5)
  language: Language @index(as: KEYWORD) @facet
  price: Money @index(as: MONEY) @sortable
  published: String @index(as: DATE)
  authors: [Author!]! @index
  editor: Author
  publisher: Author @index(fields: ["name"])
  reviews(first: Int): [String]
}
enum Language { EN DE }
type Money { amount: String }
type Author {
  name: String @index(as: TEXT, weight: 2) @facet
  born: Int @index(as: NUMBER)
  secret: String
  home: Place @index
}
type Place { city: String @index(as: KEYWORD) }
`

func TestMappingOf(t *testing.T) {
	m, err := viewtest.MappingOf(books, "books")
	if err != nil {
		t.Fatal(err)
	}
	want := &view.Mapping{
		View: "books", Type: "Book", Stored: []string{"editor", "id", "reviews"},
		Fields: []view.Field{
			{Path: "authors.born", Kind: view.Number},
			{Path: "authors.home.city", Kind: view.Keyword},
			{Path: "authors.name", Kind: view.Text, Weight: 2, Facet: true},
			{Path: "blurb", Kind: view.Text, Weight: 0.5},
			{Path: "isbn", Kind: view.Keyword, Weight: 5, VisibleTo: view.RoleConsumer},
			{Path: "language", Kind: view.Keyword, Facet: true, Enum: []string{"EN", "DE"}},
			{Path: "price", Kind: view.Money, Sortable: true},
			{Path: "published", Kind: view.Date},
			{Path: "publisher.name", Kind: view.Text, Weight: 2, Facet: true},
			{Path: "rare", Kind: view.Boolean, Derived: true},
			{Path: "shelves", Kind: view.Keyword, Derived: true},
			{Path: "title", Kind: view.Text, Weight: 1, Sortable: true},
		},
	}
	exported := cmp.Options{cmpopts.IgnoreUnexported(view.Mapping{}), cmpopts.IgnoreFields(view.Mapping{}, "Hash")}
	if diff := cmp.Diff(want, m, exported); diff != "" {
		t.Errorf("mapping (-want +got):\n%s", diff)
	}
	if len(m.Hash) != 8 || strings.Trim(m.Hash, "0123456789abcdef") != "" {
		t.Errorf("hash %q, want 8 hexadecimal digits", m.Hash)
	}
	for i := range m.Fields {
		if f := m.Field(m.Fields[i].Path); f != &m.Fields[i] {
			t.Errorf("Field(%q) is %+v", m.Fields[i].Path, f)
		}
	}
	for _, path := range []string{"", "authors", "editor.name", "authors.secret", "id"} {
		if f := m.Field(path); f != nil {
			t.Errorf("Field(%q) is %+v, want none", path, f)
		}
	}
	for path, want := range map[string]bool{
		"authors": true, "authors.home": true, "editor": false, "isbn": false, "": false,
	} {
		if m.Branch(path) != want {
			t.Errorf("Branch(%q) is %t", path, !want)
		}
	}
	for path, want := range map[string][2]bool{ // exact, whole
		"isbn": {true, true}, "language": {false, true}, "title": {false, true}, "blurb": {false, false},
		"authors.name": {false, true}, "price": {false, false},
	} {
		if f := m.Field(path); f.Exact() != want[0] || f.Whole() != want[1] {
			t.Errorf("%s: exact %t, whole %t, want %v", path, f.Exact(), f.Whole(), want)
		}
	}
}

func TestHash(t *testing.T) {
	hash := func(sdl string) string {
		t.Helper()
		m, err := viewtest.MappingOf(sdl, "books")
		if err != nil {
			t.Fatal(err)
		}
		return m.Hash
	}
	before := hash(books)
	for _, tt := range []struct {
		name, old, new string
		same           bool
	}{
		{"nothing", "", "", true},
		{"a weight", "weight: 5", "weight: 7", true},
		{"who sees it at all", `"books"`, `"books", public: true`, true},
		{"a description", "type Book", `"A book." type Book`, true},
		{"a field's place", "enum Language { EN DE }", "enum Language { DE EN }", true},
		{"a field outside", "amount: String", "amount: String, currency: String", true},
		{"a weight of 0", "weight: 5", "weight: 0", false},
		{"a kind", "as: NUMBER", "as: KEYWORD", false},
		{"a facet", "@facet", "", false},
		{"an order", "@sortable", "", false},
		{"who sees it", "@visibleTo(role: CONSUMER)", "", false},
		{"a name", "title", "headline", false},
		{"a field", "born: Int @index(as: NUMBER)", "", false},
		{"a derived field", `@derived(field: "rare", as: BOOLEAN)`, "", false},
		{"a field that is taken along", `["name"]`, `["name", "born"]`, false},
		{"a field at the root that is kept", "editor: Author\n", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := hash(strings.Replace(books, tt.old, tt.new, 1)); (got == before) != tt.same {
				t.Errorf("hash %s after %s, want the same: %t", got, before, tt.same)
			}
		})
	}
}

func TestMappingOfInvalid(t *testing.T) {
	for _, tt := range []struct{ name, old, new, want string }{
		{"no such view", `"books"`, `"films"`, `"books"`},
		{"facet alone", "editor: Author", "editor: Author @facet", "Book.editor: @facet needs @index"},
		{"order alone", "secret: String", "secret: String @sortable", "Author.secret: @sortable needs @index"},
		{"visibility alone", "secret: String", "secret: String @visibleTo(role: CONSUMER)",
			"Author.secret: @visibleTo needs @index"},
		{"how", "blurb: String @index(as: TEXT, weight: 0.5)", "blurb: String @index", "Book.blurb: @index(as:) is needed"},
		{"in a circle", "city: String @index(as: KEYWORD)", "people: Author @index", "back to itself"},
		{"weight below 0", "weight: 5", "weight: -5", "Book.isbn: @index(weight:)"},
		{"weight of a number", "as: NUMBER", "as: NUMBER, weight: 2", "Author.born: @index(weight:)"},
		{"visible by text", "@index(as: TEXT) @sortable", "@index(as: TEXT) @visibleTo(role: CONSUMER)",
			"Book.title: @visibleTo needs a KEYWORD"},
		{"guarded by no field", "editor: Author", `editor: Author @visibleWhile(role: CONSUMER, field: "x", is: ["EN"])`,
			"editor: @visibleWhile needs a KEYWORD"},
		{"guarded by a text", "editor: Author", `editor: Author @visibleWhile(role: CONSUMER, field: "title", is: ["EN"])`,
			"editor: @visibleWhile needs a KEYWORD"},
		{"guarded by nothing", "editor: Author", `editor: Author @visibleWhile(role: CONSUMER, field: "language", is: [])`,
			"editor: @visibleWhile needs a KEYWORD"},
		{"guarded by what is never", "editor: Author", `editor: Author @visibleWhile(role: CONSUMER, field: "language", is: ["FR"])`,
			"editor: @visibleWhile: language is never FR"},
		{"guarded, and orders", "@index(as: TEXT) @sortable",
			`@index(as: TEXT) @sortable @visibleWhile(role: CONSUMER, field: "language", is: ["EN"])`, "title: what is @visibleWhile"},
		{"guarded, and says who sees", "isbn: ID!", `isbn: ID! @visibleWhile(role: RESTAURANT, field: "language", is: ["EN"])`,
			"isbn: what is @visibleWhile"},
		{"guarded by itself", "language: Language", `language: Language @visibleWhile(role: CONSUMER, field: "language", is: ["EN"])`,
			"language: what is @visibleWhile"},
		{"a derived field that is shown", `field: "rare"`, `field: "blurb"`, "Book: @derived(field: \"blurb\")"},
		{"a derived field below another", `field: "rare"`, `field: "authors.x"`, "Book: @derived"},
		{"a field that is not there", `["name"]`, `["nmae"]`, "publisher: @index(fields:) names nmae"},
		{"a field that is not indexed", `["name"]`, `["secret"]`, "publisher: @index(fields:) names secret"},
		{"facet of a place", "@index(as: MONEY)", "@index(as: GEO) @facet", "Book.price: a GEO has no @facet"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := viewtest.MappingOf(strings.Replace(books, tt.old, tt.new, 1), "books")
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}
