package web

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"
)

// Example is an operation that shows one thing worth knowing. The demo answers it.
type Example struct {
	Title     string `json:"title"` // what it shows
	Name      string `json:"name"`  // the operation's
	Query     string `json:"query"` // begins with a comment, which is the title, an empty line, and why
	Variables string `json:"variables"`
}

var (
	exampleTitle = regexp.MustCompile(`\A# (.+)\n#\n# `)
	exampleName  = regexp.MustCompile(`(?m)^(?:query|subscription) (\w+)`)
)

// Examples returns the playground's examples in their order: the files examples/*.graphql, with the variables that are beside
// them as .json. It fails where a file has no title or no name, and where variables are no JSON or nobody's.
func Examples() ([]Example, error) {
	texts, err := fs.Glob(files, "examples/*.graphql")
	if err != nil {
		return nil, err
	}
	variables, err := fs.Glob(files, "examples/*.json")
	if err != nil {
		return nil, err
	}
	var examples []Example
	for _, file := range texts {
		text, err := fs.ReadFile(files, file)
		if err != nil {
			return nil, err
		}
		title, name := exampleTitle.FindSubmatch(text), exampleName.FindSubmatch(text)
		if title == nil || name == nil {
			return nil, fmt.Errorf("%s: it begins with a comment: a title, an empty line, and why; and its operation has a name", file)
		}
		e := Example{Title: string(title[1]), Name: string(name[1]), Query: string(text)}
		if beside := strings.TrimSuffix(file, path.Ext(file)) + ".json"; len(variables) > 0 && variables[0] == beside {
			values, err := fs.ReadFile(files, beside)
			if err != nil {
				return nil, err
			}
			if !json.Valid(values) {
				return nil, fmt.Errorf("%s: not JSON", beside)
			}
			e.Variables, variables = string(values), variables[1:]
		}
		examples = append(examples, e)
	}
	if len(variables) > 0 {
		return nil, fmt.Errorf("%s: no .graphql of that name is beside it", variables[0])
	}
	return examples, nil
}
