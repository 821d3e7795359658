package graph

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/graph-gophers/dataloader/v7"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/graph/model"
	"github.com/viewgate/viewgate/view/restaurant"
)

// maxReferences is how many representations Query._entities takes.
const maxReferences = 1000

// __resolve_entities answers Query._entities; its name is the generated code's. The result is a []model.Node, or nil
// where the whole is refused.
func (ec *executionContext) __resolve_entities(ctx context.Context, representations []any) any {
	entities, err := ec.Resolvers.(*Resolver).entities(ctx, representations)
	if err != nil {
		ec.Error(ctx, locate(ctx, err))
		return nil
	}
	return entities
}

// __resolve__service answers Query._service.
func (ec *executionContext) __resolve__service(context.Context) (model.Service, error) {
	return model.Service{Sdl: ec.Resolvers.(*Resolver).sdl}, nil
}

// keys are the fields by which other subgraphs may refer to a type: beside the global id the service's own.
var keys = map[string]string{
	orderType:      "orderId",
	consumerType:   "consumerId",
	restaurantType: "restaurantId",
}

// reference is a representation, read.
type reference struct {
	typeName string
	id       string // the service's own; "" where there cannot be such a thing
	key      string // what was given, for messages: orderId "17"
}

// readReference reads a representation. Fields that are in no key are what other subgraphs require; we require none.
func readReference(representation any) (reference, error) {
	fields, isObject := representation.(map[string]any)
	if !isObject {
		return reference{}, badInput("the reference is no object")
	}
	typeName, isText := fields["__typename"].(string)
	if !isText {
		return reference{}, badInput("the reference has no __typename")
	}
	own, known := keys[typeName]
	if !known {
		return reference{}, badInput("%.40q is no entity of this subgraph", typeName)
	}
	global, isGlobal := fields["id"]
	raw, isRaw := fields[own]
	if !isGlobal && !isRaw {
		return reference{}, badInput("the reference to %s has neither id nor %s", typeName, own)
	}
	r := reference{typeName: typeName}
	if isRaw {
		text, err := readID(raw)
		if err != nil {
			return r, badInput("the reference's %s %w", own, err)
		}
		r.key = fmt.Sprintf("%s %.40q", own, text)
		if plausibleID(text) {
			r.id = text
		}
	}
	if isGlobal {
		text, err := readID(global)
		if err != nil {
			return r, badInput("the reference's id %w", err)
		}
		named, id, ok := parseGlobalID(text)
		if !ok || named != typeName || isRaw && id != r.id {
			id = "" // no such thing has this id, or both
		}
		r.id, r.key = id, fmt.Sprintf("id %.40q", text)
	}
	return r, nil
}

// readID reads an ID as it comes in variables and in the query's text.
func readID(value any) (string, error) {
	switch value := value.(type) {
	case string:
		return value, nil
	case json.Number:
		if _, err := strconv.ParseInt(value.String(), 10, 64); err == nil {
			return value.String(), nil
		}
	case int64:
		return strconv.FormatInt(value, 10), nil
	}
	return "", fmt.Errorf("is no ID: a string or a whole number")
}

// entities answers Query._entities: what all of them name is loaded together, and one that is wrong, that names nothing
// or that fails is null with an error at its index.
func (r *Resolver) entities(ctx context.Context, representations []any) ([]model.Node, error) {
	if len(representations) > maxReferences {
		return nil, badInput("_entities: %d representations; %d are possible", len(representations), maxReferences)
	}
	promise := requestOf(ctx).promise
	told := provenance{token: promise.token}
	orders := selected(ctx)
	references := make([]reference, len(representations))
	failed := make([]error, len(representations))
	for i, representation := range representations {
		references[i], failed[i] = readReference(representation)
	}
	r.loadAtOnce(ctx, promise, orders, references)
	entities := make([]model.Node, len(representations))
	for i, ref := range references {
		if failed[i] == nil {
			entities[i], failed[i] = ref.load(ctx, promise, orders, &told, ast.PathIndex(i))
		}
		if failed[i] != nil {
			graphql.AddError(ctx, locate(ctx, failed[i], ast.PathIndex(i)))
		}
	}
	r.tell(ctx, told)
	return entities, nil
}

// load loads what is referred to, for an element of the field at ctx. What is not there, or not the viewer's, is an error.
func (ref reference) load(ctx context.Context, p promise, orders selection, told *provenance,
	index ast.PathElement) (node model.Node, err error) {
	if ref.id != "" {
		node, err = nodeOf(ctx, p, orders, globalID(ref.typeName, ref.id), told, index)()
	}
	if err == nil && node == nil {
		err = missing("there is no %s with the %s", ref.typeName, ref.key)
	}
	return node, err
}

// loadAtOnce gives the request's loaders what is referred to, read in one batch for each type. The loaders by themselves
// would begin another batch where a loop over many references takes longer than they wait.
func (r *Resolver) loadAtOnce(ctx context.Context, p promise, orders selection, references []reference) {
	request := requestOf(ctx)
	ids := map[string][]string{}
	for _, ref := range references {
		if ref.id != "" {
			ids[ref.typeName] = append(ids[ref.typeName], ref.id)
		}
	}
	var all sync.WaitGroup
	all.Go(func() {
		prime(ctx, request.orders, ids[orderType], func(id string) compose.Request {
			return orders.of(compose.Request{ID: id, Freshness: p.of(id)})
		}, func(ctx context.Context, requests []compose.Request) []compose.Answer {
			return r.reader.ReadOrders(ctx, request.client.Viewer, requests)
		})
	})
	all.Go(func() {
		prime(ctx, request.consumers, ids[consumerType], func(id string) compose.ConsumerRequest {
			return compose.ConsumerRequest{ID: id, Freshness: p.Freshness}
		}, func(ctx context.Context, requests []compose.ConsumerRequest) []compose.ConsumerAnswer {
			return r.reader.Consumers(ctx, request.client.Viewer, requests)
		})
	})
	if restaurants, ok := r.views[restaurant.ViewName]; ok {
		all.Go(func() {
			prime(ctx, request.documents[restaurant.ViewName], ids[restaurantType], func(id string) compose.DocumentRequest {
				return compose.DocumentRequest{ID: id, Freshness: p.Freshness}
			}, func(ctx context.Context, requests []compose.DocumentRequest) []compose.DocumentAnswer {
				return restaurants.Read(ctx, request.client.Viewer, requests)
			})
		})
	}
	all.Wait()
}

// prime reads what has these ids in one batch, each once, and gives it to the loader. A panic is left to the loader, which
// reads again what it was not given.
func prime[K comparable, V any](ctx context.Context, loader *dataloader.Loader[K, V], ids []string, key func(string) K,
	read func(context.Context, []K) []V) {
	if len(ids) == 0 {
		return
	}
	defer func() { _ = recover() }()
	slices.Sort(ids)
	ids = slices.Compact(ids)
	asked := make([]K, len(ids))
	for i, id := range ids {
		asked[i] = key(id)
	}
	for i, value := range read(ctx, asked) {
		loader.Prime(ctx, asked[i], value)
	}
}
