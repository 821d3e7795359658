package graph

import (
	"net/http"

	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/viewgate/viewgate/auth"
	"github.com/viewgate/viewgate/graph/media"
)

// Beside returns a handler of what is served beside GraphQL to the same clients. They are identified, charged and observed as for
// an operation of this name, and refused in the same form. Nothing of it is stored on its way. An error of serve, which then has
// written nothing, refuses them, too; those of package auth have their status.
func (h *Handler) Beside(name string, serve func(http.ResponseWriter, *http.Request, auth.Identity) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		request, ctx := h.begun(r.Context(), w, r)
		request.tally.observation.Operation = name // nobody else has the tally yet
		e := &exchange{Handler: h, w: w, r: r, request: request, form: media.JSON}
		defer h.observe(ctx, request)
		defer func() {
			if value := recover(); value != nil {
				e.refuse(ctx, gqlerror.Wrap(recovered(ctx, value)))
			}
		}()
		err := e.identify(ctx)
		if err == nil {
			err = e.charge(ctx)
		}
		if err == nil {
			err = e.unidentified(serve(&besideWriter{w, request.tally}, r.WithContext(ctx), request.client))
		}
		if err != nil {
			e.refuse(ctx, err)
		}
	})
}

// besideWriter notes the status of an answer.
type besideWriter struct {
	http.ResponseWriter
	tally *tally
}

// WriteHeader implements http.ResponseWriter.
func (w *besideWriter) WriteHeader(status int) {
	w.tally.answered(status)
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *besideWriter) Write(body []byte) (int, error) {
	w.tally.answered(http.StatusOK)
	return w.ResponseWriter.Write(body)
}
