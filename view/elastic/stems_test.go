package elastic

import (
	"bufio"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/viewgate/viewgate/view/analysis"
	"github.com/viewgate/viewgate/view/viewtest"
)

// TestStems compares Elasticsearch's stemmer with analysis.Stem on all words of the project's own pages.
func TestStems(t *testing.T) {
	s := mustOpen(t, Open, viewtest.Mapping(t), realOptions(t))
	pages, err := filepath.Glob("../../doc/*.md")
	if err != nil {
		t.Fatal(err)
	}
	words := []string{"generalizations", "oscillators", "hopping", "falling", "filing", "skies", "dying", "news", "apologies",
		"conflated", "sized", "analogousli", "triplicate", "rational", "possibly", "geology", "brûlées", "crêpes"}
	for _, page := range append(pages, "../../README.md") {
		file, err := os.Open(page)
		if err != nil {
			t.Fatal(err)
		}
		for lines := bufio.NewScanner(file); lines.Scan(); {
			words = append(words, analysis.Terms(lines.Text())...)
		}
		file.Close()
	}
	slices.Sort(words)
	words = slices.Compact(words)
	wrong := 0
	for _, word := range words {
		var answer struct {
			Tokens []struct {
				Token string `json:"token"`
			} `json:"tokens"`
		}
		request := esapi.IndicesAnalyzeRequest{Index: s.index, Body: encode(object{"analyzer": "stems", "text": word})}
		if _, err := s.client.do(t.Context(), request, &answer); err != nil {
			t.Fatal(err)
		}
		var stem string
		for _, token := range answer.Tokens {
			stem += token.Token
		}
		if got := analysis.Stem(analysis.Fold(word)); got != stem {
			wrong++
			t.Errorf("the stem of %q is %q, and Elasticsearch's %q", word, got, stem)
		}
	}
	t.Logf("%d words, %d with another stem", len(words), wrong)
}
