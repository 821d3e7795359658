package graph

import (
	"errors"

	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"github.com/viewgate/viewgate/graph/structs"
)

// parsed is a document that has been read: operations and their fragments.
type parsed struct {
	text     string
	document *ast.QueryDocument // without @defer
	// deferring is the document with @defer; nil where nothing is deferred.
	deferring *ast.QueryDocument

	plans structs.Plans // of both
}

// operation returns the operation of this name, the only one for "".
func (p *parsed) operation(name string) *ast.OperationDefinition {
	return p.document.Operations.ForName(name)
}

// parsing reads documents, and keeps those that are valid: whoever asks the same again costs no reading.
type parsing struct {
	schema *ast.Schema
	rules  *rules.Rules
	tokens int                                      // at most
	check  func(*ast.QueryDocument) *gqlerror.Error // of what is to be validated
	kept   *kept[*parsed]
	// private leaves out of what is wrong what of the schema could have been meant.
	private bool
}

const (
	keptDocuments = 64 << 20 // bytes
	// bytesOfText is what a document takes for each byte of its text, its plans among it; measured were 39 to 84.
	bytesOfText = 84
)

func newParsing(schema *ast.Schema, tokens int, check func(*ast.QueryDocument) *gqlerror.Error) *parsing {
	return &parsing{
		schema: schema, rules: rules.NewDefaultRules(), tokens: tokens, check: check, kept: newKept[*parsed](keptDocuments),
	}
}

// read returns the document of a text. What is not valid is returned as far as it could be read, with what is wrong; nil
// where it could not.
func (p *parsing) read(text string) (*parsed, gqlerror.List) {
	if known, ok := p.kept.get(text); ok {
		return known, nil
	}
	read := &parsed{text: text}
	var wrong gqlerror.List
	if read.document, wrong = p.parse(text); read.document == nil {
		return nil, wrong
	}
	if len(wrong) > 0 {
		return read, wrong
	}
	if defers(read.document) {
		read.deferring = read.document
		if read.document, wrong = p.parse(text); len(wrong) > 0 {
			return nil, wrong
		}
		stripDefer(read.document)
	}
	bytes := bytesOfText * len(text)
	if read.deferring != nil {
		bytes *= 2
	}
	p.kept.put(text, read, bytes)
	return read, nil
}

// parse returns the document, nil where the text is none, and what is wrong.
func (p *parsing) parse(text string) (*ast.QueryDocument, gqlerror.List) {
	document, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: text}, p.tokens)
	if err != nil {
		located := (*gqlerror.Error)(nil)
		if !errors.As(err, &located) {
			located = gqlerror.Wrap(err)
		}
		errcode.Set(located, errcode.ParseFailed)
		return nil, gqlerror.List{located}
	}
	if len(document.Operations) == 0 {
		return nil, gqlerror.List{gqlerror.Wrap(badInput("the document has no operation"))}
	}
	if err := p.check(document); err != nil {
		return document, gqlerror.List{err}
	}
	wrong := validator.ValidateWithRules(p.schema, document, p.rules)
	for _, err := range wrong {
		errcode.Set(err, errcode.ValidationFailed)
	}
	if p.private {
		withoutSuggestions(wrong)
	}
	return document, wrong
}
