package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/roostws/roost/edge"
)

// Decide asks the backend. Where it gives no answer that can be used within
// Config.Timeout, Config.Allow decides. An error says that ctx was cancelled, or
// that q is not one of Config.Asks.
func (h *Hooks) Decide(ctx context.Context, q *edge.Question) (edge.Decision, error) {
	i := slices.Index(asks[:], q.What)
	if i < 0 || !h.asks[i] {
		return edge.Decision{}, fmt.Errorf("the webhook is not to be asked about event %d", q.What)
	}
	began := time.Now()
	d, f := h.ask(ctx, q)
	h.askSeconds.Observe(int64(time.Since(began)))
	switch {
	case f != nil && errors.Is(ctx.Err(), context.Canceled): // no fault of the backend
		h.outcomes[i][outcomeFailed].Add(1)
		return edge.Decision{}, ctx.Err()
	case f != nil:
		h.failures[f.kind].Add(1)
		h.cannotAsk(q.What, f)
	}
	switch {
	case d != nil && d.Allow:
		h.outcomes[i][outcomeAllowed].Add(1)
	case d != nil:
		h.outcomes[i][outcomeDenied].Add(1)
	default:
		h.outcomes[i][outcomeFailed].Add(1)
		if h.cfg.Allow {
			return edge.Decision{Allow: true}, nil
		}
		return edge.Decision{Code: "unavailable", Message: "the backend could not be asked"}, nil
	}
	return *d, nil
}

// ask sends q and reads the decision. With a failure there may be one, too: a
// refusal whose code or message cannot be used.
func (h *Hooks) ask(ctx context.Context, q *edge.Question) (*edge.Decision, *failure) {
	body := encode(questionMessage(h.id("q", h.questions.Add(1)), q))
	a, f := h.post(ctx, h.asking, body, "")
	switch {
	case f != nil:
		return nil, f
	case a.status != http.StatusOK:
		return nil, wrongStatus(a)
	case a.cut != nil:
		return nil, a.cut
	case len(a.body) > maxAnswer:
		return nil, &failure{kind: kindGarbage, text: fmt.Sprintf("the answer is longer than %d bytes", maxAnswer)}
	}
	d, err := readDecision(a.body, q)
	if err != nil {
		return d, &failure{kind: kindGarbage, text: err.Error()}
	}
	return d, nil
}

// cannotAsk tells the log now and then that questions fail.
func (h *Hooks) cannotAsk(what edge.What, f *failure) {
	if n, due := h.askNotice.more(time.Now()); due {
		h.cfg.Logger.Warn("the webhook could not be asked", "event", what.String(), "kind", f.kind.String(), "error", f.text,
			"failures", n, "on_failure_allow", h.cfg.Allow)
	}
}
