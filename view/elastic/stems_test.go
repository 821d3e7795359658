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
	for some := range slices.Chunk(words, 200) {
		var answer struct {
			Tokens []struct {
				Token    string `json:"token"`
				Position int    `json:"position"`
			} `json:"tokens"`
		}
		body := object{"analyzer": "stems", "text": some}
		request := esapi.IndicesAnalyzeRequest{Index: s.index, Body: encode(body)}
		if _, err := s.client.do(t.Context(), request, &answer); err != nil {
			t.Fatal(err)
		}
		if len(answer.Tokens) != len(some) {
			t.Fatalf("%d stems of %d words", len(answer.Tokens), len(some))
		}
		for i, word := range some {
			if got := analysis.Stem(analysis.Fold(word)); got != answer.Tokens[i].Token {
				wrong++
				t.Errorf("the stem of %s is %s, and Elasticsearch's %s", word, got, answer.Tokens[i].Token)
			}
		}
	}
	t.Logf("%d words, %d with another stem", len(words), wrong)
}
