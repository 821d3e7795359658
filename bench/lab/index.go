package lab

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/viewgate/viewgate/view/elastic"
)

// NewPrefix returns a prefix for the names of a test's indices. What bears it is deleted when the test ends.
func NewPrefix(tb testing.TB, elasticsearch string) string {
	prefix := "lab-" + strings.ToLower(rand.Text()[:10]) + "-"
	tb.Cleanup(func() { DropIndices(tb, elasticsearch, prefix) })
	return prefix
}

// DropIndices deletes the indices whose names have the prefix.
func DropIndices(tb testing.TB, elasticsearch, prefix string) {
	tb.Helper()
	var indices map[string]any // Elasticsearch deletes no pattern, unless it was told to
	if err := Ask(http.MethodGet, elasticsearch+"/"+prefix+"*/_alias", "", &indices); err != nil {
		tb.Error(err)
	}
	for index := range indices {
		if err := Ask(http.MethodDelete, elasticsearch+"/"+index, "", nil); err != nil {
			tb.Error(err)
		}
	}
}

// OpenView opens the order view under a prefix. It is closed when the test ends. Searches count all that they find.
func OpenView(tb testing.TB, o elastic.Options) *elastic.Store {
	tb.Helper()
	mapping, err := Mapping()
	if err != nil {
		tb.Fatal(err)
	}
	o.CountUpTo, o.Timeout = 1<<30, time.Minute
	store, err := elastic.Open(context.Background(), mapping, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { store.Close() })
	return store
}

// Ask sends Elasticsearch a request and decodes its answer, which must be a good one, unless answer is nil.
func Ask(method, url, body string, answer any) error {
	request, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode > 299 {
		return fmt.Errorf("%s %s: status %d: %.500s", method, url, response.StatusCode, text)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(text, answer)
}
