package graph

import (
	"context"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"

	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/graph/model"
	"github.com/viewgate/viewgate/search"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/analysis"
)

// What a suggestion may ask for.
const (
	maxSuggestions  = 50
	suggestedOrders = 3
	suggestedFields = 3
)

// suggested are the fields whose values are suggested.
var suggested = []struct {
	kind model.SuggestionKind
	path string
}{
	{model.SuggestionKindRestaurant, "restaurant.name"},
	{model.SuggestionKindDish, "lineItems.name"},
	{model.SuggestionKindCity, "deliveryAddress.city"},
}

// suggest answers Query.suggest.
func (r *Resolver) suggest(ctx context.Context, prefix string, first int) ([]*model.Suggestion, error) {
	if first < 1 || first > maxSuggestions {
		return nil, badInput("first: %d; 1 to %d are possible", first, maxSuggestions)
	}
	if n := utf8.RuneCountInString(prefix); n > search.MaxLength {
		return nil, badInput("prefix: %d characters; %d are possible", n, search.MaxLength)
	}
	all := []*model.Suggestion{}
	if prefix = strings.TrimSpace(prefix); len(analysis.Terms(prefix)) == 0 {
		return all, nil
	}
	viewer := requestOf(ctx).client.Viewer
	values := make([][]*model.Suggestion, len(suggested))
	var orders []*model.Suggestion
	group, asking := errgroup.WithContext(ctx)
	for i, of := range suggested {
		group.Go(func() error {
			buckets, err := r.reader.Values(asking, viewer, view.ValueQuery{
				Field: of.path, Like: view.Like{Beginning: prefix}, Size: (first + 1) / 2,
			})
			field, _ := r.fields.Find(of.path)
			for _, b := range buckets {
				values[i] = append(values[i], &model.Suggestion{
					Kind: of.kind, Text: b.Value, Count: &b.Count, Query: condition(field, b.Value),
				})
			}
			return err
		})
	}
	if strings.IndexFunc(prefix, unicode.IsDigit) >= 0 {
		group.Go(func() (err error) {
			orders, err = r.suggestOrders(asking, viewer, prefix)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	all = append(all, orders...)
	all = append(all, best(prefix, values)...)
	all = append(all, r.suggestFields(prefix)...)
	return all[:min(first, len(all))], nil
}

// best orders values: those that begin so themselves before those of which a later word does, then the frequent ones.
func best(prefix string, values [][]*model.Suggestion) []*model.Suggestion {
	all := slices.Concat(values...)
	folded := analysis.Fold(prefix)
	begins := func(s *model.Suggestion) int {
		if strings.HasPrefix(analysis.Fold(s.Text), folded) {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(all, func(a, b *model.Suggestion) int {
		if c := begins(a) - begins(b); c != 0 {
			return c
		}
		return *b.Count - *a.Count
	})
	return all
}

// suggestOrders returns the newest orders whose id begins so.
func (r *Resolver) suggestOrders(ctx context.Context, viewer view.Viewer, prefix string) (all []*model.Suggestion, err error) {
	page, err := r.reader.SearchOrders(ctx, viewer, compose.ListRequest{
		Query: view.Query{
			Match: view.Words{Field: orderIDPath, Text: rawID(orderType, prefix), Prefix: true},
			Sort:  newestFirst, Size: suggestedOrders,
		},
		Parts: compose.AllParts, History: true,
	})
	field, _ := r.fields.Find(orderIDPath)
	for _, hit := range page.Hits {
		one := 1
		all = append(all, &model.Suggestion{
			Kind: model.SuggestionKindOrder, Text: hit.Order.OrderID, Count: &one, Query: condition(field, hit.Order.OrderID),
			Order: hit.Order,
		})
	}
	return all, err
}

// suggestFields returns the fields of the search language of which a name begins so, by the shortest such.
func (r *Resolver) suggestFields(prefix string) (all []*model.Suggestion) {
	var names []string
	for _, field := range r.fields.List() {
		best := ""
		for _, name := range append([]string{field.Name}, field.Also...) {
			if strings.HasPrefix(strings.ToLower(name), strings.ToLower(prefix)) && (best == "" || len(name) < len(best)) {
				best = name
			}
		}
		if best != "" {
			names = append(names, best)
		}
	}
	slices.SortStableFunc(names, func(a, b string) int { return len(a) - len(b) })
	for _, name := range names[:min(suggestedFields, len(names))] {
		all = append(all, &model.Suggestion{Kind: model.SuggestionKindField, Text: name, Query: name + ":"})
	}
	return all
}

// resembling returns the word of restaurants, dishes and cities that a word may have been meant for: of those most like it
// the most frequent. It is "" where none is like it.
func (r *Resolver) resembling(ctx context.Context, viewer view.Viewer, word string) (best string, err error) {
	wanted := view.Like{Resembling: word}
	like := analysis.NewLike(wanted)
	count, least := 0, math.MaxInt
	for _, of := range suggested {
		found, err := r.reader.Values(ctx, viewer, view.ValueQuery{Field: of.path, Like: wanted, Size: maxSuggestions})
		if err != nil {
			return "", err
		}
		for _, b := range found {
			other, _ := like.Nearest(b.Value)
			off := analysis.Distance(analysis.Fold(word), other, maxPage)
			if off < least || off == least && b.Count > count {
				best, count, least = other, b.Count, off
			}
		}
	}
	return best, nil
}
